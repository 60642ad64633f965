//! The changes from one plan to another that make it looser.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::plan::Plan;

/// One change from one plan to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanChange {
    /// What is changed: `infra.redis, probe server, deadline_ms`.
    pub what: String,
    /// What it was, as JSON; absent where it is new.
    pub old: Option<String>,
    /// What it becomes, as JSON; absent where it is removed.
    pub new: Option<String>,
}

/// Every change that makes the new plan looser: any change except filling in a missing value, adding a control point, a
/// probe or a confirmation, or making a point mandatory or its results stale sooner.
#[must_use]
pub fn loosenings(old: &Plan, new: &Plan) -> Vec<PlanChange> {
    if old == new {
        return Vec::new();
    }
    let json = |plan: &Plan| serde_json::to_value(plan).unwrap_or_default();
    let mut walk = PlanDiff { at: Vec::new(), changes: Vec::new() };
    walk.compare_values(&json(old), &json(new));
    walk.changes
}

/// The lists whose members have ids, and the label of a member.
const PARTS: [(&str, &str); 7] = [
    ("sections", "section "),
    ("points", ""),
    ("probes", "probe "),
    ("actions", "action "),
    ("guards", "guard "),
    ("checks", "check "),
    ("rollback", "rollback step "),
];

struct PlanDiff {
    /// The path of names to the current values.
    at: Vec<String>,
    changes: Vec<PlanChange>,
}

impl PlanDiff {
    fn compare_values(&mut self, old: &Value, new: &Value) {
        match (old, new) {
            _ if old == new => {}
            (Value::Object(old), Value::Object(new)) => self.compare_fields(old, new),
            (Value::Array(old), Value::Array(new)) if self.is_in_a_list_of_parts() => {
                self.compare_parts(old, new);
            }
            _ if self.is_tighter(old, new) => {}
            _ => self.record(Some(old), Some(new)),
        }
    }

    fn compare_fields(&mut self, old: &Map<String, Value>, new: &Map<String, Value>) {
        let was_missing = missing(old).is_some_and(|names| !names.is_empty());
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            self.at.push(name.clone());
            let (was, is) = (old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null));
            let is_filled = was_missing && was.is_null() && (name == "spec" || name == "program");
            if !is_filled {
                self.compare_field(was, is);
            }
            self.at.pop();
        }
    }

    /// A missing field equals an empty list.
    fn compare_field(&mut self, was: &Value, is: &Value) {
        let empty = Value::Array(Vec::new());
        match (was, is) {
            (Value::Null, Value::Array(_)) => self.compare_values(&empty, is),
            (Value::Array(_), Value::Null) => self.compare_values(was, &empty),
            _ => self.compare_values(was, is),
        }
    }

    fn is_in_a_list_of_parts(&self) -> bool {
        self.at.last().is_some_and(|name| PARTS.iter().any(|(list, _)| list == name))
    }

    /// Compares lists of sections, points, probes and actions by their ids.
    fn compare_parts(&mut self, old: &[Value], new: &[Value]) {
        let order = |these: &[Value], those: &[Value]| -> Vec<String> {
            these.iter().filter(|part| find(those, part).is_some()).map(|part| id(part).to_owned()).collect()
        };
        let (was, is) = (order(old, new), order(new, old));
        if was != is {
            self.with_name("order", |walk| walk.record(Some(&was.into()), Some(&is.into())));
        }
        for old_part in old {
            let title = self.title(old_part);
            self.with_name(&title, |walk| match find(new, old_part) {
                Some(other) => walk.compare_values(old_part, other),
                None => walk.record(Some(old_part), None),
            });
        }
        let adds_checks = self.at.last().is_none_or(|list| list != "actions" && list != "rollback");
        for new_part in new.iter().filter(|new_part| find(old, new_part).is_none() && !adds_checks) {
            let title = self.title(new_part);
            self.with_name(&title, |walk| walk.record(None, Some(new_part)));
        }
    }

    fn with_name(&mut self, name: &str, work: impl FnOnce(&mut Self)) {
        self.at.push(name.to_owned());
        work(self);
        self.at.pop();
    }

    /// Whether a value becomes only tighter.
    fn is_tighter(&self, old: &Value, new: &Value) -> bool {
        match (self.at.last().map(String::as_str), old, new) {
            (Some("confirm"), _, _) => people(old) < people(new),
            (Some("mandatory"), Value::Bool(false), Value::Bool(true)) => true,
            (Some("fresh_ms"), _, _) => new.as_u64() < old.as_u64(),
            (Some("missing"), Value::Array(old), Value::Array(new)) => {
                new.iter().all(|name| old.contains(name))
            }
            (Some("tailored"), Value::Array(old), Value::Array(new)) => {
                old.iter().all(|entry| new.contains(entry))
            }
            (Some("contacts"), Value::Array(old), _) => old.is_empty(),
            _ => false,
        }
    }

    /// The title of a member: its id, with a label unless it is a point.
    fn title(&self, member: &Value) -> String {
        let kind = PARTS.iter().find(|(list, _)| self.at.last().is_some_and(|name| name == list));
        format!("{}{}", kind.map_or("", |(_, kind)| kind), id(member))
    }

    fn record(&mut self, old: Option<&Value>, new: Option<&Value>) {
        let names = self.at.iter().filter(|name| !PARTS.iter().any(|(list, _)| list == name));
        let names: Vec<&str> = names.map(String::as_str).collect();
        // A point's id contains its section.
        let is_point = self.at.get(2).is_some_and(|name| name == "points") && names.get(1) != Some(&"order");
        let from = usize::from(is_point);
        let shown = |value: Option<&Value>| value.filter(|value| !value.is_null()).map(ToString::to_string);
        self.changes.push(PlanChange { what: names[from..].join(", "), old: shown(old), new: shown(new) });
    }
}

