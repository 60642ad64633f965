//! The diagnostic log: its content, its permissions, and its size limit.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::runs::world::{ALICE, World, quit};
use crate::support::gonogo::{GONOGO, Sandbox};
use crate::support::need;
use crate::support::terminal::Key;
use crate::support::web::Reply;

const SECRET: &str = "swordfish-42";
const MAX_FILE: u64 = 1024 * 1024;

fn log_path(sandbox: &Sandbox) -> PathBuf {
    sandbox.state().join("gonogo/diagnostic/gonogo.log")
}

fn log_text(sandbox: &Sandbox) -> String {
    fs::read_to_string(log_path(sandbox)).unwrap()
}

/// Its probes send a secret, and the server sends it back.
fn world_with_secret() -> World {
    let mut world = World::new();
    world.web.route("/readyz", Reply::ok(&format!("{{\"event_pipeline_ready\":\"{SECRET}\"}}")));
    let checklist = crate::runs::world::CHECKLIST.replace(
        "{{ app.url }}/healthz\"",
        "{{ app.url }}/healthz\", headers = { X-Token = { secret = \"{{ app.token }}\" } }",
    );
    let profile = fs::read_to_string(world.sandbox.work().join("profile.toml")).unwrap();
    let profile = profile + "app.token = { env = \"BOARD_TOKEN\" }\n";
    world.sandbox = world.sandbox.checklist(&checklist).profile(&profile).env("BOARD_TOKEN", SECRET);
    world
}

#[test]
fn the_diagnostic_log_records_operations_and_no_secrets() {
    need!("ssh-keygen");
    let world = world_with_secret();
    let digest = world.sandbox.digest("profile.toml");
    let sandbox = world.sandbox.env("GONOGO_LOG", "trace");
    // The name of the output file contains the secret, and the error names the file.
    let target = format!("json:/nonexistent/{SECRET}");
    let output =
        sandbox.run_with(&["check", "profile.toml", "--trust", &digest, "--output", &target]).code(2);
    let log = log_text(&sandbox);
    for part in [
        "INFO  gonogo::commands: command started command=\"check\"",
        "gonogo::engine::probes: probe ended probe=service.ready/",
        "class=Fail",
        "DEBUG gonogo::probes::http_client: request method=GET server=\"127.0.0.1:",
        "ERROR gonogo::commands::exit_status: output /nonexistent/[redacted: env BOARD_TOKEN]",
        "kind=User",
        "command ended command=\"check\" code=2",
    ] {
        assert!(log.contains(part), "{part} in\n{log}");
    }
    for absent in [SECRET, &digest, "healthz", "X-Token", "--output"] {
        assert!(!log.contains(absent), "{absent} in\n{log}");
    }
    // On standard error, arguments of the command are not redacted.
    let _ = output.stderr_has(&target[5..]);
}

#[test]
fn the_first_error_creates_the_diagnostic_log() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run_with(&["points"]).code(0);
    assert!(!log_path(&sandbox).exists());
    let _ = sandbox.run_with(&["check", "nowhere.toml"]).code(2);
    let log = log_text(&sandbox);
    assert!(log.contains("ERROR") && log.contains("nowhere.toml") && log.contains("kind=User"), "{log}");
    assert!(!log.contains("INFO"), "{log}");
}

#[test]
fn the_diagnostic_log_is_private_under_any_umask() {
    for umask in ["000", "022", "077", "277"] {
        let sandbox = Sandbox::new();
        let script = format!("umask {umask}; exec \"$0\" check nowhere.toml");
        assert_eq!(
            sandbox.command("sh").args(["-c", &script, GONOGO]).output().unwrap().status.code(),
            Some(2)
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let log = log_path(&sandbox);
        assert_eq!((mode(&log), mode(log.parent().unwrap())), (0o600, 0o700), "umask {umask}");
    }
}

#[test]
fn the_diagnostic_log_is_rotated_at_its_size_limit() {
    let sandbox = Sandbox::new();
    let log = log_path(&sandbox);
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&log).unwrap();
    file.set_len(MAX_FILE - 10).unwrap();
    let before = log.with_extension("log.1");
    fs::write(&before, "the oldest").unwrap();
    let _ = sandbox.run_with(&["check", "nowhere.toml"]).code(2);
    assert_eq!(fs::metadata(&before).unwrap().len(), MAX_FILE - 10);
    assert!(log_text(&sandbox).contains("nowhere.toml") && fs::metadata(&log).unwrap().len() < 1000);
    assert_eq!(fs::read_dir(log.parent().unwrap()).unwrap().count(), 2);
}

