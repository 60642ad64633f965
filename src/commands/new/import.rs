//! Turns a Markdown checklist into one of gonogo. Headings become sections, boxes (`- [ ]`) control points that a person
//! confirms; without boxes, the items of lists or the rows of tables. Shell code becomes probes that are comments: nothing
//! runs that nobody has read. Texts that are none of these are kept as comments.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Result, bail};

use crate::help::markdown::{Block, Spans, blocks, plain};

/// The length that a title has at most; a longer text is cut, and stands in `why` in full.
const MAX_TITLE: usize = 80;
/// The words of an id at most.
const MAX_WORDS: usize = 5;
/// Where a long text may be cut to become a title.
const CLAUSES: [&str; 7] = [". ", "; ", " — ", " – ", ": ", " (", ", "];

#[derive(Default)]
struct Section {
    title: String,
    points: Vec<Point>,
    comments: Vec<String>,
}

impl Section {
    /// Adds a point, to the one that its item is nested in, too.
    fn push(&mut self, point: Point) {
        let at = self.points.len();
        if let Some(outer) = self.points.iter_mut().rev().find(|outer| outer.depth < point.depth) {
            outer.nested.push(at);
        }
        self.points.push(point);
    }
}

struct Point {
    text: String,
    /// How deep its item is nested.
    depth: usize,
    /// The points whose items are nested in its item, by their places in the section.
    nested: Vec<usize>,
    /// Texts below it.
    more: Vec<String>,
    scripts: Vec<String>,
}

/// A checklist that was imported.
pub(super) struct Imported {
    /// The file.
    pub(super) file: String,
    /// How many sections and points it has.
    pub(super) sections: usize,
    pub(super) points: usize,
    /// How many texts became comments.
    pub(super) comments: usize,
}

/// Imports a text.
///
/// # Errors
/// When the text has no points.
pub(super) fn import(text: &str) -> Result<Imported> {
    let blocks = blocks(text);
    let rule = PointRule::of(&blocks);
    let mut sections = vec![Section::default()];
    let mut name = None;
    for (index, block) in blocks.iter().enumerate() {
        match block {
            Block::Heading(level, title) => {
                let title = without_number(&plain(title)).to_owned();
                // A title that has no points names the checklist; it is kept as the first line.
                if *level == 1 && name.is_none() {
                    name = Some(title.clone());
                }
                sections.push(Section { title, ..Section::default() });
            }
            Block::Row(cells) => {
                let is_point =
                    rule == PointRule::Rows || rule == PointRule::Boxes && table_has_box(&blocks, index);
                add_row(cells, is_point, sections.last_mut());
            }
            block => add(block, &rule, sections.last_mut()),
        }
    }
    if sections.iter().all(|section| section.points.is_empty()) {
        bail!("expected boxes (`- [ ] …`), a list or a table: no control points found");
    }
    let with_points = || sections.iter().filter(|section| !section.points.is_empty());
    Ok(Imported {
        file: write(name.as_deref().unwrap_or("checklist"), &sections),
        sections: with_points().count(),
        points: with_points().map(|section| section.points.len()).sum(),
        comments: sections.iter().map(|section| section.comments.len()).sum(),
    })
}

/// Which blocks are points.
#[derive(PartialEq, Eq)]
enum PointRule {
    Boxes,
    Items,
    Rows,
}

impl PointRule {
    fn of(blocks: &[Block]) -> Self {
        if blocks.iter().any(has_box) {
            Self::Boxes
        } else if blocks.iter().any(|block| matches!(block, Block::Item(..))) {
            Self::Items
        } else {
            Self::Rows
        }
    }
}

