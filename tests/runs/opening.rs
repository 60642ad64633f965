//! Opening and resuming a run: the arguments, the operator, and what is rejected.

use super::world::{ALICE, World, quit, quit_with, seal, select};
use crate::support::gonogo::{Sandbox, is_private};
use crate::support::need;
use crate::support::terminal::Key;

#[test]
fn without_a_terminal_a_run_is_rejected_with_a_hint() {
    let mut world = World::new();
    world.set_args(&["run", "profile.toml", "--release", "v1", "--previous", "none"]);
    let _ = world.sandbox.run().code(2).stderr_has("needs a terminal").stderr_has("gonogo check");
}

#[test]
fn missing_arguments_are_prompted_for_with_the_newest_tags() {
    need!("ssh-keygen", "git");
    let mut world = World::new();
    checkout_with_tag(&world, "v1.2.3");
    let mut terminal = world.open_with(&[], 100, 40);
    terminal.wait_for_text("Newest tags: v1.2.3");
    terminal.wait_for_text("Release to promote:");
    terminal.send("v1.2.3").press(Key::Enter);
    terminal.wait_for_text("Current release, or none:");
    terminal.send("none").press(Key::Enter);
    terminal.wait_for_text("1/3");
    quit(terminal);
    assert_eq!(world.entries()[0]["plan"]["release"], "v1.2.3");
    assert_eq!(world.entries()[0]["commit"].as_str().unwrap().len(), 40);
}

/// Turns the working directory into a checkout with one tag.
fn checkout_with_tag(world: &World, tag: &str) {
    let script = format!(
        "git init -q . && git -c user.name=a -c user.email=a@x commit -q --allow-empty -m a && git tag {tag}"
    );
    let script = format!("cd {} && {script}", world.sandbox.work().display());
    let _ = Sandbox::new().program("sh").args(["-c", &script]).run().code(0);
}

#[test]
fn a_release_without_a_tag_must_be_confirmed_before_anything_is_signed() {
    need!("ssh-keygen", "git");
    let mut world = World::new();
    checkout_with_tag(&world, "v1.2.3");
    let message = "release v1.4.0 is not a tag of the checkout .; the newest are v1.2.3";
    let mut terminal = world.open(200, 40);
    terminal.wait_for_text(message);
    terminal.wait_for_text("Open a run for it anyway? [y/N]");
    terminal.press(Key::Enter);
    let ended = terminal.wait_exit().code(2);
    assert!(ended.screen_text().contains("no run was opened"), "{}", ended.screen_text());
    assert!(world.sandbox.logs("staging").is_empty());

    world.set_args(&["check", "profile.toml", "--release", "v1.4.0"]);
    let _ = world.sandbox.run().stderr_has(&format!("warning: {message}"));
    world.set_args(&["check", "profile.toml", "--release", "v1.2.3"]);
    assert!(!world.sandbox.run().stderr.contains("warning"));

    let mut terminal = world.open(200, 40);
    terminal.wait_for_text("[y/N]");
    terminal.answer("y").press(Key::Enter);
    terminal.wait_for_text("1/3");
    quit(terminal);
    assert_eq!(world.entries()[0]["plan"]["release"], "v1.4.0");
    // An open run is resumed without this question.
    let mut terminal = world.open(200, 40);
    terminal.wait_for_text("1/3");
    quit(terminal);
}

#[test]
fn a_missing_key_is_reported_and_no_log_is_created() {
    let mut world = World::new();
    let args = [
        "run",
        "profile.toml",
        "--release",
        "v1",
        "--previous",
        "v0",
        "--as",
        ALICE,
        "--key",
        "/nonexistent",
    ];
    world.set_args(&args);
    let ended = world.sandbox.terminal(200, 24).wait_exit().code(2);
    assert!(ended.screen_text().contains("key file /nonexistent"), "{}", ended.screen_text());
    assert!(world.sandbox.logs("staging").is_empty());
}

#[test]
fn a_second_gonogo_and_another_release_are_rejected_while_a_run_is_open() {
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(80, 24);
    terminal.wait_for_text("1/3");
    let ended = world.open_with(&[], 200, 24).wait_exit().code(2);
    assert!(
        ended.screen_text().contains("another gonogo is writing this run log"),
        "{}",
        ended.screen_text()
    );
    let ended = world.open_with(&["--release", "v2"], 200, 24).wait_exit().code(2);
    assert!(ended.screen_text().contains("for release v1.4.0 has been open"), "{}", ended.screen_text());
    quit(terminal);
}

