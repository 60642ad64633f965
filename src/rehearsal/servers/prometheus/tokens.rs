//! The tokens of an expression.

use std::fmt;

/// What symbols there are, the longer ones first.
const SYMBOLS: [&str; 22] = [
    "==", "!=", "=~", "!~", ">=", "<=", "=", ">", "<", "+", "-", "*", "/", "(", ")", "{", "}", "[", "]", ",",
    "%", "^",
];

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    /// In seconds.
    Duration(f64),
    Word(String),
    Text(String),
    Symbol(&'static str),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "`{number}`"),
            Self::Duration(seconds) => write!(f, "`{seconds}s`"),
            Self::Word(word) => write!(f, "`{word}`"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Symbol(symbol) => write!(f, "`{symbol}`"),
        }
    }
}

/// Takes a text apart.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' | '\'' => quoted(rest, first)?,
            '0'..='9' | '.' => number(rest)?,
            'a'..='z' | 'A'..='Z' | '_' | ':' => word(rest),
            _ => symbol(rest).ok_or_else(|| format!("unexpected `{first}`"))?,
        };
        found.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

fn symbol(rest: &str) -> Option<(Token, usize)> {
    let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol))?;
    Some((Token::Symbol(symbol), symbol.len()))
}

fn word(rest: &str) -> (Token, usize) {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
    let token = match &rest[..end] {
        "Inf" => Token::Number(f64::INFINITY),
        "NaN" => Token::Number(f64::NAN),
        word => Token::Word(word.to_owned()),
    };
    (token, end)
}

/// A number such as `1.5e-3`, or a duration such as `1h30m`.
fn number(rest: &str) -> Result<(Token, usize), String> {
    let mut last = ' ';
    let is_within = |c: char| {
        let is_sign_of_exponent = matches!(c, '+' | '-') && matches!(last, 'e' | 'E');
        last = c;
        c.is_ascii_alphanumeric() || c == '.' || is_sign_of_exponent
    };
    let end = rest.len() - rest.trim_start_matches(is_within).len();
    let text = &rest[..end];
    let token = text.parse().map(Token::Number).ok().or_else(|| duration(text).map(Token::Duration));
    token.map(|token| (token, end)).ok_or_else(|| format!("`{text}` is neither a number nor a duration"))
}

fn duration(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let unit = &tail[..tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len())];
        seconds += number.parse::<f64>().ok()? * unit_in_seconds(unit)?;
        rest = &tail[unit.len()..];
    }
    Some(seconds)
}

fn unit_in_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        "y" => 31_536_000.0,
        _ => return None,
    })
}

/// A text in quotes, in which a backslash keeps the next character as it is.
fn quoted(rest: &str, quote: char) -> Result<(Token, usize), String> {
    let mut text = String::new();
    let mut inside = rest.char_indices().skip(1);
    while let Some((at, c)) = inside.next() {
        match c {
            _ if c == quote => return Ok((Token::Text(text), at + quote.len_utf8())),
            '\\' => match inside.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, escaped)) => text.push(escaped),
                None => break,
            },
            _ => text.push(c),
        }
    }
    Err("a text without its end".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_apart() {
        for (text, wanted) in [
            ("1.5e-3", vec![Token::Number(0.0015)]),
            ("1h30m", vec![Token::Duration(5400.0)]),
            ("250ms", vec![Token::Duration(0.25)]),
            ("a:b_c", vec![Token::Word("a:b_c".into())]),
            (r#"'it' "\"\\d\n""#, vec![Token::Text("it".into()), Token::Text("\"\\d\n".into())]),
            ("<= <", vec![Token::Symbol("<="), Token::Symbol("<")]),
        ] {
            assert_eq!(tokens(text), Ok(wanted), "{text}");
        }
        assert!(tokens("5x").is_err() && tokens("1..2").is_err());
    }
}
