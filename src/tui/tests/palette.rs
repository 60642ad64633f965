//! The palette: what it lists, how it finds, and that it does what the keys do.

use std::time::Instant;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::actions::{ready_to_deploy, staging_plan};
use super::buffer::{self, text};
use super::layer_focus::{FakeReviewLog, screen_with_output};
use super::sample::{ALICE, BOB, SampleRun, all_done, mixed, plan};
use super::test_screen::{TestScreen, screen};
use crate::tui::Msg;
use crate::tui::context::Access;
use crate::tui::dialogs::confirm::ConfirmDialog;
use crate::tui::dialogs::help::HelpDialog;
use crate::tui::dialogs::palette::PaletteDialog;
use crate::tui::dialogs::run_action::RunActionDialog;
use crate::tui::dialogs::text_prompt::TextPrompt;
use crate::tui::input_queue::{QueuedEvent, Slots};
use crate::tui::layers::{KEY_TOO_EARLY, READING_TIME};
use crate::tui::palette::PaletteItem;
use crate::tui::style::theme::{Appearance, ColorScheme};
use crate::tui::views::output::OutputView;
use crate::tui::views::review::Review;
use crate::tui::views::rollback::RollbackView;
use gonogo_core::run::Act;

const WIDE: (u16, u16) = (120, 40);
const MEDIUM: (u16, u16) = (80, 24);
const SMALL: (u16, u16) = (40, 12);

macro_rules! assert_frame {
    ($name:literal, $screen:expr) => {
        insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, buffer::styled(&$screen.drawn()));
        });
    };
}

fn palette(screen: &TestScreen) -> &PaletteDialog {
    screen.dialog().expect("the palette")
}

fn labels(screen: &TestScreen) -> Vec<String> {
    palette(screen).listed().iter().map(|item| item.label.clone()).collect()
}

/// The items for keys, without those for points.
fn keys(screen: &TestScreen) -> Vec<PaletteItem> {
    let points: Vec<_> = screen.app.run.state.plan.points().map(|point| point.id.as_str()).collect();
    let items = palette(screen).listed().into_iter().filter(|item| !points.contains(&item.label.as_str()));
    items.cloned().collect()
}

fn is_open(screen: &TestScreen) -> bool {
    screen.dialog::<PaletteDialog>().is_some()
}

fn sealed() -> SampleRun {
    all_done().act(ALICE, Act::Verdict).act(ALICE, Act::Seal).act(BOB, Act::Seal)
}

#[test]
fn the_palette_at_common_sizes() {
    assert_frame!("wide_palette", screen(&mixed(), WIDE).press("3j:"));
    assert_frame!("medium_palette", screen(&mixed(), MEDIUM).press("3j:redis"));
    assert_frame!("small_palette", screen(&mixed(), SMALL).press("3j:conf"));
    let ascii = Appearance { color_scheme: ColorScheme::Dark, ascii: true, color: false };
    for size in [WIDE, MEDIUM, SMALL, (20, 5)] {
        for keys in [":", ":redis", ":conf", ":zzzz"] {
            let drawn = text(&screen(&mixed(), size).with_appearance(ascii).press(keys).drawn());
            assert!(drawn.is_ascii(), "{keys} at {size:?}:\n{drawn}");
        }
    }
}

