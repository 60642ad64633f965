//! Replies of the terminal to the query for its background colour. They arrive among the keys, whole or in pieces, and
//! however late; none of their characters may act as a key.
//!
//! crossterm parses an OSC reply as keys: `ESC ]` is Alt-], the text is characters, and the end is Ctrl-G or Alt-\.
//! The reply to the query for the device attributes is parsed by crossterm, unless its `ESC` came alone.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use crate::tui::style::theme::ColorScheme;

/// The query for the background colour (OSC 11), and then for the device attributes (DA1), which every terminal
/// answers: <https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>.
pub const BACKGROUND_QUERY: &str = "\x1b]11;?\x1b\\\x1b[c";

/// How long an answer about the background is waited for. After that, a change of the colours would disturb.
pub const BACKGROUND_TIMEOUT: Duration = Duration::from_secs(1);

/// How long after the start an Esc can be the first character of a reply.
const REPLY_TIME: Duration = Duration::from_secs(10);
/// How long such an Esc is held.
const ESC_TIME: Duration = Duration::from_millis(250);
/// How long a reply can pause.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The maximum length of a colour: `rgba:ffff/ffff/ffff/ffff`.
const MAX_COLOR_LEN: usize = 24;

const COLOR_REPLY: &str = "\x1b]11;";
const ATTRIBUTES_REPLY: &str = "\x1b[?";
/// A reply that begins like this is no typed text.
const MIN_CERTAIN: usize = 3;

/// An event, and when it was read.
pub type TimedEvent = (Event, Instant);

/// Removes replies from the events.
#[derive(Debug, Default)]
pub struct ReplyFilter {
    /// Until when an Esc can be the first character of a reply.
    awaits_until: Option<Instant>,
    partial: Option<PartialReply>,
}

/// What may be the beginning of a reply.
#[derive(Debug)]
struct PartialReply {
    text: String,
    /// The keys of it, if it can still be typed.
    held: Vec<TimedEvent>,
    last: Instant,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReplyMatch {
    No,
    Partial,
    Complete(Option<ColorScheme>),
}

impl ReplyFilter {
    /// A filter for a session that starts now, and asks the terminal or not.
    pub fn new(asks: bool, now: Instant) -> Self {
        Self { awaits_until: asks.then(|| now + REPLY_TIME), partial: None }
    }

    /// Takes an event. Returns the events that are not part of a reply, and what a complete reply says.
    pub fn add(&mut self, event: Event, at: Instant) -> (Vec<TimedEvent>, Option<ColorScheme>) {
        let mut released = self.expire(at);
        let Some(key) = event.as_key_event() else {
            released.push((event, at));
            return (released, None);
        };
        if let Some(partial) = self.partial.take() {
            let text = reply_text(key).map(|text| format!("{}{text}", partial.text));
            match text.as_deref().map_or(ReplyMatch::No, match_reply) {
                ReplyMatch::Complete(scheme) => return (released, scheme),
                ReplyMatch::Partial => {
                    self.hold(text.unwrap_or_default(), partial.held, (event, at));
                    return (released, None);
                }
                ReplyMatch::No => released.extend(partial.held),
            }
        }
        match reply_text(key).filter(|text| self.can_start(text, at)) {
            Some(text) => self.hold(text, Vec::new(), (event, at)),
            None => released.push((event, at)),
        }
        (released, None)
    }

    /// Alt-] has no meaning for us, so it is always the start of a reply.
    fn can_start(&self, text: &str, at: Instant) -> bool {
        text == "\x1b]" || (text == "\x1b" && self.awaits_until.is_some_and(|until| at <= until))
    }

    fn hold(&mut self, text: String, mut held: Vec<TimedEvent>, event: TimedEvent) {
        let last = event.1;
        held.push(event);
        // Alt-] is one key.
        if text.len() >= MIN_CERTAIN || (held.len() == 1 && text.len() == 2) {
            held.clear();
        }
        self.partial = Some(PartialReply { text, held, last });
    }

    /// Returns the held keys if no reply followed. The rest of a reply is still recognised if it follows later.
    pub fn expire(&mut self, now: Instant) -> Vec<TimedEvent> {
        let Some(partial) = &mut self.partial else { return Vec::new() };
        let pause = now.saturating_duration_since(partial.last);
        let released = if pause >= ESC_TIME { std::mem::take(&mut partial.held) } else { Vec::new() };
        if pause >= MAX_PAUSE {
            self.partial = None;
        }
        released
    }

