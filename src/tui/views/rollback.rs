//! The rollback view: its steps in order, the contacts, and the points that verify it.

mod palette_items;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::context::Context;
use crate::tui::dialogs::help::{HelpDialog, HelpView};
use crate::tui::dialogs::rolled_back::RolledBackDialog;
use crate::tui::dialogs::text_prompt::{PromptPurpose, TextPrompt};
use crate::tui::dialogs::{DialogLayer, rollback_run, run_action};
use crate::tui::input::Input;
use crate::tui::keymap::{self, HELP_HINT, Intent, PALETTE_HINT};
use crate::tui::layer::{Effect, Hint, Layer, Level, Reaction};
use crate::tui::palette::PaletteContent;
use crate::tui::style::symbols::outcome_symbol;
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::text_builder::{self, TextBuilder};
use crate::tui::widgets::{action_text, hit_map};
use gonogo_core::checklist::{ActionKey, ROLLBACK};
use gonogo_core::journal::entry::ActionExit;
use gonogo_core::run::{Act, Rejection, RunState, explain};
use gonogo_core::text;

/// The rollback view.
#[derive(Debug)]
pub struct RollbackView {
    /// The index of the selected step. One past the last step stands for recording the rollback.
    pub selected: usize,
}

impl RollbackView {
    /// Selects the first step that has not succeeded, or else recording the rollback.
    pub fn new(cx: &Context) -> Self {
        let steps = &cx.plan().rollback;
        let is_open = |id: &str| {
            let progress = cx.run.state.action(&ActionKey::new(ROLLBACK, id));
            !progress.and_then(|progress| progress.exit()).is_some_and(ActionExit::is_success)
        };
        let first = steps.iter().position(|step| is_open(&step.id) && step.program.is_some());
        Self { selected: first.unwrap_or(steps.len()) }
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        let steps = &cx.plan().rollback;
        let selected = steps.get(self.selected).map(|step| ActionKey::new(ROLLBACK, &step.id));
        let last = steps.len().saturating_sub(1);
        match (keymap::intent(key), selected) {
            (Some(Intent::Up | Intent::Left), _) => self.selected = self.selected.saturating_sub(1),
            (Some(Intent::Down | Intent::Right), _) => self.selected = (self.selected + 1).min(last),
            (Some(Intent::First), _) => self.selected = 0,
            (Some(Intent::Last), _) => self.selected = last,
            (Some(Intent::Guide), _) => *self = Self::new(cx),
            (Some(Intent::Back | Intent::Rollback), _) => return Reaction::close(),
            // What is next after the last step is to record the rollback.
            (Some(Intent::Enter), None) => return Reaction::Handled(vec![request_rolled_back(cx)]),
            (Some(Intent::RunAction | Intent::Enter), step) => {
                return Reaction::Handled(request_step(cx, step));
            }
            (Some(Intent::Output), Some(step)) => {
                return Reaction::Handled(vec![Effect::OpenOutput(ROLLBACK.into(), Some(step))]);
            }
            (Some(Intent::Help), _) => {
                let help = HelpDialog(HelpView::Rollback);
                return Reaction::Handled(vec![Effect::open(DialogLayer::new(help))]);
            }
            // These work in every view.
            (Some(intent), _) if keymap::works_everywhere(intent) || intent == Intent::Verdict => {
                return Reaction::Ignored;
            }
            _ if key.code == KeyCode::Char('b') && !keymap::is_control(key) => {
                return Reaction::Handled(vec![request_rolled_back(cx)]);
            }
            _ => {}
        }
        Reaction::handled()
    }
}

/// Opens the dialog that runs a step.
fn request_step(cx: &Context, step: Option<ActionKey>) -> Vec<Effect> {
    if cx.run.state.is_sealed() {
        return vec![rollback_run::open(cx)];
    }
    match (cx.read_only_reason(), step) {
        (Some(why), _) => vec![Effect::Refuse(why.to_owned())],
        (None, Some(step)) => run_action::open_action(cx, &step),
        (None, None) => {
            let notice = "every step has gone well; b records that the release is rolled back";
            vec![Effect::Refuse(notice.to_owned())]
        }
    }
}

/// Opens the dialog that records the rollback.
fn request_rolled_back(cx: &Context) -> Effect {
    if let Some(why) = cx.read_only_reason() {
        return Effect::Refuse(why.to_owned());
    }
    match cx.rejection(Act::RollBack { reason: None }) {
        None => Effect::open(DialogLayer::new(RolledBackDialog)),
        Some(Rejection::ReasonNeeded(_)) => {
            Effect::open(TextPrompt::new(ROLLBACK.into(), PromptPurpose::RolledBack).into_layer())
        }
        Some(refusal) => cx.refuse(&refusal),
    }
}

