//! Snapshots of the screen.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use crate::tui::dialogs::DialogLayer;
use crate::tui::dialogs::notices::NoticesDialog;
use crate::tui::style::theme::{Appearance, ColorScheme};
use crate::tui::tests::buffer;
use crate::tui::tests::sample::{ALICE, BOB, SampleRun, all_done, mixed, plan};
use crate::tui::tests::test_screen::{TestScreen, screen};
use gonogo_core::run::Act;

/// Compares a frame with its snapshot: the text, and below it the styles.
macro_rules! assert_styled_frame {
    ($name:expr, $screen:expr) => {
        insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, buffer::styled(&$screen.drawn()));
        });
    };
}

/// The same without styles.
macro_rules! assert_frame {
    ($name:literal, $screen:expr) => {
        insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, buffer::text(&$screen.drawn()));
        });
    };
}

impl TestScreen {
    /// Draws a frame.
    pub fn drawn(mut self) -> Buffer {
        self.draw()
    }

    /// Draws a frame, as the program does.
    pub fn draw(&mut self) -> Buffer {
        let area = self.app.screen;
        let mut terminal = Terminal::new(TestBackend::new(area.width, area.height)).unwrap();
        terminal.draw(|frame| self.app.draw(frame)).unwrap();
        terminal.backend().buffer().clone()
    }
}

const WIDE: (u16, u16) = (120, 40);
const MEDIUM: (u16, u16) = (80, 24);
const SMALL: (u16, u16) = (40, 12);

#[test]
fn a_fresh_run() {
    assert_frame!("wide_fresh", screen(&SampleRun::new(plan()), WIDE));
}

#[test]
fn a_run_with_points_of_nearly_every_status() {
    // The other sizes and appearances are below.
    assert_styled_frame!("wide_mixed", screen(&mixed(), WIDE));
    assert_frame!("beside_mixed", screen(&mixed(), (130, 30)));
}

#[test]
fn a_failing_point() {
    assert_styled_frame!("wide_failing", screen(&mixed(), WIDE).press("3j"));
    assert_frame!("medium_failing", screen(&mixed(), MEDIUM).press("3j"));
    assert_frame!("small_failing_list", screen(&mixed(), SMALL).press("3j"));
    assert_frame!("small_failing", screen(&mixed(), SMALL).press("3j⏎"));
    assert_frame!("medium_failing_scrolled", screen(&mixed(), MEDIUM).press("3j⏎G"));
}

#[test]
fn a_point_with_a_running_probe() {
    let screen = screen(&mixed(), WIDE).press("3j").with_running_probe("infra.rabbitmq", "topology");
    assert_frame!("wide_probing", screen);
}

#[test]
fn the_confirm_dialog() {
    assert_styled_frame!("wide_confirm", screen(&mixed(), WIDE).press("jj "));
    assert_frame!("medium_confirm", screen(&mixed(), MEDIUM).press("jj "));
    assert_frame!("small_confirm", screen(&mixed(), SMALL).press("jj "));
}

#[test]
fn the_waiver_prompt() {
    assert_styled_frame!("wide_waive", screen(&mixed(), WIDE).press("3jwthe broker is mended⏎"));
    assert_frame!("wide_waive_asked", screen(&mixed(), WIDE).press("3jwthe broker is mended⏎⏎"));
    assert_frame!(
        "small_waive",
        screen(&mixed(), SMALL).press("3jwthe broker is mended after the deployment window⏎")
    );
    assert_frame!("wide_waive_no_words", screen(&mixed(), WIDE).press("3jw⏎⏎"));
}

#[test]
fn the_verdict() {
    assert_styled_frame!("wide_no_go", screen(&mixed(), WIDE).press("v"));
    assert_frame!("medium_no_go", screen(&mixed(), MEDIUM).press("v"));
    assert_frame!("small_no_go", screen(&mixed(), SMALL).press("v"));
    assert_frame!("wide_go", screen(&all_done(), WIDE).press("v"));
    let recorded = all_done().act(ALICE, Act::Verdict).wait(60);
    assert_frame!("wide_recorded", screen(&recorded, WIDE).press("v"));
    assert_frame!("wide_seal", screen(&recorded, WIDE).press("vs"));
}

#[test]
fn a_sealed_run() {
    let sealed = all_done().act(ALICE, Act::Verdict).act(ALICE, Act::Seal).act(BOB, Act::Seal).wait(600);
    assert_styled_frame!("wide_sealed", screen(&sealed, WIDE).press("v"));
    assert_frame!("wide_sealed_refuses", screen(&sealed, WIDE).press("w"));
}

#[test]
fn a_refusal_says_why() {
    assert_styled_frame!("medium_refusal", screen(&mixed(), MEDIUM).press("3j "));
}

#[test]
fn the_help_shows_which_keys_work() {
    assert_styled_frame!("wide_help", screen(&mixed(), WIDE).press("3j?"));
    assert_frame!("medium_help", screen(&mixed(), MEDIUM).press("3j?"));
    assert_frame!("small_help", screen(&mixed(), SMALL).press("3j?"));
}

#[test]
fn a_filter() {
    assert_styled_frame!("wide_filter", screen(&mixed(), WIDE).press("/fail⏎"));
    assert_frame!("medium_filter_typed", screen(&mixed(), MEDIUM).press("/infra"));
    assert_frame!("low_filter", screen(&mixed(), (60, 20)).press("/infra⏎"));
    assert_frame!("medium_filter_nothing", screen(&mixed(), MEDIUM).press("/zzz⏎"));
    assert_frame!("small_filter", screen(&mixed(), SMALL).press("/infra⏎"));
    assert_frame!("small_filter_nothing", screen(&mixed(), SMALL).press("/zzz"));
}

