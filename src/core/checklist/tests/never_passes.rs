//! Probes that could never run or pass.

use super::*;

#[test]
fn a_probe_that_counts_from_another_one_must_name_it() {
    let checklist = |kind: &str, more: &str| {
        format!(
            "name = \"c\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.a\"\ntitle = \"a\"\nwhy = \"w\"\n\
             [[section.point.probe]]\nid = \"o\"\ntitle = \"o\"\nkind = \"command\"\nwith = {{ argv = [\"true\"] }}\n\
             [[section.point.probe]]\nid = \"p\"\ntitle = \"p\"\nkind = \"{kind}\"\n{more}"
        )
    };
    let api = "api = { url = \"http://127.0.0.1:9\" }";
    for (kind, with, needs) in [
        ("jaeger", "service = \"s\", routes = [\"/\"]", true),
        ("prometheus", "risen = [{ series = \"x\" }]", true),
        ("prometheus", "jobs = [{ name = \"x\" }]", false),
    ] {
        let with = format!("with = {{ {api}, {with} }}\n");
        let alone = plan(&checklist(kind, &with), PROFILE);
        assert_eq!(alone.is_err(), needs, "{kind} {with}");
        if let Err(error) = alone {
            let expected = "c.toml:14:1: s.a/p requires since = \"POINT/PROBE\": it looks for";
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert!(plan(&checklist(kind, &format!("since = \"s.a/o\"\n{with}")), PROFILE).is_ok(), "{kind}");
    }
}

#[test]
fn what_could_never_run_or_pass_is_rejected_at_its_place() {
    let checklist = |more: &str| {
        format!(
            "name = \"c\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.a\"\ntitle = \"a\"\nwhy = \"w\"\n\
             [[section.point.probe]]\nid = \"p\"\ntitle = \"p\"\nkind = \"http\"\n{more}"
        )
    };
    let url = "with = { url = \"http://127.0.0.1:9/\" }";
    for (more, expected) in [
        (format!("since = \"s.a/p\"\n{url}"), ":13:1: s.a/p waits for itself"),
        (format!("digest_of = \"s.a/p\"\n{url}"), ":13:1: s.a/p waits for itself"),
        (format!("within = \"6s\"\nhold = \"60s\"\n{url}"), ":14:1: hold is 1m 00s and within is 6s"),
        ("with = { url = \"http://127.0.0.1:9/\", samples = 0 }".to_owned(), "1 or more"),
    ] {
        let error = rejected(&checklist(&more), "environment = \"t\"\n");
        assert!(error.contains(expected), "{error}");
    }
    let held = checklist(&format!("within = \"20s\"\nhold = \"12s\"\n{url}"));
    let profile = "environment = \"t\"\n[points.\"s.a\"]\nwithin = \"6s\"\n";
    let error = rejected(&held, profile);
    assert!(
        error.contains("p.toml:3:1: s.a/p: hold is 12s and within is 6s: it would never pass"),
        "{error}"
    );
    assert!(plan(&held, &profile.replace("6s", "12s")).is_ok());
}