fn missing(object: &Map<String, Value>) -> Option<&Vec<Value>> {
    object.get("missing")?.as_array()
}

fn people(confirm: &Value) -> usize {
    ["none", "one", "two"].iter().position(|word| confirm == word).unwrap_or(0)
}

fn id(member: &Value) -> &str {
    member.get("id").and_then(Value::as_str).unwrap_or_default()
}

fn find<'a>(list: &'a [Value], member: &Value) -> Option<&'a Value> {
    list.iter().find(|other| id(other) == id(member))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checklist::{Checklist, Confirm, Profile, Promotion, SourceFile, resolve};

    const CHECKLIST: &str = "name = \"mine\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n\
        [[section.point]]\nid = \"s.a\"\ntitle = \"a\"\nwhy = \"w\"\nconfirm = \"one\"\n\
        [[section.point.probe]]\nid = \"p\"\ntitle = \"p\"\nkind = \"command\"\nwith = { argv = [\"true\", \"{{ word }}\"] }\n\
        [[section.point]]\nid = \"s.b\"\ntitle = \"b\"\nwhy = \"w\"\nconfirm = \"two\"\n";

    fn plan(values: &str) -> Plan {
        let profile = format!("environment = \"lab\"\n{values}");
        let profile = Profile::parse(SourceFile::new("p", profile)).unwrap();
        resolve(&Checklist::parse(SourceFile::new("c", CHECKLIST)).unwrap(), &profile, &Promotion::default())
            .unwrap()
    }

    fn changed(old: &Plan, change: impl FnOnce(&mut Plan)) -> Vec<String> {
        let mut new = old.clone();
        change(&mut new);
        loosenings(old, &new).into_iter().map(|change| change.what).collect()
    }

    #[test]
    fn filling_in_values_and_adding_checks_is_not_looser() {
        let (incomplete, complete) = (plan(""), plan("[values]\nword = \"x\""));
        assert!(incomplete.point("s.a").unwrap().probes[0].spec.is_none());
        assert_eq!(loosenings(&incomplete, &complete), []);
        assert_eq!(changed(&complete, |plan| plan.sections[0].points[0].confirm = Confirm::Two), [""; 0]);
        let add = |plan: &mut Plan| {
            let mut probe = plan.sections[0].points[0].probes[0].clone();
            probe.id = "q".into();
            plan.sections[0].points[1].probes.push(probe);
            let mut point = plan.sections[0].points[1].clone();
            point.id = "s.c".into();
            plan.sections[0].points.push(point);
        };
        assert_eq!(changed(&complete, add), [""; 0]);
        assert_eq!(changed(&complete, |plan| plan.sections[0].points[0].fresh_ms -= 1), [""; 0]);
    }

    #[test]
    fn every_other_change_is_looser_and_is_named() {
        let (incomplete, complete) = (plan(""), plan("[values]\nword = \"x\""));
        assert_eq!(loosenings(&complete, &incomplete).len(), 2, "a value taken away, and the probe with it");
        let changes = loosenings(&complete, &plan("[values]\nword = \"y\""));
        assert_eq!(changes[0].what, "s.a, probe p, spec, with, argv");
        assert_eq!(
            (changes[0].old.as_deref(), changes[0].new.as_deref()),
            (Some("[\"true\",\"x\"]"), Some("[\"true\",\"y\"]"))
        );
        let point = |change: fn(&mut crate::checklist::Point)| {
            changed(&complete, |plan| change(&mut plan.sections[0].points[1]))
        };
        assert_eq!(point(|point| point.confirm = Confirm::None), ["s.b, confirm"]);
        assert_eq!(point(|point| point.not_applicable = Some("today".into())), ["s.b, not_applicable"]);
        assert_eq!(point(|point| point.fresh_ms += 1), ["s.b, fresh_ms"]);
        assert_eq!(point(|point| point.after.push("s.a".into())), ["s.b, after"]);
        assert_eq!(
            changed(&complete, |plan| drop(plan.sections[0].points[0].probes.pop())),
            ["s.a, probe p"]
        );
        assert_eq!(changed(&complete, |plan| drop(plan.sections[0].points.pop())), ["s.b"]);
        assert_eq!(changed(&complete, |plan| plan.sections[0].points.reverse()), ["section s, order"]);
        assert_eq!(changed(&complete, |plan| plan.previous = Some("v0".into())), ["previous"]);
    }
}
