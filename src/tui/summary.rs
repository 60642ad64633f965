//! Counts and symbols of the points, section by section. They are computed when the run changes, not for every frame.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::tui::context::{Access, Context, RunView, ScreenSession};
use crate::tui::style::symbols;
use crate::tui::style::theme::StyleRole;
use crate::tui::style::theme::is_prominent;
use gonogo_core::checklist::{Point, Role};
use gonogo_core::journal::entry::Decision;
use gonogo_core::outcome::key;
use gonogo_core::run::{RunState, Status, tally};
use gonogo_core::time::Moment;

/// A symbol and its style.
pub type Symbol = (&'static str, StyleRole);

/// The summary of a run, as the active operator sees it.
#[derive(Debug)]
pub struct Summary {
    inputs: Option<SummaryInputs>,
    /// How often the summary was computed.
    pub revision: u64,
    /// The verdict as it would be now.
    pub decision: Decision,
    /// The number of points that are done.
    pub done: u64,
    /// The number of points.
    pub total: usize,
    /// The number of points that need a human.
    pub need_human: usize,
    /// Whether any point is stale.
    pub is_stale: bool,
    /// The number of points for each kind of work that is left, in the order of urgency.
    pub open_counts: Vec<(OpenKind, usize)>,
    sections: Vec<SectionSummary>,
}

/// What is left to do about a point, or to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OpenKind {
    /// It failed, or is not configured.
    Failed,
    /// It has an error, or its action's outcome is unknown.
    Error,
    /// Its results are too old.
    Stale,
    /// Its action must run.
    NeedsAction,
    /// People must confirm it.
    NeedsConfirmation,
    /// A notice in its results.
    Notice,
}

impl OpenKind {
    /// What is left to do about a point in this status.
    const fn of(status: &Status) -> Option<Self> {
        match status {
            Status::Failed | Status::Unconfigured(_) => Some(Self::Failed),
            Status::Error | Status::Interrupted(_) => Some(Self::Error),
            Status::Stale => Some(Self::Stale),
            Status::NeedsAction(_) => Some(Self::NeedsAction),
            Status::NeedsConfirmation { .. } => Some(Self::NeedsConfirmation),
            _ => None,
        }
    }
}

/// Counts what is left to do, and the notices in the newest results.
fn open_counts(cx: &Context) -> Vec<(OpenKind, usize)> {
    let mut counts = BTreeMap::new();
    for point in cx.plan().points() {
        let notices = cx.run.state.point(&point.id).into_iter().flat_map(|state| state.probes.values());
        let notices = notices.filter_map(|probe| probe.latest.as_ref());
        let notices =
            notices.flat_map(|run| &run.outcome.observations).filter(|seen| seen.has_key(key::NOTICE));
        let notices = notices.map(|_| OpenKind::Notice);
        for kind in OpenKind::of(&cx.status(point)).into_iter().chain(notices) {
            *counts.entry(kind).or_default() += 1;
        }
    }
    counts.into_iter().collect()
}

/// The summary of a section.
#[derive(Clone, Debug)]
pub struct SectionSummary {
    /// The symbol of the section.
    pub symbol: Symbol,
    /// The number of its points that are done.
    pub done: usize,
    /// The number of points in each status; those that need attention first.
    pub status_counts: Vec<StatusCount>,
}

/// How many points of a section are in a status.
#[derive(Clone, Debug)]
pub struct StatusCount {
    /// The symbol of the status.
    pub symbol: Symbol,
    /// The status, as it stands after a number.
    pub word: String,
    /// The number of points.
    pub count: usize,
}

/// A status as it stands after a number of points.
fn count_word(status: &Status) -> String {
    match status {
        Status::NeedsConfirmation { .. } => "to confirm".into(),
        Status::NeedsAction(_) => "to run".into(),
        Status::NotApplicable => "n/a".into(),
        status => status.label(),
    }
}

/// What a summary was computed from.
#[derive(Debug)]
struct SummaryInputs {
    state: Arc<RunState>,
    at: Moment,
    /// How long the summary stays valid if no entry is added.
    valid_for: Duration,
    operator: (String, Role),
    access: Access,
}

impl SummaryInputs {
    fn is_current(&self, run: &RunView, session: &ScreenSession) -> bool {
        let (at, now, operator) = (&self.at, &run.now, &session.operator);
        let is_later = now.boot == at.boot && now.wall >= at.wall && now.mono >= at.mono;
        Arc::ptr_eq(&self.state, &run.state)
            && is_later
            && now.since(at) <= self.valid_for
            && (self.operator.0.as_str(), self.operator.1) == (operator.principal.as_str(), operator.role)
            && self.access == session.access
    }
}

