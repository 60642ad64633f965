//! The other operator at this keyboard: who they are, the key that they sign with, and whose turn it is.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::checklist::Role;
use crate::journal::entry::Enrolled;
use crate::run::{Act, Command, Request, decide};
use crate::secret::Secret;
use crate::tui::app::{App, Effect};
use crate::tui::context::View;
use crate::tui::dialogs::Dialog;
use crate::tui::keymap::{self, Typing};
use crate::tui::pending::Asked;
use crate::tui::widgets::text_field::Field;
use crate::tui::{Newcomer, Unlocked};

/// Where a newcomer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Typing their name.
    Who,
    /// Typing which key.
    Key,
    /// Typing its passphrase.
    Passphrase,
}

/// What is asked of a newcomer, and what they typed so far.
#[derive(Clone, Debug)]
pub struct Form {
    /// Their name.
    pub who: Field,
    /// Their key.
    pub key: Field,
    /// The key's passphrase, shown by its length.
    pub passphrase: Secret,
    /// Where they are.
    pub stage: Stage,
    /// What they will do in this run, if they do not take part yet.
    pub role: Role,
    /// What is wrong with what they typed.
    pub wrong: Option<String>,
    /// Whether their key is being unlocked: until that is done, what they typed stays.
    pub unlocking: bool,
}

impl PartialEq for Form {
    fn eq(&self, other: &Self) -> bool {
        let typed = |form: &Self| (form.who.clone(), form.key.clone(), form.stage, form.wrong.clone());
        typed(self) == typed(other)
            && self.role == other.role
            && self.passphrase.expose() == other.passphrase.expose()
    }
}

impl Eq for Form {}

impl Form {
    fn new(role: Role) -> Self {
        let nothing = Secret::new(String::new());
        let (who, key) = (Field::default(), Field::default());
        Self { who, key, passphrase: nothing, stage: Stage::Who, role, wrong: None, unlocking: false }
    }

    /// The same, after something was wrong.
    pub fn refused(mut self, why: &str) -> Self {
        let typed = !self.passphrase.expose().is_empty();
        self.stage = if typed { Stage::Passphrase } else { Stage::Key };
        self.passphrase = Secret::new(String::new());
        (self.wrong, self.unlocking) = (Some(why.to_owned()), false);
        self
    }

    /// Takes in what was pasted.
    pub fn paste(&mut self, text: &str) {
        if self.unlocking {
            return;
        }
        self.wrong = None;
        match self.stage {
            Stage::Who => self.who.paste(text),
            Stage::Key => self.key.paste(text),
            Stage::Passphrase => self.add(text.trim_end_matches(['\r', '\n'])),
        }
    }

    fn add(&mut self, text: &str) {
        self.passphrase = Secret::new([self.passphrase.expose(), text].concat());
    }