#[test]
fn the_palette_does_what_the_key_does_and_nothing_else() {
    let noted = screen(&mixed(), WIDE).press("3j:add a note⏎");
    assert_eq!(noted.dialog::<TextPrompt>(), screen(&mixed(), WIDE).press("3jn").dialog::<TextPrompt>());
    assert!(screen(&mixed(), WIDE).press("jj:confirm⏎").dialog::<ConfirmDialog>().is_some());
    let ready = ready_to_deploy(staging_plan());
    assert!(screen(&ready, WIDE).press("!:run its action⏎").dialog::<RunActionDialog>().is_some());
    assert!(screen(&mixed(), WIDE).press(":?⏎").dialog::<HelpDialog>().is_some());
    let refused = screen(&mixed(), WIDE).press("3j:confirm⏎");
    assert!(refused.notice().contains("cannot be confirmed: a probe failed") && !refused.has_dialog());
    let probed = screen(&mixed(), WIDE).press("3j:r⏎");
    let requests = |screen: TestScreen| format!("{:?}", screen.requests());
    assert_eq!(requests(probed), requests(screen(&mixed(), WIDE).press("3jr")));
    for nothing in [":⎋", ":confirm⎋", ":zzzz⏎"] {
        let screen = screen(&mixed(), WIDE).press(nothing);
        assert!(screen.effects.is_empty() && screen.acts().is_empty(), "{nothing}");
    }
}

/// Whatever the palette opens still waits until it has been read.
#[test]
fn a_key_typed_ahead_does_not_answer_what_the_palette_opens() {
    let mut screen = screen(&mixed(), WIDE).press("jj:confirm");
    let drawn = Instant::now();
    let type_at = |screen: &mut TestScreen, code, at| {
        let event = Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
        let effects = screen.app.update(Msg::Queued(QueuedEvent::new(event, at, Slots::new().acquire())));
        screen.effects.extend(effects);
    };
    type_at(&mut screen, KeyCode::Enter, drawn);
    assert!(screen.dialog::<ConfirmDialog>().is_some(), "the palette itself asks nothing");
    screen.draw();
    screen.app.mark_drawn(drawn);
    type_at(&mut screen, KeyCode::Char('y'), drawn + READING_TIME / 2);
    assert_eq!((screen.acts().len(), screen.notice()), (0, KEY_TOO_EARLY));
    type_at(&mut screen, KeyCode::Char('y'), drawn + READING_TIME * 3 / 2);
    assert_eq!(screen.acts().len(), 1);
}

