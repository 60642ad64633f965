//! The start screen: `gonogo` without a command.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::tui::Host as _;
use crate::tui::context::pad_right;
use crate::tui::style::symbols;
use crate::tui::style::text::{width, wrap};
use crate::tui::style::theme::{Appearance, Theme};
use crate::tui::terminal::input_filter::{FilteredInput, InputFilter, read_event};
use crate::tui::terminal::replies::BACKGROUND_TIMEOUT;
use crate::tui::terminal::{TerminalGuard, TerminalOptions};

/// How often signals are checked for.
const SIGNAL_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The most likely keys, and what else there is.
const KEYS: &[&str] = &["↑ ↓ choose", "Enter go", "q quit", "? keys", "gonogo help: the manual"];
/// All keys.
const ALL_KEYS: &[&str] =
    &["↑ ↓ j k Tab choose", "Enter go", "q Esc quit", "g G first, last", "? fewer keys", "Ctrl-Z suspend"];

/// A group of options.
#[derive(Clone, Debug)]
pub struct StartGroup {
    /// The title of the group.
    pub title: &'static str,
    /// The options.
    pub options: Vec<StartOption>,
    /// The text if there is no option.
    pub empty_text: String,
}

/// An option.
#[derive(Clone, Debug)]
pub struct StartOption {
    /// Its name.
    pub name: String,
    /// A short description.
    pub description: String,
}

/// Shows the start screen. Returns the index of the chosen option among all groups, or none if the user quits.
///
/// # Errors
/// If there is no terminal, or it is closed.
pub fn choose(
    appearance: Appearance,
    options: TerminalOptions,
    groups: &[StartGroup],
) -> io::Result<Option<usize>> {
    let is_signalled = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGHUP, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&is_signalled))?;
    }
    let mut guard = TerminalGuard::acquire()?.with_options(options);
    let mut terminal = guard.terminal()?;
    let mut list = StartList { groups, selected: 0, has_help: false, appearance };
    let mut filter = InputFilter::new(options.detects_background);
    let mut asked = None;
    loop {
        terminal.draw(|frame| list.draw(frame))?;
        if asked.is_none() && guard.query_background()? {
            asked = Some(Instant::now());
        }
        let inputs = filter.read(Some(SIGNAL_POLL_INTERVAL), &mut read_event)?;
        if is_signalled.load(Ordering::Relaxed) {
            return Ok(None);
        }
        for input in inputs {
            let step = match input {
                FilteredInput::Event(Event::Key(key), _) => list.key(key),
                FilteredInput::Background(scheme)
                    if asked.is_some_and(|asked| asked.elapsed() <= BACKGROUND_TIMEOUT) =>
                {
                    list.appearance.color_scheme = scheme;
                    StartStep::Continue
                }
                _ => StartStep::Continue,
            };
            match step {
                StartStep::Continue => {}
                StartStep::Suspend => {
                    guard.suspend()?;
                    terminal.clear()?;
                }
                StartStep::Chosen(chosen) => return Ok(chosen),
            }
        }
    }
}

enum StartStep {
    Continue,
    Suspend,
    Chosen(Option<usize>),
}

struct StartList<'a> {
    groups: &'a [StartGroup],
    selected: usize,
    /// Whether the keys are listed.
    has_help: bool,
    appearance: Appearance,
}

impl StartList<'_> {
    fn count(&self) -> usize {
        self.groups.iter().map(|group| group.options.len()).sum()
    }

    fn key(&mut self, key: KeyEvent) -> StartStep {
        if key.kind == KeyEventKind::Release {
            return StartStep::Continue;
        }
        let last = self.count().saturating_sub(1);
        match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
            (KeyCode::Char('c'), true) | (KeyCode::Char('q') | KeyCode::Esc, false) => {
                return StartStep::Chosen(None);
            }
            (KeyCode::Char('z'), true) => return StartStep::Suspend,
            (KeyCode::Char('?'), _) => self.has_help = !self.has_help,
            (KeyCode::Enter, _) => return StartStep::Chosen(Some(self.selected)),
            (KeyCode::Down | KeyCode::Char('j') | KeyCode::Tab, _) => {
                self.selected = (self.selected + 1).min(last);
            }
            (KeyCode::Up | KeyCode::Char('k') | KeyCode::BackTab, _) => {
                self.selected = self.selected.saturating_sub(1);
            }
            (KeyCode::Home | KeyCode::Char('g'), _) => self.selected = 0,
            (KeyCode::End | KeyCode::Char('G'), _) => self.selected = last,
            _ => {}
        }
        StartStep::Continue
    }

    fn draw(&self, frame: &mut Frame) {
        let theme = Theme::new(self.appearance);
        let [top, body, hints] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)])
                .areas(frame.area());
        let version = format!(" gonogo  {}", env!("CARGO_PKG_VERSION"));
        frame.render_widget(Paragraph::new(version).style(theme.header()), top);
        let (lines, chosen) = self.lines(theme, usize::from(body.width));
        let height = usize::from(body.height);
        // The chosen option stays visible, with a line below it if there is space.
        let first = (chosen.end + 1).saturating_sub(height).min(lines.len().saturating_sub(height));
        let first = first.min(chosen.start);
        let shown: Vec<Line> = lines.into_iter().skip(first).take(height).collect();
        frame.render_widget(Paragraph::new(shown), body);
        let keys = if self.has_help { ALL_KEYS } else { KEYS };
        let keys = fitting_keys(keys, usize::from(hints.width));
        frame.render_widget(Paragraph::new(keys).style(theme.dim()), hints);
        if self.appearance.ascii {
            symbols::to_ascii(frame.buffer_mut());
        }
    }

    /// All lines, wrapped at `limit` cells, and which of them are the chosen option.
    fn lines(&self, theme: Theme, limit: usize) -> (Vec<Line<'static>>, Range<usize>) {
        let names =
            self.groups.iter().flat_map(|group| &group.options).map(|option| option.name.chars().count());
        let column = names.max().unwrap_or(0).min(32);
        let (mut lines, mut chosen, mut index) = (Vec::new(), 0..0, 0);
        for group in self.groups {
            lines.push(Line::default());
            lines.push(Line::styled(format!(" {}", group.title), theme.accent()));
            if group.options.is_empty() {
                let text = Span::styled(format!("   {}", group.empty_text), theme.dim());
                lines.extend(wrap(vec![text], limit, 3));
            }
            for option in &group.options {
                let is_chosen = index == self.selected;
                let symbol = if is_chosen { "▌" } else { " " };
                let name = format!(" {symbol} {:column$}  ", option.name);
                let hang = name.chars().count();
                let hang = if hang * 2 > limit { 5 } else { hang };
                let start = lines.len();
                let description = Span::styled(option.description.clone(), theme.dim());
                let option_lines = wrap(vec![Span::styled(name, Theme::strong()), description], limit, hang);
                let style = if is_chosen { theme.selected() } else { Style::new() };
                let filled = |line: Line<'static>| Line::from(pad_right(line.spans, limit)).style(style);
                lines.extend(option_lines.into_iter().map(filled));
                if is_chosen {
                    chosen = start..lines.len();
                }
                index += 1;
            }
        }
        (lines, chosen)
    }
}

