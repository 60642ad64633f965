//! The filter: which points it shows, how it is shown, and what is selected.

use ratatui::style::Modifier;

use crate::tui::style::theme::{Appearance, ColorScheme};
use crate::tui::tests::buffer::text;
use crate::tui::tests::sample::{ALICE, BOB, SampleRun, mixed};
use crate::tui::tests::test_screen::{TestScreen, screen};
use crate::tui::views::checklist::Focus;
use gonogo_core::run::Act;

const WIDE: (u16, u16) = (120, 40);
const SIZES: [(u16, u16); 3] = [WIDE, (80, 24), (40, 12)];

fn wide(keys: &str) -> TestScreen {
    screen(&mixed(), WIDE).press(keys)
}

fn shown_points(keys: &str) -> Vec<String> {
    let screen = wide(keys);
    let plan = &screen.app.run.state.plan;
    let in_section =
        |section: usize| screen.checklist().visible.in_section(section).iter().map(move |at| (section, *at));
    let all = (0..plan.sections.len()).flat_map(in_section);
    all.map(|(section, at)| plan.sections[section].points[at].id.clone()).collect()
}

#[test]
fn id_title_and_status_are_searched_ignoring_case() {
    assert_eq!(shown_points("/RABBIT"), ["infra.rabbitmq"]);
    assert_eq!(shown_points("/dlq dec"), ["infra.rabbitmq"]);
    assert_eq!(shown_points("/Failed"), ["secrets.allowed-origins", "infra.rabbitmq"]);
    assert_eq!(shown_points("/ERROR"), ["infra.observability"]);
    assert_eq!(shown_points("/ error "), ["infra.observability"]);
    assert_eq!(shown_points("/1/2"), ["validate.iac-change-set"]);
    assert_eq!(shown_points("/  ⏎").len(), 27);
    assert!(shown_points("/nothing has this").is_empty());
}

#[test]
fn words_are_found_in_any_order() {
    assert_eq!(shown_points("/dlq infra"), ["infra.rabbitmq"]);
    assert_eq!(shown_points("/watched REDIS persist"), ["infra.redis"]);
    assert_eq!(shown_points("/failed infra"), ["infra.rabbitmq"]);
    assert_eq!(shown_points("/redis rabbit"), [] as [&str; 0]);
}

#[test]
fn letters_of_id_and_title_are_searched_where_no_words_match() {
    assert_eq!(shown_points("/rbmq"), ["infra.rabbitmq"]);
    assert!(shown_points("/infrared").contains(&"infra.redis".to_owned()));
    // Not where words match, and never in the status.
    assert_eq!(shown_points("/redis"), ["infra.redis"]);
    assert!(!shown_points("/fld").contains(&"infra.rabbitmq".to_owned()));
    for size in SIZES {
        let drawn = text(&screen(&mixed(), size).press("/rbmq").drawn());
        assert!(drawn.contains("1 of 27 similar"), "{drawn}");
    }
    // What a status filter has shown stays as it is when no point has the status any more.
    let mut errors = wide("/error⏎").with_state(mixed().pass("infra.observability").shared()).press("1");
    errors.draw();
    assert_eq!(errors.checklist().visible.count(), 0);
}

/// The marked letters of the screen, line by line.
fn marked_letters(screen: TestScreen) -> Vec<String> {
    let (mark, buffer) = (Modifier::BOLD | Modifier::UNDERLINED, screen.drawn());
    let row = |y| {
        let cells = (0..buffer.area.width).map(|x| &buffer[(x, y)]);
        cells.filter(|cell| cell.modifier.contains(mark)).map(|cell| cell.symbol().to_owned()).collect()
    };
    (0..buffer.area.height).map(row).filter(|letters: &String| !letters.is_empty()).collect()
}

#[test]
fn matched_letters_are_marked_in_the_list() {
    for size in SIZES {
        assert_eq!(marked_letters(screen(&mixed(), size).press("/persistent redis⏎")), ["Redispersistent"]);
    }
    // The id, where that has matched; the status; letters.
    assert!(marked_letters(wide("/infra.redis⏎")).contains(&"infra.redis".to_owned()));
    assert!(marked_letters(wide("/failed⏎")).iter().all(|letters| letters == "failed"));
    assert_eq!(marked_letters(wide("/rbmq⏎")), ["rbmq"]);
    assert_eq!(marked_letters(wide("/redis⏎⎋")), [] as [&str; 0]);
    // Words that were wrapped, and on terminals without colour or with ASCII only.
    let plain = Appearance { color_scheme: ColorScheme::Dark, ascii: true, color: false };
    let narrow = screen(&mixed(), (40, 12)).with_appearance(plain).press("/exchange dlq declared⏎");
    assert_eq!(marked_letters(narrow).concat(), "ExchangeDLQdeclared");
}

#[test]
fn hidden_points_are_always_indicated() {
    for size in SIZES {
        for keys in ["/fail", "/fail⏎"] {
            let drawn = text(&screen(&mixed(), size).press(keys).drawn());
            assert!(drawn.lines().take(2).any(|line| line.contains("filter")), "{drawn}");
            assert!(drawn.contains("1 of 5 ✖"), "{drawn}");
        }
        let typed = text(&screen(&mixed(), size).press("/fail").drawn());
        assert!(typed.contains(" /fail") && typed.contains("2 of 27"), "{typed}");
        let kept = text(&screen(&mixed(), size).press("/fail⏎").drawn());
        assert!(kept.contains("Esc show all"), "{kept}");
    }
    let drawn = text(&wide("/fail⏎").drawn());
    assert!(
        drawn.contains("filter “fail”") && drawn.contains("0 of 4 ") && drawn.contains("4 points hidden")
    );
    assert!(drawn.contains("NO-GO 6/27"), "the verdict counts every point:\n{drawn}");
}

