use super::{PROFILE, WITH, own, rejected};
use crate::checklist::file::STANDARD;
use crate::checklist::{Checklist, Profile, Promotion, SourceFile, resolve};

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
    assert!(error.starts_with("c.toml:9:1: unknown key `freshh`, expected one of "), "{error}");
    assert!(error.ends_with("\n  hint: did you mean fresh?"), "{error}");
    // Also if a value is missing, and for a key that is then removed.
    let value = "[values.app]\nurl = \"http://h\"\n";
    for profile in [PROFILE.to_owned(), format!("{PROFILE}{value}")] {
        for (keys, at) in [("statuss = 200", "16:1"), ("\"statuss?\" = \"{{ app.status }}\"", "16:1")] {
            let error = rejected(&own("", &http(keys)), &profile);
            assert!(error.starts_with(&format!("c.toml:{at}: unknown key `statuss`")), "{error}");
            assert!(error.ends_with("did you mean status?"), "{error}");
        }
    }
    let error = rejected(&own("confirm = \"tow\"", &http("")), PROFILE);
    assert!(error.starts_with("c.toml:9:11: confirm: unknown value `tow`"), "{error}");
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

/// Whatever the parser or the decoder calls it.
#[test]
fn messages_about_a_file_use_the_terms_of_toml_and_say_what_to_do() {
    let own_point = |keys: &str| own(keys, &format!("kind = \"http\"\n{WITH}\nurl = \"http://h\""));
    for (checklist, profile, says) in [
        (
            STANDARD.to_owned(),
            "environment = \"p\"\nenvironment = \"q\"\n",
            "p.toml:2:1: the key `environment` is there twice\n  hint: remove one of the two",
        ),
        (
            STANDARD.to_owned(),
            "environment = \"p\"\n[values.a]\nx = 1\n[values.a]\n",
            "p.toml:4:9: the key `a` is there twice\n  hint: write all its keys below one header",
        ),
        (STANDARD.to_owned(), "environment = p\n", "p.toml:1:15: a string must be in quotes"),
        (STANDARD.to_owned(), "environment = \"p\n", "p.toml:1:17: the string has no closing quote"),
        (
            STANDARD.to_owned(),
            "environment = \"p\"\nseals = [\"drver\"]\n",
            "p.toml:2:10: seals: unknown value `drver`, expected `driver` or `reviewer`\n  hint: did you mean driver?",
        ),
        (own_point("confirm = {}"), PROFILE, "c.toml:9:11: confirm: expected a string, found a table"),
        (
            own_point("confirm = \"one\"\nconfirm = \"one\""),
            PROFILE,
            "c.toml:10:1: the key `confirm` is there twice",
        ),
    ] {
        let error = rejected(&checklist, profile);
        assert!(error.starts_with(says), "{error}\n{says}");
    }
}

/// Not the line of the checklist that uses it.
#[test]
fn a_wrong_value_is_reported_where_it_is_given() {
    let limits = "environment = \"p\"\n[values.rabbitmq]\nurl = \"amqp://h\"\nmanagement = \"http://h\"\nusername = \"u\"\n\
        password = { env = \"X\" }\nlimits = \"nne\"\n";
    let error = rejected(STANDARD, limits);
    let says = "p.toml:7:1: rabbitmq.limits: unknown value `nne`, expected `none` or `recorded`\n  hint: did you mean none?";
    assert!(error.starts_with(says), "{error}");
    let tag = own(
        "",
        &format!(
            "kind = \"registry\"\n{WITH}\napi = {{ url = \"http://h\" }}\nrepository = \"r\"\ntag = \"{{{{ previous }}}}\""
        ),
    );
    let checklist = Checklist::parse(SourceFile::new("c.toml", &*tag)).unwrap();
    let resolved = |profile: &str, previous: Option<&str>| {
        let profile = Profile::parse(SourceFile::new("p.toml", profile)).unwrap();
        let promotion = Promotion { release: Some("v1".into()), previous: previous.map(str::to_owned) };
        resolve(&checklist, &profile, &promotion).unwrap_err().to_string()
    };
    // A tag of git that no image can have.
    let error = resolved(PROFILE, Some("release/1"));
    assert!(error.starts_with("--previous release/1: expected "), "{error}");
    let error = resolved("environment = \"t\"\nprevious = \"release/1\"\n", None);
    assert!(error.starts_with("p.toml:2:1: previous: expected "), "{error}");
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
