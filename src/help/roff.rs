//! Writes the texts of the manual for `man`.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::markdown::{Block, Look, Span, blocks, plain};

/// What becomes of headings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headings {
    /// The title is left out, its sections become sections of the page.
    Sections,
    /// The title becomes a section of the page.
    OneSection,
}

/// Appends a text to a page.
pub fn append(page: &mut Roff, text: &str, headings: Headings) {
    for block in blocks(text) {
        match block {
            Block::Heading(level, title) => heading(page, level, &plain(&title), headings),
            Block::Paragraph(text) => {
                page.control("PP", []).text(inlines(&text));
            }
            Block::Item(_, number, text) => {
                let mark = number.map_or_else(|| "\\(bu".to_owned(), |number| format!("{number}."));
                page.control("IP", [mark.as_str(), "3"]).text(inlines(&text));
            }
            Block::Code(_, text) => {
                page.control("PP", []).control("RS", ["4"]).control("EX", []);
                for line in text.lines() {
                    page.text([roman(line)]);
                }
                page.control("EE", []).control("RE", []);
            }
            Block::Row(cells) => {
                page.control("TP", []);
                for cell in cells {
                    page.text(inlines(&cell));
                }
            }
        }
    }
}

fn heading(page: &mut Roff, level: u8, title: &str, headings: Headings) {
    let title = if title.to_lowercase().contains("example") { "Examples" } else { title };
    match (level, headings) {
        (1, Headings::Sections) => {}
        (1, Headings::OneSection) | (2, Headings::Sections) => {
            page.control("SH", [title.to_uppercase().as_str()]);
        }
        _ => {
            page.control("SS", [title]);
        }
    }
}

fn inlines(text: &[Span]) -> Vec<Inline> {
    let inline = |span: &Span| match span.look {
        Look::Plain => roman(&span.text),
        Look::Emphasis => italic(&span.text),
        Look::Strong | Look::Code => bold(&span.text),
    };
    text.iter().map(inline).collect()
}
