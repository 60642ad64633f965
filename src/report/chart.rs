//! The time chart: one bar per point, from the opening to the end of the run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::points::status_class;
use gonogo_core::journal::entry::{Entry, Event};
use gonogo_core::outcome::Class;
use gonogo_core::run::RunState;
use gonogo_core::text::line;
use gonogo_core::time::{Moment, span};

/// The length of the chart.
const LENGTH: u64 = 1000;
/// The maximum number of times that the run is judged for the chart.
const MAX_SAMPLES: usize = 2000;
/// The maximum number of point states that are computed for the chart.
const MAX_STATES: usize = 1_000_000;

/// The bar of one point. Positions are thousandths of the run's time.
#[derive(Debug, Serialize)]
pub struct ChartBar {
    /// The point.
    pub point: String,
    /// Its states, without gaps.
    pub spans: Vec<ChartSpan>,
    /// Its events.
    pub marks: Vec<ChartMark>,
    /// When it was finally done, from the opening, for people; none if it is not.
    pub done_after: Option<String>,
}

/// A time during which a point was in one class of states.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ChartSpan {
    /// Where it starts.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
    /// The class of the state: `done`, `failed`, `error`, `waived` or `open`.
    pub class: &'static str,
}

/// An event of a point.
#[derive(Debug, Serialize)]
pub struct ChartMark {
    /// Where.
    pub at: u64,
    /// What: `pass`, `fail` or `error` for a probe result, the entry's kind for a signed entry.
    pub what: &'static str,
    /// Its entry.
    pub seq: u64,
}

/// The time of each entry since the opening, never decreasing: the larger difference of the two clocks.
fn offsets(entries: &[Entry]) -> Vec<Duration> {
    let mut last = Duration::ZERO;
    let mut before: Option<&Moment> = None;
    let offset = |entry: &Entry, before: Option<&Moment>| before.map(|before| entry.header.at.since(before));
    let mut offsets = Vec::with_capacity(entries.len());
    for entry in entries {
        last += offset(entry, before).unwrap_or_default();
        before = Some(&entry.header.at);
        offsets.push(last);
    }
    offsets
}

pub(super) fn chart_bars(entries: &[Entry]) -> Vec<ChartBar> {
    let offsets = offsets(entries);
    let total_ms = offsets.last().copied().unwrap_or_default().as_millis().max(1);
    let position = |offset: Duration| {
        u64::try_from(offset.as_millis() * u128::from(LENGTH) / total_ms).unwrap_or(LENGTH)
    };
    let Some(mut state) = RunState::fold(entries.get(..1).unwrap_or_default()) else { return Vec::new() };
    let Some(last) = RunState::fold(entries) else { return Vec::new() };
    let bar = |point: &gonogo_core::checklist::Point| ChartBar {
        point: line(&point.id),
        spans: Vec::new(),
        marks: Vec::new(),
        done_after: None,
    };
    let ids: Vec<_> = last.plan.points().map(|point| point.id.clone()).collect();
    let mut bars: Vec<_> = last.plan.points().map(bar).collect();
    // A mark belongs to the bar of its point; a bar is named by the point's id as shown.
    let bar_indices: BTreeMap<String, usize> =
        bars.iter().enumerate().map(|(at, bar)| (bar.point.clone(), at)).collect();
    let samples = (MAX_STATES / bars.len().max(1)).clamp(1, MAX_SAMPLES);
    let interval = entries.len().div_ceil(samples);
    for (index, (entry, offset)) in entries.iter().zip(&offsets).enumerate() {
        if index > 0 {
            state.apply(entry);
        }
        let bar = entry.event.point().and_then(|point| bars.get_mut(*bar_indices.get(point)?));
        if let Some(bar) = bar {
            add_mark(bar, entry, position(*offset));
        }
        // In a long run not every entry is judged: the chart has a limited resolution.
        if index % interval == 0 || index + 1 == entries.len() {
            let judgement = state.judge(&entry.header.at);
            for (id, bar) in ids.iter().zip(&mut bars) {
                let status = judgement.status(id);
                bar.extend(position(*offset), status_class(&status), status.is_done().then_some(*offset));
            }
        }
    }
    bars.iter_mut().for_each(ChartBar::finish);
    bars
}

fn add_mark(bar: &mut ChartBar, entry: &Entry, at: u64) {
    /// More marks cannot be distinguished.
    const MAX_MARKS: usize = 200;
    let what = match &entry.event {
        Event::Probed(event) => match event.outcome.class {
            Class::Pass => "pass",
            Class::Fail => "fail",
            Class::Error => "error",
        },
        Event::ActionFinished(event) if event.exit.is_success() => "pass",
        Event::ActionFinished(event) if event.exit.is_failure() => "fail",
        Event::ActionFinished(_) => "error",
        event if event.needs_signature() => event.kind(),
        _ => return,
    };
    if bar.marks.len() < MAX_MARKS {
        bar.marks.push(ChartMark { at, what, seq: entry.header.seq });
    }
}

impl ChartBar {
    fn extend(&mut self, at: u64, class: &'static str, done_at: Option<Duration>) {
        self.done_after = match (&self.done_after, done_at) {
            (Some(done_after), Some(_)) => Some(done_after.clone()),
            (None, Some(since)) => Some(span(since)),
            (_, None) => None,
        };
        match self.spans.last_mut() {
            Some(last) if last.class == class => last.to = at,
            Some(last) => {
                last.to = at;
                self.spans.push(ChartSpan { from: at, to: at, class });
            }
            None => self.spans.push(ChartSpan { from: 0, to: at, class }),
        }
    }

    /// Makes the last span wide enough to be visible.
    fn finish(&mut self) {
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
