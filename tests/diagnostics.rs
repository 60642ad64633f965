//! The diagnostic log: what stands in it, who can read it, and how large it becomes.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::bench::gonogo::{GONOGO, Sandbox};
use crate::bench::need;
use crate::bench::terminal::Key;
use crate::bench::web::Reply;
use crate::runs::world::{ALICE, World, leave};

const SECRET: &str = "swordfish-42";
const MAX_FILE: u64 = 1024 * 1024;

fn file(sandbox: &Sandbox) -> PathBuf {
    sandbox.state().join("gonogo/diagnostic/gonogo.log")
}

fn logged(sandbox: &Sandbox) -> String {
    fs::read_to_string(file(sandbox)).unwrap()
}

/// Its probes send a secret, and are told it again.
fn with_secret() -> World {
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
fn it_says_what_was_done_and_no_secret() {
    need!("ssh-keygen");
    let world = with_secret();
    let digest = world.sandbox.digest("profile.toml");
    let sandbox = world.sandbox.env("GONOGO_LOG", "trace");
    // A file whose name holds it: what cannot be written is told.
    let output = format!("json:/nonexistent/{SECRET}");
    let told = sandbox.run_with(&["check", "profile.toml", "--trust", &digest, "--output", &output]).code(2);
    let log = logged(&sandbox);
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
    for none in [SECRET, &digest, "healthz", "X-Token", "--output"] {
        assert!(!log.contains(none), "{none} in\n{log}");
    }
    // Whoever typed the command knows its words already.
    let _ = told.stderr_has(&output[5..]);
}

#[test]
fn without_trouble_there_is_no_file_and_trouble_is_in_it() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run_with(&["points"]).code(0);
    assert!(!file(&sandbox).exists());
    let _ = sandbox.run_with(&["check", "nowhere.toml"]).code(2);
    let log = logged(&sandbox);
    assert!(log.contains("ERROR") && log.contains("nowhere.toml") && log.contains("kind=User"), "{log}");
    assert!(!log.contains("INFO"), "{log}");
}

