//! Finds likely secrets in a command line: values of options, assignments, headers, passwords of users.

use super::super::literal_secrets::is_secret_name;
use super::is_literal;

/// Options that take `user:password`.
const USER: [&str; 2] = ["-u", "--user"];
/// The programs with these options.
const SENDERS: [&str; 2] = ["curl", "wget"];
/// The schemes before a secret in a header.
const SCHEMES: [&str; 3] = ["bearer", "basic", "token"];
/// The likely secrets among the words of a command line, with their indexes.
pub(super) fn in_words<'a>(words: &[&'a str]) -> Vec<(usize, String)> {
    let before = |index: usize| index.checked_sub(1).map_or("", |before| words[before]);
    let sends = |index: usize| words[..index].iter().any(|word| SENDERS.contains(word));
    let judge =
        |(index, word): (usize, &&'a str)| Some((index, check_word(before(index), word, sends(index))?));
    words.iter().enumerate().filter_map(judge).collect()
}

/// The first likely secret in a shell command, split at white space and quotes.
pub(super) fn in_shell(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || "'\"`;|&()".contains(c)).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let suspect = in_words(&words).into_iter().map(|(_, what)| what).next();
    suspect.or_else(|| words.windows(3).find_map(check_header))
}

/// Describes a word that may be a secret; `sends`: the program takes `user:password`.
fn check_word(before: &str, word: &str, sends: bool) -> Option<String> {
    if is_option(before) && is_literal(word) && !word.starts_with('-') && !is_list_of_keys(word) {
        return Some(format!("the value of {before} may be a secret"));
    }
    if sends && USER.contains(&before) && word.split_once(':').is_some_and(|(_, after)| is_password(after)) {
        return Some(format!("the value of {before} may contain a password"));
    }
    // A shell command is checked word by word.
    let is_one = !word.contains(char::is_whitespace) && !word.starts_with('-');
    let (name, value) = word.split_once('=').filter(|_| is_one)?;
    (is_name(name) && is_literal(value)).then(|| format!("the value of {name} may be a secret"))
}

/// Whether a word is like `id=npm,src=.npmrc`, which names the place of a secret (docker-build(1)).
fn is_list_of_keys(word: &str) -> bool {
    word.starts_with("id=") || word.starts_with("type=") || word.starts_with("src=")
}

/// Whether the text after a user is a password, not a group.
fn is_password(after: &str) -> bool {
    is_literal(after) && !after.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether an option has a secret's name: `--password`.
fn is_option(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|name| !word.contains(['=', ' ']) && is_secret_name(name))
}

fn is_name(name: &str) -> bool {
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    is_plain && is_secret_name(name)
}

/// `Authorization: Bearer …`.
fn check_header(words: &[&str]) -> Option<String> {
    let name = words[0].strip_suffix(':').filter(|name| is_name(name))?;
    let is_scheme = SCHEMES.contains(&&*words[1].to_ascii_lowercase());
    let value = if is_scheme { words[2] } else { words[1] };
    is_literal(value).then(|| format!("the value of {name} may be a secret"))
}
