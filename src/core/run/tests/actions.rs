use super::*;
use crate::checklist::ActionKey;
use crate::journal::entry::ActionExit;
use crate::outcome::key;

/// Two actions on one point, one on a point after it, a guard, a rollback step.
const PROFILE: &str = r#"
[[guard]]
id = "g"
title = "The right place"
kind = "command"
with = { argv = ["true"] }
[[rollback]]
id = "back"
title = "Back"
with = { argv = ["back"] }
[points."a.one"]
action = [
    { id = "build", title = "Build", with = { argv = ["build"], dry_run = ["try"] } },
    { id = "push", title = "Push", with = { argv = ["push"] } },
]
probe = [{ id = "tag", title = "Tag", kind = "command", with = { argv = ["true"] }, after_action = "push" }]
[[point]]
section = "a"
add = { id = "a.roll", title = "t", why = "w", confirm = "one", after = ["a.one"], action = [{ id = "roll", title = "Roll", with = { argv = ["roll"] } }] }
"#;

impl World {
    fn start_of(&self, point: &str, action: &str) -> StartRequest {
        let action = ActionKey::new(point, action);
        let attempt = self.state.action(&action).map_or(0, |state| state.attempts) + 1;
        let seen = Observation::new("The right place: context", "t", "t", true).with_key(key::guard("g"));
        let typed_environment = action.is_rollback().then(|| self.state.plan.environment.clone());
        StartRequest {
            action,
            attempt,
            dry_run: false,
            typed_environment,
            preflight: vec![seen],
            reason: None,
        }
    }

    fn start(&mut self, start: StartRequest) -> Result<Event, Rejection> {
        self.act(ALICE, Act::Start(Box::new(start)))
    }

    fn end(&mut self, exit: ActionExit) -> Result<Event, Rejection> {
        let (action, action_run) = self.state.running_action().expect("a running action");
        let (action, started) = (action.clone(), action_run.seq);
        self.act(MACHINE, Act::FinishAction { action, started, exit, cause: None, took_ms: 1, output: None })
    }

    fn run(&mut self, point: &str, action: &str, code: i32) {
        let start = self.start_of(point, action);
        self.start(start).unwrap();
        self.end(ActionExit::Code(code)).unwrap();
    }

    fn tag(&mut self) {
        let probe = ProbeKey::new("a.one", "tag");
        let attempt = self.state.probe(&probe).unwrap().attempts + 1;
        let outcome = Outcome::of(vec![Observation::new("w", "e", "s", true)], "");
        let act =
            Act::FinishProbe { probe, attempt, newest_attempt: attempt, early: false, took_ms: 1, outcome };
        self.act(MACHINE, act).unwrap();
    }

    fn start_rejection(&self, start: StartRequest) -> String {
        let command = Command::new(ALICE, Act::Start(Box::new(start)));
        decide(&self.state, command, &self.now).expect_err("a rejection").to_string()
    }
}

#[test]
fn no_action_starts_before_every_guard_has_passed() {
    let mut world = World::new(PROFILE);
    let start = world.start_of("a.one", "build");
    let unchecked = StartRequest { preflight: Vec::new(), ..start.clone() };
    assert_eq!(
        world.start_rejection(unchecked),
        "a.one/build is blocked: The right place has not been checked"
    );
    let mut wrong = start.clone();
    wrong.preflight[0].ok = Some(false);
    wrong.preflight[0].seen = "elsewhere".into();
    assert_eq!(
        world.start_rejection(wrong),
        "a.one/build is blocked: The right place: context: expected t, found elsewhere"
    );
    // The text does not say who observed it.
    let mut other = start.clone();
    other.preflight[0].key = Some(key::check("g"));
    assert_eq!(world.start_rejection(other), "a.one/build is blocked: The right place has not been checked");
    let mut unknown = start.clone();
    unknown.preflight[0].ok = None;
    assert!(world.start_rejection(unknown).starts_with("a.one/build is blocked"));
    world.start(start).unwrap();
}

