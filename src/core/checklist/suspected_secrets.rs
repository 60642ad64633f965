//! Finds texts in a file that look like secrets. Certain ones are rejected when the file is read (`literal_secrets`); these
//! are warnings. Values are not repeated.

mod commands;

use std::sync::LazyLock;

use super::lint::{LintFinding, LintLevel};
use super::literal_secrets::{ARGUMENTS, MIN_SECRET_LENGTH, named_secret, query};
pub use super::literal_secrets::{is_mask, is_reference, is_secret_name, words};
use super::source::{KeyPath, PathStep, SourceFile};
use super::spec::Pattern;

/// The formats of secrets that identify themselves, and their names. Sources: the services' own pages, RFC 7519 for JSON
/// web tokens, RFC 7468 for private keys.
pub const SECRET_FORMATS: &[(&str, &str)] = &[
    ("an AWS access key", r"\b(AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"),
    ("a GitHub token", r"\b(gh[pousr]_[0-9A-Za-z]{30,}|github_pat_[0-9A-Za-z_]{30,})\b"),
    ("a GitLab token", r"\bgl(pat|ptt|dt|rt|cbt|soat|agent|ft|imt|oas)-[0-9A-Za-z_-]{16,}"),
    ("a Slack token", r"\b(xox[abeoprs]|xapp)-[0-9A-Za-z-]{10,}"),
    ("a Slack webhook", r"hooks\.slack\.com/(services|workflows)/[0-9A-Z]+/[0-9A-Z]+/[0-9A-Za-z]+"),
    ("a Vault token", r"\bhv[sbr]\.[0-9A-Za-z_-]{20,}"),
    ("a JSON web token", r"\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    ("a private key of age", r"\bAGE-SECRET-KEY-1[0-9A-Z]{20,}"),
    ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("a Google OAuth secret", r"\bGOCSPX-[0-9A-Za-z_-]{20,}"),
    ("a Google access token", r"\bya29\.[0-9A-Za-z_-]{30,}"),
    ("a Stripe key", r"\b([rs]k_(live|test)|whsec)_[0-9A-Za-z]{16,}"),
    ("an npm token", r"\bnpm_[0-9A-Za-z]{36}"),
    ("a PyPI token", r"\bpypi-Ag[0-9A-Za-z_-]{30,}"),
    ("a Docker Hub token", r"\bdckr_[op]at_[0-9A-Za-z_-]{20,}"),
    ("a SendGrid key", r"\bSG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}"),
    ("a DigitalOcean token", r"\bdo[opr]_v1_[0-9a-f]{64}"),
    ("a Hugging Face token", r"\bhf_[0-9A-Za-z]{34}"),
    ("an OpenAI key", r"\bsk-[0-9A-Za-z_-]{16,}T3BlbkFJ[0-9A-Za-z_-]{16,}"),
    ("an Anthropic key", r"\bsk-ant-[0-9A-Za-z]{3,}-[0-9A-Za-z_-]{20,}"),
    ("an Azure storage key", r"AccountKey=[0-9A-Za-z+/]{80,}="),
    ("a Grafana token", r"\bgl(sa|c)_[0-9A-Za-z_+/]{30,}"),
    ("an Atlassian token", r"\bATATT3[0-9A-Za-z_=-]{30,}"),
    ("a Databricks token", r"\bdapi[0-9a-f]{32}\b"),
    ("a Shopify token", r"\bshp(at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    ("a Terraform token", r"\b[0-9A-Za-z]{14}\.atlasv1\.[0-9A-Za-z_-]{40,}"),
    ("a Pulumi token", r"\bpul-[0-9a-f]{40}\b"),
    ("a Sentry token", r"\bsntry[su]_[0-9A-Za-z_=+/-]{30,}"),
    ("a New Relic key", r"\bNRAK-[0-9A-Z]{20,}"),
    ("a RubyGems key", r"\brubygems_[0-9a-f]{48}"),
];

static PATTERNS: LazyLock<Vec<(&str, Pattern)>> = LazyLock::new(|| {
    SECRET_FORMATS.iter().filter_map(|(name, shape)| Some((*name, Pattern::new(shape).ok()?))).collect()
});

/// The minimum length of a random word that may be a key.
const MIN_RANDOM_LENGTH: usize = 32;
/// The lengths of SHA-1 and SHA-256 in hexadecimal digits: mostly commits and digests.
const DIGESTS: [usize; 2] = [40, 64];
/// Prefixes of digests and fingerprints.
const BEFORE_DIGEST: [&str; 5] = ["sha256:", "sha384:", "sha512:", "sha1:", "md5:"];
/// Prefixes of digests in Subresource Integrity.
const INTEGRITY: [&str; 3] = ["sha256-", "sha384-", "sha512-"];
/// The prefix of public keys in OpenSSH's format.
const PUBLIC_KEY: &str = "AAAA";
/// Values that are never secrets.
const NON_SECRETS: [&str; 7] = ["true", "false", "yes", "no", "on", "off", "none"];
/// Last words of names that may be secrets or other things.
const AMBIGUOUS_NAMES: [&str; 9] =
    ["auth", "pat", "jwt", "session", "sig", "signature", "otp", "dsn", "webhook"];
/// The key of a shell command.
const SHELL: &str = "shell";
/// The key of a further argument list, in addition to those of `literal_secrets`.
const PAUSE: &str = "pause_command";

const HINT: &str = "if it is one, use a reference instead: { secret = { env = \"NAME\" } } in headers and env, a file or the \
                    environment for arguments of a program";

/// The texts in a file that look like secrets, with their places, in the order of the file.
#[must_use]
pub fn suspected_secrets(source: &SourceFile) -> Vec<LintFinding> {
    let Ok(document) = source.text.parse::<toml::Table>() else { return Vec::new() };
    let mut suspects = Vec::new();
    walk(&toml::Value::Table(document), &mut KeyPath::new(), &mut suspects);
    let finding = |(path, what): (KeyPath, String)| {
        let problem = source.problem(&path, what).hint(HINT);
        LintFinding { level: LintLevel::Warning, problem }
    };
    suspects.into_iter().map(finding).collect()
}

fn walk(value: &toml::Value, at: &mut KeyPath, suspects: &mut Vec<(KeyPath, String)>) {
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(key, value)| {
            at.push(PathStep::Key(key.clone()));
            walk(value, at, suspects);
            at.pop();
        }),
        toml::Value::Array(items) => walk_items(items, at, suspects),
        toml::Value::String(text) => {
            suspects.extend(describe_suspect(text, at).map(|what| (at.clone(), what)));
        }
        _ => {}
    }
}

