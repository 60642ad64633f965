//! A cache of point statuses between judgements. Most entries change the status of one point only, and a plan can be a
//! chain of thousands.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rpds::HashTrieMapSync;

use super::state::RunState;
use super::status::Status;
use crate::checklist::{Plan, Point, PointId};
use crate::journal::entry::Event;
use crate::time::Moment;

/// The cache of a state. It is not part of the run's content: all caches compare equal, and a clone starts with the
/// same content.
#[derive(Default)]
pub struct Kept(Place);

/// The shared slot. A state that changes gets a new slot, so a judgement of the old state cannot fill the cache of the
/// new one.
type Place = Arc<Mutex<Option<Judged>>>;

/// The cache while one judgement uses it; it is stored for the next judgement on drop.
pub(super) struct Working {
    judged: RefCell<Judged>,
    knows_more: Cell<bool>,
    place: Place,
}

impl Working {
    /// The status of a point, if it is cached.
    pub(super) fn get(&self, id: &str) -> Option<Status> {
        self.judged.borrow().known.get(id).cloned()
    }

    /// How long the cached statuses are valid.
    pub(super) fn holds(&self) -> Duration {
        self.judged.borrow().holds
    }

    /// Marks a point as pending until its status is known. Returns whether it was unknown.
    pub(super) fn enter(&self, id: &str) -> bool {
        let known = &mut self.judged.borrow_mut().known;
        let is_new = !known.contains_key(id);
        if is_new {
            known.insert_mut(id.to_owned(), Status::Pending);
        }
        is_new
    }

    /// Adds the status of a point.
    pub(super) fn add(&self, state: &RunState, id: &str, status: Status) {
        self.judged.borrow_mut().add(state, id, status);
        self.knows_more.set(true);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        // A panic leaves an incomplete judgement, which is not stored.
        if self.knows_more.get() && !thread::panicking() {
            *lock(&self.place) = Some(self.judged.get_mut().clone());
        }
    }
}

/// Statuses of points, and how long they are valid if nothing is logged.
#[derive(Clone)]
struct Judged {
    /// By point id. If a point is here, all points that it waits for are here too.
    known: HashTrieMapSync<PointId, Status>,
    plan: Arc<Plan>,
    since: Moment,
    /// How far each of the two clocks may advance from there.
    holds: Duration,
}

impl Judged {
    /// An empty cache for this plan.
    fn nothing(plan: &Arc<Plan>, now: &Moment) -> Self {
        let known = HashTrieMapSync::new_sync();
        Self { known, plan: Arc::clone(plan), since: now.clone(), holds: Duration::MAX }
    }

    /// The cache at a later moment, if it is still valid.
    fn at(&self, plan: &Arc<Plan>, now: &Moment) -> Option<Self> {
        let since = &self.since;
        let is_later = now.boot == since.boot && now.wall >= since.wall && now.mono >= since.mono;
        let left = self.holds.checked_sub(now.since(since))?;
        let judged = || Self { since: now.clone(), holds: left, ..self.clone() };
        (is_later && Arc::ptr_eq(plan, &self.plan)).then(judged)
    }

    fn add(&mut self, state: &RunState, id: &str, status: Status) {
        if let Some(point) = state.plan.point(id) {
            self.holds = self.holds.min(holds(state, point, &self.since));
        }
        self.known.insert_mut(id.to_owned(), status);
    }

    /// Removes a point and all points that wait for it.
    fn forget(&mut self, id: &str) {
        let mut changed = vec![id.to_owned()];
        self.known.remove_mut(id);
        while let Some(id) = changed.pop() {
            let waiting = self.plan.waiting_for(&id).iter();
            changed.extend(waiting.filter(|id| self.known.remove_mut(id.as_str())).cloned());
        }
    }
}

/// The time until a result of a point becomes stale or a waiver expires.
fn holds(state: &RunState, point: &Point, now: &Moment) -> Duration {
    let Some(known) = state.point(&point.id) else { return Duration::MAX };
    let looks = known.probes.values().filter_map(|probe| probe.latest.as_ref());
    let fresh = looks.filter_map(|look| point.freshness().checked_sub(now.since(&look.at)));
    // A waiver is valid until just before its expiry.
    let valid = known.waivers.iter().filter(|waiver| waiver.until > now.wall);
    let waived = valid.map(|waiver| waiver.until.since(now.wall).saturating_sub(Duration::from_millis(1)));
    fresh.chain(waived).min().unwrap_or(Duration::MAX)
}

impl Kept {
    /// The cached statuses of a plan's points at a moment.
    pub(super) fn at(&self, plan: &Arc<Plan>, now: &Moment) -> Working {
        let kept = lock(&self.0).as_ref().and_then(|kept| kept.at(plan, now));
        let judged = RefCell::new(kept.unwrap_or_else(|| Judged::nothing(plan, now)));
        Working { judged, knows_more: Cell::default(), place: Arc::clone(&self.0) }
    }

    /// Removes the statuses that an event may change.
    pub(super) fn forget(&mut self, event: &Event) {
        let point = match event {
            Event::Verdict(_)
            | Event::Sealed(_)
            | Event::Abandoned(_)
            | Event::Resumed(_)
            | Event::Recovered(_)
            | Event::Noted(_)
            | Event::TakenOver(_) => return,
            Event::Probed(event) => &event.point,
            Event::Confirmed(event) => &event.point,
            Event::Waived(event) => &event.point,
            Event::NotApplicable(event) => &event.point,
            Event::Retracted(event) => &event.point,
            // The roster, the plan and the actions affect every point.
            _ => return *self = Self::default(),
        };
        let mut kept = lock(&self.0).take();
        if let Some(judged) = &mut kept {
            judged.forget(point);
        }
        *self = Self::of(kept);
    }

    fn of(judged: Option<Judged>) -> Self {
        Self(Arc::new(Mutex::new(judged)))
    }
}

/// After a panic elsewhere the value is still consistent: it is only ever replaced as a whole.
fn lock(place: &Place) -> MutexGuard<'_, Option<Judged>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clone for Kept {
    fn clone(&self) -> Self {
        Self::of(lock(&self.0).clone())
    }
}

impl PartialEq for Kept {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Kept {}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}
