//! How the points fared over time: a bar each, from opening to end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::points::tone;
use crate::journal::entry::{Entry, Event};
use crate::outcome::Class;
use crate::run::RunState;
use crate::text::line;
use crate::time::{Moment, span};

/// How long a chart is, whatever it shows.
const LENGTH: u64 = 1000;
/// How often a run is judged at most to draw it.
const LOOKS: usize = 2000;
/// How many states of points are made out for it at most, over all of these times.
const STATES: usize = 1_000_000;

/// The bar of one point. Places are thousandths of the run's time.
#[derive(Debug, Serialize)]
pub struct Bar {
    /// The point.
    pub point: String,
    /// How it stood, without gaps.
    pub spans: Vec<Span>,
    /// What happened to it.
    pub marks: Vec<Mark>,
    /// When it was closed for good, from the opening, for people; none if it is not.
    pub closed: Option<String>,
}

/// A time in which a point stood in one kind of state.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Where it begins.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
    /// The kind of state: `good`, `bad`, `unknown`, `aside` or `waits`.
    pub tone: &'static str,
}

/// Something that happened to a point.
#[derive(Debug, Serialize)]
pub struct Mark {
    /// Where.
    pub at: u64,
    /// What: `pass`, `fail`, `error` for a look, the entry's kind for an act.
    pub what: &'static str,
    /// Its entry.
    pub seq: u64,
}

/// Whatever a clock did, time goes on: the larger of both clocks' differences, and never back.
fn offsets(entries: &[Entry]) -> Vec<Duration> {
    let mut last = Duration::ZERO;
    let mut before: Option<&Moment> = None;
    let offset = |entry: &Entry, before: Option<&Moment>| before.map(|before| entry.header.at.since(before));
    let mut all = Vec::with_capacity(entries.len());
    for entry in entries {
        last += offset(entry, before).unwrap_or_default();
        before = Some(&entry.header.at);
        all.push(last);
    }
    all
}

pub(super) fn bars(entries: &[Entry]) -> Vec<Bar> {
    let offsets = offsets(entries);
    let whole = offsets.last().copied().unwrap_or_default().as_millis().max(1);
    let place =
        |offset: Duration| u64::try_from(offset.as_millis() * u128::from(LENGTH) / whole).unwrap_or(LENGTH);
    let Some(mut state) = RunState::fold(entries.get(..1).unwrap_or_default()) else { return Vec::new() };
    let Some(last) = RunState::fold(entries) else { return Vec::new() };
    let bar = |point: &crate::checklist::Point| Bar {
        point: line(&point.id),
        spans: Vec::new(),
        marks: Vec::new(),
        closed: None,
    };
    let ids: Vec<_> = last.plan.points().map(|point| point.id.clone()).collect();
    let mut bars: Vec<_> = last.plan.points().map(bar).collect();
    // A mark stands at the bar of its point; the name of a bar is its id as it is shown.
    let places: BTreeMap<String, usize> =
        bars.iter().enumerate().map(|(at, bar)| (bar.point.clone(), at)).collect();
    let looks = (STATES / bars.len().max(1)).clamp(1, LOOKS);
    let every = entries.len().div_ceil(looks);
    for (index, (entry, offset)) in entries.iter().zip(&offsets).enumerate() {
        if index > 0 {
            state.apply(entry);
        }
        let bar = entry.event.point().and_then(|point| bars.get_mut(*places.get(point)?));
        if let Some(bar) = bar {
            mark(bar, entry, place(*offset));
        }
        // In a long run not every entry is judged: the chart is not finer than that.
        if index % every == 0 || index + 1 == entries.len() {
            let judgement = state.judge(&entry.header.at);
            for (id, bar) in ids.iter().zip(&mut bars) {
                let status = judgement.status(id);
                bar.stands(place(*offset), tone(&status), status.is_closed().then_some(*offset));
            }
        }
    }
    bars.iter_mut().for_each(Bar::end);
    bars
}

fn mark(bar: &mut Bar, entry: &Entry, at: u64) {
    /// More than this cannot be told apart.
    const MOST: usize = 200;
    let what = match &entry.event {
        Event::Probed(event) => match event.outcome.class {
            Class::Pass => "pass",
            Class::Fail => "fail",
            Class::Error => "error",
        },
        Event::ActionFinished(event) if event.ended.is_good() => "pass",
        Event::ActionFinished(event) if event.ended.is_bad() => "fail",
        Event::ActionFinished(_) => "error",
        event if event.is_act() => event.kind(),
        _ => return,
    };
    if bar.marks.len() < MOST {
        bar.marks.push(Mark { at, what, seq: entry.header.seq });
    }
}

impl Bar {
    fn stands(&mut self, at: u64, tone: &'static str, closed: Option<Duration>) {
        self.closed = match (&self.closed, closed) {
            (Some(known), Some(_)) => Some(known.clone()),
            (None, Some(since)) => Some(span(since)),
            (_, None) => None,
        };
        match self.spans.last_mut() {
            Some(last) if last.tone == tone => last.to = at,
            Some(last) => {
                last.to = at;
                self.spans.push(Span { from: at, to: at, tone });
            }
            None => self.spans.push(Span { from: 0, to: at, tone }),
        }
    }

    /// What stood last is to be seen, too.
    fn end(&mut self) {
        if let Some(last) = self.spans.last_mut() {
            last.to = LENGTH;
            last.from = last.from.min(LENGTH - 4);
        }
        let last = self.spans.len().saturating_sub(1);
        let end = self.spans.last().map_or(LENGTH, |span| span.from);
        for span in self.spans.iter_mut().take(last) {
            span.to = span.to.min(end);
        }
        self.spans.retain(|span| span.to > span.from);
    }
}
