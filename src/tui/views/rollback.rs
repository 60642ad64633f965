//! The way back takes the screen: its steps in order, whom to call, and what tells how it went.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::checklist::{ActionKey, ROLLBACK};
use crate::run::{Act, Refusal, why};
use crate::text;
use crate::tui::app::{App, Effect};
use crate::tui::context::View;
use crate::tui::dialogs::Dialog;
use crate::tui::dialogs::text_prompt::{Prompt, Purpose};
use crate::tui::keymap::{self, Intent};
use crate::tui::style::text::ink;
use crate::tui::style::theme::{Theme, Tone};
use crate::tui::views::checklist::detail::Paper;
use crate::tui::widgets::action_text as deeds;

impl App {
    /// `A`: the way back.
    pub fn wish_way_back(&mut self) {
        if self.state.plan.rollback.is_empty() {
            return self
                .refuse("this plan has no way back: nothing ran here before, or none is written down");
        }
        self.pager = None;
        // At the first step that has not gone well; after the last one, at what comes next: to put it on record.
        let is_open = |id: &str| {
            let known = self.state.action(&ActionKey::new(ROLLBACK, id));
            !known.and_then(|known| known.ended()).is_some_and(crate::journal::entry::Ended::is_good)
        };
        let first =
            self.state.plan.rollback.iter().position(|step| is_open(&step.id) && step.program.is_some());
        self.way_back = Some(first.unwrap_or(self.state.plan.rollback.len()));
    }

    /// A key while the way back has the screen.
    pub fn way_back_key(&mut self, at: usize, key: KeyEvent) -> Vec<Effect> {
        let steps = &self.state.plan.rollback;
        let selected = steps.get(at).map(|step| ActionKey::new(ROLLBACK, &step.id));
        let last = steps.len().saturating_sub(1);
        match (keymap::intent(key), selected) {
            (Some(Intent::Up | Intent::Left), _) => self.way_back = Some(at.saturating_sub(1)),
            (Some(Intent::Down | Intent::Right), _) => self.way_back = Some((at + 1).min(last)),
            (Some(Intent::First), _) => self.way_back = Some(0),
            (Some(Intent::Last), _) => self.way_back = Some(last),
            (Some(Intent::Back | Intent::WayBack), _) => self.way_back = None,
            (Some(Intent::Action | Intent::Detail), Some(step)) if !self.is_read_only() => {
                self.ask_to_run(&step);
            }
            (Some(Intent::Action | Intent::Detail), None) if !self.is_read_only() => self.refuse(DONE),
            (Some(Intent::Output), Some(step)) => self.wish_output(Some(&step)),
            (
                Some(
                    intent
                    @ (Intent::Stop | Intent::Verdict | Intent::Help | Intent::Leave | Intent::Suspend),
                ),
                _,
            ) => {
                return self.wish(intent);
            }
            _ if key.code == KeyCode::Char('b') && !keymap::is_control(key) => self.wish_rolled_back(),
            _ => {}
        }
        Vec::new()
    }

    /// `b`: to put on record that the release was rolled back.
    fn wish_rolled_back(&mut self) {
        if self.is_read_only() {
            return;
        }
        match self.refusal(Act::RollBack { reason: None }) {
            None => self.dialog = Some(Dialog::RolledBack),
            Some(Refusal::ReasonNeeded(_)) => {
                self.dialog = Some(Dialog::Words(Prompt::new(ROLLBACK.into(), Purpose::RollBack)));
            }
            Some(refusal) => self.refuse_by(&refusal),
        }
    }
}

/// Said where every step has gone well.
const DONE: &str = "every step has gone well; b puts on record that the release is rolled back";

/// What the keys do there. In a run that takes nothing more, and for those who only look on, none acts.
pub fn keys(view: &View) -> Vec<(&'static str, &'static str)> {
    let app = view.app;
    let acts = !app.state.is_closing() && !app.looks_on && app.review.is_none();
    let act = |hint| Some(hint).filter(|_| acts);
    let all = [
        Some(("↑ ↓", "step")),
        act(("a", "run it")),
        Some(("o", "output")),
        act(("b", "it is rolled back")),
        Some(("v", "verdict")),
        Some(("Esc", "the checklist")),
    ];
    all.into_iter().flatten().collect()
}

