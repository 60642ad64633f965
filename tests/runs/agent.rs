//! Keys that an SSH agent holds, with the real one.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::world::{ALICE, World, confirm, leave, select};
use crate::bench::keys::{SK_PROVIDER, SshKey};
use crate::bench::need;
use crate::bench::terminal::{Key, Terminal};
use crate::bench::wait;

/// An agent of one's own; ends when dropped.
pub struct SshAgent {
    process: Child,
    pub socket: PathBuf,
    dir: tempfile::TempDir,
}

impl SshAgent {
    /// One that takes the security keys that live in OpenSSH's software provider, too.
    pub fn start() -> Self {
        Self::begin(|_| {})
    }

    /// One that asks with this program before it signs with a key that is to be confirmed.
    pub fn asking_with(program: &Path) -> Self {
        Self::begin(|agent| {
            agent.env("SSH_ASKPASS", program).env("SSH_ASKPASS_REQUIRE", "force").env("DISPLAY", ":0");
        })
    }

    fn begin(prepare: impl FnOnce(&mut Command)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("agent");
        let mut agent = Command::new("ssh-agent");
        agent.args(["-D", "-P", SK_PROVIDER, "-a"]).arg(&socket).stdin(Stdio::null()).stdout(Stdio::null());
        prepare(&mut agent);
        let process = agent.spawn().unwrap();
        // The socket is there a moment before the agent listens.
        wait::until("the agent", || UnixStream::connect(&socket).ok());
        Self { process, socket, dir }
    }

    /// Takes in a key; the passphrase comes from a program, as no terminal is there.
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

    /// Takes in a key without a passphrase, each signature of which is to be confirmed.
    #[track_caller]
    pub fn add_to_be_confirmed(&self, key: &Path) {
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

/// A run of Alice's, opened with this key, or with none that is named.
#[track_caller]
pub fn open(world: &mut World, agent: Option<&SshAgent>, key: Option<&str>) -> Terminal {
    let mut args = vec!["run", "profile.toml", "--as", ALICE, "--release", "v1.4.0", "--previous", "v1.3.0"];
    args.extend(key.iter().flat_map(|key| ["--key", key]));
    world.set_args(&args);
    if let Some(agent) = agent {
        let sandbox = std::mem::replace(&mut world.sandbox, crate::bench::gonogo::Sandbox::new());
        world.sandbox = sandbox.env("SSH_AUTH_SOCK", &agent.socket);
    }
    world.sandbox.terminal(130, 40)
}

#[track_caller]
pub fn act_and_verify(world: &mut World, mut terminal: Terminal) {
    terminal.wait_for_text("1/3");
    select(&mut terminal, '2', 0);
    confirm(&mut terminal, "people.told");
    leave(terminal);
    let log = world.log();
    let _ = world.verify(&log, &[]).code(5).stdout_has(&format!("2 entries by {ALICE}"));
}

#[test]
fn a_key_that_the_agent_holds_needs_no_passphrase_and_no_file() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let agent = SshAgent::start();
    let mut world = World::new();
    world.key = world.sandbox.key_with_passphrase("locked", "open sesame");
    agent.add(&world.key.path, "open sesame");
    let path = world.key.path.display().to_string();
    let terminal = open(&mut world, Some(&agent), Some(&path));
    act_and_verify(&mut world, terminal);

    // On a host that has only the public half, or not even that.
    fs::remove_file(&world.key.path).unwrap();
    for key in [format!("{path}.pub"), world.key.public.clone()] {
        let mut terminal = open(&mut world, Some(&agent), Some(&key));
        terminal.wait_for_text("2/3");
        leave(terminal);
    }
}

#[test]
fn a_key_that_no_agent_holds_is_told_with_what_to_do() {
    need!("ssh-keygen", "ssh-agent");
    let mut world = World::new();
    let public = world.key.public.clone();
    let refused = |terminal: Terminal, told: &str| {
        let ended = terminal.wait_exit().code(69);
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        assert!(bare(&ended.screen_text()).contains(&bare(told)), "{}", ended.screen_text());
    };
    refused(open(&mut world, None, Some(&public)), "no agent (SSH_AUTH_SOCK is not set)");
    let agent = SshAgent::start();
    refused(
        open(&mut world, Some(&agent), Some(&public)),
        "the agent does not have it; add it with `ssh-add`",
    );
    drop(agent);
    refused(open(&mut world, None, Some(&public)), "No such file or directory");
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
    act_and_verify(&mut world, terminal);
    let mut terminal = open(&mut world, Some(&agent), None);
    terminal.wait_for_text("2/3");
    leave(terminal);
}

/// The agent goes while the run is open: what is not signed is not done, and the run goes on.
#[test]
fn without_its_agent_an_act_is_refused_and_nothing_is_logged() {
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
    terminal.send("y").wait_for_text("cannot sign as alice@deck.example: ssh-agent at");
    leave(terminal);
    assert!(world.entries().iter().all(|entry| entry["kind"] != "confirmed"));
    let log = world.log();
    let _ = world.verify(&log, &[]).code(5);
}
