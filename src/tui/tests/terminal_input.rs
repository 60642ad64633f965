//! Input on too small a screen, and what the terminal reports.

use crossterm::event::Event;

use crate::tui::Msg;
use crate::tui::style::theme::ColorScheme;
use crate::tui::tests::sample::mixed;
use crate::tui::tests::test_screen::{TestScreen, screen};

const WIDE: (u16, u16) = (120, 40);

#[test]
fn on_too_small_a_screen_no_key_acts_but_those_that_quit() {
    let small = |mut screen: TestScreen| {
        screen.event(Event::Resize(30, 8));
        screen
    };
    let large = |mut screen: TestScreen| {
        screen.event(Event::Resize(120, 40));
        screen
    };
    let ignored = small(screen(&mixed(), WIDE)).press("3jj? wnv⏎R").paste("text");
    assert!(ignored.effects.is_empty() && !ignored.has_dialog());
    let seen = large(ignored);
    assert_eq!((seen.selected(), seen.effects.len()), ("validate.ci-suite", 0));
    assert_eq!(seen.notice(), "keys were ignored while the window was too small");
    assert_eq!(large(small(screen(&mixed(), WIDE))).notice(), "", "no key was pressed");
    assert_eq!(small(screen(&mixed(), WIDE)).press("q").effects.len(), 1);
    assert_eq!(small(screen(&mixed(), WIDE)).control('c').effects.len(), 1);
    // Text that was being typed is not a key.
    let typing = small(screen(&mixed(), WIDE).press("nhello")).press("q");
    assert!(typing.effects.is_empty());
    assert_eq!(large(typing).prompt_text(), "hello");
}

#[test]
fn the_screen_takes_the_colours_for_the_reported_background() {
    let reported = |asked: bool, after_ms: u64| {
        let mut screen = screen(&mixed(), WIDE);
        screen.app.input.background_query = asked.then(|| screen.app.run.now.clone());
        let mut screen = screen.after_ms(after_ms);
        let effects = screen.app.update(Msg::Background(ColorScheme::Light));
        assert!(effects.is_empty());
        screen.app.session.appearance.color_scheme
    };
    assert_eq!(reported(true, 900), ColorScheme::Light);
    assert_eq!(reported(true, 1001), ColorScheme::Dark, "too late: it would disturb");
    assert_eq!(reported(false, 0), ColorScheme::Dark, "the theme was set");
}
