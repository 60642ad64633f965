//! Whether the state of the infrastructure is backed up: in the tool's backend, or in a file. Its content is not
//! reported: it may contain secrets.

use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::{failed, owned, run_tool};
use crate::probes::deadline::Deadline;
use crate::probes::error::{ProbeError, ProbeResult};
use crate::process::Permit;
use gonogo_core::checklist::spec::{IacSpec, IacTool, Pattern};
use gonogo_core::files::open_regular;
use gonogo_core::outcome::{Observation, Sha256Hex};

/// How much of a state is read for its version, in bytes.
const MAX_HEAD: usize = 4096;

pub(super) async fn run(spec: &IacSpec, permit: &Permit, deadline: &Deadline) -> Vec<Observation> {
    let mut seen = Vec::new();
    if let Some(file) = &spec.backup {
        seen.push(backup(file));
    }
    if seen.is_empty() || spec.tool == IacTool::Terraform {
        let what = format!("state of {}", spec.directory);
        seen.push(match pull(spec, permit, deadline).await {
            Ok(Some(version)) => Observation::recorded(what, version),
            Ok(None) => Observation::new(what, "kept", "there is none", false),
            Err(why) => Observation::unknown(what, "kept", why),
        });
    }
    seen
}

/// A backup file, its age and its digest.
fn backup(file: &str) -> Observation {
    let what = format!("backup {file}");
    let read = || -> std::io::Result<(u64, Sha256Hex, u64)> {
        let mut file = open_regular(file)?;
        let metadata = file.metadata()?;
        let modified = metadata.modified()?;
        let age = SystemTime::now().duration_since(modified).unwrap_or_default().as_secs();
        let mut digest = Sha256::new();
        std::io::copy(&mut file, &mut digest)?;
        Ok((metadata.len(), Sha256Hex(digest.finalize().into()), age))
    };
    match read() {
        Ok((0, ..)) => Observation::new(what, "there", "it is empty", false),
        Ok((length, digest, age)) => {
            let age = gonogo_core::time::span(std::time::Duration::from_secs(age));
            Observation::recorded(what, format!("{length} bytes, {age} old, SHA-256 {digest}")).as_measured()
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Observation::new(what, "there", "there is no such file", false)
        }
        Err(error) => Observation::unknown(what, "readable", error.to_string()),
    }
}

/// The version of the state in the tool's backend.
async fn pull(spec: &IacSpec, permit: &Permit, deadline: &Deadline) -> ProbeResult<Option<String>> {
    let words = match spec.tool {
        IacTool::Terraform => owned(&["state", "pull"]),
        IacTool::Pulumi => {
            let stack = spec.stack.iter().map(|stack| format!("--stack={stack}"));
            owned(&["stack", "export"]).into_iter().chain(stack).collect()
        }
        IacTool::CloudFormation => {
            let stack = spec
                .stack
                .as_deref()
                .ok_or_else(|| ProbeError::new("CloudFormation's state needs `stack`"))?;
            owned(&["cloudformation", "get-template", &format!("--stack-name={stack}"), "--output=json"])
        }
    };
    let result = run_tool(spec, &words, permit, deadline).await?;
    if !result.status.success() {
        return Err(failed(&result));
    }
    let head =
        String::from_utf8_lossy(&result.stdout.bytes[..result.stdout.bytes.len().min(MAX_HEAD)]).into_owned();
    if head.trim().is_empty() {
        return Ok(None);
    }
    let (serial, lineage) = (number(&head, "serial"), word(&head, "lineage"));
    Ok(Some(match (serial, lineage) {
        (Some(serial), Some(lineage)) => format!("serial {serial}, lineage {lineage}"),
        _ => format!("{} bytes", result.stdout.bytes.len()),
    }))
}

fn number(head: &str, key: &str) -> Option<u64> {
    let rest = head.split_once(&format!("\"{key}\":"))?.1.trim_start();
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn word(head: &str, key: &str) -> Option<String> {
    let rest = head.split_once(&format!("\"{key}\":"))?.1.trim_start().strip_prefix('"')?;
    let word = rest.split('"').next()?;
    let is_plain = Pattern::new("^[0-9a-zA-Z-]{1,64}$").is_ok_and(|plain| plain.is_in(word));
    is_plain.then(|| word.to_owned())
}