#[cfg(test)]
thread_local! {
    /// How often a summary was computed on this thread.
    pub static SUMMARY_COUNT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl Summary {
    /// Whether it is up to date.
    pub fn is_current(&self, run: &RunView, session: &ScreenSession) -> bool {
        self.inputs.as_ref().is_some_and(|inputs| inputs.is_current(run, session))
    }

    /// Computes the summary of a run.
    pub fn compute(cx: &Context) -> Self {
        #[cfg(test)]
        SUMMARY_COUNT.set(SUMMARY_COUNT.get() + 1);
        let sections = cx.plan().sections.iter().map(|section| SectionSummary::compute(cx, &section.points));
        let sections: Vec<_> = sections.collect();
        let (decision, done) = tally(&cx.judgement);
        let need_human = cx.plan().points().filter(|point| cx.needs_human(point)).count();
        let inputs = SummaryInputs {
            state: Arc::clone(&cx.run.state),
            at: cx.run.now.clone(),
            valid_for: cx.judgement.valid_for(),
            operator: (cx.session.operator.principal.clone(), cx.session.operator.role),
            access: cx.session.access,
        };
        Self {
            inputs: Some(inputs),
            revision: cx.run.summary.revision + 1,
            decision,
            done,
            total: cx.plan().points().count(),
            need_human,
            is_stale: cx.plan().points().any(|point| cx.status(point) == Status::Stale),
            open_counts: open_counts(cx),
            sections,
        }
    }

    /// The summary of a section.
    pub fn section(&self, index: usize) -> SectionSummary {
        self.sections.get(index).cloned().unwrap_or_default()
    }
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            inputs: None,
            revision: 0,
            decision: Decision::Pending,
            done: 0,
            total: 0,
            need_human: 0,
            is_stale: false,
            open_counts: Vec::new(),
            sections: Vec::new(),
        }
    }
}

impl Default for SectionSummary {
    fn default() -> Self {
        Self { symbol: symbols::status_symbol(&Status::Pending), done: 0, status_counts: Vec::new() }
    }
}

impl SectionSummary {
    fn compute(cx: &Context, points: &[Point]) -> Self {
        let statuses: Vec<_> = points.iter().map(|point| (cx.status(point), point)).collect();
        let done = statuses.iter().filter(|(status, _)| status.is_done()).count();
        let mut counts: Vec<StatusCount> = Vec::new();
        for (status, point) in &statuses {
            let symbol = cx.point_status_symbol(point, status);
            match counts.iter_mut().find(|other| other.symbol == symbol) {
                Some(other) => other.count += 1,
                None => counts.push(StatusCount { symbol, word: count_word(status), count: 1 }),
            }
        }
        counts.sort_by_key(|counted| !is_prominent(counted.symbol.1));
        Self { symbol: section_symbol(cx, &statuses), done, status_counts: counts }
    }
}

/// The symbol of a section: that of its worst point, of a point that needs someone, or pending.
fn section_symbol(cx: &Context, statuses: &[(Status, &Point)]) -> Symbol {
    let rank = |(status, point): &&(Status, &Point)| match status {
        Status::Failed | Status::Unconfigured(_) => 0,
        Status::Error => 1,
        Status::NeedsConfirmation { .. } if cx.needs_my_confirmation(point, status) => 2,
        Status::Stale => 3,
        Status::NeedsConfirmation { .. } => 4,
        status if !status.is_done() => 5,
        _ => 6,
    };
    match statuses.iter().min_by_key(rank) {
        Some((status, _)) if status.is_done() => done_symbol(statuses),
        Some(worst @ (status, point)) if rank(&worst) < 5 => cx.point_status_symbol(point, status),
        _ => symbols::status_symbol(&Status::Pending),
    }
}

/// The symbol of a section that is done: waived if any point was waived, otherwise passed. Points that are not
/// applicable do not count.
fn done_symbol(statuses: &[(Status, &Point)]) -> Symbol {
    let any = |is: fn(&Status) -> bool| statuses.iter().any(|(status, _)| is(status));
    if any(|status| matches!(status, Status::Waived(_))) {
        ("≈", StyleRole::Waived)
    } else if any(Status::is_satisfied) {
        ("✔", StyleRole::Good)
    } else {
        symbols::status_symbol(&Status::NotApplicable)
    }
}
