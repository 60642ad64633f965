//! What is said at the bottom: for how long it stands, and what is not heard meanwhile.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use crate::run::Response;
use crate::tui::dialogs::text_prompt::TextPrompt;
use crate::tui::tests::buffer::text;
use crate::tui::tests::keys::{Screen, screen};
use crate::tui::tests::sample::mixed;
use crate::tui::views::checklist::Focus;

const WIDE: (u16, u16) = (120, 40);
const DEAF: &str = "letters do nothing until you pause";

impl Screen {
    /// So many milliseconds later.
    pub fn after(mut self, ms: u64) -> Self {
        self.app.run.now.wall = self.app.run.now.wall.plus(Duration::from_millis(ms));
        self.app.run.now.mono += ms;
        self
    }

    fn code(mut self, code: KeyCode) -> Self {
        self.event(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        self
    }
}

fn wide(keys: &str) -> Screen {
    screen(&mixed(), WIDE).press(keys)
}

/// What is drawn, wherever its lines break.
fn told(screen: Screen) -> String {
    text(&screen.drawn()).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_said_goes_after_a_while_and_the_hints_are_there_again() {
    let said = text(&wide("3jr").after(5900).drawn());
    assert!(said.contains("probing infra.rabbitmq") && !said.contains("log saved"), "{said}");
    let gone = text(&wide("3jr").after(6000).drawn());
    assert!(!gone.contains("probing infra.rabbitmq") && gone.contains("log saved"), "{gone}");
    let refused = text(&wide("3j ").after(9900).drawn());
    assert!(refused.contains("cannot be confirmed"), "{refused}");
    assert!(!text(&wide("3j ").after(10_000).drawn()).contains("cannot be confirmed"));
}

#[test]
fn words_typed_after_a_refusal_are_not_taken_for_keys() {
    for refused in ["w", "x", " ", "u"] {
        let typed = wide("j").press(refused);
        assert!(typed.notice().contains("validate.package-metadata"), "{refused}: {}", typed.notice());
        let typed = typed.press("very wrong: q!").after(500).press("vyy12/?⏎");
        assert!(typed.effects.is_empty() && !typed.has_dialog(), "{refused}");
        assert_eq!((typed.selected(), typed.checklist().focus), ("validate.package-metadata", Focus::List));
        assert!(typed.notice().contains("validate.package-metadata") && told(typed).contains(DEAF));
    }
}

#[test]
fn after_a_pause_letters_are_keys_again() {
    let mut heard = wide("jwvery").after(600);
    assert!(!text(&heard.draw()).contains(DEAF));
    assert!(heard.notice().contains("validate.package-metadata"));
    assert!(heard.press("v").has_dialog());
    assert_eq!(wide("jw").app.pause(), Duration::from_millis(600));
    assert_eq!(wide("jw").after(250).app.pause(), Duration::from_millis(350));
}

#[test]
fn arrows_esc_and_ctrl_c_work_all_the_same() {
    assert_eq!(wide("jwve").code(KeyCode::Down).selected(), "validate.iac-change-set");
    assert_eq!(wide("jwve").code(KeyCode::Esc).notice(), "");
    assert_eq!(wide("jwve").control('c').effects.len(), 1);
    assert!(wide("jwve").code(KeyCode::Esc).press("v").has_dialog());
}

#[test]
fn it_is_said_at_every_size_that_letters_do_nothing() {
    for size in [WIDE, (80, 24), (60, 20), (40, 12)] {
        assert!(told(screen(&mixed(), size).press("3j ")).contains(DEAF), "{size:?}");
    }
}

#[test]
fn words_that_come_back_are_typed_into_at_once() {
    let refused = wide("jnso⏎").press("w").answered(Response::Rejected("no".into())).press("!");
    assert!(refused.dialog::<TextPrompt>().is_some_and(|prompt| prompt.words.text() == "so!"));
}
