//! Findings about the probes of a plan: settings that check nothing, and names that no observation has.

use super::{LintLevel, Linter};
use crate::checklist::observation_names::ObservationNames;
use crate::checklist::plan::{Plan, Probe};
use crate::checklist::probe_key::is_made_from;
use crate::checklist::source::{KeyPath, steps};
use crate::checklist::suggest::misspelled;
use crate::text::nearest;

impl Linter<'_> {
    /// Reports probes that have nothing to check: they would be errors.
    pub(super) fn check_empty_probes(&mut self, plan: &Plan) {
        let of_points =
            plan.points().flat_map(|point| point.probes.iter().map(move |probe| (&*point.id, probe)));
        let guards = plan.guards.iter().map(|guard| ("guard", guard));
        for (point, probe) in of_points.chain(guards) {
            let Some(spec) = &probe.spec else { continue };
            let Some(needed) = spec.needs_one_of() else { continue };
            let what = format!("{point}/{} checks nothing: a {} probe needs {needed}", probe.id, spec.kind());
            let path = self.path_of_probe(point, probe);
            self.report(
                LintLevel::Warning,
                &path,
                what,
                "add one of these settings to it, or remove the probe",
            );
        }
    }

    /// The path of a probe that the profile adds, or else of its point.
    fn path_of_probe(&self, point: &str, probe: &Probe) -> KeyPath {
        let file = &self.profile.file;
        if let Some(at) = file.guards.iter().position(|guard| point == "guard" && guard.id == probe.id) {
            return steps!["guard", at].to_vec();
        }
        for (index, added) in file.added_points.iter().enumerate().filter(|(_, added)| added.add.id == point)
        {
            if let Some(at) = added.add.probes.iter().position(|own| is_made_from(&probe.id, &own.id)) {
                return steps!["point", index, "add", "probe", at].to_vec();
            }
        }
        let own = file.points.get(point);
        let at = own.and_then(|point| point.probes.iter().position(|own| is_made_from(&probe.id, &own.id)));
        at.map_or_else(
            || steps!["points", point].to_vec(),
            |at| steps!["points", point, "probe", at].to_vec(),
        )
    }

    /// Reports names in `people` that no observation can have, as far as the names are known before the probes run.
    pub(super) fn check_people_names(&mut self, plan: &Plan) {
        for (id, overrides) in &self.profile.file.points {
            let Some(point) = plan.point(id) else { continue };
            let known = ObservationNames::of(point.probes.iter().map(|probe| probe.spec.as_ref()));
            for (index, name) in overrides.people.iter().enumerate().filter(|(_, name)| !known.has(name)) {
                let names = || known.names.iter().map(String::as_str);
                // Where others are possible, only a typo is certainly none of them.
                let near = if known.is_complete { nearest(name, names()) } else { misspelled(name, names()) };
                let hint = match near {
                    Some(near) => format!("did you mean {near:?}?"),
                    None if known.is_complete => format!("known ones are {}", known.names.join(", ")),
                    None => continue,
                };
                let what = format!("people: no observation of {id} has the name {name:?}");
                let path = steps!["points", id.as_str(), "people", index];
                self.report(LintLevel::Warning, &path, what, hint);
            }
        }
    }
}
