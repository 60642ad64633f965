//! A long and valid run log: 27 points, probe results and notes in turn, half of the entries signed.

use std::path::Path;

use gonogo_core::checklist::{Lock, Plan, ProbeKey, Role};
use gonogo_core::journal::chain::Chain;
use gonogo_core::journal::entry::{EnrolledOperator, Entry, Event, MACHINE, Opened, RULES};
use gonogo_core::journal::keys::{self, Signer};
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::run::{Act, Command, RunState, decide};

use crate::sample::{self, ALICE, SampleRun};

/// The run's id.
pub const RUN: &str = "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";

/// A log and its signer.
pub struct Log {
    pub lines: Vec<Vec<u8>>,
    pub entries: Vec<Entry>,
    pub signer: Signer,
}

impl Log {
    /// A log of this many entries; every second one is signed by Alice.
    pub fn of(count: usize, home: &Path) -> Self {
        let mut lines = Vec::new();
        let signer = each(count, home, &mut |line| lines.push(line.to_vec()));
        let entries = lines.iter().map(|line| Entry::read(line.trim_ascii_end()).unwrap()).collect();
        Self { lines, entries, signer }
    }
}

/// Writes a log of this many entries line by line; every second one is signed by Alice.
pub fn each(count: usize, home: &Path, write: &mut dyn FnMut(&[u8])) -> Signer {
    let (plan, signer) = (sample::plan(), signer(home));
    let probes = due(&plan);
    let mut append = |chain: &Chain, seq: usize, by: &str, event: Event| {
        let key = event.needs_signature().then_some(&signer);
        let (entry, line) = chain.build_entry(SampleRun::moment(seconds(seq)), by, event, key).unwrap();
        write(&line);
        entry
    };
    let mut last = append(&Chain::new(RUN.into()), 0, ALICE, opened(plan, &signer));
    let mut state = RunState::fold(std::slice::from_ref(&last)).unwrap();
    for seq in 1..count {
        let probe = &probes[seq % probes.len()];
        let command = if seq.is_multiple_of(2) { note(probe, seq) } else { finish_probe(&state, probe) };
        let [event] =
            decide(&state, command.clone(), &SampleRun::moment(seconds(seq))).unwrap().try_into().unwrap();
        last = append(&Chain::after(&last), seq, &command.by, event);
        state.apply(&last);
    }
    signer
}

/// Alice, with a new key in this directory.
pub fn signer(home: &Path) -> Signer {
    let path = home.join("id");
    keys::create(&path, ALICE, None).unwrap();
    Signer::load(ALICE, &path, None, &mut |_| unreachable!("it has no passphrase")).unwrap()
}

/// The entry that opens a run of this plan.
pub fn opened(plan: Plan, signer: &Signer) -> Event {
    let driver = EnrolledOperator { principal: ALICE.into(), key: signer.public.clone(), role: Role::Driver };
    Opened {
        rules: RULES,
        lock: Lock::default(),
        edition: Lock::default().edition(),
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

/// An entry every few seconds, for a day.
fn seconds(seq: usize) -> u64 {
    7 * seq as u64
}

/// The probes that are due from the start; those of an action's result are not.
fn due(plan: &Plan) -> Vec<ProbeKey> {
    let points = plan.points().filter(|point| point.due.is_none());
    let probes = points.flat_map(|point| point.probes.iter().map(move |probe| (point, probe)));
    let due = probes.filter(|(_, probe)| probe.due.is_none() && probe.after_action.is_none());
    due.map(|(point, probe)| ProbeKey::new(&point.id, &probe.id)).collect()
}

fn finish_probe(state: &RunState, probe: &ProbeKey) -> Command {
    let attempt = state.probe(probe).map_or(0, |probe| probe.attempts) + 1;
    let outcome = sample::rabbitmq_failure();
    let act = Act::FinishProbe {
        probe: probe.clone(),
        attempt,
        newest_attempt: attempt,
        early: false,
        took_ms: 830,
        outcome,
    };
    Command::new(MACHINE, act)
}

fn note(probe: &ProbeKey, seq: usize) -> Command {
    let text = format!("Mara is checking the TTL, back at 11; this is the note at entry {seq}.");
    Command::new(ALICE, Act::Note { point: Some(probe.point.clone()), text })
}
