//! What the person wants done: asked of the rules for the wording, and of the engine for the deed.

use crate::checklist::{Point, PointId};
use crate::run::{Act, Command, PointState, Refusal, Request, decide, evidence, possible};
use crate::text;
use crate::time::{Utc, parse_span};
use crate::tui::app::{App, Effect};
use crate::tui::context::View;
use crate::tui::dialogs::Dialog;
use crate::tui::dialogs::text_prompt::{Prompt, Purpose};
use crate::tui::keymap::Intent;
use crate::tui::pending::Asked;
use crate::tui::views::checklist::copy::has_command;

/// Words that pass the rules, to ask them what else is in the way.
const SOME: &str = "?";

impl App {
    /// Asks the engine for an act.
    pub fn act(&mut self, act: Act, said: String, prompt: Option<Prompt>) -> Vec<Effect> {
        let command = Command::new(self.me.principal.clone(), act);
        let asked = Asked { said: Some(said), prompt, joins: None };
        self.ask(Request::Act(Box::new(command)), asked)
    }

    /// What the rules say against an act now.
    pub fn refusal(&self, act: Act) -> Option<Refusal> {
        decide(&self.state, Command::new(self.me.principal.clone(), act), &self.now).err()
    }

    fn here(&self) -> Option<(&Point, &PointState)> {
        let point = self.point()?;
        Some((point, self.state.point(&point.id)?))
    }

    fn here_id(&self) -> Option<PointId> {
        self.here().map(|(point, _)| point.id.clone())
    }

    /// Opens what is to be asked, unless the rules are against the act whatever is answered.
    fn open(&mut self, dialog: Dialog, act: Act) {
        match self.refusal(act) {
            Some(refusal) => self.refuse_by(&refusal),
            None => self.dialog = Some(dialog),
        }
    }

    /// `space`.
    pub fn wish_confirm(&mut self) {
        let Some((point, state)) = self.here() else { return };
        let (point, of) = (point.id.clone(), evidence(point, state));
        let act = Act::Confirm { point: point.clone(), of: of.clone(), reason: None };
        match self.refusal(act) {
            None => self.dialog = Some(Dialog::Confirm { point, of, reason: None, scroll: 0 }),
            Some(Refusal::ReasonNeeded(_)) => {
                self.dialog = Some(Dialog::Words(Prompt::new(point, Purpose::StandForTwo(of))));
            }
            Some(refusal) => self.refuse_by(&refusal),
        }
    }

    /// `w`.
    pub fn wish_waive(&mut self) {
        let Some(point) = self.here_id() else { return };
        let until = Utc::from_millis(i64::MAX);
        let act = Act::Waive { point: point.clone(), reason: SOME.into(), until };
        self.open(Dialog::Words(Prompt::new(point, Purpose::Waive)), act);
    }

    /// `x`.
    pub fn wish_exempt(&mut self) {
        let Some(point) = self.here_id() else { return };
        let act = Act::Exempt { point: point.clone(), reason: SOME.into() };
        self.open(Dialog::Words(Prompt::new(point, Purpose::Exempt)), act);
    }

    /// `a` beside the verdict.
    pub fn wish_abandon(&mut self) {
        let prompt = Prompt::new(String::new(), Purpose::Abandon);
        self.open(Dialog::Words(prompt), Act::Abandon { reason: SOME.into() });
    }

    /// `n`.
    pub fn wish_note(&mut self) {
        let Some(point) = self.here_id() else { return };
        let act = Act::Note { point: Some(point.clone()), text: SOME.into() };
        self.open(Dialog::Words(Prompt::new(point, Purpose::Note)), act);
    }

    /// `u`.
    pub fn wish_retract(&mut self) {
        let Some((point, state)) = self.here() else { return };
        let what = newest_act(state, &self.me.principal).unwrap_or_default();
        let point = point.id.clone();
        self.open(Dialog::Retract { point: point.clone(), what }, Act::Retract { point });
    }

    /// The act that a prompt's words are for.
    ///
    /// # Errors
    /// What is wrong with the words.
    pub fn act_of(&self, prompt: &Prompt) -> Result<Act, String> {
        let (point, words) = (prompt.point.clone(), prompt.words.text().trim().to_owned());
        Ok(match &prompt.purpose {
            Purpose::Waive => Act::Waive { point, reason: words, until: self.until(prompt)? },
            Purpose::Exempt => Act::Exempt { point, reason: words },
            Purpose::Note => Act::Note { point: Some(point), text: words },
            Purpose::RollBack => Act::RollBack { reason: Some(words) },
            Purpose::Abandon => Act::Abandon { reason: words },
            Purpose::StandForTwo(of) => Act::Confirm { point, of: of.clone(), reason: Some(words) },
        })
    }

