//! The dialog that asks whether to run an action.

use crossterm::event::{KeyCode, KeyEvent};

use super::text_prompt::{PromptPurpose, TextPrompt};
use super::{Dialog, DialogLayer, is_decision};
use crate::tui::context::Context;
use crate::tui::keymap::{self, DialogKey};
use crate::tui::layer::{Effect, Reaction, TextFocus};
use crate::tui::rules::PLACEHOLDER_REASON;
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::action_text;
use crate::tui::widgets::dialog_view::DialogView;
use crate::tui::widgets::text_field::TextField;
use gonogo_core::checklist::{Action, ActionKey, Point, ROLLBACK};
use gonogo_core::run::{Act, ActionProgress, Rejection, Request, StartRequest};
use gonogo_core::text;
use gonogo_core::time;

/// Asks whether to run an action.
#[derive(Clone, Debug)]
pub struct RunActionDialog {
    /// The request that would be sent.
    pub start: StartRequest,
    /// The environment's name, as typed so far.
    typed: TextField,
    /// An error to show.
    error: Option<String>,
}

/// Opens the dialog for the next action of a point.
pub fn open(cx: &Context, point: &Point) -> Vec<Effect> {
    match next_action(cx, point) {
        Some(id) => open_action(cx, &ActionKey::new(&point.id, id)),
        None => vec![Effect::Refuse(format!("{} has no action", point.id))],
    }
}

/// The next action of a point; the first one if all are done.
fn next_action(cx: &Context, point: &Point) -> Option<String> {
    match cx.run.state.actions_progress(point) {
        ActionProgress::Next(id)
        | ActionProgress::Failed(id)
        | ActionProgress::Interrupted(id)
        | ActionProgress::Running(id) => Some(id),
        ActionProgress::Verifying | ActionProgress::Done => {
            point.actions.first().map(|action| action.id.clone())
        }
    }
}

/// Opens the dialog, unless the rules reject both the run and the dry run.
pub fn open_action(cx: &Context, key: &ActionKey) -> Vec<Effect> {
    let plan = cx.plan();
    let start = |dry_run: bool| StartRequest {
        attempt: cx.run.state.action(key).map_or(0, |state| state.attempts) + 1,
        action: key.clone(),
        dry_run,
        typed_environment: Some(plan.environment.clone()).filter(|_| !dry_run),
        preflight: Vec::new(),
        // Whether one is needed is asked when nothing else is in the way.
        reason: Some(PLACEHOLDER_REASON.to_owned()),
    };
    let (run, dry_run) = (start(false), start(true));
    match (start_rejection(cx, &run), start_rejection(cx, &dry_run)) {
        (None, _) => vec![open_run(cx, StartRequest { reason: None, ..run })],
        // An action that cannot run yet may still have a dry run.
        (Some(rejection), None) => {
            let dry_run = RunActionDialog::new(StartRequest { reason: None, ..dry_run });
            let refusal = Effect::Refuse(format!("{rejection}. Its dry run is possible"));
            vec![Effect::open(DialogLayer::new(dry_run)), refusal]
        }
        (Some(rejection), Some(_)) => vec![cx.refuse(&rejection)],
    }
}

/// Opens the dialog of a run; before it, the prompt for a reason if one is needed.
fn open_run(cx: &Context, run: StartRequest) -> Effect {
    let needs_reason = matches!(start_rejection(cx, &run), Some(Rejection::ReasonNeeded(_)));
    let run = StartRequest { typed_environment: None, ..run };
    if needs_reason {
        let purpose = PromptPurpose::BeginRollback(Box::new(run));
        return Effect::open(TextPrompt::new(ROLLBACK.into(), purpose).into_layer());
    }
    Effect::open(DialogLayer::new(RunActionDialog::new(run)))
}

/// Why the rules reject the start of an action. Guards and checks run after the answer, so they do not count here.
fn start_rejection(cx: &Context, start: &StartRequest) -> Option<Rejection> {
    let rejection = cx.rejection(Act::Start(Box::new(start.clone())));
    rejection.filter(|rejection| !matches!(rejection, Rejection::PreflightIncomplete { .. }))
}

