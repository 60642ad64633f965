//! The shim of `git`: the read-only commands that gonogo runs, on a clean checkout with two tags.

use super::{ToolCall, ToolResult, ToolStream, take_option, unsupported};
use crate::names::{COMMIT, PREVIOUS_COMMIT, PREVIOUS_RELEASE, RELEASE};

pub(super) async fn run(call: &ToolCall, stream: &mut ToolStream) -> ToolResult {
    let mut args = call.args.clone();
    // Settings have no effect here.
    while take_option(&mut args, &["-c"]).is_some() {}
    let directory = take_option(&mut args, &["-C"]);
    let arguments: Vec<&str> = args.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["config", ..] => Ok(1),
        _ if directory.is_none() && arguments.first() != Some(&"check-ref-format") => {
            unsupported(call, stream).await
        }
        ["check-ref-format", name] => {
            Ok(i32::from(name.contains("..") || name.contains(' ') || name.ends_with('/')))
        }
        ["rev-parse", "--verify", "--quiet", name] => match resolve_commit(name) {
            Some(commit) => stream.stdout(commit).await.map(|()| 0),
            None => Ok(1),
        },
        ["rev-parse", "--show-toplevel", ..] => {
            let directory = directory.unwrap_or_default();
            stream.stdout(format!("{directory}\n{directory}/.git\nsha1")).await.map(|()| 0)
        }
        ["rev-parse", "--git-common-dir"] => stream.stdout(".git").await.map(|()| 0),
        // The index is empty, and equal to commit and work tree.
        ["ls-files" | "diff-index", ..] => Ok(0),
        ["tag", ..] => stream.stdout(format!("{RELEASE}\n{PREVIOUS_RELEASE}")).await.map(|()| 0),
        _ => unsupported(call, stream).await,
    }
}

fn resolve_commit(name: &str) -> Option<&'static str> {
    let name = name.trim_end_matches("^{commit}");
    match name.strip_prefix("refs/tags/").unwrap_or(name) {
        "HEAD" | RELEASE => Some(COMMIT),
        PREVIOUS_RELEASE => Some(PREVIOUS_COMMIT),
        _ => None,
    }
}
