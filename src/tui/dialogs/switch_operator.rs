//! The sheets about who acts at this keyboard.

use crate::text;
use crate::tui::context::View;
use crate::tui::dialogs::add_operator::{Form, Stage};
use crate::tui::dialogs::words::field;
use crate::tui::style::text::ink;
use crate::tui::style::theme::{Theme, Tone};
use crate::tui::widgets::dialog_view::Sheet;

/// Whose turn it is.
pub fn turn(view: &View, width: usize) -> Sheet {
    let mut sheet = Sheet::new("who acts", Tone::Needs);
    for (number, who) in (1..).zip(&view.app.here) {
        let here = *who == view.app.me;
        let told = format!("{}{}", view.person(&who.principal), if here { " · acts now" } else { "" });
        let style = if here { Theme::strong() } else { Theme::text() };
        sheet.put(vec![ink(&format!("{number} "), view.theme.accent()), ink(&told, style)], width, 2);
    }
    let keys = [("1–9", "that one"), ("p", "the next"), ("n", "somebody else"), ("Esc", "back")];
    sheet.keys(view, &keys, width);
    sheet
}

/// What is asked of a newcomer.
pub fn newcomer(view: &View, width: usize, form: &Form) -> Sheet {
    let mut sheet = Sheet::new("another operator at this keyboard", Tone::Needs);
    let told = format!(
        "They act under their own name and key, as {}. What each of you does is signed by you.",
        form.role
    );
    sheet.put(vec![view.dim(&told)], width, 0);
    sheet.gap();
    sheet.put(
        vec![ink("Who? ", Theme::text()), view.dim("the name that others trust, a mail address")],
        width,
        0,
    );
    field(view, &mut sheet, width, &form.who, 1, form.stage == Stage::Who);
    sheet.gap();
    let hint = "a key file, or the public half or the comment of one that the ssh-agent holds";
    sheet.put(vec![ink("Which key? ", Theme::text()), view.dim(hint)], width, 0);
    field(view, &mut sheet, width, &form.key, 1, form.stage == Stage::Key);
    if form.stage == Stage::Passphrase {
        sheet.gap();
        sheet.put(vec![ink("Its passphrase? ", Theme::text()), view.dim("it is not kept")], width, 0);
        let shown = "•".repeat(form.passphrase.expose().chars().count());
        field(view, &mut sheet, width, &crate::tui::widgets::text_field::Field::holding(&shown), 1, true);
    }
    if let Some(wrong) = &form.wrong {
        sheet.gap();
        sheet.put(vec![view.toned(&format!("✖ {}", text::line(wrong)), Tone::Failed)], width, 2);
    }
    let keys: &[(&str, &str)] = match form.stage {
        Stage::Passphrase => &[("Enter", "take part"), ("Esc", "leave it")],
        _ => &[("Enter", "go on"), ("Tab", "the other field"), ("Esc", "leave it")],
    };
    sheet.keys(view, keys, width);
    sheet
}
