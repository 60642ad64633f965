//! GO, NO-GO or PENDING, and why.

use super::actions::{Finished, Progress};
use super::status::{Judgement, Status};
use crate::checklist::{ActionKey, PointId, ROLLBACK};
use crate::journal::entry::{Decision, Reason, Verdict};
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
        if !status.is_closed() {
            open.push((&point.id, status));
        }
    }
    let closed = total - open.len() as u64;
    let back = way_back(judgement);
    let bad = open.iter().filter(|(_, status)| status.is_bad()).count() + usize::from(back.is_some());
    let decision = decision(bad, open.len());
    Verdict { decision, closed, total, reasons: reasons(judgement, open, back, bad) }
}

/// The reasons against GO, the worst first. Only as many points are explained as a verdict lists.
fn reasons(
    judgement: &Judgement,
    mut open: Vec<(&PointId, Status)>,
    back: Option<Reason>,
    bad: usize,
) -> Vec<Reason> {
    open.sort_by_key(|(_, status)| !status.is_bad());
    let all = open.len() + usize::from(back.is_some());
    let listed = if all > MAX_REASONS { MAX_REASONS - 1 } else { all };
    let reason = |(id, status): &(&PointId, Status)| {
        let why = text::clip(&why(judgement, id, status), MAX_WHY);
        Reason { point: (*id).clone(), status: status.word(), why }
    };
    let of_points = |from: usize, to: usize| open.iter().take(to).skip(from).map(reason);
    // A reason of the run as a whole comes after the bad points.
    let bad_points = bad - usize::from(back.is_some());
    let mut reasons: Vec<_> = of_points(0, bad_points.min(listed)).collect();
    reasons.extend(back.filter(|_| bad_points < listed));
    let rest = listed - reasons.len();
    reasons.extend(of_points(bad_points, bad_points + rest));
    if all > listed {
        let why = format!("another {} are not done", text::count(all - listed, "point"));
        reasons.push(Reason { point: "…".into(), status: "open".into(), why });
    }
    reasons
}

/// The decision and the number of done points, as [`judge`] has them, without the reasons: a screen needs this many
/// times a second.
#[must_use]
pub fn standing(judgement: &Judgement) -> (Decision, u64) {
    let (mut closed, mut open, mut bad) = (0, 0, usize::from(way_back(judgement).is_some()));
    for point in judgement.state.plan.points() {
        let status = judgement.status(&point.id);
        closed += u64::from(status.is_closed());
        open += usize::from(!status.is_closed());
        bad += usize::from(status.is_bad());
    }
    (decision(bad, open), closed)
}

