//! Screen and engine together on a simulated system. Whatever takes how long: no response goes to another request, no
//! prompt comes back for a logged text, and every started action is in the log.

mod simulated_system;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, mpsc};

use tokio::runtime::Builder;
use tokio::time::sleep;

use self::simulated_system::{ScheduleRandom, SimulatedDisk, SimulatedSystem};
use super::*;
use crate::tui::tests::test_screen::{TestScreen, screen_of};
use crate::tui::{Msg, forward_updates};
use gonogo_core::checklist::{Lock, Role};
use gonogo_core::journal::entry::{ActionExit, Entry};
use gonogo_core::journal::store::{LogStore, read_unverified};
use gonogo_core::journal::verify::Rules as _;
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::run::Act;
use gonogo_core::testing::signer;

const ALICE: &str = "alice@example.org";

const CHECKLIST: &str = r#"
name = "small"
[[section]]
id = "prep"
title = "Before"
[[section.point]]
id = "prep.ready"
title = "All is ready"
why = "What is needed is there."
confirm = "one"
probe = [{ id = "there", title = "It is there", kind = "command", deadline = "10s", with = { argv = ["true"] } }]
[[section.point]]
id = "prep.told"
title = "All are told"
why = "Nobody is surprised."
confirm = "one"
[[section]]
id = "deploy"
title = "Deploy"
[[section.point]]
id = "deploy.ship"
title = "Shipped"
why = "It is there."
[[section.point.action]]
id = "push"
title = "Push it"
with = { argv = ["true"], dry_run = ["true"] }
[[section.point.probe]]
id = "arrived"
title = "It is there"
kind = "command"
after_action = "push"
effects = true
with = { argv = ["true"] }
[[rollback]]
id = "back"
title = "Take it back"
with = { argv = ["true"] }
"#;

const PROFILE: &str = r#"
environment = "t"
[[guard]]
id = "place"
title = "The right place"
kind = "command"
deadline = "10s"
with = { argv = ["true"] }
"#;

fn plan() -> Plan {
    let checklist = Checklist::parse(SourceFile::new("c", CHECKLIST)).unwrap();
    let profile = Profile::parse(SourceFile::new("p", PROFILE)).unwrap();
    resolve(&checklist, &profile, &Promotion::default()).unwrap()
}

/// Keys that are typed when no dialog is open; `#` is a new word each time.
const KEYS: [&str; 12] = ["1 ", "1j ", "1ju", "1nabout #⏎", "n#⏎", "n#⏎", "2a", "2a", "S", "R", "1r", "Aa"];

/// A session, with its requests and responses.
struct SimulatedSession {
    dice: ScheduleRandom,
    machine: Arc<SimulatedSystem>,
    screen: TestScreen,
    requests: tokio::sync::mpsc::Sender<NumberedRequest>,
    messages: Receiver<Msg>,
    words: usize,
    asked: BTreeMap<RequestId, Request>,
    answers: BTreeMap<RequestId, Response>,
    has_stopped: bool,
    /// Whether the log takes no more entries.
    is_broken: bool,
}

impl SimulatedSession {
    /// The next event of the screen.
    async fn step(&mut self) {
        match self.dice.below(10) {
            0..2 => sleep(self.dice.time(Duration::from_secs(40))).await,
            2..4 => tokio::task::yield_now().await,
            4..7 => self.hear(),
            _ => self.press(),
        }
        self.look_at_prompt();
        self.send().await;
    }

    fn hear(&mut self) {
        if let Ok(message) = self.messages.try_recv() {
            self.note(&message);
            self.screen.message(message, self.machine.now());
        }
    }

    /// Every response is to a pending request, and its only one.
    fn note(&mut self, message: &Msg) {
        match message {
            Msg::Update(Update::Response(id, answer)) => {
                assert!(self.asked.contains_key(id), "{id:?} was not asked: {answer:?}");
                let previous = self.answers.insert(*id, answer.clone());
                assert!(previous.is_none(), "{id:?} was answered {previous:?}, and then {answer:?}");
            }
            Msg::Update(Update::Stopped) => self.has_stopped = true,
            Msg::Update(Update::Failed(_)) => self.is_broken = !self.has_stopped,
            _ => {}
        }
    }

