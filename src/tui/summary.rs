//! What the points of a run come to, section by section: counted when the run has changed, and not for every frame.

use std::sync::Arc;
use std::time::Duration;

use crate::checklist::{Point, Role};
use crate::journal::entry::Decision;
use crate::run::{RunState, Status, tally};
use crate::time::Moment;
use crate::tui::context::{Access, Context, RunView, Session};
use crate::tui::style::symbols;
use crate::tui::style::theme::StyleRole;
use crate::tui::style::theme::is_loud;

/// A sign, and what it means.
pub type Sign = (&'static str, StyleRole);

/// What the points of a run come to for the person at the screen.
#[derive(Debug)]
pub struct Summary {
    basis: Option<Basis>,
    /// How often it was made.
    pub revision: u64,
    /// The verdict as it would be now.
    pub decision: Decision,
    /// How many points are closed.
    pub closed: u64,
    /// How many points there are.
    pub total: usize,
    /// How many points call for a person.
    pub need_human: usize,
    /// Whether the results of some point are stale.
    pub is_stale: bool,
    sections: Vec<SectionSummary>,
}

/// What the points of a section come to.
#[derive(Clone, Debug)]
pub struct SectionSummary {
    /// The worst of its signs, or what it waits for.
    pub sign: Sign,
    /// How many of its points are closed.
    pub closed: usize,
    /// How often each sign stands in it, the loudest first.
    pub signs: Vec<(Sign, usize)>,
}

/// What a summary rests on.
#[derive(Debug)]
struct Basis {
    state: Arc<RunState>,
    at: Moment,
    /// How long it holds while nothing is logged.
    holds: Duration,
    operator: (String, Role),
    access: Access,
}

impl Basis {
    fn is_still(&self, run: &RunView, session: &Session) -> bool {
        let (at, now, me) = (&self.at, &run.now, &session.me);
        let is_later = now.boot == at.boot && now.wall >= at.wall && now.mono >= at.mono;
        Arc::ptr_eq(&self.state, &run.state)
            && is_later
            && now.since(at) <= self.holds
            && (self.operator.0.as_str(), self.operator.1) == (me.principal.as_str(), me.role)
            && self.access == session.access
    }
}

#[cfg(test)]
thread_local! {
    /// How often a run was summarized on this thread.
    pub static SUMMARIZED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl Summary {
    /// Whether it is still what a run comes to.
    pub fn is_of(&self, run: &RunView, session: &Session) -> bool {
        self.basis.as_ref().is_some_and(|basis| basis.is_still(run, session))
    }

    /// The run as it stands now.
    pub fn of(cx: &Context) -> Self {
        #[cfg(test)]
        SUMMARIZED.set(SUMMARIZED.get() + 1);
        let sections = cx.plan().sections.iter().map(|section| SectionSummary::of(cx, &section.points));
        let sections: Vec<_> = sections.collect();
        let (decision, closed) = tally(&cx.judgement);
        let need_human = cx.plan().points().filter(|point| cx.needs_human(point)).count();
        let basis = Basis {
            state: Arc::clone(&cx.run.state),
            at: cx.run.now.clone(),
            holds: cx.judgement.valid_for(),
            operator: (cx.session.me.principal.clone(), cx.session.me.role),
            access: cx.session.access,
        };
        Self {
            basis: Some(basis),
            revision: cx.run.summary.revision + 1,
            decision,
            closed,
            total: cx.plan().points().count(),
            need_human,
            is_stale: cx.plan().points().any(|point| cx.status(point) == Status::Stale),
            sections,
        }
    }

    /// One of its sections.
    pub fn section(&self, index: usize) -> SectionSummary {
        self.sections.get(index).cloned().unwrap_or_default()
    }
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            basis: None,
            revision: 0,
            decision: Decision::Pending,
            closed: 0,
            total: 0,
            need_human: 0,
            is_stale: false,
            sections: Vec::new(),
        }
    }
}

impl Default for SectionSummary {
    fn default() -> Self {
        Self { sign: symbols::of_status(&Status::Pending), closed: 0, signs: Vec::new() }
    }
}

impl SectionSummary {
    fn of(cx: &Context, points: &[Point]) -> Self {
        let statuses: Vec<_> = points.iter().map(|point| (cx.status(point), point)).collect();
        let closed = statuses.iter().filter(|(status, _)| status.is_done()).count();
        let mut signs: Vec<(Sign, usize)> = Vec::new();
        for (status, point) in &statuses {
            let sign = cx.settled_sign(point, status);
            match signs.iter_mut().find(|(known, _)| *known == sign) {
                Some((_, count)) => *count += 1,
                None => signs.push((sign, 1)),
            }
        }
        signs.sort_by_key(|((_, tone), _)| !is_loud(*tone));
        Self { sign: worst(cx, &statuses), closed, signs }
    }
}

/// The sign of a whole section: its worst, or what it waits for.
fn worst(cx: &Context, statuses: &[(Status, &Point)]) -> Sign {
    let rank = |(status, point): &&(Status, &Point)| match status {
        Status::Failed | Status::Unconfigured(_) => 0,
        Status::Error => 1,
        Status::NeedsConfirmation { .. } if cx.is_mine(point, status) => 2,
        Status::Stale => 3,
        Status::NeedsConfirmation { .. } => 4,
        status if !status.is_done() => 5,
        _ => 6,
    };
    match statuses.iter().min_by_key(rank) {
        Some((status, _)) if status.is_done() => all_closed(statuses),
        Some(worst @ (status, point)) if rank(&worst) < 5 => cx.settled_sign(point, status),
        _ => symbols::of_status(&Status::Pending),
    }
}

/// The sign of a section that is closed: passed only if nothing in it was let pass. What does not apply
/// counts neither way.
fn all_closed(statuses: &[(Status, &Point)]) -> Sign {
    let any = |is: fn(&Status) -> bool| statuses.iter().any(|(status, _)| is(status));
    if any(|status| matches!(status, Status::Waived(_))) {
        ("≈", StyleRole::Waived)
    } else if any(Status::is_satisfied) {
        ("✔", StyleRole::Good)
    } else {
        symbols::of_status(&Status::NotApplicable)
    }
}
