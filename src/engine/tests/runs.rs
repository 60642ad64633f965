//! A running probe is not started twice, and its effects are always known.

use tokio::sync::mpsc;

use super::super::probe_task::{NoResult, ProbeProgress, ProbeTask, run_limited};
use super::*;
use crate::probes::ProbeContext;
use crate::secret_store::SecretStore;
use gonogo_core::secret::Secret;

fn secret_store() -> SecretStore {
    SecretStore::new(Permit::for_tests())
}

fn collector(server: &TestServer) -> Value {
    let with = json!({"endpoint": format!("http://127.0.0.1:{}", server.port), "service": "app"});
    json!({"kind": "otlp", "with": with})
}

async fn to_end(probe: Probe, secret_store: SecretStore) -> Outcome {
    let (events, mut received) = mpsc::channel(64);
    tokio::spawn(async move { while received.recv().await.is_some() {} });
    let progress = ProbeProgress { events, probe: key("p"), attempt: 1 };
    ProbeTask::new(probe, ProbeContext::default(), &secret_store, Arc::new(HostSystem::default()))
        .run_to_end(&progress)
        .await
}

/// A script that counts its runs, and ends once it may.
fn counting(home: &std::path::Path) -> String {
    let home = home.display();
    format!("echo run >> {home}/count; while [ ! -e {home}/go ]; do sleep 0.02; done")
}

