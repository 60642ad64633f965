//! The engine of a run with an action, without a screen: the program under test supervises.

use std::fs;
use std::path::{Path, PathBuf};

use gonogo::engine::{Engine, EngineHandle, Log, NewRun, OpenRun, OpenRunError, open, reopen};
use gonogo::process::Permit;
use gonogo_core::checklist::{
    ActionKey, Checklist, Lock, Plan, Profile, Promotion, Role, SourceFile, resolve,
};
use gonogo_core::journal::entry::ActionExit;
use gonogo_core::journal::file::OpenJournalError;
use gonogo_core::journal::keys::Signer;
use gonogo_core::journal::marks;
use gonogo_core::journal::store::{LogStore, read_unverified};
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::run::{NumberedRequest, Request, RequestId, Response, RunState, StartRequest, Update};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::bench::gonogo::GONOGO;
use crate::bench::keys::SshKey;
use crate::bench::wait;

pub const ANN: &str = "ann@deck.example";

/// A run with one action, which runs a script.
pub struct World {
    pub home: tempfile::TempDir,
    pub log: PathBuf,
    opened: Option<OpenRun>,
}

/// An engine that runs.
pub struct Running {
    pub handle: EngineHandle,
    pub engine: JoinHandle<()>,
}

fn plan(home: &Path, more: &str) -> Plan {
    let checklist = format!(
        "name = \"c\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.a\"\ntitle = \"a\"\n\
         why = \"w\"\nconfirm = \"one\"\n[[section.point.action]]\nid = \"go\"\ntitle = \"Go\"\n\
         with = {{ argv = [\"sh\", \"{}\"] }}\n{more}",
        home.join("script").display()
    );
    let checklist = Checklist::parse(SourceFile::new("c", &checklist)).unwrap();
    let profile = Profile::parse(SourceFile::new("p", "environment = \"t\"\n")).unwrap();
    resolve(&checklist, &profile, &Promotion::default()).unwrap()
}

pub fn action() -> ActionKey {
    ActionKey::new("s.a", "go")
}

impl World {
    /// The script tells that it ran, and then does this.
    pub fn new(does: &str) -> Self {
        Self::with(does, |_| String::new())
    }

    /// The same, with more in the checklist, which may name this directory.
    pub fn with(does: &str, more: impl Fn(&Path) -> String) -> Self {
        let home = tempfile::tempdir().unwrap();
        let _ = SshKey::make(home.path(), "ann", "");
        let script = format!("echo ran >> {}\n{does}\n", home.path().join("ran").display());
        fs::write(home.path().join("script"), script).unwrap();
        let world = Self { home, log: PathBuf::new(), opened: None };
        let opening = NewRun {
            plan: plan(world.home.path(), &more(world.home.path())),
            lock: Lock::default(),
            profile_sha256: Sha256Hex::ZERO,
            commit: None,
            role: Role::Driver,
        };
        let opened = open(&world.store("state"), opening, &world.ann()).unwrap();
        Self { log: opened.journal.path().to_owned(), opened: Some(opened), ..world }
    }

    /// Logs where they are, heads and the like in this state directory.
    fn store(&self, state: &str) -> LogStore {
        LogStore::new(&self.home.path().join(state), Some(&self.home.path().join("runs")))
    }

    fn ann(&self) -> Signer {
        let ask = &mut |_: &Path| unreachable!("it has no passphrase");
        Signer::load(ANN, &self.home.path().join("ann"), None, ask).unwrap()
    }

    /// Goes on with the run.
    pub fn start(&mut self) -> Running {
        self.start_in("state")
    }

    /// The same, with another state directory.
    pub fn start_in(&mut self, state: &str) -> Running {
        self.start_with(state, Vec::new())
    }

