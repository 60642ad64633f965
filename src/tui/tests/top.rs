//! What is on top has the keys, the mouse and what is pasted; what is under it stays as it is.

use std::fs;
use std::sync::Arc;

use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use crate::checklist::ActionKey;
use crate::journal::attachments::{self, ActionOutputs};
use crate::journal::entry::{Entry, TornTail};
use crate::run::RunState;
use crate::tui::context::Access;
use crate::tui::layer::Level;
use crate::tui::tests::buffer::text;
use crate::tui::tests::keys::{Screen, screen};
use crate::tui::tests::sample::mixed;
use crate::tui::views::checklist::ChecklistView;
use crate::tui::views::checklist::Focus;
use crate::tui::views::output::Pager;
use crate::tui::views::review::{Mark, Record, Review};
use crate::tui::views::rollback::Rollback;

const WIDE: (u16, u16) = (120, 40);
const MEDIUM: (u16, u16) = (80, 24);

/// A screen with an output of 500 lines on top, at its end.
pub fn paged(size: (u16, u16)) -> (tempfile::TempDir, Screen) {
    let (dir, mut screen) = unread(size);
    screen.read();
    (dir, screen)
}

/// The same before anything was read of it.
pub fn unread(size: (u16, u16)) -> (tempfile::TempDir, Screen) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.jsonl");
    fs::create_dir_all(attachments::directory(&log)).unwrap();
    let text = (0..500).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat();
    fs::write(attachments::directory(&log).join("action-7.out"), text).unwrap();
    let mut screen = screen(&mixed(), size).press("3jj");
    screen.app.run.outputs = Some(ActionOutputs::beside(&log));
    screen.app.layers.open(Box::new(Pager::new(ActionKey::new("deploy.rollout", "app"), 7)));
    (dir, screen)
}

/// The first line of the output that is shown.
#[track_caller]
fn first_line(screen: &mut Screen) -> usize {
    let drawn = text(&screen.draw());
    let number = drawn.lines().find_map(|row| row.trim().strip_prefix("line ")?.trim().parse().ok());
    number.unwrap_or_else(|| panic!("no line in\n{drawn}"))
}

/// What is under the top: where the person is there.
fn under(screen: &Screen) -> (String, Focus, usize, Option<String>) {
    let filter = screen.checklist().filter.as_ref().map(|filter| filter.text().to_owned());
    (screen.selected().to_owned(), screen.checklist().focus, screen.checklist().scroll, filter)
}

