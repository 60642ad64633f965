//! What `verify --require-go` can ask beyond a GO, and how copies of a log are compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gonogo_core::journal::entry::RULES;

use crate::bench::gonogo::Output;
use crate::bench::need;
use crate::runs::world::{World, confirm, leave, leave_with, seal, select};

/// A run that is sealed as GO.
fn go() -> World {
    let mut world = World::new();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    world.wait_for_looks();
    select(&mut terminal, '1', 1);
    confirm(&mut terminal, "service.headers");
    select(&mut terminal, '2', 0);
    confirm(&mut terminal, "people.told");
    seal(&mut terminal, "GO");
    leave_with(terminal, 0);
    world
}

fn gate(world: &mut World, more: &[&str]) -> Output {
    let log = world.log();
    world.verify(&log, &[&["--require-go"], more].concat())
}

fn changed(world: &World, name: &str, change: impl FnOnce(Vec<&str>) -> String) -> PathBuf {
    let text = fs::read_to_string(world.log()).unwrap();
    let path = world.sandbox.work().join(name);
    fs::write(&path, change(text.split_inclusive('\n').collect())).unwrap();
    path
}

fn against(world: &mut World, log: &Path, other: &Path) -> Output {
    let other = other.display().to_string();
    world.verify(log, &["--against", &other])
}

#[test]
fn a_gate_asks_for_roles_an_edition_and_an_age() {
    need!("ssh-keygen");
    let mut world = go();
    let told = gate(&mut world, &[]).code(0).stdout_has("; own checklist \"small\", edition ");
    let told =
        told.stdout_has("required  seals of driver; 3 control points: 2 need one confirmation, 0 need two");
    let told = told.stdout_has("evidence  probe results and results of actions are reported by the host");
    let edition =
        told.stdout.split_once("own checklist, edition ").unwrap().1.lines().next().unwrap().to_owned();
    let other = "0".repeat(64);
    let _ =
        gate(&mut world, &["--checklist-sha256", &edition, "--seals", "driver", "--max-age", "1h"]).code(0);
    let told = gate(&mut world, &["--checklist-sha256", &other]).code(1);
    let _ = told.stdout_has(&format!("has edition {edition}, not {other}"));
    let told = gate(&mut world, &["--seals", "driver,reviewer"]).code(1);
    let _ = told.stdout_has("rejected  no seal by a reviewer");
    let _ = gate(&mut world, &["--max-age", "0s"]).code(1).stdout_has("older than 0s");
    let log = world.log();
    let _ = world.verify(&log, &["--max-age", "1h"]).code(2).stderr_has("--require-go");
}

#[test]
fn the_name_of_the_standard_checklist_alone_passes_no_gate() {
    need!("ssh-keygen");
    let mut world = World::new();
    let checklist = fs::read_to_string(world.sandbox.work().join("checklist.toml")).unwrap();
    let named = checklist.replace("name = \"small\"", "name = \"advanced-realtime\"");
    fs::write(world.sandbox.work().join("checklist.toml"), named).unwrap();
    world.set_args(&["check", "profile.toml", "--release", "v1", "--previous", "v0"]);
    let _ = world.sandbox.run().code(2).stderr_has("is missing from section validate");
}

#[test]
fn copies_of_a_log_are_compared() {
    need!("ssh-keygen");
    let mut world = go();
    let log = world.log();
    let _ = against(&mut world, &log, &log).code(0).stdout_has("is the same log");
    let shorter = changed(&world, "shorter.jsonl", |lines| lines[..3].concat());
    let _ = against(&mut world, &log, &shorter).code(0).stdout_has("ends at line 3; this one continues it");
    let _ = against(&mut world, &shorter, &log).code(5).stdout_has("continues this one after line 3");
    let fork = changed(&world, "fork.jsonl", |lines| lines[..3].concat() + lines[1]);
    let _ = against(&mut world, &log, &fork).code(4).stdout_has("FORK").stdout_has("differs from line 4 on");
    let _ = world.verify(&log, &[]).code(0);
    let other = go();
    let _ = against(&mut world, &log, &other.log()).code(4).stdout_has("is another run");
    let _ = against(&mut world, &log, Path::new("nowhere")).code(2).stderr_has("run log nowhere");
    let none = changed(&world, "none.jsonl", |_| "no log\n".into());
    let _ = against(&mut world, &log, &none).code(2).stderr_has("is not a run log");
    let (signers, one, two) = (
        world.sandbox.allowed_signers(&[("alice@deck.example", &world.key)]),
        log.display().to_string(),
        shorter.display().to_string(),
    );
    let signers = signers.display().to_string();
    world.set_args(&["diff", &two, &one, "--signers", &signers]);
    let _ = world
        .sandbox
        .run()
        .code(1)
        .stdout_has("same run, two logs: the newer log continues this one after line 3");
}

