//! The rollback of a checklist of one's own.

use super::*;
use crate::checklist::lint::lint;

/// The findings about the rollback; each step has a dry run.
fn findings(point: &str, step_in_profile: &str) -> Vec<String> {
    let checklist = format!(
        "name = 'c'\n[[section]]\nid = 's'\ntitle = 'S'\n[[section.point]]\nid = '{point}'\ntitle = 'P'\nwhy = 'w'\nconfirm = 'one'\n\
         [[rollback]]\nid = 'undo'\ntitle = 'U'\nwith = {{ argv = ['undo'], dry_run = ['undo', '-n'] }}\n"
    );
    let profile = format!("environment = 't'\nprevious = 'v0'\n{step_in_profile}");
    let profile = Profile::parse(SourceFile::new("p.toml", profile)).unwrap();
    let checklist = Checklist::parse(SourceFile::new("c.toml", checklist)).unwrap();
    let promotion = Promotion { release: Some("v1".into()), previous: None };
    let plan = resolve(&checklist, &profile, &promotion).unwrap();
    let found = lint(&profile, &plan).into_iter().map(|finding| finding.problem.to_string());
    found.filter(|text| text.contains("rollback: ")).collect()
}

const STEP: &str =
    "[[rollback]]\nid = 'cache'\ntitle = 'C'\nwith = { argv = ['flush'], dry_run = ['flush', '-n'] }\n";

#[test]
fn a_step_of_the_profile_is_reported_at_its_place() {
    let own = findings("s.p", STEP);
    let added = "p.toml:3:1: rollback: action cache added\n";
    assert!(own.iter().any(|text| text.starts_with(added)), "{own:#?}");
    let with_point = findings("rollback.pause-consumers", STEP);
    let added = "p.toml:3:1: rollback: action cache added: rollback.pause-consumers";
    assert!(with_point.iter().any(|text| text.starts_with(added)), "{with_point:#?}");
}

#[test]
fn a_step_that_reverts_no_point_is_reported() {
    let step = STEP.replace("title", "reverts = ['s.q']\ntitle");
    let checklist = "name = 'c'\n[[section]]\nid = 's'\ntitle = 'S'\n[[section.point]]\nid = 's.p'\ntitle = 'P'\nwhy = 'w'\n\
                     confirm = 'one'\n";
    let profile = format!("environment = 't'\nprevious = 'v0'\n{step}");
    let profile = Profile::parse(SourceFile::new("p.toml", profile)).unwrap();
    let checklist = Checklist::parse(SourceFile::new("c.toml", checklist)).unwrap();
    let problems = resolve(&checklist, &profile, &Promotion::default()).unwrap_err().to_string();
    assert!(problems.contains("p.toml:5:"), "{problems}");
    assert!(problems.contains("s.q is no point of the checklist; did you mean s.p?"), "{problems}");
}
