//! The document as one HTML page, without scripts or external resources, printable.

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment};

use super::Document;

/// The document as HTML.
///
/// # Errors
/// When the template does not fit the document, which is a bug.
pub fn html(document: &Document) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // The chart has a column for the points' names.
    environment.add_filter("truncate_to", |name: String| gonogo_core::text::clip(&name, 28));
    environment.add_test("link", gonogo_core::checklist::is_link);
    environment.render_named_str(
        "report.html",
        include_str!("report.html.j2"),
        minijinja::value::Serde(document),
    )
}
