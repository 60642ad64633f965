//! The syntax of names in a profile that are used in argument lists or paths: a name that starts with `-` would be an
//! option there. Checked while a spec is decoded, so also for a plan in a log.

use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Deserializer, de};

use crate::text::{clip, is_harmful};

/// The maximum length of an id or name in a checklist, in bytes: every entry about the part contains it.
const MAX_ID: usize = 100;
/// How much of a word an error message repeats, in bytes.
const MAX_FOUND: usize = 120;

/// The syntax of a kind of names.
pub(in crate::checklist) trait Syntax {
    /// What is expected, for error messages.
    const EXPECTED: &'static str;
    /// Whether a word has this syntax.
    fn is_valid(word: &str) -> bool;
}

/// A Kubernetes namespace; empty for the context's own.
pub(in crate::checklist) struct Namespace;
/// The name of a Kubernetes deployment.
pub(in crate::checklist) struct Deployment;
/// A context of a kubeconfig; empty for the current one.
pub(in crate::checklist) struct Context;
/// An image's tag.
pub(in crate::checklist) struct ImageTag;
/// An image's digest.
pub(in crate::checklist) struct Digest;
/// An image's repository.
pub(in crate::checklist) struct Repository;
/// A release: a git tag. Empty if unknown.
pub(in crate::checklist) struct Release;
/// A host: a name or an IP address, without a port.
pub(in crate::checklist) struct Host;
/// A full name in the DNS.
pub(in crate::checklist) struct DnsName;
/// A DNS server: an IP address, with a port or without one.
pub(in crate::checklist) struct DnsServer;
/// A link: an address of the web.
pub(in crate::checklist) struct Link;
/// How to reach somebody: a name, a channel, a number, a link.
pub(in crate::checklist) struct ContactText;
/// The id or name of a part of a checklist: a section, a control point, a probe, an action.
pub(in crate::checklist) struct Id;

/// RFC 1123 labels: <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>.
fn is_label(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [word.bytes().next(), word.bytes().last()];
    ends.iter().all(|end| end.is_some_and(plain)) && word.bytes().all(|byte| plain(byte) || byte == b'-')
}

impl Syntax for Namespace {
    const EXPECTED: &'static str =
        "a namespace: at most 63 lower-case letters, digits and `-`, a letter or digit first and last";
    fn is_valid(word: &str) -> bool {
        word.is_empty() || word.len() <= 63 && is_label(word)
    }
}

impl Syntax for Deployment {
    const EXPECTED: &'static str = "the name of a deployment: at most 253 lower-case letters, digits, `-` and `.`, \
                                    a letter or digit first and last";
    fn is_valid(word: &str) -> bool {
        word.len() <= 253 && word.split('.').all(is_label)
    }
}

impl Syntax for Context {
    const EXPECTED: &'static str = "the name of a context, without control characters and no `-` first";
    fn is_valid(word: &str) -> bool {
        !word.starts_with('-') && !word.chars().any(is_harmful)
    }
}

/// The grammars of the distribution specification:
/// <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests>.
impl Syntax for ImageTag {
    const EXPECTED: &'static str =
        "an image's tag: at most 128 letters, digits, `_`, `.` and `-`, no `.` or `-` first";
    fn is_valid(word: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (1..=128).contains(&word.len())
            && word.bytes().next().is_some_and(plain)
            && word.bytes().all(|byte| plain(byte) || byte == b'.' || byte == b'-')
    }
}

impl Syntax for Digest {
    const EXPECTED: &'static str = "a digest such as sha256:0123…";
    fn is_valid(word: &str) -> bool {
        let Some((algorithm, encoded)) = word.split_once(':') else { return false };
        let is_word = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let is_encoded = |byte: u8| byte.is_ascii_alphanumeric() || b"=_-".contains(&byte);
        algorithm.split(['+', '.', '_', '-']).all(is_word)
            && !encoded.is_empty()
            && encoded.bytes().all(is_encoded)
    }
}

impl Syntax for Repository {
    const EXPECTED: &'static str = "a repository such as team/app: lower-case letters and digits, with `.`, `_`, `__`, `-` or `/` between them";
    fn is_valid(word: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_separator = |between: &[u8]| {
            matches!(between, b"" | b"." | b"_" | b"__") || between.iter().all(|byte| *byte == b'-')
        };
        let is_component = |component: &str| {
            let bytes = component.as_bytes();
            let ends = [bytes.first(), bytes.last()];
            ends.iter().all(|end| end.is_some_and(|byte| plain(*byte)))
                && bytes.split(|byte| plain(*byte)).all(is_separator)
        };
        word.len() <= 255 && word.split('/').all(is_component)
    }
}

