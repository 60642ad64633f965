//! Whether an action is to run: exactly what, where, and with what.

use crossterm::event::{KeyCode, KeyEvent};

use super::{Dialog, DialogLayer, is_decision};
use crate::checklist::{Action, ActionKey, Point};
use crate::run::{Act, ActionProgress, Rejection, Request, RunState, StartRequest};
use crate::text;
use crate::time;
use crate::tui::context::Context;
use crate::tui::keymap::{self, Answer};
use crate::tui::layer::{Effect, Reaction, TextFocus};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::action_text;
use crate::tui::widgets::dialog_view::DialogView;
use crate::tui::widgets::text_field::Field;

/// The question whether an action is to run.
#[derive(Clone, Debug)]
pub struct RunDialog {
    /// What would be asked for.
    pub start: StartRequest,
    /// The environment's name as it is typed.
    typed: Field,
    /// What is wrong with it.
    wrong: Option<String>,
}

/// Asks about the action of a point whose turn it is.
pub fn open(cx: &Context, point: &Point) -> Vec<Effect> {
    match turn_of(cx, point) {
        Some(id) => open_key(cx, &ActionKey::new(&point.id, id)),
        None => vec![Effect::Refuse(format!("{} has no action", point.id))],
    }
}

/// The action of a point that is the likeliest to be meant.
fn turn_of(cx: &Context, point: &Point) -> Option<String> {
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

/// Shows what would run, and asks; unless it cannot run whatever is answered.
pub fn open_key(cx: &Context, key: &ActionKey) -> Vec<Effect> {
    let plan = cx.plan();
    let start = |dry: bool| StartRequest {
        attempt: cx.run.state.action(key).map_or(0, |known| known.attempts) + 1,
        action: key.clone(),
        dry_run: dry,
        typed_environment: Some(plan.environment.clone()).filter(|_| plan.production && !dry),
        preflight: Vec::new(),
    };
    let (real, dry) = (start(false), start(true));
    let open = |start: StartRequest| {
        Effect::open(DialogLayer::new(RunDialog { start, typed: Field::default(), wrong: None }))
    };
    match (refusal_to_start(cx, &real), refusal_to_start(cx, &dry)) {
        (None, _) => vec![open(StartRequest { typed_environment: None, ..real })],
        // What cannot run yet can perhaps be tried.
        (Some(why), None) => {
            vec![open(dry), Effect::Refuse(format!("{why}. Its dry run is possible"))]
        }
        (Some(why), Some(_)) => vec![cx.refuse_by(&why)],
    }
}

/// What the rules say against an action, guards and checks aside: they look when somebody has said yes.
fn refusal_to_start(cx: &Context, start: &StartRequest) -> Option<Rejection> {
    let refusal = cx.refusal(Act::Start(Box::new(start.clone())));
    refusal.filter(|refusal| !matches!(refusal, Rejection::PreflightIncomplete { .. }))
}

impl RunDialog {
    /// Whether the environment's name has to be typed.
    fn has_to_type(&self, cx: &Context) -> bool {
        cx.plan().production && !self.start.dry_run
    }

    fn typing_key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        let environment = &cx.plan().environment;
        match key.code {
            KeyCode::Esc => return Reaction::close(),
            KeyCode::Tab => self.turn_dry(cx),
            KeyCode::Enter if self.typed.text().trim() == environment => {
                let typed = Some(self.typed.text().trim().to_owned());
                return run(cx, StartRequest { typed_environment: typed, ..self.start.clone() });
            }
            KeyCode::Enter => self.wrong = Some(format!("type {environment} to run it")),
            KeyCode::PageUp | KeyCode::PageDown => return Reaction::Ignored,
            _ => {
                self.wrong = None;
                self.typed.key(key);
            }
        }
        Reaction::handled()
    }

    /// Between running it and trying it, where it can be tried.
    fn turn_dry(&mut self, cx: &Context) {
        let start =
            StartRequest { dry_run: !self.start.dry_run, typed_environment: None, ..self.start.clone() };
        let typed = Some(cx.plan().environment.clone());
        match refusal_to_start(cx, &StartRequest { typed_environment: typed, ..start.clone() }) {
            None => (self.start, self.wrong) = (start, None),
            Some(why) => self.wrong = Some(why.to_string()),
        }
    }
}

fn run(cx: &Context, start: StartRequest) -> Reaction {
    let what = if start.dry_run { "trying" } else { "running" };
    let said = format!("{what} {}: guards and checks look first", start.action);
    let by = cx.session.me.principal.clone();
    // That it has begun is said by the state.
    Reaction::Close(vec![Effect::AskAndSay(Request::RunAction { by, start: Box::new(start) }, said)])
}

