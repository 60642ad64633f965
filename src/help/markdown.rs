//! Reads the Markdown of the manual into blocks, which the writers for terminals and man pages share.

use std::mem;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// How a part of a text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// Plain.
    #[default]
    Plain,
    /// Important.
    Strong,
    /// Emphasized.
    Emphasis,
    /// Code: what is typed or read literally.
    Code,
}

/// A part of a text, of one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its look.
    pub look: Look,
    /// Its text.
    pub text: String,
}

/// A line or paragraph.
pub type Spans = Vec<Span>;

/// A block of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading: of the page (1), of a section (2) or lower.
    Heading(u8, Spans),
    /// A paragraph.
    Paragraph(Spans),
    /// An item of a list: how deep it is nested (from 0), and its number in a numbered list.
    Item(usize, Option<u64>, Spans),
    /// Lines to be taken literally, and their language.
    Code(String, String),
    /// A row of a table: its cells. In the manual, what is defined, and its meaning.
    Row(Vec<Spans>),
}

/// The blocks of a text.
#[must_use]
pub fn blocks(text: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS) {
        reader.read(event);
    }
    reader.blocks
}

/// A text without its looks.
#[must_use]
pub fn plain(text: &[Span]) -> String {
    text.iter().map(|span| span.text.as_str()).collect()
}

#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    spans: Spans,
    look: Look,
    /// The lists that are open, each with the number of its next item.
    lists: Vec<Option<u64>>,
    /// The finished cells of the row.
    cells: Vec<Spans>,
    /// The language and the lines of the code block.
    code: Option<(String, String)>,
    /// The address of the link.
    link: Option<String>,
    is_metadata: bool,
}

impl Reader {
    fn read(&mut self, event: Event) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some((_, code)) => code.push_str(&text),
                None if self.is_metadata => {}
                None => self.push(self.look, &text),
            },
            Event::Code(text) => self.push(Look::Code, &text),
            Event::SoftBreak | Event::HardBreak => self.push(self.look, " "),
            // What looks like an element is a placeholder mostly, such as <tag>.
            Event::InlineHtml(text) if !text.starts_with("<!--") => self.push(self.look, &text),
            // Comments mark where tables of the code begin and end.
            _ => {}
        }
    }

    fn push(&mut self, look: Look, text: &str) {
        match self.spans.last_mut().filter(|last| last.look == look) {
            Some(last) => last.text.push_str(text),
            None => self.spans.push(Span { look, text: text.to_owned() }),
        }
    }

    fn start(&mut self, tag: Tag) {
        match tag {
            Tag::List(first) => {
                self.end_item();
                self.lists.push(first);
            }
            Tag::CodeBlock(kind) => {
                self.end_item();
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::Link { dest_url, .. } => self.link = Some(dest_url.to_string()),
            Tag::MetadataBlock(_) => self.is_metadata = true,
            Tag::Strong => self.look = Look::Strong,
            Tag::Emphasis => self.look = Look::Emphasis,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => {
                let text = self.take();
                self.blocks.push(Block::Heading(number(level), text));
            }
            TagEnd::Paragraph if self.lists.is_empty() => {
                let text = self.take();
                // A comment alone is an empty paragraph.
                self.blocks.extend((!text.is_empty()).then_some(Block::Paragraph(text)));
            }
            TagEnd::Paragraph | TagEnd::Item => self.end_item(),
            TagEnd::List(_) => drop(self.lists.pop()),
            TagEnd::CodeBlock => self.blocks.extend(self.code.take().map(|(of, code)| Block::Code(of, code))),
            TagEnd::Link => self.end_link(),
            TagEnd::MetadataBlock(_) => self.is_metadata = false,
            TagEnd::Strong | TagEnd::Emphasis => self.look = Look::Plain,
            TagEnd::TableCell => {
                let cell = self.take();
                self.cells.push(cell);
            }
            // The names of columns: a row is a term and its meaning anyway.
            TagEnd::TableHead => self.cells.clear(),
            TagEnd::TableRow => self.blocks.push(Block::Row(mem::take(&mut self.cells))),
            _ => {}
        }
    }

    fn take(&mut self) -> Spans {
        mem::take(&mut self.spans)
    }

    /// Ends the text of an item, which a nested list or a code block may follow.
    fn end_item(&mut self) {
        if self.spans.is_empty() || self.lists.is_empty() {
            return;
        }
        let text = self.take();
        let depth = self.lists.len() - 1;
        let number = self.lists.last_mut().and_then(Option::as_mut).map(|next| {
            *next += 1;
            *next - 1
        });
        self.blocks.push(Block::Item(depth, number, text));
    }

    /// The address of a link follows its text, unless the text is the address.
    fn end_link(&mut self) {
        let address = self.link.take().filter(|address| address.starts_with("http"));
        let is_shown =
            |address: &String| self.spans.last().is_some_and(|span| span.text.ends_with(address.as_str()));
        if let Some(address) = address.filter(|address| !is_shown(address)) {
            self.push(Look::Plain, &format!(" ({address})"));
        }
    }
}

const fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        _ => 3,
    }
}
