//! Changed plans in a run: proposals, loosened plans, and the points that the plan makes not applicable.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::command::Refusal;
use super::decide::{Case, worded};
use super::known::PointState;
use super::state::RunState;
use crate::checklist::{Plan, PlanChange, Point, PointId, Role, check_logged, loosenings};
use crate::journal::entry::{Entry, Event, ReplanProposed, ReplanWithdrawn, Replanned};
use crate::outcome::Sha256Hex;

/// How many changes a rejection lists.
const NAMED: usize = 3;

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
pub struct Loosened {
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
    pub fn takes_two(&self) -> bool {
        self.plan.seals.len() > 1
    }

    /// Whether the plan makes a point not applicable, and that is in force: the checklist allows it, the run needs
    /// only one seal, or the other role has signed it.
    #[must_use]
    pub fn is_exempt_by_plan(&self, point: &Point) -> bool {
        point.not_applicable.is_some() && !self.waits_for_exemption(point)
    }

    /// Whether the plan makes a point not applicable, but the other role has not signed it yet.
    #[must_use]
    pub fn waits_for_exemption(&self, point: &Point) -> bool {
        let signed =
            |state: &PointState| state.exemptions.iter().any(|act| self.role(&act.by) != self.opener_role());
        point.not_applicable.is_some()
            && self.takes_two()
            && !self.lock.exempts(&self.plan, point)
            && !self.agreed.contains(&point.id)
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
        self.operator(principal).map(|who| who.role)
    }

    pub(super) fn proposed(&mut self, entry: &Entry, event: &ReplanProposed) {
        self.proposal = Some(Proposal {
            seq: entry.header.seq,
            hash: entry.hash,
            by: entry.header.by.clone(),
            changes: loosenings(&self.plan, &event.plan),
            plan: Arc::new(event.plan.clone()),
        });
    }

    pub(super) fn replanned(&mut self, entry: &Entry, event: &Replanned) {
        let changes = loosenings(&self.plan, &event.plan);
        let proposed = self.proposal.take();
        if !changes.is_empty() {
            let by = proposed.map(|proposal| proposal.by).into_iter().chain([entry.header.by.clone()]);
            let (by, reason) = (by.collect(), event.reason.clone());
            self.loosened.push(Loosened { seq: entry.header.seq, by, reason, changes });
            self.agreed.extend(newly_exempt(&self.plan, &event.plan));
        }
        self.replan(&event.plan, &event.touched);
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

impl Case<'_> {
    pub(super) fn propose_replan(&self, plan: Plan) -> Result<Event, Refusal> {
        self.is_at_rest()?;
        self.touched(&plan)?;
        if self.state.proposal.is_some() {
            return Err(Refusal::ProposalPending);
        }
        let refuse = |why: &str| Err(Refusal::Plan(why.to_owned()));
        if !self.state.takes_two() {
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

    pub(super) fn withdraw_replan(&self, proposal: Sha256Hex) -> Result<Event, Refusal> {
        let pending = self.proposal(proposal)?;
        if pending.by != self.by {
            self.is_of_the_other_role(&pending.by)?;
        }
        Ok(ReplanWithdrawn { proposal }.into())
    }

    pub(super) fn replan(
        &self,
        plan: Plan,
        proposal: Option<Sha256Hex>,
        reason: Option<String>,
    ) -> Result<Event, Refusal> {
        self.is_at_rest()?;
        let touched = self.touched(&plan)?;
        let reason = reason.map(|words| worded(&words, "")).transpose()?;
        match proposal {
            Some(hash) => self.accepts(hash, &plan)?,
            None if self.state.proposal.is_some() => return Err(Refusal::ProposalPending),
            None => self.may_loosen_alone(&plan, reason.as_deref())?,
        }
        let plan_sha256 = plan.digest();
        Ok(Replanned { plan, plan_sha256, touched, proposal, reason }.into())
    }

    fn accepts(&self, hash: Sha256Hex, plan: &Plan) -> Result<(), Refusal> {
        let pending = self.proposal(hash)?;
        if *pending.plan != *plan {
            return Err(Refusal::NoProposal);
        }
        self.is_of_the_other_role(&pending.by)
    }

    fn may_loosen_alone(&self, plan: &Plan, reason: Option<&str>) -> Result<(), Refusal> {
        let changes = loosenings(&self.state.plan, plan);
        if changes.is_empty() {
            return Ok(());
        }
        if self.state.takes_two() {
            return Err(Refusal::LooserPlan(named(&changes)));
        }
        reason.map(|_| ()).ok_or(Refusal::ReasonNeeded("why may the plan be looser?"))
    }

    fn proposal(&self, hash: Sha256Hex) -> Result<&Proposal, Refusal> {
        self.state.proposal.as_ref().filter(|pending| pending.hash == hash).ok_or(Refusal::NoProposal)
    }

    fn is_of_the_other_role(&self, proposer: &str) -> Result<(), Refusal> {
        let other = self.state.role(proposer).map_or(Role::Reviewer, Role::other);
        if self.state.role(self.by) == Some(other) { Ok(()) } else { Err(Refusal::NotTheirs(other)) }
    }

    /// The points that a new plan changes; they are reset. Also checks the parts that no plan may change.
    fn touched(&self, new: &Plan) -> Result<Vec<PointId>, Refusal> {
        let (old, refuse) = (&self.state.plan, |why: String| Err(Refusal::Plan(why)));
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
        if let Some(gone) = old.points().find(|point| new.point(&point.id).is_none()) {
            return refuse(format!("it lacks {}", gone.id));
        }
        check_logged(new).and_then(|()| self.state.lock.check(new)).map_err(Refusal::Plan)?;
        let changed = |point: &&Point| old.point(&point.id) != Some(*point);
        Ok(new.points().filter(changed).map(|point| point.id.clone()).collect())
    }
}

fn named(changes: &[PlanChange]) -> String {
    let mut names: Vec<_> = changes.iter().take(NAMED).map(|change| change.what.as_str()).collect();
    let more = format!("and {} more", changes.len().saturating_sub(NAMED));
    if changes.len() > NAMED {
        names.push(&more);
    }
    names.join("; ")
}
