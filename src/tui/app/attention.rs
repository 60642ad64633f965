//! When to call the person at the screen: something newly needs them, or has ended, while they look elsewhere.

use std::collections::BTreeSet;
use std::time::Duration;

use crossterm::event::Event;

use crate::tui::context::Context;
use gonogo_core::checklist::PointId;
use gonogo_core::run::{RunChange, RunState, changes};
use gonogo_core::text;
use gonogo_core::time::Moment;

/// In a terminal that does not report the focus: how long after the last input nobody may be there.
const IDLE_TIME: Duration = Duration::from_mins(1);
/// How many ids a call names.
const MAX_IDS: usize = 3;

/// The focus of the terminal, and what the person was last notified of.
#[derive(Debug)]
pub struct Attention {
    /// Whether the terminal has the focus; unknown until it reports that.
    focus: Option<bool>,
    last_input: Moment,
    /// The points that needed the person.
    needing: BTreeSet<PointId>,
    /// The window title.
    title: String,
}

impl Attention {
    /// At the start, the person is there.
    pub const fn new(now: Moment) -> Self {
        Self { focus: None, last_input: now, needing: BTreeSet::new(), title: String::new() }
    }

    /// The person sees the run as it is at the start.
    pub fn start(&mut self, cx: &Context) {
        self.needing = points_needing(cx);
    }

    /// Takes note of an input. A key shows that the terminal has the focus, whatever it has reported.
    pub fn on_input(&mut self, event: &Event, now: &Moment) {
        self.focus = match event {
            Event::FocusGained => Some(true),
            Event::FocusLost => Some(false),
            Event::Key(_) | Event::Paste(_) => self.focus.map(|_| true),
            _ => self.focus,
        };
        if matches!(event, Event::Key(_) | Event::Paste(_) | Event::Mouse(_) | Event::FocusGained) {
            self.last_input = now.clone();
        }
    }

    fn looks_elsewhere(&self, now: &Moment) -> bool {
        match self.focus {
            Some(has_focus) => !has_focus,
            None => now.since(&self.last_input) >= IDLE_TIME,
        }
    }

    /// The text to call the person with after the run has changed, if they look elsewhere and it concerns them.
    pub fn on_run_changed(&mut self, before: &RunState, cx: &Context) -> Option<String> {
        let needing = points_needing(cx);
        let newly: Vec<_> = needing.difference(&self.needing).cloned().collect();
        let news = news(before, cx, &newly);
        self.needing = needing;
        let is_called = !news.is_empty() && !cx.is_review() && self.looks_elsewhere(&cx.run.now);
        is_called.then(|| format!("gonogo · {}: {}", text::line(&cx.plan().environment), news.join("; ")))
    }

    /// The window title, if it has changed.
    pub fn new_title(&mut self, cx: &Context) -> Option<String> {
        let title = title(cx);
        (title != self.title).then(|| {
            self.title.clone_from(&title);
            title
        })
    }

    /// Makes the title be set again: another program may have changed it.
    pub fn forget_title(&mut self) {
        self.title.clear();
    }
}

fn points_needing(cx: &Context) -> BTreeSet<PointId> {
    cx.plan().points().filter(|point| cx.needs_human(point)).map(|point| point.id.clone()).collect()
}

/// What is new, in a few words: ids, never evidence.
fn news(before: &RunState, cx: &Context, newly: &[PointId]) -> Vec<String> {
    let is_own = |by: &str| cx.session.local_operators.iter().any(|operator| operator.principal == by);
    let change = |change| match change {
        RunChange::NeedsConfirmation(_) => None,
        RunChange::ActionFinished { action, is_success, .. } => {
            Some(format!("{action} {}", if is_success { "finished" } else { "did not succeed" }))
        }
        RunChange::Verdict { by, .. } | RunChange::Sealed { by, .. } if is_own(&by) => None,
        RunChange::Verdict { decision, by, .. } => {
            Some(format!("{} recorded {decision}", cx.short_name(&by)))
        }
        RunChange::Sealed { by, .. } => Some(format!("{} sealed the run", cx.short_name(&by))),
    };
    let mut news: Vec<_> =
        changes(before, &cx.run.state, &cx.run.now).into_iter().filter_map(change).collect();
    if !newly.is_empty() {
        let more = if newly.len() > MAX_IDS { ", …" } else { "" };
        news.push(format!("needs attention: {}{more}", newly[..newly.len().min(MAX_IDS)].join(", ")));
    }
    news.iter().map(|text| text::line(text)).collect()
}

fn title(cx: &Context) -> String {
    let summary = &cx.run.summary;
    let needing = match summary.need_human {
        1.. if cx.can_act() => format!(" · {} need you", summary.need_human),
        _ => String::new(),
    };
    let state = &cx.run.state;
    let rollback = match &state.rolled_back {
        Some(rollback) => format!(" · ROLLED BACK to {}", rollback.release),
        None if state.is_rolling_back() => " · ROLLBACK".to_owned(),
        None => String::new(),
    };
    let environment = &cx.plan().environment;
    let title = format!("gonogo · {environment}{rollback} · {}/{}{needing}", summary.done, summary.total);
    text::line(&title)
}
