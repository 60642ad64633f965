//! The palette (`:`): finds a key of the view below, or a point, by letters of its name. It does what the key does, so
//! whatever asks before it acts still asks.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::text::{Line, Span};

use super::{Dialog, stop_action, switch_operator};
use crate::tui::context::{Context, pad_right};
use crate::tui::fuzzy::{MatchMode, Query};
use crate::tui::keymap::{Intent, KeyBinding, RUN_KEYS};
use crate::tui::layer::{Effect, Reaction, TextFocus, find_refusal};
use crate::tui::palette::{PaletteContent, PaletteItem, PaletteTarget, items_of};
use crate::tui::rules::NO_ROLLBACK;
use crate::tui::style::text::{limit_lines, styled, truncate_spans, wrap};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::{DialogView, text_width};
use crate::tui::widgets::marked_text::marked;
use crate::tui::widgets::text_field::TextField;

/// The width of the column of keys.
const KEY_COLUMN: usize = 11;
/// The maximum number of lines of the chosen item: its reason may be long.
const MAX_CHOSEN_LINES: usize = 3;
/// The maximum number of rows of the list.
const MAX_ROWS: usize = 24;

/// The palette, and what was typed so far.
#[derive(Clone, Debug)]
pub struct PaletteDialog {
    content: PaletteContent,
    field: TextField,
    /// What is chosen; the best match if nothing was chosen yet, or it is no longer listed.
    chosen: Option<PaletteTarget>,
}

/// The keys for the whole run that work on a view.
pub fn run_items(cx: &Context, works: impl Fn(Intent) -> bool) -> Vec<PaletteItem> {
    let bindings: Vec<KeyBinding> =
        RUN_KEYS.iter().filter(|binding| works(binding.intent)).copied().collect();
    items_of(&bindings, |intent| why_not_for_run(cx, intent)).collect()
}

/// Why an intent that needs no point is not possible now: what its key would say.
pub fn why_not_for_run(cx: &Context, intent: Intent) -> Option<String> {
    if let Some(why) = cx.read_only_reason().filter(|_| intent.changes_run()) {
        return Some(why.to_owned());
    }
    match intent {
        Intent::StopAction => find_refusal(&[stop_action::open(cx)]),
        Intent::SwitchOperator => find_refusal(&[switch_operator::open(cx)]),
        Intent::Rollback => cx.plan().rollback.is_empty().then(|| NO_ROLLBACK.to_owned()),
        Intent::RerunNeeded => cx.closed_reason(),
        _ => None,
    }
}

/// What a key does in the palette.
enum PaletteKey {
    Choose(isize),
    Accept,
    Close,
    Text,
}

fn palette_key(key: KeyEvent) -> PaletteKey {
    match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
        (KeyCode::Esc, _) => PaletteKey::Close,
        (KeyCode::Enter, _) => PaletteKey::Accept,
        (KeyCode::Down | KeyCode::Tab, _) | (KeyCode::Char('n'), true) => PaletteKey::Choose(1),
        (KeyCode::Up | KeyCode::BackTab, _) | (KeyCode::Char('p'), true) => PaletteKey::Choose(-1),
        (KeyCode::PageDown, _) => PaletteKey::Choose(8),
        (KeyCode::PageUp, _) => PaletteKey::Choose(-8),
        _ => PaletteKey::Text,
    }
}

impl PaletteDialog {
    /// The palette of a view.
    pub fn new(content: PaletteContent) -> Self {
        Self { content, field: TextField::default(), chosen: None }
    }

    fn query(&self) -> Query {
        Query::new(self.field.text())
    }

    /// The items that match, the best first; all of them if nothing was typed.
    pub fn listed(&self) -> Vec<&PaletteItem> {
        let (query, typed) = (self.query(), self.field.text().trim());
        // A key, or an id, as it is.
        let cost = |item: &PaletteItem, mode| {
            let cost = query.cost(&[&item.label, &item.name], mode);
            if item.label == typed { Some(0) } else { cost.map(|cost| cost + 1) }
        };
        let find = |mode| -> Vec<_> {
            self.content.items.iter().filter_map(|item| Some((cost(item, mode)?, item))).collect()
        };
        // Similar ones beside the word itself would be chosen by mistake.
        let mut found = find(MatchMode::Exact);
        if found.is_empty() {
            found = find(MatchMode::Fuzzy);
        }
        found.sort_by_key(|(cost, _)| *cost);
        found.into_iter().map(|(_, item)| item).collect()
    }

    /// The index of the chosen item.
    fn chosen_index(&self, listed: &[&PaletteItem]) -> usize {
        listed.iter().position(|item| Some(&item.target) == self.chosen.as_ref()).unwrap_or(0)
    }

    /// The chosen item.
    pub fn chosen_item(&self) -> Option<&PaletteItem> {
        let listed = self.listed();
        listed.get(self.chosen_index(&listed)).copied()
    }

    fn choose(&mut self, by: isize) {
        let listed = self.listed();
        let last = listed.len().saturating_sub(1);
        let next = self.chosen_index(&listed).saturating_add_signed(by).min(last);
        self.chosen = listed.get(next).map(|item| item.target.clone());
    }

    fn accept(&self) -> Reaction {
        match self.chosen_item().map(|item| item.target.clone()) {
            Some(PaletteTarget::Key(key)) => Reaction::Close(vec![Effect::PressKey(key)]),
            Some(PaletteTarget::Point(id)) => Reaction::Close(vec![Effect::ShowPoint(id)]),
            None => Reaction::handled(),
        }
    }

