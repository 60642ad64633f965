//! The guide (`!`): what must be done next, in the order in which it must be done; and the obvious thing (`Enter`) to do
//! about a point.

use super::ChecklistView;
use crate::tui::context::Context;
use crate::tui::dialogs::verdict::{VerdictDialog, can_record};
use crate::tui::dialogs::{DialogLayer, plan_proposal, switch_operator};
use crate::tui::keymap::Intent;
use crate::tui::layer::Effect;
use gonogo_core::checklist::{Point, PointId};
use gonogo_core::run::{Status, explain};
use gonogo_core::text;

impl Context<'_> {
    /// The key that does the obvious thing about a point, if there is one.
    pub fn obvious_intent(&self, point: &Point) -> Option<Intent> {
        let status = self.status(point);
        let intent = match &status {
            Status::NeedsConfirmation { .. } if !self.needs_my_confirmation(point, &status) => None,
            Status::NeedsConfirmation { .. } if self.run.state.is_exemption_pending(point) => {
                Some(Intent::Exempt)
            }
            Status::NeedsConfirmation { .. } => Some(Intent::Confirm),
            Status::NeedsAction(_) => Some(Intent::RunAction),
            Status::Running(_) => Some(Intent::Output),
            Status::Stale => Some(Intent::RunProbes),
            _ => None,
        };
        intent.filter(|intent| self.is_available(*intent, Some(point)))
    }

    /// Whether the release is being rolled back: its next step comes before anything else.
    fn is_rolling_back(&self) -> bool {
        self.run.state.is_rolling_back()
            && self.run.state.rolled_back.is_none()
            && !self.run.state.is_closing()
    }

    /// Whether a point's action comes after something that is in progress: an action, or what an earlier point of its
    /// section still waits for. The guide does not lead there first, even where the action could already start.
    fn comes_later(&self, point: &Point) -> bool {
        if !matches!(self.status(point), Status::NeedsAction(_)) {
            return false;
        }
        let section = self.plan().section_of(&point.id);
        let before =
            section.into_iter().flat_map(|section| &section.points).take_while(|other| other.id != point.id);
        self.run.state.running_action().is_some()
            || self.run.in_flight.preparing_action.is_some()
            || before.into_iter().any(|other| self.status(other) == Status::Pending)
    }

    /// What is in progress, if anything is: it ends by itself.
    fn describe_progress(&self) -> Option<String> {
        if let Some((key, _)) = self.run.state.running_action() {
            return Some(format!("{key} is running: wait for its end; o shows its output"));
        }
        let is_probed = |point: &&Point| self.probing_time(&point.id).is_some();
        let point = self.plan().points().find(is_probed)?;
        Some(format!("wait: {} is being probed", point.id))
    }

    /// The first point that needs another operator.
    fn point_for_other(&self) -> Option<&Point> {
        let waits = |point: &&Point| match self.status(point) {
            Status::NeedsConfirmation { .. } => true,
            Status::NeedsAction(_) => !self.is_driver(),
            _ => false,
        };
        let mut points = self.plan().points();
        points.find(waits).filter(|_| self.can_act() && !self.run.state.is_closing())
    }

    /// Whether only another operator's seal is missing.
    fn waits_for_other_seal(&self) -> bool {
        let state = &self.run.state;
        !state.seals.is_empty() && !state.is_ended() && !self.can_seal() && self.can_act()
    }
}

impl ChecklistView {
    /// Goes to what must be done next, and says where: the proposed plan, the next step of a rollback, the first point
    /// that needs a person, another operator's confirmation, the verdict, the seal. If the guide was asked just before,
    /// the point after that one.
    pub fn guide(&mut self, cx: &Context) -> Vec<Effect> {
        let proposal = plan_proposal::open(cx);
        if plan_proposal::can_accept(cx) && proposal.is_some() {
            return proposal.into_iter().collect();
        }
        if cx.is_rolling_back() {
            let next = "rollback: next is the selected step; a or Enter runs it";
            return vec![Effect::OpenRollback, Effect::Notify(next.to_owned())];
        }
        // Once sealing has begun, only seals are left.
        if let Some(point) = self.next_point(cx).filter(|_| !cx.run.state.is_closing()) {
            return self.show(cx, &point.id.clone(), describe_next(cx, point));
        }
        if let Some(proposal) = proposal {
            return vec![proposal];
        }
        self.guide_to_end(cx)
    }

    /// The first point in the plan's order that needs a person; after one that the guide has just shown, the next one.
    fn next_point<'a>(&self, cx: &Context<'a>) -> Option<&'a Point> {
        let is_next = |point: &&Point| cx.needs_human(point) && !cx.comes_later(point);
        let open: Vec<_> = cx.plan().points().filter(is_next).collect();
        let shown = self.last_guided.as_ref();
        let after = open.iter().position(|point| Some(&point.id) == shown).map_or(0, |index| index + 1);
        open.get(after).or_else(|| open.first()).copied()
    }

    /// Selects a point, without a filter that hides it.
    pub fn reveal(&mut self, cx: &Context, id: &PointId) {
        self.selection.select_by_id(cx.plan(), id);
        if self.point_id(cx.plan()).as_ref() != Some(id) {
            self.clear_filter(cx);
            self.selection.select_by_id(cx.plan(), id);
        }
    }

    fn show(&mut self, cx: &Context, id: &PointId, notice: String) -> Vec<Effect> {
        self.reveal(cx, id);
        self.last_guided = Some(id.clone());
        vec![Effect::Notify(notice)]
    }

    /// No point needs this operator: another operator, the verdict, or the seal is next.
    fn guide_to_end(&mut self, cx: &Context) -> Vec<Effect> {
        if let Some(point) = cx.point_for_other() {
            let (id, label) = (point.id.clone(), cx.status(point).label());
            if cx.session.local_operators.len() > 1 {
                return vec![
                    switch_operator::open(cx),
                    Effect::Notify(format!("{id} {label} by another operator")),
                ];
            }
            let notice = format!("{id} {label} by another operator: p takes their key at this screen");
            return self.show(cx, &id, notice);
        }
        if cx.waits_for_other_seal() {
            return vec![switch_operator::open(cx), Effect::Notify(cx.describe_seals(&[]))];
        }
        let is_every_point_done = cx.judgement.done_count() == cx.plan().points().count();
        if cx.can_act() && (cx.can_seal() || (is_every_point_done && can_record(cx))) {
            return vec![Effect::open(DialogLayer::new(VerdictDialog))];
        }
        vec![Effect::Notify(cx.describe_progress().unwrap_or_else(|| cx.describe_rest()))]
    }
}

/// What must be done about a point, and the key for it.
fn describe_next(cx: &Context, point: &Point) -> String {
    let status = cx.status(point);
    let why = explain(&cx.judgement, &point.id, &status);
    let key = match cx.obvious_intent(point) {
        Some(Intent::Confirm) => " · Enter shows the evidence to confirm",
        Some(Intent::RunAction) => " · Enter shows the command to run",
        Some(Intent::Exempt) => " · Enter asks for the reason",
        _ => "",
    };
    let why = if why.is_empty() { String::new() } else { format!(": {}", text::line(&why)) };
    format!("{} {}{why}{key}", point.id, status.label())
}
