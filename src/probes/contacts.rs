//! The contacts check: a contact for every role, and no placeholders. No network is used.

use gonogo_core::checklist::spec::ContactsSpec;
use gonogo_core::checklist::{Contact, is_placeholder};
use gonogo_core::outcome::{Observation, Outcome};

pub(super) fn run(spec: &ContactsSpec) -> Outcome {
    let mut seen: Vec<_> = spec.roles.iter().map(|role| judge_role(spec, role)).collect();
    seen.extend(spec.contacts.iter().filter_map(placeholder));
    Outcome::of(seen, "")
}

fn judge_role(spec: &ContactsSpec, role: &str) -> Observation {
    let contacts: Vec<_> =
        spec.contacts.iter().filter(|contact| contact.role.eq_ignore_ascii_case(role)).collect();
    let shown = |contact: &&Contact| format!("{}, {}", contact.name, contact.channel);
    let seen = match contacts.as_slice() {
        [] if spec.contacts.is_empty() => "the profile has no [[contact]]".to_owned(),
        [] => "no contact has this role".to_owned(),
        named => named.iter().map(shown).collect::<Vec<_>>().join("; "),
    };
    Observation::new(format!("contact for {role}"), "a name and a channel", seen, !contacts.is_empty())
}

fn placeholder(contact: &Contact) -> Option<Observation> {
    let fields = [("role", &contact.role), ("name", &contact.name), ("channel", &contact.channel)];
    let placeholder = fields.into_iter().find(|(_, value)| is_placeholder(value))?;
    let seen = format!("{} `{}`", placeholder.0, placeholder.1);
    Some(Observation::new(format!("contact {}", contact.role), "no placeholder", seen, false))
}
