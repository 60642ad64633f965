//! A builder of sample runs.

use std::collections::BTreeMap;
use std::sync::Arc;

pub use super::sample_plan::plan;
use gonogo_core::checklist::Confirm::{None as Nobody, Two};
use gonogo_core::checklist::{ActionKey, Lock, Plan, ProbeKey, Role};
use gonogo_core::journal::entry::{
    ActionExit, ActionFinished, ActionOutput, ActionStarted, EnrolledOperator, Entry, Event, Header, MACHINE,
    Opened, Probed, RULES,
};
use gonogo_core::outcome::{Observation, Outcome, Sha256Hex};
use gonogo_core::run::{Act, Command, RunState, decide, evidence};
use gonogo_core::time::{Moment, Utc};

pub const ALICE: &str = "alice@example.org";
pub const BOB: &str = "bob@example.org";

/// When the run was opened.
const OPENED: i64 = 1_790_000_000_000;

/// A sample run.
#[derive(Clone)]
pub struct SampleRun {
    entries: Vec<Entry>,
    seconds: u64,
    attempts: u64,
}

impl SampleRun {
    /// A run that was just opened.
    pub fn new(plan: Plan) -> Self {
        let roster = [(ALICE, Role::Driver), (BOB, Role::Reviewer)].map(|(principal, role)| {
            EnrolledOperator { principal: principal.into(), key: format!("ssh-ed25519 {principal}"), role }
        });
        let mut sample = Self { entries: Vec::new(), seconds: 0, attempts: 0 };
        let opened = Opened {
            rules: RULES,
            plan_sha256: plan.digest(),
            plan,
            edition: Lock::default().edition(),
            lock: Lock::default(),
            roster: roster.into(),
            previous_run: None,
            commit: None,
            gonogo: "0.1.0".into(),
            host: "deploy-1".into(),
            profile_sha256: Sha256Hex::ZERO,
        };
        sample.add(ALICE, opened.into());
        sample
    }

    /// The moment `seconds` after the run was opened.
    pub fn moment(seconds: u64) -> Moment {
        let wall = Utc::from_millis(OPENED + 1000 * seconds.cast_signed());
        Moment { wall, boot: "boot".into(), mono: 1000 * seconds }
    }

    /// The current time of the sample run.
    pub fn now(&self) -> Moment {
        Self::moment(self.seconds)
    }

    /// Advances the time.
    pub fn wait(mut self, seconds: u64) -> Self {
        self.seconds += seconds;
        self
    }

    fn add(&mut self, by: &str, event: Event) {
        let prev = self.entries.last().map_or(Sha256Hex::ZERO, |entry| entry.hash);
        let seq = self.entries.len() as u64;
        let header = Header { run: "5e".repeat(16), seq, prev, at: self.now(), by: by.into() };
        self.entries.push(Entry::write(header, event, None).unwrap().0);
    }

    /// A person's act, decided by the rules.
    #[track_caller]
    pub fn act(mut self, by: &str, act: Act) -> Self {
        let events = decide(&self.state(), Command::new(by, act), &self.now()).unwrap();
        for event in events {
            self.add(by, event);
        }
        self
    }

    /// A probe finishes.
    pub fn probe_result(mut self, point: &str, probe: &str, outcome: Outcome) -> Self {
        self.attempts += 1;
        self.seconds += 1;
        let probed = Probed {
            point: point.into(),
            probe: probe.into(),
            attempt: self.attempts,
            early: false,
            took_ms: 830,
            outcome,
        };
        self.add(MACHINE, probed.into());
        self
    }

    /// An action starts and finishes.
    pub fn run_action(mut self, key: &ActionKey, ended: ActionExit, tail: &str) -> Self {
        self = self.start_action(key);
        let started = self.entries.len() as u64 - 1;
        self.seconds += 12;
        let output = ActionOutput {
            bytes: tail.len() as u64,
            sha256: Sha256Hex::of(tail.as_bytes()),
            file: format!("log.d/action-{started}.out"),
            tail: tail.into(),
            redacted: BTreeMap::new(),
        };
        let finished = ActionFinished {
            action: key.clone(),
            started,
            exit: ended,
            cause: None,
            took_ms: 12_300,
            output: Some(output),
        };
        self.add(MACHINE, finished.into());
        self
    }

    /// An action starts.
    pub fn start_action(mut self, key: &ActionKey) -> Self {
        self.seconds += 1;
        let nth = self.state().action(key).map_or(0, |state| state.attempts) + 1;
        let started = ActionStarted {
            action: key.clone(),
            attempt: nth,
            dry_run: false,
            typed_environment: None,
            preflight: Vec::new(),
            reason: None,
        };
        self.add(ALICE, started.into());
        self
    }

