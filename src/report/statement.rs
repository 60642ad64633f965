//! The attestation of a run: an in-toto Statement about the log and, if known, the image.
//! <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>

use serde_json::{Value, json};

use super::Document;
use super::points::ObservationPart;
use gonogo_core::outcome::key;

/// The type of the predicate.
const PREDICATE: &str = "https://gonogo.dev/run/v1";
/// The type for a rehearsal, which no policy accepts as a real deployment.
const REHEARSAL: &str = "https://gonogo.dev/rehearsal/v1";

/// The statement, as compact JSON: the same bytes for the same log and the same trust.
#[must_use]
pub fn statement(document: &Document) -> Vec<u8> {
    let Document { log, verification, run, verdict, seals, abandoned, people, previous_run, .. } = document;
    let mut subject = vec![json!({ "name": log.name, "digest": { "sha256": log.sha256 } })];
    subject.extend(images(document));
    let sealed = seals.iter().map(|seal| json!({ "by": seal.by, "at": seal.at, "seq": seal.seq }));
    let points = document.sections.iter().flat_map(|section| &section.points);
    let points: Vec<Value> = points.map(|point| json!({ "id": point.id, "status": point.status })).collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": if document.rehearsal.is_some() { REHEARSAL } else { PREDICATE },
        "predicate": {
            "run": run,
            "plan": document.plan,
            "trust": document.trust,
            "verification": {
                "answer": verification.answer, "entries": log.entries, "head": log.head, "why": verification.why,
            },
            "verdict": verdict,
            "seals": sealed.collect::<Vec<_>>(),
            "abandoned": abandoned.as_ref().map(|end| json!({ "by": end.by, "at": end.at, "seq": end.seq })),
            "people": people,
            "previousRun": previous_run,
            "points": points,
        },
    });
    statement.to_string().into_bytes()
}

/// The images whose digests were read from registries, without duplicates.
fn images(document: &Document) -> Vec<Value> {
    let points = document.sections.iter().flat_map(|section| &section.points);
    let seen = points.flat_map(|point| &point.probes).flat_map(|probe| &probe.observations);
    let is_image =
        |seen: &&ObservationPart| seen.key.as_deref().is_some_and(|key| key::tag_of(key).is_some());
    let digests = seen.filter(is_image).filter(|seen| seen.ok == Some(true));
    let mut images: Vec<(String, String)> = Vec::new();
    for (seen, digest) in digests.filter_map(|seen| Some((seen, sha256(&seen.seen)?))) {
        if !images.iter().any(|(_, other)| *other == digest) {
            images.push((seen.what.clone(), digest));
        }
    }
    images.into_iter().map(|(name, digest)| json!({ "name": name, "digest": { "sha256": digest } })).collect()
}

/// The digest in a text such as `repository@sha256:…`.
fn sha256(text: &str) -> Option<String> {
    let digits = text.split("sha256:").nth(1)?.get(..64)?;
    digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then(|| digits.to_owned())
}
