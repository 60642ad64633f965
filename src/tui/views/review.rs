//! Looking through a log: where in time one is, and what keys move there. Nothing is ever added.

mod timeline;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use super::checklist::{ChecklistView, Focus};
use crate::run::RunState;
use crate::text;
use crate::time::Moment;
use crate::tui::context::Context;
use crate::tui::dialogs::DialogLayer;
use crate::tui::dialogs::entry::EntryDialog;
use crate::tui::input::Input;
use crate::tui::keymap::HELP;
use crate::tui::layer::{Effect, Hint, Layer, Level, Reaction, TextFocus};
use crate::tui::reading::seek::{Seek, SeekStep, Sought};
pub use crate::tui::record::{Found, Mark, Progress, Record};
use crate::tui::widgets::text_field::Field;

/// How long a whole run plays at most, in seconds.
const PLAYS: usize = 60;
/// How many entries play in a second at least.
const SLOWEST: usize = 4;
/// How often it is drawn while it plays.
const FRAME: Duration = Duration::from_millis(40);

/// A log that is looked through: the checklist, and where in time one is. What moves in time comes before what moves in
/// the checklist.
pub struct Review {
    /// The checklist as it was.
    pub checklist: ChecklistView,
    /// The log.
    pub record: Arc<dyn Record>,
    /// The position.
    pub at: usize,
    /// Whether all entries are there.
    pub whole: bool,
    /// What verification has found.
    pub found: Found,
    /// What is looked for, while it is typed.
    pub typing: Option<Field>,
    /// What was looked for last.
    pub sought: String,
    /// The search that is under way.
    seek: Option<Seek>,
    /// How much faster than at first it plays: a power of two.
    pub speed: i32,
    /// Since when it plays, and from where.
    pub playing: Option<(Moment, usize)>,
    real: Moment,
    moved: bool,
}

impl fmt::Debug for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Review(at {} of {})", self.at, self.record.len())
    }
}

impl Review {
    /// A review that has just begun.
    #[must_use]
    pub fn new(record: Arc<dyn Record>, now: Moment, checklist: ChecklistView) -> Self {
        let (found, sought) = (Found::Nothing, String::new());
        let (typing, playing) = (None, None);
        Self {
            checklist,
            record,
            at: 0,
            whole: false,
            found,
            typing,
            sought,
            seek: None,
            speed: 0,
            playing,
            real: now,
            moved: false,
        }
    }

    /// How many entries are shown: those that are valid.
    #[must_use]
    pub fn shown(&self) -> usize {
        match self.found {
            Found::Invalid(_, valid) => valid.min(self.record.len()),
            _ => self.record.len(),
        }
    }

    fn last(&self) -> usize {
        self.shown().saturating_sub(1)
    }

    /// The next act, or the one before.
    fn act(&self, forward: bool) -> Option<usize> {
        let is_act = |at: &usize| self.record.mark(*at).is_some_and(Mark::is_act);
        if forward { (self.at + 1..self.shown()).find(is_act) } else { (0..self.at).rev().find(is_act) }
    }

    /// How many entries play in a second.
    #[must_use]
    pub fn rate(&self) -> usize {
        let base = self.shown().div_ceil(PLAYS).max(SLOWEST);
        let factor = 1 << self.speed.unsigned_abs().min(6);
        if self.speed < 0 { (base / factor).max(1) } else { base * factor }
    }
}

impl Review {
    /// Takes in the time: it stands still, but for what plays.
    fn tick(&mut self, now: &Moment) -> Vec<Effect> {
        self.real = now.clone();
        let Some((since, from)) = &self.playing else { return Vec::new() };
        let elapsed = self.real.since(since).as_millis();
        let steps = usize::try_from(elapsed).unwrap_or(0).saturating_mul(self.rate()) / 1000;
        let (to, last) = (from.saturating_add(steps), self.last());
        if to >= last {
            self.playing = None;
        }
        if to.min(last) == self.at { Vec::new() } else { self.go(to.min(last)) }
    }

    /// How far reading has come.
    fn progressed(&mut self, progress: &Progress) -> Vec<Effect> {
        match progress {
            Progress::Read(whole) => self.whole |= whole,
            Progress::Verified(found) => self.found = found.clone(),
        }
        let (last, at) = (self.last(), self.at);
        // The end is what one comes for.
        if !self.moved || at > last { self.go(last) } else { Vec::new() }
    }

    /// Goes to a position in time.
    fn go(&mut self, to: usize) -> Vec<Effect> {
        let Some(state) = self.record.state(to) else { return Vec::new() };
        self.at = to;
        vec![Effect::Show(state)]
    }

    fn step(&mut self, to: usize) -> Vec<Effect> {
        (self.moved, self.playing) = (true, None);
        self.go(to)
    }