#[test]
fn enter_keeps_the_filter_and_esc_shows_all_points_again() {
    let kept = wide("/rabbit⏎");
    assert_eq!((kept.selected(), kept.checklist().visible.count()), ("infra.rabbitmq", 1));
    let all = kept.press("⎋");
    assert_eq!(
        (all.selected(), all.checklist().visible.count(), &all.checklist().filter),
        ("infra.rabbitmq", 27, &None)
    );
    let given_up = wide("/rabbit⎋");
    assert_eq!((given_up.selected(), given_up.checklist().visible.count()), ("infra.rabbitmq", 27));
    let in_detail = wide("/rabbit⏎⏎⎋");
    assert_eq!((in_detail.checklist().visible.count(), in_detail.checklist().focus), (1, Focus::List));
    assert_eq!(wide("/rabb⏎/it").checklist().visible.count(), 1);
    assert!(wide("/⏎").checklist().filter.is_none());
}

#[test]
fn keys_in_the_filter_are_text() {
    let screen = wide("/q w!v?1 ");
    assert_eq!(screen.checklist().filter.as_ref().unwrap().field.text(), "q w!v?1 ");
    assert!(screen.effects.is_empty() && !screen.has_dialog());
    assert_eq!(wide("/").paste("rab\nbit").checklist().filter.as_ref().unwrap().field.text(), "rab bit");
    assert!(
        wide("/rab⏎")
            .paste("bit")
            .checklist()
            .filter
            .as_ref()
            .is_some_and(|filter| filter.field.text() == "rab")
    );
    assert_eq!(wide("/q").control('c').effects.len(), 1);
}

#[test]
fn the_selection_is_a_shown_point_or_none() {
    for size in SIZES {
        for filter in ["/e", "/fail", "/needs", "/redis", "/zzz", "/infra.", "/."] {
            for moves in
                ["", "j", "jjj", "k", "G", "g", "h", "l", "⇥", "⇥⇥⇥⇥", "1", "6", "3k", "2j", "!", "!!"]
            {
                let screen = screen(&mixed(), size).press(filter).press("⏎").press(moves);
                let selected = screen.point().map(|point| point.id.clone());
                let (section, shown) = (screen.checklist().selection.section, &screen.checklist().visible);
                assert_eq!(selected.is_some(), !shown.in_section(section).is_empty(), "{filter} {moves}");
                let points = &screen.app.run.state.plan.sections[section].points;
                let is_shown = |id: &String| shown.in_section(section).iter().any(|at| points[*at].id == *id);
                assert!(selected.iter().all(is_shown), "{filter} {moves}: {selected:?}");
            }
        }
    }
}

#[test]
fn keys_do_nothing_where_no_point_is_shown() {
    for key in [" ", "w", "x", "u", "n", "r", "c"] {
        let screen = wide("/rabbit⏎1").press(key);
        assert!(screen.effects.is_empty() && !screen.has_dialog(), "{key}");
        assert_eq!(screen.notice(), "no point is shown here");
    }
}

#[test]
fn the_guide_shows_what_a_filter_hides() {
    let guided = wide("/contacts⏎!");
    assert_eq!((guided.selected(), guided.checklist().is_filtered()), ("validate.iac-change-set", false));
    let shown = wide("/change-set⏎!");
    assert_eq!((shown.selected(), shown.checklist().is_filtered()), ("validate.iac-change-set", true));
}

#[test]
fn panels_without_points_are_skipped_but_can_be_opened() {
    assert_eq!(wide("/redis⏎").selected(), "infra.redis");
    assert_eq!(wide("1/metrics⏎").selected(), "verify.metrics");
    assert_eq!(wide("/suite⏎2").checklist().selection.section, 1);
    assert_eq!(wide("/suite⏎2k").point(), None);
    assert_eq!(wide("/i⏎1⇥⇥").selected(), wide("/i⏎3").selected());
}

#[test]
fn a_selected_point_stays_when_it_no_longer_matches() {
    let waived = |sample: SampleRun| {
        let until = sample.now().wall.plus(std::time::Duration::from_hours(1));
        let waive = || Act::Waive { point: "secrets.allowed-origins".into(), reason: "so".into(), until };
        sample.act(ALICE, waive()).act(BOB, waive()).shared()
    };
    let newer = || waived(mixed());
    let filtered = wide("2/failed⏎").with_state(newer());
    assert_eq!((filtered.selected(), filtered.checklist().visible.count()), ("secrets.allowed-origins", 2));
    let moved = filtered.press("j");
    assert_eq!(moved.selected(), "secrets.allowed-origins");
    let elsewhere = moved.press("3").with_state(newer());
    assert_eq!((elsewhere.selected(), elsewhere.checklist().visible.count()), ("infra.rabbitmq", 1));
}

#[test]
fn probing_all_mentions_hidden_points() {
    assert!(wide("/redis⏎R").notice().ends_with("hidden points too"));
    assert!(!wide("R").notice().contains("hidden"));
}
