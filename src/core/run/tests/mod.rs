mod actions;
mod confirmations;
mod long;
mod replans;
mod seals;

use std::time::Duration;

use super::*;
use crate::checklist::{
    Checklist, Lock, Plan, Probe, ProbeKey, Profile, Promotion, Role, SourceFile, resolve,
};
use crate::journal::chain::Chain;
use crate::journal::entry::{Decision, EnrolledOperator, Entry, Event, MACHINE, Opened, RULES, Verdict};
use crate::outcome::{Observation, Outcome, Sha256Hex};
use crate::time::{Moment, Utc};

const ALICE: &str = "alice@x";
const BOB: &str = "bob@x";

const CHECKLIST: &str = r#"
name = "small"
[[section]]
id = "a"
title = "A"
[[section.point]]
id = "a.probe"
title = "t"
why = "w"
mandatory = true
probe = [{ id = "p", title = "P", kind = "command", with = { argv = ["true"] } }]
[[section.point]]
id = "a.one"
title = "t"
why = "w"
confirm = "one"
probe = [{ id = "p", title = "P", kind = "command", with = { argv = ["true"] } }]
[[section.point]]
id = "a.two"
title = "t"
why = "w"
confirm = "two"
[[section.point]]
id = "a.after"
title = "t"
why = "w"
after = ["a.probe"]
probe = [{ id = "p", title = "P", kind = "command", with = { argv = ["true"] }, effects = true }]
[[section.point]]
id = "a.later"
title = "t"
why = "w"
due = "a.one"
probe = [{ id = "p", title = "P", kind = "command", with = { argv = ["true"] }, early = true }]
"#;

/// A run in memory, and its clock.
struct World {
    state: RunState,
    chain: Chain,
    now: Moment,
    entries: Vec<Entry>,
}

fn replan(plan: Plan) -> Act {
    Act::Replan { plan: Box::new(plan), proposal: None, reason: None }
}

impl World {
    fn new(profile: &str) -> Self {
        let checklist = Checklist::parse(SourceFile::new("c", CHECKLIST)).unwrap();
        let profile =
            Profile::parse(SourceFile::new("p", format!("environment = \"t\"\n{profile}"))).unwrap();
        let promotion = Promotion { release: Some("v2".into()), previous: Some("v1".into()) };
        Self::of(resolve(&checklist, &profile, &promotion).unwrap(), Lock::of(&checklist))
    }

    fn open(plan: Plan) -> Self {
        Self::of(plan, Lock::default())
    }

    fn of(plan: Plan, lock: Lock) -> Self {
        let now = Moment { wall: Utc::from_millis(1_790_000_000_000), boot: "b".into(), mono: 1 };
        let operator = |principal: &str, role| EnrolledOperator {
            principal: principal.into(),
            key: format!("key of {principal}"),
            role,
        };
        let opened = Opened {
            rules: RULES,
            plan_sha256: plan.digest(),
            plan,
            edition: lock.edition(),
            lock,
            roster: vec![operator(ALICE, Role::Driver), operator(BOB, Role::Reviewer)],
            previous_run: None,
            commit: None,
            gonogo: "0".into(),
            host: "h".into(),
            profile_sha256: Sha256Hex::ZERO,
        };
        let chain = Chain::new("0".repeat(32));
        let (entry, _) = chain.build_entry(now.clone(), ALICE, opened.into(), None).unwrap();
        let entry = signed(entry);
        let state = RunState::fold(std::slice::from_ref(&entry)).unwrap();
        Self { state, chain: Chain::after(&entry), now, entries: vec![entry] }
    }

    /// Checks that the log is one that the rules produce.
    #[track_caller]
    fn assert_replays(&self) {
        let mut replay = Replay::default();
        assert_eq!(self.entries.iter().try_for_each(|entry| replay.apply_entry(entry)), Ok(()));
    }

    fn act(&mut self, by: &str, act: Act) -> Result<Event, Rejection> {
        let events = decide(&self.state, Command::new(by, act), &self.now)?;
        let [event] = events.try_into().unwrap();
        let (entry, _) = self.chain.build_entry(self.now.clone(), by, Event::clone(&event), None).unwrap();
        let entry = if event.needs_signature() { signed(entry) } else { entry };
        self.chain = Chain::after(&entry);
        self.state.apply(&entry);
        self.entries.push(entry);
        Ok(event)
    }

    fn finish(&mut self, point: &str, seen: Option<bool>) -> Result<Event, Rejection> {
        self.finish_as(point, seen, "seen", false)
    }

    fn finish_as(
        &mut self,
        point: &str,
        ok: Option<bool>,
        seen: &str,
        early: bool,
    ) -> Result<Event, Rejection> {
        let probe = ProbeKey::new(point, "p");
        let attempt = self.state.probe(&probe).unwrap().attempts + 1;
        let mut observation = Observation::new("w", "e", seen, true);
        observation.ok = ok;
        let outcome = Outcome::of(vec![observation], "");
        self.act(
            MACHINE,
            Act::FinishProbe { probe, attempt, newest_attempt: attempt, early, took_ms: 1, outcome },
        )
    }

