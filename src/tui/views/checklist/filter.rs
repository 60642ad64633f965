//! The filter: a text that a point's id, title or state has to contain to be shown.

use std::sync::Arc;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::visible_points::VisiblePoints;
use super::{ChecklistView, Focus, View};
use crate::checklist::{Plan, Point, PointId};
use crate::run::InFlight;
use crate::tui::context::{Context, padded, spread};
use crate::tui::keymap::{self, Typing};
use crate::tui::style::layout::bottom_line;
use crate::tui::style::text::{cells, styled};
use crate::tui::style::theme::Theme;
use crate::tui::widgets::text_field::Field;

/// What narrows the points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What was typed.
    pub field: Field,
    /// Whether keys still go to it.
    pub typing: bool,
}

impl Filter {
    /// What is looked for; nothing is as good as no filter.
    pub fn text(&self) -> &str {
        self.field.text().trim()
    }
}

/// What a filter was laid on, beside the run and its text.
#[derive(Debug)]
pub struct Filtered {
    /// Which summary of the run it was: time has passed, and states with it, where that is another one.
    revision: u64,
    live: Arc<InFlight>,
    held: Option<PointId>,
}

impl View<'_> {
    /// Whether a point has a text, in small letters, in its id, its title, or a word that is shown for its
    /// state. Not in the time that a probe takes: what is shown would change with every second.
    fn has(&self, point: &Point, text: &str) -> bool {
        let status = self.status(point);
        let word = match self.probing(&point.id) {
            Some(_) => "probing".to_owned(),
            None => self.word(point, &status),
        };
        let told = [point.id.as_str(), &point.title, &status.label(), &word];
        told.iter().any(|told| told.to_lowercase().contains(text))
    }
}

impl ChecklistView {
    /// Whether points may be hidden.
    pub fn is_filtered(&self) -> bool {
        self.filter_text().is_some()
    }

    /// What points have to contain to be shown, if anything.
    pub fn filter_text(&self) -> Option<&str> {
        self.filter.as_ref().map(Filter::text).filter(|text| !text.is_empty())
    }

    /// Whether keys go to the filter.
    pub fn is_typing_filter(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.typing)
    }

    /// `/`: typing goes to the filter from here on.
    pub fn open_filter(&mut self) {
        self.filter.get_or_insert_default().typing = true;
        self.focus = Focus::List;
    }

    /// A key while the filter is typed.
    pub fn filter_key(&mut self, key: KeyEvent, cx: &Context) {
        match (keymap::typing(key), &mut self.filter) {
            (Typing::Away, _) => self.show_all(cx),
            (Typing::Done, _) => self.keep_filter(cx),
            // Up, down, and the next section: among what is shown so far.
            (Typing::Other, _) => {
                let _ = keymap::intent(key).is_some_and(|intent| self.moved(intent, cx).is_some());
            }
            (Typing::Text, Some(filter)) => {
                filter.field.key(key);
                self.narrow(cx);
            }
            (Typing::Text, None) => {}
        }
    }

    /// A paste while the filter is typed.
    pub fn filter_paste(&mut self, text: &str, cx: &Context) {
        if let Some(filter) = self.filter.as_mut().filter(|filter| filter.typing) {
            filter.field.paste(text);
            self.narrow(cx);
        }
    }

    /// Ends the typing; the filter stays unless nothing was typed.
    pub fn keep_filter(&mut self, cx: &Context) {
        self.selection.settle(&self.visible);
        self.filter = self.filter.take().filter(|filter| !filter.text().is_empty());
        if let Some(filter) = &mut self.filter {
            filter.typing = false;
        }
        let held = self.held(cx.plan());
        self.refresh(cx, held.as_ref());
    }

    /// Shows all points again; the selection stays where it is.
    pub fn show_all(&mut self, cx: &Context) {
        self.selection.settle(&self.visible);
        self.filter = None;
        self.refresh(cx, None);
    }

    /// Shows what fits the text as it is now, and goes where something is shown.
    fn narrow(&mut self, cx: &Context) {
        self.refresh(cx, None);
        if let Some(section) = self.visible.section_from(self.selection.section) {
            self.selection.section = section;
        }
    }

    /// The point that stays shown whatever becomes of it: the selected one, so that nothing is moved from
    /// under a hand that is about to press a key. Not while the filter itself is typed.
    pub fn held(&self, plan: &Plan) -> Option<PointId> {
        self.point(plan).filter(|_| !self.is_typing_filter()).map(|point| point.id.clone())
    }

    /// Finds anew what is shown, if that can be something else than in the last frame: the run or what is under way has
    /// changed, or another point is selected, or time has passed.
    pub fn keep_filtered(&mut self, cx: &Context) {
        if !self.is_filtered() {
            self.filtered = None;
            return;
        }
        let revision = cx.run.summary.revision;
        let now = Filtered { revision, live: Arc::clone(&cx.run.live), held: self.held(cx.plan()) };
        let is_same = |last: &Filtered| {
            last.revision == now.revision && Arc::ptr_eq(&last.live, &now.live) && last.held == now.held
        };
        if !self.filtered.as_ref().is_some_and(is_same) {
            self.refresh(cx, now.held.as_ref());
            self.filtered = Some(now);
        }
    }

    /// Finds anew what is shown.
    pub fn refresh(&mut self, cx: &Context, held: Option<&PointId>) {
        if let Some(id) = held {
            self.selection.go_to(cx.plan(), id);
        }
        let shown = match self.filter_text() {
            Some(text) => {
                let (text, view) = (text.to_lowercase(), View::new(cx, self));
                let keep = |point: &Point| held == Some(&point.id) || view.has(point, &text);
                VisiblePoints::only(cx.plan(), keep)
            }
            None => VisiblePoints::all(cx.plan()),
        };
        self.visible = shown;
    }
}

/// The filter while it is typed, and how much it leaves.
pub fn draw(view: &View, frame: &mut Frame, filter: &Filter) {
    let area = bottom_line(view.area);
    let size = usize::from(area.width).saturating_sub(2);
    let count = format!("{} of {}", view.checklist.visible.count(), view.run.summary.total);
    let mut right = vec![styled(&count, Theme::text())];
    for (keys, does) in [("Enter", "keep"), ("Esc", "show all")] {
        if size >= 60 {
            right.extend([view.dim(" · "), styled(keys, view.theme.accent()), view.dim(&format!(" {does}"))]);
        }
    }
    let taken: usize = right.iter().map(Span::width).sum();
    let room = size.saturating_sub(taken + 3);
    let (rows, (row, column)) = filter.field.rows(room);
    let typed = padded(vec![styled(rows.get(row).map_or("", String::as_str), Theme::text())], room);
    let mut left = vec![styled("/", view.theme.accent())];
    left.extend(typed.into_iter().map(|span| span.patch_style(view.theme.field())));
    let line = Line::from(spread(left, (" ", Theme::text()), right, size));
    line.render(Rect { x: area.x + 1, width: cells(size), ..area }, frame.buffer_mut());
    frame.set_cursor_position(Position::new(area.x + 2 + cells(column), area.y));
}
