use super::*;
use crate::checklist::Point;

const CAROL: &str = "carol@x";

fn with_two_seals() -> World {
    World::new("seals = [\"driver\", \"reviewer\"]")
}

impl World {
    fn changed(&self, change: impl FnOnce(&mut Plan)) -> Plan {
        let mut plan = (*self.state.plan).clone();
        change(&mut plan);
        plan
    }

    fn looser(&self) -> Plan {
        self.changed(|plan| point(plan, "a.one").fresh_ms += 60_000)
    }

    fn propose(&mut self, by: &str) -> Sha256Hex {
        let plan = Box::new(self.looser());
        self.act(by, Act::ProposeReplan(plan)).unwrap();
        self.state.proposal.as_ref().unwrap().hash
    }

    fn accept(&self, proposal: Sha256Hex) -> Act {
        let plan = Box::new(self.looser());
        Act::Replan { plan, proposal: Some(proposal), reason: None }
    }

    fn rejection(&mut self, by: &str, act: Act) -> String {
        self.act(by, act).unwrap_err().to_string()
    }
}

fn point<'a>(plan: &'a mut Plan, id: &str) -> &'a mut Point {
    plan.sections.iter_mut().flat_map(|section| &mut section.points).find(|point| point.id == id).unwrap()
}

#[test]
fn a_looser_plan_takes_effect_when_the_other_role_accepts_it() {
    let mut world = with_two_seals();
    let looser = world.looser();
    assert!(world.rejection(ALICE, replan(looser)).contains("is looser (a.one, fresh_ms)"));
    let hash = world.propose(ALICE);
    assert_ne!(*world.state.plan, world.looser(), "nothing changes yet");
    assert!(world.rejection(ALICE, world.accept(hash)).contains("a reviewer must accept it"));
    let join = Act::Join { key: "key of carol".into(), role: Role::Driver };
    world.act(CAROL, join).unwrap();
    assert!(world.rejection(CAROL, world.accept(hash)).contains("a reviewer must accept it"));
    assert!(world.rejection(BOB, world.accept(Sha256Hex::ZERO)).contains("this plan is not proposed"));
    let accept = world.accept(hash);
    let looser = world.looser();
    world.act(BOB, accept).unwrap();
    assert_eq!(*world.state.plan, looser);
    let loosened = &world.state.loosened[0];
    assert_eq!(loosened.by, [ALICE, BOB]);
    assert_eq!(loosened.changes[0].what, "a.one, fresh_ms");
    world.assert_replays();
}

#[test]
fn only_the_proposed_plan_can_be_accepted() {
    let mut world = with_two_seals();
    let hash = world.propose(ALICE);
    let other = world.changed(|plan| point(plan, "a.two").fresh_ms += 60_000);
    let act = Act::Replan { plan: Box::new(other), proposal: Some(hash), reason: None };
    assert!(world.rejection(BOB, act).contains("this plan is not proposed"));
}

#[test]
fn a_proposal_is_withdrawn_by_its_author_or_by_the_other_role() {
    let mut world = with_two_seals();
    for by in [ALICE, BOB] {
        let hash = world.propose(ALICE);
        assert!(world.rejection(ALICE, Act::ProposeReplan(Box::new(world.looser()))).contains("already"));
        assert!(world.rejection(BOB, replan(world.looser())).contains("already"));
        world.act(by, Act::WithdrawReplan(hash)).unwrap();
        assert_eq!(world.state.proposal, None);
        assert!(world.rejection(BOB, world.accept(hash)).contains("this plan is not proposed"));
    }
    world.assert_replays();
}

#[test]
fn a_looser_plan_needs_a_reason_if_the_run_needs_only_one_seal() {
    let mut world = World::new("");
    let looser = world.looser();
    assert!(world.rejection(ALICE, Act::ProposeReplan(Box::new(looser.clone()))).contains("only one seal"));
    assert!(world.rejection(ALICE, replan(looser.clone())).contains("a reason is needed"));
    let reason = Some("the probe is enough".to_owned());
    world.act(ALICE, Act::Replan { plan: Box::new(looser), proposal: None, reason: reason.clone() }).unwrap();
    assert_eq!(world.state.loosened[0].reason, reason);
    world.assert_replays();
}

