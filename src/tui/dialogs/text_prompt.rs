//! Words that a person is asked for: a reason, how long it holds, a note.

use crossterm::event::KeyEvent;

use super::confirm::ConfirmDialog;
use super::{Dialog, DialogLayer, is_decision, text_prompt_view};
use crate::checklist::PointId;
use crate::journal::entry::Evidence;
use crate::run::{Act, Rejection};
use crate::time::{Utc, parse_span};
use crate::tui::context::Context;
use crate::tui::keymap::{self, Answer, Typing};
use crate::tui::layer::{Effect, Layer, Reaction, TextFocus};
use crate::tui::widgets::dialog_view::DialogView;
use crate::tui::widgets::text_field::Field;

/// What the words are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Why a point may pass, and for how long.
    Waive,
    /// Why it does not apply.
    Exempt,
    /// Anything.
    Note,
    /// Why steps of the way back were left out.
    RollBack,
    /// Why the run will not be sealed.
    Abandon,
    /// Why one person confirms for two, and what they saw.
    StandForTwo(Vec<Evidence>),
}

/// What the keys go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The words.
    Words,
    /// How long they hold.
    Span,
    /// The question whether to do it.
    Ask,
}

/// A question for words, and what was typed so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPrompt {
    /// The point; empty where it is about the whole run.
    pub point: PointId,
    /// What for.
    pub purpose: Purpose,
    /// The words.
    pub words: Field,
    /// How long they hold, for a waiver.
    pub span: Field,
    /// Where the person is.
    pub stage: Stage,
    /// What is wrong with what was typed.
    pub wrong: Option<String>,
}

/// What came of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptStep {
    /// The prompt stays.
    Stay,
    /// It is left.
    Away,
    /// The words are there; to be checked before anybody is asked.
    Check,
    /// To be done.
    Submit,
}

impl TextPrompt {
    /// A new question.
    pub fn new(point: PointId, purpose: Purpose) -> Self {
        let span = Field::holding("24h");
        Self { point, purpose, words: Field::default(), span, stage: Stage::Words, wrong: None }
    }

    /// The same as a layer.
    pub fn layer(self) -> DialogLayer {
        DialogLayer::new(self)
    }

    /// The act that the words are for.
    fn act(&self, cx: &Context) -> Result<Act, String> {
        let (point, words) = (self.point.clone(), self.words.text().trim().to_owned());
        Ok(match &self.purpose {
            Purpose::Waive => Act::Waive { point, reason: words, until: self.until(cx)? },
            Purpose::Exempt => Act::Exempt { point, reason: words },
            Purpose::Note => Act::Note { point: Some(point), text: words },
            Purpose::RollBack => Act::RollBack { reason: Some(words) },
            Purpose::Abandon => Act::Abandon { reason: words },
            Purpose::StandForTwo(of) => Act::Confirm { point, evidence: of.clone(), reason: Some(words) },
        })
    }

    /// When a waiver that is being typed would end.
    ///
    /// # Errors
    /// What was expected.
    pub fn until(&self, cx: &Context) -> Result<Utc, String> {
        Ok(cx.run.now.wall.plus(parse_span(self.span.text().trim())?))
    }

    /// What is wrong with what was typed, and where.
    fn wrong_with(&self, cx: &Context) -> Option<(Stage, String)> {
        match self.act(cx).map(|act| cx.refusal(act)) {
            Ok(None) => None,
            Ok(Some(refusal @ Rejection::Expired(_))) => Some((Stage::Span, refusal.to_string())),
            Ok(Some(refusal)) => Some((Stage::Words, refusal.to_string())),
            Err(wrong) => Some((Stage::Span, wrong)),
        }
    }

