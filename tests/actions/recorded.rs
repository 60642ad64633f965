//! A process id that stands in a file is signalled only if the process is shown to be the one that was recorded.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use gonogo_core::journal::entry::{ActionExit, StopCause};
use gonogo_core::run::{Act, Command as Acts, Request, Response, Update};
use serde_json::{Value, json};

use super::engine::{ANN, World, action};
use super::scene::Scene;
use crate::bench::need;
use crate::bench::wait;

/// A program that has nothing to do with the run; ended with this.
struct Bystander(Child);

impl Bystander {
    fn with(input: impl Into<Stdio>) -> Self {
        // A group of its own: a signal to the group reaches it and nothing else.
        Self(Command::new("sleep").arg("300").stdin(input).process_group(0).spawn().unwrap())
    }

    /// When it started, in the form of a record.
    fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        stat.split_whitespace().nth(21).unwrap().parse().unwrap()
    }

    fn runs(&mut self) -> bool {
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
fn a_take_over_ends_nothing_but_the_gonogo_that_is_shown_to_hold_the_log() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    let mut first = scene.open();
    first.wait_for_text("1/4");
    let path = scene.log().with_extension("holder");
    let own: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let mut bystander = Bystander::with(Stdio::null());
    let mut reader = Bystander::with(fs::File::open(scene.log()).unwrap());
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
        let mut record = own.clone();
        for (key, value) in changes.as_object().unwrap() {
            let at = if key == "ticks" || key == "boot" { &mut record["started"] } else { &mut record };
            at[key] = value.clone();
        }
        fs::write(&path, record.to_string()).unwrap();
        let refused = scene.open_with(&["--take-over"], 400, 24).wait_exit().code(2);
        let told = refused.screen_text();
        assert!(told.contains(why) && told.contains("no process was signalled"), "{name}: {told}");
        assert!(bystander.runs() && reader.runs(), "{name}: a bystander was ended");
        assert_eq!(fs::read_to_string(&path).unwrap(), record.to_string(), "{name}: it has not the lock");
    }
    assert!(!scene.log().with_extension("take-over").exists());
    fs::write(&path, own.to_string()).unwrap();
    first.send("q");
    let _ = first.wait_exit().code(5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_reaches_the_supervisor_that_the_mark_names_or_nothing() {
    need!("ssh-keygen");
    let mut world = World::new("exec sleep 1000");
    let mut running = world.start();
    running.run(7, 1).await;
    let (7, Response::Done(started)) = running.answer().await else { panic!("it does not begin") };
    wait::until("its run", || (world.ran() == 1).then_some(()));
    // Whoever goes on with the run knows the supervisor by its mark only.
    running.stop().await;
    let path = world.mark(started, "begun");
    let begun = || serde_json::from_slice::<Value>(&fs::read(&path).unwrap()).ok();
    let own = wait::until("its group", || begun().filter(|begun| begun["group"].is_i64()));
    let mut bystander = Bystander::with(Stdio::null());
    let mut forged = own.clone();
    forged["supervisor"] = json!(bystander.0.id());
    forged["started"]["ticks"] = json!(bystander.ticks());
    fs::write(&path, forged.to_string()).unwrap();
    let mut running = world.start();
    let stop = Act::Stop { action: action(), started };
    running.ask(8, Request::Act(Box::new(Acts::new(ANN, stop)))).await;
    let why = loop {
        if let Update::Warning(why) = running.update().await {
            break why;
        }
    };
    assert!(why.contains("cannot be stopped from here") && why.contains(", not process"), "{why}");
    assert!(bystander.runs() && world.ended().is_none(), "{why}");
    // It is asked as soon as the mark names it.
    fs::write(&path, own.to_string()).unwrap();
    running.until_ended().await;
    running.stop().await;
    assert_eq!(world.ended(), Some(ActionExit::Signal(15)));
    let state = world.state();
    let finished = state.action(&action()).unwrap().latest.as_ref().unwrap().end.clone().unwrap();
    assert_eq!(finished.cause, Some(StopCause::Stopped));
}
