use gonogo_core::checklist::{Rehearsal, Role};
use gonogo_core::journal::entry::{Decision, Event, Joined, Noted, Resumed};

use super::forge::{Log, signature};
use super::forms::forms;
use super::people::people;
use super::plans::plans;
use super::{MALLORY, Stage};
use crate::runs::world::ALICE;

/// What is done to a log, and what is found.
#[derive(Clone, Copy)]
pub struct Attack {
    pub name: &'static str,
    pub apply: fn(&Stage) -> Vec<u8>,
    /// 4 invalid, 5 open; 0 for what is no attack.
    pub code: i32,
    pub told: &'static str,
    /// Why stock tools find nothing.
    pub stock_is_blind: Option<&'static str>,
}

pub const RULES: Option<&str> = Some("the rules of a run are not theirs");
pub const FORM: Option<&str> = Some("they read more forms of JSON than one");

pub fn invalid(name: &'static str, told: &'static str, apply: fn(&Stage) -> Vec<u8>) -> Attack {
    Attack { name, apply, code: 4, told, stock_is_blind: None }
}

/// What is no attack, and must hold: the twin of those that are.
pub fn honest(name: &'static str, apply: fn(&Stage) -> Vec<u8>) -> Attack {
    let stock_is_blind = Some("there is nothing to find");
    Attack { name, apply, code: 0, told: "sealed by alice@deck.example", stock_is_blind }
}

pub fn blind(why: Option<&'static str>, attack: Attack) -> Attack {
    Attack { stock_is_blind: why, ..attack }
}

fn open(name: &'static str, told: &'static str, apply: fn(&Stage) -> Vec<u8>) -> Attack {
    Attack {
        name,
        apply,
        code: 5,
        told,
        stock_is_blind: Some("whether seals are missing is not theirs to say"),
    }
}

