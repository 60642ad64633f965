//! The output of an action, all of it: followed, scrolled, searched. However long it is, only what is shown is held.

mod page;
mod search;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::app::{App, Effect};
use super::input::Field;
use super::keymap::{self, Intent};
use super::paper::fold;
pub use page::draw;
use search::Search;

use crate::ansi;
use crate::checklist::ActionKey;
use crate::journal::side::Outputs;

/// How much is read for one page, in bytes. A line longer than that is shown in pieces.
const PIECE: usize = 128 << 10;

/// A place in an output.
#[derive(Clone, Debug)]
pub struct Pager {
    /// The action.
    pub key: ActionKey,
    /// The position of its begin in the log.
    pub started: u64,
    /// How much is read for one page, in bytes.
    piece: usize,
    /// Where the first line shown begins, in bytes.
    top: u64,
    /// How many rows of it are above the screen.
    skip: usize,
    /// Whether it stays at the end.
    follow: bool,
    /// Whether long lines are broken.
    wrap: bool,
    /// What is searched for.
    find: Field,
    /// Whether that is being typed.
    typing: bool,
    /// What is shown: where each line begins, and the line.
    page: Vec<(u64, ansi::Line)>,
    /// How much there is, in bytes.
    length: u64,
    /// What is to be told of the last key.
    said: Option<String>,
    /// The search that is under way.
    search: Option<Search>,
}

impl Pager {
    /// At the end of an output.
    pub fn new(key: ActionKey, started: u64) -> Self {
        Self {
            key,
            started,
            piece: PIECE,
            top: 0,
            skip: 0,
            follow: true,
            wrap: true,
            find: Field::default(),
            typing: false,
            page: Vec::new(),
            length: 0,
            said: None,
            search: None,
        }
    }

    /// Whether what is searched for is being typed.
    pub const fn is_typing(&self) -> bool {
        self.typing
    }

    /// Reads what is to be shown on so many rows of so many columns.
    fn load(&mut self, outputs: &Outputs, size: (usize, usize)) {
        let (columns, rows) = size;
        self.length = outputs.length(self.started).unwrap_or(0);
        if !self.follow {
            self.page = self.lines(outputs, self.top, self.piece);
            self.page.truncate(self.skip + rows + 1);
            return;
        }
        let from = self.length.saturating_sub(self.piece as u64);
        let lines = self.lines(outputs, from, self.piece);
        let mut taken = 0;
        let first = lines.iter().rposition(|(_, line)| {
            taken += self.rows_of(line, columns);
            taken >= rows
        });
        self.page = lines[first.unwrap_or(0)..].to_vec();
        self.top = self.page.first().map_or(0, |(at, _)| *at);
        self.skip = taken.saturating_sub(rows);
    }

    fn rows_of(&self, line: &ansi::Line, columns: usize) -> usize {
        let spans = || line.iter().map(|(_, text)| Span::raw(text.clone())).collect();
        if self.wrap { fold(spans(), columns).len() } else { 1 }
    }

    /// The lines of a piece, with the place that each begins at.
    fn lines(&self, outputs: &Outputs, from: u64, most: usize) -> Vec<(u64, ansi::Line)> {
        let bytes = outputs.read(self.started, from, most).unwrap_or_default();
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at as u64 + 1);
        let begins = std::iter::once(0).chain(ends).map(|at| from + at);
        begins.zip(ansi::lines(&bytes)).collect()
    }

    fn up(&mut self, outputs: &Outputs, count: usize, columns: usize) {
        self.follow = false;
        if self.skip >= count {
            self.skip -= count;
            return;
        }
        let mut left = count - self.skip;
        let from = self.top.saturating_sub(self.piece as u64);
        let most = usize::try_from(self.top - from).unwrap_or(self.piece);
        for (at, line) in self.lines(outputs, from, most).iter().rev() {
            let rows = self.rows_of(line, columns);
            (self.top, self.skip) = (*at, rows.saturating_sub(left));
            if left <= rows {
                return;
            }
            left -= rows;
        }
    }

    fn down(&mut self, outputs: &Outputs, count: usize, (columns, rows): (usize, usize)) {
        if self.follow {
            return;
        }
        let lines = self.lines(outputs, self.top, self.piece);
        let total: usize = lines.iter().map(|(_, line)| self.rows_of(line, columns)).sum();
        let is_all = self.top + self.piece as u64 >= self.length;
        if is_all && total <= self.skip + rows + count {
            self.follow = true;
            return;
        }
        let mut left = self.skip + count;
        for (at, line) in &lines {
            let rows = self.rows_of(line, columns);
            (self.top, self.skip) = (*at, left.min(rows - 1));
            if left < rows {
                return;
            }
            left -= rows;
        }
        // A line that is longer than a piece goes on in the next.
        if let [_] = lines.as_slice() {
            (self.top, self.skip) = (self.top + self.piece as u64, 0);
        }
    }

    /// Where the line begins that a place is in.
    fn line_of(&self, outputs: &Outputs, at: u64) -> u64 {
        let from = at.saturating_sub(self.piece as u64 / 2);
        let most = usize::try_from(at - from).unwrap_or(0);
        let bytes = outputs.read(self.started, from, most).unwrap_or_default();
        bytes.iter().rposition(|byte| *byte == b'\n').map_or(from, |end| from + end as u64 + 1)
    }
}

