//! What lies over the screen, and what keys do to it.

pub mod add_operator;
pub mod confirm;
pub mod help;
pub mod plan_proposal;
pub mod run_action;
pub mod switch_operator;
pub mod text_prompt;
pub mod verdict;
pub mod words;

use crossterm::event::KeyEvent;

use crate::checklist::{ActionKey, PointId};
use crate::journal::entry::Evidence;
use crate::run::{Act, Refusal};
use crate::tui::app::{App, Effect};
use crate::tui::context::View;
use crate::tui::dialogs::add_operator::Form;
use crate::tui::dialogs::run_action::RunForm;
use crate::tui::dialogs::text_prompt::{Prompt, Purpose, Stage, Step};
use crate::tui::keymap::{self, Answer, Intent};
use crate::tui::widgets::dialog_view::Sheet;

/// What lies over the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// What works here.
    Help {
        /// The first line shown.
        scroll: usize,
    },
    /// What is told at the start.
    Notices {
        /// The first line shown.
        scroll: usize,
    },
    /// Whether to confirm.
    Confirm {
        /// The point.
        point: PointId,
        /// What the person sees while asked.
        of: Vec<Evidence>,
        /// Why they stand for two.
        reason: Option<String>,
        /// The first line shown.
        scroll: usize,
    },
    /// Whether to take an act back.
    Retract {
        /// The point.
        point: PointId,
        /// The act in words.
        what: String,
    },
    /// Words are asked for.
    Words(Prompt),
    /// Whether to accept or withdraw the proposed plan.
    Proposal {
        /// The position of its entry.
        seq: u64,
        /// The first line shown.
        scroll: usize,
    },
    /// The verdict.
    Verdict {
        /// The first line shown.
        scroll: usize,
    },
    /// Whether to seal.
    Seal,
    /// The entry of a review.
    Entry {
        /// The first line shown.
        scroll: usize,
    },
    /// Whether an action is to run.
    Run(Box<RunForm>),
    /// Whether to stop it.
    Stop {
        /// Which.
        action: ActionKey,
        /// The position of its begin.
        started: u64,
    },
    /// That it went wrong.
    Failed {
        /// Which.
        action: ActionKey,
        /// The position of its begin.
        started: u64,
    },
    /// Whether it is to be put on record that the release was rolled back.
    RolledBack,
    /// Who acts.
    Turn,
    /// Who else is to act, and with which key.
    Newcomer(Box<Form>),
}

impl Dialog {
    /// The first line shown.
    pub const fn scroll(&self) -> usize {
        match self {
            Self::Help { scroll }
            | Self::Entry { scroll }
            | Self::Notices { scroll }
            | Self::Confirm { scroll, .. }
            | Self::Proposal { scroll, .. }
            | Self::Verdict { scroll } => *scroll,
            Self::Run(form) => form.scroll,
            // The question stands at the end.
            Self::Words(Prompt { stage: Stage::Ask, .. }) => usize::MAX,
            Self::Retract { .. }
            | Self::Words(_)
            | Self::Seal
            | Self::Turn
            | Self::Stop { .. }
            | Self::Failed { .. }
            | Self::RolledBack
            | Self::Newcomer(_) => 0,
        }
    }

    fn scrolled(mut self, to: usize) -> Self {
        match &mut self {
            Self::Help { scroll }
            | Self::Entry { scroll }
            | Self::Notices { scroll }
            | Self::Confirm { scroll, .. }
            | Self::Proposal { scroll, .. }
            | Self::Verdict { scroll } => *scroll = to,
            Self::Run(form) => form.scroll = to,
            Self::Retract { .. }
            | Self::Words(_)
            | Self::Seal
            | Self::Turn
            | Self::Stop { .. }
            | Self::Failed { .. }
            | Self::RolledBack
            | Self::Newcomer(_) => {}
        }
        self
    }
}

impl App {
    /// A key for a dialog; it is gone unless it is put back.
    pub fn dialog_key(&mut self, dialog: Dialog, key: KeyEvent) -> Vec<Effect> {
        let dialog = match dialog {
            Dialog::Words(prompt) => return self.prompt_key(prompt, key),
            Dialog::Newcomer(form) => return self.newcomer_key(form, key),
            Dialog::Run(form) => return self.run_key(form, key),
            Dialog::Proposal { seq, scroll } => return self.proposal_key(seq, scroll, key),
            Dialog::Failed { action, started } => return self.failed_key(action, started, key),
            other => other,
        };
        match (keymap::answer(key), dialog) {
            (_, Dialog::Turn) => self.turn_key(key),
            (Some(Answer::No), Dialog::Seal) => self.dialog = Some(Dialog::Verdict { scroll: 0 }),
            (Some(Answer::No), _)
            | (Some(Answer::On), Dialog::Help { .. } | Dialog::Entry { .. } | Dialog::Notices { .. }) => {}
            (Some(Answer::Yes), dialog) => return self.yes(dialog),
            (Some(Answer::Seal), dialog @ Dialog::Verdict { .. }) => self.wish_seal(dialog),
            (Some(Answer::Abandon), Dialog::Verdict { .. }) => self.wish_abandon(),
            (Some(Answer::Scroll(lines)), dialog) => self.scroll_dialog(dialog, lines),
            (_, dialog) => self.dialog = Some(dialog),
        }
        Vec::new()
    }

