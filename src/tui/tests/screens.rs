//! What the screen looks like.

use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use crate::run::{Act, InFlight, RunningProbe};
use crate::tui::dialogs::DialogLayer;
use crate::tui::dialogs::notices::NoticesDialog;
use crate::tui::style::theme::{Look, Shade};
use crate::tui::tests::buffer;
use crate::tui::tests::keys::{Screen, screen};
use crate::tui::tests::sample::{ALICE, BOB, Sample, closed, key, mixed, plan};

/// A snapshot of what is drawn: the text, and below it the styles.
macro_rules! looks {
    ($name:expr, $screen:expr) => {
        insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, buffer::styled(&$screen.drawn()));
        });
    };
}

/// The same without styles.
macro_rules! reads {
    ($name:literal, $screen:expr) => {
        insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, buffer::text(&$screen.drawn()));
        });
    };
}

impl Screen {
    /// What is drawn now.
    pub fn drawn(mut self) -> Buffer {
        self.draw()
    }

    /// Draws it, as the program does.
    pub fn draw(&mut self) -> Buffer {
        let area = self.app.screen;
        let mut terminal = Terminal::new(TestBackend::new(area.width, area.height)).unwrap();
        terminal.draw(|frame| self.app.draw_in(frame)).unwrap();
        terminal.backend().buffer().clone()
    }
}

const WIDE: (u16, u16) = (120, 40);
const MEDIUM: (u16, u16) = (80, 24);
const SMALL: (u16, u16) = (40, 12);

#[test]
fn a_fresh_run() {
    reads!("wide_fresh", screen(&Sample::of(plan()), WIDE));
}

#[test]
fn a_run_with_a_little_of_everything() {
    // The picture in the README; the other sizes and looks are below.
    looks!("wide_mixed", screen(&mixed(), WIDE));
    reads!("beside_mixed", screen(&mixed(), (130, 30)));
}

#[test]
fn a_failing_point() {
    looks!("wide_failing", screen(&mixed(), WIDE).press("3j"));
    reads!("medium_failing", screen(&mixed(), MEDIUM).press("3j"));
    reads!("small_failing_list", screen(&mixed(), SMALL).press("3j"));
    reads!("small_failing", screen(&mixed(), SMALL).press("3j⏎"));
    reads!("medium_failing_scrolled", screen(&mixed(), MEDIUM).press("3j⏎G"));
}

#[test]
fn a_point_that_is_being_probed() {
    let mut screen = screen(&mixed(), WIDE).press("3j");
    let since = Sample::moment(screen.app.run.now.mono / 1000 - 4);
    let running = RunningProbe { attempt: 9, since, tries: 2, last_seen: None };
    screen.app.run.live = Arc::new(InFlight {
        running: [(key("infra.rabbitmq", "topology"), running)].into(),
        ..InFlight::default()
    });
    reads!("wide_probing", screen);
}

#[test]
fn the_question_whether_to_confirm() {
    looks!("wide_confirm", screen(&mixed(), WIDE).press("jj "));
    reads!("medium_confirm", screen(&mixed(), MEDIUM).press("jj "));
    reads!("small_confirm", screen(&mixed(), SMALL).press("jj "));
}

#[test]
fn words_for_a_waiver() {
    looks!("wide_waive", screen(&mixed(), WIDE).press("3jwthe broker is mended⏎"));
    reads!("wide_waive_asked", screen(&mixed(), WIDE).press("3jwthe broker is mended⏎⏎"));
    reads!(
        "small_waive",
        screen(&mixed(), SMALL).press("3jwthe broker is mended after the deployment window⏎")
    );
    reads!("wide_waive_no_words", screen(&mixed(), WIDE).press("3jw⏎⏎"));
}

#[test]
fn the_verdict() {
    looks!("wide_no_go", screen(&mixed(), WIDE).press("v"));
    reads!("medium_no_go", screen(&mixed(), MEDIUM).press("v"));
    reads!("small_no_go", screen(&mixed(), SMALL).press("v"));
    reads!("wide_go", screen(&closed(), WIDE).press("v"));
    let recorded = closed().act(ALICE, Act::Verdict).wait(60);
    reads!("wide_recorded", screen(&recorded, WIDE).press("v"));
    reads!("wide_seal", screen(&recorded, WIDE).press("vs"));
}

#[test]
fn a_sealed_run() {
    let sealed = closed().act(ALICE, Act::Verdict).act(ALICE, Act::Seal).act(BOB, Act::Seal).wait(600);
    looks!("wide_sealed", screen(&sealed, WIDE).press("v"));
    reads!("wide_sealed_refuses", screen(&sealed, WIDE).press("w"));
}

