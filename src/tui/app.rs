//! The state of the whole screen: layers, run, session, pending requests. It takes messages and returns effects; it
//! does no I/O and gets the time from outside.

mod attention;
mod drawing;
mod engine;
mod events;
mod read_jobs;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyEvent};
use ratatui::layout::Rect;

use self::attention::Attention;
use crate::tui::context::{Access, Context, RunView, ScreenSession};
use crate::tui::dialogs::DialogLayer;
use crate::tui::dialogs::notices::NoticesDialog;
use crate::tui::dialogs::palette::PaletteDialog;
use crate::tui::input::Input;
use crate::tui::input_queue::QueuedEvent;
use crate::tui::keymap::{self, Intent};
use crate::tui::layer::{Effect, Level, PendingRequest, TextFocus};
use crate::tui::layers::Layers;
use crate::tui::notice::NoticeBoard;
use crate::tui::pending::PendingRequests;
use crate::tui::recorder;
use crate::tui::rules::NO_ROLLBACK;
use crate::tui::summary::Summary;
use crate::tui::views::checklist::ChecklistView;
use crate::tui::views::output::{NO_OUTPUT, OutputView};
use crate::tui::views::review::Review;
use crate::tui::views::rollback::RollbackView;
use crate::tui::{AddOperatorRequest, Msg, SessionEnd, Setup};
use gonogo_core::error::Failure;
use gonogo_core::journal::entry::EnrolledOperator;
use gonogo_core::run::{NumberedRequest, Request, RunSnapshot, RunState};
use gonogo_core::time::Moment;

/// How long to wait for the engine to stop. After that, the session ends anyway.
const QUIT_TIMEOUT: Duration = Duration::from_millis(800);

/// What [`super::run`] must do for the screen.
#[derive(Clone, Debug)]
pub enum HostEffect {
    /// Send a request to the engine.
    Send(NumberedRequest),
    /// Copy a text to the clipboard.
    Copy(String),
    /// Call the person, who looks elsewhere.
    Call(String),
    /// Unlock the key of an operator to be added.
    Unlock(AddOperatorRequest),
    /// Let the person edit a text in their editor.
    Edit(String),
    /// Suspend the program.
    Suspend,
    /// Set the terminal up again and redraw everything.
    Redraw,
    /// End the session.
    Quit,
}

/// How the session ends.
#[derive(Debug, Default)]
pub struct QuitState {
    /// When the engine was asked to stop.
    pub stop_requested: Option<Moment>,
    /// Whether a run in which the release is rolled back is to be opened next.
    pub opens_rollback_run: bool,
    /// Whether a signal asked to quit.
    pub signalled: bool,
    /// Why the engine failed, if it did.
    pub engine_failure: Option<Failure>,
}

/// What was asked of the terminal, and which keys do not count.
#[derive(Debug, Default)]
pub struct InputState {
    /// Whether keys were ignored because the screen is too small.
    ignored_keys: bool,
    /// When the terminal was asked for its background.
    pub background_query: Option<Moment>,
    /// When the person's editor ended last.
    editor_ended: Option<Instant>,
}

/// The state of the screen.
#[derive(Debug)]
pub struct App {
    /// Views and dialogs, the topmost last.
    pub layers: Layers,
    /// The run that is shown.
    pub run: RunView,
    /// The operators, and what they may do.
    pub session: ScreenSession,
    /// Requests that the engine has not answered.
    pub pending: PendingRequests,
    /// The notice on the bottom line.
    pub notices: NoticeBoard,
    /// How the session ends.
    pub quit_state: QuitState,
    /// The size of the screen.
    pub screen: Rect,
    /// What was asked of the terminal, and which keys do not count.
    pub input: InputState,
    /// Where the person looks, and what they were last notified of.
    attention: Attention,
}

impl App {
    /// The screen at the start of a session.
    pub fn new(setup: &Setup, state: Arc<RunState>, screen: Rect) -> Self {
        let access = match (&setup.review, setup.read_only) {
            (Some(_), _) => Access::Review,
            (None, true) => Access::ReadOnly,
            (None, false) => Access::Operator,
        };
        // A review shows the time of its entry.
        let now = if access == Access::Review { state.at.clone() } else { (setup.clock)() };
        let session = ScreenSession {
            operator: setup.operator.clone(),
            local_operators: vec![setup.operator.clone()],
            access,
            log_name: setup.log_name.clone(),
            directory: setup.directory.clone(),
            ends_with_session: setup.ends_with_session,
            faults: setup.faults.clone(),
            appearance: setup.appearance,
        };
        let mut app = Self {
            attention: Attention::new(now.clone()),
            layers: initial_layers(setup, &state),
            run: initial_run_view(setup, state, now),
            session,
            pending: PendingRequests::default(),
            notices: NoticeBoard::default(),
            quit_state: QuitState::default(),
            screen,
            input: InputState::default(),
        };
        let cx = Context::new(&app.run, &app.session, screen, screen);
        app.attention.start(&cx);
        app
    }

