//! A release's tags are looked for in a repository that the profile names: once the profile is trusted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{QUESTION, has_run, world};
use crate::bench::gonogo::Sandbox;
use crate::bench::need;
use crate::bench::terminal::Key;
use crate::runs::world::{World, leave};

/// A `git` before the real one that leaves a mark when it is asked for tags.
fn watch_git(world: &mut World) {
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.is_file()).unwrap();
    let bin = world.sandbox.work().join("bin");
    fs::create_dir(&bin).unwrap();
    let mark = world.sandbox.work().join("asked");
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *' tag '*|*' refs/tags '*) touch {} ;; esac\nexec {} \"$@\"\n",
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
    terminal.wait_for_text(QUESTION);
    assert!(!asked.exists(), "asked before anybody was");
    terminal.send("n").press(Key::Enter);
    let ended = terminal.wait_exit().code(2);
    assert!(ended.screen_text().contains("not allowed; nothing was run"), "{}", ended.screen_text());
    assert!(!asked.exists() && !has_run(&world.sandbox));
    let mut terminal = world.open_with(&[], 120, 36);
    terminal.wait_for_text(QUESTION);
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
    let _ = world.sandbox.run_with(&verify).code(2).stderr_has("trusted signers required");
    let own = world.sandbox.config().join("gitconfig");
    fs::write(&own, &setting).unwrap();
    let sandbox = world.sandbox.env("GIT_CONFIG_GLOBAL", own);
    let _ = sandbox.run_with(&verify).code(0);
}

/// What the profile makes happen is asked for before there is a release, in words that hold for any.
#[test]
fn what_is_asked_for_before_there_is_a_release_is_of_no_release() {
    need!("ssh-keygen", "git");
    let mut world = world();
    let list = super::checklist("command", r#"{ argv = ["printf", "{{ release }}/{{ previous }}"] }"#);
    fs::write(world.sandbox.work().join("checklist.toml"), list).unwrap();
    fs::write(world.sandbox.work().join("profile.toml"), super::PROFILE).unwrap();
    let mut terminal = world.open_with(&[], 120, 36);
    terminal.wait_for_text(QUESTION);
    let asked = terminal.screen_text();
    assert!(
        asked.contains("printf '{{ release }}/{{ previous }}'") && !asked.contains("For release"),
        "{asked}"
    );
    terminal.send("y").press(Key::Enter).wait_for_text("Release to promote:");
    terminal.send("v1").press(Key::Enter).wait_for_text("Current release, or none:");
    terminal.send("none").press(Key::Enter).wait_for_text("1/1");
    leave(terminal);
}
