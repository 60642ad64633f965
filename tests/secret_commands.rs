//! Programs that print secrets: they may ask on the terminal as long as no screen is drawn there.

use crate::bench::gonogo::Sandbox;
use crate::bench::need;
use crate::bench::terminal::Key;
use crate::runs::world::ALICE;

/// A point that passes when the program prints the word.
const CHECKLIST: &str = "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\n\
    title = \"P\"\nwhy = \"W\"\nprobe = [{ id = \"p\", title = \"word\", kind = \"command\", deadline = \"60s\", with = { \
    argv = [\"sh\", \"-c\", 'test \"$WORD\" = swordfish'], env = { WORD = { secret = { command = [\"sh\", \"word.sh\"] } } } } }]\n";

fn sandbox(script: &str) -> Sandbox {
    let profile = "environment = \"t\"\nchecklist = \"checklist.toml\"\n";
    Sandbox::new().checklist(CHECKLIST).profile(profile).file("word.sh", script).env("GPG_TTY", "/dev/tty")
}

#[test]
fn without_a_screen_it_may_ask() {
    let script = "printf 'PIN: ' >/dev/tty; read -r pin </dev/tty; echo \"$pin\"";
    let sandbox = sandbox(script);
    let digest = sandbox.digest("profile.toml");
    let sandbox = sandbox.args(["check", "profile.toml", "--trust", &digest]);
    let mut terminal = sandbox.terminal(100, 30);
    terminal.wait_for_text("PIN:").send("swordfish").press(Key::Enter);
    let ended = terminal.wait_exit().code(0);
    assert!(ended.screen_text().contains("passed"), "{}", ended.screen_text());
}

/// It gets no terminal then, whichever way it looks for one.
#[test]
fn beside_a_screen_it_draws_nothing() {
    need!("ssh-keygen");
    let script = "if { echo DRAWN >/dev/tty; } 2>/dev/null || [ -n \"$GPG_TTY\" ]; then echo seen; else echo swordfish; fi";
    let sandbox = sandbox(script);
    let key = sandbox.key("ann").path.display().to_string();
    let digest = sandbox.digest("profile.toml");
    let arguments = [
        "run",
        "profile.toml",
        "--release",
        "v2",
        "--previous",
        "v1",
        "--trust",
        &digest,
        "--as",
        ALICE,
        "--key",
        &key,
    ];
    let sandbox = sandbox.args(arguments);
    let mut terminal = sandbox.terminal(100, 30);
    terminal.wait_for_text("GO 1/1");
    assert!(!terminal.screen_text().contains("DRAWN"), "{}", terminal.screen_text());
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
}

#[test]
fn why_there_is_none_is_told_by_what_it_said() {
    let sandbox = sandbox("echo 'vault is sealed' >&2; exit 7");
    let digest = sandbox.digest("profile.toml");
    let _ = sandbox
        .run_with(&["check", "profile.toml", "--trust", &digest])
        .code(3)
        .stdout_has("exit status: 7; it said: vault is sealed");
}
