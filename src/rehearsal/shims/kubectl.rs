//! The shim of `kubectl`: get, scale, set image and rollout status of deployments.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ToolCall, ToolResult, ToolStream, take_flag, take_option, unsupported};
use crate::names::CONTEXT;
use crate::stack::Services;

/// The prefix of a deployment's name on the command line.
const DEPLOYMENT_PREFIX: &str = "deployment/";
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long `rollout status` waits without `--timeout`.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(10);

pub(super) async fn run(call: &ToolCall, services: &Services, stream: &mut ToolStream) -> ToolResult {
    let mut args = call.args.clone();
    let context = take_option(&mut args, &["--context"]);
    // There is one cluster and one namespace, whatever the options say.
    let _ = (take_option(&mut args, &["--namespace", "-n"]), take_option(&mut args, &["--kubeconfig"]));
    if let Some(other) = context.filter(|context| context != CONTEXT) {
        stream.stderr(format!("error: context \"{other}\" does not exist")).await?;
        return Ok(1);
    }
    let dry = take_flag(&mut args, "--dry-run=server");
    let (output, selector) =
        (take_option(&mut args, &["--output", "-o"]), take_option(&mut args, &["--selector", "-l"]));
    let (replicas, timeout) =
        (take_option(&mut args, &["--replicas"]), take_option(&mut args, &["--timeout"]));
    let arguments: Vec<&str> = args.iter().map(String::as_str).collect();
    let as_json = output.as_deref() == Some("json");
    match arguments.as_slice() {
        ["config", "current-context"] => stream.stdout(CONTEXT).await.map(|()| 0),
        ["get", target] if as_json && target.starts_with(DEPLOYMENT_PREFIX) => {
            get_deployment(services, stream, target.trim_start_matches(DEPLOYMENT_PREFIX)).await
        }
        ["get", "deployment", name] if as_json => get_deployment(services, stream, name).await,
        ["get", "pods"] if as_json => {
            let items = services.cluster.pods(selector.as_deref());
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
            stream.stdout(list.to_string()).await.map(|()| 0)
        }
        ["scale", "deployment", name] => match replicas.and_then(|count| count.parse().ok()) {
            Some(count) => scale(services, stream, name, count, dry).await,
            None => unsupported(call, stream).await,
        },
        ["set", "image", target, image] => set_image(services, stream, target, image, dry).await,
        ["rollout", "status", target] => {
            let timeout = timeout.and_then(|text| parse_timeout(&text)).unwrap_or(DEFAULT_TIMEOUT);
            rollout_status(services, stream, target.trim_start_matches(DEPLOYMENT_PREFIX), timeout).await
        }
        _ => unsupported(call, stream).await,
    }
}

/// A duration such as `90s` or `10m`.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number * 60)),
        _ => None,
    }
}

async fn not_found(name: &str, stream: &mut ToolStream) -> ToolResult {
    stream.stderr(format!("Error from server (NotFound): deployments.apps \"{name}\" not found")).await?;
    Ok(1)
}

async fn get_deployment(services: &Services, stream: &mut ToolStream, name: &str) -> ToolResult {
    match services.cluster.deployment(name) {
        Some(deployment) => stream.stdout(deployment.to_string()).await.map(|()| 0),
        None => not_found(name, stream).await,
    }
}

fn dry_run_suffix(dry: bool) -> &'static str {
    if dry { " (server dry run)" } else { "" }
}

async fn scale(
    services: &Services,
    stream: &mut ToolStream,
    name: &str,
    count: u64,
    dry: bool,
) -> ToolResult {
    if services.cluster.deployment(name).is_none() {
        return not_found(name, stream).await;
    }
    if !dry {
        let _ = services.cluster.scale(name, count);
    }
    stream.stdout(format!("deployment.apps/{name} scaled{}", dry_run_suffix(dry))).await?;
    Ok(0)
}

async fn set_image(
    services: &Services,
    stream: &mut ToolStream,
    target: &str,
    image: &str,
    dry: bool,
) -> ToolResult {
    let name = target.trim_start_matches(DEPLOYMENT_PREFIX);
    if services.cluster.deployment(name).is_none() {
        return not_found(name, stream).await;
    }
    let Some((container, image)) = image.split_once('=').filter(|(container, _)| *container == name) else {
        stream.stderr(format!("error: unable to find container named \"{image}\"")).await?;
        return Ok(1);
    };
    if !dry {
        services.roll_out(container, image);
    }
    stream.stdout(format!("deployment.apps/{name} image updated{}", dry_run_suffix(dry))).await?;
    Ok(0)
}

async fn rollout_status(
    services: &Services,
    stream: &mut ToolStream,
    name: &str,
    timeout: Duration,
) -> ToolResult {
    let wait = async {
        let mut last = None;
        loop {
            let Some(deployment) = services.cluster.deployment(name) else {
                return not_found(name, stream).await;
            };
            let number = |path: &str| deployment.pointer(path).and_then(Value::as_u64).unwrap_or(0);
            let (desired, new) = (number("/spec/replicas"), number("/status/updatedReplicas"));
            if new >= desired {
                stream.stdout(format!("deployment \"{name}\" successfully rolled out")).await?;
                return Ok(0);
            }
            if last.replace(new) != Some(new) {
                let line = format!(
                    "Waiting for deployment \"{name}\" rollout to finish: {new} out of {desired} new replicas have been updated..."
                );
                stream.stdout(line).await?;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    if let Ok(ended) = tokio::time::timeout(timeout, wait).await {
        ended
    } else {
        stream.stderr("error: timed out waiting for the condition").await?;
        Ok(1)
    }
}
