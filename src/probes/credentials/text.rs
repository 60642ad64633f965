//! Finds credentials in a text: a step of an image's history, a command line, a label.

use super::{formats, is_literal, is_named, of_name, password_in_url};

/// Options that take a password, by their programs: curl(1), redis-cli, sshpass(1), mysql(1).
const PASSWORD_OPTIONS: [(&str, &str); 8] = [
    ("curl", "-u"),
    ("curl", "--user"),
    ("wget", "--user"),
    ("redis-cli", "-a"),
    ("redis-cli", "--pass"),
    ("sshpass", "-p"),
    ("mysql", "-p"),
    ("mysqladmin", "-p"),
];
/// How many words after a program are searched for such an option.
const MAX_WORDS: usize = 16;
/// The schemes before a credential in a header.
pub(super) const SCHEMES: [&str; 3] = ["bearer ", "basic ", "token "];
/// Types of programming languages, which follow a name like a value does.
const TYPES: [&str; 8] = ["str", "string", "bytes", "secretstr", "bool", "int", "any", "optional"];

/// The kinds of the credentials in a text.
pub(in crate::probes) fn in_text(text: &str) -> Vec<String> {
    let url = password_in_url(text).map(|_| "a URL with a password".to_owned());
    let mut kinds: Vec<_> = url.into_iter().chain(formats(text)).collect();
    let named = names(text).filter_map(|name| in_pair(text, &name));
    // Those of a known format are reported by it.
    let named = named.filter(|(_, value)| formats(value).next().is_none()).map(|(name, _)| of_name(name));
    for kind in named.chain(in_options(&shell_words(text))) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// The kinds of the credentials in a list of arguments, with the index of the argument.
pub(in crate::probes) fn in_arguments(arguments: &[&str]) -> Vec<(usize, String)> {
    let single = arguments.iter().enumerate();
    let single = single.flat_map(|(index, text)| in_text(text).into_iter().map(move |kind| (index, kind)));
    let pairs = arguments.windows(2).enumerate().filter_map(|(index, pair)| {
        let name = option_name(pair[0])?;
        (is_named(name, pair[1]) && !is_option(pair[1])).then(|| (index + 1, of_name(name)))
    });
    single.chain(pairs).collect()
}

/// A run of characters that can be a name, with its place in a text.
struct Name<'a> {
    text: &'a str,
    begin: usize,
    end: usize,
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.-".contains(c)
}

fn names(text: &str) -> impl Iterator<Item = Name<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let begin = at + text[at..].find(is_of_name)?;
        let length = text[begin..].find(|c| !is_of_name(c)).unwrap_or(text.len() - begin);
        at = begin + length;
        // `\npassword`: the n is part of an escaped line end.
        let is_escaped = text[..begin].ends_with('\\') && text[begin..].starts_with(['n', 't', 'r']);
        let begin = begin + usize::from(is_escaped);
        Some(Name { text: &text[begin..at], begin, end: at })
    })
}

/// The name and the value of a credential that a text gives as `NAME=…`, `"name": "…"`, `name: …` or `--name …`.
fn in_pair<'a>(text: &'a str, name: &Name<'a>) -> Option<(&'a str, &'a str)> {
    let plain = name.text.trim_matches(['-', '.']);
    let before = &text[..name.begin];
    // `$PASSWORD` and `${PASSWORD}` are uses of a variable.
    let is_use = before.ends_with(['$', '%']) || before.ends_with("${") || before.ends_with("$(");
    if is_use || !super::is_credential_name(plain) {
        return None;
    }
    let value = value_after(text, name)?;
    is_literal(value).then_some((plain, value))
}

fn value_after<'a>(text: &'a str, name: &Name<'a>) -> Option<&'a str> {
    let rest = &text[name.end..];
    let closed = rest.trim_start_matches('\\').trim_start_matches(['"', '\'']);
    let (is_quoted, tight) = (closed.len() < rest.len(), closed.trim_start_matches([' ', '\t']));
    let is_spaced = tight.len() < closed.len();
    if let Some(after) = tight.strip_prefix('=') {
        // `==` compares; code assigns with spaces.
        let is_empty = !is_spaced && after.starts_with(char::is_whitespace);
        return if is_empty || after.starts_with(['=', '~', '>']) { None } else { literal(after, is_spaced) };
    }
    if let Some(after) = tight.strip_prefix(':') {
        return after_colon(text, name, after, is_quoted);
    }
    let is_argument = option_name(name.text).is_some() && is_spaced && !is_quoted;
    let value = is_argument.then(|| literal(tight, false)).flatten()?;
    let is_source = ["id=", "type=", "src=", "-"].iter().any(|begin| value.starts_with(begin));
    (!is_source).then_some(value)
}

