//! A long run log that holds by the rules: a run of 27 points, looks and notes in turn, half of it signed.

use std::path::Path;

use gonogo::checklist::{Plan, ProbeKey, Role};
use gonogo::journal::chain::Chain;
use gonogo::journal::entry::{Enrolled, Entry, Event, MACHINE, Opened};
use gonogo::journal::keys::{self, Signer};
use gonogo::outcome::Sha256Hex;
use gonogo::run::{Act, Command, RunState, decide};

use crate::sample::{self, ALICE, Sample};

/// The run's id.
pub const RUN: &str = "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";

/// A log, and who signed it.
pub struct Log {
    pub lines: Vec<Vec<u8>>,
    pub entries: Vec<Entry>,
    pub signer: Signer,
}

impl Log {
    /// A log of so many entries; every second one is a person's.
    pub fn of(count: usize, home: &Path) -> Self {
        let (plan, signer) = (sample::plan(), signer(home));
        let probes = due(&plan);
        let mut log = Self { lines: Vec::new(), entries: Vec::new(), signer };
        log.add(&Chain::new(RUN.into()), ALICE, opened(plan, &log.signer));
        let mut state = RunState::fold(&log.entries).unwrap();
        while log.entries.len() < count {
            let turn = log.entries.len();
            let probe = &probes[turn % probes.len()];
            let command = if turn.is_multiple_of(2) { note(probe, turn) } else { look(&state, probe) };
            let [event] =
                decide(&state, &command, &Sample::moment(seconds(turn))).unwrap().try_into().unwrap();
            log.add(&Chain::after(&log.entries[turn - 1]), &command.by, event);
            state.apply(&log.entries[turn]);
        }
        log
    }

    fn add(&mut self, chain: &Chain, by: &str, event: Event) {
        let signer = event.is_act().then_some(&self.signer);
        let at = Sample::moment(seconds(self.entries.len()));
        let (entry, line) = chain.link(at, by, event, signer).unwrap();
        self.entries.push(entry);
        self.lines.push(line);
    }
}

/// Alice with a key of her own, made in that directory.
pub fn signer(home: &Path) -> Signer {
    let path = home.join("id");
    keys::create(&path, ALICE, None).unwrap();
    Signer::load(ALICE, &path, None, &mut |_| unreachable!("it has no passphrase")).unwrap()
}

/// What opens a run of this plan.
pub fn opened(plan: Plan, signer: &Signer) -> Event {
    let driver = Enrolled { principal: ALICE.into(), key: signer.public.clone(), role: Role::Driver };
    Opened {
        plan_sha256: plan.digest(),
        plan,
        roster: vec![driver],
        previous_run: None,
        commit: None,
        gonogo: "0.1.0".into(),
        host: "deploy-1".into(),
        profile_sha256: Sha256Hex::ZERO,
    }
    .into()
}

/// A day's run: an entry every few seconds.
fn seconds(turn: usize) -> u64 {
    7 * turn as u64
}

/// The probes that can look from the start.
fn due(plan: &Plan) -> Vec<ProbeKey> {
    let points = plan.points().filter(|point| point.due.is_none());
    let probes = points.flat_map(|point| point.probes.iter().map(move |probe| (point, probe)));
    let due = probes.filter(|(_, probe)| probe.due.is_none());
    due.map(|(point, probe)| ProbeKey::new(&point.id, &probe.id)).collect()
}

fn look(state: &RunState, probe: &ProbeKey) -> Command {
    let attempt = state.probe(probe).map_or(0, |known| known.looks) + 1;
    let outcome = sample::rabbitmq_trouble();
    let act =
        Act::Finish { probe: probe.clone(), attempt, newest: attempt, before: false, took_ms: 830, outcome };
    Command::new(MACHINE, act)
}

fn note(probe: &ProbeKey, turn: usize) -> Command {
    let text = format!("Mara is looking at the TTL, back at 11; this is what was said at entry {turn}.");
    Command::new(ALICE, Act::Note { point: Some(probe.point.clone()), text })
}
