//! Change sets of the three tools, and what must hold of them. Pure.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::printed::unexpected_output;
use crate::probes::ProbeContext;
use crate::probes::error::ProbeResult;
use gonogo_core::checklist::spec::IacSpec;
use gonogo_core::outcome::{Observation, Sha256Hex, key};
use gonogo_core::text;

/// How many resources are named that are created, updated or imported.
const MAX_NAMED: usize = 10;

/// What would happen to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ResourceAction {
    None,
    /// It exists, and would be managed from now on.
    Import,
    Create,
    Update,
    /// It would stay, and no longer be managed.
    Forget,
    /// It would be replaced or updated: the tool cannot tell before.
    MayReplace,
    Replace,
    Destroy,
    /// Anything: the tool does not say.
    Unknown,
}

/// One resource of a change set.
#[derive(Debug)]
pub(super) struct ResourceChange {
    pub(super) address: String,
    pub(super) kind: String,
    pub(super) action: ResourceAction,
    /// More about it, such as why it is replaced; may be empty.
    pub(super) note: String,
    /// Whether it is what an earlier replacement left over, and not the resource in use.
    pub(super) is_leftover: bool,
}

impl ResourceChange {
    pub(super) fn new(
        address: impl Into<String>,
        kind: impl Into<String>,
        action: ResourceAction,
        note: impl Into<String>,
    ) -> Self {
        let (address, kind, note) = (address.into(), kind.into(), note.into());
        Self { address, kind, action, note, is_leftover: false }
    }

    /// Whether the resource is there and managed after the change set is applied.
    fn stays(&self) -> bool {
        !self.is_leftover && !matches!(self.action, ResourceAction::Destroy | ResourceAction::Forget)
    }

    fn is_about(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        self.address.to_lowercase().contains(&word) || self.kind.to_lowercase().contains(&word)
    }
}

/// A change set.
#[derive(Debug)]
pub(super) struct ChangeSet {
    pub(super) changes: Vec<ResourceChange>,
    /// What it changes besides resources: `1 output to change`.
    pub(super) further: Vec<String>,
    /// What is to be said of it as a whole: whether it can be applied, whether it covers everything.
    pub(super) findings: Vec<Observation>,
    /// Why not every resource is listed, if so.
    pub(super) unlisted: Option<String>,
    /// The digest of the plan, independent of its time.
    pub(super) digest: Sha256Hex,
}

impl ChangeSet {
    /// Whether it was executed already: CloudFormation keeps it, with its changes.
    pub(super) fn is_executed(&self) -> bool {
        self.findings.iter().any(|finding| finding.seen.starts_with("EXECUTE_COMPLETE"))
    }

    /// How many resources of a type remain, or are created.
    pub(super) fn count_of(&self, word: &str) -> usize {
        self.changes.iter().filter(|change| change.stays() && change.is_about(word)).count()
    }

    fn with_action(&self, action: ResourceAction) -> impl Iterator<Item = &ResourceChange> {
        self.changes.iter().filter(move |change| change.action == action)
    }

    /// Whether it changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        let mut changes = self.changes.iter();
        changes.all(|change| change.action == ResourceAction::None) && self.further.is_empty()
    }

    pub(super) fn summary(&self) -> String {
        if self.is_empty() {
            return "no changes".to_owned();
        }
        let count = |action| self.with_action(action).count();
        let mut parts = vec![
            format!("{} to create", count(ResourceAction::Create)),
            format!("{} to update", count(ResourceAction::Update)),
            format!("{} to replace", count(ResourceAction::Replace)),
            format!("{} to destroy", count(ResourceAction::Destroy)),
        ];
        let rare = [
            (ResourceAction::Import, "to import"),
            (ResourceAction::Forget, "to forget"),
            (ResourceAction::MayReplace, "to update or replace"),
            (ResourceAction::Unknown, "unknown"),
        ];
        let rare = rare.map(|(action, what)| (count(action), what));
        parts.extend(
            rare.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")),
        );
        parts.extend(self.further.iter().cloned());
        parts.join(", ")
    }
}

/// The digest of a JSON object without the fields that differ each time it is generated.
pub(super) fn digest(json: &[u8], without: &[&str]) -> ProbeResult<Sha256Hex> {
    let fields: BTreeMap<String, &RawValue> =
        serde_json::from_slice(json).map_err(|error| unexpected_output("any tool", &error))?;
    let fields = fields.iter().filter(|(name, _)| !without.contains(&name.as_str()));
    Ok(digest_of(fields.flat_map(|(name, value)| [name.as_str(), value.get()])))
}

