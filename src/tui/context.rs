//! The context that views, dialogs and widgets draw from and decide by.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use crate::tui::style::symbols;
use crate::tui::style::text::{spans_width, styled, width};
use crate::tui::style::theme::{Appearance, StyleRole, Theme};
use crate::tui::summary::Summary;
use gonogo_core::ansi;
use gonogo_core::checklist::{Plan, Point, Role};
use gonogo_core::journal::attachments::ActionOutputs;
use gonogo_core::journal::entry::EnrolledOperator;
use gonogo_core::run::{InFlight, Judgement, RunState, Status, valid_confirmations};
use gonogo_core::text;
use gonogo_core::time::{self, Moment};

/// Why a read-only session refuses to act.
pub const READ_ONLY_REASON: &str = "this is read-only (--read-only); to act, open the run without it";
/// Why a review refuses to act.
pub const REVIEW_REASON: &str = "this is a review; nothing can be added to a log here";

/// The run that is shown.
#[derive(Debug)]
pub struct RunView {
    /// The state of the run; every entry in it is durable.
    pub state: Arc<RunState>,
    /// Running probes and other work in progress.
    pub in_flight: Arc<InFlight>,
    /// The last sealed run of the environment.
    pub last_sealed: Option<Arc<RunState>>,
    /// The time: of the clock, or of the entry in a review.
    pub now: Moment,
    /// Counts and symbols of the points, as of the last frame.
    pub summary: Summary,
    /// The output of actions.
    pub outputs: Option<ActionOutputs>,
    /// The last lines of the running action, with the position of its start entry.
    pub tail: Option<(u64, Vec<ansi::Line>)>,
    /// Whether there can be newer lines.
    pub is_tail_stale: bool,
}

/// What this session may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whatever the rules allow the active operator.
    Operator,
    /// Nothing: another process controls the run.
    ReadOnly,
    /// Nothing: a log is reviewed.
    Review,
}

/// The operators of this session, its access and its appearance.
#[derive(Debug)]
pub struct ScreenSession {
    /// The active operator.
    pub operator: EnrolledOperator,
    /// All operators whose keys are unlocked in this session.
    pub local_operators: Vec<EnrolledOperator>,
    /// What the session may do.
    pub access: Access,
    /// The name of the log.
    pub log_name: String,
    /// The working directory, in which commands run.
    pub directory: PathBuf,
    /// Whether the run cannot be resumed after this session.
    pub ends_with_session: bool,
    /// The faults that a diagnosis can name, in a drill.
    pub faults: Vec<String>,
    /// Colors and character set.
    pub appearance: Appearance,
}

impl ScreenSession {
    /// The absolute path of a command's working directory; by default gonogo's own.
    pub fn absolute(&self, directory: Option<&str>) -> String {
        let path =
            directory.map_or_else(|| self.directory.clone(), |directory| self.directory.join(directory));
        path.display().to_string()
    }
}

/// The run judged at one moment, the session, and the available area.
pub struct Context<'a> {
    /// The run that is shown.
    pub run: &'a RunView,
    /// The session.
    pub session: &'a ScreenSession,
    /// The judgement of the run, as of now.
    pub judgement: Judgement<'a>,
    /// The styles.
    pub theme: Theme,
    /// The whole screen.
    pub screen: Rect,
    /// The part of it that the run is drawn on.
    pub area: Rect,
    /// The part of the screen that a notice leaves to dialogs.
    pub dialog_screen: Rect,
}

impl<'a> Context<'a> {
    /// Judges the run as of now.
    pub fn new(run: &'a RunView, session: &'a ScreenSession, screen: Rect, area: Rect) -> Self {
        let (judgement, theme) = (run.state.judge(&run.now), Theme::new(session.appearance));
        Self { run, session, judgement, theme, screen, area, dialog_screen: screen }
    }

