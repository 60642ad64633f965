//! Letting an action run, and stopping it: asked for, shown, asked again.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};

use crate::checklist::{Action, ActionKey, Point};
use crate::run::{Act, Deed, Progress, Refusal, Request, RunState, Start};
use crate::text;
use crate::time;
use crate::tui::app::{App, Effect};
use crate::tui::context::View;
use crate::tui::dialogs::Dialog;
use crate::tui::dialogs::words::field;
use crate::tui::keymap::{self, Answer};
use crate::tui::pending::Asked;
use crate::tui::style::text::ink;
use crate::tui::style::theme::{Theme, Tone};
use crate::tui::widgets::action_text as deeds;
use crate::tui::widgets::dialog_view::Sheet;
use crate::tui::widgets::text_field::Field;

/// The question whether an action is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunForm {
    /// What would be asked for.
    pub start: Start,
    /// The environment's name as it is typed.
    pub typed: Field,
    /// What is wrong with it.
    pub wrong: Option<String>,
    /// The first line shown.
    pub scroll: usize,
}

impl App {
    /// `a`: the action of the selected point whose turn it is.
    pub fn wish_run(&mut self) {
        let Some(point) = self.point() else { return };
        if let Some(id) = self.turn_of(point) {
            let key = ActionKey::new(&point.id, id);
            self.ask_to_run(&key);
        } else {
            let told = format!("{} has no action", point.id);
            self.refuse(&told);
        }
    }

    /// The action of a point that is the likeliest to be meant.
    fn turn_of(&self, point: &Point) -> Option<String> {
        match self.state.progress(point) {
            Progress::Next(id) | Progress::Failed(id) | Progress::Interrupted(id) | Progress::Running(id) => {
                Some(id)
            }
            Progress::Looking | Progress::Done => point.actions.first().map(|action| action.id.clone()),
        }
    }

    /// Shows what would run, and asks; unless it cannot run whatever is answered.
    pub fn ask_to_run(&mut self, key: &ActionKey) {
        let start = |dry: bool| Start {
            nth: self.state.action(key).map_or(0, |known| known.times) + 1,
            action: key.clone(),
            dry,
            typed: Some(self.state.plan.environment.clone()).filter(|_| self.state.plan.production && !dry),
            checked: Vec::new(),
        };
        let refusal = |start: &Start| self.refusal_to_start(start);
        let (real, dry) = (start(false), start(true));
        let form = |start: Start| {
            Dialog::Run(Box::new(RunForm { start, typed: Field::default(), wrong: None, scroll: 0 }))
        };
        match (refusal(&real), refusal(&dry)) {
            (None, _) => self.dialog = Some(form(Start { typed: None, ..real })),
            // What cannot run yet can perhaps be tried.
            (Some(why), None) => {
                self.dialog = Some(form(dry));
                self.refuse(&format!("{why}. Its dry run is possible"));
            }
            (Some(why), Some(_)) => self.refuse_by(&why),
        }
    }

    /// What the rules say against an action, guards and checks aside: they look when somebody has said yes.
    fn refusal_to_start(&self, start: &Start) -> Option<Refusal> {
        let refusal = self.refusal(Act::Start(Box::new(start.clone())));
        refusal.filter(|refusal| !matches!(refusal, Refusal::NotChecked { .. }))
    }

    /// Whether the environment's name has to be typed.
    pub fn has_to_type(&self, form: &RunForm) -> bool {
        self.state.plan.production && !form.start.dry
    }

    /// A key for the question whether to run.
    pub fn run_key(&mut self, mut form: Box<RunForm>, key: KeyEvent) -> Vec<Effect> {
        if self.has_to_type(&form) {
            match key.code {
                KeyCode::Esc => return Vec::new(),
                KeyCode::Tab => self.turn_dry(&mut form),
                KeyCode::Enter if form.typed.text().trim() == self.state.plan.environment => {
                    let typed = Some(form.typed.text().trim().to_owned());
                    return self.run(Start { typed, ..form.start });
                }
                KeyCode::Enter => {
                    form.wrong = Some(format!("type {} to let it run", self.state.plan.environment));
                }
                KeyCode::PageUp => form.scroll = form.scroll.saturating_sub(10),
                KeyCode::PageDown => form.scroll += 10,
                _ => {
                    form.wrong = None;
                    form.typed.key(key);
                }
            }
        } else {
            match keymap::answer(key) {
                Some(Answer::Yes) => return self.run(form.start),
                Some(Answer::No) => return Vec::new(),
                Some(Answer::Scroll(lines)) => form.scroll = form.scroll.saturating_add_signed(lines),
                _ if key.code == KeyCode::Tab => self.turn_dry(&mut form),
                _ => {}
            }
        }
        let limit = Sheet::of(&View::new(self), &Dialog::Run(form.clone())).limit(self.area);
        form.scroll = form.scroll.min(limit);
        self.dialog = Some(Dialog::Run(form));
        Vec::new()
    }

