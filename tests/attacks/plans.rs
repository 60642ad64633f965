//! Plans that one trusted key alone writes into a log, and results that say more than was seen.

use gonogo_core::checklist::{
    Checklist, Confirm, ExemptionRule, Lock, LockedPoint, LockedSection, Plan, Point, Role,
};
use gonogo_core::journal::entry::{
    Abandoned, Decision, Event, Joined, Opened, Probed, ReplanProposed, Replanned, Sealed, Verdict,
};
use gonogo_core::journal::keys::Signer;
use gonogo_core::outcome::{Class, Observation, Outcome, Sha256Hex};

use super::forge::Log;
use super::table::{Attack, RULES, blind, honest, invalid};
use super::{BOB, Stage};
use crate::runs::world::ALICE;

/// A run of one point, `service.ready`, whose checklist lets it be not applicable.
fn opening(stage: &Stage) -> Opened {
    let Event::Opened(opened) = &stage.log.0[0].event else { panic!("the opening") };
    let mut opened = (**opened).clone();
    opened.plan.checklist = "mine".into();
    opened.plan.sections.truncate(1);
    opened.plan.sections[0].points.truncate(1);
    let point = point(&mut opened.plan);
    point.mandatory = false;
    point.not_applicable = Some("not here".into());
    let locked = LockedPoint {
        id: point.id.clone(),
        mandatory: false,
        confirm: Confirm::None,
        not_applicable: ExemptionRule::Always,
    };
    opened.lock = Lock(vec![LockedSection { id: "service".into(), points: vec![locked] }]);
    opened
}

fn point(plan: &mut Plan) -> &mut Point {
    &mut plan.sections[0].points[0]
}

/// A log that begins so, after what a forger changed.
fn begun(stage: &Stage, change: impl FnOnce(&mut Opened)) -> Log {
    let mut opened = opening(stage);
    change(&mut opened);
    opened.plan_sha256 = opened.plan.digest();
    opened.edition = opened.lock.edition();
    let mut log = Log(vec![stage.log.0[0].clone()]);
    log.change(0, |event| *event = opened.into());
    log.resign(0, &stage.alice);
    log
}

/// Judged GO and sealed by Alice, and by Bob where the plan asks for two.
fn sealed(stage: &Stage, mut log: Log) -> Vec<u8> {
    let Event::Opened(opened) = &log.0[0].event else { panic!("the opening") };
    let two = opened.plan.seals.len() > 1;
    let total = opened.plan.points().count() as u64;
    let verdict = Verdict { decision: Decision::Go, done: total, total, reasons: Vec::new() };
    log.add(ALICE, verdict.into(), Some(&stage.alice));
    seal(&mut log, ALICE, Role::Driver, &stage.alice);
    if two {
        seal(&mut log, BOB, Role::Reviewer, &stage.bob);
    }
    log.bytes()
}

fn seal(log: &mut Log, by: &str, role: Role, signer: &Signer) {
    let last = log.0.last().unwrap();
    let seal = Sealed { role, count: last.header.seq + 1, head: last.hash };
    log.add(by, seal.into(), Some(signer));
}

fn forged(stage: &Stage, change: impl FnOnce(&mut Opened)) -> Vec<u8> {
    sealed(stage, begun(stage, change))
}

/// A run that two close; Bob has joined.
fn pair(stage: &Stage, change: impl FnOnce(&mut Opened)) -> Log {
    let mut log = begun(stage, |opened| {
        opened.plan.seals = vec![Role::Driver, Role::Reviewer];
        change(opened);
    });
    let joined = Joined { key: stage.bob.public.clone(), role: Role::Reviewer };
    log.add(BOB, joined.into(), Some(&stage.bob));
    log
}

/// The checklist does not foresee that the point is not applicable.
fn unforeseen(opened: &mut Opened) {
    opened.lock.0[0].points[0].not_applicable = ExemptionRule::Never;
}

fn replanned(log: &Log, proposal: Option<Sha256Hex>) -> Event {
    let plan = looser(log);
    let (plan_sha256, touched) = (plan.digest(), vec!["service.ready".to_owned()]);
    Replanned { plan, plan_sha256, reset_points: touched, proposal, reason: None }.into()
}

fn looser(log: &Log) -> Plan {
    let Event::Opened(opened) = &log.0[0].event else { panic!("the opening") };
    let mut plan = opened.plan.clone();
    point(&mut plan).fresh_ms += 60_000;
    plan
}

fn proposed(stage: &Stage, log: &mut Log) -> Sha256Hex {
    let plan = looser(log);
    let plan_sha256 = plan.digest();
    log.add(ALICE, ReplanProposed { plan, plan_sha256 }.into(), Some(&stage.alice));
    log.0.last().unwrap().hash
}

/// A run whose one point rests on a probe, with a result of it.
fn probed(stage: &Stage, outcome: Outcome, change: impl FnOnce(&mut Opened)) -> Vec<u8> {
    let mut log = begun(stage, |opened| {
        point(&mut opened.plan).not_applicable = None;
        change(opened);
    });
    let (point, probe) = ("service.ready".to_owned(), "readyz".to_owned());
    let event = Probed { point, probe, attempt: 1, early: false, took_ms: 1, outcome };
    log.add("gonogo", event.into(), None);
    sealed(stage, log)
}

fn seen(ok: bool) -> Outcome {
    Outcome::of(vec![Observation::new("status", "200", if ok { "200" } else { "503" }, ok)], "curl")
}

pub fn plans() -> Vec<Attack> {
    shapes().into_iter().chain(locked()).chain(replans()).chain(results()).chain(ends()).collect()
}

fn against_rules(name: &'static str, told: &'static str, apply: fn(&Stage) -> Vec<u8>) -> Attack {
    blind(RULES, invalid(name, told, apply))
}

