use super::*;

#[test]
fn failed_unknown_missing_or_stale_results_cannot_be_confirmed() {
    let mut world = World::new("");
    let rejection = |world: &mut World| world.confirm(ALICE, "a.one").unwrap_err().to_string();
    assert!(rejection(&mut world).contains("not all of its probes have a result yet"));
    world.finish("a.one", Some(false)).unwrap();
    assert!(rejection(&mut world).contains("a probe failed"));
    world.finish("a.one", None).unwrap();
    assert!(rejection(&mut world).contains("ended in an error"));
    world.finish("a.one", Some(true)).unwrap();
    world.wait(31);
    assert!(rejection(&mut world).contains("are stale"));
    world.finish("a.one", Some(true)).unwrap();
    world.confirm(ALICE, "a.one").unwrap();
    assert_eq!(world.status("a.one"), Status::Confirmed);
}

#[test]
fn a_confirmation_depends_on_its_evidence() {
    let mut world = World::new("");
    world.finish("a.one", Some(true)).unwrap();
    let old = evidence(world.state.plan.point("a.one").unwrap(), world.state.point("a.one").unwrap());
    world.finish("a.one", Some(true)).unwrap();
    let act = Act::Confirm { point: "a.one".into(), evidence: old, reason: None };
    assert_eq!(world.act(ALICE, act), Err(Rejection::EvidenceChanged("a.one".into())));
    world.confirm(ALICE, "a.one").unwrap();
    // The same evidence leaves it valid, other evidence does not.
    world.finish("a.one", Some(true)).unwrap();
    assert_eq!(world.status("a.one"), Status::Confirmed);
    world.finish_as("a.one", Some(true), "something else", false).unwrap();
    assert_eq!(world.status("a.one"), Status::NeedsConfirmation { confirmed: 0, required: 1 });
}

#[test]
fn what_a_probe_left_to_people_needs_one_although_the_point_does_not() {
    let mut world = World::new("");
    world.finish("a.probe", Some(true)).unwrap();
    assert_eq!(world.status("a.probe"), Status::Passed);
    let outcome = || {
        let unset = Observation::unknown("origins", "[]", "not set");
        Outcome::of(vec![unset], "").leave_to_people(|name| name == "origins")
    };
    let finish = |world: &mut World, attempt, outcome| {
        let probe = ProbeKey::new("a.probe", "p");
        let act =
            Act::FinishProbe { probe, attempt, newest_attempt: attempt, early: false, took_ms: 1, outcome };
        world.act(MACHINE, act).unwrap();
    };
    finish(&mut world, 2, outcome());
    let status = world.status("a.probe");
    assert_eq!(status, Status::NeedsConfirmation { confirmed: 0, required: 1 });
    let why = explain(&world.state.judge(&world.now), "a.probe", &status);
    assert_eq!(why, "origins: for people to confirm: [] (not observed: not set)");
    world.confirm(ALICE, "a.probe").unwrap();
    assert_eq!(world.status("a.probe"), Status::Confirmed);
    world.assert_replays();
    // Observed again, it needs nobody.
    world.finish("a.probe", Some(true)).unwrap();
    assert_eq!(world.status("a.probe"), Status::Passed);
}

#[test]
fn two_confirmations_need_two_people_unless_the_plan_is_solo() {
    let mut world = World::new("");
    world.confirm(ALICE, "a.two").unwrap();
    assert_eq!(world.status("a.two"), Status::NeedsConfirmation { confirmed: 1, required: 2 });
    assert!(matches!(world.confirm(ALICE, "a.two"), Err(Rejection::AlreadyDone { .. })));
    world.confirm(BOB, "a.two").unwrap();
    assert_eq!(world.status("a.two"), Status::Confirmed);

    let mut solo = World::new("solo = true");
    assert!(matches!(solo.confirm(ALICE, "a.two"), Err(Rejection::ReasonNeeded(_))));
    let act =
        Act::Confirm { point: "a.two".into(), evidence: vec![], reason: Some("nobody else is here".into()) };
    solo.act(ALICE, act).unwrap();
    assert_eq!(solo.status("a.two"), Status::Confirmed);
}