#[test]
fn a_refusal_says_why() {
    looks!("medium_refusal", screen(&mixed(), MEDIUM).press("3j "));
}

#[test]
fn help_tells_what_works_here() {
    looks!("wide_help", screen(&mixed(), WIDE).press("3j?"));
    reads!("medium_help", screen(&mixed(), MEDIUM).press("3j?"));
    reads!("small_help", screen(&mixed(), SMALL).press("3j?"));
}

#[test]
fn a_filter() {
    looks!("wide_filter", screen(&mixed(), WIDE).press("/fail⏎"));
    reads!("medium_filter_typed", screen(&mixed(), MEDIUM).press("/infra"));
    reads!("low_filter", screen(&mixed(), (60, 20)).press("/infra⏎"));
    reads!("medium_filter_nothing", screen(&mixed(), MEDIUM).press("/infrared⏎"));
    reads!("small_filter", screen(&mixed(), SMALL).press("/infra⏎"));
    reads!("small_filter_nothing", screen(&mixed(), SMALL).press("/infrared"));
}

#[test]
fn what_is_told_at_the_start() {
    let mut screen = screen(&mixed(), MEDIUM);
    let notices = vec![
        "The profile has changed since this run was opened; the run continues with its own plan.".into(),
    ];
    screen.app.layers.open(Box::new(DialogLayer::new(NoticesDialog(notices))));
    reads!("medium_notices", screen);
}

#[test]
fn a_solo_run_of_another_checklist() {
    let mut plan = plan();
    (plan.solo, plan.checklist, plan.production) = (true, "mine".into(), false);
    plan.environment = "staging".into();
    let sample = Sample::of(plan).pass("validate.iac-change-set");
    reads!("wide_solo", screen(&sample, WIDE).press("jj "));
    reads!("small_solo", screen(&sample, SMALL));
    for keys in ["", "jj", "jj⏎", "v", "?"] {
        let drawn = buffer::text(&screen(&sample, SMALL).press(keys).drawn());
        assert!(drawn.matches("solo").count() <= 1, "{keys}:\n{drawn}");
    }
}

#[test]
fn other_looks() {
    let light = Look { shade: Shade::Light, ascii: false, color: true };
    let plain = Look { shade: Shade::Dark, ascii: false, color: false };
    let ascii = Look { shade: Shade::Dark, ascii: true, color: true };
    looks!("wide_light", screen(&mixed(), WIDE).looking(light).press("3j"));
    looks!("medium_no_color", screen(&mixed(), MEDIUM).looking(plain).press("3j"));
    reads!("wide_ascii", screen(&mixed(), WIDE).looking(ascii).press("3j"));
}

/// The sample run as it looks first, at the sizes that screens really have, in every look.
#[test]
fn every_size_in_every_look() {
    let dark = Look { shade: Shade::Dark, ascii: false, color: true };
    let looks = [
        ("dark", dark),
        ("light", Look { shade: Shade::Light, ..dark }),
        ("ascii", Look { ascii: true, ..dark }),
        ("plain", Look { color: false, ..dark }),
    ];
    for size in [(200, 60), WIDE, MEDIUM, (60, 20), SMALL] {
        for (name, look) in looks {
            looks!(format!("size_{}x{}_{name}", size.0, size.1), screen(&mixed(), size).looking(look));
        }
    }
}

#[test]
fn ascii_is_nothing_but_ascii() {
    let ascii = Look { shade: Shade::Dark, ascii: true, color: true };
    for keys in ["", "3j", "jj ", "3jw", "v", "?", "3j⏎G"] {
        for size in [WIDE, MEDIUM, SMALL, (20, 5)] {
            let drawn = buffer::text(&screen(&mixed(), size).looking(ascii).press(keys).drawn());
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
fn foreign_text_cannot_steer_the_terminal() {
    let mut plan = plan();
    plan.release = "v1\x1b[2J\u{202e}".into();
    plan.sections[0].title = "a\x1b]0;x\x07".into();
    plan.sections[0].points[0].title = "b\u{9b}31m\r\n".into();
    plan.contacts[0].channel = "c\u{200b}\x1b".into();
    for size in [WIDE, MEDIUM, SMALL] {
        let drawn = screen(&Sample::of(plan.clone()), size).drawn();
        assert!(!drawn.content.iter().any(|cell| cell.symbol().chars().any(crate::text::is_harmful)));
    }
}
