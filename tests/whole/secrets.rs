//! Servers, proxies and programs that show the secrets they are given: none of that is told, shown or kept.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gonogo::rehearsal::server::Server;
use serde_json::json;

use crate::bench::gonogo::{Output, Sandbox};
use crate::bench::terminal::Key;
use crate::bench::{need, wait};

/// How many secrets there are; each goes to another place.
const COUNT: usize = 13;

fn canary(n: usize) -> String {
    format!("canary{n:02}+S3cr=t/{n:02}&more")
}

/// The ways in which a text may come back.
fn spellings(text: &str) -> [String; 6] {
    let hex = text.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let percent = text.bytes().fold(String::new(), |out, b| {
        if b.is_ascii_alphanumeric() { format!("{out}{}", char::from(b)) } else { format!("{out}%{b:02X}") }
    });
    let upper = hex.to_uppercase();
    [text.to_owned(), STANDARD.encode(text), URL_SAFE_NO_PAD.encode(text), percent, hex, upper]
}

/// Answers everything with what it was sent, in all spellings, in the body and in headers.
fn echo(status: StatusCode) -> Server {
    let answer = async move |request: Request| -> Response {
        let mut sent: Vec<String> =
            request.headers().values().filter_map(|value| value.to_str().ok().map(str::to_owned)).collect();
        sent.extend(
            sent.clone().iter().filter_map(|value| value.split_once(' ').map(|(_, rest)| rest.to_owned())),
        );
        let said = sent.iter().flat_map(|sent| spellings(sent)).collect::<Vec<_>>().join(" ");
        let body = json!({
            "status": "error", "message": said, "error": said, "errors": [{"code": "DENIED", "message": said, "msg": said}],
            "warnings": [said], "database": said, "data": said,
        });
        let mut response = (status, axum::Json(body)).into_response();
        for name in
            ["www-authenticate", "location", "x-said", "strict-transport-security", "content-security-policy"]
        {
            if let Ok(value) = HeaderValue::from_str(&said) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    };
    Server::start(Router::new().fallback(answer)).unwrap()
}

/// Answers every line with an error that repeats it. Ends with the process.
fn parrot() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    let said = String::from_utf8_lossy(&buffer[..length]).replace(['\r', '\n'], " ");
                    if stream.write_all(format!("-ERR I heard {said}\r\n").as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

/// One point for each kind of look, each with a secret of its own.
fn checklist(url: &str, port: u16, program: &Path, checkout: &Path) -> String {
    let secret = |n: usize| match n % 3 {
        0 => format!("{{ env = \"CANARY_{n}\" }}"),
        1 => format!("{{ file = \"canary-{n}\" }}"),
        _ => format!("{{ command = [\"cat\", \"canary-{n}\"] }}"),
    };
    let api = |n: usize| {
        format!(
            r#"api = {{ url = "{url}", headers = {{ Authorization = {{ secret = {}, prefix = "Bearer " }} }} }}"#,
            secret(n)
        )
    };
    let header = |n: usize| format!(r#"headers = {{ X-Key = {{ secret = {} }} }}"#, secret(n));
    let looks = [
        (
            "http",
            format!(
                r#"url = "{url}/x", {}, header = [{{ name = "x-said", equals = "no" }}], body = [{{ contains = "no-such-text" }}], json = [{{ path = "$.message", equals = "no" }}]"#,
                header(0)
            ),
        ),
        (
            "prometheus",
            format!(r#"{}, rules = ["R"], queries = [{{ what = "q", expr = "up", at_least = 1 }}]"#, api(1)),
        ),
        ("grafana", format!(r#"{}, dashboard = "d""#, api(2))),
        ("jaeger", format!(r#"{}, service = "s", routes = ["/ws"]"#, api(3))),
        ("otlp", format!(r#"endpoint = "{url}", {}"#, header(4))),
        (
            "registry",
            format!(
                r#"api = {{ url = "{url}" }}, repository = "r", username = "u", password = {}, tag = "v1", push = true"#,
                secret(5)
            ),
        ),
        ("vault", format!(r#"api = {{ url = "{url}" }}, path = "p", auth = {{ token = {} }}"#, secret(6))),
        (
            "ci",
            format!(
                r#"repository = "{}", tag = "v1", source = {{ github = {{ project = "a/b", checks = ["c"], {} }} }}"#,
                checkout.display(),
                api(7)
            ),
        ),
        ("token", format!(r#"api = {{ url = "{url}" }}, current = {}, old = {}"#, secret(8), secret(9))),
        ("pipeline", format!(r#"api = {{ url = "{url}" }}, token = {}"#, secret(8))),
        (
            "redis",
            format!(r#"url = "redis://127.0.0.1:{port}", password = {}, persistence = true"#, secret(10)),
        ),
        (
            "rabbitmq",
            format!(
                r#"url = "amqp://127.0.0.1:{port}", username = "u", password = {}, management = "{url}", queues = [{{ name = "q" }}]"#,
                secret(11)
            ),
        ),
        (
            "command",
            format!(
                r#"argv = ["sh", "{}"], env = {{ S = {{ secret = {} }} }}, stdout = [{{ contains = "no-such-text" }}]"#,
                program.display(),
                secret(12)
            ),
        ),
    ];
    let mut text = "name = \"canaries\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n".to_owned();
    for (kind, with) in looks {
        text += &format!(
            "[[section.point]]\nid = \"s.{kind}\"\ntitle = \"{kind}\"\nwhy = \"w\"\nprobe = [{{ id = \"p\", title = \"p\", kind = \"{kind}\", deadline = \"3s\", with = {{ {with} }} }}]\n"
        );
    }
    text
}

const PROGRAM: &str = "echo \"it is $S\"\nprintf %s \"$S\" | base64\nprintf '%s' \"user:$S\" | base64 -w0\nprintf %s \"$S\" | od -An -tx1 | tr -d ' \\n'\necho \"it is $S\" >&2\nexit 3\n";

fn sandbox(server: &Server) -> Sandbox {
    let mut sandbox = Sandbox::new();
    for n in 0..COUNT {
        sandbox = sandbox.env(&format!("CANARY_{n}"), canary(n)).file(&format!("canary-{n}"), &canary(n));
    }
    let program = sandbox.work().join("shows.sh");
    fs::write(&program, PROGRAM).unwrap();
    let checkout = crate::bench::checkout::Checkout::new();
    let repository = sandbox.work().join("checkout");
    fs::rename(checkout.path(), &repository).unwrap();
    let checklist = checklist(&server.url(), parrot(), &program, &repository);
    sandbox.checklist(&checklist).profile("environment = \"canary\"\nchecklist = \"checklist.toml\"\n")
}

/// Nothing of any secret stands in it.
#[track_caller]
fn assert_clean(place: &str, text: &str) {
    for n in 0..COUNT {
        for spelling in spellings(&canary(n)) {
            assert!(!text.contains(&spelling), "{place} shows canary {n} as {spelling}:\n{text}");
        }
        // A part of it would be enough to guess the rest.
        assert!(!text.contains(&canary(n)[..12]), "{place} shows the begin of canary {n}:\n{text}");
    }
}

#[track_caller]
fn assert_output(place: &str, output: &Output) {
    assert_clean(place, &output.stdout);
    assert_clean(place, &output.stderr);
}

fn everything_below(directory: &Path, see: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            everything_below(&path, see);
        } else {
            see(&path, &String::from_utf8_lossy(&fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn no_face_no_log_and_no_report_shows_a_secret() {
    need!("git", "ssh-keygen");
    for status in [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FOUND] {
        let server = echo(status);
        let sandbox = sandbox(&server);
        for format in ["human", "json", "junit", "tap"] {
            let output = sandbox.run_with(&["check", "profile.toml", "--trust", "--format", format]);
            assert!(output.stdout.contains("s.command"), "{output}");
            assert!(output.stdout.contains("[redacted: "), "what is taken out is said: {output}");
            assert_output(format, &output);
        }
        let key = sandbox.key("alice").path.display().to_string();
        let words = [
            "run",
            "profile.toml",
            "--trust",
            "--as",
            "a@x",
            "--key",
            &key,
            "--release",
            "v2",
            "--previous",
            "v1",
        ];
        let sandbox = sandbox.args(words);
        let mut terminal = sandbox.terminal(220, 60);
        terminal.wait_for_text("s.http");
        wait::until("all looks", || {
            let log = fs::read_to_string(sandbox.logs("canary").first()?).ok()?;
            (log.matches("\"reproduce\":").count() >= COUNT).then_some(())
        });
        for _ in 0..COUNT {
            assert_clean("the screen", &terminal.screen_text());
            terminal.press(Key::Down);
        }
        assert_clean("the screen", &terminal.screen_text());
        terminal.send("q");
        let _ = terminal.wait_exit().code(5);
        let log = sandbox.logs("canary").remove(0).display().to_string();
        for format in ["markdown", "html", "json", "junit"] {
            assert_output(format, &sandbox.run_with(&["report", &log, "--format", format]));
        }
        everything_below(&sandbox.state(), &mut |path, text| assert_clean(&path.display().to_string(), text));
    }
}
