//! The report as one JSON object.

use serde::Serialize;

use super::notices::notices;
use super::{LeftOut, is_nothing_checked};
use gonogo_core::checklist::{Point, PointId};
use gonogo_core::journal::entry::Decision;
use gonogo_core::outcome::Outcome;
use gonogo_core::run::{Judgement, ProbeRun, SharedCause, explain, judge, shared_causes};

#[derive(Serialize)]
struct CheckReport<'a> {
    gonogo: &'static str,
    checklist: &'a str,
    environment: &'a str,
    release: &'a str,
    verdict: Decision,
    /// Whether a part of the checklist was left out.
    partial: bool,
    done: u64,
    total: u64,
    left_out: &'a [String],
    skipped: Vec<SkippedReport<'a>>,
    causes: Vec<CauseReport>,
    notices: Vec<String>,
    points: Vec<PointReport<'a>>,
}

/// A point of which nothing was checked.
#[derive(Serialize)]
struct SkippedReport<'a> {
    id: &'a str,
    section: &'a str,
    title: &'a str,
    why: &'a str,
}

/// What the problems of several points have in common.
#[derive(Serialize)]
struct CauseReport {
    seen: String,
    points: Vec<PointId>,
}

#[derive(Serialize)]
struct PointReport<'a> {
    id: &'a str,
    section: &'a str,
    title: &'a str,
    status: String,
    done: bool,
    in_part: bool,
    /// Whether its confirmation was left out.
    unconfirmed: bool,
    why: String,
    missing: Vec<&'a str>,
    probes: Vec<ProbeReport<'a>>,
}

#[derive(Serialize)]
struct ProbeReport<'a> {
    id: &'a str,
    title: &'a str,
    kind: &'a str,
    took_ms: Option<u64>,
    outcome: Option<&'a Outcome>,
}

/// The whole report, pretty-printed, with a line end; `left_out` lists what was left out on request.
#[must_use]
pub fn json(judgement: &Judgement, left_out: &LeftOut) -> String {
    let plan = &judgement.state.plan;
    let verdict = judge(judgement);
    let sections = plan.sections.iter();
    let points = sections.flat_map(|section| section.points.iter().map(|point| (section.id.as_str(), point)));
    let report = CheckReport {
        gonogo: env!("CARGO_PKG_VERSION"),
        checklist: &plan.checklist,
        environment: &plan.environment,
        release: &plan.release,
        // Nothing checked is no GO.
        verdict: if is_nothing_checked(judgement) { Decision::Pending } else { verdict.decision },
        partial: left_out.is_partial(),
        done: verdict.done,
        total: verdict.total,
        left_out: &left_out.notes,
        skipped: left_out
            .skipped
            .iter()
            .map(|point| SkippedReport {
                id: &point.id,
                section: &point.section,
                title: &point.title,
                why: &point.why,
            })
            .collect(),
        causes: shared_causes(judgement)
            .into_iter()
            .map(|SharedCause { seen, points }| CauseReport { seen, points })
            .collect(),
        notices: notices(judgement),
        points: points.map(|(section, point)| point_report(judgement, section, point, left_out)).collect(),
    };
    // The report can always be written as JSON.
    serde_json::to_string_pretty(&report).map(|text| text + "\n").unwrap_or_default()
}

fn point_report<'a>(
    judgement: &Judgement<'a>,
    section: &'a str,
    point: &'a Point,
    left_out: &LeftOut,
) -> PointReport<'a> {
    let status = judgement.status(&point.id);
    PointReport {
        id: &point.id,
        section,
        title: &point.title,
        status: status.label(),
        done: status.is_done(),
        in_part: left_out.in_part.contains_key(&point.id),
        unconfirmed: left_out.unconfirmed.contains(&point.id),
        why: explain(judgement, &point.id, &status),
        missing: point.missing(),
        probes: point.probes.iter().map(|probe| probe_report(judgement, &point.id, probe)).collect(),
    }
}

fn probe_report<'a>(
    judgement: &Judgement<'a>,
    point: &str,
    probe: &'a gonogo_core::checklist::Probe,
) -> ProbeReport<'a> {
    let state = judgement.state.point(point).and_then(|state| state.probes.get(&probe.id));
    let run: Option<&'a ProbeRun> = state.and_then(|state| state.latest.as_ref());
    ProbeReport {
        id: &probe.id,
        title: &probe.title,
        kind: probe.spec.as_ref().map_or("", |spec| spec.kind()),
        took_ms: run.map(|run| run.took_ms),
        outcome: run.map(|run| run.outcome.as_ref()),
    }
}
