use gonogo_core::checklist::{Rehearsal, Role};
use gonogo_core::journal::entry::{Decision, Event, Joined, Noted, Resumed};

use super::forge::{ForgedLog, signature};
use super::formats::formats;
use super::operators::operators;
use super::plans::plans;
use super::{AttackSetup, MALLORY};
use crate::runs::world::ALICE;

/// A change of a log, and how it is detected.
#[derive(Clone, Copy)]
pub struct Attack {
    pub name: &'static str,
    pub apply: fn(&AttackSetup) -> Vec<u8>,
    /// The exit code of `verify`: 4 invalid, 5 open; 0 for a valid log.
    pub code: i32,
    pub message: &'static str,
    /// Why stock tools do not detect it.
    pub undetected_by_stock: Option<&'static str>,
}

pub const RULES: Option<&str> = Some("they do not know the rules of a run");
pub const JSON_FORMAT: Option<&str> = Some("they accept any JSON format");

pub fn invalid(name: &'static str, message: &'static str, apply: fn(&AttackSetup) -> Vec<u8>) -> Attack {
    Attack { name, apply, code: 4, message, undetected_by_stock: None }
}

/// No attack: a similar log that must be valid.
pub fn valid(name: &'static str, apply: fn(&AttackSetup) -> Vec<u8>) -> Attack {
    let undetected_by_stock = Some("there is nothing to detect");
    Attack { name, apply, code: 0, message: "sealed by alice@deck.example", undetected_by_stock }
}

pub fn undetected(why: Option<&'static str>, attack: Attack) -> Attack {
    Attack { undetected_by_stock: why, ..attack }
}

fn open(name: &'static str, message: &'static str, apply: fn(&AttackSetup) -> Vec<u8>) -> Attack {
    Attack {
        name,
        apply,
        code: 5,
        message,
        undetected_by_stock: Some("they do not know which seals are required"),
    }
}

