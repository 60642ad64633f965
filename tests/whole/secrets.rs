//! Servers and programs that return the secrets they receive: no secret may be printed, shown or stored.

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
use gonogo_rehearsal::servers::server::LoopbackServer;
use serde_json::json;

use crate::support::gonogo::{Output, Sandbox};
use crate::support::terminal::Key;
use crate::support::{need, wait};

/// The number of secrets; each is used by another probe.
const COUNT: usize = 13;

fn canary(n: usize) -> String {
    format!("canary{n:02}+S3cr=t/{n:02}&more")
}

/// The encodings in which a text may be returned.
fn encodings(text: &str) -> [String; 6] {
    let hex = text.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let percent = text.bytes().fold(String::new(), |out, b| {
        if b.is_ascii_alphanumeric() { format!("{out}{}", char::from(b)) } else { format!("{out}%{b:02X}") }
    });
    let upper = hex.to_uppercase();
    [text.to_owned(), STANDARD.encode(text), URL_SAFE_NO_PAD.encode(text), percent, hex, upper]
}

/// A server that returns what it received, in all encodings, in the body and in headers.
fn echo(status: StatusCode) -> LoopbackServer {
    let answer = async move |request: Request| -> Response {
        let mut received: Vec<String> =
            request.headers().values().filter_map(|value| value.to_str().ok().map(str::to_owned)).collect();
        received.extend(
            received
                .clone()
                .iter()
                .filter_map(|value| value.split_once(' ').map(|(_, rest)| rest.to_owned())),
        );
        let reply = received.iter().flat_map(|received| encodings(received)).collect::<Vec<_>>().join(" ");
        let body = json!({
            "status": "error", "message": reply, "error": reply, "errors": [{"code": "DENIED", "message": reply, "msg": reply}],
            "warnings": [reply], "database": reply, "data": reply,
        });
        let mut response = (status, axum::Json(body)).into_response();
        for name in
            ["www-authenticate", "location", "x-said", "strict-transport-security", "content-security-policy"]
        {
            if let Ok(value) = HeaderValue::from_str(&reply) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    };
    LoopbackServer::start(Router::new().fallback(answer)).unwrap()
}

/// A server that answers every line with an error that repeats it; it ends with the process.
fn echo_errors() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    let reply = String::from_utf8_lossy(&buffer[..length]).replace(['\r', '\n'], " ");
                    if stream.write_all(format!("-ERR I heard {reply}\r\n").as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

/// One point for each kind of probe.
fn checklist(url: &str, port: u16, program: &Path, checkout: &Path) -> String {
    let template = include_str!("../fixtures/canaries.toml");
    let (program, checkout) = (program.display().to_string(), checkout.display().to_string());
    let text = template.replace("@url@", url).replace("@port@", &port.to_string());
    text.replace("@program@", &program).replace("@checkout@", &checkout)
}

const PROGRAM: &str = "echo \"it is $S\"\nprintf %s \"$S\" | base64\nprintf '%s' \"user:$S\" | base64 -w0\nprintf %s \"$S\" | od -An -tx1 | tr -d ' \\n'\necho \"it is $S\" >&2\nexit 3\n";

fn sandbox(server: &LoopbackServer) -> Sandbox {
    let mut sandbox = Sandbox::new();
    for n in 0..COUNT {
        sandbox = sandbox.env(&format!("CANARY_{n}"), canary(n)).file(&format!("canary-{n}"), &canary(n));
    }
    let program = sandbox.work().join("shows.sh");
    fs::write(&program, PROGRAM).unwrap();
    let checkout = crate::support::checkout::Checkout::new();
    let repository = sandbox.work().join("checkout");
    fs::rename(checkout.path(), &repository).unwrap();
    let checklist = checklist(&server.url(), echo_errors(), &program, &repository);
    sandbox.checklist(&checklist).profile("environment = \"canary\"\nchecklist = \"checklist.toml\"\n")
}

/// Checks that a text contains no secret, and no part of one.
#[track_caller]
fn assert_no_secret(location: &str, text: &str) {
    for n in 0..COUNT {
        for encoding in encodings(&canary(n)) {
            assert!(!text.contains(&encoding), "{location} shows canary {n} as {encoding}:\n{text}");
        }
        // A part of a secret would help to guess the rest.
        assert!(!text.contains(&canary(n)[..12]), "{location} shows the beginning of canary {n}:\n{text}");
    }
}

#[track_caller]
fn assert_no_secret_in_output(location: &str, output: &Output) {
    assert_no_secret(location, &output.stdout);
    assert_no_secret(location, &output.stderr);
}

fn visit_files(directory: &Path, visit: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit_files(&path, visit);
        } else {
            visit(&path, &String::from_utf8_lossy(&fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn no_output_no_log_and_no_report_shows_a_secret() {
    need!("git", "ssh-keygen");
    for status in [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FOUND] {
        let server = echo(status);
        let sandbox = sandbox(&server);
        for format in ["human", "json", "junit", "tap"] {
            let digest = sandbox.digest("profile.toml");
            let output = sandbox.run_with(&[
                "check",
                "profile.toml",
                "--after-deploy",
                "--trust",
                &digest,
                "--format",
                format,
            ]);
            assert!(output.stdout.contains("s.command"), "{output}");
            assert!(output.stdout.contains("[redacted: "), "a redaction must be marked: {output}");
            assert_no_secret_in_output(format, &output);
        }
        let key = sandbox.key("alice").path.display().to_string();
        let digest = sandbox.digest("profile.toml");
        let arguments = [
            "run",
            "profile.toml",
            "--trust",
            &digest,
            "--as",
            "a@x",
            "--key",
            &key,
            "--release",
            "v2",
            "--previous",
            "v1",
        ];
        let sandbox = sandbox.args(arguments);
        let mut terminal = sandbox.terminal(220, 60);
        terminal.wait_for_text("s.http");
        wait::until("all probe results", || {
            let log = fs::read_to_string(sandbox.logs("canary").first()?).ok()?;
            (log.matches("\"reproduce\":").count() >= COUNT).then_some(())
        });
        for _ in 0..COUNT {
            assert_no_secret("the screen", &terminal.screen_text());
            terminal.press(Key::Down);
        }
        assert_no_secret("the screen", &terminal.screen_text());
        terminal.send("q");
        let _ = terminal.wait_exit().code(5);
        let log = sandbox.logs("canary").remove(0).display().to_string();
        for format in ["markdown", "html", "json", "junit"] {
            assert_no_secret_in_output(format, &sandbox.run_with(&["report", &log, "--format", format]));
        }
        visit_files(&sandbox.state(), &mut |path, text| assert_no_secret(&path.display().to_string(), text));
    }
}
