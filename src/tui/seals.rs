//! Texts and rules about seals.

use crate::tui::context::Context;
use crate::tui::layer::Effect;
use gonogo_core::checklist::Role;
use gonogo_core::journal::entry::Decision;
use gonogo_core::run::{Act, Rejection, tally};

impl Context<'_> {
    /// Describes who has sealed and whose seals are missing, as if the operators in `and` had sealed too.
    pub fn describe_seals(&self, also: &[&str]) -> String {
        let state = &self.run.state;
        let sealed_by = state.seals.iter().map(|seal| seal.by.as_str()).chain(also.iter().copied());
        let sealed_by: Vec<_> = sealed_by.map(|by| self.short_name(by)).collect();
        let will_seal = |role: &Role| {
            also.iter().any(|by| state.operator(by).is_some_and(|operator| operator.role == *role))
        };
        let missing = state.missing_seals().into_iter().filter(|role| !will_seal(role));
        let missing: Vec<_> = missing.map(|role| self.describe_missing_seal(role)).collect();
        let parts = [format!("sealed by {}", sealed_by.join(" and "))].into_iter().chain(missing);
        parts.collect::<Vec<_>>().join("; ")
    }

    fn describe_missing_seal(&self, role: Role) -> String {
        let others = self.run.state.roster.iter().filter(|operator| operator.role == role);
        let others: Vec<_> = others.map(|operator| &operator.principal).collect();
        if others.contains(&&self.session.operator.principal) {
            return format!("your seal ({role}) is missing");
        }
        let whose: Vec<_> =
            others.iter().map(|principal| format!("{}'s", self.short_name(principal))).collect();
        let whose = if whose.is_empty() { "a".into() } else { whose.join(" or ") };
        format!("{whose} seal ({role}) is missing")
    }
}

impl Context<'_> {
    /// Whether the active operator can seal now.
    pub fn can_seal(&self) -> bool {
        self.rejection(Act::Seal).is_none()
    }

    /// What people have to do when no point needs them.
    pub fn describe_rest(&self) -> String {
        if self.can_seal() {
            return "no point needs a human now; v shows the verdict, which waits for your seal".into();
        }
        let is_recorded = self.run.state.verdict.is_some() || self.run.state.is_closing();
        if self.can_act() && !is_recorded && tally(&self.judgement).0 == Decision::Go {
            return "every point is done; v records the verdict".into();
        }
        "nothing needs a human now".into()
    }

    /// Whether the active operator can abandon the run.
    pub fn can_abandon(&self) -> bool {
        self.can_act() && self.rejection(Act::Abandon { reason: "x".into() }).is_none()
    }

    /// Why nothing more can be added to the run, if it is sealed, being sealed or abandoned.
    pub fn closed_reason(&self) -> Option<String> {
        let state = &self.run.state;
        if state.abandoned.is_some() {
            return Some(Rejection::Abandoned.to_string());
        }
        if state.seals.is_empty() {
            return None;
        }
        Some(if state.is_sealed() { Rejection::Sealed.to_string() } else { self.describe_seals(&[]) })
    }

    /// The effect that shows why the rules reject something.
    pub fn refuse(&self, rejection: &Rejection) -> Effect {
        Effect::Refuse(match rejection {
            Rejection::SealingStarted(_) => self.describe_seals(&[]),
            rejection => rejection.to_string(),
        })
    }
}
