//! Keys, mouse and pasted text go to the topmost layer only.

use std::fs;
use std::sync::Arc;

use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use crate::tui::context::Access;
use crate::tui::layer::Level;
use crate::tui::tests::buffer::text;
use crate::tui::tests::sample::mixed;
use crate::tui::tests::test_screen::{TestScreen, screen};
use crate::tui::views::checklist::ChecklistView;
use crate::tui::views::checklist::Focus;
use crate::tui::views::output::OutputView;
use crate::tui::views::review::{EntryMark, Review, ReviewLog};
use crate::tui::views::rollback::RollbackView;
use gonogo_core::checklist::ActionKey;
use gonogo_core::journal::attachments::{self, ActionOutputs};
use gonogo_core::journal::entry::{Entry, TornTail};
use gonogo_core::run::RunState;

const WIDE: (u16, u16) = (120, 40);
const MEDIUM: (u16, u16) = (80, 24);

/// A screen that shows the end of an output of 500 lines.
pub fn screen_with_output(size: (u16, u16)) -> (tempfile::TempDir, TestScreen) {
    let (dir, mut screen) = screen_with_unread_output(size);
    screen.run_read_jobs();
    (dir, screen)
}

/// The same before the output is read.
pub fn screen_with_unread_output(size: (u16, u16)) -> (tempfile::TempDir, TestScreen) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.jsonl");
    fs::create_dir_all(attachments::directory(&log)).unwrap();
    let text = (0..500).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat();
    fs::write(attachments::directory(&log).join("action-7.out"), text).unwrap();
    let mut screen = screen(&mixed(), size).press("3jj");
    screen.app.run.outputs = Some(ActionOutputs::beside(&log));
    screen.app.layers.open(Box::new(OutputView::new(ActionKey::new("deploy.rollout", "app"), 7)));
    (dir, screen)
}

/// The number of the first line shown of the output.
#[track_caller]
fn first_line(screen: &mut TestScreen) -> usize {
    let drawn = text(&screen.draw());
    let number = drawn.lines().find_map(|row| row.trim().strip_prefix("line ")?.trim().parse().ok());
    number.unwrap_or_else(|| panic!("no line in\n{drawn}"))
}

/// The selection, focus, scroll position and filter of the checklist.
fn checklist_state(screen: &TestScreen) -> (String, Focus, usize, Option<String>) {
    let filter = screen.checklist().filter.as_ref().map(|filter| filter.text().to_owned());
    (screen.selected().to_owned(), screen.checklist().focus, screen.checklist().scroll, filter)
}

