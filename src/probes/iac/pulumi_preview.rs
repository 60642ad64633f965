//! Pulumi's preview, as `pulumi preview --json` prints it. Pure.
//! See <https://www.pulumi.com/docs/iac/cli/commands/pulumi_preview/>.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::changes::{ChangeSet, ResourceAction, ResourceChange, digest, digest_of};
use super::printed::{json_object, or_default, unexpected_output};
use crate::probes::error::{ProbeError, ProbeResult};
use gonogo_core::outcome::{Observation, Sha256Hex};
use gonogo_core::text;

/// The longest piece of a diagnostic, in bytes.
const MAX_MESSAGE: usize = 160;

#[derive(Deserialize)]
struct PulumiPreview {
    #[serde(default, deserialize_with = "or_default")]
    steps: Vec<PulumiStep>,
    #[serde(default, deserialize_with = "or_default")]
    diagnostics: Vec<Diagnostic>,
    #[serde(default, rename = "changeSummary", deserialize_with = "or_default")]
    summary: BTreeMap<String, u64>,
    #[serde(default, rename = "maybeCorrupt", deserialize_with = "or_default")]
    is_maybe_corrupt: bool,
}

#[derive(Deserialize)]
struct PulumiStep {
    op: String,
    urn: String,
    #[serde(default, rename = "oldState", deserialize_with = "or_default")]
    old: OldState,
    #[serde(default, rename = "replaceReasons", deserialize_with = "or_default")]
    replace_reasons: Vec<String>,
}

#[derive(Default, Deserialize)]
struct OldState {
    /// Whether it waits to be deleted, after a replacement that was interrupted.
    #[serde(default, rename = "delete", deserialize_with = "or_default")]
    is_pending_delete: bool,
}

#[derive(Deserialize)]
struct Diagnostic {
    #[serde(default, deserialize_with = "or_default")]
    message: String,
    #[serde(default, deserialize_with = "or_default")]
    severity: String,
}

/// Type and name in `urn:pulumi:stack::project::parent$type::name`. A name may contain `::`.
pub(super) fn type_and_name(urn: &str) -> (&str, &str) {
    let mut parts = urn.splitn(4, "::").skip(2);
    let (types, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or(urn));
    (types.rsplit('$').next().unwrap_or_default(), name)
}

/// Whether a type is Pulumi's own, the stack itself or a provider's settings: nothing real goes with it.
pub(super) fn is_own_type(kind: &str) -> bool {
    kind == "pulumi:pulumi:Stack" || kind.starts_with("pulumi:providers:")
}

/// The steps of one resource, as one change. A replacement is several steps.
fn change(urn: &str, steps: &[PulumiStep]) -> Vec<ResourceChange> {
    let (kind, name) = type_and_name(urn);
    let is_leftover =
        |step: &&PulumiStep| step.op == "delete" && (step.old.is_pending_delete || steps.len() > 1);
    let leftovers = steps.iter().filter(is_leftover).map(|_| {
        let note = "left over from an earlier replacement";
        ResourceChange { is_leftover: true, ..ResourceChange::new(name, kind, ResourceAction::Destroy, note) }
    });
    let rest: Vec<&PulumiStep> = steps.iter().filter(|step| !is_leftover(step)).collect();
    let strongest = rest.iter().max_by_key(|step| rank(action(&step.op)));
    let own = strongest.map(|step| {
        let action = if is_own_type(kind) { ResourceAction::None } else { action(&step.op) };
        ResourceChange::new(name, kind, action, note(action, step, &rest))
    });
    own.into_iter().chain(leftovers).collect()
}

fn note(action: ResourceAction, strongest: &PulumiStep, steps: &[&PulumiStep]) -> String {
    match action {
        ResourceAction::Unknown => format!("its step is {}", strongest.op),
        ResourceAction::Replace => {
            let mut reasons: Vec<&str> =
                steps.iter().flat_map(|step| &step.replace_reasons).map(String::as_str).collect();
            reasons.sort_unstable();
            reasons.dedup();
            reasons.join(", ")
        }
        _ => String::new(),
    }
}

