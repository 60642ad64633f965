//! What was asked of the engine, and what comes of it: each answer names the request that it belongs to.

use std::sync::Arc;

use crate::journal::entry::Enrolled;
use crate::run::{NumberedRequest, Request, RequestId, Response, RunSnapshot, Update};
use crate::tui::app::{App, Effect};
use crate::tui::dialogs::Dialog;
use crate::tui::dialogs::add_operator::Form;
use crate::tui::dialogs::text_prompt::Prompt;

/// Something that was asked for and is not answered yet.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// What to say when it is on record; nothing if it puts nothing there, or if the state says it.
    pub said: Option<String>,
    /// What was typed for it, to be given back when it is refused.
    pub prompt: Option<Prompt>,
    /// Who takes part once it is done, and what they typed.
    pub joins: Option<(Enrolled, Box<Form>)>,
}

impl App {
    /// Asks the engine, and keeps what its answer is about.
    pub fn ask(&mut self, request: Request, asked: Asked) -> Vec<Effect> {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.asked.insert(id, asked);
        vec![Effect::Send(NumberedRequest { id, request })]
    }

    /// Whether something is being put on record.
    pub fn is_saving(&self) -> bool {
        self.asked.values().any(|asked| asked.said.is_some())
    }

    /// Takes in how the run stands.
    pub fn show(&mut self, now: RunSnapshot) {
        let held = self.held();
        let before = Arc::clone(&self.state);
        self.place.follow_if_changed(&before.plan, &now.state.plan);
        (self.state, self.live) = (now.state, now.live);
        self.refresh(held.as_ref());
        self.is_stale = true;
        self.tell_end(&before);
        self.scroll = self.scroll.min(self.scroll_limit());
    }

    /// Takes in what the engine tells.
    pub fn told(&mut self, update: Update) -> Vec<Effect> {
        match update {
            Update::Response(id, answer) => self.answered(id, answer),
            Update::Warned(what) => self.refuse(&what),
            Update::Broken(why) => {
                self.broken = Some(why);
                return vec![Effect::End];
            }
            Update::Stopped => return vec![Effect::End],
        }
        Vec::new()
    }

    /// An answer to what was not asked, or asked by another face, is nothing here.
    fn answered(&mut self, id: RequestId, answer: Response) {
        let Some(asked) = self.asked.remove(&id) else { return };
        match answer {
            Response::Done(seq) => self.done(asked, seq),
            Response::Accepted => {}
            Response::Refused(why) => {
                self.refuse(&why);
                let prompt = asked.prompt.map(|prompt| Dialog::Words(prompt.refused(&why)));
                let form = asked.joins.map(|(_, form)| Dialog::Newcomer(Box::new(form.refused(&why))));
                self.returning.extend(prompt.into_iter().chain(form));
            }
        }
    }

    fn done(&mut self, asked: Asked, seq: u64) {
        if let Some((newcomer, _)) = asked.joins {
            self.here.push(newcomer.clone());
            self.me = newcomer;
        }
        if let Some(said) = asked.said {
            let told = format!("{said} · entry {seq}");
            // A refusal that came just before is not wiped away.
            match self.notice.take().filter(|notice| notice.refused) {
                Some(refused) => self.refuse(&format!("{} · {told}", refused.text)),
                None => self.say(&told),
            }
        }
    }

    /// What was refused comes back as soon as nothing else has the keys that it would take.
    pub fn give_back(&mut self) {
        if self.dialog.is_none() && !self.is_typing() {
            self.dialog = self.returning.pop_front();
        }
    }
}
