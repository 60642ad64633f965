//! The table of traps: profiles, checkouts and logs that an enemy has made, and what lies in the place of files; each
//! shown to fire with stock tools, and all commands that read them: nothing runs, nothing is sent, nothing hangs, and the
//! trap is named. To read it:
//!
//!     tests/run --nocapture traps
//!
//! Where a command has several forms of what it prints, the rows take turns; `.ci/long` goes through all.

mod base;
mod bundles;
mod checkouts;
mod log_files;
mod logs;
mod named_files;
mod named_logs;
mod outside;
mod profiles;
mod scene;
mod shared;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use crate::attacks::Stage;
use crate::bench::checkout::Checkout;
use crate::bench::supervisor::installed;
use crate::bench::{each_of, need};
use base::Base;
use scene::Scene;

/// What the enemy has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Profile,
    Checkout,
    Log,
    LogFile,
    Bundle,
    NamedFile,
    Shared,
}

/// A trap.
struct Trap {
    name: Cow<'static, str>,
    kind: Kind,
    /// What stock tools need to spring it, beyond what every test has.
    needs: &'static [&'static str],
    lay: Box<dyn Fn(&mut Scene)>,
    /// A script of stock tools that springs it: what it runs leaves the mark, what it sends arrives, what it prints
    /// steers the terminal, or it waits until `timeout` ends it.
    stock: &'static str,
    /// The commands that name it, and in which words.
    named: Vec<(&'static str, &'static str)>,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<_> = self.named.iter().map(|(command, words)| format!("{command}: {words}")).collect();
        write!(f, "{:?} · {} · {}", self.kind, self.name, named.join(" · "))
    }
}

type Walk<'a> = &'a (dyn Fn(&mut Scene) -> Result<(), String> + Sync);

/// Springs a trap with stock tools, lays it again, and goes through it with every command.
fn walk(row: usize, trap: &Trap, walk: Walk<'_>) -> Result<String, String> {
    let named = |why: String| format!("{}: {why}", trap.name);
    if !trap.needs.is_empty() && !installed(trap.needs) {
        return Ok(format!("{trap} · not tried: it needs {}", trap.needs.join(", ")));
    }
    let mut scene = Scene::new();
    (trap.lay)(&mut scene);
    scene.arm_outside();
    scene.springs(trap.stock).map_err(named)?;
    let mut scene = Scene::new();
    scene.row = row;
    (trap.lay)(&mut scene);
    scene.arm_outside();
    walk(&mut scene).and_then(|()| scene.names(&trap.named)).map_err(named)?;
    Ok(trap.to_string())
}