/// What `git check-ref-format` accepts after `refs/tags/`, except a `-` at the start: git-check-ref-format(1).
impl Syntax for Release {
    const EXPECTED: &'static str = "a release tag as git allows it, with no `-` first and no white space";
    fn is_valid(word: &str) -> bool {
        let is_foreign = |c: char| c == ' ' || "~^:?*[\\".contains(c) || is_harmful(c);
        let is_component =
            |part: &str| !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none();
        word.is_empty()
            || !word.starts_with('-')
                && !word.ends_with('.')
                && !word.chars().any(is_foreign)
                && !word.contains("..")
                && !word.contains("@{")
                && word.split('/').all(is_component)
    }
}

/// RFC 1123, with the underscores of names inside of containers. `::1` and `[::1]` are the same.
impl Syntax for Host {
    const EXPECTED: &'static str = "a host name or an IP address, without a scheme and a port";
    fn is_valid(word: &str) -> bool {
        let bare = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(word);
        bare.parse::<IpAddr>().is_ok() || is_host_name(word)
    }
}

/// RFC 1035, with the underscores of RFC 2782 and the wildcards of RFC 4592.
impl Syntax for DnsName {
    const EXPECTED: &'static str = "a name in the DNS, such as app.example.org or _sip._tcp.example.org";
    fn is_valid(word: &str) -> bool {
        let name = word.strip_suffix('.').unwrap_or(word);
        is_host_name(name.strip_prefix("*.").unwrap_or(name))
    }
}

impl Syntax for DnsServer {
    const EXPECTED: &'static str = "the IP address of a DNS server, such as 10.0.0.2 or 10.0.0.2:5353";
    fn is_valid(word: &str) -> bool {
        word.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok()
    }
}

/// Without the characters that end a link in Markdown, HTML or a terminal (RFC 3986 allows none of them).
impl Syntax for Link {
    const EXPECTED: &'static str =
        "a link such as https://wiki.example.org/runbook, of at most 500 characters";
    fn is_valid(word: &str) -> bool {
        let rest = word.strip_prefix("https://").or_else(|| word.strip_prefix("http://"));
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>\\^`{|}".contains(&byte);
        word.len() <= 500
            && rest.is_some_and(|rest| rest.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()))
            && word.bytes().all(is_plain)
    }
}

impl Syntax for ContactText {
    const EXPECTED: &'static str = "who can be called and how, in at most 200 bytes";
    fn is_valid(word: &str) -> bool {
        (1..=200).contains(&word.len()) && !word.trim().is_empty() && !word.chars().any(is_harmful)
    }
}

/// Whether a text is a link, `http://…` or `https://…`.
#[must_use]
pub fn is_link(text: &str) -> bool {
    Link::is_valid(text)
}

fn is_host_name(word: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let is_part =
        |part: &str| (1..=63).contains(&part.len()) && !part.starts_with('-') && part.chars().all(is_plain);
    word.len() <= 253 && word.split('.').all(is_part)
}

impl Syntax for Id {
    const EXPECTED: &'static str = "at most 100 bytes";
    fn is_valid(word: &str) -> bool {
        word.len() <= MAX_ID
    }
}

/// Checks the syntax of a word.
///
/// # Errors
/// What was expected and what was found.
pub(in crate::checklist) fn check<F: Syntax>(word: &str) -> Result<(), String> {
    let wrong = || format!("expected {}, found {:?}", F::EXPECTED, clip(word, MAX_FOUND));
    if F::is_valid(word) { Ok(()) } else { Err(wrong()) }
}

/// Checks whether a text is valid as a release tag.
///
/// # Errors
/// What was expected and what was found.
pub fn check_release(tag: &str) -> Result<(), String> {
    check::<Release>(tag)
}

/// A word that is checked while it is decoded, when its place is known.
struct Validated<F>(String, PhantomData<F>);

impl<'de, F: Syntax> Deserialize<'de> for Validated<F> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        check::<F>(&word).map_err(de::Error::custom)?;
        Ok(Self(word, PhantomData))
    }
}

