//! Which key means what, in one place.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for, on the main screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// One up, or to the panel above.
    Up,
    /// One down, or to the panel below.
    Down,
    /// To the panel on the left.
    Left,
    /// To the panel on the right.
    Right,
    /// To the next section.
    NextSection,
    /// To the section before.
    PreviousSection,
    /// To the section of that number, from 0.
    Section(usize),
    /// To the first point of the section, or the top of the detail.
    First,
    /// To the last point of the section, or the end of the detail.
    Last,
    /// The detail a page up.
    PageUp,
    /// The detail a page down.
    PageDown,
    /// The detail half a page up.
    HalfUp,
    /// The detail half a page down.
    HalfDown,
    /// Into the detail.
    Detail,
    /// Out of it again.
    Back,
    /// To the next point that needs a human.
    NextHuman,
    /// Show only some points.
    Filter,
    /// Confirm.
    Confirm,
    /// Waive.
    Waive,
    /// Call not applicable.
    Exempt,
    /// Take back.
    Retract,
    /// Say something.
    Note,
    /// Probe this point again.
    Probe,
    /// Probe again whatever is stale, wrong or missing.
    ProbeTroubled,
    /// Copy the reproduce command.
    Copy,
    /// Let the point's action run.
    Action,
    /// Stop the action that is at work.
    Stop,
    /// What the point's action has printed.
    Output,
    /// The way back.
    WayBack,
    /// Let the other operator act.
    Turn,
    /// Verdict and seal.
    Verdict,
    /// What works here.
    Help,
    /// Leave.
    Leave,
    /// Suspend the program.
    Suspend,
}

impl Intent {
    /// Whether it needs a point that is selected.
    pub const fn is_about_a_point(self) -> bool {
        matches!(
            self,
            Self::Confirm
                | Self::Waive
                | Self::Exempt
                | Self::Retract
                | Self::Note
                | Self::Probe
                | Self::Action
                | Self::Output
                | Self::Copy
        )
    }

    /// Whether it asks the engine for something.
    pub const fn changes(self) -> bool {
        self.asks_first() || matches!(self, Self::Probe | Self::ProbeTroubled | Self::Stop | Self::Turn)
    }

    /// Whether it opens a question, which is answered by typing.
    pub const fn asks_first(self) -> bool {
        matches!(self, Self::Confirm | Self::Waive | Self::Exempt | Self::Retract | Self::Note | Self::Action)
    }
}

/// What a key asks for on the main screen.
pub fn intent(key: KeyEvent) -> Option<Intent> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return control(key.code);
    }
    if key.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    moving(key.code).or_else(|| acting(key.code))
}

fn control(code: KeyCode) -> Option<Intent> {
    Some(match code {
        KeyCode::Char('c') => Intent::Leave,
        KeyCode::Char('z') => Intent::Suspend,
        KeyCode::Char('d') => Intent::HalfDown,
        KeyCode::Char('u') => Intent::HalfUp,
        KeyCode::Char('f') => Intent::PageDown,
        KeyCode::Char('b') => Intent::PageUp,
        _ => return None,
    })
}

fn moving(code: KeyCode) -> Option<Intent> {
    Some(match code {
        KeyCode::Up | KeyCode::Char('k') => Intent::Up,
        KeyCode::Down | KeyCode::Char('j') => Intent::Down,
        KeyCode::Left | KeyCode::Char('h') => Intent::Left,
        KeyCode::Right | KeyCode::Char('l') => Intent::Right,
        KeyCode::Tab => Intent::NextSection,
        KeyCode::BackTab => Intent::PreviousSection,
        KeyCode::Char(digit @ '1'..='9') => Intent::Section(digit as usize - '1' as usize),
        KeyCode::Home | KeyCode::Char('g') => Intent::First,
        KeyCode::End | KeyCode::Char('G') => Intent::Last,
        KeyCode::PageUp => Intent::PageUp,
        KeyCode::PageDown => Intent::PageDown,
        KeyCode::Enter => Intent::Detail,
        KeyCode::Esc => Intent::Back,
        KeyCode::Char('!') => Intent::NextHuman,
        KeyCode::Char('/') => Intent::Filter,
        _ => return None,
    })
}

fn acting(code: KeyCode) -> Option<Intent> {
    Some(match code {
        KeyCode::Char(' ') => Intent::Confirm,
        KeyCode::Char('w') => Intent::Waive,
        KeyCode::Char('x') => Intent::Exempt,
        KeyCode::Char('u') => Intent::Retract,
        KeyCode::Char('n') => Intent::Note,
        KeyCode::Char('r') => Intent::Probe,
        KeyCode::Char('R') => Intent::ProbeTroubled,
        KeyCode::Char('y') => Intent::Copy,
        KeyCode::Char('a') => Intent::Action,
        KeyCode::Char('S') => Intent::Stop,
        KeyCode::Char('o') => Intent::Output,
        KeyCode::Char('A') => Intent::WayBack,
        KeyCode::Char('p') => Intent::Turn,
        KeyCode::Char('v') => Intent::Verdict,
        KeyCode::Char('?') => Intent::Help,
        KeyCode::Char('q') => Intent::Leave,
        _ => return None,
    })
}