    fn yes(&mut self, dialog: Dialog) -> Vec<Effect> {
        match dialog {
            Dialog::Confirm { point, of, reason, .. } => {
                let said = format!("confirmed {point}");
                self.act(Act::Confirm { point, of, reason }, said, None)
            }
            Dialog::Retract { point, .. } => {
                let said = format!("took it back on {point}");
                self.act(Act::Retract { point }, said, None)
            }
            Dialog::Seal => {
                let said = View::new(self).sealing(&[&self.me.principal]);
                self.act(Act::Seal, said, None)
            }
            Dialog::Stop { action, started } => {
                let said = format!("asked {action} to end");
                self.act(Act::Stop { action, started }, said, None)
            }
            Dialog::RolledBack => {
                self.act(Act::RollBack { reason: None }, "on record: rolled back".into(), None)
            }
            Dialog::Verdict { .. } => self.record_verdict(),
            other => {
                self.dialog = Some(other);
                Vec::new()
            }
        }
    }

    /// Only what is offered: the same verdict is not recorded twice.
    fn record_verdict(&mut self) -> Vec<Effect> {
        self.dialog = Some(Dialog::Verdict { scroll: 0 });
        if self.is_read_only() {
            return Vec::new();
        }
        match self.refusal(Act::Verdict) {
            Some(refusal) => self.refuse_by(&refusal),
            None if !verdict::can_record(&View::new(self)) => {}
            None => return self.act(Act::Verdict, "the verdict is recorded".into(), None),
        }
        Vec::new()
    }

    /// What to do about an action that went wrong.
    fn failed_key(&mut self, action: ActionKey, started: u64, key: KeyEvent) -> Vec<Effect> {
        match keymap::intent(key) {
            Some(Intent::WayBack) => self.wish_way_back(),
            Some(Intent::Output) => self.wish_output(Some(&action)),
            Some(Intent::Back | Intent::Detail | Intent::Leave) => {}
            _ => self.dialog = Some(Dialog::Failed { action, started }),
        }
        Vec::new()
    }

    fn wish_seal(&mut self, verdict: Dialog) {
        self.dialog = Some(verdict);
        if self.is_read_only() {
            return;
        }
        match self.refusal(Act::Seal) {
            Some(refusal) => self.refuse_by(&refusal),
            None => self.dialog = Some(Dialog::Seal),
        }
    }

    /// Moves what a dialog shows by so many lines, within its limits.
    pub fn scroll_dialog(&mut self, dialog: Dialog, lines: isize) {
        let limit = {
            let view = View::new(self);
            Sheet::of(&view, &dialog).limit(self.area)
        };
        let to = dialog.scroll().saturating_add_signed(lines).min(limit);
        self.dialog = Some(dialog.scrolled(to));
    }

    fn prompt_key(&mut self, mut prompt: Prompt, key: KeyEvent) -> Vec<Effect> {
        match prompt.key(key) {
            Step::Away => {}
            Step::Stay => self.dialog = Some(Dialog::Words(prompt)),
            Step::Check => return self.check_words(prompt),
            Step::Submit => return self.submit(prompt),
        }
        Vec::new()
    }

    /// Asks the rules about what was typed, before the person is asked or the engine is.
    fn check_words(&mut self, mut prompt: Prompt) -> Vec<Effect> {
        match (&prompt.purpose, self.wrong_with(&prompt)) {
            (_, Some((stage, wrong))) => (prompt.stage, prompt.wrong) = (stage, Some(wrong)),
            (Purpose::Note, None) => return self.submit(prompt),
            (Purpose::StandForTwo(of), None) => {
                let (of, reason) = (of.clone(), Some(prompt.words.text().to_owned()));
                self.dialog = Some(Dialog::Confirm { point: prompt.point, of, reason, scroll: 0 });
                return Vec::new();
            }
            (Purpose::RollBack | Purpose::Abandon | Purpose::Waive | Purpose::Exempt, None) => {
                prompt.stage = Stage::Ask;
            }
        }
        self.dialog = Some(Dialog::Words(prompt));
        Vec::new()
    }

    /// What is wrong with what was typed, and where.
    fn wrong_with(&self, prompt: &Prompt) -> Option<(Stage, String)> {
        match self.act_of(prompt).map(|act| self.refusal(act)) {
            Ok(None) => None,
            Ok(Some(refusal @ Refusal::Expired(_))) => Some((Stage::Span, refusal.to_string())),
            Ok(Some(refusal)) => Some((Stage::Words, refusal.to_string())),
            Err(wrong) => Some((Stage::Span, wrong)),
        }
    }

    fn submit(&mut self, prompt: Prompt) -> Vec<Effect> {
        let point = &prompt.point;
        let said = match prompt.purpose {
            Purpose::Waive => format!("waived {point}"),
            Purpose::Exempt => format!("said that {point} does not apply"),
            Purpose::Note => format!("noted on {point}"),
            Purpose::StandForTwo(_) => format!("confirmed {point}"),
            Purpose::RollBack => "on record: rolled back".to_owned(),
            Purpose::Abandon => "abandoned the run".to_owned(),
        };
        match self.act_of(&prompt) {
            Ok(act) => self.act(act, said, Some(prompt)),
            Err(wrong) => {
                self.dialog = Some(Dialog::Words(prompt.refused(&wrong)));
                Vec::new()
            }
        }
    }
}
