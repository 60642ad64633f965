//! `git`, as far as a checkout is looked at that has two tags and no changes.

use super::{ToolCall, ToolResult, ToolStream, not_offered, take};
use crate::names::{COMMIT, PREVIOUS, PREVIOUS_COMMIT, RELEASE};

pub(super) async fn run(call: &ToolCall, stream: &mut ToolStream) -> ToolResult {
    let mut args = call.args.clone();
    // Settings do not matter here.
    while take(&mut args, &["-c"]).is_some() {}
    let directory = take(&mut args, &["-C"]);
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["config", ..] => Ok(1),
        _ if directory.is_none() && words.first() != Some(&"check-ref-format") => {
            not_offered(call, stream).await
        }
        ["check-ref-format", name] => {
            Ok(i32::from(name.contains("..") || name.contains(' ') || name.ends_with('/')))
        }
        ["rev-parse", "--verify", "--quiet", name] => match commit(name) {
            Some(commit) => stream.stdout(commit).await.map(|()| 0),
            None => Ok(1),
        },
        ["rev-parse", "--show-toplevel", ..] => {
            let directory = directory.unwrap_or_default();
            stream.stdout(format!("{directory}\n{directory}/.git\nsha1")).await.map(|()| 0)
        }
        ["rev-parse", "--git-common-dir"] => stream.stdout(".git").await.map(|()| 0),
        // An index without a file, which is the commit's and the work tree's.
        ["ls-files" | "diff-index", ..] => Ok(0),
        ["tag", ..] => stream.stdout(format!("{RELEASE}\n{PREVIOUS}")).await.map(|()| 0),
        _ => not_offered(call, stream).await,
    }
}

fn commit(name: &str) -> Option<&'static str> {
    let name = name.trim_end_matches("^{commit}");
    match name.strip_prefix("refs/tags/").unwrap_or(name) {
        "HEAD" | RELEASE => Some(COMMIT),
        PREVIOUS => Some(PREVIOUS_COMMIT),
        _ => None,
    }
}
