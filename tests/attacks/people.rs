//! One person who is written down as two, and one who is nobody.

use gonogo_core::checklist::Role;
use gonogo_core::journal::entry::{EnrolledOperator, Event, Noted, Sealed};
use gonogo_core::journal::keys::Signer;

use super::Stage;
use super::table::{Attack, RULES, blind, honest, invalid};
use crate::differential::keys::{compressed, ecdsa_security_key, security_key};
use crate::runs::world::ALICE;

/// The log, with these people taking part too, signed and sealed by Alice.
fn with(stage: &Stage, people: &[(&str, String)]) -> Vec<u8> {
    let mut log = stage.unsealed();
    log.change(0, |event| {
        let Event::Opened(opened) = event else { panic!("the opening") };
        opened.roster.extend(people.iter().map(|(principal, key)| EnrolledOperator {
            principal: (*principal).to_owned(),
            key: key.clone(),
            role: Role::Reviewer,
        }));
    });
    log.resign(0, &stage.alice);
    let last = log.0.last().unwrap();
    let seal = Sealed { role: Role::Driver, count: last.header.seq + 1, head: last.hash };
    log.add(ALICE, seal.into(), Some(&stage.alice));
    log.bytes()
}

const TWINS: &str = "two people need two keys";

pub fn people() -> Vec<Attack> {
    let twins = |name, apply| blind(RULES, invalid(name, TWINS, apply));
    vec![
        honest("two people with a key each", |stage| with(stage, &[("bob@x", stage.bob.public.clone())])),
        honest("two people with a security key each", |stage| {
            let [bob, carol] = [&stage.bob, &stage.mallory].map(|who| security_key(&who.public, "ssh:"));
            with(stage, &[("bob@x", bob), ("carol@x", carol)])
        }),
        honest("one with an ecdsa key", |stage| with(stage, &[("bob@x", stage.ecdsa.clone())])),
        twins("one secret key, plain and as a security key's", |stage| {
            with(stage, &[("bob@x", security_key(&stage.alice.public, "ssh:"))])
        }),
        twins("one security key under two applications", |stage| {
            let [bob, carol] = ["ssh:", "ssh:other"].map(|of| security_key(&stage.bob.public, of));
            with(stage, &[("bob@x", bob), ("carol@x", carol)])
        }),
        twins("one ecdsa key, whole and compressed", |stage| {
            with(stage, &[("bob@x", stage.ecdsa.clone()), ("carol@x", compressed(&stage.ecdsa))])
        }),
        twins("one ecdsa key, plain and as a security key's", |stage| {
            with(stage, &[("bob@x", stage.ecdsa.clone()), ("carol@x", ecdsa_security_key(&stage.ecdsa))])
        }),
        blind(
            RULES,
            invalid("a person by the machine's name", "the name of automatic entries", |stage| {
                with(stage, &[("gonogo", stage.bob.public.clone())])
            }),
        ),
        invalid("an act signed by the machine's name", "a signed entry (noted) by gonogo", |stage| {
            let mut log = stage.unsealed();
            let event = Noted { point: None, text: "all is well".into() };
            let machine: &Signer = &stage.bob;
            log.add("gonogo", event.into(), Some(machine));
            log.bytes()
        }),
    ]
}
