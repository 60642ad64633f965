//! Replaying a log by the rules: every entry must be one that the rules produce.

use super::command::{Act, Command};
use super::decide::decide;
use super::enrolments::Enrolments;
use super::state::RunState;
use crate::checklist::check_logged;
use crate::journal::entry::{Entry, Event, MACHINE, Opened};

/// A replay of a log.
#[derive(Debug, Default)]
pub struct Replay {
    state: Option<RunState>,
}

impl Replay {
    /// Checks and applies the next entry.
    ///
    /// # Errors
    /// Why the rules would not have produced it.
    pub fn apply_entry(&mut self, entry: &Entry) -> Result<(), String> {
        match (&mut self.state, &entry.event) {
            (None, Event::Opened(opened)) => {
                check_opening(entry, opened)?;
                self.state = Some(RunState::new(entry, opened));
            }
            (Some(state), event) => {
                check_event(state, entry, event)?;
                state.apply(entry);
            }
            (None, _) => return Err("the first entry must open the run".into()),
        }
        Ok(())
    }

    /// Whether every required seal is set.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.state.as_ref().is_some_and(RunState::is_sealed)
    }

    /// The state after the entries so far.
    #[must_use]
    pub fn into_state(self) -> Option<RunState> {
        self.state
    }
}

fn check_opening(entry: &Entry, opened: &Opened) -> Result<(), String> {
    let mut enrolments = Enrolments::default();
    for operator in &opened.roster {
        enrolments.check(operator).map_err(|refusal| refusal.to_string())?;
        enrolments.add(operator);
    }
    if !opened.roster.iter().any(|operator| operator.principal == entry.header.by) {
        return Err(format!("{} opened the run but is not in its roster", entry.header.by));
    }
    check_logged(&opened.plan)?;
    opened.lock.check(&opened.plan)
}

fn check_event(state: &RunState, entry: &Entry, event: &Event) -> Result<(), String> {
    if entry.sig.is_none() && entry.header.by != MACHINE {
        return Err(format!("by {}, but not signed", entry.header.by));
    }
    let act = Act::from_event(event).ok_or("a run can be opened only once")?;
    let command = Command::new(entry.header.by.clone(), act);
    let decided = decide(state, command, &entry.header.at).map_err(|refusal| refusal.to_string())?;
    match decided.as_slice() {
        [same] if same == event => Ok(()),
        _ => Err(format!("the rules would have produced a different {} entry", event.kind())),
    }
}