/// The digest of texts, each with its length.
pub(super) fn digest_of<'a>(parts: impl Iterator<Item = &'a str>) -> Sha256Hex {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    Sha256Hex(digest.finalize().into())
}

pub(super) fn judge(spec: &IacSpec, planned: ChangeSet) -> Vec<Observation> {
    let mut seen = vec![Observation::recorded("change set", planned.summary())];
    let digest = Observation::recorded("digest of the change set", planned.digest.to_string());
    seen.push(digest.with_key(key::CHANGE_SET_DIGEST));
    let lost = [
        ResourceAction::Destroy,
        ResourceAction::Replace,
        ResourceAction::MayReplace,
        ResourceAction::Unknown,
        ResourceAction::Forget,
    ];
    let lost = lost.into_iter().flat_map(|action| planned.with_action(action));
    let lost: Vec<_> = lost.map(|change| judge_lost(spec, change)).collect();
    let required: Vec<_> = spec.required.iter().map(|word| judge_required(word, &planned)).collect();
    let kept = judge_kept(&planned.changes);
    seen.extend(planned.findings);
    seen.extend(lost);
    seen.extend(kept);
    seen.extend(required);
    seen
}

/// Names the first resources that are created, updated or imported: what people confirm.
fn judge_kept(changes: &[ResourceChange]) -> Vec<Observation> {
    let action = |change: &ResourceChange| match change.action {
        ResourceAction::Create => Some("created"),
        ResourceAction::Update => Some("updated"),
        ResourceAction::Import => Some("imported"),
        _ => None,
    };
    let kept: Vec<_> = changes.iter().filter_map(|change| Some((change, action(change)?))).collect();
    let named = kept.iter().take(MAX_NAMED).map(|(change, action)| {
        Observation::recorded(format!("resource {}", change.address), format!("{action} ({})", change.kind))
    });
    let more = kept.len().saturating_sub(MAX_NAMED);
    let more = (more > 0)
        .then(|| Observation::recorded("further resources", format!("{more} created, updated or imported")));
    named.chain(more).collect()
}

/// Whether a change set is the one that was reviewed, and can still be applied.
pub(super) fn same(planned: ChangeSet, context: &ProbeContext) -> Vec<Observation> {
    let (what, digest) = ("change set to be applied", planned.digest.to_string());
    let same = match context.digest.as_ref().and_then(Option::as_ref) {
        Some(reviewed) => {
            let is_same = *reviewed == digest;
            Observation::new(what, format!("{reviewed} (reviewed)"), digest, is_same)
        }
        None => Observation::unknown(what, "the reviewed change set", "none"),
    };
    let wrong = planned.findings.into_iter().filter(|finding| finding.ok == Some(false));
    std::iter::once(same).chain(wrong).collect()
}

/// Names a resource that is destroyed or replaced, may be, or is no longer managed.
fn judge_lost(spec: &IacSpec, change: &ResourceChange) -> Observation {
    let is_allowed = spec.may_destroy.contains(&change.address);
    let what = format!("resource {}", change.address);
    let expected = if is_allowed { "allowed by `may_destroy`" } else { "not destroyed (see `may_destroy`)" };
    let say = |action: &str| {
        let note = if change.note.is_empty() { String::new() } else { format!(": {}", change.note) };
        format!("{action} ({}){note}", change.kind)
    };
    match change.action {
        ResourceAction::Forget => Observation::recorded(what, say("forgotten: kept, but no longer managed")),
        ResourceAction::MayReplace if !is_allowed => {
            Observation::unknown(what, expected, say("updated or replaced: the tool cannot tell which"))
        }
        ResourceAction::MayReplace => Observation::new(what, expected, say("updated or replaced"), true),
        ResourceAction::Unknown => Observation::unknown(what, "a known change", say("unknown action")),
        ResourceAction::Replace => Observation::new(what, expected, say("replaced"), is_allowed),
        _ => Observation::new(what, expected, say("destroyed"), is_allowed),
    }
}

