//! The participants, and their signed entries.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use gonogo_core::journal::entry::{Decision, Entry, Event, RolledBack};
use gonogo_core::journal::keys::fingerprint;
use gonogo_core::run::RunState;
use gonogo_core::text::{block, line};

/// A participant.
#[derive(Clone, Debug, Serialize)]
pub struct Person {
    /// Their name.
    pub principal: String,
    /// Their role in this run: `driver`, `reviewer`.
    pub role: String,
    /// Their key's fingerprint, `SHA256:…`.
    pub key: String,
    /// How many entries they signed.
    pub acts: u64,
}

/// A signed entry.
#[derive(Clone, Debug, Serialize)]
pub struct SignedEntry {
    /// Its position in the log.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// Who.
    pub by: String,
    /// The entry's kind: `confirmed`, `waived`.
    pub kind: &'static str,
    /// Its point.
    pub point: Option<String>,
    /// Its text: a reason, a note.
    pub words: Option<String>,
}

/// All participants, and all signed entries.
pub(super) struct Participants {
    pub(super) roster: Vec<Person>,
    pub(super) acts: Vec<SignedEntry>,
    pub(super) notes: Vec<SignedEntry>,
}

pub(super) fn participants(entries: &[Entry], state: &RunState) -> Participants {
    let acts: Vec<_> =
        entries.iter().filter(|entry| entry.event.needs_signature()).map(signed_entry).collect();
    let mut counts = BTreeMap::new();
    for act in &acts {
        *counts.entry(act.by.as_str()).or_insert(0) += 1;
    }
    let person = |who: &gonogo_core::journal::entry::EnrolledOperator| Person {
        principal: line(&who.principal),
        role: who.role.to_string(),
        key: fingerprint(&who.key).unwrap_or_else(|| line(&who.key)),
        acts: counts.get(line(&who.principal).as_str()).copied().unwrap_or(0),
    };
    let roster = state.roster.iter().map(person).collect();
    let notes = acts.iter().filter(|act| act.kind == "noted" && act.point.is_none()).cloned().collect();
    Participants { roster, acts, notes }
}

fn signed_entry(entry: &Entry) -> SignedEntry {
    SignedEntry {
        seq: entry.header.seq,
        at: entry.header.at.wall.to_string(),
        by: line(&entry.header.by),
        kind: entry.event.kind(),
        point: entry.event.point().map(line),
        words: entry_text(&entry.event),
    }
}

fn entry_text(event: &Event) -> Option<String> {
    match event {
        Event::Opened(event) => event.commit.as_deref().map(|commit| format!("commit {}", line(commit))),
        Event::Joined(event) => Some(format!("as {}", event.role)),
        Event::Confirmed(event) => event.reason.as_deref().map(block),
        Event::Waived(event) => Some(format!("until {}: {}", event.until.readable(), block(&event.reason))),
        Event::NotApplicable(event) => Some(block(&event.reason)),
        Event::Noted(event) => Some(block(&event.text)),
        Event::Abandoned(event) => Some(block(&event.reason)),
        Event::ActionStarted(event) => {
            let dry_run = if event.dry_run { ", dry run" } else { "" };
            let again = if event.attempt > 1 { format!(", run {}", event.attempt) } else { String::new() };
            Some(format!(
                "{}{dry_run}{again}{}",
                line(&event.action.action),
                because(event.reason.as_deref())
            ))
        }
        Event::ActionStopped(event) => {
            let reason = because(event.reason.as_deref());
            Some(format!("{}, started by log entry {}{reason}", line(&event.action.action), event.started))
        }
        Event::Retracted(event) => Some(format!("log entry {}", event.target)),
        Event::RolledBack(event) => Some(rolled_back_text(event)),
        Event::TakenOver(event) => {
            Some(format!("from {} on {}, process {}", line(&event.from), line(&event.host), event.pid))
        }
        Event::Replanned(event) => event.reason.as_deref().map(block),
        Event::Sealed(event) => Some(format!("as {}", event.role)),
        Event::Verdict(event) => {
            Some(format!("{} {}/{}", decision_text(event.decision), event.done, event.total))
        }
        _ => None,
    }
}

/// A reason after what was done, if there is one.
fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {}", block(reason))).unwrap_or_default()
}

fn rolled_back_text(event: &RolledBack) -> String {
    let mut text = format!("to {}", line(&event.release));
    if !event.skipped_steps.is_empty() {
        let _ = write!(text, ", without {}", line(&event.skipped_steps.join(", ")));
    }
    text + &because(event.reason.as_deref())
}

fn decision_text(decision: Decision) -> String {
    decision.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gonogo_core::checklist::ActionKey;
    use gonogo_core::journal::entry::{ActionStarted, Retracted};

    #[test]
    fn a_signed_entry_says_what_it_is_about() {
        let started = |attempt, dry_run| ActionStarted {
            action: ActionKey::new("deploy.rollout", "app"),
            attempt,
            dry_run,
            typed_environment: None,
            preflight: Vec::new(),
            reason: None,
        };
        let rolled_back = |skipped: &[&str], reason: Option<&str>| RolledBack {
            release: "v1".into(),
            digest: None,
            skipped_steps: skipped.iter().map(|step| (*step).to_owned()).collect(),
            reason: reason.map(str::to_owned),
        };
        let retracted = Retracted { point: "a.b".into(), target: 7 };
        for (event, text) in [
            (Event::from(started(1, false)), "app"),
            (Event::from(started(2, true)), "app, dry run, run 2"),
            (Event::from(rolled_back(&[], None)), "to v1"),
            (Event::from(rolled_back(&["wait"], Some("it runs"))), "to v1, without wait: it runs"),
            (Event::from(retracted), "log entry 7"),
        ] {
            assert_eq!(entry_text(&event).as_deref(), Some(text));
        }
    }
}