/// Where the output stands on a screen: below a line that names it.
fn place(area: Rect) -> Rect {
    Rect {
        x: area.x + 1,
        y: area.y + 2,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(3),
    }
}

impl App {
    /// `o`: the output of the selected point's newest running.
    pub fn wish_output(&mut self, key: Option<&ActionKey>) {
        let here = self.point().map(|point| point.id.clone()).unwrap_or_default();
        let of_point = self.state.actions.iter().filter(|(other, _)| match &key {
            Some(key) => other == key,
            None => other.point == here,
        });
        let newest =
            of_point.filter_map(|(key, known)| Some((key, known.newest()?))).max_by_key(|(_, deed)| deed.seq);
        match newest {
            Some((key, deed)) => self.pager = Some(Pager::new(key.clone(), deed.seq)),
            None => self.refuse("nothing has been run here yet"),
        }
        self.turn_page();
    }

    /// Reads anew what the pager and the detail show of outputs.
    pub fn turn_page(&mut self) {
        let Some(outputs) = self.outputs.clone() else { return };
        let area = place(self.area);
        if let Some(pager) = &mut self.pager {
            pager.load(&outputs, (area.width.into(), area.height.into()));
        }
        self.tail = self.state.under_way().map(|(_, deed)| {
            let length = outputs.length(deed.seq).unwrap_or(0);
            let bytes = outputs.read(deed.seq, length.saturating_sub(4096), 4096).unwrap_or_default();
            (deed.seq, ansi::lines(&bytes))
        });
    }

    /// A paste while what is searched for is typed.
    pub fn pager_paste(&mut self, text: &str) {
        if let Some(pager) = self.pager.as_mut().filter(|pager| pager.typing) {
            pager.find.paste(text);
        }
    }

    /// The wheel while an output is shown.
    pub fn pager_wheel(&mut self, rows: isize) {
        let (Some(outputs), Some(mut pager)) = (self.outputs.clone(), self.pager.take()) else { return };
        let area = place(self.area);
        let (columns, height) = (usize::from(area.width), usize::from(area.height).max(1));
        if rows < 0 {
            pager.up(&outputs, rows.unsigned_abs(), columns);
        } else {
            pager.down(&outputs, rows.unsigned_abs(), (columns, height));
        }
        self.pager = Some(pager);
        self.turn_page();
    }

