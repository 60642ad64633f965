//! The output view: the whole output of an action, to follow, scroll and search. Only the visible part is in memory.

mod page;

use std::mem;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::context::Context;
use crate::tui::dialogs::DialogLayer;
use crate::tui::dialogs::help::{HelpDialog, HelpView};
use crate::tui::dialogs::palette::run_items;
use crate::tui::input::Input;
use crate::tui::keymap::{self, HELP_HINT, Intent, OUTPUT_KEYS, PALETTE_HINT, works_everywhere};
use crate::tui::layer::{Effect, Hint, Layer, Level, Reaction, TextFocus};
use crate::tui::palette::{PaletteContent, key_items, point_items};
use crate::tui::reading::excerpt::{Excerpt, PageStep};
use crate::tui::widgets::text_field::TextField;
use gonogo_core::checklist::ActionKey;
use gonogo_core::run::RunState;
use gonogo_core::text;

/// The rows that one notch of the wheel scrolls.
const ROWS_PER_NOTCH: usize = 3;

/// Why there is no output to show.
pub const NO_OUTPUT: &str = "nothing has been run here yet";

/// The output of an action, at a position.
#[derive(Clone, Debug)]
pub struct OutputView {
    /// The action.
    pub key: ActionKey,
    /// The search text.
    query: TextField,
    /// Whether the search text is being typed.
    is_typing: bool,
    /// The visible part, as it was read last.
    excerpt: Excerpt,
    /// Movements and searches that were requested since.
    steps: Vec<PageStep>,
    /// Whether the visible part has to be read again: the output, the position or the size has changed.
    is_stale: bool,
}

/// The columns and rows of the output that fit on a screen.
pub fn text_size(area: Rect) -> (usize, usize) {
    let area = text_area(area);
    (area.width.into(), area.height.into())
}

impl OutputView {
    /// Shows the end of an output.
    pub fn new(key: ActionKey, started: u64) -> Self {
        // A late excerpt, read for an earlier view of the same output, may not be at the end.
        let steps = vec![PageStep::Last];
        Self {
            key,
            query: TextField::default(),
            is_typing: false,
            excerpt: Excerpt::new(started),
            steps,
            is_stale: true,
        }
    }
}

/// The area of the output, below its title line.
fn text_area(area: Rect) -> Rect {
    Rect {
        x: area.x + 1,
        y: area.y + 2,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(3),
    }
}

impl OutputView {
    /// Shows the end of the newest output of a point's actions, or of one of them.
    pub fn newest(cx: &Context, point: &str, key: Option<&ActionKey>) -> Option<Self> {
        let actions = cx.run.state.actions.iter().filter(|(other, _)| match &key {
            Some(key) => other == key,
            None => other.point == point,
        });
        let runs = actions.filter_map(|(key, progress)| Some((key, progress.newest_run()?)));
        let (key, run) = runs.max_by_key(|(_, run)| run.seq)?;
        Some(Self::new(key.clone(), run.seq))
    }

    fn push_step(&mut self, step: PageStep) -> Reaction {
        self.steps.push(step);
        self.is_stale = true;
        Reaction::handled()
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        let rows = usize::from(text_area(cx.area).height).max(1);
        match (self.is_typing, key.code) {
            (true, _) => {
                let step = self.query_key(key);
                self.push_step(step)
            }
            // These letters with Ctrl do nothing.
            (false, KeyCode::Char('w' | '/' | 'n' | 'N' | 'o' | 'q')) if keymap::is_control(key) => {
                self.push_step(PageStep::Stay)
            }
            // `Enter` has opened it where it is the obvious thing.
            (false, KeyCode::Esc | KeyCode::Enter | KeyCode::Char('o' | 'q')) => Reaction::close(),
            (false, code) => match keymap::intent(key) {
                // The guide leads on from the checklist.
                Some(Intent::Guide) => Reaction::Close(vec![Effect::PressKey(key)]),
                Some(Intent::Help) => {
                    let help = HelpDialog(HelpView::Output);
                    Reaction::Handled(vec![Effect::open(DialogLayer::new(help))])
                }
                // These work in every view.
                Some(Intent::Rollback) => Reaction::Handled(vec![Effect::OpenRollback]),
                Some(intent) if works_everywhere(intent) => Reaction::Ignored,
                intent => {
                    let step = self.key_step(code, intent, rows);
                    self.push_step(step)
                }
            },
        }
    }

