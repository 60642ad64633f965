use super::*;

/// After the first seal no operator can join, so the others must be enrolled before.
#[test]
fn no_seal_before_every_required_role_is_enrolled() {
    let mut world = World::new("seals = [\"driver\", \"reviewer\"]");
    world.state.roster.retain(|operator| operator.role == Role::Driver);
    world.state.enrolments = world.state.roster.iter().collect();
    world.decision();
    assert_eq!(world.act(ALICE, Act::Seal), Err(Rejection::NoOperatorForSeal(Role::Reviewer)));
    world.act(BOB, Act::Join { key: "bob's".into(), role: Role::Reviewer }).unwrap();
    world.decision();
    world.act(ALICE, Act::Seal).unwrap();
    world.act(BOB, Act::Seal).unwrap();
    assert!(world.state.is_sealed());
}

#[test]
fn the_verdict_is_go_only_when_all_points_are_done_and_a_seal_needs_a_verdict() {
    let mut world = World::new("seals = [\"driver\", \"reviewer\"]");
    assert_eq!(world.decision(), Decision::Pending);
    world.finish("a.probe", Some(false)).unwrap();
    assert_eq!(world.act(ALICE, Act::Seal), Err(Rejection::NoVerdict));
    assert_eq!(world.decision(), Decision::NoGo);
    world.finish("a.probe", Some(true)).unwrap();
    world.finish("a.one", Some(true)).unwrap();
    world.confirm(ALICE, "a.one").unwrap();
    world.finish("a.after", Some(true)).unwrap();
    world.finish("a.later", Some(true)).unwrap();
    world.confirm(ALICE, "a.two").unwrap();
    world.confirm(BOB, "a.two").unwrap();
    assert_eq!(world.decision(), Decision::Go);
    assert!(world.due_points().is_empty());
    assert!(world.may_run("a.probe"));
    world.act(ALICE, Act::Seal).unwrap();
    // Its result could not be logged.
    assert!(!world.may_run("a.probe"));
    assert_eq!(world.act(ALICE, Act::Verdict), Err(Rejection::SealingStarted(Role::Reviewer)));
    assert_eq!(world.act(ALICE, Act::Seal), Err(Rejection::SealNotRequired(Role::Driver)));
    world.act(BOB, Act::Seal).unwrap();
    assert!(world.state.is_sealed());
    assert_eq!(world.act(BOB, Act::Note { point: None, text: "x".into() }), Err(Rejection::Sealed));
}

#[test]
fn an_abandoned_run_takes_no_more_entries_and_is_not_sealed() {
    let mut world = World::new("seals = [\"driver\", \"reviewer\"]");
    assert!(matches!(world.act(ALICE, Act::Abandon { reason: " ".into() }), Err(Rejection::ReasonNeeded(_))));
    let act = || Act::Abandon { reason: "withdrawn".into() };
    assert!(matches!(world.act("mallory@x", act()), Err(Rejection::NotEnrolled(_))));
    world.act(ALICE, act()).unwrap();
    assert!(world.state.is_ended() && !world.state.is_sealed());
    assert!(world.due_points().is_empty() && !world.may_run("a.probe"));
    for act in [act(), Act::Verdict, Act::Seal, Act::Note { point: None, text: "n".into() }] {
        assert_eq!(world.act(ALICE, act), Err(Rejection::Abandoned));
    }
}

/// No later result is logged, so what was sealed does not become stale; nor does an abandoned run change.
#[test]
fn a_closed_run_is_judged_at_the_moment_it_was_closed() {
    let act = |sealed: bool| if sealed { Act::Seal } else { Act::Abandon { reason: "withdrawn".into() } };
    for is_sealed in [true, false] {
        let mut world = World::new("seals = [\"driver\", \"reviewer\"]");
        world.finish("a.probe", Some(true)).unwrap();
        world.waive(ALICE, "a.one", 45).unwrap();
        let open = |world: &World| ["a.probe", "a.one", "a.after"].map(|point| world.status(point));
        assert_eq!(world.decision(), Decision::Pending);
        let before = open(&world);
        world.act(ALICE, act(is_sealed)).unwrap();
        world.wait(50);
        assert_eq!(open(&world), before);
        if is_sealed {
            world.act(BOB, Act::Seal).unwrap();
        }
        world.wait(60);
        assert_eq!(open(&world), before);
        world.assert_replays();
    }
}