#[test]
fn one_request_does_not_start_an_action_twice() {
    let mut world = World::new(PROFILE);
    let start = world.start_of("a.one", "build");
    world.start(start.clone()).unwrap();
    assert!(world.start_rejection(start.clone()).contains("is running since log #1"));
    world.end(ActionExit::Code(0)).unwrap();
    assert!(world.start_rejection(start).contains("it was started after you opened it"));
    // A new request starts it again.
    let again = world.start_of("a.one", "build");
    world.start(again).unwrap();
    assert!(matches!(world.act(ALICE, Act::Verdict), Err(Rejection::ActionRunning(_))));
}

#[test]
fn actions_run_in_order_and_a_rerun_invalidates_later_ones() {
    let mut world = World::new(PROFILE);
    assert!(world.start_rejection(world.start_of("a.one", "push")).ends_with("build must run first"));
    world.finish("a.one", Some(true)).unwrap();
    world.run("a.one", "build", 0);
    world.run("a.one", "push", 3);
    assert_eq!(world.status("a.one"), Status::Failed);
    assert!(world.start_rejection(world.start_of("a.roll", "roll")).contains("a.one (failed)"));
    world.run("a.one", "push", 0);
    assert_eq!(world.status("a.one"), Status::Pending);
    world.tag();
    world.confirm(ALICE, "a.one").unwrap();
    world.run("a.roll", "roll", 0);
    // After a new build, push and rollout must run again.
    world.run("a.one", "build", 0);
    assert_eq!(world.status("a.one"), Status::NeedsAction("push".into()));
    assert!(world.state.probe(&ProbeKey::new("a.one", "tag")).unwrap().latest.is_none());
    assert_eq!(world.status("a.roll"), Status::Blocked("a.one".into()));
    world.run("a.one", "push", 0);
    world.tag();
    assert_eq!(world.status("a.roll"), Status::NeedsAction("roll".into()));
}

#[test]
fn a_dry_run_needs_no_turn_and_completes_nothing() {
    let mut world = World::new(PROFILE);
    let dry = StartRequest { dry_run: true, ..world.start_of("a.one", "build") };
    world.start(dry).unwrap();
    world.end(ActionExit::Code(0)).unwrap();
    assert_eq!(world.status("a.one"), Status::NeedsAction("build".into()));
    let none = StartRequest { dry_run: true, ..world.start_of("a.one", "push") };
    assert_eq!(world.start_rejection(none), "a.one/push has no dry run");
}

#[test]
fn after_the_first_rollback_step_nothing_is_deployed_and_the_verdict_is_no_go() {
    let mut world = World::new(PROFILE);
    world.run("rollback", "back", 0);
    assert!(
        world.start_rejection(world.start_of("a.one", "build")).ends_with("the release is being rolled back")
    );
    world.act(ALICE, Act::RollBack { reason: None }).unwrap();
    assert_eq!(world.decision(), Decision::NoGo);
    assert!(world.start_rejection(world.start_of("rollback", "back")).contains("was rolled back (log #3)"));
}

#[test]
fn what_a_rollback_step_reverts_is_no_longer_done() {
    let reverting = PROFILE.replace("title = \"Back\"", "title = \"Back\"\nreverts = [\"a.one\"]");
    let mut world = World::new(&reverting);
    world.finish("a.one", Some(true)).unwrap();
    for action in ["build", "push"] {
        world.run("a.one", action, 0);
    }
    world.tag();
    world.confirm(ALICE, "a.one").unwrap();
    assert_eq!(world.status("a.one"), Status::Confirmed);
    // A step that has failed may have changed something.
    world.run("rollback", "back", 1);
    assert_eq!(world.status("a.one"), Status::Reverted("back".into()));
    world.act(ALICE, Act::RollBack { reason: Some("by hand".into()) }).unwrap();
    assert_eq!(world.status("a.one"), Status::Reverted("back".into()));
    // What was not deployed is not reverted.
    let mut world = World::new(&reverting);
    world.run("rollback", "back", 0);
    assert_ne!(world.status("a.one"), Status::Reverted("back".into()));
}

