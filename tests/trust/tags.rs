//! Tags are read from the repository that the profile names, but only after the profile is trusted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{QUESTION, has_run, world};
use crate::runs::world::{World, quit};
use crate::support::gonogo::Sandbox;
use crate::support::need;
use crate::support::terminal::Key;

/// Puts a `git` before the real one in `PATH`, which creates the file `asked` when tags are read.
fn watch_git(world: &mut World) {
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.is_file()).unwrap();
    let bin = world.sandbox.work().join("bin");
    fs::create_dir(&bin).unwrap();
    let marker = world.sandbox.work().join("asked");
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *' tag '*|*' refs/tags '*) touch {} ;; esac\nexec {} \"$@\"\n",
        marker.display(),
        real.display()
    );
    fs::write(bin.join("git"), script).unwrap();
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let paths = std::iter::once(bin).chain(std::env::split_paths(&path));
    let sandbox = std::mem::replace(&mut world.sandbox, Sandbox::new());
    world.sandbox = sandbox.env("PATH", std::env::join_paths(paths).unwrap());
}

/// The profile names the repository of the tags.
#[test]
fn tags_are_read_only_after_the_profile_is_trusted() {
    need!("ssh-keygen", "git");
    let mut world = world();
    watch_git(&mut world);
    let git_ran = world.sandbox.work().join("asked");
    let mut terminal = world.open_with(&[], 120, 36);
    terminal.wait_for_text(QUESTION);
    assert!(!git_ran.exists(), "the tags were read before permission");
    terminal.send("n").press(Key::Enter);
    let ended = terminal.wait_exit().code(2);
    assert!(ended.screen_text().contains("not allowed; nothing was run"), "{}", ended.screen_text());
    assert!(!git_ran.exists() && !has_run(&world.sandbox));
    let mut terminal = world.open_with(&[], 120, 36);
    terminal.wait_for_text(QUESTION);
    terminal.answer("y").press(Key::Enter).wait_for_text("Release to promote:");
    assert!(git_ran.exists());
    terminal.send("-v1").press(Key::Enter);
    let ended = terminal.wait_exit().code(2);
    assert!(
        ended.screen_text().contains("expected a release tag as git allows it"),
        "{}",
        ended.screen_text()
    );
}

/// A repository must not set the trusted signers, for example.
#[test]
fn git_settings_of_a_repository_are_ignored() {
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
    let user_config = world.sandbox.config().join("gitconfig");
    fs::write(&user_config, &setting).unwrap();
    let sandbox = world.sandbox.env("GIT_CONFIG_GLOBAL", user_config);
    let _ = sandbox.run_with(&verify).code(0);
}

/// The question comes before the release is known, so it shows placeholders.
#[test]
fn permission_before_the_release_is_known_covers_every_release() {
    need!("ssh-keygen", "git");
    let mut world = world();
    let list = super::checklist("command", r#"{ argv = ["printf", "{{ release }}/{{ previous }}"] }"#);
    fs::write(world.sandbox.work().join("checklist.toml"), list).unwrap();
    fs::write(world.sandbox.work().join("profile.toml"), super::PROFILE).unwrap();
    let mut terminal = world.open_with(&[], 120, 36);
    terminal.wait_for_text(QUESTION);
    let question = terminal.screen_text();
    assert!(
        question.contains("printf '{{ release }}/{{ previous }}'") && !question.contains("For release"),
        "{question}"
    );
    terminal.answer("y").press(Key::Enter).wait_for_text("Release to promote:");
    terminal.send("v1").press(Key::Enter).wait_for_text("Current release, or none:");
    terminal.send("none").press(Key::Enter).wait_for_text("1/1");
    quit(terminal);
}
