//! `gonogo run --read-only`: follows the log of the open run.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::tui::{LatestState, Msg};
use gonogo_core::journal::attachments::ActionOutputs;
use gonogo_core::journal::store::read_unverified;
use gonogo_core::run::{InFlight, RunSnapshot, RunState};

/// Interval of the checks whether the log has grown.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Sends the run to the screen as its log grows, and the output size of the running action. Ends with the program.
pub(super) fn follow(log: &Path, shown: Arc<RunState>, sender: Sender<Msg>) -> Result<()> {
    let (log, mut shown) = (log.to_owned(), shown);
    let outputs = ActionOutputs::beside(&log);
    let mut length = log.metadata()?.len();
    let newest = LatestState::default();
    thread::spawn(move || {
        loop {
            thread::sleep(POLL_INTERVAL);
            let new_length = log.metadata().map_or(0, |metadata| metadata.len());
            let newer = if new_length == length { None } else { read_newer(&log, &shown) };
            length = new_length;
            let printed_bytes =
                shown.running_action().and_then(|(_, action_run)| outputs.length(action_run.seq).ok());
            if newer.is_none() && printed_bytes.is_none() {
                continue;
            }
            shown = newer.unwrap_or(shown);
            let in_flight = InFlight { printed_bytes: printed_bytes.unwrap_or(0), ..InFlight::default() };
            let snapshot = RunSnapshot { state: Arc::clone(&shown), in_flight: Arc::new(in_flight) };
            if newest.put(snapshot) && sender.send(Msg::State(newest.clone())).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// The run of the log, if it has newer entries.
fn read_newer(log: &Path, shown: &RunState) -> Option<Arc<RunState>> {
    let state = RunState::fold(&read_unverified(log).ok()?)?;
    (state.seq > shown.seq).then(|| Arc::new(state))
}
