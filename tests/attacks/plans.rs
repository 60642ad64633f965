//! Plans that a single trusted key writes into a log, and results that do not match their observations.

use gonogo_core::checklist::{
    Checklist, Confirm, ExemptionRule, Lock, LockedPoint, LockedSection, Plan, Point, Role,
};
use gonogo_core::journal::entry::{
    Abandoned, Decision, Event, Joined, Opened, Probed, ReplanProposed, Replanned, Sealed, Verdict,
};
use gonogo_core::journal::keys::Signer;
use gonogo_core::outcome::{Class, Observation, Outcome, Sha256Hex};

use super::forge::ForgedLog;
use super::table::{Attack, RULES, invalid, undetected, valid};
use super::{AttackSetup, BOB};
use crate::runs::world::ALICE;

/// A run of one point, `service.ready`, which its checklist allows to be not applicable.
fn opening(setup: &AttackSetup) -> Opened {
    let Event::Opened(opened) = &setup.log.0[0].event else { panic!("not the first entry") };
    let mut opened = (**opened).clone();
    opened.plan.checklist = "mine".into();
    opened.plan.sections.truncate(1);
    opened.plan.sections[0].points.truncate(1);
    let point = point(&mut opened.plan);
    point.mandatory = false;
    point.not_applicable = Some("not here".into());
    let loosened_plans = LockedPoint {
        id: point.id.clone(),
        mandatory: false,
        confirm: Confirm::None,
        not_applicable: ExemptionRule::Always,
        runbook: None,
        contacts: Vec::new(),
    };
    opened.lock = Lock(vec![LockedSection { id: "service".into(), points: vec![loosened_plans] }]);
    opened
}

fn point(plan: &mut Plan) -> &mut Point {
    &mut plan.sections[0].points[0]
}

/// A log with this first entry, changed by the attacker.
fn new_log(setup: &AttackSetup, change: impl FnOnce(&mut Opened)) -> ForgedLog {
    let mut opened = opening(setup);
    change(&mut opened);
    opened.plan_sha256 = opened.plan.digest();
    opened.edition = opened.lock.edition();
    let mut log = ForgedLog(vec![setup.log.0[0].clone()]);
    log.change(0, |event| *event = opened.into());
    log.resign(0, &setup.alice);
    log
}

/// The log with a GO verdict, sealed by Alice, and by Bob if the plan requires two seals.
fn judged_and_sealed(setup: &AttackSetup, mut log: ForgedLog) -> Vec<u8> {
    let Event::Opened(opened) = &log.0[0].event else { panic!("not the first entry") };
    let two = opened.plan.seals.len() > 1;
    let total = opened.plan.points().count() as u64;
    let verdict = Verdict { decision: Decision::Go, done: total, total, reasons: Vec::new() };
    log.add(ALICE, verdict.into(), Some(&setup.alice));
    seal(&mut log, ALICE, Role::Driver, &setup.alice);
    if two {
        seal(&mut log, BOB, Role::Reviewer, &setup.bob);
    }
    log.bytes()
}

fn seal(log: &mut ForgedLog, by: &str, role: Role, signer: &Signer) {
    let last = log.0.last().unwrap();
    let seal = Sealed { role, count: last.header.seq + 1, head: last.hash };
    log.add(by, seal.into(), Some(signer));
}

fn forged_run(setup: &AttackSetup, change: impl FnOnce(&mut Opened)) -> Vec<u8> {
    judged_and_sealed(setup, new_log(setup, change))
}

/// A run that requires two seals; Bob has joined.
fn with_two_seals(setup: &AttackSetup, change: impl FnOnce(&mut Opened)) -> ForgedLog {
    let mut log = new_log(setup, |opened| {
        opened.plan.seals = vec![Role::Driver, Role::Reviewer];
        change(opened);
    });
    let joined = Joined { key: setup.bob.public.clone(), role: Role::Reviewer };
    log.add(BOB, joined.into(), Some(&setup.bob));
    log
}

/// The checklist does not allow the point to be not applicable.
fn without_exemption_rule(opened: &mut Opened) {
    opened.lock.0[0].points[0].not_applicable = ExemptionRule::Never;
}

