//! The shim of `terraform`: plan, show, apply, and state pull.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ToolCall, ToolResult, ToolStream, take_flag, take_option, unsupported};
use crate::stack::Services;

const STEP_DELAY: Duration = Duration::from_millis(300);

pub(super) async fn run(call: &ToolCall, services: &Services, stream: &mut ToolStream) -> ToolResult {
    let mut args = call.args.clone();
    // There is one configuration, in whatever directory.
    let _ = take_option(&mut args, &["-chdir"]);
    for noise in ["-input=false", "-lock=false", "-no-color", "-auto-approve"] {
        take_flag(&mut args, noise);
    }
    let detailed = take_flag(&mut args, "-detailed-exitcode");
    let out = take_option(&mut args, &["-out"]);
    let arguments: Vec<&str> = args.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["plan"] => {
            let plan = plan(services);
            let changes = pending_changes(&plan).len();
            if let Some(file) = out {
                stream.write_file(&file, plan.to_string()).await?;
            }
            stream.stdout(format!("Plan: {changes} to add, change or destroy.")).await?;
            Ok(if detailed && changes > 0 { 2 } else { 0 })
        }
        ["show", "-json", _] => match saved_plan(call) {
            Some(plan) => stream.stdout(plan.to_string()).await.map(|()| 0),
            None => fail("Failed to read the given file as a state or plan file", stream).await,
        },
        ["state", "pull"] => {
            // Terraform pretty-prints the state.
            stream.stdout(format!("{:#}", state(services))).await.map(|()| 0)
        }
        ["apply", _] => match saved_plan(call) {
            None => fail("Failed to load the plan file", stream).await,
            Some(plan) if plan["serial"] != json!(services.serial()) => {
                fail("Saved plan is stale", stream).await
            }
            Some(plan) => apply(&plan, services, stream).await,
        },
        _ => unsupported(call, stream).await,
    }
}

async fn fail(message: &str, stream: &mut ToolStream) -> ToolResult {
    stream.stderr(format!("Error: {message}")).await?;
    Ok(1)
}

fn saved_plan(call: &ToolCall) -> Option<Value> {
    serde_json::from_str(call.input_file.as_ref()?).ok()
}

/// The current plan, in the format of `terraform show -json`.
fn plan(services: &Services) -> Value {
    let applied = services.serial() > 1;
    let once = |action: &'static str| if applied { "no-op" } else { action };
    let mut all = vec![
        resource_change("redis_configuration.main", "redis_configuration", once("update")),
        resource_change("rabbitmq_exchange.audit", "rabbitmq_exchange", once("create")),
        resource_change("rabbitmq_queue.events_retry", "rabbitmq_queue", "no-op"),
        resource_change("helm_release.otel_collector", "helm_release", "no-op"),
        resource_change("aws_security_group_rule.app_to_brokers", "aws_security_group_rule", once("create")),
    ];
    if services.plan_destroys_queue() {
        all.push(resource_change("rabbitmq_queue.events", "rabbitmq_queue", once("delete")));
    }
    json!({
        "format_version": "1.2", "terraform_version": "1.12.1", "serial": services.serial(),
        "resource_changes": all, "timestamp": jiff::Timestamp::now().to_string(),
    })
}

/// The state of what has been applied: all resources of the plan but those that it creates.
fn state(services: &Services) -> Value {
    let plan = plan(services);
    let planned = plan["resource_changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let existing = planned.iter().filter(|resource| resource["change"]["actions"][0] != "create");
    let resources: Vec<_> = existing
        .map(|resource| {
            json!({"mode": "managed", "type": resource["type"], "name": resource["name"], "instances": [{"attributes": {}}]})
        })
        .collect();
    json!({
        "version": 4, "terraform_version": "1.12.1", "serial": services.serial(),
        "lineage": "5a1c0de0-7e57-4bad-9abe-1e5501d0be5a", "resources": resources,
    })
}

fn resource_change(address: &str, kind: &str, action: &str) -> Value {
    let (_, name) = address.split_once('.').unwrap_or_default();
    json!({"address": address, "type": kind, "name": name, "change": {"actions": [action]}})
}

fn pending_changes(plan: &Value) -> Vec<(&str, &str)> {
    let all = plan["resource_changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let each =
        all.iter().filter_map(|one| Some((one["address"].as_str()?, one["change"]["actions"][0].as_str()?)));
    each.filter(|(_, action)| *action != "no-op").collect()
}

async fn apply(plan: &Value, services: &Services, stream: &mut ToolStream) -> ToolResult {
    for (address, action) in pending_changes(plan) {
        let (doing, done) = match action {
            "create" => ("Creating", "Creation"),
            "delete" => ("Destroying", "Destruction"),
            _ => ("Modifying", "Modifications"),
        };
        stream.stdout(format!("{address}: {doing}...")).await?;
        tokio::time::sleep(STEP_DELAY).await;
        services.apply_resource(address);
        stream.stdout(format!("{address}: {done} complete after 0s")).await?;
    }
    services.increment_serial();
    stream.stdout("Apply complete!").await?;
    Ok(0)
}
