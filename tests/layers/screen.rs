//! The order within the screen: what is lower knows nothing of what lies above it.

use super::source::{self, File};

/// A floor: the modules on it, folders with all that is in them. It may import those on it and below.
struct Floor {
    name: &'static str,
    modules: &'static [&'static str],
}

/// From the top down.
const FLOORS: &[Floor] = &[
    Floor { name: "app", modules: &["mod", "app", "read_worker", "tests"] },
    Floor { name: "views", modules: &["views"] },
    Floor { name: "dialogs", modules: &["dialogs", "action_notice"] },
    Floor { name: "widgets", modules: &["widgets"] },
    Floor { name: "layers", modules: &["layer", "layers", "pending", "rules", "seals"] },
    Floor {
        name: "context",
        modules: &[
            "context",
            "input",
            "input_queue",
            "keymap",
            "latest_state",
            "notice",
            "reading",
            "recorder",
            "reproduce",
            "review_log",
            "summary",
            "terminal",
            "unlock_worker",
        ],
    },
    Floor { name: "style", modules: &["style"] },
];

/// The floor of a module, from the top.
fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.modules.contains(&module))
}

/// Every way in which a file of the screen breaks the order, one line each.
fn broken(file: &File) -> Vec<String> {
    let Some(inner) = file.path.strip_prefix("src/tui/") else { return Vec::new() };
    let own = inner.split('/').next().unwrap_or_default().trim_end_matches(".rs");
    let Some(at) = floor(own) else { return vec![format!("{}: on no floor of the screen", file.path)] };
    let imports = file.imports().into_iter().filter_map(|import| {
        let module = import.path.strip_prefix("tui::")?.split("::").next()?.to_owned();
        // What stands in the screen's root: messages, and what comes from outside.
        let is_item = module.starts_with(|c: char| c.is_uppercase());
        (!is_item && floor(&module).is_none_or(|other| other < at)).then_some((import.line, module))
    });
    let told =
        |(line, module)| format!("{}:{line}: `{}` may not import `{module}`", file.path, FLOORS[at].name);
    imports.map(told).collect()
}

fn judge(path: &str, text: &str) -> Vec<String> {
    broken(&File::new(path, text))
}

#[test]
fn no_file_of_the_screen_imports_one_above_it() {
    let broken: Vec<_> = source::shipped().iter().flat_map(broken).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn an_arrow_upwards_in_the_screen_is_found() {
    for (path, text) in [
        ("src/tui/style/theme.rs", "use crate::tui::context::Context;"),
        ("src/tui/widgets/header.rs", "use crate::tui::views::checklist::Checklist;"),
        ("src/tui/widgets/header.rs", "use crate::tui::dialogs::Dialog;"),
        ("src/tui/dialogs/help.rs", "use crate::tui::views::output;"),
        ("src/tui/dialogs/help.rs", "fn f() { crate::tui::app::App::new(); }"),
        ("src/tui/views/review/timeline.rs", "use crate::tui::app::App;"),
        ("src/tui/context.rs", "use crate::tui::layer::Layer;"),
    ] {
        assert_eq!(judge(path, text).len(), 1, "{path}: {text}");
    }
    assert_eq!(judge("src/tui/helpers.rs", "").len(), 1);
}

#[test]
fn an_arrow_downwards_in_the_screen_is_fine() {
    let text = "use crate::tui::{Msg, context::Context, style::theme::Theme};";
    assert!(judge("src/tui/views/output.rs", text).is_empty());
    assert!(judge("src/tui/app.rs", "use crate::tui::views::output::OutputView;").is_empty());
    assert!(judge("src/engine/mod.rs", "use crate::run::State;").is_empty());
}
