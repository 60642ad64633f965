//! The help: the keys of the view that it was opened from, and all symbols.

use crossterm::event::KeyEvent;
use ratatui::text::{Line, Span};

use super::{Dialog, close_on_enter};
use crate::tui::context::{Context, pad_right};
use crate::tui::keymap::{
    self, DIALOG_KEYS, DialogKey, Intent, KeyBinding, MOUSE_ACTIONS, NAVIGATION_KEYS, OUTPUT_KEYS,
    POINT_KEYS, REVIEW_KEYS, ROLLBACK_KEYS, RUN_KEYS, TEXT_KEYS, works_everywhere,
};
use crate::tui::layer::Reaction;
use crate::tui::style::symbols::{OBSERVATION_SYMBOLS, status_symbol};
use crate::tui::style::text::width as cells_of;
use crate::tui::style::text::{styled, wrap};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::summary::Symbol;
use crate::tui::widgets::dialog_view::DialogView;
use gonogo_core::checklist::{Point, PointId};
use gonogo_core::run::Status;

/// The width of the key column.
const KEY_COLUMN: usize = 16;

/// The view that has the keys.
#[derive(Clone, Debug)]
pub enum HelpView {
    /// The checklist, and its selected point, if there is one.
    Checklist(Option<PointId>),
    /// The rollback.
    Rollback,
    /// The output of an action.
    Output,
}

/// Shows the help. Keys without an effect now are dimmed.
#[derive(Clone, Debug)]
pub struct HelpDialog(pub HelpView);

impl Dialog for HelpDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        match &self.0 {
            HelpView::Checklist(point) => {
                help_of_checklist(cx, width, point.as_ref().and_then(|id| cx.plan().point(id)))
            }
            HelpView::Rollback => {
                let works = |intent| works_everywhere(intent) || intent == Intent::Verdict;
                let own = [&[("↑, ↓", "select a step")], ROLLBACK_KEYS].concat();
                help_of_view(cx, width, "in the rollback", &own, works)
            }
            HelpView::Output => {
                // `q` closes the output.
                let is_quit = |intent| intent == Intent::Quit;
                let works =
                    |intent| intent == Intent::Rollback || (works_everywhere(intent) && !is_quit(intent));
                let own = [&[("PgUp, PgDn", "scroll; arrows: by a line")], OUTPUT_KEYS].concat();
                help_of_view(cx, width, "in the output", &own, works)
            }
        }
    }

    fn key(&mut self, key: KeyEvent, _: &Context) -> Reaction {
        match keymap::dialog_key(key) {
            Some(DialogKey::Help) => Reaction::close(),
            _ => close_on_enter(key),
        }
    }
}

/// The help of a view over the checklist: its own keys, and those for the whole run that work in it.
fn help_of_view(
    cx: &Context,
    width: usize,
    title: &str,
    own: &[(&str, &str)],
    works: impl Fn(Intent) -> bool,
) -> DialogView {
    let mut dialog = DialogView::new("help", StyleRole::Confirmed);
    let for_run: Vec<_> = RUN_KEYS.iter().copied().filter(|binding| works(binding.intent)).collect();
    let groups = [
        plain_group(cx, title, own),
        key_group(cx, "for the whole run", &for_run, None),
        symbol_legend(cx, width),
    ];
    for group in groups {
        dialog.body.extend(group.into_iter().flat_map(|line| wrap(line.spans, width, KEY_COLUMN)));
        dialog.gap();
    }
    dialog.body.pop();
    dialog.keys(cx, &[("Esc", "back")], width);
    dialog
}

fn help_of_checklist(cx: &Context, width: usize, point: Option<&Point>) -> DialogView {
    let mut dialog = DialogView::new("help", StyleRole::Confirmed);
    let column = width.saturating_sub(2) / 2;
    let id = point.map_or("", |point| point.id.as_str());
    let group = |title: &str, bindings| key_group(cx, title, bindings, point);
    let on_point = group(&format!("on {id}"), POINT_KEYS);
    let (navigation, for_run) = (group("moving", NAVIGATION_KEYS), group("for the whole run", RUN_KEYS));
    let on_point = if cx.is_review() { plain_group(cx, "in time", REVIEW_KEYS) } else { on_point };
    if column >= 46 {
        dialog.body = two_columns(on_point, navigation, column);
        dialog.gap();
        let mut left = for_run;
        for group in
            [dialog_group(cx), text_group(cx), mouse_group(cx)].into_iter().filter(|group| !group.is_empty())
        {
            left.push(Line::default());
            left.extend(group);
        }
        dialog.body.extend(two_columns(left, symbol_legend(cx, column), column));
    } else {
        let parts = [
            on_point,
            navigation,
            for_run,
            dialog_group(cx),
            text_group(cx),
            mouse_group(cx),
            symbol_legend(cx, width),
        ];
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            dialog.body.extend(part.into_iter().flat_map(|line| wrap(line.spans, width, KEY_COLUMN)));
            dialog.gap();
        }
        dialog.body.pop();
    }
    dialog.gap();
    dialog.body.push(Line::from(cx.dim("(in parentheses): not possible now")));
    dialog.keys(cx, &[("Esc", "back")], width);
    dialog
}

