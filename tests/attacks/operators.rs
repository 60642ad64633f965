//! Rosters with one key for two operators, and an operator with the name of automatic entries.

use gonogo_core::checklist::Role;
use gonogo_core::journal::entry::{EnrolledOperator, Event, Noted, Sealed};
use gonogo_core::journal::keys::Signer;

use super::AttackSetup;
use super::table::{Attack, RULES, invalid, undetected, valid};
use crate::differential::keys::{compressed, ecdsa_security_key, security_key};
use crate::runs::world::ALICE;

/// The log with these operators in its roster too, signed and sealed by Alice.
fn with_operators(setup: &AttackSetup, operators: &[(&str, String)]) -> Vec<u8> {
    let mut log = setup.unsealed();
    log.change(0, |event| {
        let Event::Opened(opened) = event else { panic!("not the first entry") };
        opened.roster.extend(operators.iter().map(|(principal, key)| EnrolledOperator {
            principal: (*principal).to_owned(),
            key: key.clone(),
            role: Role::Reviewer,
        }));
    });
    log.resign(0, &setup.alice);
    let last = log.0.last().unwrap();
    let seal = Sealed { role: Role::Driver, count: last.header.seq + 1, head: last.hash };
    log.add(ALICE, seal.into(), Some(&setup.alice));
    log.bytes()
}

const SHARED_KEY: &str = "each operator needs a separate key";

pub fn operators() -> Vec<Attack> {
    let shared_key = |name, apply| undetected(RULES, invalid(name, SHARED_KEY, apply));
    vec![
        valid("two operators with a key each", |setup| {
            with_operators(setup, &[("bob@x", setup.bob.public.clone())])
        }),
        valid("two operators with a security key each", |setup| {
            let [bob, carol] =
                [&setup.bob, &setup.mallory].map(|operator| security_key(&operator.public, "ssh:"));
            with_operators(setup, &[("bob@x", bob), ("carol@x", carol)])
        }),
        valid("one operator with an ecdsa key", |setup| {
            with_operators(setup, &[("bob@x", setup.ecdsa.clone())])
        }),
        shared_key("one key, plain and as a security key", |setup| {
            with_operators(setup, &[("bob@x", security_key(&setup.alice.public, "ssh:"))])
        }),
        shared_key("one security key under two applications", |setup| {
            let [bob, carol] =
                ["ssh:", "ssh:other"].map(|application| security_key(&setup.bob.public, application));
            with_operators(setup, &[("bob@x", bob), ("carol@x", carol)])
        }),
        shared_key("one ecdsa key, uncompressed and compressed", |setup| {
            with_operators(setup, &[("bob@x", setup.ecdsa.clone()), ("carol@x", compressed(&setup.ecdsa))])
        }),
        shared_key("one ecdsa key, plain and as a security key", |setup| {
            with_operators(
                setup,
                &[("bob@x", setup.ecdsa.clone()), ("carol@x", ecdsa_security_key(&setup.ecdsa))],
            )
        }),
        undetected(
            RULES,
            invalid(
                "an operator with the name of automatic entries",
                "the name of automatic entries",
                |setup| with_operators(setup, &[("gonogo", setup.bob.public.clone())]),
            ),
        ),
        invalid(
            "a signed entry with the name of automatic entries",
            "a signed entry (noted) by gonogo",
            |setup| {
                let mut log = setup.unsealed();
                let event = Noted { point: None, text: "all is healthy".into() };
                let machine: &Signer = &setup.bob;
                log.add("gonogo", event.into(), Some(machine));
                log.bytes()
            },
        ),
    ]
}
