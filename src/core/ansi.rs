//! Terminal output of programs: colours are kept, all other escape sequences are dropped.

use vte::{Params, Parser, Perform};

use crate::text;

/// A colour, as SGR has it (ECMA-48, and what xterm added).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// One of 256.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// The style of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each one is an attribute that SGR sets by itself")]
pub struct Style {
    /// The text colour.
    pub fg: Option<Color>,
    /// The background colour.
    pub bg: Option<Color>,
    /// Bold.
    pub bold: bool,
    /// Faint.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Colours swapped.
    pub reverse: bool,
}

/// One line: styled parts, without any control character.
pub type Line = Vec<(Style, String)>;

/// The distance of tab stops, in columns.
const TAB: usize = 8;

/// The lines of a program's output. Text that a carriage return overwrites is not shown. An escape sequence ends with
/// its line at the latest, as in `less -R`: an unfinished one, by accident or on purpose, must not hide what follows.
#[must_use]
pub fn lines(bytes: &[u8]) -> Vec<Line> {
    let mut screen = ScreenBuffer::default();
    for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        Parser::new().advance(&mut screen, line);
        // An unfinished sequence swallows the line end.
        if line.ends_with(b"\n") && screen.lines.len() == number {
            screen.feed();
        }
    }
    if !screen.line.is_empty() {
        screen.feed();
    }
    screen.lines
}

/// The same without styles.
#[must_use]
pub fn plain(bytes: &[u8]) -> String {
    let line = |line: Line| line.into_iter().map(|(_, text)| text).collect::<String>();
    lines(bytes).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[derive(Default)]
struct ScreenBuffer {
    lines: Vec<Line>,
    line: Line,
    style: Style,
    /// After a carriage return, the next text overwrites the line.
    returned: bool,
}

impl ScreenBuffer {
    fn feed(&mut self) {
        self.lines.push(std::mem::take(&mut self.line));
        self.returned = false;
    }

    fn put(&mut self, text: &str) {
        if std::mem::take(&mut self.returned) {
            self.line.clear();
        }
        match self.line.last_mut() {
            Some((style, last)) if *style == self.style => last.push_str(text),
            _ => self.line.push((self.style, text.to_owned())),
        }
    }

    fn sgr(&mut self, params: &Params) {
        let mut codes = params.iter().flat_map(|param| param.iter().copied()).peekable();
        if codes.peek().is_none() {
            self.style = Style::default();
        }
        while let Some(code) = codes.next() {
            let style = &mut self.style;
            match code {
                0 => *style = Style::default(),
                1 => style.bold = true,
                2 => style.dim = true,
                3 => style.italic = true,
                4 => style.underline = true,
                7 => style.reverse = true,
                22 => (style.bold, style.dim) = (false, false),
                23 => style.italic = false,
                24 => style.underline = false,
                27 => style.reverse = false,
                30..=37 => style.fg = indexed(code - 30),
                38 => style.fg = extended(&mut codes).or(style.fg),
                39 => style.fg = None,
                40..=47 => style.bg = indexed(code - 40),
                48 => style.bg = extended(&mut codes).or(style.bg),
                49 => style.bg = None,
                90..=97 => style.fg = indexed(code - 90 + 8),
                100..=107 => style.bg = indexed(code - 100 + 8),
                _ => {}
            }
        }
    }
}

fn indexed(code: u16) -> Option<Color> {
    u8::try_from(code).ok().map(Color::Indexed)
}

fn extended(codes: &mut impl Iterator<Item = u16>) -> Option<Color> {
    let mut byte = || codes.next().and_then(|code| u8::try_from(code).ok());
    match byte()? {
        5 => Some(Color::Indexed(byte()?)),
        2 => Some(Color::Rgb(byte()?, byte()?, byte()?)),
        _ => None,
    }
}

impl Perform for ScreenBuffer {
    fn print(&mut self, c: char) {
        if text::is_harmful(c) {
            self.put(&text::line(c.encode_utf8(&mut [0; 4])));
        } else {
            self.put(c.encode_utf8(&mut [0; 4]));
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.feed(),
            b'\r' => self.returned = true,
            b'\t' => {
                let width: usize = self.line.iter().map(|(_, text)| text.chars().count()).sum();
                self.put(&" ".repeat(TAB - width % TAB));
            }
            8 => {
                if let Some((_, last)) = self.line.last_mut() {
                    last.pop();
                }
            }
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if action == 'm' && intermediates.is_empty() && !ignore {
            self.sgr(params);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_unended_sequence_hides_nothing_after_its_line() {
        for sequence in
            ["\x1b]0;title", "\x1bP", "\x1bP1$r", "\x1b_", "\x1b^", "\x1bX", "\x1b[", "\x1b[38;2", "\x1b"]
        {
            let shown = plain(format!("before\n{sequence}\nTHE REST\nof the output\n").as_bytes());
            assert_eq!(shown, "before\n\nTHE REST\nof the output", "{sequence:?}");
        }
    }

    /// Control sequences, and bytes in between.
    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let steering =
            prop::sample::select(b"\x1b]P_^X[0;$r\\m\x07\x18\x1a\x9b\x9c\x9d\x90\xe2\x80\r\n\t".to_vec());
        prop::collection::vec(prop_oneof![steering, any::<u8>()], 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn text_after_a_line_end_is_never_hidden(before in hostile(), after in hostile()) {
            let whole = [&before[..], b"\nTHE REST\n", &after[..]].concat();
            let line = before.split(|byte| *byte == b'\n').count();
            let shown = plain(&whole);
            prop_assert_eq!(shown.split('\n').nth(line), Some("THE REST"));
        }

        /// The pager finds the position of a line by that.
        #[test]
        fn every_line_end_ends_a_line(bytes in hostile()) {
            let ends = bytes.split(|byte| *byte == b'\n').count() - 1;
            let shown = lines(&bytes).len();
            prop_assert!(shown == ends || shown == ends + 1, "{} of {}", shown, ends);
        }
    }

    #[test]
    fn colours_stay_and_everything_else_goes() {
        let text = b"a\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b[2J\x1b[5;5Hb\x1bP1$r\x1b\\\x1b[?1049hc\xff\n\x1b[38;2;1;2;3mx";
        let shown = lines(text);
        let red = Style { fg: Some(Color::Indexed(1)), ..Style::default() };
        let own = Style { fg: Some(Color::Rgb(1, 2, 3)), ..Style::default() };
        let plain = |text: &str| (Style::default(), text.to_owned());
        assert_eq!(
            shown,
            [vec![plain("a"), (red, "red".into()), plain("bc\u{fffd}")], vec![(own, "x".into())]]
        );
    }

    #[test]
    fn an_overwritten_line_is_shown_in_its_last_state() {
        assert_eq!(plain(b"10%\r20%\r100%\r\ndone\r\n\ta\tb"), "100%\ndone\n        a       b");
        assert_eq!(plain("a\u{202e}b".as_bytes()), "a\\u{202e}b");
    }
}