/// The value of a field of JSON or YAML, or of a header. In prose a colon follows many words.
fn after_colon<'a>(text: &'a str, name: &Name<'a>, after: &'a str, is_quoted: bool) -> Option<&'a str> {
    let before = text[..name.begin].trim_end_matches([' ', '\t', '-']);
    let is_field =
        is_quoted || before.is_empty() || before.ends_with(['\n', '{', ',']) || before.ends_with("\\n");
    let is_header = name.text.eq_ignore_ascii_case("authorization") || name.text.starts_with("X-");
    if !is_field && !is_header || !after.starts_with([' ', '\t', '"', '\'', '\\']) {
        return None;
    }
    let is_scheme = |scheme: &&&str| {
        after.trim_start().get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    let scheme = SCHEMES.iter().find(is_scheme).map_or(0, |scheme| scheme.len());
    let value = literal(&after.trim_start()[scheme..], false)?;
    let is_type = TYPES.contains(&&*value.to_ascii_lowercase());
    let is_prose = is_header && scheme == 0 && value.len() < 8;
    (!is_type && !is_prose).then_some(value)
}

/// The value at the begin of a text, without its quotes; none if it is an expression of a program.
fn literal(text: &str, may_be_code: bool) -> Option<&str> {
    let text = text.trim_start_matches([' ', '\t']).trim_start_matches('\\');
    if let Some(quote) = text.chars().next().filter(|c| "\"'".contains(*c)) {
        let value = text[1..].split(quote).next().unwrap_or_default();
        return Some(value.trim_end_matches('\\'));
    }
    let ends = |c: char| c.is_whitespace() || ";&|<>,\"'`\\".contains(c);
    let value = text.split(ends).next().unwrap_or_default();
    let value = value.trim_end_matches(['}', ']', ')']);
    let is_call = value.contains(['(', '[']) && !value.starts_with('$');
    let is_code = is_call || (may_be_code && value.contains('.'));
    (!is_code).then_some(value)
}

/// The words of a command line, without quotes.
fn shell_words(text: &str) -> Vec<&str> {
    let ends = |c: char| c.is_whitespace() || "\"'`;|&()".contains(c);
    text.split(ends).filter(|word| !word.is_empty()).collect()
}

/// Passwords in options that do not say so.
fn in_options(words: &[&str]) -> Option<String> {
    words.iter().enumerate().find_map(|(index, word)| {
        let program = word.rsplit('/').next().unwrap_or_default();
        let options = PASSWORD_OPTIONS.iter().filter(|(of, _)| *of == program);
        let mut options = options.map(|(_, option)| *option);
        let rest = &words[index + 1..];
        // The further words of sshpass are another command.
        let rest = &rest[..rest.len().min(if program == "sshpass" { 2 } else { MAX_WORDS })];
        let option = options.find(|option| has_password(rest, option))?;
        Some(format!("a password in {program} {option}"))
    })
}

fn has_password(words: &[&str], option: &str) -> bool {
    let is_user = option.starts_with("-u") || option == "--user";
    words.iter().enumerate().any(|(index, word)| {
        let value = match word.strip_prefix(option) {
            Some("") => words.get(index + 1).copied().unwrap_or_default(),
            // `-phunter22`
            Some(joined) if option.len() == 2 => joined,
            _ => return false,
        };
        let value = if is_user { value.split_once(':').map_or("", |(_, password)| password) } else { value };
        is_literal(value) && !is_option(value)
    })
}

fn option_name(word: &str) -> Option<&str> {
    let name = word.trim_start_matches('-');
    let is_bare = name.len() == word.len();
    // Redis takes its settings as words: `requirepass x`.
    (!word.contains(['=', ' ']) && (!is_bare || ["requirepass", "masterauth"].contains(&name)))
        .then_some(name)
}