    /// The plan of the run.
    pub fn plan(&self) -> &'a Plan {
        &self.run.state.plan
    }

    /// Whether a log is reviewed.
    pub fn is_review(&self) -> bool {
        self.session.access == Access::Review
    }

    /// Whether this session may add nothing to the run.
    pub fn is_read_only(&self) -> bool {
        self.session.access != Access::Operator
    }

    /// Whether this session may add to the run.
    pub fn can_act(&self) -> bool {
        !self.is_read_only()
    }

    /// Whether the active operator drives the deployment.
    pub fn is_driver(&self) -> bool {
        self.session.operator.role == Role::Driver
    }

    /// Why this session may add nothing to the run.
    pub fn read_only_reason(&self) -> Option<&'static str> {
        match self.session.access {
            Access::Operator => None,
            Access::ReadOnly => Some(READ_ONLY_REASON),
            Access::Review => Some(REVIEW_REASON),
        }
    }

    /// The status of a point.
    pub fn status(&self, point: &Point) -> Status {
        self.judgement.status(&point.id)
    }

    /// Whether the point needs a confirmation that the active operator can give.
    pub fn needs_my_confirmation(&self, point: &Point, status: &Status) -> bool {
        let confirmed = |by: &str| {
            let state = self.run.state.point(&point.id);
            state.is_some_and(|state| valid_confirmations(state).any(|act| act.by == by))
        };
        self.can_act()
            && matches!(status, Status::NeedsConfirmation { .. })
            && !confirmed(&self.session.operator.principal)
            && (!self.run.state.is_exemption_pending(point)
                || self.session.operator.role == self.run.state.other_role())
    }

    /// Whether a person must do something about a point.
    pub fn needs_human(&self, point: &Point) -> bool {
        let status = self.status(point);
        self.needs_my_confirmation(point, &status)
            || matches!(
                status,
                Status::Failed | Status::Error | Status::Interrupted(_) | Status::Unconfigured(_)
            )
            || (matches!(status, Status::NeedsAction(_)) && self.can_act() && self.is_driver())
    }

    /// The symbol of a point's status, even while it is probed.
    pub fn point_status_symbol(&self, point: &Point, status: &Status) -> (&'static str, StyleRole) {
        match symbols::status_symbol(status) {
            (sign, StyleRole::Attention) if !self.needs_my_confirmation(point, status) => {
                (sign, StyleRole::Waived)
            }
            sign => sign,
        }
    }

    /// The symbol of a point: a spinner while it is probed.
    pub fn point_symbol(&self, point: &Point, status: &Status) -> (&'static str, StyleRole) {
        match self.probing_time(&point.id) {
            Some(elapsed) => (symbols::spinner(elapsed), StyleRole::Busy),
            None => self.point_status_symbol(point, status),
        }
    }

    /// How long a running probe of the point has been running.
    pub fn probing_time(&self, point: &str) -> Option<Duration> {
        self.run.in_flight.probes_of(point).map(|(_, running)| self.run.now.since(&running.since)).max()
    }

    /// The word for a point's status.
    pub fn status_word(&self, point: &Point, status: &Status) -> String {
        if let Some(elapsed) = self.probing_time(&point.id) {
            return format!("probing {}", time::span(elapsed));
        }
        status.label()
    }

    /// A text in the style of a role.
    pub fn with_role(&self, text: &str, role: StyleRole) -> Span<'static> {
        styled(text, self.theme.style(role))
    }

    /// A dimmed text.
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

    /// An operator's name up to the `@`, or all of it if the short name is ambiguous.
    pub fn short_name(&self, principal: &str) -> String {
        let short = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
        let wanted = short(principal);
        let same = self.run.state.roster.iter().filter(|other| short(&other.principal) == wanted).count();
        text::line(if same > 1 || wanted.is_empty() { principal } else { &wanted })
    }

    /// An operator's name and role.
    pub fn name_and_role(&self, principal: &str) -> String {
        let name = self.short_name(principal);
        match self.run.state.operator(principal) {
            Some(operator) => format!("{name} ({})", operator.role),
            None => name,
        }
    }
}

/// Pads spans on the right to `size` cells.
pub fn pad_right(mut spans: Vec<Span<'static>>, size: usize) -> Vec<Span<'static>> {
    let used = spans_width(&spans);
    if used < size {
        spans.push(Span::styled(" ".repeat(size - used), Style::new()));
    }
    spans
}

/// A line of `size` cells: `left`, a filling, `right`.
pub fn justify(
    left: Vec<Span<'static>>,
    fill: (&str, Style),
    right: Vec<Span<'static>>,
    size: usize,
) -> Vec<Span<'static>> {
    let used = spans_width(&left) + spans_width(&right);
    let between = size.saturating_sub(used) / width(fill.0).max(1);
    let mut spans = left;
    spans.push(Span::styled(fill.0.repeat(between), fill.1));
    spans.extend(right);
    spans
}
