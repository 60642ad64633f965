//! The screen as a whole: its layers, the run that they show, who is at it, and what was asked of the engine. Pure:
//! messages in, effects out; time comes in.

mod drawing;
mod engine;
mod reading;

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{Event, KeyEvent, KeyEventKind};
use ratatui::layout::Rect;

use crate::error::Failure;
use crate::journal::entry::EnrolledOperator;
use crate::run::{NumberedRequest, Request, RunSnapshot, RunState};
use crate::time::Moment;
use crate::tui::context::{Access, Context, RunView, Session};
use crate::tui::dialogs::DialogLayer;
use crate::tui::dialogs::notices::NoticesDialog;
use crate::tui::input::Input;
use crate::tui::input_queue::Typed;
use crate::tui::keymap::{self, Intent};
use crate::tui::layer::{Effect, PendingRequest, TextFocus};
use crate::tui::layers::{Layers, UNSEEN};
use crate::tui::notice::NoticeBoard;
use crate::tui::pending::PendingRequests;
use crate::tui::recorder;
use crate::tui::summary::Summary;
use crate::tui::views::checklist::ChecklistView;
use crate::tui::views::output::Pager;
use crate::tui::views::review::Review;
use crate::tui::views::rollback::Rollback;
use crate::tui::{Left, Msg, Newcomer, Setup};

/// How long the engine is waited for that was asked to stop; whatever keeps it then, the person may go.
const LEAVING: Duration = Duration::from_millis(800);

/// What has to be done outside of the screen.
#[derive(Clone, Debug)]
pub enum HostEffect {
    /// Ask the engine.
    Send(NumberedRequest),
    /// Put this into the clipboard.
    Copy(String),
    /// Find the key of an operator to be added.
    Unlock(Newcomer),
    /// Suspend the program.
    Suspend,
    /// Draw everything again.
    Redraw,
    /// The end.
    End,
}

/// How the session comes to its end.
#[derive(Debug, Default)]
pub struct Ending {
    /// When the engine was asked to stop, if it was.
    pub leaving: Option<Moment>,
    /// Whether a signal asked for that.
    pub signalled: bool,
    /// Why the engine stopped of itself.
    pub broken: Option<Failure>,
}

/// The state of the screen.
#[derive(Debug)]
pub struct App {
    /// What is shown, the one on top last.
    pub layers: Layers,
    /// The run.
    pub run: RunView,
    /// Who is at the screen.
    pub session: Session,
    /// What was asked of the engine.
    pub pending: PendingRequests,
    /// What is said at the bottom.
    pub notices: NoticeBoard,
    /// How the session comes to its end.
    pub ending: Ending,
    /// The size of the screen.
    pub screen: Rect,
}

impl App {
    /// The screen at the start of a session.
    pub fn new(setup: &Setup, state: Arc<RunState>, screen: Rect) -> Self {
        let access = match (&setup.review, setup.looks_on) {
            (Some(_), _) => Access::Review,
            (None, true) => Access::ReadOnly,
            (None, false) => Access::Operator,
        };
        // A review stands at the moment of its entry.
        let now = if access == Access::Review { state.at.clone() } else { (setup.clock)() };
        let session = Session {
            me: setup.me.clone(),
            local_operators: vec![setup.me.clone()],
            access,
            log: setup.log.clone(),
            appearance: setup.look,
        };
        Self {
            layers: first_layers(setup, &state),
            run: run_view(setup, state, now),
            session,
            pending: PendingRequests::default(),
            notices: NoticeBoard::default(),
            ending: Ending::default(),
            screen,
        }
    }

    /// Keeps what is typed, to find out what led to a crash.
    pub fn record(&self, msg: &Msg) {
        let event = match msg {
            Msg::Input(event) => event,
            Msg::Typed(typed) => &typed.event,
            _ => return,
        };
        let is_secret = self.layers.text_focus(&self.context()) == TextFocus::Secret;
        recorder::record(event, is_secret, &self.run.now);
    }

    /// Takes in a message.
    pub fn update(&mut self, msg: Msg) -> Vec<HostEffect> {
        let mut effects = self.take_in(msg);
        effects.extend(self.give_back());
        self.layers.notice_questions();
        effects
    }

    fn take_in(&mut self, msg: Msg) -> Vec<HostEffect> {
        match msg {
            Msg::Input(event) => self.event(event),
            Msg::Typed(typed) if self.is_unseen(&typed) => {
                self.refuse(UNSEEN);
                Vec::new()
            }
            Msg::Typed(typed) => self.event(typed.event),
            Msg::State(newest) => newest.take().map_or_else(Vec::new, |now| self.show(now)),
            Msg::Update(update) => self.on_update(update),
            Msg::Unlocked(unlocked) => self.pass(&Input::Unlocked(unlocked)),
            Msg::Reviewed(progress) => self.pass(&Input::Reviewed(progress)),
            Msg::Continued => vec![HostEffect::Redraw],
            Msg::Leave => {
                self.ending.signalled = true;
                self.leave()
            }
        }
    }