/// A rollback in progress, or a recorded one.
fn way_back(judgement: &Judgement) -> Option<Reason> {
    let state = judgement.state;
    let (status, why) = if let Some(back) = &state.rolled_back {
        let digest = back.digest.as_ref().map(|digest| format!(" ({digest})")).unwrap_or_default();
        ("rolled back", format!("since {} to {}{digest}", back.at.wall.readable(), back.release))
    } else if state.is_going_back() {
        ("rolling back", "rollback steps have run; the rollback is not recorded as finished".to_owned())
    } else {
        return None;
    };
    Some(Reason { point: ROLLBACK.into(), status: status.into(), why: text::clip(&why, MAX_WHY) })
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
pub fn why(judgement: &Judgement, id: &str, status: &Status) -> String {
    match status {
        Status::Failed | Status::Error => {
            failed_action(judgement, id).unwrap_or_else(|| first_trouble(judgement, id))
        }
        Status::ToRun(action) => format!("next action: {}", titled(judgement, id, action)),
        Status::Running(action) => format!("{} is running", titled(judgement, id, action)),
        Status::Interrupted(action) => interrupted(judgement, id, action),
        Status::Unconfigured(missing) => format!("the profile lacks {}", missing.join(", ")),
        Status::Blocked(by) => format!("{by} must be done first"),
        Status::NotDue(due) => format!("not due (after {due})"),
        Status::NeedsYou { .. } if waits_for_exemption(judgement, id) => {
            let role = judgement.state.other_role();
            format!(
                "the profile makes it not applicable ({}); a {role} must sign that (x)",
                why_not_applicable(judgement, id)
            )
        }
        Status::NeedsYou { .. } if is_interrupted(judgement, id) => {
            "an action was interrupted; its probes pass. Confirm that it is done, or run it again".into()
        }
        Status::NeedsYou { have: 0, .. } => "not confirmed yet".into(),
        Status::NeedsYou { have, need } => format!("{have} of {need} people have confirmed"),
        Status::Pending => "not every probe has a result yet".into(),
        Status::Stale => "its results are too old".into(),
        Status::Waived(until) => format!("until {}", until.readable()),
        Status::NotApplicable => why_not_applicable(judgement, id),
        Status::Passed | Status::PassedOnRetry(_) | Status::Settled => String::new(),
    }
}

fn waits_for_exemption(judgement: &Judgement, id: &str) -> bool {
    judgement.state.plan.point(id).is_some_and(|point| judgement.state.waits_for_exemption(point))
}

/// The reason that a person gave, or else the plan's.
fn why_not_applicable(judgement: &Judgement, id: &str) -> String {
    let said = judgement.state.point(id).and_then(|state| state.exemptions.last());
    let planned = judgement.state.plan.point(id).and_then(|point| point.not_applicable.as_ref());
    said.map(|act| &act.reason).or(planned).cloned().unwrap_or_default()
}

fn titled(judgement: &Judgement, point: &str, action: &str) -> String {
    let found = judgement.state.plan.action(&ActionKey::new(point, action));
    found.map_or_else(|| action.to_owned(), |found| format!("{action} ({})", found.title))
}

/// The end of an action of a point, if it has ended.
fn finished<'a>(judgement: &Judgement<'a>, point: &str, action: &str) -> Option<&'a Finished> {
    judgement.state.action(&ActionKey::new(point, action))?.latest.as_ref()?.finished.as_ref()
}

fn failed_action(judgement: &Judgement, id: &str) -> Option<String> {
    let Progress::Failed(action) = judgement.state.progress(judgement.state.plan.point(id)?) else {
        return None;
    };
    let finished = finished(judgement, id, &action)?;
    let said =
        finished.output.as_ref().and_then(|output| output.tail.lines().rfind(|line| !line.trim().is_empty()));
    let said = said.map(|line| format!(": {}", line.trim())).unwrap_or_default();
    Some(format!("{action}: {}{said}", finished.told()))
}

fn is_interrupted(judgement: &Judgement, id: &str) -> bool {
    let point = judgement.state.plan.point(id);
    point.is_some_and(|point| matches!(judgement.state.progress(point), Progress::Interrupted(_)))
}

fn interrupted(judgement: &Judgement, id: &str, action: &str) -> String {
    let told = finished(judgement, id, action).map(Finished::told).unwrap_or_default();
    format!("{action}: {told}; rerun its probes or the action, or confirm what you know")
}

fn first_trouble(judgement: &Judgement, id: &str) -> String {
    let (point, state) = (judgement.state.plan.point(id), judgement.state.point(id));
    let probes = point.iter().flat_map(|point| &point.probes);
    let looks = probes.filter_map(|probe| state?.probes.get(&probe.id)?.latest.as_ref());
    let mut troubles: Vec<_> = looks.flat_map(|look| look.outcome.troubles()).collect();
    // Failures come before errors.
    troubles.sort_by_key(|seen| seen.ok.is_none());
    let Some(first) = troubles.first() else { return String::new() };
    let more = if troubles.len() > 1 { format!(" (and {} more)", troubles.len() - 1) } else { String::new() };
    match first.ok {
        None => format!("{}: {}{more}", first.what, first.seen),
        Some(_) => format!("{}: expected {}, found {}{more}", first.what, first.expected, first.seen),
    }
}
