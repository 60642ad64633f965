//! `kubectl`, as far as deployments are read, scaled, given another image and waited for.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ToolCall, ToolResult, ToolStream, flag, not_offered, take};
use crate::names::CONTEXT;
use crate::stack::Parts;

/// What stands before a deployment's name.
const DEPLOYMENT: &str = "deployment/";
const PAUSE: Duration = Duration::from_millis(100);
/// How long a rollout is waited for unless it is said.
const PATIENCE: Duration = Duration::from_mins(10);

pub(super) async fn run(call: &ToolCall, parts: &Parts, stream: &mut ToolStream) -> ToolResult {
    let mut args = call.args.clone();
    let context = take(&mut args, &["--context"]);
    // There is one cluster, whatever file names it, and one namespace.
    let _ = (take(&mut args, &["--namespace", "-n"]), take(&mut args, &["--kubeconfig"]));
    if let Some(other) = context.filter(|context| context != CONTEXT) {
        stream.stderr(format!("error: context \"{other}\" does not exist")).await?;
        return Ok(1);
    }
    let dry = flag(&mut args, "--dry-run=server");
    let (output, selector) = (take(&mut args, &["--output", "-o"]), take(&mut args, &["--selector", "-l"]));
    let (replicas, timeout) = (take(&mut args, &["--replicas"]), take(&mut args, &["--timeout"]));
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let as_json = output.as_deref() == Some("json");
    match words.as_slice() {
        ["config", "current-context"] => stream.stdout(CONTEXT).await.map(|()| 0),
        ["get", target] if as_json && target.starts_with(DEPLOYMENT) => {
            deployment(parts, stream, target.trim_start_matches(DEPLOYMENT)).await
        }
        ["get", "deployment", name] if as_json => deployment(parts, stream, name).await,
        ["get", "pods"] if as_json => {
            let items = parts.cluster.pods(selector.as_deref());
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
            stream.stdout(list.to_string()).await.map(|()| 0)
        }
        ["scale", "deployment", name] => match replicas.and_then(|count| count.parse().ok()) {
            Some(count) => scale(parts, stream, name, count, dry).await,
            None => not_offered(call, stream).await,
        },
        ["set", "image", target, image] => set_image(parts, stream, target, image, dry).await,
        ["rollout", "status", target] => {
            let patience = timeout.and_then(|text| span(&text)).unwrap_or(PATIENCE);
            status(parts, stream, target.trim_start_matches(DEPLOYMENT), patience).await
        }
        _ => not_offered(call, stream).await,
    }
}

/// `90s`, `10m`
fn span(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number * 60)),
        _ => None,
    }
}

async fn missing(name: &str, stream: &mut ToolStream) -> ToolResult {
    stream.stderr(format!("Error from server (NotFound): deployments.apps \"{name}\" not found")).await?;
    Ok(1)
}

async fn deployment(parts: &Parts, stream: &mut ToolStream, name: &str) -> ToolResult {
    match parts.cluster.deployment(name) {
        Some(found) => stream.stdout(found.to_string()).await.map(|()| 0),
        None => missing(name, stream).await,
    }
}

fn told(dry: bool) -> &'static str {
    if dry { " (server dry run)" } else { "" }
}

async fn scale(parts: &Parts, stream: &mut ToolStream, name: &str, count: u64, dry: bool) -> ToolResult {
    if parts.cluster.deployment(name).is_none() {
        return missing(name, stream).await;
    }
    if !dry {
        let _ = parts.cluster.scale(name, count);
    }
    stream.stdout(format!("deployment.apps/{name} scaled{}", told(dry))).await?;
    Ok(0)
}

async fn set_image(
    parts: &Parts,
    stream: &mut ToolStream,
    target: &str,
    image: &str,
    dry: bool,
) -> ToolResult {
    let name = target.trim_start_matches(DEPLOYMENT);
    if parts.cluster.deployment(name).is_none() {
        return missing(name, stream).await;
    }
    let Some((container, image)) = image.split_once('=').filter(|(container, _)| *container == name) else {
        stream.stderr(format!("error: unable to find container named \"{image}\"")).await?;
        return Ok(1);
    };
    if !dry {
        parts.roll_out(container, image);
    }
    stream.stdout(format!("deployment.apps/{name} image updated{}", told(dry))).await?;
    Ok(0)
}

async fn status(parts: &Parts, stream: &mut ToolStream, name: &str, patience: Duration) -> ToolResult {
    let wait = async {
        let mut last = None;
        loop {
            let Some(found) = parts.cluster.deployment(name) else { return missing(name, stream).await };
            let number = |path: &str| found.pointer(path).and_then(Value::as_u64).unwrap_or(0);
            let (wanted, new) = (number("/spec/replicas"), number("/status/updatedReplicas"));
            if new >= wanted {
                stream.stdout(format!("deployment \"{name}\" successfully rolled out")).await?;
                return Ok(0);
            }
            if last.replace(new) != Some(new) {
                let line = format!(
                    "Waiting for deployment \"{name}\" rollout to finish: {new} out of {wanted} new replicas have been updated..."
                );
                stream.stdout(line).await?;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    if let Ok(ended) = tokio::time::timeout(patience, wait).await {
        ended
    } else {
        stream.stderr("error: timed out waiting for the condition").await?;
        Ok(1)
    }
}
