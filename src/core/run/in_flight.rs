//! The messages between the engine and the faces. What is in flight is separate from the state, so that no face can
//! show it as durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::actions::StartRequest;
use super::command::Command;
use super::state::RunState;
use crate::checklist::{ActionKey, PointId, ProbeKey};
use crate::error::Failure;
use crate::time::Moment;

/// A probe that is running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningProbe {
    /// Which attempt of the probe it is.
    pub attempt: u64,
    /// When it was requested; it may have to wait for a free slot.
    pub since: Moment,
    /// Which try within the attempt this is, from 1; for a probe that waits until it passes, the number of the poll.
    pub tries: u32,
    /// The last observation, for a probe that waits until it passes.
    pub last_seen: Option<String>,
}

/// What is in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// The running probes.
    pub running: BTreeMap<ProbeKey, RunningProbe>,
    /// Probes whose result could not be logged: they do not run again until a person asks.
    pub unlogged: BTreeSet<ProbeKey>,
    /// The action whose pre-flight checks run, and since when.
    pub preparing_action: Option<(ActionKey, Moment)>,
    /// The operator whose key has to sign and is awaited, for a touch or a confirmation.
    pub awaited_signer: Option<String>,
    /// How many bytes the running action has printed so far.
    pub printed_bytes: u64,
}

impl InFlight {
    /// Whether a probe of a point is running.
    #[must_use]
    pub fn is_probing(&self, point: &str) -> bool {
        self.probes_of(point).next().is_some()
    }

    /// The running probes of a point.
    pub fn probes_of<'a>(&'a self, point: &'a str) -> impl Iterator<Item = (&'a ProbeKey, &'a RunningProbe)> {
        self.running.iter().filter(move |(key, _)| key.point == point)
    }
}

/// The current state of the run, all of it durable, and what is in flight. Only the newest snapshot matters.
#[derive(Clone, Debug)]
pub struct RunSnapshot {
    /// The run.
    pub state: Arc<RunState>,
    /// What is in flight.
    pub in_flight: Arc<InFlight>,
}

/// Identifies a request, so that the response can name it. A face uses each id once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// The response to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// It is done; its last entry has this position in the log.
    Done(u64),
    /// It was accepted. It logs nothing by itself.
    Accepted,
    /// It was rejected, and why. Nothing was logged.
    Rejected(String),
}

/// What the engine sends to a face, besides snapshots.
#[derive(Clone, Debug)]
pub enum Update {
    /// The response to the request with this id. The resulting state is published first.
    Response(RequestId, Response),
    /// A warning for people. Nothing was logged.
    Warning(String),
    /// The engine has failed: the log can no longer be written, or the engine crashed.
    Failed(Failure),
    /// The engine has stopped, as requested.
    Stopped,
}

/// A request with its id.
#[derive(Clone, Debug)]
pub struct NumberedRequest {
    /// The id that the response names.
    pub id: RequestId,
    /// The request.
    pub request: Request,
}

impl NumberedRequest {
    /// A request whose response is not read.
    #[must_use]
    pub fn without_reply(request: Request) -> Self {
        Self { id: RequestId::default(), request }
    }
}

/// What a face asks of the engine. Each request gets one response, except [`Request::ActWithoutReply`] and
/// [`Request::Stop`].
#[derive(Clone, Debug)]
pub enum Request {
    /// An act that changes the run.
    Act(Box<Command>),
    /// Like `Act`, but without a response.
    ActWithoutReply(Box<Command>),
    /// Start an action after its pre-flight checks. The response comes when it has started, or has not.
    RunAction {
        /// Who requests it.
        by: String,
        /// The action.
        start: Box<StartRequest>,
    },
    /// Run the probes of a point again.
    RunProbes(PointId),
    /// Run every probe again whose result is stale, bad or missing.
    RerunNeeded,
    /// Stop: cancel the probes, close the log.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Utc;

    #[test]
    fn the_probes_of_a_point_are_distinguished_from_others() {
        let since = Moment { wall: Utc::from_millis(0), boot: "b".into(), mono: 0 };
        let running = || RunningProbe { attempt: 1, since: since.clone(), tries: 1, last_seen: None };
        let keys = [ProbeKey::new("a.b", "p"), ProbeKey::new("a.b", "q"), ProbeKey::new("a.bc", "p")];
        let in_flight = InFlight {
            running: keys.iter().map(|key| (key.clone(), running())).collect(),
            ..InFlight::default()
        };
        assert!(in_flight.probes_of("a.b").map(|(key, _)| key).eq(&keys[..2]));
        assert!(in_flight.is_probing("a.bc") && !in_flight.is_probing("a"));
    }
}
