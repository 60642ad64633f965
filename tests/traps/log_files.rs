//! Logs, and what lies beside them, that are no files, or lead elsewhere, where `gonogo run` finds them.

use std::sync::Arc;

use super::base::Base;
use super::scene::{Scene, path};
use super::{Kind, Trap};
use crate::bench::gonogo::Sandbox;
use crate::runs::world::ALICE;

/// Laid by a script of stock tools around a run that was left open.
pub fn laid(
    base: &Arc<Base>,
    name: &'static str,
    script: &'static str,
    stock: &'static str,
    named: &[(&'static str, &'static str)],
) -> Trap {
    let base = Arc::clone(base);
    let lay = move |scene: &mut Scene| {
        base.lay(scene);
        let (code, told) = scene.shell(script);
        assert_eq!(code, Some(0), "{name}: {told}");
    };
    Trap {
        name: name.into(),
        kind: Kind::LogFile,
        needs: &[],
        lay: Box::new(lay),
        stock,
        named: named.to_vec(),
    }
}

/// In the state directory.
pub fn traps(base: &Arc<Base>) -> Vec<Trap> {
    let others = if rustix::process::geteuid().is_root() { by_others(base) } else { Vec::new() };
    [itself(base), locks(base), state(base), attachments(base), actions(base), others]
        .into_iter()
        .flatten()
        .collect()
}

/// The log itself, and its directory.
fn itself(base: &Arc<Base>) -> Vec<Trap> {
    let trap = |name, script, stock, words| laid(base, name, script, stock, &[("run", words)]);
    vec![
        trap(
            "a log that is a link",
            "mv $KEPT @outside@/log && ln -s @outside@/log $KEPT",
            "echo torn >>$KEPT",
            "a symbolic link",
        ),
        trap(
            "a log with a second name",
            "ln $KEPT @outside@/log",
            "echo torn >>$KEPT",
            "it has more than one name",
        ),
        trap(
            "a log that is a FIFO",
            "rm $KEPT && mkfifo $KEPT",
            "timeout 1 cat $KEPT",
            "expected a regular file",
        ),
        trap(
            "a log that is a directory",
            "rm $KEPT && cp -r @outside@/dir $KEPT",
            "grep -r . $KEPT",
            "expected a regular file",
        ),
        trap(
            "a log that is a device",
            "ln -sf /dev/zero $KEPT",
            "timeout 1 cat $KEPT >/dev/null",
            "a symbolic link",
        ),
        trap(
            "a log that others can write to",
            "chmod 660 $KEPT",
            "jq -e .run $KEPT && touch @mark@",
            "others can read or write it",
        ),
        trap(
            "logs in a directory that is a link",
            "mv $STATE/runs/staging @outside@ && ln -s @outside@/staging $STATE/runs/staging",
            "echo torn >>$KEPT",
            "a symbolic link",
        ),
        trap(
            "logs in a directory that others can write to",
            "chmod 777 $STATE/runs/staging",
            "test -k $STATE/runs/staging || touch @mark@",
            "other users can write to it",
        ),
    ]
}

/// What holds an environment.
fn locks(base: &Arc<Base>) -> Vec<Trap> {
    let trap = |name, script, stock, words| laid(base, name, script, stock, &[("run", words)]);
    vec![
        trap(
            "a lock that is a link",
            "ln -sf @outside@/canary $STATE/runs/staging/lock",
            "echo 1 >$STATE/runs/staging/lock",
            "a symbolic link",
        ),
        // It takes the place of what is there.
        trap(
            "a holder's record that is a link",
            "ln -s @outside@/canary ${KEPT%.jsonl}.holder",
            "echo 1 >${KEPT%.jsonl}.holder",
            "exit code 0",
        ),
        trap(
            "a holder's record that is a FIFO",
            "mkfifo ${KEPT%.jsonl}.holder",
            "timeout 1 cat ${KEPT%.jsonl}.holder",
            "exit code 0",
        ),
        trap(
            "a lock that is a FIFO",
            "rm $STATE/runs/staging/lock && mkfifo $STATE/runs/staging/lock",
            "timeout 1 cat $STATE/runs/staging/lock",
            "expected a regular file",
        ),
        trap(
            "a lock with a second name",
            "ln -f @outside@/canary $STATE/runs/staging/lock",
            "echo 1 >$STATE/runs/staging/lock",
            "it has more than one name",
        ),
    ]
}

/// What this host remembers.
fn state(base: &Arc<Base>) -> Vec<Trap> {
    let trap = |name, script, stock, words| laid(base, name, script, stock, &[("run", words)]);
    vec![
        trap(
            "a remembered head that is a link",
            "cd $STATE/heads && mv * @outside@/head && ln -s @outside@/head $(jq -r .run $KEPT | head -1)",
            "echo 1 >$(echo $STATE/heads/*)",
            "a symbolic link",
        ),
        trap(
            "a remembered head that is a FIFO",
            "cd $STATE/heads && f=$(echo *) && rm $f && mkfifo $f",
            "timeout 1 cat $STATE/heads/*",
            "expected a regular file",
        ),
        trap(
            "heads in a directory that is a link",
            "mv $STATE/heads @outside@ && ln -s @outside@/heads $STATE/heads",
            "echo 1 >$(echo $STATE/heads/*)",
            "a symbolic link",
        ),
        trap(
            "keys of fingerprints in a directory that is a link",
            "mv $STATE/fingerprints @outside@ && ln -s @outside@/fingerprints $STATE/fingerprints",
            "cat $STATE/fingerprints/*",
            "a symbolic link",
        ),
        trap(
            "a key of fingerprints that is a link",
            "cd $STATE/fingerprints && mv staging @outside@ && ln -s @outside@/staging staging",
            "cat $STATE/fingerprints/staging",
            "a symbolic link",
        ),
        trap(
            "an id of the state directory that is a FIFO",
            "rm $STATE/id && mkfifo $STATE/id",
            "timeout 1 cat $STATE/id",
            "expected a regular file",
        ),
        trap(
            "an id of the state directory that is a link",
            "mv $STATE/id @outside@/id && ln -s @outside@/id $STATE/id",
            "cat $STATE/id",
            "a symbolic link",
        ),
        trap(
            "what was allowed, in a directory that is a link",
            "mv $STATE/trust @outside@ && ln -s @outside@/trust $STATE/trust",
            "cat $STATE/trust/*",
            "a symbolic link",
        ),
        trap(
            "people who have signed here, in a link",
            "mv $STATE/enrolled @outside@/who && ln -s @outside@/who $STATE/enrolled",
            "echo mallory >>$STATE/enrolled",
            "a symbolic link",
        ),
    ]
}

