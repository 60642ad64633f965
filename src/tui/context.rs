//! One frame's look at the run: judged once, asked often.

use std::time::Duration;

use ratatui::style::Style;
use ratatui::text::Span;

use crate::checklist::{Plan, Point};
use crate::run::{Judgement, Status, counting};
use crate::text;
use crate::time::{self, Moment};
use crate::tui::app::App;
use crate::tui::style::symbols as glyphs;
use crate::tui::style::text::{ink, width, width_of};
use crate::tui::style::theme::{Theme, Tone};

/// The run as it is shown at one moment.
pub struct View<'a> {
    /// What the person does with the screen.
    pub app: &'a App,
    /// The run, judged now.
    pub judgement: Judgement<'a>,
    /// The styles.
    pub theme: Theme,
}

impl<'a> View<'a> {
    /// The run as it stands at the app's moment.
    pub fn new(app: &'a App) -> Self {
        Self { app, judgement: app.state.judge(&app.now), theme: Theme::new(app.look) }
    }

    /// What the run is judged by.
    pub fn plan(&self) -> &'a Plan {
        &self.app.state.plan
    }

    /// The selected point.
    pub fn point(&self) -> Option<&'a Point> {
        self.app.place.point(self.plan(), &self.app.shown)
    }

    /// The points of a section that are shown.
    pub fn points(&self, section: usize) -> impl Iterator<Item = &'a Point> {
        let points = self.plan().sections.get(section).map_or(&[][..], |section| &section.points);
        self.app.shown.of(section).iter().filter_map(|place| points.get(*place))
    }

    /// What a point comes to.
    pub fn status(&self, point: &Point) -> Status {
        self.judgement.status(&point.id)
    }

    /// Whether the point waits for the person at this screen.
    pub fn is_mine(&self, point: &Point, status: &Status) -> bool {
        let confirmed = |by: &str| {
            let state = self.app.state.point(&point.id);
            state.is_some_and(|state| counting(state).any(|act| act.by == by))
        };
        self.app.review.is_none()
            && !self.app.looks_on
            && matches!(status, Status::NeedsYou { .. })
            && !confirmed(&self.app.me.principal)
            && (!self.app.state.waits_for_exemption(point) || self.app.me.role == self.app.state.other_role())
    }

    /// Whether a person has to do something about a point.
    pub fn needs_human(&self, point: &Point) -> bool {
        let status = self.status(point);
        self.is_mine(point, &status)
            || matches!(
                status,
                Status::Failed | Status::Error | Status::Interrupted(_) | Status::Unconfigured(_)
            )
            || (matches!(status, Status::ToRun(_)) && self.app.review.is_none() && !self.app.looks_on)
    }

    /// The sign of a point's state, whether or not it is being probed.
    pub fn settled_sign(&self, point: &Point, status: &Status) -> (&'static str, Tone) {
        match glyphs::of_status(status) {
            (sign, Tone::Needs) if !self.is_mine(point, status) => (sign, Tone::Waived),
            sign => sign,
        }
    }

    /// The sign of a point: the spinner while it is being probed.
    pub fn sign(&self, point: &Point, status: &Status) -> (&'static str, Tone) {
        match self.probing(&point.id) {
            Some(elapsed) => (glyphs::spinner(elapsed), Tone::Busy),
            None => self.settled_sign(point, status),
        }
    }

    /// How long a point has been probed, if it is.
    pub fn probing(&self, point: &str) -> Option<Duration> {
        self.app.live.of(point).map(|(_, running)| self.app.now.since(&running.since)).max()
    }

    /// The word for a point's state, short enough for a list.
    pub fn word(&self, point: &Point, status: &Status) -> String {
        if let Some(elapsed) = self.probing(&point.id) {
            return format!("probing {}", time::span(elapsed));
        }
        match status {
            Status::NeedsYou { have, need: 2.. } if self.is_mine(point, status) => {
                format!("needs you {have}/2")
            }
            Status::NeedsYou { have, need: 2.. } => format!("waits {have}/2"),
            Status::NeedsYou { .. } if self.app.review.is_some() || self.app.looks_on => "waits".into(),
            Status::Error => "error".into(),
            status => status.word(),
        }
    }

    /// A text in the style of its meaning.
    pub fn toned(&self, text: &str, tone: Tone) -> Span<'static> {
        ink(text, self.theme.tone(tone))
    }

    /// A text that matters less.
    pub fn dim(&self, text: &str) -> Span<'static> {
        ink(text, self.theme.dim())
    }

    /// How long ago something was.
    pub fn ago(&self, at: &Moment) -> String {
        match self.app.now.since(at).as_secs() {
            0..10 => "just now".into(),
            s @ 10..60 => format!("{}s ago", s / 10 * 10),
            s @ 60..3600 => format!("{}m ago", s / 60),
            s => format!("{} ago", time::span(Duration::from_secs(s))),
        }
    }

    /// A person, by the part of their name that tells them apart.
    pub fn name(&self, principal: &str) -> String {
        let short = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
        let mine = short(principal);
        let alike = self.app.state.roster.iter().filter(|other| short(&other.principal) == mine).count();
        text::line(if alike > 1 || mine.is_empty() { principal } else { &mine })
    }

    /// A person and their role.
    pub fn person(&self, principal: &str) -> String {
        let name = self.name(principal);
        match self.app.state.operator(principal) {
            Some(operator) => format!("{name} ({})", operator.role),
            None => name,
        }
    }
}

/// Pads spans on the right.
pub fn padded(mut spans: Vec<Span<'static>>, size: usize) -> Vec<Span<'static>> {
    let used = width_of(&spans);
    if used < size {
        spans.push(Span::styled(" ".repeat(size - used), Style::new()));
    }
    spans
}

/// Left and right ends of a line, with a filling between.
pub fn spread(
    left: Vec<Span<'static>>,
    fill: (&str, Style),
    right: Vec<Span<'static>>,
    size: usize,
) -> Vec<Span<'static>> {
    let used = width_of(&left) + width_of(&right);
    let between = size.saturating_sub(used) / width(fill.0).max(1);
    let mut spans = left;
    spans.push(Span::styled(fill.0.repeat(between), fill.1));
    spans.extend(right);
    spans
}