    /// Records an input, for the diagnosis of crashes.
    pub fn record_input(&self, msg: &Msg) {
        let event = match msg {
            Msg::Input(event) => event,
            Msg::Queued(queued) => &queued.event,
            _ => return,
        };
        let is_secret = self.layers.text_focus(&self.context()) == TextFocus::Secret;
        recorder::record(event, is_secret, &self.run.now);
    }

    /// Handles a message.
    pub fn update(&mut self, msg: Msg) -> Vec<HostEffect> {
        let mut effects = self.on_message(msg);
        effects.extend(self.reopen_rejected());
        self.layers.reset_changed_stages();
        effects
    }

    fn on_message(&mut self, msg: Msg) -> Vec<HostEffect> {
        match msg {
            Msg::Input(event) => self.on_event(event),
            Msg::Queued(queued) if self.is_outdated(&queued) => Vec::new(),
            Msg::Queued(queued) => match self.early_reason(&queued) {
                Some(why) => {
                    self.layers.restart_reading(queued.read_at);
                    self.refuse(why);
                    Vec::new()
                }
                None => self.on_event(queued.event),
            },
            Msg::State(latest) => latest.take().map_or_else(Vec::new, |snapshot| self.set_run(snapshot)),
            Msg::Update(update) => self.on_update(update),
            Msg::Edited(edited, at) => {
                self.input.editor_ended = Some(at);
                self.dispatch(&Input::Edited(edited))
            }
            Msg::Background(scheme) => {
                self.set_background(scheme);
                Vec::new()
            }
            Msg::KeyUnlocked(result) => self.dispatch(&Input::KeyUnlocked(result)),
            Msg::ReviewProgress(progress) => self.dispatch(&Input::ReviewProgress(progress)),
            Msg::Continued => vec![HostEffect::Redraw],
            Msg::Quit => {
                self.quit_state.signalled = true;
                self.quit()
            }
        }
    }

    /// Whether an input was read before the person's editor ended: it was not meant for what the screen shows now.
    fn is_outdated(&self, queued: &QueuedEvent) -> bool {
        let is_typed = matches!(queued.event, Event::Key(_) | Event::Paste(_) | Event::Mouse(_));
        is_typed && self.input.editor_ended.is_some_and(|ended| queued.read_at < ended)
    }

    fn key(&mut self, key: KeyEvent) -> Vec<HostEffect> {
        if self.notices.ignores_key(key, self.layers.has_dialog(), &self.run.now) {
            return Vec::new();
        }
        self.notices.notice = None;
        // Any key stops a search.
        self.stop_searches();
        match keymap::intent(key) {
            Some(Intent::Suspend) => vec![HostEffect::Suspend],
            Some(Intent::Quit) if keymap::is_control(key) => self.quit(),
            _ => self.dispatch(&Input::Key(key)),
        }
    }

    /// Passes an input to the layers, and applies their effects.
    fn dispatch(&mut self, input: &Input) -> Vec<HostEffect> {
        let area = self.area();
        let cx = Context::new(&self.run, &self.session, self.screen, area);
        let effects = self.layers.dispatch(input, &cx);
        self.apply_all(effects)
    }

    fn apply_all(&mut self, effects: Vec<Effect>) -> Vec<HostEffect> {
        effects.into_iter().flat_map(|effect| self.apply(effect)).collect()
    }

    fn apply(&mut self, effect: Effect) -> Vec<HostEffect> {
        match effect {
            Effect::Send(request, pending) => return vec![self.send(request, pending)],
            Effect::SendAndNotify(request, notice) => {
                self.notify(&notice);
                return vec![self.send(request, PendingRequest::default())];
            }
            Effect::ShowState(state) => {
                self.run.now = state.at.clone();
                return self.set_run(RunSnapshot { state, in_flight: Arc::default() });
            }
            Effect::Quit => return self.quit(),
            Effect::Copy(text) => return vec![HostEffect::Copy(text)],
            Effect::Unlock(request) => return vec![HostEffect::Unlock(request)],
            Effect::Suspend => return vec![HostEffect::Suspend],
            Effect::Edit(text) => return vec![HostEffect::Edit(text)],
            Effect::Notify(text) => self.notify(&text),
            Effect::Refuse(why) => self.refuse(&why),
            Effect::ClearNotice => self.notices.notice = None,
            Effect::GuardTyping => self.notices.guard_typing(&self.run.now),
            Effect::Open(layer) => self.layers.open(layer),
            Effect::OpenPalette => self.open_palette(),
            Effect::PressKey(key) => return self.key(key),
            Effect::ShowPoint(id) => {
                self.layers.close_above(Level::Checklist);
                return self.dispatch(&Input::ShowPoint(id));
            }
            Effect::OpenRollback => self.open_rollback(),
            Effect::OpenRollbackRun => {
                self.quit_state.opens_rollback_run = true;
                return self.quit();
            }
            Effect::OpenOutput(point, key) => match OutputView::newest(&self.context(), &point, key.as_ref())
            {
                Some(pager) => self.layers.open(Box::new(pager)),
                None => self.refuse(NO_OUTPUT),
            },
            Effect::SwitchOperator(operator) => {
                self.set_operator(operator);
                let notice = format!(
                    "{} is the active operator",
                    self.context().name_and_role(&self.session.operator.principal)
                );
                self.notify(&notice);
            }
        }
        Vec::new()
    }

