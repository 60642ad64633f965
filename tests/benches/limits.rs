//! How the time of operations on a run grows with its points, its operators and its verdicts. Each is measured against half
//! the size: a ratio near 2 is linear, near 4 quadratic.

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
use crate::measure::{Measured, alternate, millis, size};
use crate::sample::{self, ALICE, SampleRun};

const ROUNDS: usize = 3;

pub fn bench() {
    let chain = size(7_000, 70);
    let judged = |points: usize| {
        let state = LargeRun::of(chained(points, Confirm::None)).state;
        let now = SampleRun::moment(0);
        move || millis(|| drop(black_box(judge(&state.judge(&now)))))
    };
    against_half("chained points", chain, judged);
    against_half("confirmed in a chain", chain, |points| {
        let run = LargeRun::of(chained(points, Confirm::One)).with_confirmations(points);
        move || run.replayed()
    });
    against_half("joins", size(20_000, 20), |people| {
        let run = LargeRun::of(sample::plan()).with_joins(people);
        move || run.replayed()
    });
    let (verdicts, points) = size((500, 4_000), (4, 40));
    against_half("verdicts", verdicts, |verdicts| {
        let run = LargeRun::of(open_points(points)).with_verdicts(verdicts);
        move || run.replayed()
    });
    against_half("points of verdicts", points, |points| {
        let run = LargeRun::of(open_points(points)).with_verdicts(verdicts / 10);
        move || run.replayed()
    });
    against_half("points of a report", points, |points| {
        let run = LargeRun::of(open_points(points)).with_verdicts(verdicts);
        move || run.reported()
    });
}

/// Prints the time for this many items, against half as many.
fn against_half<F: Fn() -> f64>(what: &str, count: usize, of: impl Fn(usize) -> F) {
    let (whole, half) = (of(count), of(count / 2));
    let (subject, reference) = alternate(ROUNDS, &whole, &half);
    let aim = "against half of it: about 2";
    Measured { name: &format!("{what}, {count}"), subject, reference: Some(reference), unit: "ms", aim }
        .report();
}

/// A run and its entries.
struct LargeRun {
    entries: Vec<Entry>,
    state: RunState,
}

impl LargeRun {
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

    /// The time to check the entries against the rules, in milliseconds.
    fn replayed(&self) -> f64 {
        millis(|| {
            let mut replay = Replay::default();
            self.entries.iter().for_each(|entry| replay.apply_entry(entry).unwrap());
        })
    }

    /// The time to build the report, in milliseconds.
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
        let input = DocumentInput {
            name: "run",
            sha256,
            entries,
            state,
            verified: &verified,
            trust: &trust,
            drills: &[],
        };
        millis(|| drop(black_box(Document::of(&input).unwrap())))
    }
}

/// The rules only check that there is a signature.
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
    // Short texts, so that as many points as possible fit into the line of the plan.
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

/// Each point depends on the one before.
fn chained(points: usize, confirm: Confirm) -> Plan {
    plan(points, |point, n| {
        point.confirm = confirm;
        point.after.extend(n.checked_sub(1).map(id));
    })
}

/// Each point needs a confirmation.
fn open_points(points: usize) -> Plan {
    plan(points, |point, _| point.confirm = Confirm::One)
}
