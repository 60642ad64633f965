//! Applies a profile's changes to a control point. They can tighten it; loosening is an error.

use std::fmt::Display;
use std::time::Duration;

use super::file::PointFile;
use super::plan::{Confirm, Point, Tailoring};
use super::probe_key::is_made_from;
use super::profile::{PointOverrides, Profile, problem_at_point};
use super::resolve::millis;
use crate::error::Problem;
use crate::time::exact_span as span;

/// Applies the profile's changes to `point`, and returns the list of changes.
pub(super) fn apply_overrides(
    point: &mut Point,
    file: &PointFile,
    overrides: &PointOverrides,
    profile: &Profile,
    problems: &mut Vec<Problem>,
) -> Vec<Tailoring> {
    let mut changes = OverrideApplier { point: point.id.clone(), profile, problems, changes: Vec::new() };
    changes.apply_freshness(point, overrides);
    changes.apply_confirmations(point, overrides);
    changes.apply_applicability(point, overrides);
    changes.apply_to_probes(point, overrides);
    changes.apply_left_out(point, file, overrides);
    changes.apply_people(point, overrides);
    changes.changes
}

struct OverrideApplier<'a> {
    point: String,
    profile: &'a Profile,
    problems: &'a mut Vec<Problem>,
    changes: Vec<Tailoring>,
}

