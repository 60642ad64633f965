//! Writes a page for a terminal, or as plain text.

use unicode_width::UnicodeWidthStr as _;

use super::markdown::{Block, Look, Span, blocks};

/// The widest line that is still read easily, in columns.
pub const MAX_WIDTH: usize = 96;
/// How far a text is indented below its heading.
const INDENT: usize = 2;
/// How far a term of a table reaches at most; the meaning of a longer one begins on the next line.
const MAX_TERM: usize = 24;

/// A page, wrapped to so many columns; with the control sequences of a terminal, if it is `styled`.
#[must_use]
pub fn page(text: &str, width: usize, styled: bool) -> String {
    let blocks = blocks(text);
    let mut page = Page { out: String::new(), width: width.clamp(20, MAX_WIDTH), styled };
    for (index, block) in blocks.iter().enumerate() {
        let previous = index.checked_sub(1).and_then(|before| blocks.get(before));
        if previous.is_some_and(|previous| !belong_together(previous, block)) {
            page.out.push('\n');
        }
        page.block(block, || term_column(&blocks, index));
    }
    page.out
}

/// Whether no empty line is between two blocks.
const fn belong_together(previous: &Block, block: &Block) -> bool {
    matches!((previous, block), (Block::Item(..), Block::Item(..)) | (Block::Row(..), Block::Row(..)))
}

/// Where the meanings of the table begin that the row at `index` is in.
fn term_column(blocks: &[Block], index: usize) -> usize {
    let is_row = |block: &&Block| matches!(block, Block::Row(..));
    let before = blocks[..index].iter().rev().take_while(is_row);
    let terms = before.chain(blocks[index..].iter().take_while(is_row)).map(|row| match row {
        Block::Row(cells) => cells.first().map_or(0, |term| width(term)),
        _ => 0,
    });
    terms.filter(|width| *width <= MAX_TERM).max().unwrap_or(MAX_TERM) + INDENT * 2
}

struct Page {
    out: String,
    width: usize,
    styled: bool,
}

impl Page {
    fn block(&mut self, block: &Block, term_column: impl Fn() -> usize) {
        match block {
            Block::Heading(_, text) => {
                let bold: Vec<_> =
                    text.iter().map(|span| Span { look: Look::Strong, ..span.clone() }).collect();
                self.wrapped("", &bold, 0);
            }
            Block::Paragraph(text) => self.wrapped("  ", text, INDENT),
            Block::Item(depth, number, text) => {
                let mark = number.map_or_else(|| "- ".to_owned(), |number| format!("{number}. "));
                let mark = format!("{:indent$}{mark}", "", indent = INDENT * (depth + 1));
                self.wrapped(&mark, text, mark.len());
            }
            Block::Code(_, text) => {
                for line in text.lines() {
                    let line = format!("    {line}");
                    self.out.push_str(line.trim_end());
                    self.out.push('\n');
                }
            }
            Block::Row(cells) => self.row(cells, term_column()),
        }
    }

    fn row(&mut self, cells: &[Vec<Span>], column: usize) {
        let (term, meaning) = cells.split_first().unwrap_or((const { &Vec::new() }, &[]));
        let mut head = "  ".to_owned();
        for span in term {
            head.push_str(&self.styled(span.look, &span.text));
        }
        let used = INDENT + width(term);
        if used + INDENT > column {
            self.out.push_str(&head);
            self.out.push('\n');
            head = " ".repeat(column);
        } else {
            head.push_str(&" ".repeat(column - used));
        }
        self.wrapped(&head, &meaning.concat(), column);
    }

    /// Text after `head`, which fills `indent` columns; later lines are indented by as much.
    fn wrapped(&mut self, head: &str, text: &[Span], indent: usize) {
        self.out.push_str(head);
        let mut column = indent;
        for word in words(text) {
            let width = width(&word);
            if column > indent {
                if column + 1 + width > self.width {
                    self.out.push('\n');
                    self.out.push_str(&" ".repeat(indent));
                    column = indent;
                } else {
                    self.out.push(' ');
                    column += 1;
                }
            }
            for span in &word {
                let styled = self.styled(span.look, &span.text);
                self.out.push_str(&styled);
            }
            column += width;
        }
        self.out.push('\n');
    }

    fn styled(&self, look: Look, text: &str) -> String {
        let on = match look {
            _ if !self.styled => return text.to_owned(),
            Look::Plain => return text.to_owned(),
            Look::Strong => "1",
            Look::Emphasis => "3",
            Look::Code => "36",
        };
        format!("\x1b[{on}m{text}\x1b[0m")
    }
}

/// How many columns a text fills.
fn width(text: &[Span]) -> usize {
    text.iter().map(|span| span.text.width()).sum()
}

/// The words of a text: what no space separates stays together, whatever its looks.
fn words(text: &[Span]) -> Vec<Vec<Span>> {
    let mut words: Vec<Vec<Span>> = vec![Vec::new()];
    for span in text {
        for (index, part) in span.text.split(' ').enumerate() {
            if index > 0 {
                words.push(Vec::new());
            }
            if let Some(word) = words.last_mut().filter(|_| !part.is_empty()) {
                word.push(Span { look: span.look, text: part.to_owned() });
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
