//! The memory of a run after its probes have run many times, against the same run at its start.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use crate::measure::{Measured, size};
use crate::screen::OpenedRun;
use crate::support::gonogo::Sandbox;
use crate::support::wait;
use crate::support::web::{Reply, Web};

/// How long the probes may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// The number of probes; each is due again every second.
const PROBES: usize = 200;
/// How many probe runs there are in the end.
const ROUNDS: usize = 10_000;

pub fn bench() {
    let web = Web::start();
    web.route("/health", Reply::ok("well"));
    let profile = "environment = \"staging\"\nchecklist = \"checklist.toml\"\n";
    let sandbox = Sandbox::new().profile(profile).checklist(&checklist(&web.url("/health")));
    let run = OpenedRun::on(sandbox, 1);
    let log = run.log();
    let (first, last) = (size(2 * PROBES, PROBES), size(ROUNDS, PROBES + 1));
    let after = |rounds: usize| {
        wait::within(PATIENCE, || {
            let lines = fs::read_to_string(&log).unwrap().lines().count();
            (lines > rounds).then_some(())
        })
        .expect("the probes run");
        run.status("VmRSS") / 1024.0
    };
    let reference = Some(after(first));
    let subject = after(last);
    let name = &format!("memory, {last} rounds");
    Measured { name, subject, reference, unit: "MB", aim: "about 1x" }.report();
}

fn checklist(url: &str) -> String {
    let mut text = "name = \"many\"\n[[section]]\nid = \"a\"\ntitle = \"A\"\n".to_owned();
    for n in 0..PROBES {
        let _ = write!(
            text,
            "[[section.point]]\nid = \"a.{n}\"\ntitle = \"t\"\nwhy = \"w\"\nfresh = \"1ms\"\n\
             probe = [{{ id = \"p\", title = \"P\", kind = \"http\", with = {{ url = \"{url}\" }} }}]\n"
        );
    }
    text
}
