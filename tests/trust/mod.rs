//! What a profile or a log makes happen is allowed by a person first, and again when it makes something else happen.

mod tags;

use std::fs;

use crate::bench::gonogo::{Output, Sandbox, is_private};
use crate::bench::need;
use crate::bench::terminal::Key;
use crate::runs::world::{World, leave};

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

/// The secret's command leaves a mark when it runs.
fn world() -> World {
    let mut world = World::new();
    fs::write(world.sandbox.work().join("checklist.toml"), CHECKLIST).unwrap();
    rewrite(&mut world, "touch ran; printf open-sesame");
    world
}

fn rewrite(world: &mut World, script: &str) {
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

/// An argument of any length leaves what stands around it in sight, and is told how long it is.
#[test]
fn a_long_argument_pushes_nothing_out_of_sight() {
    let mut world = world();
    rewrite(&mut world, &format!("touch ran; : {}", "x".repeat(200_000)));
    world.set_args(&["check", "profile.toml"]);
    let told = world.sandbox.run().code(2).stderr_has("bytes more)").stderr_has("Reads and sends:");
    assert!(told.stderr.len() < 5_000, "{} bytes", told.stderr.len());
}

/// A proxy that the environment names gets what is sent; it is no part of the digest.
#[test]
fn a_proxy_of_the_environment_is_told() {
    let mut world = world();
    let digest = world.sandbox.digest("profile.toml");
    let sandbox = std::mem::replace(&mut world.sandbox, Sandbox::new());
    world.sandbox = sandbox.env("HTTPS_PROXY", "http://me:hunter2@proxy.deck.example:3128");
    world.set_args(&["check", "profile.toml"]);
    let told = world.sandbox.run().code(2).stderr_has("HTTPS_PROXY=proxy.deck.example:3128").lacks("hunter2");
    let _ = told.stderr_has(&format!("--trust {digest}"));
    world.set_args(&["check", "profile.toml", "--trust", &digest]);
    let _ = world.sandbox.run().code(0).stderr_has("HTTPS_PROXY=proxy.deck.example:3128").lacks("hunter2");
}

#[test]
fn headless_nothing_runs_until_it_is_allowed() {
    let mut world = world();
    world.set_args(&["check", "profile.toml"]);
    let told = world.sandbox.run().code(2).stderr_has("profile.toml does the following:");
    let digest = world.sandbox.digest("profile.toml");
    let _ = told.stderr_has("sh -c 'touch ran; printf open-sesame'").stderr_has(&format!("--trust {digest}"));
    assert!(!has_run(&world.sandbox));
    let _ =
        world.sandbox.run_with(&["check", "profile.toml", "--trust", &digest]).code(0).lacks("open-sesame");
    assert!(has_run(&world.sandbox));
    let _ = world.sandbox.run().code(0);
    let sent = world.web.requests().pop().unwrap();
    let header = sent.headers.iter().find(|(name, _)| name.as_str() == "authorization").unwrap();
    assert_eq!(header.1, "Bearer open-sesame");
    assert!(has_run(&world.sandbox));

    rewrite(&mut world, "touch ran; printf another-word");
    let told = world.sandbox.run().code(2).stderr_has("changed   sh -c 'touch ran; printf another-word'");
    let _ = told.stderr_has("command: sh -c 'touch ran; printf open-sesame' → sh -c");
    // The digest of what it was is not the digest of what it is.
    let told = world.sandbox.run_with(&["check", "profile.toml", "--trust", &digest]).code(2);
    let now = world.sandbox.digest("profile.toml");
    let _ = told.stderr_has(&digest).stderr_has(&now).stderr_has("printf another-word");
    assert!(!has_run(&world.sandbox) && digest != now);
}

#[test]
fn a_bare_trust_is_an_error_that_says_what_is_wanted() {
    let world = world();
    for words in [&["check", "profile.toml", "--trust"], &["check", "--trust", "profile.toml"]] {
        let told = world.sandbox.run_with(words).code(2);
        let _ = told.stderr_has("hint: `gonogo doctor --trust-digest PROFILE` prints the SHA256 for --trust");
    }
    assert!(!has_run(&world.sandbox));
}

#[test]
fn on_a_terminal_a_person_is_asked() {
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
    terminal.send("y").press(Key::Enter).wait_for_text("GO 1/1");
    leave(terminal);
    let mut terminal = world.open_with(&[], 120, 36);
    terminal.wait_for_text("GO 1/1");
    leave(terminal);
    let kept = world.sandbox.state().join("gonogo/trust");
    let file = fs::read_dir(&kept).unwrap().next().unwrap().unwrap().path();
    assert!(is_private(&kept) && is_private(&file));
}

/// The plan of an open run comes from its log, not from the files that were trusted.
#[test]
fn what_the_log_of_an_open_run_makes_happen_is_asked_for_too() {
    need!("ssh-keygen");
    let mut world = world();
    let digest = world.sandbox.digest("profile.toml");
    let opened = ["--release", "v1", "--previous", "none", "--trust", &digest];
    let mut terminal = world.open_with(&opened, 120, 36);
    terminal.wait_for_text("GO 1/1");
    leave(terminal);
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

/// One probe, of a checklist of its own.
fn probing(kind: &str, with: &str) -> Sandbox {
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
fn another_directory_variable_or_program_is_asked_for_again() {
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
    for (old, new, said) in changes {
        let sandbox = probing("command", before);
        allow(&sandbox);
        let _ = check(&sandbox, &[]).code(0);
        let sandbox = sandbox.checklist(&checklist("command", &before.replace(old, new)));
        let _ =
            check(&sandbox, &[]).code(2).stderr_has(REFUSED).stderr_has("changed   printf").stderr_has(said);
    }
}

/// The way of a request through a command: what the command reads decides what it does.
#[test]
fn another_input_is_asked_for_again() {
    let with = |url: &str| format!(r#"{{ url = "{url}", via = {{ exec = ["true"] }} }}"#);
    let sandbox = probing("http", &with("http://a.example/x"));
    allow(&sandbox);
    let sandbox = sandbox.checklist(&checklist("http", &with("http://b.example/x")));
    let told = check(&sandbox, &[]).code(2).stderr_has(REFUSED);
    let _ = told.stderr_has("! input: the request to http://a.example/x → the request to http://b.example/x");
}

#[test]
fn a_secret_that_is_sent_is_asked_for_without_any_command() {
    let web = crate::bench::web::Web::start();
    let url = web.url("");
    let with = format!(
        r#"{{ url = "{url}/", headers = {{ X-A = {{ secret = {{ file = "token" }} }}, X-B = {{ secret = {{ env = "CLOUD_KEY" }} }} }} }}"#
    );
    let sandbox = probing("http", &with).file("token", "file-canary").env("CLOUD_KEY", "env-canary");
    let told = check(&sandbox, &[]).code(2).stderr_has(REFUSED).stderr_has("Reads and sends:");
    let told = told.stderr_has(&format!("env CLOUD_KEY → {url}")).stderr_has(&format!("/token → {url}"));
    assert!(web.requests().is_empty(), "{told}");
    allow(&sandbox);
    assert_eq!(web.requests().len(), 1);
    // Another server is another permission.
    let sandbox = sandbox.checklist(&checklist("http", &with.replace(&url, "http://127.0.0.1:1")));
    let _ = check(&sandbox, &[]).code(2).stderr_has("new       env CLOUD_KEY → http://127.0.0.1:1");
}

#[test]
fn ordinary_probing_is_not_asked_for() {
    let web = crate::bench::web::Web::start();
    let sandbox = probing("http", &format!("{{ url = \"{}/\" }}", web.url("")));
    let _ = check(&sandbox, &[]).lacks(REFUSED);
    assert_eq!(web.requests().len(), 1);
    let posting = format!("{{ url = \"{}/\", method = \"POST\" }}", web.url(""));
    let sandbox = sandbox.checklist(&checklist("http", &posting));
    let _ = check(&sandbox, &[]).code(2).stderr_has(REFUSED).stderr_has("Writes to:");
    assert_eq!(web.requests().len(), 1);
}

#[test]
fn the_next_release_is_not_asked_for_again() {
    let sandbox = probing("command", r#"{ argv = ["printf", "{{ release }}/{{ previous }}"] }"#);
    let digest = sandbox.digest("profile.toml");
    let release = |new: &str, old: &str| {
        sandbox.run_with(&["check", "profile.toml", "--release", new, "--previous", old])
    };
    let _ = release("1", "0").code(2).stderr_has("'{{ release }}/{{ previous }}'");
    let first = ["check", "profile.toml", "--release", "1", "--previous", "0", "--trust", &digest];
    let _ = sandbox.run_with(&first).code(0);
    let _ = release("2", "1").code(0);
    let _ = release("team/v3+b.1", "2").code(0);
    // A release that is more than a tag could be a command of its own.
    let told = release("$(reboot)", "2")
        .code(2)
        .stderr_has("For release $(reboot), profile.toml also does the following");
    let _ = told.stderr_has("printf '$(reboot)/2'");
    assert_eq!(sandbox.digest("profile.toml"), digest);
}

/// A template that makes of one release what it makes of no other is not covered by what any release does.
#[test]
fn what_one_release_alone_makes_happen_is_asked_for() {
    let sandbox = probing(
        "command",
        r#"{ argv = ["printf", "{% if release == 'v2' %}evil{% else %}good{% endif %}"] }"#,
    );
    let digest = sandbox.digest("profile.toml");
    let check = |release: &str| {
        sandbox.run_with(&["check", "profile.toml", "--release", release, "--trust", &digest])
    };
    let _ = check("v1").code(0);
    let _ = check("v2")
        .code(2)
        .stderr_has("For release v2, profile.toml also does the following")
        .stderr_has("printf evil");
}

#[test]
fn a_checkout_elsewhere_has_the_same_digest() {
    let profile = |root: &str| {
        format!(
            "environment = \"t\"\n[values]\nsource.repository = \"{root}\"\nvault.url = \"https://v.example\"\nvault.token_path = \"p\"\nvault.auth.token = {{ file = \"{root}/token\" }}\n"
        )
    };
    let digests: Vec<_> = ["a", "a", "b/c"]
        .map(|below| {
            let sandbox = Sandbox::new();
            let root = fs::canonicalize(sandbox.work()).unwrap().join(below);
            fs::create_dir_all(&root).unwrap();
            fs::write(root.join("profile.toml"), profile(&root.display().to_string())).unwrap();
            sandbox.digest_in(&root, "profile.toml")
        })
        .into();
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    let elsewhere = Sandbox::new().profile(&profile("/srv/other"));
    assert_ne!(elsewhere.digest("profile.toml"), digests[0]);
}

#[test]
fn the_digest_is_printed_though_values_are_missing() {
    let sandbox = Sandbox::new().profile("environment = \"t\"\n[values]\nsource.repository = \"nowhere\"\n");
    let told = sandbox.run_with(&["doctor", "profile.toml"]).code(1).stdout_has("missing");
    let printed = sandbox.run_with(&["doctor", "--trust-digest", "profile.toml"]).code(0);
    assert!(printed.stdout.len() == 65 && printed.stderr.is_empty(), "{printed}");
    assert!(!told.stdout.contains(printed.stdout.trim_end()));
    let broken = Sandbox::new().profile("environment = 1");
    let _ =
        broken.run_with(&["doctor", "--trust-digest", "profile.toml"]).code(2).stderr_has("profile.toml:1");
}

#[test]
fn what_an_older_version_trusted_is_trusted_no_more() {
    let sandbox = probing("command", r#"{ argv = ["true"] }"#);
    allow(&sandbox);
    let kept = sandbox.state().join("gonogo/trust");
    let file = fs::read_dir(kept).unwrap().next().unwrap().unwrap().path();
    fs::write(file, r#"{"content":"","commands":[["true"]]}"#).unwrap();
    let _ = check(&sandbox, &[]).code(2).stderr_has(REFUSED);
}

/// Code, kubeconfigs and other programs that a profile names run with our rights too.
#[test]
fn whatever_runs_in_the_end_is_shown() {
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
    let told = sandbox.args(["check", "profile.toml"]).run().code(2);
    let lines = [
        "not-terraform plan",
        "/code\n",
        "/kubeconfig-with-a-plugin\n",
        "ssh inside curl --config -",
        "input: the request to 'http://127.0.0.1:1/api/v1/query?query=1'",
        "poetry check",
    ];
    let _ = lines.iter().fold(told, |told, line| told.stderr_has(line));
}

/// What a person reads, as it stands on the screen.
#[test]
fn the_question_is_read_by_a_person() {
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
