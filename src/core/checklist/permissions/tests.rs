//! The permissions of every kind of probe are complete.

use serde_json::{Value as Json, json};

use super::*;
use crate::checklist::file::STANDARD;
use crate::checklist::{Checklist, Profile, Promotion, SourceFile, resolve};

fn plan(profile: &str, promotion: &Promotion) -> Plan {
    let checklist = Checklist::parse(SourceFile::new("c.toml", STANDARD)).unwrap();
    let profile = Profile::parse(SourceFile::new("p.toml", profile)).unwrap();
    resolve(&checklist, &profile, promotion).unwrap()
}

fn places() -> BaseDirectories {
    BaseDirectories::new("/p", "/p")
}

fn of(profile: &str, promotion: &Promotion) -> Permissions {
    permissions(&plan(profile, promotion), &places())
}

/// The permissions of one spec, in words.
fn spec(kind: &str, with: &Json) -> Vec<String> {
    let spec = serde_json::from_value(json!({"kind": kind, "with": with})).unwrap();
    specs::of_spec(&spec, false, "probe x").iter().map(describe).collect()
}

fn describe(permission: &Permission) -> String {
    match permission {
        Permission::Runs(runs) => format!("runs {}", runs.argv.join(" ")),
        Permission::Sends(sends) => format!("sends {} to {}", sends.secret, sends.to.address),
        Permission::RunsContentOf(content) => format!("{} runs {}", content.tool, content.path),
        Permission::Writes(writes) => format!("writes {} to {}", writes.what, writes.to.address),
    }
}

const PRODUCTION: &str = include_str!("../../../../config/production.toml");

/// Each secret, program and host of the example is listed.
#[test]
fn the_permissions_of_the_example_are_complete() {
    let promotion = Promotion { release: Some("v2".into()), previous: Some("v1".into()) };
    let permissions = of(PRODUCTION, &promotion);
    let text = serde_json::to_string(&permissions).unwrap();
    for secret in plan(PRODUCTION, &promotion).secrets() {
        let named = match &secret {
            SecretRef::Env(name) | SecretRef::File(name) => name.clone(),
            SecretRef::Command(argv) => argv[0].clone(),
        };
        assert!(text.contains(&named), "{secret} is read, and nothing says so");
    }
    let lines: Vec<_> = permissions.iter().map(describe).collect();
    for part in ["runs poetry check", "runs terraform plan", "poetry runs", "terraform runs", "docker runs"] {
        assert!(lines.iter().any(|line| line.starts_with(part)), "{part}: {lines:#?}");
    }
    for part in ["runs kubectl", "writes a test span", "writes an upload", "writes an event"] {
        assert!(lines.iter().any(|line| line.starts_with(part)), "{part}: {lines:#?}");
    }
}

/// The permissions for any release, filled in for one, include the permissions of that one.
#[test]
fn every_release_is_covered_by_any_release() {
    let any = with_placeholders(of(PRODUCTION, &Promotion::any()));
    for (release, previous) in [("v2", "v1"), ("1", "0"), ("v2", "none")] {
        let promotion = Promotion { release: Some(release.into()), previous: Some(previous.into()) };
        let plan = plan(PRODUCTION, &promotion);
        let extra = not_allowed(&permissions(&plan, &places()), &any, &plan);
        assert_eq!(extra.iter().map(describe).collect::<Vec<_>>(), Vec::<String>::new(), "{release}");
    }
    assert!(!digest(&any).to_string().is_empty());
    let text = serde_json::to_string(&any).unwrap();
    assert!(
        text.contains("{{ release }}") && text.contains("{{ previous }}") && !text.contains("gonogo-any")
    );
}

/// Others may have chosen the name of a release, so it replaces a placeholder only if it is a plain tag.
#[test]
fn a_release_that_is_not_a_plain_tag_replaces_no_placeholder() {
    let any = with_placeholders(of(PRODUCTION, &Promotion::any()));
    for release in ["../v2", "v2;reboot", "$(reboot)", "-v", "a b", "v..2", "{{ release }}", ""] {
        let plan = Plan { release: release.into(), ..plan(PRODUCTION, &Promotion::any()) };
        let filled = fill_placeholders(&any, &plan);
        let of_others = any
            .iter()
            .filter(|permission| !serde_json::to_string(permission).unwrap().contains("{{ release }}"));
        assert_eq!(filled.len(), of_others.count(), "{release}");
        assert!(filled.len() < any.len());
    }
}