    /// The rows of the list that fit into `room`, with the index of the item of each. The chosen one is among them.
    fn rows(&self, cx: &Context, width: usize, room: usize) -> Vec<(usize, Line<'static>)> {
        let (listed, query) = (self.listed(), self.query());
        let chosen = self.chosen_index(&listed);
        let Some(item) = listed.get(chosen) else { return Vec::new() };
        let expanded = chosen_lines(cx, item, &query, width, room);
        let first = (chosen + expanded.len()).saturating_sub(room).min(chosen);
        let row = |(index, item): (usize, &&PaletteItem)| {
            if index == chosen {
                return expanded.iter().map(|line| (index, line.clone())).collect();
            }
            vec![(index, Line::from(truncate_spans(item_spans(cx, item, &query, false), width)))]
        };
        listed.iter().enumerate().skip(first).take(room).flat_map(row).take(room).collect()
    }

    /// The dialog without the list.
    fn frame(&self, cx: &Context, width: usize) -> DialogView {
        let count = format!("{} of {}", self.listed().len(), self.content.items.len());
        let title = match self.content.subject.as_str() {
            "" => format!("palette · {count}"),
            subject => format!("palette · {subject} · {count}"),
        };
        let mut dialog = DialogView::new(title, StyleRole::Confirmed);
        dialog.keys(cx, &[("Enter", "do it"), ("↑ ↓", "choose"), ("Esc", "back")], width);
        dialog.field(cx, width, &self.field, 1, true);
        dialog
    }

    fn room(&self, cx: &Context, dialog: &DialogView) -> usize {
        let room = dialog.max_body_height(cx.screen).saturating_sub(dialog.body.len());
        room.min(self.content.items.len()).clamp(1, MAX_ROWS)
    }

    /// The index of the item on a line of the dialog.
    fn item_at(&self, cx: &Context, line: usize) -> Option<usize> {
        let width = text_width(cx.screen);
        let dialog = self.frame(cx, width);
        let row = line.checked_sub(dialog.body.len())?;
        self.rows(cx, width, self.room(cx, &dialog)).get(row).map(|(index, _)| *index)
    }
}

/// The key or the id, the name, and why it is not possible.
fn item_spans(cx: &Context, item: &PaletteItem, query: &Query, is_chosen: bool) -> Vec<Span<'static>> {
    let is_possible = item.why_not.is_none();
    let (accent, text) =
        if is_possible { (cx.theme.accent(), Theme::text()) } else { (cx.theme.dim(), cx.theme.dim()) };
    let mark = if is_chosen { styled("▌", cx.theme.accent()) } else { Span::raw(" ") };
    let label = match item.target {
        PaletteTarget::Key(_) => pad_right(vec![styled(&item.label, accent)], KEY_COLUMN),
        PaletteTarget::Point(_) => {
            let id = marked(&item.label, accent, query, MatchMode::Fuzzy).into_iter();
            id.chain([Span::raw("  ")]).collect()
        }
    };
    let name = marked(&item.name, text, query, MatchMode::Fuzzy);
    let why_not = item.why_not.iter().map(|why| cx.dim(&format!(" · {why}")));
    [mark].into_iter().chain(label).chain(name).chain(why_not).collect()
}

/// The chosen item, with its whole reason if that fits.
fn chosen_lines(
    cx: &Context,
    item: &PaletteItem,
    query: &Query,
    width: usize,
    room: usize,
) -> Vec<Line<'static>> {
    let lines = wrap(item_spans(cx, item, query, true), width, 2);
    let lines = limit_lines(lines, MAX_CHOSEN_LINES.min(room), width).into_iter();
    let row = |line: Line<'static>| Line::from(pad_right(line.spans, width)).style(cx.theme.selected());
    lines.map(row).collect()
}

impl Dialog for PaletteDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut dialog = self.frame(cx, width);
        let room = self.room(cx, &dialog);
        let mut rows: Vec<_> = self.rows(cx, width, room).into_iter().map(|(_, line)| line).collect();
        if rows.is_empty() {
            rows.push(Line::from(cx.dim("nothing here has these letters")));
        }
        // The field stays where it is while the list gets shorter.
        rows.resize(room, Line::default());
        dialog.body.extend(rows);
        dialog
    }

    fn key(&mut self, key: KeyEvent, _: &Context) -> Reaction {
        match palette_key(key) {
            PaletteKey::Close => return Reaction::close(),
            PaletteKey::Accept => return self.accept(),
            PaletteKey::Choose(by) => self.choose(by),
            PaletteKey::Text => {
                self.field.key(key);
                self.chosen = None;
            }
        }
        Reaction::handled()
    }

    fn paste(&mut self, text: &str) {
        self.field.paste(text);
        self.chosen = None;
    }

    /// The wheel and a click choose. A click on a point goes to it, but no click acts on the run.
    fn mouse(&mut self, event: MouseEvent, line: Option<usize>, cx: &Context) -> Reaction {
        match event.kind {
            MouseEventKind::ScrollUp => self.choose(-1),
            MouseEventKind::ScrollDown => self.choose(1),
            MouseEventKind::Down(MouseButton::Left) => {
                let index = line.and_then(|line| self.item_at(cx, line));
                let target = index.and_then(|index| Some(self.listed().get(index)?.target.clone()));
                let is_point = matches!(target, Some(PaletteTarget::Point(_)));
                self.chosen = target.or_else(|| self.chosen.take());
                if is_point {
                    return self.accept();
                }
            }
            _ => {}
        }
        Reaction::handled()
    }

    fn text_focus(&self, _: &Context) -> TextFocus {
        TextFocus::Text
    }

    /// It asks nothing; what it opens does.
    fn decides(&self, _: KeyEvent, _: &Context) -> bool {
        false
    }

    fn is_palette(&self) -> bool {
        true
    }

    fn set_palette(&mut self, content: PaletteContent) {
        self.content = content;
    }
}