/// Adds a block to a section: as a point, to its last point, or as a comment.
fn add(block: &Block, rule: &PointRule, section: Option<&mut Section>) {
    let Some(section) = section else { return };
    let last = section.points.last_mut();
    match block {
        Block::Item(depth, _, text) => {
            let text = plain(text);
            let point = match (rule, unboxed(&text)) {
                // A box without a text is one to fill in by hand.
                (_, Some(text)) => Some(text.to_owned()).filter(|text| !text.is_empty()),
                (PointRule::Items, None) if *depth == 0 => Some(text.clone()),
                _ => None,
            };
            match (point, last) {
                (Some(text), _) => section.push(Point::new(&text, *depth)),
                (None, Some(point)) if point.depth < *depth => point.more.push(text),
                (None, _) => section.comments.push(text),
            }
        }
        Block::Code(language, code) => match last.filter(|_| is_script(language)) {
            Some(point) => point.scripts.push(without_prompts(code)),
            None => section.comments.push(code.clone()),
        },
        Block::Paragraph(text) => match last {
            Some(point) => point.more.push(plain(text)),
            None => section.comments.push(plain(text)),
        },
        Block::Heading(..) | Block::Row(_) => {}
    }
}

/// Whether the table that the row at `index` is in has a box.
fn table_has_box(blocks: &[Block], index: usize) -> bool {
    let is_row = |block: &&Block| matches!(block, Block::Row(_));
    let before = blocks[..index].iter().rev().take_while(is_row);
    before.chain(blocks[index..].iter().take_while(is_row)).any(has_box)
}

fn has_box(block: &Block) -> bool {
    match block {
        Block::Item(_, _, text) => unboxed(&plain(text)).is_some(),
        Block::Row(cells) => cells.iter().any(|cell| unboxed(&plain(cell)).is_some()),
        _ => false,
    }
}

/// Adds a row of a table. Of a point, the first cell with words is the title, and what else is there is kept below it.
fn add_row(cells: &[Spans], is_point: bool, section: Option<&mut Section>) {
    let Some(section) = section else { return };
    let cells: Vec<_> = cells.iter().map(|cell| plain(cell)).collect();
    let mut texts: Vec<_> = cells.iter().map(|cell| unboxed(cell).unwrap_or(cell).trim()).collect();
    texts.retain(|text| !text.is_empty());
    let title = texts.iter().position(|text| text.chars().any(char::is_alphabetic)).filter(|_| is_point);
    match title {
        Some(at) => {
            let mut point = Point::new(texts.remove(at), 0);
            point.more.extend(texts.into_iter().map(str::to_owned));
            section.push(point);
        }
        None => section.comments.push(cells.join(" | ")),
    }
}

impl Point {
    fn new(text: &str, depth: usize) -> Self {
        let text = without_number(text).trim().to_owned();
        Self { text, depth, nested: Vec::new(), more: Vec::new(), scripts: Vec::new() }
    }
}

/// What follows a box, checked or not.
fn unboxed(text: &str) -> Option<&str> {
    let boxes = ["[ ]", "[]", "[x]", "[X]", "[-]", "☐", "☑", "☒", "⬜", "✅"];
    boxes.iter().find_map(|mark| text.trim_start().strip_prefix(mark)).map(str::trim)
}

/// A title without a number in front: the screen numbers sections.
fn without_number(title: &str) -> &str {
    let rest = title.trim_start().trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is_number = rest.len() < title.len() && rest.starts_with([' ', ')', ':']);
    let text = if is_number { rest.trim_start_matches([' ', ')', ':']) } else { title };
    if text.is_empty() { title } else { text }
}

fn is_script(language: &str) -> bool {
    let name = language.split([' ', ',', '{']).next().unwrap_or_default().to_ascii_lowercase();
    matches!(name.as_str(), "sh" | "bash" | "shell" | "zsh" | "console" | "shell-session" | "shellsession")
}

/// The commands of a terminal session: if some lines have a prompt, only those.
fn without_prompts(code: &str) -> String {
    let typed: Vec<_> = code.lines().filter_map(|line| line.trim_start().strip_prefix("$ ")).collect();
    if typed.is_empty() { code.trim_end().to_owned() } else { typed.join("\n") }
}

