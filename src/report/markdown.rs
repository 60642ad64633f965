//! The document in Markdown, as forges render it (GitHub's dialect).

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Output, State};

use super::Document;

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
    environment.render_named_str("report.md", include_str!("report.md.j2"), minijinja::value::Serde(document))
}

/// What comes from elsewhere is text: no markup of its own, no line of its own.
fn escape(out: &mut Output, _: &mut State, value: &Value) -> Result<(), minijinja::Error> {
    let text = if value.kind() == ValueKind::None { String::new() } else { value.to_string() };
    if value.is_safe() {
        out.write_str(&text)?;
        return Ok(());
    }
    for c in text.trim().chars() {
        match c {
            '\n' => out.write_str("<br>")?,
            '&' => out.write_str("&amp;")?,
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' | '!' => {
                out.write_str("\\")?;
                out.write_str(c.encode_utf8(&mut [0; 4]))?;
            }
            c => out.write_str(c.encode_utf8(&mut [0; 4]))?,
        }
    }
    Ok(())
}

/// A bar of the time chart, in blocks.
fn bar(spans: &[Value]) -> String {
    const CELLS: u64 = 40;
    let of = |cell: u64| {
        let at = (cell * 2 + 1) * 1000 / (CELLS * 2);
        let here = spans.iter().find(|span| number(span, "from") <= at && at < number(span, "to"));
        let tone = here.and_then(|span| span.get_attr("tone").ok());
        match tone.as_ref().and_then(Value::as_str) {
            Some("good") => '█',
            Some("aside") => '▒',
            Some("bad") => '✖',
            Some("unknown") => '?',
            _ => '·',
        }
    };
    (0..CELLS).map(of).collect()
}

fn number(span: &Value, name: &str) -> u64 {
    span.get_attr(name).ok().and_then(|value| u64::try_from(value).ok()).unwrap_or(0)
}