#[test]
fn a_passphrase_is_prompted_for_and_a_wrong_one_is_rejected() {
    need!("ssh-keygen");
    let mut world = World::new();
    world.key = world.sandbox.key_with_passphrase("locked", "open sesame");
    let mut terminal = world.open(80, 24);
    terminal.wait_for_text("Passphrase of");
    for asked in 1..=2 {
        terminal.send("wrong").press(Key::Enter);
        terminal.wait_for("the next prompt", |screen| {
            let text = screen.contents();
            text.matches("try again").count() == asked && text.trim_end().ends_with("/locked:")
        });
    }
    terminal.send("wrong").press(Key::Enter);
    let ended = terminal.wait_exit().code(2);
    assert!(ended.screen_text().contains("the passphrase is wrong"), "{}", ended.screen_text());
    let mut terminal = world.open(80, 24);
    terminal.wait_for_text("Passphrase of");
    terminal.send("open sesame").press(Key::Enter);
    terminal.wait_for_text("1/3");
    quit(terminal);
    let log = world.log();
    let _ = world.verify(&log, &[]).code(5).stdout_has(ALICE);
}

#[test]
fn a_second_operator_joins_by_resuming_the_run() {
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    quit(terminal);
    let bob = world.sandbox.key("bob").path.display().to_string();
    world.set_args(&["run", "profile.toml", "--as", "bob@deck.example", "--key", &bob]);
    let mut terminal = world.sandbox.terminal(130, 40);
    terminal.wait_for_text("bob (reviewer)");
    quit(terminal);
    let entries = world.entries();
    let joined = entries.iter().find(|entry| entry["kind"] == "joined").unwrap();
    assert_eq!((&joined["by"], &joined["role"]), (&"bob@deck.example".into(), &"reviewer".into()));
    // The same name with another key is rejected.
    let ended = {
        let alices = world.key.path.display().to_string();
        world.set_args(&["run", "profile.toml", "--as", "bob@deck.example", "--key", &alices]);
        world.sandbox.terminal(200, 24).wait_exit().code(2)
    };
    assert!(ended.screen_text().contains("has another key"), "{}", ended.screen_text());
}

#[test]
fn a_changed_profile_is_reported_and_applied_only_with_replan() {
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    quit(terminal);
    let profile = std::fs::read_to_string(world.sandbox.work().join("profile.toml")).unwrap();
    let tighter = profile + "[points.\"service.ready\"]\nfresh = \"5m\"\n";
    std::fs::write(world.sandbox.work().join("profile.toml"), tighter).unwrap();
    let mut terminal = world.open_with(&[], 130, 40);
    terminal.wait_for_text("--replan");
    terminal.press(Key::Esc).wait_gone("--replan");
    quit(terminal);
    let mut terminal = world.open_with(&["--replan"], 130, 40);
    terminal.wait_for_text("these points are reset: service.ready");
    terminal.close_notices().wait_gone("are reset").wait_for_text("tailored");
    quit(terminal);
    let entries = world.entries();
    let replanned = entries.iter().find(|entry| entry["kind"] == "replanned").unwrap();
    assert_eq!(replanned["reset_points"], serde_json::json!(["service.ready"]));
    let log = world.log();
    let _ = world.verify(&log, &[]).code(5);
}

#[test]
fn an_incomplete_last_line_is_recovered_and_reported() {
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(80, 24);
    terminal.wait_for_text("1/3");
    quit(terminal);
    let log = world.log();
    let whole = std::fs::read(&log).unwrap();
    std::fs::write(&log, [&whole[..], b"{\"v\":1,\"run"].concat()).unwrap();
    let _ = world.verify(&log, &[]).code(5).stdout_has("11 bytes after the last line end");
    let mut terminal = world.open_with(&[], 80, 24);
    terminal.wait_for_text("11 bytes of an incomplete line").close_notices();
    terminal.wait_for_text("1/3");
    quit(terminal);
    let _ = world.verify(&log, &[]).code(5).stdout_has("11 bytes of an incomplete line, kept in");
    let entries = world.entries();
    let recovered = entries.iter().find(|entry| entry["kind"] == "recovered").unwrap();
    assert_eq!(recovered["torn"]["bytes"], 11);
    let attachment = log.parent().unwrap().join(recovered["torn"]["file"].as_str().unwrap());
    assert_eq!(std::fs::read(attachment).unwrap(), b"{\"v\":1,\"run");
}

