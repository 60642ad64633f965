//! What a section as a whole looks like.

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::checklist::{Plan, Probe};
use crate::run::Act;
use crate::tui::summary::SUMMARIZED;
use crate::tui::tests::buffer::text;
use crate::tui::tests::keys::{Screen, screen};
use crate::tui::tests::sample::{ALICE, Sample, mixed, plan};
use crate::tui::views::checklist::View;
use crate::tui::views::checklist::detail;
use crate::tui::views::checklist::point_list;

/// The first two sections, so that what is let pass in one is not hidden by what is open in the others.
fn two_sections() -> Plan {
    let mut plan = plan();
    plan.sections.truncate(2);
    for point in plan.sections.iter_mut().flat_map(|section| &mut section.points) {
        (point.due, point.mandatory) = (None, false);
        point.probes.iter_mut().for_each(|probe| probe.due = None);
    }
    plan
}

/// A run of them in which the points of the first are passed, waived or called not applicable, in turn.
fn closed_by(how: &str) -> Sample {
    let plan = two_sections();
    let until = Sample::moment(0).wall.plus(std::time::Duration::from_hours(24));
    let points: Vec<_> = plan.sections[0].points.iter().map(|point| point.id.clone()).collect();
    let close = |sample: Sample, (point, how): (String, char)| match how {
        'p' => sample.pass(&point),
        'w' => sample.act(ALICE, Act::Waive { point, reason: "so".into(), until }),
        _ => sample.act(ALICE, Act::Exempt { point, reason: "so".into() }),
    };
    points.into_iter().zip(how.chars()).fold(Sample::of(plan), close)
}

#[test]
fn a_section_in_which_something_was_waived_does_not_look_passed() {
    for (how, sign) in [("xpxx", "✔"), ("xpxw", "≈"), ("wwww", "≈"), ("xxxx", "–")] {
        for (size, before) in [((120, 40), "4/4 "), ((80, 24), "4/4 "), ((40, 12), " 1")] {
            let drawn = text(&screen(&closed_by(how), size).drawn());
            assert!(drawn.contains(&format!("{before}{sign}")), "{how}: no {sign} in\n{drawn}");
        }
    }
}

#[test]
fn reasons_take_the_lines_that_are_left_over() {
    let roomy = text(&screen(&mixed(), (140, 42)).drawn());
    for whole in ["JSON array, found a comma list", "connection refused (10.0.3.7:3000)"] {
        assert!(roomy.contains(whole), "{whole}:\n{roomy}");
    }
    // Fewer lines: no point makes room for another one's reason.
    let narrow = text(&screen(&mixed(), (140, 36)).drawn());
    for point in mixed().state().plan.sections[2].points.iter().map(|point| &point.title) {
        assert!(narrow.contains(&point[..30.min(point.len())]), "{point}:\n{narrow}");
    }
    assert!(!narrow.contains("(10.0.3.7:3000)"), "{narrow}");
}

/// The points are counted when the run has changed, or when time has made something of it stale; not for every frame.
#[test]
fn sections_are_counted_again_only_when_they_have_changed() {
    let mut screen = screen(&mixed(), (120, 40));
    let counted = |screen: &mut Screen| {
        let before = SUMMARIZED.get();
        let drawn = text(&screen.draw());
        (SUMMARIZED.get() - before, drawn)
    };
    let (times, fresh) = counted(&mut screen);
    assert!(times == 1 && fresh.contains(" 2/5 "), "{fresh}");
    for keys in ["", "j", "⇥", "jj", "/red⏎", "⎋"] {
        screen.type_keys(keys);
        assert_eq!(counted(&mut screen).0, 0, "{keys}");
    }
    // So long that no result counts any more.
    let mut later = screen.after(24 * 3600 * 1000);
    let (times, stale) = counted(&mut later);
    assert!(times == 1 && !stale.contains(" 2/5 ") && stale.contains('◷'), "{stale}");
    let mut other = later.shown(mixed().pass("verify.metrics").shared());
    assert_eq!(counted(&mut other).0, 1);
}

/// However long a text is that a plan brings along, a frame sets what can be seen of it.
#[test]
fn of_a_text_without_end_as_much_is_set_as_can_be_seen() {
    let mut plan = plan();
    let long = "so long a word ".repeat(5_000);
    let section = &mut plan.sections[0];
    section.title.clone_from(&long);
    for point in &mut section.points {
        (point.title, point.why) = (long.clone(), long.clone());
    }
    let screen = screen(&Sample::of(plan), (120, 40));
    let cx = screen.app.context();
    let view = View::new(&cx, screen.checklist());
    let area = Rect::new(0, 0, 60, 30);
    assert!(point_list::lines(&view, 0, area).len() <= 4 * 4);
    let set: usize = detail::lines(&view, 60, false).iter().map(Line::width).sum();
    assert!(set < 40_000, "{set}");
    let drawn = text(&screen.drawn());
    assert!(drawn.contains("bytes more)") || drawn.contains('…'), "{drawn}");
}

#[test]
fn a_detail_has_an_end_which_says_that_there_is_more() {
    let mut plan = plan();
    let point = &mut plan.sections[0].points[0];
    let probe = point.probes[0].clone();
    point.probes = (0..3000).map(|n| Probe { id: format!("p{n}"), ..probe.clone() }).collect();
    let screen = screen(&Sample::of(plan), (120, 40));
    let lines = detail::lines(&View::new(&screen.app.context(), screen.checklist()), 60, false);
    assert_eq!(lines.len(), 2001);
    assert!(lines[2000].to_string().contains("there is more"));
}