    /// When a waiver that is being typed would end.
    ///
    /// # Errors
    /// What was expected.
    pub fn until(&self, prompt: &Prompt) -> Result<Utc, String> {
        Ok(self.now.wall.plus(parse_span(prompt.span.text().trim())?))
    }

    /// `r`.
    pub fn probe(&mut self) -> Vec<Effect> {
        let Some(point) = self.here_id() else { return Vec::new() };
        if let Some(why) = self.not_probed(&point) {
            self.refuse(&why);
            return Vec::new();
        }
        self.say(&format!("probing {point}"));
        self.ask(Request::Probe(point), Asked::default())
    }

    /// Why no probe of a point can look now.
    fn not_probed(&self, id: &str) -> Option<String> {
        let view = View::new(self);
        let point = view.plan().point(id)?;
        if let Some(sealed) = self.sealed() {
            return Some(sealed);
        }
        if point.probes.is_empty() {
            return Some(format!("{id} has no probe; it is for people to say"));
        }
        let can = |probe| possible(&view.judgement, point, probe).is_some();
        if point.probes.iter().any(can) {
            return None;
        }
        let why = crate::run::why(&view.judgement, id, &view.status(point));
        Some(format!("{id} cannot be probed now: {why}"))
    }

    /// `R`.
    pub fn probe_troubled(&mut self) -> Vec<Effect> {
        if let Some(sealed) = self.sealed() {
            self.refuse(&sealed);
            return Vec::new();
        }
        let hidden = if self.is_filtered() { ", hidden points too" } else { "" };
        self.say(&format!("probing all that is stale, wrong or missing{hidden}"));
        self.ask(Request::ProbeTroubled, Asked::default())
    }

    /// Whether a key would do anything now, as far as can be told without asking further.
    pub fn works(&self, intent: Intent) -> bool {
        if (self.review.is_some() || self.looks_on) && intent.changes() {
            return false;
        }
        let allowed = |act| matches!(self.refusal(act), None | Some(Refusal::ReasonNeeded(_)));
        let Some((point, state)) = self.here() else { return !intent.is_about_a_point() };
        let id = point.id.clone();
        let (reason, until) = (SOME.to_owned(), Utc::from_millis(i64::MAX));
        match intent {
            Intent::Confirm => allowed(Act::Confirm { point: id, of: evidence(point, state), reason: None }),
            Intent::Waive => allowed(Act::Waive { point: id, reason, until }),
            Intent::Exempt => allowed(Act::Exempt { point: id, reason }),
            Intent::Note => allowed(Act::Note { point: Some(id), text: reason }),
            Intent::Retract => allowed(Act::Retract { point: id }),
            Intent::Probe => self.not_probed(&id).is_none(),
            Intent::Action => !point.actions.is_empty(),
            Intent::Output => self.state.actions.keys().any(|key| key.point == id),
            Intent::WayBack => !self.state.plan.rollback.is_empty(),
            Intent::Stop => self.state.under_way().is_some(),
            Intent::ProbeTroubled => !self.state.is_closing(),
            Intent::Copy => has_command(point, state),
            _ => true,
        }
    }
}

/// A person's newest act on a point, in words.
fn newest_act(state: &PointState, who: &str) -> Option<String> {
    let confirmed = state.confirmations.iter().filter(|act| act.by == who);
    let confirmed = confirmed.map(|act| (act.seq, format!("your confirmation, entry {}", act.seq)));
    let waived = state.waivers.iter().filter(|act| act.by == who);
    let waived =
        waived.map(|act| (act.seq, format!("your waiver, entry {}: {}", act.seq, text::line(&act.reason))));
    let exempted = state.exemptions.iter().filter(|act| act.by == who);
    let exempted = exempted.map(|act| {
        (act.seq, format!("your “not applicable”, entry {}: {}", act.seq, text::line(&act.reason)))
    });
    confirmed.chain(waived).chain(exempted).max_by_key(|(seq, _)| *seq).map(|(_, what)| what)
}
