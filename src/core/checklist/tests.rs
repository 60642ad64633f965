mod locations;
mod misspellings;
mod never_passes;
mod own_rollback;
mod servers;
mod standard;

use super::file::STANDARD;
use super::spec::ProbeSpec;
use super::*;

const PROFILE: &str = "environment = \"t\"\n";

fn plan(checklist: &str, profile: &str) -> Result<Plan, crate::error::Problems> {
    let checklist = Checklist::parse(SourceFile::new("c.toml", checklist))?;
    let profile = Profile::parse(SourceFile::new("p.toml", profile))?;
    resolve(&checklist, &profile, &Promotion { release: Some("v1".into()), previous: Some("v0".into()) })
}

fn rejected(checklist: &str, profile: &str) -> String {
    plan(checklist, profile).unwrap_err().to_string()
}

#[test]
fn the_standard_checklist_has_its_27_points_and_a_bare_profile_leaves_values_missing() {
    let plan = plan(STANDARD, PROFILE).unwrap();
    assert_eq!(plan.points().count(), 27);
    let order: Vec<_> = STANDARD_POINTS.iter().flat_map(|(_, points)| *points).copied().collect();
    assert_eq!(plan.points().map(|point| point.id.as_str()).collect::<Vec<_>>(), order);
    let redis = plan.point("infra.redis").unwrap();
    assert_eq!(redis.missing(), ["prometheus.url", "redis.latency_alert", "redis.url"]);
    assert!(redis.probes[0].spec.is_none());
}

#[test]
fn the_example_profiles_leave_nothing_missing() {
    for profile in
        [include_str!("../../../config/local.toml"), include_str!("../../../config/production.toml")]
    {
        let plan = plan(STANDARD, profile).unwrap();
        let missing: Vec<_> = plan.points().flat_map(Point::missing).collect();
        assert_eq!(missing, Vec::<&str>::new());
        assert!(matches!(plan.point("infra.rabbitmq").unwrap().probes[0].spec, Some(ProbeSpec::Rabbitmq(_))));
        assert!(plan.points().flat_map(|point| &point.probes).all(|probe| probe.spec.is_some()));
    }
}

/// Each of the 27 points is removed, renamed and emptied.
#[test]
fn no_control_point_can_be_removed_renamed_or_emptied() {
    for (_, points) in STANDARD_POINTS {
        for id in points {
            let line = format!("id = \"{id}\"");
            let renamed = STANDARD.replace(&line, &format!("id = \"{id}s\""));
            let error = rejected(&renamed, PROFILE);
            assert!(error.contains(&format!("control point {id} is missing from section")), "{error}");
            assert!(error.contains("c.toml:"), "{error}");
            let error = rejected(&without(id), PROFILE);
            assert!(error.contains(&format!("control point {id} is missing from section")), "{error}");
            let error = rejected(&emptied(id), PROFILE);
            assert!(error.contains(&format!("control point {id} is empty")), "{error}");
        }
    }
}

fn document() -> toml::Table {
    STANDARD.parse().unwrap()
}

fn points_of(document: &mut toml::Table) -> impl Iterator<Item = &mut Vec<toml::Value>> {
    let sections = document["section"].as_array_mut().unwrap();
    sections.iter_mut().map(|section| section["point"].as_array_mut().unwrap())
}

fn without(id: &str) -> String {
    let mut document = document();
    points_of(&mut document).for_each(|points| points.retain(|point| point["id"].as_str() != Some(id)));
    document.to_string()
}

fn emptied(id: &str) -> String {
    let mut document = document();
    for point in points_of(&mut document).flatten().filter(|point| point["id"].as_str() == Some(id)) {
        for key in ["probe", "confirm", "not_applicable"] {
            point.as_table_mut().unwrap().remove(key);
        }
    }
    document.to_string()
}

