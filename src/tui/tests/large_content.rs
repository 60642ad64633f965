//! Long texts, wide characters and many points stay readable at every size.

use crossterm::event::Event;
use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr as _;

use crate::tui::tests::buffer::text;
use crate::tui::tests::sample::{BOB, SampleRun, mixed, plan};
use crate::tui::tests::test_screen::{TestScreen, screen};
use gonogo_core::checklist::{Confirm, Plan, Point, Section};
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::run::Act;

/// Characters of two cells, characters of several code points, and combining marks.
const WIDE: &str = "漢字かな交じり 👩‍🚀 🇩🇪 👍🏽 e\u{301}a\u{308}\u{304} ｶﾞ ❤️ שלום नमस्ते لا 한국어";

/// From one cell to larger than any screen, including the sizes at which the arrangement changes.
fn sizes() -> impl Iterator<Item = (u16, u16)> {
    let widths = [1, 2, 5, 39, 40, 41, 57, 58, 60, 61, 79, 80, 81, 109, 110, 119, 120, 160, 250];
    let heights = [1, 2, 11, 12, 13, 18, 20, 24, 25, 27, 36, 80];
    widths.into_iter().flat_map(move |width| heights.map(|height| (width, height)))
}

/// Asserts that no wide character is cut: the cell behind it is empty and in the same panel.
#[track_caller]
fn assert_no_split_character(drawn: &Buffer, case: &str) {
    for row in drawn.content.chunks(usize::from(drawn.area.width)) {
        let mut covered = 0;
        for (column, cell) in row.iter().enumerate() {
            let width = cell.symbol().width();
            if covered > 0 {
                assert!(cell.symbol().trim().is_empty(), "{case}: covered at {column}:\n{}", text(drawn));
                covered -= 1;
            } else {
                covered = width.saturating_sub(1);
            }
        }
        assert_eq!(covered, 0, "{case}: over the edge:\n{}", text(drawn));
    }
}

/// Draws a screen at every size, like a window that is resized. Keys before a `|` are pressed once, those after it at
/// every size.
#[track_caller]
fn check_at_every_size(sample: &SampleRun, keys: &str, check: impl Fn(&TestScreen, &Buffer, &str)) {
    let (before, at_each_size) = keys.split_once('|').unwrap_or((keys, ""));
    let mut screen = screen(sample, (80, 24)).press(before);
    for size in sizes() {
        screen.event(Event::Resize(size.0, size.1));
        screen = screen.press(at_each_size);
        let drawn = screen.draw();
        let case = format!("{keys:?} at {size:?}");
        assert_no_split_character(&drawn, &case);
        check(&screen, &drawn, &case);
    }
}

/// Asserts that the selected point is shown, unless its detail fills the screen, and that no text crosses the edge of a
/// panel.
#[track_caller]
fn assert_legible(screen: &TestScreen, drawn: &Buffer, case: &str) {
    let arrangement = screen.arrangement();
    if screen.has_dialog() {
        return;
    }
    let is_detail_alone = screen.checklist().is_detail_fullscreen(&arrangement);
    let lists = arrangement.lists.iter().filter(|_| !is_detail_alone);
    for area in lists.chain(screen.checklist().is_detail_visible(&arrangement).then_some(&arrangement.detail))
    {
        let edge = (area.y..area.bottom()).map(|y| &drawn[(area.right().max(1) - 1, y)]);
        let over = edge.filter(|cell| cell.symbol().width() > 1).count();
        assert_eq!(over, 0, "{case}: over the edge of {area}:\n{}", text(drawn));
    }
    let marked = drawn.content.iter().any(|cell| cell.symbol() == "▌");
    assert_eq!(
        marked,
        !arrangement.lists.is_empty() && !is_detail_alone,
        "{case}: the selection is not to be seen:\n{}",
        text(drawn)
    );
}

fn point(id: &str, title: &str, confirm: Confirm) -> Point {
    let mut point = plan().sections[0].points[0].clone();
    (point.id, point.title, point.confirm) = (id.into(), title.into(), confirm);
    point
}

/// A plan with many sections and points.
fn large_plan(sections: usize, points: usize) -> Plan {
    let section = |section: usize| Section {
        id: format!("s{section}"),
        title: format!("Section {section}"),
        actions_after: Vec::new(),
        verifies_rollback: false,
        points: (0..points)
            .map(|at| point(&format!("s{section}.{at}"), &format!("Point {at}"), Confirm::One))
            .collect(),
    };
    Plan { sections: (0..sections).map(section).collect(), tailored: Vec::new(), ..plan() }
}