    fn mouse(&mut self, event: MouseEvent) {
        let step = match event.kind {
            MouseEventKind::ScrollUp => PageStep::Up(ROWS_PER_NOTCH),
            MouseEventKind::ScrollDown => PageStep::Down(ROWS_PER_NOTCH),
            _ => return,
        };
        if event.modifiers == KeyModifiers::NONE {
            self.push_step(step);
        }
    }
}

impl Layer for OutputView {
    fn level(&self) -> Level {
        Level::Output
    }

    fn handle(&mut self, input: &Input, cx: &Context) -> Reaction {
        match input {
            Input::Key(key) => return self.key(*key, cx),
            Input::Paste(text) if self.is_typing => self.query.paste(text),
            Input::Paste(_) => {}
            Input::Mouse(event) => self.mouse(*event),
            Input::Resize => {
                self.is_stale = true;
                return Reaction::Ignored;
            }
            // An excerpt of another output comes too late.
            Input::OutputRead(excerpt) if excerpt.started == self.excerpt.started => {
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
        let is_running = cx.run.state.running_action().is_some();
        let keys = HINTS.into_iter().filter(|(key, _)| *key != "S" || is_running);
        Some(keys.chain([PALETTE_HINT, HELP_HINT]).collect())
    }

    fn palette_content(&self, cx: &Context) -> Option<PaletteContent> {
        let own = OUTPUT_KEYS.iter().flat_map(|(keys, description)| key_items(keys, description, None));
        // `q` closes the output.
        let works =
            |intent| (works_everywhere(intent) && intent != Intent::Quit) || intent == Intent::Rollback;
        let items = own.chain(run_items(cx, works)).chain(point_items(cx)).collect();
        Some(PaletteContent { subject: text::line(&format!("output of {}", self.key)), items })
    }

    fn text_focus(&self, _: &Context) -> TextFocus {
        if self.is_typing { TextFocus::Text } else { TextFocus::None }
    }

    fn on_run_changed(&mut self, _: &RunState, _: &Context) {
        self.is_stale = true;
    }

    fn output_to_read(&mut self, _: &Context) -> Option<(Excerpt, Vec<PageStep>)> {
        let is_needed = mem::take(&mut self.is_stale) || self.is_searching();
        is_needed.then(|| (self.excerpt.clone(), mem::take(&mut self.steps)))
    }

    fn is_searching(&self) -> bool {
        self.excerpt.search.is_some()
    }

    fn stop_search(&mut self) {
        if self.excerpt.search.take().is_some() {
            self.excerpt.message = None;
        }
    }
}

impl OutputView {
    /// Handles a key while the search text is being typed.
    fn query_key(&mut self, key: KeyEvent) -> PageStep {
        match key.code {
            KeyCode::Enter => {
                self.is_typing = false;
                return self.find_step(true);
            }
            KeyCode::Esc => self.is_typing = false,
            _ => self.query.key(key),
        }
        PageStep::Stay
    }

    fn find_step(&self, forward: bool) -> PageStep {
        PageStep::Find { pattern: self.query.text().trim().to_owned(), forward }
    }

    /// What a key does.
    fn key_step(&mut self, code: KeyCode, intent: Option<Intent>, rows: usize) -> PageStep {
        match (code, intent) {
            (KeyCode::Char('w'), _) => PageStep::Wrap,
            (KeyCode::Char('/'), _) => {
                (self.is_typing, self.query) = (true, TextField::default());
                PageStep::Stay
            }
            (KeyCode::Char('n'), _) => self.find_step(true),
            (KeyCode::Char('N'), _) => self.find_step(false),
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

/// Keys and what they do.
const HINTS: [(&str, &str); 7] = [
    ("Esc", "back"),
    ("↑ ↓ PgUp PgDn", "scroll"),
    ("g G", "ends"),
    ("f", "follow"),
    ("w", "wrap"),
    ("/ n N", "find"),
    ("S", "stop it"),
];
