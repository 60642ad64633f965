//! Handling of the engine's states, updates and responses.

use std::mem;

use super::{App, HostEffect};
use crate::tui::action_notice;
use crate::tui::context::Context;
use crate::tui::layer::{Effect, PendingRequest};
use gonogo_core::run::{RequestId, Response, RunSnapshot, Update};

impl App {
    /// Shows another state of the run.
    pub(super) fn set_run(&mut self, snapshot: RunSnapshot) -> Vec<HostEffect> {
        let before = mem::replace(&mut self.run.state, snapshot.state);
        self.run.in_flight = snapshot.in_flight;
        self.run.is_tail_stale = true;
        let area = self.area();
        let cx = Context::new(&self.run, &self.session, self.screen, area);
        self.layers.iter_mut().for_each(|layer| layer.on_run_changed(&before, &cx));
        let notice = action_notice::detect(&before, &cx, self.layers.can_interrupt(&cx));
        let sealed = (!cx.is_review() && cx.run.state.is_sealed() && !before.is_sealed())
            .then(|| Effect::Notify(format!("{} · log #{}", cx.describe_seals(&[]), cx.run.state.seq)));
        let call = self.attention.on_run_changed(&before, &cx).map(HostEffect::Call);
        let effects = self.apply_all(notice.into_iter().chain(sealed).collect());
        effects.into_iter().chain(call).collect()
    }

    /// Handles an update.
    pub(super) fn on_update(&mut self, update: Update) -> Vec<HostEffect> {
        match update {
            Update::Response(id, answer) => self.on_response(id, answer),
            Update::Warning(warning) => self.refuse(&warning),
            Update::Failed(why) => {
                self.quit_state.engine_failure = Some(why);
                return vec![HostEffect::Quit];
            }
            Update::Stopped => return vec![HostEffect::Quit],
        }
        Vec::new()
    }

    fn on_response(&mut self, id: RequestId, answer: Response) {
        let Some(pending) = self.pending.take(id) else { return };
        match answer {
            Response::Done(seq) => self.on_done(pending, seq),
            Response::Accepted => {}
            Response::Rejected(why) => {
                self.refuse(&why);
                if let Some(mut layer) = pending.on_rejection {
                    layer.on_rejected(&why);
                    self.pending.to_reopen.push_back(layer);
                }
            }
        }
    }

    fn on_done(&mut self, pending: PendingRequest, seq: u64) {
        if let Some(operator) = pending.new_operator {
            self.set_operator(operator);
        }
        if let Some(notice) = pending.notice {
            self.notices.notify_after_refusal(&format!("{notice} · log #{seq}"), &self.run.now);
        }
    }

    /// Reopens the dialog of a rejected request, as soon as no other dialog or text field has the keys.
    pub(super) fn reopen_rejected(&mut self) -> Vec<HostEffect> {
        let can_reopen = !self.pending.to_reopen.is_empty() && self.layers.can_interrupt(&self.context());
        if can_reopen && let Some(layer) = self.pending.to_reopen.pop_front() {
            self.layers.open(layer);
        }
        Vec::new()
    }
}