impl RunActionDialog {
    /// Asks whether to start it.
    pub fn new(start: StartRequest) -> Self {
        Self { start, typed: TextField::default(), error: None }
    }

    /// Why the environment's name must be typed, if it must.
    fn reason_to_type(&self, cx: &Context) -> Option<&'static str> {
        cx.run.state.reason_to_type_environment(&self.start.action).filter(|_| !self.start.dry_run)
    }

    /// Whether the environment's name must be typed.
    fn must_type_environment(&self, cx: &Context) -> bool {
        self.reason_to_type(cx).is_some()
    }

    fn prompt_key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        let environment = &cx.plan().environment;
        match key.code {
            KeyCode::Esc => return Reaction::close(),
            KeyCode::Tab => self.toggle_dry_run(cx),
            KeyCode::Enter if self.typed.text().trim() == environment => {
                let typed = Some(self.typed.text().trim().to_owned());
                return request_run(cx, StartRequest { typed_environment: typed, ..self.start.clone() });
            }
            KeyCode::Enter => self.error = Some(format!("type {environment} to run it")),
            KeyCode::PageUp | KeyCode::PageDown => return Reaction::Ignored,
            _ => {
                self.error = None;
                self.typed.key(key);
            }
        }
        Reaction::handled()
    }

    /// Switches between run and dry run.
    fn toggle_dry_run(&mut self, cx: &Context) {
        let start =
            StartRequest { dry_run: !self.start.dry_run, typed_environment: None, ..self.start.clone() };
        let typed = Some(cx.plan().environment.clone());
        match start_rejection(cx, &StartRequest { typed_environment: typed, ..start.clone() }) {
            None => (self.start, self.error) = (start, None),
            Some(rejection) => self.error = Some(rejection.to_string()),
        }
    }
}

fn request_run(cx: &Context, start: StartRequest) -> Reaction {
    let verb = if start.dry_run { "trying" } else { "running" };
    let notice = format!("{verb} {}: guards and checks run first", start.action);
    let by = cx.session.operator.principal.clone();
    // The start itself is reported when the state changes.
    Reaction::Close(vec![Effect::SendAndNotify(Request::RunAction { by, start: Box::new(start) }, notice)])
}

impl Dialog for RunActionDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        dialog_view(cx, width, self)
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if self.must_type_environment(cx) {
            return self.prompt_key(key, cx);
        }
        match keymap::dialog_key(key) {
            Some(DialogKey::Yes) => request_run(cx, self.start.clone()),
            _ if key.code == KeyCode::Tab => {
                self.toggle_dry_run(cx);
                Reaction::handled()
            }
            _ => Reaction::Ignored,
        }
    }

    fn paste(&mut self, text: &str) {
        self.typed.paste(text);
    }

    fn text_focus(&self, cx: &Context) -> TextFocus {
        if self.must_type_environment(cx) { TextFocus::Text } else { TextFocus::None }
    }

    fn decides(&self, key: KeyEvent, cx: &Context) -> bool {
        if self.must_type_environment(cx) { key.code == KeyCode::Enter } else { is_decision(key) }
    }

    /// The dry run is another question than the run.
    fn stage(&self) -> u8 {
        self.start.dry_run.into()
    }
}