fn walk_items(items: &[toml::Value], at: &mut KeyPath, suspects: &mut Vec<(KeyPath, String)>) {
    let is_command = matches!(at.last(), Some(PathStep::Key(key)) if is_command(plain(key)));
    let words: Vec<&str> = items.iter().map(|item| item.as_str().unwrap_or_default()).collect();
    let mut suspicious =
        if is_command { commands::in_words(&words) } else { Vec::new() }.into_iter().peekable();
    for (index, item) in items.iter().enumerate() {
        at.push(PathStep::Index(index));
        match suspicious.next_if(|(which, _)| *which == index) {
            Some((_, what)) => suspects.push((at.clone(), what)),
            None => walk(item, at, suspects),
        }
        at.pop();
    }
}

/// A key without the mark of an optional key.
fn plain(key: &str) -> &str {
    key.trim_end_matches('?')
}

/// Whether a key holds an argument list.
fn is_command(key: &str) -> bool {
    ARGUMENTS.contains(&key) || key == PAUSE
}

/// Whether a name may be that of a secret or of something else: `X_AUTH`, `sig`.
fn is_ambiguous_name(name: &str) -> bool {
    words(name).last().is_some_and(|last| AMBIGUOUS_NAMES.contains(&last.as_str()) || last.ends_with("pwd"))
}

/// Whether a text is neither a path, a template nor a switch.
fn is_literal(text: &str) -> bool {
    !text.is_empty()
        && !text.contains("{{")
        && !text.starts_with(['~', '.'])
        && !is_reference(text)
        && !is_mask(text)
        && !NON_SECRETS.contains(&text.to_ascii_lowercase().as_str())
}

