//! Whether everything is applied: what a new plan would still change.

use super::changes::{ChangeSet, ResourceAction};
use super::{cloud_formation, pulumi, terraform};
use crate::probes::ProbeContext;
use crate::probes::deadline::Deadline;
use crate::process::Permit;
use gonogo_core::checklist::spec::{IacSpec, IacTool};
use gonogo_core::outcome::Observation;

/// How many resources are named.
const MAX_NAMED: usize = 3;
const WHAT: &str = "pending changes";

pub(super) async fn run(
    spec: &IacSpec,
    permit: &Permit,
    deadline: &Deadline,
    context: &ProbeContext,
) -> Observation {
    let pending = match spec.tool {
        IacTool::Terraform => terraform::pending(spec, permit, deadline).await,
        IacTool::Pulumi => pulumi(spec, permit, deadline).await.map(Some),
        IacTool::CloudFormation => cloud_formation::plan(spec, permit, deadline).await.map(Some),
    };
    match pending {
        Ok(pending) => judge(pending.as_ref(), context.opened.is_some()),
        Err(why) => Observation::unknown(WHAT, "none", why),
    }
}

/// In a run, the reviewed plan has just been applied: what a new one would change has come since, or comes again each
/// time, and is for people to judge.
fn judge(pending: Option<&ChangeSet>, in_run: bool) -> Observation {
    match pending.filter(|set| !set.is_empty() && !set.is_executed()) {
        None => Observation::new(WHAT, "none", "none", true),
        Some(set) if in_run => Observation::recorded(WHAT, describe(set)),
        Some(set) => Observation::new(WHAT, "none", describe(set), false),
    }
}

fn describe(set: &ChangeSet) -> String {
    let changed: Vec<_> = set.changes.iter().filter(|change| change.action != ResourceAction::None).collect();
    let names = changed.iter().take(MAX_NAMED).map(|change| change.address.as_str());
    let names = names.collect::<Vec<_>>().join(", ");
    let more = changed.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    if names.is_empty() { set.summary() } else { format!("{}: {names}{more}", set.summary()) }
}

#[cfg(test)]
mod tests {
    use super::super::changes::{ResourceChange, digest_of};
    use super::*;

    fn set(changes: &[(&str, ResourceAction)], further: &[&str], finding: &str) -> ChangeSet {
        let change =
            |(address, action): &(&str, ResourceAction)| ResourceChange::new(*address, "kind", *action, "");
        ChangeSet {
            changes: changes.iter().map(change).collect(),
            further: further.iter().map(|text| (*text).to_owned()).collect(),
            findings: vec![Observation::new("change set", "", finding, false)],
            unlisted: None,
            digest: digest_of(std::iter::empty()),
        }
    }

    #[test]
    fn what_is_not_applied_is_pending() {
        use ResourceAction::{Create, None as Kept, Update};
        for (set, ok, seen) in [
            (None, true, "none"),
            (Some(set(&[("redis", Kept)], &[], "")), true, "none"),
            (Some(set(&[("redis", Kept), ("rabbit", Update)], &[], "")), false, "1 to update"),
            (Some(set(&[("rabbit", Update)], &[], "")), false, ": rabbit"),
            (Some(set(&[], &["1 output to change"], "")), false, "1 output to change"),
            (
                Some(set(&[("a", Create), ("b", Create), ("c", Create), ("d", Create)], &[], "")),
                false,
                ": a, b, c and 1 more",
            ),
            // A change set of CloudFormation stays after it was executed.
            (Some(set(&[("rabbit", Update)], &[], "EXECUTE_COMPLETE: already executed")), true, "none"),
            (Some(set(&[("rabbit", Update)], &[], "EXECUTE_FAILED: execution failed")), false, "1 to update"),
        ] {
            let judged = judge(set.as_ref(), false);
            assert_eq!((judged.ok, judged.seen.contains(seen)), (Some(ok), true), "{seen}: {judged:?}");
            let in_run = judge(set.as_ref(), true);
            assert_eq!((in_run.ok, &in_run.seen), (Some(true), &judged.seen), "{in_run:?}");
        }
    }
}
