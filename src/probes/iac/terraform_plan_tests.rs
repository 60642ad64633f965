//! Plans of Terraform and `OpenTofu`, in the shapes that people meet.

use serde_json::{Value, json};

use super::changes::ChangeSet;
use super::changes::ResourceAction::{self, Create, Destroy, Forget, Import, Replace, Unknown, Update};
use crate::probes::altered_json::GoodDocument;
use gonogo_core::outcome::{Observation, Outcome};

fn resource(address: &str, change: Value) -> Value {
    let kind = address.split('.').next().unwrap();
    let mut resource = json!({"address": address, "mode": "managed", "type": kind, "name": "x"});
    resource["change"] = change;
    resource
}

fn actions(actions: &[&str]) -> Value {
    json!({"actions": actions, "before": null, "after": {"password": "hunter"}})
}

/// A plan that can be applied, with more fields.
fn plan(resources: Value, more: Value) -> Vec<u8> {
    let mut plan = json!({"format_version": "1.2", "planned_values": {},
        "applyable": true, "complete": true, "errored": false});
    plan["resource_changes"] = resources;
    let Value::Object(more) = more else { unreachable!() };
    plan.as_object_mut().unwrap().extend(more);
    plan.to_string().into_bytes()
}

fn read(resources: Value, more: Value) -> ChangeSet {
    ChangeSet::of_terraform(&plan(resources, more)).unwrap()
}

/// What is said of the plan as a whole.
fn findings(resources: Value, more: Value) -> Vec<Observation> {
    read(resources, more).findings
}

fn prior(addresses: &[&str]) -> Value {
    let resources: Vec<_> =
        addresses.iter().map(|address| json!({"address": address, "mode": "managed"})).collect();
    let below = json!([{"resources": resources}, {"resources": [{"address": "data.a.b", "mode": "data"}]}]);
    json!({"values": {"root_module": {"child_modules": below}}})
}

#[test]
fn the_actions_of_a_resource() {
    let cases: [(Value, ResourceAction, &str); 13] = [
        (actions(&["no-op"]), ResourceAction::None, "unchanged"),
        (actions(&["create"]), Create, "new"),
        (actions(&["update"]), Update, "in place"),
        (actions(&["delete"]), Destroy, "gone"),
        (actions(&["delete", "create"]), Replace, "replaced"),
        (actions(&["create", "delete"]), Replace, "created before it is destroyed"),
        (actions(&["forget"]), Forget, "a removed block that does not destroy"),
        (actions(&["create", "forget"]), Replace, "replaced, and the old one forgotten"),
        (actions(&["forget", "create"]), Replace, "the same, in the other order"),
        (json!({"actions": ["no-op"], "importing": {"id": "i-1"}}), Import, "an import block"),
        (json!({"actions": ["update"], "importing": {"id": "i-1"}}), Update, "imported and changed"),
        (actions(&["transmogrify"]), Unknown, "an action of a later version"),
        (json!({"actions": null}), Unknown, "no action is said"),
    ];
    for (change, expected, why) in cases {
        let planned = read(json!([resource("aws_mq_broker.a", change)]), json!({}));
        assert_eq!(planned.changes[0].action, expected, "{why}");
    }
}

#[test]
fn data_sources_are_no_resources() {
    let data = json!({"address": "data.aws_redis.a", "mode": "data", "type": "aws_redis", "change": {"actions": ["read"]}});
    let planned = read(json!([data]), json!({}));
    assert!(planned.changes.is_empty());
    assert_eq!(planned.count_of("redis"), 0);
}

#[test]
fn why_a_resource_is_replaced_or_left_over_is_said() {
    let paths = json!({"actions": ["delete", "create"], "replace_paths": [["disk", 0, "size"], ["engine"]]});
    let mut replaced = resource("aws_mq_broker.a", paths);
    replaced["action_reason"] = json!("replace_because_cannot_update");
    let mut deposed = resource("aws_mq_broker.a", actions(&["delete"]));
    deposed["deposed"] = json!("c0ffee00");
    let forgotten = resource("aws_mq_broker.b", actions(&["create", "forget"]));
    let planned = read(json!([replaced, deposed, forgotten]), json!({}));
    assert_eq!(planned.changes[0].note, "cannot update disk.0.size, engine");
    assert_eq!(planned.changes[1].note, "deposed object c0ffee00, left over from an earlier replacement");
    assert!(planned.changes[1].is_leftover && !planned.changes[0].is_leftover);
    assert_eq!(planned.changes[2].note, "the old one is forgotten: kept, but no longer managed");
}

#[test]
fn a_plan_that_is_not_whole_or_cannot_be_applied_is_not_good() {
    let kept = || json!([resource("aws_mq_broker.a", actions(&["no-op"]))]);
    let created = || json!([resource("aws_mq_broker.a", actions(&["create"]))]);
    let deferred = json!([{"reason": "instance_count_unknown",
        "resource_change": resource("aws_mq_broker.b", actions(&["delete"]))}]);
    let invocation = json!([{"reason": "deferred_prereq", "action_invocation": {"address": "action.a.b"}}]);
    let cases: [(Value, Value, Option<bool>, &str); 7] = [
        (
            kept(),
            json!({"errored": true, "applyable": false, "complete": false}),
            Some(false),
            "failed with errors",
        ),
        (
            kept(),
            json!({"complete": false, "deferred_changes": deferred}),
            None,
            "aws_mq_broker.b (delete; instance count unknown)",
        ),
        (
            kept(),
            json!({"complete": false, "deferred_action_invocations": invocation}),
            None,
            "action.a.b (invoke; deferred prereq)",
        ),
        (kept(), json!({"complete": false}), None, "not complete"),
        (created(), json!({"applyable": false}), None, "not applicable"),
        (
            kept(),
            json!({"prior_state": prior(&["aws_mq_broker.a", "aws_mq_broker.c"])}),
            None,
            "not in the plan: aws_mq_broker.c",
        ),
        (json!([]), json!({"prior_state": prior(&["aws_mq_broker.a"])}), Some(false), "-refresh-only"),
    ];
    for (resources, more, ok, seen) in cases {
        let found = findings(resources, more.clone());
        assert_eq!(found.len(), 1, "{more}: {found:?}");
        assert_eq!(found[0].ok, ok, "{more}: {found:?}");
        assert!(found[0].seen.contains(seen), "{found:?}");
    }
}

