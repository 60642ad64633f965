//! The contacts' check: somebody for every role, and no placeholders. Nothing is asked of anybody.

use crate::checklist::Contact;
use crate::checklist::spec::{Contacts, Pattern};
use crate::outcome::{Observation, Outcome};

/// What people write when they mean to write something else later. Numbers with 555-01 are kept for fiction.
const PLACEHOLDERS: &str = r"(?i)\b(todo|tbd|tba|fixme|xxx+|changeme|change-me|placeholder|n/?a|none|unknown|someone|somebody|jane doe|john doe|foo|bar)\b|[<>{}]|@?\bexample\.(com|org|net)\b|\b555[ -]?01\d\d\b|\?\?|^\W*$";

pub(super) fn look(spec: &Contacts) -> Outcome {
    let mut seen: Vec<_> = spec.roles.iter().map(|role| judge_role(spec, role)).collect();
    seen.extend(spec.contacts.iter().filter_map(placeholder));
    Outcome::of(seen, "")
}

fn judge_role(spec: &Contacts, role: &str) -> Observation {
    let named: Vec<_> =
        spec.contacts.iter().filter(|contact| contact.role.eq_ignore_ascii_case(role)).collect();
    let shown = |contact: &&Contact| format!("{}, {}", contact.name, contact.channel);
    let seen = match named.as_slice() {
        [] if spec.contacts.is_empty() => "the profile has no [[contact]]".to_owned(),
        [] => "no contact has this role".to_owned(),
        named => named.iter().map(shown).collect::<Vec<_>>().join("; "),
    };
    Observation::new(format!("contact for {role}"), "a name and a channel", seen, !named.is_empty())
}

fn placeholder(contact: &Contact) -> Option<Observation> {
    let fields = [("role", &contact.role), ("name", &contact.name), ("channel", &contact.channel)];
    let wrong = fields.into_iter().find(|(_, value)| is_placeholder(value))?;
    let seen = format!("{} `{}`", wrong.0, wrong.1);
    Some(Observation::new(format!("contact {}", contact.role), "no placeholder", seen, false))
}

/// Whether a value stands for one that is still to be given.
pub(super) fn is_placeholder(value: &str) -> bool {
    Pattern::new(PLACEHOLDERS).is_ok_and(|pattern| pattern.is_in(value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_told_from_a_name() {
        for placeholder in ["", "TODO", "tbd", "<name>", "ops@example.com", "+1 555 0100", "???", "-", "n/a"]
        {
            assert!(is_placeholder(placeholder), "{placeholder}");
        }
        for real in
            ["SRE on call", "#platform-oncall", "+49 30 1234567", "Todorov", "ops@boards.io", "Barbara"]
        {
            assert!(!is_placeholder(real), "{real}");
        }
    }
}
