use super::*;
use crate::journal::public_key::tests::{ecdsa_forms, ed25519_forms};
use crate::testing::signer;

const NAMESPACE: &str = "gonogo-entry-v1";

fn day(text: &str) -> Utc {
    Utc::parse(text).unwrap()
}

/// The lines in a file's warnings, and their reasons.
fn ignored(text: &str) -> Vec<(usize, IgnoredReason)> {
    let signers = AllowedSigners::parse("s", text);
    signers.ignored().iter().map(|line| (line.place.line, line.reason.clone())).collect()
}

fn trusts(text: &str, principal: &str, key: &str) -> bool {
    let signers = AllowedSigners::parse("s", text);
    signers.check(principal, key, NAMESPACE, day("2026-06-01T00:00:00Z")).is_ok()
}

#[test]
fn options_are_respected() {
    let (key, other) = (signer("a@x").public, signer("b@x").public);
    let text = format!(
        "# people\n\na@x namespaces=\"gonogo-*,git,!git\",valid-after=\"20260101Z\",valid-before=\"20261231235959Z\" {key} a comment\nb@x {other}\n"
    );
    let signers = AllowedSigners::parse("s", &text);
    assert_eq!(signers.ignored(), []);
    assert_eq!(signers.check("a@x", &key, NAMESPACE, day("2026-12-31T23:59:59.900Z")), Ok(()));
    assert_eq!(signers.check("b@x", &other, "any", day("1969-06-01T00:00:00Z")), Ok(()));
    let refused = |who, namespace, at| signers.check(who, &key, namespace, day(at)).unwrap_err().to_string();
    assert!(refused("c@x", NAMESPACE, "2026-06-01T00:00:00Z").contains("not among"));
    assert!(refused("a@x", "file", "2026-06-01T00:00:00Z").contains("sign under file"));
    assert!(refused("a@x", "git", "2026-06-01T00:00:00Z").contains("sign under git"));
    assert!(refused("a@x", NAMESPACE, "2025-12-31T23:59:59Z").contains("not valid yet"));
    assert!(refused("a@x", NAMESPACE, "2027-01-01T00:00:00Z").contains("no longer valid"));
    assert!(refused("b@x", NAMESPACE, "2026-06-01T00:00:00Z").contains("not the one"));
    let before = format!("a@x valid-before=\"20261231Z\" {key}");
    let before = AllowedSigners::parse("s", before);
    assert!(before.check("a@x", &key, NAMESPACE, day("1969-12-31T23:59:59Z")).is_err());
}

/// A line with a key, in each form that OpenSSH reads.
#[test]
fn lines_are_parsed_as_by_openssh() {
    let key = signer("a@x").public;
    let tabs = key.replace(' ', "\t");
    for text in [
        format!("a@x {key}"),
        format!("a@x {key}\r\n"),
        format!(" \ta@x \t {tabs} x\n"),
        format!("a@x\r{key}\n"),
        format!("a@x,a@x, {key}\n"),
        format!(",,a@x {key}\n"),
        format!("\"a@x\" {key}\n"),
        format!("\"a@x\"{key}\n"),
        format!("a\"@x\"{key}\n"),
        format!("a@x ,,namespaces=\"gonogo-*\",,valid-after=\"20260101Z\" {key}\n"),
        format!("a@x NameSpaces=\"gonogo-*,\\\"x\" {key}\n"),
        format!("a@x {key} ü {}\n", "x".repeat(200_000)),
    ] {
        assert!(trusts(&text, "a@x", &key), "{text}");
        assert_eq!(ignored(&text), [], "{text}");
    }
    let latin = [b"# \xfc\n", format!("a@x {key} ").as_bytes(), b"\xfc\n"].concat();
    assert_eq!(AllowedSigners::parse("s", latin).ignored(), []);
    assert!(trusts(&format!("\"a x\" {key}\n"), "a x", &key));
}

