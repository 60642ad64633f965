//! A recorder of the last inputs, for the diagnosis of crashes. On a panic, they are written to a file that only its
//! owner can read. Of a secret, only the number of inputs is recorded; of pasted text, only the length.

use std::collections::VecDeque;
use std::sync::{Mutex, TryLockError};

use crossterm::event::{Event, KeyEventKind};
use serde::Serialize;

use crate::diagnostic;
use gonogo_core::time::Moment;

/// The number of inputs that are kept.
const MAX_INPUTS: usize = 1000;
/// The name of the file in the state directory.
const FILE_NAME: &str = "last-inputs.jsonl";

/// Static, because the panic hook runs on any thread and takes no arguments.
static RECORDER: Mutex<InputRecorder> = Mutex::new(InputRecorder(VecDeque::new()));

/// An input, as it is written to the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct RecordedInput {
    /// When, in milliseconds since the system was started.
    at: u64,
    #[serde(flatten)]
    input: InputKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "input", rename_all = "snake_case")]
enum InputKind {
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
    /// Inputs while a secret was asked for.
    Secret {
        count: usize,
    },
}

/// The last inputs, the newest last.
#[derive(Debug, Default)]
struct InputRecorder(VecDeque<RecordedInput>);

impl InputRecorder {
    fn add(&mut self, event: &Event, is_secret: bool, now: &Moment) {
        let Some(input) = InputKind::of(event, is_secret) else { return };
        if let (Some(RecordedInput { input: InputKind::Secret { count }, .. }), InputKind::Secret { .. }) =
            (self.0.back_mut(), &input)
        {
            *count += 1;
            return;
        }
        if self.0.len() == MAX_INPUTS {
            self.0.pop_front();
        }
        self.0.push_back(RecordedInput { at: now.mono, input });
    }

    /// One line of JSON for each input.
    fn lines(&self) -> String {
        let lines = self.0.iter().filter_map(|input| serde_json::to_string(input).ok());
        lines.map(|line| line + "\n").collect()
    }
}

impl InputKind {
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

/// Records an input.
pub fn record(event: &Event, is_secret: bool, now: &Moment) {
    if let Ok(mut recorder) = RECORDER.lock() {
        recorder.add(event, is_secret, now);
    }
}

/// Writes the last inputs to a file, and returns its name for display. `None` if there are no inputs or the file cannot
/// be written.
pub(in crate::tui) fn save() -> Option<String> {
    // Does not block: the panicking thread may hold the lock.
    let lines = match RECORDER.try_lock() {
        Ok(recorder) => recorder.lines(),
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().lines(),
        Err(TryLockError::WouldBlock) => return None,
    };
    if lines.is_empty() { None } else { diagnostic::write_beside(FILE_NAME, lines.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;
    use crate::tui::tests::sample::SampleRun;

    fn key(c: char) -> Event {
        Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))
    }

    fn recorded(events: &[(Event, bool)]) -> InputRecorder {
        let mut recorder = InputRecorder::default();
        for (event, is_secret) in events {
            recorder.add(event, *is_secret, &SampleRun::moment(0));
        }
        recorder
    }

    #[test]
    fn secrets_are_counted_and_pastes_measured() {
        let secret = "hunter2".chars().map(|c| (key(c), true));
        let pasted = [(Event::Paste("more of it".into()), true), (Event::Paste("text".into()), false)];
        let control = Event::Key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
        let events: Vec<_> = secret.chain(pasted).chain([(control, false)]).collect();
        let lines = recorded(&events).lines();
        let recorded: Vec<_> = lines.lines().collect();
        assert_eq!(
            recorded,
            [
                r#"{"at":0,"input":"secret","count":8}"#,
                r#"{"at":0,"input":"paste","bytes":4}"#,
                r#"{"at":0,"input":"key","code":"Char('u')","modifiers":"Control"}"#,
            ]
        );
    }

    #[test]
    fn the_last_thousand_inputs_are_kept() {
        let events: Vec<_> = (0..2500).map(|n| (Event::Resize(n, 1), false)).collect();
        let recorder = recorded(&events);
        assert_eq!(recorder.0.len(), MAX_INPUTS);
        let widths = |input: &RecordedInput| match input.input {
            InputKind::Resize { width, .. } => width,
            _ => 0,
        };
        assert_eq!((recorder.0.front().map(widths), recorder.0.back().map(widths)), (Some(1500), Some(2499)));
    }
}
