//! What the person does with the screen. Pure: messages in, effects out; time comes in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyEvent, KeyEventKind};
use ratatui::Frame;
use ratatui::layout::Rect;

use crate::ansi;
use crate::checklist::ProbeKey;
use crate::error::Failure;
use crate::journal::entry::Enrolled;
use crate::journal::side::Outputs;
use crate::run::{Live, NumberedRequest, Request, RequestId, RunState};
use crate::time::Moment;
use crate::tui::dialogs::Dialog;
use crate::tui::keymap::{self, Intent};
use crate::tui::layers::Top;
use crate::tui::notice::Notice;
use crate::tui::pending::Asked;
use crate::tui::style::layout::{Arrangement, arrange};
use crate::tui::style::symbols::SPIN_MS;
use crate::tui::style::theme::Look;
use crate::tui::summary::Summary;
use crate::tui::unseen::UNSEEN;
use crate::tui::views::checklist as draw;
use crate::tui::views::checklist::filter::{Filter, Filtered};
use crate::tui::views::checklist::selection::Place;
use crate::tui::views::checklist::visible_points::Shown;
use crate::tui::views::output::Pager;
use crate::tui::views::review::{LOOKS_ON, READ_ONLY, Review};
use crate::tui::{Left, Msg, Newcomer, Setup};

/// How long the engine is waited for that was asked to stop; whatever keeps it then, the person may go.
const LEAVING: Duration = Duration::from_millis(800);

/// What has to be done outside.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Ask the engine.
    Send(NumberedRequest),
    /// Put this into the clipboard.
    Copy(String),
    /// Find a newcomer's key.
    Unlock(Newcomer),
    /// Suspend the program.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// The end.
    End,
}

/// What the keys move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The lists of points.
    List,
    /// The detail of the selected point.
    Detail,
}

/// The state of the screen.
#[derive(Debug)]
pub struct App {
    /// Who acts here.
    pub me: Enrolled,
    /// Everybody whose key is here.
    pub here: Vec<Enrolled>,
    /// The log's name.
    pub log: String,
    /// How it looks.
    pub look: Look,
    /// The run, all of it durable.
    pub state: Arc<RunState>,
    /// What is under way.
    pub live: Arc<Live>,
    /// The time.
    pub now: Moment,
    /// The size of the screen.
    pub area: Rect,
    /// Where the person is.
    pub place: Place,
    /// Whether the person only looks on.
    pub looks_on: bool,
    /// What narrows the points.
    pub filter: Option<Filter>,
    /// The points that are shown.
    pub shown: Shown,
    /// What the filter was laid on last, while there is one.
    pub filtered: Option<Filtered>,
    /// What the points come to, as of the last frame.
    pub summary: Summary,
    /// What the keys move.
    pub focus: Focus,
    /// The first line of the detail that is shown.
    pub scroll: usize,
    /// What lies over the screen.
    pub dialog: Option<Dialog>,
    /// When what lies over the screen was drawn first, if it was.
    pub drawn: Option<Instant>,
    /// What is told at the start.
    pub notices: Vec<String>,
    /// What is told now.
    pub notice: Option<Notice>,
    /// When something was typed last that is not to be taken for a key.
    pub typed: Option<Moment>,
    /// The probe whose command was copied last, while nothing else is asked for.
    pub copied: Option<ProbeKey>,
    /// How many requests were made.
    pub requests: u64,
    /// What was asked for and is not answered yet.
    pub asked: BTreeMap<RequestId, Asked>,
    /// What was refused and comes back to be typed again, once nothing else is typed.
    pub returning: VecDeque<Dialog>,
    /// When the engine was asked to stop, if it was.
    pub leaving: Option<Moment>,
    /// Whether a signal asked for that.
    pub signalled: bool,
    /// Why the engine stopped of itself.
    pub broken: Option<Failure>,
    /// What actions have printed.
    pub outputs: Option<Outputs>,
    /// The output that has the screen.
    pub pager: Option<Pager>,
    /// Whether what is shown of outputs may no longer be what they hold, or has to be read for another place or size.
    pub is_stale: bool,
    /// The step of the way back that is selected, while that has the screen.
    pub way_back: Option<usize>,
    /// The last lines of the action at work, by the entry that it began with.
    pub tail: Option<(u64, Vec<ansi::Line>)>,
    /// The last sealed run of the environment.
    pub last: Option<Arc<RunState>>,
    /// Where in time one is, if a log is looked through.
    pub review: Option<Review>,
}

