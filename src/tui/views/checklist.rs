//! The checklist: the sections and their points, the detail of the selected one, the filter.

mod confirmations;
pub mod detail;
mod detail_pane;
pub mod filter;
mod hints;
mod intents;
mod mouse;
mod navigation;
pub mod point_list;
mod probe_results;
pub mod section_panels;
pub mod selection;
pub mod visible_points;

use std::ops::Deref;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::widgets::Widget as _;

use crate::checklist::{Plan, Point, PointId, ProbeKey};
use crate::run::RunState;
use crate::tui::context::Context;
use crate::tui::input::Input;
use crate::tui::keymap;
use crate::tui::layer::{Effect, Hint, Layer, Level, Reaction, TextFocus};
use crate::tui::style::layout::{Arrangement, Size, arrange};
use crate::tui::widgets::header;
use filter::{Filter, Filtered};
use selection::Selection;
use visible_points::VisiblePoints;

/// What the keys move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The lists of points.
    List,
    /// The detail of the selected point.
    Detail,
}

/// Where the person is in the checklist.
#[derive(Debug)]
pub struct ChecklistView {
    /// The open section and the selected points.
    pub selection: Selection,
    /// What narrows the points.
    pub filter: Option<Filter>,
    /// The points that are shown.
    pub visible: VisiblePoints,
    /// What the filter was laid on last, while there is one.
    filtered: Option<Filtered>,
    /// What the keys move.
    pub focus: Focus,
    /// The first line of the detail that is shown.
    pub scroll: usize,
    /// The probe whose command was copied last, while nothing else is asked for.
    copied: Option<ProbeKey>,
}

/// The checklist, and the run that it shows.
pub struct View<'a> {
    /// The run.
    cx: &'a Context<'a>,
    /// Where the person is.
    pub checklist: &'a ChecklistView,
}

impl<'a> Deref for View<'a> {
    type Target = Context<'a>;

    fn deref(&self) -> &Self::Target {
        self.cx
    }
}

impl<'a> View<'a> {
    /// A checklist as it stands now.
    pub const fn new(cx: &'a Context<'a>, checklist: &'a ChecklistView) -> Self {
        Self { cx, checklist }
    }

    /// The selected point.
    pub fn point(&self) -> Option<&'a Point> {
        self.checklist.selection.point(self.cx.plan(), &self.checklist.visible)
    }

    /// The points of a section that are shown.
    pub fn points(&self, section: usize) -> impl Iterator<Item = &'a Point> {
        let points = self.cx.plan().sections.get(section).map_or(&[][..], |section| &section.points);
        self.checklist.visible.of(section).iter().filter_map(|place| points.get(*place))
    }
}

impl ChecklistView {
    /// At the first point of a plan.
    pub fn new(plan: &Plan) -> Self {
        Self {
            selection: Selection::first(plan),
            filter: None,
            visible: VisiblePoints::all(plan),
            filtered: None,
            focus: Focus::List,
            scroll: 0,
            copied: None,
        }
    }

    /// The selected point, if one is shown where the person is.
    pub fn point<'a>(&self, plan: &'a Plan) -> Option<&'a Point> {
        self.selection.point(plan, &self.visible)
    }

    fn point_id(&self, plan: &Plan) -> Option<PointId> {
        self.point(plan).map(|point| point.id.clone())
    }

    /// Where everything stands.
    pub fn arrangement(&self, cx: &Context) -> Arrangement {
        // Where nothing is shown, one line says so.
        let rows = |section: usize| self.visible.of(section).len().max(1);
        let sections: Vec<_> = (0..self.visible.sections()).map(rows).collect();
        let beside = cx.screen.height.saturating_sub(cx.area.height);
        arrange(cx.area, &sections, self.selection.section, beside)
    }

    /// Whether the detail is to be seen.
    pub fn has_detail(&self, arrangement: &Arrangement) -> bool {
        match arrangement.size {
            Size::Wide | Size::Medium => true,
            Size::Small => arrangement.below || self.focus == Focus::Detail,
            Size::TooSmall => false,
        }
    }

    /// Whether the detail fills the screen.
    pub fn is_detail_alone(&self, arrangement: &Arrangement) -> bool {
        arrangement.size == Size::Small && !arrangement.below && self.focus == Focus::Detail
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

    fn on(&mut self, input: &Input, cx: &Context) -> Reaction {
        let before = self.point_id(cx.plan());
        let effects = match input {
            Input::Key(key) => self.key(*key, cx),
            Input::Paste(text) => {
                self.filter_paste(text, cx);
                Vec::new()
            }
            Input::Mouse(event) => self.mouse(*event, cx),
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
        for placed in section_panels::placed(&view, &arrangement) {
            placed.draw(frame);
        }
        if self.has_detail(&arrangement) {
            detail_pane::draw(&view, frame, &arrangement);
        }
        if let Some(filter) = self.filter.as_ref().filter(|filter| filter.typing) {
            filter::draw(&view, frame, filter);
        }
    }

    fn hints(&self, cx: &Context) -> Option<Vec<Hint>> {
        let hints = || hints::hints(&View::new(cx, self), &self.arrangement(cx));
        (!self.is_typing_filter()).then(hints)
    }

    fn text_focus(&self, _: &Context) -> TextFocus {
        if self.is_typing_filter() { TextFocus::Text } else { TextFocus::None }
    }

    fn run_changed(&mut self, before: &RunState, cx: &Context) {
        let (held, selected) = (self.held(&before.plan), self.point_id(&before.plan));
        self.selection.follow_if_changed(&before.plan, &cx.run.state.plan);
        self.refresh(cx, held.as_ref());
        if self.point_id(cx.plan()) != selected {
            self.scroll = 0;
        }
        self.scroll = self.scroll.min(self.scroll_limit(cx));
    }

    fn prepare(&mut self, cx: &Context) {
        self.keep_filtered(cx);
    }
}
