//! The ways to name a key that people have: certificates, public key files, agents with other keys.

use std::fs;
use std::process::Command;

use super::agent::{SshAgent, confirm_and_verify, open};
use super::world::{ALICE, World, quit};
use crate::support::keys::{KEYGEN, SshKey};
use crate::support::need;
use crate::support::terminal::Terminal;

/// Certifies a world's key by a new authority: `ID-cert.pub` beside it.
#[track_caller]
fn certify(world: &World) -> String {
    let authority = SshKey::make(world.key.path.parent().unwrap(), "authority", "");
    let mut keygen = Command::new(KEYGEN);
    keygen.args(["-q", "-I", "id", "-n", ALICE, "-s"]).arg(&authority.path);
    let output = keygen.arg(world.key.path.with_extension("pub")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    format!("{}-cert.pub", world.key.path.display())
}

#[track_caller]
fn ssh_add(agent: &SshAgent, args: &[&str]) {
    let mut add = Command::new("ssh-add");
    let output = add.arg("-q").args(args).env("SSH_AUTH_SOCK", &agent.socket).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
fn assert_ends(terminal: Terminal, code: u32, message: &str) {
    let ended = terminal.wait_exit().code(code);
    let without_whitespace = |text: &str| text.split_whitespace().collect::<String>();
    let screen = ended.screen_text();
    assert!(without_whitespace(&screen).contains(&without_whitespace(message)), "{screen}");
}

#[test]
fn a_certificate_stands_for_its_key() {
    need!(KEYGEN, "ssh-agent", "ssh-add");
    let mut world = World::new();
    let certificate = certify(&world);
    let mut terminal = open(&mut world, None, Some(&certificate));
    terminal.wait_for_text("is a certificate: run logs are signed with its plain key");
    confirm_and_verify(&mut world, terminal);

    // Without the private key file: the agent has the key and its certificate.
    let agent = SshAgent::start();
    ssh_add(&agent, &[world.key.path.to_str().unwrap()]);
    fs::remove_file(&world.key.path).unwrap();
    for name in [certificate.clone(), fs::read_to_string(&certificate).unwrap().trim_end().to_owned()] {
        let mut terminal = open(&mut world, Some(&agent), Some(&name));
        terminal.wait_for_text("2/3");
        quit(terminal);
    }
}

#[test]
fn an_agent_with_only_the_certificate_is_explained() {
    need!(KEYGEN, "ssh-agent", "ssh-add");
    let mut world = World::new();
    let certificate = certify(&world);
    let agent = SshAgent::start();
    let path = world.key.path.to_str().unwrap();
    ssh_add(&agent, &[path]);
    ssh_add(&agent, &["-d", "-k", path]);
    fs::remove_file(&world.key.path).unwrap();
    let terminal = open(&mut world, Some(&agent), Some(&certificate));
    assert_ends(terminal, 69, "the agent has only a certificate for it");
}

#[test]
fn an_rsa_key_in_the_agent_is_named_when_no_key_is_chosen() {
    need!(KEYGEN, "ssh-agent", "ssh-add");
    let mut world = World::new();
    let rsa = SshKey::of_kind(world.key.path.parent().unwrap(), "rsa", "", &["rsa", "-b", "2048"]);
    let agent = SshAgent::start();
    ssh_add(&agent, &[rsa.path.to_str().unwrap()]);
    let mut terminal = open(&mut world, Some(&agent), None);
    terminal.wait_for_text("cannot sign run logs: ssh-rsa");
    terminal.wait_for_text("Passphrase for the new key");
    drop(terminal);
    let terminal = open(&mut world, Some(&agent), Some(&rsa.public));
    assert_ends(terminal, 2, "it is an ssh-rsa key; run logs are signed with ed25519, ecdsa or sk- keys");
}
