//! Whether the state of the infrastructure is backed up: in the tool's backend, or in a file. Its content is not
//! reported: it may contain secrets.

use std::io::Read as _;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use super::state_content::{StateContent, stack_status};
use super::{run_tool, whole_output};
use crate::probes::deadline::Deadline;
use crate::probes::error::{ProbeError, ProbeResult};
use crate::probes::judging;
use crate::process::Permit;
use gonogo_core::checklist::spec::{IacQuery, IacSpec, IacTool};
use gonogo_core::files::open_regular;
use gonogo_core::outcome::{Observation, Sha256Hex};

/// The largest backup that is read as a state, in bytes; of a larger one only size, age and digest are reported.
const MAX_BACKUP: u64 = 64 << 20;

pub(super) async fn run(spec: &IacSpec, permit: &Permit, deadline: &Deadline) -> Vec<Observation> {
    let (mut seen, mut saved) = (Vec::new(), None);
    if let Some(file) = &spec.backup {
        let backup = Backup::read(file);
        saved = backup.content(spec.tool);
        seen.extend(backup.judge(file, saved.as_ref()));
    }
    if !seen.is_empty() && spec.tool != IacTool::Terraform {
        return seen;
    }
    let what = format!("state of {}", spec.directory);
    match pull(spec, permit, deadline).await {
        Ok(Some(content)) => {
            seen.extend(content.judge(&what));
            let saved = saved.and_then(Result::ok);
            seen.extend(saved.and_then(|saved| compare(&saved, &content, spec)));
        }
        Ok(None) => seen.push(Observation::new(what, "present", "missing", false)),
        Err(why) => seen.push(Observation::unknown(what, "present", why)),
    }
    if spec.tool == IacTool::CloudFormation {
        seen.push(status(spec, permit, deadline).await);
    }
    seen
}

/// A backup file.
struct Backup {
    read: std::io::Result<BackupFile>,
}

struct BackupFile {
    length: u64,
    age: Duration,
    digest: Sha256Hex,
    /// All of it, unless it is too long.
    bytes: Option<Vec<u8>>,
}

impl Backup {
    fn read(file: &str) -> Self {
        let read = || -> std::io::Result<BackupFile> {
            let mut file = open_regular(file)?;
            let metadata = file.metadata()?;
            let age = SystemTime::now().duration_since(metadata.modified()?).unwrap_or_default();
            let (mut bytes, mut digest) = (Vec::new(), Sha256::new());
            file.by_ref().take(MAX_BACKUP).read_to_end(&mut bytes)?;
            digest.update(&bytes);
            let rest = std::io::copy(&mut file, &mut digest)?;
            let digest = Sha256Hex(digest.finalize().into());
            Ok(BackupFile { length: metadata.len(), age, digest, bytes: (rest == 0).then_some(bytes) })
        };
        Self { read: read() }
    }

    /// What it holds, if it is a state in text. It may be compressed or encrypted as well.
    fn content(&self, tool: IacTool) -> Option<ProbeResult<StateContent>> {
        let bytes = self.read.as_ref().ok()?.bytes.as_deref()?;
        let is_text = matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'<' | b'['));
        is_text.then(|| StateContent::read(tool, bytes))
    }

    fn judge(&self, file: &str, content: Option<&ProbeResult<StateContent>>) -> Vec<Observation> {
        let what = format!("backup {file}");
        let found = match &self.read {
            Ok(found) if found.length == 0 => {
                return vec![Observation::new(what, "present", "empty", false)];
            }
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return vec![Observation::new(what, "present", "no such file", false)];
            }
            Err(error) => return vec![Observation::unknown(what, "readable", error.to_string())],
        };
        let age = gonogo_core::time::span(Duration::from_secs(found.age.as_secs()));
        let seen = format!("{} bytes, {age} old, SHA-256 {}", found.length, found.digest);
        let mut seen = vec![Observation::recorded(&what, seen).as_measured()];
        let content_of = format!("content of {what}");
        match content {
            Some(Ok(content)) => seen.extend(content.judge(&content_of)),
            // Not quoted: it may contain secrets.
            Some(Err(_)) => {
                let why = "not a complete state: truncated, encrypted, or an error page";
                seen.push(Observation::unknown(content_of, "a state with resources", why));
            }
            None => {}
        }
        seen
    }
}