fn count(home: &std::path::Path) -> usize {
    std::fs::read_to_string(home.join("count")).map_or(0, |text| text.lines().count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_probe_continues_when_it_is_requested_again() {
    let home = tempfile::tempdir().unwrap();
    let (engine, handle) = engine(plan(&[&script("p", &counting(home.path()), ", effects = true")]));
    let (mut client, running) = (TestClient::of(handle), tokio::spawn(engine.run()));
    until("run", || count(home.path()) == 1).await;
    for request in [Request::RunProbes("s.a".into()), Request::RerunNeeded] {
        client.ask(request).await;
        assert!(matches!(client.next_update().await, Update::Response(_, Response::Rejected(_))));
    }
    std::fs::write(home.path().join("go"), "").unwrap();
    client.until("result", |client| client.attempts("p") == 1).await;
    assert_eq!(client.outcome("p").class, Class::Pass);
    client.leave().await;
    running.await.unwrap();
    assert_eq!((count(home.path()), client.attempts("p")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_changes_something_is_logged_when_it_is_cancelled() {
    let home = tempfile::tempdir().unwrap();
    let sleeping = script("quiet", "sleep 100", "");
    let changing = script("p", &counting(home.path()), ", effects = true");
    let (engine, handle) = engine(plan(&[&changing, &sleeping]));
    let (mut client, running) = (TestClient::of(handle), tokio::spawn(engine.run()));
    until("run", || count(home.path()) == 1).await;
    client.until("second run", |client| client.live.running.contains_key(&key("quiet"))).await;
    client.leave().await;
    running.await.unwrap();
    let outcome = client.outcome("p");
    assert_eq!((outcome.class, client.attempts("p")), (Class::Error, 1));
    assert!(outcome.observations[0].seen.starts_with("cancelled"), "{outcome:?}");
    assert!(outcome.effects[0].starts_with("may have made the change"), "{outcome:?}");
    // A probe without effects leaves nothing, and runs when the run is resumed.
    assert_eq!(client.attempts("quiet"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cancelled_probe_has_sent_is_logged() {
    let server = TestServer::start(Vec::new());
    let with = format!("with = {{ endpoint = \"http://127.0.0.1:{}\", service = \"app\" }}", server.port);
    let probe = format!("id = \"p\", title = \"p\", kind = \"otlp\", deadline = \"60s\", {with}");
    let (engine, handle) = engine(plan(&[&probe]));
    let (mut client, running) = (TestClient::of(handle), tokio::spawn(engine.run()));
    until("request", || server.asked() == 1).await;
    client.leave().await;
    running.await.unwrap();
    assert_eq!(client.outcome("p").effects, ["tried to send a test span of app"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_ready_when_gonogo_quits_is_logged() {
    let (mut engine, handle) = engine(plan(&[&script("p", "exit 0", "")]));
    engine.start_due_probes();
    until("result", || engine.probe_events.len() == 1).await;
    assert!(matches!(engine.shut_down().await, Update::Stopped));
    let mut client = TestClient::of(handle);
    client.see();
    assert_eq!(client.outcome("p").class, Class::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_retry_counts_among_the_effects() {
    let server = TestServer::start(vec![answer("503 x", ""), answer("503 x", ""), answer("200 OK", "")]);
    let outcome = to_end(probe(&collector(&server), &json!({"retries": 5})), secret_store()).await;
    assert_eq!((outcome.class, outcome.tries), (Class::Pass, 3), "{outcome:?}");
    assert_eq!(outcome.effects, ["sent a test span of app"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_of_a_wait_counts_among_the_effects() {
    let server = TestServer::start(vec![answer("503 x", ""), answer("503 x", ""), answer("200 OK", "")]);
    let outcome = to_end(probe(&collector(&server), &json!({"within_ms": 60_000})), secret_store()).await;
    assert_eq!((outcome.class, outcome.tries), (Class::Pass, 1), "{outcome:?}");
    assert_eq!(outcome.effects, ["sent a test span of app"; 3]);
}

/// After a timeout, too, effects and redactions are known.
#[tokio::test(flavor = "multi_thread")]
async fn a_time_out_loses_neither_effects_nor_what_was_redacted() {
    let refusing = (0..100_000).map(|_| answer("503 x", "")).collect();
    let server = TestServer::start(refusing);
    let outcome = to_end(probe(&collector(&server), &json!({"within_ms": 50})), secret_store()).await;
    assert_eq!(outcome.class, Class::Error, "{outcome:?}");
    assert_eq!(outcome.observations.last().unwrap().what, "waited");
    let sent = outcome.effects.len();
    assert!(sent == server.asked() || sent == 64, "{sent} of {}: {outcome:?}", server.asked());

    let secret_store = secret_store();
    secret_store.register("env X", &Secret::new("swordfish".into()));
    let printing =
        json!({"kind": "command", "with": {"argv": ["sh", "-c", "sleep 0.01; echo swordfish; exit 1"]}});
    let outcome = to_end(probe(&printing, &json!({"within_ms": 1})), secret_store).await;
    assert_eq!(outcome.redacted.get("env X"), Some(&3), "{outcome:?}");
    assert_eq!(outcome.observations.last().unwrap().what, "waited");
}

#[tokio::test]
async fn a_crash_and_a_hang_are_contained_and_reported() {
    let limit = Duration::from_millis(1);
    assert_eq!(run_limited(limit, std::future::pending::<()>()).await, Err(NoResult::TimedOut));
    assert_eq!(run_limited(PATIENCE, async { panic!("as meant") }).await, Err::<(), _>(NoResult::Panicked));
    assert_eq!(run_limited(PATIENCE, async { 7 }).await, Ok(7));
}

/// Each login returns a new token.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_redacted_and_forgotten_when_the_run_ends() {
    const ROUNDS: usize = 20;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("secret-id");
    std::fs::write(&file, "secret-of-the-application").unwrap();
    let login = |n| answer("200 OK", &format!("{{\"auth\":{{\"client_token\":\"hvs.token-{n:04}\"}}}}"));
    let refusal = |n| answer("403 x", &format!("{{\"errors\":[\"hvs.token-{n:04} may not\"]}}"));
    // Of the metadata, then of the value.
    let server = TestServer::start((0..ROUNDS).flat_map(|n| [login(n), refusal(n), refusal(n)]).collect());
    let auth = json!({"approle": {"role_id": "r", "secret_id": {"file": file.display().to_string()}}});
    let api = json!({"url": format!("http://127.0.0.1:{}", server.port)});
    let spec = json!({"kind": "vault", "with": {"api": api, "path": "p", "auth": auth}});
    let secret_store = secret_store();
    let mut needle_counts = Vec::new();
    for _ in 0..ROUNDS {
        let outcome = to_end(probe(&spec, &json!({})), secret_store.clone()).await;
        assert!(outcome.redacted.contains_key("Vault token"), "{outcome:?}");
        assert!(!format!("{outcome:?}").contains("hvs."), "{outcome:?}");
        needle_counts.push(secret_store.redactor().needles().len());
    }
    assert!(
        needle_counts[0] > 0 && needle_counts.iter().all(|count| *count == needle_counts[0]),
        "{needle_counts:?}"
    );
    assert!(secret_store.redactor().needles().iter().all(|(rule, _)| rule.starts_with("file ")));
}

/// The results of a program that ends with these codes, one in each try.
async fn of_tries(codes: &str, more: &Value) -> Outcome {
    let home = tempfile::tempdir().unwrap();
    let script = format!(
        "echo x >>{0}/runs; set -- {codes}; shift $(($(wc -l <{0}/runs) - 1)); exit $1",
        home.path().display()
    );
    let program = json!({"kind": "command", "with": {"argv": ["sh", "-c", script]}});
    to_end(probe(&program, more), secret_store()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_on_retry_says_what_the_earlier_tries_saw() {
    let outcome = of_tries("3 4 0", &json!({"retries": 2})).await;
    assert_eq!((outcome.class, outcome.tries), (Class::Pass, 3), "{outcome:?}");
    let codes = ["exit code 3: no output", "exit code 4: no output"];
    assert!(outcome.failed_tries.iter().zip(codes).all(|(seen, code)| seen.ends_with(code)), "{outcome:?}");
    assert_eq!(outcome.failed_tries.len(), 2);
    let waited = of_tries("3 4 0", &json!({"within_ms": 60_000})).await;
    let last = waited.observations.last().unwrap();
    assert!(last.seen.starts_with("3 tries in ") && last.seen.ends_with(codes[1]), "{last:?}");
    let failed = of_tries("3 4 5", &json!({"retries": 1})).await;
    assert_eq!((failed.class, failed.tries, failed.failed_tries.len()), (Class::Fail, 2, 1), "{failed:?}");
}

/// Another try would hide the instance that answers wrongly. If all samples are bad, the service may still be starting.
#[tokio::test(flavor = "multi_thread")]
async fn some_bad_samples_are_not_retried_away() {
    for (bad, tries, class) in [(1, 1, Class::Fail), (4, 2, Class::Pass)] {
        let answers = (0..8).map(|n| answer(if n < bad { "503 x" } else { "200 OK" }, "")).collect();
        let server = TestServer::start(answers);
        let with = json!({"url": format!("http://127.0.0.1:{}/", server.port), "samples": 4});
        let http = json!({"kind": "http", "with": with});
        let outcome = to_end(probe(&http, &json!({"retries": 1})), secret_store()).await;
        assert_eq!((outcome.class, outcome.tries), (class, tries), "{outcome:?}");
        assert_eq!(outcome.failed_tries.len() + 1, tries as usize);
    }
}

/// What a probe counts from was never sent, so its own good result says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_probe_cannot_pass_before_what_it_counts_from() {
    let server = TestServer::start(vec![answer("200 OK", "")]);
    let after = format!(
        "id = \"after\", title = \"after\", kind = \"http\", since = \"s.a/first\", with = {{ url = \"http://127.0.0.1:{}/\" }}",
        server.port
    );
    let (engine, handle) = engine(plan(&[&script("first", "exit 1", ""), &after]));
    let (mut client, running) = (TestClient::of(handle), tokio::spawn(engine.run()));
    client.until("result", |client| client.attempts("after") == 1).await;
    let outcome = client.outcome("after");
    assert_eq!(outcome.class, Class::Error, "{outcome:?}");
    let problem = outcome.first_problem().unwrap();
    assert_eq!(problem, "order of the probes: s.a/first has neither passed nor sent its event");
    client.leave().await;
    running.await.unwrap();
}
