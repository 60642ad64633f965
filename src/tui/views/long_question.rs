//! A question about a text that may be longer than the screen: yes is an answer only once all of the text has been shown.

use std::io;
use std::ops::Range;
use std::time::Instant;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::size;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::tui::Host as _;
use crate::tui::layers::READING_TIME;
use crate::tui::style::symbols;
use crate::tui::style::text::{cells, fold, wrap};
use crate::tui::style::theme::{Appearance, StyleRole, Theme};
use crate::tui::terminal::TerminalGuard;
use crate::tui::terminal::input_filter::{FilteredInput, InputFilter, read_event};

/// Why yes is no answer yet.
const NOT_READ: &str = "y is taken at the end of the list; Space shows the next page";
/// Why yes was no answer.
const TOO_EARLY: &str = "key ignored: the end has only just been shown; press it again";
/// The keys before the end.
const KEYS: &str = "Space next page · b page back · ↑ ↓ line · n no";
/// The keys where all of it has been shown, and the end is not on the screen: after a resize, or a page back.
const KEYS_AFTER_END: &str = "all of it was shown · y allow · n no · Space next page";
/// The keys at the end.
const KEYS_AT_END: &str = "end of the list · y allow · n no · b page back";

/// Whether a text and the question below it fit on the terminal at once.
#[must_use]
pub fn fits(text: &str, question: &str) -> bool {
    let Ok((columns, rows)) = size() else { return false };
    let height = |line: &str| fold(vec![Span::raw(line.to_owned())], usize::from(columns)).len();
    text.lines().chain([question]).map(height).sum::<usize>() <= usize::from(rows)
}