#[test]
fn waiving_a_mandatory_point_takes_two_people_and_ends_with_the_first_waiver() {
    let mut world = World::new("");
    world.waive(ALICE, "a.probe", 60).unwrap();
    assert_eq!(world.status("a.probe"), Status::Pending);
    assert!(matches!(world.waive(ALICE, "a.probe", 60), Err(Rejection::AlreadyDone { .. })));
    world.waive(BOB, "a.probe", 10).unwrap();
    assert!(matches!(world.status("a.probe"), Status::Waived(_)));
    assert_eq!(world.status("a.after"), Status::Pending);
    world.wait(11);
    assert_eq!(world.status("a.probe"), Status::Pending);

    world.waive(ALICE, "a.one", 10).unwrap();
    assert!(matches!(world.status("a.one"), Status::Waived(_)));
    let past = Act::Waive { point: "a.two".into(), reason: "r".into(), until: Utc::from_millis(0) };
    assert!(matches!(world.act(ALICE, past), Err(Rejection::Expired(_))));
    let without_reason = Act::Waive {
        point: "a.two".into(),
        reason: "  ".into(),
        until: world.now.wall.plus(Duration::from_mins(1)),
    };
    assert!(matches!(world.act(ALICE, without_reason), Err(Rejection::ReasonNeeded(_))));
}

#[test]
fn a_retracted_exemption_makes_the_point_open_again() {
    let mut world = World::new("");
    world.act(ALICE, Act::Exempt { point: "a.one".into(), reason: "no such thing here".into() }).unwrap();
    assert_eq!(world.status("a.one"), Status::NotApplicable);
    assert_eq!(world.status("a.later"), Status::Pending);
    assert!(matches!(
        world.act(BOB, Act::Retract { point: "a.one".into(), target: None }),
        Err(Rejection::NothingToRetract(_))
    ));
    world.act(ALICE, Act::Retract { point: "a.one".into(), target: None }).unwrap();
    assert_eq!(world.status("a.one"), Status::Pending);
    assert_eq!(world.status("a.later"), Status::NotDue("a.one".into()));
}

#[test]
fn a_note_is_retracted_like_any_other_entry_and_each_by_its_author() {
    let mut world = World::new("");
    let note = |text: &str| Act::Note { point: Some("a.one".into()), text: text.into() };
    world.act(ALICE, Act::Exempt { point: "a.one".into(), reason: "no such thing here".into() }).unwrap();
    world.act(ALICE, note("typed by mistake")).unwrap();
    world.act(BOB, note("seen")).unwrap();
    let own = |world: &World, by| world.state.points["a.one"].own_entries(by);
    let (mine, bobs) = (own(&world, ALICE), own(&world, BOB));
    assert_eq!(mine.len(), 2);
    assert_eq!(mine[0].description, "note: typed by mistake");
    let retract = |target| Act::Retract { point: "a.one".into(), target: Some(target) };
    assert!(matches!(world.act(ALICE, retract(bobs[0].seq)), Err(Rejection::NothingToRetract(_))));
    world.act(ALICE, retract(mine[1].seq)).unwrap();
    assert_eq!(world.status("a.one"), Status::Pending, "the entry below the note");
    world.act(ALICE, Act::Retract { point: "a.one".into(), target: None }).unwrap();
    let notes: Vec<_> = world.state.points["a.one"].notes.iter().map(|note| note.is_retracted).collect();
    assert_eq!(notes, [true, false]);
    assert!(matches!(
        world.act(ALICE, Act::Retract { point: "a.one".into(), target: None }),
        Err(Rejection::NothingToRetract(_))
    ));
}
