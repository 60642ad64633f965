//! Pictures of a terminal screen as SVG, cell by cell.

use std::fmt::Write as _;

use regex_lite::Regex;
use vt100::{Cell, Color, Screen};

/// The size of a cell, in pixels.
const CELL: (u32, u32) = (8, 17);
const MARGIN: u32 = 12;
const BACKGROUND: &str = "#14171b";
const FOREGROUND: &str = "#e6e9ed";

/// Patterns of text that differs from run to run, each with its fixed replacement, which is cut or padded to the length of
/// the match.
const REPLACEMENTS: [(&str, &str); 7] = [
    (r"\d\d:\d\d:\d\d", "00:04:12"),
    (r"(passed|failed|error) · (just now|\d+[smh][^·]*) · [^│┃]*", "passed · 2m ago · 12 ms · #31:84752b6f"),
    (r"(just now|\d+[smh] ago) · log #\d+", "2m ago · log #36"),
    (r"seq \d+", "seq 71"),
    (r"\d+/\d+  \+\S+ ", "72/72  +4m12s "),
    (r"\d{8}T\d{6}Z-[0-9a-f]{8}", "20261124T100000Z-7e5a1f0c"),
    (
        r"●[─·●◆■]{60,}",
        "●●─··─·─··─··─·─··─·─··─··─·─··─·─··─··─·─··─·─··─··─·─●·─●─●●─●●─●─·●─·─·●─·●─·─··─●─··─·●─·─·●─·─··─··─·─··─·─●·─··─·─·●─·─··─··●─◆■─■─",
    ),
];

struct Span {
    text: String,
    foreground: String,
    background: Option<String>,
    bold: bool,
}

/// The screen as an SVG picture, with fixed text for what differs from run to run.
pub fn svg(screen: &Screen) -> String {
    let (rows, columns) = screen.size();
    let (width, height) = (u32::from(columns) * CELL.0 + 2 * MARGIN, u32::from(rows) * CELL.1 + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"13\" xml:space=\"preserve\">\n"
    );
    for row in 0..rows {
        let y = u32::from(row) * CELL.1 + MARGIN;
        let mut column = 0;
        for text_span in spans(screen, row) {
            let length = u32::try_from(text_span.text.chars().count()).unwrap();
            let (x, width) = (MARGIN + column * CELL.0, length * CELL.0);
            column += length;
            if let Some(background) = &text_span.background {
                let _ = writeln!(
                    svg,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{}\" fill=\"{background}\"/>",
                    CELL.1
                );
            }
            // Spaces around a text are invisible: they are left out.
            let text = text_span.text.trim();
            if text.is_empty() {
                continue;
            }
            let leading = u32::try_from(text_span.text.chars().take_while(|c| *c == ' ').count()).unwrap();
            let (x, width) = (x + leading * CELL.0, u32::try_from(text.chars().count()).unwrap() * CELL.0);
            let weight = if text_span.bold { " font-weight=\"bold\"" } else { "" };
            // Several ordinary spaces would be drawn as one.
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace("  ", "\u{a0}\u{a0}");
            let _ = writeln!(
                svg,
                "<text x=\"{x}\" y=\"{}\" fill=\"{}\"{weight} textLength=\"{width}\">{text}</text>",
                y + 13,
                text_span.foreground
            );
        }
    }
    svg + "</g>\n</svg>\n"
}

/// A row as spans of one style each.
fn spans(screen: &Screen, row: u16) -> Vec<Span> {
    let cells: Vec<&Cell> = (0..screen.size().1).filter_map(|column| screen.cell(row, column)).collect();
    let plain: String = cells.iter().map(|cell| cell.contents().chars().next().unwrap_or(' ')).collect();
    let mut spans: Vec<Span> = Vec::new();
    for (c, column) in with_replacements(&plain) {
        let cell = cells[column];
        let (mut foreground, mut background) = (color(cell.fgcolor()), color(cell.bgcolor()));
        if cell.inverse() {
            (foreground, background) = (
                background.or_else(|| Some(BACKGROUND.into())),
                foreground.or_else(|| Some(FOREGROUND.into())),
            );
        }
        let foreground = foreground.unwrap_or_else(|| FOREGROUND.into());
        match spans.last_mut() {
            Some(last)
                if last.foreground == foreground
                    && last.background == background
                    && last.bold == cell.bold() =>
            {
                last.text.push(c);
            }
            _ => spans.push(Span { text: c.into(), foreground, background, bold: cell.bold() }),
        }
    }
    spans
}

/// The row with its replacements, and for each character the column of the cell whose style it has. A replacement has
/// one style.
fn with_replacements(row: &str) -> Vec<(char, usize)> {
    let mut row: Vec<(char, usize)> = row.chars().enumerate().map(|(at, c)| (c, at)).collect();
    for (pattern, fixed) in REPLACEMENTS {
        let now: String = row.iter().map(|(c, _)| c).collect();
        for matched in Regex::new(pattern).unwrap().find_iter(&now) {
            let begin = now[..matched.start()].chars().count();
            let length = matched.as_str().chars().count();
            let replacement = fixed.chars().chain(std::iter::repeat(' '));
            for (at, c) in (begin..begin + length).zip(replacement) {
                row[at] = (c, begin + 1);
            }
        }
    }
    row
}

/// One of the 256 colours.
fn color(color: Color) -> Option<String> {
    let Color::Idx(index) = color else { return None };
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    Some(match index {
        0..=15 => FOREGROUND.into(),
        16..=231 => {
            let index = index - 16;
            format!("#{:02x}{:02x}{:02x}", level(index / 36), level(index / 6 % 6), level(index % 6))
        }
        232..=255 => {
            let gray = 8 + 10 * (index - 232);
            format!("#{gray:02x}{gray:02x}{gray:02x}")
        }
    })
}
