//! The filter: only points whose id, title or status contains its words are shown; where there are none, those whose id
//! or title has its letters.

use std::sync::Arc;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::visible_points::VisiblePoints;
use super::{ChecklistView, Focus, View};
use crate::tui::context::{Context, justify, pad_right};
use crate::tui::fuzzy::{MatchMode, Query};
use crate::tui::keymap::{self, PromptKey};
use crate::tui::style::layout::bottom_line;
use crate::tui::style::text::{cells, styled};
use crate::tui::style::theme::Theme;
use crate::tui::widgets::text_field::TextField;
use gonogo_core::checklist::{Plan, Point, PointId};
use gonogo_core::run::InFlight;

/// A filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The text as typed.
    pub field: TextField,
    /// Whether it is being typed.
    pub is_typing: bool,
    /// How its words were found when it was typed. It does not change with the statuses: a filter by a status never shows
    /// points of similar names instead.
    pub mode: MatchMode,
}

impl Filter {
    /// The text to search for. An empty one shows all points.
    pub fn text(&self) -> &str {
        self.field.text().trim()
    }
}

/// What the visible points depend on, besides the text. They are computed again when one of these changes.
#[derive(Debug)]
pub struct FilterCacheKey {
    /// The revision of the run's summary. It changes with the run, and when statuses change with time.
    summary_revision: u64,
    in_flight: Arc<InFlight>,
    pinned_point: Option<PointId>,
}

impl View<'_> {
    /// Whether a point matches: by id and title, and if its words are searched as they are, by the status label. The
    /// elapsed time of a probe is left out: it would change the result every second.
    fn matches(&self, point: &Point, query: &Query, mode: MatchMode) -> bool {
        if mode == MatchMode::Fuzzy {
            return query.cost(&[&point.id, &point.title], mode).is_some();
        }
        let status = self.status(point);
        let word = match self.probing_time(&point.id) {
            Some(_) => "probing".to_owned(),
            None => self.status_word(point, &status),
        };
        query.cost(&[&point.id, &point.title, &status.label(), &word], mode).is_some()
    }

    /// How the words of a query are to be found: by their letters if no point has them as they are.
    fn match_mode(&self, query: &Query) -> MatchMode {
        let is_found = |point: &Point| self.matches(point, query, MatchMode::Exact);
        if self.plan().points().any(is_found) { MatchMode::Exact } else { MatchMode::Fuzzy }
    }
}

impl ChecklistView {
    /// Whether a filter is set.
    pub fn is_filtered(&self) -> bool {
        self.filter_text().is_some()
    }

    /// The text of the filter, if one is set.
    pub fn filter_text(&self) -> Option<&str> {
        self.filter.as_ref().map(Filter::text).filter(|text| !text.is_empty())
    }

    /// The words of the filter; none if no filter is set.
    pub fn query(&self) -> Query {
        Query::new(self.filter_text().unwrap_or_default())
    }

    /// How the words of the filter are found.
    pub fn match_mode(&self) -> MatchMode {
        self.filter.as_ref().map_or(MatchMode::Exact, |filter| filter.mode)
    }

