//! A screen that tests press keys on.

use std::sync::Arc;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

use crate::tui::app::{App, HostEffect};
use crate::tui::dialogs::text_prompt::TextPrompt;
use crate::tui::style::theme::{Appearance, ColorScheme};
use crate::tui::tests::sample::{ALICE, BOB, SampleRun, key as probe_key};
use crate::tui::{LatestState, Msg, Setup};
use gonogo_core::checklist::Role;
use gonogo_core::journal::entry::EnrolledOperator;
use gonogo_core::run::{InFlight, Response, RunSnapshot, RunState, RunningProbe, Update};
use gonogo_core::time::Moment;

/// A screen, and all effects so far.
pub struct TestScreen {
    pub app: App,
    pub effects: Vec<HostEffect>,
}

/// Alice's screen of a run, with a given size.
pub fn screen(sample: &SampleRun, size: (u16, u16)) -> TestScreen {
    let me =
        EnrolledOperator { principal: ALICE.into(), key: format!("ssh-ed25519 {ALICE}"), role: Role::Driver };
    screen_of(me, sample.shared(), &sample.now(), size)
}

/// The screen of Bob, the reviewer.
pub fn bobs_screen(sample: &SampleRun, size: (u16, u16)) -> TestScreen {
    let mut screen = screen(sample, size);
    let bob = screen.app.run.state.operator(BOB).cloned();
    screen.app.session.operator = bob.unwrap();
    screen
}

/// The screen of an operator.
pub fn screen_of(me: EnrolledOperator, state: Arc<RunState>, now: &Moment, size: (u16, u16)) -> TestScreen {
    let now = now.clone();
    let setup = Setup {
        operator: me,
        log_name: "20260921T141320Z.jsonl".into(),
        directory: "/home/alice/deploy".into(),
        ends_with_session: false,
        faults: Vec::new(),
        appearance: Appearance { color_scheme: ColorScheme::Dark, ascii: false, color: true },
        clock: Box::new(move || now.clone()),
        review: None,
        outputs: None,
        last_sealed: None,
        unlock: Arc::new(|_| Err("no key here".into())),
        notices: Vec::new(),
        read_only: false,
    };
    TestScreen { app: App::new(&setup, state, Rect::new(0, 0, size.0, size.1)), effects: Vec::new() }
}

fn key(c: char) -> KeyEvent {
    let code = match c {
        '⏎' => KeyCode::Enter,
        '⎋' => KeyCode::Esc,
        '⇥' => KeyCode::Tab,
        '⇩' => KeyCode::PageDown,
        '⇧' => KeyCode::PageUp,
        c => KeyCode::Char(c),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

impl TestScreen {
    /// Presses keys: `⏎` Enter, `⎋` Esc, `⇥` Tab, `⇩` page down, `⇧` page up.
    pub fn press(mut self, keys: &str) -> Self {
        self.type_keys(keys);
        self
    }

    /// The same, in place.
    pub fn type_keys(&mut self, keys: &str) {
        keys.chars().for_each(|c| self.event(Event::Key(key(c))));
    }

    pub fn with_appearance(mut self, appearance: Appearance) -> Self {
        self.app.session.appearance = appearance;
        self
    }

    pub fn event(&mut self, event: Event) {
        let effects = self.app.update(Msg::Input(event));
        self.effects.extend(effects);
        self.run_read_jobs();
    }

    /// Runs all read jobs.
    pub fn run_read_jobs(&mut self) {
        while let Some(job) = self.app.next_read_job() {
            self.app.on_read(job.run());
        }
    }

    pub fn control(mut self, c: char) -> Self {
        self.event(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)));
        self
    }

    pub fn paste(mut self, text: &str) -> Self {
        self.event(Event::Paste(text.into()));
        self
    }

    pub fn update(mut self, update: Update) -> Self {
        let effects = self.app.update(Msg::Update(update));
        self.effects.extend(effects);
        self
    }

    /// Answers the oldest pending request.
    pub fn respond(self, answer: Response) -> Self {
        let oldest = self.app.pending.ids().first().copied().expect("nothing is asked");
        self.update(Update::Response(oldest, answer))
    }

    /// Shows another state of the run.
    pub fn with_state(mut self, state: Arc<RunState>) -> Self {
        let newest = LatestState::default();
        assert!(newest.put(RunSnapshot { state, in_flight: Arc::default() }));
        let effects = self.app.update(Msg::State(newest));
        self.effects.extend(effects);
        self
    }

    /// Shows that a probe has been running for four seconds, at its second try.
    pub fn with_running_probe(mut self, point: &str, probe: &str) -> Self {
        let since = SampleRun::moment(self.app.run.now.mono / 1000 - 4);
        let running = RunningProbe { attempt: 9, since, tries: 2, last_seen: None };
        let running = [(probe_key(point, probe), running)].into();
        self.app.run.in_flight = Arc::new(InFlight { running, ..InFlight::default() });
        self
    }

    /// The text of the topmost prompt, if it was reopened after a rejection.
    pub fn reopened_text(&self) -> Option<String> {
        let prompt = self.dialog::<TextPrompt>().filter(|prompt| prompt.error.is_some());
        prompt.map(|prompt| prompt.text.text().to_owned())
    }

    /// The text of the open prompt.
    pub fn prompt_text(&self) -> &str {
        self.dialog::<TextPrompt>().expect("a prompt").text.text()
    }
}