    fn confirm(&mut self, by: &str, point: &str) -> Result<Event, Rejection> {
        let current = evidence(self.state.plan.point(point).unwrap(), self.state.point(point).unwrap());
        self.act(by, Act::Confirm { point: point.into(), evidence: current, reason: None })
    }

    fn waive(&mut self, by: &str, point: &str, minutes: u64) -> Result<Event, Rejection> {
        let until = self.now.wall.plus(Duration::from_mins(minutes));
        self.act(by, Act::Waive { point: point.into(), reason: "because".into(), until })
    }

    fn status(&self, point: &str) -> Status {
        self.state.judge(&self.now).status(point)
    }

    fn wait(&mut self, minutes: u64) {
        self.now.wall = self.now.wall.plus(Duration::from_mins(minutes));
    }

    fn due_points(&self) -> Vec<String> {
        due_probes(&self.state, &self.now)
            .iter()
            .map(|due| format!("{}{}", due.probe.point, if due.early { " (early)" } else { "" }))
            .collect()
    }

    /// Whether a person can request a run of a point's probe.
    fn may_run(&self, point: &str) -> bool {
        let point = self.state.plan.point(point).unwrap();
        runnable(&self.state.judge(&self.now), point, &point.probes[0]).is_some()
    }

    fn decision(&mut self) -> Decision {
        match self.act(ALICE, Act::Verdict).unwrap() {
            Event::Verdict(verdict) => verdict.decision,
            other => panic!("{other:?}"),
        }
    }
}

/// The rules only check that there is a signature; the verifier checks the signature itself.
fn signed(mut entry: Entry) -> Entry {
    entry.sig = Some("AA==".into());
    entry
}

#[test]
fn a_point_goes_from_pending_to_passed_to_stale_and_its_probe_is_due_again() {
    let mut world = World::new("");
    assert_eq!(world.status("a.probe"), Status::Pending);
    assert_eq!(world.due_points(), ["a.probe", "a.one", "a.later (early)"]);
    world.finish("a.probe", Some(true)).unwrap();
    assert_eq!(world.status("a.probe"), Status::Passed);
    assert_eq!(world.due_points(), ["a.one", "a.after", "a.later (early)"]);
    world.finish("a.after", Some(true)).unwrap();
    world.wait(31);
    assert_eq!(world.status("a.probe"), Status::Stale);
    // A probe with effects never runs again automatically; and it is blocked by stale results.
    assert_eq!(world.due_points(), ["a.probe", "a.one", "a.later (early)"]);
    assert_eq!(world.status("a.after"), Status::Blocked("a.probe".into()));
}

#[test]
fn fail_error_and_pass_on_retry_are_distinguished() {
    let mut world = World::new("");
    world.finish("a.probe", Some(false)).unwrap();
    assert_eq!(world.status("a.probe"), Status::Failed);
    world.finish("a.probe", None).unwrap();
    assert_eq!(world.status("a.probe"), Status::Error);
    let probe = ProbeKey::new("a.probe", "p");
    let mut outcome = Outcome::of(vec![Observation::new("w", "e", "s", true)], "");
    outcome.tries = 3;
    world
        .act(
            MACHINE,
            Act::FinishProbe { probe, attempt: 3, newest_attempt: 3, early: false, took_ms: 1, outcome },
        )
        .unwrap();
    assert_eq!(world.status("a.probe"), Status::PassedOnRetry(3));
}

#[test]
fn an_outdated_result_is_rejected() {
    let mut world = World::new("");
    let probe = ProbeKey::new("a.probe", "p");
    let outcome = Outcome::of(vec![Observation::new("w", "e", "s", true)], "");
    let finish = |attempt, newest| Act::FinishProbe {
        probe: probe.clone(),
        attempt,
        newest_attempt: newest,
        early: false,
        took_ms: 1,
        outcome: outcome.clone(),
    };
    assert!(matches!(world.act(MACHINE, finish(1, 2)), Err(Rejection::Outdated { .. })));
    world.act(MACHINE, finish(2, 2)).unwrap();
    assert!(matches!(world.act(MACHINE, finish(2, 2)), Err(Rejection::Outdated { .. })));
    assert_eq!(world.act(ALICE, finish(3, 3)), Err(Rejection::NotEnrolled(ALICE.into())));
}

