//! What a profile or a log does needs permission first, and new permission after a change.

mod digests;
mod programs;
mod tags;

use std::fs;

use crate::runs::world::{World, quit};
use crate::support::gonogo::{Output, Sandbox, is_private};
use crate::support::need;
use crate::support::terminal::Key;

const QUESTION: &str = "? y to allow:";

const CHECKLIST: &str = r#"
name = "small"
[[section]]
id = "s"
title = "S"
[[section.point]]
id = "s.p"
title = "Answers"
why = "It must."
probe = [{ id = "h", title = "answer", kind = "http", with = { url = "{{ app.url }}/healthz", headers = { Authorization = { secret = "{{ app.token }}", prefix = "Bearer " } } } }]
"#;

/// The command of the secret creates the file `ran`.
fn world() -> World {
    let mut world = World::new();
    fs::write(world.sandbox.work().join("checklist.toml"), CHECKLIST).unwrap();
    write_profile(&mut world, "touch ran; printf open-sesame");
    world
}

fn write_profile(world: &mut World, script: &str) {
    let url = world.web.url("");
    let profile = format!(
        "environment = \"staging\"\nchecklist = \"checklist.toml\"\n[values]\napp.url = {url:?}\n\
         app.token = {{ command = [\"sh\", \"-c\", {script:?}] }}\n"
    );
    fs::write(world.sandbox.work().join("profile.toml"), profile).unwrap();
}

fn has_run(sandbox: &Sandbox) -> bool {
    fs::remove_file(sandbox.work().join("ran")).is_ok()
}

/// The rest of the question stays visible, and the length is shown.
#[test]
fn a_long_argument_is_shortened() {
    let mut world = world();
    write_profile(&mut world, &format!("touch ran; : {}", "x".repeat(200_000)));
    world.set_args(&["check", "profile.toml"]);
    let output = world.sandbox.run().code(2).stderr_has("bytes more)").stderr_has("Reads and sends:");
    assert!(output.stderr.len() < 5_000, "{} bytes", output.stderr.len());
}

/// The proxy receives what is sent, but it is not part of the digest.
#[test]
fn a_proxy_from_the_environment_is_shown() {
    let mut world = world();
    let digest = world.sandbox.digest("profile.toml");
    let sandbox = std::mem::replace(&mut world.sandbox, Sandbox::new());
    world.sandbox = sandbox.env("HTTPS_PROXY", "http://me:hunter2@proxy.deck.example:3128");
    world.set_args(&["check", "profile.toml"]);
    let output =
        world.sandbox.run().code(2).stderr_has("HTTPS_PROXY=proxy.deck.example:3128").lacks("hunter2");
    let _ = output.stderr_has(&format!("--trust {digest}"));
    world.set_args(&["check", "profile.toml", "--trust", &digest]);
    let _ = world.sandbox.run().code(0).stderr_has("HTTPS_PROXY=proxy.deck.example:3128").lacks("hunter2");
}

#[test]
fn check_runs_nothing_until_it_is_allowed() {
    let mut world = world();
    world.set_args(&["check", "profile.toml"]);
    let output = world.sandbox.run().code(2).stderr_has("profile.toml does the following:");
    let digest = world.sandbox.digest("profile.toml");
    let _ =
        output.stderr_has("sh -c 'touch ran; printf open-sesame'").stderr_has(&format!("--trust {digest}"));
    assert!(!has_run(&world.sandbox));
    let _ =
        world.sandbox.run_with(&["check", "profile.toml", "--trust", &digest]).code(0).lacks("open-sesame");
    assert!(has_run(&world.sandbox));
    let _ = world.sandbox.run().code(0);
    let sent = world.web.requests().pop().unwrap();
    let header = sent.headers.iter().find(|(name, _)| name.as_str() == "authorization").unwrap();
    assert_eq!(header.1, "Bearer open-sesame");
    assert!(has_run(&world.sandbox));

    write_profile(&mut world, "touch ran; printf another-word");
    let output = world.sandbox.run().code(2).stderr_has("changed   sh -c 'touch ran; printf another-word'");
    let _ = output.stderr_has("command: sh -c 'touch ran; printf open-sesame' → sh -c");
    // The old digest does not allow the changed profile.
    let output = world.sandbox.run_with(&["check", "profile.toml", "--trust", &digest]).code(2);
    let now = world.sandbox.digest("profile.toml");
    let _ = output.stderr_has(&digest).stderr_has(&now).stderr_has("printf another-word");
    assert!(!has_run(&world.sandbox) && digest != now);
}

