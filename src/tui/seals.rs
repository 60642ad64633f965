//! How far a run is sealed, in words.

use crate::checklist::Role;
use crate::run::{Act, Rejection};
use crate::tui::context::Context;
use crate::tui::layer::Effect;

impl Context<'_> {
    /// Who has sealed, and whose seals are missing; as it will be once these people have sealed too.
    pub fn sealing(&self, and: &[&str]) -> String {
        let state = &self.run.state;
        let given = state.seals.iter().map(|seal| seal.by.as_str()).chain(and.iter().copied());
        let given: Vec<_> = given.map(|by| self.name(by)).collect();
        let coming =
            |role: &Role| and.iter().any(|by| state.operator(by).is_some_and(|who| who.role == *role));
        let missing = state.missing_seals().into_iter().filter(|role| !coming(role));
        let missing: Vec<_> = missing.map(|role| self.missing_seal(role)).collect();
        let told = [format!("sealed by {}", given.join(" and "))].into_iter().chain(missing);
        told.collect::<Vec<_>>().join("; ")
    }

    fn missing_seal(&self, role: Role) -> String {
        let others = self.run.state.roster.iter().filter(|operator| operator.role == role);
        let others: Vec<_> = others.map(|operator| &operator.principal).collect();
        if others.contains(&&self.session.me.principal) {
            return format!("your seal ({role}) is missing");
        }
        let whose: Vec<_> = others.iter().map(|principal| format!("{}'s", self.name(principal))).collect();
        let whose = if whose.is_empty() { "a".into() } else { whose.join(" or ") };
        format!("{whose} seal ({role}) is missing")
    }
}

impl Context<'_> {
    /// Whether the person at this screen can seal now.
    pub fn can_seal(&self) -> bool {
        self.refusal(Act::Seal).is_none()
    }

    /// Whether the person at this screen can end the run without its seals.
    pub fn can_abandon(&self) -> bool {
        self.can_act() && self.refusal(Act::Abandon { reason: "x".into() }).is_none()
    }

    /// Why nothing more can be added to the run, once somebody has sealed or abandoned it.
    pub fn sealed(&self) -> Option<String> {
        let state = &self.run.state;
        if state.abandoned.is_some() {
            return Some(Rejection::Abandoned.to_string());
        }
        if state.seals.is_empty() {
            return None;
        }
        Some(if state.is_sealed() { Rejection::Sealed.to_string() } else { self.sealing(&[]) })
    }

    /// Says why the rules are against something.
    pub fn refuse_by(&self, refusal: &Rejection) -> Effect {
        Effect::Refuse(match refusal {
            Rejection::SealingStarted(_) => self.sealing(&[]),
            refusal => refusal.to_string(),
        })
    }
}
