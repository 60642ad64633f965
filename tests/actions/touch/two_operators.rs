//! A run with two operators, one of whose keys has to be touched.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use gonogo_core::checklist::Role;
use gonogo_core::journal::agent::Agent;
use gonogo_core::journal::entry::Event;
use gonogo_core::journal::keys::Signer;
use gonogo_core::journal::store::read_unverified;
use gonogo_core::run::{Act, Command, Request, Response};

use crate::actions::engine::{EngineScenario, RunningEngine, action};
use crate::runs::agent::SshAgent;
use crate::support::keys::SshKey;
use crate::support::wait;

pub const BOB: &str = "bob@deck.example";

/// A rollback step, and a point whose probe ends when the file `release` exists.
fn more_checklist(home: &Path) -> String {
    format!(
        "[[section.point]]\nid = \"s.b\"\ntitle = \"b\"\nwhy = \"w\"\n\
         probe = [{{ id = \"p\", title = \"p\", kind = \"command\", deadline = \"60s\", with = {{ argv = [\"sh\", \"-c\", \
         'while [ -d {0} ] && [ ! -e {0}/release ]; do sleep 0.02; done'] }} }}]\n\
         [[rollback]]\nid = \"back\"\ntitle = \"Back\"\nwith = {{ argv = [\"true\"] }}\n",
        home.display()
    )
}

/// A run with two operators. Ann's key is a file; Bob's is in an agent that asks before each signature.
pub struct TwoOperators {
    pub scenario: EngineScenario,
    pub running: RunningEngine,
    pub _agent: SshAgent,
}

impl TwoOperators {
    /// Bob has joined as another driver, which took one touch.
    pub async fn new() -> Self {
        let mut scenario = EngineScenario::with("exec sleep 1000", more_checklist);
        let home = scenario.home.path().to_owned();
        let key = SshKey::make(&home, "bob", "");
        let agent = SshAgent::asking_with(&askpass_program(&home));
        agent.add_with_confirmation(&key.path);
        let public = key.public.rsplit_once(' ').unwrap().0.to_owned();
        let bob = Signer::in_agent(BOB, &public, Some(&Agent::at(&agent.socket))).unwrap();
        let running = scenario.start_with("state", vec![bob]);
        let mut pair = Self { scenario, running, _agent: agent };
        pair.answer_touch(1, true);
        pair.act(1, BOB, Act::Join { key: public, role: Role::Driver }).await;
        pair.expect_done(1).await;
        pair
    }

    pub fn home(&self) -> &Path {
        self.scenario.home.path()
    }

    /// Sets the answer to the nth touch request.
    pub fn answer_touch(&self, nth: usize, is_allowed: bool) {
        let answer = if is_allowed { "allow" } else { "deny" };
        fs::write(self.home().join(format!("{answer}-{nth}")), "").unwrap();
    }

    pub fn touches_requested(&self) -> usize {
        fs::read_to_string(self.home().join("asked")).map_or(0, |text| text.lines().count())
    }

    /// Waits for the nth touch request.
    pub async fn until_touch_requested(&self, nth: usize) {
        let touches_requested = async {
            while self.touches_requested() < nth {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        assert!(
            tokio::time::timeout(wait::TIMEOUT, touches_requested).await.is_ok(),
            "touch {nth} is not requested"
        );
    }

    pub async fn act(&self, id: u64, by: &str, act: Act) {
        self.running.send(id, Request::Act(Box::new(Command::new(by, act)))).await;
    }

    pub async fn note(&self, id: u64, text: &str) {
        self.act(id, BOB, Act::Note { point: None, text: text.into() }).await;
    }

    /// The next response: this request is done.
    pub async fn expect_done(&mut self, id: u64) -> u64 {
        match self.running.answer().await {
            (answered, Response::Done(seq)) if answered == id => seq,
            other => panic!("{id}: {other:?}"),
        }
    }

    /// The next response: this request is rejected.
    pub async fn expect_rejected(&mut self, id: u64) -> String {
        match self.running.answer().await {
            (answered, Response::Rejected(why)) if answered == id => why,
            other => panic!("{id}: {other:?}"),
        }
    }

    /// Ann starts the action; the position of its entry.
    pub async fn start(&mut self, id: u64) -> u64 {
        self.running.run_action(id, 1).await;
        self.expect_done(id).await
    }

    /// Waits for the response. If the end of the action was logged meanwhile, the touch is requested once more.
    pub async fn expect_noted(&mut self, id: u64, next: usize) {
        self.answer_touch(next, true);
        self.expect_done(id).await;
        assert!(self.kinds().contains(&"noted"));
    }

    pub async fn stop_action(&self, id: u64, by: &str, started: u64) {
        self.act(id, by, Act::Stop { action: action(), started, reason: None }).await;
    }

    /// Waits until the engine has received all requests.
    pub async fn until_all_received(&mut self) {
        self.running.send(99, Request::RunProbes("none".into())).await;
        self.expect_rejected(99).await;
    }

    /// The kinds of the entries of the log, in order.
    pub fn kinds(&self) -> Vec<&'static str> {
        let entries = read_unverified(&self.scenario.log).unwrap();
        let name = |event: &Event| match event {
            Event::Noted(_) => "noted",
            Event::Probed(_) => "probed",
            Event::Waived(_) => "waived",
            Event::ActionStarted(_) => "started",
            Event::ActionStopped(_) => "stopped",
            Event::ActionFinished(_) => "finished",
            _ => "other",
        };
        entries.iter().map(|entry| name(&entry.event)).filter(|name| *name != "other").collect()
    }
}

/// A program that the agent asks with: it counts the touch requests, and waits for the answers.
pub fn askpass_program(home: &Path) -> PathBuf {
    let program = home.join("askpass");
    let home = home.display();
    let script = format!(
        "#!/bin/sh\necho x >>{home}/asked\nn=$(($(wc -l <{home}/asked)))\nwhile [ -d {home} ]; do\n\
         [ -e {home}/allow-$n ] && exit 0\n[ -e {home}/deny-$n ] && exit 1\nsleep 0.02\ndone\nexit 1\n"
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    program
}