pub fn attacks() -> Vec<Attack> {
    [
        without_key(),
        lines(),
        with_another_key(),
        with_a_trusted_key(),
        with_a_trusted_key_in_the_frame(),
        people(),
        plans(),
        with_other_signatures(),
        ends(),
        forms(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn note(text: &str) -> Event {
    Noted { point: None, text: text.into() }.into()
}

fn prettier(event: &mut Event) {
    let Event::Probed(probed) = event else { panic!("a look") };
    probed.took_ms += 1;
}

/// Somebody who can write the file.
fn without_key() -> Vec<Attack> {
    vec![
        invalid("words of a person changed", "the signature does not match", |stage| {
            let mut log = stage.log.clone();
            let at = log.find("noted");
            log.change(at, |event| *event = note("all is well"));
            log.bytes()
        }),
        invalid("what a probe saw changed", "its prev is not the hash of the line before it", |stage| {
            let mut log = stage.log.clone();
            let at = log.find("probed");
            log.change(at, prettier);
            log.bytes()
        }),
        invalid(
            "what a probe saw changed, and everything rehashed",
            "the signature does not match",
            |stage| {
                let mut log = stage.log.clone();
                let at = log.find("probed");
                log.change(at, prettier);
                log.rechain(at);
                log.bytes()
            },
        ),
        invalid("a signature taken away", "a noted entry without a signature", |stage| {
            let mut log = stage.log.clone();
            let at = log.find("noted");
            log.0[at].sig = None;
            log.rechain(at);
            log.bytes()
        }),
        invalid("an act said to be the machine's", "without a signature", |stage| {
            let mut log = stage.log.clone();
            let at = log.find("confirmed");
            log.0[at].header.by = "gonogo".into();
            log.0[at].sig = None;
            log.rechain(at);
            log.bytes()
        }),
        blind(
            RULES,
            invalid("a line after the seal", "against the rules: the run is sealed", |stage| {
                let mut log = stage.log.clone();
                log.add("gonogo", Resumed { gonogo: "0".into(), host: "h".into() }.into(), None);
                log.bytes()
            }),
        ),
    ]
}

fn lines() -> Vec<Attack> {
    vec![
        invalid("a line dropped", "its seq is", |stage| {
            let mut log = stage.log.clone();
            log.0.remove(log.find("probed"));
            log.bytes()
        }),
        invalid("a line dropped, and everything renumbered", "the signature does not match", |stage| {
            let mut log = stage.log.clone();
            let at = log.find("probed");
            log.0.remove(at);
            log.rechain(at);
            log.bytes()
        }),
        invalid("two lines swapped", "its seq is", |stage| {
            let mut log = stage.log.clone();
            let at = log.find("noted");
            log.0.swap(at, at - 1);
            log.bytes()
        }),
        invalid("a line twice", "its seq is", |stage| {
            let mut log = stage.log.clone();
            let at = log.find("noted");
            log.0.insert(at, log.0[at].clone());
            log.bytes()
        }),
        invalid("a signed line of another run", "it belongs to run", |stage| {
            let mut log = stage.log.clone();
            let at = log.find("noted");
            log.0[at] = stage.other.0[stage.other.find("noted")].clone();
            log.bytes()
        }),
        invalid("a signed line of another run, made to fit", "the signature does not match", |stage| {
            let mut log = stage.log.clone();
            let at = log.find("noted");
            let theirs = stage.other.0[stage.other.find("noted")].clone();
            log.0[at].event = theirs.event;
            log.0[at].sig = theirs.sig;
            log.rechain(at);
            log.bytes()
        }),
    ]
}

/// Somebody with a key of their own.
fn with_another_key() -> Vec<Attack> {
    vec![
        invalid(
            "a stranger joins and acts",
            "mallory@deck.example is not among the allowed signers",
            |stage| {
                let mut log = stage.unsealed();
                let joined = Joined { key: stage.mallory.public.clone(), role: Role::Reviewer };
                log.add(MALLORY, joined.into(), Some(&stage.mallory));
                log.bytes()
            },
        ),
        invalid(
            "a stranger signs in somebody's name",
            "the key that signed for alice@deck.example is not the one",
            |stage| {
                let mut log = stage.unsealed();
                log.add(ALICE, note("go on"), Some(&stage.mallory));
                log.bytes()
            },
        ),
        invalid(
            "a person of another run acts",
            "against the rules: bob@deck.example is not an operator of this run",
            |stage| {
                let mut log = stage.unsealed();
                log.add(&stage.bob.principal, note("go on"), Some(&stage.bob));
                log.bytes()
            },
        )
        .told_otherwise("bob@deck.example signed with another key than the run's roster has", RULES),
    ]
}

impl Attack {
    fn told_otherwise(self, told: &'static str, stock_is_blind: Option<&'static str>) -> Self {
        Self { told, stock_is_blind, ..self }
    }
}

/// Somebody who is trusted, and lies.
fn with_a_trusted_key() -> Vec<Attack> {
    vec![
        blind(
            RULES,
            invalid("a GO over open points", "against the rules", |stage| {
                let mut log = stage.log.clone();
                let at = log.find("verdict");
                log.change(at, |event| {
                    let Event::Verdict(verdict) = event else { panic!("a verdict") };
                    verdict.decision = Decision::Go;
                    verdict.done = verdict.total;
                    verdict.reasons.clear();
                });
                log.resign(at, &stage.alice);
                log.bytes()
            }),
        ),
        blind(
            RULES,
            invalid("a confirmation of evidence that is not there", "against the rules", |stage| {
                let mut log = stage.log.clone();
                let at = log.find("confirmed");
                log.change(at, |event| {
                    let Event::Confirmed(confirmed) = event else { panic!("a confirmation") };
                    confirmed.point = "service.headers".into();
                });
                log.resign(at, &stage.alice);
                log.bytes()
            }),
        ),
        blind(
            RULES,
            invalid("a note after the seal", "against the rules: the run is sealed", |stage| {
                let mut log = stage.log.clone();
                log.add(ALICE, note("and another thing"), Some(&stage.alice));
                log.bytes()
            }),
        ),
    ]
}

/// The same, about who takes part and what is sealed.
fn with_a_trusted_key_in_the_frame() -> Vec<Attack> {
    vec![
        blind(
            RULES,
            invalid("one key for two people", "against the rules", |stage| {
                let mut log = stage.log.clone();
                log.change(0, |event| {
                    let Event::Opened(opened) = event else { panic!("the opening") };
                    let mut twin = opened.roster[0].clone();
                    twin.principal = "bob@deck.example".into();
                    opened.roster.push(twin);
                });
                log.resign(0, &stage.alice);
                log.bytes()
            }),
        ),
        blind(
            RULES,
            invalid("a seal of another head", "against the rules", |stage| {
                let mut log = stage.log.clone();
                let at = log.find("sealed");
                log.change(at, |event| {
                    let Event::Sealed(sealed) = event else { panic!("a seal") };
                    sealed.count -= 1;
                });
                log.resign(at, &stage.alice);
                log.bytes()
            }),
        ),
    ]
}

/// Signatures that were made for something else.
fn with_other_signatures() -> Vec<Attack> {
    vec![
        invalid("a seal signed as an act", "the signature was made under gonogo-entry-v1", |stage| {
            relabelled(stage, "sealed", "gonogo-entry-v1")
        }),
        invalid("an act signed as a seal", "the signature was made under gonogo-seal-v1", |stage| {
            relabelled(stage, "noted", "gonogo-seal-v1")
        }),
        invalid("an act signed for something else", "the signature was made under file", |stage| {
            relabelled(stage, "noted", "file")
        }),
        invalid("an act of a rehearsal", "the signature was made under gonogo-rehearsal-entry-v1", |stage| {
            relabelled(stage, "noted", "gonogo-rehearsal-entry-v1")
        }),
        invalid("a seal of a rehearsal", "the signature was made under gonogo-rehearsal-seal-v1", |stage| {
            relabelled(stage, "sealed", "gonogo-rehearsal-seal-v1")
        }),
        invalid("a real run that calls itself a rehearsal", "a rehearsal, not evidence", |stage| {
            let mut log = stage.log.clone();
            log.change(0, |event| {
                let Event::Opened(opened) = event else { panic!("the opening") };
                opened.plan.rehearsal = Some(Rehearsal::default());
                opened.plan_sha256 = opened.plan.digest();
            });
            log.resign(0, &stage.alice);
            log.bytes()
        })
        .told_otherwise(
            "a rehearsal, not evidence",
            Some("it is signed as a real one, and they ask no more"),
        ),
    ]
}

/// The log with one signature made under another namespace; all after it is made to fit.
fn relabelled(stage: &Stage, kind: &str, namespace: &str) -> Vec<u8> {
    let mut log = stage.log.clone();
    let at = log.find(kind);
    log.0[at].sig = Some(signature(&stage.alice, namespace, &log.0[at]));
    let (entry, _) = gonogo_core::journal::entry::Entry::write(
        log.0[at].header.clone(),
        log.0[at].event.clone(),
        log.0[at].sig.clone(),
    )
    .unwrap();
    log.0[at] = entry;
    if at + 1 < log.0.len() {
        log.resign(at + 1, &stage.alice);
    }
    log.bytes()
}

fn ends() -> Vec<Attack> {
    vec![
        open("the seal cut off", "open: valid, but not sealed", |stage| stage.unsealed().bytes()),
        open("cut in the middle of the seal", "bytes after the last line end", |stage| {
            let bytes = stage.log.bytes();
            bytes[..bytes.len() - 40].to_vec()
        })
        .told_otherwise("bytes after the last line end", Some("a line without an end is none to them")),
        open("cut after what nobody has signed", "covered   by signatures up to line 1", |stage| {
            let lines = stage.log.lines();
            lines[..=stage.log.find("probed")].concat()
        }),
        invalid("nothing at all", "the log is empty", |_| Vec::new())
            .told_otherwise("the log is empty", Some("there is nothing to find")),
        invalid("cut in the first line", "the first line is incomplete", |stage| {
            stage.log.lines()[0][..80].to_vec()
        })
        .told_otherwise("the first line is incomplete", Some("a line without an end is none to them")),
    ]
}

impl Stage {
    /// The log without its seal.
    pub fn unsealed(&self) -> Log {
        let mut log = self.log.clone();
        log.0.pop();
        log
    }
}
