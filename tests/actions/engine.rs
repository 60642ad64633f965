//! The engine of a run with one action, without a screen. Its supervisor is the real program.

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

use crate::support::gonogo::GONOGO;
use crate::support::keys::SshKey;
use crate::support::wait;

pub const ANN: &str = "ann@deck.example";

/// A run with one action, `s.a/go`, which runs a script.
pub struct EngineScenario {
    pub home: tempfile::TempDir,
    pub log: PathBuf,
    opened: Option<OpenRun>,
}

/// A running engine.
pub struct RunningEngine {
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

impl EngineScenario {
    /// The script records that it ran, and then runs these commands.
    pub fn new(commands: &str) -> Self {
        Self::with(commands, |_| String::new())
    }

    /// The same, with more lines in the checklist; `more` gets the directory of the scenario.
    pub fn with(commands: &str, more: impl Fn(&Path) -> String) -> Self {
        let home = tempfile::tempdir().unwrap();
        let _ = SshKey::make(home.path(), "ann", "");
        let script = format!("echo ran >> {}\n{commands}\n", home.path().join("ran").display());
        fs::write(home.path().join("script"), script).unwrap();
        let scenario = Self { home, log: PathBuf::new(), opened: None };
        let opening = NewRun {
            plan: plan(scenario.home.path(), &more(scenario.home.path())),
            lock: Lock::default(),
            profile_sha256: Sha256Hex::ZERO,
            commit: None,
            role: Role::Driver,
        };
        let opened = open(&scenario.store("state"), opening, &scenario.ann()).unwrap();
        Self { log: opened.journal.path().to_owned(), opened: Some(opened), ..scenario }
    }

    /// The directory of the logs, with this state directory.
    fn store(&self, state: &str) -> LogStore {
        LogStore::new(&self.home.path().join(state), Some(&self.home.path().join("runs")))
    }

    fn ann(&self) -> Signer {
        let passphrase = &mut |_: &Path| unreachable!("it has no passphrase");
        Signer::load(ANN, &self.home.path().join("ann"), None, passphrase).unwrap()
    }

    /// Resumes the run.
    pub fn start(&mut self) -> RunningEngine {
        self.start_in("state")
    }

    /// The same, with another state directory.
    pub fn start_in(&mut self, state: &str) -> RunningEngine {
        self.start_with(state, Vec::new())
    }

    /// The same, with more keys.
    pub fn start_with(&mut self, state: &str, more: Vec<Signer>) -> RunningEngine {
        let opened = self.opened.take();
        let store = self.store(state);
        // A program that another test starts at this moment may hold a copy of the lock until its `exec`.
        let retry = || match reopen(&store, &self.log, &self.ann(), Role::Driver) {
            Err(OpenRunError::Journal(OpenJournalError::Locked(_))) => None,
            opened => Some(opened.unwrap()),
        };
        let opened = opened.unwrap_or_else(|| wait::until("the log", retry));
        let log = Log::Durable(Box::new(opened.journal));
        let signers = std::iter::once(self.ann()).chain(more).collect();
        let (engine, handle) = Engine::new(log, opened.state, signers, Vec::new(), Permit::for_tests());
        let mut engine = engine.with_supervisor(GONOGO.into());
        for command in opened.first_commands {
            engine.execute(&command).unwrap();
        }
        RunningEngine { handle, engine: tokio::spawn(engine.run()) }
    }

    /// The state of the run, computed from its log.
    pub fn state(&self) -> RunState {
        RunState::fold(&read_unverified(&self.log).unwrap()).unwrap()
    }

    /// How the newest run of the action ended, if it has.
    pub fn exit(&self) -> Option<ActionExit> {
        self.state().action(&action())?.latest.as_ref()?.end.as_ref().map(|it| it.exit.clone())
    }

    /// How often the script has run.
    pub fn ran(&self) -> usize {
        fs::read_to_string(self.home.path().join("ran")).map_or(0, |text| text.lines().count())
    }

    /// A file in the directory of markers.
    pub fn marker(&self, started: u64, kind: &str) -> PathBuf {
        marks::directory(&self.log).join(format!("action-{started}.{kind}"))
    }

    /// A file in the directory of attachments.
    pub fn attachment(&self, started: u64, kind: &str) -> PathBuf {
        self.log.with_extension("jsonl.d").join(format!("action-{started}.{kind}"))
    }
}

impl RunningEngine {
    pub async fn send(&self, id: u64, request: Request) {
        self.handle.requests.send(NumberedRequest { id: RequestId(id), request }).await.unwrap();
    }

    /// Requests the nth run of the action.
    pub async fn run_action(&self, id: u64, nth: u64) {
        let start = StartRequest {
            action: action(),
            attempt: nth,
            dry_run: false,
            typed_environment: None,
            preflight: Vec::new(),
            reason: None,
        };
        self.send(id, Request::RunAction { by: ANN.into(), start: Box::new(start) }).await;
    }

    /// The next update, other than a new state.
    pub async fn update(&mut self) -> Update {
        timeout(wait::TIMEOUT, self.handle.updates.recv()).await.expect("an update").expect("an engine")
    }

    /// The next response.
    pub async fn answer(&mut self) -> (u64, Response) {
        match self.update().await {
            Update::Response(RequestId(id), answer) => (id, answer),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the state meets a condition.
    pub async fn until(&mut self, what: &str, condition: impl Fn(&RunState) -> bool) {
        let reached = self.handle.states.wait_for(|now| condition(&now.state));
        let reached = timeout(wait::TIMEOUT, reached).await;
        assert!(reached.is_ok_and(|reached| reached.is_ok()), "no {what}");
    }

    /// Waits until the action has ended.
    pub async fn until_ended(&mut self) {
        self.until("end", |state| state.action(&action()).is_some() && state.running_action().is_none())
            .await;
    }

    /// Stops the engine; returns its last responses.
    pub async fn stop(mut self) -> Vec<(u64, Response)> {
        self.send(0, Request::Stop).await;
        let mut answers = Vec::new();
        loop {
            match self.update().await {
                Update::Response(RequestId(id), answer) => answers.push((id, answer)),
                Update::Stopped => break,
                Update::Warning(_) => {}
                other @ Update::Failed(_) => panic!("{other:?}"),
            }
        }
        timeout(wait::TIMEOUT, self.engine).await.unwrap().unwrap();
        answers
    }
}
