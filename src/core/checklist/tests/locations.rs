use super::{PROFILE, own, rejected};

/// Whoever wrote it: what is wrong in the profile is not looked for in the checklist.
#[test]
fn a_fault_is_located_in_the_file_that_has_it() {
    let point = |rest: &str| {
        format!("[[point]]\nsection = \"s\"\n[point.add]\nid = \"s.q\"\ntitle = \"t\"\nwhy = \"w\"\n{rest}")
    };
    let probe = |id: &str, rest: &str| {
        format!(
            "[[points.\"s.p\".probe]]\nid = \"{id}\"\ntitle = \"t\"\nkind = \"command\"\n{rest}with = {{ argv = [\"x\"] }}\n"
        )
    };
    let cases = [
        (point(""), "p.toml:5:1: control point s.q is empty: it has no probe"),
        (point("confirm = \"one\"\nafter = [\"s.z\"]\n"), "p.toml:5:1: control point s.q depends on s.z"),
        (
            point("confirm = \"one\"\n").replace("s.q", "s.p"),
            "p.toml:5:1: control point s.p is defined twice",
        ),
        (
            point("confirm = \"one\"\nafter = [\"s.q\"]\n"),
            "p.toml:5:1: these control points depend on each other: s.q → s.q",
        ),
        (probe("p", ""), "p.toml:2:1: control point s.p has two probes named p"),
        (probe("q", "since = \"s.p/z\"\n"), "p.toml:2:1: control point s.p refers to the probe s.p/z"),
        (probe("q", "due = \"s.z\"\n"), "p.toml:2:1: control point s.p depends on s.z"),
        (
            probe("q", "after_action = \"z\"\n"),
            "p.toml:2:1: control point s.p checks the result of the action z",
        ),
        (
            "[values.app]\nname = { env = \"N\" }\n".into(),
            "p.toml:3:1: app.name cannot be used inside a text",
        ),
    ];
    let with = "kind = \"command\"\nwith = { argv = [\"x\", \"a {{ app.name }}\"] }";
    for (profile, said) in cases {
        let value = if profile.starts_with("[values") { "" } else { "[values]\napp.name = \"n\"\n" };
        let error = rejected(&own("", with), &format!("{PROFILE}{profile}{value}"));
        assert!(error.starts_with(said) && !error.contains("c.toml"), "{error}");
    }
    let error = rejected(&own("after = [\"s.z\"]", with), &format!("{PROFILE}[values]\napp.name = \"n\"\n"));
    assert!(error.starts_with("c.toml:6:1: control point s.p depends on s.z"), "{error}");
    let action = "[[section.point.action]]\nid = \"a\"\ntitle = \"a\"\nwith = { argv = [\"x\"], cwd = \"{{ app.cwd }}\" }\n";
    let with = format!("kind = \"command\"\nwith = {{ argv = [\"x\"] }}\n{action}");
    let error = rejected(&own("", &with), &format!("{PROFILE}[values.app]\ncwd = 5\n"));
    assert_eq!(error, "p.toml:3:1: app.cwd: expected a string, found an integer; write it in quotes");
}