/// The content of the dialog.
fn dialog_view(cx: &Context, width: usize, form: &RunActionDialog) -> DialogView {
    let (key, dry) = (&form.start.action, form.start.dry_run);
    let title = if dry { format!("try {key}") } else { format!("run {key}") };
    let mut dialog = DialogView::new(text::line(&title), StyleRole::Attention);
    let Some(action) = cx.plan().action(key) else { return dialog };
    dialog.put(vec![styled(&action.title, Theme::strong())], width, 0);
    for problem in key.is_rollback().then(|| cx.rollback_problems()).into_iter().flatten() {
        dialog.put(vec![cx.with_role(&format!("✖ {}", text::line(&problem)), StyleRole::Failed)], width, 2);
    }
    steps_before(cx, &mut dialog, width, key);
    dialog.gap();
    command_details(cx, &mut dialog, width, action, dry);
    if let Some(action_run) = cx.run.state.action(key).and_then(|state| state.newest_run()) {
        dialog.gap();
        let warning =
            format!("It ran before: {}. This runs it again.", action_text::describe_run(cx, action_run));
        dialog.put(vec![cx.with_role(&warning, StyleRole::Stale)], width, 0);
    }
    if let Some(reason) = form.start.reason.as_deref() {
        dialog.gap();
        dialog.put(vec![cx.dim("your reason: "), styled(reason, Theme::text())], width, 2);
    }
    let me = cx.name_and_role(&cx.session.operator.principal);
    let has_dry_run = action.program.as_ref().is_some_and(|program| !program.dry_run.is_empty());
    if let Some(why) = form.reason_to_type(cx) {
        dialog.gap();
        let prompt = format!("{}. To run it as {me}, type {}:", text::sentence(why), cx.plan().environment);
        dialog.put(vec![cx.with_role(&prompt, StyleRole::Failed)], width, 0);
        // The dialog shows its beginning until something is typed.
        dialog.field(cx, width, &form.typed, 1, !form.typed.text().is_empty());
    }
    if let Some(error) = &form.error {
        dialog.put(vec![cx.with_role(&format!("✖ {}", text::line(error)), StyleRole::Failed)], width, 2);
    }
    let verb = if dry { format!("try it as {me}") } else { format!("run it as {me}") };
    let typed = format!("{} Enter", text::line(&cx.plan().environment));
    let run_key =
        if form.must_type_environment(cx) { (typed.as_str(), verb.as_str()) } else { ("y", verb.as_str()) };
    let toggle_key = if dry { ("Tab", "run it") } else { ("Tab", "dry run") };
    let keys: Vec<_> = [Some(run_key), has_dry_run.then_some(toggle_key), Some(("Esc", "cancel"))]
        .into_iter()
        .flatten()
        .collect();
    dialog.keys(cx, &keys, width);
    dialog
}

/// The steps of the rollback that should have come first.
fn steps_before(cx: &Context, dialog: &mut DialogView, width: usize, key: &ActionKey) {
    let mut undone = cx.run.state.undone_steps_before(key).peekable();
    if undone.peek().is_some() {
        dialog.gap();
        dialog.put(vec![cx.with_role("Not done, and should come first:", StyleRole::Failed)], width, 0);
    }
    for step in undone {
        dialog.put(vec![cx.dim("– "), styled(&step.title, Theme::text())], width, 2);
    }
}

fn command_details(cx: &Context, dialog: &mut DialogView, width: usize, action: &Action, dry: bool) {
    let Some(program) = &action.program else { return };
    let mut row = |label: &str, value: &str, role: Option<StyleRole>| {
        let style = role.map_or(Theme::text(), |role| cx.theme.style(role));
        dialog.put(vec![cx.dim(&format!("{label:<10}")), styled(value, style)], width, 10);
    };
    let argv = program.argv_with_noted(dry, cx.run.state.noted_replicas);
    let words: Vec<String> = argv.iter().map(|word| text::shell_word(word)).collect();
    row("command", &words.join(" "), Some(StyleRole::Waived));
    let is_shell = ["sh", "bash", "dash", "zsh"].contains(&argv[0].as_str());
    if is_shell {
        row("", "through a shell, as the profile says", Some(StyleRole::Stale));
    }
    row("directory", &cx.session.absolute(program.cwd.as_deref()), None);
    for (name, value) in &program.env {
        row("with", &format!("{name}={}", value.shell_word()), None);
    }
    row("deadline", &time::exact_span(std::time::Duration::from_millis(action.deadline_ms)), None);
    let checks = if dry { &[][..] } else { &action.checks };
    let guards = cx.plan().guards.iter().chain(checks).map(|probe| probe.title.as_str());
    let guards: Vec<&str> = guards.collect();
    match guards.as_slice() {
        [] => row("guards", "none: nothing checks that this is the right target", Some(StyleRole::Stale)),
        guards => guards.iter().for_each(|guard| row("check", guard, None)),
    }
    if !dry {
        row("then", "it continues if this terminal is closed; S stops it", None);
    }
}
