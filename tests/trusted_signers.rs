//! The trusted signers of `verify` and other commands: which files, by which option or setting, and that they are reported.

use std::fs;
use std::path::Path;
use std::process::Command;

use gonogo_core::outcome::Sha256Hex;
use sha2::{Digest as _, Sha256};

use crate::differential::keys::security_key;
use crate::runs::world::{ALICE, World};
use crate::support::gonogo::{GONOGO, Output, Sandbox};
use crate::support::need;

/// A sealed log, `run.jsonl`, in the working directory.
fn sealed() -> World {
    let world = World::sealed("all quiet");
    fs::copy(world.log(), world.sandbox.work().join("run.jsonl")).unwrap();
    world
}

fn sha256(path: &Path) -> String {
    Sha256Hex(Sha256::digest(fs::read(path).unwrap()).into()).to_string()
}

fn run(world: &mut World, args: &[&str]) -> Output {
    world.set_args(args);
    world.sandbox.run()
}

fn key(world: &World) -> String {
    world.key.public.rsplit_once(' ').unwrap().0.to_owned()
}

fn write(world: &World, name: &str, text: &str) -> String {
    let path = world.sandbox.work().join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn set_git_config(world: &mut World, text: &str) {
    let file = write(world, "gitconfig", text);
    let sandbox = std::mem::replace(&mut world.sandbox, Sandbox::new());
    world.sandbox = sandbox.env("GIT_CONFIG_GLOBAL", file);
}

#[test]
fn a_namespace_excluded_by_a_line_is_not_allowed() {
    need!("ssh-keygen");
    let mut world = sealed();
    let key = key(&world);
    for (namespaces, code) in [("gonogo-*", 0), ("gonogo-*,!file", 0), ("gonogo-*,!gonogo-seal-v1", 4)] {
        write(&world, "signers", &format!("{ALICE} namespaces=\"{namespaces}\" {key}\n"));
        let output = run(&mut world, &["verify", "run.jsonl", "--signers", "signers"]).code(code);
        if code != 0 {
            let _ = output.stdout_has("do not allow alice@deck.example to sign under gonogo-seal-v1");
        }
    }
}

/// The log is not to blame: what is wrong is the file, and it is named first.
#[test]
fn a_signers_file_without_a_usable_line_is_a_usage_error() {
    need!("ssh-keygen");
    let mut world = sealed();
    let key = key(&world);
    for (text, why) in [
        ("# nobody\n".to_owned(), "it names nobody".to_owned()),
        (format!("{key}\n"), format!("line 1: it has no name in front of its key; write `NAME {key}`")),
    ] {
        let file = write(&world, "signers", &text);
        for command in ["verify", "report"] {
            let output = run(&mut world, &[command, "run.jsonl", "--signers", "signers"]).code(2);
            let first = format!("gonogo: allowed signers {file} (--signers) has no usable line: {why}");
            assert!(output.stderr.starts_with(&first), "{}", output.stderr);
            let _ = output.lacks("INVALID");
        }
    }
    for list in ["*@deck.example", "someone@else.example,alice@deck.example", "!bob@*,*"] {
        write(&world, "signers", &format!("{list} {key}\n"));
        let _ = run(&mut world, &["verify", "run.jsonl", "--signers", "signers"]).code(0);
    }
}

/// By every command that uses trusted signers.
#[test]
fn trust_files_and_ignored_lines_are_reported() {
    need!("ssh-keygen");
    let mut world = sealed();
    let (key, bob) = (key(&world), world.sandbox.key("bob").public);
    let same_key = security_key(&bob, "ssh:");
    let text = format!("\"{ALICE} {key}\nbob@x {bob}\ncarol@x {same_key}\n{ALICE} {key}\n");
    let signers = write(&world, "signers", &text);
    let revoked = write(&world, "revoked", "# nobody\n");
    let trusted = format!("trusted   {signers} (--signers), SHA-256 {}", sha256(Path::new(&signers)));
    let by = ["--signers", "signers"];
    let ignored = "warning   signers:1: a quote is not closed";
    let output = run(&mut world, &["verify", "run.jsonl", by[0], by[1]]).code(0);
    let output = output.stdout_has(&trusted).stdout_has("revoked   no revocation list").stdout_has(ignored);
    let _ = output
        .stdout_has("warning   signers:2: other lines list its key under other names (bob@x and carol@x)")
        .stdout_has("this line is ignored");
    let output = run(&mut world, &["verify", "run.jsonl", by[0], by[1], "--revoked", "revoked"]).code(0);
    let _ = output
        .stdout_has(&format!("revoked   {revoked} (--revoked), SHA-256 {}", sha256(Path::new(&revoked))));

    let output = run(&mut world, &["report", "run.jsonl", by[0], by[1], "--format", "json"]).code(0);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["trust"]["signers"]["path"], signers.as_str());
    assert_eq!(document["trust"]["signers"]["from"], "--signers");
    assert_eq!(document["trust"]["signers"]["sha256"], sha256(Path::new(&signers)).as_str());
    assert_eq!(document["trust"]["warnings"].as_array().unwrap().len(), 3);
    for format in ["markdown", "html"] {
        let output = run(&mut world, &["report", "run.jsonl", by[0], by[1], "--format", format]).code(0);
        let _ = output
            .stdout_has("Trusted signers")
            .stdout_has("no revocation list")
            .stdout_has("this line is ignored");
    }
    let output = run(&mut world, &["diff", "run.jsonl", "run.jsonl", by[0], by[1]]).code(0);
    let _ = output.stdout_has(&trusted).stdout_has(ignored);

    world.set_args(&["review", "run.jsonl", by[0], by[1]]);
    let mut terminal = world.sandbox.terminal(130, 40);
    terminal
        .wait_for_text("SEALED")
        .send("t")
        .wait_for_text("trusted: ")
        .wait_for_text("revoked: no revocation list");
    terminal.press(crate::support::terminal::Key::Esc).wait_gone("SHA-256");
    crate::runs::world::quit_with(terminal, 0);
}