    fn press(&mut self) {
        let keys = match (self.screen.has_dialog(), self.screen.reopened_text()) {
            (_, Some(_)) if self.dice.below(2) == 0 => {
                self.words += 1;
                format!(" {}⏎", self.words)
            }
            (true, _) => ["y", "y", "y", "⏎", "⎋"][usize::try_from(self.dice.below(5)).unwrap()].into(),
            (false, _) => {
                self.words += 1;
                let keys = KEYS[usize::try_from(self.dice.below(KEYS.len() as u64)).unwrap()];
                keys.replace('#', &format!("word {}", self.words))
            }
        };
        self.screen.app.tick(self.machine.now());
        self.screen.type_keys(&keys);
    }

    /// A prompt that comes back belongs to a rejected request.
    fn look_at_prompt(&self) {
        let Some(text) = self.screen.reopened_text() else { return };
        let same_text = self.asked.iter().filter(|(_, request)| note_text(request) == Some(&text));
        let answers: Vec<_> = same_text.map(|(id, _)| self.answers.get(id)).collect();
        assert!(
            !answers.is_empty() && answers.iter().all(|answer| matches!(answer, Some(Response::Rejected(_)))),
            "{text:?} came back; its answers: {answers:?}"
        );
    }

    async fn send(&mut self) {
        for (id, request) in self.screen.requests() {
            if !matches!(request, Request::Stop | Request::ActWithoutReply(_)) {
                self.asked.insert(id, request.clone());
            }
            // An engine that has ended takes no requests.
            let _ = self.requests.send(NumberedRequest { id, request }).await;
        }
        self.screen.effects.clear();
    }

    /// Quits, and reads all remaining updates.
    async fn leave(&mut self) {
        self.screen.message(Msg::Quit, self.machine.now());
        self.send().await;
        loop {
            match self.messages.try_recv() {
                Ok(message) => {
                    self.note(&message);
                    self.screen.message(message, self.machine.now());
                    self.look_at_prompt();
                }
                Err(mpsc::TryRecvError::Empty) => sleep(Duration::from_millis(50)).await,
                Err(mpsc::TryRecvError::Disconnected) => return,
            }
        }
    }

    /// Every response matches the log.
    fn compare(&self, entries: &[Entry]) {
        let at = |seq: u64| entries.iter().find(|entry| entry.header.seq == seq).map(|entry| &entry.event);
        for (id, request) in &self.asked {
            let answer = self.answers.get(id);
            assert!(answer.is_some() || self.is_broken, "{request:?} has no answer");
            match (request, answer) {
                (request, Some(Response::Done(seq))) => {
                    let event = at(*seq).unwrap_or_else(|| panic!("{seq} is not in the log"));
                    assert!(is_of(event, request), "{request:?} is answered with {event:?}");
                }
                (request, Some(Response::Rejected(why))) => {
                    let Some(text) = note_text(request) else { continue };
                    let noted =
                        |entry: &&Entry| matches!(&entry.event, Event::Noted(noted) if noted.text == *text);
                    let logged = entries.iter().filter(noted).count();
                    assert_eq!(logged, self.logged(text), "{text:?}, once refused: {why}");
                }
                _ => {}
            }
        }
        self.compare_actions(entries);
    }

    /// How many requests with this text were answered as logged: a text that came back may be sent again unchanged.
    fn logged(&self, text: &String) -> usize {
        let same_text = self.asked.iter().filter(|(_, request)| note_text(request) == Some(text));
        same_text.filter(|(id, _)| matches!(self.answers.get(id), Some(Response::Done(_)))).count()
    }

    /// An action is logged before it starts; and an action that will not start any more is reported.
    fn compare_actions(&self, entries: &[Entry]) {
        let started: BTreeSet<u64> = entries
            .iter()
            .filter(|entry| matches!(entry.event, Event::ActionStarted(_)))
            .map(|entry| entry.header.seq)
            .collect();
        let answered = self.asked.iter().filter(|(id, request)| {
            matches!(request, Request::RunAction { .. })
                && matches!(self.answers.get(id), Some(Response::Done(_)))
        });
        let answered = answered.count();
        assert!(answered == started.len() || self.is_broken, "{answered} answers, {started:?} in the log");
        let launched = self.machine.begun();
        assert!(launched.is_subset(&started), "{launched:?} began, {started:?} stand in the log");
        for entry in entries {
            let Event::ActionFinished(finished) = &entry.event else { continue };
            let has_started = launched.contains(&finished.started);
            match &finished.exit {
                ActionExit::NotStarted(why) => {
                    assert!(!has_started, "{} has begun, and not: {why}", finished.started);
                }
                ActionExit::Code(_) => assert!(has_started, "{} has ended and not begun", finished.started),
                _ => {}
            }
        }
    }
}

