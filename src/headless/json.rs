//! The report as one JSON object.

use serde::Serialize;

use gonogo_core::checklist::Point;
use gonogo_core::journal::entry::Decision;
use gonogo_core::outcome::Outcome;
use gonogo_core::run::{Judgement, ProbeRun, explain, judge};

#[derive(Serialize)]
struct CheckReport<'a> {
    gonogo: &'static str,
    checklist: &'a str,
    environment: &'a str,
    release: &'a str,
    verdict: Decision,
    done: u64,
    total: u64,
    left_out: &'a [String],
    points: Vec<PointReport<'a>>,
}

#[derive(Serialize)]
struct PointReport<'a> {
    id: &'a str,
    section: &'a str,
    title: &'a str,
    status: String,
    done: bool,
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
pub fn json(judgement: &Judgement, left_out: &[String]) -> String {
    let plan = &judgement.state.plan;
    let verdict = judge(judgement);
    let sections = plan.sections.iter();
    let points = sections.flat_map(|section| section.points.iter().map(|point| (section.id.as_str(), point)));
    let report = CheckReport {
        gonogo: env!("CARGO_PKG_VERSION"),
        checklist: &plan.checklist,
        environment: &plan.environment,
        release: &plan.release,
        verdict: verdict.decision,
        done: verdict.done,
        total: verdict.total,
        left_out,
        points: points.map(|(section, point)| point_report(judgement, section, point)).collect(),
    };
    // The report can always be written as JSON.
    serde_json::to_string_pretty(&report).map(|text| text + "\n").unwrap_or_default()
}

fn point_report<'a>(judgement: &Judgement<'a>, section: &'a str, point: &'a Point) -> PointReport<'a> {
    let status = judgement.status(&point.id);
    PointReport {
        id: &point.id,
        section,
        title: &point.title,
        status: status.label(),
        done: status.is_done(),
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
