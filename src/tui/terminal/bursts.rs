//! Tells typed keys from pasted text. A terminal without bracketed paste sends pasted text as keys, faster than anybody
//! types.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::tui::terminal::replies::TimedEvent;

/// The longest pause within a burst. Held keys repeat more slowly, at most every 25 ms.
const MAX_GAP: Duration = Duration::from_millis(10);
/// The smallest number of characters of a burst.
const MIN_CHARACTERS: usize = 8;
/// How long after a burst another, smaller group belongs to the same paste: a network splits what was sent at once.
const TAIL_TIME: Duration = Duration::from_millis(100);
/// The smallest number of characters of such a group.
const MIN_TAIL: usize = 3;
/// A longer burst is split, so that it takes little memory.
const MAX_HELD: usize = 64 * 1024;

/// Holds keys that produce text until it is clear whether they were typed.
#[derive(Debug, Default)]
pub struct BurstFilter {
    held: Vec<(KeyEvent, Instant)>,
    /// When the last burst ended.
    last_burst: Option<Instant>,
}

impl BurstFilter {
    /// Takes an event. Returns the events that are decided: typed keys as they are, and a burst as one paste.
    pub fn add(&mut self, event: Event, at: Instant) -> Vec<TimedEvent> {
        let is_new_group =
            self.held.last().is_some_and(|(_, last)| at.saturating_duration_since(*last) > MAX_GAP);
        let mut decided =
            if is_new_group || self.held.len() >= MAX_HELD { self.decide() } else { Vec::new() };
        match event {
            Event::Key(key) if text_character(key).is_some() => self.held.push((key, at)),
            // These are not typed, and can come at any time.
            Event::Resize(..) | Event::FocusGained | Event::FocusLost => decided.push((event, at)),
            other => {
                decided.extend(self.decide());
                decided.push((other, at));
            }
        }
        decided
    }

    /// Returns the held keys if no other has followed.
    pub fn expire(&mut self, now: Instant) -> Vec<TimedEvent> {
        let is_over =
            self.held.last().is_some_and(|(_, last)| now.saturating_duration_since(*last) >= MAX_GAP);
        if is_over { self.decide() } else { Vec::new() }
    }

    /// How long to wait for the next event before [`Self::expire`]; `None` if nothing is held.
    pub fn wait(&self) -> Option<Duration> {
        (!self.held.is_empty()).then_some(MAX_GAP)
    }

    fn decide(&mut self) -> Vec<TimedEvent> {
        let held = std::mem::take(&mut self.held);
        let (Some((_, first)), Some((_, last))) = (held.first().copied(), held.last().copied()) else {
            return Vec::new();
        };
        let characters =
            held.iter().filter(|(key, _)| key.modifiers.difference(KeyModifiers::SHIFT).is_empty());
        let characters = characters.filter(|(key, _)| matches!(key.code, KeyCode::Char(_))).count();
        let follows = self.last_burst.is_some_and(|end| first.saturating_duration_since(end) <= TAIL_TIME);
        let is_burst = characters >= MIN_CHARACTERS || (follows && characters >= MIN_TAIL);
        if !is_burst || is_held_movement_key(&held) {
            return held.into_iter().map(|(key, at)| (Event::Key(key), at)).collect();
        }
        self.last_burst = Some(last);
        let text = held.iter().filter_map(|(key, _)| text_character(*key)).collect();
        vec![(Event::Paste(text), last)]
    }
}

/// The character that a key adds to a text. A line feed arrives as Ctrl-J.
fn text_character(key: KeyEvent) -> Option<char> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    match (key.code, key.modifiers.difference(KeyModifiers::SHIFT)) {
        (KeyCode::Char(c), KeyModifiers::NONE) => Some(c),
        (KeyCode::Enter, KeyModifiers::NONE) | (KeyCode::Char('j'), KeyModifiers::CONTROL) => Some('\n'),
        (KeyCode::Tab, KeyModifiers::NONE) => Some('\t'),
        _ => None,
    }
}

