//! Terraform's plan: made or shown, read as JSON.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::{ChangeSet, failed, read, run_tool, whole_output};
use crate::probes::ProbeContext;
use crate::probes::deadline::Deadline;
use crate::probes::error::{ProbeError, ProbeResult};
use crate::process::Permit;
use gonogo_core::checklist::spec::{IacQuery, IacSpec};
use gonogo_core::files::directory::temporary;
use gonogo_core::time::Utc;

/// What `-detailed-exitcode` ends with when nothing would change, and when something would.
const EXIT_UNCHANGED: i32 = 0;
const EXIT_CHANGED: i32 = 2;

/// Where the plan is kept, if it is. Relative to where the tool runs.
/// With `fresh_plan`, a probe outside of a run does not save the plan.
pub(super) fn plan_file(spec: &IacSpec, context: &ProbeContext) -> Option<PathBuf> {
    let is_kept = !spec.fresh_plan || context.opened.is_some();
    Some(Path::new(&spec.directory).join(spec.plan_file.as_ref().filter(|_| is_kept)?))
}

/// Whether there is no saved plan, or only that of an earlier run. The reviewed plan is never
/// generated again.
pub(super) fn is_to_be_made(spec: &IacSpec, file: &Path, context: &ProbeContext) -> bool {
    if spec.saved {
        return false;
    }
    let Ok(modified) = file.metadata().and_then(|metadata| metadata.modified()) else { return true };
    let modified = modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let is_old =
        |opened: Utc| i128::try_from(modified).is_ok_and(|modified| modified < i128::from(opened.millis()));
    spec.fresh_plan && context.opened.is_some_and(is_old)
}

pub(super) async fn plan(
    spec: &IacSpec,
    file: Option<PathBuf>,
    is_to_be_made: bool,
    permit: &Permit,
    deadline: &Deadline,
) -> ProbeResult<ChangeSet> {
    let temporary_dir = temporary("gonogo-", &std::env::temp_dir())?;
    let is_own = file.is_none();
    let file = std::path::absolute(file.unwrap_or_else(|| temporary_dir.path().join("plan")))?;
    if is_to_be_made && file.exists() {
        std::fs::remove_file(&file)?;
    }
    if is_to_be_made || is_own {
        make(spec, &file, permit, deadline).await?;
    }
    show(spec, &file, permit, deadline).await
}

/// What is not applied, by a plan that is not kept; none if that is nothing.
pub(super) async fn pending(
    spec: &IacSpec,
    permit: &Permit,
    deadline: &Deadline,
) -> ProbeResult<Option<ChangeSet>> {
    let temporary_dir = temporary("gonogo-", &std::env::temp_dir())?;
    let file = std::path::absolute(temporary_dir.path().join("plan"))?;
    match make(spec, &file, permit, deadline).await? {
        EXIT_UNCHANGED => Ok(None),
        _ => show(spec, &file, permit, deadline).await.map(Some),
    }
}

async fn show(spec: &IacSpec, file: &Path, permit: &Permit, deadline: &Deadline) -> ProbeResult<ChangeSet> {
    let file = [file.display().to_string()];
    let printed = whole_output(run_tool(spec, IacQuery::TerraformShow, &file, permit, deadline).await?)?;
    read(printed, ChangeSet::of_terraform, deadline).await
}

/// Makes the plan, in a file that only the user can read: it holds values. Returns the exit code.
async fn make(spec: &IacSpec, file: &PathBuf, permit: &Permit, deadline: &Deadline) -> ProbeResult<i32> {
    let opened = OpenOptions::new().create_new(true).write(true).mode(0o600).open(file);
    opened.map_err(|error| ProbeError::new(format!("plan file {}: {error}", file.display())))?;
    let out = [format!("-out={}", file.display())];
    let planned = run_tool(spec, IacQuery::TerraformPlan, &out, permit, deadline).await;
    if let Ok(result) = &planned
        && let Some(code @ (EXIT_UNCHANGED | EXIT_CHANGED)) = result.status.code()
    {
        return Ok(code);
    }
    // An incomplete file is not a plan; the next attempt generates it again.
    let _ = std::fs::remove_file(file);
    Err(planned.map_or_else(|why| why, |result| failed(&result)))
}
