//! Every supported key type, with real keys, the real agent, and security keys in software.

use std::fs;
use std::process::{Command, Stdio};

use gonogo_core::journal::entry::Event;
use gonogo_core::journal::keys::Signer;
use gonogo_core::secret::Secret;

use super::agent::{SshAgent, confirm_and_verify, open};
use super::world::{ALICE, World, quit};
use crate::attacks::forge::ForgedLog;
use crate::attacks::stock;
use crate::support::keys::{SK_PROVIDER, SshKey};
use crate::support::need;
use crate::support::terminal::Key;

/// Stock tools verify the log too.
#[track_caller]
fn assert_stock_tools_agree(world: &World) {
    let signers = world.sandbox.allowed_signers(&[(ALICE, &world.key)]);
    let _ = stock::verify(&world.log(), &signers).code(0).stdout_has("lines hold");
}

/// An ecdsa key file that gonogo can parse, or one that it cannot: its private number begins with zeros, as in every second
/// key of 521 bits.
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
        confirm_and_verify(&mut world, terminal);
        assert_stock_tools_agree(&world);
    }
}

#[test]
fn an_ecdsa_key_file_that_cannot_be_parsed_signs_through_the_agent() {
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
        confirm_and_verify(&mut world, terminal);
        assert_stock_tools_agree(&world);
    }
}

#[test]
fn an_ecdsa_key_with_a_passphrase_signs_directly_and_in_the_agent() {
    need!("ssh-keygen", "ssh-agent", "ssh-add", SK_PROVIDER);
    let mut world = World::new();
    world.key = ecdsa(&world, "256", "open sesame", true);
    let path = world.key.path.display().to_string();
    let mut terminal = open(&mut world, None, Some(&path));
    terminal.wait_for_text("Passphrase of").send("open sesame").press(Key::Enter).wait_for_text("1/3");
    quit(terminal);
    let agent = SshAgent::start();
    agent.add(&world.key.path, "open sesame");
    let terminal = open(&mut world, Some(&agent), Some(&path));
    confirm_and_verify(&mut world, terminal);
}

#[test]
fn an_unsupported_key_type_is_rejected_with_the_supported_ones() {
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
        confirm_and_verify(&mut world, terminal);
        assert_stock_tools_agree(&world);
    }
}

#[test]
fn a_security_key_that_is_not_touched_signs_nothing() {
    need!("ssh-keygen", "ssh-agent", "ssh-add", SK_PROVIDER);
    let mut world = World::new();
    let dir = world.key.path.parent().unwrap().to_owned();
    let agent = SshAgent::start();
    for kind in ["ed25519-sk", "ecdsa-sk"] {
        world.key = SshKey::of_kind(&dir, kind, "", &[kind, "-O", "no-touch-required"]);
        agent.add(&world.key.path, "");
        let path = world.key.path.display().to_string();
        let ended = open(&mut world, Some(&agent), Some(&path)).wait_exit().code(69);
        let screen: String = ended.screen_text().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(screen.contains("that was not touched"), "{screen}");
        assert!(world.sandbox.logs("staging").is_empty());
    }
}

/// Stock tools accept such a signature, since `ssh-keygen` checks the touch flag only for logins. gonogo rejects it.
#[test]
fn a_log_signed_without_a_touch_is_invalid_at_that_line() {
    need!("ssh-keygen", "ssh-agent", "ssh-add", SK_PROVIDER, "jq");
    let mut world = World::new();
    let dir = world.key.path.parent().unwrap().to_owned();
    world.key = SshKey::of_kind(&dir, "sk", "", &["ed25519-sk", "-O", "no-touch-required"]);
    let log = dir.join("untouched.jsonl");
    let forged = {
        // A real run, signed again with a key that needs no touch.
        let mut ordinary = World::new();
        let terminal = ordinary.open(130, 40);
        confirm_and_verify(&mut ordinary, terminal);
        let mut forged = ForgedLog::read(&fs::read(ordinary.log()).unwrap());
        let security_key = world.key.public.rsplit_once(' ').unwrap().0.to_owned();
        forged.change(0, |event| {
            let Event::Opened(opened) = event else { unreachable!() };
            opened.roster[0].key = security_key;
        });
        forged.resign_with(0, &|message| sign_untouched(&world.key, message));
        forged
    };
    fs::write(&log, forged.bytes()).unwrap();
    let _ = world.verify(&log, &[]).code(4).stdout_has("line 1 ").stdout_has("that was not touched");
    let signers = world.sandbox.allowed_signers(&[(ALICE, &world.key)]);
    let _ = stock::verify(&log, &signers).code(0);
}

/// A signature by `ssh-keygen` with a security key, as base64 for a line of the log.
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