impl Layer for RollbackView {
    fn level(&self) -> Level {
        Level::Rollback
    }

    fn handle(&mut self, input: &Input, cx: &Context) -> Reaction {
        match input {
            Input::Key(key) => self.key(*key, cx),
            Input::Paste(_) | Input::Mouse(_) => Reaction::handled(),
            _ => Reaction::Ignored,
        }
    }

    fn draw(&self, cx: &Context, frame: &mut Frame) {
        draw(cx, frame, self.selected);
    }

    /// Keys that act are left out if the run is closing or read-only.
    fn hints(&self, cx: &Context) -> Option<Vec<Hint>> {
        let can_act = !cx.run.state.is_closing() && cx.can_act();
        let has_step = self.selected < cx.plan().rollback.len();
        let can_record = can_act
            && matches!(
                cx.rejection(Act::RollBack { reason: None }),
                None | Some(Rejection::ReasonNeeded(_))
            );
        let record = |is_next: bool| Some(("b", "record it")).filter(|_| can_record && is_next != has_step);
        let all = [
            record(true),
            Some(("a", "run it")).filter(|_| can_act && has_step),
            record(false),
            Some(("a", "open a rollback run"))
                .filter(|_| cx.run.state.is_sealed() && cx.can_act() && !cx.session.ends_with_session),
            Some(("↑ ↓", "step")),
            Some(("Esc", "back")),
            Some(("o", "output")),
            Some(("v", "verdict")),
            Some(PALETTE_HINT),
            Some(HELP_HINT),
        ];
        Some(all.into_iter().flatten().collect())
    }

    fn palette_content(&self, cx: &Context) -> Option<PaletteContent> {
        Some(palette_items::palette_content(self, cx))
    }

    /// When a step has succeeded, the next one is selected.
    fn on_run_changed(&mut self, before: &RunState, cx: &Context) {
        let is_good = |state: &RunState, id: &str| {
            let progress = state.action(&ActionKey::new(ROLLBACK, id));
            progress.and_then(|progress| progress.exit()).is_some_and(ActionExit::is_success)
        };
        let mut steps = cx.plan().rollback.iter();
        if steps.any(|step| is_good(&cx.run.state, &step.id) && !is_good(before, &step.id)) {
            *self = Self::new(cx);
        }
    }
}

/// Draws the rollback over everything between the header and the hint line.
fn draw(cx: &Context, frame: &mut Frame, selected: usize) {
    let screen = cx.area;
    let covered = Rect { y: screen.y + 1, height: screen.height.saturating_sub(2), ..screen };
    frame.render_widget(ratatui::widgets::Clear, covered);
    let body = Rect { x: 1, width: screen.width.saturating_sub(2), ..covered };
    let is_wide = body.width >= 100;
    let left = Rect { width: if is_wide { body.width * 6 / 10 } else { body.width }, ..body };
    let (mut builder, mut selected_lines) = steps_text(cx, usize::from(left.width), selected, false);
    if builder.lines.len() > usize::from(left.height) {
        // All steps in view count more than the details of each.
        (builder, selected_lines) = steps_text(cx, usize::from(left.width), selected, true);
    }
    if is_wide {
        let x = left.right() + 2;
        let right = Rect { x, width: body.right() - x, ..body };
        hit_map::draw_lines(frame, right, side_lines(cx, usize::from(right.width)));
    } else {
        builder.lines.extend(side_lines(cx, usize::from(left.width)));
    }
    // The title and the selected step stay visible.
    hit_map::draw_lines(frame, left, builder.lines.drain(..1));
    let below = Rect { y: left.y + 1, height: left.height.saturating_sub(1), ..left };
    let (from, to) = selected_lines;
    let skipped = (to - 1).saturating_sub(usize::from(below.height)).min(from - 1);
    hit_map::draw_lines(frame, below, builder.lines.into_iter().skip(skipped));
}

