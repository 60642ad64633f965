//! The prompt for a text: a reason, a note.

use crossterm::event::{KeyCode, KeyEvent};

use super::confirm::ConfirmDialog;
use super::run_action::RunActionDialog;
use super::stop_action::StopActionDialog;
use super::{Dialog, DialogLayer, is_decision, text_prompt_view};
use crate::tui::context::Context;
use crate::tui::keymap::{self, DialogKey, PromptKey};
use crate::tui::layer::{Effect, Layer, Reaction, TextFocus};
use crate::tui::widgets::dialog_view::DialogView;
use crate::tui::widgets::text_field::TextField;
use gonogo_core::checklist::{ActionKey, PointId};
use gonogo_core::journal::entry::Evidence;
use gonogo_core::run::{Act, Rejection, StartRequest};
use gonogo_core::time::{Utc, parse_span};

/// What has become of the lines from an editor.
const JOINED_LINES: &str = "the text is one line: its line ends have become spaces";

/// What the text is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptPurpose {
    /// The reason for a waiver, and its duration.
    Waive,
    /// The reason why a point is not applicable.
    Exempt,
    /// A note.
    Note,
    /// The reason why rollback steps were skipped.
    RolledBack,
    /// The reason for abandoning the run.
    Abandon,
    /// The reason why one person confirms the evidence for two.
    ConfirmForTwo(Vec<Evidence>),
    /// Why a reviewer begins the rollback, with this step.
    BeginRollback(Box<StartRequest>),
    /// Why a reviewer stops a running action.
    Stop {
        /// The action.
        action: ActionKey,
        /// The position of its start entry.
        started: u64,
    },
}

/// The part of the prompt that has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptStage {
    /// The text field.
    Text,
    /// The field for the duration of a waiver.
    Duration,
    /// The question whether to sign it.
    Confirm,
}

/// A prompt, and what was typed so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPrompt {
    /// The point; empty for the whole run.
    pub point: PointId,
    /// What the text is for.
    pub purpose: PromptPurpose,
    /// The text.
    pub text: TextField,
    /// The duration of a waiver.
    pub duration: TextField,
    /// The part that has the keys.
    pub stage: PromptStage,
    /// An error to show.
    pub error: Option<String>,
    /// How often the text came back from an editor.
    pub edits: u8,
}

/// What to do after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptStep {
    /// Keep the prompt open.
    Stay,
    /// Close the prompt.
    Cancel,
    /// Check the input, then ask.
    Check,
    /// Send the request.
    Submit,
}

impl TextPrompt {
    /// An empty prompt.
    pub fn new(point: PointId, purpose: PromptPurpose) -> Self {
        let duration = TextField::with_text("24h");
        Self {
            point,
            purpose,
            text: TextField::default(),
            duration,
            stage: PromptStage::Text,
            error: None,
            edits: 0,
        }
    }

    /// The prompt as a layer.
    pub fn into_layer(self) -> DialogLayer {
        DialogLayer::new(self)
    }

    /// The act that would be requested.
    fn act(&self, cx: &Context) -> Result<Act, String> {
        let (point, text) = (self.point.clone(), self.reason());
        Ok(match &self.purpose {
            PromptPurpose::Waive => Act::Waive { point, reason: text, until: self.until(cx)? },
            PromptPurpose::Exempt => Act::Exempt { point, reason: text },
            PromptPurpose::Note => Act::Note { point: Some(point), text },
            PromptPurpose::RolledBack => Act::RollBack { reason: Some(text) },
            PromptPurpose::Abandon => Act::Abandon { reason: text },
            PromptPurpose::ConfirmForTwo(evidence) => {
                Act::Confirm { point, evidence: evidence.clone(), reason: Some(text) }
            }
            PromptPurpose::BeginRollback(start) => Act::Start(Box::new(StartRequest {
                typed_environment: Some(cx.plan().environment.clone()),
                reason: Some(text),
                ..StartRequest::clone(start)
            })),
            PromptPurpose::Stop { action, started } => {
                Act::Stop { action: action.clone(), started: *started, reason: Some(text) }
            }
        })
    }

    /// When the waiver would end.
    ///
    /// # Errors
    /// When the duration is invalid: what is expected.
    pub fn until(&self, cx: &Context) -> Result<Utc, String> {
        Ok(cx.run.now.wall.plus(parse_span(self.duration.text().trim())?))
    }

    /// The first error in the input, and its field.
    fn find_error(&self, cx: &Context) -> Option<(PromptStage, String)> {
        match self.act(cx).map(|act| cx.rejection(act)) {
            // Guards and checks run later.
            Ok(None | Some(Rejection::PreflightIncomplete { .. })) => None,
            Ok(Some(rejection @ Rejection::Expired(_))) => {
                Some((PromptStage::Duration, rejection.to_string()))
            }
            Ok(Some(rejection)) => Some((PromptStage::Text, rejection.to_string())),
            Err(error) => Some((PromptStage::Duration, error)),
        }
    }

