//! `gonogo run --read-only`: the open run as its holder writes it; without one, a look that leaves nothing behind.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::journal::store::peek;
use crate::run::{Live, RunState, Update};
use crate::ui::Msg;

/// How often it is looked whether the log has grown.
const PAUSE: Duration = Duration::from_millis(250);

/// Shows a log as it grows. Ends with the program.
pub(super) fn follow(log: &Path, shown: u64, tell: Sender<Msg>) -> Result<()> {
    let (log, mut seq): (PathBuf, u64) = (log.to_owned(), shown);
    let mut length = log.metadata()?.len();
    thread::spawn(move || {
        loop {
            thread::sleep(PAUSE);
            let now = log.metadata().map_or(0, |about| about.len());
            let state =
                if now == length { None } else { peek(&log).ok().and_then(|all| RunState::fold(&all)) };
            length = now;
            // Also where nothing is new: an action may have printed something.
            let Some(state) = state.filter(|state| state.seq > seq) else { continue };
            seq = state.seq;
            let update = Update::State(Arc::new(state), Arc::new(Live::default()));
            if tell.send(Msg::Update(update)).is_err() {
                return;
            }
        }
    });
    Ok(())
}
