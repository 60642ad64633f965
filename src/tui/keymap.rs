//! The key bindings.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for on the checklist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Move up, or to the panel above.
    Up,
    /// Move down, or to the panel below.
    Down,
    /// Move to the panel on the left.
    Left,
    /// Move to the panel on the right.
    Right,
    /// Go to the next section.
    NextSection,
    /// Go to the previous section.
    PreviousSection,
    /// Go to a section, counted from 0.
    Section(usize),
    /// Go to the first point of the section, or the top of the detail.
    First,
    /// Go to the last point of the section, or the end of the detail.
    Last,
    /// Scroll the detail up by a page.
    PageUp,
    /// Scroll the detail down by a page.
    PageDown,
    /// Scroll the detail up by half a page.
    HalfUp,
    /// Scroll the detail down by half a page.
    HalfDown,
    /// Do the obvious thing about the point, or focus the detail.
    Enter,
    /// Leave the detail.
    Back,
    /// Go to what must be done next.
    Guide,
    /// Filter the points.
    Filter,
    /// Confirm the point.
    Confirm,
    /// Waive the point.
    Waive,
    /// Declare the point not applicable.
    Exempt,
    /// Retract one's own entry on the point.
    Retract,
    /// Add a note.
    Note,
    /// Run the probes of the point again.
    RunProbes,
    /// Run all probes again whose result is stale, failed, an error or missing.
    RerunNeeded,
    /// Copy the command that reproduces a probe.
    CopyCommand,
    /// Run the point's action.
    RunAction,
    /// Stop the running action.
    StopAction,
    /// Show the output of the point's action.
    Output,
    /// Open the rollback.
    Rollback,
    /// Switch or add an operator.
    SwitchOperator,
    /// Show the verdict, to record or seal it.
    Verdict,
    /// Open the palette: all keys that work here, and the points.
    Palette,
    /// Show the help.
    Help,
    /// Quit.
    Quit,
    /// Suspend the program.
    Suspend,
}

impl Intent {
    /// Whether it needs a selected point.
    pub const fn needs_point(self) -> bool {
        matches!(
            self,
            Self::Confirm
                | Self::Waive
                | Self::Exempt
                | Self::Retract
                | Self::Note
                | Self::RunProbes
                | Self::RunAction
                | Self::Output
                | Self::CopyCommand
        )
    }

    /// Whether it changes the run.
    pub const fn changes_run(self) -> bool {
        self.opens_dialog()
            || matches!(self, Self::RunProbes | Self::RerunNeeded | Self::StopAction | Self::SwitchOperator)
    }

    /// Whether it opens a dialog in which one types.
    pub const fn opens_dialog(self) -> bool {
        matches!(
            self,
            Self::Confirm | Self::Waive | Self::Exempt | Self::Retract | Self::Note | Self::RunAction
        )
    }
}

/// The intent of a key on the checklist.
pub fn intent(key: KeyEvent) -> Option<Intent> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return control_intent(key.code);
    }
    if key.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    navigation_intent(key.code).or_else(|| command_intent(key.code))
}

fn control_intent(code: KeyCode) -> Option<Intent> {
    Some(match code {
        KeyCode::Char('c') => Intent::Quit,
        KeyCode::Char('z') => Intent::Suspend,
        KeyCode::Char('d') => Intent::HalfDown,
        KeyCode::Char('u') => Intent::HalfUp,
        KeyCode::Char('f') => Intent::PageDown,
        KeyCode::Char('b') => Intent::PageUp,
        _ => return None,
    })
}

fn navigation_intent(code: KeyCode) -> Option<Intent> {
    Some(match code {
        KeyCode::Up | KeyCode::Char('k') => Intent::Up,
        KeyCode::Down | KeyCode::Char('j') => Intent::Down,
        KeyCode::Left | KeyCode::Char('h') => Intent::Left,
        KeyCode::Right | KeyCode::Char('l') => Intent::Right,
        KeyCode::Tab => Intent::NextSection,
        KeyCode::BackTab => Intent::PreviousSection,
        KeyCode::Char(digit @ '1'..='9') => Intent::Section(digit as usize - '1' as usize),
        KeyCode::Home | KeyCode::Char('g') => Intent::First,
        KeyCode::End | KeyCode::Char('G') => Intent::Last,
        KeyCode::PageUp => Intent::PageUp,
        KeyCode::PageDown => Intent::PageDown,
        KeyCode::Enter => Intent::Enter,
        KeyCode::Esc => Intent::Back,
        KeyCode::Char('!') => Intent::Guide,
        KeyCode::Char('/') => Intent::Filter,
        _ => return None,
    })
}

