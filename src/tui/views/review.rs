//! The review: replays a log without ever adding to it.

mod timeline;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use super::checklist::{ChecklistView, Focus};
use crate::tui::context::Context;
use crate::tui::dialogs::DialogLayer;
use crate::tui::dialogs::entry::EntryDialog;
use crate::tui::input::Input;
use crate::tui::keymap::{HELP_HINT, PALETTE_HINT, REVIEW_KEYS};
use crate::tui::layer::{Effect, Hint, Layer, Level, Reaction, TextFocus};
use crate::tui::palette::{PaletteContent, key_items};
use crate::tui::reading::log_search::{LogSearch, LogSearchResult, LogSearchStep};
pub use crate::tui::review_log::{EntryMark, ReviewLog, ReviewProgress, VerificationResult};
use crate::tui::widgets::text_field::TextField;
use gonogo_core::run::RunState;
use gonogo_core::text;
use gonogo_core::time::Moment;

/// The maximum time to play a whole log at normal speed, in seconds.
const MAX_PLAYBACK_SECONDS: usize = 60;
/// The minimum number of entries per second at normal speed.
const MIN_ENTRIES_PER_SECOND: usize = 4;
/// Why there is no next match.
const NO_SEARCH: &str = "no search yet: press f";
/// The time between frames during playback.
const FRAME_INTERVAL: Duration = Duration::from_millis(40);

/// The review: a checklist view, and a position in the log. Keys that change the position come before those of the
/// checklist.
pub struct Review {
    /// The checklist at the position.
    pub checklist: ChecklistView,
    /// The log.
    pub log: Arc<dyn ReviewLog>,
    /// The index of the entry that is shown.
    pub position: usize,
    /// Whether the whole log has been read.
    pub is_fully_read: bool,
    /// The result of verification.
    pub verification: VerificationResult,
    /// The search text while it is being typed.
    pub search_field: Option<TextField>,
    /// The last search text.
    pub search_text: String,
    /// The running search.
    search: Option<LogSearch>,
    /// The playback speed, as an exponent of two.
    pub speed: i32,
    /// When the playback started, and at which entry.
    pub playback: Option<(Moment, usize)>,
    now: Moment,
    has_moved: bool,
}

impl fmt::Debug for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Review(at {} of {})", self.position, self.log.len())
    }
}

impl Review {
    /// A review at the first entry.
    #[must_use]
    pub fn new(log: Arc<dyn ReviewLog>, now: Moment, checklist: ChecklistView) -> Self {
        Self {
            checklist,
            log,
            position: 0,
            is_fully_read: false,
            verification: VerificationResult::Pending,
            search_field: None,
            search_text: String::new(),
            search: None,
            speed: 0,
            playback: None,
            now,
            has_moved: false,
        }
    }

    /// The number of entries that are shown: those that have been read, up to the first invalid one.
    #[must_use]
    pub fn shown_entries(&self) -> usize {
        match self.verification {
            VerificationResult::Invalid(_, valid) => valid.min(self.log.len()),
            _ => self.log.len(),
        }
    }

    fn last_position(&self) -> usize {
        self.shown_entries().saturating_sub(1)
    }

    /// The position of the next or previous signed entry.
    fn find_act(&self, forward: bool) -> Option<usize> {
        let is_act = |position: &usize| self.log.mark(*position).is_some_and(EntryMark::is_signed);
        if forward {
            (self.position + 1..self.shown_entries()).find(is_act)
        } else {
            (0..self.position).rev().find(is_act)
        }
    }

    /// The entries per second of the playback.
    #[must_use]
    pub fn entries_per_second(&self) -> usize {
        let base = self.shown_entries().div_ceil(MAX_PLAYBACK_SECONDS).max(MIN_ENTRIES_PER_SECOND);
        let factor = 1 << self.speed.unsigned_abs().min(6);
        if self.speed < 0 { (base / factor).max(1) } else { base * factor }
    }
}

impl Review {
    /// Advances the playback to the current time.
    fn tick(&mut self, now: &Moment) -> Vec<Effect> {
        self.now = now.clone();
        let Some((since, from)) = &self.playback else { return Vec::new() };
        let elapsed = self.now.since(since).as_millis();
        let steps = usize::try_from(elapsed).unwrap_or(0).saturating_mul(self.entries_per_second()) / 1000;
        let (position, last) = (from.saturating_add(steps), self.last_position());
        if position >= last {
            self.playback = None;
        }
        if position.min(last) == self.position { Vec::new() } else { self.show_position(position.min(last)) }
    }

