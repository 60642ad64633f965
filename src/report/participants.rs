//! The participants, and their signed entries.

use std::collections::BTreeMap;

use serde::Serialize;

use gonogo_core::journal::entry::{Decision, Entry, Event};
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
        Event::Verdict(event) => {
            Some(format!("{} {}/{}", decision_text(event.decision), event.done, event.total))
        }
        _ => None,
    }
}

fn decision_text(decision: Decision) -> String {
    decision.to_string()
}
