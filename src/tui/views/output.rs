//! The output of an action, all of it: followed, scrolled, searched. However long it is, only what is shown is held.

mod page;

use std::mem;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::layout::Rect;

use crate::checklist::ActionKey;
use crate::run::RunState;
use crate::tui::context::Context;
use crate::tui::input::Input;
use crate::tui::keymap::{self, HELP, Intent};
use crate::tui::layer::{Effect, Hint, Layer, Level, Reaction, TextFocus};
use crate::tui::reading::excerpt::{Excerpt, PageStep};
use crate::tui::widgets::text_field::Field;

/// How many rows one notch of the wheel moves.
const NOTCH: usize = 3;

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
    steps: Vec<PageStep>,
    /// Whether what is shown may no longer be what there is, or has to be read for another place or size.
    is_stale: bool,
}

/// How many columns and rows of an output are shown.
pub fn size(area: Rect) -> (usize, usize) {
    let place = place(area);
    (place.width.into(), place.height.into())
}

impl Pager {
    /// At the end of an output.
    pub fn new(key: ActionKey, started: u64) -> Self {
        // What is read for another before it is not where this one begins.
        let steps = vec![PageStep::Last];
        Self {
            key,
            find: Field::default(),
            typing: false,
            excerpt: Excerpt::new(started),
            steps,
            is_stale: true,
        }
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

impl Pager {
    /// At the end of the newest output of a point's actions, or of one of them.
    pub fn newest(cx: &Context, point: &str, key: Option<&ActionKey>) -> Option<Self> {
        let of_point = cx.run.state.actions.iter().filter(|(other, _)| match &key {
            Some(key) => other == key,
            None => other.point == point,
        });
        let all = of_point.filter_map(|(key, known)| Some((key, known.newest_run()?)));
        let (key, deed) = all.max_by_key(|(_, deed)| deed.seq)?;
        Some(Self::new(key.clone(), deed.seq))
    }

    fn take(&mut self, step: PageStep) -> Reaction {
        self.steps.push(step);
        self.is_stale = true;
        Reaction::handled()
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        let rows = usize::from(place(cx.area).height).max(1);
        match (self.typing, key.code) {
            (true, _) => {
                let step = self.typed(key);
                self.take(step)
            }
            // With Ctrl, a letter is another key.
            (false, KeyCode::Char('w' | '/' | 'n' | 'N' | 'o' | 'q')) if keymap::is_control(key) => {
                self.take(PageStep::Stay)
            }
            (false, KeyCode::Esc | KeyCode::Char('o' | 'q')) => Reaction::close(),
            (false, code) => match keymap::intent(key) {
                // What these mean is the same everywhere.
                Some(Intent::WayBack) => Reaction::Handled(vec![Effect::OpenRollback]),
                Some(Intent::Stop | Intent::Help | Intent::Suspend | Intent::Leave) => Reaction::Ignored,
                intent => {
                    let step = self.step(code, intent, rows);
                    self.take(step)
                }
            },
        }
    }

    fn mouse(&mut self, event: MouseEvent) {
        let step = match event.kind {
            MouseEventKind::ScrollUp => PageStep::Up(NOTCH),
            MouseEventKind::ScrollDown => PageStep::Down(NOTCH),
            _ => return,
        };
        if event.modifiers == KeyModifiers::NONE {
            self.take(step);
        }
    }
}

impl Layer for Pager {
    fn level(&self) -> Level {
        Level::Output
    }

    fn on(&mut self, input: &Input, cx: &Context) -> Reaction {
        match input {
            Input::Key(key) => return self.key(*key, cx),
            Input::Paste(text) if self.typing => self.find.paste(text),
            Input::Paste(_) => {}
            Input::Mouse(event) => self.mouse(*event),
            Input::Resize => {
                self.is_stale = true;
                return Reaction::Ignored;
            }
            // Of an output that is shown no more, that is nothing.
            Input::Output(excerpt) if excerpt.started == self.excerpt.started => {
                self.excerpt = (**excerpt).clone();
            }
            _ => return Reaction::Ignored,
        }
        Reaction::handled()
    }

    fn draw(&self, cx: &Context, frame: &mut Frame) {
        page::draw(cx, frame, self);
    }

    fn hints(&self, cx: &Context) -> Option<Vec<Hint>> {
        let is_at_work = cx.run.state.running_action().is_some();
        let keys = KEYS.into_iter().filter(|(key, _)| *key != "S" || is_at_work);
        Some(keys.chain([HELP]).collect())
    }

    fn text_focus(&self, _: &Context) -> TextFocus {
        if self.typing { TextFocus::Text } else { TextFocus::None }
    }

    fn run_changed(&mut self, _: &RunState, _: &Context) {
        self.is_stale = true;
    }

    fn page_to_read(&mut self, _: &Context) -> Option<(Excerpt, Vec<PageStep>)> {
        let is_wanted = mem::take(&mut self.is_stale) || self.is_searching();
        is_wanted.then(|| (self.excerpt.clone(), mem::take(&mut self.steps)))
    }

    fn is_searching(&self) -> bool {
        self.excerpt.search.is_some()
    }

    fn stop_search(&mut self) {
        if self.excerpt.search.take().is_some() {
            self.excerpt.said = None;
        }
    }
}

impl Pager {
    /// A key while what is searched for is typed.
    fn typed(&mut self, key: KeyEvent) -> PageStep {
        match key.code {
            KeyCode::Enter => {
                self.typing = false;
                return self.find(true);
            }
            KeyCode::Esc => self.typing = false,
            _ => self.find.key(key),
        }
        PageStep::Stay
    }

    fn find(&self, forward: bool) -> PageStep {
        PageStep::Find { sought: self.find.text().trim().to_owned(), forward }
    }

    /// What a key does here.
    fn step(&mut self, code: KeyCode, intent: Option<Intent>, rows: usize) -> PageStep {
        match (code, intent) {
            (KeyCode::Char('w'), _) => PageStep::Wrap,
            (KeyCode::Char('/'), _) => {
                (self.typing, self.find) = (true, Field::default());
                PageStep::Stay
            }
            (KeyCode::Char('n'), _) => self.find(true),
            (KeyCode::Char('N'), _) => self.find(false),
            (_, Some(Intent::Up)) => PageStep::Up(1),
            (_, Some(Intent::Down)) => PageStep::Down(1),
            (_, Some(Intent::PageUp)) => PageStep::Up(rows - 1),
            (_, Some(Intent::PageDown)) => PageStep::Down(rows.max(2) - 1),
            (_, Some(Intent::HalfUp)) => PageStep::Up(rows / 2),
            (_, Some(Intent::HalfDown)) => PageStep::Down((rows / 2).max(1)),
            (_, Some(Intent::First)) => PageStep::First,
            (_, Some(Intent::Last)) | (KeyCode::Char('f'), _) => PageStep::Last,
            _ => PageStep::Stay,
        }
    }
}

/// What the keys do there.
const KEYS: [(&str, &str); 7] = [
    ("↑ ↓ PgUp PgDn", "scroll"),
    ("g G", "ends"),
    ("f", "follow"),
    ("w", "wrap"),
    ("/ n N", "find"),
    ("S", "stop it"),
    ("Esc", "back"),
];
