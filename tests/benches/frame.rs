//! The time of one frame of the screen, 200 by 60 with six panels, against filling as many cells with text; and of a frame
//! for a run of thousands of points, against the first.

use std::hint::black_box;
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use gonogo::tui::{self, Appearance, ColorScheme, Host, Msg, Setup};
use gonogo_core::checklist::{Confirm, Point, Role};
use gonogo_core::journal::entry::EnrolledOperator;
use gonogo_core::run;
use ratatui::Terminal;
use ratatui::backend::{Backend, ClearType, TestBackend, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::Style;

use crate::measure::{Measured, alternate, median, millis, since, size};
use crate::sample::{ALICE, SampleRun, mixed, plan};

const SIZE: (u16, u16) = (200, 60);
const ROUNDS: usize = 9;
const FRAMES: usize = 200;
/// How many points a large run has.
const POINTS: usize = 4_000;

pub fn bench() {
    let sample = mixed();
    let (subject, reference) = alternate(ROUNDS, || session(&sample), buffer_fill);
    let aim = "at most 1.0x";
    Measured { name: "frame, 200x60", subject, reference: Some(reference), unit: "ms", aim }.report();
    let points = size(POINTS, 60);
    let large_run = with_points(points, |_| ());
    let (subject, reference) = alternate(ROUNDS, || session(&large_run), || session(&sample));
    let name = &format!("frame, {points} points");
    Measured { name, subject, reference: Some(reference), unit: "ms", aim: "against 27 points" }.report();
    // Each with a probe; the engine computes the due probes after every result. A plan of twice as many does not fit into an entry.
    let points = points / 2;
    let probe = plan().points().find_map(|point| point.probes.first().cloned()).unwrap();
    let probed = with_points(points, |point| point.probes.push(probe.clone()));
    let (subject, reference) = alternate(ROUNDS, || due_probes_time(&probed), || due_probes_time(&sample));
    let name = &format!("due probes, {points}");
    Measured { name, subject, reference: Some(reference), unit: "ms", aim: "against 27 points" }.report();
}

/// The time that the engine takes to find the due probes.
fn due_probes_time(sample: &SampleRun) -> f64 {
    let (state, now) = (sample.shared(), sample.now());
    black_box(run::due_probes(&state, &now));
    median((0..size(FRAMES, 4)).map(|_| millis(|| _ = black_box(run::due_probes(&state, &now)))).collect())
}

/// A run whose sections have this many points in total.
fn with_points(points: usize, with: impl Fn(&mut Point)) -> SampleRun {
    let mut plan = plan();
    let each = points / plan.sections.len();
    for section in &mut plan.sections {
        let mut point = section.points[0].clone();
        (point.after, point.due, point.probes, point.actions) = Default::default();
        (point.why, point.confirm) = ("w".into(), Confirm::One);
        with(&mut point);
        let ids = (section.points.len()..each).map(|n| format!("{}.{n}", section.id));
        section.points.extend(ids.map(|id| Point { id, ..point.clone() }).collect::<Vec<_>>());
    }
    SampleRun::new(plan)
}

/// The median frame time of a session, from the state to the changed cells.
fn session(sample: &SampleRun) -> f64 {
    let (send, messages) = channel();
    let started = Arc::new(Mutex::new(Instant::now()));
    let backend = TimedBackend {
        cells: TestBackend::new(SIZE.0, SIZE.1),
        started: Arc::clone(&started),
        took: Arc::default(),
        send,
    };
    let took = Arc::clone(&backend.took);
    let mut terminal = Terminal::new(backend).unwrap();
    let setup = setup(sample, started);
    let ended = tui::run(&mut terminal, &mut NoHost, &setup, sample.shared(), &messages, &mut |_| {});
    assert_eq!(ended.unwrap_err().to_string(), "enough");
    let shown = format!("{}", terminal.backend().cells);
    assert!(shown.contains("6 Rollback plan"), "{shown}");
    median(std::mem::take(&mut took.lock().unwrap()))
}

fn setup(sample: &SampleRun, started: Arc<Mutex<Instant>>) -> Setup {
    let now = sample.now();
    // The screen reads the clock right before it draws.
    let clock = move || {
        *started.lock().unwrap() = Instant::now();
        now.clone()
    };
    Setup {
        operator: EnrolledOperator {
            principal: ALICE.into(),
            key: format!("ssh-ed25519 {ALICE}"),
            role: Role::Driver,
        },
        log_name: "20260921T141320Z.jsonl".into(),
        directory: "/home/alice/deploy".into(),
        ends_with_session: false,
        faults: Vec::new(),
        appearance: Appearance { color_scheme: ColorScheme::Dark, ascii: false, color: true },
        clock: Box::new(clock),
        review: None,
        last_sealed: None,
        unlock: Arc::new(|_| Err("no key here".into())),
        notices: Vec::new(),
        outputs: None,
        read_only: false,
    }
}

/// The median time of as many fills of a buffer.
fn buffer_fill() -> f64 {
    let text = "a".repeat(usize::from(SIZE.0));
    let fill = || {
        let mut buffer = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
        (0..SIZE.1).for_each(|row| buffer.set_string(0, row, &text, Style::new()));
        black_box(buffer);
    };
    median((0..size(FRAMES, 4)).map(|_| millis(fill)).collect())
}

struct NoHost;

impl Host for NoHost {
    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn resume(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn copy_to_clipboard(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }
}

/// Measures every frame, and presses a key for the next one.
struct TimedBackend {
    cells: TestBackend,
    started: Arc<Mutex<Instant>>,
    took: Arc<Mutex<Vec<f64>>>,
    send: Sender<Msg>,
}

impl Backend for TimedBackend {
    type Error = io::Error;

    fn flush(&mut self) -> io::Result<()> {
        let mut took = self.took.lock().unwrap();
        took.push(since(*self.started.lock().unwrap()));
        if took.len() > size(FRAMES, 4) {
            return Err(io::Error::other("enough"));
        }
        // Each key selects another point, or another panel.
        let key = KeyEvent::new(KeyCode::Tab, KeyModifiers::NONE);
        let down = KeyEvent::new(KeyCode::Char('j'), KeyModifiers::NONE);
        let key = if took.len().is_multiple_of(4) { key } else { down };
        self.send.send(Msg::Input(Event::Key(key))).map_err(io::Error::other)
    }

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        self.cells.draw(content).map_err(io::Error::other)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.cells.hide_cursor().map_err(io::Error::other)
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.cells.show_cursor().map_err(io::Error::other)
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.cells.get_cursor_position().map_err(io::Error::other)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.cells.set_cursor_position(position).map_err(io::Error::other)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.cells.clear().map_err(io::Error::other)
    }

    fn clear_region(&mut self, kind: ClearType) -> io::Result<()> {
        self.cells.clear_region(kind).map_err(io::Error::other)
    }

    fn size(&self) -> io::Result<Size> {
        self.cells.size().map_err(io::Error::other)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.cells.window_size().map_err(io::Error::other)
    }
}
