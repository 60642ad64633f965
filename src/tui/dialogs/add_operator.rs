//! The other operator at this keyboard: who they are, the key that they sign with, and whose turn it is.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Dialog, DialogLayer};
use crate::checklist::Role;
use crate::journal::entry::EnrolledOperator;
use crate::run::{Act, Command, Request, decide};
use crate::secret::Secret;
use crate::text;
use crate::tui::context::Context;
use crate::tui::keymap::{self, Typing};
use crate::tui::layer::{Effect, Layer, PendingRequest, Reaction, TextFocus};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use crate::tui::widgets::text_field::Field;
use crate::tui::{Newcomer, Unlocked};

/// Where a newcomer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorStage {
    /// Typing their name.
    Who,
    /// Typing which key.
    Key,
    /// Typing its passphrase.
    Passphrase,
}

/// What is asked of a newcomer, and what they typed so far.
#[derive(Clone, Debug)]
pub struct AddOperatorDialog {
    /// Their name.
    pub who: Field,
    /// Their key.
    pub key: Field,
    /// The key's passphrase, shown by its length.
    pub passphrase: Secret,
    /// Where they are.
    pub stage: OperatorStage,
    /// What they will do in this run, if they do not take part yet.
    pub role: Role,
    /// What is wrong with what they typed.
    pub wrong: Option<String>,
    /// Whether their key is being unlocked: until that is done, what they typed stays.
    pub unlocking: bool,
}

impl AddOperatorDialog {
    /// Nothing is typed yet.
    pub fn new(cx: &Context) -> Self {
        let nothing = Secret::new(String::new());
        let (who, key, role) = (Field::default(), Field::default(), role_wanted(cx));
        Self { who, key, passphrase: nothing, stage: OperatorStage::Who, role, wrong: None, unlocking: false }
    }

    fn wrong(&mut self, why: &str) -> Reaction {
        self.refused(why);
        Reaction::handled()
    }

    /// Asks for the key of what stands there now.
    fn unlock(&mut self) -> Reaction {
        let passphrase = Some(self.passphrase.clone()).filter(|_| self.stage == OperatorStage::Passphrase);
        let principal = self.who.text().trim().to_owned();
        let newcomer = Newcomer { principal, key: self.key.text().trim().to_owned(), passphrase };
        (self.wrong, self.unlocking) = (None, true);
        Reaction::Handled(vec![Effect::Unlock(newcomer)])
    }

    /// Lets somebody take part whose key is here: by an act of theirs, unless they do already.
    fn join(&mut self, newcomer: EnrolledOperator, cx: &Context) -> Reaction {
        if cx.session.local_operators.contains(&newcomer) {
            return self.wrong(&format!("{} is already an operator here", newcomer.principal));
        }
        match cx.run.state.operator(&newcomer.principal) {
            Some(known) if *known == newcomer => {
                return Reaction::Close(vec![Effect::SwitchOperator(newcomer)]);
            }
            Some(known) => {
                let why = format!(
                    "{} takes part in this run with another key; two people need two names and two keys",
                    known.principal
                );
                return self.wrong(&why);
            }
            None => {}
        }
        let join = Act::Join { key: newcomer.key.clone(), role: newcomer.role };
        let command = Command::new(newcomer.principal.clone(), join);
        if let Err(refusal) = decide(&cx.run.state, command.clone(), &cx.run.now) {
            return self.wrong(&refusal.to_string());
        }
        let said = format!("{} is now {} and the active operator", newcomer.principal, newcomer.role);
        let returning: Box<dyn Layer> = Box::new(DialogLayer::new(self.clone()));
        let pending = PendingRequest { said: Some(said), returning: Some(returning), joins: Some(newcomer) };
        Reaction::Close(vec![Effect::Ask(Request::Act(Box::new(command)), pending)])
    }

    fn add(&mut self, text: &str) {
        self.passphrase = Secret::new([self.passphrase.expose(), text].concat());
    }

    fn type_key(&mut self, key: KeyEvent) {
        self.wrong = None;
        match self.stage {
            OperatorStage::Who => self.who.key(key),
            OperatorStage::Key => self.key.key(key),
            OperatorStage::Passphrase => self.hidden(key),
        }
    }

    fn hidden(&mut self, key: KeyEvent) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => self.passphrase = Secret::new(String::new()),
            KeyCode::Char(c) if !control => self.add(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => {
                let mut chars = self.passphrase.expose().chars();
                chars.next_back();
                self.passphrase = Secret::new(chars.as_str().to_owned());
            }
            _ => {}
        }
    }
}

