//! Changed plans in a run: proposals, loosened plans, and the points that the plan makes not applicable.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::command::Rejection;
use super::decide::{Decider, check_text};
use super::point_state::PointState;
use super::state::RunState;
use crate::checklist::{Plan, PlanChange, Point, PointId, Role, check_logged, loosenings};
use crate::journal::entry::{Entry, Event, ReplanProposed, ReplanWithdrawn, Replanned};
use crate::outcome::Sha256Hex;

/// How many changes a rejection lists.
const MAX_LISTED: usize = 3;

/// A looser plan that waits for the other role's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The position of its entry.
    pub seq: u64,
    /// The hash of its entry's line.
    pub hash: Sha256Hex,
    /// Who proposed it.
    pub by: String,
    /// The plan.
    pub plan: Arc<Plan>,
    /// What it loosens.
    pub changes: Vec<PlanChange>,
}

/// A looser plan that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoosenedPlan {
    /// The position of the entry that put it in force.
    pub seq: u64,
    /// Who signed it: the proposer first, if it needed two people.
    pub by: Vec<String>,
    /// The reason, in a run with one seal.
    pub reason: Option<String>,
    /// What it loosens.
    pub changes: Vec<PlanChange>,
}

impl RunState {
    /// Whether a looser plan needs two people, because two roles seal the run.
    #[must_use]
    pub fn needs_two_roles(&self) -> bool {
        self.plan.seals.len() > 1
    }

    /// Whether the plan makes a point not applicable, and that is in force: the checklist allows it, the run needs
    /// only one seal, or the other role has signed it.
    #[must_use]
    pub fn is_exempt_by_plan(&self, point: &Point) -> bool {
        point.not_applicable.is_some() && !self.is_exemption_pending(point)
    }

    /// Whether the plan makes a point not applicable, but the other role has not signed it yet.
    #[must_use]
    pub fn is_exemption_pending(&self, point: &Point) -> bool {
        let signed =
            |state: &PointState| state.exemptions.iter().any(|act| self.role(&act.by) != self.opener_role());
        point.not_applicable.is_some()
            && self.needs_two_roles()
            && !self.lock.exempts(&self.plan, point)
            && !self.agreed_exemptions.contains(&point.id)
            && !self.points.get(&point.id).is_some_and(signed)
    }

    /// The role that still has to sign what the plan makes not applicable.
    #[must_use]
    pub fn other_role(&self) -> Role {
        self.opener_role().map_or(Role::Reviewer, Role::other)
    }

    fn opener_role(&self) -> Option<Role> {
        self.role(&self.opened_by)
    }

    fn role(&self, principal: &str) -> Option<Role> {
        self.operator(principal).map(|operator| operator.role)
    }

    pub(super) fn apply_proposed(&mut self, entry: &Entry, event: &ReplanProposed) {
        self.proposal = Some(Proposal {
            seq: entry.header.seq,
            hash: entry.hash,
            by: entry.header.by.clone(),
            changes: loosenings(&self.plan, &event.plan),
            plan: Arc::new(event.plan.clone()),
        });
    }

    pub(super) fn apply_replanned(&mut self, entry: &Entry, event: &Replanned) {
        let changes = loosenings(&self.plan, &event.plan);
        let proposed = self.proposal.take();
        if !changes.is_empty() {
            let by = proposed.map(|proposal| proposal.by).into_iter().chain([entry.header.by.clone()]);
            let (by, reason) = (by.collect(), event.reason.clone());
            self.loosened.push(LoosenedPlan { seq: entry.header.seq, by, reason, changes });
            self.agreed_exemptions.extend(newly_exempt(&self.plan, &event.plan));
        }
        self.switch_plan(&event.plan, &event.reset_points);
    }
}

/// The points that a plan makes not applicable and the previous plan did not, or for another reason.
fn newly_exempt(old: &Plan, new: &Plan) -> BTreeSet<PointId> {
    let before = |id: &str| old.point(id).and_then(|point| point.not_applicable.as_ref());
    let exempt = new.points().filter(|point| point.not_applicable.is_some());
    exempt
        .filter(|point| before(&point.id) != point.not_applicable.as_ref())
        .map(|point| point.id.clone())
        .collect()
}

