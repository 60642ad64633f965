//! What the palette lists for the rollback. Why something is not possible is what its key would say.

use super::{RollbackView, request_rolled_back, request_step};
use crate::tui::context::Context;
use crate::tui::dialogs::palette::run_items;
use crate::tui::keymap::{Intent, ROLLBACK_KEYS, works_everywhere};
use crate::tui::layer::find_refusal;
use crate::tui::palette::{PaletteContent, key_items, point_items};
use crate::tui::views::output::{NO_OUTPUT, OutputView};
use gonogo_core::checklist::{ActionKey, ROLLBACK};
use gonogo_core::text;

/// The keys of the rollback and those that work everywhere, and the points.
pub fn palette_content(view: &RollbackView, cx: &Context) -> PaletteContent {
    let step = cx.plan().rollback.get(view.selected);
    let own = ROLLBACK_KEYS.iter().flat_map(|(keys, description)| {
        let key = step.map(|step| ActionKey::new(ROLLBACK, &step.id));
        key_items(keys, description, why_not(keys, key, cx).as_ref())
    });
    let subject = step.map_or_else(String::new, |step| text::line(&format!("{ROLLBACK}/{}", step.id)));
    let for_run = run_items(cx, |intent| works_everywhere(intent) || intent == Intent::Verdict);
    PaletteContent { subject, items: own.chain(for_run).chain(point_items(cx)).collect() }
}

fn why_not(keys: &str, step: Option<ActionKey>, cx: &Context) -> Option<String> {
    match keys {
        "a" => find_refusal(&request_step(cx, step)),
        "b" => find_refusal(&[request_rolled_back(cx)]),
        "o" => {
            let output = step.and_then(|step| OutputView::newest(cx, ROLLBACK, Some(&step)));
            output.is_none().then(|| NO_OUTPUT.to_owned())
        }
        _ => None,
    }
}