    /// Whether the filter is being typed.
    pub fn is_typing_filter(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.is_typing)
    }

    /// Starts typing the filter (`/`).
    pub fn open_filter(&mut self) {
        self.filter.get_or_insert_default().is_typing = true;
        self.focus = Focus::List;
    }

    /// Handles a key while the filter is being typed.
    pub fn filter_key(&mut self, key: KeyEvent, cx: &Context) {
        match (keymap::prompt_key(key), &mut self.filter) {
            (PromptKey::Cancel, _) => self.clear_filter(cx),
            (PromptKey::Enter, _) => self.finish_filter(cx),
            // Keys that move the selection do so among the visible points.
            (PromptKey::OtherField, _) => {
                let _ = keymap::intent(key).is_some_and(|intent| self.navigate(intent, cx).is_some());
            }
            (PromptKey::Text, Some(filter)) => {
                filter.field.key(key);
                self.apply_filter(cx);
            }
            (PromptKey::Text, None) => {}
        }
    }

    /// Handles a paste while the filter is being typed.
    pub fn filter_paste(&mut self, text: &str, cx: &Context) {
        if let Some(filter) = self.filter.as_mut().filter(|filter| filter.is_typing) {
            filter.field.paste(text);
            self.apply_filter(cx);
        }
    }

    /// Ends typing. An empty filter is removed.
    pub fn finish_filter(&mut self, cx: &Context) {
        self.selection.adopt_visible(&self.visible);
        self.filter = self.filter.take().filter(|filter| !filter.text().is_empty());
        if let Some(filter) = &mut self.filter {
            filter.is_typing = false;
        }
        let pinned = self.pinned_point(cx.plan());
        self.refilter(cx, pinned.as_ref());
    }

    /// Removes the filter. The selected point stays selected.
    pub fn clear_filter(&mut self, cx: &Context) {
        self.selection.adopt_visible(&self.visible);
        self.filter = None;
        self.refilter(cx, None);
    }

    /// Filters by the current text. If the open section has no match, opens the next one that has.
    fn apply_filter(&mut self, cx: &Context) {
        let mode = View::new(cx, self).match_mode(&self.query());
        if let Some(filter) = &mut self.filter {
            filter.mode = mode;
        }
        self.refilter(cx, None);
        if let Some(section) = self.visible.next_section_with_points(self.selection.section) {
            self.selection.section = section;
        }
    }

    /// The point that stays visible even if it no longer matches: the selected one, so that a key does not act on
    /// another point. None while the filter is being typed.
    pub fn pinned_point(&self, plan: &Plan) -> Option<PointId> {
        self.point(plan).filter(|_| !self.is_typing_filter()).map(|point| point.id.clone())
    }

    /// Filters again if something that the visible points depend on has changed since the last frame.
    pub fn refilter_if_changed(&mut self, cx: &Context) {
        if !self.is_filtered() {
            self.filter_cache_key = None;
            return;
        }
        let revision = cx.run.summary.revision;
        let now = FilterCacheKey {
            summary_revision: revision,
            in_flight: Arc::clone(&cx.run.in_flight),
            pinned_point: self.pinned_point(cx.plan()),
        };
        let is_same = |last: &FilterCacheKey| {
            last.summary_revision == now.summary_revision
                && Arc::ptr_eq(&last.in_flight, &now.in_flight)
                && last.pinned_point == now.pinned_point
        };
        if !self.filter_cache_key.as_ref().is_some_and(is_same) {
            self.refilter(cx, now.pinned_point.as_ref());
            self.filter_cache_key = Some(now);
        }
    }

    /// Computes the visible points.
    pub fn refilter(&mut self, cx: &Context, pinned: Option<&PointId>) {
        if let Some(id) = pinned {
            self.selection.select_by_id(cx.plan(), id);
        }
        let visible = match self.filter_text() {
            Some(text) => {
                let (query, mode, view) = (Query::new(text), self.match_mode(), View::new(cx, self));
                let is_visible =
                    |point: &Point| pinned == Some(&point.id) || view.matches(point, &query, mode);
                VisiblePoints::matching(cx.plan(), is_visible)
            }
            None => VisiblePoints::all(cx.plan()),
        };
        self.visible = visible;
    }
}

/// Draws the filter while it is being typed, and the number of matches.
pub fn draw(view: &View, frame: &mut Frame, filter: &Filter) {
    let area = bottom_line(view.area);
    let size = usize::from(area.width).saturating_sub(2);
    let similar = if filter.mode == MatchMode::Fuzzy { " similar" } else { "" };
    let count = format!("{} of {}{similar}", view.checklist.visible.count(), view.run.summary.total);
    let mut right = vec![styled(&count, Theme::text())];
    for (keys, description) in [("Enter", "keep"), ("Esc", "show all")] {
        if size >= 60 {
            right.extend([
                view.dim(" · "),
                styled(keys, view.theme.accent()),
                view.dim(&format!(" {description}")),
            ]);
        }
    }
    let used: usize = right.iter().map(Span::width).sum();
    let room = size.saturating_sub(used + 3);
    let (rows, (row, column)) = filter.field.rows(room);
    let typed = pad_right(vec![styled(rows.get(row).map_or("", String::as_str), Theme::text())], room);
    let mut left = vec![styled("/", view.theme.accent())];
    left.extend(typed.into_iter().map(|span| span.patch_style(view.theme.field())));
    let line = Line::from(justify(left, (" ", Theme::text()), right, size));
    line.render(Rect { x: area.x + 1, width: cells(size), ..area }, frame.buffer_mut());
    frame.set_cursor_position(Position::new(area.x + 2 + cells(column), area.y));
}
