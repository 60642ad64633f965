//! The output of an action, all of it: followed, scrolled, searched. However long it is, only what is shown is held.

mod excerpt;
mod page;
mod search;

use std::mem;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;

use crate::tui::app::{App, Effect};
use crate::tui::keymap::{self, Intent};
use crate::tui::reading::Job;
use crate::tui::widgets::text_field::Field;
pub(in crate::tui) use excerpt::{Excerpt, Step};
pub use page::draw;

use crate::checklist::ActionKey;

/// A place in an output.
#[derive(Clone, Debug)]
pub struct Pager {
    /// The action.
    pub key: ActionKey,
    /// What is searched for.
    find: Field,
    /// Whether that is being typed.
    typing: bool,
    /// What is shown, as far as it has been read.
    excerpt: Excerpt,
    /// What the keys did since.
    steps: Vec<Step>,
}

impl Pager {
    /// At the end of an output.
    pub fn new(key: ActionKey, started: u64) -> Self {
        // What is read for another before it is not where this one begins.
        let steps = vec![Step::Last];
        Self { key, find: Field::default(), typing: false, excerpt: Excerpt::new(started), steps }
    }

    /// Whether what is searched for is being typed.
    pub const fn is_typing(&self) -> bool {
        self.typing
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
            Some((key, deed)) => {
                self.pager = Some(Pager::new(key.clone(), deed.seq));
                self.is_stale = true;
            }
            None => self.refuse("nothing has been run here yet"),
        }
    }

    /// What is to be read of outputs now, if anything is.
    pub(in crate::tui) fn unread_output(&mut self) -> Option<Job> {
        let outputs = self.outputs.clone().filter(|_| self.is_stale || self.is_searching())?;
        self.is_stale = false;
        let area = place(self.area);
        let pager = self.pager.as_mut().map(|pager| (pager.excerpt.clone(), mem::take(&mut pager.steps)));
        let tail = self.state.under_way().map(|(_, deed)| deed.seq);
        let size = (area.width.into(), area.height.into());
        (pager.is_some() || tail.is_some()).then_some(Job::Output { outputs, pager, tail, size })
    }

    /// Takes in what was read. Of an output that is shown no more, that is nothing.
    pub(in crate::tui) fn read_output(&mut self, excerpt: Option<Excerpt>) {
        let shown = self.pager.as_mut().zip(excerpt);
        if let Some((pager, excerpt)) = shown.filter(|(pager, new)| pager.excerpt.started == new.started) {
            pager.excerpt = excerpt;
        }
    }

    /// Ends a search.
    pub fn stop_search(&mut self) {
        if let Some(pager) = &mut self.pager {
            pager.excerpt.search = None;
        }
    }

    /// Whether an output is being searched.
    pub fn is_searching(&self) -> bool {
        self.pager.as_ref().is_some_and(|pager| pager.excerpt.search.is_some())
    }

    /// A paste while what is searched for is typed.
    pub fn pager_paste(&mut self, text: &str) {
        if let Some(pager) = self.pager.as_mut().filter(|pager| pager.typing) {
            pager.find.paste(text);
        }
    }

    /// The wheel while an output is shown.
    pub fn pager_wheel(&mut self, rows: isize) {
        let Some(pager) = &mut self.pager else { return };
        let count = rows.unsigned_abs();
        pager.steps.push(if rows < 0 { Step::Up(count) } else { Step::Down(count) });
        self.is_stale = true;
    }

    /// A key while an output is shown.
    pub fn pager_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let rows = usize::from(place(self.area).height).max(1);
        let Some(pager) = &mut self.pager else { return Vec::new() };
        self.is_stale = true;
        let step = match (pager.typing, key.code) {
            (true, _) => pager.typed(key),
            // With Ctrl, a letter is another key.
            (false, KeyCode::Char('w' | '/' | 'n' | 'N' | 'o' | 'q')) if keymap::is_control(key) => {
                Step::Stay
            }
            (false, KeyCode::Esc | KeyCode::Char('o' | 'q')) => {
                self.pager = None;
                return Vec::new();
            }
            (false, code) => match pager.step(code, keymap::intent(key), rows) {
                Ok(step) => step,
                Err(intent) => return self.wish(intent),
            },
        };
        pager.steps.push(step);
        Vec::new()
    }
}

impl Pager {
    /// A key while what is searched for is typed.
    fn typed(&mut self, key: KeyEvent) -> Step {
        match key.code {
            KeyCode::Enter => {
                self.typing = false;
                return self.find(true);
            }
            KeyCode::Esc => self.typing = false,
            _ => self.find.key(key),
        }
        Step::Stay
    }

    fn find(&self, forward: bool) -> Step {
        Step::Find { sought: self.find.text().trim().to_owned(), forward }
    }

    /// What a key does here, or what it means everywhere.
    fn step(&mut self, code: KeyCode, intent: Option<Intent>, rows: usize) -> Result<Step, Intent> {
        Ok(match (code, intent) {
            (KeyCode::Char('w'), _) => Step::Wrap,
            (KeyCode::Char('/'), _) => {
                (self.typing, self.find) = (true, Field::default());
                Step::Stay
            }
            (KeyCode::Char('n'), _) => self.find(true),
            (KeyCode::Char('N'), _) => self.find(false),
            (_, Some(Intent::Up)) => Step::Up(1),
            (_, Some(Intent::Down)) => Step::Down(1),
            (_, Some(Intent::PageUp)) => Step::Up(rows - 1),
            (_, Some(Intent::PageDown)) => Step::Down(rows.max(2) - 1),
            (_, Some(Intent::HalfUp)) => Step::Up(rows / 2),
            (_, Some(Intent::HalfDown)) => Step::Down((rows / 2).max(1)),
            (_, Some(Intent::First)) => Step::First,
            (
                _,
                Some(
                    intent
                    @ (Intent::Stop | Intent::WayBack | Intent::Help | Intent::Suspend | Intent::Leave),
                ),
            ) => return Err(intent),
            (_, Some(Intent::Last)) | (KeyCode::Char('f'), _) => Step::Last,
            _ => Step::Stay,
        })
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
