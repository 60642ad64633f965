//! Keys in a real SSH agent.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::world::{ALICE, World, confirm, quit, select};
use crate::support::keys::{SK_PROVIDER, SshKey};
use crate::support::need;
use crate::support::terminal::{Key, Terminal};
use crate::support::wait;

/// A new agent; killed on drop.
pub struct SshAgent {
    process: Child,
    pub socket: PathBuf,
    dir: tempfile::TempDir,
}

impl SshAgent {
    /// It also accepts the security keys of OpenSSH's software provider.
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// It runs this program before it signs with a key that needs confirmation.
    pub fn asking_with(program: &Path) -> Self {
        Self::start_with(|agent| {
            agent.env("SSH_ASKPASS", program).env("SSH_ASKPASS_REQUIRE", "force").env("DISPLAY", ":0");
        })
    }

    fn start_with(prepare: impl FnOnce(&mut Command)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("agent");
        let mut agent = Command::new("ssh-agent");
        agent.args(["-D", "-P", SK_PROVIDER, "-a"]).arg(&socket).stdin(Stdio::null()).stdout(Stdio::null());
        prepare(&mut agent);
        let process = agent.spawn().unwrap();
        // The socket exists a moment before the agent listens.
        wait::until("the agent", || UnixStream::connect(&socket).ok());
        Self { process, socket, dir }
    }

    /// Adds a key; the passphrase comes from a program, as there is no terminal.
    #[track_caller]
    pub fn add(&self, key: &Path, passphrase: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let askpass = self.dir.path().join("askpass");
        fs::write(&askpass, format!("#!/bin/sh\nprintf '%s\\n' '{passphrase}'\n")).unwrap();
        fs::set_permissions(&askpass, fs::Permissions::from_mode(0o700)).unwrap();
        let mut add = Command::new("ssh-add");
        add.arg(key)
            .env("SSH_SK_PROVIDER", SK_PROVIDER)
            .env("SSH_AUTH_SOCK", &self.socket)
            .env("SSH_ASKPASS", askpass);
        let output = add.env("SSH_ASKPASS_REQUIRE", "force").stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Adds a key without a passphrase; each signature with it needs confirmation.
    #[track_caller]
    pub fn add_with_confirmation(&self, key: &Path) {
        let mut add = Command::new("ssh-add");
        let output = add.args(["-q", "-c"]).arg(key).env("SSH_AUTH_SOCK", &self.socket).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Opens a run as Alice, with this key or without `--key`.
#[track_caller]
pub fn open(world: &mut World, agent: Option<&SshAgent>, key: Option<&str>) -> Terminal {
    let mut args = vec!["run", "profile.toml", "--as", ALICE, "--release", "v1.4.0", "--previous", "v1.3.0"];
    args.extend(key.iter().flat_map(|key| ["--key", key]));
    world.set_args(&args);
    if let Some(agent) = agent {
        let sandbox = std::mem::replace(&mut world.sandbox, crate::support::gonogo::Sandbox::new());
        world.sandbox = sandbox.env("SSH_AUTH_SOCK", &agent.socket);
    }
    world.sandbox.terminal(130, 40)
}

#[track_caller]
pub fn confirm_and_verify(world: &mut World, mut terminal: Terminal) {
    terminal.wait_for_text("1/3");
    select(&mut terminal, '2', 0);
    confirm(&mut terminal, "people.duty");
    quit(terminal);
    let log = world.log();
    let _ = world.verify(&log, &[]).code(5).stdout_has(&format!("2 entries by {ALICE}"));
}

#[test]
fn a_key_in_the_agent_needs_no_passphrase_and_no_file() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let agent = SshAgent::start();
    let mut world = World::new();
    world.key = world.sandbox.key_with_passphrase("locked", "open sesame");
    agent.add(&world.key.path, "open sesame");
    let path = world.key.path.display().to_string();
    let terminal = open(&mut world, Some(&agent), Some(&path));
    confirm_and_verify(&mut world, terminal);

    // Without the private key file, by the public key file or the public key itself.
    fs::remove_file(&world.key.path).unwrap();
    for key in [format!("{path}.pub"), world.key.public.clone()] {
        let mut terminal = open(&mut world, Some(&agent), Some(&key));
        terminal.wait_for_text("2/3");
        quit(terminal);
    }
}

#[test]
fn a_key_missing_from_the_agent_is_reported_with_a_hint() {
    need!("ssh-keygen", "ssh-agent");
    let mut world = World::new();
    let public = world.key.public.clone();
    let assert_rejected = |terminal: Terminal, message: &str| {
        let ended = terminal.wait_exit().code(69);
        let without_whitespace = |text: &str| text.split_whitespace().collect::<String>();
        assert!(
            without_whitespace(&ended.screen_text()).contains(&without_whitespace(message)),
            "{}",
            ended.screen_text()
        );
    };
    assert_rejected(open(&mut world, None, Some(&public)), "no agent (SSH_AUTH_SOCK is not set)");
    let agent = SshAgent::start();
    assert_rejected(
        open(&mut world, Some(&agent), Some(&public)),
        "the agent does not have it; add it with `ssh-add`",
    );
    drop(agent);
    assert_rejected(open(&mut world, None, Some(&public)), "No such file or directory");
    assert!(world.sandbox.logs("staging").is_empty());
}

#[test]
fn one_of_several_keys_is_chosen_once() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let agent = SshAgent::start();
    let mut world = World::new();
    let other: SshKey = world.sandbox.key("other");
    agent.add(&other.path, "");
    agent.add(&world.key.path, "");
    let mut terminal = open(&mut world, Some(&agent), None);
    terminal.wait_for_text("Which key signs run logs?");
    terminal.send("7").press(Key::Enter).wait_for_text("expected a number from 1 to 2, or n");
    terminal.send("2").press(Key::Enter);
    confirm_and_verify(&mut world, terminal);
    let mut terminal = open(&mut world, Some(&agent), None);
    terminal.wait_for_text("2/3");
    quit(terminal);
}

/// The agent ends while the run is open; the run continues.
#[test]
fn without_the_agent_a_confirmation_is_rejected_and_not_logged() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let agent = SshAgent::start();
    let mut world = World::new();
    agent.add(&world.key.path, "");
    let public = world.key.public.clone();
    let mut terminal = open(&mut world, Some(&agent), Some(&public));
    terminal.wait_for_text("1/3");
    drop(agent);
    select(&mut terminal, '2', 0);
    terminal.wait_for_text("press space to confirm");
    terminal.send(" ").wait_for_text("y confirm");
    terminal.answer("y").wait_for_text("cannot sign as alice@deck.example: ssh-agent at");
    quit(terminal);
    assert!(world.entries().iter().all(|entry| entry["kind"] != "confirmed"));
    let log = world.log();
    let _ = world.verify(&log, &[]).code(5);
}