/// The steps, and the range of lines of the selected one. If they are short, the others have one line each.
fn steps_text(cx: &Context, width: usize, selected: usize, are_short: bool) -> (TextBuilder, (usize, usize)) {
    let mut builder = TextBuilder { width, lines: Vec::new() };
    let plan = cx.plan();
    let to = plan.previous.as_deref().unwrap_or("nothing");
    let paused = if cx.run.state.are_consumers_paused() { " · consumers paused" } else { "" };
    builder.put(vec![cx.with_role(&format!("Rollback to {to}{paused}"), StyleRole::Failed)], 0);
    if let Some(rollback) = &cx.run.state.rolled_back {
        let digest = rollback.digest.as_deref().map(|digest| format!(" ({digest})")).unwrap_or_default();
        let text = format!(
            "Rolled back {} by {}, to {}{digest}",
            cx.ago(&rollback.at),
            cx.short_name(&rollback.by),
            text::line(&rollback.release)
        );
        builder.put(vec![cx.with_role(&text, StyleRole::Attention)], 0);
    }
    for problem in cx.rollback_problems() {
        builder.put(vec![cx.with_role(&format!("✖ {}", text::line(&problem)), StyleRole::Failed)], 2);
    }
    builder.gap();
    let mut selected_lines = (1, 1);
    for (index, step) in plan.rollback.iter().enumerate() {
        let from = builder.lines.len();
        let mut step_text = TextBuilder { width: width.saturating_sub(4), lines: Vec::new() };
        action_text::add_action(cx, &mut step_text, &ActionKey::new(ROLLBACK, &step.id), step);
        add_dry_run(cx, &mut step_text, &step.id);
        let is_short = are_short && index != selected;
        let lines = if is_short { 1 } else { step_text.lines.len() };
        for (row, line) in step_text.lines.into_iter().take(lines).enumerate() {
            let mark = if index == selected { "▌" } else { " " };
            let number = if row == 0 { format!("{mark}{} ", index + 1) } else { format!("{mark}  ") };
            let mut spans = vec![styled(&number, cx.theme.accent())];
            spans.extend(line.spans);
            builder.lines.push(Line::from(spans));
        }
        if index == selected {
            selected_lines = (from, builder.lines.len());
        }
        if !are_short {
            builder.gap();
        }
    }
    if selected == plan.rollback.len() && cx.run.state.rolled_back.is_none() {
        let from = builder.lines.len();
        let text = "▌Next: b records that the release is rolled back";
        builder.put(vec![styled(text, cx.theme.accent())], 2);
        selected_lines = (from, builder.lines.len());
    }
    (builder, selected_lines)
}

/// Adds the result of a step's dry run before the deployment.
fn add_dry_run(cx: &Context, builder: &mut TextBuilder, step: &str) {
    let probe = format!("try-{step}");
    let point = cx.plan().points().find(|point| point.probes.iter().any(|other| other.id == probe));
    let probe_run =
        point.and_then(|point| cx.run.state.point(&point.id)?.probes.get(&probe)?.latest.as_ref());
    if let Some(probe_run) = probe_run {
        let (symbol, role) = outcome_symbol(probe_run.outcome.class);
        let text = format!("  {symbol} dry run {}", cx.ago(&probe_run.at));
        builder.put(vec![if role == StyleRole::Good { cx.dim(&text) } else { cx.with_role(&text, role) }], 4);
    }
}

/// The contacts, and the points that verify the rollback.
fn side_lines(cx: &Context, width: usize) -> Vec<Line<'static>> {
    let mut builder = TextBuilder { width, lines: Vec::new() };
    text_builder::add_contacts(cx, &mut builder);
    let sections = || cx.plan().sections.iter().filter(|section| section.verifies_rollback);
    let words =
        sections().flat_map(|section| &section.points).map(|point| cx.status_word(point, &cx.status(point)));
    let column = words.map(|word| word.chars().count()).max().unwrap_or_default();
    for section in sections() {
        builder.heading(cx, &text::line(&section.title));
        for point in &section.points {
            let status = cx.status(point);
            let (symbol, role) = cx.point_symbol(point, &status);
            let text = format!("{symbol} {:column$} ", cx.status_word(point, &status));
            builder.put(vec![cx.with_role(&text, role), styled(&point.title, Theme::text())], column + 3);
            if status.is_no_go() {
                builder.put(vec![Span::raw("  "), cx.dim(&explain(&cx.judgement, &point.id, &status))], 4);
            }
        }
    }
    builder.gap();
    let text = if cx.run.state.is_ended() {
        "This run is sealed. For a rollback now, a opens a rollback run: the same profile and release, a log of its own."
    } else if cx.run.state.rolled_back.is_some() {
        "These points now check the previous release, and the verdict depends on them."
    } else {
        "When the steps are done, b records that the release is rolled back; then these probes run again."
    };
    builder.put(vec![cx.dim(text)], 0);
    builder.lines
}