impl App {
    /// The screen at the start of a session.
    pub fn new(setup: &Setup, state: Arc<RunState>, area: Rect) -> Self {
        let (place, shown) = (Place::first(&state.plan), Shown::all(&state.plan));
        let dialog = (!setup.notices.is_empty()).then_some(Dialog::Notices { scroll: 0 });
        let review = setup.review.clone().map(|record| Review::new(record, (setup.clock)()));
        // A review stands at the moment of its entry.
        let now = if review.is_some() { state.at.clone() } else { (setup.clock)() };
        Self {
            me: setup.me.clone(),
            here: vec![setup.me.clone()],
            log: setup.log.clone(),
            look: setup.look,
            state,
            live: Arc::default(),
            now,
            area,
            place,
            looks_on: setup.looks_on,
            filter: None,
            shown,
            filtered: None,
            summary: Summary::default(),
            focus: Focus::List,
            scroll: 0,
            dialog,
            drawn: None,
            notices: setup.notices.clone(),
            notice: None,
            typed: None,
            copied: None,
            requests: 0,
            asked: BTreeMap::new(),
            returning: VecDeque::new(),
            leaving: None,
            signalled: false,
            broken: None,
            outputs: setup.outputs.clone(),
            pager: None,
            is_stale: true,
            way_back: None,
            tail: None,
            last: setup.last.clone(),
            review,
        }
    }

