//! Every kind of key that an operator can have, with real keys, the real agent, and security keys in software.

use std::fs;
use std::process::{Command, Stdio};

use gonogo_core::journal::entry::Event;
use gonogo_core::journal::keys::Signer;
use gonogo_core::secret::Secret;

use super::agent::{SshAgent, act_and_verify, open};
use super::world::{ALICE, World, leave};
use crate::attacks::forge::Log;
use crate::attacks::stock;
use crate::bench::keys::{SK_PROVIDER, SshKey};
use crate::bench::need;
use crate::bench::terminal::Key;

/// The stranger with stock tools comes to the same answer.
#[track_caller]
fn a_stranger_agrees(world: &World) {
    let signers = world.sandbox.allowed_signers(&[(ALICE, &world.key)]);
    let _ = stock::verify(&world.log(), &signers).code(0).stdout_has("lines hold");
}

/// An ecdsa key file that the program can read, or one that it cannot: its private number begins with zeros,
/// as every second one of 521 bits does.
#[track_caller]
fn ecdsa(world: &World, bits: &str, passphrase: &str, readable: bool) -> SshKey {
    let dir = world.key.path.parent().unwrap();
    let make = |n| {
        let key = SshKey::of_kind(dir, &format!("ecdsa{n}"), passphrase, &["ecdsa", "-b", bits]);
        let loaded = Signer::load(ALICE, &key.path, None, &mut |_| Ok(Secret::new(passphrase.into())));
        (loaded.is_ok() == readable).then_some(key)
    };
    (0..64).find_map(make).unwrap()
}

#[test]
fn ecdsa_key_files_sign() {
    need!("ssh-keygen", "jq");
    for bits in ["256", "384", "521"] {
        let mut world = World::new();
        world.key = ecdsa(&world, bits, "", true);
        let path = world.key.path.display().to_string();
        let terminal = open(&mut world, None, Some(&path));
        act_and_verify(&mut world, terminal);
        a_stranger_agrees(&world);
    }
}

#[test]
fn an_ecdsa_key_file_that_cannot_be_read_signs_in_the_agent() {
    need!("ssh-keygen", "ssh-agent", "ssh-add", SK_PROVIDER, "jq");
    for passphrase in ["", "open sesame"] {
        let mut world = World::new();
        world.key = ecdsa(&world, "521", passphrase, false);
        let path = world.key.path.display().to_string();
        let mut terminal = open(&mut world, None, Some(&path));
        if !passphrase.is_empty() {
            terminal.wait_for_text("Passphrase of").send(passphrase).press(Key::Enter);
        }
        let ended = terminal.wait_exit().code(2);
        assert!(ended.screen_text().contains("cannot be read as an OpenSSH private key"));
        let agent = SshAgent::start();
        agent.add(&world.key.path, passphrase);
        let terminal = open(&mut world, Some(&agent), Some(&path));
        act_and_verify(&mut world, terminal);
        a_stranger_agrees(&world);
    }
}

#[test]
fn an_ecdsa_key_with_a_passphrase_signs_with_it_and_in_the_agent() {
    need!("ssh-keygen", "ssh-agent", "ssh-add", SK_PROVIDER);
    let mut world = World::new();
    world.key = ecdsa(&world, "256", "open sesame", true);
    let path = world.key.path.display().to_string();
    let mut terminal = open(&mut world, None, Some(&path));
    terminal.wait_for_text("Passphrase of").send("open sesame").press(Key::Enter).wait_for_text("1/3");
    leave(terminal);
    let agent = SshAgent::start();
    agent.add(&world.key.path, "open sesame");
    let terminal = open(&mut world, Some(&agent), Some(&path));
    act_and_verify(&mut world, terminal);
}

#[test]
fn a_key_of_another_kind_is_told_with_those_that_are_taken() {
    need!("ssh-keygen");
    let mut world = World::new();
    let dir = world.key.path.parent().unwrap().to_owned();
    world.key = SshKey::of_kind(&dir, "rsa", "", &["rsa", "-b", "2048"]);
    let path = world.key.path.display().to_string();
    let ended = open(&mut world, None, Some(&path)).wait_exit().code(2);
    assert!(
        ended.screen_text().contains("signed with ed25519, ecdsa or sk- keys"),
        "{}",
        ended.screen_text()
    );
}

