//! The exit code of each kind of failure.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use rustix::fs::{CWD, FileType, Mode};

use crate::runs::agent::{SshAgent, open};
use crate::runs::world::{World, quit};
use crate::support::gonogo::{GONOGO, Sandbox};
use crate::support::need;

const USAGE: i32 = 2;
const ENVIRONMENT: i32 = 69;
const INTERNAL: i32 = 70;
const IO: i32 = 74;

/// A checklist of one point that needs a confirmation, and its profile.
fn small() -> Sandbox {
    Sandbox::new().profile("environment = \"t\"\nchecklist = \"checklist.toml\"\n").checklist(
        "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\ntitle = \"P\"\n\
         why = \"W\"\nconfirm = \"one\"\n",
    )
}

#[test]
fn a_wrong_path_or_name_is_a_usage_error() {
    let _ = small().run_with(&["check", "nowhere.toml"]).code(USAGE).stderr_has("nowhere.toml");
    let _ = small().run_with(&["check", "."]).code(USAGE).stderr_has("expected a regular file");
    let _ = small().run_with(&["check", "profile.toml", "--only", "s.q"]).code(USAGE).stderr_has("s.q");
    let _ = small().run_with(&["verify", "nowhere.jsonl"]).code(USAGE).stderr_has("nowhere.jsonl");
}

#[test]
fn an_invalid_file_is_a_configuration_error() {
    let check = ["check", "profile.toml"];
    let _ = small().profile("enviroment = \"t\"\n").run_with(&check).code(USAGE).stderr_has("profile.toml:1");
    let _ = small().checklist("nmae = \"own\"\n").run_with(&check).code(USAGE).stderr_has("checklist.toml:1");
    let settings = small();
    fs::create_dir_all(settings.config().join("gonogo")).unwrap();
    fs::write(settings.config().join("gonogo/settings.toml"), "thme = \"dark\"\n").unwrap();
    let output = settings.run_with(&["init", "--as", "you@example.com", "--no-passphrase"]);
    let _ = output.code(USAGE).stderr_has("settings.toml:1");
}

#[test]
fn a_missing_agent_is_an_environment_error() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut world = World::new();
    let public = world.key.public.clone();
    let agent = SshAgent::start();
    agent.add(&world.key.path, "");
    open_and_quit(&mut world, &agent, &public);
    drop(agent);
    let _ = open(&mut world, None, Some(&public)).wait_exit().code(ENVIRONMENT.cast_unsigned());
}

fn open_and_quit(world: &mut World, agent: &SshAgent, public: &str) {
    let mut terminal = open(world, Some(agent), Some(public));
    terminal.wait_for_text("1/3");
    quit(terminal);
}

#[test]
fn no_directory_for_a_rehearsal_is_an_environment_error() {
    let sandbox = small().env("XDG_STATE_HOME", "/proc/nowhere");
    let output = sandbox.run_with(&["rehearse", "--serve"]).code(ENVIRONMENT);
    let _ = output.stderr_has("own files cannot be written: /proc/nowhere/gonogo/rehearsals: ");
}

#[test]
fn help_and_completions_that_cannot_be_written_are_an_io_error() {
    for args in [&["--help"][..], &["--version"], &["completions", "bash"], &["man"]] {
        let full = Stdio::from(File::options().write(true).open("/dev/full").unwrap());
        let output = small().command(GONOGO).args(args).stdin(Stdio::null()).stdout(full).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(IO), "{args:?}: {message}");
        assert!(message.contains("standard output") && !message.contains("panicked"), "{args:?}: {message}");
    }
}

/// `/dev/full` behaves like a file on a full disk.
#[test]
fn a_full_disk_is_an_io_error() {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    for args in
        [&["points"][..], &["init", "--as", "you@example.com", "--no-passphrase"], &["check", "profile.toml"]]
    {
        let sandbox = small();
        let output = sandbox.command(GONOGO).args(args).stdin(Stdio::null()).stdout(full()).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(IO), "{args:?}: {message}");
        assert!(message.contains("No space left on device"), "{args:?}: {message}");
    }
    let _ = small().run_with(&["check", "profile.toml", "--output", "json:/dev/full"]).code(IO);
    // A failure to write to standard error cannot be reported anywhere.
    let output = small().command(GONOGO).args(["check", "profile.toml"]).stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn init_says_which_directory_it_creates_for_a_key() {
    let sandbox = Sandbox::new();
    let init = ["init", "--as", "you@example.com", "--no-passphrase", "--key", "keys/mine/key"];
    let _ = sandbox.run_with(&init).code(0).stdout_has("keys/mine, which did not exist");
    let _ = sandbox.run_with(&init).code(0).lacks("did not exist");
}

#[test]
fn init_writes_its_settings_even_if_its_output_cannot_be_written() {
    let sandbox = small();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut init = sandbox.command(GONOGO);
    init.args(["init", "--as", "you@example.com", "--no-passphrase"]).stdout(full);
    assert_eq!(init.stderr(Stdio::null()).status().unwrap().code(), Some(IO));
    assert!(sandbox.config().join("gonogo/settings.toml").exists());
}

#[test]
fn a_log_that_others_can_write_is_an_io_error() {
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(80, 24);
    terminal.wait_for_text("1/3");
    quit(terminal);
    fs::set_permissions(world.log(), fs::Permissions::from_mode(0o644)).unwrap();
    let ended = world.open_with(&[], 200, 24).wait_exit().code(IO.cast_unsigned());
    assert!(ended.screen_text().contains("chmod 600"), "{}", ended.screen_text());
}

#[test]
fn a_log_that_is_moved_away_is_an_io_error() {
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(180, 40);
    terminal.wait_for_text("1/3");
    fs::rename(world.log(), world.sandbox.work().join("moved")).unwrap();
    let ended = terminal.wait_exit().code(IO.cast_unsigned()).left_clean();
    assert!(ended.screen_text().contains("the log was moved"), "{}", ended.screen_text());
}

/// A thread stack as large as the address space cannot be allocated, so the runtime of the probes panics.
#[test]
fn a_panic_is_an_internal_error() {
    let sandbox = small().env("RUST_MIN_STACK", (1_u64 << 46).to_string());
    let output = sandbox.run_with(&["check", "profile.toml"]).code(INTERNAL);
    let _ = output.stderr_has("panicked at");
}

#[test]
fn a_fifo_is_not_accepted_as_a_key() {
    let sandbox = Sandbox::new();
    let path = sandbox.work().join("key");
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let output = sandbox.run_with(&["init", "--as", "ann@example", "--key", "key"]).code(2);
    let _ = output.stderr_has("expected a regular file").lacks("You sign as");
    let output = sandbox.run_with(&["init", "--as", "ann@example", "--no-passphrase"]).code(0);
    let _ = output.stdout_has("You sign as ann@example");
}
