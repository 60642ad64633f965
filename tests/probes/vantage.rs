//! What is looked at from elsewhere: behind a proxy, or where a command leads.

use std::fs;

use gonogo_core::outcome::Outcome;
use serde_json::{Value, json};

use super::*;
use crate::bench::gonogo::Sandbox;
use crate::bench::need;
use crate::bench::ports::refused_port;
use crate::bench::proxies::{HTTP, Proxy, SOCKS};
use crate::bench::web::{Reply, Silent, Web};

fn look(url: &str, via: &Value, more: &Value) -> Outcome {
    look_within(SHORT * 3, "http", &plus(&json!({"url": url, "via": via}), more))
}

fn ready() -> Web {
    let web = Web::start();
    web.route("/-/ready", Reply::ok(r#"{"ready": true}"#));
    web
}

#[test]
fn proxies_are_gone_through_and_named() {
    need!(SOCKS, HTTP);
    let (web, socks, http) = (ready(), Proxy::socks(), Proxy::http());
    for proxy in
        [format!("socks5h://127.0.0.1:{}", socks.port()), format!("http://127.0.0.1:{}", http.port())]
    {
        let outcome = look(
            &web.url("/-/ready"),
            &json!({"proxy": proxy}),
            &json!({"json": [{"path": "$.ready", "equals": true}]}),
        );
        assert_pass(&outcome, &[&format!("✓ seen from | recorded | behind the proxy {proxy}")]);
        assert!(outcome.reproduce.contains(&format!("--proxy {proxy}")), "{}", outcome.reproduce);
    }
    let closed = format!("http://127.0.0.1:{}/", refused_port());
    let behind =
        look(&closed, &json!({"proxy": format!("socks5h://127.0.0.1:{}", socks.port())}), &json!({}));
    assert_error(&behind, &["(through socks5h://127.0.0.1:"]);
    // The HTTP proxy itself answers that it could not reach the place.
    let behind = look(&closed, &json!({"proxy": format!("http://127.0.0.1:{}", http.port())}), &json!({}));
    assert_fail(&behind, &["| 200 | 500: ", "✓ seen from"]);
}

#[test]
fn a_proxy_that_is_not_there_or_says_nothing_is_an_error() {
    let web = ready();
    let closed = json!({"proxy": format!("socks5h://127.0.0.1:{}", refused_port())});
    assert_error(&look(&web.url("/-/ready"), &closed, &json!({})), &["(through socks5h://127.0.0.1:"]);
    let silent = Silent::start();
    for scheme in ["socks5h", "http"] {
        let proxy = json!({"proxy": format!("{scheme}://127.0.0.1:{}", silent.port())});
        assert_error(&look(&web.url("/-/ready"), &proxy, &json!({})), &["no answer within 2100 ms"]);
    }
    for wrong in ["ftp://proxy", "nowhere", "http://user:swordfish@proxy"] {
        let outcome = look(&web.url("/-/ready"), &json!({"proxy": wrong}), &json!({}));
        assert_error(&outcome, &["roxy"]);
    }
    assert_eq!(web.requests().len(), 0, "nothing goes around a proxy");
}

#[test]
fn a_command_leads_to_curl_and_no_argument_shows_a_secret() {
    need!("curl");
    let web = ready();
    let dir = tempfile::tempdir().unwrap();
    let (way, said) = (dir.path().join("way"), dir.path().join("said"));
    fs::write(&way, format!("#!/bin/sh\necho \"$@\" > {}\nexec \"$@\"\n", said.display())).unwrap();
    let via = json!({"exec": ["sh", way]});
    let with = json!({
        "headers": {"Authorization": {"secret": secret("a \"quoted\\ one"), "prefix": "Bearer "}},
        "json": [{"path": "$.ready", "equals": true}],
    });
    let outcome = look(&web.url("/-/ready"), &via, &with);
    assert_pass(&outcome, &["| 200 | 200", "✓ seen from | recorded | where `sh "]);
    let request = web.requests().pop().unwrap();
    assert!(format!("{request:?}").contains(r#"Bearer a \"quoted\\ one"#), "{request:?}");
    assert_eq!(fs::read_to_string(said).unwrap(), "curl --config -\n");
}

#[test]
fn what_goes_wrong_there_is_told() {
    need!("curl");
    let web = ready();
    let here = json!({"exec": ["env"]});
    let closed = format!("http://127.0.0.1:{}/", refused_port());
    assert_error(
        &look(&closed, &here, &json!({})),
        &["from there (exit code 7): curl: (7) Failed to connect"],
    );
    let silent = Silent::start();
    let outcome = look(&format!("http://127.0.0.1:{}/", silent.port()), &here, &json!({}));
    assert_error(&outcome, &["from there (exit code 28): curl: (28) Operation timed out"]);
    let without = json!({"exec": ["env", "PATH=/nowhere"]});
    assert_error(&look(&web.url("/-/ready"), &without, &json!({})), &["there is no curl there: "]);
    let shut = json!({"exec": ["sh", "-c", "exec \"$@\" </dev/null", "sh"]});
    assert_error(&look(&web.url("/-/ready"), &shut, &json!({})), &["the way there passes no input on"]);
    let other = json!({"exec": ["sh", "-c", "echo no answer", "sh"]});
    assert_error(
        &look(&web.url("/-/ready"), &other, &json!({})),
        &["what curl prints there is no answer in HTTP"],
    );
    let none = json!({"exec": ["no-such-kubectl"]});
    assert_error(
        &look(&web.url("/-/ready"), &none, &json!({})),
        &["there is no program `no-such-kubectl` here"],
    );
    assert_fail(&look(&web.url("/other"), &here, &json!({})), &["| 200 | 404"]);
}

/// The environment's proxy serves every API, and what `no_proxy` names is reached without it.
#[test]
fn the_proxies_of_the_environment_are_honoured() {
    need!(HTTP);
    let (web, proxy) = (Web::start(), Proxy::http());
    web.route("/ready", Reply::ok("")).route("/api/services", Reply::ok(r#"{"data": ["s"]}"#));
    let point = |kind: &str, with: &str| {
        format!(
            "[[section.point]]\nid = \"s.{kind}\"\ntitle = \"t\"\nwhy = \"w\"\nprobe = [{{ id = \"p\", title = \"p\", kind = \"{kind}\", with = {{ {with} }} }}]\n"
        )
    };
    let url = web.url("");
    let points = point("http", &format!("url = \"{url}/ready\""))
        + &point("jaeger", &format!("api = {{ url = \"{url}\" }}, service = \"s\", routes = []"));
    let checklist = format!("name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n{points}");
    let sandbox = Sandbox::new()
        .checklist(&checklist)
        .profile("environment = \"e\"\nchecklist = \"checklist.toml\"\n")
        .args(["check", "profile.toml"])
        .env("http_proxy", format!("http://127.0.0.1:{}", proxy.port()));
    let _ = sandbox.run().code(0);
    let through = |request: &crate::bench::web::Request| request.headers.contains_key("via");
    assert_eq!(web.requests().iter().filter(|request| through(request)).count(), 2, "{:?}", web.requests());
    let _ = sandbox.env("no_proxy", "127.0.0.1").run().code(0);
    assert_eq!(web.requests().len(), 4);
    assert_eq!(web.requests().iter().filter(|request| through(request)).count(), 2);
}
