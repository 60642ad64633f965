//! One-line descriptions of log entries.

use crate::tui::context::Context;
use gonogo_core::journal::entry::{Entry, Event};
use gonogo_core::outcome::Class;
use gonogo_core::text::line;

/// Describes an entry in one line.
pub fn describe(cx: &Context, entry: &Entry) -> String {
    let by = cx.short_name(&entry.header.by);
    let text = match &entry.event {
        Event::Opened(_) => format!("{by} opened the run"),
        Event::Joined(event) => format!("{by} takes part as {}", event.role),
        Event::Resumed(event) => format!("the run continues on {}", event.host),
        Event::Recovered(_) => "an incomplete entry from a crash was kept as an attachment".into(),
        Event::Probed(event) => {
            let result = match event.outcome.class {
                Class::Pass if event.outcome.tries > 1 => "passed on retry",
                Class::Pass => "passed",
                Class::Fail => "failed",
                Class::Error => "error",
            };
            format!("{}/{} {result}", event.point, event.probe)
        }
        Event::Confirmed(event) => format!("{by} confirmed {}", event.point),
        Event::Waived(event) => format!("{by} waived {}: {}", event.point, event.reason),
        Event::NotApplicable(event) => format!("{by}: {} not applicable: {}", event.point, event.reason),
        Event::Noted(event) => format!("{by} noted: {}", event.text),
        Event::Retracted(event) => format!("{by} retracted {}", event.point),
        Event::ReplanProposed(_) => format!("{by} proposed a looser plan"),
        Event::ReplanWithdrawn(_) => format!("{by} withdrew the proposed plan"),
        Event::Replanned(event) if event.proposal.is_some() => format!("{by} accepted the proposed plan"),
        Event::Replanned(_) => format!("{by} replaced the plan"),
        Event::ActionStarted(event) => {
            let verb = if event.dry_run { "tries" } else { "runs" };
            format!("{by} {verb} {}{}", event.action, because(event.reason.as_deref()))
        }
        Event::ActionStopped(event) => {
            format!("{by} stops {}{}", event.action, because(event.reason.as_deref()))
        }
        Event::ActionFinished(event) => match event.cause {
            Some(cause) => format!("{} {cause}, {}", event.action, event.exit),
            None => format!("{} ended: {}", event.action, event.exit),
        },
        Event::RolledBack(event) => format!("{by} rolled back to {}", event.release),
        Event::TakenOver(event) => format!("{by} took the run over from {} on {}", event.from, event.host),
        Event::Verdict(event) => {
            format!("{by} put {} {}/{} on record", event.decision, event.done, event.total)
        }
        Event::Sealed(_) => format!("{by} sealed the run"),
        Event::Abandoned(event) => format!("{by} abandoned the run: {}", event.reason),
    };
    line(&text)
}

fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {reason}")).unwrap_or_default()
}
