//! Waiting until a probe has passed for long enough.

use std::path::Path;

use super::super::probe_task::{ProbeProgress, ProbeTask};
use super::*;
use crate::probes::ProbeContext;
use crate::secret_store::SecretStore;

/// Passes at once, fails after longer than the required time, then passes.
fn falters(home: &Path, hold: Duration) -> Value {
    let script = format!(
        "echo x >>{0}/runs; if [ $(wc -l <{0}/runs) = 2 ]; then sleep {1}; exit 1; fi",
        home.display(),
        hold.as_secs_f64() + 0.05
    );
    json!({"kind": "command", "with": {"argv": ["sh", "-c", script]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_restarts_the_stability_period() {
    // Long enough for several attempts; the machine determines how long one takes.
    let mut hold = Duration::from_millis(100);
    let (attempts, outcome) = loop {
        let home = tempfile::tempdir().unwrap();
        let times = json!({"within_ms": 600_000, "hold_ms": u64::try_from(hold.as_millis()).unwrap()});
        let run = ProbeTask::new(
            probe(&falters(home.path(), hold), &times),
            ProbeContext::default(),
            &SecretStore::new(Permit::for_tests()),
            Arc::new(HostSystem::default()),
        );
        let (events, mut received) = mpsc::channel(QUEUE_CAPACITY);
        tokio::spawn(async move { while received.recv().await.is_some() {} });
        let outcome = run.run_to_end(&ProbeProgress { events, probe: key("p"), attempt: 1 }).await;
        let attempts = std::fs::read_to_string(home.path().join("runs")).unwrap().lines().count();
        if attempts > 1 {
            break (attempts, outcome);
        }
        hold *= 2;
    };
    assert_eq!(outcome.class, Class::Pass, "{outcome:?}");
    assert!(attempts > 2, "{outcome:?}");
    let waited = outcome.observations.last().unwrap();
    assert!(waited.seen.starts_with(&format!("{attempts} tries in ")), "{waited:?}");
}
