//! What people say is broken in a drill: notes about the whole run, of a form that the debrief recognizes.

use super::{Act, Note, RunState};

/// How the note begins.
const PREFIX: &str = "diagnosis: ";
/// The diagnosis of who does not know.
const UNKNOWN: &str = "not known";

impl RunState {
    /// The last diagnoses, the oldest first: as many as the run has drills.
    pub fn diagnoses(&self) -> impl Iterator<Item = (&Note, &str)> {
        let count = self.all_diagnoses().count();
        self.all_diagnoses().skip(count.saturating_sub(self.drill_count()))
    }

    /// How many drills no diagnosis was given for.
    #[must_use]
    pub fn missing_diagnoses(&self) -> usize {
        self.drill_count() - self.diagnoses().count()
    }

    fn all_diagnoses(&self) -> impl Iterator<Item = (&Note, &str)> {
        self.notes.iter().filter_map(|note| Some((note, note.text.strip_prefix(PREFIX)?)))
    }

    fn drill_count(&self) -> usize {
        self.plan.rehearsal.as_ref().map_or(0, |rehearsal| rehearsal.drills.len())
    }
}

/// The note that says what is broken; `None`: whoever says it does not know.
#[must_use]
pub fn diagnose(fault: Option<&str>) -> Act {
    Act::Note { point: None, text: format!("{PREFIX}{}", fault.unwrap_or(UNKNOWN)) }
}
