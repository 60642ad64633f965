//! What the engine tells: how the run stands, and the answers to what was asked of it.

use std::mem;

use super::{App, HostEffect};
use crate::run::{RequestId, Response, RunSnapshot, Update};
use crate::tui::action_news;
use crate::tui::context::Context;
use crate::tui::layer::PendingRequest;

impl App {
    /// Takes in how the run stands.
    pub(super) fn show(&mut self, now: RunSnapshot) -> Vec<HostEffect> {
        let before = mem::replace(&mut self.run.state, now.state);
        self.run.live = now.in_flight;
        self.run.is_tail_stale = true;
        let area = self.area();
        let cx = Context::new(&self.run, &self.session, self.screen, area);
        self.layers.each().for_each(|layer| layer.run_changed(&before, &cx));
        let news = action_news::since(&before, &cx, self.layers.is_free(&cx));
        self.apply_all(news.into_iter().collect())
    }

    /// Takes in what the engine tells.
    pub(super) fn on_update(&mut self, update: Update) -> Vec<HostEffect> {
        match update {
            Update::Response(id, answer) => self.answered(id, answer),
            Update::Warning(what) => self.refuse(&what),
            Update::Failed(why) => {
                self.ending.broken = Some(why);
                return vec![HostEffect::End];
            }
            Update::Stopped => return vec![HostEffect::End],
        }
        Vec::new()
    }

    fn answered(&mut self, id: RequestId, answer: Response) {
        let Some(pending) = self.pending.take(id) else { return };
        match answer {
            Response::Done(seq) => self.done(pending, seq),
            Response::Accepted => {}
            Response::Rejected(why) => {
                self.refuse(&why);
                if let Some(mut layer) = pending.returning {
                    layer.refused(&why);
                    self.pending.returning.push_back(layer);
                }
            }
        }
    }

    fn done(&mut self, pending: PendingRequest, seq: u64) {
        if let Some(operator) = pending.joins {
            self.set_operator(operator);
        }
        if let Some(said) = pending.said {
            self.notices.say_after_refusal(&format!("{said} · log #{seq}"), &self.run.now);
        }
    }

    /// What was refused comes back as soon as nothing else has the keys that it would take.
    pub(super) fn give_back(&mut self) -> Vec<HostEffect> {
        let is_free = !self.pending.returning.is_empty() && self.layers.is_free(&self.context());
        if is_free && let Some(layer) = self.pending.returning.pop_front() {
            self.layers.open(layer);
        }
        Vec::new()
    }
}