#[test]
fn a_reviewer_starts_no_deployment_action_but_steps_of_a_rollback() {
    let mut world = World::new(PROFILE);
    let start = world.start_of("a.one", "build");
    let why = world.act(BOB, Act::Start(Box::new(start.clone()))).unwrap_err().to_string();
    assert!(why.contains("the driver starts it"), "{why}");
    world.act(BOB, Act::Start(Box::new(StartRequest { dry_run: true, ..start }))).unwrap();
    world.end(ActionExit::Code(0)).unwrap();
    // He says why the rollback begins, and not again at its next steps.
    let step = world.start_of("rollback", "back");
    let refused = world.act(BOB, Act::Start(Box::new(step.clone())));
    assert!(matches!(refused, Err(Rejection::ReasonNeeded(_))), "{refused:?}");
    let reason = Some("the pipeline loses events".to_owned());
    world.act(BOB, Act::Start(Box::new(StartRequest { reason, ..step }))).unwrap();
    world.end(ActionExit::Code(1)).unwrap();
    let again = world.start_of("rollback", "back");
    world.act(BOB, Act::Start(Box::new(again))).unwrap();
    // He says why he stops what another began.
    let started = world.state.running_action().map(|(_, run)| run.seq).unwrap();
    let ending = |reason: Option<&str>| Act::Stop {
        action: ActionKey::new("rollback", "back"),
        started,
        reason: reason.map(str::to_owned),
    };
    assert!(matches!(world.act(BOB, ending(None)), Err(Rejection::ReasonNeeded(_))));
    assert!(matches!(world.act(BOB, ending(Some(" "))), Err(Rejection::ReasonNeeded(_))));
    world.act(BOB, ending(Some("it hangs"))).unwrap();
    world.act(ALICE, ending(None)).unwrap();
}

#[test]
fn a_rollback_before_any_deployment_needs_the_name_of_the_environment() {
    let mut world = World::new(PROFILE);
    let start = StartRequest { typed_environment: None, ..world.start_of("rollback", "back") };
    let why = world.start_rejection(start.clone());
    assert!(
        why.contains("nothing that the rollback reverts was deployed in this run")
            && why.ends_with("must type t to start it"),
        "{why}"
    );
    world.run("a.one", "build", 0);
    world.start(start).unwrap();
}

#[test]
fn the_consumers_are_resumed_with_the_number_that_was_noted() {
    let resume = "argv = [\"scale\", \"--replicas={{ noted.replicas }}\"]";
    let pause = "[[rollback]]\nid = \"pause\"\ntitle = \"Pause\"\nwith = { argv = [\"pause\"] }\n";
    let mut world = World::new(
        &PROFILE
            .replace("[[rollback]]", &format!("{pause}[[rollback]]"))
            .replace("argv = [\"back\"]", resume),
    );
    let why = world.start_rejection(world.start_of("rollback", "back"));
    assert!(why.contains("no number of replicas is noted"), "{why}");
    let mut pause = |seen: Observation| {
        let mut start = world.start_of("rollback", "pause");
        start.preflight.push(seen);
        world.start(start).unwrap();
        world.end(ActionExit::Code(0)).unwrap();
        world.state.noted_replicas
    };
    let noted = format!("Replicas: {}", key::NOTED_REPLICAS);
    assert_eq!(pause(Observation::recorded("Replicas: replicas", "not noted: no such deployment")), None);
    assert_eq!(pause(Observation::recorded(&noted, "many")), None);
    assert_eq!(pause(Observation::recorded(&noted, "3")), Some(3));
    // Paused again, when there are none: the number stays.
    assert_eq!(
        pause(Observation::recorded("Replicas: replicas", "not noted: it is paused already")),
        Some(3)
    );
    let program = world.state.plan.rollback[1].program.clone().unwrap();
    assert_eq!(program.argv_with_noted(false, Some(3)), ["scale", "--replicas=3"]);
    world.run("rollback", "back", 0);
}

