//! Fixtures for tests, of this package and of those that use it (feature `testing`).

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a fixture that cannot be made fails its test"
)]

use ssh_key::{Algorithm, PrivateKey};

use crate::checklist::plan::PointIndex;
use crate::checklist::{Lock, Plan, Role};
use crate::journal::chain::Chain;
use crate::journal::entry::{EnrolledOperator, Event, Opened, Predecessor, PredecessorState, RULES};
use crate::journal::keys::{SignError, Signer, SigningBackendError};
use crate::outcome::Sha256Hex;
use crate::time::{Moment, Utc};

pub use crate::checklist::SCANS;

/// How many cases are tried; `PROPTEST_CASES` overrides it.
#[must_use]
pub fn cases(few: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(few)
}

/// A signer with a fresh key.
#[must_use]
pub fn signer(principal: &str) -> Signer {
    let key = PrivateKey::random(&mut ssh_key::rand_core::OsRng, Algorithm::Ed25519).unwrap();
    Signer::with_key(principal, &key).unwrap()
}

/// Why a key did not sign, and who was asked for it.
#[must_use]
pub fn unwilling(principal: &str) -> SignError {
    SignError { principal: principal.to_owned(), source: SigningBackendError::SecurityKey }
}

/// A moment, so many milliseconds after a fixed time.
#[must_use]
pub fn moment(ms: i64) -> Moment {
    Moment {
        wall: Utc::from_millis(1_790_000_000_000 + ms),
        boot: "b".into(),
        mono: 1000 + ms.unsigned_abs(),
    }
}

/// The opening entry of an empty plan.
#[must_use]
pub fn opened(operator: &Signer) -> Event {
    let plan = Plan {
        checklist: "c".into(),
        environment: "t".into(),
        production: false,
        rehearsal: None,
        rolls_back: false,
        solo: false,
        release: "v1".into(),
        previous: None,
        seals: vec![Role::Driver],
        sections: vec![],
        contacts: vec![],
        tailored: vec![],
        guards: vec![],
        rollback: vec![],
        index: PointIndex::default(),
    };
    Opened {
        rules: RULES,
        plan_sha256: plan.digest(),
        plan,
        edition: Lock::default().edition(),
        lock: Lock::default(),
        roster: vec![EnrolledOperator {
            principal: operator.principal.clone(),
            key: operator.public.clone(),
            role: Role::Driver,
        }],
        previous_run: None,
        commit: None,
        gonogo: "0".into(),
        host: "h".into(),
        profile_sha256: Sha256Hex::ZERO,
    }
    .into()
}

/// The first line of a log, with its LF.
#[must_use]
pub fn first_line() -> Vec<u8> {
    first_line_of(&"ab".repeat(16), None, 0)
}

/// The same for this run, with this previous run and opening time.
#[must_use]
pub fn first_line_of(run: &str, previous: Option<&str>, ms: i64) -> Vec<u8> {
    let alice = signer("alice@x");
    let mut event = opened(&alice);
    if let Event::Opened(event) = &mut event {
        let before = |run: &str| Predecessor {
            run: run.into(),
            seq: 0,
            head: Sha256Hex::ZERO,
            state: PredecessorState::Open,
        };
        event.previous_run = previous.map(before);
    }
    let (_, line) = Chain::new(run.into()).build_entry(moment(ms), "alice@x", event, Some(&alice)).unwrap();
    line
}
