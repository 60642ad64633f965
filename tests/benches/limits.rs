//! How what is done with a run grows with its points, its people and its verdicts: each against half of it, so that a
//! ratio near 2 is linear and one near 4 is quadratic.

use std::collections::BTreeMap;
use std::hint::black_box;

use ed25519_dalek::SigningKey;
use gonogo::report::{Document, DocumentInput, TrustSources};
use gonogo_core::checklist::{Confirm, Plan, Point, Role};
use gonogo_core::journal::chain::Chain;
use gonogo_core::journal::entry::{Entry, Event};
use gonogo_core::journal::verify::{LogStatus, Verification};
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::run::{Act, Command, Replay, RunState, decide, judge};
use ssh_key::public::{Ed25519PublicKey, KeyData};

use crate::log::{RUN, opened, signer};
use crate::measure::{Measured, millis, size, turns};
use crate::sample::{self, ALICE, SampleRun};

const ROUNDS: usize = 3;

pub fn bench() {
    let chain = size(7_000, 70);
    let judged = |points: usize| {
        let state = Run::of(chained(points, Confirm::None)).state;
        let now = SampleRun::moment(0);
        move || millis(|| drop(black_box(judge(&state.judge(&now)))))
    };
    twice("chained points", chain, judged);
    twice("confirmed in a chain", chain, |points| {
        let run = Run::of(chained(points, Confirm::One)).with_confirmations(points);
        move || run.replayed()
    });
    twice("joins", size(20_000, 20), |people| {
        let run = Run::of(sample::plan()).with_joins(people);
        move || run.replayed()
    });
    let (verdicts, points) = size((500, 4_000), (4, 40));
    twice("verdicts", verdicts, |verdicts| {
        let run = Run::of(open_points(points)).with_verdicts(verdicts);
        move || run.replayed()
    });
    twice("points of verdicts", points, |points| {
        let run = Run::of(open_points(points)).with_verdicts(verdicts / 10);
        move || run.replayed()
    });
    twice("points of a report", points, |points| {
        let run = Run::of(open_points(points)).with_verdicts(verdicts);
        move || run.reported()
    });
}

/// Prints what so many of something take, against half as many.
fn twice<F: Fn() -> f64>(what: &str, count: usize, of: impl Fn(usize) -> F) {
    let (whole, half) = (of(count), of(count / 2));
    let (subject, reference) = turns(ROUNDS, &whole, &half);
    let aim = "against half of it: about 2";
    Measured { name: &format!("{what}, {count}"), subject, reference: Some(reference), unit: "ms", aim }
        .tell();
}

/// A run and its entries.
struct Run {
    entries: Vec<Entry>,
    state: RunState,
}

impl Run {
    fn of(plan: Plan) -> Self {
        let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let event = opened(plan, &signer(home.path()));
        let entry = link(&Chain::new(RUN.into()), 0, ALICE, event);
        let state = RunState::fold(std::slice::from_ref(&entry)).unwrap();
        Self { entries: vec![entry], state }
    }

    fn act(&mut self, by: &str, act: Act) {
        let turn = self.entries.len() as u64;
        let now = SampleRun::moment(turn);
        let [event] = decide(&self.state, Command::new(by, act), &now).unwrap().try_into().unwrap();
        let entry = link(&Chain::after(self.entries.last().unwrap()), turn, by, event);
        self.state.apply(&entry);
        self.entries.push(entry);
    }

    fn with_confirmations(mut self, count: usize) -> Self {
        for n in 0..count {
            self.act(ALICE, Act::Confirm { point: id(n), evidence: Vec::new(), reason: None });
        }
        self
    }

    fn with_joins(mut self, count: usize) -> Self {
        for n in 0..count {
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&(n as u64).to_le_bytes());
            let point = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
            let key = ssh_key::PublicKey::from(KeyData::Ed25519(Ed25519PublicKey(point)));
            let key = key.to_openssh().unwrap();
            self.act(&format!("p{n}@deck.example"), Act::Join { key, role: Role::Reviewer });
        }
        self
    }

    fn with_verdicts(mut self, count: usize) -> Self {
        (0..count).for_each(|_| self.act(ALICE, Act::Verdict));
        self
    }

    /// How long it takes to hold the entries to the rules, in milliseconds.
    fn replayed(&self) -> f64 {
        millis(|| {
            let mut replay = Replay::default();
            self.entries.iter().for_each(|entry| replay.apply_entry(entry).unwrap());
        })
    }

    /// How long it takes to write it up, in milliseconds.
    fn reported(&self) -> f64 {
        let Self { entries, state } = self;
        let verified = Verification {
            status: LogStatus::Open,
            entries: entries.len() as u64,
            head: state.head,
            last_signed: None,
            signers: BTreeMap::new(),
            sealed_by: Vec::new(),
            trailing: 0,
            warnings: Vec::new(),
        };
        let (trust, sha256) = (TrustSources::default(), Sha256Hex::ZERO);
        let basis = DocumentInput {
            name: "run",
            sha256,
            entries,
            state,
            verified: &verified,
            trust: &trust,
            drills: &[],
        };
        millis(|| drop(black_box(Document::of(&basis).unwrap())))
    }
}

/// The rules look only at whether there is a signature.
fn link(chain: &Chain, turn: u64, by: &str, event: Event) -> Entry {
    let (entry, _) = chain.build_entry(SampleRun::moment(turn), by, event, None).unwrap();
    Entry { sig: entry.event.needs_signature().then(|| "AA==".into()), ..entry }
}

fn id(n: usize) -> String {
    format!("a.{n}")
}

/// A plan of points without probes, the last one first.
fn plan(points: usize, change: impl Fn(&mut Point, usize)) -> Plan {
    let mut plan = sample::plan();
    let mut section = plan.sections.swap_remove(0);
    let mut point = section.points.swap_remove(0);
    (point.after, point.due, point.probes, point.actions) = (Vec::new(), None, Vec::new(), Vec::new());
    (point.frozen_after, point.not_applicable) = (None, None);
    // As many as there can be in the line that holds a plan.
    (point.title, point.why, point.fresh_ms) = ("t".into(), "w".into(), 0);
    let numbered = (0..points).rev().map(|n| {
        let mut point = Point { id: id(n), ..point.clone() };
        change(&mut point, n);
        point
    });
    section.points = numbered.collect();
    (section.actions_after, plan.tailored) = (Vec::new(), Vec::new());
    (plan.guards, plan.rollback) = (Vec::new(), Vec::new());
    Plan { sections: vec![section], ..plan }
}

/// Each point waits for the one before.
fn chained(points: usize, confirm: Confirm) -> Plan {
    plan(points, |point, n| {
        point.confirm = confirm;
        point.after.extend(n.checked_sub(1).map(id));
    })
}

/// Each point waits for a person.
fn open_points(points: usize) -> Plan {
    plan(points, |point, _| point.confirm = Confirm::One)
}