fn is_option(word: &str) -> bool {
    word.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_in_whatever_way_they_are_written() {
        for (text, kind) in [
            ("|1 NPM_TOKEN=npm_short /bin/sh -c npm ci", "a plaintext value of NPM_TOKEN"),
            ("RUN export DB_PASSWORD='hunter22' && ./x", "a plaintext value of DB_PASSWORD"),
            ("RUN export DB_PASSWORD=\"hunter22\"", "a plaintext value of DB_PASSWORD"),
            ("RUN ./x --db-password=x", "a plaintext value of db-password"),
            ("RUN ./x --db-password hunter22", "a plaintext value of db-password"),
            ("RUN echo '{\"password\": \"hunter22\"}' > c.json", "a plaintext value of password"),
            ("RUN echo \"{\\\"password\\\": \\\"hunter22\\\"}\" > c.json", "a plaintext value of password"),
            ("COPY <<EOF /app/c.yaml\nredis:\n  password: hunter22\nEOF", "a plaintext value of password"),
            ("RUN printf 'user: app\\npassword: hunter22\\n' > c.yaml", "a plaintext value of password"),
            (
                "RUN curl -H 'Authorization: Bearer abcdefgh12' https://h",
                "a plaintext value of Authorization",
            ),
            ("RUN curl -H \"X-Api-Key: abcdefgh12\" https://h", "a plaintext value of X-Api-Key"),
            ("RUN curl -u ann:hunter22 https://h", "a password in curl -u"),
            ("RUN redis-cli -h cache -a hunter22 ping", "a password in redis-cli -a"),
            ("RUN mysql -uroot -phunter22 < a.sql", "a password in mysql -p"),
            ("RUN git clone https://ci:hunter22@git.example.com/a", "a URL with a password"),
            ("RUN echo requirepass=hunter22 >> redis.conf", "a plaintext value of requirepass"),
            ("//h/:_authToken=abcdef", "a plaintext value of _authToken"),
            ("RUN echo 'root:hunter22' | chpasswd", "a password given to chpasswd"),
            ("RUN echo hunter22 | docker login -u ci --password-stdin h", "a password given to a login"),
            ("RUN echo 'machine h login ci password hunter22' > ~/.netrc", "a login of netrc"),
            (r#"RUN echo '{"auths":{"h":{"auth":"Y2k6aHVudGVyMjI="}}}' > c"#, "a login of a registry"),
        ] {
            let kinds = in_text(text);
            assert!(kinds.len() == 1 && kinds[0].starts_with(kind), "{text}: {kinds:?}");
            assert!(!kinds[0].contains("hunter22"), "{kinds:?}");
        }
    }

    #[test]
    fn uses_of_a_credential_are_not_one() {
        for text in [
            "ARG NPM_TOKEN",
            "RUN echo \"root:$PASSWORD\" | chpasswd",
            "RUN echo \"$TOKEN\" | docker login -u ci --password-stdin h",
            "RUN echo \"machine h login ci password $TOKEN\" > ~/.netrc",
            "|1 NPM_TOKEN= /bin/sh -c npm ci",
            "RUN --mount=type=secret,id=npm_token npm ci",
            "RUN docker build --secret id=npm,src=.npmrc .",
            "RUN export PASSWORD=\"$(cat /run/secrets/p)\" && ./x --password \"$PASSWORD\"",
            "RUN test \"$TOKEN\" = \"\" || exit 1",
            "RUN ./x --password-file /run/secrets/p --token-url https://h/token",
            "RUN echo 'Password: see the manual'",
            "CMD [\"./x\", \"--token=${TOKEN}\"]",
            "password = os.environ[\"DB_PASSWORD\"]",
            "password: str",
            "token = settings.token",
            "RUN useradd -u 1000:1000 app",
            "RUN curl -u \"$USER:$PASSWORD\" https://h",
            "RUN if [ \"$TOKEN\" == \"x\" ]; then :; fi",
            "ENV PYTHON_GET_PIP_SHA256=95c5ee602b2f3cc50ae053d716c3c89bea62c58568f64d7d25924d399b2d5218",
            "RUN wget -O python.tar.xz.asc \"https://h/x\"; gpg --batch --recv-keys \"$GPG_KEY\"",
        ] {
            assert_eq!(in_text(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn an_argument_may_follow_its_option() {
        let found = in_arguments(&["redis-server", "--requirepass", "hunter22", "--port", "6379", "--tls"]);
        assert_eq!(found, [(2, "a plaintext value of requirepass".to_owned())]);
        assert_eq!(in_arguments(&["app", "--redis-password=hunter22"]).len(), 1);
        assert_eq!(in_arguments(&["app", "--token", "--verbose", "--token", "$T"]), []);
    }
}
