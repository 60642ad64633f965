//! Recognizes credentials that are written out: by the name of a variable and its value, by a known format, in a text
//! or among arguments. Only kinds and names are reported, never values.

mod text;

use std::sync::LazyLock;

use gonogo_core::checklist::spec::Pattern;
use gonogo_core::checklist::suspected_secrets::{
    SECRET_FORMATS, is_mask, is_reference, is_secret_name, words,
};
use gonogo_core::text::clip;

pub(super) use text::{in_arguments, in_text};

/// Names of credentials that do not end like one.
const OTHER_NAMES: [&str; 8] = [
    "masterauth",
    "masterkey",
    "neo4jauth",
    "rediscliauth",
    "redisauth",
    "requirepass",
    "sessionkey",
    "storagekey",
];
/// Endings of names that are written without separators: `DBPASS`, `mqpwd`.
const JOINED_SUFFIXES: [&str; 4] = ["dbpass", "redispass", "userpass", "pwd"];
/// Words after the word for a credential that do not make it something else: `DB_PASSWORD_PROD`, `SECRET_KEY_BASE`.
const QUALIFIERS: [&str; 22] = [
    "a",
    "b",
    "base",
    "base64",
    "b64",
    "current",
    "default",
    "dev",
    "development",
    "live",
    "new",
    "old",
    "plain",
    "previous",
    "primary",
    "prod",
    "production",
    "secondary",
    "staging",
    "test",
    "value",
    "main",
];
/// Words before the last one in names of limits and switches, and of a language model's tokens.
const LIMITS: [&str; 17] = [
    "allow", "bos", "cls", "disable", "enable", "eos", "has", "mask", "max", "min", "num", "pad", "require",
    "sep", "total", "unk", "use",
];
/// Variables of a shell that are named like credentials.
const SHELL_NAMES: [&str; 2] = ["PWD", "OLDPWD"];
/// Values that are no credentials.
const SWITCHES: [&str; 14] = [
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "none",
    "null",
    "nil",
    "undefined",
    "enabled",
    "disabled",
    "0",
    "1",
];
/// Prefixes of references to the stores of secrets, besides those of profiles.
const STORES: [&str; 10] = [
    "projects/",
    "sm://",
    "gcp://",
    "akv:",
    "azure-key-vault:",
    "keyring:",
    "awssm:",
    "ssm:",
    "@Microsoft.",
    "@/",
];
/// How much of a name is repeated, in bytes.
const MAX_NAME: usize = 60;

