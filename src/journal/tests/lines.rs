//! Lines of logs for the tests of other modules.

use super::*;
use crate::journal::entry::{Predecessor, PredecessorState};

/// The first line of a log, with its LF.
pub(crate) fn first_line() -> Vec<u8> {
    first_line_of(&"ab".repeat(16), None, 0)
}

/// The same for this run, with this previous run and opening time.
pub(crate) fn first_line_of(run: &str, previous: Option<&str>, ms: i64) -> Vec<u8> {
    let alice = signer("alice@x");
    let mut event = opened(&alice);
    if let Event::Opened(event) = &mut event {
        let before = |run: &str| Predecessor {
            run: run.into(),
            seq: 0,
            head: Sha256Hex::ZERO,
            state: PredecessorState::Open,
        };
        event.previous_run = previous.map(before);
    }
    let (_, line) = Chain::new(run.into()).build_entry(now(ms), "alice@x", event, Some(&alice)).unwrap();
    line
}