/// As many of the keys as fit, the first ones first.
fn fitting_keys(keys: &[&str], limit: usize) -> String {
    let mut line = String::new();
    for key in keys {
        let gap = if line.is_empty() { " " } else { " · " };
        if width(&line) + width(gap) + width(key) <= limit {
            line.push_str(gap);
            line.push_str(key);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn groups() -> Vec<StartGroup> {
        let option = |name: &str, description: &str| StartOption {
            name: name.into(),
            description: description.into(),
        };
        let group =
            |title, options, empty_text: &str| StartGroup { title, options, empty_text: empty_text.into() };
        vec![
            group("Rehearse", vec![option("rehearse", "no servers, no keys, no network")], ""),
            group("Resume an open run", vec![], "none is open"),
            group(
                "Open a run",
                vec![option("local", "config/local.toml"), option("production", "config/production.toml")],
                "",
            ),
            group(
                "Review",
                (1..=9).map(|n| option("local v1.4.0", &format!("GO 27/27, sealed · run {n}"))).collect(),
                "",
            ),
        ]
    }

    fn shown(keys: &[KeyCode], width: u16, height: u16) -> (String, Vec<Option<usize>>) {
        let groups = groups();
        let mut list =
            StartList { groups: &groups, selected: 0, has_help: false, appearance: Appearance::default() };
        let mut chosen = Vec::new();
        for key in keys {
            if let StartStep::Chosen(which) = list.key(KeyEvent::from(*key)) {
                chosen.push(which);
            }
        }
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| list.draw(frame)).unwrap();
        (terminal.backend().to_string(), chosen)
    }

    #[test]
    fn start_screen() {
        insta::with_settings!({ prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("start", shown(&[KeyCode::Down, KeyCode::Down], 80, 24).0);
        });
    }

    #[test]
    fn the_chosen_option_is_visible_on_every_screen() {
        for height in 4..30 {
            let (screen, _) = shown(&[KeyCode::End], 40, height);
            assert!(screen.contains("▌ local v1.4.0"), "{height}:\n{screen}");
            let (screen, _) = shown(&[KeyCode::End, KeyCode::Home], 40, height);
            assert!(screen.contains("▌ rehearse"), "{height}:\n{screen}");
        }
    }

    #[test]
    fn nothing_is_cut_on_a_narrow_screen() {
        let (screen, _) = shown(&[], 30, 40);
        let words: String = screen.replace(['"', '\n'], " ");
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("rehearse no servers, no keys, no network"), "{screen}");
        for (keys, expected) in
            [(vec![], "↑ ↓ choose · Enter go"), (vec![KeyCode::Char('?')], "↑ ↓ j k Tab choose")]
        {
            let (screen, _) = shown(&keys, 30, 40);
            assert!(screen.contains(expected), "{screen}");
        }
    }

    #[test]
    fn keys_choose_and_quit() {
        assert_eq!(shown(&[KeyCode::Enter], 80, 24).1, [Some(0)]);
        assert_eq!(shown(&[KeyCode::Down, KeyCode::Char('j'), KeyCode::Enter], 80, 24).1, [Some(2)]);
        assert_eq!(shown(&[KeyCode::End, KeyCode::Down, KeyCode::Enter], 80, 24).1, [Some(11)]);
        assert_eq!(shown(&[KeyCode::Up, KeyCode::Char('q')], 80, 24).1, [None]);
    }
}