    /// Takes in a message.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let before = self.point().map(|point| point.id.clone());
        let question = self.question();
        let effects = self.take_in(msg);
        self.give_back();
        if self.question() != question {
            self.drawn = None;
        }
        if self.point().map(|point| &point.id) != before.as_ref() {
            self.scroll = 0;
        }
        effects
    }

    fn take_in(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Input(event) => self.input(event),
            Msg::Typed(typed) if self.is_unseen(&typed) => {
                self.refuse(UNSEEN);
                Vec::new()
            }
            Msg::Typed(typed) => self.input(typed.event),
            Msg::State(newest) => {
                newest.take().into_iter().for_each(|now| self.show(now));
                Vec::new()
            }
            Msg::Update(update) => self.told(update),
            Msg::Unlocked(unlocked) => self.unlocked(unlocked),
            Msg::Reviewed(progress) => {
                self.progressed(progress);
                Vec::new()
            }
            Msg::Continued => vec![Effect::Redraw],
            Msg::Leave => {
                self.signalled = true;
                self.leave()
            }
        }
    }

    fn input(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Event::Paste(text) => {
                self.paste(&text);
                Vec::new()
            }
            Event::Resize(width, height) => {
                self.area = self.within(Rect::new(0, 0, width, height));
                self.is_stale = true;
                self.scroll = self.scroll.min(self.scroll_limit());
                Vec::new()
            }
            Event::Mouse(event) => {
                self.mouse(event);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if self.overhears(key) {
            return Vec::new();
        }
        self.notice = None;
        self.stop_seek();
        match keymap::intent(key) {
            Some(Intent::Suspend) => return vec![Effect::Suspend],
            Some(Intent::Leave) if keymap::is_control(key) => return self.leave(),
            _ => {}
        }
        match self.top() {
            Top::Dialog => self.dialog.take().map_or_else(Vec::new, |dialog| self.dialog_key(dialog, key)),
            Top::Pager => self.pager_key(key),
            Top::WayBack(step) => self.way_back_key(step, key),
            Top::Points if self.is_typing_filter() => self.filter_key(key),
            Top::Points => self
                .review_key(key)
                .unwrap_or_else(|| keymap::intent(key).map_or_else(Vec::new, |intent| self.intent(intent))),
        }
    }

    fn intent(&mut self, intent: Intent) -> Vec<Effect> {
        self.copied = self.copied.take().filter(|_| intent == Intent::Copy);
        if self.moved(intent) {
            return Vec::new();
        }
        let effects = self.wish(intent);
        self.listen_less(intent);
        effects
    }

    /// Does what is asked for, or asks whether to.
    pub fn wish(&mut self, intent: Intent) -> Vec<Effect> {
        match intent {
            Intent::Filter => self.wish_filter(),
            Intent::Leave => return self.leave(),
            _ if intent.changes() && self.is_read_only() => {}
            _ if intent.is_about_a_point() && self.point().is_none() => self.refuse("no point is shown here"),
            Intent::Confirm => self.wish_confirm(),
            Intent::Waive => self.wish_waive(),
            Intent::Exempt => self.wish_exempt(),
            Intent::Retract => self.wish_retract(),
            Intent::Note => self.wish_note(),
            Intent::Probe => return self.probe(),
            Intent::ProbeTroubled => return self.probe_troubled(),
            Intent::Copy => return self.copy(),
            Intent::Action => self.wish_run(),
            Intent::Stop => self.wish_stop(),
            Intent::Output => self.wish_output(None),
            Intent::WayBack => self.wish_way_back(),
            Intent::Suspend => return vec![Effect::Suspend],
            Intent::Turn => self.wish_turn(),
            Intent::Verdict => self.dialog = Some(Dialog::Verdict { scroll: 0 }),
            Intent::Help => self.dialog = Some(Dialog::Help { scroll: 0 }),
            _ => {}
        }
        Vec::new()
    }

    /// Whether nothing can be acted here; says so if it is.
    pub fn is_read_only(&mut self) -> bool {
        let why = if self.review.is_some() { READ_ONLY } else { LOOKS_ON };
        let is_read_only = self.review.is_some() || self.looks_on;
        if is_read_only {
            self.refuse(why);
        }
        is_read_only
    }

    /// Asks the engine to stop; asked twice, does not wait for it.
    fn leave(&mut self) -> Vec<Effect> {
        let asked = self.leaving.replace(self.now.clone()).is_some();
        if asked || self.review.is_some() || self.looks_on {
            return vec![Effect::End];
        }
        vec![Effect::Send(NumberedRequest::unanswered(Request::Stop))]
    }

    /// Whether the engine was asked to stop so long ago that it is not waited for any more.
    pub fn has_waited(&self) -> bool {
        self.leaving.as_ref().is_some_and(|asked| self.now.since(asked) >= LEAVING)
    }

    /// Where everything stands.
    pub fn arrangement(&self) -> Arrangement {
        // Where nothing is shown, one line says so.
        let rows = |section: usize| self.shown.of(section).len().max(1);
        let sections: Vec<_> = (0..self.shown.sections()).map(rows).collect();
        arrange(self.area, &sections, self.place.section, self.beside())
    }

    /// Draws itself, on a frame of whatever size it has.
    pub fn draw_in(&mut self, frame: &mut Frame) {
        self.area = self.within(frame.area());
        self.forget();
        let is_another = !self.summary.is_of(self);
        if is_another {
            self.summary = Summary::of(self);
        }
        self.keep_filtered(is_another);
        draw::draw(self, frame);
    }

    /// How long nothing moves of itself: the spinner turns while something is under way, the clock always.
    pub fn pause(&self) -> Duration {
        let busy = !self.live.running.is_empty()
            || self.is_saving()
            || self.live.preparing.is_some()
            || self.state.under_way().is_some();
        let pause = Duration::from_millis(if busy { SPIN_MS } else { 1000 });
        let pause = self.frame_time().unwrap_or(pause);
        let pause = if self.leaving.is_some() { pause.min(LEAVING / 4) } else { pause };
        self.deaf_for().map_or(pause, |deaf| pause.min(deaf))
    }

    /// How the session ended.
    pub fn left(self) -> Left {
        Left { state: self.state, signalled: self.signalled, broken: self.broken }
    }
}
