//! A process id from a file is signalled only if the process is proved to be the recorded one.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use gonogo_core::journal::entry::{ActionExit, StopCause};
use gonogo_core::run::{Act, Command as EngineCommand, Request, Response, Update};
use serde_json::{Value, json};

use super::engine::{ANN, EngineScenario, action};
use super::scenario::Scenario;
use crate::support::need;
use crate::support::wait;

/// A process that has nothing to do with the run; killed on drop.
struct Bystander(Child);

impl Bystander {
    fn with(input: impl Into<Stdio>) -> Self {
        // Its recorded process group: a signal to the group reaches nothing else.
        Self(Command::new("sleep").arg("300").stdin(input).process_group(0).spawn().unwrap())
    }

    /// Its start time, as it is recorded.
    fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        stat.split_whitespace().nth(21).unwrap().parse().unwrap()
    }

    fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_takeover_signals_only_the_gonogo_that_holds_the_log() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    let mut first = scenario.open();
    first.wait_for_text("1/4");
    let path = scenario.log().with_extension("holder");
    let recorded: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let mut bystander = Bystander::with(Stdio::null());
    let mut reader = Bystander::with(fs::File::open(scenario.log()).unwrap());
    let (pid, ticks) = (bystander.0.id(), bystander.ticks());
    let (reader_pid, reader_ticks) = (reader.0.id(), reader.ticks());
    let rows: [(&str, Value, &str); 7] = [
        (
            "a group",
            json!({"pid": -i64::from(pid)}),
            "is the first process of a container or a process group",
        ),
        ("the first process", json!({"pid": 1}), "is the first process of a container or a process group"),
        ("a stale id", json!({"pid": pid}), "another process has that id now"),
        ("no log", json!({"pid": pid, "ticks": ticks}), ", not process"),
        ("a reader", json!({"pid": reader_pid, "ticks": reader_ticks}), ", not process"),
        ("another boot", json!({"boot": "0-1"}), "before this host booted"),
        ("an older record", json!({"started": null}), "does not say when process"),
    ];
    for (name, changes, why) in rows {
        let mut record = recorded.clone();
        for (key, value) in changes.as_object().unwrap() {
            let at = if key == "ticks" || key == "boot" { &mut record["started"] } else { &mut record };
            at[key] = value.clone();
        }
        fs::write(&path, record.to_string()).unwrap();
        let rejected = scenario.open_with(&["--take-over"], 400, 24).wait_exit().code(2);
        let screen = rejected.screen_text();
        assert!(screen.contains(why) && screen.contains("no process was signalled"), "{name}: {screen}");
        assert!(bystander.is_running() && reader.is_running(), "{name}: a bystander was ended");
        assert_eq!(fs::read_to_string(&path).unwrap(), record.to_string(), "{name}: the record was changed");
    }
    assert!(!scenario.log().with_extension("take-over").exists());
    fs::write(&path, recorded.to_string()).unwrap();
    first.send("q");
    let _ = first.wait_exit().code(5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_signals_only_the_supervisor_of_the_start_marker() {
    need!("ssh-keygen");
    let mut scenario = EngineScenario::new("exec sleep 1000");
    let mut running = scenario.start();
    running.run_action(7, 1).await;
    let (7, Response::Done(started)) = running.answer().await else { panic!("it does not start") };
    wait::until("its run", || (scenario.ran() == 1).then_some(()));
    // The next engine knows the supervisor only by the start marker.
    running.stop().await;
    let path = scenario.marker(started, "begun");
    let read_marker = || serde_json::from_slice::<Value>(&fs::read(&path).unwrap()).ok();
    let recorded = wait::until("its group", || read_marker().filter(|marker| marker["group"].is_i64()));
    let mut bystander = Bystander::with(Stdio::null());
    let mut forged = recorded.clone();
    forged["supervisor"] = json!(bystander.0.id());
    forged["started"]["ticks"] = json!(bystander.ticks());
    fs::write(&path, forged.to_string()).unwrap();
    let mut running = scenario.start();
    let stop = Act::Stop { action: action(), started, reason: None };
    running.send(8, Request::Act(Box::new(EngineCommand::new(ANN, stop)))).await;
    let why = loop {
        if let Update::Warning(why) = running.update().await {
            break why;
        }
    };
    assert!(why.contains("cannot be stopped from here") && why.contains(", not process"), "{why}");
    assert!(bystander.is_running() && scenario.exit().is_none(), "{why}");
    // It is stopped as soon as the marker names it again.
    fs::write(&path, recorded.to_string()).unwrap();
    running.until_ended().await;
    running.stop().await;
    assert_eq!(scenario.exit(), Some(ActionExit::Signal(15)));
    let state = scenario.state();
    let finished = state.action(&action()).unwrap().latest.as_ref().unwrap().end.clone().unwrap();
    assert_eq!(finished.cause, Some(StopCause::Stopped));
}