/// A log in which an action started without a result of its guard is invalid, even with valid signatures.
#[test]
fn a_log_that_starts_an_action_against_the_rules_does_not_replay() {
    let mut world = World::new(PROFILE);
    let start = world.start_of("a.one", "build");
    world.start(start).unwrap();
    let replayed = |entries: &[Entry]| {
        let mut replay = Replay::default();
        entries.iter().try_for_each(|entry| replay.apply_entry(entry))
    };
    assert_eq!(replayed(&world.entries), Ok(()));
    let Event::ActionStarted(event) = &mut world.entries[1].event else { panic!("no action") };
    event.preflight.clear();
    assert!(replayed(&world.entries).unwrap_err().contains("has not been checked"));
}

/// The end of a chain depends on its first step, too.
#[test]
fn a_rerun_invalidates_indirect_dependents() {
    let more = "[[point]]\nsection = \"a\"\nadd = { id = \"a.end\", title = \"t\", why = \"w\", confirm = \"one\", after = [\"a.roll\"], \
                action = [{ id = \"end\", title = \"End\", with = { argv = [\"end\"] } }] }\n";
    let mut world = World::new(&format!("{PROFILE}{more}"));
    world.finish("a.one", Some(true)).unwrap();
    world.run("a.one", "build", 0);
    world.run("a.one", "push", 0);
    world.tag();
    world.confirm(ALICE, "a.one").unwrap();
    world.run("a.roll", "roll", 0);
    world.confirm(ALICE, "a.roll").unwrap();
    world.run("a.end", "end", 0);
    let ended = |world: &World, point, id| {
        world.state.action(&ActionKey::new(point, id)).and_then(|state| state.exit().cloned())
    };
    assert_eq!(ended(&world, "a.end", "end"), Some(ActionExit::Code(0)));
    world.run("a.one", "build", 0);
    assert_eq!(ended(&world, "a.roll", "roll"), None);
    assert_eq!(ended(&world, "a.end", "end"), None);
}

/// Other probes observe digests too, and a text may look like the registry's.
#[test]
fn the_digest_of_a_rollback_is_the_one_observed_for_its_tag() {
    let mut world = World::new(PROFILE);
    let mut finish = |point: &str, observations: Vec<Observation>| {
        let probe = ProbeKey::new(point, "p");
        let outcome = Outcome::of(observations, "");
        world
            .act(
                MACHINE,
                Act::FinishProbe { probe, attempt: 1, newest_attempt: 1, early: false, took_ms: 1, outcome },
            )
            .unwrap();
    };
    let seen = |what: &str, digest: &str| Observation::new(what, "e", digest, true);
    finish(
        "a.one",
        vec![seen("tag v1", "sha256:1"), seen("image", "sha256:2").with_key(key::tag_digest("v2"))],
    );
    finish("a.probe", vec![seen("image", "sha256:3").with_key(key::tag_digest("v1"))]);
    world.run("rollback", "back", 0);
    let event = world.act(ALICE, Act::RollBack { reason: None }).unwrap();
    let Event::RolledBack(event) = event else { panic!("{event:?}") };
    assert_eq!((event.release.as_str(), event.digest.as_deref()), ("v1", Some("sha256:3")));
}