#[test]
fn verbose_prints_to_standard_error_but_never_on_the_screen() {
    need!("ssh-keygen");
    let mut world = World::new();
    for (args, shown) in [(&["check", "profile.toml"][..], false), (&["check", "profile.toml", "-v"], true)] {
        world.set_args(args);
        let output = world.sandbox.run().code(1);
        assert_eq!(output.stderr.contains("probe ended"), shown, "{output}");
        assert!(!output.stdout.contains("probe ended"), "{output}");
    }
    let before = log_text(&world.sandbox).matches("probe ended").count();
    world.set_args(&["check", "-vv", "profile.toml"]);
    let _ = world.sandbox.run().code(1).stderr_has("DEBUG");
    let mut terminal = world.open_with(&["--release", "v1", "--previous", "v0", "-vvv"], 180, 40);
    terminal.wait_for_text("1/3");
    let screen = terminal.screen_text();
    quit(terminal);
    assert!(!screen.contains("INFO") && !screen.contains("probe ended"), "{screen}");
    assert!(log_text(&world.sandbox).matches("probe ended").count() > before + 2);
}

#[test]
fn an_invalid_log_level_is_reported_before_anything_is_done() {
    let sandbox = Sandbox::new().env("GONOGO_LOG", "hyper=trace");
    let output =
        sandbox.run_with(&["points"]).code(2).stderr_has("GONOGO_LOG=\"hyper=trace\": expected a level");
    assert!(output.stdout.is_empty());
}

/// A thread stack as large as the address space cannot be allocated, so the runtime of the probes panics.
#[test]
fn a_panic_is_logged_with_its_location_and_the_message_names_the_file() {
    let checklist = "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\n\
                     title = \"P\"\nwhy = \"W\"\nconfirm = \"one\"\n";
    let profile = "environment = \"t\"\nchecklist = \"checklist.toml\"\n";
    let sandbox = Sandbox::new().checklist(checklist).profile(profile);
    let sandbox = sandbox.env("RUST_MIN_STACK", (1_u64 << 46).to_string());
    let output = sandbox.run_with(&["check", "profile.toml"]).code(70);
    let _ = output.stderr_has("please report it with ~/state/gonogo/diagnostic/gonogo.log");
    let log = log_text(&sandbox);
    assert!(log.contains("ERROR gonogo::diagnostic: panic place=") && log.contains(".rs:"), "{log}");
}

#[test]
fn doctor_shows_the_path_of_the_diagnostic_log() {
    let sandbox = Sandbox::new().profile("environment = \"t\"\n");
    let _ = sandbox
        .run_with(&["doctor", "profile.toml"])
        .stdout_has("diagnostic log  ~/state/gonogo/diagnostic/gonogo.log");
    let output = sandbox.run_with(&["doctor", "profile.toml", "--format", "json"]).json();
    assert_eq!(output["diagnostic_log"], "~/state/gonogo/diagnostic/gonogo.log");
}

/// These two cost most of the time before the first frame. git runs once for its settings and once for the tags.
#[test]
fn before_the_first_frame_the_plan_is_resolved_once_and_git_runs_twice() {
    need!("ssh-keygen", "git");
    let mut world = World::new();
    world.sandbox = world.sandbox.env("GONOGO_LOG", "debug");
    let mut terminal = world.open(180, 40);
    terminal.wait_for_text("1/3");
    quit(terminal);
    let log = log_text(&world.sandbox);
    let (before, _) = log.split_once("engine started").unwrap();
    assert_eq!(before.matches("plan is made").count(), 1, "{before}");
    assert_eq!(before.matches("program starts program=git").count(), 2, "{before}");
}

/// Name, key and trusted signers come from one call of git.
#[test]
fn git_settings_are_read_once_and_used() {
    need!("ssh-keygen", "git");
    let mut world = World::new();
    let (settings_path, signers) =
        (world.sandbox.work().join("gitconfig"), world.sandbox.work().join("allowed_signers"));
    fs::write(&signers, "").unwrap();
    let settings = format!(
        "[user]\n\temail = nobody@example.org\n\temail = {ALICE}\n\tsigningKey = {}\n\
         [gpg \"ssh\"]\n\tallowedSignersFile = {}\n\trevocationFile\n",
        world.key.path.display(),
        signers.display()
    );
    fs::write(&settings_path, settings).unwrap();
    world.sandbox = world.sandbox.env("GONOGO_LOG", "debug").env("GIT_CONFIG_GLOBAL", settings_path);
    world.set_args(&["run", "profile.toml", "--release", "v1.4.0", "--previous", "v1.3.0"]);
    let mut terminal = world.sandbox.terminal(180, 40);
    terminal.wait_for_text("with the trusted signers of your settings");
    terminal.answer("y").press(Key::Enter);
    terminal.wait_for_text("1/3");
    quit(terminal);
    let log = log_text(&world.sandbox);
    let (before, _) = log.split_once("engine started").unwrap();
    assert_eq!(before.matches("program starts program=git").count(), 2, "{before}");
    assert_eq!(world.entries()[0]["by"], ALICE);
}