#[test]
fn a_whole_plan_is_good() {
    let mut moved = resource("aws_mq_broker.new", actions(&["no-op"]));
    moved["previous_address"] = json!("aws_mq_broker.old");
    let gone = resource("aws_mq_broker.gone", actions(&["delete"]));
    let more = json!({"prior_state": prior(&["aws_mq_broker.old", "aws_mq_broker.gone"])});
    let planned = read(json!([moved, gone]), more);
    assert!(planned.findings.is_empty(), "{:?}", planned.findings);
    assert_eq!(planned.further, ["1 to move"]);
    let older = br#"{"format_version": "0.2", "planned_values": {}, "resource_changes": []}"#;
    assert!(ChangeSet::of_terraform(older).unwrap().findings.is_empty(), "before 1.8 it does not say");
    let unchanged = json!({"applyable": false});
    assert!(findings(json!([resource("aws_mq_broker.a", actions(&["no-op"]))]), unchanged).is_empty());
    let outputs = json!({"output_changes": {"url": {"actions": ["update"]}, "port": {"actions": ["no-op"]}}});
    assert_eq!(read(json!([]), outputs).further, ["1 output to change"]);
}

#[test]
fn drift_actions_and_checks_are_reported() {
    let drift = json!({"resource_drift": [resource("aws_mq_broker.a", actions(&["update"]))]});
    let refreshed = findings(json!([]), drift.clone());
    assert_eq!(refreshed[0].ok, Some(false), "made with -refresh-only: {refreshed:?}");
    let invoked = json!({"action_invocations": [{"address": "action.aws_lambda_invoke.warm"}]});
    let check = |status: &str, problem: Value| {
        json!({"checks": [{"address": {"kind": "check", "to_display": "check.health"}, "status": status,
            "instances": [{"address": {}, "status": status, "problems": [problem]}]}]})
    };
    let cases: [(Value, Option<bool>, &str); 6] = [
        (drift, Some(true), "changed outside of the tool: aws_mq_broker.a (update)"),
        (invoked, Some(true), "to be invoked: action.aws_lambda_invoke.warm"),
        (check("fail", json!({"message": "is down"})), Some(false), "fails: is down"),
        (check("error", json!({})), None, "could not be evaluated"),
        (check("pass", json!({})), Some(true), "1 hold, 0 known after apply"),
        (check("unknown", json!({})), Some(true), "0 hold, 1 known after apply"),
    ];
    for (more, ok, seen) in cases {
        let found = findings(json!([resource("aws_mq_broker.a", actions(&["no-op"]))]), more);
        assert_eq!((found.len(), found[0].ok, found[0].seen.as_str()), (1, ok, seen));
    }
}

#[test]
fn what_is_no_plan_is_not_read_as_one_without_changes() {
    let cases: [(&[u8], &str, &str); 5] = [
        (br#"{"format_version": "1.0"}"#, "not a plan", "`show -json` of an empty state"),
        (
            br#"{"format_version": "1.0", "values": {"root_module": {}}}"#,
            "not a plan",
            "`show -json` of a state",
        ),
        (
            br#"{"format_version": "1.2", "planned_values": {}, "resource_changes": null}"#,
            "is null",
            "encoded again",
        ),
        (br#"{"format_version": "2.0", "planned_values": {}}"#, "format 2.0", "a later format"),
        (
            b"{\"@level\":\"info\"}\n{\"type\":\"change_summary\"}\n",
            "not a change set",
            "`plan -json`, a stream",
        ),
    ];
    for (json, why, what) in cases {
        let error = ChangeSet::of_terraform(json).unwrap_err().to_string();
        assert!(error.contains(why), "{what}: {error}");
    }
    assert!(
        ChangeSet::of_terraform(br#"{"format_version": "1.2", "planned_values": {}}"#).is_ok(),
        "no resource at all"
    );
}

#[test]
fn the_digest_does_not_depend_on_time() {
    let at = |time: &str| read(json!([]), json!({"timestamp": time})).digest;
    assert_eq!(at("2026-05-05T00:00:00Z"), at("2026-05-06T00:00:00Z"));
    assert_ne!(at(""), read(json!([resource("a.b", actions(&["create"]))]), json!({"timestamp": ""})).digest);
}

#[test]
fn an_altered_plan_never_passes_for_nothing() {
    let resources = json!([resource("aws_mq_broker.rabbit", actions(&["create"]))]);
    let json = serde_json::from_slice(&plan(resources, json!({}))).unwrap();
    let carriers = ["/resource_changes", "/resource_changes/0/change", "/resource_changes/0/change/actions"];
    let spec = serde_json::from_value(json!({"tool": "terraform", "directory": ".", "required": ["rabbit"]}))
        .unwrap();
    GoodDocument { json, carriers: &carriers, maps: &[] }.check(|printed| {
        let seen = ChangeSet::of_terraform(printed).map(|planned| super::changes::judge(&spec, planned));
        Outcome::of(seen.unwrap_or_default(), "").class
    });
}
