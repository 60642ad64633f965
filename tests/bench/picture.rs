//! Pictures of a screen, as SVG: what a terminal shows, cell by cell.

use std::fmt::Write as _;

use regex_lite::Regex;
use vt100::{Cell, Color, Screen};

/// The size of a cell, in pixels.
const CELL: (u32, u32) = (8, 17);
const MARGIN: u32 = 12;
const GROUND: &str = "#14171b";
const INK: &str = "#e6e9ed";

/// What differs from run to run, and what stands there in a picture: as long, or cut and filled to be so.
const VARIES: [(&str, &str); 7] = [
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

struct Piece {
    text: String,
    ink: String,
    ground: Option<String>,
    bold: bool,
}

/// The screen as an SVG picture, without what differs from run to run.
pub fn svg(screen: &Screen) -> String {
    let (rows, columns) = screen.size();
    let (width, height) = (u32::from(columns) * CELL.0 + 2 * MARGIN, u32::from(rows) * CELL.1 + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{GROUND}\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"13\" xml:space=\"preserve\">\n"
    );
    for row in 0..rows {
        let y = u32::from(row) * CELL.1 + MARGIN;
        let mut column = 0;
        for piece in pieces(screen, row) {
            let length = u32::try_from(piece.text.chars().count()).unwrap();
            let (x, span) = (MARGIN + column * CELL.0, length * CELL.0);
            column += length;
            if let Some(ground) = &piece.ground {
                let _ = writeln!(
                    svg,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{span}\" height=\"{}\" fill=\"{ground}\"/>",
                    CELL.1
                );
            }
            // How much space stands around a text is not told: it has no look.
            let text = piece.text.trim();
            if text.is_empty() {
                continue;
            }
            let before = u32::try_from(piece.text.chars().take_while(|c| *c == ' ').count()).unwrap();
            let (x, span) = (x + before * CELL.0, u32::try_from(text.chars().count()).unwrap() * CELL.0);
            let weight = if piece.bold { " font-weight=\"bold\"" } else { "" };
            // Plain spaces in a row would be drawn as one.
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace("  ", "\u{a0}\u{a0}");
            let _ = writeln!(
                svg,
                "<text x=\"{x}\" y=\"{}\" fill=\"{}\"{weight} textLength=\"{span}\">{text}</text>",
                y + 13,
                piece.ink
            );
        }
    }
    svg + "</g>\n</svg>\n"
}

/// A row in pieces of one style.
fn pieces(screen: &Screen, row: u16) -> Vec<Piece> {
    let cells: Vec<&Cell> = (0..screen.size().1).filter_map(|column| screen.cell(row, column)).collect();
    let plain: String = cells.iter().map(|cell| cell.contents().chars().next().unwrap_or(' ')).collect();
    let mut pieces: Vec<Piece> = Vec::new();
    for (c, styled) in settled(&plain) {
        let cell = cells[styled];
        let (mut ink, mut ground) = (color(cell.fgcolor()), color(cell.bgcolor()));
        if cell.inverse() {
            (ink, ground) = (ground.or_else(|| Some(GROUND.into())), ink.or_else(|| Some(INK.into())));
        }
        let ink = ink.unwrap_or_else(|| INK.into());
        match pieces.last_mut() {
            Some(last) if last.ink == ink && last.ground == ground && last.bold == cell.bold() => {
                last.text.push(c);
            }
            _ => pieces.push(Piece { text: c.into(), ink, ground, bold: cell.bold() }),
        }
    }
    pieces
}

/// The row with fixed words in the place of what differs from run to run; beside each character, which cell's style
/// it has: fixed words have one.
fn settled(row: &str) -> Vec<(char, usize)> {
    let mut settled: Vec<(char, usize)> = row.chars().enumerate().map(|(at, c)| (c, at)).collect();
    for (pattern, fixed) in VARIES {
        let now: String = settled.iter().map(|(c, _)| c).collect();
        for found in Regex::new(pattern).unwrap().find_iter(&now) {
            let begin = now[..found.start()].chars().count();
            let length = found.as_str().chars().count();
            let words = fixed.chars().chain(std::iter::repeat(' '));
            for (at, c) in (begin..begin + length).zip(words) {
                settled[at] = (c, begin + 1);
            }
        }
    }
    settled
}

/// One of the 256 colours.
fn color(color: Color) -> Option<String> {
    let Color::Idx(index) = color else { return None };
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    Some(match index {
        0..=15 => INK.into(),
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