/// Shows the text in pages, and asks. What was typed before is dropped. Whether the answer is yes.
///
/// # Errors
/// If there is no terminal, or it is closed.
pub fn ask(appearance: Appearance, text: &str, question: &str) -> io::Result<bool> {
    let mut guard = TerminalGuard::acquire()?;
    let mut terminal = guard.terminal()?;
    let mut pages = LongQuestion::new(appearance, text, question);
    let mut filter = InputFilter::new(false);
    terminal.draw(|frame| pages.draw(frame, Instant::now()))?;
    loop {
        for input in filter.read(None, &mut read_event)? {
            let FilteredInput::Event(event, at) = input else { continue };
            let step = match event {
                Event::Key(key) => pages.key(key, at),
                _ => QuestionStep::Continue,
            };
            match step {
                QuestionStep::Continue => {}
                QuestionStep::Suspend => {
                    guard.suspend()?;
                    terminal.clear()?;
                }
                QuestionStep::Answered(is_yes) => return Ok(is_yes),
            }
            // After each key: a page that was not drawn was not shown.
            terminal.draw(|frame| pages.draw(frame, Instant::now()))?;
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum QuestionStep {
    Continue,
    Suspend,
    Answered(bool),
}

/// A place in the text: a line, and a row of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    line: usize,
    row: usize,
}

struct LongQuestion<'a> {
    text: Vec<&'a str>,
    question: &'a str,
    appearance: Appearance,
    /// The text, folded for the screen's width.
    rows: Vec<(Place, Line<'static>)>,
    width: u16,
    /// How many rows were drawn last.
    height: usize,
    /// The first row on the screen.
    first: Place,
    /// The first row that has not been on the screen.
    unseen: Place,
    /// When the last row was first on the screen, or when yes was refused since.
    seen_at: Option<Instant>,
    notice: Option<&'static str>,
}

impl<'a> LongQuestion<'a> {
    fn new(appearance: Appearance, text: &'a str, question: &'a str) -> Self {
        Self {
            text: text.trim_end().lines().collect(),
            question,
            appearance,
            rows: Vec::new(),
            width: 0,
            height: 0,
            first: Place::default(),
            unseen: Place::default(),
            seen_at: None,
            notice: None,
        }
    }

    fn key(&mut self, key: KeyEvent, at: Instant) -> QuestionStep {
        if key.kind == KeyEventKind::Release {
            return QuestionStep::Continue;
        }
        self.notice = None;
        match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
            (KeyCode::Char('c'), true) | (KeyCode::Char('n' | 'q') | KeyCode::Esc, false) => {
                return QuestionStep::Answered(false);
            }
            (KeyCode::Char('z'), true) => return QuestionStep::Suspend,
            (KeyCode::Char('y'), false) => return self.yes(at),
            (KeyCode::Char(' ' | 'f') | KeyCode::PageDown | KeyCode::Enter, false) => self.down(self.height),
            (KeyCode::Char('b') | KeyCode::PageUp, false) => self.up(self.height),
            (KeyCode::Char('j') | KeyCode::Down, false) => self.down(self.height.min(1)),
            (KeyCode::Char('k') | KeyCode::Up, false) => self.up(1),
            _ => {}
        }
        QuestionStep::Continue
    }

    /// Yes, if all of the text has been shown, and its end for long enough to read it. A key that is held never says so.
    fn yes(&mut self, at: Instant) -> QuestionStep {
        match &mut self.seen_at {
            None => self.notice = Some(NOT_READ),
            Some(seen_at) if at < *seen_at + READING_TIME => {
                *seen_at = (*seen_at).max(at);
                self.notice = Some(TOO_EARLY);
            }
            Some(_) => return QuestionStep::Answered(true),
        }
        QuestionStep::Continue
    }

    fn index_of(&self, place: Place) -> usize {
        self.rows.partition_point(|(at, _)| *at < place)
    }

    /// The place of a row; for the one after the last row, that after the last line.
    fn place(&self, index: usize) -> Place {
        self.rows.get(index).map_or(Place { line: self.text.len(), row: 0 }, |(place, _)| *place)
    }

    fn down(&mut self, rows: usize) {
        self.first = self.place(self.index_of(self.first) + rows);
    }

    fn up(&mut self, rows: usize) {
        self.first = self.place(self.index_of(self.first).saturating_sub(rows));
    }

    /// Folds the text for a width. Of a line that was in part on a screen of another width, all rows count as unseen.
    fn resize(&mut self, width: u16) {
        if self.width == width {
            return;
        }
        (self.width, self.first.row, self.unseen.row) = (width, 0, 0);
        let rows = |(line, text): (usize, &&str)| {
            let folded = fold(vec![Span::raw((*text).to_owned())], usize::from(width));
            folded.into_iter().enumerate().map(move |(row, text)| (Place { line, row }, text))
        };
        self.rows = self.text.iter().enumerate().flat_map(rows).collect();
    }

    /// Records which rows are on the screen now: from the first one, as many as there is room for.
    fn mark_shown(&mut self, height: usize, now: Instant) -> Range<usize> {
        let start = self.index_of(self.first).min(self.rows.len().saturating_sub(height));
        let end = (start + height).min(self.rows.len());
        (self.first, self.height) = (self.place(start), height);
        if (start..end).contains(&self.index_of(self.unseen)) {
            self.unseen = self.place(end);
        }
        if self.unseen.line >= self.text.len() {
            self.seen_at.get_or_insert(now);
        }
        start..end
    }

    fn draw(&mut self, frame: &mut Frame, now: Instant) {
        let theme = Theme::new(self.appearance);
        let width = usize::from(frame.area().width);
        let question = wrap(vec![Span::styled(format!(" {}", self.question), Theme::strong())], width, 1);
        let [top, body, below, bottom] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Min(0),
            Constraint::Length(cells(question.len())),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        self.resize(frame.area().width);
        let shown = self.mark_shown(usize::from(body.height), now);
        let head =
            format!(" gonogo  lines {}–{} of {}", shown.start + 1, shown.end.max(1), self.rows.len().max(1));
        frame.render_widget(Paragraph::new(head).style(theme.header()), top);
        let is_at_end = shown.end == self.rows.len();
        let lines: Vec<Line> = self.rows[shown].iter().map(|(_, line)| line.clone()).collect();
        frame.render_widget(Paragraph::new(lines), body);
        frame.render_widget(Paragraph::new(question), below);
        let keys = match self.seen_at {
            Some(_) if is_at_end => KEYS_AT_END,
            Some(_) => KEYS_AFTER_END,
            None => KEYS,
        };
        let keys = match self.notice {
            Some(notice) => Span::styled(format!(" {notice}"), theme.style(StyleRole::Failed)),
            None => Span::styled(format!(" {keys}"), theme.dim()),
        };
        frame.render_widget(Paragraph::new(keys), bottom);
        if self.appearance.ascii {
            symbols::to_ascii(frame.buffer_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    const QUESTION: &str = "Allow this (100 lines)?";

    fn text() -> String {
        let lines: Vec<_> = (1..=100).map(|number| format!("  runs command {number}")).collect();
        lines.join("\n")
    }

    /// The question on a screen, with a clock that moves by hand.
    struct Screen<'a> {
        pages: LongQuestion<'a>,
        terminal: Terminal<TestBackend>,
        now: Instant,
    }

    impl<'a> Screen<'a> {
        fn open(text: &'a str, width: u16, height: u16) -> Self {
            let pages = LongQuestion::new(Appearance::default(), text, QUESTION);
            let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            let mut screen = Self { pages, terminal, now: Instant::now() };
            screen.draw();
            screen
        }

        fn draw(&mut self) -> String {
            self.terminal.draw(|frame| self.pages.draw(frame, self.now)).unwrap();
            self.terminal.backend().to_string()
        }

        fn resize(&mut self, width: u16, height: u16) -> String {
            self.terminal.backend_mut().resize(width, height);
            self.draw()
        }

        /// A key, so long after the last one.
        fn press(&mut self, code: KeyCode, later: Duration) -> (QuestionStep, String) {
            self.now += later;
            let step = self.pages.key(KeyEvent::from(code), self.now);
            (step, self.draw())
        }
    }

    const SPACE: KeyCode = KeyCode::Char(' ');
    const YES: KeyCode = KeyCode::Char('y');

    #[test]
    fn yes_is_taken_only_once_all_pages_were_shown() {
        let text = text();
        let mut screen = Screen::open(&text, 80, 24);
        assert!(screen.draw().contains("runs command 21 ") && screen.draw().contains("lines 1–21 of 100"));
        for first in [1, 22, 43, 64] {
            let (step, shown) = screen.press(YES, READING_TIME);
            assert_eq!(step, QuestionStep::Continue);
            assert!(shown.contains(NOT_READ), "{first}: {shown}");
            let (_, shown) = screen.press(SPACE, READING_TIME);
            assert!(!shown.contains(NOT_READ), "{shown}");
        }
        let shown = screen.draw();
        assert!(shown.contains("end of the list") && shown.contains("runs command 100"), "{shown}");
        assert_eq!(screen.press(YES, READING_TIME).0, QuestionStep::Answered(true));
        // Back from there, it has been shown all the same.
        let (_, shown) = screen.press(KeyCode::PageUp, READING_TIME);
        assert!(shown.contains("all of it was shown") && !shown.contains("end of the list"), "{shown}");
        assert_eq!(screen.press(YES, READING_TIME).0, QuestionStep::Answered(true));
    }

    #[test]
    fn a_key_that_is_held_says_nothing() {
        let text = text();
        let mut screen = Screen::open(&text, 80, 200);
        let repeat = Duration::from_millis(38);
        for _ in 0..100 {
            let (step, shown) = screen.press(YES, repeat);
            assert_eq!(step, QuestionStep::Continue);
            assert!(shown.contains(TOO_EARLY), "{shown}");
        }
        assert_eq!(screen.press(YES, READING_TIME).0, QuestionStep::Answered(true));
    }

    #[test]
    fn rows_that_a_resize_pushed_off_the_screen_are_still_to_be_shown() {
        let text = text();
        let mut screen = Screen::open(&text, 80, 103);
        // Two rows too few.
        screen.resize(80, 101);
        let mut screen_cut = Screen::open(&text, 80, 101);
        assert_eq!(screen_cut.press(YES, READING_TIME).0, QuestionStep::Continue);
        // What was on the larger screen has been shown.
        assert_eq!(screen.press(YES, READING_TIME).0, QuestionStep::Answered(true));
        // The place stays, and what was shown only in part is shown again.
        let long = format!("{}\n{}\nend", "a".repeat(400), "b".repeat(4000));
        let mut screen = Screen::open(&long, 80, 24);
        screen.press(SPACE, READING_TIME);
        let shown = screen.resize(40, 24);
        assert!(shown.contains("bbbb") && !shown.contains("aaaa"), "{shown}");
        let mut pages = 1;
        while screen.pages.seen_at.is_none() {
            assert_eq!(screen.press(YES, READING_TIME).0, QuestionStep::Continue);
            screen.press(SPACE, READING_TIME);
            pages += 1;
        }
        assert!(pages >= 4000 / 40 / 21, "{pages}");
        assert_eq!(screen.press(YES, READING_TIME).0, QuestionStep::Answered(true));
    }

    #[test]
    fn other_keys_say_no_or_nothing() {
        let text = text();
        for code in [KeyCode::Char('n'), KeyCode::Char('q'), KeyCode::Esc] {
            let mut screen = Screen::open(&text, 80, 24);
            assert_eq!(screen.press(code, READING_TIME).0, QuestionStep::Answered(false));
        }
        let mut screen = Screen::open(&text, 80, 24);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(screen.pages.key(interrupt, screen.now), QuestionStep::Answered(false));
        for code in [KeyCode::Char('Y'), KeyCode::End, KeyCode::Char('G'), KeyCode::Tab] {
            assert_eq!(screen.press(code, READING_TIME).0, QuestionStep::Continue);
            assert!(screen.pages.seen_at.is_none());
        }
    }

    #[test]
    fn nothing_breaks_on_the_smallest_screens() {
        let text = text();
        for (width, height) in [(1, 1), (2, 3), (10, 4), (40, 5)] {
            let mut screen = Screen::open(&text, width, height);
            for code in [SPACE, KeyCode::Up, KeyCode::Down, YES, KeyCode::PageUp] {
                assert_eq!(screen.press(code, READING_TIME).0, QuestionStep::Continue);
            }
        }
    }
}
