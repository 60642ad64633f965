//! The dialog of a drill in which the operator says what is broken, before the debrief does.

use crossterm::event::{KeyCode, KeyEvent};

use super::verdict::VerdictDialog;
use super::{Dialog, DialogLayer, is_decision, is_yes};
use crate::tui::context::Context;
use crate::tui::fuzzy::{MatchMode, Query};
use crate::tui::keymap::{self, PromptKey};
use crate::tui::layer::{Effect, Reaction, TextFocus};
use crate::tui::style::text::{limit_lines, styled, wrap};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use crate::tui::widgets::text_field::TextField;
use gonogo_core::run::diagnose;

/// How many lines of the dialog are not faults, at most.
const OTHER_LINES: u16 = 9;
/// The most faults that are listed at once.
const MAX_LISTED: usize = 8;
/// The last choice.
const NOT_KNOWN: &str = "I do not know";

/// What comes after the diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterDiagnosis {
    /// The verdict.
    Verdict,
    /// The end of the session.
    Quit,
}

/// Asks what is broken.
#[derive(Clone, Debug)]
pub struct DiagnosisDialog {
    after: AfterDiagnosis,
    /// How many faults are still to be named, with this one.
    left: usize,
    /// Words of the fault.
    words: TextField,
    /// The index of the chosen one among the faults with these words.
    chosen: usize,
    /// Whether it asks to sign the choice.
    is_asking: bool,
}

/// Asks what is broken, if the run is a drill and something is not diagnosed.
pub fn request(cx: &Context, after: AfterDiagnosis) -> Option<Effect> {
    let left = cx.run.state.missing_diagnoses();
    (can_diagnose(cx) && left > 0).then(|| Effect::open(DiagnosisDialog::new(after, left).into_layer()))
}

/// Whether what is broken can be said: in a drill, before the seals.
pub fn can_diagnose(cx: &Context) -> bool {
    cx.can_act() && !cx.run.state.is_closing() && !cx.session.faults.is_empty()
}

/// Asks what is broken, also if that was said before: the last diagnosis counts.
pub fn request_again(cx: &Context) -> Option<Effect> {
    let left = cx.run.state.missing_diagnoses().max(1);
    can_diagnose(cx).then(|| Effect::open(DiagnosisDialog::new(AfterDiagnosis::Verdict, left).into_layer()))
}

impl DiagnosisDialog {
    fn new(after: AfterDiagnosis, left: usize) -> Self {
        Self { after, left, words: TextField::default(), chosen: 0, is_asking: false }
    }

    fn into_layer(self) -> DialogLayer {
        DialogLayer::new(self)
    }

    /// The faults that contain all the words, and `None` for not knowing: that comes first as long as nothing is typed.
    fn choices<'a>(&self, cx: &Context<'a>) -> Vec<Option<&'a str>> {
        let query = Query::new(self.words.text());
        let faults = cx.session.faults.iter().map(String::as_str);
        let faults = faults.filter(|fault| query.cost(&[fault], MatchMode::Exact).is_some());
        let mut choices: Vec<_> = faults.map(Some).chain([None]).collect();
        if query.is_empty() {
            choices.rotate_right(1);
        }
        choices
    }

    fn choice<'a>(&self, cx: &Context<'a>) -> Option<&'a str> {
        self.choices(cx).get(self.chosen).copied().flatten()
    }

    fn choose_key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        let last = self.choices(cx).len() - 1;
        match (key.code, keymap::prompt_key(key)) {
            (KeyCode::Up, _) => self.chosen = self.chosen.saturating_sub(1),
            (KeyCode::Down, _) => self.chosen = (self.chosen + 1).min(last),
            (_, PromptKey::Cancel) => return Reaction::close(),
            (_, PromptKey::Enter) => self.is_asking = true,
            (_, PromptKey::OtherField) => {}
            (_, PromptKey::Text) => {
                self.words.key(key);
                self.chosen = 0;
            }
        }
        Reaction::handled()
    }

    /// Notes the diagnosis, and goes on to the next one or to what comes after.
    fn submit(&self, cx: &Context) -> Reaction {
        let act = Effect::act(cx, diagnose(self.choice(cx)), "the diagnosis is noted".into(), None);
        let next = match self.after {
            _ if self.left > 1 => Effect::open(Self::new(self.after, self.left - 1).into_layer()),
            AfterDiagnosis::Verdict => Effect::open(DialogLayer::new(VerdictDialog)),
            AfterDiagnosis::Quit => Effect::Quit,
        };
        Reaction::Close(vec![act, next])
    }

    /// The choices around the chosen one, one line each.
    fn list_lines(&self, cx: &Context, dialog: &mut DialogView, width: usize) {
        let choices = self.choices(cx);
        let count = usize::from(cx.area.height.saturating_sub(OTHER_LINES)).clamp(1, MAX_LISTED);
        let first = self.chosen.saturating_sub(count / 2).min(choices.len().saturating_sub(count));
        for (index, choice) in choices.iter().enumerate().skip(first).take(count) {
            let (marker, style) =
                if index == self.chosen { ("▌ ", Theme::strong()) } else { ("  ", Theme::text()) };
            let spans = vec![styled(marker, cx.theme.accent()), styled(choice.unwrap_or(NOT_KNOWN), style)];
            dialog.body.extend(limit_lines(wrap(spans, width, 2), 1, width));
        }
        let text = format!("{} of {}", self.chosen + 1, choices.len());
        dialog.put(vec![cx.dim(&text)], width, 0);
    }
}

impl Dialog for DiagnosisDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut dialog = DialogView::new("diagnosis", StyleRole::Attention);
        let drills =
            if self.left > 1 { format!(" {} faults are not named yet.", self.left) } else { String::new() };
        if self.is_asking {
            let text = "You say, before the debrief does, that this is broken:";
            dialog.put(vec![styled(text, Theme::text())], width, 0);
            dialog.put(vec![styled(self.choice(cx).unwrap_or(NOT_KNOWN), Theme::strong())], width, 2);
            let note = format!("note it as {}", cx.name_and_role(&cx.session.operator.principal));
            dialog.keys(cx, &[("y", &note), ("Esc", "choose another")], width);
            return dialog;
        }
        let text = format!("What is broken?{drills} Type words of it.");
        dialog.put(vec![styled(&text, Theme::text())], width, 0);
        dialog.field(cx, width, &self.words, 1, true);
        self.list_lines(cx, &mut dialog, width);
        dialog.keys(cx, &[("↑ ↓", "choose"), ("Enter", "this one"), ("Esc", "back")], width);
        dialog
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if !self.is_asking {
            return self.choose_key(key, cx);
        }
        if is_yes(key) {
            return self.submit(cx);
        }
        if key.code == KeyCode::Esc {
            self.is_asking = false;
        }
        Reaction::handled()
    }

    fn paste(&mut self, text: &str) {
        if !self.is_asking {
            self.words.paste(text);
            self.chosen = 0;
        }
    }

    fn text_focus(&self, _: &Context) -> TextFocus {
        if self.is_asking { TextFocus::None } else { TextFocus::Text }
    }

    fn decides(&self, key: KeyEvent, _: &Context) -> bool {
        self.is_asking && is_decision(key)
    }

    fn stage(&self) -> u8 {
        self.is_asking.into()
    }
}
