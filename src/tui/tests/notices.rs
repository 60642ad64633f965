//! Notices and the typing guard.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use crate::tui::dialogs::text_prompt::TextPrompt;
use crate::tui::tests::buffer::text;
use crate::tui::tests::sample::mixed;
use crate::tui::tests::test_screen::{TestScreen, screen};
use crate::tui::views::checklist::Focus;
use gonogo_core::run::Response;

const WIDE: (u16, u16) = (120, 40);
const GUARD_HINT: &str = "letters do nothing until you pause";

impl TestScreen {
    /// Advances the time.
    pub fn after_ms(mut self, ms: u64) -> Self {
        self.app.run.now.wall = self.app.run.now.wall.plus(Duration::from_millis(ms));
        self.app.run.now.mono += ms;
        self
    }

    fn code(mut self, code: KeyCode) -> Self {
        self.event(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        self
    }
}

fn wide(keys: &str) -> TestScreen {
    screen(&mixed(), WIDE).press(keys)
}

/// The drawn words, separated by single spaces.
fn drawn_words(screen: TestScreen) -> String {
    text(&screen.drawn()).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn notices_expire_and_the_hints_are_shown_again() {
    let shown = text(&wide("3jr").after_ms(5900).drawn());
    assert!(shown.contains("probing infra.rabbitmq") && shown.contains("log saved"), "{shown}");
    let expired = text(&wide("3jr").after_ms(6000).drawn());
    assert!(!expired.contains("probing infra.rabbitmq") && expired.contains("log saved"), "{expired}");
    let refused = text(&wide("3j ").after_ms(9900).drawn());
    assert!(refused.contains("cannot be confirmed"), "{refused}");
    assert!(!text(&wide("3j ").after_ms(10_000).drawn()).contains("cannot be confirmed"));
}

#[test]
fn letters_typed_after_a_refusal_are_not_commands() {
    for key in ["w", "x", " ", "u"] {
        let typed = wide("j").press(key);
        assert!(typed.notice().contains("validate.package-metadata"), "{key}: {}", typed.notice());
        let typed = typed.press("very wrong: q!").after_ms(500).press("vyy12/?⏎");
        assert!(typed.effects.is_empty() && !typed.has_dialog(), "{key}");
        assert_eq!((typed.selected(), typed.checklist().focus), ("validate.package-metadata", Focus::List));
        assert!(
            typed.notice().contains("validate.package-metadata") && drawn_words(typed).contains(GUARD_HINT)
        );
    }
}

#[test]
fn after_a_pause_letters_are_commands_again() {
    let mut screen = wide("jwvery").after_ms(600);
    assert!(!text(&screen.draw()).contains(GUARD_HINT));
    assert!(screen.notice().contains("validate.package-metadata"));
    assert!(screen.press("v").has_dialog());
    assert_eq!(wide("jw").app.redraw_interval(), Duration::from_millis(600));
    assert_eq!(wide("jw").after_ms(250).app.redraw_interval(), Duration::from_millis(350));
}

#[test]
fn arrows_esc_and_ctrl_c_work_under_the_typing_guard() {
    assert_eq!(wide("jwve").code(KeyCode::Down).selected(), "validate.iac-change-set");
    assert_eq!(wide("jwve").code(KeyCode::Esc).notice(), "");
    assert_eq!(wide("jwve").control('c').effects.len(), 1);
    assert!(wide("jwve").code(KeyCode::Esc).press("v").has_dialog());
}

#[test]
fn the_typing_guard_is_indicated_at_every_size() {
    for size in [WIDE, (80, 24), (60, 20), (40, 12)] {
        assert!(drawn_words(screen(&mixed(), size).press("3j ")).contains(GUARD_HINT), "{size:?}");
    }
}

#[test]
fn a_reopened_prompt_takes_letters_at_once() {
    let refused = wide("jnso⏎").press("w").respond(Response::Rejected("no".into())).press("!");
    assert!(refused.dialog::<TextPrompt>().is_some_and(|prompt| prompt.text.text() == "so!"));
}