/// Decodes a word of a syntax.
pub(in crate::checklist) fn one<'de, F: Syntax, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Validated::<F>::deserialize(from).map(|value| value.0)
}

/// Decodes an optional word of a syntax.
pub(in crate::checklist) fn option<'de, F: Syntax, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<String>, D::Error> {
    Option::<Validated<F>>::deserialize(from).map(|value| value.map(|value| value.0))
}

/// Decodes a list of words of a syntax.
pub(in crate::checklist) fn list<'de, F: Syntax, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<String>, D::Error> {
    Vec::<Validated<F>>::deserialize(from).map(|values| values.into_iter().map(|value| value.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_all<F: Syntax>(good: &[&str], bad: &[&str]) {
        for word in good {
            assert!(F::is_valid(word), "{word:?}: {}", F::EXPECTED);
        }
        for word in bad {
            assert!(!F::is_valid(word), "{word:?}: {}", F::EXPECTED);
        }
    }

    #[test]
    fn names_of_kubernetes_are_distinguished_from_options() {
        let long = "a".repeat(64);
        check_all::<Namespace>(
            &["", "realtime", "a-1", "1a"],
            &["-n", "a.b", "A", "a_b", "a-", &long, "a\nb"],
        );
        check_all::<Deployment>(
            &["advanced-app", "my.app-1", &long],
            &["", "--kubeconfig=/x", "-a", "a/b", "a..b", ".a", "a b", "Ä"],
        );
        check_all::<Context>(
            &["", "production", "arn:aws:eks:eu-central-1:1:cluster/x", "admin@k8s", "a b"],
            &["--kubeconfig=/x", "-c", "a\nb", "a\u{202e}b"],
        );
    }

    #[test]
    fn names_of_images_are_distinguished_from_options_and_paths() {
        let long = "a".repeat(129);
        check_all::<ImageTag>(
            &["v1", "V1.4.0", "1.4.0_rc-1", "_x"],
            &["", "-v", ".v", "a/b", "a b", "a:b", &long],
        );
        check_all::<Digest>(
            &["sha256:0aB", "sha512+b64u:x-_="],
            &["", "sha256", "sha256:", "SHA256:0", "a:b/c"],
        );
        check_all::<Repository>(
            &["app", "platform/advanced-app", "a__b/c---d", "a.b"],
            &["", "-a", "../x", "a//b", "a/", "A", "a_._b", "a___b", "a?b"],
        );
    }

    #[test]
    fn hosts_are_distinguished_from_addresses_and_options() {
        check_all::<Host>(
            &["db", "db.example.org", "my_db", "10.0.0.1", "::1", "[::1]", "bücher.example"],
            &["", "-db", "db:5432", "tcp://db", "db/x", "a b", "a..b", "[db]", "@8.8.8.8"],
        );
        check_all::<DnsName>(
            &["app.example.org", "app.example.org.", "_sip._tcp.example.org", "*.example.org", "org"],
            &["", ".", "-x", "@ns", "+short", "a b", "a*.b"],
        );
        check_all::<DnsServer>(
            &["10.0.0.2", "10.0.0.2:5353", "::1", "[::1]:53"],
            &["", "ns.example.org", "10.0.0.2:", "@10.0.0.2"],
        );
    }

    #[test]
    fn a_link_is_of_the_web_and_ends_where_it_ends() {
        check_all::<Link>(
            &["https://wiki.example.org/a_(b)?c=d&e#f", "http://localhost:3000", "https://x/%20"],
            &[
                "",
                "https://",
                "javascript:alert(1)",
                "ftp://x",
                "https://a b",
                "https://a>b",
                "https://a\nb",
                "https://ä",
                "x",
            ],
        );
        check_all::<ContactText>(
            &["#db-oncall", "+49 30 1234567", "SRE, ops@boards.io"],
            &["", " ", "a\nb", "\u{202e}x"],
        );
    }

    #[test]
    fn a_release_is_a_valid_git_tag() {
        let good = ["", "v1.4.0", "release/2026-01", "1.0+build", "v1_RC", "größer"];
        let bad =
            ["-v1", "--all", "v1 x", "v1..v2", "v1^{commit}", "a:b", "/a", "a/", "a.lock", "a.", ".a", "a\n"];
        check_all::<Release>(&good, &bad);
    }
}