    /// A key that moves in time, or looks for something there. None if it is another one.
    fn key(&mut self, key: KeyEvent) -> Option<Vec<Effect>> {
        if self.typing.is_some() {
            return Some(self.find_key(key));
        }
        if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
            return None;
        }
        let (at, last) = (self.at, self.last());
        Some(match key.code {
            KeyCode::Left => self.step(at.saturating_sub(1)),
            KeyCode::Right => self.step((at + 1).min(last)),
            KeyCode::Char('[') => self.step(self.act(false).unwrap_or(0)),
            KeyCode::Char(']') => self.step(self.act(true).unwrap_or(last)),
            KeyCode::Home => self.step(0),
            KeyCode::End => self.step(last),
            KeyCode::Char(' ') => self.play(),
            KeyCode::Char('+' | '=') => self.speed(1),
            KeyCode::Char('-') => self.speed(-1),
            KeyCode::Char('t') => {
                let entry = EntryDialog { record: Arc::clone(&self.record), at };
                vec![Effect::open(DialogLayer::new(entry))]
            }
            KeyCode::Char('f') => {
                self.typing = Some(Field::default());
                Vec::new()
            }
            KeyCode::Char('n') => self.find(true),
            KeyCode::Char('N') => self.find(false),
            _ => return None,
        })
    }

    fn play(&mut self) -> Vec<Effect> {
        self.moved = true;
        if self.playing.take().is_some() {
            return Vec::new();
        }
        let from = if self.at >= self.last() { 0 } else { self.at };
        self.playing = Some((self.real.clone(), from));
        self.go(from)
    }

    fn speed(&mut self, by: i32) -> Vec<Effect> {
        self.speed = (self.speed + by).clamp(-6, 6);
        if let Some(playing) = &mut self.playing {
            *playing = (self.real.clone(), self.at);
        }
        let entries = text::count(self.rate(), "entry").replace("entrys", "entries");
        vec![Effect::Say(format!("plays {entries} a second"))]
    }

    fn find_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        match key.code {
            KeyCode::Esc => self.typing = None,
            KeyCode::Enter => {
                let sought = self.typing.take().map(|field| field.text().trim().to_owned());
                self.sought = sought.unwrap_or_default();
                return self.find(true);
            }
            _ => {
                if let Some(field) = &mut self.typing {
                    field.key(key);
                }
            }
        }
        Vec::new()
    }

    /// To the next entry that holds what is looked for, or the one before, around the end.
    pub(in crate::tui) fn find(&mut self, forward: bool) -> Vec<Effect> {
        if self.sought.is_empty() {
            return vec![Effect::Refuse("no search yet: press f".into())];
        }
        let (record, sought) = (Arc::clone(&self.record), self.sought.clone());
        self.seek = Some(Seek::new(record, sought, forward, self.at, self.shown()));
        Vec::new()
    }

    /// Takes in what a piece came to. If it is not looked for any more, that is nothing.
    fn searched(&mut self, seek: &Seek, came: Sought, cx: &Context) -> Vec<Effect> {
        if self.seek.take_if(|now| now.is_same(seek)).is_none() {
            return Vec::new();
        }
        match seek.step(&came) {
            SeekStep::At(to, said) => {
                let mut effects = self.go_to_entry(to, cx);
                effects.push(Effect::Say(said));
                effects
            }
            SeekStep::Nowhere(said) => vec![Effect::Refuse(said)],
            SeekStep::More(said, next) => {
                self.seek = Some(next);
                vec![Effect::Say(said)]
            }
        }
    }

    fn go_to_entry(&mut self, to: usize, cx: &Context) -> Vec<Effect> {
        let entry = self.record.entry(to);
        if let Some(point) = entry.as_ref().and_then(|entry| entry.event.point()) {
            self.checklist.selection.go_to(cx.plan(), point);
        }
        self.step(to)
    }

    /// Whether the pointer is on the time line; goes where it points.
    fn scrubbed(&mut self, event: MouseEvent, cx: &Context) -> Option<Vec<Effect>> {
        let bar = timeline::bar_place(cx.screen);
        let is_press = matches!(
            event.kind,
            MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left)
        );
        let at = Position::new(event.column, event.row);
        if event.modifiers != KeyModifiers::NONE || !is_press || !bar.contains(at) {
            return None;
        }
        let part = usize::from(at.x - bar.x) * 1000 / usize::from(bar.width.max(1));
        Some(self.step((self.shown() * part / 1000).min(self.last())))
    }
}

impl Layer for Review {
    fn level(&self) -> Level {
        Level::Checklist
    }

    fn on(&mut self, input: &Input, cx: &Context) -> Reaction {
        let effects = match input {
            Input::Key(key) if !self.checklist.is_typing_filter() => self.key(*key),
            Input::Paste(text) if !self.checklist.is_typing_filter() => {
                if let Some(field) = &mut self.typing {
                    field.paste(text);
                }
                Some(Vec::new())
            }
            Input::Mouse(event) => self.scrubbed(*event, cx),
            Input::Tick(now) => Some(self.tick(now)),
            Input::Reviewed(progress) => Some(self.progressed(progress)),
            Input::Searched(seek, came) => Some(self.searched(seek, *came, cx)),
            _ => None,
        };
        effects.map_or_else(|| self.checklist.on(input, cx), Reaction::Handled)
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
            ("[ ]", "act"),
            ("space", "play"),
            ("t", "this entry"),
            ("f", "find"),
            if is_list { ("Enter", "detail") } else { ("Esc", "back") },
            ("/", "filter"),
            ("q", "quit"),
            HELP,
        ])
    }

    fn text_focus(&self, cx: &Context) -> TextFocus {
        if self.typing.is_some() { TextFocus::Text } else { self.checklist.text_focus(cx) }
    }

    fn run_changed(&mut self, before: &RunState, cx: &Context) {
        self.checklist.run_changed(before, cx);
    }

    fn prepare(&mut self, cx: &Context) {
        self.checklist.prepare(cx);
    }

    fn room(&self, screen: Rect) -> Rect {
        let (above, below) = timeline::taken(screen);
        Rect { y: screen.y + above, height: screen.height.saturating_sub(above + below), ..screen }
    }

    fn pause(&self) -> Option<Duration> {
        self.playing.as_ref().map(|_| FRAME)
    }

    fn seeking(&self) -> Option<&Seek> {
        self.seek.as_ref()
    }

    fn stop_search(&mut self) {
        self.seek = None;
    }
}
