//! The git probe: which commit a tag names, what is checked out, whether the work tree is clean.
//!
//! `git status` would report the last, but it runs what the checkout configures. So git only lists its index and
//! the commit, and the work files are read and hashed here. Only a file that a program must convert before it
//! can be compared, and that has different bytes, cannot be judged; that is an error, with the reason.

mod attributes;
mod blob;
mod checkout;
mod files;
mod index;
mod left_out;
mod missing_tag;
mod programs;

use std::collections::BTreeSet;
use std::path::Path;

use self::checkout::Checkout;
use super::deadline::Deadline;
use super::error::ProbeResult;
use crate::process::Permit;
use gonogo_core::checklist::spec::GitSpec;
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text;

/// How many changed files are named.
const MAX_NAMED_FILES: usize = 5;
/// How many programs are named.
const MAX_NAMED_PROGRAMS: usize = 20;

/// Asks git and judges its answers.
pub(super) async fn run(spec: &GitSpec, deadline: &Deadline, permit: &Permit) -> Outcome {
    let checkout = Checkout { directory: Path::new(&spec.repository), permit, deadline };
    let (tag, head) = (checkout.tagged(&spec.tag).await, checkout.commit("HEAD").await);
    let no_tag = if matches!(tag, Ok(None)) { Some(checkout.missing_tag(&spec.tag).await) } else { None };
    let mut seen = vec![named(spec, &tag, no_tag), matches_release(spec, tag, head)];
    seen.push(clean(checkout.changes().await));
    seen.extend(left_out(checkout.left_out().await));
    seen.extend(programs(checkout.programs().await));
    Outcome::of(seen, reproduce(spec))
}

/// The commit that a checkout's tag names; none if there is no such tag.
pub(super) async fn tagged(
    repository: &str,
    tag: &str,
    permit: &Permit,
    deadline: &Deadline,
) -> ProbeResult<Option<String>> {
    Checkout { directory: Path::new(repository), permit, deadline }.tagged(tag).await
}

/// Why a checkout has no such tag, for people.
pub(super) async fn missing_tag(repository: &str, tag: &str, permit: &Permit, deadline: &Deadline) -> String {
    Checkout { directory: Path::new(repository), permit, deadline }.missing_tag(tag).await
}

/// The command that prints that commit.
pub(super) fn rev_parse(repository: &str, tag: &str) -> String {
    let commit = text::shell_word(&format!("{}^{{commit}}", tag_ref(tag)));
    format!("git -C {} rev-parse {commit}", text::shell_word(repository))
}

/// The full name of the tag, which cannot be taken for an option.
fn tag_ref(tag: &str) -> String {
    format!("refs/tags/{tag}")
}

fn named(spec: &GitSpec, tag: &ProbeResult<Option<String>>, no_tag: Option<String>) -> Observation {
    let (what, expected) = (format!("tag {}", spec.tag), "names a commit");
    match tag {
        Ok(Some(commit)) => Observation::new(what, expected, commit, true),
        Ok(None) => Observation::new(what, expected, no_tag.unwrap_or_default(), false),
        Err(why) => Observation::unknown(what, expected, why.clone()),
    }
}

/// The release commit is the one that the profile names, or else the one that is checked out.
fn matches_release(
    spec: &GitSpec,
    tag: ProbeResult<Option<String>>,
    head: ProbeResult<Option<String>>,
) -> Observation {
    let (what, release) = match &spec.commit {
        Some(commit) => ("release commit", Ok(Some(commit.clone()))),
        None => ("checkout", head),
    };
    let expected = "the commit of the tag";
    match (tag, release) {
        (Ok(Some(tag)), Ok(Some(release))) => {
            let ok = release.len() >= 7 && tag.starts_with(&release.to_lowercase());
            Observation::new(what, format!("{expected}, {tag}"), release, ok)
        }
        (Ok(None), Ok(Some(release))) => Observation::new(what, expected, release, false),
        (_, Ok(None)) => Observation::new(what, expected, "no commit yet", false),
        (Err(why), _) | (_, Err(why)) => Observation::unknown(what, expected, why),
    }
}

fn clean(changes: ProbeResult<Vec<String>>) -> Observation {
    let (what, expected) = ("work tree", "clean");
    match changes {
        Ok(changes) if changes.is_empty() => Observation::new(what, expected, "clean", true),
        Ok(changes) => {
            let named =
                changes.iter().take(MAX_NAMED_FILES).map(|line| line.trim()).collect::<Vec<_>>().join(", ");
            let more = if changes.len() > MAX_NAMED_FILES { ", …" } else { "" };
            let files = text::count(changes.len(), "file");
            Observation::new(what, expected, format!("{files} changed or untracked: {named}{more}"), false)
        }
        Err(why) => Observation::unknown(what, expected, why),
    }
}

/// It is no change, but it is not in what is built here.
fn left_out(parts: ProbeResult<Vec<String>>) -> Option<Observation> {
    let parts = parts.ok().filter(|parts| !parts.is_empty())?;
    Some(Observation::recorded("not in the work tree", parts.join(", ")))
}

/// They are no failure, because none of them runs here; if there are none, nothing is reported.
fn programs(named: ProbeResult<BTreeSet<String>>) -> Option<Observation> {
    let (what, expected) = ("programs in git's configuration", "not run by gonogo");
    match named {
        Ok(named) if named.is_empty() => None,
        Ok(named) => {
            let shown =
                named.iter().take(MAX_NAMED_PROGRAMS).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if named.len() > MAX_NAMED_PROGRAMS { ", …" } else { "" };
            Some(Observation::new(what, expected, format!("{shown}{more}"), true))
        }
        Err(why) => Some(Observation::unknown(what, expected, why)),
    }
}

fn reproduce(spec: &GitSpec) -> String {
    let directory = text::shell_word(&spec.repository);
    // `git status` would run what the checkout configures.
    format!(
        "{} HEAD && git -C {directory} diff-index --cached --name-status HEAD && \
         git -C {directory} -c core.fsmonitor=false ls-files --others --exclude-per-directory=.gitignore",
        rev_parse(&spec.repository, &spec.tag)
    )
}