#[test]
fn a_title_of_300_characters() {
    let titles =
        ["a long title ".repeat(23), "x".repeat(300), "漢字".repeat(150), "漢 e\u{301}👩‍🚀 ".repeat(60)];
    for title in titles {
        let mut plan = plan();
        plan.sections[2].title.clone_from(&title);
        plan.sections[2].points[1].title.clone_from(&title);
        for keys in ["3j", "3j⏎", "3jw", "3jn"] {
            check_at_every_size(&SampleRun::new(plan.clone()), keys, assert_legible);
        }
    }
}

#[test]
fn a_note_in_wide_and_combined_characters() {
    let note = |text: String| Act::Note { point: Some("infra.rabbitmq".into()), text };
    let content = format!("{WIDE}\n{}\n{}", WIDE.replace(' ', ""), "👩‍🚀".repeat(99));
    let sample = mixed().act(BOB, note(content));
    for keys in ["3j", "3j⏎|G", "3j⏎|⇧", "3jn漢e\u{301}👩‍🚀", "/漢字かな"] {
        check_at_every_size(&sample, keys, |screen, drawn, case| {
            if !keys.starts_with('/') {
                assert_legible(screen, drawn, case);
            }
        });
    }
    let mut screen = screen(&sample, (120, 40)).press("3j⏎G");
    let mut drawn = String::new();
    for _ in 0..screen.checklist().scroll {
        drawn.push_str(&text(&screen.draw()));
        screen = screen.press("k");
    }
    for expected in ["漢字かな交じり", "👩‍🚀", "e\u{301}a\u{308}\u{304}", "한국어"] {
        assert!(drawn.contains(expected), "{drawn}");
    }
}

#[test]
fn two_hundred_observations_in_one_outcome() {
    let seen = |at: usize| {
        let what = if usize::is_multiple_of(at, 3) {
            format!("what was seen of {at}")
        } else {
            format!("{at} {WIDE}")
        };
        Observation::new(what, "as long as it is wide", format!("value {at} 漢"), true)
    };
    let outcome = Outcome::of((0..200).map(seen).collect(), "curl the-very-end");
    let redis = SampleRun::new(plan()).probe_result("infra.redis", "server", outcome.clone());
    let sample = SampleRun::new(plan()).probe_result("rollback.contacts", "roles", outcome);
    check_at_every_size(&redis, "3⏎|G", |screen, drawn, case| {
        assert_legible(screen, drawn, case);
        let is_small = screen.arrangement().lists.is_empty();
        assert!(is_small || text(drawn).contains("the-very-end"), "{case}:\n{}", text(drawn));
    });
    check_at_every_size(&sample, "6jj |⇩", |screen, drawn, case| {
        let is_small = screen.arrangement().lists.is_empty();
        assert!(is_small || text(drawn).contains("y confirm as alice"), "{case}:\n{}", text(drawn));
    });
}

#[test]
fn five_hundred_points_in_one_section() {
    let sample = SampleRun::new(large_plan(1, 500));
    for keys in ["j", &"j".repeat(9), &"j".repeat(250), "G", "Gkk"] {
        check_at_every_size(&sample, keys, assert_legible);
    }
    let mut screen = screen(&sample, (80, 24)).press(&"j".repeat(250));
    let drawn = text(&screen.draw());
    assert!(drawn.contains("▌◐  Point 250") || drawn.contains("▌○  Point 250"), "{drawn}");
    assert!(drawn.contains("↑ ") && drawn.contains("↓ "), "{drawn}");
}

#[test]
fn five_hundred_points_in_many_sections() {
    for plan in [large_plan(100, 5), large_plan(13, 39)] {
        let sample = SampleRun::new(plan);
        for keys in ["", "⇥⇥⇥⇥⇥⇥⇥⇥⇥⇥⇥⇥jj", "/s5.3⏎"] {
            check_at_every_size(&sample, keys, |screen, drawn, case| {
                assert_legible(screen, drawn, case);
                let (section, drawn) = (screen.checklist().selection.section, text(drawn));
                let is_small = screen.arrangement().lists.is_empty();
                let open = format!("{} Section {section}", section + 1);
                assert!(is_small || drawn.contains(&open), "{case}:\n{drawn}");
                assert!(
                    is_small || drawn.contains("filter “") == screen.checklist().is_filtered(),
                    "{case}:\n{drawn}"
                );
            });
        }
    }
}