    fn event(&mut self, event: Event) -> Vec<HostEffect> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Event::Paste(text) => self.pass(&Input::Paste(text)),
            Event::Mouse(event) => self.pass(&Input::Mouse(event)),
            Event::Resize(width, height) => {
                self.screen = Rect::new(0, 0, width, height);
                self.run.is_tail_stale = true;
                self.pass(&Input::Resize)
            }
            _ => Vec::new(),
        }
    }

    fn key(&mut self, key: KeyEvent) -> Vec<HostEffect> {
        if self.notices.holds_back(key, self.layers.has_dialog(), &self.run.now) {
            return Vec::new();
        }
        self.notices.notice = None;
        // Any key ends what is searched for.
        self.stop_searches();
        match keymap::intent(key) {
            Some(Intent::Suspend) => vec![HostEffect::Suspend],
            Some(Intent::Leave) if keymap::is_control(key) => self.leave(),
            _ => self.pass(&Input::Key(key)),
        }
    }

    /// Passes an input to the layers, and does what they want done.
    fn pass(&mut self, input: &Input) -> Vec<HostEffect> {
        let area = self.area();
        let cx = Context::new(&self.run, &self.session, self.screen, area);
        let effects = self.layers.pass(input, &cx);
        self.apply_all(effects)
    }

    fn apply_all(&mut self, effects: Vec<Effect>) -> Vec<HostEffect> {
        effects.into_iter().flat_map(|effect| self.apply(effect)).collect()
    }

    fn apply(&mut self, effect: Effect) -> Vec<HostEffect> {
        match effect {
            Effect::Ask(request, pending) => return vec![self.ask(request, pending)],
            Effect::AskAndSay(request, said) => {
                self.say(&said);
                return vec![self.ask(request, PendingRequest::default())];
            }
            Effect::Show(state) => {
                self.run.now = state.at.clone();
                return self.show(RunSnapshot { state, in_flight: Arc::default() });
            }
            Effect::Leave => return self.leave(),
            Effect::Copy(text) => return vec![HostEffect::Copy(text)],
            Effect::Unlock(newcomer) => return vec![HostEffect::Unlock(newcomer)],
            Effect::Suspend => return vec![HostEffect::Suspend],
            Effect::Say(text) => self.say(&text),
            Effect::Refuse(why) => self.refuse(&why),
            Effect::ClearNotice => self.notices.notice = None,
            Effect::GuardTyping => self.notices.guard_typing(&self.run.now),
            Effect::Open(layer) => self.layers.open(layer),
            Effect::OpenRollback => self.open_rollback(),
            Effect::OpenOutput(point, key) => match Pager::newest(&self.context(), &point, key.as_ref()) {
                Some(pager) => self.layers.open(Box::new(pager)),
                None => self.refuse("nothing has been run here yet"),
            },
            Effect::SwitchOperator(operator) => {
                self.set_operator(operator);
                let said =
                    format!("{} is the active operator", self.context().person(&self.session.me.principal));
                self.say(&said);
            }
        }
        Vec::new()
    }

    fn open_rollback(&mut self) {
        if self.run.state.plan.rollback.is_empty() {
            self.refuse(
                "this plan has no rollback: no previous release, or no rollback steps in the profile",
            );
        } else {
            let rollback = Rollback::new(&self.context());
            self.layers.open(Box::new(rollback));
        }
    }

    fn set_operator(&mut self, operator: EnrolledOperator) {
        if !self.session.local_operators.contains(&operator) {
            self.session.local_operators.push(operator.clone());
        }
        self.session.me = operator;
    }

    fn ask(&mut self, request: Request, pending: PendingRequest) -> HostEffect {
        HostEffect::Send(self.pending.add(request, pending))
    }

    /// Whether it is a key that would decide what its reader has not seen.
    pub fn is_unseen(&self, typed: &Typed) -> bool {
        let Event::Key(key) = typed.event else { return false };
        self.layers.is_unseen(key, typed.at, &self.context())
    }

    /// Takes in the time. It stands still in a review, but for what plays.
    pub fn tick(&mut self, now: Moment) -> Vec<HostEffect> {
        if self.session.access == Access::Review {
            return self.pass(&Input::Tick(now));
        }
        self.run.now = now;
        Vec::new()
    }

    /// Says something at the bottom.
    fn say(&mut self, text: &str) {
        self.notices.say(text, &self.run.now);
    }

    /// Says no at the bottom.
    pub fn refuse(&mut self, why: &str) {
        self.notices.refuse(why, &self.run.now);
    }

    /// Asks the engine to stop; asked twice, does not wait for it.
    fn leave(&mut self) -> Vec<HostEffect> {
        let asked = self.ending.leaving.replace(self.run.now.clone()).is_some();
        if asked || self.session.access != Access::Operator {
            return vec![HostEffect::End];
        }
        vec![HostEffect::Send(NumberedRequest::without_reply(Request::Stop))]
    }

    /// Whether the engine was asked to stop so long ago that it is not waited for any more.
    pub fn has_waited(&self) -> bool {
        self.ending.leaving.as_ref().is_some_and(|asked| self.run.now.since(asked) >= LEAVING)
    }

    /// What there is of the screen for the run.
    fn area(&self) -> Rect {
        self.layers.room(self.screen)
    }

    /// What every layer sees now.
    pub fn context(&self) -> Context<'_> {
        Context::new(&self.run, &self.session, self.screen, self.area())
    }

    /// How the session ended.
    pub fn left(self) -> Left {
        let Ending { signalled, broken, .. } = self.ending;
        Left { state: self.run.state, signalled, broken }
    }
}

fn first_layers(setup: &Setup, state: &RunState) -> Layers {
    let (mut layers, checklist) = (Layers::default(), ChecklistView::new(&state.plan));
    match setup.review.clone() {
        Some(record) => layers.open(Box::new(Review::new(record, (setup.clock)(), checklist))),
        None => layers.open(Box::new(checklist)),
    }
    if !setup.notices.is_empty() {
        layers.open(Box::new(DialogLayer::new(NoticesDialog(setup.notices.clone()))));
    }
    layers
}

fn run_view(setup: &Setup, state: Arc<RunState>, now: Moment) -> RunView {
    RunView {
        state,
        live: Arc::default(),
        last: setup.last.clone(),
        now,
        summary: Summary::default(),
        outputs: setup.outputs.clone(),
        tail: None,
        is_tail_stale: true,
    }
}
