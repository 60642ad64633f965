//! What is to be said of a plan of Terraform as a whole: whether it can be applied and covers everything, what was
//! changed outside of it, and what its own checks say. Pure.

use std::collections::BTreeSet;

use super::changes::{ResourceAction, ResourceChange};
use super::printed::few;
use super::terraform_plan::{CheckResult, Deferred, TerraformPlan};
use gonogo_core::outcome::Observation;
use gonogo_core::text;

/// The longest piece of a check's message, in bytes.
const MAX_MESSAGE: usize = 160;
const PLAN: &str = "plan";
const WHOLE: &str = "complete, without errors";

pub(super) fn of(plan: &TerraformPlan, changes: &[ResourceChange]) -> Vec<Observation> {
    let mut seen = whole(plan, changes);
    seen.extend(drift(plan));
    seen.extend(invocations(plan));
    seen.extend(checks(&plan.checks));
    seen
}

/// Whether the plan can be applied, and is the whole plan.
fn whole(plan: &TerraformPlan, changes: &[ResourceChange]) -> Vec<Observation> {
    if plan.errored == Some(true) {
        let seen = "planning failed with errors; fix them and plan again";
        return vec![Observation::new(PLAN, WHOLE, seen, false)];
    }
    if let Some(without_any) = without_any(plan) {
        return vec![without_any];
    }
    let would_change = changes.iter().any(|change| change.action != ResourceAction::None);
    if plan.applyable == Some(false) && would_change {
        let seen = "it has changes but is marked as not applicable (applyable: false)";
        return vec![Observation::unknown(PLAN, WHOLE, seen)];
    }
    let (deferred, left_out) = (deferred(plan), left_out(plan));
    let is_explained = deferred.is_some() || left_out.is_some();
    let incomplete = (plan.complete == Some(false) && !is_explained).then(|| {
        let why = "marked as not complete (complete: false): made with -target, or changes are deferred";
        Observation::unknown(PLAN, WHOLE, why)
    });
    [deferred, left_out, incomplete].into_iter().flatten().collect()
}

/// A plan lists the resources that stay, too. One that lists none, of a state that has some, is no plan of them.
fn without_any(plan: &TerraformPlan) -> Option<Observation> {
    let known = plan.prior_addresses().len().max(plan.resource_drift.len());
    let is_empty = plan.planned().is_empty() && plan.deferred_changes.is_empty() && known > 0;
    let count = text::count(known, "resource");
    let seen = format!("no changes planned for the {count} of the state: made with -refresh-only?");
    is_empty.then(|| Observation::new(PLAN, "a plan of all resources", seen, false))
}

/// Changes that are known to be missing from the plan.
fn deferred(plan: &TerraformPlan) -> Option<Observation> {
    let describe = |deferred: &Deferred| {
        let of_resource = deferred.resource_change.as_ref();
        let of_resource = of_resource.map(|item| (item.address.as_str(), item.change.describe()));
        let of_action =
            || deferred.action_invocation.as_ref().map(|item| (item.address.as_str(), "invoke".into()));
        let (address, action) = of_resource.or_else(of_action).unwrap_or(("a change", "unknown".into()));
        format!("{address} ({action}; {})", deferred.reason.replace('_', " "))
    };
    let all = plan.deferred_changes.iter().chain(&plan.deferred_action_invocations);
    let named: Vec<String> = all.map(describe).collect();
    let seen = || format!("deferred to a later plan: {}", few(named.iter().map(String::as_str)));
    (!named.is_empty()).then(|| Observation::unknown("deferred changes", "none", seen()))
}

/// Resources of the state that the plan says nothing of. A whole plan lists those that stay, too.
fn left_out(plan: &TerraformPlan) -> Option<Observation> {
    let listed =
        plan.planned().iter().chain(plan.deferred_changes.iter().filter_map(|d| d.resource_change.as_ref()));
    let listed: BTreeSet<&str> = listed
        .flat_map(|resource| [Some(resource.address.as_str()), resource.previous_address.as_deref()])
        .flatten()
        .collect();
    let missing: Vec<&str> =
        plan.prior_addresses().into_iter().filter(|address| !listed.contains(address)).collect();
    let seen = || format!("not in the plan: {}; made with -target?", few(missing.iter().copied()));
    (!missing.is_empty()).then(|| Observation::unknown("resources of the state", "all planned", seen()))
}

/// What was changed outside of Terraform since the last apply: it differs from a change that is meant.
fn drift(plan: &TerraformPlan) -> Option<Observation> {
    let describe = |item: &super::terraform_plan::PlannedResource| {
        format!("{} ({})", item.address, item.change.describe())
    };
    let named: Vec<String> = plan.resource_drift.iter().map(describe).collect();
    let seen = || format!("changed outside of the tool: {}", few(named.iter().map(String::as_str)));
    (!named.is_empty()).then(|| Observation::recorded("drift", seen()))
}

fn invocations(plan: &TerraformPlan) -> Option<Observation> {
    let named = plan.action_invocations.iter().map(|action| action.address.as_str());
    let seen = || format!("to be invoked: {}", few(named.clone()));
    (!plan.action_invocations.is_empty()).then(|| Observation::recorded("actions", seen()))
}

/// The conditions of the code: `check` blocks, preconditions and postconditions.
fn checks(checks: &[CheckResult]) -> Vec<Observation> {
    let with = |status: &'static str| checks.iter().filter(move |check| check.status == status);
    let judge = |check: &CheckResult, ok: Option<bool>, status: &str| {
        let problems = check.instances.iter().flat_map(|instance| &instance.problems);
        let problems: Vec<&str> = problems.map(|problem| problem.message.as_str()).collect();
        let seen = format!("{status}: {}", text::clip(&problems.join("; "), MAX_MESSAGE));
        let seen = seen.trim_end_matches(": ").to_owned();
        Observation {
            ok,
            ..Observation::new(format!("check {}", check.address.to_display), "holds", seen, true)
        }
    };
    let failed = with("fail").map(|check| judge(check, Some(false), "fails"));
    let errors = with("error").map(|check| judge(check, None, "could not be evaluated"));
    let (passed, open) = (with("pass").count(), with("unknown").count());
    let summary = format!("{passed} hold, {open} known after apply");
    let summary = (passed + open > 0).then(|| Observation::recorded("checks of the code", summary));
    failed.chain(errors).chain(summary).collect()
}
