use super::{PROFILE, WITH, own, rejected};
use crate::checklist::file::STANDARD;

#[test]
fn a_misspelled_kind_is_reported_even_if_values_are_missing() {
    let kinds = "expected one of http, redis, ";
    for with in ["url = \"http://h\"", "url = \"{{ app.url }}\""] {
        let error = rejected(&own("", &format!("kind = \"htp\"\n{WITH}\n{with}")), PROFILE);
        assert!(error.starts_with(&format!("c.toml:13:1: unknown probe kind \"htp\"; {kinds}")), "{error}");
        assert!(error.ends_with("\n  hint: did you mean http?"), "{error}");
    }
    let http = "kind = \"http\"\nwith = { url = \"http://h\" }\n".to_owned();
    let other = format!("{http}or = [{{ kind = \"rediss\", with = {{}} }}]");
    assert!(rejected(&own("", &other), PROFILE).contains("c.toml:15:9: unknown probe kind \"rediss\""));
    let guard = format!(
        "{PROFILE}[[guard]]\nid = \"g\"\ntitle = \"g\"\nkind = \"comand\"\nwith = {{ argv = [\"x\"] }}\n"
    );
    let error = rejected(&own("", &http), &guard);
    assert!(error.starts_with("p.toml:5:1: unknown probe kind \"comand\""), "{error}");
    assert!(error.ends_with("did you mean command?"), "{error}");
    let added = guard.replace("[[guard]]", "[[points.\"s.p\".probe]]");
    assert_eq!(rejected(&own("", &http), &added), error);
}

#[test]
fn a_misspelled_key_is_reported_with_a_suggestion() {
    let http = |keys: &str| format!("kind = \"http\"\n{WITH}\nurl = \"{{{{ app.url }}}}\"\n{keys}");
    let error = rejected(&own("freshh = \"1s\"", &http("")), PROFILE);
    assert!(error.starts_with("c.toml:9:1: unknown field `freshh`, expected one of "), "{error}");
    assert!(error.ends_with("\n  hint: did you mean fresh?"), "{error}");
    // Also if a value is missing, and for a key that is then removed.
    let value = "[values.app]\nurl = \"http://h\"\n";
    for profile in [PROFILE.to_owned(), format!("{PROFILE}{value}")] {
        for (keys, at) in [("statuss = 200", "16:1"), ("\"statuss?\" = \"{{ app.status }}\"", "16:1")] {
            let error = rejected(&own("", &http(keys)), &profile);
            assert!(error.starts_with(&format!("c.toml:{at}: unknown field `statuss`")), "{error}");
            assert!(error.ends_with("did you mean status?"), "{error}");
        }
    }
    let error = rejected(&own("confirm = \"tow\"", &http("")), PROFILE);
    assert!(error.starts_with("c.toml:9:11: confirm: unknown variant `tow`"), "{error}");
    assert!(error.ends_with("did you mean two?"), "{error}");
    let error = rejected(STANDARD, "environment = \"t\"\n[points.\"infra.rediss\"]\n");
    assert_eq!(
        error,
        "p.toml:2:9: the checklist has no control point infra.rediss\n  hint: did you mean infra.redis?"
    );
    let error = rejected(&own("", "like = \"s.p/q\""), PROFILE);
    assert!(
        error.starts_with("c.toml:13:1: the checklist has no probe s.p/q\n  hint: did you mean s.p/p?"),
        "{error}"
    );
}

#[test]
fn a_misspelled_placeholder_is_reported_with_its_location() {
    let http = |url: &str| own("", &format!("kind = \"command\"\n{WITH}\nargv = [\"x\",\n  \"{url}\"]"));
    let profile = format!("{PROFILE}[values.app]\nurl = \"http://h\"\nother = 1\n");
    let error =
        |url: &str| rejected(&http(&format!("{{{{ app.url }}}} {{{{ app.other }}}} {url}")), &profile);
    assert_eq!(error("{{ relese }}"), "c.toml:16:3: unknown value relese; did you mean {{ release }}?");
    assert_eq!(error("{{ app.ulr }}"), "c.toml:16:3: unknown value app.ulr; did you mean {{ app.url }}?");
    let single = "c.toml:16:3: a value is written in double braces; did you mean {{ release }}?";
    assert_eq!(error("v{release}"), single);
    let own = "[[points.\"s.p\".probe]]\nid = \"q\"\ntitle = \"q\"\nkind = \"command\"\nwith = { argv = [\"x\", \"{{ relese }}\"] }\n";
    let profile = format!("{profile}{own}");
    let error = rejected(&http("{{ app.url }} {{ app.other }}"), &profile);
    assert_eq!(error, "p.toml:9:23: unknown value relese; did you mean {{ release }}?");
}
