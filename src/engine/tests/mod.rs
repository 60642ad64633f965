//! The engine with probes that run programs and call servers on this machine.

mod awaited;
mod checked;
mod model;
mod results;
mod runs;
mod secrets;
mod waits;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use gonogo_core::checklist::{Checklist, Plan, Probe, ProbeKey, Profile, Promotion, SourceFile, resolve};
use gonogo_core::outcome::{Class, Outcome};
use gonogo_core::run::{InFlight, RunSnapshot};

/// How long a test waits for an event that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A plan of one point with these probes, each `keys` of a table of a checklist.
fn plan(probes: &[&str]) -> Plan {
    let probes: Vec<_> = probes.iter().map(|keys| format!("{{ {keys} }}")).collect();
    let checklist = format!(
        "name = \"c\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.a\"\ntitle = \"a\"\nwhy = \"w\"\n\
         probe = [{}]\n",
        probes.join(", ")
    );
    let checklist = Checklist::parse(SourceFile::new("c", checklist)).unwrap();
    let profile = Profile::parse(SourceFile::new("p", "environment = \"t\"\n")).unwrap();
    resolve(&checklist, &profile, &Promotion::default()).unwrap()
}

/// A probe that runs a script of a shell.
fn script(id: &str, script: &str, more: &str) -> String {
    format!(
        "id = \"{id}\", title = \"{id}\", kind = \"command\", deadline = \"60s\"{more}, \
         with = {{ argv = [\"sh\", \"-c\", '{script}'] }}"
    )
}

fn engine(plan: Plan) -> (Engine, EngineHandle) {
    let (log, state) = ephemeral_run(plan).unwrap();
    Engine::new(log, state, Vec::new(), Vec::new(), Permit::for_tests())
}

/// A probe as written in a plan.
fn probe(spec: &Value, more: &Value) -> Probe {
    let mut probe = json!({
        "id": "p", "title": "P", "due": null, "deadline_ms": 60000, "retries": 0, "retry_delay_ms": 1,
        "effects": false, "early": false, "missing": [], "spec": spec,
    });
    probe.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(probe).unwrap()
}

/// What the engine has sent so far.
struct TestClient {
    handle: EngineHandle,
    state: Option<Arc<RunState>>,
    live: Arc<InFlight>,
}

impl TestClient {
    fn of(handle: EngineHandle) -> Self {
        Self { handle, state: None, live: Arc::default() }
    }

    async fn ask(&self, request: Request) {
        self.handle.requests.send(NumberedRequest { id: RequestId(1), request }).await.unwrap();
    }

    /// Takes the newest state, or returns the next other update.
    async fn next(&mut self) -> Option<Update> {
        let EngineHandle { states, updates, .. } = &mut self.handle;
        let next = async {
            tokio::select! {
                biased;
                Ok(()) = states.changed() => None,
                update = updates.recv() => update,
            }
        };
        let update = timeout(PATIENCE, next).await.expect("an update");
        self.see();
        update
    }

    fn see(&mut self) {
        let RunSnapshot { state, in_flight } = self.handle.states.borrow_and_update().clone();
        (self.state, self.live) = (Some(state), in_flight);
    }

    async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let started_at = Instant::now();
        while !is_so(self) {
            assert!(started_at.elapsed() < PATIENCE, "no {what}");
            self.next().await;
        }
    }

    /// The next update that is not a state.
    async fn next_update(&mut self) -> Update {
        loop {
            if let Some(update) = self.next().await {
                return update;
            }
        }
    }

    async fn leave(&mut self) {
        self.ask(Request::Stop).await;
        let update = self.next_update().await;
        assert!(matches!(update, Update::Stopped), "{update:?}");
    }

    fn attempts(&self, probe: &str) -> u64 {
        self.state.as_ref().map_or(0, |state| state.probe(&key(probe)).unwrap().attempts)
    }

    fn outcome(&self, probe: &str) -> Arc<Outcome> {
        let state = self.state.as_ref().expect("a state");
        Arc::clone(&state.probe(&key(probe)).unwrap().latest.as_ref().expect("a result").outcome)
    }
}

fn key(probe: &str) -> ProbeKey {
    ProbeKey::new("s.a", probe)
}

/// Waits until a condition holds that no update reports.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let started_at = Instant::now();
    while !is_so() {
        assert!(started_at.elapsed() < PATIENCE, "no {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A server that answers each request with the next response; after the last one it answers none.
struct TestServer {
    port: u16,
    asked: Arc<Mutex<usize>>,
}

impl TestServer {
    fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(0)));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            let (mut answers, mut pending) = (answers.into_iter(), Vec::new());
            for stream in listener.incoming().flatten() {
                let mut stream = stream;
                read_request(&stream);
                *count.lock().unwrap() += 1;
                match answers.next() {
                    Some(answer) => drop(stream.write_all(answer.as_bytes())),
                    None => pending.push(stream),
                }
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

fn read_request(stream: &std::net::TcpStream) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        let lower = line.to_lowercase();
        length = lower.strip_prefix("content-length:").map_or(length, |n| n.trim().parse().unwrap());
        line.clear();
    }
    let _ = reader.read_exact(&mut vec![0; length]);
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