/// The action of a step; the names are those of Pulumi's engine (`deploy.StepOp`).
fn action(op: &str) -> ResourceAction {
    match op {
        // Those of a resource that is only read change what is read.
        "same"
        | "read"
        | "refresh"
        | "discard"
        | "read-discard"
        | "read-replacement"
        | "discard-replaced"
        | "remove-pending-replace" => ResourceAction::None,
        "create" => ResourceAction::Create,
        "update" => ResourceAction::Update,
        "delete" => ResourceAction::Destroy,
        "import" => ResourceAction::Import,
        "replace" | "create-replacement" | "delete-replaced" | "import-replacement" => {
            ResourceAction::Replace
        }
        _ => ResourceAction::Unknown,
    }
}

/// The order in which one of several steps stands for all of them.
const fn rank(action: ResourceAction) -> u8 {
    match action {
        ResourceAction::None => 0,
        ResourceAction::Update => 1,
        ResourceAction::Import => 2,
        ResourceAction::Create => 3,
        ResourceAction::Destroy => 4,
        ResourceAction::Replace => 5,
        _ => 6,
    }
}

/// Whether the preview is whole.
fn findings(preview: &PulumiPreview) -> Vec<Observation> {
    let corrupt = preview.is_maybe_corrupt.then(|| {
        let why = "Pulumi reports a failed step; the state may be corrupt (maybeCorrupt)";
        Observation::unknown("preview", "complete, without errors", why)
    });
    let errors = preview.diagnostics.iter().filter(|diagnostic| diagnostic.severity == "error");
    let errors: Vec<&str> = errors.map(|diagnostic| diagnostic.message.trim()).collect();
    let seen = || format!("errors: {}", text::clip(&errors.join("; "), MAX_MESSAGE));
    let failed =
        (!errors.is_empty()).then(|| Observation::new("preview", "complete, without errors", seen(), false));
    let listed = |op: &str| preview.steps.iter().filter(|step| step.op == op).count() as u64;
    // Pulumi lists resources that stay with `--show-sames` only, and counts them always.
    let unlisted: Vec<_> = preview
        .summary
        .iter()
        .filter(|(op, count)| *op != "same" && **count > 0 && listed(op) == 0)
        .collect();
    let contradicts = (preview.steps.is_empty() && !unlisted.is_empty()).then(|| {
        let counts =
            unlisted.iter().map(|(op, count)| format!("{count} {op}")).collect::<Vec<_>>().join(", ");
        let why = format!("its summary counts {counts}, but no steps are listed");
        Observation::unknown("preview", "steps match the summary", why)
    });
    [corrupt, failed, contradicts].into_iter().flatten().collect()
}

/// What a preview that failed says of it.
pub(super) fn error_in(printed: &[u8]) -> Option<ProbeError> {
    let preview: PulumiPreview = serde_json::from_slice(json_object(printed)).ok()?;
    let error = findings(&preview).into_iter().find(|finding| finding.ok == Some(false))?;
    Some(ProbeError::new(error.seen))
}

/// The digest of a preview, in whichever order its steps were planned.
fn order_free_digest(json: &[u8]) -> ProbeResult<Sha256Hex> {
    #[derive(Deserialize)]
    struct RawSteps<'a> {
        #[serde(borrow, default)]
        steps: Option<Vec<&'a RawValue>>,
    }
    let raw: RawSteps<'_> =
        serde_json::from_slice(json).map_err(|error| unexpected_output("Pulumi", &error))?;
    let mut steps: Vec<&str> = raw.steps.iter().flatten().map(|step| step.get()).collect();
    steps.sort_unstable();
    let rest = digest(json, &["duration", "steps", "diagnostics"])?.to_string();
    Ok(digest_of(steps.into_iter().chain([rest.as_str()])))
}