fn two_columns(left: Vec<Line<'static>>, right: Vec<Line<'static>>, width: usize) -> Vec<Line<'static>> {
    let wrapped = |lines: Vec<Line<'static>>| {
        lines.into_iter().flat_map(|line| wrap(line.spans, width, KEY_COLUMN)).collect::<Vec<_>>()
    };
    let (left, right) = (wrapped(left), wrapped(right));
    let rows = left.len().max(right.len());
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let row = |_| {
        let mut spans = pad_right(left.next().unwrap_or_default().spans, width + 2);
        spans.extend(right.next().unwrap_or_default().spans);
        Line::from(spans)
    };
    (0..rows).map(row).collect()
}

/// A group of keys. Keys without an effect now are dimmed and in parentheses.
fn key_group(
    cx: &Context,
    title: &str,
    bindings: &[KeyBinding],
    point: Option<&Point>,
) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(cx.dim(title))];
    for binding in bindings {
        let works = cx.is_available(binding.intent, point);
        let (keys, text) =
            if works { (cx.theme.accent(), Theme::text()) } else { (cx.theme.dim(), cx.theme.dim()) };
        let fill = " ".repeat(KEY_COLUMN.saturating_sub(cells_of(binding.keys)));
        let description =
            if works { binding.description.to_owned() } else { format!("({})", binding.description) };
        lines.push(Line::from(vec![styled(binding.keys, keys), Span::raw(fill), styled(&description, text)]));
    }
    lines
}

fn dialog_group(cx: &Context) -> Vec<Line<'static>> {
    if cx.is_read_only() { Vec::new() } else { plain_group(cx, "in a dialog", DIALOG_KEYS) }
}

/// A review has no texts to type.
fn text_group(cx: &Context) -> Vec<Line<'static>> {
    if cx.is_read_only() { Vec::new() } else { plain_group(cx, "in a note or a reason", TEXT_KEYS) }
}

fn mouse_group(cx: &Context) -> Vec<Line<'static>> {
    plain_group(cx, "with the mouse", MOUSE_ACTIONS)
}

fn plain_group(cx: &Context, title: &str, pairs: &[(&str, &str)]) -> Vec<Line<'static>> {
    let line = |(keys, description): &(&str, &str)| {
        let keys = pad_right(vec![styled(keys, cx.theme.accent())], KEY_COLUMN).into_iter();
        Line::from(keys.chain([styled(description, Theme::text())]).collect::<Vec<_>>())
    };
    let title = Line::from(cx.dim(title));
    std::iter::once(title).chain(pairs.iter().map(line)).collect()
}

/// The symbols and what they mean, two in a row.
fn symbol_legend(cx: &Context, width: usize) -> Vec<Line<'static>> {
    let statuses = Status::meanings().map(|(status, _)| (status_symbol(&status), status.label()));
    let of_values = OBSERVATION_SYMBOLS.map(|(symbol, role, meaning)| ((symbol, role), meaning.to_owned()));
    let mut lines = legend(cx, "symbols of points", &statuses, width);
    lines.push(Line::default());
    lines.extend(legend(cx, "symbols of values", &of_values, width));
    lines
}

fn legend(cx: &Context, title: &str, entries: &[(Symbol, String)], width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(cx.dim(title))];
    for pair in entries.chunks(2) {
        let cells = pair.iter().flat_map(|entry| pad_right(legend_entry(cx, entry), width / 2));
        lines.push(Line::from(cells.collect::<Vec<_>>()));
    }
    lines
}

fn legend_entry(cx: &Context, ((symbol, role), meaning): &(Symbol, String)) -> Vec<Span<'static>> {
    let fill = " ".repeat(3 - cells_of(symbol).min(2));
    vec![cx.with_role(&format!("{symbol}{fill}"), *role), styled(meaning, Theme::text())]
}
