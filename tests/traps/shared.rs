//! What others have prepared where they may write too, or where this program's own directories are to be.

use std::sync::Arc;

use super::base::Base;
use super::scene::Scene;
use super::{Kind, Trap, bundles};
use crate::bench::gonogo::Sandbox;
use crate::runs::world::ALICE;

type Variables = &'static [(&'static str, &'static str)];

/// Laid by a script of stock tools, in an environment with these variables.
fn prepared(
    base: &Arc<Base>,
    name: &'static str,
    (script, variables): (&'static str, Variables),
    stock: &'static str,
    named: &[(&'static str, &'static str)],
) -> Trap {
    let base = Arc::clone(base);
    let lay = move |scene: &mut Scene| {
        bundles::place(&base, scene);
        let (code, told) = scene.shell(script);
        assert_eq!(code, Some(0), "{name}: {told}");
        for (variable, value) in variables {
            let value = scene.filled(value);
            scene.change(|sandbox| sandbox.env(variable, value));
        }
    };
    Trap {
        name: name.into(),
        kind: Kind::Shared,
        needs: &[],
        lay: Box::new(lay),
        stock,
        named: named.to_vec(),
    }
}

pub fn traps(base: &Arc<Base>) -> Vec<Trap> {
    let others = if rustix::process::geteuid().is_root() { of_others(base) } else { Vec::new() };
    [rehearsals(base), sessions(base), unpacked(base), logs(base), others].into_iter().flatten().collect()
}

/// Says where it keeps its files.
pub const STARTED: &str = "# The stack is up";

/// Where rehearsals keep their files.
fn rehearsals(base: &Arc<Base>) -> Vec<Trap> {
    let trap =
        |name, script, stock, words| prepared(base, name, (script, &[]), stock, &[("rehearse", words)]);
    vec![
        trap(
            "rehearsals in a FIFO",
            "mkfifo $STATE/rehearsals",
            "timeout 1 cat $STATE/rehearsals",
            "expected a directory",
        ),
        trap(
            "a link that is called as an old rehearsal",
            "mkdir -m 700 $STATE/rehearsals && touch -d '1 day ago' @outside@/dir && \
             ln -s @outside@/dir $STATE/rehearsals/rehearsal-old && \
             touch -h -d '1 day ago' $STATE/rehearsals/rehearsal-old",
            "rm $STATE/rehearsals/rehearsal-*/*",
            STARTED,
        ),
        trap(
            "an old rehearsal whose lock is a FIFO",
            "mkdir -m 700 $STATE/rehearsals && cd $STATE/rehearsals && mkdir -m 700 rehearsal-old && \
             mkfifo rehearsal-old/lock && touch -d '1 day ago' rehearsal-old",
            "timeout 1 cat $STATE/rehearsals/rehearsal-old/lock",
            STARTED,
        ),
        prepared(
            base,
            "a directory of others that is named as the rehearsal's",
            ("mkdir -m 777 @outside@/rehearsal-x", &[("GONOGO_REHEARSAL", "@outside@/rehearsal-x")]),
            "rmdir $GONOGO_REHEARSAL",
            &[("rehearse", STARTED)],
        ),
    ]
}

/// The directory of the session.
fn sessions(base: &Arc<Base>) -> Vec<Trap> {
    const SESSION: Variables = &[("XDG_RUNTIME_DIR", "@outside@/session")];
    let trap =
        |name, script, stock, words| prepared(base, name, (script, SESSION), stock, &[("rehearse", words)]);
    vec![
        trap(
            "a session's directory that others can write to",
            "mkdir -m 777 @outside@/session",
            "mkdir $XDG_RUNTIME_DIR/gonogo",
            "other users can enter it",
        ),
        trap(
            "a session's directory that is a link",
            "mkdir -m 700 @outside@/real && ln -s real @outside@/session",
            "mkdir $XDG_RUNTIME_DIR/gonogo",
            "a symbolic link",
        ),
        trap(
            "a link in the session's directory",
            "mkdir -m 700 @outside@/session && ln -s ../dir @outside@/session/gonogo",
            "echo evil >$XDG_RUNTIME_DIR/gonogo/git",
            "a symbolic link",
        ),
    ]
}

/// Where bundles are unpacked.
fn unpacked(base: &Arc<Base>) -> Vec<Trap> {
    const READING: [&str; 4] = ["verify", "review", "report", "diff"];
    const READ: [(&str, &str); 4] = [
        ("verify", "alice@deck.example"),
        ("review", "OPEN"),
        ("report", "alice@deck.example"),
        ("diff", "no other differences"),
    ];
    const SHARED: Variables = &[("XDG_STATE_HOME", "/dev/null/state"), ("TMPDIR", "@work@/shared")];
    let trap = |name, script, stock, words| {
        prepared(base, name, (script, &[]), stock, &READING.map(|command| (command, words)))
    };
    vec![
        trap(
            "bundles unpacked in a directory that is a link",
            "rmdir $STATE/unpacked; ln -s @outside@/dir $STATE/unpacked",
            "tar xzf run.tar.gz -C $STATE/unpacked",
            "a symbolic link",
        ),
        trap(
            "bundles unpacked in a directory that others may enter",
            "mkdir -p $STATE/unpacked && chmod 777 $STATE/unpacked",
            "test -k $STATE/unpacked || touch @mark@",
            "other users can enter it",
        ),
        trap(
            "bundles unpacked in a FIFO",
            "rmdir $STATE/unpacked; mkfifo $STATE/unpacked",
            "timeout 1 cat $STATE/unpacked",
            "expected a directory",
        ),
        prepared(
            base,
            "a link that is called as what was unpacked",
            ("mkdir -p -m 700 $STATE/unpacked && ln -s @outside@/dir $STATE/unpacked/gonogo-old", &[]),
            "rm $STATE/unpacked/gonogo-*/*",
            &READ,
        ),
        prepared(
            base,
            "names in a shared directory that are taken",
            (
                "mkdir -m 1777 shared && cd shared && for name in '' gonogo log unpacked 0 1 $STEM; do \
                 ln -s @outside@/dir gonogo-$name && ln -s @outside@/dir $name.d; done",
                SHARED,
            ),
            "tar xzf run.tar.gz -C shared/gonogo-$STEM",
            &READ,
        ),
    ]
}

/// Logs in a directory that all may write to.
fn logs(base: &Arc<Base>) -> Vec<Trap> {
    let trap = |name, script, stock, words| {
        let variables: Variables = &[("LOG_DIR", "@work@/shared")];
        prepared(base, name, (script, variables), stock, &[("run", words)])
    };
    vec![
        trap(
            "a shared directory whose environment is a link",
            "mkdir -m 1777 shared && ln -s @outside@/dir shared/staging",
            "echo evil >shared/staging/run.jsonl",
            "a symbolic link",
        ),
        trap(
            "a shared directory whose environment others can write to",
            "mkdir -m 1777 shared && mkdir -m 777 shared/staging",
            "test -k shared/staging || touch @mark@",
            "other users can write to it",
        ),
    ]
}

/// What needs root to be laid.
fn of_others(base: &Arc<Base>) -> Vec<Trap> {
    const SESSION: Variables = &[("XDG_RUNTIME_DIR", "@outside@/session")];
    const LOGS: Variables = &[("LOG_DIR", "@work@/shared")];
    vec![
        prepared(
            base,
            "rehearsals in a directory of somebody else",
            ("mkdir -m 700 $STATE/rehearsals && chown 65534 $STATE/rehearsals", &[]),
            "test -O $STATE/rehearsals || touch @mark@",
            &[("rehearse", "another user owns it")],
        ),
        prepared(
            base,
            "a session's directory of somebody else",
            ("mkdir -m 700 @outside@/session && chown 65534 @outside@/session", SESSION),
            "mkdir $XDG_RUNTIME_DIR/gonogo",
            &[("rehearse", "another user owns it")],
        ),
        prepared(
            base,
            "bundles unpacked in a directory of somebody else",
            ("mkdir -p -m 700 $STATE/unpacked && chown 65534 $STATE/unpacked", &[]),
            "test -O $STATE/unpacked || touch @mark@",
            &[("verify", "another user owns it")],
        ),
        prepared(
            base,
            "a shared directory whose environment is somebody else's",
            ("mkdir -m 1777 shared && mkdir -m 755 shared/staging && chown 65534 shared/staging", LOGS),
            "test -O shared/staging || touch @mark@",
            &[("run", "another user owns it")],
        ),
    ]
}

/// All that makes directories of its own.
pub fn walk(scene: &mut Scene) -> Result<(), String> {
    const SIGNERS: [&str; 2] = ["--signers", "signers"];
    let with = |words: &[&'static str]| [words, &SIGNERS].concat();
    scene.run(&with(&["verify", "run.tar.gz"]))?;
    scene.run(&with(&["report", "run.tar.gz", "--format", "json"]))?;
    scene.run(&with(&["diff", "run.tar.gz", "run.tar.gz"]))?;
    scene.open(&with(&["review", "run.tar.gz"]), &[], &|_, screen| screen.contains("OPEN"))?;
    scene.serve()?;
    let log_dir = scene.filled("@work@/shared");
    if std::path::Path::new(&log_dir).join("staging").symlink_metadata().is_err() {
        return Ok(());
    }
    let run = ["run", "profile.toml", "--as", ALICE, "--key", "alice", "--log-dir", &log_dir];
    let promotion = ["--release", "v2", "--previous", "v1"];
    let answers = [("y to allow:", "y\r"), ("[y/N]", "y\r")];
    let ready = |_: &Sandbox, screen: &str| screen.contains("log saved");
    scene.open(&[&run[..], &promotion].concat(), &answers, &ready)
}