#[test]
fn an_ignored_line_is_reported_and_does_not_affect_others() {
    use IgnoredReason as Reason;
    let (key, bob) = (signer("a@x").public, signer("b@x").public);
    let weak = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let compressed = &ecdsa_forms()[2];
    let option = |text: &str| Reason::Option(text.into());
    let local = |name| Reason::LocalTime(name, "20260615".into());
    let time = |name, text: &str| Reason::Time(name, text.into());
    for (line, reason) in [
        (format!("gonogo {key}"), Reason::Machine),
        (format!("a@x,gonogo {key}"), Reason::Machine),
        (format!("\u{feff}a@x {key}"), Reason::ByteOrderMark),
        (format!("\u{feff}# people, {key}"), Reason::ByteOrderMark),
        (format!("{} {key}", "a".repeat(1023)), Reason::Name(text_of(&"a".repeat(1023)))),
        (format!("a@x cert-authority {key}"), Reason::Certificate),
        ("a@x ssh-ed25519-cert-v01@openssh.com AAAA".into(), Reason::Certificate),
        ("ssh-ed25519-cert-v01@openssh.com AAAA a@x".into(), Reason::Certificate),
        (format!("a@x {weak}"), Reason::Unfit(super::super::public_key::RejectedKey::Weak)),
        (format!("a@x {compressed}"), Reason::Unfit(super::super::public_key::RejectedKey::Compressed)),
        ("a@x".into(), Reason::Key),
        ("a@x ssh-ed25519 AAAA".into(), Reason::Key),
        (key.clone(), Reason::NoName(key.clone())),
        (format!("\t{key} a@x"), Reason::NoName(key.clone())),
        (format!("a@x\x0b{key}"), Reason::Name("a@x\\u{b}ssh-ed25519".into())),
        (format!("\"a@x {key}"), Reason::Quote),
        (format!("a@x namespaces=\"git {key}"), Reason::Quote),
        (format!(", {key}"), Reason::Form),
        (format!("\ra@x {key}"), Reason::CarriageReturn),
        (format!("a@x {key}\0x"), Reason::ZeroByte),
        (format!("a@x foo {key}"), option("foo")),
        (format!("a@x \"b\" {key}"), option("\"b\"")),
        (format!("a@x namespaces=gonogo-* {key}"), option("namespaces=gonogo-*")),
        (format!("a@x namespaces=\"x\"y {key}"), option("y")),
        (format!("a@x namespaces=\"x\", {key}"), option(",")),
        (format!("a@x , {key}"), option(",")),
        (format!("a@x namespaces=\"x\",namespaces=\"y\" {key}"), Reason::Twice("namespaces")),
        (
            format!("a@x valid-before=\"20260101Z\",valid-before=\"20270101Z\" {key}"),
            Reason::Twice("valid-before"),
        ),
        (format!("a@x valid-after=\"20260615\" {key}"), local("valid-after")),
        (format!("a@x valid-before=\"20260615\" {key}"), local("valid-before")),
        (format!("a@x valid-after=\"never\" {key}"), time("valid-after", "never")),
        (format!("a@x valid-before=\"19691231Z\" {key}"), time("valid-before", "19691231Z")),
        (format!("a@x valid-after=\"20270101Z\",valid-before=\"20270101Z\" {key}"), Reason::NeverValid),
    ] {
        let text = format!("{line}\nb@x {bob}\n");
        assert_eq!(ignored(&text), [(1, reason)], "{line}");
        assert!(trusts(&text, "b@x", &bob) && !trusts(&text, "a@x", &key), "{line}");
    }
    let warnings = AllowedSigners::parse("s", format!("b@x {bob}\n\"a@x {key}\n")).warnings();
    assert_eq!(warnings, ["s:2: a quote is not closed: this line is ignored"]);
}

/// The names of a line are a pattern list, as for `ssh-keygen -Y verify`.
#[test]
fn a_line_names_its_owner_by_names_and_patterns() {
    let key = signer("a@x").public;
    for (list, trusted, distrusted) in [
        ("a@x,b@x", &["a@x", "b@x"][..], &["c@x", "a@x,b@x", "A@x"][..]),
        ("*@x", &["a@x", "@x"], &["a@y", "a"]),
        ("a?x", &["a@x", "a.x"], &["a@@x"]),
        ("*@x,!b@x", &["a@x"], &["b@x"]),
        ("!b@x,*", &["a@x", "c"], &["b@x", MACHINE]),
        ("!b@x", &[], &["a@x", "b@x"]),
        ("a@x,!a@x", &[], &["a@x"]),
    ] {
        let text = format!("{list} {key}\n");
        assert_eq!(ignored(&text), [], "{list}");
        assert!(trusted.iter().all(|name| trusts(&text, name, &key)), "{list}");
        assert!(!distrusted.iter().any(|name| trusts(&text, name, &key)), "{list}");
    }
    // A name in a log is never a pattern.
    let roster = AllowedSigners::of_people([("*", key.as_str()), ("a@x,b@x", key.as_str())].into_iter());
    assert!(roster.check("a@x", &key, NAMESPACE, day("2026-06-01T00:00:00Z")).is_err());
}