    /// All actions of a point succeed, and all its probes pass.
    pub fn pass(mut self, id: &str) -> Self {
        for action in self.state().plan.point(id).unwrap().actions.clone() {
            self = self.run_action(&ActionKey::new(id, action.id), ActionExit::Code(0), "done\n");
        }
        for probe in self.state().plan.point(id).unwrap().probes.clone() {
            let seen = vec![
                Observation::new("status", "200", "200", true),
                Observation::new("age", "under 30 days", "12 days", true),
            ];
            self =
                self.probe_result(id, &probe.id, Outcome::of(seen, "curl -sS https://app.internal/healthz"));
        }
        self
    }

    /// A person confirms the current evidence of a point.
    #[track_caller]
    pub fn confirm(self, by: &str, id: &str) -> Self {
        let state = self.state();
        let confirmed = evidence(state.plan.point(id).unwrap(), state.point(id).unwrap());
        self.act(by, Act::Confirm { point: id.into(), evidence: confirmed, reason: None })
    }

    /// The state.
    pub fn state(&self) -> RunState {
        RunState::fold(&self.entries).unwrap()
    }

    /// The state, in an `Arc`.
    pub fn shared(&self) -> Arc<RunState> {
        Arc::new(self.state())
    }
}

/// A failed probe of RabbitMQ, with an observation that could not be made.
pub fn rabbitmq_failure() -> Outcome {
    let seen = vec![
        Observation::new("exchange advanced.board.events", "topic, durable", "topic, durable", true),
        Observation::new("exchange advanced.board.events.retry", "direct, durable", "direct, durable", true),
        Observation::new(
            "queue advanced.board.events.retry",
            "message TTL 30000 ms, dead letters to advanced.board.events",
            "message TTL 60000 ms, dead letters to advanced.board.events",
            false,
        ),
        Observation::unknown(
            "bindings of the retry exchange",
            "one, retry → queue",
            "management API: 401 Unauthorized",
        ),
        Observation::new("queue advanced.board.events.dlq", "durable", "durable", true),
    ];
    let reproduce = "rabbitmqadmin --host rabbitmq.internal --port 15671 --ssl --username gonogo --password \
                     \"$RABBITMQ_PASSWORD\" list queues name arguments durable";
    Outcome::of(seen, reproduce)
}

/// A run with points of nearly every status.
pub fn mixed() -> SampleRun {
    let mut unreachable =
        Outcome::error("https://grafana.internal/api/health", "200", "connection refused (10.0.3.7:3000)");
    unreachable.reproduce = "curl -sS https://grafana.internal/api/health".into();
    let origins = Outcome::of(
        vec![Observation::new("ADVANCED_ALLOWED_ORIGINS", "a JSON array", "a comma list", false)],
        "kubectl get deployment advanced-app -o jsonpath='{.spec}'",
    );
    let mut retried = Outcome::of(vec![Observation::new("upload", "202", "202", true)], "curl -X POST /v2/");
    retried.tries = 2;
    let until = SampleRun::moment(0).wall.plus(std::time::Duration::from_hours(24));
    let reason = "the dashboard moves next week".to_owned();
    SampleRun::new(plan())
        .pass("rollback.previous-release")
        .wait(1200)
        .pass("validate.ci-suite")
        .confirm(ALICE, "validate.ci-suite")
        .pass("validate.package-metadata")
        .pass("validate.iac-change-set")
        .confirm(BOB, "validate.iac-change-set")
        .probe_result("secrets.allowed-origins", "value", origins)
        .pass("secrets.otlp-export")
        .pass("infra.redis")
        .probe_result("infra.rabbitmq", "topology", rabbitmq_failure())
        .pass("infra.observability")
        .probe_result("infra.observability", "grafana", unreachable)
        .probe_result("infra.registry-rights", "push", retried)
        .pass("rollback.contacts")
        .act(ALICE, Act::Waive { point: "verify.metrics".into(), reason, until })
        .act(
            BOB,
            Act::Note {
                point: Some("infra.rabbitmq".into()),
                text: "Mara is checking the TTL.\nBack at 11.".into(),
            },
        )
        .wait(900)
}

/// A run in which every point is done.
pub fn all_done() -> SampleRun {
    let plan = plan();
    // All probes pass before anyone confirms, as some points can be confirmed only after the rollout.
    let seen = plan.points().fold(SampleRun::new(plan.clone()), |sample, point| sample.pass(&point.id));
    let asked = plan.points().filter(|point| point.confirm != Nobody && point.not_applicable.is_none());
    asked.fold(seen, |sample, point| {
        let sample = sample.confirm(ALICE, &point.id);
        if point.confirm == Two { sample.confirm(BOB, &point.id) } else { sample }
    })
}

/// A key of a probe.
pub fn key(point: &str, probe: &str) -> ProbeKey {
    ProbeKey::new(point, probe)
}
