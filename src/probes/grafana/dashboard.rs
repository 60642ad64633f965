//! The data sources that a dashboard names: by uid, by name, or behind a variable. Pure.
//! The schemas: <https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/>, and
//! version 2 of Grafana 12.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Of a variable: every value.
const ANY: &str = "$__all";
/// The default data source, in a variable or by name.
const DEFAULT: &str = "default";

/// What a dashboard reads from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NamedSources {
    /// Uids, or names as dashboards before Grafana 8.3 have them.
    pub(super) names: BTreeSet<String>,
    /// Variables whose data source is not named.
    pub(super) open: BTreeSet<String>,
    /// Whether a panel reads from the default data source.
    pub(super) is_default_used: bool,
}

impl NamedSources {
    pub(super) fn of(dashboard: &Value) -> Self {
        let (mut found, mut variables) = (Self::default(), BTreeMap::new());
        collect_variables(dashboard, &mut variables);
        found.collect(dashboard, &variables);
        found
    }

    fn collect(&mut self, value: &Value, variables: &BTreeMap<String, Option<String>>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.collect(item, variables)),
            Value::Object(fields) => {
                self.is_default_used |= reads_default(fields);
                for (key, item) in fields {
                    if key == "datasource" {
                        self.add(item, variables);
                    } else {
                        self.collect(item, variables);
                    }
                }
            }
            _ => {}
        }
    }

    /// A data source as a text, as `{uid, type}`, or as `{name}`.
    fn add(&mut self, source: &Value, variables: &BTreeMap<String, Option<String>>) {
        let named =
            source.as_str().or_else(|| ["uid", "name"].iter().find_map(|key| source.get(key)?.as_str()));
        let Some(name) = named.filter(|name| !is_own(name)) else { return };
        match variable_in(name).map(|variable| (variable, variables.get(variable).and_then(Option::as_deref)))
        {
            None => self.insert(name),
            Some((_, Some(value))) if !is_own(value) && variable_in(value).is_none() => self.insert(value),
            Some((variable, _)) => drop(self.open.insert(variable.to_owned())),
        }
    }

    fn insert(&mut self, name: &str) {
        if name == DEFAULT {
            self.is_default_used = true;
        } else {
            self.names.insert(name.to_owned());
        }
    }
}

/// Whether a panel has queries, and neither it nor they name a data source.
fn reads_default(panel: &Map<String, Value>) -> bool {
    let queries = panel.get("targets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_named = |source: Option<&Value>| source.is_some_and(|source| !source.is_null());
    let has_named = queries.iter().any(|query| is_named(query.get("datasource")));
    !queries.is_empty() && !has_named && !is_named(panel.get("datasource"))
}

/// Grafana's own: `-- Mixed --`, `-- Dashboard --`, `-100`, expressions, and nothing.
fn is_own(name: &str) -> bool {
    name.is_empty() || name.starts_with('-') || matches!(name, "grafana" | "__expr__")
}

/// The variable in `${name}`, `${name:text}`, `$name` or `[[name]]`.
fn variable_in(name: &str) -> Option<&str> {
    let braced = name.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let braced = braced.or_else(|| name.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]")));
    let variable = braced.or_else(|| name.strip_prefix('$'))?;
    Some(variable.split(':').next().unwrap_or(variable))
}

/// The variables of a dashboard that stand for a data source, and the one that is chosen: `templating.list` of
/// version 1, `variables` of version 2.
fn collect_variables(dashboard: &Value, variables: &mut BTreeMap<String, Option<String>>) {
    let classic = dashboard.pointer("/dashboard/templating/list").and_then(Value::as_array);
    let classic = classic.into_iter().flatten();
    let classic = classic.filter(|item| item.get("type").and_then(Value::as_str) == Some("datasource"));
    let second = dashboard.pointer("/dashboard/variables").and_then(Value::as_array).into_iter().flatten();
    let second = second.filter(|item| item.get("kind").and_then(Value::as_str) == Some("DatasourceVariable"));
    for variable in classic.chain(second.filter_map(|item| item.get("spec"))) {
        let Some(name) = variable.get("name").and_then(Value::as_str) else { continue };
        variables.insert(name.to_owned(), chosen(variable));
    }
}

fn chosen(variable: &Value) -> Option<String> {
    let value = variable.pointer("/current/value")?;
    let value = value.as_str().or_else(|| value.as_array()?.first()?.as_str())?;
    (value != ANY).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Checks names, open variables, and whether the default one is used.
    #[track_caller]
    fn check(dashboard: Value, names: &[&str], open: &[&str], is_default_used: bool) {
        let dashboard = Value::Object([("dashboard".to_owned(), dashboard)].into_iter().collect());
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let expected = NamedSources { names: owned(names), open: owned(open), is_default_used };
        assert_eq!(NamedSources::of(&dashboard), expected);
    }

    #[test]
    fn data_sources_are_found_however_they_are_written() {
        let by_uid = json!({"targets": [{"datasource": {"uid": "new"}}], "datasource": {"uid": "new"}});
        check(json!({"panels": [{"datasource": "old"}, by_uid]}), &["new", "old"], &[], false);
        let own = json!([{"datasource": {"uid": "-- Mixed --"}}, {"datasource": "-- Grafana --"},
            {"datasource": {"type": "__expr__", "uid": "__expr__"}}]);
        check(json!({"panels": own}), &[], &[], false);
        check(json!({"panels": [{"datasource": null, "targets": [{"refId": "A"}]}]}), &[], &[], true);
        check(json!({"panels": [{"datasource": null, "type": "row"}]}), &[], &[], false);
        let second = json!({"query": {"group": "prometheus", "datasource": {"name": "prom"}}});
        check(json!({"elements": {"panel-1": {"spec": second}}}), &["prom"], &[], false);
    }

    #[test]
    fn a_variable_stands_for_a_data_source_or_is_open() {
        let behind = json!([{"datasource": {"uid": "${ds}"}, "targets": [{"datasource": {"uid": "$ds"}}]}]);
        let chosen = |current: Value| {
            let list = json!([{"name": "ds", "type": "datasource", "current": current}]);
            json!({"panels": behind, "templating": {"list": list}})
        };
        check(chosen(json!({"text": "Prom", "value": "prom"})), &["prom"], &[], false);
        check(chosen(json!({"value": ["prom"]})), &["prom"], &[], false);
        check(chosen(json!({"value": "$__all"})), &[], &["ds"], false);
        check(chosen(json!({"value": "default"})), &[], &[], true);
        check(chosen(json!({})), &[], &["ds"], false);
        check(json!({"panels": behind}), &[], &["ds"], false);
        check(
            json!({"panels": [{"datasource": "[[ds]]"}, {"datasource": "${ds:text}"}]}),
            &[],
            &["ds"],
            false,
        );
        let second =
            json!([{"kind": "DatasourceVariable", "spec": {"name": "ds", "current": {"value": "prom"}}}]);
        let elements = json!({"a": {"datasource": {"name": "${ds}"}}});
        check(json!({"variables": second, "elements": elements}), &["prom"], &[], false);
    }
}
