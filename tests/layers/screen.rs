//! The layers within the screen: a layer imports only from lower ones.

use super::source::{self, File};

/// A layer of the screen: its modules, including their submodules. It may import its own modules and lower ones.
struct ScreenLayer {
    name: &'static str,
    modules: &'static [&'static str],
}

/// From the top down.
const SCREEN_LAYERS: &[ScreenLayer] = &[
    ScreenLayer { name: "app", modules: &["mod", "app", "read_worker", "tests"] },
    ScreenLayer { name: "views", modules: &["views"] },
    ScreenLayer { name: "dialogs", modules: &["dialogs", "action_notice"] },
    ScreenLayer { name: "widgets", modules: &["widgets"] },
    ScreenLayer { name: "layers", modules: &["layer", "layers", "pending", "rules", "seals"] },
    ScreenLayer {
        name: "context",
        modules: &[
            "context",
            "fuzzy",
            "input",
            "input_queue",
            "keymap",
            "latest_state",
            "notice",
            "palette",
            "reading",
            "recorder",
            "reproduce",
            "review_log",
            "summary",
            "terminal",
            "unlock_worker",
        ],
    },
    ScreenLayer { name: "style", modules: &["style"] },
];

/// The layer of a module, counted from the top.
fn layer_of(module: &str) -> Option<usize> {
    SCREEN_LAYERS.iter().position(|layer| layer.modules.contains(&module))
}

/// The violations in a file of the screen, one line each.
fn violations(file: &File) -> Vec<String> {
    let Some(inner) = file.path.strip_prefix("src/tui/") else { return Vec::new() };
    let own = inner.split('/').next().unwrap_or_default().trim_end_matches(".rs");
    let Some(at) = layer_of(own) else { return vec![format!("{}: in no layer of the screen", file.path)] };
    let imports = file.imports().into_iter().filter_map(|import| {
        let module = import.path.strip_prefix("tui::")?.split("::").next()?.to_owned();
        // Items of the root module: messages, and the setup of the screen.
        let is_item = module.starts_with(|c: char| c.is_uppercase());
        (!is_item && layer_of(&module).is_none_or(|other| other < at)).then_some((import.line, module))
    });
    let message = |(line, module)| {
        format!("{}:{line}: `{}` may not import `{module}`", file.path, SCREEN_LAYERS[at].name)
    };
    imports.map(message).collect()
}

fn check(path: &str, text: &str) -> Vec<String> {
    violations(&File::new(path, text))
}

#[test]
fn every_screen_module_imports_only_from_lower_layers() {
    let violations: Vec<_> = source::shipped_files().iter().flat_map(violations).collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn an_import_from_a_higher_screen_layer_is_found() {
    for (path, text) in [
        ("src/tui/style/theme.rs", "use crate::tui::context::Context;"),
        ("src/tui/widgets/header.rs", "use crate::tui::views::checklist::Checklist;"),
        ("src/tui/widgets/header.rs", "use crate::tui::dialogs::Dialog;"),
        ("src/tui/dialogs/help.rs", "use crate::tui::views::output;"),
        ("src/tui/dialogs/help.rs", "fn f() { crate::tui::app::App::new(); }"),
        ("src/tui/views/review/timeline.rs", "use crate::tui::app::App;"),
        ("src/tui/context.rs", "use crate::tui::layer::Layer;"),
    ] {
        assert_eq!(check(path, text).len(), 1, "{path}: {text}");
    }
    assert_eq!(check("src/tui/helpers.rs", "").len(), 1);
}

#[test]
fn an_import_from_a_lower_screen_layer_is_allowed() {
    let text = "use crate::tui::{Msg, context::Context, style::theme::Theme};";
    assert!(check("src/tui/views/output.rs", text).is_empty());
    assert!(check("src/tui/app.rs", "use crate::tui::views::output::OutputView;").is_empty());
    assert!(check("src/engine/mod.rs", "use crate::run::State;").is_empty());
}
