//! What a section as a whole looks like.

use super::buffer::text;
use super::keys::screen;
use super::sample::{ALICE, Sample, mixed, plan};
use crate::checklist::Plan;
use crate::run::Act;

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
    for whole in ["JSON array, seen a comma list", "connection refused (10.0.3.7:3000)"] {
        assert!(roomy.contains(whole), "{whole}:\n{roomy}");
    }
    // Fewer lines: no point makes room for another one's reason.
    let narrow = text(&screen(&mixed(), (140, 36)).drawn());
    for point in mixed().state().plan.sections[2].points.iter().map(|point| &point.title) {
        assert!(narrow.contains(&point[..30.min(point.len())]), "{point}:\n{narrow}");
    }
    assert!(!narrow.contains("(10.0.3.7:3000)"), "{narrow}");
}
