//! What the engine tells the faces, and what they ask of it. What is under way but not yet durable is
//! kept apart from the state, so that no face can take it for done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::actions::Start;
use super::command::Command;
use super::state::RunState;
use crate::checklist::{ActionKey, PointId, ProbeKey};
use crate::error::Failure;
use crate::time::Moment;

/// A look that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Which look of the probe it is.
    pub attempt: u64,
    /// When it was asked for; it may have to wait for its turn.
    pub since: Moment,
    /// Which try within the look this is, from 1; or which look, where one is waited for that is good.
    pub tries: u32,
    /// Where it is waited for: what was seen so far.
    pub so_far: Option<String>,
}

/// What is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// The looks, by probe.
    pub running: BTreeMap<ProbeKey, Running>,
    /// Probes whose result could not be logged: they do not run again until somebody asks.
    pub lost: BTreeSet<ProbeKey>,
    /// The action that is being checked before it begins, and since when.
    pub preparing: Option<(ActionKey, Moment)>,
    /// Whose key is to sign an entry and is waited for: to be touched, or confirmed.
    pub signing: Option<String>,
    /// How many bytes the action that is at work has printed so far.
    pub printed: u64,
}

impl Live {
    /// Whether some probe of a point is looking.
    #[must_use]
    pub fn is_probing(&self, point: &str) -> bool {
        self.of(point).next().is_some()
    }

    /// The looks of a point that are under way.
    pub fn of<'a>(&'a self, point: &'a str) -> impl Iterator<Item = (&'a ProbeKey, &'a Running)> {
        self.running.iter().filter(move |(key, _)| key.point == point)
    }
}

/// The run as it stands now, all of it durable, and what is under way. Only the newest one matters.
#[derive(Clone, Debug)]
pub struct RunSnapshot {
    /// The run.
    pub state: Arc<RunState>,
    /// What is under way.
    pub live: Arc<Live>,
}

/// Names a request, so that its answer can name it. A face gives each of its requests another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// It is done, and its last entry stands at this position in the log.
    Done(u64),
    /// It was taken up. It puts nothing on record by itself.
    Accepted,
    /// It is refused, and why. Nothing was logged.
    Refused(String),
}

/// What the engine tells a face, beside how the run stands.
#[derive(Clone, Debug)]
pub enum Update {
    /// What came of the request with this id. The state that it led to is published before.
    Response(RequestId, Response),
    /// Something that people should know has happened to the machine. Nothing was logged.
    Warned(String),
    /// The engine has stopped without being asked to: the log can no longer be written, or it has crashed.
    Broken(Failure),
    /// The engine has stopped, as asked.
    Stopped,
}

/// A request and its id.
#[derive(Clone, Debug)]
pub struct NumberedRequest {
    /// What the answer names.
    pub id: RequestId,
    /// What is asked.
    pub request: Request,
}

impl NumberedRequest {
    /// A request that gets no answer, or whose answer nobody waits for.
    #[must_use]
    pub fn unanswered(request: Request) -> Self {
        Self { id: RequestId::default(), request }
    }
}

/// What a face asks of the engine. Each is answered once, but for [`Request::Aside`] and [`Request::Stop`].
#[derive(Clone, Debug)]
pub enum Request {
    /// Something that changes the run.
    Act(Box<Command>),
    /// The same, by somebody to whom no face tells what comes of it.
    Aside(Box<Command>),
    /// To let an action run, once guards and checks have looked. Answered when it begins, or does not.
    Run {
        /// Who asks.
        by: String,
        /// What for.
        start: Box<Start>,
    },
    /// To let the probes of a point look again.
    Probe(PointId),
    /// To let every probe look again whose result is stale, wrong or missing.
    ProbeTroubled,
    /// To stop: cancel the probes, close the log.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Utc;

    #[test]
    fn the_probes_of_a_point_are_told_from_those_of_others() {
        let since = Moment { wall: Utc::from_millis(0), boot: "b".into(), mono: 0 };
        let running = || Running { attempt: 1, since: since.clone(), tries: 1, so_far: None };
        let keys = [ProbeKey::new("a.b", "p"), ProbeKey::new("a.b", "q"), ProbeKey::new("a.bc", "p")];
        let live =
            Live { running: keys.iter().map(|key| (key.clone(), running())).collect(), ..Live::default() };
        assert!(live.of("a.b").map(|(key, _)| key).eq(&keys[..2]));
        assert!(live.is_probing("a.bc") && !live.is_probing("a"));
    }
}
