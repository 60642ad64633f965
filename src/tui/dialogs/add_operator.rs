//! The dialog that adds an operator to this session: name, signing key and passphrase.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Dialog, DialogLayer};
use crate::tui::context::Context;
use crate::tui::keymap::{self, PromptKey};
use crate::tui::layer::{Effect, Layer, PendingRequest, Reaction, TextFocus};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use crate::tui::widgets::text_field::TextField;
use crate::tui::{AddOperatorRequest, UnlockResult};
use gonogo_core::checklist::Role;
use gonogo_core::journal::entry::EnrolledOperator;
use gonogo_core::run::{Act, Command, Request, decide};
use gonogo_core::secret::Secret;
use gonogo_core::text;

/// The field that has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddOperatorStage {
    /// The name.
    Name,
    /// The key.
    Key,
    /// The passphrase of the key.
    Passphrase,
}

/// The form.
#[derive(Clone, Debug)]
pub struct AddOperatorDialog {
    /// The name.
    pub name: TextField,
    /// The key.
    pub key: TextField,
    /// The passphrase of the key; only its length is shown.
    pub passphrase: Secret,
    /// The field that has the keys.
    pub stage: AddOperatorStage,
    /// The role in which an operator would join who is not in the run yet.
    pub role: Role,
    /// An error to show.
    pub error: Option<String>,
    /// Whether the key is being unlocked. Meanwhile, the fields cannot be changed.
    pub is_unlocking: bool,
}

impl AddOperatorDialog {
    /// An empty form.
    pub fn new(cx: &Context) -> Self {
        let empty = Secret::new(String::new());
        let (name, key, role) = (TextField::default(), TextField::default(), missing_role(cx));
        Self {
            name,
            key,
            passphrase: empty,
            stage: AddOperatorStage::Name,
            role,
            error: None,
            is_unlocking: false,
        }
    }

    fn show_error(&mut self, why: &str) -> Reaction {
        self.on_rejected(why);
        Reaction::handled()
    }

    /// Requests to unlock the key.
    fn unlock(&mut self) -> Reaction {
        let passphrase = Some(self.passphrase.clone()).filter(|_| self.stage == AddOperatorStage::Passphrase);
        let principal = self.name.text().trim().to_owned();
        let request = AddOperatorRequest { principal, key: self.key.text().trim().to_owned(), passphrase };
        (self.error, self.is_unlocking) = (None, true);
        Reaction::Handled(vec![Effect::Unlock(request)])
    }

    /// Makes the operator the active one. An operator who is not in the run yet joins it by a signed entry.
    fn join(&mut self, operator: EnrolledOperator, cx: &Context) -> Reaction {
        if cx.session.local_operators.contains(&operator) {
            return self.show_error(&format!("{} is already an operator here", operator.principal));
        }
        match cx.run.state.operator(&operator.principal) {
            Some(enrolled) if *enrolled == operator => {
                return Reaction::Close(vec![Effect::SwitchOperator(operator)]);
            }
            Some(enrolled) => {
                let why = format!(
                    "{} takes part in this run with another key; two people need two names and two keys",
                    enrolled.principal
                );
                return self.show_error(&why);
            }
            None => {}
        }
        let join = Act::Join { key: operator.key.clone(), role: operator.role };
        let command = Command::new(operator.principal.clone(), join);
        if let Err(rejection) = decide(&cx.run.state, command.clone(), &cx.run.now) {
            return self.show_error(&rejection.to_string());
        }
        let notice = format!("{} is now {} and the active operator", operator.principal, operator.role);
        let on_rejection: Box<dyn Layer> = Box::new(DialogLayer::new(self.clone()));
        let pending = PendingRequest {
            notice: Some(notice),
            on_rejection: Some(on_rejection),
            new_operator: Some(operator),
        };
        Reaction::Close(vec![Effect::Send(Request::Act(Box::new(command)), pending)])
    }

    fn append_passphrase(&mut self, text: &str) {
        self.passphrase = Secret::new([self.passphrase.expose(), text].concat());
    }

    fn edit_field(&mut self, key: KeyEvent) {
        self.error = None;
        match self.stage {
            AddOperatorStage::Name => self.name.key(key),
            AddOperatorStage::Key => self.key.key(key),
            AddOperatorStage::Passphrase => self.edit_passphrase(key),
        }
    }

    fn edit_passphrase(&mut self, key: KeyEvent) {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if is_control => self.passphrase = Secret::new(String::new()),
            KeyCode::Char(c) if !is_control => self.append_passphrase(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => {
                let mut chars = self.passphrase.expose().chars();
                chars.next_back();
                self.passphrase = Secret::new(chars.as_str().to_owned());
            }
            _ => {}
        }
    }
}

