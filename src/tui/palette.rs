//! What the palette (`:`) lists: the keys of the view below it, from the tables of the help, and the points.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::context::Context;
use crate::tui::keymap::{Intent, KeyBinding};
use gonogo_core::checklist::PointId;
use gonogo_core::text;

/// What can be done on a view, and with what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaletteContent {
    /// What the keys are for: a point, a step, an output.
    pub subject: String,
    /// All that can be chosen.
    pub items: Vec<PaletteItem>,
}

/// Something that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaletteItem {
    /// What happens.
    pub target: PaletteTarget,
    /// The key, or the id of the point.
    pub label: String,
    /// What the key does, or the title of the point.
    pub name: String,
    /// Why it is not possible now.
    pub why_not: Option<String>,
}

/// What happens when an item is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaletteTarget {
    /// The key is pressed.
    Key(KeyEvent),
    /// The point is selected.
    Point(PointId),
}

/// The items of key bindings. Keys that only move are left out: nobody moves by a palette.
pub fn items_of(
    bindings: &[KeyBinding],
    why_not: impl Fn(Intent) -> Option<String>,
) -> impl Iterator<Item = PaletteItem> {
    let bindings = bindings.iter().filter(|binding| !is_left_out(binding.intent));
    bindings.flat_map(move |binding| {
        key_items(binding.keys, binding.description, why_not(binding.intent).as_ref())
    })
}

const fn is_left_out(intent: Intent) -> bool {
    matches!(intent, Intent::Up | Intent::PageUp | Intent::HalfUp | Intent::Section(_) | Intent::Palette)
}

/// The items of keys and their description, one for each key that it describes.
pub fn key_items(keys: &str, description: &str, why_not: Option<&String>) -> Vec<PaletteItem> {
    let keys: Vec<_> = keys.split(", ").collect();
    let names = names(description, keys.len());
    let item = |(label, name): (&&str, String)| {
        let target = PaletteTarget::Key(parse_key(label)?);
        Some(PaletteItem { target, label: (*label).to_owned(), name, why_not: why_not.cloned() })
    };
    keys.iter().zip(names).filter_map(item).collect()
}

/// The descriptions of several keys: "previous, next entry" is "previous entry" and "next entry". Keys that have one
/// description do the same, so the first stands for all.
fn names(description: &str, count: usize) -> Vec<String> {
    let parts: Vec<_> = description.split(", ").collect();
    match parts.as_slice() {
        [first, last] if count == 2 => {
            let rest = last.split_once(' ').map_or(String::new(), |(_, rest)| format!(" {rest}"));
            vec![format!("{first}{rest}"), (*last).to_owned()]
        }
        _ => vec![description.to_owned()],
    }
}

/// The key of a name in the tables of keys; `None` for several keys, such as `hjkl`.
fn parse_key(name: &str) -> Option<KeyEvent> {
    let plain = |code| Some(KeyEvent::new(code, KeyModifiers::NONE));
    if let Some(letter) = name.strip_prefix("Ctrl-") {
        let letter = letter.chars().next()?.to_ascii_lowercase();
        return Some(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL));
    }
    match name {
        "space" => plain(KeyCode::Char(' ')),
        "Enter" => plain(KeyCode::Enter),
        "Esc" => plain(KeyCode::Esc),
        "Tab" => plain(KeyCode::Tab),
        "Shift-Tab" => Some(KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT)),
        "Home" => plain(KeyCode::Home),
        "End" => plain(KeyCode::End),
        "←" => plain(KeyCode::Left),
        "→" => plain(KeyCode::Right),
        name => {
            let mut letters = name.chars();
            let (only, None) = (letters.next()?, letters.next()) else { return None };
            plain(KeyCode::Char(only))
        }
    }
}

/// The sections, by the digits that open them.
pub fn section_items(cx: &Context) -> impl Iterator<Item = PaletteItem> {
    let item = |(digit, title): (char, String)| PaletteItem {
        target: PaletteTarget::Key(KeyEvent::new(KeyCode::Char(digit), KeyModifiers::NONE)),
        label: digit.to_string(),
        name: format!("section: {}", text::line(&title)),
        why_not: None,
    };
    ('1'..='9').zip(cx.plan().sections.iter().map(|section| section.title.clone())).map(item)
}

/// The points of the plan.
pub fn point_items(cx: &Context) -> impl Iterator<Item = PaletteItem> {
    cx.plan().points().map(|point| PaletteItem {
        target: PaletteTarget::Point(point.id.clone()),
        label: text::line(&point.id),
        name: text::line(&point.title),
        why_not: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::keymap::{
        NAVIGATION_KEYS, OUTPUT_KEYS, POINT_KEYS, REVIEW_KEYS, ROLLBACK_KEYS, RUN_KEYS, intent,
    };

    fn listed(items: &[PaletteItem]) -> Vec<(&str, &str)> {
        items.iter().map(|item| (item.label.as_str(), item.name.as_str())).collect()
    }

    #[test]
    fn each_key_has_its_own_name() {
        for (keys, description, expected) in [
            (
                "[, ]",
                "previous, next signed entry",
                vec![("[", "previous signed entry"), ("]", "next signed entry")],
            ),
            ("+, -", "faster, slower replay", vec![("+", "faster replay"), ("-", "slower replay")]),
            ("space", "replay, or stop", vec![("space", "replay, or stop")]),
            ("q, Ctrl-C", "quit; the log stays", vec![("q", "quit; the log stays")]),
            ("arrows, hjkl", "move", vec![]),
        ] {
            assert_eq!(listed(&key_items(keys, description, None)), expected, "{keys}");
        }
    }

    /// A key that is in a table of the help but not in the palette would be missing without anybody noticing.
    #[test]
    fn every_key_of_the_tables_is_listed_and_does_what_the_table_says() {
        for binding in [NAVIGATION_KEYS, POINT_KEYS, RUN_KEYS].concat() {
            let items: Vec<_> = items_of(&[binding], |_| None).collect();
            assert_eq!(items.is_empty(), is_left_out(binding.intent), "{}", binding.keys);
            if let Some(PaletteTarget::Key(key)) = items.first().map(|item| &item.target) {
                assert_eq!(intent(*key), Some(binding.intent), "{}", binding.keys);
            }
        }
        for (keys, description) in [REVIEW_KEYS, ROLLBACK_KEYS, OUTPUT_KEYS].concat() {
            assert_eq!(key_items(keys, description, None).len(), keys.split(", ").count(), "{keys}");
        }
    }
}
