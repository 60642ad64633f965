//! What the engine tells the faces, and what they ask of it. What is under way but not yet durable is
//! kept apart from the state, so that no face can take it for done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::actions::Start;
use super::command::Command;
use super::state::RunState;
use crate::checklist::{ActionKey, PointId, ProbeKey};
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

/// What the engine tells a face.
#[derive(Clone, Debug)]
pub enum Update {
    /// The run as it stands now, all of it durable, and what is under way.
    State(Arc<RunState>, Arc<Live>),
    /// What was asked for last is done, and stands at this position in the log.
    Done(u64),
    /// What was asked for last is refused, and why. Nothing was logged.
    Refused(String),
    /// An action that was asked for does not begin, and why. Nothing was logged.
    NotBegun(ActionKey, String),
    /// Something that people should know has happened to the machine. Nothing was logged.
    Warned(String),
    /// The log can no longer be written; the engine has stopped.
    Broken(String),
    /// The engine has stopped, as asked.
    Stopped,
}

/// What a face asks of the engine.
#[derive(Clone, Debug)]
pub enum Request {
    /// Something that changes the run.
    Act(Box<Command>),
    /// The same, by somebody to whom no face tells what comes of it.
    Aside(Box<Command>),
    /// To let an action run, once guards and checks have looked.
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