impl ChangeSet {
    /// `pulumi preview --json`
    pub(super) fn of_pulumi(printed: &[u8]) -> ProbeResult<Self> {
        let json = json_object(printed);
        let preview: PulumiPreview =
            serde_json::from_slice(json).map_err(|error| unexpected_output("Pulumi", &error))?;
        let fields: BTreeMap<String, &RawValue> =
            serde_json::from_slice(json).map_err(|error| unexpected_output("Pulumi", &error))?;
        if !["steps", "changeSummary", "config", "duration"].iter().any(|field| fields.contains_key(*field)) {
            return Err(ProbeError::new("the output is not a preview of Pulumi: no steps and no summary"));
        }
        let findings = findings(&preview);
        let listed = preview.steps.iter().filter(|step| step.op == "same").count() as u64;
        let sames = preview.summary.get("same").copied().unwrap_or_default();
        let unlisted =
            (sames > listed).then(|| format!("{} unchanged resources are not listed", sames - listed));
        let mut of_urn: BTreeMap<String, Vec<PulumiStep>> = BTreeMap::new();
        for step in preview.steps {
            of_urn.entry(step.urn.clone()).or_default().push(step);
        }
        let changes = of_urn.iter().flat_map(|(urn, steps)| change(urn, steps)).collect();
        Ok(Self { changes, further: Vec::new(), findings, unlisted, digest: order_free_digest(json)? })
    }
}

#[cfg(test)]
mod tests {
    use ResourceAction::{Create, Destroy, Import, None as Kept, Replace, Unknown, Update};

    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use crate::probes::iac::changes::judge;
    use gonogo_core::outcome::Outcome;

    const BROKER: &str = "urn:pulumi:prod::shop::aws:mq/broker:Broker::rabbit";

    fn preview(steps: &[(&str, &str)]) -> ChangeSet {
        let step = |(op, urn): &(&str, &str)| serde_json::json!({"op": op, "urn": urn});
        let steps: Vec<_> = steps.iter().map(step).collect();
        ChangeSet::of_pulumi(serde_json::json!({"steps": steps, "duration": 5}).to_string().as_bytes())
            .unwrap()
    }

    fn actions(planned: &ChangeSet) -> Vec<(&str, ResourceAction)> {
        planned.changes.iter().map(|change| (change.address.as_str(), change.action)).collect()
    }

    #[test]
    fn the_steps_of_a_resource_are_one_change() {
        let cases: [(&[&str], &[ResourceAction], &str); 14] = [
            (&["same"], &[Kept], "unchanged"),
            (&["create"], &[Create], "new"),
            (&["update"], &[Update], "changed"),
            (&["delete"], &[Destroy], "gone"),
            (&["create-replacement", "replace", "delete-replaced"], &[Replace], "a replacement"),
            (
                &["delete-replaced", "replace", "create-replacement"],
                &[Replace],
                "deleted before it is replaced",
            ),
            (&["import"], &[Import], "managed from now on"),
            (&["import-replacement", "delete-replaced"], &[Replace], "replaced by an imported one"),
            (&["read"], &[Kept], "only read"),
            (&["read-replacement", "discard-replaced"], &[Kept], "another one is read"),
            (&["refresh", "same"], &[Kept], "refreshed"),
            (&["refresh", "update"], &[Update], "refreshed and changed"),
            (&["same", "delete"], &[Kept, Destroy], "one that an interrupted replacement left over"),
            (&["transmogrify"], &[Unknown], "a step of a later version"),
        ];
        for (ops, expected, why) in cases {
            let steps: Vec<_> = ops.iter().map(|op| (*op, BROKER)).collect();
            let planned = preview(&steps);
            let found: Vec<_> = actions(&planned).into_iter().map(|(_, action)| action).collect();
            assert_eq!(found, expected, "{why}");
        }
        assert!(preview(&[("same", BROKER), ("delete", BROKER)]).changes[1].is_leftover);
    }

