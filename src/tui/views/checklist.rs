//! The checklist view: the sections with their points, the detail of the selected point, the filter.

mod confirmations;
pub mod detail;
mod detail_pane;
pub mod filter;
mod guide;
mod hints;
mod intents;
mod mouse;
mod navigation;
mod palette_items;
pub mod point_list;
mod probe_results;
pub mod section_panels;
pub mod selection;
pub mod visible_points;

use std::ops::Deref;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::widgets::Widget as _;

use crate::tui::context::Context;
use crate::tui::input::Input;
use crate::tui::keymap;
use crate::tui::layer::{Effect, Hint, Layer, Level, Reaction, TextFocus};
use crate::tui::palette::PaletteContent;
use crate::tui::style::layout::{Arrangement, ScreenSize, arrange};
use crate::tui::widgets::header;
use filter::{Filter, FilterCacheKey};
use gonogo_core::checklist::{Plan, Point, PointId, ProbeKey};
use gonogo_core::run::RunState;
use selection::PointSelection;
use visible_points::VisiblePoints;

/// Which part has the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The lists of points.
    List,
    /// The detail of the selected point.
    Detail,
}

/// The state of the checklist view.
#[derive(Debug)]
pub struct ChecklistView {
    /// The open section and the selected points.
    pub selection: PointSelection,
    /// The filter, if one is set or being typed.
    pub filter: Option<Filter>,
    /// The points that the filter leaves.
    pub visible: VisiblePoints,
    /// What `visible` was computed from, while a filter is set.
    filter_cache_key: Option<FilterCacheKey>,
    /// Which part has the focus.
    pub focus: Focus,
    /// The first visible line of the detail.
    pub scroll: usize,
    /// The probe whose command was copied last, until another key is pressed.
    last_copied: Option<ProbeKey>,
    /// The point that the guide has shown, until another key is pressed.
    last_guided: Option<PointId>,
}

/// The checklist view with the context that it is drawn in.
pub struct View<'a> {
    /// The context: run, session, theme.
    cx: &'a Context<'a>,
    /// The state of the view.
    pub checklist: &'a ChecklistView,
}

impl<'a> Deref for View<'a> {
    type Target = Context<'a>;

    fn deref(&self) -> &Self::Target {
        self.cx
    }
}

impl<'a> View<'a> {
    /// Combines a checklist view with its context.
    pub const fn new(cx: &'a Context<'a>, checklist: &'a ChecklistView) -> Self {
        Self { cx, checklist }
    }

    /// The selected point.
    pub fn point(&self) -> Option<&'a Point> {
        self.checklist.selection.point(self.cx.plan(), &self.checklist.visible)
    }

    /// The visible points of a section.
    pub fn points(&self, section: usize) -> impl Iterator<Item = &'a Point> {
        let points = self.cx.plan().sections.get(section).map_or(&[][..], |section| &section.points);
        self.checklist.visible.in_section(section).iter().filter_map(|index| points.get(*index))
    }
}

impl ChecklistView {
    /// The view at the first point of a plan.
    pub fn new(plan: &Plan) -> Self {
        Self {
            selection: PointSelection::first(plan),
            filter: None,
            visible: VisiblePoints::all(plan),
            filter_cache_key: None,
            focus: Focus::List,
            scroll: 0,
            last_copied: None,
            last_guided: None,
        }
    }

    /// The selected point, if the open section has a visible one.
    pub fn point<'a>(&self, plan: &'a Plan) -> Option<&'a Point> {
        self.selection.point(plan, &self.visible)
    }

    fn point_id(&self, plan: &Plan) -> Option<PointId> {
        self.point(plan).map(|point| point.id.clone())
    }

    /// The layout for the current screen.
    pub fn arrangement(&self, cx: &Context) -> Arrangement {
        // A section without visible points has one line that says so.
        let rows = |section: usize| self.visible.in_section(section).len().max(1);
        let sections: Vec<_> = (0..self.visible.section_count()).map(rows).collect();
        let reserved_rows = cx.screen.height.saturating_sub(cx.area.height);
        arrange(cx.area, &sections, self.selection.section, reserved_rows)
    }

    /// Whether the detail is visible.
    pub fn is_detail_visible(&self, arrangement: &Arrangement) -> bool {
        match arrangement.size {
            ScreenSize::Wide | ScreenSize::Medium => true,
            ScreenSize::Small => arrangement.is_detail_below || self.focus == Focus::Detail,
            ScreenSize::TooSmall => false,
        }
    }

    /// Whether the detail fills the screen.
    pub fn is_detail_fullscreen(&self, arrangement: &Arrangement) -> bool {
        arrangement.size == ScreenSize::Small && !arrangement.is_detail_below && self.focus == Focus::Detail
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Vec<Effect> {
        if self.is_typing_filter() {
            self.filter_key(key, cx);
            return Vec::new();
        }
        keymap::intent(key).map_or_else(Vec::new, |intent| self.intent(intent, cx))
    }
}

impl Layer for ChecklistView {
    fn level(&self) -> Level {
        Level::Checklist
    }

    fn handle(&mut self, input: &Input, cx: &Context) -> Reaction {
        let before = self.point_id(cx.plan());
        let effects = match input {
            Input::Key(key) => self.key(*key, cx),
            Input::Paste(text) => {
                self.filter_paste(text, cx);
                Vec::new()
            }
            Input::Mouse(event) => self.mouse(*event, cx),
            Input::ShowPoint(id) => {
                self.reveal(cx, id);
                Vec::new()
            }
            Input::Resize => {
                self.scroll = self.scroll.min(self.scroll_limit(cx));
                Vec::new()
            }
            _ => return Reaction::Ignored,
        };
        if self.point_id(cx.plan()) != before {
            self.scroll = 0;
        }
        Reaction::Handled(effects)
    }

    fn draw(&self, cx: &Context, frame: &mut Frame) {
        let (view, arrangement) = (View::new(cx, self), self.arrangement(cx));
        let filter = self.filter_text();
        header::line(cx, &arrangement, filter).render(arrangement.header, frame.buffer_mut());
        for line in section_panels::placed_lines(&view, &arrangement) {
            line.draw(frame);
        }
        if self.is_detail_visible(&arrangement) {
            detail_pane::draw(&view, frame, &arrangement);
        }
        if let Some(filter) = self.filter.as_ref().filter(|filter| filter.is_typing) {
            filter::draw(&view, frame, filter);
        }
    }

    fn hints(&self, cx: &Context) -> Option<Vec<Hint>> {
        let hints = || hints::hints(&View::new(cx, self), &self.arrangement(cx));
        (!self.is_typing_filter()).then(hints)
    }

    fn palette_content(&self, cx: &Context) -> Option<PaletteContent> {
        Some(self.palette_of_run(cx))
    }

    fn text_focus(&self, _: &Context) -> TextFocus {
        if self.is_typing_filter() { TextFocus::Text } else { TextFocus::None }
    }

    fn on_run_changed(&mut self, before: &RunState, cx: &Context) {
        let (pinned, selected) = (self.pinned_point(&before.plan), self.point_id(&before.plan));
        self.selection.follow_plan_if_changed(&before.plan, &cx.run.state.plan);
        self.refilter(cx, pinned.as_ref());
        if self.point_id(cx.plan()) != selected {
            self.scroll = 0;
        }
        self.scroll = self.scroll.min(self.scroll_limit(cx));
    }

    fn prepare(&mut self, cx: &Context) {
        self.refilter_if_changed(cx);
    }
}