#[test]
fn notices_at_the_start() {
    let mut screen = screen(&mixed(), MEDIUM);
    let notices = vec![
        "The profile has changed since this run was opened; the run continues with its own plan.".into(),
    ];
    screen.app.layers.open(Box::new(DialogLayer::new(NoticesDialog(notices))));
    assert_frame!("medium_notices", screen);
}

#[test]
fn a_key_for_what_was_below_a_dialog_that_opened_by_itself_is_refused() {
    let with_notices = || {
        let mut screen = screen(&mixed(), MEDIUM);
        let notices = NoticesDialog(vec!["The profile has changed.".into()]);
        screen.app.layers.open(Box::new(DialogLayer::new(notices)));
        screen
    };
    for key in ["n", "p", "?", "y"] {
        let screen = with_notices().press(key);
        assert!(screen.has_dialog() && screen.effects.is_empty(), "{key}");
        assert!(screen.notice().starts_with("key ignored: "), "{key}: {}", screen.notice());
    }
    for key in ["⏎", "⎋"] {
        assert!(!with_notices().press(key).has_dialog(), "{key}");
    }
    assert_eq!(with_notices().press("j").notice(), "", "it scrolls");
}

#[test]
fn a_solo_run_of_another_checklist() {
    let mut plan = plan();
    (plan.solo, plan.checklist, plan.production) = (true, "mine".into(), false);
    plan.environment = "staging".into();
    let sample = SampleRun::new(plan).pass("validate.iac-change-set");
    assert_frame!("wide_solo", screen(&sample, WIDE).press("jj "));
    assert_frame!("small_solo", screen(&sample, SMALL));
    for keys in ["", "jj", "jj⏎", "v", "?"] {
        let drawn = buffer::text(&screen(&sample, SMALL).press(keys).drawn());
        assert!(drawn.matches("solo").count() <= 1, "{keys}:\n{drawn}");
    }
}

#[test]
fn other_appearances() {
    let light = Appearance { color_scheme: ColorScheme::Light, ascii: false, color: true };
    let plain = Appearance { color_scheme: ColorScheme::Dark, ascii: false, color: false };
    let ascii = Appearance { color_scheme: ColorScheme::Dark, ascii: true, color: true };
    assert_styled_frame!("wide_light", screen(&mixed(), WIDE).with_appearance(light).press("3j"));
    assert_styled_frame!("medium_no_color", screen(&mixed(), MEDIUM).with_appearance(plain).press("3j"));
    assert_frame!("wide_ascii", screen(&mixed(), WIDE).with_appearance(ascii).press("3j"));
}

/// The sample run at common sizes, in every appearance.
#[test]
fn every_size_in_every_appearance() {
    let dark = Appearance { color_scheme: ColorScheme::Dark, ascii: false, color: true };
    let appearances = [
        ("dark", dark),
        ("light", Appearance { color_scheme: ColorScheme::Light, ..dark }),
        ("ascii", Appearance { ascii: true, ..dark }),
        ("plain", Appearance { color: false, ..dark }),
    ];
    for size in [(200, 60), WIDE, MEDIUM, (60, 20), SMALL] {
        for (name, appearance) in appearances {
            assert_styled_frame!(
                format!("size_{}x{}_{name}", size.0, size.1),
                screen(&mixed(), size).with_appearance(appearance)
            );
        }
    }
}

#[test]
fn an_ascii_screen_is_ascii_only() {
    let ascii = Appearance { color_scheme: ColorScheme::Dark, ascii: true, color: true };
    for keys in ["", "3j", "jj ", "3jw", "v", "?", "3j⏎G"] {
        for size in [WIDE, MEDIUM, SMALL, (20, 5)] {
            let drawn = buffer::text(&screen(&mixed(), size).with_appearance(ascii).press(keys).drawn());
            assert!(drawn.is_ascii(), "{keys} at {size:?}:\n{drawn}");
        }
    }
}

#[test]
fn too_small_a_screen_says_what_it_needs() {
    assert_eq!(
        buffer::text(&screen(&mixed(), (30, 4)).drawn()),
        "gonogo needs 40 × 12 cells;\nhere are 30 × 4\n\n\n"
    );
}

#[test]
fn every_size_can_be_drawn() {
    let (mixed, widths, heights) =
        (mixed(), [1, 39, 40, 57, 60, 79, 80, 109, 119, 120, 250], [1, 11, 12, 19, 20, 23, 24, 35, 36, 90]);
    for keys in ["", "3j", "jj ", "3jw", "v", "?", "⏎"] {
        for size in widths.iter().flat_map(|width| heights.iter().map(|height| (*width, *height))) {
            screen(&mixed, size).press(keys).drawn();
        }
    }
}

#[test]
fn text_from_outside_cannot_control_the_terminal() {
    let mut plan = plan();
    plan.release = "v1\x1b[2J\u{202e}".into();
    plan.sections[0].title = "a\x1b]0;x\x07".into();
    plan.sections[0].points[0].title = "b\u{9b}31m\r\n".into();
    plan.contacts[0].channel = "c\u{200b}\x1b".into();
    for size in [WIDE, MEDIUM, SMALL] {
        let drawn = screen(&SampleRun::new(plan.clone()), size).drawn();
        assert!(!drawn.content.iter().any(|cell| cell.symbol().chars().any(gonogo_core::text::is_harmful)));
    }
}
