//! Finds secrets that are written out instead of a reference.

use super::source::{KeyPath, PathStep};

/// Endings of names of secrets, with or without a separator before them.
const SECRET_SUFFIXES: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "credentials",
    "authorization",
    "cookie",
];
/// Names of secrets only as a whole last word: other names may end in them, too.
const SECRET_WORDS: [&str; 3] = ["pass", "pwd", "bearer"];
/// The words before `key` in the name of a secret.
const KEY_PREFIXES: [&str; 8] =
    ["api", "access", "secret", "private", "signing", "encryption", "account", "auth"];
/// Names that are not secrets: page tokens, and names of secrets elsewhere.
const EXCEPTIONS: [(&str, &str); 6] = [
    ("page", "token"),
    ("next", "token"),
    ("continuation", "token"),
    ("cursor", "token"),
    ("sync", "token"),
    ("existing", "secret"),
];
/// Prefixes of references to a secret: a file, a variable, or a reference that the program itself resolves.
const REFERENCES: [&str; 11] =
    ["/", "@", "$", "env:", "file:", "vault:", "arn:", "op://", "secret:", "secretref:", "ref+"];
/// Headers that contain a secret, however short.
const SECRET_HEADERS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];
/// The keys of argument lists.
pub(super) const ARGUMENTS: [&str; 3] = ["argv", "dry_run", "exec"];
/// The minimum length of a secret in characters; shorter values are taken for something else.
pub(super) const MIN_SECRET_LENGTH: usize = 8;

/// Whether a name is the name of a secret: `redis.password`, `X-Api-Key`, `PGPASSWORD`, `accessToken`.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    let Some((last, before)) = words.split_last() else { return false };
    let is_key = match last.strip_suffix("key") {
        Some("") => before.last().is_some_and(|word| KEY_PREFIXES.contains(&word.as_str())),
        Some(which) => KEY_PREFIXES.contains(&which),
        None => false,
    };
    let is_other = before.last().is_some_and(|word| EXCEPTIONS.contains(&(word.as_str(), last.as_str())));
    if is_other {
        return false;
    }
    is_key || SECRET_WORDS.contains(&last.as_str()) || SECRET_SUFFIXES.iter().any(|end| last.ends_with(end))
}

/// The words of a name in lower case: `X-Api-Key` and `xApiKey` have three.
#[must_use]
pub fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (was_small && c.is_uppercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().into_iter().for_each(|word| word.extend(c.to_lowercase()));
        }
        was_small = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a text is a URL with a user and a password in it.
pub(super) fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// The paths of secrets that are written out in a probe or an action, with messages that do not repeat the values.
pub(super) fn find_literal_secrets(document: &toml::Value) -> Vec<(KeyPath, String)> {
    let mut literals = Vec::new();
    walk(document, &mut KeyPath::new(), &mut literals);
    literals
}

fn walk(value: &toml::Value, at: &mut KeyPath, literals: &mut Vec<(KeyPath, String)>) {
    let why = match value {
        toml::Value::String(text) => describe_secret(text, at),
        _ => None,
    };
    literals.extend(why.map(|why| (at.clone(), why)));
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(key, value)| {
            at.push(PathStep::Key(key.clone()));
            walk(value, at, literals);
            at.pop();
        }),
        toml::Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| {
            at.push(PathStep::Index(index));
            walk(item, at, literals);
            at.pop();
        }),
        _ => {}
    }
}

fn describe_secret(text: &str, at: &[PathStep]) -> Option<String> {
    if has_password(text) {
        return Some("a plaintext password in a URL; user and password are separate keys".to_owned());
    }
    let is_named = |name: &str, value: &str| is_secret_named(name, value);
    let (name, _) = named_secret(text, at, &is_named)?;
    Some(format!("a plaintext secret in {name}"))
}

/// Whether a name and a value are a secret.
pub(super) type IsSecret<'a> = &'a dyn Fn(&str, &str) -> bool;

/// The name and value of a secret in a text.
pub(super) fn named_secret<'a>(
    text: &'a str,
    at: &'a [PathStep],
    is_named: IsSecret,
) -> Option<(&'a str, &'a str)> {
    match at {
        [.., PathStep::Key(list), PathStep::Key(name)] if list == "headers" => {
            let is_secret = SECRET_HEADERS.contains(&&*name.to_ascii_lowercase()) && !text.trim().is_empty();
            (is_secret || is_named(name, text)).then_some((name.as_str(), text))
        }
        [.., PathStep::Key(list), PathStep::Key(name)] if list == "env" => {
            is_named(name, text).then_some((name.as_str(), text))
        }
        [.., PathStep::Key(list), PathStep::Index(_)] if ARGUMENTS.contains(&list.as_str()) => {
            secret_in_word(text, is_named)
        }
        _ => secret_in_query(text, is_named),
    }
}

fn is_secret_named(name: &str, value: &str) -> bool {
    is_secret_name(name)
        && value.chars().count() >= MIN_SECRET_LENGTH
        && !is_reference(value)
        && !is_mask(value)
}

