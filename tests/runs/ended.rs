//! Runs that end without a seal, the runs after them, and which run is the newest.

use std::fs;
use std::path::PathBuf;

use super::two_operators::{BOB, add_operator, with_reviewer};
use super::world::{ALICE, World, quit, quit_with, seal};
use crate::support::gonogo::{Output, Sandbox};
use crate::support::need;
use crate::support::terminal::Key;

const REASON: &str = "the release is withdrawn";

/// `gonogo abandon` without a terminal.
fn abandon(world: &mut World, log: &std::path::Path, more: &[&str]) -> Output {
    let (log, key) = (log.display().to_string(), world.key.path.display().to_string());
    world.set_args(&[&["abandon", &log, "--as", ALICE, "--key", &key], more].concat());
    world.sandbox.run()
}

fn first_lines(world: &World) -> Vec<serde_json::Value> {
    let logs = world.sandbox.logs("staging");
    let first = |log: &PathBuf| fs::read_to_string(log).unwrap().lines().next().unwrap().to_owned();
    logs.iter().map(|log| serde_json::from_str(&first(log)).unwrap()).collect()
}

#[test]
fn an_abandoned_run_does_not_block_the_next_run() {
    need!("ssh-keygen");
    let mut world = World::with_open_run();
    let log = world.log();
    let ended = world.open_with(&["--release", "v2"], 250, 24).wait_exit().code(2);
    let hint = format!("gonogo abandon {}", log.display());
    assert!(ended.screen_text().contains(&hint), "{}", ended.screen_text());
    let _ = abandon(&mut world, &log, &[]).code(2).stderr_has("--reason TEXT");
    let _ = abandon(&mut world, &log, &["--reason", REASON]).code(0).stdout_has("abandoned (log #");
    let output = world.verify(&log, &[]).code(5).stdout_has(&format!("abandoned by {ALICE}, not sealed"));
    let _ = output.stdout_has(&format!("by {ALICE}: {REASON}"));
    let _ = abandon(&mut world, &log, &["--reason", "again"]).code(2).stderr_has("already abandoned");
    let ended = world.entries();
    assert_eq!(
        (&ended.last().unwrap()["kind"], &ended.last().unwrap()["reason"]),
        (&"abandoned".into(), &REASON.into())
    );

    let mut terminal = world.open_with(&["--release", "v2", "--previous", "v1.3.0"], 130, 40);
    terminal.wait_for_text("1/3");
    quit(terminal);
    let next = first_lines(&world).into_iter().find(|first| first["plan"]["release"] == "v2").unwrap();
    assert_eq!(
        (&next["previous_run"]["state"], &next["previous_run"]["run"]),
        (&"abandoned".into(), &ended[0]["run"])
    );
    world.set_args(&["review"]);
    let _ = world.sandbox.run().code(0).stdout_has("no verdict, abandoned");
}

/// The other operator never seals; the one who has sealed abandons the run.
#[test]
fn a_run_with_one_of_two_seals_can_be_abandoned_and_takes_no_more_entries() {
    need!("ssh-keygen");
    let mut world = with_reviewer();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    world.wait_for_probes();
    let bob = world.sandbox.key("bob");
    add_operator(&mut terminal, BOB, &bob.path.display().to_string());
    terminal.wait_for_text("is now reviewer");
    terminal
        .send("p")
        .wait_for_text("active operator")
        .send("p")
        .wait_for_text("alice (driver) is the active operator");
    terminal.open_verdict().answer("y").wait_for_text("s seal");
    terminal
        .answer("s")
        .wait_for_text("A seal is your signature")
        .answer("y")
        .wait_for_text("bob's seal (reviewer) is missing");
    terminal
        .send("v")
        .wait_for_text("a abandon the run")
        .answer("a")
        .wait_for_text("Why will this run not be sealed?");
    terminal.send(REASON).press(Key::Enter).wait_for_text("abandon it as alice (driver)");
    terminal.answer("y").wait_for_text("ABANDONED").wait_for_text("abandoned by alice");
    // The exit message does not show how to resume it.
    terminal.send("q");
    let screen = terminal.wait_exit().code(5).screen_text();
    assert!(screen.contains("1/3, abandoned") && !screen.contains("go on "), "{screen}");
    let kinds: Vec<_> = world.entries().iter().map(|entry| entry["kind"].clone()).collect();
    assert_eq!(kinds[kinds.len() - 2..], ["sealed", "abandoned"]);
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    quit(terminal);
    assert_eq!(world.sandbox.logs("staging").len(), 2);
}