#[test]
fn trust_without_a_digest_is_an_error_with_a_hint() {
    let world = world();
    for words in [&["check", "profile.toml", "--trust"], &["check", "--trust", "profile.toml"]] {
        let output = world.sandbox.run_with(words).code(2);
        let _ =
            output.stderr_has("hint: `gonogo doctor --trust-digest PROFILE` prints the SHA256 for --trust");
    }
    assert!(!has_run(&world.sandbox));
}

#[test]
fn on_a_terminal_permission_is_prompted_for() {
    need!("ssh-keygen");
    let mut world = world();
    let mut terminal = world.open(120, 36);
    terminal.wait_for_text(QUESTION);
    terminal.send("n").press(Key::Enter);
    let ended = terminal.wait_exit().code(2);
    assert!(ended.screen_text().contains("not allowed; nothing was run"), "{}", ended.screen_text());
    assert!(!has_run(&world.sandbox) && world.sandbox.logs("staging").is_empty());
    let mut terminal = world.open(120, 36);
    terminal.wait_for_text(QUESTION);
    terminal.answer("y").press(Key::Enter).wait_for_text("GO 1/1");
    quit(terminal);
    let mut terminal = world.open_with(&[], 120, 36);
    terminal.wait_for_text("GO 1/1");
    quit(terminal);
    let directory = world.sandbox.state().join("gonogo/trust");
    let file = fs::read_dir(&directory).unwrap().next().unwrap().unwrap().path();
    assert!(is_private(&directory) && is_private(&file));
}

/// A profile with this many guards, each of which is a command.
fn write_guards(world: &World, count: usize) {
    let guard = |number: usize| {
        format!(
            "[[guard]]\nid = \"g{number}\"\ntitle = \"Guard\"\nkind = \"command\"\n\
             with = {{ argv = [\"touch\", \"ran\", \"{number}\"] }}\n"
        )
    };
    let guards: String = (1..=count).map(guard).collect();
    let profile = fs::read_to_string(world.sandbox.work().join("profile.toml")).unwrap();
    fs::write(world.sandbox.work().join("profile.toml"), profile + &guards).unwrap();
}

/// Yes under a list of which only the end was on the screen would be no agreement to it.
#[test]
fn a_list_longer_than_the_screen_is_allowed_only_after_its_last_page() {
    need!("ssh-keygen");
    let mut world = world();
    write_guards(&world, 30);
    let mut terminal = world.open(80, 24);
    terminal.wait_for_text("lines 1–21 of").wait_for_text("Allow these commands to run as you");
    terminal.answer("y").wait_for_text("y is taken at the end of the list");
    // What a larger screen shows is shown; a smaller one leaves more to show.
    terminal.resize(80, 12).wait_for_text("lines 1–9 of");
    terminal.answer("y").wait_for_text("y is taken at the end of the list");
    assert!(!has_run(&world.sandbox) && world.sandbox.logs("staging").is_empty());
    terminal
        .resize(80, 24)
        .wait_for_text("lines 1–21 of")
        .press(Key::Char(' '))
        .wait_for_text("lines 22–42 of");
    terminal.press(Key::Ctrl('c'));
    let ended = terminal.wait_exit().code(2).left_clean();
    assert!(ended.screen_text().contains("not allowed; nothing was run"), "{}", ended.screen_text());
    assert!(!has_run(&world.sandbox) && world.sandbox.logs("staging").is_empty());
    let mut terminal = world.open(80, 24);
    terminal.allow_list().wait_for_text("GO 1/1");
    quit(terminal);
    assert!(has_run(&world.sandbox));
}

#[test]
fn what_was_typed_before_the_question_is_dropped() {
    need!("ssh-keygen");
    for guards in [0, 30] {
        let mut world = world();
        write_guards(&world, guards);
        // It starts when the keys are in the terminal's queue: the terminal has echoed them.
        let script = "mkfifo start; echo waiting; read -r _ < start; exec \"$0\" \"$@\"";
        let key = world.key.path.display().to_string();
        let run = ["run", "profile.toml", "--as", "alice@deck.example", "--key", &key];
        let release = ["--release", "v1.4.0", "--previous", "v1.3.0"];
        world.set_args(&[&["-c", script, crate::support::gonogo::GONOGO][..], &run, &release].concat());
        let sandbox = std::mem::replace(&mut world.sandbox, Sandbox::new()).program("sh");
        let mut terminal = sandbox.terminal(80, 24);
        terminal.wait_for_text("waiting").send_raw("y\r").wait_for_text("waiting\ny");
        fs::write(sandbox.work().join("start"), "\n").unwrap();
        terminal.wait_for_text("Allow these commands to run as you").answer("n").press(Key::Enter);
        let ended = terminal.wait_exit().code(2);
        assert!(ended.screen_text().contains("not allowed; nothing was run"), "{}", ended.screen_text());
        assert!(!has_run(&sandbox));
    }
}

