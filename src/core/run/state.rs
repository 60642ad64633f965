//! The state of a run: the fold of its entries, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rpds::VectorSync;

use super::actions::ActionState;
use super::command::Rejection;
use super::enrolments::Enrolments;
use super::judgement_cache::JudgementCache;
use super::point_state::{
    Abandonment, Confirmation, CurrentVerdict, Exemption, Note, PointState, ProbeRun, ProbeState, Rollback,
    Seal, Waiver,
};
use super::replan::{LoosenedPlan, Proposal};
use crate::checklist::{ActionKey, Lock, Plan, PointId, ProbeKey, Role};
use crate::journal::entry::{
    ActionOutput, Confirmed, EnrolledOperator, Entry, Event, Header, NotApplicable, Noted, Opened,
    Predecessor, Probed, Recovered, Retracted, RolledBack as RolledBackEvent, Sealed, Verdict, Waived,
};
use crate::outcome::Sha256Hex;
use crate::time::Moment;

/// The state of a run after an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunState {
    /// The run's id.
    pub run: String,
    /// When it was opened.
    pub opened_at: Moment,
    /// Who opened it.
    pub opened_by: String,
    /// The plan.
    pub plan: Arc<Plan>,
    /// The fixed parts of its checklist.
    pub lock: Arc<Lock>,
    /// A looser plan that waits for the other role.
    pub proposal: Option<Proposal>,
    /// The looser plans that are in force.
    pub loosened: Vec<LoosenedPlan>,
    /// The points that those plans made not applicable.
    pub agreed_exemptions: BTreeSet<PointId>,
    /// The operators.
    pub roster: Vec<EnrolledOperator>,
    /// An index of the roster, to check new operators.
    pub(super) enrolments: Enrolments,
    /// The previous run.
    pub predecessor: Option<Predecessor>,
    /// By point id; every point of the plan is there.
    pub points: BTreeMap<PointId, PointState>,
    /// The state of each action that was ever started.
    pub actions: BTreeMap<ActionKey, ActionState>,
    /// The output of every action that has ended, with the position of its end entry.
    pub outputs: Vec<(u64, ActionOutput)>,
    /// The number of replicas that the rollback resumes the consumers with, once it was noted.
    pub noted_replicas: Option<u32>,
    /// The rollback, if one is recorded.
    pub rolled_back: Option<Rollback>,
    /// Notes about the run as a whole.
    pub notes: VectorSync<Note>,
    /// Recoveries after an unclean end of the program, with the positions of their entries.
    pub recoveries: Vec<(u64, Recovered)>,
    /// The verdict, while it is current.
    pub verdict: Option<CurrentVerdict>,
    /// The last verdict that an entry after it has made outdated.
    pub outdated_verdict: Option<CurrentVerdict>,
    /// The seals.
    pub seals: Vec<Seal>,
    /// Set if the run was abandoned.
    pub abandoned: Option<Abandonment>,
    /// The position of the last entry.
    pub seq: u64,
    /// The hash of its entry's line.
    pub head: Sha256Hex,
    /// When that entry was written.
    pub at: Moment,
    /// The cached statuses of its points.
    pub(super) cache: JudgementCache,
}

impl RunState {
    /// The state after the first entry.
    #[must_use]
    pub fn new(entry: &Entry, opened: &Opened) -> Self {
        let mut state = Self {
            run: entry.header.run.clone(),
            opened_at: entry.header.at.clone(),
            opened_by: entry.header.by.clone(),
            plan: Arc::new(opened.plan.clone()),
            lock: Arc::new(opened.lock.clone()),
            proposal: None,
            loosened: Vec::new(),
            agreed_exemptions: BTreeSet::new(),
            roster: opened.roster.clone(),
            enrolments: opened.roster.iter().collect(),
            predecessor: opened.previous_run.clone(),
            points: BTreeMap::new(),
            actions: BTreeMap::new(),
            outputs: Vec::new(),
            noted_replicas: None,
            rolled_back: None,
            notes: VectorSync::new_sync(),
            recoveries: Vec::new(),
            verdict: None,
            outdated_verdict: None,
            seals: Vec::new(),
            abandoned: None,
            seq: entry.header.seq,
            head: entry.hash,
            at: entry.header.at.clone(),
            cache: JudgementCache::default(),
        };
        state.add_missing_points();
        state
    }

    /// The state after a whole log; `None` if it is empty or does not start with `opened`.
    #[must_use]
    pub fn fold(entries: &[Entry]) -> Option<Self> {
        let (first, rest) = entries.split_first()?;
        let Event::Opened(opened) = &first.event else { return None };
        let mut state = Self::new(first, opened);
        for entry in rest {
            state.apply(entry);
        }
        Some(state)
    }