#[test]
fn a_secret_is_sent_to_the_host_of_its_request() {
    let headers = json!({"X": {"secret": {"env": "KEY"}}, "Y": {"secret": {"command": ["pass", "show"]}}, "Z": "plain"});
    let sent = spec("http", &json!({"url": "https://h.example/x?y", "headers": headers}));
    let expected = [
        "sends env KEY to https://h.example",
        "sends command pass show to https://h.example",
        "runs pass show",
    ];
    assert_eq!(sent, expected);
    let tls = json!({"certificate": "c.pem", "key": "k.pem", "roots": "r.pem"});
    let sent = spec("redis", &json!({"url": "rediss://c:1/0", "tls": tls, "cluster": false}));
    assert_eq!(sent, ["sends file c.pem to rediss://c:1", "sends file k.pem to rediss://c:1"]);
    assert_eq!(spec("http", &json!({"url": "https://h.example"})), Vec::<String>::new());
}

/// If the client may find another host in a URL than a person, the whole URL is shown.
/// Secrets and events also go where browsers reach the application.
#[test]
fn the_public_address_of_an_application_is_a_destination() {
    let header = json!({"X-Key": {"secret": {"env": "KEY"}}});
    let api = json!({"url": "https://app.internal", "headers": header});
    let public = "https://app.example.org/";
    for (kind, with, sent) in [
        (
            "token",
            json!({"api": api, "current": {"env": "TOKEN"}, "public_url": public}),
            &["TOKEN", "KEY"][..],
        ),
        ("pipeline", json!({"api": api, "token": {"env": "TOKEN"}, "public_url": public}), &["TOKEN", "KEY"]),
        ("cors", json!({"api": api, "origins": [], "public_url": public}), &["KEY"]),
    ] {
        let lines = spec(kind, &with);
        for host in ["https://app.internal", "https://app.example.org"] {
            for secret in sent {
                let expected = |line: &String| {
                    line.starts_with("sends ")
                        && line.contains(secret)
                        && line.ends_with(&format!(" to {host}"))
                };
                assert!(lines.iter().any(expected), "{kind}: {secret} to {host}: {lines:#?}");
            }
        }
    }
}

#[test]
fn an_ambiguous_url_is_shown_whole() {
    let at = |url: &str| Destination::at(url).address;
    assert_eq!(at("https://h.example:8/a/b?c"), "https://h.example:8");
    for url in [
        "https://evil.example\\@good.example/",
        "https:/evil.example",
        "https://good@evil.example",
        "http:///x",
    ] {
        assert_eq!(at(url), url);
    }
}

#[test]
fn tools_are_known_by_what_they_run() {
    let content = |argv: &[&str], directory| {
        let argv: Vec<_> = argv.iter().map(ToString::to_string).collect();
        tools::content(&argv, directory).iter().map(describe).collect::<Vec<_>>()
    };
    assert_eq!(content(&["/usr/bin/terraform", "-chdir=infra", "apply"], None), ["terraform runs infra"]);
    assert_eq!(content(&["poetry", "check"], Some("/co")), ["poetry runs /co"]);
    assert_eq!(content(&["make", "-C", "x"], Some("co")), ["make runs co/x"]);
    let build = ["docker", "build", "-f", "a/Dockerfile", "-t", "t", "a"];
    assert_eq!(content(&build, None), ["docker runs a/Dockerfile", "docker runs a"]);
    assert_eq!(content(&["docker", "push", "x"], None), Vec::<String>::new());
    assert_eq!(content(&["kubectl", "--kubeconfig", "k", "get"], None), ["kubectl runs k"]);
    assert_eq!(content(&["sh", "-c", "x"], None), Vec::<String>::new());
    assert_eq!(content(&["bash", "-eu", "deploy/x.sh", "y"], Some("co")), ["bash runs co/deploy/x.sh"]);
    assert_eq!(content(&["python3", "-m", "pytest"], None), Vec::<String>::new());
    assert_eq!(content(&["./deploy.sh", "y"], Some("co")), ["deploy.sh runs co/./deploy.sh"]);
    assert_eq!(content(&["/usr/bin/true"], None), Vec::<String>::new());
}

#[test]
fn a_text_that_is_sent_can_change_something_and_a_client_key_is_sent() {
    let tcp = json!({"host": "db", "port": 1, "send": "flush", "expect": [{"contains": "OK"}]});
    assert_eq!(spec("tcp", &tcp), ["writes the text flush to tcp://db:1"]);
    assert!(spec("tcp", &json!({"host": "db", "port": 1})).is_empty());
    let tls = json!({"host": "db", "tls": {"certificate": "c.pem", "key": "k.pem"}});
    assert_eq!(spec("tls", &tls), ["sends file c.pem to tls://db:443", "sends file k.pem to tls://db:443"]);
    assert!(spec("dns", &json!({"name": "db.example.org"})).is_empty());
}