/// Beside a log that ends in a torn line.
fn attachments(base: &Arc<Base>) -> Vec<Trap> {
    let trap = |name, script, stock, words| laid(base, name, script, stock, &[("run", words)]);
    vec![
        trap(
            "attachments in a directory that is a link",
            "printf again >>$KEPT; rm -r $KEPT.d && ln -s @outside@/dir $KEPT.d",
            "printf again >$TORN",
            "a symbolic link",
        ),
        trap(
            "attachments in a directory that others may enter",
            "printf again >>$KEPT; chmod 777 $KEPT.d",
            "test -k $KEPT.d || touch @mark@",
            "other users can enter it",
        ),
        trap(
            "a torn line's file that is a link",
            "printf again >>$KEPT; ln -s @outside@/canary $TORN",
            "printf again >$TORN",
            "a symbolic link",
        ),
        trap(
            "a torn line's file with a second name",
            "printf again >>$KEPT; ln @outside@/canary $TORN",
            "printf again >$TORN",
            "it has more than one name",
        ),
        trap(
            "a torn line's file that is a FIFO",
            "printf again >>$KEPT; mkfifo $TORN",
            "timeout 1 cat $TORN",
            "expected a regular file",
        ),
    ]
}

/// Beside a log whose next action is started.
fn actions(base: &Arc<Base>) -> Vec<Trap> {
    let trap = |name, script, stock, words| laid(base, name, script, stock, &[("run", words)]);
    vec![
        trap(
            "an output that is a link",
            "ln -s @outside@/canary $OUT",
            "echo shipped >$OUT",
            "its output file exists",
        ),
        trap("an output that is a FIFO", "mkfifo $OUT", "timeout 1 cat $OUT", "its output file exists"),
        trap(
            "marks in a directory that is a link",
            "rm -r $KEPT.marks && ln -s @outside@/dir $KEPT.marks",
            "echo 1 >$KEPT.marks/action-1.planned",
            "a symbolic link",
        ),
        trap(
            "an action's mark that is a link",
            "ln -s @outside@/canary $KEPT.marks/$(basename $OUT .out).begun",
            "echo 1 >$KEPT.marks/$(basename $OUT .out).begun",
            "belongs to another copy of this log",
        ),
        trap(
            "a run's mark that is a link",
            "mv $KEPT.marks/run @outside@/run && ln -s @outside@/run $KEPT.marks/run",
            "cat $KEPT.marks/run",
            "a symbolic link",
        ),
        trap(
            "a run's mark that is a FIFO",
            "rm $KEPT.marks/run && mkfifo $KEPT.marks/run",
            "timeout 1 cat $KEPT.marks/run",
            "expected a regular file",
        ),
    ]
}

/// What needs root to be laid.
fn by_others(base: &Arc<Base>) -> Vec<Trap> {
    let trap = |name, script, stock, words| laid(base, name, script, stock, &[("run", words)]);
    vec![trap(
        "a log of somebody else",
        "chown 65534 $KEPT",
        "jq -e .run $KEPT && touch @mark@",
        "another user owns it",
    )]
}

/// What the screen says of an action that cannot begin.
const REFUSED: [&str; 5] =
    ["symbolic link", "regular file", "other users can", "did not start", "another copy"];

/// All that finds logs by itself.
pub fn walk(base: &Base, scene: &mut Scene) -> Result<(), String> {
    let log = base.log(scene);
    let digest = scene.sandbox.digest("profile.toml");
    let on_the_way = [("a run ·", "a"), ("y run it", "y")];
    let key = path(&scene.key.path);
    let run = ["run", "profile.toml", "--as", ALICE, "--key", &key, "--trust", &digest];
    let ready = |_: &Sandbox, screen: &str| {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        log.contains("\"action-finished\"") || REFUSED.iter().any(|why| screen.contains(why))
    };
    let ready: &dyn Fn(&Sandbox, &str) -> bool = if log.is_file() { &ready } else { &|_, _| true };
    scene.open(&run, &on_the_way, ready)?;
    scene.open(&[&run[..], &["--read-only"]].concat(), &[], &|_, _| true)?;
    scene.open(&["review"], &[("Number of the run to review", "\r")], &|_, _| true)?;
    if log.parent().is_some_and(std::path::Path::is_symlink) {
        // Who names a log names the directory that it is in.
        return Ok(());
    }
    let log = path(&log);
    scene.run(&["abandon", &log, "--reason", "over", "--as", ALICE, "--key", &key])?;
    Ok(())
}
