//! A profile that can run commands asks to be trusted, once per content.

use std::fs;

use crate::bench::gonogo::Sandbox;
use crate::bench::need;
use crate::bench::terminal::Key;
use crate::runs::world::{World, leave};

const CHECKLIST: &str = r#"
name = "small"
[[section]]
id = "s"
title = "S"
[[section.point]]
id = "s.p"
title = "Answers"
why = "It must."
probe = [{ id = "h", title = "answer", kind = "http", with = { url = "{{ app.url }}/healthz", headers = { Authorization = { secret = "{{ app.token }}", prefix = "Bearer " } } } }]
"#;

/// The secret's command leaves a mark when it runs.
fn world() -> World {
    let mut world = World::new();
    fs::write(world.sandbox.work().join("checklist.toml"), CHECKLIST).unwrap();
    rewrite(&mut world, "touch ran; printf open-sesame");
    world
}

fn rewrite(world: &mut World, script: &str) {
    let url = world.web.url("");
    let profile = format!(
        "environment = \"staging\"\nchecklist = \"checklist.toml\"\n[values]\napp.url = {url:?}\n\
         app.token = {{ command = [\"sh\", \"-c\", {script:?}] }}\n"
    );
    fs::write(world.sandbox.work().join("profile.toml"), profile).unwrap();
}

fn has_run(sandbox: &Sandbox) -> bool {
    fs::remove_file(sandbox.work().join("ran")).is_ok()
}

#[test]
fn headless_nothing_runs_until_the_content_is_trusted() {
    let mut world = world();
    world.set_args(&["check", "profile.toml"]);
    let told = world.sandbox.run().code(2).stderr_has("profile.toml runs commands:");
    let _ = told.stderr_has("sh -c 'touch ran; printf open-sesame'").stderr_has("give --trust once");
    assert!(!has_run(&world.sandbox));
    world.set_args(&["check", "profile.toml", "--trust"]);
    let _ = world.sandbox.run().code(0).lacks("open-sesame");
    assert!(has_run(&world.sandbox));
    world.set_args(&["check", "profile.toml"]);
    let _ = world.sandbox.run().code(0);
    let sent = world.web.requests().pop().unwrap();
    let header = sent.headers.iter().find(|(name, _)| name.as_str() == "authorization").unwrap();
    assert_eq!(header.1, "Bearer open-sesame");

    rewrite(&mut world, "touch ran; printf another-word");
    has_run(&world.sandbox);
    let told = world.sandbox.run().code(2).stderr_has("new sh -c 'touch ran; printf another-word'");
    let _ = told.stderr_has("no longer: sh -c 'touch ran; printf open-sesame'");
    assert!(!has_run(&world.sandbox));
}

#[test]
fn on_a_terminal_a_person_is_asked() {
    need!("ssh-keygen");
    let mut world = world();
    let mut terminal = world.open(120, 36);
    terminal.wait_for_text("May they run with your rights?");
    terminal.send("n").press(Key::Enter);
    let ended = terminal.wait_exit().code(2);
    assert!(ended.screen_text().contains("not trusted; nothing was run"), "{}", ended.screen_text());
    assert!(!has_run(&world.sandbox) && world.sandbox.logs("staging").is_empty());
    let mut terminal = world.open(120, 36);
    terminal.wait_for_text("May they run with your rights?");
    terminal.send("y").press(Key::Enter).wait_for_text("GO 1/1");
    leave(terminal);
    let mut terminal = world.open_with(&[], 120, 36);
    terminal.wait_for_text("GO 1/1");
    leave(terminal);
}

/// The plan of an open run comes from its log, not from the files that were trusted.
#[test]
fn the_commands_of_an_open_run_are_asked_for_too() {
    need!("ssh-keygen");
    let mut world = world();
    let mut terminal = world.open_with(&["--release", "v1", "--previous", "none", "--trust"], 120, 36);
    terminal.wait_for_text("GO 1/1");
    leave(terminal);
    fs::remove_dir_all(world.sandbox.state().join("gonogo/trust")).unwrap();
    let profile = fs::read_to_string(world.sandbox.work().join("profile.toml")).unwrap();
    let harmless =
        profile.split("app.token").next().unwrap().to_owned() + "app.token = { env = \"TOKEN\" }\n";
    fs::write(world.sandbox.work().join("profile.toml"), harmless).unwrap();
    has_run(&world.sandbox);
    let mut terminal = world.open_with(&[], 120, 36);
    terminal.wait_for_text("sh -c 'touch ran; printf open-sesame'").wait_for_text("May they run");
    terminal.send("n").press(Key::Enter);
    let _ = terminal.wait_exit().code(2);
    assert!(!has_run(&world.sandbox));
}

/// Code, kubeconfigs and other programs that a profile names run with our rights too.
#[test]
fn whatever_runs_in_the_end_is_shown() {
    let profile = r#"
environment = "x"
[values.iac]
tool = "terraform"
program = "./not-terraform"
directory = "code"
[values.kubernetes]
context = "c"
namespace = "n"
config = "kubeconfig-with-a-plugin"
[values.app]
vantage = { exec = ["ssh", "inside"] }
[values.prometheus]
url = "http://127.0.0.1:1"
[values.source]
repository = "."
"#;
    let told = Sandbox::new().profile(profile).args(["check", "profile.toml"]).run().code(2);
    let lines = [
        "./not-terraform 'in code'",
        "kubectl --kubeconfig kubeconfig-with-a-plugin",
        "ssh inside",
        "poetry check",
    ];
    let _ = lines.iter().fold(told, |told, line| told.stderr_has(line));
}
