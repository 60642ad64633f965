//! The time of all probes of a profile, against the longest chain of dependent ones.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use gonogo::engine::{self, Engine, clock};
use gonogo::process::Permit;
use gonogo_core::checklist::{Confirm, Plan, Point, Probe, Section, spec::ProbeSpec};
use gonogo_core::outcome::Class;
use gonogo_core::run::{NumberedRequest, Request, RunSnapshot, RunState, due_probes};
use serde_json::json;
use tokio::runtime::Builder;

use crate::measure::{Measured, alternate, millis};
use crate::sample;

const ROUNDS: usize = 5;
/// The response times for the probes that depend on each other, in milliseconds.
const CHAIN: &[u64] = &[150, 100, 200, 100, 150];
/// The response times for the other probes.
const INDEPENDENT: &[u64] = &[300, 20, 80, 250, 10, 400, 120, 60, 500, 30, 90, 200, 350, 40, 150];

pub fn bench() {
    let server = slow_server();
    let plan = plan(server);
    let chain = || CHAIN.iter().for_each(|delay| request(server, *delay));
    let (subject, reference) = alternate(ROUNDS, || millis(|| run_all(&plan)), || millis(chain));
    let aim = "at most 1.1x";
    Measured { name: "probes, 20", subject, reference: Some(reference), unit: "ms", aim }.report();
}

/// Runs all probes as `gonogo check` does, but with the dependencies between points, as in a run.
fn run_all(plan: &Plan) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let state = runtime.block_on(async {
        let (log, state) = engine::ephemeral_run(plan.clone()).unwrap();
        let (engine, mut handle) = Engine::new(log, state, Vec::new(), Vec::new(), Permit::for_tests());
        let running = tokio::spawn(engine.run());
        let state = loop {
            handle.states.changed().await.unwrap();
            let RunSnapshot { state, in_flight: live } = handle.states.borrow_and_update().clone();
            if live.running.is_empty() && due_probes(&state, &clock::now()).is_empty() {
                break state;
            }
        };
        handle.requests.send(NumberedRequest::without_reply(Request::Stop)).await.unwrap();
        running.await.unwrap();
        state
    });
    assert_eq!(passed(&state), CHAIN.len() + INDEPENDENT.len());
}

fn passed(state: &RunState) -> usize {
    let probes = state.points.values().flat_map(|point| point.probes.values());
    let runs = probes.filter_map(|probe| probe.latest.as_ref());
    runs.filter(|run| run.outcome.class == Class::Pass).count()
}

fn plan(server: SocketAddr) -> Plan {
    let chain = CHAIN.iter().enumerate().map(|(index, delay)| {
        let after = index.checked_sub(1).map(|before| format!("chain.{before}"));
        point(server, format!("chain.{index}"), after, *delay)
    });
    let independent = INDEPENDENT
        .iter()
        .enumerate()
        .map(|(index, delay)| point(server, format!("independent.{index}"), None, *delay));
    let section = |id: &str, points| Section {
        id: id.into(),
        title: id.into(),
        actions_after: Vec::new(),
        verifies_rollback: false,
        points,
    };
    let sections = vec![section("independent", independent.collect()), section("chain", chain.collect())];
    Plan { sections, ..sample::plan() }
}

fn point(server: SocketAddr, id: String, after: Option<String>, delay: u64) -> Point {
    Point {
        title: id.clone(),
        id,
        why: "To be fast.".into(),
        mandatory: false,
        confirm: Confirm::None,
        fresh_ms: 1_800_000,
        after: after.into_iter().collect(),
        due: None,
        not_applicable: None,
        frozen_after: None,
        verifies_rollback: false,
        runbook: None,
        contacts: Vec::new(),
        actions: Vec::new(),
        probes: vec![probe(server, delay)],
    }
}

fn probe(server: SocketAddr, delay: u64) -> Probe {
    let spec = json!({ "kind": "http", "with": { "url": format!("http://{server}/{delay}") } });
    Probe {
        id: "http".into(),
        title: "It answers".into(),
        due: None,
        deadline_ms: 10_000,
        retries: 0,
        retry_delay_ms: 0,
        within_ms: 0,
        hold_ms: 0,
        since: None,
        after_action: None,
        digest_of: None,
        effects: false,
        early: false,
        people: Vec::new(),
        people_by_checklist: Vec::new(),
        missing: Vec::new(),
        spec: Some(serde_json::from_value::<ProbeSpec>(spec).unwrap()),
    }
}

/// A request without any HTTP library.
fn request(server: SocketAddr, delay: u64) {
    let mut stream = TcpStream::connect(server).unwrap();
    write!(stream, "GET /{delay} HTTP/1.1\r\nHost: {server}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// A server that answers `/150` after 150 ms; it ends with the process.
fn slow_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(|| answer(stream));
        }
    });
    address
}

fn answer(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let (mut first, mut line) = (String::new(), String::new());
    stream.read_line(&mut first).unwrap();
    while stream.read_line(&mut line).is_ok_and(|length| length > 2) {
        line.clear();
    }
    let delay = first.trim_start_matches("GET /").split(' ').next().unwrap().parse().unwrap();
    thread::sleep(Duration::from_millis(delay));
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.get_mut().write_all(answer).unwrap();
}