/// The reason is the refusal of the key, on every kind of run.
#[test]
fn what_is_not_possible_now_says_what_its_key_would_say() {
    let read_only = |size| {
        let mut screen = screen(&mixed(), size);
        screen.app.session.access = Access::ReadOnly;
        screen
    };
    let mut without_rollback = plan();
    without_rollback.rollback.clear();
    let screens: [(&str, &dyn Fn() -> TestScreen); 8] = [
        ("mixed", &|| screen(&mixed(), WIDE)),
        ("failing", &|| screen(&mixed(), WIDE).press("3j")),
        ("nothing shown", &|| screen(&mixed(), WIDE).press("/rabbit⏎1")),
        ("ready", &|| screen(&ready_to_deploy(staging_plan()), WIDE).press("!")),
        ("sealed", &|| screen(&sealed(), WIDE)),
        ("sealed rollback", &|| screen(&mixed(), WIDE).press("A")),
        ("read-only", &|| read_only(WIDE)),
        ("no rollback", &|| screen(&SampleRun::new(without_rollback.clone()), WIDE)),
    ];
    let mut refused = 0;
    for (name, open) in screens {
        for item in keys(&open().press(":")) {
            let chosen = open().press(":").press(&item.name).press("⏎");
            let notice = chosen.app.notices.notice.clone();
            let refusal = notice.filter(|notice| notice.is_refusal && !chosen.has_dialog());
            refused += usize::from(refusal.is_some());
            assert_eq!(item.why_not, refusal.map(|notice| notice.text), "{name}: {}", item.name);
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn impossible_items_are_dim_with_their_reason() {
    let drawn = text(&screen(&mixed(), WIDE).press("3j:confirm").drawn());
    assert!(drawn.contains("cannot be confirmed: a probe failed"), "{drawn}");
    // It is up to date: the point passes while the palette is open.
    let passed = mixed().pass("infra.rabbitmq").shared();
    let mut screen = screen(&mixed(), WIDE).press("3j:confirm").with_state(passed);
    let drawn = text(&screen.draw());
    assert!(!drawn.contains("a probe failed"), "{drawn}");
    assert_eq!(palette(&screen).chosen_item().map(|item| item.label.as_str()), Some("space"));
}

#[test]
fn a_point_is_found_by_its_id_by_words_of_its_title_and_by_letters() {
    for typed in ["infra.redis", "persistent redis", "REDIS PERS", "infrdis"] {
        let found = screen(&mixed(), WIDE).press("6:").press(typed).press("⏎");
        assert_eq!((found.selected(), found.has_dialog()), ("infra.redis", false), "{typed}");
    }
    let pasted = screen(&mixed(), WIDE).press(":").paste("infra.\nredis");
    assert!(is_open(&pasted) && pasted.effects.is_empty());
    assert_eq!(pasted.press("⏎").selected(), "infra.redis");
    let filtered = screen(&mixed(), WIDE).press("/rabbit⏎:infra.redis⏎");
    assert_eq!((filtered.selected(), filtered.checklist().is_filtered()), ("infra.redis", false));
    let shown = screen(&mixed(), WIDE).press("/infra⏎:infra.redis⏎");
    assert_eq!((shown.selected(), shown.checklist().is_filtered()), ("infra.redis", true));
    // From a view over the checklist.
    let from_rollback = screen(&mixed(), WIDE).press("A:infra.redis⏎");
    assert!(from_rollback.app.layers.find::<RollbackView>().is_none());
    assert_eq!(from_rollback.selected(), "infra.redis");
}

#[test]
fn the_best_match_comes_first_and_a_key_as_it_is_before_all() {
    let first = |typed: &str| labels(&screen(&mixed(), WIDE).press(":").press(typed))[0].clone();
    for (typed, expected) in [
        ("w", "w"),
        ("space", "space"),
        ("waive", "w"),
        ("retract", "u"),
        ("rllbck", "A"),
        ("infra.redis", "infra.redis"),
        ("rabbit", "infra.rabbitmq"),
        ("Rollback", "A"),
        ("next section", "Tab"),
    ] {
        assert_eq!(first(typed), expected, "{typed}");
    }
    assert!(labels(&screen(&mixed(), WIDE).press(":zzzz")).is_empty());
}

#[test]
fn arrows_and_ctrl_n_and_ctrl_p_choose() {
    let chosen = |screen: TestScreen| palette(&screen).chosen_item().unwrap().label.clone();
    let open = || screen(&mixed(), WIDE).press(":");
    let all = labels(&open());
    let arrow = |mut screen: TestScreen, code| {
        screen.event(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        screen
    };
    assert_eq!(chosen(open()), all[0]);
    assert_eq!(chosen(open().control('n').control('n')), all[2]);
    assert_eq!(chosen(open().control('n').control('n').control('p')), all[1]);
    assert_eq!(chosen(arrow(arrow(open(), KeyCode::Down), KeyCode::Up)), all[0]);
    assert_eq!(chosen(arrow(open(), KeyCode::Up)), all[0]);
    assert_eq!(chosen(open().press("⇩")), all[8]);
    let end = (0..20).fold(open(), |screen, _| screen.press("⇩"));
    assert_eq!(Some(&chosen(end)), all.last());
    // The chosen item is always shown, and what is typed next starts at the best match again.
    for size in [WIDE, MEDIUM, SMALL] {
        let drawn = text(&(0..20).fold(screen(&mixed(), size).press(":"), |s, _| s.press("⇩")).drawn());
        assert!(
            drawn.lines().any(|line| line.contains("▌") && line.contains(all.last().unwrap())),
            "{drawn}"
        );
    }
    assert_eq!(chosen(open().control('n').press("w")), "w");
}

#[test]
fn the_rollback_the_output_and_a_review_list_their_own_keys() {
    let rollback = labels(&screen(&mixed(), WIDE).press("A:"));
    assert!(["a", "b", "o", "v", "?"].iter().all(|key| rollback.iter().any(|label| label == key)));
    assert!(!rollback.iter().any(|label| label == "w" || label == ":"), "{rollback:?}");
    let step = screen(&ready_to_deploy(staging_plan()), WIDE).press("A:run the selected⏎");
    assert!(step.dialog::<RunActionDialog>().is_some());

    let (_dir, output) = screen_with_output(MEDIUM);
    let mut output = output.press(":");
    assert!(labels(&output).iter().any(|label| label == "f") && !labels(&output).iter().any(|l| l == "q"));
    assert!(text(&output.draw()).contains("output of deploy.rollout/app"));
    let first = output.press("first line⏎");
    assert!(first.app.layers.find::<OutputView>().is_some() && !first.has_dialog());
    assert!(text(&first.drawn()).lines().any(|line| line.trim() == "line 0"));

    let mut review = screen(&mixed(), WIDE);
    review.review(FakeReviewLog { len: 9, needles: &[4], state: mixed().shared() });
    let review = review.press(":");
    let listed = keys(&review);
    let find = |name: &str| listed.iter().find(|item| item.name == name);
    assert!(find("next signed entry").is_some_and(|item| item.why_not.is_none()));
    assert_eq!(find("next match").and_then(|item| item.why_not.as_deref()), Some("no search yet: press f"));
    assert!(find("confirm: sign the evidence").is_none() && find("add a note").is_none());
    assert!(find("switch operator").is_some_and(|item| item.why_not.is_some()));
    let moved = review.press("last entry⏎").press(":infra.redis⏎");
    assert_eq!(moved.app.layers.find::<Review>().unwrap().position, 8);
    assert_eq!(moved.selected(), "infra.redis");
}

#[test]
fn the_hints_and_the_help_name_the_palette() {
    let hints = |screen: TestScreen| text(&screen.drawn()).lines().last().unwrap_or_default().to_owned();
    assert!(hints(screen(&all_done(), WIDE)).contains(": palette"));
    assert!(hints(screen(&mixed(), WIDE).press("A")).contains(": palette"));
    assert!(hints(screen_with_output(WIDE).1).contains(": palette"));
    assert!(text(&screen(&mixed(), (120, 60)).press("?").drawn()).contains("palette: find a key or a point"));
}

#[test]
fn a_colon_in_a_text_is_text() {
    assert_eq!(screen(&mixed(), WIDE).press("n12:30").prompt_text(), "12:30");
    let filter = screen(&mixed(), WIDE).press("/a:b");
    assert!(!is_open(&filter) && filter.checklist().is_typing_filter());
}

fn mouse(screen: &mut TestScreen, kind: MouseEventKind, wanted: &str) {
    let drawn = text(&screen.draw());
    let at = drawn
        .lines()
        .enumerate()
        .find_map(|(row, line)| Some((line[..line.find(wanted)?].chars().count(), row)));
    let (column, row) = at.unwrap_or_else(|| panic!("no {wanted} in\n{drawn}"));
    let (column, row) = (u16::try_from(column).unwrap(), u16::try_from(row).unwrap());
    screen.event(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
}

#[test]
fn a_click_chooses_or_goes_to_a_point_and_never_acts() {
    const CLICK: MouseEventKind = MouseEventKind::Down(MouseButton::Left);
    for size in [WIDE, MEDIUM, SMALL] {
        let mut on_key = screen(&mixed(), size).press("3j:probe");
        mouse(&mut on_key, CLICK, "probe it again");
        mouse(&mut on_key, CLICK, "probe it again");
        assert!(is_open(&on_key) && on_key.effects.is_empty(), "{size:?}");
        assert_eq!(palette(&on_key).chosen_item().unwrap().label, "r", "{size:?}");
        mouse(&mut on_key, MouseEventKind::ScrollDown, "probe it again");
        assert_ne!(palette(&on_key).chosen_item().unwrap().label, "r", "{size:?}");
        let mut on_point = screen(&mixed(), size).press(":redis");
        mouse(&mut on_point, CLICK, "infra.redis");
        assert_eq!((on_point.selected(), on_point.has_dialog()), ("infra.redis", false), "{size:?}");
    }
}