    /// Between running it and trying it, where it can be tried.
    fn turn_dry(&self, form: &mut RunForm) {
        let start = Start { dry: !form.start.dry, typed: None, ..form.start.clone() };
        let typed = Some(self.state.plan.environment.clone());
        match self.refusal_to_start(&Start { typed, ..start.clone() }) {
            None => (form.start, form.wrong) = (start, None),
            Some(why) => form.wrong = Some(why.to_string()),
        }
    }

    fn run(&mut self, start: Start) -> Vec<Effect> {
        let what = if start.dry { "trying" } else { "running" };
        self.say(&format!("{what} {}: guards and checks look first", start.action));
        let by = self.me.principal.clone();
        // That it has begun is said by the state.
        self.ask(Request::Run { by, start: Box::new(start) }, Asked::default())
    }

    /// `S`: asks whether to stop what is at work.
    pub fn wish_stop(&mut self) {
        match self.state.under_way() {
            Some((key, deed)) => {
                self.dialog = Some(Dialog::Stop { action: key.clone(), started: deed.seq });
            }
            None => self.refuse("no action is at work"),
        }
    }

    /// Tells that an action has begun since the run stood as it did before; and at once when one went wrong, and
    /// offers the way back.
    pub fn tell_end(&mut self, before: &RunState) {
        let at_work = before.under_way().map(|(_, deed)| deed.seq);
        let state = Arc::clone(&self.state);
        // States between are not always seen: it may have begun and ended since. A review goes back and forth.
        let under_way = state.under_way().map(|(_, deed)| deed.seq);
        let is_newer = |deed: &Deed| self.review.is_none() && deed.seq > before.seq;
        let is_new = |deed: &Deed| at_work.is_none() && (under_way == Some(deed.seq) || is_newer(deed));
        let ended = deeds_of(&state).filter(|(_, deed)| Some(deed.seq) == at_work || is_new(deed));
        let Some((key, deed)) = ended.max_by_key(|(_, deed)| deed.seq) else { return };
        let (key, started) = (key.clone(), deed.seq);
        let Some(finished) = &deed.finished else {
            if at_work.is_none() {
                self.say(&format!("{key} has begun · entry {started}"));
            }
            return;
        };
        let told = format!("{key}: {}", finished.told());
        if finished.ended.is_good() {
            self.say(&told);
            if self.way_back.is_some() && key.is_way_back() {
                self.wish_way_back();
            }
        } else if self.dialog.is_some() || self.is_typing_filter() || deed.dry || self.review.is_some() {
            // Nothing takes the keys away from who types.
            self.refuse(&told);
        } else {
            self.dialog = Some(Dialog::Failed { action: key, started });
        }
    }
}

/// What has run or runs, with its action.
fn deeds_of(state: &RunState) -> impl Iterator<Item = (&ActionKey, &Deed)> {
    let each = state.actions.iter().flat_map(|(key, known)| [(key, &known.latest), (key, &known.dry)]);
    each.filter_map(|(key, deed)| Some((key, deed.as_ref()?)))
}

/// Exactly what would run, where, with what.
pub fn sheet(view: &View, width: usize, form: &RunForm) -> Sheet {
    let (key, dry) = (&form.start.action, form.start.dry);
    let title = if dry { format!("try {key}") } else { format!("run {key}") };
    let mut sheet = Sheet::new(text::line(&title), Tone::Needs);
    let Some(action) = view.plan().action(key) else { return sheet };
    sheet.put(vec![ink(&action.title, Theme::strong())], width, 0);
    sheet.gap();
    what(view, &mut sheet, width, action, dry);
    if let Some(deed) = view.app.state.action(key).and_then(|known| known.newest()) {
        sheet.gap();
        let told = format!("It has been begun before: {}. This runs it again.", deeds::told(view, deed));
        sheet.put(vec![view.toned(&told, Tone::Stale)], width, 0);
    }
    if key.is_way_back() && !dry && !has_deployed(&view.app.state) {
        sheet.gap();
        let told = "Nothing was deployed in this run: this changes a release that may be healthy.";
        sheet.put(vec![view.toned(told, Tone::Failed)], width, 0);
    }
    let me = view.person(&view.app.me.principal);
    let has_dry = action.program.as_ref().is_some_and(|program| !program.dry_run.is_empty());
    if view.app.has_to_type(form) {
        sheet.gap();
        let asked = format!("This is production. To run it as {me}, type {}:", view.plan().environment);
        sheet.put(vec![view.toned(&asked, Tone::Failed)], width, 0);
        // What would run is read from its begin; what is typed is seen when something is.
        field(view, &mut sheet, width, &form.typed, 1, !form.typed.text().is_empty());
    }
    if let Some(wrong) = &form.wrong {
        sheet.put(vec![view.toned(&format!("✖ {}", text::line(wrong)), Tone::Failed)], width, 2);
    }
    let verb = if dry { format!("try it as {me}") } else { format!("run it as {me}") };
    let typed = format!("{} Enter", text::line(&view.plan().environment));
    let yes = if view.app.has_to_type(form) { (typed.as_str(), verb.as_str()) } else { ("y", verb.as_str()) };
    let other = if dry { ("Tab", "run it") } else { ("Tab", "dry run") };
    let keys: Vec<_> =
        [Some(yes), has_dry.then_some(other), Some(("Esc", "leave it"))].into_iter().flatten().collect();
    sheet.keys(view, &keys, width);
    sheet
}

