//! HTTP probes from another vantage point: through a proxy, or through a command such as `kubectl exec`.

use std::fs;

use gonogo_core::outcome::Outcome;
use serde_json::{Value, json};

use super::*;
use crate::support::gonogo::Sandbox;
use crate::support::need;
use crate::support::ports::refused_port;
use crate::support::proxies::{HTTP, Proxy, SOCKS};
use crate::support::web::{Reply, SilentServer, Web};

fn run_probe(url: &str, via: &Value, more: &Value) -> Outcome {
    run_probe_within(SHORT * 3, "http", &plus(&json!({"url": url, "via": via}), more))
}

fn ready_server() -> Web {
    let web = Web::start();
    web.route("/-/ready", Reply::ok(r#"{"ready": true}"#));
    web
}

#[test]
fn requests_go_through_the_configured_proxy_and_name_it() {
    need!(SOCKS, HTTP);
    let (web, socks, http) = (ready_server(), Proxy::socks(), Proxy::http());
    for proxy in
        [format!("socks5h://127.0.0.1:{}", socks.port()), format!("http://127.0.0.1:{}", http.port())]
    {
        let outcome = run_probe(
            &web.url("/-/ready"),
            &json!({"proxy": proxy}),
            &json!({"json": [{"path": "$.ready", "equals": true}]}),
        );
        assert_pass(&outcome, &[&format!("✓ requested through | recorded | proxy {proxy}")]);
        assert!(outcome.reproduce.contains(&format!("--proxy {proxy}")), "{}", outcome.reproduce);
    }
    let closed = format!("http://127.0.0.1:{}/", refused_port());
    let behind =
        run_probe(&closed, &json!({"proxy": format!("socks5h://127.0.0.1:{}", socks.port())}), &json!({}));
    assert_error(&behind, &["(through socks5h://127.0.0.1:"]);
    // The HTTP proxy itself answers with an error.
    let behind =
        run_probe(&closed, &json!({"proxy": format!("http://127.0.0.1:{}", http.port())}), &json!({}));
    assert_fail(&behind, &["| 200 | 500: ", "✓ requested through"]);
}

#[test]
fn an_unreachable_or_silent_proxy_is_an_error() {
    let web = ready_server();
    let closed = json!({"proxy": format!("socks5h://127.0.0.1:{}", refused_port())});
    assert_error(&run_probe(&web.url("/-/ready"), &closed, &json!({})), &["(through socks5h://127.0.0.1:"]);
    let silent = SilentServer::start();
    for scheme in ["socks5h", "http"] {
        let proxy = json!({"proxy": format!("{scheme}://127.0.0.1:{}", silent.port())});
        assert_error(&run_probe(&web.url("/-/ready"), &proxy, &json!({})), &["no response within 2100 ms"]);
    }
    for wrong in ["ftp://proxy", "nowhere", "http://user:swordfish@proxy"] {
        let outcome = run_probe(&web.url("/-/ready"), &json!({"proxy": wrong}), &json!({}));
        assert_error(&outcome, &["roxy"]);
    }
    assert_eq!(web.requests().len(), 0, "no request bypasses the proxy");
}

#[test]
fn an_exec_command_runs_curl_and_no_argument_contains_a_secret() {
    need!("curl");
    let web = ready_server();
    let dir = tempfile::tempdir().unwrap();
    let (script, arguments) = (dir.path().join("script"), dir.path().join("arguments"));
    fs::write(&script, format!("#!/bin/sh\necho \"$@\" > {}\nexec \"$@\"\n", arguments.display())).unwrap();
    let via = json!({"exec": ["sh", script]});
    let with = json!({
        "headers": {"Authorization": {"secret": secret("a \"quoted\\ one"), "prefix": "Bearer "}},
        "json": [{"path": "$.ready", "equals": true}],
    });
    let outcome = run_probe(&web.url("/-/ready"), &via, &with);
    assert_pass(&outcome, &["| 200 | 200", "✓ requested through | recorded | command `sh "]);
    let request = web.requests().pop().unwrap();
    assert!(format!("{request:?}").contains(r#"Bearer a \"quoted\\ one"#), "{request:?}");
    assert_eq!(fs::read_to_string(arguments).unwrap(), "curl --config -\n");
}

#[test]
fn errors_of_curl_behind_an_exec_command_are_reported() {
    need!("curl");
    let web = ready_server();
    let local_exec = json!({"exec": ["env"]});
    let closed = format!("http://127.0.0.1:{}/", refused_port());
    assert_error(
        &run_probe(&closed, &local_exec, &json!({})),
        &["remote curl: exit code 7: curl: (7) Failed to connect"],
    );
    let silent = SilentServer::start();
    let outcome = run_probe(&format!("http://127.0.0.1:{}/", silent.port()), &local_exec, &json!({}));
    assert_error(&outcome, &["remote curl: exit code 28: curl: (28) Operation timed out"]);
    let without_curl = json!({"exec": ["env", "PATH=/nowhere"]});
    assert_error(
        &run_probe(&web.url("/-/ready"), &without_curl, &json!({})),
        &["curl is not installed on the remote side: "],
    );
    let no_stdin = json!({"exec": ["sh", "-c", "exec \"$@\" </dev/null", "sh"]});
    assert_error(
        &run_probe(&web.url("/-/ready"), &no_stdin, &json!({})),
        &["the exec command does not pass standard input on"],
    );
    let other = json!({"exec": ["sh", "-c", "echo no answer", "sh"]});
    assert_error(
        &run_probe(&web.url("/-/ready"), &other, &json!({})),
        &["the output of the remote curl is not an HTTP response"],
    );
    let missing = json!({"exec": ["no-such-kubectl"]});
    assert_error(
        &run_probe(&web.url("/-/ready"), &missing, &json!({})),
        &["program `no-such-kubectl` not found"],
    );
    assert_fail(&run_probe(&web.url("/other"), &local_exec, &json!({})), &["| 200 | 404"]);
}

/// The proxy of the environment is used for every API, except for the hosts in `no_proxy`.
#[test]
fn proxy_environment_variables_are_honoured() {
    need!(HTTP);
    let (web, proxy) = (Web::start(), Proxy::http());
    web.route("/ready", Reply::ok(""))
        .route("/api/v1/targets", Reply::ok(r#"{"status": "success", "data": {"activeTargets": []}}"#));
    let point = |kind: &str, with: &str| {
        format!(
            "[[section.point]]\nid = \"s.{kind}\"\ntitle = \"t\"\nwhy = \"w\"\nprobe = [{{ id = \"p\", title = \"p\", kind = \"{kind}\", with = {{ {with} }} }}]\n"
        )
    };
    let url = web.url("");
    let points = point("http", &format!("url = \"{url}/ready\""))
        + &point("prometheus", &format!("api = {{ url = \"{url}\" }}, jobs = [{{ name = \"j\" }}]"));
    let checklist = format!("name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n{points}");
    let sandbox = Sandbox::new()
        .checklist(&checklist)
        .profile("environment = \"e\"\nchecklist = \"checklist.toml\"\n")
        .args(["check", "profile.toml"])
        .env("http_proxy", format!("http://127.0.0.1:{}", proxy.port()));
    // The job has no targets.
    let _ = sandbox.run().code(1);
    let is_proxied = |request: &crate::support::web::Request| request.headers.contains_key("via");
    assert_eq!(
        web.requests().iter().filter(|request| is_proxied(request)).count(),
        2,
        "{:?}",
        web.requests()
    );
    let _ = sandbox.env("no_proxy", "127.0.0.1").run().code(1);
    assert_eq!(web.requests().len(), 4);
    assert_eq!(web.requests().iter().filter(|request| is_proxied(request)).count(), 2);
}
