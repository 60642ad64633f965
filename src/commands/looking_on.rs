//! `gonogo run --read-only`: follows the log of the open run.

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

/// Interval of the checks whether the log has grown.
const PAUSE: Duration = Duration::from_millis(250);

/// Sends the run to the screen as its log grows, and the output size of the running action. Ends with the program.
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

/// The run of the log, if it has newer entries.
fn read(log: &Path, shown: &RunState) -> Option<Arc<RunState>> {
    let state = RunState::fold(&peek(log).ok()?)?;
    (state.seq > shown.seq).then(|| Arc::new(state))
}
