//! Programs that print secrets. They may prompt on the terminal as long as no screen is drawn there.

use crate::runs::world::ALICE;
use crate::support::gonogo::Sandbox;
use crate::support::need;
use crate::support::terminal::Key;
use crate::support::wait;

/// A point that passes if the program prints `swordfish`.
const CHECKLIST: &str = "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\n\
    title = \"P\"\nwhy = \"W\"\nprobe = [{ id = \"p\", title = \"word\", kind = \"command\", deadline = \"60s\", with = { \
    argv = [\"sh\", \"-c\", 'test \"$WORD\" = swordfish'], env = { WORD = { secret = { command = [\"sh\", \"word.sh\"] } } } } }]\n";

fn sandbox(script: &str) -> Sandbox {
    let profile = "environment = \"t\"\nchecklist = \"checklist.toml\"\n";
    Sandbox::new().checklist(CHECKLIST).profile(profile).file("word.sh", script).env("GPG_TTY", "/dev/tty")
}

#[test]
fn a_secret_command_may_prompt_if_no_screen_is_drawn() {
    let script = "printf 'PIN: ' >/dev/tty; read -r pin </dev/tty; echo \"$pin\"";
    let sandbox = sandbox(script);
    let digest = sandbox.digest("profile.toml");
    let sandbox = sandbox.args(["check", "profile.toml", "--trust", &digest]);
    let mut terminal = sandbox.terminal(100, 30);
    terminal.wait_for_text("PIN:").send("swordfish").press(Key::Enter);
    let ended = terminal.wait_exit().code(0);
    assert!(ended.screen_text().contains("passed"), "{}", ended.screen_text());
}

/// Two programs prompt, one after the other, while another probe ends; the progress of the check is not printed over the
/// prompts.
#[test]
fn secret_commands_prompt_one_at_a_time_without_progress_output() {
    let point = |id: &str, argv: &str, env: &str| {
        format!(
            "[[section.point]]\nid = \"s.{id}\"\ntitle = \"P\"\nwhy = \"W\"\nprobe = [{{ id = \"p\", title = \"word\", \
             kind = \"command\", deadline = \"1s\", with = {{ argv = {argv}, env = {{ {env} }} }} }}]\n"
        )
    };
    let prompting_point = |name: &str| {
        let env = format!("WORD = {{ secret = {{ command = [\"sh\", \"word.sh\", \"{name}\"] }} }}");
        point(name, "[\"sh\", \"-c\", 'test \"$WORD\" = swordfish']", &env)
    };
    // Ends while a program prompts, which continues only then.
    let other = point("other", "[\"sh\", \"-c\", \"until [ -e asks ]; do sleep 0.01; done; : >ended\"]", "");
    let points = [prompting_point("first"), prompting_point("second"), other].concat();
    let checklist = format!("name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n{points}");
    let script = "printf \"$1 PIN: \" >/dev/tty; : >asks; until [ -e ended ]; do sleep 0.01; done; sleep 1.5\n\
                  printf 'now> ' >/dev/tty; read -r pin </dev/tty; echo \"$pin\"";
    let sandbox = sandbox(script).checklist(&checklist);
    let digest = sandbox.digest("profile.toml");
    let sandbox = sandbox.args(["check", "profile.toml", "--trust", &digest]);
    let mut terminal = sandbox.terminal(100, 30);
    let is_prompting = |screen: &vt100::Screen| {
        let lines: Vec<_> = screen.rows(0, 100).map(|line| line.trim_end().to_owned()).collect();
        lines.iter().rev().find(|line| !line.is_empty()).is_some_and(|last| last.ends_with("PIN: now>"))
    };
    for _ in 0..2 {
        terminal.wait_for("one complete prompt", is_prompting).send("swordfish").press(Key::Enter);
        terminal.wait_for("the end of the prompt", |screen| !is_prompting(screen));
    }
    let ended = terminal.wait_exit().code(0);
    assert!(ended.screen_text().contains("3/3"), "{}", ended.screen_text());
}

/// Neither by `/dev/tty` nor by `GPG_TTY`.
#[test]
fn during_a_run_a_secret_command_has_no_terminal() {
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
fn a_failed_secret_command_is_reported_with_its_stderr() {
    let sandbox = sandbox("echo 'vault is sealed' >&2; exit 7");
    let digest = sandbox.digest("profile.toml");
    let _ = sandbox
        .run_with(&["check", "profile.toml", "--trust", &digest])
        .code(3)
        .stdout_has("exit status: 7; stderr: vault is sealed");
}

/// The program and its child ignore SIGTERM, and the check ends before they are killed.
#[test]
fn at_the_deadline_all_processes_of_a_secret_command_are_killed() {
    let script = "trap '' TERM; sleep 1000 & echo $! >started; exec sleep 1000";
    let checklist = CHECKLIST.replace("60s", "1s");
    let sandbox = sandbox(script).checklist(&checklist);
    let digest = sandbox.digest("profile.toml");
    let _ = sandbox.run_with(&["check", "profile.toml", "--trust", &digest]).code(3);
    let started = std::fs::read_to_string(sandbox.work().join("started")).unwrap();
    let stat = format!("/proc/{}/stat", started.trim());
    // It is killed; its new parent may need a moment to wait for it.
    let is_gone = || std::fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z"));
    wait::until("the end of its child", || is_gone().then_some(()));
}
