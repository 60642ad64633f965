//! Whether the settings of a deployment are those of the profile, where it writes them out. What cannot be compared is
//! unknown: a checklist can leave it to people.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Url;
use serde_json::Value;

use super::deployment::{containers, list, word};
use super::references::ConfigMaps;
use crate::probes::credentials;
use gonogo_core::checklist::spec::Setting;
use gonogo_core::outcome::Observation;
use gonogo_core::text;

/// The longest value that is shown, in bytes.
const MAX_VALUE: usize = 200;

/// Where a container has a variable from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// Written out, or in a config map that could be read.
    Text(String),
    /// Somewhere else, and why it was not compared.
    Elsewhere(String),
}

/// Each setting of the profile, in all containers that have it.
pub(super) fn settings(
    name: &str,
    deployment: &Value,
    config_maps: &ConfigMaps,
    values: &BTreeMap<String, Setting>,
) -> Vec<Observation> {
    let judge = |(variable, setting): (&String, &Setting)| {
        let what = format!("{variable} of deployment {name}");
        let sources: Vec<_> =
            containers(deployment).filter_map(|container| source(container, variable, config_maps)).collect();
        if sources.is_empty() {
            let why = "not set in the deployment: the default of the application or its image";
            return vec![Observation::unknown(what, expected(setting), why)];
        }
        sources.into_iter().map(|source| source.judge(&what, variable, setting)).collect()
    };
    values.iter().flat_map(judge).collect()
}

/// The value that a setting must have, for people.
fn expected(setting: &Setting) -> String {
    match setting {
        Setting::Text(expected) => text::clip(expected, MAX_VALUE),
        Setting::Address(address) => address.whole(),
    }
}

impl Source {
    fn judge(self, what: &str, variable: &str, setting: &Setting) -> Observation {
        let value = match self {
            Self::Elsewhere(why) => {
                return Observation::unknown(what, expected(setting), format!("not compared: {why}"));
            }
            Self::Text(value) => value,
        };
        let holds_secret = !credentials::in_variable(variable, &value).is_empty();
        let seen =
            if holds_secret { "a value with a credential".into() } else { text::clip(&value, MAX_VALUE) };
        match setting {
            Setting::Text(text) => {
                let difference = if holds_secret { String::new() } else { difference(&value, text) };
                let seen = format!("{seen}{difference}");
                Observation::new(what, expected(setting), seen, is_same(&value, text))
            }
            // The collector can have another name inside the cluster.
            Setting::Address(address) if value != address.whole() && has_path(&value, &address.path) => {
                let seen = format!("{seen} (only the path is compared: the profile has another address)");
                Observation::new(what, format!("path {}", address.path), seen, true)
            }
            Setting::Address(address) => {
                Observation::new(what, expected(setting), seen, value == address.whole())
            }
        }
    }
}

/// Whether an address is one of HTTP whose path ends so, without a query that would follow it.
fn has_path(value: &str, path: &str) -> bool {
    let address = Url::parse(value).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
    address.is_some_and(|url| url.path().ends_with(path) && value.ends_with(path))
}

/// The names that only one of two lists has, for people; empty for other values and for equal lists.
fn difference(value: &str, expected: &str) -> String {
    let names = |text: &str| serde_json::from_str::<BTreeSet<String>>(text).ok();
    let Some((value, expected)) = names(value).zip(names(expected)) else { return String::new() };
    let list = |what: &str, names: Vec<&String>| {
        let names = names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        if names.is_empty() { names } else { format!("; {what}: {}", text::clip(&names, MAX_VALUE)) }
    };
    let (more, lacking) = (value.difference(&expected).collect(), expected.difference(&value).collect());
    list("not in the profile", more) + &list("missing", lacking)
}

/// The same text, or the same JSON; the order of a list of names has no meaning.
fn is_same(value: &str, expected: &str) -> bool {
    let json = |text: &str| {
        let mut value: Value = serde_json::from_str(text).ok()?;
        if let Value::Array(items) = &mut value {
            items.sort_by_key(ToString::to_string);
        }
        Some(value)
    };
    value == expected || json(value).is_some_and(|value| Some(value) == json(expected))
}

/// `env` wins over `envFrom`, and the last one of a name over those before it
/// (<https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.31/#container-v1-core>).
fn source(container: &Value, variable: &str, config_maps: &ConfigMaps) -> Option<Source> {
    let own = list(container, "/env").filter(|own| word(own, "/name") == variable).last();
    own.map(|own| own_source(own, config_maps)).or_else(|| imported(container, variable, config_maps))
}