#[test]
fn an_early_run_of_a_probe_that_is_not_due_changes_no_status() {
    let mut world = World::new("");
    assert_eq!(
        world.finish("a.later", Some(true)),
        Err(Rejection::ProbeNotDue(ProbeKey::new("a.later", "p")))
    );
    world.finish_as("a.later", Some(false), "old release", true).unwrap();
    assert_eq!(world.status("a.later"), Status::NotDue("a.one".into()));
    assert!(!world.due_points().iter().any(|point| point.starts_with("a.later")));
    world.waive(ALICE, "a.one", 60).unwrap();
    assert_eq!(world.status("a.later"), Status::Pending);
    assert!(world.due_points().contains(&"a.later".to_owned()));
}

#[test]
fn a_missing_value_is_named_and_the_verdict_is_no_go() {
    let checklist = CHECKLIST.replacen(
        "kind = \"command\", with = { argv = [\"true\"] } }",
        "kind = \"command\", with = { argv = [\"{{ x.y }}\", \"{{ z }}\"] } }",
        1,
    );
    let profile = Profile::parse(SourceFile::new("p", "environment = \"t\"")).unwrap();
    let checklist = Checklist::parse(SourceFile::new("c", checklist)).unwrap();
    let plan = resolve(&checklist, &profile, &Promotion::default()).unwrap();
    let mut world = World::open(plan.clone());
    assert_eq!(world.status("a.probe"), Status::Unconfigured(vec!["x.y".into(), "z".into()]));
    assert!(!world.due_points().contains(&"a.probe".to_owned()));
    assert_eq!(world.decision(), Decision::NoGo);

    // A new plan supplies it, and invalidates nothing else.
    world.finish("a.one", Some(true)).unwrap();
    let values =
        Profile::parse(SourceFile::new("p", "environment = \"t\"\n[values]\nx.y = \"1\"\nz = \"2\""))
            .unwrap();
    let better = resolve(&checklist, &values, &Promotion::default()).unwrap();
    let Event::Replanned(event) = world.act(ALICE, replan(better)).unwrap() else { panic!() };
    assert_eq!(event.reset_points, ["a.probe"]);
    assert_eq!(world.status("a.probe"), Status::Pending);
    assert_eq!(world.status("a.one"), Status::NeedsConfirmation { confirmed: 0, required: 1 });

    let mut less = plan;
    less.sections[0].points.remove(0);
    assert!(world.act(ALICE, replan(less)).unwrap_err().to_string().contains("lacks a.probe"));
}

#[test]
fn one_name_has_one_key_and_one_key_one_name() {
    let mut world = World::new("");
    let join = |key: &str| Act::Join { key: key.into(), role: Role::Reviewer };
    assert!(world.act("carol@x", join("key of bob@x")).unwrap_err().to_string().contains("bob@x's"));
    assert!(world.act(BOB, join("another key")).unwrap_err().to_string().contains("is already an operator"));
    assert_eq!(world.confirm("carol@x", "a.two"), Err(Rejection::NotEnrolled("carol@x".into())));
    world.act("carol@x", join("key of carol")).unwrap();
    world.confirm("carol@x", "a.two").unwrap();
}

#[test]
fn a_dependency_cycle_in_a_forged_plan_does_not_hang() {
    let mut world = World::new("");
    let mut plan = (*world.state.plan).clone();
    plan.sections[0].points[0].after = vec!["a.after".into()];
    world.state.plan = plan.into();
    assert_eq!(world.status("a.after"), Status::Blocked("a.probe".into()));
}

/// Every kind of entry, replayed: the same log passes, a log with one rejected act does not.
#[test]
fn a_replay_accepts_only_what_the_rules_produce() {
    let mut world = World::new("");
    world.finish("a.one", Some(true)).unwrap();
    world.confirm(ALICE, "a.one").unwrap();
    world.act(BOB, Act::Note { point: Some("a.one".into()), text: " well\u{1b} \n".into() }).unwrap();
    world.finish("a.probe", Some(false)).unwrap();
    world.decision();
    world.act(ALICE, Act::Seal).unwrap();
    let replay = |entries: &[Entry]| {
        let mut replay = Replay::default();
        entries.iter().try_for_each(|entry| replay.apply_entry(entry)).map(|()| replay.is_sealed())
    };
    assert_eq!(replay(&world.entries), Ok(true));
    assert_eq!(replay(&world.entries[..4]), Ok(false));
    let mut forged = world.entries.clone();
    let Event::Verdict(verdict) = &mut forged[5].event else { panic!() };
    verdict.decision = Decision::Go;
    assert!(replay(&forged).unwrap_err().contains("a different verdict"));
    let mut forged = world.entries.clone();
    let Event::Verdict(verdict) = &mut forged[5].event else { panic!() };
    verdict.reasons.iter_mut().for_each(|reason| reason.why = "all is well".into());
    assert!(replay(&forged).unwrap_err().contains("a different verdict"), "its words are the rules' too");
    let mut forged = world.entries.clone();
    forged.remove(1);
    assert!(replay(&forged).unwrap_err().contains("not all of its probes have a result yet"));
}