fn mouse(screen: &mut Screen, kind: MouseEventKind, (column, row): (u16, u16)) {
    screen.event(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
}

/// Every kind of thing that the mouse can do, on every cell.
fn everywhere(screen: &mut Screen) {
    let Rect { width, height, .. } = screen.app.screen;
    for at in (0..width).step_by(3).flat_map(|x| (0..height).map(move |y| (x, y))) {
        for kind in [
            MouseEventKind::Down(MouseButton::Left),
            MouseEventKind::Drag(MouseButton::Left),
            MouseEventKind::ScrollDown,
            MouseEventKind::ScrollUp,
        ] {
            mouse(screen, kind, at);
        }
    }
}

#[test]
fn the_mouse_does_nothing_to_what_is_hidden() {
    for size in [WIDE, MEDIUM] {
        let (_dir, mut pager) = paged(size);
        let mut way_back = screen(&mixed(), size).press("3jj");
        way_back.app.layers.open(Box::new(Rollback { step: 0 }));
        let dialogs = ["?", "v", "nhello"].map(|keys| screen(&mixed(), size).press("3jj").press(keys));
        for on_top in dialogs.into_iter().chain([way_back]) {
            let mut on_top = on_top;
            assert!(on_top.has_dialog() || on_top.app.layers.find::<Rollback>().is_some());
            let before = under(&on_top);
            everywhere(&mut on_top);
            assert_eq!(under(&on_top), before);
        }
        let before = under(&pager);
        everywhere(&mut pager);
        assert_eq!(under(&pager), before);
        assert!(pager.app.layers.find::<Pager>().is_some() && pager.effects.is_empty());
    }
}

#[test]
fn the_wheel_scrolls_the_output_that_is_on_top() {
    let (_dir, mut screen) = paged(MEDIUM);
    let end = first_line(&mut screen);
    mouse(&mut screen, MouseEventKind::ScrollUp, (40, 10));
    assert_eq!(first_line(&mut screen), end - 3);
    mouse(&mut screen, MouseEventKind::ScrollDown, (40, 10));
    assert_eq!(first_line(&mut screen), end);
}

#[test]
fn keys_with_ctrl_scroll_the_output_and_nothing_under_it() {
    let (_dir, mut screen) = paged(MEDIUM);
    let before = under(&screen);
    let end = first_line(&mut screen);
    let mut screen = screen.control('u');
    let half = first_line(&mut screen);
    assert!(half < end, "{half}");
    let mut screen = screen.control('d');
    assert_eq!(first_line(&mut screen), end);
    let mut screen = screen.control('b');
    assert!(first_line(&mut screen) < half);
    let mut screen = screen.control('f');
    assert_eq!(first_line(&mut screen), end);
    assert_eq!(under(&screen), before);
    // A letter with Ctrl is not the letter.
    let screen = screen.control('q').control('o').control('w').control('n');
    assert!(screen.app.layers.find::<Pager>().is_some());
    assert!(screen.press("q").app.layers.find::<Pager>().is_none());
}

#[test]
fn keys_with_ctrl_scroll_nothing_under_the_way_back() {
    let mut screen = screen(&mixed(), MEDIUM).press("3jj");
    screen.app.layers.open(Box::new(Rollback { step: 0 }));
    let before = under(&screen);
    let screen = screen.control('d').control('f').control('b');
    assert_eq!(under(&screen), before);
    assert!(!screen.has_dialog(), "Ctrl-B is no b");
}

#[test]
fn a_paste_goes_to_what_is_typed_on_top() {
    let (_dir, screen) = paged(MEDIUM);
    let shown = |mut screen: Screen| text(&screen.draw());
    let typed = screen.press("/line 4").paste("21").press("⏎");
    assert!(shown(typed).contains("line 421"));
    let (_dir, nothing_typed) = paged(MEDIUM);
    let before = format!("{:?}", nothing_typed.app.layers);
    assert_eq!(format!("{:?}", nothing_typed.paste("needle").app.layers), before);
    // A filter that is typed under it gets nothing.
    let (_dir, mut screen) = paged(MEDIUM);
    screen.app.layers.close_above(Level::Checklist);
    let mut screen = screen.press("/red");
    screen.app.layers.open(Box::new(Pager::new(ActionKey::new("deploy.rollout", "app"), 7)));
    assert_eq!(screen.paste("is").checklist().filter.as_ref().unwrap().text(), "red");
}

impl Screen {
    /// Looks through a log, and no longer at the run.
    pub fn look_through(&mut self, log: Lines) {
        let (now, checklist) = (self.app.run.now.clone(), ChecklistView::new(&self.app.run.state.plan));
        self.app.session.access = Access::Review;
        self.app.layers.open(Box::new(Review::new(Arc::new(log), now, checklist)));
    }
}

/// A log of so many entries, of which some hold a word.
pub struct Lines {
    pub len: usize,
    pub needles: &'static [usize],
    pub state: Arc<RunState>,
}

impl Record for Lines {
    fn len(&self) -> usize {
        self.len
    }

    fn mark(&self, _: usize) -> Option<Mark> {
        None
    }

    fn entry(&self, _: usize) -> Option<Entry> {
        None
    }

    fn raw(&self, _: usize) -> Option<String> {
        None
    }

    fn state(&self, _: usize) -> Option<Arc<RunState>> {
        Some(Arc::clone(&self.state))
    }

    fn holds(&self, at: usize, text: &str) -> bool {
        self.needles.contains(&at) && "needle".contains(text)
    }

    fn side(&self, _: &TornTail) -> Result<String, String> {
        Err("none".into())
    }
}

#[test]
fn a_paste_goes_to_what_is_looked_for_in_a_review() {
    let mut screen = screen(&mixed(), WIDE);
    let log = Lines { len: 1, needles: &[], state: mixed().shared() };
    screen.look_through(log);
    let typed = |screen: &Screen| {
        screen.app.layers.find::<Review>()?.typing.as_ref().map(|field| field.text().to_owned())
    };
    let nothing_typed = screen.paste("alice");
    assert_eq!(typed(&nothing_typed), None);
    assert_eq!(typed(&nothing_typed.press("f").paste("ali\nce")), Some("ali ce".into()));
}
