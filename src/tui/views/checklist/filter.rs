//! The filter: a text that a point's id, title or state has to contain to be shown.

use std::sync::Arc;

use crossterm::event::KeyEvent;

use crate::checklist::{Point, PointId};
use crate::run::Live;
use crate::tui::app::{App, Effect, Focus};
use crate::tui::context::View;
use crate::tui::keymap::{self, Typing};
use crate::tui::views::checklist::visible_points::Shown;
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
    live: Arc<Live>,
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
        let told = [point.id.as_str(), &point.title, &status.word(), &word];
        told.iter().any(|told| told.to_lowercase().contains(text))
    }
}

impl App {
    /// Whether points may be hidden.
    pub fn is_filtered(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| !filter.text().is_empty())
    }

    /// Whether keys go to the filter.
    pub fn is_typing_filter(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.typing)
    }

    /// The selected point, if one is shown where the person is.
    pub fn point(&self) -> Option<&Point> {
        self.place.point(&self.state.plan, &self.shown)
    }

    /// `/`: typing goes to the filter from here on.
    pub fn wish_filter(&mut self) {
        self.filter.get_or_insert_default().typing = true;
        self.focus = Focus::List;
    }

    /// A key while the filter is typed.
    pub fn filter_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        match (keymap::typing(key), &mut self.filter) {
            (Typing::Away, _) => self.show_all(),
            (Typing::Done, _) => self.keep_filter(),
            // Up, down, and the next section: among what is shown so far.
            (Typing::Other, _) => {
                let _ = keymap::intent(key).is_some_and(|intent| self.moved(intent));
            }
            (Typing::Text, Some(filter)) => {
                filter.field.key(key);
                self.narrow();
            }
            (Typing::Text, None) => {}
        }
        Vec::new()
    }

    /// A paste while the filter is typed.
    pub fn filter_paste(&mut self, text: &str) {
        if let Some(filter) = self.filter.as_mut().filter(|filter| filter.typing) {
            filter.field.paste(text);
            self.narrow();
        }
    }

    /// Ends the typing; the filter stays unless nothing was typed.
    pub fn keep_filter(&mut self) {
        self.place.settle(&self.shown);
        self.filter = self.filter.take().filter(|filter| !filter.text().is_empty());
        if let Some(filter) = &mut self.filter {
            filter.typing = false;
        }
        self.refresh(self.held().as_ref());
    }

    /// Shows all points again; the selection stays where it is.
    pub fn show_all(&mut self) {
        self.place.settle(&self.shown);
        self.filter = None;
        self.refresh(None);
    }

    /// Shows what fits the text as it is now, and goes where something is shown.
    fn narrow(&mut self) {
        self.refresh(None);
        if let Some(section) = self.shown.section_from(self.place.section) {
            self.place.section = section;
        }
    }

    /// The point that stays shown whatever becomes of it: the selected one, so that nothing is moved from
    /// under a hand that is about to press a key. Not while the filter itself is typed.
    pub fn held(&self) -> Option<PointId> {
        self.point().filter(|_| !self.is_typing_filter()).map(|point| point.id.clone())
    }

    /// Finds anew what is shown, if that can be something else than in the last frame: the run or what is under way has
    /// changed, or another point is selected; `is_another`: time has passed, and states with it.
    pub fn keep_filtered(&mut self, is_another: bool) {
        if !self.is_filtered() {
            self.filtered = None;
            return;
        }
        let now = Filtered { live: Arc::clone(&self.live), held: self.held() };
        let is_same = |last: &Filtered| Arc::ptr_eq(&last.live, &now.live) && last.held == now.held;
        if is_another || !self.filtered.as_ref().is_some_and(is_same) {
            self.refresh(now.held.as_ref());
            self.filtered = Some(now);
        }
    }

    /// Finds anew what is shown.
    pub fn refresh(&mut self, held: Option<&PointId>) {
        if let Some(id) = held {
            self.place.go_to(&self.state.plan, id);
        }
        let view = View::new(self);
        let shown = match &self.filter {
            Some(filter) if self.is_filtered() => {
                let text = filter.text().to_lowercase();
                let keep = |point: &Point| held == Some(&point.id) || view.has(point, &text);
                Shown::only(view.plan(), keep)
            }
            _ => Shown::all(view.plan()),
        };
        self.shown = shown;
    }
}