fn describe_suspect(text: &str, at: &[PathStep]) -> Option<String> {
    let name = at.iter().rev().find_map(|step| match step {
        PathStep::Key(key) => Some(plain(key)),
        PathStep::Index(_) => None,
    })?;
    if let Some((kind, _)) = PATTERNS.iter().find(|(_, pattern)| pattern.is_in(text)) {
        return Some(format!("{name} looks like {kind}"));
    }
    let at: KeyPath = at.iter().map(without_mark).collect();
    // Names of secrets with values too short to be rejected, and ambiguous names.
    let is_suspect = |name: &str, value: &str| {
        is_secret_name(name) || (is_ambiguous_name(name) && value.chars().count() >= MIN_SECRET_LENGTH)
    };
    if let Some((secret, _)) = named_secret(text, &at, &is_suspect).filter(|(_, value)| is_literal(value)) {
        return Some(format!("{secret} is named like a secret, and its value may be one"));
    }
    let is_shell = name == SHELL || (is_command(name) && text.contains(' '));
    if let Some(what) = is_shell.then(|| commands::in_shell(text)).flatten() {
        return Some(what);
    }
    let is_random = passed_text(text, &at).is_some_and(|passed| random_words(passed).any(is_random));
    is_random.then(|| {
        format!("{name} contains a word of {MIN_RANDOM_LENGTH} or more random characters, which may be a key")
    })
}

fn without_mark(step: &PathStep) -> PathStep {
    match step {
        PathStep::Key(key) => PathStep::from(plain(key)),
        PathStep::Index(index) => PathStep::from(*index),
    }
}

/// The part of a text that a program or a server receives.
fn passed_text<'a>(text: &'a str, at: &[PathStep]) -> Option<&'a str> {
    match at {
        [.., PathStep::Key(list), PathStep::Key(_)] if ["headers", "env"].contains(&list.as_str()) => {
            Some(text)
        }
        [.., PathStep::Key(list), PathStep::Index(_)] if is_command(list) => Some(text),
        [.., PathStep::Key(key)] if key == SHELL => Some(text),
        _ => query(text),
    }
}

/// The words that may be keys, without digests.
fn random_words(text: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || "+_-".contains(c));
    text.split_inclusive(ends).scan(false, move |is_named, piece| {
        let word = piece.trim_end_matches(ends);
        let was_named = std::mem::replace(is_named, BEFORE_DIGEST.contains(&&*piece.to_ascii_lowercase()));
        Some(if was_named { "" } else { word })
    })
}

/// Whether a word is as long and as random as a key in base64 or hexadecimal digits.
fn is_random(word: &str) -> bool {
    if word.len() < MIN_RANDOM_LENGTH
        || word.starts_with(PUBLIC_KEY)
        || INTEGRITY.iter().any(|kind| word.starts_with(kind))
    {
        return false;
    }
    let is_hexadecimal = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let kinds = [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit];
    if is_hexadecimal {
        // A number, or a word of letters only, is not a key.
        return !DIGESTS.contains(&word.len())
            && word.bytes().any(|byte| byte.is_ascii_digit())
            && word.bytes().any(|byte| byte.is_ascii_alphabetic());
    }
    let kind = |byte: &u8| kinds.iter().position(|is| is(byte));
    let bytes = word.as_bytes();
    let changes = bytes.windows(2).filter(|pair| kind(&pair[0]) != kind(&pair[1])).count();
    kinds.iter().all(|is| bytes.iter().any(is)) && changes * 3 >= bytes.len()
}

