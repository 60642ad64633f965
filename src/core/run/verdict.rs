//! GO, NO-GO or PENDING, and why.

use super::actions::{ActionEnd, ActionProgress};
use super::point_state::ProbeRun;
use super::status::{Judgement, Status, first_left};
use crate::checklist::{ActionKey, PointId, ROLLBACK};
use crate::journal::entry::{Decision, Verdict, VerdictReason};
use crate::text;

/// The longest explanation of one reason, in bytes; with 500 points a verdict still fits in its line.
const MAX_WHY: usize = 240;
/// The maximum number of reasons in a verdict; if there are more, the last one counts the rest.
const MAX_REASONS: usize = 120;

/// The verdict of a run.
#[must_use]
pub fn judge(judgement: &Judgement) -> Verdict {
    let mut total = 0;
    let mut open: Vec<(&PointId, Status)> = Vec::new();
    for point in judgement.state.plan.points() {
        let status = judgement.status(&point.id);
        total += 1;
        if !status.is_done() {
            open.push((&point.id, status));
        }
    }
    let closed = total - open.len() as u64;
    let rollback = rollback_reason(judgement);
    let bad = open.iter().filter(|(_, status)| status.is_no_go()).count() + usize::from(rollback.is_some());
    let decision = decision(bad, open.len());
    Verdict { decision, done: closed, total, reasons: reasons(judgement, open, rollback, bad) }
}

/// The reasons against GO, the worst first. Only as many points are explained as a verdict lists.
fn reasons(
    judgement: &Judgement,
    mut open: Vec<(&PointId, Status)>,
    rollback: Option<VerdictReason>,
    bad: usize,
) -> Vec<VerdictReason> {
    open.sort_by_key(|(_, status)| !status.is_no_go());
    let total = open.len() + usize::from(rollback.is_some());
    let listed = if total > MAX_REASONS { MAX_REASONS - 1 } else { total };
    let reason = |(id, status): &(&PointId, Status)| {
        let why = text::clip(&explain(judgement, id, status), MAX_WHY);
        VerdictReason { point: (*id).clone(), status: status.label(), why }
    };
    let of_points = |from: usize, to: usize| open.iter().take(to).skip(from).map(reason);
    // A reason of the run as a whole comes after the bad points.
    let bad_points = bad - usize::from(rollback.is_some());
    let mut reasons: Vec<_> = of_points(0, bad_points.min(listed)).collect();
    reasons.extend(rollback.filter(|_| bad_points < listed));
    let rest = listed - reasons.len();
    reasons.extend(of_points(bad_points, bad_points + rest));
    if total > listed {
        let why = format!("another {} are not done", text::count(total - listed, "point"));
        reasons.push(VerdictReason { point: "…".into(), status: "open".into(), why });
    }
    reasons
}

/// The decision and the number of done points, as [`judge`] has them, without the reasons: a screen needs this many
/// times a second.
#[must_use]
pub fn tally(judgement: &Judgement) -> (Decision, u64) {
    let (mut closed, mut open, mut bad) = (0, 0, usize::from(rollback_reason(judgement).is_some()));
    for point in judgement.state.plan.points() {
        let status = judgement.status(&point.id);
        closed += u64::from(status.is_done());
        open += usize::from(!status.is_done());
        bad += usize::from(status.is_no_go());
    }
    (decision(bad, open), closed)
}

/// A rollback in progress, or a recorded one.
fn rollback_reason(judgement: &Judgement) -> Option<VerdictReason> {
    let state = judgement.state;
    let (status, why) = if let Some(rollback) = &state.rolled_back {
        let digest = rollback.digest.as_ref().map(|digest| format!(" ({digest})")).unwrap_or_default();
        ("rolled back", format!("since {} to {}{digest}", rollback.at.wall.readable(), rollback.release))
    } else if state.is_rolling_back() {
        ("rolling back", "the rollback is not recorded as finished".to_owned())
    } else {
        return None;
    };
    Some(VerdictReason { point: ROLLBACK.into(), status: status.into(), why: text::clip(&why, MAX_WHY) })
}

const fn decision(bad: usize, open: usize) -> Decision {
    match (bad, open) {
        (0, 0) => Decision::Go,
        (0, _) => Decision::Pending,
        _ => Decision::NoGo,
    }
}

/// The explanation of a point's status, in one line.
#[must_use]
pub fn explain(judgement: &Judgement, id: &str, status: &Status) -> String {
    match status {
        Status::Failed | Status::Error => {
            failed_action(judgement, id).unwrap_or_else(|| first_problem(judgement, id))
        }
        Status::NeedsAction(action) => format!("next action: {}", action_title(judgement, id, action)),
        Status::Running(action) => format!("{} is running", action_title(judgement, id, action)),
        Status::Interrupted(action) => explain_interrupted(judgement, id, action),
        Status::Unconfigured(missing) => format!("the profile lacks {}", missing.join(", ")),
        Status::Reverted(step) => match judgement.state.plan.action(&ActionKey::new(ROLLBACK, step)) {
            Some(planned) => format!("by the rollback: {}", planned.title),
            None => "by the rollback".to_owned(),
        },
        Status::Blocked(by) => explain_blocked(judgement, by),
        Status::NotDue(due) => format!("after {due}"),
        Status::NeedsConfirmation { .. } if is_exemption_pending(judgement, id) => {
            let role = judgement.state.other_role();
            format!(
                "the profile makes it not applicable ({}); a {role} must sign that (x)",
                explain_not_applicable(judgement, id)
            )
        }
        Status::NeedsConfirmation { .. } if is_interrupted(judgement, id) => {
            "an action was interrupted; its probes pass. Confirm that it is done, or run it again".into()
        }
        Status::NeedsConfirmation { confirmed: 0, .. } => explain_unconfirmed(judgement, id),
        Status::NeedsConfirmation { confirmed: have, required: need } => {
            format!("{have} of {need} people have confirmed")
        }
        Status::Pending => "not every probe has a result yet".into(),
        Status::Stale => "its results are too old".into(),
        Status::Waived(until) => format!("until {}", until.readable()),
        Status::NotApplicable => explain_not_applicable(judgement, id),
        Status::PassedOnRetry(_) => first_failed_try(judgement, id),
        Status::Passed | Status::Confirmed => String::new(),
    }
}

