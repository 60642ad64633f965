//! The last inputs, kept to find out what led to a crash. They are written out when the program panics, for the owner
//! only. What is typed while a secret is asked for is only counted; of a pasted text only the length is kept.

use std::collections::VecDeque;
use std::sync::{Mutex, TryLockError};

use crossterm::event::{Event, KeyEventKind};
use serde::Serialize;

use crate::diagnostic;
use crate::time::Moment;

/// How many inputs are kept.
const MAX_INPUTS: usize = 1000;
/// The name of the file in the state directory.
const FILE: &str = "last-inputs.jsonl";

/// A panic can happen on any thread, and its hook takes no arguments.
static RECORDER: Mutex<InputRecorder> = Mutex::new(InputRecorder(VecDeque::new()));

/// One input, as it is written out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct RecordedInput {
    /// When, in milliseconds since the system was started.
    at: u64,
    #[serde(flatten)]
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "input", rename_all = "snake_case")]
enum What {
    Key {
        code: String,
        #[serde(skip_serializing_if = "String::is_empty")]
        modifiers: String,
    },
    Paste {
        bytes: usize,
    },
    Mouse {
        kind: String,
        column: u16,
        row: u16,
    },
    Resize {
        width: u16,
        height: u16,
    },
    /// What was typed while a secret was asked for.
    Secret {
        count: usize,
    },
}

/// The last inputs, the newest last.
#[derive(Debug, Default)]
struct InputRecorder(VecDeque<RecordedInput>);

impl InputRecorder {
    fn add(&mut self, event: &Event, is_secret: bool, now: &Moment) {
        let Some(what) = What::of(event, is_secret) else { return };
        if let (Some(RecordedInput { what: What::Secret { count }, .. }), What::Secret { .. }) =
            (self.0.back_mut(), &what)
        {
            *count += 1;
            return;
        }
        if self.0.len() == MAX_INPUTS {
            self.0.pop_front();
        }
        self.0.push_back(RecordedInput { at: now.mono, what });
    }

    /// One line of JSON for each.
    fn lines(&self) -> String {
        let lines = self.0.iter().filter_map(|input| serde_json::to_string(input).ok());
        lines.map(|line| line + "\n").collect()
    }
}

impl What {
    fn of(event: &Event, is_secret: bool) -> Option<Self> {
        Some(match event {
            Event::Key(key) if key.kind == KeyEventKind::Release => return None,
            Event::Key(_) | Event::Paste(_) if is_secret => Self::Secret { count: 1 },
            Event::Key(key) => {
                let modifiers =
                    if key.modifiers.is_empty() { String::new() } else { key.modifiers.to_string() };
                Self::Key { code: format!("{:?}", key.code), modifiers }
            }
            Event::Paste(text) => Self::Paste { bytes: text.len() },
            Event::Mouse(mouse) => {
                Self::Mouse { kind: format!("{:?}", mouse.kind), column: mouse.column, row: mouse.row }
            }
            Event::Resize(width, height) => Self::Resize { width: *width, height: *height },
            Event::FocusGained | Event::FocusLost => return None,
        })
    }
}

/// Keeps an input; of a secret, only that there was one.
pub fn record(event: &Event, is_secret: bool, now: &Moment) {
    if let Ok(mut recorder) = RECORDER.lock() {
        recorder.add(event, is_secret, now);
    }
}

/// Writes the last inputs out. Where they are, as it is told; nothing if there is none, or no place for them.
pub(in crate::tui) fn save() -> Option<String> {
    // Not waited for: the thread that panics may hold it.
    let lines = match RECORDER.try_lock() {
        Ok(recorder) => recorder.lines(),
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().lines(),
        Err(TryLockError::WouldBlock) => return None,
    };
    if lines.is_empty() { None } else { diagnostic::write_beside(FILE, lines.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;
    use crate::tui::tests::sample::Sample;

    fn key(c: char) -> Event {
        Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))
    }

    fn recorded(events: &[(Event, bool)]) -> InputRecorder {
        let mut recorder = InputRecorder::default();
        for (event, is_secret) in events {
            recorder.add(event, *is_secret, &Sample::moment(0));
        }
        recorder
    }

    #[test]
    fn of_a_secret_only_the_count_is_kept_and_of_a_paste_the_length() {
        let secret = "hunter2".chars().map(|c| (key(c), true));
        let pasted = [(Event::Paste("more of it".into()), true), (Event::Paste("text".into()), false)];
        let control = Event::Key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
        let events: Vec<_> = secret.chain(pasted).chain([(control, false)]).collect();
        let lines = recorded(&events).lines();
        let told: Vec<_> = lines.lines().collect();
        assert_eq!(
            told,
            [
                r#"{"at":0,"input":"secret","count":8}"#,
                r#"{"at":0,"input":"paste","bytes":4}"#,
                r#"{"at":0,"input":"key","code":"Char('u')","modifiers":"Control"}"#,
            ]
        );
    }

    #[test]
    fn the_last_thousand_are_kept() {
        let events: Vec<_> = (0..2500).map(|n| (Event::Resize(n, 1), false)).collect();
        let recorder = recorded(&events);
        assert_eq!(recorder.0.len(), MAX_INPUTS);
        let widths = |input: &RecordedInput| match input.what {
            What::Resize { width, .. } => width,
            _ => 0,
        };
        assert_eq!((recorder.0.front().map(widths), recorder.0.back().map(widths)), (Some(1500), Some(2499)));
    }
}