#[cfg(test)]
mod tests {
    use super::super::file::STANDARD;
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        suspected_secrets(&SourceFile::new("p", text))
            .into_iter()
            .map(|finding| finding.problem.to_string())
            .collect()
    }

    /// Assembled at run time, so that scanners for secrets do not report this file.
    fn shaped() -> [(&'static str, String); 8] {
        let dots = |head: &str| [head, "eyJhbGciOiJub25lIn0", "c2lnbmF0dXJl"].join(".");
        [
            ("an AWS access key", format!("{}{}", "AKIA", "IOSFODNN7EXAMPLE")),
            ("a GitHub token", format!("{}_{}", "ghp", "x1".repeat(18))),
            ("a GitHub token", format!("{}_{}", "github_pat", "x1".repeat(18))),
            ("a GitLab token", format!("{}-{}", "glpat", "x1".repeat(10))),
            ("a Slack token", format!("{}-{}", "xoxb", "123456789012-abc")),
            ("a Vault token", format!("{}.{}", "hvs", "x1".repeat(12))),
            ("a JSON web token", dots("eyJhbGciOiJub25lIn0")),
            ("a private key", format!("-----BEGIN {} KEY-----", "OPENSSH PRIVATE")),
        ]
    }

    #[test]
    fn a_token_of_a_known_format_is_reported_anywhere_and_not_repeated() {
        for (kind, secret) in shaped() {
            for text in [
                format!("[values]\nown.thing = \"{secret}\""),
                format!("[values]\nown = {{ thing = \"see {secret}!\" }}"),
                format!("\nthing = [1, {{ x = 1 }}, [\"{secret}\"]]"),
                format!("\n[[a.b]]\nthing = \"x\"\n[[a.b]]\n\"thing?\" = \"\"\"\na\n{secret}\n\"\"\""),
            ] {
                let findings = findings(&text);
                assert_eq!(findings.len(), 1, "{text}: {findings:?}");
                assert!(findings[0].contains(&format!("thing looks like {kind}")), "{findings:?}");
                assert!(!findings[0].contains(&secret), "{findings:?}");
            }
        }
    }

    #[test]
    fn text_for_programs_and_servers_is_checked_more_strictly() {
        let base64 = "q7Zt1Lx0pV5cR8sN2mKd4yHw9uBf3GjE";
        let long = "random characters, which may be a key";
        for (text, what) in [
            (
                "with.env = { DB_PASSWORD = 'short' }",
                "p:1:14: DB_PASSWORD is named like a secret, and its value may be one",
            ),
            ("'env?' = { DB_PASSWORD = 'short' }", "p:1:12: DB_PASSWORD is named like a secret"),
            ("headers = { X-Token = 'short' }", "p:1:13: X-Token is named like"),
            ("url = 'https://h/?token=short'", "p:1:1: token is named like"),
            ("argv = ['x', '--token=short']", "p:1:14: token is named like"),
            ("argv = ['x', '--password', 'hunter22']", "p:1:28: the value of --password may be a secret"),
            ("argv = ['curl', '-u', 'ann:hunter22']", "p:1:23: the value of -u may contain a password"),
            ("argv = ['vault', 'write', 'x', 'token=hunter22']", "the value of token may be a secret"),
            ("argv = ['sh', '-c', 'PGPASSWORD=hunter22 psql']", "the value of PGPASSWORD may be"),
            ("shell = 'psql --password hunter22'", "the value of --password may be"),
            ("shell = \"curl -H 'Authorization: Bearer hunter22' h\"", "the value of Authorization may be"),
            ("shell = 'curl -H \"X-Api-Key: hunter22\" h'", "the value of X-Api-Key may be"),
            ("env = { X_AUTH = 'hunter22' }", "X_AUTH is named like a secret"),
            ("url = 'https://h/?sig=hunter22'", "sig is named like a secret"),
            ("dry_run = ['x', '-token', 'hunter22']", "p:1:27: the value of -token may be"),
            (&format!("argv = ['x', '{base64}']"), long),
            (&format!("argv = ['x', '--key={base64}']"), long),
            (&format!("shell = 'curl -d {base64} https://h'"), long),
            (&format!("env = {{ A = '{base64}' }}"), long),
            (&format!("headers = {{ A = 'Basic {base64}==' }}"), long),
            (&format!("url = 'https://h/?a=1&b={base64}'"), long),
            ("argv = ['x', '0123456789abcdef0123456789abcdef']", long),
        ] {
            let findings = findings(text);
            assert!(findings.len() == 1 && findings[0].contains(what), "{text}: {findings:?}");
            assert!(
                !findings[0].contains("short")
                    && !findings[0].contains("hunter22")
                    && !findings[0].contains(base64),
                "{findings:?}"
            );
        }
    }

    #[test]
    fn digests_ids_and_references_are_not_suspicious() {
        let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        for fine in [
            format!("argv = ['x', 'registry.example.io:5000/team/app@sha256:{digest}', '{digest}']"),
            "argv = ['x', 'registry.example.io/Team9/AppServer2-Backend7:v1.14.0-rc1-Build20260920']".to_owned(),
            "argv = ['x', 'SHA256:q7Zt1Lx0pV5cR8sN2mKd4yHw9uBf3GjEaB1cD2eF3gH']".to_owned(),
            "argv = ['x', 'md5:0123456789abcdef0123456789abcdef']".to_owned(),
            "env = { ID = '123e4567-e89b-12d3-a456-426614174000', COMMIT = 'da39a3ee5e6b4b0d3255bfef95601890afd80709' }".to_owned(),
            "env = { NAME = 'advanced-realtime-worker-7d9f8b6c5d-x2x9z', N = '00000000000000000000000000000000' }".to_owned(),
            "env = { PATH = '/usr/local/Applications/GoNoGo2/Releases7/bin:/opt/X11/Tools3/bin' }".to_owned(),
            "env = { ARN = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:Prod/Redis-AbCdEf' }".to_owned(),
            "env = { KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIr8kfUL0t8GSkWe3M0qpNzhZ0Dj6tmMjyyKm0XvVb8D' }".to_owned(),
            "env = { TOKEN = '', USE_TOKEN = 'true', DB_TOKEN = '{{ a.b }}', SSH_TOKEN = { secret = { env = 'T' } } }".to_owned(),
            "argv = ['x', '--token', '/run/secrets/t', '--token', '$T', '--password', '--verbose', '--token={{ t }}']".to_owned(),
            "argv = ['x', 'page_token=short', 'docker', 'run', '-u', '1000:1000', '-u', 'ann']".to_owned(),
            "shell = 'PGPASSWORD=$P psql --token \"$T\" && curl -H \"Authorization: Bearer $T\" h'".to_owned(),
            "env = { AUTH = 'basic', SESSION = 'true' }".to_owned(),
            "argv = ['docker', 'build', '--secret', 'id=npm,src=.npmrc']".to_owned(),
            "argv = ['sh', '-c', 'PGPASSWORD=\"${DB_PASSWORD:?}\" psql; TOKEN=`cat /run/token` ./x']".to_owned(),
            "argv = ['helm', '--set', 'existingSecret=advanced-app-secrets', 'docker', 'run', '-u', 'app:app']".to_owned(),
            "argv = ['x', 'sha512-q7Zt1Lx0pV5cR8sN2mKd4yHw9uBf3GjEq7Zt1Lx0pV5cR8sN2mKd4yHw9uBf3GjE']".to_owned(),
            "argv = ['x', '--token-file', 'short', '--no-password', 'true', 'token', 'lookup', '--secret-id', 'x']".to_owned(),
            "url = 'https://docs.example.io/q7Zt1Lx0pV5cR8sN2mKd4yHw9uBf3GjE/edit'".to_owned(),
            "note = 'q7Zt1Lx0pV5cR8sN2mKd4yHw9uBf3GjE'".to_owned(),
            format!("image = 'sha256:{digest}'\nwhy = 'eyJ is how a JSON web token begins, AKIA an access key'"),
        ] {
            assert_eq!(findings(&fine), Vec::<String>::new(), "{fine}");
        }
    }

    /// The examples that are commented out, too.
    #[test]
    fn nothing_that_comes_with_gonogo_is_suspicious() {
        let uncommented = |text: &str| {
            text.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
        };
        for text in [
            STANDARD,
            include_str!("../../../config/production.toml"),
            include_str!("../../../config/local.toml"),
        ] {
            assert_eq!(findings(text), Vec::<String>::new());
            // Block by block, because prose is not TOML.
            for block in uncommented(text).split("\n\n") {
                assert_eq!(findings(block), Vec::<String>::new(), "{block}");
            }
        }
    }
}