#[test]
fn a_profile_tightens_and_its_changes_are_listed() {
    let plan = plan(
        STANDARD,
        "environment = \"t\"\n[values.rabbitmq]\nqueue = \"q\"\n[points.\"infra.redis\"]\nfresh = \"5m\"\nconfirm = \"one\"\n",
    )
    .unwrap();
    let changes: Vec<_> = plan.tailored.iter().map(|t| format!("{}: {}", t.point, t.what)).collect();
    assert!(changes.contains(&"infra.redis: fresh for 5m 00s (default 30m 00s)".into()), "{changes:?}");
    assert!(changes.contains(&"infra.redis: confirmed by one (default none)".into()), "{changes:?}");
    let queue = "rabbitmq.queue = \"q\" (default \"advanced.board.events\")";
    for point in ["infra.rabbitmq", "verify.queues-drained"] {
        assert!(changes.contains(&format!("{point}: {queue}")), "{changes:?}");
    }
}

#[test]
fn a_profile_cannot_loosen_and_all_problems_are_reported_at_once() {
    let error = rejected(
        STANDARD,
        "environment = \"t\"\n[points.\"infra.redis\"]\nfresh = \"2h\"\nmandatory = false\n\
         [points.\"validate.iac-change-set\"]\nconfirm = \"one\"\n[points.\"infra.rediss\"]\n",
    );
    for expected in [
        "p.toml:3:1: infra.redis can be tightened, not loosened: fresh is 30m 00s, found 2h 00m",
        "p.toml:4:1: infra.redis can be tightened, not loosened: mandatory is true, found false",
        "p.toml:6:1: validate.iac-change-set can be tightened, not loosened: confirm is two, found one",
        "the checklist has no control point infra.rediss",
    ] {
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_profile_leaves_out_optional_probes_and_shortens_waits() {
    let resolved = plan(
        STANDARD,
        "environment = \"t\"\n[points.\"verify.pipeline\"]\nleave_out = { demo = \"no script\" }\n\
         [points.\"verify.metrics\"]\nwithin = \"5s\"\n[points.\"verify.queues-drained\"]\nhold = \"65s\"\n",
    )
    .unwrap();
    let changes: Vec<_> = resolved.tailored.iter().map(|t| format!("{}: {}", t.point, t.what)).collect();
    assert!(changes.contains(&"verify.pipeline: demo left out: no script".into()), "{changes:?}");
    let probes = |id| resolved.point(id).unwrap().probes.iter();
    assert_eq!(probes("verify.pipeline").map(|probe| probe.id.as_str()).collect::<Vec<_>>(), ["canary"]);
    assert_eq!(probes("verify.metrics").map(|probe| probe.within_ms).collect::<Vec<_>>(), [5000, 0, 0]);
    assert!(changes.contains(&"verify.queues-drained: probes keep passing for 1m 05s".into()), "{changes:?}");
    // There is as much time to pass as before.
    let queues = probes("verify.queues-drained").next().unwrap();
    assert_eq!((queues.within_ms, queues.hold_ms), (30_000 + 53_000, 65_000));
    let error = rejected(
        STANDARD,
        "environment = \"t\"\n[points.\"verify.pipeline\"]\nleave_out = { demo = \" \", canary = \"x\", other = \"x\" }\n\
         [points.\"verify.metrics\"]\nwithin = \"5h\"\n",
    );
    let shorter =
        "environment = \"t\"\nproduction = true\n[points.\"verify.queues-drained\"]\nhold = \"5s\"\n";
    let refused = rejected(STANDARD, shorter);
    let expected = "p.toml:4:1: verify.queues-drained can be tightened, not loosened: hold is 12s, found 5s";
    assert!(refused.contains(expected), "{refused}");
    assert!(plan(STANDARD, &shorter.replace("true", "false")).is_ok());
    for expected in [
        "p.toml:3:1: verify.pipeline: leaving out probe demo requires a reason",
        "p.toml:3:1: verify.pipeline: probe canary is not optional and cannot be left out",
        "p.toml:3:1: verify.pipeline has no probe or action other",
        "p.toml:5:1: verify.metrics can be tightened, not loosened: within is 1m 30s, found 5h 00m",
    ] {
        assert!(error.contains(expected), "{error}");
    }
}

/// Every value that the checklist asks for, under the heading of its table.
#[test]
fn the_example_for_production_explains_every_value() {
    let example = include_str!("../../../config/production.toml");
    let tables: Vec<_> = example.split("[values.").skip(1).collect();
    let names = STANDARD.split("{{ ").skip(1).filter_map(|rest| rest.split_once(" }}")?.0.split_once('.'));
    // Without values that are computed.
    let names =
        names.filter(|(table, key)| !table.starts_with('(') && !["fresh_plan", "replicas"].contains(key));
    let is_explained = |(table, key): &(&str, &str)| {
        let own = tables.iter().filter_map(|text| text.strip_prefix(table)?.strip_prefix(']'));
        own.flat_map(str::lines)
            .any(|line| line.trim_start_matches("# ").split_once(" =").is_some_and(|(name, _)| name == *key))
    };
    let unexplained: Vec<_> = names.filter(|name| !is_explained(name)).collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
}

#[test]
fn an_alternative_probe_is_used_if_only_it_has_all_values() {
    let version = |values: &str| {
        let resolved = plan(STANDARD, &format!("environment = \"t\"\n{values}")).unwrap();
        let probe = resolved.point("secrets.token-rotated").unwrap().probes[0].clone();
        (probe.spec.map(|spec| spec.kind().to_owned()), probe.missing)
    };
    let aws = "[values.aws]\nsecret_id = \"advanced/token\"\n";
    let vault =
        "[values.vault]\nurl = \"https://v.io\"\ntoken_path = \"p\"\nauth = { token = { env = \"T\" } }\n";
    assert_eq!(version(aws), (Some("aws-secret".into()), vec![]));
    assert_eq!(version(vault), (Some("vault".into()), vec![]));
    assert_eq!(version(&format!("{vault}{aws}")).0.as_deref(), Some("vault"));
    // If neither has all its values, those of the first are reported as missing.
    assert_eq!(version("[values.aws]\nregion = \"r\"\n").1, ["vault.auth", "vault.token_path", "vault.url"]);
}

#[test]
fn a_new_environment_waits_for_its_infrastructure() {
    let checklist = Checklist::standard().unwrap();
    let profile = Profile::parse(SourceFile::new("p.toml", PROFILE)).unwrap();
    let promotion = Promotion { release: Some("v1".into()), previous: Some("none".into()) };
    let plan = resolve(&checklist, &profile, &promotion).unwrap();
    let point = |id| plan.point(id).unwrap();
    assert_eq!(plan.previous, None);
    assert_eq!(point("infra.redis").due.as_deref(), Some("deploy.iac-apply"));
    assert_eq!(point("rollback.pause-consumers").probes[0].due.as_deref(), Some("deploy.rollout"));
    assert!(point("rollback.previous-release").not_applicable.is_some());
}

#[test]
fn a_value_of_the_wrong_type_is_reported_in_the_profile() {
    let error = rejected(
        STANDARD,
        "environment = \"t\"\n[values.redis]\nurl = 5\nlatency_alert = \"x\"\n[values.prometheus]\nurl = \"x\"\n",
    );
    assert!(
        error.contains("p.toml:3:1: redis.url: expected a string, found an integer; write it in quotes"),
        "{error}"
    );
    let values = "[values.rabbitmq]\nurl=\"amqp://h\"\nmanagement=\"http://h\"\nusername=\"u\"\n";
    let error = rejected(STANDARD, &format!("environment = \"t\"\n{values}password = {{ envv = \"X\" }}\n"));
    assert!(error.contains("p.toml:6:1: rabbitmq.password: expected a secret's reference"), "{error}");
}

#[test]
fn cyclic_and_unknown_dependencies_are_rejected() {
    let own = |points: &str| format!("name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n{points}");
    let point = |id: &str, after: &str| {
        format!(
            "[[section.point]]\nid = \"{id}\"\ntitle = \"t\"\nwhy = \"w\"\nconfirm = \"one\"\nafter = [\"{after}\"]\n"
        )
    };
    let error = rejected(&own(&(point("a", "b") + &point("b", "a"))), PROFILE);
    assert!(error.contains("depend on each other: a → b → a"), "{error}");
    let error = rejected(&own(&point("a", "z")), PROFILE);
    assert!(error.contains("c.toml:6:1: control point a depends on z"), "{error}");
}

#[test]
fn an_unused_value_is_reported_with_a_suggestion() {
    let profile = "environment = \"t\"\n[values.redis]\nulr = \"redis://h\"\nnodess = 1\n[values.x]\ny = 1\n";
    assert_eq!(
        rejected(STANDARD, profile).lines().collect::<Vec<_>>(),
        [
            "p.toml:3:1: the checklist does not use the value redis.ulr",
            "  hint: did you mean redis.url?",
            "p.toml:4:1: the checklist does not use the value redis.nodess",
            "  hint: remove it",
            "p.toml:6:1: the checklist does not use the value x.y",
            "  hint: remove it",
        ]
    );
}

/// Once, and not at each value that is then missing.
#[test]
fn a_misspelled_table_is_reported_once() {
    let values = "url = \"amqp://h\"\nmanagement = \"http://h\"\nusername = \"u\"\n";
    let profile = |table: &str| format!("environment = \"t\"\n[{table}]\n{values}");
    assert_eq!(
        rejected(STANDARD, &profile("values.rabitmq")),
        "p.toml:2:9: the checklist does not use the values of [values.rabitmq]\n  hint: did you mean [values.rabbitmq]?"
    );
    let error = rejected(STANDARD, &profile("rabbitmq"));
    assert!(error.starts_with("p.toml:2:2: unknown key `rabbitmq`"), "{error}");
    assert!(error.ends_with("\n  hint: values stand in [values.…]: [values.rabbitmq]"), "{error}");
}

#[test]
fn an_invalid_address_is_reported_once_in_the_profile() {
    let error = rejected(
        STANDARD,
        "environment = \"t\"\n[values]\napp.url = \"localhost:8000\"\nredis.url = \"http://c:6379\"\n",
    );
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(
        lines,
        [
            "p.toml:4:7: redis.url: expected an address such as redis://host:port or rediss://host, found \"http://c:6379\"",
            "p.toml:3:5: app.url: expected an address such as http://host:port or https://host, found \"localhost:8000\"",
        ]
    );
}

/// The same names are rejected in a profile, with their location, and in a plan from a log.
#[test]
fn a_name_that_would_be_an_option_is_rejected_in_a_profile_and_in_a_log() {
    let profile = |app: &str, context: &str| {
        let profile = include_str!("../../../config/production.toml");
        let profile = profile.replace("# app = \"advanced-app\"", &format!("app = {app:?}"));
        profile.replace("context = \"production\"\n", &format!("context = {context:?}\n"))
    };
    let error = rejected(STANDARD, &profile("--kubeconfig=/kc", "production"));
    let line = profile("", "").lines().position(|line| line.starts_with("app = ")).unwrap() + 1;
    assert!(error.contains(&format!("p.toml:{line}:")), "{error}");
    assert!(error.contains("kubernetes.app: expected the name of a deployment"), "{error}");
    assert!(rejected(STANDARD, &profile("app", "--kubeconfig=/kc")).contains("kubernetes.context: expected"));
    let plan = plan(STANDARD, &profile("my.app", "admin@my-cluster")).unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    for (good, bad) in [
        (r#""deployments":["my.app""#, r#""deployments":["--kubeconfig=/kc""#),
        (r#""rollout":{"deployment":"my.app""#, r#""rollout":{"deployment":"-l""#),
        (r#""health":{"deployment":"my.app""#, r#""health":{"deployment":"a/b""#),
        (r#""context":"admin@my-cluster""#, r#""context":"--kubeconfig=/kc""#),
        (r#""namespace":"realtime""#, r#""namespace":"-A""#),
        (r#""tag":"v1","clean""#, r#""tag":"../v1","clean""#),
        (r#""repository":"platform/advanced-app""#, r#""repository":"../x""#),
        (r#""release":"v1""#, r#""release":"--all""#),
        (r#""previous":"v0""#, r#""previous":"-v0""#),
    ] {
        assert!(json.contains(good), "{good}");
        assert!(serde_json::from_str::<Plan>(&json.replace(good, bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_value_that_would_be_an_option_is_rejected_in_any_argument_list() {
    let checklist = "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\n\
                     title = \"P\"\nwhy = \"w\"\n\
                     probe = [{ id = \"c\", title = \"c\", kind = \"command\", with = { argv = [\"ls\", \"{{ a.file }}\"] } }]\n\
                     action = [{ id = \"d\", title = \"d\", with = { argv = [\"rm\", \"{{ a.other }}={{ a.file }}\"] } }]\n";
    let profile = |file: &str, other: &str| {
        format!("environment = \"t\"\nprevious = \"v0\"\n[values.a]\nfile = {file:?}\nother = {other:?}\n")
    };
    assert!(plan(checklist, &profile("x", "y-z")).is_ok());
    let error = rejected(checklist, &profile("--all", "y"));
    assert!(error.contains("p.toml:4:1: a.file: expected a value that does not start with `-`"), "{error}");
    let error = rejected(checklist, &profile("x", "-y"));
    assert!(error.contains("p.toml:5:1: a.other: expected a value that does not start with `-`"), "{error}");
    let error = rejected(checklist, &profile("x", "y").replace("\"v0\"", "\"--v0\""));
    assert!(error.contains("p.toml:2:"), "{error}");
    assert!(error.contains("expected a release tag as git allows it"), "{error}");
}

/// A checklist of one point, with these lines for the point and for its probe.
fn own(point: &str, probe: &str) -> String {
    format!(
        "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\ntitle = \"P\"\n\
         why = \"w\"\n{point}\n[[section.point.probe]]\nid = \"p\"\ntitle = \"p\"\n{probe}\n"
    )
}

const WITH: &str = "[section.point.probe.with]";

#[test]
fn times_below_a_second_are_kept_and_zero_is_rejected_with_its_location() {
    let http = format!(
        "kind = \"http\"\ndeadline = \"250ms\"\nretry_delay = \"1500ms\"\n{WITH}\nurl = \"http://h\""
    );
    let checklist = own("fresh = \"2500ms\"", &http);
    let resolved = plan(&checklist, PROFILE).unwrap();
    let probe = &resolved.points().next().unwrap().probes[0];
    assert_eq!(resolved.points().next().unwrap().fresh_ms, 2500);
    assert_eq!((probe.deadline_ms, probe.retry_delay_ms), (250, 1500));
    let tighter = plan(&checklist, &format!("{PROFILE}[points.\"s.p\"]\nfresh = \"500ms\"\n")).unwrap();
    assert_eq!(tighter.points().next().unwrap().fresh_ms, 500);
    assert_eq!(tighter.tailored[0].what, "fresh for 500ms (default 2500ms)");
    let zero = "expected a time longer than zero, such as \"500ms\" or \"10s\"";
    for (checklist, expected) in [
        (own("fresh = \"0s\"", &http), "c.toml:9:9: fresh: "),
        (checklist.replace("250ms", "0ms"), "c.toml:14:12: deadline: "),
        (checklist.replace("1500ms", "0s"), "c.toml:15:15: retry_delay: "),
    ] {
        assert_eq!(rejected(&checklist, PROFILE), format!("{expected}{zero}"));
    }
    for key in ["fresh", "deadline", "within"] {
        let error = rejected(&checklist, &format!("{PROFILE}[points.\"s.p\"]\n{key} = \"0s\"\n"));
        assert_eq!(error, format!("p.toml:3:{}: {key}: {zero}", key.len() + 4));
    }
    // No wait, as if the keys were absent.
    assert!(plan(&own("", &format!("within = \"0s\"\nhold = \"0s\"\n{http}")), PROFILE).is_ok());
}

/// A rollback would change nothing.
#[test]
fn a_release_is_not_its_own_previous_one() {
    let checklist = Checklist::standard().unwrap();
    let profile = Profile::parse(SourceFile::new("p.toml", PROFILE)).unwrap();
    let promotion = Promotion { release: Some("v1".into()), previous: Some("v1".into()) };
    let error = resolve(&checklist, &profile, &promotion).unwrap_err().to_string();
    assert!(error.contains("--release and --previous are both v1"), "{error}");
}