    /// How long to wait for the next event before [`Self::expire`]; `None` if nothing is held.
    pub fn wait(&self) -> Option<Duration> {
        self.partial.as_ref().filter(|partial| !partial.held.is_empty()).map(|_| ESC_TIME)
    }
}

/// The characters that the terminal has sent for a key, if they can be part of a reply.
fn reply_text(key: KeyEvent) -> Option<String> {
    let modifiers = key.modifiers.difference(KeyModifiers::SHIFT);
    match (key.code, modifiers) {
        (KeyCode::Esc, KeyModifiers::NONE) => Some("\x1b".into()),
        (KeyCode::Char('g'), KeyModifiers::CONTROL) => Some("\x07".into()),
        (KeyCode::Char(c @ (']' | '\\')), KeyModifiers::ALT) => Some(format!("\x1b{c}")),
        (KeyCode::Char(c), KeyModifiers::NONE) => Some(c.into()),
        _ => None,
    }
}

fn match_reply(text: &str) -> ReplyMatch {
    if COLOR_REPLY.starts_with(text) || ATTRIBUTES_REPLY.starts_with(text) {
        return ReplyMatch::Partial;
    }
    let is_attribute = |body: &str| body.bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
    if let Some(body) = text.strip_prefix(ATTRIBUTES_REPLY) {
        return match body.strip_suffix('c') {
            Some(body) if is_attribute(body) => ReplyMatch::Complete(None),
            None if is_attribute(body) => ReplyMatch::Partial,
            _ => ReplyMatch::No,
        };
    }
    text.strip_prefix(COLOR_REPLY).map_or(ReplyMatch::No, match_color)
}

fn match_color(body: &str) -> ReplyMatch {
    let is_color = |color: &str| {
        let is_part = |c: char| c.is_ascii_hexdigit() || "rgba:/#".contains(c);
        color.len() <= MAX_COLOR_LEN && color.chars().all(is_part)
    };
    match body.strip_suffix('\x07').or_else(|| body.strip_suffix("\x1b\\")) {
        Some(color) if is_color(color) => ReplyMatch::Complete(color_scheme(color)),
        None if is_color(body.strip_suffix('\x1b').unwrap_or(body)) => ReplyMatch::Partial,
        _ => ReplyMatch::No,
    }
}

/// The scheme for a background colour, as X11 writes it: `rgb:` and one to four hex digits for each part, or `#rrggbb`.
fn color_scheme(color: &str) -> Option<ColorScheme> {
    let parts: Vec<&str> = if let Some(("rgb" | "rgba", parts)) = color.split_once(':') {
        parts.split('/').collect()
    } else {
        let digits = color.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        vec![digits.get(..2)?, digits.get(2..4)?, digits.get(4..)?]
    };
    let (&[red, green, blue] | &[red, green, blue, _]) = parts.as_slice() else { return None };
    // Rec. 601 luma, in thousandths.
    let luma = part(red)? * 299 + part(green)? * 587 + part(blue)? * 114;
    Some(if luma > 500_000 { ColorScheme::Light } else { ColorScheme::Dark })
}

/// A part of a colour, in thousandths of its maximum.
fn part(digits: &str) -> Option<u32> {
    let max = 16_u32.checked_pow(u32::try_from(digits.len()).ok().filter(|len| (1..=4).contains(len))?)? - 1;
    Some(u32::from_str_radix(digits, 16).ok()? * 1000 / max)
}

/// The scheme that the variable `COLORFGBG` names, as rxvt and Konsole set it: `15;0`, the last is the background.
#[must_use]
pub fn scheme_of_colorfgbg(value: &str) -> Option<ColorScheme> {
    let background: u8 = value.rsplit(';').next()?.parse().ok()?;
    Some(if matches!(background, 7 | 9..=15) { ColorScheme::Light } else { ColorScheme::Dark })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(code, modifiers))
    }

    /// The events that crossterm makes of a reply that arrives in these pieces.
    fn events(pieces: &[&str]) -> Vec<Vec<Event>> {
        let piece = |piece: &&str| {
            let mut events = Vec::new();
            let mut rest = piece.chars().peekable();
            while let Some(c) = rest.next() {
                events.push(match c {
                    '\x1b' => match rest.next_if(|next| "]\\".contains(*next)) {
                        Some(next) => key(KeyCode::Char(next), KeyModifiers::ALT),
                        None => key(KeyCode::Esc, KeyModifiers::NONE),
                    },
                    '\x07' => key(KeyCode::Char('g'), KeyModifiers::CONTROL),
                    c if c.is_uppercase() => key(KeyCode::Char(c), KeyModifiers::SHIFT),
                    c => key(KeyCode::Char(c), KeyModifiers::NONE),
                });
            }
            events
        };
        pieces.iter().map(piece).collect()
    }

    /// What a filter makes of pieces that arrive one after another, the first `after` its start.
    fn filtered(pieces: &[&str], after: Duration, pause: Duration) -> (Vec<Event>, Vec<ColorScheme>) {
        let start = Instant::now();
        let mut filter = ReplyFilter::new(true, start);
        let (mut passed, mut schemes) = (Vec::new(), Vec::new());
        for (n, piece) in (0..).zip(events(pieces)) {
            let at = start + after + pause * n;
            passed.extend(filter.expire(at));
            for event in piece {
                let (released, scheme) = filter.add(event, at);
                passed.extend(released);
                schemes.extend(scheme);
            }
        }
        passed.extend(filter.expire(start + after + Duration::from_mins(1)));
        (passed.into_iter().map(|(event, _)| event).collect(), schemes)
    }

    const WHITE: &str = "\x1b]11;rgb:ffff/FFFF/ffff\x1b\\";

    #[test]
    fn no_character_of_a_reply_is_a_key_however_late_and_in_which_pieces() {
        let late = Duration::from_secs(3);
        for reply in [WHITE, "\x1b]11;rgb:ffff/ffff/ffff\x07"] {
            for at in 0..=reply.len() {
                let (first, second) = reply.split_at(at);
                let (passed, schemes) = filtered(&[first, second], late, Duration::from_millis(200));
                assert_eq!((passed, schemes), (vec![], vec![ColorScheme::Light]), "{first:?} {second:?}");
            }
            let bytes: Vec<String> = reply.chars().map(String::from).collect();
            let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
            assert_eq!(filtered(&bytes, late, Duration::from_millis(50)).0, [], "{reply:?}");
        }
        // The attributes, if their `ESC` came alone.
        assert_eq!(filtered(&["\x1b", "[?62;1;4c"], late, Duration::from_millis(50)), (vec![], vec![]));
        // Longer pauses: only the Esc is a key.
        let (passed, _) = filtered(&["\x1b", "]11;rgb:ff", "ff/ff/ff\x07"], late, Duration::from_secs(2));
        assert_eq!(passed, [key(KeyCode::Esc, KeyModifiers::NONE)]);
    }

    #[test]
    fn typed_keys_pass_and_end_what_looked_like_a_reply() {
        let ms = Duration::from_millis;
        for (pieces, expected) in [
            (["\x1b", "j"], vec!["\x1b", "j"]),
            (["\x1b", "\x1b"], vec!["\x1b", "\x1b"]),
            (["\x1b", "]j"], vec!["\x1b", "]", "j"]),
            (["]11;", "a"], vec!["]", "1", "1", ";", "a"]),
            // A reply that never ends takes only what can be a part of it.
            (["\x1b]11;rgb:ff", "j"], vec!["j"]),
        ] {
            let expected: Vec<Event> = events(&expected).concat();
            assert_eq!(filtered(&pieces, ms(0), ms(20)).0, expected, "{pieces:?}");
        }
        // Nothing is held once no reply can come.
        let mut filter = ReplyFilter::new(false, Instant::now());
        assert_eq!(filter.add(key(KeyCode::Esc, KeyModifiers::NONE), Instant::now()).0.len(), 1);
    }

    #[test]
    fn backgrounds_are_light_or_dark() {
        use ColorScheme::{Dark, Light};
        for (color, expected) in [
            ("rgb:ffff/ffff/ffff", Some(Light)),
            ("rgb:fdfd/f6f6/e3e3", Some(Light)),
            ("rgb:0000/2b2b/3636", Some(Dark)),
            ("rgb:1e/1e/1e", Some(Dark)),
            ("rgb:f/f/f", Some(Light)),
            ("rgba:ffff/ffff/ffff/8000", Some(Light)),
            ("#eeeeee", Some(Light)),
            ("#000000", Some(Dark)),
            ("rgb:ffff/ffff", None),
            ("rgb://", None),
            ("", None),
        ] {
            assert_eq!(color_scheme(color), expected, "{color}");
        }
        for (value, expected) in [
            ("15;0", Some(Dark)),
            ("0;15", Some(Light)),
            ("0;default;7", Some(Light)),
            ("15;8", Some(Dark)),
            ("x", None),
        ] {
            assert_eq!(scheme_of_colorfgbg(value), expected, "{value}");
        }
    }
}
