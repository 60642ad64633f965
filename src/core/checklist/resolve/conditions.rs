//! Evaluates on which values of a profile a point or a probe depends.

use super::{Origin, Resolver};
use crate::checklist::file::{Condition, OneOrMore, PointFile, ProbeFile};
use crate::checklist::plan::{Confirm, Tailoring};
use crate::checklist::source::steps;
use crate::checklist::spec::Scalar;
use crate::checklist::template::{TemplateResult, is_reference, unknown_value, whole_name};
use crate::text;

/// The longest value that is shown, in bytes.
const MAX_SHOWN: usize = 80;
/// The values that are known only when a run is opened.
const OF_RUN: [&str; 2] = ["release", "previous"];

impl Resolver<'_> {
    /// Why a point does not apply, if its condition is not met, or none of its probes' is and nothing else is to be done.
    pub(super) fn unmet_of_point(&mut self, file: &PointFile, origin: &Origin) -> Option<String> {
        let own = file.when.as_ref().and_then(|when| self.unmet(&file.id, when, origin));
        if own.is_some() || file.confirm != Confirm::None || !file.actions.is_empty() {
            return own;
        }
        let probes = file.probes.iter().enumerate().map(|(index, probe)| {
            let origin = Origin { source: origin.source, path: origin.below(&steps!["probe", index]) };
            probe.when.as_ref().and_then(|when| self.unmet(&file.id, when, &origin))
        });
        let reasons: Option<Vec<_>> = probes.collect();
        reasons.and_then(|reasons| reasons.into_iter().next())
    }

    /// Whether a probe is left out since its condition is not met; the plan lists it.
    pub(super) fn is_left_out(&mut self, point: &str, file: &ProbeFile, origin: &Origin) -> bool {
        let unmet = file.when.as_ref().and_then(|when| self.unmet(point, when, origin));
        let is_left_out = unmet.is_some();
        self.tailored.extend(unmet.map(|reason| Tailoring {
            point: point.to_owned(),
            what: format!("probe {} not applicable: {reason}", file.id),
        }));
        is_left_out
    }

    /// Why a condition is not met; none if it is. Reports a condition that cannot be evaluated.
    fn unmet(&mut self, point: &str, when: &Condition, origin: &Origin) -> Option<String> {
        let name = whole_name(&when.value).unwrap_or(&when.value).to_owned();
        let mut result = TemplateResult::default();
        result.used.insert(name.clone());
        self.record_template_result(point, &mut result, origin);
        match self.evaluate(&name, when) {
            Ok(unmet) => unmet,
            Err(what) => {
                self.problems.push(origin.problem(&steps!["when"], what));
                None
            }
        }
    }

    /// Why a condition is not met.
    ///
    /// # Errors
    /// Why it cannot be evaluated.
    fn evaluate(&self, name: &str, when: &Condition) -> Result<Option<String>, String> {
        let Some(value) = self.filler.look_up(name) else {
            if let Some(near) = self.filler.similar_name(name) {
                return Err(unknown_value(name, &near));
            }
            return match (&when.is, &when.is_not) {
                _ if OF_RUN.contains(&name) => Ok(None),
                (None, None) => Ok(Some(format!("only if {name} is set"))),
                _ => Err(format!("the value {name} is missing: `when` depends on it")),
            };
        };
        let seen = shown(value);
        match (&when.is, &when.is_not) {
            (Some(_), Some(_)) => Err("expected `is` or `is_not`, found both".into()),
            (None, None) => {
                let is_off = value.as_bool() == Some(false);
                Ok(is_off.then(|| format!("only if {name} is set, and it is false")))
            }
            (Some(expected), None) => {
                let is_met = contains(expected, name, value)?;
                Ok((!is_met).then(|| format!("only if {name} is {}, and it is {seen}", listed(expected))))
            }
            (None, Some(other)) => {
                let is_unmet = contains(other, name, value)?;
                Ok(is_unmet.then(|| format!("only if {name} is not {}, and it is {seen}", listed(other))))
            }
        }
    }
}

/// Whether a value is one of these.
///
/// # Errors
/// It can be none of them.
fn contains(these: &OneOrMore, name: &str, value: &toml::Value) -> Result<bool, String> {
    if these.all().is_empty() {
        return Err("expected one or more values, found an empty list".into());
    }
    let is_scalar = value.is_str() || value.is_integer() || value.is_bool();
    if !is_scalar {
        return Err(format!(
            "{name} is {}: expected a string, an integer or a boolean to compare",
            shown(value)
        ));
    }
    let is = |expected: &Scalar| match expected {
        Scalar::Text(text) => value.as_str() == Some(text),
        Scalar::Integer(number) => value.as_integer() == Some(*number),
        Scalar::Bool(flag) => value.as_bool() == Some(*flag),
    };
    Ok(these.all().iter().any(is))
}

fn listed(these: &OneOrMore) -> String {
    these.all().iter().map(|value| text::clip(&value.to_string(), MAX_SHOWN)).collect::<Vec<_>>().join(" or ")
}

fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text::clip(text, MAX_SHOWN),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Boolean(flag) => flag.to_string(),
        toml::Value::Table(table) if is_reference(table) => "a reference to a secret".into(),
        other => format!("a value of type {}", other.type_str()),
    }
}

#[cfg(test)]
mod tests {
    use crate::checklist::{Checklist, ExemptionRule, Lock, Plan, Profile, Promotion, SourceFile, resolve};

    fn load(point: &str, values: &str) -> (Checklist, Result<Plan, String>) {
        let checklist = format!(
            "name = 'mine'\n[[section]]\nid = 's'\ntitle = 'S'\n[[section.point]]\nid = 's.db'\ntitle = 'D'\n\
             why = 'w'\n{point}"
        );
        let checklist = Checklist::parse(SourceFile::new("c.toml", checklist)).unwrap();
        let profile = format!("environment = 't'\n[values]\n{values}");
        let profile = Profile::parse(SourceFile::new("p.toml", profile)).unwrap();
        let plan = resolve(&checklist, &profile, &Promotion::default()).map_err(|error| error.to_string());
        (checklist, plan)
    }

    fn plan(point: &str, values: &str) -> Plan {
        load(point, values).1.unwrap()
    }

    const PROBE: &str =
        "[[section.point.probe]]\nid = 'up'\ntitle = 't'\nkind = 'tcp'\nwith = { host = 'h', port = 1 }\n";

    #[test]
    fn a_point_applies_by_a_value() {
        for (when, values, reason) in [
            ("{ value = 'db.engine', is = 'postgres' }", "db.engine = 'postgres'", None),
            (
                "{ value = 'db.engine', is = 'postgres' }",
                "db.engine = 'mysql'",
                Some("only if db.engine is postgres, and it is mysql"),
            ),
            ("{ value = '{{ db.engine }}', is = ['postgres', 'mysql'] }", "db.engine = 'mysql'", None),
            ("{ value = 'n', is_not = 1 }", "n = 1", Some("only if n is not 1, and it is 1")),
            ("{ value = 'n', is_not = 1 }", "n = '1'", None),
            ("{ value = 'queue' }", "queue = true", None),
            ("{ value = 'queue' }", "queue = false", Some("only if queue is set, and it is false")),
            ("{ value = 'queue' }", "", Some("only if queue is set")),
            ("{ value = 'environment', is = 't' }", "", None),
            ("{ value = 'release', is = 'v1' }", "", None),
        ] {
            let plan = plan(&format!("when = {when}\n{PROBE}"), values);
            let point = plan.point("s.db").unwrap();
            assert_eq!(point.not_applicable.as_deref(), reason, "{when} {values}");
            assert_eq!(point.probes.len(), 1, "a profile may enable it");
        }
    }

    #[test]
    fn a_probe_is_left_out_by_a_value_and_the_plan_lists_it() {
        let when = "when = { value = 'tls', is = true }\n";
        let second = PROBE.replace("'up'", "'tls'");
        let both = format!("{PROBE}{second}{when}");
        let with = plan(&both, "tls = false");
        let point = with.point("s.db").unwrap();
        assert_eq!((point.probes.len(), &point.not_applicable), (1, &None));
        let listed: Vec<_> = with.tailored.iter().map(|change| change.what.as_str()).collect();
        assert_eq!(listed, ["probe tls not applicable: only if tls is true, and it is false"]);
        assert_eq!(plan(&both, "tls = true").point("s.db").unwrap().probes.len(), 2);
        // Nothing is left to check: never silently green.
        let (checklist, only) = load(&format!("{PROBE}{when}"), "tls = false");
        let only = only.unwrap();
        let reason = "only if tls is true, and it is false";
        assert_eq!(only.point("s.db").unwrap().not_applicable.as_deref(), Some(reason));
        assert_eq!(Lock::of(&checklist).0[0].points[0].not_applicable, ExemptionRule::Always);
    }

    #[test]
    fn a_condition_that_cannot_be_evaluated_is_reported() {
        for (when, values, message) in [
            (
                "{ value = 'db.engine', is = 'x' }",
                "",
                "c.toml:9:1: the value db.engine is missing: `when` depends on it",
            ),
            (
                "{ value = 'db.engnie' }",
                "db.engine = 'x'",
                "unknown value db.engnie; did you mean {{ db.engine }}?",
            ),
            ("{ value = 'n', is = 1, is_not = 2 }", "n = 1", "expected `is` or `is_not`, found both"),
            ("{ value = 'n', is = [] }", "n = 1", "found an empty list"),
            ("{ value = 'n', is = 1 }", "n = [1]", "n is a value of type array: expected a string"),
            ("{ value = 'n', is = 'x' }", "n = { env = 'N' }", "n is a reference to a secret"),
        ] {
            let error = load(&format!("when = {when}\n{PROBE}"), values).1.unwrap_err();
            assert!(error.contains(message), "{when}: {error}");
        }
    }
}