#[test]
fn it_is_its_owners_alone_whatever_the_umask() {
    for umask in ["000", "022", "077", "277"] {
        let sandbox = Sandbox::new();
        let script = format!("umask {umask}; exec \"$0\" check nowhere.toml");
        assert_eq!(
            sandbox.command("sh").args(["-c", &script, GONOGO]).output().unwrap().status.code(),
            Some(2)
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let log = file(&sandbox);
        assert_eq!((mode(&log), mode(log.parent().unwrap())), (0o600, 0o700), "umask {umask}");
    }
}

#[test]
fn it_is_capped_and_the_file_before_is_kept() {
    let sandbox = Sandbox::new();
    let log = file(&sandbox);
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    let full = OpenOptions::new().write(true).create(true).truncate(false).open(&log).unwrap();
    full.set_len(MAX_FILE - 10).unwrap();
    let before = log.with_extension("log.1");
    fs::write(&before, "the oldest").unwrap();
    let _ = sandbox.run_with(&["check", "nowhere.toml"]).code(2);
    assert_eq!(fs::metadata(&before).unwrap().len(), MAX_FILE - 10);
    assert!(logged(&sandbox).contains("nowhere.toml") && fs::metadata(&log).unwrap().len() < 1000);
    assert_eq!(fs::read_dir(log.parent().unwrap()).unwrap().count(), 2);
}

#[test]
fn verbose_tells_it_on_standard_error_but_never_on_the_screen() {
    need!("ssh-keygen");
    let mut world = World::new();
    for (args, shown) in [(&["check", "profile.toml"][..], false), (&["check", "profile.toml", "-v"], true)] {
        world.set_args(args);
        let told = world.sandbox.run().code(1);
        assert_eq!(told.stderr.contains("probe ended"), shown, "{told}");
        assert!(!told.stdout.contains("probe ended"), "{told}");
    }
    let before = logged(&world.sandbox).matches("probe ended").count();
    world.set_args(&["check", "-vv", "profile.toml"]);
    let _ = world.sandbox.run().code(1).stderr_has("DEBUG");
    let mut terminal = world.open_with(&["--release", "v1", "--previous", "v0", "-vvv"], 180, 40);
    terminal.wait_for_text("1/3");
    let screen = terminal.screen_text();
    leave(terminal);
    assert!(!screen.contains("INFO") && !screen.contains("probe ended"), "{screen}");
    assert!(logged(&world.sandbox).matches("probe ended").count() > before + 2);
}

#[test]
fn what_cannot_be_understood_is_told_before_anything_is_done() {
    let sandbox = Sandbox::new().env("GONOGO_LOG", "hyper=trace");
    let told =
        sandbox.run_with(&["points"]).code(2).stderr_has("GONOGO_LOG=\"hyper=trace\": expected a level");
    assert!(told.stdout.is_empty());
}

/// No thread can be started whose stack is as large as the address space; the runtime of the probes panics then.
#[test]
fn a_panic_is_in_it_with_its_place_and_whoever_meets_it_is_told_the_file() {
    let checklist = "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\n\
                     title = \"P\"\nwhy = \"W\"\nconfirm = \"one\"\n";
    let profile = "environment = \"t\"\nchecklist = \"checklist.toml\"\n";
    let sandbox = Sandbox::new().checklist(checklist).profile(profile);
    let sandbox = sandbox.env("RUST_MIN_STACK", (1_u64 << 46).to_string());
    let told = sandbox.run_with(&["check", "profile.toml"]).code(70);
    let _ = told.stderr_has("please report it with ~/state/gonogo/diagnostic/gonogo.log");
    let log = logged(&sandbox);
    assert!(log.contains("ERROR gonogo::diagnostic: panic place=") && log.contains(".rs:"), "{log}");
}

#[test]
fn doctor_says_where_it_is() {
    let sandbox = Sandbox::new().profile("environment = \"t\"\n");
    let _ = sandbox
        .run_with(&["doctor", "profile.toml"])
        .stdout_has("diagnostic log  ~/state/gonogo/diagnostic/gonogo.log");
    let told = sandbox.run_with(&["doctor", "profile.toml", "--format", "json"]).json();
    assert_eq!(told["diagnostic_log"], "~/state/gonogo/diagnostic/gonogo.log");
}

/// What a person waits for before the first frame: reading git's answers, and making the plan.
#[test]
fn before_the_screen_the_plan_is_made_once_and_git_is_asked_for_settings_and_tags_only() {
    need!("ssh-keygen", "git");
    let mut world = World::new();
    world.sandbox = world.sandbox.env("GONOGO_LOG", "debug");
    let mut terminal = world.open(180, 40);
    terminal.wait_for_text("1/3");
    leave(terminal);
    let log = logged(&world.sandbox);
    let (before, _) = log.split_once("engine started").unwrap();
    assert_eq!(before.matches("plan is made").count(), 1, "{before}");
    assert_eq!(before.matches("program starts program=git").count(), 2, "{before}");
}

/// Who acts, with which key, and whom they trust: git lists the settings of its user once, whoever asks for them.
#[test]
fn git_lists_its_settings_once_and_they_are_followed() {
    need!("ssh-keygen", "git");
    let mut world = World::new();
    let (file, signers) =
        (world.sandbox.work().join("gitconfig"), world.sandbox.work().join("allowed_signers"));
    fs::write(&signers, "").unwrap();
    let settings = format!(
        "[user]\n\temail = nobody@example.org\n\temail = {ALICE}\n\tsigningKey = {}\n\
         [gpg \"ssh\"]\n\tallowedSignersFile = {}\n\trevocationFile\n",
        world.key.path.display(),
        signers.display()
    );
    fs::write(&file, settings).unwrap();
    world.sandbox = world.sandbox.env("GONOGO_LOG", "debug").env("GIT_CONFIG_GLOBAL", file);
    world.set_args(&["run", "profile.toml", "--release", "v1.4.0", "--previous", "v1.3.0"]);
    let mut terminal = world.sandbox.terminal(180, 40);
    terminal.wait_for_text("with the trusted signers of your settings");
    terminal.send("y").press(Key::Enter);
    terminal.wait_for_text("1/3");
    leave(terminal);
    let log = logged(&world.sandbox);
    let (before, _) = log.split_once("engine started").unwrap();
    assert_eq!(before.matches("program starts program=git").count(), 2, "{before}");
    assert_eq!(world.entries()[0]["by"], ALICE);
}