    fn open_palette(&mut self) {
        if let Some(content) = self.layers.palette_content(&self.context()) {
            self.layers.open(Box::new(DialogLayer::new(PaletteDialog::new(content))));
        }
    }

    fn open_rollback(&mut self) {
        if self.run.state.plan.rollback.is_empty() {
            self.refuse(NO_ROLLBACK);
        } else {
            let rollback = RollbackView::new(&self.context());
            self.layers.open(Box::new(rollback));
        }
    }

    fn set_operator(&mut self, operator: EnrolledOperator) {
        if !self.session.local_operators.contains(&operator) {
            self.session.local_operators.push(operator.clone());
        }
        self.session.operator = operator;
    }

    fn send(&mut self, request: Request, pending: PendingRequest) -> HostEffect {
        HostEffect::Send(self.pending.add(request, pending))
    }

    /// Why a key was read too early to answer the question on the screen, if it was.
    pub fn early_reason(&self, typed: &QueuedEvent) -> Option<&'static str> {
        let Event::Key(key) = typed.event else { return None };
        self.layers.early_reason(key, typed.read_at, &self.context())
    }

    /// Sets the time. In a review, it only advances playback.
    pub fn tick(&mut self, now: Moment) -> Vec<HostEffect> {
        if self.session.access == Access::Review {
            return self.dispatch(&Input::Tick(now));
        }
        self.run.now = now;
        Vec::new()
    }

    /// Shows a notice on the bottom line.
    fn notify(&mut self, text: &str) {
        self.notices.notify(text, &self.run.now);
    }

    /// Shows a refusal on the bottom line.
    pub fn refuse(&mut self, why: &str) {
        self.notices.refuse(why, &self.run.now);
    }

    /// Asks the engine to stop. The second time, does not wait for it.
    fn quit(&mut self) -> Vec<HostEffect> {
        let is_repeated = self.quit_state.stop_requested.replace(self.run.now.clone()).is_some();
        if is_repeated || self.session.access != Access::Operator {
            return vec![HostEffect::Quit];
        }
        vec![HostEffect::Send(NumberedRequest::without_reply(Request::Stop))]
    }

    /// Whether the engine has not stopped within [`QUIT_TIMEOUT`].
    pub fn has_quit_timed_out(&self) -> bool {
        self.quit_state
            .stop_requested
            .as_ref()
            .is_some_and(|requested| self.run.now.since(requested) >= QUIT_TIMEOUT)
    }

    /// The part of the screen that the run is drawn on.
    fn area(&self) -> Rect {
        self.layers.remaining_area(self.screen)
    }

    /// The context for the layers.
    pub fn context(&self) -> Context<'_> {
        Context::new(&self.run, &self.session, self.screen, self.area())
    }

    /// How the session ended.
    pub fn into_session_end(self) -> SessionEnd {
        let QuitState { signalled, opens_rollback_run, engine_failure, .. } = self.quit_state;
        SessionEnd { state: self.run.state, signalled, opens_rollback_run, engine_failure }
    }
}

fn initial_layers(setup: &Setup, state: &RunState) -> Layers {
    let (mut layers, checklist) = (Layers::default(), ChecklistView::new(&state.plan));
    match setup.review.clone() {
        Some(record) => layers.open(Box::new(Review::new(record, (setup.clock)(), checklist))),
        None => layers.open(Box::new(checklist)),
    }
    if state.plan.rolls_back && state.rolled_back.is_none() && setup.review.is_none() {
        layers.open(Box::new(RollbackView { selected: 0 }));
    }
    if !setup.notices.is_empty() {
        layers.open(Box::new(DialogLayer::new(NoticesDialog(setup.notices.clone()))));
    }
    layers
}

fn initial_run_view(setup: &Setup, state: Arc<RunState>, now: Moment) -> RunView {
    RunView {
        state,
        in_flight: Arc::default(),
        last_sealed: setup.last_sealed.clone(),
        now,
        summary: Summary::default(),
        outputs: setup.outputs.clone(),
        tail: None,
        is_tail_stale: true,
    }
}
