//! Every kind makes happen what it makes happen, and nothing of it is forgotten.

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

/// What one spec makes happen, as JSON without what is empty.
fn spec(kind: &str, with: &Json) -> Vec<String> {
    let spec = serde_json::from_value(json!({"kind": kind, "with": with})).unwrap();
    specs::of_spec(&spec, false, "probe x").iter().map(told).collect()
}

fn told(permission: &Permission) -> String {
    match permission {
        Permission::Runs(runs) => format!("runs {}", runs.argv.join(" ")),
        Permission::Sends(sends) => format!("sends {} to {}", sends.secret, sends.to.address),
        Permission::RunsContentOf(content) => format!("{} runs {}", content.tool, content.path),
        Permission::Writes(writes) => format!("writes {} to {}", writes.what, writes.to.address),
    }
}

const PRODUCTION: &str = include_str!("../../../../config/production.toml");

/// Each secret of the example leads somewhere, and each program and host of it is there.
#[test]
fn the_example_says_all_that_it_makes_happen() {
    let promotion = Promotion { release: Some("v2".into()), previous: Some("v1".into()) };
    let all = of(PRODUCTION, &promotion);
    let text = serde_json::to_string(&all).unwrap();
    for secret in plan(PRODUCTION, &promotion).secrets() {
        let named = match &secret {
            SecretRef::Env(name) | SecretRef::File(name) => name.clone(),
            SecretRef::Command(argv) => argv[0].clone(),
        };
        assert!(text.contains(&named), "{secret} is read, and nothing says so");
    }
    let told: Vec<_> = all.iter().map(told).collect();
    for part in ["runs poetry check", "runs terraform plan", "poetry runs", "terraform runs", "docker runs"] {
        assert!(told.iter().any(|one| one.starts_with(part)), "{part}: {told:#?}");
    }
    for part in ["runs kubectl", "writes a test span", "writes an upload", "writes an event"] {
        assert!(told.iter().any(|one| one.starts_with(part)), "{part}: {told:#?}");
    }
}

/// What any release makes happen, filled in for one, is what that one makes happen.
#[test]
fn every_release_is_covered_by_any_release() {
    let any = with_placeholders(of(PRODUCTION, &Promotion::any()));
    for (release, previous) in [("v2", "v1"), ("1", "0"), ("v2", "none")] {
        let promotion = Promotion { release: Some(release.into()), previous: Some(previous.into()) };
        let plan = plan(PRODUCTION, &promotion);
        let beyond = not_allowed(&permissions(&plan, &places()), &any, &plan);
        assert_eq!(beyond.iter().map(told).collect::<Vec<_>>(), Vec::<String>::new(), "{release}");
    }
    assert!(!digest(&any).to_string().is_empty());
    let text = serde_json::to_string(&any).unwrap();
    assert!(
        text.contains("{{ release }}") && text.contains("{{ previous }}") && !text.contains("gonogo-any")
    );
}

/// A release is a word that somebody else may have chosen: it fills in nothing where it is more than a tag.
#[test]
fn a_release_that_is_no_plain_tag_fills_in_nothing() {
    let any = with_placeholders(of(PRODUCTION, &Promotion::any()));
    for release in ["../v2", "v2;reboot", "$(reboot)", "-v", "a b", "v..2", "{{ release }}", ""] {
        let plan = Plan { release: release.into(), ..plan(PRODUCTION, &Promotion::any()) };
        let filled = fill_placeholders(&any, &plan);
        let of_others =
            any.iter().filter(|one| !serde_json::to_string(one).unwrap().contains("{{ release }}"));
        assert_eq!(filled.len(), of_others.count(), "{release}");
        assert!(filled.len() < any.len());
    }
}

#[test]
fn a_file_and_a_variable_are_sent_where_the_request_goes() {
    let headers = json!({"X": {"secret": {"env": "KEY"}}, "Y": {"secret": {"command": ["pass", "show"]}}, "Z": "plain"});
    let sent = spec("http", &json!({"url": "https://h.example/x?y", "headers": headers}));
    let all = [
        "sends env KEY to https://h.example",
        "sends command pass show to https://h.example",
        "runs pass show",
    ];
    assert_eq!(sent, all);
    let tls = json!({"certificate": "c.pem", "key": "k.pem", "roots": "r.pem"});
    let sent = spec("redis", &json!({"url": "rediss://c:1/0", "tls": tls, "cluster": false}));
    assert_eq!(sent, ["sends file c.pem to rediss://c:1", "sends file k.pem to rediss://c:1"]);
    assert_eq!(spec("http", &json!({"url": "https://h.example"})), Vec::<String>::new());
}

/// Where the client reads another host out of a URL than a person does, all of it is shown.
#[test]
fn a_destination_does_not_lie() {
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
        tools::content(&argv, directory).iter().map(told).collect::<Vec<_>>()
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