#[test]
fn no_plan_loosens_what_the_checklist_locks() {
    let mut world = World::new("");
    let plan = world.changed(|plan| point(plan, "a.probe").mandatory = false);
    let act = Act::Replan { plan: Box::new(plan), proposal: None, reason: Some("why not".into()) };
    assert!(world.rejection(ALICE, act).contains("a.probe is mandatory in the checklist"));
    let plan = world.changed(|plan| point(plan, "a.later").due = Some("a.later".into()));
    let act = Act::Replan { plan: Box::new(plan), proposal: None, reason: Some("why not".into()) };
    assert!(world.rejection(ALICE, act).contains("depend on each other"));
}

const NOT_TODAY: &str =
    "seals = [\"driver\", \"reviewer\"]\n[points.\"a.one\"]\nnot_applicable = \"not today\"";

#[test]
fn the_other_role_signs_what_a_profile_makes_not_applicable() {
    let mut world = World::new(NOT_TODAY);
    let needs = Status::NeedsConfirmation { confirmed: 1, required: 2 };
    assert_eq!(world.status("a.one"), needs);
    let confirm = Act::Confirm { point: "a.one".into(), evidence: Vec::new(), reason: None };
    assert!(world.rejection(BOB, confirm).contains("a reviewer must sign that with x"));
    let exempt = || Act::Exempt { point: "a.one".into(), reason: "agreed".into() };
    world.act(BOB, exempt()).unwrap();
    assert_eq!(world.status("a.one"), Status::NotApplicable);
    world.act(BOB, Act::Retract { point: "a.one".into(), target: None }).unwrap();
    assert_eq!(world.status("a.one"), needs);
    world.assert_replays();
}

#[test]
fn a_run_with_one_seal_needs_no_second_signature_for_that() {
    let world = World::new(NOT_TODAY.trim_start_matches("seals = [\"driver\", \"reviewer\"]\n"));
    assert_eq!(world.status("a.one"), Status::NotApplicable);
}

#[test]
fn the_class_of_a_result_must_match_its_observations() {
    let mut world = World::new("");
    let finish = |outcome: Outcome| {
        let probe = ProbeKey::new("a.probe", "p");
        Act::FinishProbe { probe, attempt: 1, newest_attempt: 1, early: false, took_ms: 1, outcome }
    };
    let wrong = || Outcome::of(vec![Observation::new("w", "e", "s", false)], "");
    let pass = crate::outcome::Class::Pass;
    for outcome in
        [Outcome { class: pass, ..wrong() }, Outcome { class: pass, ..Outcome::of(Vec::new(), "") }]
    {
        assert!(world.rejection(MACHINE, finish(outcome)).contains("does not match its observations"));
    }
    assert!(world.rejection(MACHINE, finish(Outcome { tries: 0, ..wrong() })).contains("without an attempt"));
    world.act(MACHINE, finish(wrong())).unwrap();
    let mut world = World::open(world.changed(|plan| point(plan, "a.probe").probes[0].spec = None));
    assert!(world.rejection(MACHINE, finish(wrong())).contains("does not configure this probe"));
}

#[test]
fn a_new_plan_resets_only_the_points_that_it_changes() {
    let mut world = World::new("");
    world.finish_as("a.later", Some(true), "old release", true).unwrap();
    // A mandatory point needs two people for either kind of entry, so it stays open.
    world.waive(ALICE, "a.probe", 60).unwrap();
    world.act(BOB, Act::Exempt { point: "a.probe".into(), reason: "not today".into() }).unwrap();
    world.finish("a.one", Some(true)).unwrap();
    world.confirm(ALICE, "a.one").unwrap();
    world.waive(ALICE, "a.two", 60).unwrap();
    world.finish("a.later", Some(true)).unwrap();
    let changed = ["a.probe", "a.one", "a.later"];
    let plan = world.changed(|plan| changed.iter().for_each(|id| point(plan, id).fresh_ms = 60_000));
    world.act(ALICE, replan(plan)).unwrap();
    for id in changed {
        let state = world.state.point(id).unwrap();
        assert!(
            state.waivers.is_empty() && state.exemptions.is_empty() && state.confirmations.is_empty(),
            "{id}"
        );
        assert!(
            state.probes.values().all(|probe| probe.latest.is_none() && probe.early_run.is_none()),
            "{id}"
        );
    }
    assert_eq!(
        world.state.probe(&ProbeKey::new("a.later", "p")).unwrap().attempts,
        2,
        "attempts continue to count"
    );
    assert_eq!(world.state.point("a.two").unwrap().waivers.len(), 1);
    world.assert_replays();
}
