//! The likeliest next keys at the bottom: they work, and where they would not they are not listed.

use crate::tui::tests::buffer::text;
use crate::tui::tests::keys::{Screen, screen};
use crate::tui::tests::sample::{Sample, closed, mixed};

const SIZES: [(u16, u16); 4] = [(140, 42), (120, 40), (80, 24), (40, 12)];

fn last_line(screen: Screen) -> String {
    text(&screen.drawn()).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn under_a_dialog_no_key_is_listed_that_does_not_work_in_it() {
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
fn both_ways_to_set_a_point_aside_are_listed_where_they_work() {
    let both = "w waive · x not applicable";
    for keys in ["jj", "jjj", "2jj", "3j", "5", "6"] {
        let line = last_line(screen(&mixed(), (120, 40)).press(keys));
        assert!(line.contains(both), "{keys}: {line}");
    }
    for (sample, keys) in [(mixed(), ""), (mixed(), "5jj"), (closed(), "")] {
        let line = last_line(screen(&sample, (120, 40)).press(keys));
        assert!(!line.contains("w waive") && !line.contains("x not applicable"), "{keys}: {line}");
    }
}

#[test]
fn help_is_always_among_them() {
    for size in SIZES {
        for sample in [mixed(), closed(), Sample::of(crate::tui::tests::sample::plan())] {
            assert!(last_line(screen(&sample, size).press("3j")).contains("? help"));
        }
    }
}