/// The role that a seal is missing of and nobody has; otherwise that of one who looks on.
fn role_wanted(cx: &Context) -> Role {
    let state = &cx.run.state;
    let nobody = |role: &Role| state.roster.iter().all(|operator| operator.role != *role);
    state.missing_seals().into_iter().find(nobody).unwrap_or(Role::Reviewer)
}

impl Dialog for AddOperatorDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        sheet(cx, width, self)
    }

    fn key(&mut self, key: KeyEvent, _: &Context) -> Reaction {
        match (keymap::typing(key), self.stage) {
            (Typing::Away, _) => return Reaction::close(),
            // The key that comes is the one of what stands there now.
            _ if self.unlocking => {}
            (Typing::Done | Typing::Other, OperatorStage::Who) => self.stage = OperatorStage::Key,
            (Typing::Other, OperatorStage::Key) => self.stage = OperatorStage::Who,
            (Typing::Done, _) => return self.unlock(),
            (Typing::Other, OperatorStage::Passphrase) => {}
            (Typing::Text, _) => self.type_key(key),
        }
        Reaction::handled()
    }

    fn paste(&mut self, text: &str) {
        if self.unlocking {
            return;
        }
        self.wrong = None;
        match self.stage {
            OperatorStage::Who => self.who.paste(text),
            OperatorStage::Key => self.key.paste(text),
            OperatorStage::Passphrase => self.add(text.trim_end_matches(['\r', '\n'])),
        }
    }

    fn text_focus(&self, _: &Context) -> TextFocus {
        // Who waits for the key may type its passphrase already.
        let is_secret = self.unlocking || self.stage == OperatorStage::Passphrase;
        if is_secret { TextFocus::Secret } else { TextFocus::Text }
    }

    fn decides(&self, _: KeyEvent, _: &Context) -> bool {
        false
    }

    fn unlocked(&mut self, unlocked: &Result<Unlocked, String>, cx: &Context) -> Reaction {
        // Who has left the form meanwhile is not waited for.
        if !self.unlocking {
            return Reaction::Ignored;
        }
        self.unlocking = false;
        match unlocked {
            Ok(Unlocked::Locked) => {
                (self.stage, self.wrong) = (OperatorStage::Passphrase, None);
                Reaction::handled()
            }
            Ok(Unlocked::Key(key)) => {
                let principal = self.who.text().trim().to_owned();
                let role = cx.run.state.operator(&principal).map_or(self.role, |known| known.role);
                self.join(EnrolledOperator { principal, key: key.clone(), role }, cx)
            }
            Err(why) => self.wrong(why),
        }
    }

    fn refused(&mut self, why: &str) {
        let typed = !self.passphrase.expose().is_empty();
        self.stage = if typed { OperatorStage::Passphrase } else { OperatorStage::Key };
        self.passphrase = Secret::new(String::new());
        (self.wrong, self.unlocking) = (Some(why.to_owned()), false);
    }
}

/// What is asked of a newcomer.
fn sheet(cx: &Context, width: usize, form: &AddOperatorDialog) -> DialogView {
    let mut sheet = DialogView::new("another operator at this keyboard", StyleRole::Needs);
    let told = format!(
        "They act under their own name and key, as {}. What each of you does is signed by you.",
        form.role
    );
    sheet.put(vec![cx.dim(&told)], width, 0);
    sheet.gap();
    sheet.put(
        vec![styled("Who? ", Theme::text()), cx.dim("the name that others trust, a mail address")],
        width,
        0,
    );
    sheet.field(cx, width, &form.who, 1, form.stage == OperatorStage::Who);
    sheet.gap();
    let hint = "a key file, or the public half or the comment of one that the ssh-agent holds";
    sheet.put(vec![styled("Which key? ", Theme::text()), cx.dim(hint)], width, 0);
    sheet.field(cx, width, &form.key, 1, form.stage == OperatorStage::Key);
    if form.stage == OperatorStage::Passphrase {
        sheet.gap();
        sheet.put(vec![styled("Its passphrase? ", Theme::text()), cx.dim("it is not kept")], width, 0);
        let shown = "•".repeat(form.passphrase.expose().chars().count());
        sheet.field(cx, width, &Field::holding(&shown), 1, true);
    }
    if let Some(wrong) = &form.wrong {
        sheet.gap();
        sheet.put(vec![cx.toned(&format!("✖ {}", text::line(wrong)), StyleRole::Failed)], width, 2);
    }
    let keys: &[(&str, &str)] = match form.stage {
        OperatorStage::Passphrase => &[("Enter", "take part"), ("Esc", "cancel")],
        _ => &[("Enter", "continue"), ("Tab", "the other field"), ("Esc", "cancel")],
    };
    sheet.keys(cx, keys, width);
    sheet
}