/// They join with the same command, and must confirm it, since another operator opened the log.
#[test]
fn a_second_operator_can_abandon_the_run_of_an_absent_driver() {
    need!("ssh-keygen");
    let mut world = World::with_open_run();
    let (log, bob) = (world.log(), world.sandbox.key("bob").path.display().to_string());
    let path = log.display().to_string();
    world.set_args(&["abandon", &path, "--as", BOB, "--key", &bob]);
    let mut terminal = world.sandbox.terminal(130, 24);
    terminal.wait_for_text("staging v1.4.0, opened").wait_for_text("Reason:");
    terminal.send(REASON).press(Key::Enter).wait_for_text("Type staging to abandon it:");
    terminal.send("production").press(Key::Enter);
    assert!(terminal.wait_exit().code(2).screen_text().contains("the run is unchanged"));
    assert!(!world.entries().iter().any(|entry| entry["by"] == BOB));
    let mut terminal = world.sandbox.terminal(130, 24);
    terminal.wait_for_text("Reason:").send(REASON).press(Key::Enter);
    terminal.wait_for_text("Type staging to abandon it:").send("staging").press(Key::Enter);
    let _ = terminal.wait_exit().code(0);
    let by_bob: Vec<_> = world
        .entries()
        .into_iter()
        .filter(|entry| entry["by"] == BOB)
        .map(|entry| entry["kind"].clone())
        .collect();
    assert_eq!(by_bob, ["joined", "abandoned"]);
}

#[test]
fn only_an_open_run_can_be_abandoned() {
    need!("ssh-keygen");
    let mut world = World::sealed("quiet");
    let log = world.log();
    let before = fs::read(&log).unwrap();
    let _ = abandon(&mut world, &log, &["--reason", REASON])
        .code(2)
        .stderr_has("sealed; it does not block the next run");
    assert_eq!(fs::read(&log).unwrap(), before);
    let other = world.sandbox.work().join("profile.toml");
    let _ =
        abandon(&mut world, &other, &["--reason", REASON]).code(2).stderr_has("the run cannot be abandoned");
}

/// File names contain the time. After the clock was set back, the newer run has the older name.
#[test]
fn the_newest_run_is_found_by_content_and_not_by_file_name() {
    need!("ssh-keygen");
    let mut world = World::sealed("the first");
    let first = world.log();
    let mut terminal = world.open_with(&["--release", "v2", "--previous", "v1.4.0"], 130, 40);
    terminal.wait_for_text("1/3");
    quit(terminal);
    let second = world.sandbox.logs("staging").into_iter().find(|log| *log != first).unwrap();
    let older = second.with_file_name("19700101T000000Z-00000000.jsonl");
    fs::rename(&second, &older).unwrap();
    fs::rename(second.with_extension("jsonl.d"), older.with_extension("jsonl.d")).ok();
    // It is resumed, and is the previous run of the next one.
    let mut terminal = world.open_with(&[], 130, 40);
    terminal.wait_for_text("v2").wait_for_text("1/3");
    seal(&mut terminal, "PENDING");
    quit_with(terminal, 1);
    let mut terminal = world.open_with(&["--release", "v3", "--previous", "v2"], 130, 40);
    terminal.wait_for_text("1/3");
    quit(terminal);
    let firsts = first_lines(&world);
    let of = |release: &str| firsts.iter().find(|first| first["plan"]["release"] == release).unwrap();
    assert_eq!(of("v3")["previous_run"]["run"], of("v2")["run"]);
    assert_eq!(of("v2")["previous_run"]["run"], of("v1.4.0")["run"]);
}

/// Two hosts share only the directory of logs. The log records that the run is resumed, and no crash.
#[test]
fn a_clean_change_of_host_is_not_recorded_as_a_recovery() {
    need!("ssh-keygen");
    let mut world = World::new();
    let shared = world.sandbox.work().join("shared");
    world.sandbox = world.sandbox.env("GONOGO_LOG_DIR", &shared);
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3").wait_for_text("seq 2");
    quit(terminal);
    let own = world.sandbox.state().display().to_string();
    for state in [world.sandbox.work().join("elsewhere").display().to_string(), own] {
        let sandbox = std::mem::replace(&mut world.sandbox, Sandbox::new());
        world.sandbox = sandbox.env("XDG_STATE_HOME", &state);
        let mut terminal = world.open_with(&[], 130, 40);
        terminal.wait_for("the run, or a question", |screen| {
            let text = screen.contents();
            text.contains("Continue this run?") || text.contains("seq ")
        });
        if terminal.screen_text().contains("Continue this run?") {
            terminal.answer("y").press(Key::Enter).wait_for_text("seq ");
        }
        assert!(!terminal.screen_text().contains("has no record of"), "{}", terminal.screen_text());
        quit(terminal);
    }
    let logs = fs::read_dir(shared.join("staging")).unwrap().map(|entry| entry.unwrap().path());
    let log = logs.into_iter().find(|path| path.extension().is_some_and(|is| is == "jsonl")).unwrap();
    let text = fs::read_to_string(log).unwrap();
    assert_eq!(text.matches("\"kind\":\"resumed\"").count(), 2, "{text}");
    assert_eq!(text.matches("\"kind\":\"recovered\"").count(), 0, "{text}");
}
