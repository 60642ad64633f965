//! The hint line lists only keys that work.

use ratatui::style::Color;

use crate::tui::layers::NOT_READ;
use crate::tui::style::theme::Theme;
use crate::tui::tests::actions::{build_failed, key, ready_to_deploy, staging_plan};
use crate::tui::tests::availability::rollback_steps_done;
use crate::tui::tests::buffer::text;
use crate::tui::tests::sample::{SampleRun, all_done, mixed};
use crate::tui::tests::test_screen::{TestScreen, screen};
use gonogo_core::checklist::ROLLBACK;
use gonogo_core::journal::entry::ActionExit;

const SIZES: [(u16, u16); 4] = [(140, 42), (120, 40), (80, 24), (40, 12)];

fn last_line(screen: TestScreen) -> String {
    text(&screen.drawn()).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn under_a_dialog_only_keys_that_work_in_it_are_listed() {
    for size in [(140, 42), (120, 40), (80, 24)] {
        for keys in ["v", "?", "u", "3jw", "3jx", "n", "3jwbecause⏎⏎", "jj "] {
            let line = last_line(screen(&mixed(), size).press(keys));
            assert!(
                !line.contains("waive") && !line.contains("help") && !line.contains(" · q"),
                "{keys}: {line}"
            );
        }
        assert!(last_line(screen(&mixed(), size).press("v⎋")).contains("? help"));
    }
}

#[test]
fn waive_and_not_applicable_are_listed_where_they_work() {
    let hints = "w waive · x not applicable";
    for keys in ["jj", "2jj", "3j"] {
        let line = last_line(screen(&mixed(), (120, 40)).press(keys));
        assert!(line.contains(hints), "{keys}: {line}");
    }
    for (sample, keys) in
        [(mixed(), ""), (mixed(), "jjj"), (mixed(), "5"), (mixed(), "5jj"), (all_done(), "")]
    {
        let line = last_line(screen(&sample, (120, 40)).press(keys));
        assert!(!line.contains("w waive") && !line.contains("x not applicable"), "{keys}: {line}");
    }
}

#[test]
fn the_help_is_always_listed() {
    for size in SIZES {
        for sample in [mixed(), all_done(), SampleRun::new(crate::tui::tests::sample::plan())] {
            assert!(last_line(screen(&sample, size).press("3j")).contains("? help"));
        }
    }
}

#[test]
fn enter_is_listed_wherever_it_does_something() {
    let ready = ready_to_deploy(staging_plan());
    for (sample, keys, expected) in
        [(mixed(), "jj", "Enter space confirm"), (mixed(), "3j", "Enter detail"), (ready, "4", "Enter a run")]
    {
        for size in [(140, 42), (120, 40), (80, 24)] {
            let line = last_line(screen(&sample, size).press(keys));
            assert!(line.contains(expected) && line.contains("! next"), "{size:?} {keys}: {line}");
        }
    }
}

#[test]
fn the_help_lists_the_keys_of_the_view_it_was_opened_from() {
    let (confirm, record, follow) = ("confirm: sign", "record that the release", "follow its end");
    for (keys, own, others) in [
        ("4?", confirm, [record, follow]),
        ("A?", record, [confirm, follow]),
        ("4o?", follow, [confirm, record]),
    ] {
        for size in [(140, 60), (80, 60)] {
            let drawn = text(&screen(&build_failed(), size).press(keys).drawn());
            assert!(drawn.contains(own) && drawn.contains("palette: find"), "{keys}: {drawn}");
            assert!(!others.iter().any(|other| drawn.contains(other)), "{keys}: {drawn}");
        }
    }
}

/// What is next comes first, as the last hints are left out where there is little space.
#[test]
fn a_rollback_lists_first_what_is_next() {
    let paused = build_failed().run_action(&key(ROLLBACK, "pause"), ActionExit::Code(0), "scaled\n");
    for (sample, keys, next, is_recordable) in [
        (build_failed(), "A", " a run it", false),
        (paused, "A", " a run it", true),
        (rollback_steps_done(), "A", " b record it", true),
    ] {
        for size in SIZES {
            let drawn = text(&screen(&sample, size).press(keys).drawn());
            assert!(drawn.contains("Rollback to v1.3.2"), "{size:?}: {drawn}");
            let line = drawn.lines().last().unwrap_or_default();
            let offers = line.contains("b record it");
            assert!(
                line.starts_with(next) && (offers == is_recordable || size == (40, 12)),
                "{size:?}: {line}"
            );
        }
    }
}

/// The colour of a key in the last lines of a dialog.
fn key_color(screen: &mut TestScreen, key: &str) -> Option<Color> {
    let frame = screen.draw();
    let rows = text(&frame);
    let rows: Vec<_> = rows.lines().collect();
    let row = rows.iter().rposition(|row| row.contains(&format!("│ {key} "))).expect("the key is listed");
    let line = rows[row];
    let column = line.chars().position(|symbol| symbol == '│').unwrap_or_default() + 2;
    frame[(u16::try_from(column).unwrap(), u16::try_from(row).unwrap())].style().fg
}

#[test]
fn keys_of_a_dialog_that_is_not_read_to_its_end_are_dimmed() {
    let theme = Theme::new(screen(&mixed(), SIZES[3]).app.session.appearance);
    for (keys, key) in [("v", "y"), ("jj ", "y"), ("?", "Esc")] {
        let mut screen = screen(&mixed(), SIZES[3]).press(keys);
        let expected = if key == "Esc" { theme.accent() } else { theme.dim() };
        assert_eq!(key_color(&mut screen, key), expected.fg, "{keys}");
        for _ in 0..20 {
            screen = screen.press("⇩");
            screen.draw();
        }
        assert_eq!(key_color(&mut screen, key), theme.accent().fg, "{keys}, at the end");
    }
}

#[test]
fn a_notice_covers_no_line_of_a_dialog() {
    for size in SIZES {
        let mut screen = screen(&mixed(), size).press("v");
        screen.app.refuse(NOT_READ);
        let frame = text(&screen.drawn());
        for shown in ["✖ key ignored: ", "y record this verdict as alice", "Esc back"] {
            assert!(frame.contains(shown), "{shown}: {frame}");
        }
        assert!(!frame.contains("more line") || frame.contains("more lines ╯"), "{frame}");
    }
}

#[test]
fn the_verdict_shows_on_every_screen_why_points_have_failed() {
    for size in SIZES {
        let first = text(&screen(&mixed(), size).press("v").drawn());
        let next = text(&screen(&mixed(), size).press("v⇩").drawn());
        assert!(!first.contains('…') && !next.contains('…'), "{next}");
    }
}
