//! `gonogo run --read-only`: the open run as its holder writes it; without one, a look that leaves nothing behind.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::journal::side::Outputs;
use crate::journal::store::peek;
use crate::run::{Live, RunSnapshot, RunState};
use crate::tui::{Msg, Newest};

/// How often it is looked whether the log has grown.
const PAUSE: Duration = Duration::from_millis(250);

/// Shows a log as it grows, and what is printed by the action at work. Ends with the program.
pub(super) fn follow(log: &Path, shown: Arc<RunState>, tell: Sender<Msg>) -> Result<()> {
    let (log, mut shown) = (log.to_owned(), shown);
    let outputs = Outputs::beside(&log);
    let mut length = log.metadata()?.len();
    let newest = Newest::default();
    thread::spawn(move || {
        loop {
            thread::sleep(PAUSE);
            let now = log.metadata().map_or(0, |about| about.len());
            let grown = if now == length { None } else { read(&log, &shown) };
            length = now;
            let printed = shown.under_way().and_then(|(_, deed)| outputs.length(deed.seq).ok());
            if grown.is_none() && printed.is_none() {
                continue;
            }
            shown = grown.unwrap_or(shown);
            let live = Live { printed: printed.unwrap_or(0), ..Live::default() };
            let now = RunSnapshot { state: Arc::clone(&shown), live: Arc::new(live) };
            if newest.put(now) && tell.send(Msg::State(newest.clone())).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// The run as it stands in its log, if that has gone on.
fn read(log: &Path, shown: &RunState) -> Option<Arc<RunState>> {
    let state = RunState::fold(&peek(log).ok()?)?;
    (state.seq > shown.seq).then(|| Arc::new(state))
}