/// The file of a checklist.
fn write(name: &str, sections: &[Section]) -> String {
    let mut out = String::new();
    comment(&mut out, name);
    out.push_str(
        "# Imported from Markdown. Every point is confirmed by one person until it has probes: `gonogo help checklist`.\n\
         # Shell code is a comment. If it only reads, remove the `# `, and it is a probe: a probe runs by itself, again and\n\
         # again. If it changes anything, make it an action: `gonogo help actions`.\n\n",
    );
    let _ = writeln!(out, "name = {}", quoted(&slug(name, &mut BTreeSet::new(), "checklist")));
    let mut ids = BTreeSet::new();
    for section in sections {
        // The name is the first line already.
        if section.points.is_empty() && section.title != name {
            comment(&mut out, &section.title);
        }
        for text in &section.comments {
            comment(&mut out, text);
        }
        if section.points.is_empty() {
            continue;
        }
        let title = if section.title.is_empty() { "Checklist" } else { &section.title };
        let id = slug(title, &mut ids, "section");
        let _ = write!(out, "\n[[section]]\nid = {}\ntitle = {}\n", quoted(&id), quoted(title));
        let mut names = BTreeSet::new();
        let points = section.points.iter();
        let ids: Vec<_> =
            points.map(|point| format!("{id}.{}", slug(&point.text, &mut names, "point"))).collect();
        for (point, id) in section.points.iter().zip(&ids) {
            let after: Vec<_> = point.nested.iter().filter_map(|at| ids.get(*at)).collect();
            write_point(&mut out, id, &after, point);
        }
    }
    out
}

/// A point, which comes after those nested in it.
fn write_point(out: &mut String, id: &str, after: &[&String], point: &Point) {
    let why = [std::slice::from_ref(&point.text), point.more.as_slice()].concat().join("\n");
    let _ = write!(
        out,
        "\n[[section.point]]\nid = {}\ntitle = {}\nwhy = {}\nconfirm = \"one\"\n",
        quoted(id),
        quoted(&title(&point.text)),
        quoted(&why)
    );
    if !after.is_empty() {
        let after: Vec<_> = after.iter().map(|id| quoted(id)).collect();
        let _ = writeln!(out, "after = [{}]", after.join(", "));
    }
    for (index, script) in point.scripts.iter().enumerate() {
        let probe = format!(
            "\n[[section.point.probe]]\nid = \"script-{}\"\ntitle = {}\nkind = \"command\"\nwith = {{ argv = [\"sh\", \"-c\", {}] }}",
            index + 1,
            quoted(&title(script.lines().next().unwrap_or_default())),
            quoted(script)
        );
        comment(out, &probe);
    }
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn comment(out: &mut String, text: &str) {
    for line in text.lines() {
        let line = format!("# {line}");
        let _ = writeln!(out, "{}", if line == "# " { "" } else { line.trim_end() });
    }
}

/// A short title: the first clause that is long enough, or as many words as fit.
fn title(text: &str) -> String {
    let text = text.trim();
    if text.chars().count() <= MAX_TITLE {
        return text.trim_end_matches('.').to_owned();
    }
    let clause = CLAUSES.iter().filter_map(|end| text.split_once(end)).map(|(clause, _)| clause);
    let is_whole = |clause: &str| clause.matches('(').count() == clause.matches(')').count();
    let fits =
        |clause: &&str| (MAX_TITLE / 4..=MAX_TITLE).contains(&clause.chars().count()) && is_whole(clause);
    if let Some(clause) = clause.filter(fits).max_by_key(|clause| clause.len()) {
        return clause.to_owned();
    }
    let mut cut = String::new();
    for word in text.split(' ') {
        if cut.chars().count() + word.chars().count() + 2 > MAX_TITLE {
            break;
        }
        cut.push_str(word);
        cut.push(' ');
    }
    if cut.is_empty() {
        cut = text.chars().take(MAX_TITLE - 1).collect();
    }
    format!("{}…", cut.trim_end())
}

/// An id of a title's first words that is not in `ids` yet.
fn slug(title: &str, ids: &mut BTreeSet<String>, otherwise: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<_> = words.take(MAX_WORDS).map(str::to_ascii_lowercase).collect();
    let word = if words.is_empty() { otherwise.to_owned() } else { words.join("-") };
    let word: String = word.chars().take(MAX_TITLE / 2).collect();
    let word = word.trim_end_matches('-');
    let candidates = (1..).map(|n| if n == 1 { word.to_owned() } else { format!("{word}-{n}") });
    let id = candidates.into_iter().find(|id| !ids.contains(id)).unwrap_or_default();
    ids.insert(id.clone());
    id
}