impl Dialog for RunDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        sheet(cx, width, self)
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if self.has_to_type(cx) {
            return self.typing_key(key, cx);
        }
        match keymap::answer(key) {
            Some(Answer::Yes) => run(cx, self.start.clone()),
            _ if key.code == KeyCode::Tab => {
                self.turn_dry(cx);
                Reaction::handled()
            }
            _ => Reaction::Ignored,
        }
    }

    fn paste(&mut self, text: &str) {
        self.typed.paste(text);
    }

    fn text_focus(&self, cx: &Context) -> TextFocus {
        if self.has_to_type(cx) { TextFocus::Text } else { TextFocus::None }
    }

    fn decides(&self, key: KeyEvent, cx: &Context) -> bool {
        if self.has_to_type(cx) { key.code == KeyCode::Enter } else { is_decision(key) }
    }
}

/// Exactly what would run, where, with what.
fn sheet(cx: &Context, width: usize, form: &RunDialog) -> DialogView {
    let (key, dry) = (&form.start.action, form.start.dry_run);
    let title = if dry { format!("try {key}") } else { format!("run {key}") };
    let mut sheet = DialogView::new(text::line(&title), StyleRole::Needs);
    let Some(action) = cx.plan().action(key) else { return sheet };
    sheet.put(vec![styled(&action.title, Theme::strong())], width, 0);
    sheet.gap();
    what(cx, &mut sheet, width, action, dry);
    if let Some(deed) = cx.run.state.action(key).and_then(|known| known.newest_run()) {
        sheet.gap();
        let told = format!("It has been begun before: {}. This runs it again.", action_text::told(cx, deed));
        sheet.put(vec![cx.toned(&told, StyleRole::Stale)], width, 0);
    }
    if key.is_rollback() && !dry && !has_deployed(&cx.run.state) {
        sheet.gap();
        let told = "Nothing was deployed in this run: this changes a release that may be healthy.";
        sheet.put(vec![cx.toned(told, StyleRole::Failed)], width, 0);
    }
    let me = cx.person(&cx.session.me.principal);
    let has_dry = action.program.as_ref().is_some_and(|program| !program.dry_run.is_empty());
    if form.has_to_type(cx) {
        sheet.gap();
        let asked = format!("This is production. To run it as {me}, type {}:", cx.plan().environment);
        sheet.put(vec![cx.toned(&asked, StyleRole::Failed)], width, 0);
        // What would run is read from its begin; what is typed is seen when something is.
        sheet.field(cx, width, &form.typed, 1, !form.typed.text().is_empty());
    }
    if let Some(wrong) = &form.wrong {
        sheet.put(vec![cx.toned(&format!("✖ {}", text::line(wrong)), StyleRole::Failed)], width, 2);
    }
    let verb = if dry { format!("try it as {me}") } else { format!("run it as {me}") };
    let typed = format!("{} Enter", text::line(&cx.plan().environment));
    let yes = if form.has_to_type(cx) { (typed.as_str(), verb.as_str()) } else { ("y", verb.as_str()) };
    let other = if dry { ("Tab", "run it") } else { ("Tab", "dry run") };
    let keys: Vec<_> =
        [Some(yes), has_dry.then_some(other), Some(("Esc", "cancel"))].into_iter().flatten().collect();
    sheet.keys(cx, &keys, width);
    sheet
}

/// Whether an action of the deployment has been begun, other than to try it.
fn has_deployed(state: &RunState) -> bool {
    state.actions.iter().any(|(key, known)| !key.is_rollback() && known.latest.is_some())
}

fn what(cx: &Context, sheet: &mut DialogView, width: usize, action: &Action, dry: bool) {
    let Some(program) = &action.program else { return };
    let mut row = |label: &str, value: &str, tone: Option<StyleRole>| {
        let style = tone.map_or(Theme::text(), |tone| cx.theme.tone(tone));
        sheet.put(vec![cx.dim(&format!("{label:<10}")), styled(value, style)], width, 10);
    };
    let words: Vec<String> = program.argv(dry).iter().map(|word| text::shell_word(word)).collect();
    row("command", &words.join(" "), Some(StyleRole::Waived));
    let shell = ["sh", "bash", "dash", "zsh"].contains(&program.argv(dry)[0].as_str());
    if shell {
        row("", "through a shell, as the profile says", Some(StyleRole::Stale));
    }
    row("directory", program.cwd.as_deref().unwrap_or("where gonogo was started"), None);
    for (name, value) in &program.env {
        row("with", &format!("{name}={}", value.shell_word()), None);
    }
    row("at most", &time::exact_span(std::time::Duration::from_millis(action.deadline_ms)), None);
    let checks = if dry { &[][..] } else { &action.checks };
    let guards = cx.plan().guards.iter().chain(checks).map(|probe| probe.title.as_str());
    let guards: Vec<&str> = guards.collect();
    match guards.as_slice() {
        [] => row("guards", "none: nothing checks that this is the right target", Some(StyleRole::Stale)),
        guards => guards.iter().for_each(|guard| row("first", guard, None)),
    }
    if !dry {
        row("then", "it continues if this terminal is closed; S stops it", None);
    }
}