fn replanned(log: &ForgedLog, proposal: Option<Sha256Hex>) -> Event {
    let plan = looser(log);
    let (plan_sha256, touched) = (plan.digest(), vec!["service.ready".to_owned()]);
    Replanned { plan, plan_sha256, reset_points: touched, proposal, reason: None }.into()
}

fn looser(log: &ForgedLog) -> Plan {
    let Event::Opened(opened) = &log.0[0].event else { panic!("not the first entry") };
    let mut plan = opened.plan.clone();
    point(&mut plan).fresh_ms += 60_000;
    plan
}

fn proposed(setup: &AttackSetup, log: &mut ForgedLog) -> Sha256Hex {
    let plan = looser(log);
    let plan_sha256 = plan.digest();
    log.add(ALICE, ReplanProposed { plan, plan_sha256 }.into(), Some(&setup.alice));
    log.0.last().unwrap().hash
}

/// A run whose one point has a probe, with a result of it.
fn with_result(setup: &AttackSetup, outcome: Outcome, change: impl FnOnce(&mut Opened)) -> Vec<u8> {
    let mut log = new_log(setup, |opened| {
        point(&mut opened.plan).not_applicable = None;
        change(opened);
    });
    let (point, probe) = ("service.ready".to_owned(), "readyz".to_owned());
    let event = Probed { point, probe, attempt: 1, early: false, took_ms: 1, outcome };
    log.add("gonogo", event.into(), None);
    judged_and_sealed(setup, log)
}

fn outcome(ok: bool) -> Outcome {
    Outcome::of(vec![Observation::new("status", "200", if ok { "200" } else { "503" }, ok)], "curl")
}

pub fn plans() -> Vec<Attack> {
    malformed_plans()
        .into_iter()
        .chain(loosened_plans())
        .chain(replans())
        .chain(results())
        .chain(after_the_end())
        .collect()
}

fn against_rules(name: &'static str, message: &'static str, apply: fn(&AttackSetup) -> Vec<u8>) -> Attack {
    undetected(RULES, invalid(name, message, apply))
}

/// Plans that gonogo would not load.
fn malformed_plans() -> Vec<Attack> {
    vec![
        valid("a plan that its checklist allows", |setup| forged_run(setup, |_| {})),
        against_rules("the standard checklist with one point", "is missing from section", |setup| {
            forged_run(setup, |opened| {
                opened.plan.checklist = "advanced-realtime".into();
                opened.lock = Lock::of(&Checklist::standard().unwrap());
            })
        }),
        against_rules("a point without a probe and a confirmation", "is empty: it has no probe", |setup| {
            forged_run(setup, |opened| {
                let point = point(&mut opened.plan);
                point.not_applicable = None;
                point.probes.clear();
            })
        }),
        against_rules("no control point at all", "no control points", |setup| {
            forged_run(setup, |opened| {
                opened.lock = Lock::default();
                opened.plan.sections.clear();
            })
        }),
        against_rules("one seal required twice", "a seal twice", |setup| {
            forged_run(setup, |opened| opened.plan.seals = vec![Role::Driver, Role::Driver])
        }),
        against_rules("a point defined twice, once stricter", "is defined twice", |setup| {
            forged_run(setup, |opened| {
                let twin =
                    Point { not_applicable: None, confirm: Confirm::Two, ..point(&mut opened.plan).clone() };
                opened.plan.sections[0].points.push(twin);
            })
        }),
        against_rules("a section defined twice", "two sections with the same id", |setup| {
            forged_run(setup, |opened| opened.plan.sections.push(opened.plan.sections[0].clone()))
        }),
        against_rules("points that depend on each other", "depend on each other", |setup| {
            forged_run(setup, |opened| point(&mut opened.plan).after = vec!["service.ready".into()])
        }),
        against_rules("a point that depends on a missing one", "depends on nope", |setup| {
            forged_run(setup, |opened| point(&mut opened.plan).due = Some("nope".into()))
        }),
    ]
}