#[track_caller]
fn walk_all(traps: impl Fn() -> Vec<Trap> + Sync, how: Walk<'_>) {
    let walked = Mutex::new(BTreeMap::new());
    each_of(traps().len(), |row| {
        let told = walk(row, &traps()[row], how);
        walked.lock().unwrap().insert(row, told);
    });
    let walked = walked.into_inner().unwrap();
    walked.values().flatten().for_each(|line| println!("{line}"));
    let wrong: Vec<_> = walked.into_values().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_comes_of_what_a_profile_lays() {
    need!("ssh-keygen", "git", "curl", "bash");
    walk_all(profiles::traps, &profiles::walk);
}

#[test]
fn nothing_comes_of_what_a_checkout_lays() {
    need!("ssh-keygen", "git", "jq");
    walk_all(checkouts::traps, &checkouts::walk);
}

#[test]
fn nothing_comes_of_what_a_log_brings() {
    need!("ssh-keygen", "jq", "curl", "bash", "sha256sum");
    let stage = Arc::new(Stage::new());
    walk_all(|| logs::traps(&stage), &logs::walk);
}

#[test]
fn directories_that_nobody_else_has_prepared_are_used() {
    need!("ssh-keygen", "tar");
    let base = Base::new();
    let mut scene = Scene::new();
    bundles::place(&base, &mut scene);
    let (code, told) = scene.shell("mkdir -m 1777 shared && mkdir -m 700 shared/staging");
    assert_eq!(code, Some(0), "{told}");
    scene.arm_outside();
    shared::walk(&mut scene).unwrap();
    scene.names(&[("review", "OPEN"), ("rehearse", shared::STARTED), ("run", "log saved")]).unwrap();
}

/// What nobody has made a trap of: everything passes.
#[test]
fn a_profile_a_checkout_and_a_log_that_are_no_traps_pass() {
    need!("ssh-keygen", "git", "jq");
    let mut scene = Scene::new();
    checkouts::place(&mut scene, Checkout::new());
    checkouts::walk(&mut scene).unwrap();
    scene.names(&[("check", "GO 1/1")]).unwrap();
    let (stage, mut scene) = (Stage::new(), Scene::new());
    logs::place(&stage, &scene, &stage.log.bytes());
    assert_eq!(logs::walk(&mut scene), Ok(()));
    let named = [
        ("verify", "sealed by alice@deck.example"),
        ("verify", "is the same log"),
        ("review", "SEALED"),
        ("doctor", "0 missing"),
    ];
    scene.names(&named).unwrap();
}

#[test]
fn a_log_with_plain_files_beside_it_its_bundle_and_what_is_read_with_it_pass() {
    need!("ssh-keygen", "mkfifo", "jq", "tar");
    let base = Base::new();
    let mut scene = Scene::new();
    bundles::place(&base, &mut scene);
    scene.arm_outside();
    bundles::walk(&mut scene).unwrap();
    scene.names(&[("verify", "is the same log"), ("bundle", "is already a bundle")]).unwrap();
    named_logs::walk(&base, &mut scene).unwrap();
    let named = [("verify", "is the same log"), ("report", "\"warnings\": []"), ("bundle", "out.tar.gz")];
    scene.names(&named).unwrap();
    log_files::walk(&base, &mut scene).unwrap();
    scene.names(&[("run", "exit code 0"), ("abandon", "abandoned (log #")]).unwrap();

    let mut scene = Scene::new();
    named_files::place(&base, &mut scene);
    scene.arm_outside();
    named_files::walk(&base, &mut scene).unwrap();
    let named = [("run", "log saved"), ("review", "OPEN"), ("abandon", "abandoned (log #")];
    scene.names(&named).unwrap();
}

#[test]
fn nothing_comes_of_what_lies_in_the_place_of_a_log() {
    need!("ssh-keygen", "mkfifo", "jq");
    let base = Arc::new(Base::new());
    walk_all(|| log_files::traps(&base), &|scene| log_files::walk(&base, scene));
}

#[test]
fn nothing_comes_of_what_lies_in_the_place_of_a_named_log() {
    need!("ssh-keygen", "mkfifo", "tar");
    let base = Arc::new(Base::new());
    walk_all(|| named_logs::traps(&base), &|scene| named_logs::walk(&base, scene));
}

#[test]
fn nothing_comes_of_what_a_bundle_holds() {
    need!("ssh-keygen", "python3", "tar", "gzip");
    let base = Arc::new(Base::new());
    walk_all(|| bundles::traps(&base), &bundles::walk);
}

#[test]
fn nothing_comes_of_what_lies_in_the_place_of_a_named_file() {
    need!("ssh-keygen", "mkfifo");
    let base = Arc::new(Base::new());
    walk_all(|| named_files::traps(&base), &|scene| named_files::walk(&base, scene));
}

#[test]
fn nothing_comes_of_what_others_have_prepared() {
    need!("ssh-keygen", "mkfifo", "tar");
    let base = Arc::new(Base::new());
    walk_all(|| shared::traps(&base), &shared::walk);
}

#[test]
fn the_table_has_every_kind_and_no_trap_twice() {
    need!("ssh-keygen");
    let logs = logs::traps(&Arc::new(Stage::new()));
    let base = Arc::new(Base::new());
    let files = log_files::traps(&base).into_iter().chain(named_logs::traps(&base));
    let files =
        files.chain(bundles::traps(&base)).chain(named_files::traps(&base)).chain(shared::traps(&base));
    let all: Vec<_> =
        profiles::traps().into_iter().chain(checkouts::traps()).chain(logs).chain(files).collect();
    for kind in
        [Kind::Profile, Kind::Checkout, Kind::Log, Kind::LogFile, Kind::Bundle, Kind::NamedFile, Kind::Shared]
    {
        assert!(all.iter().filter(|trap| trap.kind == kind).count() >= 10, "{kind:?}");
    }
    let names: BTreeSet<_> = all.iter().map(|trap| &trap.name).collect();
    assert_eq!(names.len(), all.len());
}