fn own_source(own: &Value, config_maps: &ConfigMaps) -> Source {
    let Some(from) = own.get("valueFrom") else { return written_out(word(own, "/value")) };
    let (map, key) = (word(from, "/configMapKeyRef/name"), word(from, "/configMapKeyRef/key"));
    if map.is_empty() {
        let secret = word(from, "/secretKeyRef/name");
        let place =
            if secret.is_empty() { "a field of the pod".into() } else { format!("the secret {secret}") };
        return Source::Elsewhere(format!("it comes from {place}"));
    }
    entry(map, key, config_maps)
        .unwrap_or_else(|| Source::Elsewhere(format!("the config map {map} has no {key}")))
}

fn imported(container: &Value, variable: &str, config_maps: &ConfigMaps) -> Option<Source> {
    let sources: Vec<_> = list(container, "/envFrom").collect();
    sources.into_iter().rev().find_map(|source| {
        let key = variable.strip_prefix(word(source, "/prefix"))?;
        let (map, secret) = (word(source, "/configMapRef/name"), word(source, "/secretRef/name"));
        if secret.is_empty() {
            return entry(map, key, config_maps);
        }
        Some(Source::Elsewhere(format!("it can come from the secret {secret}")))
    })
}

/// An entry of a config map; none if that map certainly has none.
fn entry(map: &str, key: &str, config_maps: &ConfigMaps) -> Option<Source> {
    match config_maps.get(map) {
        Some(Ok(Some(content))) => {
            let value = content.get("data").and_then(|data| data.get(key)).and_then(Value::as_str);
            value.map(written_out)
        }
        Some(Ok(None)) | None => None,
        Some(Err(why)) => Some(Source::Elsewhere(format!("the config map {map} was not read ({why})"))),
    }
}