/// A role whose seal is missing and that nobody has; otherwise reviewer.
fn missing_role(cx: &Context) -> Role {
    let state = &cx.run.state;
    let nobody = |role: &Role| state.roster.iter().all(|operator| operator.role != *role);
    state.missing_seals().into_iter().find(nobody).unwrap_or(Role::Reviewer)
}

impl Dialog for AddOperatorDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        dialog_view(cx, width, self)
    }

    fn key(&mut self, key: KeyEvent, _: &Context) -> Reaction {
        match (keymap::prompt_key(key), self.stage) {
            (PromptKey::Cancel, _) => return Reaction::close(),
            // The result belongs to the fields as they are.
            _ if self.is_unlocking => {}
            (PromptKey::Enter | PromptKey::OtherField, AddOperatorStage::Name) => {
                self.stage = AddOperatorStage::Key;
            }
            (PromptKey::OtherField, AddOperatorStage::Key) => self.stage = AddOperatorStage::Name,
            (PromptKey::Enter, _) => return self.unlock(),
            (PromptKey::OtherField, AddOperatorStage::Passphrase) => {}
            (PromptKey::Text, _) => self.edit_field(key),
        }
        Reaction::handled()
    }

    fn paste(&mut self, text: &str) {
        if self.is_unlocking {
            return;
        }
        self.error = None;
        match self.stage {
            AddOperatorStage::Name => self.name.paste(text),
            AddOperatorStage::Key => self.key.paste(text),
            AddOperatorStage::Passphrase => self.append_passphrase(text.trim_end_matches(['\r', '\n'])),
        }
    }

    fn text_focus(&self, _: &Context) -> TextFocus {
        // The passphrase may be typed before it is asked for.
        let is_secret = self.is_unlocking || self.stage == AddOperatorStage::Passphrase;
        if is_secret { TextFocus::Secret } else { TextFocus::Text }
    }

    fn decides(&self, _: KeyEvent, _: &Context) -> bool {
        false
    }

    fn on_key_unlocked(&mut self, result: &Result<UnlockResult, String>, cx: &Context) -> Reaction {
        // The form that requested this was closed.
        if !self.is_unlocking {
            return Reaction::Ignored;
        }
        self.is_unlocking = false;
        match result {
            Ok(UnlockResult::NeedsPassphrase) => {
                (self.stage, self.error) = (AddOperatorStage::Passphrase, None);
                Reaction::handled()
            }
            Ok(UnlockResult::Unlocked(key)) => {
                let principal = self.name.text().trim().to_owned();
                let role = cx.run.state.operator(&principal).map_or(self.role, |enrolled| enrolled.role);
                self.join(EnrolledOperator { principal, key: key.clone(), role }, cx)
            }
            Err(why) => self.show_error(why),
        }
    }

    fn on_rejected(&mut self, why: &str) {
        let has_passphrase = !self.passphrase.expose().is_empty();
        self.stage = if has_passphrase { AddOperatorStage::Passphrase } else { AddOperatorStage::Key };
        self.passphrase = Secret::new(String::new());
        (self.error, self.is_unlocking) = (Some(why.to_owned()), false);
    }
}

/// The content of the dialog.
fn dialog_view(cx: &Context, width: usize, form: &AddOperatorDialog) -> DialogView {
    let mut dialog = DialogView::new("another operator at this keyboard", StyleRole::Attention);
    let intro = format!(
        "They act under their own name and key, as {}. Each entry is signed with the key of whoever is active.",
        form.role
    );
    dialog.put(vec![cx.dim(&intro)], width, 0);
    dialog.gap();
    dialog.put(
        vec![styled("Who? ", Theme::text()), cx.dim("the name that others trust, a mail address")],
        width,
        0,
    );
    dialog.field(cx, width, &form.name, 1, form.stage == AddOperatorStage::Name);
    dialog.gap();
    let hint = "a key file, or the public half or the comment of one that the ssh-agent holds";
    dialog.put(vec![styled("Which key? ", Theme::text()), cx.dim(hint)], width, 0);
    dialog.field(cx, width, &form.key, 1, form.stage == AddOperatorStage::Key);
    if form.stage == AddOperatorStage::Passphrase {
        dialog.gap();
        dialog.put(vec![styled("Its passphrase? ", Theme::text()), cx.dim("it is not kept")], width, 0);
        let dots = "•".repeat(form.passphrase.expose().chars().count());
        dialog.field(cx, width, &TextField::with_text(&dots), 1, true);
    }
    if let Some(error) = &form.error {
        dialog.gap();
        dialog.put(vec![cx.with_role(&format!("✖ {}", text::line(error)), StyleRole::Failed)], width, 2);
    }
    let keys: &[(&str, &str)] = match form.stage {
        AddOperatorStage::Passphrase => &[("Enter", "take part"), ("Esc", "cancel")],
        _ => &[("Enter", "continue"), ("Tab", "the other field"), ("Esc", "cancel")],
    };
    dialog.keys(cx, keys, width);
    dialog
}