impl OverrideApplier<'_> {
    fn record(&mut self, what: String) {
        self.changes.push(Tailoring { point: self.point.clone(), what });
    }

    fn reject_loosening(&mut self, key: &str, default: impl Display, value: impl Display) {
        let what =
            format!("{} can be tightened, not loosened: {key} is {default}, found {value}", self.point);
        self.problems.push(problem_at_point(self.profile, &self.point, key, what));
    }

    fn apply_freshness(&mut self, point: &mut Point, overrides: &PointOverrides) {
        let Some(value) = overrides.fresh.map(|fresh| fresh.0) else { return };
        let default = point.freshness();
        if value > default {
            self.reject_loosening("fresh", span(default), span(value));
        } else if value < default {
            point.fresh_ms = millis(value);
            self.record(format!("fresh for {} (default {})", span(value), span(default)));
        }
    }

    fn apply_confirmations(&mut self, point: &mut Point, overrides: &PointOverrides) {
        let name = |confirm| match confirm {
            Confirm::None => "none",
            Confirm::One => "one",
            Confirm::Two => "two",
        };
        match overrides.confirm {
            Some(value) if value < point.confirm => {
                self.reject_loosening("confirm", name(point.confirm), name(value));
            }
            Some(value) if value > point.confirm => {
                self.record(format!("confirmed by {} (default {})", name(value), name(point.confirm)));
                point.confirm = value;
            }
            _ => {}
        }
        match overrides.mandatory {
            Some(false) if point.mandatory => self.reject_loosening("mandatory", true, false),
            Some(true) if !point.mandatory => {
                point.mandatory = true;
                self.record("made mandatory".into());
            }
            _ => {}
        }
    }

    fn apply_applicability(&mut self, point: &mut Point, overrides: &PointOverrides) {
        if let Some(reason) = overrides.not_applicable.as_ref().map(|reason| reason.trim()) {
            if reason.is_empty() {
                let what = format!("{}: not_applicable requires a reason", self.point);
                self.problems.push(problem_at_point(self.profile, &self.point, "not_applicable", what));
            }
            self.record(format!("not applicable: {reason}"));
            point.not_applicable = Some(reason.to_owned());
        } else if overrides.applicable && point.not_applicable.take().is_some() {
            self.record("enabled (default not applicable)".into());
        }
    }

    fn apply_to_probes(&mut self, point: &mut Point, overrides: &PointOverrides) {
        if let Some(deadline) = overrides.deadline.map(|deadline| deadline.0) {
            point.probes.iter_mut().for_each(|probe| probe.deadline_ms = millis(deadline));
            self.record(format!("timeout of probes {}", span(deadline)));
        }
        if let Some(retries) = overrides.retries {
            point.probes.iter_mut().for_each(|probe| probe.retries = retries);
            self.record(format!("up to {retries} retries of probes"));
        }
        if let Some(value) = overrides.within.map(|within| within.0) {
            self.apply_within(point, value);
        }
        if let Some(value) = overrides.hold.map(|hold| hold.0) {
            self.apply_hold(point, value);
        }
        self.check_span(point, overrides);
    }

    /// A probe that must pass for longer than it has time never passes.
    fn check_span(&mut self, point: &Point, overrides: &PointOverrides) {
        let is_set = overrides.within.is_some() || overrides.hold.is_some();
        let Some(probe) = point.probes.iter().find(|probe| is_set && probe.hold_ms > probe.within_ms) else {
            return;
        };
        let [hold, within] = [probe.hold_ms, probe.within_ms].map(|ms| span(Duration::from_millis(ms)));
        let what = format!(
            "{}/{}: hold is {hold} and within is {within}: it would never pass for long enough",
            self.point, probe.id
        );
        let key = if overrides.within.is_some() { "within" } else { "hold" };
        self.problems.push(problem_at_point(self.profile, &self.point, key, what));
    }

    /// The time in which it must pass grows with a longer one, or it could not pass. Only a production environment
    /// refuses a shorter one: brokers of tests may retry sooner.
    fn apply_hold(&mut self, point: &mut Point, value: Duration) {
        for probe in point.probes.iter_mut().filter(|probe| probe.hold_ms > 0) {
            if self.profile.file.production && millis(value) < probe.hold_ms {
                self.reject_loosening("hold", span(Duration::from_millis(probe.hold_ms)), span(value));
            }
            probe.within_ms += millis(value).saturating_sub(probe.hold_ms);
            probe.hold_ms = millis(value);
        }
        self.record(format!("probes keep passing for {}", span(value)));
    }

    fn apply_within(&mut self, point: &mut Point, value: Duration) {
        for probe in point.probes.iter_mut().filter(|probe| probe.within_ms > 0) {
            if millis(value) > probe.within_ms {
                self.reject_loosening("within", span(Duration::from_millis(probe.within_ms)), span(value));
            }
            probe.within_ms = millis(value).min(probe.within_ms);
        }
        self.record(format!("probes retried until they pass, up to {}", span(value)));
    }

    /// Hands observations to people. The point then needs one of them.
    fn apply_people(&mut self, point: &mut Point, overrides: &PointOverrides) {
        for what in &overrides.people {
            self.record(format!("confirmed by people if not observed: {what}"));
        }
        if !overrides.people.is_empty() {
            point.confirm = point.confirm.max(Confirm::One);
            point.probes.iter_mut().for_each(|probe| probe.people.clone_from(&overrides.people));
        }
    }

    /// Leaves out optional probes, and actions: probes of an action's result still run.
    fn apply_left_out(&mut self, point: &mut Point, file: &PointFile, overrides: &PointOverrides) {
        for (id, reason) in &overrides.leave_out {
            let is_action = file.actions.iter().any(|action| action.id == *id);
            let probe = file.probes.iter().find(|probe| probe.id == *id).filter(|_| !is_action);
            let problem = match probe {
                None if is_action && !reason.trim().is_empty() => None,
                None if is_action => {
                    Some(format!("{}: leaving out action {id} requires a reason", self.point))
                }
                None => Some(format!("{} has no probe or action {id}", self.point)),
                Some(probe) if !probe.optional => {
                    Some(format!("{}: probe {id} is not optional and cannot be left out", self.point))
                }
                Some(_) if reason.trim().is_empty() => {
                    Some(format!("{}: leaving out probe {id} requires a reason", self.point))
                }
                Some(_) => None,
            };
            if let Some(what) = problem {
                self.problems.push(problem_at_point(self.profile, &self.point, "leave_out", what));
            } else {
                if is_action {
                    point.actions.retain(|action| action.id != *id);
                    point
                        .probes
                        .iter_mut()
                        .filter(|probe| probe.after_action.as_ref() == Some(id))
                        .for_each(|probe| probe.after_action = None);
                } else {
                    point.probes.retain(|probe| !is_made_from(&probe.id, id));
                }
                self.record(format!("{id} left out: {}", reason.trim()));
            }
        }
    }
}