/// Plans that are looser than their checklist allows.
fn loosened_plans() -> Vec<Attack> {
    vec![
        against_rules("a mandatory point made optional", "is mandatory in the checklist", |setup| {
            forged_run(setup, |opened| opened.lock.0[0].points[0].mandatory = true)
        }),
        against_rules("fewer confirmations than the checklist requires", "more confirmations", |setup| {
            forged_run(setup, |opened| opened.lock.0[0].points[0].confirm = Confirm::Two)
        }),
        undetected(
            Some("they do not know the locks of a checklist"),
            invalid("an edition of another checklist", "edition is not the SHA-256 of lock", |setup| {
                let mut log = new_log(setup, |_| {});
                log.change(0, |event| {
                    let Event::Opened(opened) = event else { panic!("not the first entry") };
                    opened.edition = Lock::default().edition();
                });
                log.resign(0, &setup.alice);
                judged_and_sealed(setup, log)
            }),
        ),
        against_rules(
            "not applicable by the driver of a run with two seals",
            "a different verdict",
            |setup| judged_and_sealed(setup, with_two_seals(setup, without_exemption_rule)),
        ),
        valid("not applicable by the driver of a run with one seal", |setup| {
            forged_run(setup, without_exemption_rule)
        }),
    ]
}

fn replans() -> Vec<Attack> {
    vec![
        valid("a looser plan that two operators have signed", |setup| {
            let mut log = with_two_seals(setup, |_| {});
            let hash = proposed(setup, &mut log);
            let event = replanned(&log, Some(hash));
            log.add(BOB, event, Some(&setup.bob));
            judged_and_sealed(setup, log)
        }),
        against_rules("a looser plan by one of two operators", "the new plan is looser", |setup| {
            let mut log = with_two_seals(setup, |_| {});
            let event = replanned(&log, None);
            log.add(ALICE, event, Some(&setup.alice));
            judged_and_sealed(setup, log)
        }),
        against_rules("a looser plan accepted by its author", "a reviewer must accept it", |setup| {
            let mut log = with_two_seals(setup, |_| {});
            let hash = proposed(setup, &mut log);
            let event = replanned(&log, Some(hash));
            log.add(ALICE, event, Some(&setup.alice));
            judged_and_sealed(setup, log)
        }),
        against_rules("a looser plan that nobody proposed", "this plan is not proposed", |setup| {
            let mut log = with_two_seals(setup, |_| {});
            let event = replanned(&log, Some(Sha256Hex::ZERO));
            log.add(BOB, event, Some(&setup.bob));
            judged_and_sealed(setup, log)
        }),
        against_rules("a looser plan without a reason, with one seal", "a reason is needed", |setup| {
            let mut log = new_log(setup, |_| {});
            let event = replanned(&log, None);
            log.add(ALICE, event, Some(&setup.alice));
            judged_and_sealed(setup, log)
        }),
    ]
}

/// Entries after the end of a run.
fn after_the_end() -> Vec<Attack> {
    vec![against_rules("a seal of a run that was abandoned", "the run was abandoned", |setup| {
        let mut log = new_log(setup, |_| {});
        let abandoned = Abandoned { reason: "withdrawn".into() };
        log.add(ALICE, abandoned.into(), Some(&setup.alice));
        judged_and_sealed(setup, log)
    })]
}

fn results() -> Vec<Attack> {
    vec![
        valid("a result that matches its observations", |setup| with_result(setup, outcome(true), |_| {})),
        against_rules("passed although an observation failed", "does not match its observations", |setup| {
            with_result(setup, Outcome { class: Class::Pass, ..outcome(false) }, |_| {})
        }),
        against_rules("passed without observations", "does not match its observations", |setup| {
            with_result(
                setup,
                Outcome { class: Class::Pass, observations: Vec::new(), ..outcome(true) },
                |_| {},
            )
        }),
        against_rules("a result of a probe that cannot run", "does not configure this probe", |setup| {
            with_result(setup, outcome(true), |opened| point(&mut opened.plan).probes[0].spec = None)
        }),
        against_rules("a result without an attempt", "without an attempt", |setup| {
            with_result(setup, Outcome { tries: 0, ..outcome(true) }, |_| {})
        }),
    ]
}
