//! The README is correct: its commands run as written, and its screen is the real one.

use std::fs;
use std::path::Path;

use clap::Parser as _;

use crate::attacks::stock;
use crate::runs::world::{ALICE, World, confirm, quit, select};
use crate::support::gonogo::Sandbox;
use crate::support::need;
use crate::support::terminal::Key;

const README: &str = include_str!("../README.md");
const SCREEN: &str = include_str!("../src/tui/snapshots/wide_mixed.snap");

/// The blocks of the README in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let starts = README.match_indices(&fence).map(|(at, _)| &README[at + fence.len()..]);
    starts.map(|rest| rest.split("```").next().unwrap()).collect()
}

fn commands() -> impl Iterator<Item = &'static str> {
    blocks("sh").into_iter().flat_map(str::lines)
}

#[test]
fn the_screen_in_the_readme_matches_its_snapshot() {
    let shown = blocks("text")[0];
    let drawn = SCREEN.splitn(3, "---\n").nth(2).unwrap().split("\nstyles\n").next().unwrap();
    let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(shown.trim_end()), trimmed(drawn.trim_end()));
}

/// The tests of the rehearsal run it to its end.
#[test]
fn the_first_command_is_a_rehearsal() {
    let first = commands().find(|line| line.starts_with("cargo run")).unwrap();
    let args = first.split_once(" -- ").unwrap().1.split(' ').map(str::to_owned);
    let args: Vec<String> = args.collect();
    assert_eq!(args, ["rehearse"]);
}

#[test]
fn a_first_run_asks_for_permission_name_and_passphrase() {
    need!("ssh-keygen");
    let line = commands().find(|line| line.starts_with("gonogo run config/local.toml")).unwrap();
    let args = line.split(' ').skip(1);
    let sandbox = Sandbox::new().args(args);
    copy_config(&sandbox.work().join("config"));
    let mut terminal = sandbox.terminal(120, 40);
    terminal.allow_list().wait_for_text("Your name in run logs");
    terminal.send("dana@deck.example").press(Key::Enter);
    terminal.wait_for_text("Passphrase for the new key");
    terminal.press(Key::Enter);
    terminal.wait_for_text("dana (driver)");
    terminal.wait_for_text("Rollback plan");
    terminal.wait_for_text("NO-GO");
    quit(terminal);
    assert_eq!(sandbox.logs("local").len(), 1);
}

fn copy_config(to: &Path) {
    fs::create_dir(to).unwrap();
    for file in ["local.toml", "production.toml"] {
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(file), to.join(file)).unwrap();
    }
}

#[test]
fn the_custom_point_is_accepted() {
    let profile = format!("environment = \"t\"\n{}", blocks("toml")[0]);
    let sandbox = Sandbox::new().profile(&profile);
    let sandbox = sandbox.args(["check", "profile.toml", "--only", "infra.schema"]);
    let output = sandbox.run().code(2).stderr_has("make schema-check").stderr_has("this is not allowed yet");
    assert!(!output.stderr.contains("profile.toml:"), "{}", output.stderr);
}

#[test]
fn the_second_command_is_executable() {
    use std::os::unix::fs::PermissionsExt as _;
    let second = commands().find(|line| line.starts_with("./")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(second.trim_start_matches("./"));
    assert_eq!(fs::metadata(script).unwrap().permissions().mode() & 0o111, 0o111);
}

#[test]
fn every_gonogo_command_line_parses() {
    let lines: Vec<_> = commands().filter(|line| line.starts_with("gonogo ")).collect();
    assert!(lines.len() > 3, "{lines:?}");
    for line in lines {
        let words = line.split('#').next().unwrap().split_whitespace();
        if let Err(error) = gonogo::cli::Cli::try_parse_from(words) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn the_digest_in_the_readme_is_the_one_that_is_printed() {
    let args = ["doctor", "--trust-digest", "config/production.toml"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let printed = Sandbox::new().current_dir(root).args(args).run().code(0).stdout;
    let allowed = commands().find(|line| line.contains("--trust ")).unwrap();
    assert!(allowed.contains(&format!("--trust {}", printed.trim())), "{allowed}: {printed}");
}

/// Without `--release`, as the examples run it.
#[test]
fn the_digest_of_a_profile_covers_a_check_without_a_release() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let gonogo = |args: &[&str]| Sandbox::new().current_dir(root).args(args).run();
    let digest = gonogo(&["doctor", "--trust-digest", "config/local.toml"]).code(0).stdout;
    let only = ["check", "config/local.toml", "--only", "validate.iac-change-set", "--trust", digest.trim()];
    // There is no infrastructure here, so the probe ends in an error; the digest is accepted.
    let _ = gonogo(&only).code(3).stdout_has("validate.iac-change-set");
}

/// The script of the README, on a log with a confirmation, and on a changed one.
#[test]
fn the_script_with_stock_tools_verifies_a_log() {
    need!("ssh-keygen", "jq", "sha256sum", "bash");
    let mut world = World::new();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    world.wait_for_probes();
    select(&mut terminal, '2', 0);
    confirm(&mut terminal, "people.duty");
    quit(terminal);
    let (log, signers) = (world.log(), world.sandbox.allowed_signers(&[(ALICE, &world.key)]));
    let _ = stock::verify(&log, &signers).code(0).stdout_has("all 4 lines hold; the last is confirmed");
    let changed = fs::read_to_string(&log).unwrap().replace("v1.4.0", "v1.4.1");
    fs::write(&log, changed).unwrap();
    let _ = stock::verify(&log, &signers).code(4).stdout_has("line 1: bad signature");
}
