//! The dialog that asks whether to retract one's own entry.

use crossterm::event::KeyEvent;

use super::{Dialog, is_yes};
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use gonogo_core::checklist::{Point, PointId};
use gonogo_core::run::{Act, PointState};
use gonogo_core::text;

/// Asks whether to retract an entry.
#[derive(Clone, Debug)]
pub struct RetractDialog {
    /// The point.
    point: PointId,
    /// A description of the entry.
    act: String,
}

impl RetractDialog {
    /// About an operator's latest entry on a point.
    pub fn new(point: &Point, state: &PointState, operator: &str) -> Self {
        Self { point: point.id.clone(), act: describe_latest_act(state, operator).unwrap_or_default() }
    }
}

impl Dialog for RetractDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut dialog =
            DialogView::new(format!("retract: {}", text::line(&self.point)), StyleRole::Attention);
        dialog.put(vec![styled("Retract ", Theme::text()), styled(&self.act, Theme::strong())], width, 2);
        dialog.gap();
        dialog.put(vec![cx.dim("The point is open again. Both entries stay in the log.")], width, 0);
        let me = cx.name_and_role(&cx.session.operator.principal);
        dialog.keys(cx, &[("y", &format!("retract as {me}")), ("Esc", "cancel")], width);
        dialog
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if !is_yes(key) {
            return Reaction::Ignored;
        }
        let (point, notice) = (self.point.clone(), format!("retracted on {}", self.point));
        Reaction::Close(vec![Effect::act(cx, Act::Retract { point }, notice, None)])
    }
}

/// Describes an operator's latest entry on a point.
fn describe_latest_act(state: &PointState, operator: &str) -> Option<String> {
    let confirmed = state.confirmations.iter().filter(|act| act.by == operator);
    let confirmed = confirmed.map(|act| (act.seq, format!("your confirmation, log #{}", act.seq)));
    let waived = state.waivers.iter().filter(|act| act.by == operator);
    let waived =
        waived.map(|act| (act.seq, format!("your waiver, log #{}: {}", act.seq, text::line(&act.reason))));
    let exempted = state.exemptions.iter().filter(|act| act.by == operator);
    let exempted = exempted.map(|act| {
        (act.seq, format!("your “not applicable”, log #{}: {}", act.seq, text::line(&act.reason)))
    });
    confirmed.chain(waived).chain(exempted).max_by_key(|(seq, _)| *seq).map(|(_, description)| description)
}