    /// A key while an output is shown.
    pub fn pager_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let (Some(outputs), Some(mut pager)) = (self.outputs.clone(), self.pager.take()) else {
            return Vec::new();
        };
        let area = place(self.area);
        let (columns, rows) = (usize::from(area.width), usize::from(area.height).max(1));
        let size = (columns, rows);
        (pager.said, pager.search) = (None, None);
        if pager.typing {
            match key.code {
                KeyCode::Enter => {
                    pager.typing = false;
                    pager.begin_search(&outputs, true);
                }
                KeyCode::Esc => pager.typing = false,
                _ => pager.find.key(key),
            }
            self.pager = Some(pager);
            self.turn_page();
            return Vec::new();
        }
        match key.code {
            // With Ctrl, a letter is another key.
            KeyCode::Char('w' | '/' | 'n' | 'N' | 'o' | 'q') if keymap::is_control(key) => {}
            KeyCode::Char('w') => (pager.wrap, pager.skip) = (!pager.wrap, 0),
            KeyCode::Char('/') => (pager.typing, pager.find) = (true, Field::default()),
            KeyCode::Char('n') => pager.begin_search(&outputs, true),
            KeyCode::Char('N') => pager.begin_search(&outputs, false),
            KeyCode::Esc | KeyCode::Char('o' | 'q') => return Vec::new(),
            _ => match keymap::intent(key) {
                Some(Intent::Up) => pager.up(&outputs, 1, columns),
                Some(Intent::Down) => pager.down(&outputs, 1, size),
                Some(Intent::PageUp) => pager.up(&outputs, rows - 1, columns),
                Some(Intent::PageDown) => pager.down(&outputs, rows.max(2) - 1, size),
                Some(Intent::HalfUp) => pager.up(&outputs, rows / 2, columns),
                Some(Intent::HalfDown) => pager.down(&outputs, (rows / 2).max(1), size),
                Some(Intent::First) => (pager.top, pager.skip, pager.follow) = (0, 0, false),
                Some(Intent::Last) => pager.follow = true,
                Some(
                    intent
                    @ (Intent::Stop | Intent::WayBack | Intent::Help | Intent::Suspend | Intent::Leave),
                ) => {
                    self.pager = Some(pager);
                    return self.wish(intent);
                }
                _ if key.code == KeyCode::Char('f') => pager.follow = true,
                _ => {}
            },
        }
        self.pager = Some(pager);
        self.turn_page();
        Vec::new()
    }
}

/// What the keys do there.
pub const KEYS: [(&str, &str); 7] = [
    ("↑ ↓ PgUp PgDn", "scroll"),
    ("g G", "ends"),
    ("f", "follow"),
    ("w", "wrap"),
    ("/ n N", "find"),
    ("S", "stop it"),
    ("Esc", "back"),
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const SIZE: (usize, usize) = (20, 5);

    /// The rows that stand on the screen.
    fn shown(pager: &Pager) -> Vec<String> {
        let spans = |line: &ansi::Line| line.iter().map(|(_, text)| Span::raw(text.clone())).collect();
        let rows = pager.page.iter().flat_map(|(_, line)| fold(spans(line), SIZE.0));
        rows.map(|row| row.to_string()).skip(pager.skip).take(SIZE.1).collect()
    }

    fn outputs(dir: &Path, text: &str) -> Outputs {
        let log = dir.join("log.jsonl");
        let side = crate::journal::side::directory(&log);
        fs::create_dir_all(&side).unwrap();
        fs::write(side.join("action-7.out"), text).unwrap();
        Outputs::beside(&log)
    }

    /// Up from the end to the begin and down again, row by row: every row comes once, in its order.
    #[test]
    fn every_row_can_be_reached_however_long_its_line_is() {
        let dir = tempfile::tempdir().unwrap();
        let long = (0..400).fold(String::new(), |long, n| format!("{long}{n:05}."));
        let text = format!("first\n{}\nmiddle of it all, and a little more\n{long}\nlast\n", "ab".repeat(50));
        let outputs = outputs(dir.path(), &text);
        let mut pager = Pager::new(ActionKey::new("p", "a"), 7);
        // Shorter than the line.
        pager.piece = 500;
        pager.load(&outputs, SIZE);
        assert_eq!(shown(&pager).last().unwrap(), "last");
        (pager.top, pager.skip, pager.follow) = (0, 0, false);
        let mut seen = String::new();
        while !pager.follow {
            pager.load(&outputs, SIZE);
            seen.push_str(&shown(&pager)[0]);
            pager.down(&outputs, 1, SIZE);
        }
        let whole = text.replace('\n', "");
        // What is left stands on the last screen.
        assert!(
            whole.starts_with(&seen) && whole.len() - seen.len() <= SIZE.0 * SIZE.1,
            "{} {}",
            whole.len(),
            seen.len()
        );
        pager.load(&outputs, SIZE);
        pager.up(&outputs, 3, SIZE.0);
        pager.load(&outputs, SIZE);
        assert!(!shown(&pager).contains(&"last".to_owned()));
        for _ in 0..400 {
            pager.up(&outputs, 1, SIZE.0);
        }
        pager.load(&outputs, SIZE);
        assert_eq!(shown(&pager)[0], "first");
    }
}