/// What a key says to a dialog that asks something or lists something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Do it.
    Yes,
    /// Leave it.
    No,
    /// The other thing that a verdict's dialog offers.
    Seal,
    /// The third thing that a verdict's dialog offers.
    Abandon,
    /// On: the next page of something, or away with it.
    On,
    /// Lines up (negative) or down.
    Scroll(isize),
}

/// What a key says to a dialog. Anything unknown says nothing, so that no slip of a finger decides.
pub fn answer(key: KeyEvent) -> Option<Answer> {
    if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return None;
    }
    Some(match key.code {
        KeyCode::Char('y' | 'Y') => Answer::Yes,
        KeyCode::Esc | KeyCode::Char('n' | 'N' | 'q' | '?') => Answer::No,
        KeyCode::Char('s') => Answer::Seal,
        KeyCode::Char('a') => Answer::Abandon,
        KeyCode::Enter => Answer::On,
        KeyCode::Up | KeyCode::Char('k') => Answer::Scroll(-1),
        KeyCode::Down | KeyCode::Char('j') => Answer::Scroll(1),
        KeyCode::PageUp => Answer::Scroll(-10),
        KeyCode::PageDown | KeyCode::Char(' ') => Answer::Scroll(10),
        _ => return None,
    })
}

/// What a key says to a prompt, beside what is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    /// This field is done.
    Done,
    /// To the other field.
    Other,
    /// Leave it.
    Away,
    /// Something typed.
    Text,
}

/// What a key says to a prompt.
pub const fn typing(key: KeyEvent) -> Typing {
    match key.code {
        KeyCode::Enter => Typing::Done,
        KeyCode::Tab | KeyCode::BackTab | KeyCode::Up | KeyCode::Down => Typing::Other,
        KeyCode::Esc => Typing::Away,
        _ => Typing::Text,
    }
}

/// One line of the help.
pub struct Binding {
    /// The keys as they are told.
    pub keys: &'static str,
    /// One of the intents behind them.
    pub intent: Intent,
    /// What they do.
    pub does: &'static str,
}

const fn bind(keys: &'static str, intent: Intent, does: &'static str) -> Binding {
    Binding { keys, intent, does }
}

/// Moving about.
pub const MOVING: &[Binding] = &[
    bind("arrows, hjkl", Intent::Up, "move"),
    bind("Tab, Shift-Tab", Intent::NextSection, "next, previous section"),
    bind("1–6", Intent::Section(0), "that section, as you left it"),
    bind("g, G", Intent::First, "first, last of the section"),
    bind("!", Intent::NextHuman, "next point that needs a human"),
    bind("/", Intent::Filter, "filter by id, title or state"),
    bind("Enter, Esc", Intent::Detail, "into the detail, out of it"),
    bind("PgUp, PgDn", Intent::PageUp, "scroll the detail"),
    bind("Ctrl-U, Ctrl-D", Intent::HalfUp, "the same by half a page"),
];

/// What the mouse does. It is no key, and works wherever it points.
pub const MOUSE: &[(&str, &str)] = &[
    ("click", "select a point, a section, the detail"),
    ("wheel", "move through what is under it"),
    ("Shift+drag", "select text, as the terminal does"),
];

/// Acting on the selected point.
pub const ACTING: &[Binding] = &[
    bind("space", Intent::Confirm, "confirm (sign) the evidence"),
    bind("w", Intent::Waive, "let it pass for a time"),
    bind("x", Intent::Exempt, "say it does not apply"),
    bind("u", Intent::Retract, "retract your own entry"),
    bind("n", Intent::Note, "add a note"),
    bind("r", Intent::Probe, "probe it again"),
    bind("y", Intent::Copy, "copy the command behind it"),
    bind("a", Intent::Action, "run its action; asks first"),
    bind("o", Intent::Output, "all that its action printed"),
];

/// Moving in the time of a log.
pub const REVIEW: &[(&str, &str)] = &[
    ("←, →", "previous, next entry"),
    ("[, ]", "previous, next signed entry"),
    ("Home, End", "the first entry, the last"),
    ("space", "play, or stop"),
    ("+, -", "play faster, slower"),
    ("f", "find in all entries"),
    ("n, N", "the next that was found, the one before"),
    ("t", "the entry and its attachment"),
];

/// For the whole run.
pub const RUN: &[Binding] = &[
    bind("R", Intent::ProbeTroubled, "probe all stale or in trouble"),
    bind("S", Intent::Stop, "stop the running action"),
    bind("A", Intent::WayBack, "abort: roll back"),
    bind("p", Intent::Turn, "switch operator"),
    bind("v", Intent::Verdict, "verdict and seal"),
    bind("q, Ctrl-C", Intent::Leave, "quit; the run stays open"),
    bind("Ctrl-Z", Intent::Suspend, "suspend"),
    bind("?", Intent::Help, "this help"),
];

/// The hint that is always among the others.
pub const HELP: (&str, &str) = ("?", "help");

/// Whether a key was pressed with Ctrl.
pub const fn is_control(key: KeyEvent) -> bool {
    key.modifiers.contains(KeyModifiers::CONTROL)
}
