//! The plan of the sample run, resolved from the built-in checklist and the example profile, so that snapshots show
//! real titles.

use std::sync::LazyLock;

use gonogo_core::checklist::{Checklist, Contact, Plan, Profile, Promotion, SourceFile, Tailoring, resolve};

const CHECKLIST: &str = include_str!("../../../config/checklist.toml");
const PROFILE: &str = include_str!("../../../config/production.toml");

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let checklist = Checklist::parse(SourceFile::new("checklist.toml", CHECKLIST)).unwrap();
    let profile = Profile::parse(SourceFile::new("production.toml", PROFILE)).unwrap();
    let promotion = Promotion { release: Some("v1.4.0".into()), previous: Some("v1.3.2".into()) };
    let contact = |(role, name, channel): (&str, &str, &str)| Contact {
        role: role.into(),
        name: name.into(),
        channel: channel.into(),
    };
    Plan {
        contacts: [
            ("SRE", "On-call rota", "#sre-oncall, +49 30 1234567"),
            ("Platform", "Dana Weiss", "#platform"),
        ]
        .map(contact)
        .into(),
        tailored: vec![Tailoring { point: "infra.redis".into(), what: "replicas: 0 → 1".into() }],
        ..resolve(&checklist, &profile, &promotion).unwrap()
    }
});

/// The plan of the sample run.
pub fn plan() -> Plan {
    PLAN.clone()
}