    /// Checks whether an operator may be added: one name, one secret key.
    ///
    /// # Errors
    /// Which of them is already enrolled.
    pub fn check_enrolment(&self, operator: &EnrolledOperator) -> Result<(), Rejection> {
        self.enrolments.check(operator)
    }

    /// Applies the next entry.
    pub fn apply(&mut self, entry: &Entry) {
        self.cache.invalidate(&entry.event);
        if !entry.event.keeps_verdict() {
            self.outdated_verdict = self.verdict.take().or_else(|| self.outdated_verdict.take());
        }
        match &entry.event {
            Event::Opened(_) | Event::Resumed(_) | Event::TakenOver(_) => {}
            Event::Recovered(event) => self.recoveries.push((entry.header.seq, (**event).clone())),
            Event::Joined(event) => {
                let (principal, key) = (entry.header.by.clone(), event.key.clone());
                let operator = EnrolledOperator { principal, key, role: event.role };
                self.enrolments.add(&operator);
                self.roster.push(operator);
            }
            Event::Probed(event) => self.apply_probed(entry, event),
            Event::Confirmed(event) => self.apply_confirmed(entry, event),
            Event::Waived(event) => self.apply_waived(entry, event),
            Event::NotApplicable(event) => self.apply_not_applicable(entry, event),
            Event::Noted(event) => self.apply_noted(entry, event),
            Event::Retracted(event) => self.apply_retracted(event),
            Event::ReplanProposed(event) => self.apply_proposed(entry, event),
            Event::ReplanWithdrawn(_) => self.proposal = None,
            Event::Replanned(event) => self.apply_replanned(entry, event),
            Event::ActionStarted(event) => self.apply_action_started(entry, event),
            Event::ActionStopped(event) => self.apply_action_stopped(entry, &event.action, event.started),
            Event::ActionFinished(event) => self.apply_action_finished(entry, event),
            Event::RolledBack(event) => self.apply_rolled_back(entry, event),
            Event::Verdict(event) => self.apply_verdict(entry, event),
            Event::Sealed(event) => self.apply_sealed(entry, event),
            Event::Abandoned(event) => {
                let Header { seq, at, by, .. } = entry.header.clone();
                self.abandoned = Some(Abandonment { seq, by, at, reason: event.reason.clone() });
            }
        }
        self.seq = entry.header.seq;
        self.head = entry.hash;
        self.at = entry.header.at.clone();
    }

    fn apply_not_applicable(&mut self, entry: &Entry, event: &NotApplicable) {
        let Header { seq, by, .. } = entry.header.clone();
        self.point_mut(&event.point).exemptions.push(Exemption { seq, by, reason: event.reason.clone() });
    }

    fn apply_verdict(&mut self, entry: &Entry, event: &Verdict) {
        let Header { seq, at, by, .. } = entry.header.clone();
        let (decision, done, reasons) = (event.decision, event.done, event.reasons.clone());
        self.verdict = Some(CurrentVerdict { seq, by, at, decision, done, reasons });
    }

    fn apply_probed(&mut self, entry: &Entry, event: &Probed) {
        let run = ProbeRun {
            seq: entry.header.seq,
            attempt: event.attempt,
            at: entry.header.at.clone(),
            took_ms: event.took_ms,
            outcome: Arc::new(event.outcome.clone()),
        };
        let probe = self.point_mut(&event.point).probes.entry(event.probe.clone()).or_default();
        probe.attempts = event.attempt;
        let place = if event.early { &mut probe.early_run } else { &mut probe.latest };
        *place = Some(run);
    }

    fn apply_confirmed(&mut self, entry: &Entry, event: &Confirmed) {
        let confirmation = Confirmation {
            seq: entry.header.seq,
            by: entry.header.by.clone(),
            at: entry.header.at.clone(),
            evidence: event.evidence.clone(),
            reason: event.reason.clone(),
        };
        let confirmations = &mut self.point_mut(&event.point).confirmations;
        confirmations.retain(|earlier| earlier.by != confirmation.by);
        confirmations.push(confirmation);
    }

    fn apply_waived(&mut self, entry: &Entry, event: &Waived) {
        let by = entry.header.by.clone();
        let waiver = Waiver { seq: entry.header.seq, by, reason: event.reason.clone(), until: event.until };
        let waivers = &mut self.point_mut(&event.point).waivers;
        waivers.retain(|earlier| earlier.by != waiver.by);
        waivers.push(waiver);
    }

