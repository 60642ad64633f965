//! A key that waits for a person keeps nothing from being done that cannot wait: with a real agent that asks before each
//! signature.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use gonogo_core::checklist::{ActionKey, Role};
use gonogo_core::journal::agent::Agent;
use gonogo_core::journal::entry::Event;
use gonogo_core::journal::keys::Signer;
use gonogo_core::journal::store::read_unverified;
use gonogo_core::run::{Act, Command, Request, Response, StartRequest};
use gonogo_core::time::Utc;

use super::engine::{ANN, Running, World, action};
use super::scene::{COUNTS, Scene, deploy, run};
use crate::bench::gonogo::Sandbox;
use crate::bench::keys::SshKey;
use crate::bench::need;
use crate::bench::terminal::Key;
use crate::bench::wait;
use crate::runs::agent::SshAgent;

const BOB: &str = "bob@deck.example";

/// A step of the rollback, and a point whose probe ends when it is let.
fn more(home: &Path) -> String {
    format!(
        "[[section.point]]\nid = \"s.b\"\ntitle = \"b\"\nwhy = \"w\"\n\
         probe = [{{ id = \"p\", title = \"p\", kind = \"command\", deadline = \"60s\", with = {{ argv = [\"sh\", \"-c\", \
         'while [ -d {0} ] && [ ! -e {0}/release ]; do sleep 0.02; done'] }} }}]\n\
         [[rollback]]\nid = \"back\"\ntitle = \"Back\"\nwith = {{ argv = [\"true\"] }}\n",
        home.display()
    )
}

/// A run of two: Ann's key is here, Bob's is with an agent that asks.
struct Two {
    world: World,
    running: Running,
    _agent: SshAgent,
}

impl Two {
    /// Bob has joined, with one touch.
    async fn new() -> Self {
        let mut world = World::with("exec sleep 1000", more);
        let home = world.home.path().to_owned();
        let key = SshKey::make(&home, "bob", "");
        let agent = SshAgent::asking_with(&asks(&home));
        agent.add_to_be_confirmed(&key.path);
        let public = key.public.rsplit_once(' ').unwrap().0.to_owned();
        let bob = Signer::in_agent(BOB, &public, Some(&Agent::at(&agent.socket))).unwrap();
        let running = world.start_with("state", vec![bob]);
        let mut two = Self { world, running, _agent: agent };
        two.answers(1, true);
        two.act(1, BOB, Act::Join { key: public, role: Role::Reviewer }).await;
        two.done(1).await;
        two
    }

    fn home(&self) -> &Path {
        self.world.home.path()
    }

    /// What is answered to the nth question.
    fn answers(&self, nth: usize, is_allowed: bool) {
        let answer = if is_allowed { "allow" } else { "deny" };
        fs::write(self.home().join(format!("{answer}-{nth}")), "").unwrap();
    }

    fn asked(&self) -> usize {
        fs::read_to_string(self.home().join("asked")).map_or(0, |text| text.lines().count())
    }