/// Neither trusted signers nor revoked keys; only the user's own configuration sets them.
#[test]
fn trust_settings_of_a_repository_are_ignored() {
    need!("ssh-keygen", "git");
    let mut world = sealed();
    let (alice, mallory) = (key(&world), world.sandbox.key("mallory").public);
    let good = write(&world, "good", &format!("{ALICE} {alice}\n"));
    let other = write(&world, "other", &format!("{ALICE} {mallory}\n"));
    let gone = write(&world, "gone", &format!("{alice}\n"));
    set_git_config(&mut world, &format!("[gpg \"ssh\"]\n\tallowedSignersFile = {good}\n"));
    let output = run(&mut world, &["verify", "run.jsonl"]).code(0);
    let _ = output.stdout_has(&format!("trusted   {good} (git, gpg.ssh.allowedSignersFile), SHA-256 "));
    set_git_config(
        &mut world,
        &format!("[gpg \"ssh\"]\n\tallowedSignersFile = {other}\n\trevocationFile = {gone}\n"),
    );
    let _ = run(&mut world, &["verify", "run.jsonl"]).code(4).stdout_has(&format!("revoked   {gone} (git, "));

    // The same settings, in the repository of the log.
    let git = |args: &[&str]| {
        let status = Command::new("git").current_dir(world.sandbox.work()).args(args).status().unwrap();
        assert!(status.success());
    };
    git(&["init", "-q", "."]);
    git(&["config", "gpg.ssh.allowedSignersFile", &good]);
    git(&["config", "gpg.ssh.revocationFile", "/dev/null"]);
    let output = run(&mut world, &["verify", "run.jsonl"]).code(4);
    let _ =
        output.stdout_has(&format!("trusted   {other} (git")).stdout_has(&format!("revoked   {gone} (git"));
    set_git_config(&mut world, "");
    let _ = run(&mut world, &["verify", "run.jsonl"]).code(2).stderr_has("trusted signers required");
}

#[test]
fn relative_paths_in_settings_and_irregular_files_are_rejected() {
    need!("ssh-keygen", "git", "mkfifo");
    let mut world = sealed();
    let signers = write(&world, "signers", &format!("{ALICE} {}\n", key(&world)));
    set_git_config(&mut world, "[gpg \"ssh\"]\n\tallowedSignersFile = signers\n");
    let output = run(&mut world, &["verify", "run.jsonl"]).code(2);
    let _ = output.stderr_has("git, gpg.ssh.allowedSignersFile: signers is a relative path");
    let settings = world.sandbox.work().parent().unwrap().join("config/gonogo/settings.toml");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    fs::write(&settings, "revoked = \"gone\"\n").unwrap();
    let output = run(&mut world, &["verify", "run.jsonl", "--signers", "signers"]).code(2);
    let _ = output.stderr_has("settings.toml, revoked: gone is a relative path");
    fs::write(&settings, format!("signers = {signers:?}\n")).unwrap();
    let output = run(&mut world, &["verify", "run.jsonl"]).code(0);
    let _ =
        output.stdout_has(&format!("trusted   {signers} (")).stdout_has("settings.toml, signers), SHA-256 ");

    let fifo = world.sandbox.work().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for (option, what) in [("--signers", "allowed signers"), ("--revoked", "revoked keys")] {
        for other in ["fifo", "/dev/zero", "."] {
            let output = run(&mut world, &["verify", "run.jsonl", option, other]).code(2);
            let _ = output.stderr_has(&format!("{what} {other}")).stderr_has("expected a regular file");
        }
    }
}

/// `<(…)` of bash, for trusted signers and revocations.
#[test]
fn process_substitution_is_accepted_for_signers_with_a_size_limit() {
    need!("ssh-keygen", "bash");
    let mut world = sealed();
    let _ = write(&world, "signers", &format!("{ALICE} {}\n", key(&world)));
    let _ = write(&world, "revoked-keys", &format!("{}\n", key(&world)));
    let mut shell = |script: &str| {
        let sandbox = std::mem::replace(&mut world.sandbox, Sandbox::new());
        world.sandbox = sandbox.program("bash").args(["-c", script, "bash", GONOGO]);
        world.sandbox.run()
    };
    let output = shell("\"$1\" verify run.jsonl --signers <(cat signers)").code(0);
    let _ = output.stdout_has("trusted   /dev/fd/").stdout_has("(--signers), SHA-256 ");
    let output =
        shell("\"$1\" verify run.jsonl --signers <(cat signers) --revoked <(cat revoked-keys)").code(4);
    let _ = output.stdout_has("is revoked").stdout_has("revoked   /dev/fd/");
    let _ = shell("\"$1\" report run.jsonl --signers <(cat signers)").code(0).stdout_has("sealed");
    let _ = shell("cat signers | \"$1\" verify run.jsonl --signers /dev/stdin").code(0);
    // The signers are read once for both logs.
    let _ = shell("\"$1\" diff run.jsonl run.jsonl --signers <(cat signers)")
        .code(0)
        .stdout_has("no other differences");
    let output = shell("\"$1\" verify run.jsonl --signers <(head -c 1100000 /dev/zero)").code(2);
    let _ = output.stderr_has("larger than 1024 KiB");
    // Not for logs and profiles.
    let _ = shell("\"$1\" verify <(cat run.jsonl) --signers signers")
        .code(2)
        .stderr_has("expected a regular file");
    let _ = shell("\"$1\" doctor <(echo)").code(2).stderr_has("expected a regular file");
}