fn mouse(screen: &mut TestScreen, kind: MouseEventKind, (column, row): (u16, u16)) {
    screen.event(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
}

/// Clicks, drags and scrolls all over the screen.
fn use_mouse_everywhere(screen: &mut TestScreen) {
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
fn the_mouse_does_not_reach_lower_layers() {
    for size in [WIDE, MEDIUM] {
        let (_dir, mut pager) = screen_with_output(size);
        let mut rollback = screen(&mixed(), size).press("3jj");
        rollback.app.layers.open(Box::new(RollbackView { selected: 0 }));
        let dialogs = ["?", "v", "nhello"].map(|keys| screen(&mixed(), size).press("3jj").press(keys));
        for on_top in dialogs.into_iter().chain([rollback]) {
            let mut on_top = on_top;
            assert!(on_top.has_dialog() || on_top.app.layers.find::<RollbackView>().is_some());
            let before = checklist_state(&on_top);
            use_mouse_everywhere(&mut on_top);
            assert_eq!(checklist_state(&on_top), before);
        }
        let before = checklist_state(&pager);
        use_mouse_everywhere(&mut pager);
        assert_eq!(checklist_state(&pager), before);
        assert!(pager.app.layers.find::<OutputView>().is_some() && pager.effects.is_empty());
    }
}

#[test]
fn the_wheel_scrolls_the_output() {
    let (_dir, mut screen) = screen_with_output(MEDIUM);
    let end = first_line(&mut screen);
    mouse(&mut screen, MouseEventKind::ScrollUp, (40, 10));
    assert_eq!(first_line(&mut screen), end - 3);
    mouse(&mut screen, MouseEventKind::ScrollDown, (40, 10));
    assert_eq!(first_line(&mut screen), end);
}

#[test]
fn ctrl_keys_scroll_the_output_only() {
    let (_dir, mut screen) = screen_with_output(MEDIUM);
    let before = checklist_state(&screen);
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
    assert_eq!(checklist_state(&screen), before);
    // Letters with Ctrl are not commands.
    let screen = screen.control('q').control('o').control('w').control('n');
    assert!(screen.app.layers.find::<OutputView>().is_some());
    assert!(screen.press("q").app.layers.find::<OutputView>().is_none());
}

#[test]
fn ctrl_keys_do_not_reach_the_checklist_under_the_rollback() {
    let mut screen = screen(&mixed(), MEDIUM).press("3jj");
    screen.app.layers.open(Box::new(RollbackView { selected: 0 }));
    let before = checklist_state(&screen);
    let screen = screen.control('d').control('f').control('b');
    assert_eq!(checklist_state(&screen), before);
    assert!(!screen.has_dialog(), "Ctrl-B is no b");
}

#[test]
fn pasted_text_goes_to_the_topmost_text_field() {
    let (_dir, screen) = screen_with_output(MEDIUM);
    let shown = |mut screen: TestScreen| text(&screen.draw());
    let typed = screen.press("/line 4").paste("21").press("⏎");
    assert!(shown(typed).contains("line 421"));
    let (_dir, nothing_typed) = screen_with_output(MEDIUM);
    let before = format!("{:?}", nothing_typed.app.layers);
    assert_eq!(format!("{:?}", nothing_typed.paste("needle").app.layers), before);
    // A filter prompt under the output gets nothing.
    let (_dir, mut screen) = screen_with_output(MEDIUM);
    screen.app.layers.close_above(Level::Checklist);
    let mut screen = screen.press("/red");
    screen.app.layers.open(Box::new(OutputView::new(ActionKey::new("deploy.rollout", "app"), 7)));
    assert_eq!(screen.paste("is").checklist().filter.as_ref().unwrap().text(), "red");
}

impl TestScreen {
    /// Opens a review instead of the run.
    pub fn review(&mut self, log: FakeReviewLog) {
        let (now, checklist) = (self.app.run.now.clone(), ChecklistView::new(&self.app.run.state.plan));
        self.app.session.access = Access::Review;
        self.app.layers.open(Box::new(Review::new(Arc::new(log), now, checklist)));
    }
}

/// A log with `len` entries, of which some contain a word.
pub struct FakeReviewLog {
    pub len: usize,
    pub needles: &'static [usize],
    pub state: Arc<RunState>,
}

impl ReviewLog for FakeReviewLog {
    fn len(&self) -> usize {
        self.len
    }

    fn mark(&self, _: usize) -> Option<EntryMark> {
        None
    }

    fn entry(&self, _: usize) -> Option<Entry> {
        None
    }

    fn raw_line(&self, _: usize) -> Option<String> {
        None
    }

    fn state_after(&self, _: usize) -> Option<Arc<RunState>> {
        Some(Arc::clone(&self.state))
    }

    fn contains(&self, at: usize, text: &str) -> bool {
        self.needles.contains(&at) && "needle".contains(text)
    }

    fn attachment(&self, _: &TornTail) -> Result<String, String> {
        Err("none".into())
    }
}

#[test]
fn pasted_text_goes_to_the_search_of_a_review() {
    let mut screen = screen(&mixed(), WIDE);
    let log = FakeReviewLog { len: 1, needles: &[], state: mixed().shared() };
    screen.review(log);
    let typed = |screen: &TestScreen| {
        screen.app.layers.find::<Review>()?.search_field.as_ref().map(|field| field.text().to_owned())
    };
    let nothing_typed = screen.paste("alice");
    assert_eq!(typed(&nothing_typed), None);
    assert_eq!(typed(&nothing_typed.press("f").paste("ali\nce")), Some("ali ce".into()));
}