#[test]
fn security_keys_sign_through_the_agent() {
    need!("ssh-keygen", "ssh-agent", "ssh-add", SK_PROVIDER, "jq");
    for kind in ["ed25519-sk", "ecdsa-sk"] {
        let mut world = World::new();
        let dir = world.key.path.parent().unwrap().to_owned();
        world.key = SshKey::of_kind(&dir, kind, "", &[kind]);
        let path = world.key.path.display().to_string();
        let ended = open(&mut world, None, Some(&path)).wait_exit().code(69);
        assert!(ended.screen_text().contains("ssh-agent"), "{}", ended.screen_text());
        let agent = SshAgent::start();
        agent.add(&world.key.path, "");
        let terminal = open(&mut world, Some(&agent), Some(&path));
        act_and_verify(&mut world, terminal);
        a_stranger_agrees(&world);
    }
}

#[test]
fn a_security_key_that_nobody_touches_signs_nothing() {
    need!("ssh-keygen", "ssh-agent", "ssh-add", SK_PROVIDER);
    let mut world = World::new();
    let dir = world.key.path.parent().unwrap().to_owned();
    let agent = SshAgent::start();
    for kind in ["ed25519-sk", "ecdsa-sk"] {
        world.key = SshKey::of_kind(&dir, kind, "", &[kind, "-O", "no-touch-required"]);
        agent.add(&world.key.path, "");
        let path = world.key.path.display().to_string();
        let ended = open(&mut world, Some(&agent), Some(&path)).wait_exit().code(69);
        let told: String = ended.screen_text().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains("that was not touched"), "{told}");
        assert!(world.sandbox.logs("staging").is_empty());
    }
}

/// Stock tools take such a signature: `ssh-keygen` looks at the flag for logins only. The rules of run logs do not.
#[test]
fn a_log_signed_without_a_touch_is_invalid_at_that_line() {
    need!("ssh-keygen", "ssh-agent", "ssh-add", SK_PROVIDER, "jq");
    let mut world = World::new();
    let dir = world.key.path.parent().unwrap().to_owned();
    world.key = SshKey::of_kind(&dir, "sk", "", &["ed25519-sk", "-O", "no-touch-required"]);
    let log = dir.join("untouched.jsonl");
    let forged = {
        // A true run, under the key of somebody who then signs anew with a key that needs no touch.
        let mut ordinary = World::new();
        let terminal = ordinary.open(130, 40);
        act_and_verify(&mut ordinary, terminal);
        let mut forged = Log::read(&fs::read(ordinary.log()).unwrap());
        let own = world.key.public.rsplit_once(' ').unwrap().0.to_owned();
        forged.change(0, |event| {
            let Event::Opened(opened) = event else { unreachable!() };
            opened.roster[0].key = own;
        });
        forged.resign_by(0, &|message| sign_untouched(&world.key, message));
        forged
    };
    fs::write(&log, forged.bytes()).unwrap();
    let _ = world.verify(&log, &[]).code(4).stdout_has("line 1 ").stdout_has("that was not touched");
    let signers = world.sandbox.allowed_signers(&[(ALICE, &world.key)]);
    let _ = stock::verify(&log, &signers).code(0);
}

/// What stock tools sign with a security key, as the base64 of a log's line.
#[track_caller]
fn sign_untouched(key: &SshKey, message: &[u8]) -> String {
    use std::io::Write as _;
    let mut sign = Command::new("ssh-keygen");
    sign.env("SSH_SK_PROVIDER", SK_PROVIDER).args(["-q", "-Y", "sign", "-n", "gonogo-entry-v1", "-f"]);
    let piped = sign.arg(&key.path).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(message).unwrap();
    let armored = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    armored.lines().filter(|line| !line.starts_with('-')).collect()
}
