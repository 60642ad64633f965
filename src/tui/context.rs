//! What every layer may see. Nothing below knows more of the program than this.

use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use crate::ansi;
use crate::checklist::{Plan, Point};
use crate::journal::attachments::ActionOutputs;
use crate::journal::entry::EnrolledOperator;
use crate::run::{InFlight, Judgement, RunState, Status, valid_confirmations};
use crate::text;
use crate::time::{self, Moment};
use crate::tui::style::symbols;
use crate::tui::style::text::{styled, width, width_of};
use crate::tui::style::theme::{Look, StyleRole, Theme};
use crate::tui::summary::Summary;

/// Said when somebody wants to act who only looks on.
pub const LOOKS_ON: &str = "this is read-only (--read-only); to act, open the run without it";
/// What is said to everything that would add to the log.
pub const READ_ONLY: &str = "this is a review; nothing can be added to a log here";

/// The run as it is shown now.
#[derive(Debug)]
pub struct RunView {
    /// The run, all of it durable.
    pub state: Arc<RunState>,
    /// What is under way.
    pub live: Arc<InFlight>,
    /// The last sealed run of the environment.
    pub last: Option<Arc<RunState>>,
    /// The time: the clock's, or that of the entry in a review.
    pub now: Moment,
    /// What the points come to, as of the last frame.
    pub summary: Summary,
    /// What actions have printed.
    pub outputs: Option<ActionOutputs>,
    /// The last lines of the action at work, by the entry that it began with.
    pub tail: Option<(u64, Vec<ansi::Line>)>,
    /// Whether those may no longer be the last ones.
    pub is_tail_stale: bool,
}

/// What can be done at this screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whatever the rules allow the active operator.
    Operator,
    /// Nothing: somebody else acts.
    ReadOnly,
    /// Nothing: a log is looked through.
    Review,
}

/// Who is at this screen, and how it looks.
#[derive(Debug)]
pub struct Session {
    /// The active operator.
    pub me: EnrolledOperator,
    /// Everybody whose key is here.
    pub local_operators: Vec<EnrolledOperator>,
    /// What can be done.
    pub access: Access,
    /// The log's name.
    pub log: String,
    /// How it looks.
    pub appearance: Look,
}

/// What every layer may see: the run judged at one moment, who looks at it, and how much room there is.
pub struct Context<'a> {
    /// The run.
    pub run: &'a RunView,
    /// Who is at this screen.
    pub session: &'a Session,
    /// The run, judged now.
    pub judgement: Judgement<'a>,
    /// The styles.
    pub theme: Theme,
    /// The whole screen.
    pub screen: Rect,
    /// What of it there is for the run.
    pub area: Rect,
}

impl<'a> Context<'a> {
    /// The run as it stands now, on so much of a screen.
    pub fn new(run: &'a RunView, session: &'a Session, screen: Rect, area: Rect) -> Self {
        let (judgement, theme) = (run.state.judge(&run.now), Theme::new(session.appearance));
        Self { run, session, judgement, theme, screen, area }
    }

    /// What the run is judged by.
    pub fn plan(&self) -> &'a Plan {
        &self.run.state.plan
    }

    /// Whether a log is looked through.
    pub fn is_review(&self) -> bool {
        self.session.access == Access::Review
    }

    /// Whether nothing can be added to the run here.
    pub fn read_only(&self) -> bool {
        self.session.access != Access::Operator
    }

    /// Whether something can be.
    pub fn can_act(&self) -> bool {
        !self.read_only()
    }

    /// Why nothing can be added to the run here.
    pub fn read_only_reason(&self) -> Option<&'static str> {
        match self.session.access {
            Access::Operator => None,
            Access::ReadOnly => Some(LOOKS_ON),
            Access::Review => Some(READ_ONLY),
        }
    }

    /// What a point comes to.
    pub fn status(&self, point: &Point) -> Status {
        self.judgement.status(&point.id)
    }

    /// Whether the point waits for the person at this screen.
    pub fn is_mine(&self, point: &Point, status: &Status) -> bool {
        let confirmed = |by: &str| {
            let state = self.run.state.point(&point.id);
            state.is_some_and(|state| valid_confirmations(state).any(|act| act.by == by))
        };
        self.can_act()
            && matches!(status, Status::NeedsConfirmation { .. })
            && !confirmed(&self.session.me.principal)
            && (!self.run.state.is_exemption_pending(point)
                || self.session.me.role == self.run.state.other_role())
    }

    /// Whether a person has to do something about a point.
    pub fn needs_human(&self, point: &Point) -> bool {
        let status = self.status(point);
        self.is_mine(point, &status)
            || matches!(
                status,
                Status::Failed | Status::Error | Status::Interrupted(_) | Status::Unconfigured(_)
            )
            || (matches!(status, Status::NeedsAction(_)) && self.can_act())
    }

    /// The sign of a point's state, whether or not it is being probed.
    pub fn settled_sign(&self, point: &Point, status: &Status) -> (&'static str, StyleRole) {
        match symbols::of_status(status) {
            (sign, StyleRole::Needs) if !self.is_mine(point, status) => (sign, StyleRole::Waived),
            sign => sign,
        }
    }

    /// The sign of a point: the spinner while it is being probed.
    pub fn sign(&self, point: &Point, status: &Status) -> (&'static str, StyleRole) {
        match self.probing(&point.id) {
            Some(elapsed) => (symbols::spinner(elapsed), StyleRole::Busy),
            None => self.settled_sign(point, status),
        }
    }

    /// How long a point has been probed, if it is.
    pub fn probing(&self, point: &str) -> Option<Duration> {
        self.run.live.probes_of(point).map(|(_, running)| self.run.now.since(&running.since)).max()
    }

    /// The word for a point's state.
    pub fn word(&self, point: &Point, status: &Status) -> String {
        if let Some(elapsed) = self.probing(&point.id) {
            return format!("probing {}", time::span(elapsed));
        }
        status.label()
    }

    /// A text in the style of its meaning.
    pub fn toned(&self, text: &str, tone: StyleRole) -> Span<'static> {
        styled(text, self.theme.tone(tone))
    }

    /// A text that matters less.
    pub fn dim(&self, text: &str) -> Span<'static> {
        styled(text, self.theme.dim())
    }

    /// How long ago something was.
    pub fn ago(&self, at: &Moment) -> String {
        match self.run.now.since(at).as_secs() {
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
        let alike = self.run.state.roster.iter().filter(|other| short(&other.principal) == mine).count();
        text::line(if alike > 1 || mine.is_empty() { principal } else { &mine })
    }

    /// A person and their role.
    pub fn person(&self, principal: &str) -> String {
        let name = self.name(principal);
        match self.run.state.operator(principal) {
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