/// The intent of a character in [`POINT_KEYS`] and [`RUN_KEYS`].
fn command_intent(code: KeyCode) -> Option<Intent> {
    let KeyCode::Char(character) = code else { return None };
    let mut buffer = [0; 4];
    let name = if character == ' ' { "space" } else { character.encode_utf8(&mut buffer) };
    let mut bindings = POINT_KEYS.iter().chain(RUN_KEYS);
    bindings.find(|binding| binding.keys.split(", ").any(|key| key == name)).map(|binding| binding.intent)
}

/// The meaning of a key in a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogKey {
    /// Yes.
    Yes,
    /// No, or close.
    No,
    /// Seal, in the verdict dialog.
    Seal,
    /// Abandon the run, in the verdict dialog.
    Abandon,
    /// Say what is broken, in the verdict dialog of a drill.
    Diagnose,
    /// Continue or close.
    Next,
    /// The help.
    Help,
    /// Scroll by so many lines, up if negative.
    Scroll(isize),
    /// Scroll by so many pages, up if negative.
    ScrollPages(isize),
}

/// The meaning of a key in a dialog. Keys that are not listed do nothing.
pub fn dialog_key(key: KeyEvent) -> Option<DialogKey> {
    if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return None;
    }
    Some(match key.code {
        KeyCode::Char('y' | 'Y') => DialogKey::Yes,
        KeyCode::Esc | KeyCode::Char('n' | 'N' | 'q') => DialogKey::No,
        KeyCode::Char('?') => DialogKey::Help,
        KeyCode::Char('s') => DialogKey::Seal,
        KeyCode::Char('a') => DialogKey::Abandon,
        KeyCode::Char('d') => DialogKey::Diagnose,
        KeyCode::Enter => DialogKey::Next,
        KeyCode::Up | KeyCode::Char('k') => DialogKey::Scroll(-1),
        KeyCode::Down | KeyCode::Char('j') => DialogKey::Scroll(1),
        KeyCode::PageUp => DialogKey::ScrollPages(-1),
        KeyCode::PageDown | KeyCode::Char(' ') => DialogKey::ScrollPages(1),
        _ => return None,
    })
}

/// The meaning of a key in a text prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptKey {
    /// Accept the field.
    Enter,
    /// Go to the other field.
    OtherField,
    /// Cancel.
    Cancel,
    /// Text, or an editing key.
    Text,
}

/// The meaning of a key in a text prompt.
pub const fn prompt_key(key: KeyEvent) -> PromptKey {
    match key.code {
        KeyCode::Enter => PromptKey::Enter,
        KeyCode::Tab | KeyCode::BackTab | KeyCode::Up | KeyCode::Down => PromptKey::OtherField,
        KeyCode::Esc => PromptKey::Cancel,
        _ => PromptKey::Text,
    }
}

/// Whether a key opens the person's editor with the text of a prompt: Ctrl-E.
pub const fn opens_editor(key: KeyEvent) -> bool {
    is_control(key) && matches!(key.code, KeyCode::Char('e'))
}

/// The hint for the editor, in a prompt.
pub const EDITOR_HINT: (&str, &str) = ("Ctrl-E", "editor");

/// Keys of the dialogs; each dialog names those that it takes.
pub const DIALOG_KEYS: &[(&str, &str)] = &[
    ("y", "yes: sign, start, stop"),
    ("n, q, Esc", "no: close it"),
    ("Enter", "continue, or close what only informs"),
    ("s", "seal, in the verdict"),
    ("a", "abandon the run, in the verdict"),
    ("d", "name what is broken, in the verdict of a drill"),
    ("Tab", "the other field, or the dry run of an action"),
    ("1–9, p, n", "that operator, the next, another person"),
    ("arrows, space", "scroll"),
];

/// Keys in the text of a note or a reason.
pub const TEXT_KEYS: &[(&str, &str)] = &[("Ctrl-E", "edit it in $VISUAL or $EDITOR")];

/// Keys, as the help shows them, and what they do.
#[derive(Clone, Copy, Debug)]
pub struct KeyBinding {
    /// The keys, separated by commas.
    pub keys: &'static str,
    /// An intent of these keys, by which the help shows whether they work now.
    pub intent: Intent,
    /// What the keys do.
    pub description: &'static str,
}

