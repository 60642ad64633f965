use std::collections::BTreeSet;

use super::{plan, rejected};
use crate::checklist::file::STANDARD;

/// Images are named by the registry's address; one with a slash at its end would be no name of an image.
#[test]
fn an_image_is_named_without_the_slash_of_the_registrys_address() {
    let production = include_str!("../../../../config/production.toml");
    let address = "url = \"https://registry.example.com";
    assert!(production.contains(address));
    let profile = production.replace(address, &format!("{address}//"));
    let plan = plan(STANDARD, &profile).unwrap();
    let push = plan.point("deploy.image-push").unwrap();
    let push = push.actions.iter().find(|action| action.id == "push").unwrap().program.as_ref().unwrap();
    assert_eq!(push.argv[2], "registry.example.com/platform/advanced-app:v1");
}

/// A registry may have its API elsewhere than the prefix of its images says (Artifactory by path).
#[test]
fn the_prefix_of_images_may_be_another_than_the_address_of_the_api() {
    let checklist = "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.k\"\n\
                     title = \"K\"\nwhy = \"w\"\nprobe = [{ id = \"k\", title = \"k\", kind = \"command\", \
                     with = { argv = [\"{{ registry.url }}\", \"{{ registry.image_prefix }}/app\"] } }]\n";
    for (registry, words) in [
        ("url = \"https://h.example/\"", ["https://h.example", "h.example/app"]),
        (
            "url = \"https://h.example/artifactory/api/docker/local/\"\nimage_prefix = \"h.example/local/\"",
            ["https://h.example/artifactory/api/docker/local", "h.example/local/app"],
        ),
    ] {
        let plan = plan(checklist, &format!("environment = \"t\"\n[values.registry]\n{registry}\n")).unwrap();
        let spec = format!("{:?}", plan.point("s.k").unwrap().probes[0].spec);
        assert!(words.iter().all(|word| spec.contains(&format!("{word:?}"))), "{spec}");
    }
}

/// A server whose certificate or headers a profile can give gets them from every probe and action.
#[test]
fn every_probe_of_a_server_uses_its_certificates_and_headers() {
    let optional = |key: &str| -> BTreeSet<&str> {
        let names =
            STANDARD.split("{{ ").skip(1).filter_map(|rest| rest.split_once(" }}")?.0.split_once('.'));
        names.filter(|(_, name)| *name == key).map(|(table, _)| table).collect()
    };
    // An address that is handed to a program, or compared with a setting, is not connected to.
    let connects = |line: &&str| !line.starts_with("target = ") && !line.starts_with("settings = ");
    let standard: String = STANDARD.lines().filter(connects).flat_map(|line| [line, "\n"]).collect();
    let steps: Vec<&str> = standard.split("[[section.point.").skip(1).collect();
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

#[test]
fn an_invalid_address_with_a_password_is_not_repeated() {
    for url in ["http://u:hunter22@c", "http://hunter22@c"] {
        let error = rejected(STANDARD, &format!("environment = \"t\"\n[values]\nredis.url = \"{url}\"\n"));
        assert!(error.contains("url") && !error.contains("hunter22"), "{error}");
    }
}
