//! `gonogo points`: the control points, what each one checks, and the minimum rights it needs.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anyhow::Result;
use serde_json::{Value, json};

use super::loaded_profile::LoadedProfile;
use crate::cli::{PointsArgs, PointsFormat};
use gonogo_core::checklist::requirements::{RequiredRight, action_rights, probe_rights};
use gonogo_core::checklist::{Action, Confirm, Plan, Point, Probe, Promotion};
use gonogo_core::error::Exit;
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::text::{count, line};

pub(super) fn points(arguments: &PointsArgs) -> Result<Exit> {
    let loaded = match &arguments.profile {
        Some(path) => LoadedProfile::read(path)?,
        None => LoadedProfile::example()?,
    };
    // Any tags: the checks and rights are the same for all.
    let tag = |tag: &str| Some(tag.to_owned());
    let plan = loaded.plan(&Promotion { release: tag("RELEASE"), previous: tag("PREVIOUS") })?;
    let edition = loaded.lock().edition();
    let text = match arguments.format {
        PointsFormat::Human => human(&plan, edition),
        PointsFormat::Json => format!("{:#}\n", json(&plan, edition)),
        PointsFormat::Markdown => blank_list(&plan),
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
    Ok(Exit::Success)
}

fn human(plan: &Plan, edition: Sha256Hex) -> String {
    let mut out = format!("checklist {}, edition {edition}\n\n", line(&plan.checklist));
    for (at, section) in plan.sections.iter().enumerate() {
        let _ = writeln!(out, "{}{} {}", if at > 0 { "\n" } else { "" }, at + 1, line(&section.title));
        for point in &section.points {
            let _ = writeln!(out, "\n  {}  {}{}", line(&point.id), line(&point.title), requirements(point));
            link_lines(&mut out, point);
            for action in &point.actions {
                action_lines(&mut out, action);
            }
            for probe in &point.probes {
                probe_lines(&mut out, probe);
            }
        }
    }
    if !plan.rollback.is_empty() {
        out.push_str("\nSteps of the rollback\n\n");
        plan.rollback.iter().for_each(|step| action_lines(&mut out, step));
    }
    out
}

fn link_lines(out: &mut String, point: &Point) {
    let contacts = (!point.contacts.is_empty()).then(|| ("contacts", point.contacts.join(" · ")));
    for (name, text) in point.runbook.iter().map(|link| ("runbook", link.clone())).chain(contacts) {
        let _ = writeln!(out, "    {name:<11} {}", line(&text));
    }
}

fn requirements(point: &Point) -> String {
    let mandatory = point.mandatory.then_some("mandatory");
    let confirm = match point.confirm {
        Confirm::None => None,
        Confirm::One => Some("confirmed by one person"),
        Confirm::Two => Some("confirmed by two people"),
    };
    let applies = point.not_applicable.as_ref().map(|why| format!("not applicable: {}", line(why)));
    let rules = [mandatory, confirm].into_iter().flatten().map(str::to_owned);
    let parts: Vec<_> = rules.chain(applies).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// The points as boxes, for a person without gonogo.
fn blank_list(plan: &Plan) -> String {
    let mut out = format!("# {}\n", line(&plan.checklist));
    for (at, section) in plan.sections.iter().enumerate() {
        let _ = write!(out, "\n## {}. {}\n\n", at + 1, line(&section.title));
        for point in &section.points {
            let _ = write!(out, "- [ ] {}\n  - {}\n", line(&point.title), line(&point.why));
            let rules = requirements(point);
            if !rules.is_empty() {
                let _ = writeln!(out, "  - {}", rules.trim().trim_matches(['(', ')']));
            }
            for action in &point.actions {
                let _ = writeln!(out, "  - action: {}", line(&action.title));
            }
            for link in point.runbook.iter().chain(&point.contacts) {
                let _ = writeln!(out, "  - {}", line(link));
            }
        }
    }
    if !plan.rollback.is_empty() {
        out.push_str("\nSteps of the rollback, in order:\n\n");
        for (step, number) in plan.rollback.iter().zip(1..) {
            let _ = writeln!(out, "{number}. {}", line(&step.title));
        }
    }
    out
}

fn action_lines(out: &mut String, action: &Action) {
    let _ = writeln!(out, "    {:<11} {}; started by a person", "action", line(&action.title));
    let program = action.program.as_ref().map_or_else(
        || format!("missing {}: {}", count(action.missing.len(), "value"), action.missing.join(", ")),
        |program| program.command_line(false, None),
    );
    let _ = writeln!(out, "                {}", line(&program));
    right_lines(out, &action_rights(action));
}

fn right_lines(out: &mut String, rights: &[RequiredRight]) {
    for right in rights {
        let _ = writeln!(out, "                {}: {}", right.system, line(&right.grant));
    }
}

fn probe_lines(out: &mut String, probe: &Probe) {
    let kind = probe.spec.as_ref().map_or("", |spec| spec.kind());
    let effects = if probe.effects { "; changes something, and reports it" } else { "" };
    let _ = writeln!(out, "    {kind:<11} {}{effects}", line(&probe.title));
    if !probe.missing.is_empty() {
        let values = count(probe.missing.len(), "value");
        let _ = writeln!(out, "                missing {values}: {}", line(&probe.missing.join(", ")));
    }
    let names: Vec<_> = probe.left_to_people().map(String::as_str).collect();
    if !names.is_empty() {
        let names = line(&names.join(", "));
        let _ = writeln!(out, "                confirmed by people if not observed: {names}");
    }
    right_lines(out, &probe_rights(probe));
}

fn json(plan: &Plan, edition: Sha256Hex) -> Value {
    let probe = |probe: &Probe| {
        json!({
            "id": probe.id,
            "title": probe.title,
            "kind": probe.spec.as_ref().map(gonogo_core::checklist::spec::ProbeSpec::kind),
            "effects": probe.effects,
            "people": probe.left_to_people().collect::<Vec<_>>(),
            "missing": probe.missing,
            "rights": rights_json(&probe_rights(probe)),
        })
    };
    let point = |point: &Point| {
        json!({
            "id": point.id,
            "title": point.title,
            "why": point.why,
            "mandatory": point.mandatory,
            "confirm": point.confirm,
            "not_applicable": point.not_applicable,
            "runbook": point.runbook,
            "contacts": point.contacts,
            "actions": point.actions.iter().map(action_json).collect::<Vec<_>>(),
            "probes": point.probes.iter().map(probe).collect::<Vec<_>>(),
        })
    };
    let sections = plan.sections.iter().map(|section| {
        let points: Vec<_> = section.points.iter().map(point).collect();
        json!({"id": section.id, "title": section.title, "points": points})
    });
    let rollback: Vec<_> = plan.rollback.iter().map(action_json).collect();
    let sections: Vec<_> = sections.collect();
    json!({"checklist": plan.checklist, "edition": edition, "sections": sections, "rollback": rollback})
}

fn action_json(action: &Action) -> Value {
    json!({
        "id": action.id,
        "title": action.title,
        "argv": action.program.as_ref().map(|program| &program.argv),
        "missing": action.missing,
        "rights": rights_json(&action_rights(action)),
    })
}

fn rights_json(rights: &[RequiredRight]) -> Vec<Value> {
    rights.iter().map(|right| json!({"system": right.system, "grant": right.grant})).collect()
}
