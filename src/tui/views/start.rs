//! What there is to do here: the screen of `gonogo` without a command.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::tui::Host as _;
use crate::tui::style::theme::{Look, Theme};
use crate::tui::terminal::Taken;

/// How long a signal may wait until it is heard.
const PAUSE: Duration = Duration::from_millis(100);

/// Things of one kind that can be chosen.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they are.
    pub title: &'static str,
    /// They.
    pub offers: Vec<Offer>,
    /// What is said where there is none.
    pub none: String,
}

/// Something that can be chosen.
#[derive(Clone, Debug)]
pub struct Offer {
    /// What it is called.
    pub name: String,
    /// What else is known of it.
    pub about: String,
}

/// Lets a person choose: the position of what they chose among all, or nothing if they leave.
///
/// # Errors
/// When there is no terminal, or it goes away.
pub fn choose(look: Look, groups: &[Group]) -> io::Result<Option<usize>> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGHUP, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&asked))?;
    }
    let mut taken = Taken::take()?;
    let mut terminal = taken.terminal()?;
    let mut list = List { groups, at: 0, look };
    loop {
        terminal.draw(|frame| list.draw(frame))?;
        while !event::poll(PAUSE)? {
            if asked.load(Ordering::Relaxed) {
                return Ok(None);
            }
        }
        let Event::Key(key) = event::read()? else { continue };
        match list.take(key) {
            StartStep::On => {}
            StartStep::Suspend => {
                taken.suspend()?;
                terminal.clear()?;
            }
            StartStep::Chosen(chosen) => return Ok(chosen),
        }
    }
}

enum StartStep {
    On,
    Suspend,
    Chosen(Option<usize>),
}

struct List<'a> {
    groups: &'a [Group],
    at: usize,
    look: Look,
}

impl List<'_> {
    fn count(&self) -> usize {
        self.groups.iter().map(|group| group.offers.len()).sum()
    }

    fn take(&mut self, key: KeyEvent) -> StartStep {
        if key.kind == KeyEventKind::Release {
            return StartStep::On;
        }
        let last = self.count().saturating_sub(1);
        match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
            (KeyCode::Char('c'), true) | (KeyCode::Char('q') | KeyCode::Esc, false) => {
                return StartStep::Chosen(None);
            }
            (KeyCode::Char('z'), true) => return StartStep::Suspend,
            (KeyCode::Enter, _) => return StartStep::Chosen(Some(self.at)),
            (KeyCode::Down | KeyCode::Char('j') | KeyCode::Tab, _) => self.at = (self.at + 1).min(last),
            (KeyCode::Up | KeyCode::Char('k') | KeyCode::BackTab, _) => self.at = self.at.saturating_sub(1),
            (KeyCode::Home | KeyCode::Char('g'), _) => self.at = 0,
            (KeyCode::End | KeyCode::Char('G'), _) => self.at = last,
            _ => {}
        }
        StartStep::On
    }

    fn draw(&self, frame: &mut Frame) {
        let theme = Theme::new(self.look);
        let [top, body, hints] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)])
                .areas(frame.area());
        let version = format!(" gonogo  {}", env!("CARGO_PKG_VERSION"));
        frame.render_widget(Paragraph::new(version).style(theme.band()), top);
        let (lines, chosen) = self.lines(theme);
        let height = usize::from(body.height);
        // The chosen line stays in view, with a line below it where there is room.
        let first = (chosen + 2).saturating_sub(height).min(lines.len().saturating_sub(height));
        let shown: Vec<Line> = lines.into_iter().skip(first).take(height).collect();
        frame.render_widget(Paragraph::new(shown), body);
        let (up, mark) = if self.look.ascii { ("up, down", "-") } else { ("↑ ↓", "·") };
        let keys =
            format!(" {up} choose {mark} Enter go {mark} q leave {mark} gonogo --help lists all commands");
        frame.render_widget(Paragraph::new(keys).style(theme.dim()), hints);
    }

    /// All lines, and which of them is the chosen one.
    fn lines(&self, theme: Theme) -> (Vec<Line<'static>>, usize) {
        let names =
            self.groups.iter().flat_map(|group| &group.offers).map(|offer| offer.name.chars().count());
        let width = names.max().unwrap_or(0).min(32);
        let (mut lines, mut chosen, mut number) = (Vec::new(), 0, 0);
        for group in self.groups {
            lines.push(Line::default());
            lines.push(Line::styled(format!(" {}", group.title), theme.accent()));
            if group.offers.is_empty() {
                lines.push(Line::styled(format!("   {}", group.none), theme.dim()));
            }
            for offer in &group.offers {
                let is_chosen = number == self.at;
                let sign = match (is_chosen, self.look.ascii) {
                    (false, _) => " ",
                    (true, false) => "▌",
                    (true, true) => ">",
                };
                let name = format!(" {sign} {:width$}  ", offer.name);
                let line = Line::from(vec![
                    Span::styled(name, Theme::strong()),
                    Span::styled(offer.about.clone(), theme.dim()),
                ]);
                if is_chosen {
                    chosen = lines.len();
                    lines.push(line.style(theme.selected()));
                } else {
                    lines.push(line);
                }
                number += 1;
            }
        }
        (lines, chosen)
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn groups() -> Vec<Group> {
        let offer = |name: &str, about: &str| Offer { name: name.into(), about: about.into() };
        let group = |title, offers, none: &str| Group { title, offers, none: none.into() };
        vec![
            group("Rehearse", vec![offer("rehearse", "no servers, no keys, no network")], ""),
            group("Resume an open run", vec![], "none is open"),
            group(
                "Open a run",
                vec![offer("local", "config/local.toml"), offer("production", "config/production.toml")],
                "",
            ),
            group(
                "Review",
                (1..=9).map(|n| offer("local v1.4.0", &format!("GO 27/27, sealed · run {n}"))).collect(),
                "",
            ),
        ]
    }

    fn shown(keys: &[KeyCode], width: u16, height: u16) -> (String, Vec<Option<usize>>) {
        let groups = groups();
        let mut list = List { groups: &groups, at: 0, look: Look::default() };
        let mut chosen = Vec::new();
        for key in keys {
            if let StartStep::Chosen(which) = list.take(KeyEvent::from(*key)) {
                chosen.push(which);
            }
        }
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| list.draw(frame)).unwrap();
        (terminal.backend().to_string(), chosen)
    }

    #[test]
    fn what_there_is_to_do() {
        insta::with_settings!({ prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("start", shown(&[KeyCode::Down, KeyCode::Down], 80, 24).0);
        });
    }

    #[test]
    fn what_is_chosen_is_in_view_however_small_the_screen() {
        for height in 4..30 {
            let (screen, _) = shown(&[KeyCode::End], 40, height);
            assert!(screen.contains("▌ local v1.4.0"), "{height}:\n{screen}");
            let (screen, _) = shown(&[KeyCode::End, KeyCode::Home], 40, height);
            assert!(screen.contains("▌ rehearse"), "{height}:\n{screen}");
        }
    }

    #[test]
    fn keys_choose_and_leave() {
        assert_eq!(shown(&[KeyCode::Enter], 80, 24).1, [Some(0)]);
        assert_eq!(shown(&[KeyCode::Down, KeyCode::Char('j'), KeyCode::Enter], 80, 24).1, [Some(2)]);
        assert_eq!(shown(&[KeyCode::End, KeyCode::Down, KeyCode::Enter], 80, 24).1, [Some(11)]);
        assert_eq!(shown(&[KeyCode::Up, KeyCode::Char('q')], 80, 24).1, [None]);
    }
}