/// Whether a value says where a secret is.
#[must_use]
pub fn is_reference(value: &str) -> bool {
    REFERENCES.iter().any(|begin| value.starts_with(begin))
}

/// Whether a value hides a secret, or is an empty place for one: one character, repeated.
#[must_use]
pub fn is_mask(value: &str) -> bool {
    value.chars().all(|c| value.starts_with(c))
}

/// A secret in a word of a command line: `--token=…`, `Authorization: …`, `https://…?token=…`.
fn secret_in_word<'a>(word: &'a str, is_named: IsSecret) -> Option<(&'a str, &'a str)> {
    let option = word.strip_prefix("--").and_then(|option| option.split_once('='));
    let option = option.filter(|(name, value)| is_named(name, value) && !is_reference(value));
    // Many sentences start with one word and a colon.
    let header = word.split_once(": ").filter(|(name, value)| {
        SECRET_HEADERS.contains(&&*name.to_ascii_lowercase())
            || (is_named(name, value) && name.contains('-') && !name.contains(' '))
    });
    option.or(header).or_else(|| secret_in_query(word, is_named))
}

/// A secret in the query of a URL.
fn secret_in_query<'a>(url: &'a str, is_named: IsSecret) -> Option<(&'a str, &'a str)> {
    let pairs = query(url)?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(name, value)| is_named(name, value))
}

/// The query of a URL.
pub(super) fn query(url: &str) -> Option<&str> {
    let (_, query) = url.split_once("://")?.1.split_once('?')?;
    query.split('#').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_distinguished_from_others() {
        for name in [
            "password",
            "PGPASSWORD",
            "redis.password",
            "X-Api-Key",
            "apikey",
            "api_key",
            "AWS_SECRET_ACCESS_KEY",
            "accessToken",
            "token",
            "X-Vault-Token",
            "Authorization",
            "Cookie",
            "db_pass",
            "DB_PWD",
            "ssh-passphrase",
            "credentials",
            "bearer",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "",
            "key",
            "monkey",
            "public_key",
            "routing_key",
            "keyspace",
            "token_url",
            "secretKeyRef",
            "passing",
            "compass",
            "password_file",
            "PATH",
            "bearer_format",
            "page_token",
            "nextPageToken",
            "existingSecret",
            "tokens_per_second",
            "AWS_ACCESS_KEY_ID",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    fn literals(text: &str) -> Vec<(usize, String)> {
        let document = toml::Value::Table(text.parse().unwrap());
        find_literal_secrets(&document).into_iter().map(|(at, why)| (at.len(), why)).collect()
    }

    #[test]
    fn a_secret_that_is_written_out_is_found_and_not_repeated() {
        let in_url = "a plaintext password in a URL; user and password are separate keys";
        for (text, deep, name) in [
            ("headers = { Authorization = 'Bearer x' }", 2, "Authorization"),
            ("headers = { cookie = 'a=b' }", 2, "cookie"),
            ("headers = { X-Api-Key = 'hunter22' }", 2, "X-Api-Key"),
            ("api = { headers = { X-Api-Key = 'hunter22' } }", 3, "X-Api-Key"),
            ("env = { PGPASSWORD = 'hunter22' }", 2, "PGPASSWORD"),
            ("argv = ['psql', '--password=hunter22']", 2, "--password"),
            ("argv = ['curl', '-H', 'Authorization: Bearer x']", 2, "Authorization"),
            ("argv = ['curl', 'https://h/x?a=b&access_token=hunter22']", 2, "access_token"),
            ("url = 'https://h/x?token=hunter22#a'", 1, "token"),
            ("via = { url = 'https://h/x?token=hunter22' }", 2, "token"),
        ] {
            let name = name.trim_start_matches('-');
            assert_eq!(literals(text), [(deep, format!("a plaintext secret in {name}"))], "{text}");
        }
        assert_eq!(literals("url = 'amqp://u:hunter22@h'"), [(1, in_url.to_owned())]);
        for fine in [
            "headers = { Authorization = { secret = { env = 'T' }, prefix = 'Bearer ' }, Accept = 'application/json' }",
            "headers = { X-Token = 'short' }",
            "env = { PGPASSFILE = '/etc/pass/word', TOKEN = { secret = { env = 'T' } } }",
            "argv = ['x', '--password-file=/run/secret', '--token=/run/secrets/token', '--token=$TOKEN_OF_CI']",
            "argv = ['sh', '-c', 'test \"$TOKEN\" = \"\"']",
            "argv = ['grep', '-c', 'token: expired-or-missing', 'app.log']",
            "env = { REDIS_PASSWORD = '/run/secrets/redis', API_TOKEN = 'env:API_TOKEN', DB_PASSWORD = 'vault:kv/db#pass' }",
            "env = { APP_SECRET = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:app', PASSWORD = '********' }",
            "url = 'https://h/list?cursor_token=hunter22'",
            "url = 'https://h/token?page=hunter22'",
            "url = 'https://u@h/'",
        ] {
            assert!(literals(fine).is_empty(), "{fine}");
        }
    }
}