/// Draws it over everything between the lines on top and at the bottom.
pub fn draw(view: &View, frame: &mut Frame, selected: usize) {
    let screen = frame.area();
    let over = Rect { y: 1, height: screen.height.saturating_sub(2), ..screen };
    frame.render_widget(ratatui::widgets::Clear, over);
    let body = Rect { x: 1, y: 1, width: screen.width.saturating_sub(2), height: over.height };
    let wide = body.width >= 100;
    let left = Rect { width: if wide { body.width * 6 / 10 } else { body.width }, ..body };
    let (mut paper, at) = steps(view, usize::from(left.width), selected);
    if wide {
        let x = left.right() + 2;
        let right = Rect { x, width: body.right() - x, ..body };
        crate::tui::views::checklist::section_panels::put(
            frame,
            right,
            beside(view, usize::from(right.width)),
        );
    } else {
        paper.lines.extend(beside(view, usize::from(left.width)));
    }
    // The selected step stays in view.
    let skipped = (at.1 + 1).saturating_sub(usize::from(left.height)).min(at.0);
    crate::tui::views::checklist::section_panels::put(frame, left, paper.lines.into_iter().skip(skipped));
}

/// The steps; and from which line to which the selected one stands.
fn steps(view: &View, width: usize, selected: usize) -> (Paper, (usize, usize)) {
    let mut paper = Paper { width, lines: Vec::new() };
    let plan = view.plan();
    let to = plan.previous.as_deref().unwrap_or("nothing");
    paper.put(vec![view.toned(&format!("The way back to {to}"), Tone::Failed)], 0);
    if let Some(back) = &view.app.state.rolled_back {
        let digest = back.digest.as_deref().unwrap_or("a digest that nobody has seen");
        let told = format!("Rolled back {} by {}, to {digest}", view.ago(&back.at), view.name(&back.by));
        paper.put(vec![view.toned(&told, Tone::Needs)], 0);
    }
    paper.gap();
    let mut place = (0, 0);
    for (index, step) in plan.rollback.iter().enumerate() {
        let from = paper.lines.len();
        let mut own = Paper { width: width.saturating_sub(4), lines: Vec::new() };
        deeds::one(view, &mut own, &ActionKey::new(ROLLBACK, &step.id), step);
        tried(view, &mut own, &step.id);
        for (row, line) in own.lines.into_iter().enumerate() {
            let mark = if index == selected { "▌" } else { " " };
            let number = if row == 0 { format!("{mark}{} ", index + 1) } else { format!("{mark}  ") };
            let mut spans = vec![ink(&number, view.theme.accent())];
            spans.extend(line.spans);
            paper.lines.push(Line::from(spans));
        }
        if index == selected {
            place = (from, paper.lines.len());
        }
        paper.gap();
    }
    if selected == plan.rollback.len() && view.app.state.rolled_back.is_none() {
        let from = paper.lines.len();
        let told = "▌Next: b puts on record that the release is rolled back";
        paper.put(vec![ink(told, view.theme.accent())], 2);
        place = (from, paper.lines.len());
    }
    (paper, place)
}

/// What trying a step has shown, before.
fn tried(view: &View, paper: &mut Paper, step: &str) {
    let probe = format!("try-{step}");
    let point = view.plan().points().find(|point| point.probes.iter().any(|known| known.id == probe));
    let look = point.and_then(|point| view.app.state.point(&point.id)?.probes.get(&probe)?.latest.as_ref());
    if let Some(look) = look {
        let (sign, tone) = crate::tui::style::symbols::of_class(look.outcome.class);
        let told = format!("  {sign} dry run {}", view.ago(&look.at));
        paper.put(vec![if tone == Tone::Good { view.dim(&told) } else { view.toned(&told, tone) }], 4);
    }
}

/// Whom to call, and what tells how it went.
fn beside(view: &View, width: usize) -> Vec<Line<'static>> {
    let mut paper = Paper { width, lines: Vec::new() };
    crate::tui::views::checklist::detail::contacts(view, &mut paper);
    let sections = view.plan().sections.iter().filter(|section| section.judges_rollback);
    for section in sections {
        paper.part(view, &text::line(&section.title));
        for point in &section.points {
            let status = view.status(point);
            let (sign, tone) = view.sign(point, &status);
            let told = format!("{sign} {:<14} ", view.word(point, &status));
            paper.put(vec![view.toned(&told, tone), ink(&point.title, Theme::text())], 17);
            if status.is_bad() {
                paper.put(vec![Span::raw("  "), view.dim(&why(&view.judgement, &point.id, &status))], 4);
            }
        }
    }
    paper.gap();
    let told = if view.app.state.is_ended() {
        "This run takes nothing more. A rollback now takes a new run: gonogo run with the same profile and release."
    } else if view.app.state.rolled_back.is_some() {
        "They look at the release that runs again. Their word is the verdict's."
    } else {
        "When the steps are done, b puts on record that the release is rolled back; then these look again."
    };
    paper.put(vec![view.dim(told)], 0);
    paper.lines
}