    /// Asks the rules about what was typed, before the person is asked or the engine is.
    fn check(&mut self, cx: &Context) -> Reaction {
        match (&self.purpose, self.wrong_with(cx)) {
            (_, Some((stage, wrong))) => (self.stage, self.wrong) = (stage, Some(wrong)),
            (Purpose::Note, None) => return self.submit(cx),
            (Purpose::StandForTwo(of), None) => {
                let (of, reason) = (of.clone(), Some(self.words.text().to_owned()));
                let confirm = ConfirmDialog { point: self.point.clone(), of, reason };
                return Reaction::Close(vec![Effect::open(DialogLayer::new(confirm))]);
            }
            (Purpose::RollBack | Purpose::Abandon | Purpose::Waive | Purpose::Exempt, None) => {
                self.stage = Stage::Ask;
            }
        }
        Reaction::handled()
    }

    fn said(&self) -> String {
        let point = &self.point;
        match self.purpose {
            Purpose::Waive => format!("waived {point}"),
            Purpose::Exempt => format!("said that {point} does not apply"),
            Purpose::Note => format!("noted on {point}"),
            Purpose::StandForTwo(_) => format!("confirmed {point}"),
            Purpose::RollBack => "on record: rolled back".to_owned(),
            Purpose::Abandon => "abandoned the run".to_owned(),
        }
    }

    fn submit(&mut self, cx: &Context) -> Reaction {
        match self.act(cx) {
            Ok(act) => {
                let returning: Box<dyn Layer> = Box::new(self.clone().layer());
                Reaction::Close(vec![Effect::act(cx, act, self.said(), Some(returning))])
            }
            Err(wrong) => {
                self.refused(&wrong);
                Reaction::handled()
            }
        }
    }

    fn field(&mut self) -> Option<&mut Field> {
        match self.stage {
            Stage::Words => Some(&mut self.words),
            Stage::Span => Some(&mut self.span),
            Stage::Ask => None,
        }
    }

    /// Takes in a key.
    fn step(&mut self, key: KeyEvent) -> PromptStep {
        if self.stage == Stage::Ask {
            return self.answer(key);
        }
        match keymap::typing(key) {
            Typing::Away => return PromptStep::Away,
            Typing::Done if self.stage == Stage::Words && self.purpose == Purpose::Waive => {
                self.stage = Stage::Span;
            }
            Typing::Done => return PromptStep::Check,
            Typing::Other if self.purpose == Purpose::Waive => self.turn(),
            Typing::Other => {}
            Typing::Text => {
                self.wrong = None;
                if let Some(field) = self.field() {
                    field.key(key);
                }
            }
        }
        PromptStep::Stay
    }

    fn turn(&mut self) {
        self.stage = if self.stage == Stage::Words { Stage::Span } else { Stage::Words };
    }

    fn answer(&mut self, key: KeyEvent) -> PromptStep {
        match keymap::answer(key) {
            Some(Answer::Yes) => PromptStep::Submit,
            Some(Answer::No) => {
                self.stage = Stage::Words;
                PromptStep::Stay
            }
            _ => PromptStep::Stay,
        }
    }
}

impl Dialog for TextPrompt {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        text_prompt_view::sheet(cx, width, self)
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        match self.step(key) {
            PromptStep::Away => Reaction::close(),
            PromptStep::Stay => Reaction::handled(),
            PromptStep::Check => self.check(cx),
            PromptStep::Submit => self.submit(cx),
        }
    }

    fn paste(&mut self, text: &str) {
        self.wrong = None;
        if let Some(field) = self.field() {
            field.paste(text);
        }
    }

    fn text_focus(&self, _: &Context) -> TextFocus {
        if self.stage == Stage::Ask { TextFocus::None } else { TextFocus::Text }
    }

    fn decides(&self, key: KeyEvent, _: &Context) -> bool {
        self.stage == Stage::Ask && is_decision(key)
    }

    fn stage(&self) -> u8 {
        self.stage as u8
    }

    fn refused(&mut self, why: &str) {
        (self.stage, self.wrong) = (Stage::Words, Some(why.to_owned()));
    }
}
