use std::collections::BTreeSet;

use crate::checklist::file::STANDARD;

/// A server whose certificate or headers a profile can give gets them from every probe and action.
#[test]
fn every_probe_of_a_server_uses_its_certificates_and_headers() {
    let optional = |key: &str| -> BTreeSet<&str> {
        let names =
            STANDARD.split("{{ ").skip(1).filter_map(|rest| rest.split_once(" }}")?.0.split_once('.'));
        names.filter(|(_, name)| *name == key).map(|(table, _)| table).collect()
    };
    let steps: Vec<&str> = STANDARD.split("[[section.point.").skip(1).collect();
    let mut missing = Vec::new();
    for key in ["tls", "headers"] {
        for server in optional(key) {
            let is_used = |step: &&&str| {
                ["url", "public_url", "endpoint"]
                    .iter()
                    .any(|url| step.contains(&format!("= \"{{{{ {server}.{url} }}}}")))
            };
            let without = steps
                .iter()
                .filter(is_used)
                .filter(|step| !step.contains(&format!("{{{{ {server}.{key} }}}}")));
            missing.extend(
                without.map(|step| format!("{key} of {server}: {}", step.lines().nth(1).unwrap_or_default())),
            );
        }
    }
    assert!(steps.len() > 40 && missing.is_empty(), "{missing:#?}");
}