pub fn attacks() -> Vec<Attack> {
    [
        without_key(),
        moved_lines(),
        with_an_untrusted_key(),
        with_a_trusted_key(),
        with_a_trusted_key_in_roster_and_seal(),
        operators(),
        plans(),
        with_other_signatures(),
        truncated(),
        formats(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn note(text: &str) -> Event {
    Noted { point: None, text: text.into() }.into()
}

fn change_duration(event: &mut Event) {
    let Event::Probed(probed) = event else { panic!("no probe result") };
    probed.took_ms += 1;
}

/// By somebody who can write the file.
fn without_key() -> Vec<Attack> {
    vec![
        invalid("the text of a note changed", "the signature does not match", |setup| {
            let mut log = setup.log.clone();
            let at = log.find("noted");
            log.change(at, |event| *event = note("all is healthy"));
            log.bytes()
        }),
        invalid("a probe result changed", "its prev is not the hash of the line before it", |setup| {
            let mut log = setup.log.clone();
            let at = log.find("probed");
            log.change(at, change_duration);
            log.bytes()
        }),
        invalid("a probe result changed, and everything rehashed", "the signature does not match", |setup| {
            let mut log = setup.log.clone();
            let at = log.find("probed");
            log.change(at, change_duration);
            log.rechain(at);
            log.bytes()
        }),
        invalid("a signature removed", "a noted entry without a signature", |setup| {
            let mut log = setup.log.clone();
            let at = log.find("noted");
            log.0[at].sig = None;
            log.rechain(at);
            log.bytes()
        }),
        invalid("a signed entry turned into an automatic one", "without a signature", |setup| {
            let mut log = setup.log.clone();
            let at = log.find("confirmed");
            log.0[at].header.by = "gonogo".into();
            log.0[at].sig = None;
            log.rechain(at);
            log.bytes()
        }),
        undetected(
            RULES,
            invalid("a line after the seal", "against the rules: the run is sealed", |setup| {
                let mut log = setup.log.clone();
                log.add("gonogo", Resumed { gonogo: "0".into(), host: "h".into() }.into(), None);
                log.bytes()
            }),
        ),
    ]
}

fn moved_lines() -> Vec<Attack> {
    vec![
        invalid("a line dropped", "its seq is", |setup| {
            let mut log = setup.log.clone();
            log.0.remove(log.find("probed"));
            log.bytes()
        }),
        invalid("a line dropped, and everything renumbered", "the signature does not match", |setup| {
            let mut log = setup.log.clone();
            let at = log.find("probed");
            log.0.remove(at);
            log.rechain(at);
            log.bytes()
        }),
        invalid("two lines swapped", "its seq is", |setup| {
            let mut log = setup.log.clone();
            let at = log.find("noted");
            log.0.swap(at, at - 1);
            log.bytes()
        }),
        invalid("a line twice", "its seq is", |setup| {
            let mut log = setup.log.clone();
            let at = log.find("noted");
            log.0.insert(at, log.0[at].clone());
            log.bytes()
        }),
        invalid("a signed line of another run", "it belongs to run", |setup| {
            let mut log = setup.log.clone();
            let at = log.find("noted");
            log.0[at] = setup.other.0[setup.other.find("noted")].clone();
            log.bytes()
        }),
        invalid("a signed line of another run, rehashed", "the signature does not match", |setup| {
            let mut log = setup.log.clone();
            let at = log.find("noted");
            let other = setup.other.0[setup.other.find("noted")].clone();
            log.0[at].event = other.event;
            log.0[at].sig = other.sig;
            log.rechain(at);
            log.bytes()
        }),
    ]
}

/// By somebody with an untrusted key.
fn with_an_untrusted_key() -> Vec<Attack> {
    vec![
        invalid(
            "an untrusted operator joins",
            "mallory@deck.example is not among the allowed signers",
            |setup| {
                let mut log = setup.unsealed();
                let joined = Joined { key: setup.mallory.public.clone(), role: Role::Reviewer };
                log.add(MALLORY, joined.into(), Some(&setup.mallory));
                log.bytes()
            },
        ),
        invalid(
            "an untrusted key signs in the name of an operator",
            "the key that signed for alice@deck.example is not the one",
            |setup| {
                let mut log = setup.unsealed();
                log.add(ALICE, note("continue"), Some(&setup.mallory));
                log.bytes()
            },
        ),
        invalid(
            "a trusted signer who is not an operator adds a note",
            "against the rules: bob@deck.example is not an operator of this run",
            |setup| {
                let mut log = setup.unsealed();
                log.add(&setup.bob.principal, note("continue"), Some(&setup.bob));
                log.bytes()
            },
        )
        .with_message("bob@deck.example signed with another key than the run's roster has", RULES),
    ]
}

impl Attack {
    fn with_message(self, message: &'static str, undetected_by_stock: Option<&'static str>) -> Self {
        Self { message, undetected_by_stock, ..self }
    }
}

/// By an operator with a trusted key.
fn with_a_trusted_key() -> Vec<Attack> {
    vec![
        undetected(
            RULES,
            invalid("a GO over open points", "against the rules", |setup| {
                let mut log = setup.log.clone();
                let at = log.find("verdict");
                log.change(at, |event| {
                    let Event::Verdict(verdict) = event else { panic!("no verdict") };
                    verdict.decision = Decision::Go;
                    verdict.done = verdict.total;
                    verdict.reasons.clear();
                });
                log.resign(at, &setup.alice);
                log.bytes()
            }),
        ),
        undetected(
            RULES,
            invalid("a confirmation of evidence that is not there", "against the rules", |setup| {
                let mut log = setup.log.clone();
                let at = log.find("confirmed");
                log.change(at, |event| {
                    let Event::Confirmed(confirmed) = event else { panic!("no confirmation") };
                    confirmed.point = "service.headers".into();
                });
                log.resign(at, &setup.alice);
                log.bytes()
            }),
        ),
        undetected(
            RULES,
            invalid("a note after the seal", "against the rules: the run is sealed", |setup| {
                let mut log = setup.log.clone();
                log.add(ALICE, note("and another thing"), Some(&setup.alice));
                log.bytes()
            }),
        ),
    ]
}

/// The same, in the roster and in the seal.
fn with_a_trusted_key_in_roster_and_seal() -> Vec<Attack> {
    vec![
        undetected(
            RULES,
            invalid("one key for two operators", "against the rules", |setup| {
                let mut log = setup.log.clone();
                log.change(0, |event| {
                    let Event::Opened(opened) = event else { panic!("not the first entry") };
                    let mut twin = opened.roster[0].clone();
                    twin.principal = "bob@deck.example".into();
                    opened.roster.push(twin);
                });
                log.resign(0, &setup.alice);
                log.bytes()
            }),
        ),
        undetected(
            RULES,
            invalid("a seal of another head", "against the rules", |setup| {
                let mut log = setup.log.clone();
                let at = log.find("sealed");
                log.change(at, |event| {
                    let Event::Sealed(sealed) = event else { panic!("no seal") };
                    sealed.count -= 1;
                });
                log.resign(at, &setup.alice);
                log.bytes()
            }),
        ),
    ]
}

/// Signatures that were made for another purpose.
fn with_other_signatures() -> Vec<Attack> {
    vec![
        invalid("a seal signed as an entry", "the signature was made under gonogo-entry-v1", |setup| {
            with_namespace(setup, "sealed", "gonogo-entry-v1")
        }),
        invalid("an entry signed as a seal", "the signature was made under gonogo-seal-v1", |setup| {
            with_namespace(setup, "noted", "gonogo-seal-v1")
        }),
        invalid("an entry signed under another namespace", "the signature was made under file", |setup| {
            with_namespace(setup, "noted", "file")
        }),
        invalid(
            "an entry signed as in a rehearsal",
            "the signature was made under gonogo-rehearsal-entry-v1",
            |setup| with_namespace(setup, "noted", "gonogo-rehearsal-entry-v1"),
        ),
        invalid(
            "a seal signed as in a rehearsal",
            "the signature was made under gonogo-rehearsal-seal-v1",
            |setup| with_namespace(setup, "sealed", "gonogo-rehearsal-seal-v1"),
        ),
        invalid("a real run that claims to be a rehearsal", "a rehearsal, not evidence", |setup| {
            let mut log = setup.log.clone();
            log.change(0, |event| {
                let Event::Opened(opened) = event else { panic!("not the first entry") };
                opened.plan.rehearsal = Some(Rehearsal::default());
                opened.plan_sha256 = opened.plan.digest();
            });
            log.resign(0, &setup.alice);
            log.bytes()
        })
        .with_message("a rehearsal, not evidence", Some("its signatures are those of a real run")),
    ]
}

/// The log with one signature made under another namespace; later entries are signed again.
fn with_namespace(setup: &AttackSetup, kind: &str, namespace: &str) -> Vec<u8> {
    let mut log = setup.log.clone();
    let at = log.find(kind);
    log.0[at].sig = Some(signature(&setup.alice, namespace, &log.0[at]));
    let (entry, _) = gonogo_core::journal::entry::Entry::write(
        log.0[at].header.clone(),
        log.0[at].event.clone(),
        log.0[at].sig.clone(),
    )
    .unwrap();
    log.0[at] = entry;
    if at + 1 < log.0.len() {
        log.resign(at + 1, &setup.alice);
    }
    log.bytes()
}

fn truncated() -> Vec<Attack> {
    vec![
        open("the seal removed", "open: valid, but not sealed", |setup| setup.unsealed().bytes()),
        open("truncated in the middle of the seal", "bytes after the last line end", |setup| {
            let bytes = setup.log.bytes();
            bytes[..bytes.len() - 40].to_vec()
        })
        .with_message("bytes after the last line end", Some("they ignore an incomplete line")),
        open(
            "truncated after an entry that no signature covers",
            "covered   by signatures up to line 1",
            |setup| {
                let lines = setup.log.lines();
                lines[..=setup.log.find("probed")].concat()
            },
        ),
        invalid("an empty file", "the log is empty", |_| Vec::new())
            .with_message("the log is empty", Some("there is nothing to detect")),
        invalid("truncated in the first line", "the first line is incomplete", |setup| {
            setup.log.lines()[0][..80].to_vec()
        })
        .with_message("the first line is incomplete", Some("they ignore an incomplete line")),
    ]
}

impl AttackSetup {
    /// The log without its seal.
    pub fn unsealed(&self) -> ForgedLog {
        let mut log = self.log.clone();
        log.0.pop();
        log
    }
}
