//! `terraform`, as far as a plan is made, shown and applied, and the state is told of.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ToolCall, ToolResult, ToolStream, flag, not_offered, take};
use crate::stack::Parts;

const STEP: Duration = Duration::from_millis(300);

pub(super) async fn run(call: &ToolCall, parts: &Parts, stream: &mut ToolStream) -> ToolResult {
    let mut args = call.args.clone();
    // There is one directory, wherever it is.
    let _ = take(&mut args, &["-chdir"]);
    for noise in ["-input=false", "-lock=false", "-no-color", "-auto-approve"] {
        flag(&mut args, noise);
    }
    let detailed = flag(&mut args, "-detailed-exitcode");
    let out = take(&mut args, &["-out"]);
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["plan"] => {
            let plan = plan(parts);
            let changes = changed(&plan).len();
            if let Some(file) = out {
                stream.write(&file, plan.to_string()).await?;
            }
            stream.stdout(format!("Plan: {changes} to add, change or destroy.")).await?;
            Ok(if detailed && changes > 0 { 2 } else { 0 })
        }
        ["show", "-json", _] => match read(call) {
            Some(plan) => stream.stdout(plan.to_string()).await.map(|()| 0),
            None => broken("Failed to read the given file as a state or plan file", stream).await,
        },
        ["state", "pull"] => {
            let (serial, lineage) = (parts.serial(), "5a1c0de0-7e57-4bad-9abe-1e5501d0be5a");
            let state =
                json!({"version": 4, "terraform_version": "1.12.1", "serial": serial, "lineage": lineage});
            // Terraform writes it in lines.
            stream.stdout(format!("{state:#}")).await.map(|()| 0)
        }
        ["apply", _] => match read(call) {
            None => broken("Failed to load the plan file", stream).await,
            Some(made) if made["serial"] != json!(parts.serial()) => {
                broken("Saved plan is stale", stream).await
            }
            Some(made) => apply(&made, parts, stream).await,
        },
        _ => not_offered(call, stream).await,
    }
}

async fn broken(why: &str, stream: &mut ToolStream) -> ToolResult {
    stream.stderr(format!("Error: {why}")).await?;
    Ok(1)
}

fn read(call: &ToolCall) -> Option<Value> {
    serde_json::from_str(call.given.as_ref()?).ok()
}

/// What would be changed now, in the shape of `terraform show -json`.
fn plan(parts: &Parts) -> Value {
    let applied = parts.serial() > 1;
    let once = |action: &'static str| if applied { "no-op" } else { action };
    let mut all = vec![
        change("redis_configuration.main", "redis_configuration", once("update")),
        change("rabbitmq_exchange.audit", "rabbitmq_exchange", once("create")),
        change("rabbitmq_queue.events_retry", "rabbitmq_queue", "no-op"),
        change("helm_release.otel_collector", "helm_release", "no-op"),
        change("aws_security_group_rule.app_to_brokers", "aws_security_group_rule", once("create")),
    ];
    if parts.destroys() {
        all.push(change("rabbitmq_queue.events", "rabbitmq_queue", once("delete")));
    }
    json!({
        "format_version": "1.2", "terraform_version": "1.12.1", "serial": parts.serial(),
        "resource_changes": all, "timestamp": jiff::Timestamp::now().to_string(),
    })
}

fn change(address: &str, kind: &str, action: &str) -> Value {
    let (_, name) = address.split_once('.').unwrap_or_default();
    json!({"address": address, "type": kind, "name": name, "change": {"actions": [action]}})
}

fn changed(plan: &Value) -> Vec<(&str, &str)> {
    let all = plan["resource_changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let each =
        all.iter().filter_map(|one| Some((one["address"].as_str()?, one["change"]["actions"][0].as_str()?)));
    each.filter(|(_, action)| *action != "no-op").collect()
}

async fn apply(made: &Value, parts: &Parts, stream: &mut ToolStream) -> ToolResult {
    for (address, action) in changed(made) {
        let (doing, done) = match action {
            "create" => ("Creating", "Creation"),
            "delete" => ("Destroying", "Destruction"),
            _ => ("Modifying", "Modifications"),
        };
        stream.stdout(format!("{address}: {doing}...")).await?;
        tokio::time::sleep(STEP).await;
        parts.apply(address);
        stream.stdout(format!("{address}: {done} complete after 0s")).await?;
    }
    parts.applied();
    stream.stdout("Apply complete!").await?;
    Ok(0)
}
