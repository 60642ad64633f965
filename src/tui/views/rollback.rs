//! The way back takes the screen: its steps in order, whom to call, and what tells how it went.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::checklist::{ActionKey, ROLLBACK};
use crate::journal::entry::ActionExit;
use crate::run::{Act, Rejection, RunState, explain};
use crate::text;
use crate::tui::context::Context;
use crate::tui::dialogs::rolled_back::RolledBackDialog;
use crate::tui::dialogs::text_prompt::{Purpose, TextPrompt};
use crate::tui::dialogs::{DialogLayer, run_action};
use crate::tui::input::Input;
use crate::tui::keymap::{self, HELP, Intent};
use crate::tui::layer::{Effect, Hint, Layer, Level, Reaction};
use crate::tui::style::symbols::of_class;
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::text_builder::{self, TextBuilder};
use crate::tui::widgets::{action_text as deeds, hit_map};

/// The rollback, at a step.
#[derive(Debug)]
pub struct Rollback {
    /// The selected step; behind the last one, putting it on record.
    pub step: usize,
}

impl Rollback {
    /// At the first step that has not gone well; after the last one, at what comes next: to put it on record.
    pub fn new(cx: &Context) -> Self {
        let steps = &cx.plan().rollback;
        let is_open = |id: &str| {
            let known = cx.run.state.action(&ActionKey::new(ROLLBACK, id));
            !known.and_then(|known| known.exit()).is_some_and(ActionExit::is_success)
        };
        let first = steps.iter().position(|step| is_open(&step.id) && step.program.is_some());
        Self { step: first.unwrap_or(steps.len()) }
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        let steps = &cx.plan().rollback;
        let selected = steps.get(self.step).map(|step| ActionKey::new(ROLLBACK, &step.id));
        let last = steps.len().saturating_sub(1);
        match (keymap::intent(key), selected) {
            (Some(Intent::Up | Intent::Left), _) => self.step = self.step.saturating_sub(1),
            (Some(Intent::Down | Intent::Right), _) => self.step = (self.step + 1).min(last),
            (Some(Intent::First), _) => self.step = 0,
            (Some(Intent::Last), _) => self.step = last,
            (Some(Intent::Back | Intent::WayBack), _) => return Reaction::close(),
            (Some(Intent::Action | Intent::Detail), step) => {
                return Reaction::Handled(request_step(cx, step));
            }
            (Some(Intent::Output), Some(step)) => {
                return Reaction::Handled(vec![Effect::OpenOutput(ROLLBACK.into(), Some(step))]);
            }
            // What these mean is the same everywhere.
            (Some(Intent::Stop | Intent::Verdict | Intent::Help | Intent::Leave | Intent::Suspend), _) => {
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

/// Asks whether to run a step.
fn request_step(cx: &Context, step: Option<ActionKey>) -> Vec<Effect> {
    match (cx.read_only_reason(), step) {
        (Some(why), _) => vec![Effect::Refuse(why.to_owned())],
        (None, Some(step)) => run_action::open_key(cx, &step),
        (None, None) => vec![Effect::Refuse(DONE.to_owned())],
    }
}

/// Asks whether to put on record that the release was rolled back.
fn request_rolled_back(cx: &Context) -> Effect {
    if let Some(why) = cx.read_only_reason() {
        return Effect::Refuse(why.to_owned());
    }
    match cx.refusal(Act::RollBack { reason: None }) {
        None => Effect::open(DialogLayer::new(RolledBackDialog)),
        Some(Rejection::ReasonNeeded(_)) => {
            Effect::open(TextPrompt::new(ROLLBACK.into(), Purpose::RollBack).layer())
        }
        Some(refusal) => cx.refuse_by(&refusal),
    }
}

impl Layer for Rollback {
    fn level(&self) -> Level {
        Level::Rollback
    }

    fn on(&mut self, input: &Input, cx: &Context) -> Reaction {
        match input {
            Input::Key(key) => self.key(*key, cx),
            Input::Paste(_) | Input::Mouse(_) => Reaction::handled(),
            _ => Reaction::Ignored,
        }
    }

    fn draw(&self, cx: &Context, frame: &mut Frame) {
        draw(cx, frame, self.step);
    }

    /// In a run that takes nothing more, and for those who only look on, no key acts.
    fn hints(&self, cx: &Context) -> Option<Vec<Hint>> {
        let acts = !cx.run.state.is_closing() && cx.can_act();
        let act = |hint| Some(hint).filter(|_| acts);
        let all = [
            Some(("↑ ↓", "step")),
            act(("a", "run it")),
            Some(("o", "output")),
            act(("b", "it is rolled back")),
            Some(("v", "verdict")),
            Some(("Esc", "the checklist")),
            Some(HELP),
        ];
        Some(all.into_iter().flatten().collect())
    }

    /// When a step has gone well, the next one is selected.
    fn run_changed(&mut self, before: &RunState, cx: &Context) {
        let is_good = |state: &RunState, id: &str| {
            let known = state.action(&ActionKey::new(ROLLBACK, id));
            known.and_then(|known| known.exit()).is_some_and(ActionExit::is_success)
        };
        let mut steps = cx.plan().rollback.iter();
        if steps.any(|step| is_good(&cx.run.state, &step.id) && !is_good(before, &step.id)) {
            *self = Self::new(cx);
        }
    }
}

/// Said where every step has gone well.
const DONE: &str = "every step has gone well; b puts on record that the release is rolled back";

/// Draws it over everything between the lines on top and at the bottom.
fn draw(cx: &Context, frame: &mut Frame, selected: usize) {
    let screen = cx.area;
    let over = Rect { y: screen.y + 1, height: screen.height.saturating_sub(2), ..screen };
    frame.render_widget(ratatui::widgets::Clear, over);
    let body = Rect { x: 1, width: screen.width.saturating_sub(2), ..over };
    let wide = body.width >= 100;
    let left = Rect { width: if wide { body.width * 6 / 10 } else { body.width }, ..body };
    let (mut paper, at) = steps(cx, usize::from(left.width), selected);
    if wide {
        let x = left.right() + 2;
        let right = Rect { x, width: body.right() - x, ..body };
        hit_map::put(frame, right, beside(cx, usize::from(right.width)));
    } else {
        paper.lines.extend(beside(cx, usize::from(left.width)));
    }
    // The selected step stays in view.
    let skipped = (at.1 + 1).saturating_sub(usize::from(left.height)).min(at.0);
    hit_map::put(frame, left, paper.lines.into_iter().skip(skipped));
}

/// The steps; and from which line to which the selected one stands.
fn steps(cx: &Context, width: usize, selected: usize) -> (TextBuilder, (usize, usize)) {
    let mut paper = TextBuilder { width, lines: Vec::new() };
    let plan = cx.plan();
    let to = plan.previous.as_deref().unwrap_or("nothing");
    paper.put(vec![cx.toned(&format!("Rollback to {to}"), StyleRole::Failed)], 0);
    if let Some(back) = &cx.run.state.rolled_back {
        let digest = back.digest.as_deref().unwrap_or("a digest that nobody has seen");
        let told = format!("Rolled back {} by {}, to {digest}", cx.ago(&back.at), cx.name(&back.by));
        paper.put(vec![cx.toned(&told, StyleRole::Needs)], 0);
    }
    paper.gap();
    let mut place = (0, 0);
    for (index, step) in plan.rollback.iter().enumerate() {
        let from = paper.lines.len();
        let mut own = TextBuilder { width: width.saturating_sub(4), lines: Vec::new() };
        deeds::one(cx, &mut own, &ActionKey::new(ROLLBACK, &step.id), step);
        tried(cx, &mut own, &step.id);
        for (row, line) in own.lines.into_iter().enumerate() {
            let mark = if index == selected { "▌" } else { " " };
            let number = if row == 0 { format!("{mark}{} ", index + 1) } else { format!("{mark}  ") };
            let mut spans = vec![styled(&number, cx.theme.accent())];
            spans.extend(line.spans);
            paper.lines.push(Line::from(spans));
        }
        if index == selected {
            place = (from, paper.lines.len());
        }
        paper.gap();
    }
    if selected == plan.rollback.len() && cx.run.state.rolled_back.is_none() {
        let from = paper.lines.len();
        let told = "▌Next: b puts on record that the release is rolled back";
        paper.put(vec![styled(told, cx.theme.accent())], 2);
        place = (from, paper.lines.len());
    }
    (paper, place)
}

/// What trying a step has shown, before.
fn tried(cx: &Context, paper: &mut TextBuilder, step: &str) {
    let probe = format!("try-{step}");
    let point = cx.plan().points().find(|point| point.probes.iter().any(|known| known.id == probe));
    let look = point.and_then(|point| cx.run.state.point(&point.id)?.probes.get(&probe)?.latest.as_ref());
    if let Some(look) = look {
        let (sign, tone) = of_class(look.outcome.class);
        let told = format!("  {sign} dry run {}", cx.ago(&look.at));
        paper.put(vec![if tone == StyleRole::Good { cx.dim(&told) } else { cx.toned(&told, tone) }], 4);
    }
}

/// Whom to call, and what tells how it went.
fn beside(cx: &Context, width: usize) -> Vec<Line<'static>> {
    let mut paper = TextBuilder { width, lines: Vec::new() };
    text_builder::contacts(cx, &mut paper);
    let sections = cx.plan().sections.iter().filter(|section| section.verifies_rollback);
    for section in sections {
        paper.part(cx, &text::line(&section.title));
        for point in &section.points {
            let status = cx.status(point);
            let (sign, tone) = cx.sign(point, &status);
            let told = format!("{sign} {:<14} ", cx.word(point, &status));
            paper.put(vec![cx.toned(&told, tone), styled(&point.title, Theme::text())], 17);
            if status.is_no_go() {
                paper.put(vec![Span::raw("  "), cx.dim(&explain(&cx.judgement, &point.id, &status))], 4);
            }
        }
    }
    paper.gap();
    let told = if cx.run.state.is_ended() {
        "This run takes nothing more. A rollback now takes a new run: gonogo run with the same profile and release."
    } else if cx.run.state.rolled_back.is_some() {
        "They look at the release that runs again. Their word is the verdict's."
    } else {
        "When the steps are done, b records that the release is rolled back; then these probes run again."
    };
    paper.put(vec![cx.dim(told)], 0);
    paper.lines
}