    fn key(&mut self, key: KeyEvent) {
        self.wrong = None;
        match self.stage {
            Stage::Who => self.who.key(key),
            Stage::Key => self.key.key(key),
            Stage::Passphrase => self.hidden(key),
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

impl App {
    /// `p`: those who are here take turns; while there is only one, somebody else is asked for.
    pub fn wish_turn(&mut self) {
        match self.sealed().filter(|_| self.state.is_ended()) {
            Some(sealed) => self.refuse(&sealed),
            None if self.here.len() < 2 => self.ask_newcomer(),
            None => self.dialog = Some(Dialog::Turn),
        }
    }

    fn ask_newcomer(&mut self) {
        self.dialog = Some(Dialog::Newcomer(Box::new(Form::new(self.role_wanted()))));
    }

    /// The role that a seal is missing of and nobody has; otherwise that of one who looks on.
    fn role_wanted(&self) -> Role {
        let nobody = |role: &Role| self.state.roster.iter().all(|operator| operator.role != *role);
        self.state.missing_seals().into_iter().find(nobody).unwrap_or(Role::Reviewer)
    }

    /// A key while it is asked whose turn it is.
    pub fn turn_key(&mut self, key: KeyEvent) {
        match key.code {
            KeyCode::Esc | KeyCode::Char('q') => {}
            KeyCode::Char('n') => self.ask_newcomer(),
            KeyCode::Char('p') => {
                let here = self.here.iter().position(|one| *one == self.me).map_or(0, |here| here + 1);
                self.take_turn(here % self.here.len().max(1));
            }
            KeyCode::Char(digit @ '1'..='9') if self.here.len() > digit as usize - '1' as usize => {
                self.take_turn(digit as usize - '1' as usize);
            }
            _ => self.dialog = Some(Dialog::Turn),
        }
    }

    fn take_turn(&mut self, index: usize) {
        if let Some(next) = self.here.get(index).cloned() {
            self.me = next;
            self.say(&format!("{} acts now", View::new(self).person(&self.me.principal)));
        }
    }

    /// A key for the newcomer's form.
    pub fn newcomer_key(&mut self, mut form: Box<Form>, key: KeyEvent) -> Vec<Effect> {
        match (keymap::typing(key), form.stage) {
            (Typing::Away, _) => return Vec::new(),
            // The key that comes is the one of what stands there now.
            _ if form.unlocking => {}
            (Typing::Done | Typing::Other, Stage::Who) => form.stage = Stage::Key,
            (Typing::Other, Stage::Key) => form.stage = Stage::Who,
            (Typing::Done, stage) => {
                let passphrase = Some(form.passphrase.clone()).filter(|_| stage == Stage::Passphrase);
                let principal = form.who.text().trim().to_owned();
                let newcomer = Newcomer { principal, key: form.key.text().trim().to_owned(), passphrase };
                (form.wrong, form.unlocking) = (None, true);
                self.dialog = Some(Dialog::Newcomer(form));
                return vec![Effect::Unlock(newcomer)];
            }
            (Typing::Other, Stage::Passphrase) => {}
            (Typing::Text, _) => form.key(key),
        }
        self.dialog = Some(Dialog::Newcomer(form));
        Vec::new()
    }

    /// What came of a newcomer's key.
    pub fn unlocked(&mut self, unlocked: Result<Unlocked, String>) -> Vec<Effect> {
        let mut form = match self.dialog.take() {
            Some(Dialog::Newcomer(form)) if form.unlocking => form,
            // Who has left the form meanwhile is not waited for.
            other => {
                self.dialog = other;
                return Vec::new();
            }
        };
        form.unlocking = false;
        match unlocked {
            Ok(Unlocked::Locked) => {
                (form.stage, form.wrong) = (Stage::Passphrase, None);
                self.dialog = Some(Dialog::Newcomer(form));
                Vec::new()
            }
            Ok(Unlocked::Key(key)) => {
                let principal = form.who.text().trim().to_owned();
                let role = self.state.operator(&principal).map_or(form.role, |known| known.role);
                self.come(Enrolled { principal, key, role }, *form)
            }
            Err(why) => {
                self.dialog = Some(Dialog::Newcomer(Box::new(form.refused(&why))));
                Vec::new()
            }
        }
    }

    /// Lets somebody take part whose key is here: by an act of theirs, unless they do already.
    fn come(&mut self, newcomer: Enrolled, form: Form) -> Vec<Effect> {
        if self.here.contains(&newcomer) {
            return self.refuse_newcomer(form, &format!("{} is here already", newcomer.principal));
        }
        match self.state.operator(&newcomer.principal) {
            Some(known) if *known == newcomer => {
                self.here.push(newcomer);
                self.take_turn(self.here.len() - 1);
                return Vec::new();
            }
            Some(known) => {
                let why = format!(
                    "{} takes part in this run with another key; two people need two names and two keys",
                    known.principal
                );
                return self.refuse_newcomer(form, &why);
            }
            None => {}
        }
        let join = Act::Join { key: newcomer.key.clone(), role: newcomer.role };
        let command = Command::new(newcomer.principal.clone(), join);
        if let Err(refusal) = decide(&self.state, command.clone(), &self.now) {
            return self.refuse_newcomer(form, &refusal.to_string());
        }
        let said = format!("{} takes part as {}, and acts now", newcomer.principal, newcomer.role);
        let asked = Asked { said: Some(said), prompt: None, joins: Some((newcomer, Box::new(form))) };
        self.ask(Request::Act(Box::new(command)), asked)
    }

    fn refuse_newcomer(&mut self, form: Form, why: &str) -> Vec<Effect> {
        self.dialog = Some(Dialog::Newcomer(Box::new(form.refused(why))));
        Vec::new()
    }
}
