//! The document in Markdown (GitHub's dialect).

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Output, State};

use super::Document;
use gonogo_core::checklist;

/// The document as Markdown.
///
/// # Errors
/// When the template does not fit the document, which is a bug.
pub fn markdown(document: &Document) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("markdown".into()));
    environment.set_formatter(escape);
    environment.add_filter("bar", |spans: Vec<Value>| bar(&spans));
    environment.add_filter("code", |text: &str| Value::from_safe_string(code_block(text)));
    environment.add_filter("link", |text: &str| Value::from_safe_string(link(text)));
    environment.render_named_str("report.md", include_str!("report.md.j2"), minijinja::value::Serde(document))
}

/// Escapes values: they contain no markup, no line breaks, no links and no mentions.
fn escape(out: &mut Output, _: &mut State, value: &Value) -> Result<(), minijinja::Error> {
    let text = if value.kind() == ValueKind::None { String::new() } else { value.to_string() };
    Ok(out.write_str(&if value.is_safe() { text } else { escaped(text.trim()) })?)
}

/// A text as a link, if it is one of the web: its characters are limited, and end no link.
fn link(text: &str) -> String {
    if checklist::is_link(text) { format!("<{}>", text.replace('&', "&amp;")) } else { escaped(text) }
}

/// An invisible separator. Forges search the rendered text for names, numbers and addresses, so escapes do not hide them:
/// only a changed text does.
const ZERO_WIDTH_SPACE: &str = "&#8203;";

fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut before = None;
    while let Some(c) = rest.chars().next() {
        let is_start = before.is_none();
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => out.push_str("<br>"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' | '!' => out.extend(['\\', c]),
            // A list, or a line under a heading.
            '-' | '+' | '=' if is_start => out.extend(['\\', c]),
            '.' | ')' if is_number(&text[..text.len() - rest.len() - 1]) => out.extend(['\\', c]),
            c => out.push(c),
        }
        // A mail address is not a mention.
        let is_address = c == '@' && before.is_some_and(char::is_alphanumeric);
        before = Some(c);
        if (is_mention(c, rest) && !is_address) || is_link(&text[..text.len() - rest.len()], rest) {
            out.push_str(ZERO_WIDTH_SPACE);
        }
    }
    out
}

/// A block of code, from which a command can be copied as it is. Forges find no names or addresses in it.
fn code_block(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}sh\n{text}\n{fence}")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a forge takes this sign for the start of a reference: a person, an issue, a merge request, a label.
fn is_mention(sign: char, rest: &str) -> bool {
    "@#!~$%&".contains(sign) && rest.starts_with(|next: char| next.is_alphanumeric() || next == '"')
}

/// Whether a forge takes the text around a position for an address, or for an issue by its long name.
fn is_link(before: &str, rest: &str) -> bool {
    let suffix = |end: &str| before.len().checked_sub(end.len()).and_then(|at| before.get(at..));
    let has = |end: &str| suffix(end).is_some_and(|text| text.eq_ignore_ascii_case(end));
    let is_scheme = ["www.", "mailto:", "xmpp:"].into_iter().any(has);
    rest.starts_with("://")
        || is_scheme
        || (has("gh-") && rest.starts_with(|next: char| next.is_ascii_digit()))
}

/// A bar of the time chart, in blocks.
fn bar(spans: &[Value]) -> String {
    const CELLS: u64 = 40;
    let cell_symbol = |cell: u64| {
        let at = (cell * 2 + 1) * 1000 / (CELLS * 2);
        let current = spans.iter().find(|span| number(span, "from") <= at && at < number(span, "to"));
        let class = current.and_then(|span| span.get_attr("class").ok());
        match class.as_ref().and_then(Value::as_str) {
            Some("done") => '█',
            Some("waived") => '▒',
            Some("failed") => '✖',
            Some("error") => '?',
            _ => '·',
        }
    };
    (0..CELLS).map(cell_symbol).collect()
}

fn number(span: &Value, name: &str) -> u64 {
    span.get_attr(name).ok().and_then(|value| u64::try_from(value).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_of_the_web_becomes_a_link() {
        assert_eq!(link("https://wiki.x/a?b&c"), "<https://wiki.x/a?b&amp;c>");
        for text in ["javascript:alert(1)", "https://wiki.x/> [a](b)", "#db-oncall"] {
            assert_eq!(link(text), escaped(text));
        }
    }

    #[test]
    fn text_never_becomes_a_link_a_mention_or_a_list() {
        for (text, shown) in [
            ("@everyone (@all), a@b.example", "@&#8203;everyone (@&#8203;all), a@b.example"),
            ("see #12, !34 and ~bug", "see \\#&#8203;12, \\!&#8203;34 and \\~&#8203;bug"),
            ("https://h/x and www.h.example", "https&#8203;://h/x and www.&#8203;h.example"),
            ("Mailto:a@b.example GH-12 gh-x", "Mailto:&#8203;a@b.example GH-&#8203;12 gh-x"),
            ("- one", "\\- one"),
            ("+ one", "\\+ one"),
            ("12. one 3. two", "12\\. one 3. two"),
            ("1) one", "1\\) one"),
            ("===", "\\==="),
            ("a - b, 5 % of 3.5, x = y", "a - b, 5 % of 3.5, x = y"),
            ("a\n# b", "a<br>\\# b"),
            ("[x](y) <z> `q` &lt;", "\\[x\\](y) &lt;z&gt; \\`q\\` &amp;&#8203;lt;"),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }
}
