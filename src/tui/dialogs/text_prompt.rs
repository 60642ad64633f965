//! Words that a person is asked for: a reason, how long it holds, a note.

use crossterm::event::KeyEvent;

use crate::checklist::PointId;
use crate::journal::entry::Evidence;
use crate::tui::keymap::{self, Answer, Typing};
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
pub struct Prompt {
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
pub enum Step {
    /// The prompt stays.
    Stay,
    /// It is left.
    Away,
    /// The words are there; to be checked before anybody is asked.
    Check,
    /// To be done.
    Submit,
}

impl Prompt {
    /// A new question.
    pub fn new(point: PointId, purpose: Purpose) -> Self {
        let span = Field::holding("24h");
        Self { point, purpose, words: Field::default(), span, stage: Stage::Words, wrong: None }
    }

    /// The same, after the engine said no.
    pub fn refused(mut self, why: &str) -> Self {
        self.stage = Stage::Words;
        self.wrong = Some(why.to_owned());
        self
    }

    /// Takes in what was pasted.
    pub fn paste(&mut self, text: &str) {
        self.wrong = None;
        if let Some(field) = self.field() {
            field.paste(text);
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
    pub fn key(&mut self, key: KeyEvent) -> Step {
        if self.stage == Stage::Ask {
            return self.answer(key);
        }
        match keymap::typing(key) {
            Typing::Away => return Step::Away,
            Typing::Done if self.stage == Stage::Words && self.purpose == Purpose::Waive => {
                self.stage = Stage::Span;
            }
            Typing::Done => return Step::Check,
            Typing::Other if self.purpose == Purpose::Waive => self.turn(),
            Typing::Other => {}
            Typing::Text => {
                self.wrong = None;
                if let Some(field) = self.field() {
                    field.key(key);
                }
            }
        }
        Step::Stay
    }

    fn turn(&mut self) {
        self.stage = if self.stage == Stage::Words { Stage::Span } else { Stage::Words };
    }

    fn answer(&mut self, key: KeyEvent) -> Step {
        match keymap::answer(key) {
            Some(Answer::Yes) => Step::Submit,
            Some(Answer::No) => {
                self.stage = Stage::Words;
                Step::Stay
            }
            _ => Step::Stay,
        }
    }
}