    /// Waits until the nth question is asked.
    async fn until_asked(&self, nth: usize) {
        let asked = async {
            while self.asked() < nth {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(wait::PATIENCE, asked).await.is_ok(), "question {nth} is not asked");
    }

    async fn act(&self, id: u64, by: &str, act: Act) {
        self.running.ask(id, Request::Act(Box::new(Command::new(by, act)))).await;
    }

    async fn note(&self, id: u64, text: &str) {
        self.act(id, BOB, Act::Note { point: None, text: text.into() }).await;
    }

    /// The next answer: this is done.
    async fn done(&mut self, id: u64) -> u64 {
        match self.running.answer().await {
            (answered, Response::Done(seq)) if answered == id => seq,
            other => panic!("{id}: {other:?}"),
        }
    }

    /// The next answer: this is refused.
    async fn refused(&mut self, id: u64) -> String {
        match self.running.answer().await {
            (answered, Response::Rejected(why)) if answered == id => why,
            other => panic!("{id}: {other:?}"),
        }
    }

    /// Ann starts the action; where it stands.
    async fn start(&mut self, id: u64) -> u64 {
        self.running.run(id, 1).await;
        self.done(id).await
    }

    async fn stop_action(&self, id: u64, by: &str, started: u64) {
        self.act(id, by, Act::Stop { action: action(), started }).await;
    }

    /// Everything that was sent has been taken up.
    async fn taken_up(&mut self) {
        self.running.ask(99, Request::RunProbes("none".into())).await;
        self.refused(99).await;
    }

    /// The kinds of the log, in order.
    fn kinds(&self) -> Vec<&'static str> {
        let entries = read_unverified(&self.world.log).unwrap();
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

/// A program that an agent asks with: it counts the questions, and waits for the answers.
fn asks(home: &Path) -> PathBuf {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_is_stopped_while_a_touch_is_awaited_which_is_asked_for_again() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut two = Two::new().await;
    let started = two.start(2).await;
    two.note(3, "n").await;
    two.until_asked(2).await;
    two.stop_action(4, ANN, started).await;
    two.done(4).await;
    two.running.until_ended().await;
    assert_eq!(two.kinds(), ["started", "stopped", "finished"]);
    assert_eq!(two.asked(), 2);
    // What was signed does not fit any more.
    two.answers(2, true);
    two.until_asked(3).await;
    two.answers(3, true);
    two.done(3).await;
    assert_eq!(two.kinds(), ["started", "stopped", "finished", "noted"]);
    assert_eq!(two.running.stop().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_stops_first_and_signs_the_rest_again() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut two = Two::new().await;
    let started = two.start(2).await;
    two.note(3, "n").await;
    two.until_asked(2).await;
    two.stop_action(4, BOB, started).await;
    two.taken_up().await;
    // The agent asks one after the other; the stop comes into the log first all the same.
    two.answers(2, true);
    two.until_asked(3).await;
    assert_eq!(two.kinds(), ["started"]);
    two.answers(3, true);
    two.done(4).await;
    two.until_asked(4).await;
    two.running.until_ended().await;
    two.answers(4, true);
    two.until_noted(3, 5).await;
    let kinds = two.kinds();
    assert_eq!(kinds[..2], ["started", "stopped"]);
    assert_eq!(two.running.stop().await, []);
}

impl Two {
    /// Waits for the answer; the end of the action may have come between, and the touch is asked for once more.
    async fn until_noted(&mut self, id: u64, next: usize) {
        self.answers(next, true);
        self.done(id).await;
        assert!(self.kinds().contains(&"noted"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_step_goes_first_and_what_it_changes_is_decided_again_by_the_person() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut two = Two::new().await;
    let until = Utc::from_millis(4_000_000_000_000);
    two.act(3, BOB, Act::Waive { point: "s.b".into(), reason: "r".into(), until }).await;
    two.until_asked(2).await;
    let back = ActionKey::new("rollback", "back");
    let start = StartRequest {
        action: back.clone(),
        attempt: 1,
        dry_run: false,
        typed_environment: None,
        preflight: Vec::new(),
    };
    two.running.ask(4, Request::RunAction { by: ANN.into(), start: Box::new(start) }).await;
    two.done(4).await;
    let ended =
        |state: &gonogo_core::run::RunState| state.action(&back).is_some_and(|known| known.exit().is_some());
    two.running.until("end of the step", ended).await;
    two.answers(2, true);
    let why = two.refused(3).await;
    assert!(why.contains("the log changed while your key was awaited"), "{why}");
    assert_eq!((two.kinds(), two.asked()), (vec!["started", "finished"], 2));
    assert_eq!(two.running.stop().await, []);
}

/// A result that comes meanwhile is held back, so that one touch is enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_wait_for_a_touch_and_come_after_it() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut two = Two::new().await;
    two.note(3, "n").await;
    two.until_asked(2).await;
    fs::write(two.home().join("release"), "").unwrap();
    // A second note waits for its turn.
    two.note(4, "m").await;
    two.taken_up().await;
    two.answers(2, true);
    two.done(3).await;
    two.until_asked(3).await;
    two.answers(3, false);
    let why = two.refused(4).await;
    assert!(why.contains("cannot sign as bob@deck.example"), "{why}");
    two.running
        .until("result", |state| {
            state.probe(&gonogo_core::checklist::ProbeKey::new("s.b", "p")).unwrap().attempts == 1
        })
        .await;
    assert_eq!((two.kinds(), two.asked()), (vec!["noted", "probed"], 3));
    assert_eq!(two.running.stop().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_is_told_that_nothing_was_logged() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut two = Two::new().await;
    two.note(3, "n").await;
    two.until_asked(2).await;
    two.note(4, "m").await;
    two.taken_up().await;
    let Two { world, running, _agent } = two;
    let answers = running.stop().await;
    let told =
        |answer: &Response| matches!(answer, Response::Rejected(why) if why.contains("nothing was logged"));
    assert!(matches!(&answers[..], [(3, first), (4, second)] if told(first) && told(second)), "{answers:?}");
    let entries = read_unverified(&world.log).unwrap();
    assert!(entries.iter().all(|entry| !matches!(entry.event, Event::Noted(_))));
}

/// An action is put on record when its touch is given, and begins then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_begins_when_its_start_is_signed() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut two = Two::new().await;
    let start = StartRequest {
        action: action(),
        attempt: 1,
        dry_run: false,
        typed_environment: None,
        preflight: Vec::new(),
    };
    two.running.ask(3, Request::RunAction { by: BOB.into(), start: Box::new(start) }).await;
    two.until_asked(2).await;
    two.taken_up().await;
    assert!(two.kinds().is_empty() && two.world.ran() == 0);
    two.answers(2, true);
    let started = two.done(3).await;
    assert!(two.world.mark(started, "begun").exists());
    wait::until("its run", || (two.world.ran() == 1).then_some(()));
    two.stop_action(4, ANN, started).await;
    two.done(4).await;
    two.running.until_ended().await;
    assert_eq!(two.running.stop().await, []);
}

/// Numbers that look like chance, from a seed that is printed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Whatever is asked for by whom, and however the key is answered: each request is answered once, what is said to be
/// done stands at its place, what is refused stands nowhere, and the log is valid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_is_answered_once_whatever_the_keys_do() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut chance = Chance(seed);
    let mut two = Two::new().await;
    (2..200).for_each(|nth| two.answers(nth, chance.below(4) > 0));
    let asked: Vec<u64> = (10..40).collect();
    let mut started = 0;
    for &id in &asked {
        match chance.below(6) {
            0 if started == 0 => {
                started = id;
                two.running.run(id, 1).await;
            }
            0 | 1 => two.stop_action(id, if id % 2 == 0 { ANN } else { BOB }, 7).await,
            2 => two.act(id, ANN, Act::Note { point: None, text: format!("note {id}") }).await,
            3 => two.running.ask(id, Request::RunProbes("s.b".into())).await,
            _ => two.note(id, &format!("note {id}")).await,
        }
        if chance.below(3) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(chance.below(30))).await;
        }
    }
    let mut answers = std::collections::BTreeMap::new();
    while answers.len() < asked.len() {
        let (id, answer) = two.running.answer().await;
        assert!(answers.insert(id, answer).is_none(), "{id} is answered twice");
    }
    assert!(answers.keys().eq(&asked), "{answers:?}");
    if let Some(state) = two.world.state().running_action().map(|(_, deed)| deed.seq) {
        two.stop_action(50, ANN, state).await;
        let answered = two.running.answer().await;
        assert_eq!(answered.0, 50);
        two.running.until_ended().await;
    }
    let home = two.home().to_owned();
    let Two { world, running, _agent } = two;
    assert_eq!(running.stop().await, []);
    let entries = read_unverified(&world.log).unwrap();
    let mut noted = 0;
    for (seq, entry) in (0..).zip(&entries) {
        let Event::Noted(note) = &entry.event else { continue };
        let id: u64 = note.text.strip_prefix("note ").unwrap().parse().unwrap();
        assert_eq!(answers[&id], Response::Done(seq), "{id}");
        noted += 1;
    }
    assert!(noted > 0);
    let line = |(name, principal): (&str, &str)| {
        let public = fs::read_to_string(home.join(format!("{name}.pub"))).unwrap();
        format!("{principal} {public}")
    };
    let signers: String = [("ann", ANN), ("bob", BOB)].map(line).concat();
    fs::write(home.join("signers"), signers).unwrap();
    let paths = [world.log.display().to_string(), home.join("signers").display().to_string()];
    let verify = Sandbox::new().run_with(&["verify", &paths[0], "--signers", &paths[1]]);
    let _ = verify.code(5).stdout_has("open: valid");
}

/// The same at the screen: `S` while a note waits for the key.
#[test]
fn at_the_screen_too_an_action_is_stopped_while_a_touch_is_awaited() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut scene = Scene::new();
    scene.script("build", COUNTS);
    let home = scene.sandbox.work();
    let agent = SshAgent::asking_with(&asks(&home));
    agent.add_to_be_confirmed(&scene.key.path);
    let public = scene.key.public.clone();
    let answer = |nth: usize| fs::write(home.join(format!("allow-{nth}")), "").unwrap();
    let asked = |nth: usize| {
        let asked = || fs::read_to_string(home.join("asked")).map_or(0, |text| text.lines().count());
        wait::until("the question", || (asked() >= nth).then_some(()));
    };
    // To open the run, and to start the action.
    answer(1);
    answer(2);
    let mut terminal = scene.open_with_agent(&agent.socket, &public);
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    run(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("line 2");
    terminal.send("n").wait_for_text("The note:");
    terminal.send("of it").press(Key::Enter);
    asked(3);
    // The stop is asked for before the note is signed.
    terminal.send("S").wait_for_text("y stop").send("y").wait_gone("y stop");
    answer(3);
    asked(4);
    assert!(scene.of_kind("action-stopped").is_empty() && scene.of_kind("noted").is_empty());
    answer(4);
    scene.wait_for("action-finished", 1);
    (5..10).for_each(answer);
    let noted = scene.wait_for("noted", 1)[0]["seq"].as_u64();
    assert!(scene.of_kind("action-stopped")[0]["seq"].as_u64() < noted);
    terminal.wait_for_text("did not succeed").press(Key::Esc).wait_gone("did not succeed").send("q");
    let _ = terminal.wait_exit().code(5);
    let _ = scene.verify().code(5).stdout_has("open: valid");
}