const fn bind(keys: &'static str, intent: Intent, does: &'static str) -> KeyBinding {
    KeyBinding { keys, intent, description: does }
}

/// Keys for navigation.
pub const NAVIGATION_KEYS: &[KeyBinding] = &[
    bind("arrows, hjkl", Intent::Up, "move"),
    bind("Tab, Shift-Tab", Intent::NextSection, "next, previous section"),
    bind("1–6", Intent::Section(0), "that section, as you left it"),
    bind("g, G", Intent::First, "first, last of the section"),
    bind("!", Intent::Guide, "guide: go to what is next"),
    bind("/", Intent::Filter, "find by words or letters"),
    bind("Enter, Esc", Intent::Enter, "do the obvious thing; back"),
    bind("PgUp, PgDn", Intent::PageUp, "scroll the detail"),
    bind("Ctrl-U, Ctrl-D", Intent::HalfUp, "scroll half a page"),
];

/// What the mouse does.
pub const MOUSE_ACTIONS: &[(&str, &str)] = &[
    ("click", "select what is under it"),
    ("wheel", "scroll what is under it"),
    ("Shift+drag", "select text (the terminal's)"),
];

/// Keys for the selected point. They are bound by this table.
pub const POINT_KEYS: &[KeyBinding] = &[
    bind("space", Intent::Confirm, "confirm: sign the evidence"),
    bind("w", Intent::Waive, "waive until a time"),
    bind("x", Intent::Exempt, "mark as not applicable"),
    bind("u", Intent::Retract, "retract your own entry"),
    bind("n", Intent::Note, "add a note"),
    bind("r", Intent::RunProbes, "probe it again"),
    bind("c", Intent::CopyCommand, "copy the command that shows it"),
    bind("a", Intent::RunAction, "run its action; asks first"),
    bind("o", Intent::Output, "output of its action"),
];

/// Keys of a review.
pub const REVIEW_KEYS: &[(&str, &str)] = &[
    ("←, →", "previous, next entry"),
    ("[, ]", "previous, next signed entry"),
    ("Home, End", "first, last entry"),
    ("space", "replay, or stop"),
    ("+, -", "faster, slower replay"),
    ("f", "find in all entries"),
    ("n, N", "next, previous match"),
    ("t", "the entry and its attachment"),
];

/// Keys for the whole run. Characters are bound by this table.
pub const RUN_KEYS: &[KeyBinding] = &[
    bind("R", Intent::RerunNeeded, "probe stale, failed and pending"),
    bind("S", Intent::StopAction, "stop the running action"),
    bind("A", Intent::Rollback, "rollback: its steps"),
    bind("p", Intent::SwitchOperator, "switch operator"),
    bind("v", Intent::Verdict, "verdict and seal"),
    bind("q, Ctrl-C", Intent::Quit, "quit; the log stays"),
    bind("Ctrl-Z", Intent::Suspend, "suspend"),
    bind(":", Intent::Palette, "palette: find a key or a point"),
    bind("?", Intent::Help, "this help"),
];

/// Keys of the rollback.
pub const ROLLBACK_KEYS: &[(&str, &str)] = &[
    ("a", "run the selected step; asks first"),
    ("b", "record that the release is rolled back"),
    ("o", "output of the selected step"),
    ("!", "select what is next"),
    ("g, G", "first, last step"),
    ("Esc", "back to the checklist"),
];

/// Keys of the output of an action.
pub const OUTPUT_KEYS: &[(&str, &str)] = &[
    ("f", "follow its end"),
    ("w", "wrap long lines; again: cut them"),
    ("/", "find in the output"),
    ("n, N", "next, previous match"),
    ("g, G", "first, last line"),
    ("Esc", "back"),
];

/// The intents that work in every view.
pub const fn works_everywhere(intent: Intent) -> bool {
    matches!(intent, Intent::StopAction | Intent::Palette | Intent::Help | Intent::Suspend | Intent::Quit)
}

/// The hint for the palette, which every view shows.
pub const PALETTE_HINT: (&str, &str) = (":", "palette");
/// The hint for the help, which every view shows.
pub const HELP_HINT: (&str, &str) = ("?", "help");

/// Whether Ctrl was held.
pub const fn is_control(key: KeyEvent) -> bool {
    key.modifiers.contains(KeyModifiers::CONTROL)
}