    /// The same, with more keys.
    pub fn start_with(&mut self, state: &str, more: Vec<Signer>) -> Running {
        let opened = self.opened.take();
        let store = self.store(state);
        // A program that another test starts at this moment may hold a copy of what is locked until it runs.
        let again = || match reopen(&store, &self.log, &self.ann(), Role::Driver) {
            Err(OpenRunError::Journal(OpenJournalError::Locked(_))) => None,
            opened => Some(opened.unwrap()),
        };
        let opened = opened.unwrap_or_else(|| wait::until("the log", again));
        let log = Log::Durable(Box::new(opened.journal));
        let signers = std::iter::once(self.ann()).chain(more).collect();
        let (engine, handle) = Engine::new(log, opened.state, signers, Vec::new(), Permit::for_tests());
        let mut engine = engine.with_supervisor(GONOGO.into());
        for command in opened.first_commands {
            engine.execute(&command).unwrap();
        }
        Running { handle, engine: tokio::spawn(engine.run()) }
    }

    /// The run as the log has it.
    pub fn state(&self) -> RunState {
        RunState::fold(&read_unverified(&self.log).unwrap()).unwrap()
    }

    /// How the newest running of the action ended, if it has.
    pub fn ended(&self) -> Option<ActionExit> {
        self.state().action(&action())?.latest.as_ref()?.end.as_ref().map(|it| it.exit.clone())
    }

    /// How often the script has begun.
    pub fn ran(&self) -> usize {
        fs::read_to_string(self.home.path().join("ran")).map_or(0, |text| text.lines().count())
    }

    /// A file in the directory of marks.
    pub fn mark(&self, started: u64, kind: &str) -> PathBuf {
        marks::directory(&self.log).join(format!("action-{started}.{kind}"))
    }

    /// A file of the attachments.
    pub fn attachment(&self, started: u64, kind: &str) -> PathBuf {
        self.log.with_extension("jsonl.d").join(format!("action-{started}.{kind}"))
    }
}

impl Running {
    pub async fn ask(&self, id: u64, request: Request) {
        self.handle.requests.send(NumberedRequest { id: RequestId(id), request }).await.unwrap();
    }

    /// Asks for the action, for the nth time.
    pub async fn run(&self, id: u64, nth: u64) {
        let start = StartRequest {
            action: action(),
            attempt: nth,
            dry_run: false,
            typed_environment: None,
            preflight: Vec::new(),
        };
        self.ask(id, Request::RunAction { by: ANN.into(), start: Box::new(start) }).await;
    }

    /// What is told next, beside how the run stands.
    pub async fn update(&mut self) -> Update {
        timeout(wait::PATIENCE, self.handle.updates.recv()).await.expect("an update").expect("an engine")
    }

    /// The answer that comes next.
    pub async fn answer(&mut self) -> (u64, Response) {
        match self.update().await {
            Update::Response(RequestId(id), answer) => (id, answer),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the run stands so.
    pub async fn until(&mut self, what: &str, is_so: impl Fn(&RunState) -> bool) {
        let stands = self.handle.states.wait_for(|now| is_so(&now.state));
        let stands = timeout(wait::PATIENCE, stands).await;
        assert!(stands.is_ok_and(|stands| stands.is_ok()), "no {what}");
    }

    /// Waits until the action has ended.
    pub async fn until_ended(&mut self) {
        self.until("end", |state| state.action(&action()).is_some() && state.running_action().is_none())
            .await;
    }

    /// Asks the engine to stop, and gives what it answers until it has.
    pub async fn stop(mut self) -> Vec<(u64, Response)> {
        self.ask(0, Request::Stop).await;
        let mut answers = Vec::new();
        loop {
            match self.update().await {
                Update::Response(RequestId(id), answer) => answers.push((id, answer)),
                Update::Stopped => break,
                Update::Warning(_) => {}
                other @ Update::Failed(_) => panic!("{other:?}"),
            }
        }
        timeout(wait::PATIENCE, self.engine).await.unwrap().unwrap();
        answers
    }
}