    /// Handles the progress of reading and verification.
    fn on_progress(&mut self, progress: &ReviewProgress) -> Vec<Effect> {
        match progress {
            ReviewProgress::Read(whole) => self.is_fully_read |= whole,
            ReviewProgress::Verified(found) => self.verification = found.clone(),
        }
        let (last, position) = (self.last_position(), self.position);
        // A review opens at the end of the log, and stays there until somebody moves.
        if !self.has_moved || position > last { self.show_position(last) } else { Vec::new() }
    }

    /// Shows the run at a position.
    fn show_position(&mut self, position: usize) -> Vec<Effect> {
        let Some(state) = self.log.state_after(position) else { return Vec::new() };
        self.position = position;
        vec![Effect::ShowState(state)]
    }

    fn move_to(&mut self, position: usize) -> Vec<Effect> {
        (self.has_moved, self.playback) = (true, None);
        self.show_position(position)
    }

    /// Handles a key of the review. None for any other key.
    fn key(&mut self, key: KeyEvent) -> Option<Vec<Effect>> {
        if self.search_field.is_some() {
            return Some(self.search_key(key));
        }
        if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
            return None;
        }
        let (position, last) = (self.position, self.last_position());
        Some(match key.code {
            KeyCode::Left => self.move_to(position.saturating_sub(1)),
            KeyCode::Right => self.move_to((position + 1).min(last)),
            KeyCode::Char('[') => self.move_to(self.find_act(false).unwrap_or(0)),
            KeyCode::Char(']') => self.move_to(self.find_act(true).unwrap_or(last)),
            KeyCode::Home => self.move_to(0),
            KeyCode::End => self.move_to(last),
            KeyCode::Char(' ') => self.toggle_playback(),
            KeyCode::Char('+' | '=') => self.change_speed(1),
            KeyCode::Char('-') => self.change_speed(-1),
            KeyCode::Char('t') => {
                let entry = EntryDialog { log: Arc::clone(&self.log), position };
                vec![Effect::open(DialogLayer::new(entry))]
            }
            KeyCode::Char('f') => {
                self.search_field = Some(TextField::default());
                Vec::new()
            }
            KeyCode::Char('n') => self.start_search(true),
            KeyCode::Char('N') => self.start_search(false),
            _ => return None,
        })
    }

    fn toggle_playback(&mut self) -> Vec<Effect> {
        self.has_moved = true;
        if self.playback.take().is_some() {
            return Vec::new();
        }
        let from = if self.position >= self.last_position() { 0 } else { self.position };
        self.playback = Some((self.now.clone(), from));
        self.show_position(from)
    }

    fn change_speed(&mut self, by: i32) -> Vec<Effect> {
        self.speed = (self.speed + by).clamp(-6, 6);
        if let Some(playing) = &mut self.playback {
            *playing = (self.now.clone(), self.position);
        }
        let entries = text::count(self.entries_per_second(), "entry").replace("entrys", "entries");
        vec![Effect::Notify(format!("plays {entries} a second"))]
    }

    fn search_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        match key.code {
            KeyCode::Esc => self.search_field = None,
            KeyCode::Enter => {
                let search_text = self.search_field.take().map(|field| field.text().trim().to_owned());
                self.search_text = search_text.unwrap_or_default();
                return self.start_search(true);
            }
            _ => {
                if let Some(field) = &mut self.search_field {
                    field.key(key);
                }
            }
        }
        Vec::new()
    }

    /// Searches for the next or previous entry that contains the search text, and wraps around at the end.
    pub(in crate::tui) fn start_search(&mut self, forward: bool) -> Vec<Effect> {
        if self.search_text.is_empty() {
            return vec![Effect::Refuse(NO_SEARCH.into())];
        }
        let (log, search_text) = (Arc::clone(&self.log), self.search_text.clone());
        self.search = Some(LogSearch::new(log, search_text, forward, self.position, self.shown_entries()));
        Vec::new()
    }

    /// Handles the result for one part of the log. Ignored if that search has ended.
    fn on_search_result(&mut self, search: &LogSearch, result: LogSearchResult, cx: &Context) -> Vec<Effect> {
        if self.search.take_if(|running| running.is_same(search)).is_none() {
            return Vec::new();
        }
        match search.step(&result) {
            LogSearchStep::Found(position, notice) => {
                let mut effects = self.go_to_entry(position, cx);
                effects.push(Effect::Notify(notice));
                effects
            }
            LogSearchStep::NotFound(notice) => vec![Effect::Refuse(notice)],
            LogSearchStep::Continue(notice, next) => {
                self.search = Some(next);
                vec![Effect::Notify(notice)]
            }
        }
    }

    fn go_to_entry(&mut self, position: usize, cx: &Context) -> Vec<Effect> {
        let entry = self.log.entry(position);
        if let Some(point) = entry.as_ref().and_then(|entry| entry.event.point()) {
            self.checklist.selection.select_by_id(cx.plan(), point);
        }
        self.move_to(position)
    }

    /// Moves to the position under the pointer, if it is on the time line.
    fn scrub(&mut self, event: MouseEvent, cx: &Context) -> Option<Vec<Effect>> {
        let bar = timeline::bar_area(cx.screen);
        let is_press = matches!(
            event.kind,
            MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left)
        );
        let position = Position::new(event.column, event.row);
        if event.modifiers != KeyModifiers::NONE || !is_press || !bar.contains(position) {
            return None;
        }
        let permille = usize::from(position.x - bar.x) * 1000 / usize::from(bar.width.max(1));
        Some(self.move_to((self.shown_entries() * permille / 1000).min(self.last_position())))
    }
}

