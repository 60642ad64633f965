//! The additional conditions of `verify --require-go`, and the comparison of copies of a log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gonogo_core::journal::entry::RULES;

use crate::runs::world::{World, confirm, quit, quit_with, seal, select};
use crate::support::gonogo::Output;
use crate::support::need;

/// A run that is sealed as GO.
fn sealed_go() -> World {
    let mut world = World::new();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    world.wait_for_probes();
    select(&mut terminal, '1', 1);
    confirm(&mut terminal, "service.headers");
    select(&mut terminal, '2', 0);
    confirm(&mut terminal, "people.duty");
    seal(&mut terminal, "GO");
    quit_with(terminal, 0);
    world
}

fn require_go(world: &mut World, more: &[&str]) -> Output {
    let log = world.log();
    world.verify(&log, &[&["--require-go"], more].concat())
}

fn changed_copy(world: &World, name: &str, change: impl FnOnce(Vec<&str>) -> String) -> PathBuf {
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
fn require_go_checks_seals_edition_and_age() {
    need!("ssh-keygen");
    let mut world = sealed_go();
    let output = require_go(&mut world, &[]).code(0).stdout_has("; own checklist \"small\", edition ");
    let output =
        output.stdout_has("required  seals of driver; 3 control points: 2 need one confirmation, 0 need two");
    let output = output.stdout_has("evidence  probe results and results of actions are reported by the host");
    let edition =
        output.stdout.split_once("own checklist, edition ").unwrap().1.lines().next().unwrap().to_owned();
    let other = "0".repeat(64);
    let _ = require_go(&mut world, &["--checklist-sha256", &edition, "--seals", "driver", "--max-age", "1h"])
        .code(0);
    let output = require_go(&mut world, &["--checklist-sha256", &other]).code(1);
    let _ = output.stdout_has(&format!("has edition {edition}, not {other}"));
    let output = require_go(&mut world, &["--seals", "driver,reviewer"]).code(1);
    let _ = output.stdout_has("rejected  no seal by a reviewer");
    let _ = require_go(&mut world, &["--max-age", "0s"]).code(1).stdout_has("older than 0s");
    let log = world.log();
    let _ = world.verify(&log, &["--max-age", "1h"]).code(2).stderr_has("--require-go");
}

#[test]
fn a_checklist_with_only_the_name_of_the_standard_one_is_rejected() {
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
    let mut world = sealed_go();
    let log = world.log();
    let _ = against(&mut world, &log, &log).code(0).stdout_has("is the same log");
    let shorter = changed_copy(&world, "shorter.jsonl", |lines| lines[..3].concat());
    let _ = against(&mut world, &log, &shorter).code(0).stdout_has("ends at line 3; this one continues it");
    let _ = against(&mut world, &shorter, &log).code(5).stdout_has("continues this one after line 3");
    let fork = changed_copy(&world, "fork.jsonl", |lines| lines[..3].concat() + lines[1]);
    let _ = against(&mut world, &log, &fork).code(4).stdout_has("FORK").stdout_has("differs from line 4 on");
    let _ = world.verify(&log, &[]).code(0);
    let other = sealed_go();
    let _ = against(&mut world, &log, &other.log()).code(4).stdout_has("is another run");
    let _ = against(&mut world, &log, Path::new("nowhere")).code(2).stderr_has("run log nowhere");
    let none = changed_copy(&world, "none.jsonl", |_| "no log\n".into());
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

/// A run that was copied while open, and resumed and sealed on both hosts.
#[test]
fn a_fork_of_a_sealed_run_is_reported_by_every_command_that_sees_it() {
    need!("ssh-keygen", "cp");
    let mut world = World::with_open_run();
    let copy = world.sandbox.work().join("other-host");
    let copied = Command::new("cp").arg("-a").arg(world.sandbox.state()).arg(&copy).status().unwrap();
    assert!(copied.success());
    let resume_and_seal = |world: &mut World| {
        let mut terminal = world.open(130, 40);
        terminal.wait_for_text("1/3");
        seal(&mut terminal, "PENDING");
        quit_with(terminal, 1);
    };
    resume_and_seal(&mut world);
    let log = world.log();
    let own_log = fs::read(&log).unwrap();
    // From here on, this is the other host.
    fs::remove_dir_all(world.sandbox.state()).unwrap();
    fs::rename(&copy, world.sandbox.state()).unwrap();
    let _ = world.verify(&log, &[]).code(5);
    resume_and_seal(&mut world);
    let line = own_log.split(|byte| *byte == b'\n').count();
    assert!(line > 4 && own_log != fs::read(&log).unwrap());
    let other = log.with_file_name("other.jsonl");
    fs::write(&other, &own_log).unwrap();

    let fork = "other.jsonl is the same run but differs from line ";
    let output = world.verify(&log, &[]).code(0).stdout_has("sealed by").stdout_has("  warning   FORK: ");
    let _ = output.stdout_has(fork);
    let signers = world.sandbox.allowed_signers(&[("alice@deck.example", &world.key)]).display().to_string();
    let (log, other) = (log.display().to_string(), other.display().to_string());
    world.set_args(&["diff", &log, &other, "--signers", &signers]);
    let _ = world.sandbox.run().code(1).stdout_has("same run, two logs: FORK: the newer log is the same run");
    for (format, text) in [("markdown", "- Warning: FORK"), ("junit", r#"name="warning" value="FORK"#)] {
        world.set_args(&["report", &log, "--signers", &signers, "--format", format]);
        let _ = world.sandbox.run().code(0).stdout_has(text);
    }
    world.set_args(&["review"]);
    let output = world.sandbox.run().code(0).stdout_has(&format!("FORK: {other} is the same run"));
    let _ = output.stdout_has(&format!("FORK: {log} is the same run"));
    world.set_args(&["review", &log, "--signers", &signers]);
    let mut terminal = world.sandbox.terminal(160, 40);
    terminal.wait_for_text("FORK").send("q");
    let _ = terminal.wait_exit().code(0);
    // A copy that was not continued is no fork.
    let half = own_log.split_inclusive(|byte| *byte == b'\n').take(3).flatten().copied().collect::<Vec<_>>();
    fs::write(&other, half).unwrap();
    let _ = world.verify(Path::new(&log), &[]).code(0).lacks("FORK");
}

/// It does not block a new run.
#[test]
fn a_log_of_another_version_is_reported_and_not_changed() {
    need!("ssh-keygen");
    let mut world = sealed_go();
    let log = world.log();
    let old = fs::read_to_string(&log).unwrap().replacen(&format!("\"rules\":{RULES},"), "", 1);
    fs::write(&log, &old).unwrap();
    let output = world.verify(&log, &[]).code(2).stderr_has("a log of another version (no rules version");
    let _ = output.stderr_has("verify it with the gonogo that wrote it");
    let named = log.display().to_string();
    world.set_args(&["bundle", &named]);
    let _ = world.sandbox.run().code(2).stderr_has("a log of another version (no rules version");
    world.set_args(&["review", &named]);
    let mut terminal = world.sandbox.terminal(160, 40);
    terminal.wait_for_text("a log of another version (no rules version");
    let _ = terminal.wait_exit().code(2);
    let mut terminal = world.open_with(&["--release", "v2", "--previous", "v1.4.0"], 130, 40);
    terminal.wait_for_text("1/3");
    quit(terminal);
    assert_eq!(fs::read_to_string(&log).unwrap(), old);
    let logs = world.sandbox.logs("staging");
    let new = logs.iter().find(|path| **path != log).unwrap();
    let first = fs::read_to_string(new).unwrap();
    let first: serde_json::Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    assert_eq!(first["previous_run"]["state"], "other-version");
    let _ = world.verify(new, &[]).code(5).stdout_has("of another version");
    world.set_args(&["review"]);
    let _ = world.sandbox.run().code(0).stdout_has("of another version");
    // A log of another format cannot be read at all; it is listed all the same.
    fs::write(&log, old.replacen("{\"v\":1,", "{\"v\":2,", 1)).unwrap();
    let _ = world.sandbox.run().code(0).stdout_has("unreadable: see gonogo verify");
    let output = world.verify(&log, &[]).code(2).stderr_has("format version 2, expected 1");
    let _ = output.stderr_has("verify it with the gonogo that wrote it");
}

/// The points and confirmations of the standard checklist, each with an unrelated probe.
fn checklist_without_probes() -> String {
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

/// The edition covers points and confirmations, not probes; that the probes are missing is reported all the same.
#[test]
fn standard_points_without_the_standard_probes_fail_require_go() {
    need!("ssh-keygen");
    let mut world = World::new();
    fs::write(world.sandbox.work().join("checklist.toml"), checklist_without_probes()).unwrap();
    let mut terminal = world.open(130, 40);
    // The rest needs confirmation.
    terminal.wait_for_text("19/27");
    seal(&mut terminal, "PENDING");
    quit_with(terminal, 1);
    let log = world.log();
    let output = world.verify(&log, &[]).code(0).stdout_has("built-in points and confirmations");
    let _ = output.stdout_has("probes    NOT the built-in ones, and not listed as tailored: validate.");
    let output = require_go(&mut world, &[]).code(1);
    let _ = output
        .stdout_has("rejected  the checklist is named advanced-realtime, but these points are not probed");
}