/// The plan of an open run is in its log, not in the files that were trusted.
#[test]
fn the_plan_in_the_log_of_an_open_run_needs_permission_too() {
    need!("ssh-keygen");
    let mut world = world();
    let digest = world.sandbox.digest("profile.toml");
    let opening = ["--release", "v1", "--previous", "none", "--trust", &digest];
    let mut terminal = world.open_with(&opening, 120, 36);
    terminal.wait_for_text("GO 1/1");
    quit(terminal);
    fs::remove_dir_all(world.sandbox.state().join("gonogo/trust")).unwrap();
    let profile = fs::read_to_string(world.sandbox.work().join("profile.toml")).unwrap();
    let harmless =
        profile.split("app.token").next().unwrap().to_owned() + "app.token = { env = \"TOKEN\" }\n";
    fs::write(world.sandbox.work().join("profile.toml"), harmless).unwrap();
    has_run(&world.sandbox);
    // The profile's digest does not cover the log.
    let digest = world.sandbox.digest("profile.toml");
    for words in [&[][..], &["--trust", &digest]] {
        let mut terminal = world.open_with(words, 120, 36);
        terminal.wait_for_text("The log of the open run contains its own plan. It differs from profile.toml");
        terminal.wait_for_text("new       sh -c 'touch ran; printf open-sesame'").wait_for_text(QUESTION);
        terminal.send("n").press(Key::Enter);
        let _ = terminal.wait_exit().code(2);
        assert!(!has_run(&world.sandbox));
    }
}

/// A sandbox with a checklist of one probe.
fn with_probe(kind: &str, with: &str) -> Sandbox {
    Sandbox::new().checklist(&checklist(kind, with)).profile(PROFILE)
}

const PROFILE: &str = "environment = \"t\"\nchecklist = \"checklist.toml\"\n";

fn checklist(kind: &str, with: &str) -> String {
    format!(
        "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\ntitle = \"P\"\n\
         why = \"W\"\nprobe = [{{ id = \"p\", title = \"p\", kind = \"{kind}\", with = {with} }}]\n"
    )
}

#[track_caller]
fn check(sandbox: &Sandbox, more: &[&str]) -> Output {
    sandbox.run_with(&[&["check", "profile.toml"], more].concat())
}

#[track_caller]
fn allow(sandbox: &Sandbox) {
    let _ = check(sandbox, &["--trust", &sandbox.digest("profile.toml")]).lacks("this is not allowed yet");
}

const REFUSED: &str = "this is not allowed yet";