    fn apply_noted(&mut self, entry: &Entry, event: &Noted) {
        let note = Note {
            seq: entry.header.seq,
            by: entry.header.by.clone(),
            at: entry.header.at.clone(),
            text: event.text.clone(),
            is_retracted: false,
        };
        match &event.point {
            Some(point) => self.point_mut(point).notes.push_back_mut(note),
            None => self.notes.push_back_mut(note),
        }
    }

    fn apply_retracted(&mut self, event: &Retracted) {
        let point = self.point_mut(&event.point);
        point.confirmations.retain(|act| act.seq != event.target);
        point.waivers.retain(|act| act.seq != event.target);
        point.exemptions.retain(|act| act.seq != event.target);
        if let Some(index) = point.notes.iter().position(|note| note.seq == event.target) {
            let retracted = point.notes.get(index).map(|note| Note { is_retracted: true, ..note.clone() });
            if let Some(note) = retracted {
                point.notes.set_mut(index, note);
            }
        }
    }

    pub(super) fn switch_plan(&mut self, plan: &Plan, touched: &[PointId]) {
        self.plan = Arc::new(plan.clone());
        for point in touched {
            let state = self.point_mut(point);
            // The count stays: attempts continue their numbering.
            for probe in state.probes.values_mut() {
                (probe.latest, probe.early_run) = (None, None);
            }
            state.confirmations.clear();
            state.waivers.clear();
            state.exemptions.clear();
            self.actions
                .iter_mut()
                .filter(|(key, _)| key.point == *point)
                .for_each(|(_, action)| action.latest = None);
        }
        self.add_missing_points();
    }

    /// From now on the points that verify the rollback check the restored release.
    fn apply_rolled_back(&mut self, entry: &Entry, event: &RolledBackEvent) {
        self.rolled_back = Some(Rollback {
            seq: entry.header.seq,
            by: entry.header.by.clone(),
            at: entry.header.at.clone(),
            release: event.release.clone(),
            digest: event.digest.clone(),
            skipped_steps: event.skipped_steps.clone(),
            reason: event.reason.clone(),
        });
        let plan = Arc::clone(&self.plan);
        for point in plan.points().filter(|point| plan.verifies_rollback(point)) {
            for probe in self.point_mut(&point.id).probes.values_mut() {
                probe.latest = None;
            }
        }
    }

    fn apply_sealed(&mut self, entry: &Entry, event: &Sealed) {
        let by = entry.header.by.clone();
        self.seals.push(Seal { seq: entry.header.seq, by, role: event.role, at: entry.header.at.clone() });
    }

    fn add_missing_points(&mut self) {
        for point in self.plan.points() {
            let state = self.points.entry(point.id.clone()).or_default();
            for probe in &point.probes {
                state.probes.entry(probe.id.clone()).or_default();
            }
        }
    }

    fn point_mut(&mut self, id: &str) -> &mut PointState {
        self.points.entry(id.to_owned()).or_default()
    }

    /// The state of a probe of the plan.
    #[must_use]
    pub fn probe(&self, key: &ProbeKey) -> Option<&ProbeState> {
        self.points.get(&key.point)?.probes.get(&key.probe)
    }

    /// The operator with this name.
    #[must_use]
    pub fn operator(&self, principal: &str) -> Option<&EnrolledOperator> {
        self.roster.get(self.enrolments.position(principal)?)
    }

    /// How many different people, with different keys, these names are.
    pub(super) fn count_people<'a>(&self, principals: impl Iterator<Item = &'a str>) -> usize {
        let mut keys: Vec<_> = principals
            .filter_map(|principal| self.operator(principal))
            .map(|operator| (&operator.principal, &operator.key))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        // The roster holds no key twice, so different principals are different keys.
        keys.len()
    }

    /// The required seals that are still missing.
    #[must_use]
    pub fn missing_seals(&self) -> Vec<Role> {
        let is_set = |role: &Role| self.seals.iter().any(|seal| seal.role == *role);
        self.plan.seals.iter().copied().filter(|role| !is_set(role)).collect()
    }

    /// Whether every required seal is set.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        !self.seals.is_empty() && self.missing_seals().is_empty()
    }

    /// Whether no entry can follow: the run is sealed or abandoned.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.abandoned.is_some() || self.is_sealed()
    }

    /// Whether no more results are logged: a seal is set, or the run is abandoned.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing_at().is_some()
    }

    /// When the first seal was set, or the run was abandoned.
    pub(super) fn closing_at(&self) -> Option<&Moment> {
        let sealed = self.seals.first().map(|seal| &seal.at);
        sealed.or_else(|| self.abandoned.as_ref().map(|abandonment| &abandonment.at))
    }

    /// The state of a point, if the plan has it.
    #[must_use]
    pub fn point(&self, id: &str) -> Option<&PointState> {
        self.points.get(id)
    }
}