/// The text of a request, if it has one.
fn note_text(request: &Request) -> Option<&String> {
    let Request::Act(command) = request else { return None };
    match &command.act {
        Act::Note { text, .. } => Some(text),
        _ => None,
    }
}

/// Whether an entry is what was requested.
fn is_of(event: &Event, request: &Request) -> bool {
    match (event, request) {
        (Event::ActionStarted(event), Request::RunAction { start, .. }) => event.action == start.action,
        (event, Request::Act(command)) => match (event, &command.act) {
            (Event::Noted(event), Act::Note { text, .. }) => event.text == *text,
            (Event::Confirmed(event), Act::Confirm { point, .. }) => event.point == *point,
            (Event::Retracted(event), Act::Retract { point, .. }) => event.point == *point,
            (Event::ActionStopped(event), Act::Stop { started, .. }) => event.started == *started,
            _ => false,
        },
        _ => false,
    }
}

/// One session with the schedule of a seed.
async fn session(seed: u64, home: &Path) -> (Vec<Entry>, bool) {
    let dice = ScheduleRandom::new(seed);
    let (store, signer) = (LogStore::new(home, None), signer(ALICE));
    let opening = NewRun {
        plan: plan(),
        lock: Lock::default(),
        profile_sha256: Sha256Hex::ZERO,
        commit: None,
        role: Role::Driver,
    };
    let OpenRun { mut journal, state, lock_owner: _held, .. } = open(&store, opening, &signer).unwrap();
    let log = journal.path().to_owned();
    let file = OpenOptions::new().append(true).open(&log).unwrap();
    journal.set_disk(Box::new(SimulatedDisk::of(file, &dice)));
    let machine = Arc::new(SimulatedSystem::new(dice.clone(), log.clone()));
    let me = state.operator(ALICE).unwrap().clone();
    let screen = screen_of(me, Arc::new(state.clone()), &machine.now(), (120, 40));
    let system = Arc::clone(&machine) as Arc<dyn System>;
    let (engine, handle) = Engine::with_system(
        system,
        Log::Durable(Box::new(journal)),
        state,
        vec![signer],
        Vec::new(),
        Permit::for_tests(),
    );
    let EngineHandle { requests, states, updates, .. } = handle;
    let (sender, messages) = mpsc::channel();
    let (running, last) = (tokio::spawn(engine.run()), states.clone());
    tokio::spawn(forward_updates(states, updates, sender));
    let steps = 20 + dice.below(300);
    let mut session = SimulatedSession {
        dice,
        machine,
        screen,
        requests,
        messages,
        words: 0,
        asked: BTreeMap::new(),
        answers: BTreeMap::new(),
        has_stopped: false,
        is_broken: false,
    };
    for _ in 0..steps {
        session.step().await;
    }
    session.leave().await;
    running.await.unwrap();
    let entries = read_unverified(&log).unwrap();
    let folded = RunState::fold(&entries).unwrap();
    let published = last.borrow();
    assert_eq!((folded.seq, folded.head), (published.state.seq, published.state.head));
    let mut rules = RuleChecker::default();
    for entry in &entries {
        rules.check_entry(entry).unwrap();
    }
    session.compare(&entries);
    (entries, session.is_broken)
}

#[test]
fn screen_engine_and_log_agree_whatever_the_delays() {
    let sessions = std::env::var("GONOGO_CASES").map_or(24, |cases| cases.parse().unwrap());
    let (mut kinds, mut broken) = (BTreeMap::<&str, usize>::new(), 0);
    for seed in 0..sessions {
        println!("seed {seed}");
        let home = tempfile::tempdir().unwrap();
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (entries, is_broken) = runtime.block_on(session(seed, home.path()));
        broken += usize::from(is_broken);
        for entry in &entries {
            *kinds.entry(entry.event.kind()).or_default() += 1;
        }
    }
    println!("{kinds:?}, {broken} broken");
    for kind in ["noted", "confirmed", "retracted", "action-started", "action-finished", "action-stopped"] {
        assert!(kinds.get(kind).is_some_and(|count| *count > 0), "no {kind} among {kinds:?}");
    }
}