#[test]
fn changes_name_what_somebody_may_wait_for() {
    let mut world = World::new(PROFILE);
    let action = ActionKey::new("a.one", "build");
    let mut before = world.state.clone();
    let mut since = |world: &World| {
        let changes = changes(&before, &world.state, &world.now);
        before = world.state.clone();
        changes
    };
    world.run("a.one", "build", 1);
    let failed =
        RunChange::ActionFinished { action: action.clone(), seq: world.state.seq, is_success: false };
    assert_eq!(since(&world), [failed]);
    assert_eq!(since(&world), []);
    world.act(ALICE, Act::Note { point: None, text: "n".into() }).unwrap();
    assert_eq!(since(&world), [], "a note is nobody's task");
    let start = world.start_of("a.one", "build");
    world.start(start).unwrap();
    assert_eq!(since(&world), [], "it has only started");
    world.end(ActionExit::Code(0)).unwrap();
    let finished = RunChange::ActionFinished { action, seq: world.state.seq, is_success: true };
    assert_eq!(since(&world), [finished]);
    world.act(ALICE, Act::Verdict).unwrap();
    let [RunChange::Verdict { by, seq, .. }] = &since(&world)[..] else { panic!("a verdict") };
    assert_eq!((by.as_str(), *seq), (ALICE, world.state.seq));
    world.act(ALICE, Act::Seal).unwrap();
    let [RunChange::Sealed { by, .. }] = &since(&world)[..] else { panic!("a seal") };
    assert_eq!(by, ALICE);
}

#[test]
fn a_rollback_run_deploys_nothing_and_needs_a_step_of_its_own() {
    let mut world = World::new(PROFILE);
    let mut plan = Plan::clone(&world.state.plan);
    plan.rolls_back = true;
    world.state.plan = std::sync::Arc::new(plan);
    let why = world.start_rejection(world.start_of("a.one", "build"));
    assert!(why.contains("the release is being rolled back"), "{why}");
    assert_eq!(world.status("a.one"), Status::Blocked("rollback".into()));
    assert!(world.act(ALICE, Act::RollBack { reason: Some("by hand".into()) }).is_err());
    world.run("rollback", "back", 0);
    world.act(ALICE, Act::RollBack { reason: None }).unwrap();
}

/// Whoever reads the list aloud must not read out the next step of the deployment.
#[test]
fn no_action_of_the_deployment_is_needed_in_or_after_a_rollback() {
    let mut world = World::new(PROFILE);
    let why = |world: &World| {
        let status = world.status("a.one");
        assert_eq!(status, Status::Blocked("rollback".into()));
        let reasons = judge(&world.state.judge(&world.now)).reasons;
        reasons.into_iter().find(|reason| reason.point == "a.one").unwrap().why
    };
    assert_eq!(world.status("a.one"), Status::NeedsAction("build".into()));
    world.run("rollback", "back", 0);
    assert_eq!(why(&world), "the release is being rolled back");
    let rejected = world.confirm(ALICE, "a.one").unwrap_err().to_string();
    assert!(rejected.contains("the release is being rolled back"), "{rejected}");
    world.act(ALICE, Act::RollBack { reason: None }).unwrap();
    assert_eq!(why(&world), "the release was rolled back");
}

#[test]
fn a_step_whose_turn_it_is_not_needs_the_name_of_the_environment() {
    let first = "[[rollback]]\nid = \"first\"\ntitle = \"First\"\nwith = { argv = [\"first\"] }\n";
    let mut world = World::new(&PROFILE.replace("[[rollback]]", &format!("{first}[[rollback]]")));
    world.run("a.one", "build", 0);
    let start = StartRequest { typed_environment: None, ..world.start_of("rollback", "back") };
    let why = world.start_rejection(start.clone());
    assert!(why.contains("earlier steps of the rollback are not done"), "{why}");
    world.run("rollback", "first", 0);
    world.start(start).unwrap();
    world.end(ActionExit::Code(0)).unwrap();
    // The first one again: what came after it no longer counts.
    world.run("rollback", "first", 0);
    assert!(world.state.action(&ActionKey::new("rollback", "back")).is_some_and(|state| state.is_outdated));
}