    /// Checks the input against the rules. If they accept it, asks for a final yes where the purpose needs one.
    fn check(&mut self, cx: &Context) -> Reaction {
        match (&self.purpose, self.find_error(cx)) {
            (_, Some((stage, error))) => (self.stage, self.error) = (stage, Some(error)),
            (PromptPurpose::Note, None) => return self.submit(cx),
            (PromptPurpose::ConfirmForTwo(evidence), None) => {
                let (evidence, reason) = (evidence.clone(), Some(self.reason()));
                let confirm = ConfirmDialog { point: self.point.clone(), evidence, reason };
                return Reaction::Close(vec![Effect::open(DialogLayer::new(confirm))]);
            }
            (PromptPurpose::BeginRollback(start), None) => {
                let start = StartRequest { reason: Some(self.reason()), ..StartRequest::clone(start) };
                return Reaction::Close(vec![Effect::open(DialogLayer::new(RunActionDialog::new(start)))]);
            }
            (PromptPurpose::Stop { action, started }, None) => {
                let stop = StopActionDialog::new(action.clone(), *started, Some(self.reason()));
                return Reaction::Close(vec![Effect::open(DialogLayer::new(stop))]);
            }
            (
                PromptPurpose::RolledBack
                | PromptPurpose::Abandon
                | PromptPurpose::Waive
                | PromptPurpose::Exempt,
                None,
            ) => {
                self.stage = PromptStage::Confirm;
            }
        }
        Reaction::handled()
    }

    fn reason(&self) -> String {
        self.text.text().trim().to_owned()
    }

    fn success_notice(&self) -> String {
        let point = &self.point;
        match self.purpose {
            PromptPurpose::Waive => format!("waived {point}"),
            PromptPurpose::Exempt => format!("marked {point} as not applicable"),
            PromptPurpose::Note => format!("noted on {point}"),
            PromptPurpose::ConfirmForTwo(_) => format!("confirmed {point}"),
            PromptPurpose::RolledBack => "on record: rolled back".to_owned(),
            PromptPurpose::Abandon => "abandoned the run".to_owned(),
            PromptPurpose::BeginRollback(_) => "the rollback begins".to_owned(),
            PromptPurpose::Stop { ref action, .. } => format!("asked {action} to end"),
        }
    }

    fn submit(&mut self, cx: &Context) -> Reaction {
        match self.act(cx) {
            Ok(act) => {
                let on_rejection: Box<dyn Layer> = Box::new(self.clone().into_layer());
                Reaction::Close(vec![Effect::act(cx, act, self.success_notice(), Some(on_rejection))])
            }
            Err(error) => {
                self.on_rejected(&error);
                Reaction::handled()
            }
        }
    }

    fn field(&mut self) -> Option<&mut TextField> {
        match self.stage {
            PromptStage::Text => Some(&mut self.text),
            PromptStage::Duration => Some(&mut self.duration),
            PromptStage::Confirm => None,
        }
    }

    /// Handles a key.
    fn on_key(&mut self, key: KeyEvent) -> PromptStep {
        if self.stage == PromptStage::Confirm {
            return self.on_confirm_key(key);
        }
        match keymap::prompt_key(key) {
            PromptKey::Cancel => return PromptStep::Cancel,
            PromptKey::Enter if self.stage == PromptStage::Text && self.purpose == PromptPurpose::Waive => {
                self.stage = PromptStage::Duration;
            }
            PromptKey::Enter => return PromptStep::Check,
            PromptKey::OtherField if self.purpose == PromptPurpose::Waive => self.switch_field(),
            PromptKey::OtherField => {}
            PromptKey::Text => {
                self.error = None;
                if let Some(field) = self.field() {
                    field.key(key);
                }
            }
        }
        PromptStep::Stay
    }

    fn switch_field(&mut self) {
        self.stage = if self.stage == PromptStage::Text { PromptStage::Duration } else { PromptStage::Text };
    }

    fn on_confirm_key(&mut self, key: KeyEvent) -> PromptStep {
        match keymap::dialog_key(key) {
            Some(DialogKey::Yes) => PromptStep::Submit,
            Some(DialogKey::No) => {
                self.stage = PromptStage::Text;
                PromptStep::Stay
            }
            _ => PromptStep::Stay,
        }
    }
}

impl Dialog for TextPrompt {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        text_prompt_view::dialog_view(cx, width, self)
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if self.stage == PromptStage::Text && keymap::opens_editor(key) {
            return Reaction::Handled(vec![Effect::Edit(self.text.text().to_owned())]);
        }
        match self.on_key(key) {
            PromptStep::Cancel => Reaction::close(),
            PromptStep::Stay => Reaction::handled(),
            PromptStep::Check => self.check(cx),
            PromptStep::Submit => self.submit(cx),
        }
    }

    fn paste(&mut self, text: &str) {
        self.error = None;
        if let Some(field) = self.field() {
            field.paste(text);
        }
    }

    fn text_focus(&self, _: &Context) -> TextFocus {
        if self.stage == PromptStage::Confirm { TextFocus::None } else { TextFocus::Text }
    }

    fn decides(&self, key: KeyEvent, _: &Context) -> bool {
        match self.stage {
            PromptStage::Confirm => is_decision(key),
            // A note is signed without another question.
            _ => self.purpose == PromptPurpose::Note && key.code == KeyCode::Enter,
        }
    }

    /// A text that comes back from an editor is another question: nobody has seen it here.
    fn stage(&self) -> u8 {
        self.stage as u8 + self.edits % 64 * 4
    }

    fn on_edited(&mut self, edited: &Result<String, String>) -> Reaction {
        match edited {
            Ok(text) => {
                self.text = TextField::default();
                self.paste(text);
                self.edits = self.edits.wrapping_add(1);
                let joined = text.trim_end().contains(['\r', '\n']);
                let notice = joined.then(|| Effect::Notify(JOINED_LINES.to_owned()));
                Reaction::Handled(notice.into_iter().collect())
            }
            Err(why) => Reaction::Handled(vec![Effect::Refuse(why.clone())]),
        }
    }

    fn on_rejected(&mut self, why: &str) {
        (self.stage, self.error) = (PromptStage::Text, Some(why.to_owned()));
    }
}