#[test]
fn a_changed_directory_variable_or_program_needs_new_permission() {
    let before = r#"{ argv = ["printf", "a"], cwd = "/", env = { PATH = "/bin:/usr/bin" } }"#;
    let changes = [
        (r#"cwd = "/""#, r#"cwd = "/tmp""#, "! directory: / → /tmp"),
        (r#"PATH = "/bin:/usr/bin""#, r#"PATH = "/evil""#, "! environment: PATH=/bin:/usr/bin → PATH=/evil"),
        (
            r#"PATH = "/bin"#,
            r#"LD_PRELOAD = "x.so", PATH = "/bin"#,
            "! environment: not set → LD_PRELOAD=x.so",
        ),
        (r#""a""#, r#""b""#, "! command: printf a → printf b"),
    ];
    for (old, new, change) in changes {
        let sandbox = with_probe("command", before);
        allow(&sandbox);
        let _ = check(&sandbox, &[]).code(0);
        let sandbox = sandbox.checklist(&checklist("command", &before.replace(old, new)));
        let _ = check(&sandbox, &[])
            .code(2)
            .stderr_has(REFUSED)
            .stderr_has("changed   printf")
            .stderr_has(change);
    }
}

/// For a request through a command, the input of the command.
#[test]
fn a_changed_input_needs_new_permission() {
    let with = |url: &str| format!(r#"{{ url = "{url}", via = {{ exec = ["true"] }} }}"#);
    let sandbox = with_probe("http", &with("http://a.example/x"));
    allow(&sandbox);
    let sandbox = sandbox.checklist(&checklist("http", &with("http://b.example/x")));
    let output = check(&sandbox, &[]).code(2).stderr_has(REFUSED);
    let _ =
        output.stderr_has("! input: the request to http://a.example/x → the request to http://b.example/x");
}

#[test]
fn sending_a_secret_needs_permission_even_without_a_command() {
    let web = crate::support::web::Web::start();
    let url = web.url("");
    let with = format!(
        r#"{{ url = "{url}/", headers = {{ X-A = {{ secret = {{ file = "token" }} }}, X-B = {{ secret = {{ env = "CLOUD_KEY" }} }} }} }}"#
    );
    let sandbox = with_probe("http", &with).file("token", "file-canary").env("CLOUD_KEY", "env-canary");
    let output = check(&sandbox, &[]).code(2).stderr_has(REFUSED).stderr_has("Reads and sends:");
    let output = output.stderr_has(&format!("env CLOUD_KEY → {url}")).stderr_has(&format!("/token → {url}"));
    assert!(web.requests().is_empty(), "{output}");
    allow(&sandbox);
    assert_eq!(web.requests().len(), 1);
    // Another server needs new permission.
    let sandbox = sandbox.checklist(&checklist("http", &with.replace(&url, "http://127.0.0.1:1")));
    let _ = check(&sandbox, &[]).code(2).stderr_has("new       env CLOUD_KEY → http://127.0.0.1:1");
}

#[test]
fn ordinary_probes_need_no_permission() {
    let web = crate::support::web::Web::start();
    let sandbox = with_probe("http", &format!("{{ url = \"{}/\" }}", web.url("")));
    let _ = check(&sandbox, &[]).lacks(REFUSED);
    assert_eq!(web.requests().len(), 1);
    let posting = format!("{{ url = \"{}/\", method = \"POST\" }}", web.url(""));
    let sandbox = sandbox.checklist(&checklist("http", &posting));
    let _ = check(&sandbox, &[]).code(2).stderr_has(REFUSED).stderr_has("Writes to:");
    assert_eq!(web.requests().len(), 1);
}

#[test]
fn permissions_of_an_older_version_are_not_valid() {
    let sandbox = with_probe("command", r#"{ argv = ["true"] }"#);
    allow(&sandbox);
    let directory = sandbox.state().join("gonogo/trust");
    let file = fs::read_dir(directory).unwrap().next().unwrap().unwrap().path();
    fs::write(file, r#"{"content":"","commands":[["true"]]}"#).unwrap();
    let _ = check(&sandbox, &[]).code(2).stderr_has(REFUSED);
}

/// Including programs in infrastructure code and kubeconfigs that the profile names.
#[test]
fn every_program_that_runs_is_shown() {
    let profile = r#"
environment = "x"
[values.iac]
tool = "terraform"
program = "./not-terraform"
directory = "code"
[values.kubernetes]
context = "c"
namespace = "n"
config = "kubeconfig-with-a-plugin"
app = "web"
[values.app]
vantage = { exec = ["ssh", "inside"] }
[values.prometheus]
url = "http://127.0.0.1:1"
[values.source]
repository = "."
"#;
    let sandbox = Sandbox::new().profile(profile);
    let output = sandbox.args(["check", "profile.toml"]).run().code(2);
    let lines = [
        "not-terraform plan",
        "/code\n",
        "/kubeconfig-with-a-plugin\n",
        "ssh inside curl --config -",
        "input: the request to 'http://127.0.0.1:1/api/v1/query?query=1'",
        "poetry check",
    ];
    let _ = lines.iter().fold(output, |output, line| output.stderr_has(line));
}

#[test]
fn the_question_matches_its_snapshot() {
    need!("ssh-keygen");
    let profile = r#"
environment = "staging"
checklist = "checklist.toml"
[[guard]]
id = "where"
title = "Where it goes"
kind = "command"
with = { argv = ["sh", "-c", "test \"$TOKEN\"; printf '\u001b[2Jgood'"], cwd = "infra", env = { PATH = "/opt/tools", TOKEN = { secret = { file = "secrets/token" } } } }
[[guard]]
id = "canary"
title = "A canary"
kind = "otlp"
with = { endpoint = "https://otlp.example:4318/x", headers = { Authorization = { secret = { env = "OTLP_KEY" }, prefix = "Bearer " } }, tls = { roots = "ca.pem", key = "client.pem" } }
[[rollback]]
id = "back"
title = "Back"
with = { argv = ["make", "rollback", "TO={{ previous }}"], cwd = "infra", dry_run = ["make", "-n", "rollback"] }
"#;
    let mut world = World::new();
    fs::write(world.sandbox.work().join("profile.toml"), profile).unwrap();
    let mut terminal = world.open(110, 60);
    terminal.wait_for_text(QUESTION);
    let shown = terminal.screen_text();
    let shown: Vec<_> =
        shown.lines().map(str::trim_end).take_while(|line| !line.starts_with("Allow")).collect();
    let work = fs::canonicalize(world.sandbox.work()).unwrap().display().to_string();
    insta::assert_snapshot!("question", shown.join("\n").replace(&work, "/home/a/co"));
    terminal.send("n").press(Key::Enter);
    let _ = terminal.wait_exit().code(2);
}