/// Whether it is one movement key, held down on a connection that delivers its repeats together.
fn is_held_movement_key(held: &[(KeyEvent, Instant)]) -> bool {
    let code = held.first().map(|(key, _)| key.code);
    matches!(code, Some(KeyCode::Char('h' | 'j' | 'k' | 'l')))
        && held.iter().all(|(key, _)| Some(key.code) == code && key.modifiers.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(c: char) -> KeyEvent {
        match c {
            '\r' => KeyCode::Enter.into(),
            '\t' => KeyCode::Tab.into(),
            '\n' => KeyEvent::new(KeyCode::Char('j'), KeyModifiers::CONTROL),
            '\x03' => KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
            '\x1b' => KeyCode::Esc.into(),
            c => KeyCode::Char(c).into(),
        }
    }

    /// What reaches the screen: keys as they are, pastes in brackets.
    fn received(groups: &[(u64, &str, u64)]) -> String {
        let (start, mut filter, mut received) = (Instant::now(), BurstFilter::default(), String::new());
        let mut ms = 0;
        for (pause, keys, gap) in groups {
            ms += pause;
            for c in keys.chars() {
                let at = start + Duration::from_millis(ms);
                received += &shown(filter.expire(at).into_iter().chain(filter.add(Event::Key(key(c)), at)));
                ms += gap;
            }
        }
        received + &shown(filter.expire(start + Duration::from_mins(1)).into_iter())
    }

    fn shown(events: impl Iterator<Item = TimedEvent>) -> String {
        let shown = |(event, _)| match event {
            Event::Paste(text) => format!("[{text}]"),
            Event::Key(KeyEvent { code: KeyCode::Char('j'), modifiers: KeyModifiers::CONTROL, .. }) => {
                "\n".into()
            }
            Event::Key(KeyEvent { code: KeyCode::Char('c'), modifiers: KeyModifiers::CONTROL, .. }) => {
                "\x03".into()
            }
            Event::Key(key) => match key.code {
                KeyCode::Enter => "\r".into(),
                KeyCode::Esc => "\x1b".into(),
                KeyCode::Tab => "\t".into(),
                code => code.as_char().map(String::from).unwrap_or_default(),
            },
            other => format!("{other:?}"),
        };
        events.map(shown).collect()
    }

    #[test]
    fn a_burst_is_one_paste_and_everything_else_keys() {
        for (what, groups, expected) in [
            ("pasted at once", &[(0, "n line one\ry", 0)][..], "[n line one\ny]"),
            ("over a serial line", &[(0, "hold on, yes", 9)], "[hold on, yes]"),
            ("typed fast", &[(0, "confirm all", 11)], "confirm all"),
            ("a key held down", &[(0, "yyyyyyyyyyyy", 25)], "yyyyyyyyyyyy"),
            ("a movement key held down, delivered at once", &[(0, "jjjjjjjjjjjj", 0)], "jjjjjjjjjjjj"),
            ("seven characters", &[(0, "staging\r\r", 0)], "staging\r\r"),
            ("line feeds and tabs", &[(0, "a\tb\nc d e f g", 0)], "[a\tb\nc d e f g]"),
            ("a typed answer after it", &[(0, "pasted text", 0), (20, "\r", 0)], "[pasted text]\r"),
            ("split by a network", &[(0, "pasted te", 0), (30, "xt\ry", 0)], "[pasted te][xt\ny]"),
            ("typed long after it", &[(0, "pasted text", 0), (200, "nyq", 0)], "[pasted text]nyq"),
            ("no text within it", &[(0, "pasted text\x03", 0)], "[pasted text]\x03"),
            ("Esc before it", &[(0, "\x1bpasted text", 0)], "\x1b[pasted text]"),
        ] {
            assert_eq!(received(groups), expected, "{what}");
        }
    }

    #[test]
    fn keys_are_held_no_longer_than_a_gap() {
        let (start, mut filter) = (Instant::now(), BurstFilter::default());
        assert_eq!(filter.wait(), None);
        assert!(filter.add(Event::Key(key('y')), start).is_empty());
        assert_eq!(filter.wait(), Some(MAX_GAP));
        assert_eq!(filter.add(Event::Resize(80, 24), start), [(Event::Resize(80, 24), start)]);
        assert_eq!(filter.expire(start + MAX_GAP), [(Event::Key(key('y')), start)]);
        // Keys that are not text are not held, nor is what came before them.
        filter.add(Event::Key(key('y')), start);
        assert_eq!(filter.add(Event::Key(key('\x1b')), start).len(), 2);
        assert_eq!(filter.wait(), None);
    }

    #[test]
    fn a_long_burst_is_split() {
        let (start, mut filter) = (Instant::now(), BurstFilter::default());
        let pastes = (0..2 * MAX_HELD + 8).flat_map(|_| filter.add(Event::Key(key('x')), start)).count();
        assert_eq!((pastes, filter.expire(start + MAX_GAP).len()), (2, 1));
    }
}
