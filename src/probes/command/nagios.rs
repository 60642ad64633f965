//! Judges plugins of Nagios and Icinga. Pure.
//!
//! The exit code is the state, the first line of the output says why, and performance data follows a `|`
//! (<https://nagios-plugins.org/doc/guidelines.html>).

use gonogo_core::outcome::Observation;
use gonogo_core::{ansi, text};

/// What is expected of a plugin.
pub(super) const EXPECTED: &str = "OK (exit code 0)";
/// The longest first line, and the longest performance data, in bytes.
const MAX_LINE: usize = 240;

/// How a plugin ended.
pub(super) struct PluginResult<'a> {
    /// The exit code; none after a signal.
    pub(super) code: Option<i32>,
    /// The same in words.
    pub(super) ended: String,
    pub(super) stdout: &'a [u8],
    /// What it says of a failure, on whichever output.
    pub(super) said: &'a str,
    /// Whether it runs below the plugin `negate`.
    pub(super) is_negated: bool,
}

/// The states, in the order of their exit codes.
const STATES: [&str; 4] = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];

/// The state, and the performance data.
pub(super) fn judge(name: &str, plugin: &PluginResult) -> Vec<Observation> {
    let stdout = ansi::plain(plugin.stdout);
    let first = stdout.lines().next().unwrap_or_default();
    let (line, performance) = first.split_once('|').unwrap_or((first, ""));
    let line = text::clip(line.trim(), MAX_LINE);
    let mut seen = vec![judge_state(name, plugin, &line)];
    let performance = text::clip(performance.trim(), MAX_LINE);
    if !performance.is_empty() {
        seen.push(Observation::recorded("performance data", performance).as_measured());
    }
    seen
}

fn judge_state(name: &str, plugin: &PluginResult, line: &str) -> Observation {
    let unknown = |why: String| Observation::unknown(name, EXPECTED, why);
    let state = plugin.code.and_then(|code| STATES.get(usize::try_from(code).ok()?));
    let Some(state) = state.copied() else {
        return unknown(format!("{}, which is no state of a plugin (0 to 3): {}", plugin.ended, plugin.said));
    };
    if let Some(printed) = printed_state(line).filter(|printed| *printed != state && !plugin.is_negated) {
        return unknown(format!("{} ({state}), and it prints {printed}: {line}", plugin.ended));
    }
    let is_silent = line.is_empty();
    let said = if is_silent { plugin.said } else { line };
    let seen = if said.contains(state) { said.to_owned() } else { format!("{state}: {said}") };
    match state {
        // Numbers in it differ each time.
        "OK" => Observation::new(name, EXPECTED, seen, true).as_measured(),
        // An interpreter exits with 1, too, after a program has crashed.
        "WARNING" if is_silent => unknown(format!("{}, and no state printed: {}", plugin.ended, plugin.said)),
        "WARNING" => Observation::new(name, EXPECTED, seen, false).as_measured().or_warning(),
        "CRITICAL" => Observation::new(name, EXPECTED, seen, false).as_measured(),
        _ => unknown(seen),
    }
}

/// The state that a line begins with, as in `DISK CRITICAL - free space` and `OK: 0 CRITICAL lines`; none if it names
/// several before the text, or none.
fn printed_state(line: &str) -> Option<&'static str> {
    let head = line.split([':', '-', ',', ';', '(']).next()?;
    let words = head.split_whitespace();
    let mut states = words.filter_map(|word| STATES.into_iter().find(|state| *state == word));
    let first = states.next()?;
    states.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use gonogo_core::outcome::key;

    use super::*;

    fn judged(code: Option<i32>, stdout: &str, is_negated: bool) -> (Option<bool>, bool, String) {
        let ended = code.map_or("ended by signal 9".to_owned(), |code| format!("exit code {code}"));
        let said = if stdout.is_empty() { "Traceback" } else { stdout };
        let plugin = PluginResult { code, ended, stdout: stdout.as_bytes(), said, is_negated };
        let seen = judge("check", &plugin).remove(0);
        (seen.ok, seen.has_key(key::NOTICE), seen.seen)
    }

    /// The output of plugins in the packages of Debian, and of wrappers around them.
    #[test]
    fn the_exit_code_is_the_state_and_the_first_line_says_why() {
        for (code, stdout, ok, warns, seen) in [
            (
                0,
                "DISK OK - free space: / 9 GB;|/=9GB;1;2;0;10\n/var OK\n",
                Some(true),
                false,
                "DISK OK - free space: / 9 GB;",
            ),
            (
                1,
                "SWAP WARNING - 18% free |swap=1MB\n",
                Some(true),
                true,
                "warning: SWAP WARNING - 18% free (expected",
            ),
            (
                2,
                "HTTP CRITICAL: HTTP/1.1 500 - 2 bytes|time=1s\n",
                Some(false),
                false,
                "HTTP CRITICAL: HTTP/1.1 500 - 2 bytes",
            ),
            (
                3,
                "check_ping: Could not resolve hostname\n",
                None,
                false,
                "UNKNOWN: check_ping: Could not resolve hostname",
            ),
            (0, "", Some(true), false, "OK: Traceback"),
            (1, "", None, false, "exit code 1, and no state printed: Traceback"),
            (2, "", Some(false), false, "CRITICAL: Traceback"),
            (4, "x", None, false, "exit code 4, which is no state of a plugin (0 to 3): x"),
            (127, "not found", None, false, "exit code 127, which is no state"),
            // A pipe in a wrapper loses the exit code.
            (0, "LOAD CRITICAL - 12.1", None, false, "exit code 0 (OK), and it prints CRITICAL: LOAD"),
            (2, "OK: all is fine", None, false, "exit code 2 (CRITICAL), and it prints OK"),
            (0, "OK: 0 CRITICAL lines", Some(true), false, "OK: 0 CRITICAL lines"),
            (1, "OK or WARNING: one of them", Some(true), true, "warning: OK or WARNING"),
        ] {
            let (is_ok, has_warning, found) = judged(Some(code), stdout, false);
            assert_eq!((is_ok, has_warning), (ok, warns), "{code} {stdout}: {found}");
            assert!(found.starts_with(seen) && !found.contains('|'), "{found}");
        }
        assert_eq!(judged(None, "", false).0, None);
        assert_eq!(judged(Some(0), "PING CRITICAL - host unreachable", true).0, Some(true), "below negate");
    }
}