/// A run that was copied when it was half done, and gone on with at both places, to its seal.
#[test]
fn two_sealed_logs_of_one_run_that_fork_are_told_of_by_all_that_see_both() {
    need!("ssh-keygen", "cp");
    let mut world = World::left();
    let copy = world.sandbox.work().join("other-host");
    let copied = Command::new("cp").arg("-a").arg(world.sandbox.state()).arg(&copy).status().unwrap();
    assert!(copied.success());
    let go_on = |world: &mut World| {
        let mut terminal = world.open(130, 40);
        terminal.wait_for_text("1/3");
        seal(&mut terminal, "PENDING");
        leave_with(terminal, 1);
    };
    go_on(&mut world);
    let log = world.log();
    let own = fs::read(&log).unwrap();
    // The other host's files, in place of those of this one.
    fs::remove_dir_all(world.sandbox.state()).unwrap();
    fs::rename(&copy, world.sandbox.state()).unwrap();
    let _ = world.verify(&log, &[]).code(5);
    go_on(&mut world);
    let line = own.split(|byte| *byte == b'\n').count();
    assert!(line > 4 && own != fs::read(&log).unwrap());
    let other = log.with_file_name("other.jsonl");
    fs::write(&other, &own).unwrap();

    let fork = "other.jsonl is the same run but differs from line ";
    let told = world.verify(&log, &[]).code(0).stdout_has("sealed by").stdout_has("  warning   FORK: ");
    let _ = told.stdout_has(fork);
    let signers = world.sandbox.allowed_signers(&[("alice@deck.example", &world.key)]).display().to_string();
    let (log, other) = (log.display().to_string(), other.display().to_string());
    world.set_args(&["diff", &log, &other, "--signers", &signers]);
    let _ = world.sandbox.run().code(1).stdout_has("same run, two logs: FORK: the newer log is the same run");
    for (format, told) in [("markdown", "- Warning: FORK"), ("junit", r#"name="warning" value="FORK"#)] {
        world.set_args(&["report", &log, "--signers", &signers, "--format", format]);
        let _ = world.sandbox.run().code(0).stdout_has(told);
    }
    world.set_args(&["review"]);
    let told = world.sandbox.run().code(0).stdout_has(&format!("FORK: {other} is the same run"));
    let _ = told.stdout_has(&format!("FORK: {log} is the same run"));
    world.set_args(&["review", &log, "--signers", &signers]);
    let mut terminal = world.sandbox.terminal(160, 40);
    terminal.wait_for_text("FORK").send("q");
    let _ = terminal.wait_exit().code(0);
    // A copy that was not gone on with is none, from wherever it is looked at.
    let half = own.split_inclusive(|byte| *byte == b'\n').take(3).flatten().copied().collect::<Vec<_>>();
    fs::write(&other, half).unwrap();
    let _ = world.verify(Path::new(&log), &[]).code(0).lacks("FORK");
}

/// A log of other rules is named so, is never written to, and does not keep a new run from opening.
#[test]
fn a_log_of_another_version_is_named_and_left_alone() {
    need!("ssh-keygen");
    let mut world = go();
    let log = world.log();
    let old = fs::read_to_string(&log).unwrap().replacen(&format!("\"rules\":{RULES},"), "", 1);
    fs::write(&log, &old).unwrap();
    let told = world.verify(&log, &[]).code(2).stderr_has("a log of another version (no rules version");
    let _ = told.stderr_has("verify it with the gonogo that wrote it");
    let named = log.display().to_string();
    world.set_args(&["bundle", &named]);
    let _ = world.sandbox.run().code(2).stderr_has("a log of another version (no rules version");
    world.set_args(&["review", &named]);
    let mut terminal = world.sandbox.terminal(160, 40);
    terminal.wait_for_text("a log of another version (no rules version");
    let _ = terminal.wait_exit().code(2);
    let mut terminal = world.open_with(&["--release", "v2", "--previous", "v1.4.0"], 130, 40);
    terminal.wait_for_text("1/3");
    leave(terminal);
    assert_eq!(fs::read_to_string(&log).unwrap(), old);
    let logs = world.sandbox.logs("staging");
    let new = logs.iter().find(|path| **path != log).unwrap();
    let first = fs::read_to_string(new).unwrap();
    let first: serde_json::Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    assert_eq!(first["previous_run"]["state"], "other-version");
    let _ = world.verify(new, &[]).code(5).stdout_has("of another version");
    world.set_args(&["review"]);
    let _ = world.sandbox.run().code(0).stdout_has("of another version");
    // Of another format not even the place of the run is known; it is listed all the same.
    fs::write(&log, old.replacen("{\"v\":1,", "{\"v\":2,", 1)).unwrap();
    let _ = world.sandbox.run().code(0).stdout_has("unreadable: see gonogo verify");
    let told = world.verify(&log, &[]).code(2).stderr_has("format version 2, expected 1");
    let _ = told.stderr_has("verify it with the gonogo that wrote it");
}

/// The standard checklist's points and confirmations, each probed by nothing that it asks for.
fn hollow() -> String {
    let mut checklist: toml::Table = fs::read_to_string("config/checklist.toml").unwrap().parse().unwrap();
    checklist.remove("rollback");
    for section in checklist["section"].as_array_mut().unwrap() {
        for point in section["point"].as_array_mut().unwrap() {
            let point = point.as_table_mut().unwrap();
            for key in ["action", "probe", "after", "due", "frozen_after"] {
                point.remove(key);
            }
            let probe =
                "id = \"p\"\ntitle = \"P\"\nkind = \"http\"\nwith = { url = \"{{ app.url }}/healthz\" }";
            let probe: toml::Table = probe.parse().unwrap();
            point.insert("probe".into(), vec![probe].into());
        }
    }
    checklist.to_string()
}

/// An edition says who must agree to what. That nobody asks what the checklist asks is told all the same.
#[test]
fn a_checklist_that_only_bears_the_standard_ones_name_is_told_and_refused() {
    need!("ssh-keygen");
    let mut world = World::new();
    fs::write(world.sandbox.work().join("checklist.toml"), hollow()).unwrap();
    let mut terminal = world.open(130, 40);
    // The rest waits for people.
    terminal.wait_for_text("19/27");
    seal(&mut terminal, "PENDING");
    leave_with(terminal, 1);
    let log = world.log();
    let told = world.verify(&log, &[]).code(0).stdout_has("built-in points and confirmations");
    let _ = told.stdout_has("probes    NOT the built-in ones, and not listed as tailored: validate.");
    let told = gate(&mut world, &[]).code(1);
    let _ = told
        .stdout_has("rejected  the checklist is named advanced-realtime, but these points are not probed");
}
