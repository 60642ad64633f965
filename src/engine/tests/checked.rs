//! Pre-flight checks of an action.

use std::collections::BTreeMap;

use super::super::action_launch::{read_environment, run_check};
use super::super::probe_task::ProbeTask;
use super::*;
use crate::probes::ProbeContext;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::ActionCommand;
use gonogo_core::checklist::spec;
use gonogo_core::secret::SecretRef;

fn guard(value: &str, queries: usize) -> (TestServer, ProbeTask) {
    let body = format!(
        "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{{\"metric\":{{}},\"value\":[1790000000,\"{value}\"]}}]}}}}"
    );
    let server = TestServer::start((0..500).map(|_| answer("200 OK", &body)).collect());
    let query = |n| json!({"what": format!("error rate {n}"), "expr": "e", "at_most": 1});
    let queries: Vec<_> = (0..queries).map(query).collect();
    let with = json!({"api": {"url": format!("http://127.0.0.1:{}", server.port)}, "queries": queries});
    let probe = probe(&json!({"kind": "prometheus", "with": with}), &json!({}));
    (
        server,
        ProbeTask::new(
            probe,
            ProbeContext::default(),
            &SecretStore::new(Permit::for_tests()),
            Arc::new(HostSystem::default()),
        ),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_only_measures_has_run_once_it_has_passed() {
    let (_server, guard) = guard("0", 1);
    let observations = run_check("guard:g", "No alerts", &guard, 4096).await;
    assert!(observations[0].has_key("guard:g"));
    let observations: Vec<_> =
        observations.iter().map(|seen| (seen.what.as_str(), seen.ok, seen.measured)).collect();
    assert_eq!(observations, [("No alerts: error rate 0", Some(true), true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_measurement_of_a_guard_counts() {
    let (_server, guard) = guard("5", 1);
    let observations = run_check("guard:g", "No alerts", &guard, 4096).await;
    let wrong: Vec<_> = observations.iter().filter(|observation| observation.ok == Some(false)).collect();
    assert!(
        wrong.len() == 1 && wrong[0].what.starts_with("No alerts: ") && wrong[0].measured,
        "{observations:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn observations_of_guards_fit_into_an_entry() {
    let (_server, guard) = guard("5", 60);
    let observations = run_check("guard:g", "No alerts", &guard, 2000).await;
    let written: usize =
        observations.iter().map(|observation| serde_json::to_vec(observation).unwrap().len()).sum();
    assert!(written < 2500, "{written} bytes");
    let last = observations.last().unwrap();
    assert_eq!((last.ok, last.what.as_str()), (Some(false), "No alerts: further observations"));
}

#[tokio::test]
async fn a_secret_without_an_answer_does_not_block_an_action() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    // The pipe has a writer that writes nothing.
    let _held = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let secret = SecretRef::File(path.display().to_string());
    let value = spec::TextOrSecret::Secret(spec::SecretValue { secret, prefix: String::new() });
    let program = ActionCommand {
        argv: vec!["true".into()],
        cwd: None,
        env: BTreeMap::from([("TOKEN".into(), value)]),
        dry_run: Vec::new(),
    };
    let secret_store = SecretStore::new(Permit::for_tests());
    let read = timeout(PATIENCE, read_environment(&program, &secret_store, Duration::from_millis(20)));
    let why = read.await.expect("an end").unwrap_err();
    assert!(why.starts_with("TOKEN: no response within "), "{why}");
}
