//! The README and the manual are correct: their commands run as written, their examples are valid.

use std::fs;
use std::path::Path;

use clap::Parser as _;
use gonogo::help::{COMMANDS, PROBES, TOPICS, Topic};

use crate::attacks::stock;
use crate::runs::world::{ALICE, World, confirm, quit, select};
use crate::support::gonogo::Sandbox;
use crate::support::need;
use crate::support::terminal::Key;

const README: &str = include_str!("../README.md");

/// All texts: their names, and the texts.
fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    let topics = [TOPICS, PROBES, COMMANDS].into_iter().flatten().map(|topic| (topic.name, topic.text));
    std::iter::once(("README", README)).chain(topics)
}

/// The blocks of a text in a language.
pub fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let starts = text.match_indices(&fence).map(|(at, _)| &text[at + fence.len()..]);
    starts.map(|rest| rest.split("```").next().unwrap()).collect()
}

/// All command lines. A line that ends in `\` continues on the next one.
fn commands() -> Vec<String> {
    let joined = texts().flat_map(|(_, text)| blocks(text, "sh")).map(|block| block.replace("\\\n", " "));
    joined.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The tests of the rehearsal run it to its end.
#[test]
fn the_first_command_is_a_rehearsal() {
    let first = commands().into_iter().find(|line| line.starts_with("cargo run")).unwrap();
    let args = first.split_once(" -- ").unwrap().1.split(' ').map(str::to_owned);
    let args: Vec<String> = args.collect();
    assert_eq!(args, ["rehearse"]);
}

#[test]
fn a_first_run_asks_for_permission_name_and_passphrase() {
    need!("ssh-keygen");
    let line = commands().into_iter().find(|line| line.starts_with("gonogo run config/local.toml")).unwrap();
    let args = line.split(' ').skip(1).map(str::to_owned).collect::<Vec<_>>();
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
    let profile = Topic::find(TOPICS, "profile").unwrap().text;
    let point = blocks(profile, "toml").into_iter().find(|block| block.contains("infra.schema")).unwrap();
    let sandbox = Sandbox::new().profile(&format!("environment = \"t\"\n{point}"));
    let points = sandbox.args(["points", "profile.toml"]).run().code(0);
    let _ = points.stdout_has("infra.schema");
}

#[test]
fn the_command_of_the_tests_is_executable() {
    use std::os::unix::fs::PermissionsExt as _;
    let second = commands().into_iter().find(|line| line.starts_with("./")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(second.trim_start_matches("./"));
    assert_eq!(fs::metadata(script).unwrap().permissions().mode() & 0o111, 0o111);
}

/// The words of a command line with double quotes.
fn shell_words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(index, part)| match index % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

#[test]
fn every_gonogo_command_line_parses() {
    let lines: Vec<_> = commands().into_iter().filter(|line| line.starts_with("gonogo ")).collect();
    assert!(lines.len() > 3, "{lines:?}");
    for line in lines {
        let line = line.replace("\"$(cat profile.trust)\"", &"0".repeat(64));
        let words = shell_words(line.split(['#', '>', '|']).next().unwrap());
        if let Err(error) = gonogo::cli::Cli::try_parse_from(words) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn the_digest_in_the_manual_is_the_one_that_is_printed() {
    let args = ["doctor", "--trust-digest", "config/production.toml"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let printed = Sandbox::new().current_dir(root).args(args).run().code(0).stdout;
    let allowed = commands()
        .into_iter()
        .find(|line| line.contains("--trust ") && line.contains("production.toml"))
        .unwrap();
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

/// The script of the manual, on a log with a confirmation, and on a changed one.
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

/// A minimal checklist with one probe.
fn with_probe(probe: &str) -> String {
    format!(
        "name = \"t\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.other\"\ntitle = \"O\"\nwhy = \"w\"\n\
         [[section.point.probe]]\nid = \"p\"\ntitle = \"P\"\nkind = \"http\"\nwith.url = \"http://a.test\"\n[[section.point]]\nid = \"s.point\"\ntitle = \"P\"\nwhy = \"w\"\n{probe}"
    )
}

/// The example of each kind of probe is one that a checklist can have.
#[test]
fn the_examples_of_probes_are_valid() {
    for topic in PROBES {
        let examples = blocks(topic.text, "toml");
        let example = examples.iter().find(|block| block.starts_with("[[section.point.probe]]"));
        let example = example.unwrap_or_else(|| panic!("{}: no example", topic.name));
        assert!(example.contains(&format!("kind = \"{}\"", topic.name)), "{}", topic.name);
        let sandbox = Sandbox::new().profile("environment = \"t\"\nchecklist = \"checklist.toml\"\n");
        let example = example.replace("verify.pipeline/canary", "s.other/p");
        let sandbox = sandbox.checklist(&with_probe(&example)).args(["doctor", "profile.toml"]);
        let printed = sandbox.run();
        assert!(printed.status.code() != Some(2), "{}: {}\n{example}", topic.name, printed.stderr);
    }
}

/// The complete checklist of the manual, with its profile.
#[test]
fn the_example_of_a_checklist_is_valid() {
    let topic = Topic::find(TOPICS, "checklist").unwrap();
    let examples = blocks(topic.text, "toml");
    let sandbox = Sandbox::new().checklist(examples[0]).profile(examples[1]);
    let _ = sandbox.args(["doctor", "profile.toml"]).run().code(0);
}