/// Whether the backup is one of this state.
fn compare(saved: &StateContent, current: &StateContent, spec: &IacSpec) -> Option<Observation> {
    let what = format!("backup {}", spec.backup.as_deref().unwrap_or_default());
    let (saved_lineage, lineage) = (saved.lineage.as_ref()?, current.lineage.as_ref()?);
    if saved_lineage != lineage {
        let (expected, seen) =
            (format!("of the state, lineage {lineage}"), format!("lineage {saved_lineage}"));
        return Some(Observation::new(what, expected, seen, false));
    }
    let (before, now) = (saved.serial?, current.serial?);
    let seen = match now.checked_sub(before) {
        Some(0) => "same serial as the state".to_owned(),
        Some(behind) => format!("serial {before}: {behind} behind the state"),
        None => {
            let seen = format!(
                "serial {before}, the state's is {now}: the state was rolled back, or belongs to another deployment"
            );
            return Some(Observation::new(what, "not newer than the state", seen, false));
        }
    };
    Some(Observation::recorded(what, seen))
}

/// The query for a state.
pub(super) const fn query(tool: IacTool) -> IacQuery {
    match tool {
        IacTool::Terraform => IacQuery::TerraformState,
        IacTool::Pulumi => IacQuery::PulumiState,
        IacTool::CloudFormation => IacQuery::StackTemplate,
    }
}

/// The state in the tool's backend, if there is one.
async fn pull(spec: &IacSpec, permit: &Permit, deadline: &Deadline) -> ProbeResult<Option<StateContent>> {
    let arguments = match spec.tool {
        IacTool::Terraform | IacTool::Pulumi => spec.stack_option().into_iter().collect(),
        IacTool::CloudFormation => stack_arguments(spec)?,
    };
    let printed = whole_output(run_tool(spec, query(spec.tool), &arguments, permit, deadline).await?)?;
    if printed.trim_ascii().is_empty() {
        return Ok(None);
    }
    let tool = spec.tool;
    judging::on_blocking_thread("the state", deadline, move || StateContent::read(tool, &printed))
        .await?
        .map(Some)
}

fn stack_arguments(spec: &IacSpec) -> ProbeResult<Vec<String>> {
    let stack = spec.stack_option().ok_or_else(|| ProbeError::new("CloudFormation's state needs `stack`"))?;
    Ok(vec![stack, "--output=json".to_owned()])
}

/// The status of a stack. Where it may not be read, that is said, and no more.
async fn status(spec: &IacSpec, permit: &Permit, deadline: &Deadline) -> Observation {
    let what = format!("stack {}", spec.stack.as_deref().unwrap_or_default());
    let read = async {
        let status = run_tool(spec, IacQuery::StackStatus, &stack_arguments(spec)?, permit, deadline).await?;
        stack_status(&what, &whole_output(status)?)
    };
    read.await.unwrap_or_else(|why| Observation::recorded(&what, format!("status not checked: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(serial: u64, lineage: &str, resources: &str) -> String {
        format!(r#"{{"version":4,"serial":{serial},"lineage":"{lineage}","resources":[{resources}]}}"#)
    }

    #[test]
    fn a_backup_is_of_this_state_or_of_another() {
        let read = |serial, lineage| {
            StateContent::read(IacTool::Terraform, state(serial, lineage, "").as_bytes()).unwrap()
        };
        let spec: IacSpec =
            serde_json::from_str(r#"{"tool":"terraform","directory":".","backup":"b"}"#).unwrap();
        let cases = [
            ((7, "a"), (7, "a"), true, "same serial as the state"),
            ((5, "a"), (7, "a"), true, "2 behind the state"),
            ((7, "b"), (7, "a"), false, "lineage b"),
            ((9, "a"), (7, "a"), false, "the state was rolled back"),
        ];
        for (saved, current, ok, seen) in cases {
            let one = compare(&read(saved.0, saved.1), &read(current.0, current.1), &spec).unwrap();
            assert_eq!(one.ok, Some(ok), "{one:?}");
            assert!(one.seen.contains(seen), "{one:?}");
        }
    }

    #[test]
    fn a_backup_that_holds_nothing_is_no_backup() {
        let full = r#"{"mode":"managed","instances":[{}]}"#;
        let cases: [(Vec<u8>, Option<bool>, &str); 5] = [
            (state(1, "a", full).into_bytes(), Some(true), "1 resource"),
            (state(1, "a", "").into_bytes(), Some(false), "no resources"),
            (b"<Error><Code>NoSuchKey</Code></Error>".to_vec(), None, "not a complete state"),
            (state(1, "a", full).into_bytes()[..40].to_vec(), None, "not a complete state"),
            (vec![0x1f, 0x8b, 8, 0], Some(true), "4 bytes"),
        ];
        for (bytes, ok, seen) in cases {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("backup").display().to_string();
            std::fs::write(&file, &bytes).unwrap();
            let backup = Backup::read(&file);
            let judged = backup.judge(&file, backup.content(IacTool::Terraform).as_ref());
            let last = judged.last().unwrap();
            assert_eq!(last.ok, ok, "{last:?}");
            assert!(last.seen.contains(seen), "{last:?}");
        }
    }
}