/// Whether an action of the deployment has been begun, other than to try it.
fn has_deployed(state: &RunState) -> bool {
    state.actions.iter().any(|(key, known)| !key.is_way_back() && known.latest.is_some())
}

fn what(view: &View, sheet: &mut Sheet, width: usize, action: &Action, dry: bool) {
    let Some(program) = &action.program else { return };
    let mut row = |label: &str, value: &str, tone: Option<Tone>| {
        let style = tone.map_or(Theme::text(), |tone| view.theme.tone(tone));
        sheet.put(vec![view.dim(&format!("{label:<10}")), ink(value, style)], width, 10);
    };
    let words: Vec<String> = program.argv(dry).iter().map(|word| text::shell_word(word)).collect();
    row("command", &words.join(" "), Some(Tone::Waived));
    let shell = ["sh", "bash", "dash", "zsh"].contains(&program.argv(dry)[0].as_str());
    if shell {
        row("", "through a shell, as the profile says", Some(Tone::Stale));
    }
    row("directory", program.cwd.as_deref().unwrap_or("where gonogo was started"), None);
    for (name, value) in &program.env {
        row("with", &format!("{name}={}", value.shell()), None);
    }
    row("at most", &time::exact_span(std::time::Duration::from_millis(action.deadline_ms)), None);
    let checks = if dry { &[][..] } else { &action.checks };
    let guards = view.plan().guards.iter().chain(checks).map(|probe| probe.title.as_str());
    let guards: Vec<&str> = guards.collect();
    match guards.as_slice() {
        [] => row("guards", "none: nothing tells that this is the right place", Some(Tone::Stale)),
        guards => guards.iter().for_each(|guard| row("first", guard, None)),
    }
    if !dry {
        row("then", "it goes on if this terminal is closed; S stops it", None);
    }
}

/// Whether to stop what is at work.
pub fn stop(view: &View, width: usize, key: &ActionKey, started: u64) -> Sheet {
    let mut sheet = Sheet::new(format!("stop {}", text::line(&key.to_string())), Tone::Failed);
    if let Some(deed) =
        view.app.state.action(key).and_then(|known| known.newest()).filter(|deed| deed.seq == started)
    {
        sheet.put(vec![ink(&deeds::told(view, deed), Theme::strong())], width, 0);
        sheet.gap();
    }
    let told = "It is asked to end (SIGTERM to its whole group), has ten seconds, and is killed then. What it has half done stays half done.";
    sheet.put(vec![ink(told, Theme::text())], width, 0);
    let me = view.person(&view.app.me.principal);
    sheet.keys(view, &[("y", &format!("stop it as {me}")), ("Esc", "let it run")], width);
    sheet
}

/// That an action went wrong, and what can be done.
pub fn failed(view: &View, width: usize, key: &ActionKey, started: u64) -> Sheet {
    let mut sheet = Sheet::new(format!("{} did not go well", text::line(&key.to_string())), Tone::Failed);
    let known = view.app.state.action(key).and_then(|known| known.latest.as_ref());
    if let Some(deed) = known.filter(|deed| deed.seq == started) {
        sheet.put(vec![view.toned(&deeds::told(view, deed), Tone::Failed)], width, 0);
        sheet.gap();
        let output = deed.finished.as_ref().and_then(|finished| finished.output.as_ref());
        for line in output.map_or("", |output| &output.tail).lines() {
            sheet.put(vec![view.dim("│ "), ink(line, Theme::text())], width, 2);
        }
    }
    for contact in &view.plan().contacts {
        let told = format!("{}  {}  {}", contact.role, contact.name, contact.channel);
        sheet.put(vec![view.dim(&told)], width, 2);
    }
    let back = (!view.plan().rollback.is_empty() && !key.is_way_back()).then_some(("A", "the way back"));
    let keys: Vec<_> = back.into_iter().chain([("o", "all it printed"), ("Esc", "stay here")]).collect();
    sheet.keys(view, &keys, width);
    sheet
}