/// Plans that could not have been loaded.
fn shapes() -> Vec<Attack> {
    vec![
        honest("a plan that its checklist foresees", |stage| forged(stage, |_| {})),
        against_rules("the standard checklist with one point", "is missing from section", |stage| {
            forged(stage, |opened| {
                opened.plan.checklist = "advanced-realtime".into();
                opened.lock = Lock::of(&Checklist::standard().unwrap());
            })
        }),
        against_rules("a point with nothing in it", "is empty: it has no probe", |stage| {
            forged(stage, |opened| {
                let point = point(&mut opened.plan);
                point.not_applicable = None;
                point.probes.clear();
            })
        }),
        against_rules("no control point at all", "no control points", |stage| {
            forged(stage, |opened| {
                opened.lock = Lock::default();
                opened.plan.sections.clear();
            })
        }),
        against_rules("one seal asked for twice", "a seal twice", |stage| {
            forged(stage, |opened| opened.plan.seals = vec![Role::Driver, Role::Driver])
        }),
        against_rules("a strict twin of a point", "is defined twice", |stage| {
            forged(stage, |opened| {
                let twin =
                    Point { not_applicable: None, confirm: Confirm::Two, ..point(&mut opened.plan).clone() };
                opened.plan.sections[0].points.push(twin);
            })
        }),
        against_rules("a twin of a section", "two sections with the same id", |stage| {
            forged(stage, |opened| opened.plan.sections.push(opened.plan.sections[0].clone()))
        }),
        against_rules("points that wait for each other", "depend on each other", |stage| {
            forged(stage, |opened| point(&mut opened.plan).after = vec!["service.ready".into()])
        }),
        against_rules("a point that waits for none that is there", "depends on nope", |stage| {
            forged(stage, |opened| point(&mut opened.plan).due = Some("nope".into()))
        }),
    ]
}

/// Plans that let go of what their checklist holds fast.
fn locked() -> Vec<Attack> {
    vec![
        against_rules("a mandatory point made optional", "is mandatory in the checklist", |stage| {
            forged(stage, |opened| opened.lock.0[0].points[0].mandatory = true)
        }),
        against_rules("fewer confirmations than the checklist asks for", "more confirmations", |stage| {
            forged(stage, |opened| opened.lock.0[0].points[0].confirm = Confirm::Two)
        }),
        blind(
            Some("they do not know what a checklist holds fast"),
            invalid("an edition of another checklist", "edition is not the SHA-256 of lock", |stage| {
                let mut log = begun(stage, |_| {});
                log.change(0, |event| {
                    let Event::Opened(opened) = event else { panic!("the opening") };
                    opened.edition = Lock::default().edition();
                });
                log.resign(0, &stage.alice);
                sealed(stage, log)
            }),
        ),
        against_rules("not applicable by one who opens a run of two", "a different verdict", |stage| {
            sealed(stage, pair(stage, unforeseen))
        }),
        honest("not applicable by one who closes a run alone", |stage| forged(stage, unforeseen)),
    ]
}

fn replans() -> Vec<Attack> {
    vec![
        honest("a looser plan that two have signed", |stage| {
            let mut log = pair(stage, |_| {});
            let hash = proposed(stage, &mut log);
            let event = replanned(&log, Some(hash));
            log.add(BOB, event, Some(&stage.bob));
            sealed(stage, log)
        }),
        against_rules("a looser plan by one of two", "the new plan is looser", |stage| {
            let mut log = pair(stage, |_| {});
            let event = replanned(&log, None);
            log.add(ALICE, event, Some(&stage.alice));
            sealed(stage, log)
        }),
        against_rules("a looser plan accepted by who proposed it", "a reviewer must accept it", |stage| {
            let mut log = pair(stage, |_| {});
            let hash = proposed(stage, &mut log);
            let event = replanned(&log, Some(hash));
            log.add(ALICE, event, Some(&stage.alice));
            sealed(stage, log)
        }),
        against_rules("a looser plan that nobody proposed", "this plan is not proposed", |stage| {
            let mut log = pair(stage, |_| {});
            let event = replanned(&log, Some(Sha256Hex::ZERO));
            log.add(BOB, event, Some(&stage.bob));
            sealed(stage, log)
        }),
        against_rules("a looser plan without a reason, alone", "a reason is needed", |stage| {
            let mut log = begun(stage, |_| {});
            let event = replanned(&log, None);
            log.add(ALICE, event, Some(&stage.alice));
            sealed(stage, log)
        }),
    ]
}

/// What comes after the end of a run.
fn ends() -> Vec<Attack> {
    vec![against_rules("a seal of a run that was abandoned", "the run was abandoned", |stage| {
        let mut log = begun(stage, |_| {});
        let abandoned = Abandoned { reason: "withdrawn".into() };
        log.add(ALICE, abandoned.into(), Some(&stage.alice));
        sealed(stage, log)
    })]
}

fn results() -> Vec<Attack> {
    vec![
        honest("a result that says what was seen", |stage| probed(stage, seen(true), |_| {})),
        against_rules("passed over what was seen", "does not match its observations", |stage| {
            probed(stage, Outcome { class: Class::Pass, ..seen(false) }, |_| {})
        }),
        against_rules("passed without having seen anything", "does not match its observations", |stage| {
            probed(stage, Outcome { class: Class::Pass, observations: Vec::new(), ..seen(true) }, |_| {})
        }),
        against_rules("a result of a probe that cannot run", "does not configure this probe", |stage| {
            probed(stage, seen(true), |opened| point(&mut opened.plan).probes[0].spec = None)
        }),
        against_rules("a result without an attempt", "without an attempt", |stage| {
            probed(stage, Outcome { tries: 0, ..seen(true) }, |_| {})
        }),
    ]
}