impl Layer for Review {
    fn level(&self) -> Level {
        Level::Checklist
    }

    fn handle(&mut self, input: &Input, cx: &Context) -> Reaction {
        let effects = match input {
            Input::Key(key) if !self.checklist.is_typing_filter() => self.key(*key),
            Input::Paste(text) if !self.checklist.is_typing_filter() => {
                if let Some(field) = &mut self.search_field {
                    field.paste(text);
                }
                Some(Vec::new())
            }
            Input::Mouse(event) => self.scrub(*event, cx),
            Input::Tick(now) => Some(self.tick(now)),
            Input::ReviewProgress(progress) => Some(self.on_progress(progress)),
            Input::LogSearched(seek, result) => Some(self.on_search_result(seek, *result, cx)),
            _ => None,
        };
        effects.map_or_else(|| self.checklist.handle(input, cx), Reaction::Handled)
    }

    fn draw(&self, cx: &Context, frame: &mut Frame) {
        self.checklist.draw(cx, frame);
        timeline::draw(cx, frame, self);
    }

    fn hints(&self, cx: &Context) -> Option<Vec<Hint>> {
        self.checklist.hints(cx)?;
        let is_list = self.checklist.focus == Focus::List;
        Some(vec![
            ("← →", "entry"),
            ("[ ]", "signed entry"),
            ("space", "replay"),
            ("t", "whole entry"),
            ("f", "find"),
            if is_list { ("Enter", "detail") } else { ("Esc", "back") },
            ("/", "filter"),
            ("q", "quit"),
            PALETTE_HINT,
            HELP_HINT,
        ])
    }

    fn palette_content(&self, cx: &Context) -> Option<PaletteContent> {
        let no_search = Some(NO_SEARCH.to_owned()).filter(|_| self.search_text.is_empty());
        let own = REVIEW_KEYS.iter().flat_map(|(keys, description)| {
            key_items(keys, description, no_search.as_ref().filter(|_| *keys == "n, N"))
        });
        Some(self.checklist.palette_of_review(cx, own.collect()))
    }

    fn text_focus(&self, cx: &Context) -> TextFocus {
        if self.search_field.is_some() { TextFocus::Text } else { self.checklist.text_focus(cx) }
    }

    fn on_run_changed(&mut self, before: &RunState, cx: &Context) {
        self.checklist.on_run_changed(before, cx);
    }

    fn prepare(&mut self, cx: &Context) {
        self.checklist.prepare(cx);
    }

    fn remaining_area(&self, screen: Rect) -> Rect {
        let (above, below) = timeline::reserved_rows(screen);
        Rect { y: screen.y + above, height: screen.height.saturating_sub(above + below), ..screen }
    }

    fn redraw_interval(&self) -> Option<Duration> {
        self.playback.as_ref().map(|_| FRAME_INTERVAL)
    }

    fn log_search(&self) -> Option<&LogSearch> {
        self.search.as_ref()
    }

    fn stop_search(&mut self) {
        self.search = None;
    }
}
