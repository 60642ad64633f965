//! What the input thread does with events before the screen gets them: replies of the terminal are taken out, pasted
//! text is separated from keys.

use std::io;
use std::time::{Duration, Instant};

use crossterm::event::{Event, MouseEventKind};

use crate::tui::style::theme::ColorScheme;
use crate::tui::terminal::bursts::BurstFilter;
use crate::tui::terminal::replies::{ReplyFilter, TimedEvent};

/// What the screen gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilteredInput {
    /// An event, and when it was read.
    Event(Event, Instant),
    /// The terminal's background, as it reports it.
    Background(ColorScheme),
}

/// The filters, one after another.
#[derive(Debug, Default)]
pub struct InputFilter {
    replies: ReplyFilter,
    bursts: BurstFilter,
}

impl InputFilter {
    /// The filter of a session that asks the terminal for its background or not.
    pub fn new(asks: bool) -> Self {
        Self { replies: ReplyFilter::new(asks, Instant::now()), bursts: BurstFilter::default() }
    }

    /// Reads events until something can be passed on, for at most `limit`.
    ///
    /// # Errors
    /// When the terminal cannot be read. What was held is lost: its terminal has gone.
    pub fn read(
        &mut self,
        limit: Option<Duration>,
        read: &mut impl FnMut(Option<Duration>) -> io::Result<Option<Event>>,
    ) -> io::Result<Vec<FilteredInput>> {
        loop {
            let wait = [self.replies.wait(), self.bursts.wait(), limit].into_iter().flatten().min();
            let event = read(wait)?.filter(|event| !is_pointer_motion(event));
            let is_idle = event.is_none() && self.replies.wait().is_none() && self.bursts.wait().is_none();
            let passed = self.pass(event, Instant::now());
            if !passed.is_empty() || (is_idle && limit.is_some()) {
                return Ok(passed);
            }
        }
    }

    fn pass(&mut self, event: Option<Event>, now: Instant) -> Vec<FilteredInput> {
        let (events, scheme) = match event {
            Some(event) => self.replies.add(event, now),
            None => (self.replies.expire(now), None),
        };
        let mut passed: Vec<TimedEvent> = self.bursts.expire(now);
        passed.extend(events.into_iter().flat_map(|(event, at)| self.bursts.add(event, at)));
        let passed = passed.into_iter().map(|(event, at)| FilteredInput::Event(event, at));
        passed.chain(scheme.map(FilteredInput::Background)).collect()
    }
}

/// Reads an event of the terminal, and waits for it at most `limit`.
///
/// # Errors
/// When the terminal cannot be read.
pub fn read_event(limit: Option<Duration>) -> io::Result<Option<Event>> {
    match limit {
        Some(limit) if !crossterm::event::poll(limit)? => Ok(None),
        _ => crossterm::event::read().map(Some),
    }
}

/// Whether the event is a motion, drag or button release of the pointer. These are ignored, as every message redraws
/// the screen.
const fn is_pointer_motion(event: &Event) -> bool {
    matches!(
        event,
        Event::Mouse(mouse)
            if matches!(mouse.kind, MouseEventKind::Moved | MouseEventKind::Drag(_) | MouseEventKind::Up(_))
    )
}