impl Decider<'_> {
    pub(super) fn propose_replan(&self, plan: Plan) -> Result<Event, Rejection> {
        self.check_no_action_running()?;
        self.changed_points(&plan)?;
        if self.state.proposal.is_some() {
            return Err(Rejection::ProposalPending);
        }
        let refuse = |why: &str| Err(Rejection::InvalidPlan(why.to_owned()));
        if !self.state.needs_two_roles() {
            return refuse(
                "this run needs only one seal, so nobody else can accept it; give a reason instead",
            );
        }
        if loosenings(&self.state.plan, &plan).is_empty() {
            return refuse("it is not looser; it needs no proposal");
        }
        let plan_sha256 = plan.digest();
        Ok(ReplanProposed { plan, plan_sha256 }.into())
    }

    pub(super) fn withdraw_replan(&self, proposal: Sha256Hex) -> Result<Event, Rejection> {
        let pending = self.proposal(proposal)?;
        if pending.by != self.by {
            self.check_other_role(&pending.by)?;
        }
        Ok(ReplanWithdrawn { proposal }.into())
    }

    pub(super) fn replan(
        &self,
        plan: Plan,
        proposal: Option<Sha256Hex>,
        reason: Option<String>,
    ) -> Result<Event, Rejection> {
        self.check_no_action_running()?;
        let touched = self.changed_points(&plan)?;
        let reason = reason.map(|words| check_text(&words, "")).transpose()?;
        match proposal {
            Some(hash) => self.check_proposal(hash, &plan)?,
            None if self.state.proposal.is_some() => return Err(Rejection::ProposalPending),
            None => self.check_loosening_alone(&plan, reason.as_deref())?,
        }
        let plan_sha256 = plan.digest();
        Ok(Replanned { plan, plan_sha256, reset_points: touched, proposal, reason }.into())
    }

    fn check_proposal(&self, hash: Sha256Hex, plan: &Plan) -> Result<(), Rejection> {
        let pending = self.proposal(hash)?;
        if *pending.plan != *plan {
            return Err(Rejection::NoProposal);
        }
        self.check_other_role(&pending.by)
    }

    fn check_loosening_alone(&self, plan: &Plan, reason: Option<&str>) -> Result<(), Rejection> {
        let changes = loosenings(&self.state.plan, plan);
        if changes.is_empty() {
            return Ok(());
        }
        if self.state.needs_two_roles() {
            return Err(Rejection::LooserPlanNotProposed(list_changes(&changes)));
        }
        reason.map(|_| ()).ok_or(Rejection::ReasonNeeded("why may the plan be looser?"))
    }

    fn proposal(&self, hash: Sha256Hex) -> Result<&Proposal, Rejection> {
        self.state.proposal.as_ref().filter(|pending| pending.hash == hash).ok_or(Rejection::NoProposal)
    }

    fn check_other_role(&self, proposer: &str) -> Result<(), Rejection> {
        let other = self.state.role(proposer).map_or(Role::Reviewer, Role::other);
        if self.state.role(self.by) == Some(other) { Ok(()) } else { Err(Rejection::WrongRole(other)) }
    }

    /// The points that a new plan changes; they are reset. Also checks the parts that no plan may change.
    fn changed_points(&self, new: &Plan) -> Result<Vec<PointId>, Rejection> {
        let (old, refuse) = (&self.state.plan, |why: String| Err(Rejection::InvalidPlan(why)));
        if (&old.environment, &old.release, &old.checklist)
            != (&new.environment, &new.release, &new.checklist)
        {
            return refuse("it is for another environment, release or checklist".into());
        }
        let fixed = [
            ("production", old.production == new.production),
            ("rehearsal", old.rehearsal == new.rehearsal),
            ("solo", old.solo == new.solo),
            ("seals", old.seals == new.seals),
        ];
        let changed: Vec<&str> = fixed.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
        if !changed.is_empty() {
            return refuse(format!(
                "it changes {}, which are fixed when the run is opened",
                changed.join(" and ")
            ));
        }
        if let Some(missing) = old.points().find(|point| new.point(&point.id).is_none()) {
            return refuse(format!("it lacks {}", missing.id));
        }
        check_logged(new).and_then(|()| self.state.lock.check(new)).map_err(Rejection::InvalidPlan)?;
        let changed = |point: &&Point| old.point(&point.id) != Some(*point);
        Ok(new.points().filter(changed).map(|point| point.id.clone()).collect())
    }
}

fn list_changes(changes: &[PlanChange]) -> String {
    let mut names: Vec<_> = changes.iter().take(MAX_LISTED).map(|change| change.what.as_str()).collect();
    let more = format!("and {} more", changes.len().saturating_sub(MAX_LISTED));
    if changes.len() > MAX_LISTED {
        names.push(&more);
    }
    names.join("; ")
}