/// `$(NAME)` is another variable.
fn written_out(value: &str) -> Source {
    if value.contains("$(") {
        Source::Elsewhere("composed of other variables".into())
    } else {
        Source::Text(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use crate::probes::content;
    use crate::probes::error::ProbeError;
    use gonogo_core::checklist::spec::AddressSetting;
    use gonogo_core::outcome::{Class, Outcome};

    const ORIGINS: &str = r#"["https://a.example.org", "https://b.example.org"]"#;

    /// What is observed of one setting of a deployment with this container.
    fn observed(container: &Value) -> Observation {
        let deployment =
            json!({"spec": {"template": {"spec": {"containers": [container, {"name": "sidecar"}]}}}});
        let map = |data: Value| Ok(Some(json!({ "data": data })));
        let maps = ConfigMaps::from([
            ("m".into(), map(json!({"ORIGINS": ORIGINS, "other": "[]"}))),
            ("closed".into(), Err(ProbeError::new("forbidden"))),
            ("gone".into(), Ok(None)),
        ]);
        let values = BTreeMap::from([("ORIGINS".to_owned(), Setting::Text(ORIGINS.to_owned()))]);
        let mut seen = settings("app", &deployment, &maps, &values);
        assert_eq!(seen.len(), 1);
        seen.remove(0)
    }

    fn of_env(env: &Value) -> Observation {
        observed(&json!({"name": "app", "env": env}))
    }

    #[test]
    fn what_is_written_out_must_be_what_the_profile_has() {
        let value = |value: &str| json!([{"name": "ORIGINS", "value": value}]);
        for same in [ORIGINS, r#"["https://b.example.org","https://a.example.org"]"#] {
            assert_eq!(of_env(&value(same)).ok, Some(true), "{same}");
        }
        for (other, difference) in [
            ("https://a.example.org,https://b.example.org", ""),
            (r#"["https://a.example.org"]"#, "; missing: https://b.example.org"),
            ("", ""),
            ("[]", "; missing: https://a.example.org, https://b.example.org"),
            (
                r#"["https://a.example.org","https://b.example.org","https://c.example.org"]"#,
                "; not in the profile: https://c.example.org",
            ),
        ] {
            let seen = of_env(&value(other));
            assert_eq!((seen.ok, seen.seen), (Some(false), format!("{other}{difference}")));
        }
        let twice = json!([{"name": "ORIGINS", "value": "[]"}, {"name": "ORIGINS", "value": ORIGINS}]);
        assert_eq!(of_env(&twice).ok, Some(true));
        let secret = of_env(&value("amqp://app:hunter22@mq"));
        assert_eq!((secret.ok, secret.seen.as_str()), (Some(false), "a value with a credential"));
    }

    #[test]
    fn an_address_must_have_the_path_and_can_have_another_host() {
        let container = |value: &str| json!({"name": "app", "env": [{"name": "ENDPOINT", "value": value}]});
        let whole = "http://otel:4318/v1/traces";
        for (profile, value, ok, expected) in [
            ("http://otel:4318", whole, true, whole),
            (whole, whole, true, whole),
            ("http://otel:4318", "http://otel:4318", false, whole),
            ("http://otel:4318", "http://otel:4318/", false, whole),
            ("http://otel:4318", "http://otel:4318/v1/traces/", false, whole),
            ("http://otel:4318", "otel:4318/v1/traces", false, whole),
            ("http://otel:4318", "http://otel:4318/?to=/v1/traces", false, whole),
            ("http://otel:4318", "http://collector.svc:4318/v1/traces", true, "path /v1/traces"),
            ("http://otel:4318", "https://otlp.example.org/otlp/v1/traces", true, "path /v1/traces"),
        ] {
            let setting = Setting::Address(AddressSetting { url: profile.into(), path: "/v1/traces".into() });
            let values = BTreeMap::from([("ENDPOINT".to_owned(), setting)]);
            let deployment = json!({"spec": {"template": {"spec": {"containers": [container(value)]}}}});
            let seen = settings("app", &deployment, &ConfigMaps::new(), &values);
            assert_eq!((seen[0].ok, seen[0].expected.as_str()), (Some(ok), expected), "{value}");
        }
    }

    #[test]
    fn an_altered_deployment_has_no_setting_for_nothing() {
        let container = json!({"name": "app", "env": [{"name": "ORIGINS", "value": ORIGINS}]});
        let json = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        let env = "/spec/template/spec/containers/0/env";
        let (name, value) = (format!("{env}/0/name"), format!("{env}/0/value"));
        let carriers = ["/spec", "/spec/template/spec/containers", env, &name, &value];
        let values = BTreeMap::from([("ORIGINS".to_owned(), Setting::Text(ORIGINS.to_owned()))]);
        GoodDocument { json, carriers: &carriers, maps: &[] }.check(|printed| {
            let Ok(deployment) = content::json(printed) else { return Class::Error };
            Outcome::of(settings("app", &deployment, &ConfigMaps::new(), &values), "").class
        });
    }

    #[test]
    fn config_maps_are_read() {
        let from = |map: &str, key: &str| json!([{"name": "ORIGINS", "valueFrom": {"configMapKeyRef": {"name": map, "key": key}}}]);
        assert_eq!(of_env(&from("m", "ORIGINS")).ok, Some(true));
        assert_eq!(of_env(&from("m", "other")).ok, Some(false));
        let all = |sources: Value| observed(&json!({"name": "app", "envFrom": sources}));
        assert_eq!(all(json!([{"configMapRef": {"name": "m"}}])).ok, Some(true));
        assert_eq!(all(json!([{"configMapRef": {"name": "m"}}])).expected, ORIGINS);
    }

    #[test]
    fn what_was_not_compared_is_unknown_with_the_reason() {
        let unknown = |seen: Observation, part: &str| {
            assert!(seen.ok.is_none() && seen.seen.contains(part), "{seen:?}");
            assert_eq!(seen.expected, ORIGINS);
        };
        unknown(of_env(&json!([])), "not set in the deployment");
        let secret = json!([{"name": "ORIGINS", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]);
        unknown(of_env(&secret), "the secret s");
        unknown(of_env(&json!([{"name": "ORIGINS", "value": "[\"$(HOST)\"]"}])), "other variables");
        let all = |sources: Value| observed(&json!({"name": "app", "envFrom": sources}));
        unknown(all(json!([{"secretRef": {"name": "s"}}])), "the secret s");
        unknown(all(json!([{"configMapRef": {"name": "closed"}}])), "forbidden");
        unknown(all(json!([{"configMapRef": {"name": "gone"}}])), "not set in the deployment");
        let prefixed = json!([{"prefix": "APP_", "configMapRef": {"name": "m"}}]);
        unknown(all(prefixed), "not set in the deployment");
    }
}
