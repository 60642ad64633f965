//! Terraform's plan: made or shown, read as JSON.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{Planned, failed, owned, run, whole};
use crate::checklist::spec::Iac;
use crate::probe::blind::{Blind, Fact};
use crate::probe::deadline::Deadline;

/// What `-detailed-exitcode` ends with when nothing would change, and when something would.
const UNCHANGED: i32 = 0;
const CHANGED: i32 = 2;

/// Where the plan is kept, if it is. Relative to where the tool runs.
pub(super) fn plan_file(spec: &Iac) -> Option<PathBuf> {
    Some(Path::new(&spec.directory).join(spec.plan_file.as_ref()?))
}

pub(super) async fn plan(spec: &Iac, deadline: &Deadline) -> Fact<Planned> {
    let own = tempfile::tempdir()?;
    let file = std::path::absolute(plan_file(spec).unwrap_or_else(|| own.path().join("plan")))?;
    if !file.is_file() {
        make(spec, &file, deadline).await?;
    }
    let words = ["show", "-json", "-no-color"].map(str::to_owned);
    let words = [words.to_vec(), vec![file.display().to_string()]].concat();
    Planned::of_terraform(&whole(run(spec, &words, deadline).await?)?)
}

/// Makes the plan, in a file that nobody else can read: it holds values.
async fn make(spec: &Iac, file: &PathBuf, deadline: &Deadline) -> Fact<()> {
    let opened = OpenOptions::new().create_new(true).write(true).mode(0o600).open(file);
    opened.map_err(|error| Blind::new(format!("plan file {}: {error}", file.display())))?;
    let mut words = owned(&["plan", "-input=false", "-lock=false", "-detailed-exitcode", "-no-color"]);
    words.push(format!("-out={}", file.display()));
    let made = run(spec, &words, deadline).await;
    match made {
        Ok(ran) if matches!(ran.status.code(), Some(UNCHANGED | CHANGED)) => Ok(()),
        other => {
            // What is not whole is no plan; the next look makes it anew.
            let _ = std::fs::remove_file(file);
            Err(other.map_or_else(|why| why, |ran| failed(&ran)))
        }
    }
}
