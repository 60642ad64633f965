//! What the palette lists for the checklist. Why something is not possible is what its key would say.

use super::ChecklistView;
use super::intents::{NO_POINT, open_for_point};
use crate::tui::context::Context;
use crate::tui::dialogs::palette::{run_items, why_not_for_run};
use crate::tui::dialogs::run_action;
use crate::tui::keymap::{Intent, KeyBinding, NAVIGATION_KEYS, POINT_KEYS};
use crate::tui::layer::find_refusal;
use crate::tui::palette::{PaletteContent, PaletteItem, items_of, point_items, section_items};
use crate::tui::views::output::{NO_OUTPUT, OutputView};
use gonogo_core::text;

impl ChecklistView {
    /// All keys, sections and points.
    pub fn palette_of_run(&self, cx: &Context) -> PaletteContent {
        self.palette_with(cx, self.key_items(cx, POINT_KEYS))
    }

    /// The keys of a review, then those of the checklist that are of use there.
    pub fn palette_of_review(&self, cx: &Context, mut own: Vec<PaletteItem>) -> PaletteContent {
        let is_listed = |binding: &&KeyBinding| !binding.intent.changes_run();
        let reading: Vec<_> = POINT_KEYS.iter().filter(is_listed).copied().collect();
        own.extend(self.key_items(cx, &reading));
        self.palette_with(cx, own)
    }

    fn palette_with(&self, cx: &Context, first: Vec<PaletteItem>) -> PaletteContent {
        let subject = self.point(cx.plan()).map_or_else(String::new, |point| text::line(&point.id));
        let keys = first.into_iter().chain(run_items(cx, |_| true));
        let keys = keys.chain(self.key_items(cx, NAVIGATION_KEYS));
        PaletteContent { subject, items: keys.chain(section_items(cx)).chain(point_items(cx)).collect() }
    }

    fn key_items(&self, cx: &Context, bindings: &[KeyBinding]) -> Vec<PaletteItem> {
        items_of(bindings, |intent| self.why_not(intent, cx)).collect()
    }

    /// Why an intent is not possible now: what its key would say.
    fn why_not(&self, intent: Intent, cx: &Context) -> Option<String> {
        if !intent.needs_point() || (cx.is_read_only() && intent.changes_run()) {
            return why_not_for_run(cx, intent);
        }
        let selected = self.point(cx.plan()).and_then(|point| Some((point, cx.run.state.point(&point.id)?)));
        let Some((point, state)) = selected else { return Some(NO_POINT.to_owned()) };
        match intent {
            Intent::CopyCommand => self.next_command(point, state).err().map(str::to_owned),
            Intent::RunAction => find_refusal(&run_action::open(cx, point)),
            Intent::Output => OutputView::newest(cx, &point.id, None).is_none().then(|| NO_OUTPUT.to_owned()),
            intent => find_refusal(open_for_point(intent, cx, point, state).as_slice()),
        }
    }
}
