//! What a program says of its failure. Some say it first, and warnings or a backtrace after it; most say it at the end.

use gonogo_core::{ansi, text};

/// The longest piece of what a program says of its failure, in bytes.
const MAX_REASON: usize = 400;
/// Words that begin an error message, if a `:`, `!` or `[` follows them or they begin the line; lower case.
const ERROR_WORDS: [&str; 8] =
    ["error", "err", "fatal", "panic", "exception", "failed", "failure", "traceback"];

/// The first line that looks like an error, or the first of all, and the last lines. All of it, if it is short.
pub(super) fn reason(stderr: &[u8], stdout: &[u8]) -> String {
    let [stderr, stdout] = [stderr, stdout].map(ansi::plain);
    let [stderr, stdout] = [stderr.trim(), stdout.trim()];
    let said = if stderr.is_empty() { stdout } else { stderr };
    if said.is_empty() {
        return "no output".into();
    }
    let end = last_lines(said, MAX_REASON);
    let cause = [stderr, stdout].into_iter().find_map(|output| output.lines().find(|line| is_error(line)));
    let cause = cause.or_else(|| said.lines().next().filter(|_| end.len() < said.len()));
    match cause.map(|cause| text::clip(cause.trim(), MAX_REASON / 2)) {
        Some(cause) if !end.contains(&cause) => {
            let end = text::clip(last_lines(said, MAX_REASON / 2), MAX_REASON / 2);
            format!("{cause}\n…\n{end}")
        }
        _ => text::clip(end, MAX_REASON),
    }
}

/// The last lines, up to so many bytes; whole ones, so that no secret loses the beginning by which it is recognized.
fn last_lines(output: &str, limit: usize) -> &str {
    let mut from = output;
    while from.len() > limit
        && let Some((_, rest)) = from.split_once('\n')
    {
        from = rest;
    }
    from.trim()
}

/// Whether a line is an error message. Lines of source in a backtrace are indented; a warning may mention an error.
fn is_error(line: &str) -> bool {
    // Tools draw a box around their messages.
    let line = line.trim_start_matches(['╷', '│', '╵']);
    let message = line.trim_start_matches(' ');
    if line.len() - message.len() > 1 {
        return false;
    }
    let lower = message.to_ascii_lowercase();
    ERROR_WORDS.iter().any(|word| {
        lower.find(word).is_some_and(|at| {
            let after = lower[at + word.len()..].chars().next();
            let begins = at == 0 && after.is_none_or(|c| !c.is_alphanumeric());
            (begins || after.is_some_and(|c| ":![".contains(c))) && !lower[..at].contains("warning")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: &str = "Warning: [project.license] is deprecated, use SPDX expressions instead\n";

    fn said(stderr: &str, stdout: &str) -> String {
        reason(stderr.as_bytes(), stdout.as_bytes())
    }

    /// What programs print, and how the reason begins: the cause is there wherever it stands.
    #[test]
    fn the_cause_is_shown_wherever_it_stands() {
        let many = MANY.repeat(20);
        let lines = "    frame\n".repeat(80);
        for (stderr, stdout, begin) in [
            (
                format!("Error: the lock file is old\n{many}"),
                String::new(),
                "Error: the lock file is old\n…\n",
            ),
            (format!("{many}Error: the lock file is old"), String::new(), "Warning"),
            (
                many.clone(),
                format!("error[E0308]: mismatched types\n{many}"),
                "error[E0308]: mismatched types\n…\n",
            ),
            (format!("Exception in thread \"main\" x.Y: no\n{lines}"), String::new(), "Exception in thread"),
            (format!("panic: no\n{lines}"), String::new(), "panic: no\n…"),
            (format!("npm ERR! code E404\n{many}"), String::new(), "npm ERR! code E404\n…"),
            (format!("╷\n│ Error: Invalid block\n{lines}"), String::new(), "│ Error: Invalid block\n…"),
            // Nothing looks like an error: the first line and the last ones.
            (format!("no such host\n{many}"), String::new(), "no such host\n…\nWarning"),
            (String::new(), "2 tests, 1 wrong".into(), "2 tests, 1 wrong"),
            (String::new(), String::new(), "no output"),
        ] {
            let reason = said(&stderr, &stdout);
            assert!(reason.starts_with(begin), "{begin}: {reason}");
            assert!(reason.len() <= MAX_REASON + 32, "{reason}");
        }
        let late = said(&format!("{many}Error: the lock file is old"), "");
        assert!(late.ends_with("Error: the lock file is old") && !late.contains('…'), "{late}");
    }

    #[test]
    fn a_warning_and_a_line_of_source_are_no_error_messages() {
        for line in [
            "DeprecationWarning: error: will be one",
            "    raise Error(\"x\")",
            "0 errors",
            "errors are rare",
            "an error",
        ] {
            assert!(!is_error(line), "{line}");
        }
        for line in
            ["TypeError: x", "fatal: not a git repository", "Error response from daemon: no", "ERROR: x"]
        {
            assert!(is_error(line), "{line}");
        }
    }
}
