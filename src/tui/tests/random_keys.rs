//! Random keys and pastes begin no action and sign nothing whose dialog has not been read.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::actions::{ready_to_deploy, staging_plan};
use super::buffer::text;
use super::sample::{SampleRun, all_done, mixed, plan};
use super::test_screen::{TestScreen, screen};
use crate::tui::app::HostEffect;
use crate::tui::input_queue::{QueuedEvent, Slots};
use crate::tui::layers::READING_TIME;
use crate::tui::{Msg, tests::sample::ALICE};
use gonogo_core::run::{Act, Request};

/// How many keys are pressed in all, unless `GONOGO_RANDOM_KEYS` says how many.
const KEYS: usize = 2000;

/// A generator of numbers (an LCG with the constants of Numerical Recipes); the same seed gives the same keys.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % limit
    }

    fn event(&mut self) -> Event {
        // The keys that can do something come more often.
        const LIKELY: &str = "yyyyaaA!!  svvbwxunrSp\u{8}";
        let code = match self.below(12) {
            0 | 1 => KeyCode::Enter,
            2 => [KeyCode::Esc, KeyCode::Tab, KeyCode::PageDown, KeyCode::Up][self.below(4) as usize],
            3 | 4 => KeyCode::Down,
            5 => KeyCode::Char(char::from_u32(32 + self.below(95)).unwrap_or('y')),
            6 if self.below(4) == 0 => return Event::Paste("staging\ny a y production".into()),
            _ => {
                let nth = self.below(u32::try_from(LIKELY.chars().count()).unwrap());
                KeyCode::Char(LIKELY.chars().nth(nth as usize).unwrap())
            }
        };
        Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
    }
}

/// A screen whose frames are drawn and whose keys are read at times of the test's own.
struct TimedScreen {
    screen: TestScreen,
    base: Instant,
    at: Duration,
    /// The title and the last line of the dialog on the screen, and since when it is there.
    dialog: Option<(String, Duration)>,
}

impl TimedScreen {
    fn new(sample: &SampleRun, size: (u16, u16)) -> Self {
        let screen = screen(sample, size);
        let mut timed = Self { screen, base: Instant::now(), at: Duration::ZERO, dialog: None };
        timed.draw();
        timed
    }

    fn draw(&mut self) {
        let frame = text(&self.screen.draw());
        self.screen.app.mark_drawn(self.base + self.at);
        let lines: Vec<_> = frame.lines().collect();
        let title = lines.iter().find(|line| line.contains('╭'));
        let keys = lines
            .iter()
            .rposition(|line| line.contains('╰'))
            .and_then(|last| lines.get(last.checked_sub(1)?));
        // A dialog that moves, because a line of it comes or goes, is the same; what lies beside it is not part of it.
        let within = |line: &str, ends: [char; 2]| {
            let (from, to) = (line.find(ends[0])?, line.rfind(ends[1])?);
            line.get(from..to).map(str::to_owned)
        };
        let shown = title.zip(keys).and_then(|(title, keys)| {
            let from = title.chars().position(|c| c == '╭')?;
            let keys: String = keys.chars().skip(from).collect();
            Some(format!("{}\n{}", within(title, ['╭', '╮'])?, within(&keys, ['│', '│'])?))
        });
        let is_same = shown.as_ref() == self.dialog.as_ref().map(|(shown, _)| shown);
        if !is_same {
            self.dialog = shown.map(|shown| (shown, self.at));
        }
    }

    /// An event `wait` after the one before. Returns what it has requested that a person signs or starts.
    fn event(&mut self, event: Event, wait: Duration) -> Vec<Request> {
        self.at += wait;
        let queued = QueuedEvent::new(event, self.base + self.at, Slots::new().acquire());
        let effects = self.screen.app.update(Msg::Queued(queued));
        let signed = effects.into_iter().filter_map(|effect| match effect {
            HostEffect::Send(request) => Some(request.request),
            _ => None,
        });
        let signed = signed.filter(|request| matches!(request, Request::Act(_) | Request::RunAction { .. }));
        signed.collect()
    }

    fn key(&mut self, code: KeyCode, wait: Duration) -> Vec<Request> {
        let requests = self.event(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)), wait);
        self.draw();
        requests
    }
}

#[test]
fn random_keys_sign_and_start_nothing_that_was_not_read() {
    let keys = std::env::var("GONOGO_RANDOM_KEYS").ok().and_then(|keys| keys.parse().ok()).unwrap_or(KEYS);
    let runs = [
        (mixed(), (80, 24)),
        (ready_to_deploy(plan()), (120, 40)),
        (ready_to_deploy(staging_plan()), (80, 24)),
        (all_done().act(ALICE, Act::Verdict), (40, 12)),
    ];
    for (seed, (sample, size)) in (1..).zip(&runs) {
        let (mut random, mut timed) = (Random(seed), TimedScreen::new(sample, *size));
        let is_production = sample.state().plan.production;
        for nth in 0..keys / runs.len() {
            let before = timed.dialog.clone();
            let (event, wait) = (random.event(), Duration::from_millis(random.below(900).into()));
            for request in timed.event(event.clone(), wait) {
                let case = format!("seed {seed}, key {nth} {event:?}: {request:?}");
                let (_, since) = before.clone().unwrap_or_else(|| panic!("no dialog: {case}"));
                assert!(timed.at >= since + READING_TIME, "only just shown: {case}");
                let starts = matches!(request, Request::RunAction { start, .. } if !start.dry_run);
                assert!(!(starts && is_production), "in production: {case}");
            }
            timed.draw();
            if timed.screen.app.quit_state.stop_requested.is_some() {
                timed = TimedScreen::new(sample, *size);
            }
        }
    }
}

#[test]
fn keys_with_pauses_sign_and_start() {
    let mut run = TimedScreen::new(&ready_to_deploy(staging_plan()), (80, 24));
    for key in ['!', 'a'] {
        assert!(run.key(KeyCode::Char(key), READING_TIME).is_empty());
    }
    assert!(run.key(KeyCode::Char('y'), READING_TIME / 2).is_empty(), "too early");
    let started = run.key(KeyCode::Char('y'), READING_TIME);
    assert!(matches!(&started[..], [Request::RunAction { .. }]), "{started:?}");
    let mut confirmed = TimedScreen::new(&mixed(), (80, 24));
    for key in ['!', ' '] {
        assert!(confirmed.key(KeyCode::Char(key), READING_TIME).is_empty());
    }
    while confirmed.dialog.as_ref().is_some_and(|_| text(&confirmed.screen.draw()).contains(" more line")) {
        confirmed.key(KeyCode::PageDown, READING_TIME);
    }
    let signed = confirmed.key(KeyCode::Char('y'), READING_TIME);
    assert!(matches!(&signed[..], [Request::Act(_)]), "{signed:?}");
}

/// `Tab` shows another question, which has to be read, too.
#[test]
fn a_dry_run_that_was_only_just_chosen_does_not_start() {
    let mut run = TimedScreen::new(&ready_to_deploy(staging_plan()), (120, 40));
    for code in [KeyCode::Char('A'), KeyCode::Char('j'), KeyCode::Char('a'), KeyCode::Tab] {
        assert!(run.key(code, READING_TIME).is_empty());
    }
    assert!(text(&run.screen.draw()).contains("try rollback/"), "{}", text(&run.screen.draw()));
    assert!(run.key(KeyCode::Char('y'), READING_TIME / 2).is_empty(), "too early");
    let started = run.key(KeyCode::Char('y'), READING_TIME);
    assert!(matches!(&started[..], [Request::RunAction { start, .. }] if start.dry_run), "{started:?}");
}