#[test]
fn a_rejected_operator_leaves_the_log_unchanged() {
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(80, 24);
    terminal.wait_for_text("1/3");
    quit(terminal);
    let before = std::fs::read(world.log()).unwrap();
    let key = world.key.path.display().to_string();
    world.set_args(&["run", "profile.toml", "--as", "carol@deck.example", "--key", &key]);
    let ended = world.sandbox.terminal(180, 24).wait_exit().code(2);
    assert!(ended.screen_text().contains("this key is already enrolled as alice@deck.example's"));
    assert_eq!(std::fs::read(world.log()).unwrap(), before);
}

#[test]
fn a_key_belongs_to_one_operator() {
    need!("ssh-keygen");
    let sandbox = Sandbox::new().args(["init", "--as", ALICE, "--no-passphrase"]);
    let _ = sandbox.run().code(0);
    let sandbox = sandbox.args(["init", "--as", "bob@deck.example"]);
    let _ = sandbox.run().code(2).stderr_has("this key belongs to alice@deck.example").lacks("ssh-ed25519");
}

#[test]
fn init_creates_a_key_for_runs_and_overwrites_nothing() {
    need!("ssh-keygen");
    let sandbox = Sandbox::new().args(["init", "--as", ALICE, "--no-passphrase"]);
    let first = sandbox.run().code(0).stdout_has(&format!("{ALICE} ssh-ed25519 "));
    let key = sandbox.config().join("gonogo/id_ed25519");
    assert!(is_private(&key));
    let before = std::fs::read(&key).unwrap();
    let again = sandbox.run().code(0).stdout_has("already exists");
    assert_eq!(std::fs::read(&key).unwrap(), before);
    let line = |output: &crate::support::gonogo::Output| output.stdout.lines().last().unwrap().to_owned();
    assert_eq!(line(&first), line(&again));
    let _ = Sandbox::new().args(["init"]).run().code(2).stderr_has("--as YOU@EXAMPLE.COM");
}

#[test]
fn the_operator_defaults_to_the_git_settings() {
    need!("ssh-keygen", "git");
    let world = World::new();
    let config = format!(
        "[user]\n\temail = carol@deck.example\n\tsigningkey = {}\n",
        world.key.path.with_extension("pub").display()
    );
    let sandbox = world.sandbox.file("gitconfig", &config);
    let git = sandbox.work().join("gitconfig");
    let sandbox = sandbox.env("GIT_CONFIG_GLOBAL", git).args([
        "run",
        "profile.toml",
        "--release",
        "v1",
        "--previous",
        "none",
    ]);
    let mut terminal = sandbox.terminal(130, 40);
    terminal.wait_for_text("carol (driver)");
    quit(terminal);
}

/// Results of the last sealed run are shown next to the current ones.
#[test]
fn the_previous_run_is_compared_and_a_missing_one_is_reported() {
    use crate::support::web::Reply;
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    seal(&mut terminal, "PENDING");
    quit_with(terminal, 1);
    let first = world.log();
    world.web.route("/healthz", Reply::ok("{}").header("Strict-Transport-Security", "max-age=31536000"));
    let mut terminal = world.open_with(&["--release", "v1.5.0", "--previous", "v1.4.0"], 130, 40);
    terminal.wait_for_text("1/3");
    select(&mut terminal, '1', 1);
    terminal.wait_for_text("last time (v1.4.0): max-age=63072000;");
    quit(terminal);
    let second = world.sandbox.logs("staging").into_iter().find(|log| *log != first).unwrap();
    let _ = world
        .verify(&second, &[])
        .code(5)
        .stdout_has("previous  run ")
        .stdout_has(&format!("its log is {}", first.display()));

    let whole = std::fs::read_to_string(&first).unwrap();
    let cut = whole.trim_end().rsplit_once('\n').unwrap().0;
    std::fs::write(&first, format!("{cut}\n")).unwrap();
    let _ = world.verify(&second, &[]).code(5).stdout_has("has changed since");
    std::fs::remove_file(&first).unwrap();
    let _ = world.verify(&second, &[]).code(5).stdout_has("its log is not in this directory");
    let mut terminal = world.open_with(&[], 130, 40);
    terminal.wait_for_text("the log of the previous run").wait_for_text("is missing");
    terminal.close_notices().wait_for_text("1/3");
    quit(terminal);
}
