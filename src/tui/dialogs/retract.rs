//! Whether to take back one's own act.

use crossterm::event::KeyEvent;

use super::{Dialog, is_yes};
use crate::checklist::{Point, PointId};
use crate::run::{Act, PointState};
use crate::text;
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;

/// The question.
#[derive(Clone, Debug)]
pub struct RetractDialog {
    /// The point.
    point: PointId,
    /// The act in words.
    what: String,
}

impl RetractDialog {
    /// About somebody's newest act on a point.
    pub fn new(point: &Point, state: &PointState, who: &str) -> Self {
        Self { point: point.id.clone(), what: newest_act(state, who).unwrap_or_default() }
    }
}

impl Dialog for RetractDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut sheet = DialogView::new(format!("retract on {}", text::line(&self.point)), StyleRole::Needs);
        sheet.put(vec![styled("You retract ", Theme::text()), styled(&self.what, Theme::strong())], width, 2);
        sheet.gap();
        sheet.put(vec![cx.dim("The point is open again. Both entries stay in the log.")], width, 0);
        let me = cx.person(&cx.session.me.principal);
        sheet.keys(cx, &[("y", &format!("take it back as {me}")), ("Esc", "cancel")], width);
        sheet
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if !is_yes(key) {
            return Reaction::Ignored;
        }
        let (point, said) = (self.point.clone(), format!("took it back on {}", self.point));
        Reaction::Close(vec![Effect::act(cx, Act::Retract { point }, said, None)])
    }
}

/// A person's newest act on a point, in words.
fn newest_act(state: &PointState, who: &str) -> Option<String> {
    let confirmed = state.confirmations.iter().filter(|act| act.by == who);
    let confirmed = confirmed.map(|act| (act.seq, format!("your confirmation, log #{}", act.seq)));
    let waived = state.waivers.iter().filter(|act| act.by == who);
    let waived =
        waived.map(|act| (act.seq, format!("your waiver, log #{}: {}", act.seq, text::line(&act.reason))));
    let exempted = state.exemptions.iter().filter(|act| act.by == who);
    let exempted = exempted.map(|act| {
        (act.seq, format!("your “not applicable”, log #{}: {}", act.seq, text::line(&act.reason)))
    });
    confirmed.chain(waived).chain(exempted).max_by_key(|(seq, _)| *seq).map(|(_, what)| what)
}
