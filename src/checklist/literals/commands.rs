//! What in a command line looks like a secret: what an option takes, an assignment, a header, a user's password.

use super::super::written_out::is_secret_name;
use super::is_literal;

/// Options that take `user:password`.
const USER: [&str; 2] = ["-u", "--user"];
/// Programs that they are options of.
const SENDERS: [&str; 2] = ["curl", "wget"];
/// What stands before a secret in a header.
const SCHEMES: [&str; 3] = ["bearer", "basic", "token"];
/// What may be a secret among the words of a command line, each with its index.
pub(super) fn in_words<'a>(words: &[&'a str]) -> Vec<(usize, String)> {
    let before = |index: usize| index.checked_sub(1).map_or("", |before| words[before]);
    let sends = |index: usize| words[..index].iter().any(|word| SENDERS.contains(word));
    let judge = |(index, word): (usize, &&'a str)| Some((index, of(before(index), word, sends(index))?));
    words.iter().enumerate().filter_map(judge).collect()
}

/// The same in the text of a shell, as far as its words are told by white space and quotes: what is first in it.
pub(super) fn in_shell(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || "'\"`;|&()".contains(c)).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let found = in_words(&words).into_iter().map(|(_, what)| what).next();
    found.or_else(|| words.windows(3).find_map(of_header))
}

/// What a word may be that comes after another; `sends` says whether it is given to a program that takes users so.
fn of(before: &str, word: &str, sends: bool) -> Option<String> {
    if is_option(before) && is_literal(word) && !word.starts_with('-') && !is_list_of_keys(word) {
        return Some(format!("what follows {before} may be a secret"));
    }
    if sends && USER.contains(&before) && word.split_once(':').is_some_and(|(_, after)| is_password(after)) {
        return Some(format!("what follows {before} may hold a password"));
    }
    // The text of a shell is looked at word by word.
    let is_one = !word.contains(char::is_whitespace) && !word.starts_with('-');
    let (name, value) = word.split_once('=').filter(|_| is_one)?;
    (is_name(name) && is_literal(value)).then(|| format!("what {name} is set to may be a secret"))
}

/// Whether a word is like `id=npm,src=.npmrc`, which names the place of a secret (docker-build(1)).
fn is_list_of_keys(word: &str) -> bool {
    word.starts_with("id=") || word.starts_with("type=") || word.starts_with("src=")
}

/// Whether what stands after a user is no group.
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
fn of_header(words: &[&str]) -> Option<String> {
    let name = words[0].strip_suffix(':').filter(|name| is_name(name))?;
    let is_scheme = SCHEMES.contains(&&*words[1].to_ascii_lowercase());
    let value = if is_scheme { words[2] } else { words[1] };
    is_literal(value).then(|| format!("what is sent as {name} may be a secret"))
}
