//! Observations with the commands that show them: the command of an outcome is that of what is wrong.

use gonogo_core::outcome::{Observation, Outcome};

/// Observations, and the shell command that shows the same.
pub(super) struct CheckedBy {
    pub(super) command: String,
    pub(super) seen: Vec<Observation>,
}

/// The outcome of some checks, with the command of the first wrong one, or else of the first that is unknown.
pub(super) fn outcome(checks: Vec<CheckedBy>) -> Outcome {
    let with = |ok| checks.iter().find(|check| check.seen.iter().any(|seen| seen.ok == ok));
    let shown = with(Some(false)).or_else(|| with(None)).or_else(|| checks.first());
    let command = shown.map(|check| check.command.clone()).unwrap_or_default();
    Outcome::of(checks.into_iter().flat_map(|check| check.seen).collect(), command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_that_of_what_is_wrong() {
        for (results, command) in [
            (&[][..], ""),
            (&[Some(true), Some(true)], "0"),
            (&[Some(true), Some(false)], "1"),
            (&[None, Some(false)], "1"),
            (&[Some(true), None, None], "1"),
        ] {
            let check = |(index, ok): (usize, &Option<bool>)| {
                let seen = Observation { ok: *ok, ..Observation::new("what", "expected", "seen", true) };
                CheckedBy { command: index.to_string(), seen: vec![seen] }
            };
            let outcome = outcome(results.iter().enumerate().map(check).collect());
            assert_eq!((outcome.reproduce.as_str(), outcome.observations.len()), (command, results.len()));
        }
    }
}
