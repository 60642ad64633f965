//! The effects of the mouse.

use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::tui::tests::buffer::text;
use crate::tui::tests::sample::mixed;
use crate::tui::tests::test_screen::{TestScreen, screen};
use crate::tui::views::checklist::Focus;

const WIDE: (u16, u16) = (120, 40);
const MEDIUM: (u16, u16) = (80, 24);
const LOW: (u16, u16) = (60, 20);
const SMALL: (u16, u16) = (40, 12);

impl TestScreen {
    fn mouse(mut self, kind: MouseEventKind, (column, row): (u16, u16)) -> Self {
        self.event(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
        self
    }

    fn click_at(self, at: (u16, u16)) -> Self {
        self.mouse(MouseEventKind::Down(MouseButton::Left), at)
    }

    /// The position of a text on the screen.
    #[track_caller]
    fn find(&mut self, wanted: &str) -> (u16, u16) {
        let drawn = text(&self.draw());
        let at = drawn.lines().enumerate().find_map(|(row, line)| {
            let column = line[..line.find(wanted)?].chars().count();
            Some((u16::try_from(column).unwrap(), u16::try_from(row).unwrap()))
        });
        at.unwrap_or_else(|| panic!("no {wanted} in\n{drawn}"))
    }

    #[track_caller]
    fn click(mut self, wanted: &str) -> Self {
        let at = self.find(wanted);
        self.click_at(at)
    }

    #[track_caller]
    fn wheel(mut self, wanted: &str, kind: MouseEventKind) -> Self {
        let at = self.find(wanted);
        self.mouse(kind, at)
    }
}

const DOWN: MouseEventKind = MouseEventKind::ScrollDown;
const UP: MouseEventKind = MouseEventKind::ScrollUp;

#[test]
fn a_click_selects_the_point_under_it() {
    let wide = screen(&mixed(), WIDE).click("Redis persistent");
    assert_eq!(wide.selected(), "infra.redis");
    assert_eq!(wide.click("On-call contacts").selected(), "rollback.contacts");
    let reason = screen(&mixed(), WIDE).click("expected a JSON array");
    assert_eq!(reason.selected(), "secrets.allowed-origins");
    assert_eq!(screen(&mixed(), MEDIUM).click("SLOs and alert").selected(), "validate.slo-alerts");
    assert_eq!(
        screen(&mixed(), SMALL).click("needs confirmation (1/2)").selected(),
        "validate.iac-change-set"
    );
    let filtered = screen(&mixed(), MEDIUM).press("3/e").click("Prometheus, Grafana");
    assert_eq!(filtered.selected(), "infra.observability");
    assert!(!filtered.checklist().is_typing_filter() && filtered.checklist().is_filtered());
}

#[test]
fn a_click_opens_the_section_under_it() {
    assert_eq!(screen(&mixed(), WIDE).click("Rollback plan").checklist().selection.section, 5);
    assert_eq!(screen(&mixed(), MEDIUM).click("Deployment steps").checklist().selection.section, 3);
    let later = screen(&mixed(), MEDIUM).press("2").click("Deployment steps");
    assert_eq!(later.checklist().selection.section, 3);
    assert_eq!(screen(&mixed(), SMALL).click(" 4○").checklist().selection.section, 3);
    let from_detail = screen(&mixed(), SMALL).press("⏎").click(" 4○");
    assert_eq!((from_detail.checklist().selection.section, from_detail.checklist().focus), (3, Focus::List));
}

#[test]
fn a_click_on_the_detail_focuses_it_and_one_on_a_list_leaves_it() {
    for size in [WIDE, MEDIUM, LOW] {
        let detail = screen(&mixed(), size).press("3j").click("contacts");
        assert_eq!((detail.checklist().focus, detail.selected()), (Focus::Detail, "infra.rabbitmq"));
        let list = detail.click("Redis persistent");
        assert_eq!((list.checklist().focus, list.selected()), (Focus::List, "infra.redis"));
    }
}

#[test]
fn the_wheel_scrolls_what_is_under_the_pointer() {
    let detail = screen(&mixed(), MEDIUM).press("3j").wheel("contacts", DOWN);
    assert_eq!(
        (detail.checklist().scroll, detail.selected(), detail.checklist().focus),
        (3, "infra.rabbitmq", Focus::List)
    );
    assert_eq!(detail.mouse(UP, (4, 20)).mouse(UP, (4, 20)).checklist().scroll, 0);
    let list = screen(&mixed(), WIDE).wheel("Image built", DOWN);
    assert_eq!(list.selected(), "deploy.image-push");
    let at = (45, 16);
    let end = (0..9).fold(list, |screen, _| screen.mouse(DOWN, at));
    assert_eq!(end.selected(), "deploy.rollout");
    assert_eq!((0..9).fold(end, |screen, _| screen.mouse(UP, at)).selected(), "deploy.image-build-scan");
    let alone = screen(&mixed(), SMALL).press("3j⏎").mouse(DOWN, (5, 5));
    assert_eq!((alone.checklist().scroll, alone.selected()), (3, "infra.rabbitmq"));
    let help = screen(&mixed(), MEDIUM).press("?").mouse(DOWN, (40, 10));
    assert_eq!(help.dialog_scroll(), Some(3));
    assert_eq!(help.mouse(DOWN, (0, 23)).dialog_scroll(), Some(3));
}

#[test]
fn a_click_never_answers_a_question_or_changes_the_run() {
    for keys in ["jj ", "u", "3jwbecause⏎⏎", "nhello", "v", "?", ""] {
        for size in [WIDE, MEDIUM, LOW, SMALL, (20, 5)] {
            let mut clicked = screen(&mixed(), size).press(keys);
            let (dialog, selection) = (clicked.dialog_debug(), clicked.checklist().selection.clone());
            for at in (0..size.0).flat_map(|x| (0..size.1).map(move |y| (x, y))) {
                clicked = clicked.click_at(at).mouse(MouseEventKind::Down(MouseButton::Right), at);
            }
            assert!(clicked.effects.is_empty(), "{keys} at {size:?}");
            assert_eq!(clicked.dialog_debug(), dialog, "{keys} at {size:?}");
            assert!(dialog.is_none() || clicked.checklist().selection == selection, "{keys} at {size:?}");
        }
    }
}

#[test]
fn clicks_with_a_modifier_or_outside_of_panels_select_nothing() {
    let mut shifted = screen(&mixed(), WIDE);
    let (column, row) = shifted.find("Redis persistent");
    let kind = MouseEventKind::Down(MouseButton::Left);
    shifted.event(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::SHIFT }));
    assert_eq!(shifted.selected(), "validate.ci-suite");
    let outside =
        screen(&mixed(), WIDE).click_at((0, 0)).click_at((60, 39)).click_at((60, 34)).click_at((500, 500));
    assert_eq!((outside.selected(), outside.checklist().focus), ("validate.ci-suite", Focus::List));
}
