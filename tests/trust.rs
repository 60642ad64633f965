//! A profile that can run commands asks to be trusted, once per content.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

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

/// A `git` before the real one that leaves a mark when it is asked for tags.
fn watch_git(world: &mut World) {
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.is_file()).unwrap();
    let bin = world.sandbox.work().join("bin");
    fs::create_dir(&bin).unwrap();
    let mark = world.sandbox.work().join("asked");
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *' tag '*) touch {} ;; esac\nexec {} \"$@\"\n",
        mark.display(),
        real.display()
    );
    fs::write(bin.join("git"), script).unwrap();
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let paths = std::iter::once(bin).chain(std::env::split_paths(&path));
    let sandbox = std::mem::replace(&mut world.sandbox, Sandbox::new());
    world.sandbox = sandbox.env("PATH", std::env::join_paths(paths).unwrap());
}

/// The profile names the repository that is asked for its tags.
#[test]
fn tags_are_asked_for_once_the_content_is_trusted() {
    need!("ssh-keygen", "git");
    let mut world = world();
    watch_git(&mut world);
    let asked = world.sandbox.work().join("asked");
    let mut terminal = world.open_with(&[], 120, 36);
    terminal.wait_for_text("May they run with your rights?");
    assert!(!asked.exists(), "asked before anybody was");
    terminal.send("n").press(Key::Enter);
    let ended = terminal.wait_exit().code(2);
    assert!(ended.screen_text().contains("not trusted; nothing was run"), "{}", ended.screen_text());
    assert!(!asked.exists() && !has_run(&world.sandbox));
    let mut terminal = world.open_with(&[], 120, 36);
    terminal.wait_for_text("May they run with your rights?");
    terminal.send("y").press(Key::Enter).wait_for_text("Release to promote:");
    assert!(asked.exists());
    terminal.send("-v1").press(Key::Enter);
    let ended = terminal.wait_exit().code(2);
    assert!(
        ended.screen_text().contains("expected a release tag as git allows it"),
        "{}",
        ended.screen_text()
    );
}

/// What a repository says, whom to trust for instance, is nobody's own setting.
#[test]
fn git_settings_are_the_users_own_and_not_a_repositorys() {
    need!("ssh-keygen", "git");
    let world = World::sealed("well");
    let log = world.sandbox.logs("staging").pop().unwrap().display().to_string();
    let verify = ["verify", log.as_str()];
    let signers = world.sandbox.allowed_signers(&[(crate::runs::world::ALICE, &world.key)]);
    let git = world.sandbox.work().join(".git");
    for dir in ["objects", "refs"] {
        fs::create_dir_all(git.join(dir)).unwrap();
    }
    fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    let setting = format!("[gpg \"ssh\"]\n\tallowedSignersFile = {}\n", signers.display());
    fs::write(git.join("config"), &setting).unwrap();
    let _ = world.sandbox.run_with(&verify).code(2).stderr_has("whom do you trust?");
    let own = world.sandbox.config().join("gitconfig");
    fs::write(&own, &setting).unwrap();
    let sandbox = world.sandbox.env("GIT_CONFIG_GLOBAL", own);
    let _ = sandbox.run_with(&verify).code(0);
}