/// Formats of passwords in files and commands: netrc(5), docker-login(1), chpasswd(8), Docker's `config.json`.
const COMMAND_FORMATS: [(&str, &str); 4] = [
    ("a login of netrc", r"\blogin\s+[^\s$]+\s+password\s+[^\s$<]"),
    ("a login of a registry", r#"\\?"auth\\?"\s*:\s*\\?"[0-9A-Za-z+/]{8,}={0,2}\\?""#),
    (
        "a password given to a login",
        r#"\becho\s+(-n\s+)?['"]?[^\s$'"|`-][^\s$'"|`]*['"]?\s*\|[^|;&]*\blogin\b[^|;&]*--password-stdin"#,
    ),
    (
        "a password given to chpasswd",
        r#"\becho\s+(-e\s+)?['"]?[a-z_][0-9a-z_-]*:[^\s$'"|`]+['"]?\s*\|\s*(sudo\s+)?(\S*/)?chpasswd"#,
    ),
];

static FORMATS: LazyLock<Vec<(&str, Pattern)>> = LazyLock::new(|| {
    let all = SECRET_FORMATS.iter().chain(&COMMAND_FORMATS);
    all.filter_map(|(name, pattern)| Some((*name, Pattern::new(pattern).ok()?))).collect()
});

/// The credentials in the value of a variable, a label or a field, by their kinds.
pub(super) fn in_variable(name: &str, value: &str) -> Vec<String> {
    let kinds = in_text(value);
    let is_written_out = kinds.is_empty() && is_named(name, value);
    if is_written_out { vec![WRITTEN_OUT.to_owned()] } else { kinds }
}

/// What a variable with the name of a credential holds.
pub(super) const WRITTEN_OUT: &str = "a credential in plain text";

/// Whether a name and a value are a credential.
fn is_named(name: &str, value: &str) -> bool {
    is_credential_name(name) && is_literal(value)
}

/// Whether a variable with this name holds a credential: `RABBITMQ_DEFAULT_PASS`, `API_KEY_PROD`, and not
/// `PASSWORD_MIN_LENGTH` or `TOKEN_FILE`.
pub(super) fn is_credential_name(name: &str) -> bool {
    if SHELL_NAMES.contains(&name) {
        return false;
    }
    let words = words(name);
    let qualifiers = words.iter().rev().take_while(|word| is_qualifier(word)).count();
    // The shortest name that is left may be a qualifier itself.
    (0..=qualifiers).any(|after| is_name(&words[..words.len() - after]))
}

fn is_qualifier(word: &str) -> bool {
    let number = word.strip_prefix('v').unwrap_or(word);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number || QUALIFIERS.contains(&word)
}

fn is_name(words: &[String]) -> bool {
    let Some((last, before)) = words.split_last() else { return false };
    if before.last().is_some_and(|word| LIMITS.contains(&word.as_str())) {
        return false;
    }
    // Others name a cookie, and do not hold its value.
    if last == "cookie" && before.last().is_some_and(|word| word != "erlang") {
        return false;
    }
    // `NEXT_PUBLIC_API_KEY` is sent to every browser.
    if before.iter().any(|word| word == "public") {
        return false;
    }
    let last = last.trim_end_matches(|c: char| c.is_ascii_digit());
    let singular = ["passwords", "tokens", "keys"].contains(&last).then(|| last.trim_end_matches('s'));
    let name = format!("{}_{}", before.join("_"), singular.unwrap_or(last));
    let joined = name.replace('_', "");
    is_secret_name(&name)
        || OTHER_NAMES.iter().any(|other| joined.ends_with(other))
        || (last.len() > 3 && JOINED_SUFFIXES.iter().any(|end| last.ends_with(end)))
}

/// Whether a value is a credential itself, not a reference, a path, a switch or an empty place.
pub(super) fn is_literal(value: &str) -> bool {
    let value = without_scheme(value.trim());
    !value.is_empty()
        && !SWITCHES.contains(&&*value.to_ascii_lowercase())
        && !is_store_reference(value)
        && !is_path(value)
        && !is_placeholder(value)
        && (!is_mask(value) || value.len() < 3)
        && !(value.contains("://") && password_in_url(value).is_none())
}

/// The credential of a header's value: `Bearer …`.
fn without_scheme(value: &str) -> &str {
    let scheme = |scheme: &&str| {
        let (begin, rest) = value.split_at_checked(scheme.len())?;
        begin.eq_ignore_ascii_case(scheme).then(|| rest.trim_start())
    };
    text::SCHEMES.iter().find_map(scheme).unwrap_or(value)
}

/// Whether a value is a reference that a program resolves in a store of secrets: `vault:secret/data/app#token`.
pub(super) fn is_store_reference(value: &str) -> bool {
    let is_known = is_reference(value) && !value.starts_with(['/', '$', '@']);
    is_known || value.ends_with("@azurekeyvault") || STORES.iter().any(|store| value.starts_with(store))
}

/// `/run/secrets/token`, `./token`, `~/token`. Base64 can begin with a slash, too.
fn is_path(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let Some(rest) = value.trim_start_matches(['.', '~']).strip_prefix('/') else { return false };
    rest.is_empty()
        || rest.trim_end_matches('/').split('/').all(|step| !step.is_empty() && step.chars().all(plain))
}

/// A variable, a template or an empty place: `$X`, `${X}`, `$(…)`, `{{ x }}`, `<token>`, `%X%`, `%s`.
fn is_placeholder(value: &str) -> bool {
    let first_of_name = |c: char| c.is_ascii_alphabetic() || "_({".contains(c);
    value.strip_prefix('$').is_some_and(|rest| rest.starts_with(first_of_name))
        || ["`", "<", "{{", "%", "***", "..."].iter().any(|begin| value.starts_with(begin))
        || value.contains('…')
}

/// The known formats of credentials in a text.
fn formats(text: &str) -> impl Iterator<Item = String> {
    FORMATS.iter().filter(|(_, pattern)| pattern.is_in(text)).map(|(name, _)| (*name).to_owned())
}

/// The first password in a URL of a text.
fn password_in_url(text: &str) -> Option<&str> {
    text.match_indices("://").find_map(|(at, separator)| {
        let rest = &text[at + separator.len()..];
        let ends = |c: char| c.is_whitespace() || "/?#\"'`\\".contains(c);
        let authority = rest.split(ends).next().unwrap_or_default();
        let (_, password) = authority.rsplit_once('@')?.0.split_once(':')?;
        let is_literal = !password.is_empty() && !is_placeholder(password) && !is_mask_of_url(password);
        is_literal.then_some(password)
    })
}

/// `xxxxx`, as programs print a URL whose password is hidden; `{password}` of a template.
fn is_mask_of_url(password: &str) -> bool {
    (is_mask(password) && password.len() > 2) || (password.starts_with('{') && password.ends_with('}'))
}

/// A name as it is repeated in a kind.
fn of_name(name: &str) -> String {
    format!("a plaintext value of {}", clip(name, MAX_NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credentials_are_distinguished_from_those_about_them() {
        for name in [
            "RABBITMQ_DEFAULT_PASS",
            "REDIS_PASS",
            "DB_PWD",
            "MQPWD",
            "DBPASS",
            "POSTGRES_PASSWORD",
            "DB_PASSWORD_PROD",
            "DB_PASSWORD_2",
            "PASSWORD1",
            "SECRET_KEY_BASE",
            "DJANGO_SECRET_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "RABBITMQ_ERLANG_COOKIE",
            "REDISCLI_AUTH",
            "NPM_TOKEN",
            "API_KEYS",
            "API_KEY_LIVE",
            "RAILS_MASTER_KEY",
            "ADVANCED_REALTIME_TOKEN",
            "redisPassword",
            "com.example.db-password",
            "requirepass",
        ] {
            assert!(is_credential_name(name), "{name}");
        }
        for name in [
            "TOKENIZERS_PARALLELISM",
            "ACCESS_TOKEN_EXPIRE_MINUTES",
            "PASSWORD_MIN_LENGTH",
            "SECRET_MANAGER_REGION",
            "GPG_KEY",
            "REDIS_PASSWORD_FILE",
            "PGPASSFILE",
            "TOKEN_URL",
            "SECRET_NAME",
            "AWS_ACCESS_KEY_ID",
            "MAX_TOKENS",
            "USE_TOKEN",
            "ROUTING_KEY",
            "PWD",
            "COOKIE_DOMAIN",
            "SESSION_COOKIE",
            "PAD_TOKEN",
            "NEXT_PUBLIC_API_KEY",
            "PASSWORD_HASHERS",
            "SSH_AUTH_SOCK",
            "PYTHON_SHA256",
            "BYPASS_CACHE",
            "TEST",
            "",
        ] {
            assert!(!is_credential_name(name), "{name}");
        }
    }

    #[test]
    fn a_value_is_distinguished_from_a_reference_to_it() {
        for value in ["hunter22", "x", "1234", "change-me-realtime", "pa$$word", "$2y$10$abc", "/9j+4AAQ/k=="]
        {
            assert!(is_literal(value), "{value}");
        }
        for value in [
            "",
            " ",
            "false",
            "None",
            "0",
            "$TOKEN",
            "${TOKEN:?}",
            "$(cat /run/token)",
            "{{ token }}",
            "Bearer ${TOKEN}",
            "<your token>",
            "********",
            "/run/secrets/token",
            "./token.txt",
            "vault:secret/data/app#token",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app",
            "projects/p/secrets/app/versions/1",
            "https://idp.example.com/token",
        ] {
            assert!(!is_literal(value), "{value}");
        }
    }

    /// Assembled at run time, so that scanners for secrets do not report this file.
    #[test]
    fn a_credential_of_a_known_format_is_found_by_itself() {
        let long = |prefix: &str, length: usize| format!("{prefix}{}", "a1".repeat(length / 2 + 1));
        for (value, kind) in [
            (long("AIza", 36), "a Google API key"),
            (long("sk_live_", 24), "a Stripe key"),
            (long("npm_", 36), "an npm token"),
            (long("pypi-Ag", 40), "a PyPI token"),
            (long("dckr_pat_", 27), "a Docker Hub token"),
            (long("glrt-", 20), "a GitLab token"),
            (long("glsa_", 40), "a Grafana token"),
            (long("dop_v1_", 64), "a DigitalOcean token"),
            (format!("AccountKey={}==", "a1".repeat(43)), "an Azure storage key"),
            (format!("-----BEGIN {} KEY-----", "PRIVATE"), "a private key"),
        ] {
            assert_eq!(in_text(&value).first().map(String::as_str), Some(kind), "{value}");
        }
    }

    #[test]
    fn a_variable_is_judged_by_its_name_or_by_its_value() {
        let kinds = |name: &str, value: &str| in_variable(name, value).join("; ");
        assert_eq!(kinds("DB_PASS", "hunter22"), "a credential in plain text");
        assert_eq!(kinds("BROKER", "amqp://app:hunter22@mq:5672/"), "a URL with a password");
        assert_eq!(kinds("GH_TOKEN", &["ghp", &"x1".repeat(18)].join("_")), "a GitHub token");
        assert_eq!(kinds("DSN", "Server=db;Password=hunter22;"), "a plaintext value of Password");
        for (name, value) in [
            ("REDIS_URL", "redis://cache:6379/0"),
            ("REPOSITORY", "ssh://git@example.com:22/app"),
            ("BROKER", "amqp://app:${PASSWORD}@mq"),
            ("BROKER", "amqp://app:xxxxx@mq"),
            ("PASSWORD_MIN_LENGTH", "12"),
        ] {
            assert_eq!(kinds(name, value), "", "{name}");
        }
    }
}
