//! What the standard checklist compares across its values.

use super::plan;
use crate::checklist::file::STANDARD;
use crate::checklist::spec::ProbeSpec;

/// The settings of a probe in a plan of the example for production, with more values, which releases v1 after v0.
fn spec(more: &str, point: &str, probe: &str) -> ProbeSpec {
    let profile = include_str!("../../../../config/production.toml").replace("# port = 8004", more);
    let plan = plan(STANDARD, &profile).unwrap();
    let point = plan.point(point).unwrap();
    let probe = point.probes.iter().find(|known| known.id == probe).unwrap();
    probe.spec.clone().unwrap()
}

#[test]
fn the_images_of_the_release_and_the_previous_one_are_compared() {
    for (point, probe, tags) in
        [("deploy.image-push", "tag", ["v1", "v0"]), ("rollback.previous-release", "image", ["v0", "v1"])]
    {
        let ProbeSpec::Registry(spec) = spec("", point, probe) else { panic!("{point}") };
        let compared = [spec.tag, spec.differs_from].map(Option::unwrap);
        assert_eq!(compared, tags, "{point}");
    }
}

#[test]
fn the_worker_must_use_the_redis_that_is_checked() {
    let ProbeSpec::Pipeline(spec) = spec("", "verify.pipeline", "canary") else { panic!("no canary") };
    assert_eq!(spec.idempotency_prefix.as_deref(), Some("advanced:idempotency:"));
    assert_eq!(spec.channel.unwrap().at.url, "rediss://redis.internal.example.com:6380/0");
}

#[test]
fn the_port_of_the_health_probes_is_that_of_the_profile_if_it_has_one() {
    for (more, port) in [("port = 8004", Some(8004)), ("", None)] {
        let ProbeSpec::Kubernetes(spec) = spec(more, "infra.health-checks", "paths") else {
            panic!("{more}")
        };
        assert_eq!(spec.health.unwrap().port, port);
    }
}
