//! Every status once, and what it means: for the screen's legend and the manual.

use super::status::Status;
use crate::checklist::PointId;
use crate::time::Utc;

impl Status {
    /// Every status, with what it means to people.
    #[must_use]
    pub fn meanings() -> [(Self, &'static str); 17] {
        [
            (Self::Pending, "a probe has no result yet"),
            (Self::Passed, "every probe passed; no person is needed"),
            (Self::PassedOnRetry(2), "every probe passed, one of them not on its first try"),
            (Self::Confirmed, "its probes passed, and the required people have confirmed it"),
            (
                Self::NeedsConfirmation { confirmed: 0, required: 1 },
                "its probes passed, if it has any; people have to confirm it",
            ),
            (Self::NeedsAction(String::new()), "a person has to start the next action"),
            (Self::Running(String::new()), "an action is running"),
            (Self::Interrupted(String::new()), "an action was interrupted, and its result is unknown: NO-GO"),
            (Self::Failed, "checked, and wrong: NO-GO; it cannot be confirmed"),
            (Self::Error, "could not be checked: NO-GO"),
            (Self::Stale, "a result is too old; the probe runs again"),
            (Self::Unconfigured(Vec::new()), "the profile lacks a value: NO-GO"),
            (Self::Blocked(PointId::new()), "another point has to be done first"),
            (Self::NotDue(PointId::new()), "not due until another point is done"),
            (Self::Reverted(String::new()), "a step of the rollback has undone its action"),
            (Self::Waived(Utc::from_millis(0)), "waived until a time, with a reason: done"),
            (Self::NotApplicable, "does not apply to this run: done"),
        ]
    }
}
