//! What `gonogo new` writes is accepted: the starters, and Markdown checklists in the forms in which people write them.

use std::fs;
use std::path::Path;

use crate::support::gonogo::Sandbox;

/// A list, and how many points each of its sections has.
const LISTS: [(&str, &[usize]); 23] = [
    ("advanced-realtime", &[4, 5, 5, 5, 5, 3]),
    ("boxes-by-heading", &[2, 1]),
    ("nested-boxes", &[5, 1]),
    ("notes-below-boxes", &[2]),
    ("numbered-steps", &[4, 2]),
    ("numbered-headings", &[1, 2, 1]),
    ("table-of-steps", &[3, 1]),
    ("table-with-boxes", &[2]),
    ("fences-of-commands", &[2]),
    ("other-languages-in-fences", &[2]),
    ("front-matter", &[1]),
    ("no-headings", &[3]),
    ("only-top-headings", &[1, 2]),
    ("setext-headings", &[2, 1]),
    ("deep-headings", &[1, 1, 1]),
    ("same-titles", &[2, 1]),
    ("other-scripts", &[2, 1]),
    ("links-and-emphasis", &[3]),
    ("long-items", &[3]),
    ("plain-bullets", &[2, 1]),
    ("text-around", &[2]),
    ("issue-template", &[3]),
    ("windows-line-ends", &[2]),
];

fn list(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lists").join(format!("{name}.md"));
    fs::read_to_string(path).unwrap()
}

/// The checklist that a list becomes, in a sandbox with a profile for it.
fn import(list: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::new().profile("environment = \"t\"\nchecklist = \"checklist.toml\"\n");
    fs::write(sandbox.work().join("list.md"), list).unwrap();
    let args = ["new", "checklist", "--from", "list.md", "--output", "checklist.toml"];
    let sandbox = sandbox.args(args);
    let _ = sandbox.run().code(0).stdout_has("Wrote checklist.toml");
    let text = fs::read_to_string(sandbox.work().join("checklist.toml")).unwrap();
    (sandbox, text)
}

#[test]
fn every_list_becomes_a_checklist_that_doctor_accepts() {
    for (name, expected) in LISTS {
        let (sandbox, text) = import(&list(name));
        let file: toml::Table = text.parse().unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        let points = |section: &toml::Value| section["point"].as_array().unwrap().len();
        let found: Vec<_> = file["section"].as_array().unwrap().iter().map(points).collect();
        assert_eq!(found, expected, "{name}\n{text}");
        let _ = sandbox.args(["doctor", "profile.toml"]).run().code(0);
    }
}

/// Every line of the lists is in the checklist, as a title, in `why` or in a comment.
#[test]
fn no_text_of_a_list_is_lost() {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.chars().count() > 3)
            .map(str::to_owned)
            .collect()
    };
    for (name, _) in LISTS.iter().filter(|(name, _)| !["front-matter", "issue-template"].contains(name)) {
        let text = list(name);
        let (_, checklist) = import(&text);
        let kept = words(&checklist);
        let lost: Vec<_> = words(&text).into_iter().filter(|word| !kept.contains(word)).collect();
        let allowed = ["console", "bash", "json", "python", "Step", "Owner", "Done", "Check", "Status"];
        let lost: Vec<_> = lost.into_iter().filter(|word| !allowed.contains(&word.as_str())).collect();
        assert!(lost.is_empty(), "{name}: {lost:?}\n{checklist}");
    }
}

#[test]
fn shell_code_becomes_a_probe_that_is_off() {
    let (_, text) = import(&list("fences-of-commands"));
    insta::assert_snapshot!("imported_list", text);
    // Without its comment signs it is a probe.
    let on = text.replace("# [[section", "[[section").replace("\n# ", "\n");
    let at = on.find("\nname = ").unwrap();
    let file: toml::Table = on[at..].parse().unwrap_or_else(|error| panic!("{error}\n{on}"));
    let probe = &file["section"][0]["point"][1]["probe"][0];
    assert_eq!(probe["with"]["argv"][2].as_str().unwrap().lines().count(), 2, "{probe}");
}

#[test]
fn a_text_without_points_is_refused() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.work().join("list.md"), "# Title\n\nOnly words.\n").unwrap();
    let sandbox = sandbox.args(["new", "checklist", "--from", "list.md"]);
    let _ = sandbox.run().code(2).stderr_has("list.md").stderr_has("no control points found");
}

#[test]
fn the_starters_are_accepted_by_doctor() {
    let mut sandbox = Sandbox::new();
    for (what, file) in [("checklist", "checklist.toml"), ("profile", "profile.toml")] {
        sandbox = sandbox.args(["new", what, "--output", file]);
        let _ = sandbox.run().code(0);
        // An existing file is kept.
        let _ = sandbox.run().code(2).stderr_has("the file exists");
    }
    sandbox = sandbox.args(["doctor", "profile.toml"]);
    let printed = sandbox.run();
    assert!(!printed.stdout.contains("missing value"), "{}", printed.stdout);
    let points = sandbox.args(["points", "profile.toml", "--format", "json"]).run().code(0);
    let points: serde_json::Value = serde_json::from_str(&points.stdout).unwrap();
    let sections = points["sections"].as_array().unwrap();
    assert_eq!(sections.len(), 3);
    assert_eq!(sections.iter().map(|section| section["points"].as_array().unwrap().len()).sum::<usize>(), 8);
}

#[test]
fn the_standard_checklist_and_its_profile_are_printed() {
    let checklist = Sandbox::new().args(["new", "checklist", "--standard"]).run().code(0).stdout;
    assert_eq!(checklist, include_str!("../config/checklist.toml"));
    let profile = Sandbox::new().args(["new", "profile", "--standard"]).run().code(0).stdout;
    assert_eq!(profile, include_str!("../config/production.toml"));
}

/// The blank list of the standard checklist has its sections and points, also after an import.
#[test]
fn a_blank_list_can_be_printed_and_imported() {
    let list = Sandbox::new().args(["points", "--format", "markdown"]).run().code(0).stdout;
    assert!(list.contains("\n## 3. Infrastructure readiness\n\n- [ ] "), "{list}");
    let (_, text) = import(&list);
    let file: toml::Table = text.parse().unwrap();
    let points = |section: &toml::Value| section["point"].as_array().unwrap().len();
    let found: Vec<_> = file["section"].as_array().unwrap().iter().map(points).collect();
    assert_eq!(found, [4, 5, 5, 5, 5, 3], "{text}");
}