/// What a blocked point waits for.
pub(super) fn explain_blocked(judgement: &Judgement, by: &str) -> String {
    match &judgement.state.rolled_back {
        _ if by != ROLLBACK => format!("{by} must be done first"),
        Some(_) => "the release was rolled back".to_owned(),
        None => "the release is being rolled back".to_owned(),
    }
}

/// What was left to people comes first: nothing else has checked it.
fn explain_unconfirmed(judgement: &Judgement, id: &str) -> String {
    let state = judgement.state;
    let left = state.plan.point(id).zip(state.point(id)).and_then(|(point, state)| first_left(point, state));
    match left {
        Some(left) => format!("{}: {}", left.what, left.seen),
        None => "not confirmed yet".into(),
    }
}

fn is_exemption_pending(judgement: &Judgement, id: &str) -> bool {
    judgement.state.plan.point(id).is_some_and(|point| judgement.state.is_exemption_pending(point))
}

/// The reason that a person gave, or else the plan's.
fn explain_not_applicable(judgement: &Judgement, id: &str) -> String {
    let exemption = judgement.state.point(id).and_then(|state| state.exemptions.last());
    let planned = judgement.state.plan.point(id).and_then(|point| point.not_applicable.as_ref());
    exemption.map(|act| &act.reason).or(planned).cloned().unwrap_or_default()
}

fn action_title(judgement: &Judgement, point: &str, action: &str) -> String {
    let planned = judgement.state.plan.action(&ActionKey::new(point, action));
    planned.map_or_else(|| action.to_owned(), |planned| format!("{action} ({})", planned.title))
}

/// The end of an action of a point, if it has ended.
fn action_end<'a>(judgement: &Judgement<'a>, point: &str, action: &str) -> Option<&'a ActionEnd> {
    judgement.state.action(&ActionKey::new(point, action))?.latest.as_ref()?.end.as_ref()
}

fn failed_action(judgement: &Judgement, id: &str) -> Option<String> {
    let ActionProgress::Failed(action) = judgement.state.actions_progress(judgement.state.plan.point(id)?)
    else {
        return None;
    };
    let finished = action_end(judgement, id, &action)?;
    let last_line =
        finished.output.as_ref().and_then(|output| output.tail.lines().rfind(|line| !line.trim().is_empty()));
    let last_line = last_line.map(|line| format!(": {}", line.trim())).unwrap_or_default();
    Some(format!("{action}: {}{last_line}", finished.describe()))
}

fn is_interrupted(judgement: &Judgement, id: &str) -> bool {
    let point = judgement.state.plan.point(id);
    point.is_some_and(|point| {
        matches!(judgement.state.actions_progress(point), ActionProgress::Interrupted(_))
    })
}

fn explain_interrupted(judgement: &Judgement, id: &str, action: &str) -> String {
    let end = action_end(judgement, id, action).map(ActionEnd::describe).unwrap_or_default();
    format!("{action}: {end}; rerun its probes or the action, or confirm what you know")
}

/// The newest results of a point's probes.
fn latest_runs<'a>(judgement: &Judgement<'a>, id: &str) -> impl Iterator<Item = &'a ProbeRun> {
    let (point, state) = (judgement.state.plan.point(id), judgement.state.point(id));
    let probes = point.into_iter().flat_map(|point| &point.probes);
    probes.filter_map(move |probe| state?.probes.get(&probe.id)?.latest.as_ref())
}

fn first_failed_try(judgement: &Judgement, id: &str) -> String {
    let first = latest_runs(judgement, id).find_map(|run| run.outcome.failed_tries.first());
    first.map(|seen| format!("try 1: {seen}")).unwrap_or_default()
}

fn first_problem(judgement: &Judgement, id: &str) -> String {
    let mut problems: Vec<_> = latest_runs(judgement, id).flat_map(|run| run.outcome.problems()).collect();
    // Failures come before errors.
    problems.sort_by_key(|observation| observation.ok.is_none());
    let Some(first) = problems.first() else { return String::new() };
    let more = if problems.len() > 1 { format!(" (and {} more)", problems.len() - 1) } else { String::new() };
    match first.ok {
        None => format!("{}: {}{more}", first.what, first.seen),
        Some(_) => format!("{}: expected {}, found {}{more}", first.what, first.expected, first.seen),
    }
}
