//! The hint line lists only keys that work.

use crate::tui::tests::buffer::text;
use crate::tui::tests::sample::{SampleRun, all_done, mixed};
use crate::tui::tests::test_screen::{TestScreen, screen};

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
    for keys in ["jj", "jjj", "2jj", "3j", "5", "6"] {
        let line = last_line(screen(&mixed(), (120, 40)).press(keys));
        assert!(line.contains(hints), "{keys}: {line}");
    }
    for (sample, keys) in [(mixed(), ""), (mixed(), "5jj"), (all_done(), "")] {
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