    #[test]
    fn a_urn_is_read() {
        let cases = [
            (BROKER, "aws:mq/broker:Broker", "rabbit"),
            (
                "urn:pulumi:prod::shop::my:Queue$aws:mq/broker:Broker::rabbit",
                "aws:mq/broker:Broker",
                "rabbit",
            ),
            ("urn:pulumi:prod::shop::a:b:C::redis::0", "a:b:C", "redis::0"),
        ];
        for (urn, kind, name) in cases {
            assert_eq!(type_and_name(urn), (kind, name));
        }
    }

    #[test]
    fn the_settings_of_a_provider_are_no_resource_that_is_lost() {
        let urn = "urn:pulumi:prod::shop::pulumi:providers:rabbitmq::default_4_1";
        assert_eq!(actions(&preview(&[("delete", urn)])), [("default_4_1", Kept)]);
    }

    #[test]
    fn the_digest_does_not_depend_on_time_or_order() {
        let other = "urn:pulumi:prod::shop::aws:mq/broker:Broker::other";
        let (one, two) = (
            preview(&[("same", BROKER), ("create", other)]),
            preview(&[("create", other), ("same", BROKER)]),
        );
        assert_eq!(one.digest, two.digest);
        assert_ne!(one.digest, preview(&[("same", BROKER), ("delete", other)]).digest);
        let timed = |duration: u32| {
            let json = serde_json::json!({"steps": [], "duration": duration}).to_string();
            ChangeSet::of_pulumi(json.as_bytes()).unwrap().digest
        };
        assert_eq!(timed(5), timed(6));
    }

    #[test]
    fn a_preview_that_is_not_whole_says_so() {
        let cases = [
            (r#"{"steps": [], "maybeCorrupt": true}"#, None, "maybeCorrupt"),
            (
                r#"{"steps": [], "diagnostics": [{"severity": "error", "message": "no region"}]}"#,
                Some(false),
                "no region",
            ),
            (
                r#"{"steps": null, "changeSummary": {"create": 2}}"#,
                None,
                "its summary counts 2 create, but no steps are listed",
            ),
        ];
        for (json, ok, seen) in cases {
            let planned = ChangeSet::of_pulumi(json.as_bytes()).unwrap();
            assert_eq!(planned.findings.len(), 1, "{json}");
            assert_eq!(planned.findings[0].ok, ok, "{json}");
            assert!(planned.findings[0].seen.contains(seen), "{:?}", planned.findings[0]);
        }
        let failed = error_in(cases[1].0.as_bytes()).unwrap();
        assert_eq!(failed.to_string(), "errors: no region");
        assert!(error_in(b"error: no stack").is_none());
        let counted = r#"{"steps": null, "changeSummary": {"same": 12}}"#;
        let planned = ChangeSet::of_pulumi(counted.as_bytes()).unwrap();
        assert_eq!(planned.unlisted.as_deref(), Some("12 unchanged resources are not listed"));
        assert!(
            ChangeSet::of_pulumi(br#"{"version": 3, "deployment": {}}"#).is_err(),
            "a state is no preview"
        );
    }

    #[test]
    fn an_altered_preview_never_passes_for_nothing() {
        let json = serde_json::json!({"steps": [{"op": "create", "urn": BROKER}], "duration": 5});
        let spec = serde_json::json!({"tool": "pulumi", "directory": ".", "required": ["rabbit"]});
        let spec = serde_json::from_value(spec).unwrap();
        let carriers = ["/steps", "/steps/0", "/steps/0/op", "/steps/0/urn"];
        GoodDocument { json, carriers: &carriers, maps: &[] }.check(|printed| {
            let seen = ChangeSet::of_pulumi(printed).map(|planned| judge(&spec, planned));
            Outcome::of(seen.unwrap_or_default(), "").class
        });
    }
}
