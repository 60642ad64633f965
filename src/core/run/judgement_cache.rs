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
pub struct JudgementCache(CacheSlot);

/// The shared slot. A state that changes gets a new slot, so a judgement of the old state cannot fill the cache of the
/// new one.
type CacheSlot = Arc<Mutex<Option<CachedStatuses>>>;

/// The cache while one judgement uses it; it is stored for the next judgement on drop.
pub(super) struct ActiveCache {
    cached: RefCell<CachedStatuses>,
    is_changed: Cell<bool>,
    slot: CacheSlot,
}

impl ActiveCache {
    /// The status of a point, if it is cached.
    pub(super) fn get(&self, id: &str) -> Option<Status> {
        self.cached.borrow().statuses.get(id).cloned()
    }

    /// How long the cached statuses are valid.
    pub(super) fn valid_for(&self) -> Duration {
        self.cached.borrow().valid_for
    }

    /// Marks a point as pending until its status is known. Returns whether it was unknown.
    pub(super) fn mark_pending(&self, id: &str) -> bool {
        let statuses = &mut self.cached.borrow_mut().statuses;
        let is_new = !statuses.contains_key(id);
        if is_new {
            statuses.insert_mut(id.to_owned(), Status::Pending);
        }
        is_new
    }

    /// Adds the status of a point.
    pub(super) fn add(&self, state: &RunState, id: &str, status: Status) {
        self.cached.borrow_mut().add(state, id, status);
        self.is_changed.set(true);
    }
}

impl Drop for ActiveCache {
    fn drop(&mut self) {
        // A panic leaves an incomplete judgement, which is not stored.
        if self.is_changed.get() && !thread::panicking() {
            *lock(&self.slot) = Some(self.cached.get_mut().clone());
        }
    }
}

/// Statuses of points, and how long they are valid if nothing is logged.
#[derive(Clone)]
struct CachedStatuses {
    /// By point id. If a point is here, all points that it waits for are here too.
    statuses: HashTrieMapSync<PointId, Status>,
    plan: Arc<Plan>,
    since: Moment,
    /// How far each of the two clocks may advance from there.
    valid_for: Duration,
}

impl CachedStatuses {
    /// An empty cache for this plan.
    fn empty(plan: &Arc<Plan>, now: &Moment) -> Self {
        let statuses = HashTrieMapSync::new_sync();
        Self { statuses, plan: Arc::clone(plan), since: now.clone(), valid_for: Duration::MAX }
    }

    /// The cache at a later moment, if it is still valid.
    fn valid_at(&self, plan: &Arc<Plan>, now: &Moment) -> Option<Self> {
        let since = &self.since;
        let is_later = now.boot == since.boot && now.wall >= since.wall && now.mono >= since.mono;
        let left = self.valid_for.checked_sub(now.since(since))?;
        let judged = || Self { since: now.clone(), valid_for: left, ..self.clone() };
        (is_later && Arc::ptr_eq(plan, &self.plan)).then(judged)
    }

    fn add(&mut self, state: &RunState, id: &str, status: Status) {
        if let Some(point) = state.plan.point(id) {
            self.valid_for = self.valid_for.min(time_to_change(state, point, &self.since));
        }
        self.statuses.insert_mut(id.to_owned(), status);
    }

    /// Removes a point and all points that wait for it.
    fn invalidate(&mut self, id: &str) {
        let mut changed = vec![id.to_owned()];
        self.statuses.remove_mut(id);
        while let Some(id) = changed.pop() {
            let waiting = self.plan.dependents_of(&id).iter();
            changed.extend(waiting.filter(|id| self.statuses.remove_mut(id.as_str())).cloned());
        }
    }
}

/// The time until a result of a point becomes stale or a waiver expires.
fn time_to_change(state: &RunState, point: &Point, now: &Moment) -> Duration {
    let Some(point_state) = state.point(&point.id) else { return Duration::MAX };
    let runs = point_state.probes.values().filter_map(|probe| probe.latest.as_ref());
    let fresh = runs.filter_map(|run| point.freshness().checked_sub(now.since(&run.at)));
    // A waiver is valid until just before its expiry.
    let valid = point_state.waivers.iter().filter(|waiver| waiver.until > now.wall);
    let waived = valid.map(|waiver| waiver.until.since(now.wall).saturating_sub(Duration::from_millis(1)));
    fresh.chain(waived).min().unwrap_or(Duration::MAX)
}

impl JudgementCache {
    /// The cached statuses of a plan's points at a moment.
    pub(super) fn start_judgement(&self, plan: &Arc<Plan>, now: &Moment) -> ActiveCache {
        let stored = lock(&self.0).as_ref().and_then(|stored| stored.valid_at(plan, now));
        let cached = RefCell::new(stored.unwrap_or_else(|| CachedStatuses::empty(plan, now)));
        ActiveCache { cached, is_changed: Cell::default(), slot: Arc::clone(&self.0) }
    }

    /// Removes the statuses that an event may change.
    pub(super) fn invalidate(&mut self, event: &Event) {
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
        let mut stored = lock(&self.0).take();
        if let Some(cached) = &mut stored {
            cached.invalidate(point);
        }
        *self = Self::of(stored);
    }

    fn of(cached: Option<CachedStatuses>) -> Self {
        Self(Arc::new(Mutex::new(cached)))
    }
}

/// After a panic elsewhere the value is still consistent: it is only ever replaced as a whole.
fn lock(place: &CacheSlot) -> MutexGuard<'_, Option<CachedStatuses>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clone for JudgementCache {
    fn clone(&self) -> Self {
        Self::of(lock(&self.0).clone())
    }
}

impl PartialEq for JudgementCache {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for JudgementCache {}

impl fmt::Debug for JudgementCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}
