//! Frames as text, for snapshots.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// The lines of a frame.
pub fn text(buffer: &Buffer) -> String {
    let rows = buffer.content.chunks(usize::from(buffer.area.width));
    rows.map(|row| line(row).trim_end().to_owned() + "\n").collect()
}

fn line(row: &[Cell]) -> String {
    let mut line = String::new();
    let mut skip = 0;
    for cell in row {
        if skip == 0 {
            line.push_str(cell.symbol());
            skip = unicode_width::UnicodeWidthStr::width(cell.symbol()).max(1);
        }
        skip -= 1;
    }
    line
}

/// The lines, and below them all runs of cells that have a style.
pub fn styled(buffer: &Buffer) -> String {
    let mut frame = text(buffer);
    frame.push_str("styles\n");
    for (y, row) in buffer.content.chunks(usize::from(buffer.area.width)).enumerate() {
        for run in row.chunk_by(|a, b| style(a) == style(b)) {
            let (style, text) = (style(&run[0]), line(run));
            if !style.is_empty() && !text.trim().is_empty() {
                let _ = writeln!(frame, "{y:>3} {style}: {}", text.trim());
            }
        }
    }
    frame
}

fn style(cell: &Cell) -> String {
    let mut parts = Vec::new();
    let mut color = |name: &str, color: Color| {
        if color != Color::Reset {
            parts.push(format!("{name} {color}"));
        }
    };
    color("fg", cell.fg);
    color("bg", cell.bg);
    let names = [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::UNDERLINED, "underlined"),
        (Modifier::REVERSED, "reversed"),
    ];
    parts.extend(names.iter().filter(|(it, _)| cell.modifier.contains(*it)).map(|(_, name)| (*name).into()));
    parts.join(", ")
}
