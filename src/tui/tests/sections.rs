//! The section panels, and the limits on what they draw.

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::tui::summary::SUMMARY_COUNT;
use crate::tui::tests::buffer::text;
use crate::tui::tests::sample::{ALICE, SampleRun, mixed, plan};
use crate::tui::tests::test_screen::{TestScreen, screen};
use crate::tui::views::checklist::View;
use crate::tui::views::checklist::detail;
use crate::tui::views::checklist::point_list;
use gonogo_core::checklist::{Plan, Probe};
use gonogo_core::run::Act;

/// A plan with two sections whose points have no dependencies.
fn two_sections() -> Plan {
    let mut plan = plan();
    plan.sections.truncate(2);
    for point in plan.sections.iter_mut().flat_map(|section| &mut section.points) {
        (point.due, point.mandatory) = (None, false);
        point.probes.iter_mut().for_each(|probe| probe.due = None);
    }
    plan
}

/// A run in which the points of the first section are passed (`p`), waived (`w`) or not applicable (`x`).
fn run_with_points(how: &str) -> SampleRun {
    let plan = two_sections();
    let until = SampleRun::moment(0).wall.plus(std::time::Duration::from_hours(24));
    let points: Vec<_> = plan.sections[0].points.iter().map(|point| point.id.clone()).collect();
    let close = |sample: SampleRun, (point, how): (String, char)| match how {
        'p' => sample.pass(&point),
        'w' => sample.act(ALICE, Act::Waive { point, reason: "so".into(), until }),
        _ => sample.act(ALICE, Act::Exempt { point, reason: "so".into() }),
    };
    points.into_iter().zip(how.chars()).fold(SampleRun::new(plan), close)
}

#[test]
fn a_section_with_a_waived_point_is_not_shown_as_passed() {
    for (how, sign) in [("xpxx", "✔"), ("xpxw", "≈"), ("wwww", "≈"), ("xxxx", "–")] {
        for (size, before) in [((120, 40), "4/4 "), ((80, 24), "4/4 "), ((40, 12), " 1")] {
            let drawn = text(&screen(&run_with_points(how), size).drawn());
            assert!(drawn.contains(&format!("{before}{sign}")), "{how}: no {sign} in\n{drawn}");
        }
    }
}

#[test]
fn reasons_use_the_remaining_lines() {
    let roomy = text(&screen(&mixed(), (140, 42)).drawn());
    for expected in ["JSON array, found a comma list", "connection refused (10.0.3.7:3000)"] {
        assert!(roomy.contains(expected), "{expected}:\n{roomy}");
    }
    // With fewer lines, points come before reasons.
    let narrow = text(&screen(&mixed(), (140, 36)).drawn());
    for point in mixed().state().plan.sections[2].points.iter().map(|point| &point.title) {
        assert!(narrow.contains(&point[..30.min(point.len())]), "{point}:\n{narrow}");
    }
    assert!(!narrow.contains("(10.0.3.7:3000)"), "{narrow}");
}

/// The summary is computed again when the run has changed or a result has become stale, not for every frame.
#[test]
fn the_summary_is_computed_only_after_a_change() {
    let mut screen = screen(&mixed(), (120, 40));
    let counted = |screen: &mut TestScreen| {
        let before = SUMMARY_COUNT.get();
        let drawn = text(&screen.draw());
        (SUMMARY_COUNT.get() - before, drawn)
    };
    let (times, fresh) = counted(&mut screen);
    assert!(times == 1 && fresh.contains(" 2/5 "), "{fresh}");
    for keys in ["", "j", "⇥", "jj", "/red⏎", "⎋"] {
        screen.type_keys(keys);
        assert_eq!(counted(&mut screen).0, 0, "{keys}");
    }
    // After a day, every result is stale.
    let mut later = screen.after_ms(24 * 3600 * 1000);
    let (times, stale) = counted(&mut later);
    assert!(times == 1 && !stale.contains(" 2/5 ") && stale.contains('◷'), "{stale}");
    let mut other = later.with_state(mixed().pass("verify.metrics").shared());
    assert_eq!(counted(&mut other).0, 1);
}

/// However long a text of the plan is, only as much is laid out as a frame can show.
#[test]
fn only_the_visible_part_of_a_long_text_is_laid_out() {
    let mut plan = plan();
    let long = "so long a word ".repeat(5_000);
    let section = &mut plan.sections[0];
    section.title.clone_from(&long);
    for point in &mut section.points {
        (point.title, point.why) = (long.clone(), long.clone());
    }
    let screen = screen(&SampleRun::new(plan), (120, 40));
    let cx = screen.app.context();
    let view = View::new(&cx, screen.checklist());
    let area = Rect::new(0, 0, 60, 30);
    assert!(point_list::lines(&view, 0, area).len() <= 4 * 4);
    let width: usize = detail::lines(&view, 60, false).iter().map(Line::width).sum();
    assert!(width < 40_000, "{width}");
    let drawn = text(&screen.drawn());
    assert!(drawn.contains("bytes more)") || drawn.contains('…'), "{drawn}");
}

#[test]
fn a_detail_is_cut_with_a_note() {
    let mut plan = plan();
    let point = &mut plan.sections[0].points[0];
    let probe = point.probes[0].clone();
    point.probes = (0..3000).map(|n| Probe { id: format!("p{n}"), ..probe.clone() }).collect();
    let screen = screen(&SampleRun::new(plan), (120, 40));
    let lines = detail::lines(&View::new(&screen.app.context(), screen.checklist()), 60, false);
    assert_eq!(lines.len(), 2001);
    assert!(lines[2000].to_string().contains("there is more"));
}

#[test]
fn a_detail_shows_what_to_do_and_who_can_help() {
    let mut plan = plan();
    let point = &mut plan.sections[0].points[0];
    point.runbook = Some("https://wiki.boards.io/ci".into());
    point.contacts = vec!["#ci-oncall".into(), "+49 30 1".into()];
    let screen = screen(&SampleRun::new(plan), (120, 40));
    let lines = detail::lines(&View::new(&screen.app.context(), screen.checklist()), 60, false);
    let lines: Vec<_> = lines.iter().map(|line| line.to_string().trim().to_owned()).collect();
    for line in ["runbook https://wiki.boards.io/ci", "contacts #ci-oncall · +49 30 1"] {
        assert!(lines.iter().any(|shown| shown == line), "{lines:#?}");
    }
}