/// Whether resources of a type remain, changed or not.
fn judge_required(word: &str, planned: &ChangeSet) -> Observation {
    let (what, expected) = (format!("resources of {word}"), "one or more in the code");
    let count = planned.count_of(word);
    let lost = planned.changes.iter().filter(|change| !change.stays() && change.is_about(word)).count();
    match (count, lost, &planned.unlisted) {
        (0, 0, Some(why)) => Observation::unknown(what, expected, format!("none listed; {why}")),
        (0, 0, None) => Observation::new(what, expected, "none", false),
        (0, lost, _) => {
            let seen =
                format!("none would be left: {} destroyed or forgotten", text::count(lost, "resource"));
            Observation::new(what, expected, seen, false)
        }
        (count, ..) => Observation::new(what, expected, text::count(count, "resource"), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(more: &str) -> IacSpec {
        let spec = format!("{{\"tool\": \"terraform\", \"directory\": \".\", {more}}}");
        serde_json::from_str(&spec).unwrap()
    }

    fn planned(changes: &[(&str, ResourceAction)]) -> ChangeSet {
        let change =
            |(address, action): &(&str, ResourceAction)| ResourceChange::new(*address, "kind", *action, "");
        let (further, findings) = (Vec::new(), Vec::new());
        let changes = changes.iter().map(change).collect();
        ChangeSet { changes, further, findings, unlisted: None, digest: digest_of(std::iter::empty()) }
    }

    #[test]
    fn what_is_lost_and_what_is_left() {
        use ResourceAction::{Create, Destroy, Forget, Import, MayReplace, None as Kept, Unknown};
        type Case<'a> = (&'a [(&'a str, ResourceAction)], &'a str, Option<bool>, &'a str);
        let cases: [Case<'_>; 8] = [
            (&[("redis", Kept)], r#""required": ["redis"]"#, Some(true), "1 resource"),
            (&[("redis", Import)], r#""required": ["redis"]"#, Some(true), "1 resource"),
            (
                &[("redis", Destroy)],
                r#""required": ["redis"], "may_destroy": ["redis"]"#,
                Some(false),
                "none would be left: 1 resource destroyed or forgotten",
            ),
            (&[("redis", Forget)], r#""required": ["redis"]"#, Some(false), "none would be left"),
            (
                &[("redis", Destroy), ("redis2", Create)],
                r#""required": ["redis"], "may_destroy": ["redis"]"#,
                Some(true),
                "1 resource",
            ),
            (&[("redis", MayReplace)], r#""may_destroy": ["redis"]"#, Some(true), "updated or replaced"),
            (&[("redis", MayReplace)], r#""may_destroy": []"#, None, "the tool cannot tell which"),
            (&[("redis", Unknown)], r#""may_destroy": ["redis"]"#, None, "unknown action"),
        ];
        for (changes, more, ok, seen) in cases {
            let judged = judge(&spec(more), planned(changes));
            let last = judged.last().unwrap();
            assert_eq!(last.ok, ok, "{changes:?} {more}: {last:?}");
            assert!(last.seen.contains(seen), "{last:?}");
        }
    }

    #[test]
    fn the_first_resources_are_named_with_what_happens_to_them() {
        use ResourceAction::{Create, Destroy, Import, None as Kept, Update};
        let changes =
            [("kept", Kept), ("new", Create), ("changed", Update), ("found", Import), ("gone", Destroy)];
        let judged = judge(&spec(r#""required": []"#), planned(&changes));
        let named: Vec<_> = judged.iter().map(|seen| format!("{}: {}", seen.what, seen.seen)).collect();
        for line in [
            "resource new: created (kind)",
            "resource changed: updated (kind)",
            "resource found: imported (kind)",
            "resource gone: destroyed (kind)",
        ] {
            assert_eq!(named.iter().filter(|named| *named == line).count(), 1, "{line}: {named:?}");
        }
        assert!(!named.iter().any(|named| named.contains("kept")), "{named:?}");
        let many: Vec<String> = (0..25).map(|n| format!("r{n}")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), Create)).collect();
        let judged = judge(&spec(r#""required": []"#), planned(&many));
        assert_eq!(judged.last().unwrap().seen, "15 created, updated or imported");
        assert_eq!(judged.len(), 2 + MAX_NAMED + 1);
    }

    #[test]
    fn what_is_not_listed_is_not_missing() {
        let mut set = planned(&[]);
        set.unlisted = Some("only changes are listed".into());
        let judged = judge(&spec(r#""required": ["redis"]"#), set);
        assert_eq!(judged.last().unwrap().ok, None, "{judged:?}");
    }

    #[test]
    fn the_digest_is_kept_however_much_is_destroyed() {
        let many: Vec<String> = (0..100).map(|n| format!("r{n}")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), ResourceAction::Destroy)).collect();
        let outcome =
            gonogo_core::outcome::Outcome::of(judge(&spec(r#""required": []"#), planned(&many)), "");
        assert!(outcome.sanitized(&gonogo_core::secret::Redactor::default()).digest().is_some());
    }
}