/// Such a file is wrong itself, whatever the log is.
#[test]
fn a_file_without_a_usable_line_says_why() {
    let key = signer("a@x").public;
    let utf16 =
        |text: &str| [vec![0xff, 0xfe], text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat();
    let why = |content: &[u8]| AllowedSigners::parse("s", content).why_unusable();
    for (content, said) in [
        (vec![], "it names nobody"),
        ("\n# people\n".into(), "it names nobody"),
        (
            utf16(&format!("a@x {key}\nb@x {key}\n")),
            "line 1: it is UTF-16, which OpenSSH cannot read; save the file as UTF-8 without BOM",
        ),
        ("\u{feff}".into(), "line 1: it begins with a byte order mark"),
        (
            format!("{key}\n").into_bytes(),
            &*format!("line 1: it has no name in front of its key; write `NAME {key}`"),
        ),
        (
            "\na@x\nb@x\n".into(),
            "line 2: expected a public key, as `ssh-keygen -y` writes it; other ignored lines: 1",
        ),
    ] {
        let found = why(&content).unwrap();
        assert!(found.starts_with(said), "{found}");
    }
    assert_eq!(why(format!("garbage\n*@x {key}\n").as_bytes()), None);
}

fn text_of(name: &str) -> String {
    crate::text::excerpt(name.as_bytes(), 80)
}

#[test]
fn one_secret_key_never_belongs_to_two_people() {
    let two = |reasons: Vec<(usize, IgnoredReason)>| {
        reasons
            .iter()
            .all(|(_, reason)| matches!(reason, IgnoredReason::TwoNames(names) if names == "a@x and b@x"))
    };
    let [plain, sk, other] = ed25519_forms();
    let [ecdsa, sk_ecdsa, ..] = ecdsa_forms();
    for (first, second) in [(&plain, &plain), (&plain, &sk), (&sk, &other), (&ecdsa, &sk_ecdsa)] {
        let text = format!("a@x {first}\nb@x {second}\n");
        assert!(ignored(&text).len() == 2 && two(ignored(&text)), "{text}");
        assert!(!trusts(&text, "a@x", first) && !trusts(&text, "b@x", second), "{text}");
        // Two forms of one person's key belong to one person.
        let text = format!("a@x {first}\na@x {second}\n");
        assert!(trusts(&text, "a@x", first) && trusts(&text, "a@x", second), "{text}");
    }
    // An ignored line does not count as a name of its key.
    assert!(trusts(&format!("b@x cert-authority {plain}\ngonogo {plain}\na@x {plain}\n"), "a@x", &plain));
}

#[test]
fn a_revoked_key_is_revoked_in_each_of_its_forms() {
    let [plain, sk, _] = ed25519_forms();
    for (revoked, key) in [(&plain, &plain), (&plain, &sk), (&sk, &plain)] {
        let revoked = RevokedKeys::parse("r", revoked.as_bytes()).unwrap();
        let signers = AllowedSigners::parse("s", format!("a@x {key}\n")).with_revoked(revoked.clone());
        let result = signers.check("a@x", key, NAMESPACE, day("2026-06-01T00:00:00Z"));
        assert_eq!(result, Err(DistrustError::Revoked("a@x".into())));
        let any_signer = AllowedSigners::any_rehearsal().with_revoked(revoked);
        assert!(any_signer.check("a@x", key, NAMESPACE, day("2026-06-01T00:00:00Z")).is_err());
    }
}

/// A readable number is listed, and the others are counted.
#[test]
fn a_limited_number_of_ignored_lines_is_listed() {
    let signers = AllowedSigners::parse("s", "x\n".repeat(100_000));
    assert_eq!((signers.ignored().len(), signers.warnings().len()), (100, 101));
    assert_eq!(signers.warnings()[100], "99900 more lines are ignored");
    let stars = format!("a@x namespaces=\"{}\" {}\n", "*".repeat(200_000), signer("a").public);
    assert!(ignored(&stars).is_empty() && !trusts(&stars, "a@x", &signer("a").public));
}

#[test]
fn a_public_key_is_recognized_by_its_start() {
    for key in ["ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 AAAA", "sk-ssh-ed25519@openssh.com AAAA"] {
        assert!(is_key(key), "{key}");
    }
    for other in ["ann@example.org", "keys/ssh-ed25519", "", "SSH-ed25519 AAAA"] {
        assert!(!is_key(other), "{other}");
    }
}
