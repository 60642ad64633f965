//! Where a deployment's containers take credentials from. Names of variables are reported, values never.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Lookup;
use super::deployment::{all_containers, list, word};
use crate::probes::credentials::{self, WRITTEN_OUT};
use gonogo_core::outcome::Observation;

const EXPECTED: &str = "credentials by reference";
/// The annotations of the Vault Agent (<https://developer.hashicorp.com/vault/docs/platform/k8s/injector/annotations>).
const VAULT_AGENT: &str = "vault.hashicorp.com/agent-inject";
const VAULT_SECRET: &str = "vault.hashicorp.com/agent-inject-secret-";
/// The driver that mounts secrets of a store (<https://secrets-store-csi-driver.sigs.k8s.io/>).
const SECRETS_STORE: &str = "secrets-store.csi.k8s.io";

/// The config maps that a deployment takes variables from, and what they hold.
pub(super) type ConfigMaps = BTreeMap<String, Lookup<Value>>;

/// The names of the config maps that a deployment takes variables from.
pub(super) fn config_maps(deployment: &Value) -> BTreeSet<String> {
    let names = all_containers(deployment).flat_map(|container| {
        let single =
            list(container, "/env").map(|variable| word(variable, "/valueFrom/configMapKeyRef/name"));
        single.chain(list(container, "/envFrom").map(|source| word(source, "/configMapRef/name")))
    });
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Every variable that holds a credential takes it from a secret.
pub(super) fn credentials(name: &str, deployment: &Value, config_maps: &ConfigMaps) -> Vec<Observation> {
    let mut references = References { name, seen: Vec::new(), by_reference: Vec::new() };
    for container in all_containers(deployment) {
        references.add_container(container, config_maps);
    }
    references.add_volumes(deployment);
    references.add_vault_agent(deployment);
    references.conclude()
}

struct References<'a> {
    name: &'a str,
    seen: Vec<Observation>,
    by_reference: Vec<String>,
}

impl References<'_> {
    fn add_container(&mut self, container: &Value, config_maps: &ConfigMaps) {
        let what = format!("deployment {}, container {}", self.name, word(container, "/name"));
        for variable in list(container, "/env") {
            self.add_variable(&what, variable, config_maps);
        }
        for source in list(container, "/envFrom") {
            let (secret, map) = (word(source, "/secretRef/name"), word(source, "/configMapRef/name"));
            if !secret.is_empty() {
                self.by_reference.push(format!("all of {secret}"));
            }
            if !map.is_empty() {
                self.add_config_map(&what, map, None, config_maps);
            }
        }
        for part in ["/command", "/args"] {
            let words: Vec<_> = list(container, part).filter_map(Value::as_str).collect();
            for (_, kind) in credentials::in_arguments(&words) {
                self.wrong(&what, format!("its command line contains {kind}"));
            }
        }
    }

    fn add_variable(&mut self, what: &str, variable: &Value, config_maps: &ConfigMaps) {
        let (key, value) = (word(variable, "/name"), word(variable, "/value"));
        let map = word(variable, "/valueFrom/configMapKeyRef/name");
        let secret = word(variable, "/valueFrom/secretKeyRef/name");
        if !secret.is_empty() {
            self.by_reference.push(format!("{key} ({secret})"));
        } else if !map.is_empty() {
            if credentials::is_credential_name(key) {
                self.wrong(what, format!("{key} comes from a config map, not from a secret"));
            } else {
                let entry = word(variable, "/valueFrom/configMapKeyRef/key");
                self.add_config_map(what, map, Some((key, entry)), config_maps);
            }
        } else if credentials::is_credential_name(key) && credentials::is_store_reference(value) {
            self.by_reference.push(format!("{key} (a reference to a store)"));
        } else if let Some(seen) = written_out(key, value) {
            self.wrong(what, seen);
        }
    }

    /// The entries of a config map: that of one variable, or all.
    fn add_config_map(
        &mut self,
        what: &str,
        map: &str,
        only: Option<(&str, &str)>,
        config_maps: &ConfigMaps,
    ) {
        let entries = match config_maps.get(map) {
            Some(Ok(Some(content))) => content.pointer("/data").and_then(Value::as_object),
            Some(Ok(None)) | None => None,
            Some(Err(why)) => {
                let why = format!("not checked: {why}");
                self.seen.push(Observation::recorded(format!("{what}, config map {map}"), why));
                None
            }
        };
        for (entry, value) in entries.into_iter().flatten() {
            let key = only.filter(|(_, of)| of == entry).map_or(entry.as_str(), |(key, _)| key);
            let is_used = only.is_none_or(|(_, of)| of == entry);
            let seen = written_out(key, value.as_str().unwrap_or_default());
            if let Some(seen) = seen.filter(|_| is_used) {
                self.wrong(what, format!("{seen} in the config map {map}"));
            }
        }
    }

    /// Secrets as files.
    fn add_volumes(&mut self, deployment: &Value) {
        for volume in list(deployment, "/spec/template/spec/volumes") {
            let projected = list(volume, "/projected/sources").map(|source| word(source, "/secret/name"));
            let secrets = std::iter::once(word(volume, "/secret/secretName")).chain(projected);
            let secrets = secrets.filter(|secret| !secret.is_empty());
            self.by_reference.extend(secrets.map(|secret| format!("files of {secret}")));
            if word(volume, "/csi/driver") == SECRETS_STORE {
                let class = word(volume, "/csi/volumeAttributes/secretProviderClass");
                self.by_reference.push(format!("files of the secret provider class {class}"));
            }
        }
    }

    fn add_vault_agent(&mut self, deployment: &Value) {
        let annotations =
            deployment.pointer("/spec/template/metadata/annotations").and_then(Value::as_object);
        let Some(annotations) = annotations else { return };
        let is_on = annotations.get(VAULT_AGENT).and_then(Value::as_str) == Some("true");
        let files = annotations.keys().filter_map(|key| key.strip_prefix(VAULT_SECRET));
        self.by_reference
            .extend(files.filter(|_| is_on).map(|file| format!("file {file} of the Vault Agent")));
    }

    fn wrong(&mut self, what: &str, seen: String) {
        self.seen.push(Observation::new(what, EXPECTED, seen, false));
    }

    fn conclude(mut self) -> Vec<Observation> {
        let is_any = !self.by_reference.is_empty();
        let references = if is_any {
            self.by_reference.join(", ")
        } else {
            "no variable or file comes from a secret".to_owned()
        };
        self.seen.push(Observation::new(format!("deployment {}", self.name), EXPECTED, references, is_any));
        self.seen
    }
}

/// What a variable's value holds that belongs into a secret. `$(NAME)` is another variable.
fn written_out(key: &str, value: &str) -> Option<String> {
    let kind = credentials::in_variable(key, value).into_iter().next()?;
    match kind.as_str() {
        WRITTEN_OUT if value.contains("$(") => None,
        WRITTEN_OUT => Some(format!("{key} is in plain text")),
        kind => Some(format!("{key} contains {kind}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use crate::probes::content;
    use crate::probes::error::ProbeError;
    use gonogo_core::outcome::{Class, Outcome};

    fn judge(spec: &Value, annotations: &Value, maps: &ConfigMaps) -> String {
        let template = json!({"metadata": {"annotations": annotations}, "spec": spec});
        let deployment = json!({"spec": {"template": template}});
        let seen = credentials("app", &deployment, maps);
        seen.iter().fold(String::new(), |described, seen| format!("{described}{:?} {}\n", seen.ok, seen.seen))
    }

    fn of_env(env: &Value) -> String {
        judge(&json!({"containers": [{"name": "app", "env": env}]}), &json!({}), &ConfigMaps::new())
    }

    fn by_secret() -> Value {
        json!({"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "redis", "key": "p"}}})
    }

    #[test]
    fn credentials_that_are_written_out_are_found_wherever_a_container_has_them() {
        let value = |name: &str, value: &str| json!({"name": name, "value": value});
        for (env, seen) in [
            (value("RABBITMQ_DEFAULT_PASS", "hunter22"), "RABBITMQ_DEFAULT_PASS is in plain text"),
            (value("DB_PWD", "hunter22"), "DB_PWD is in plain text"),
            (value("BROKER", "amqp://app:hunter22@mq"), "BROKER contains a URL with a password"),
            (
                json!({"name": "API_KEY", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}),
                "API_KEY comes from a config map",
            ),
        ] {
            let described = of_env(&json!([by_secret(), env]));
            assert!(described.starts_with("Some(false)") && described.contains(seen), "{described}");
            assert!(!described.contains("hunter22"));
        }
        for (name, text) in [
            ("TOKENIZERS_PARALLELISM", "false"),
            ("ACCESS_TOKEN_EXPIRE_MINUTES", "30"),
            ("SECRETS_MANAGER_REGION", "eu-central-1"),
            ("REDIS_PASSWORD_FILE", "/run/secrets/redis"),
            ("BROKER", "amqp://app:$(MQ_PASSWORD)@mq"),
            ("DB_PASSWORD", "$(REDIS_PASSWORD)"),
        ] {
            let described = of_env(&json!([by_secret(), value(name, text)]));
            assert_eq!(described, "Some(true) REDIS_PASSWORD (redis)\n", "{name}");
        }
        let container =
            json!({"name": "app", "env": [by_secret()], "args": ["--redis-password", "hunter22"]});
        let described = judge(&json!({"containers": [container]}), &json!({}), &ConfigMaps::new());
        assert!(
            described.contains("its command line contains a plaintext value of redis-password"),
            "{described}"
        );
        let sidecar =
            json!([{"name": "s", "restartPolicy": "Always", "env": [value("PROXY_PASSWORD", "hunter22")]}]);
        let spec = json!({"initContainers": sidecar, "containers": [{"name": "app", "env": [by_secret()]}]});
        assert!(judge(&spec, &json!({}), &ConfigMaps::new()).contains("PROXY_PASSWORD is in plain text"));
    }

    #[test]
    fn secrets_reach_a_container_in_several_ways() {
        let none = json!({});
        let agent = json!({
            "vault.hashicorp.com/agent-inject": "true",
            "vault.hashicorp.com/agent-inject-secret-redis": "secret/data/redis",
        });
        let off = json!({"vault.hashicorp.com/agent-inject-secret-redis": "secret/data/redis"});
        let volumes = |volume: Value| json!({"containers": [{"name": "app"}], "volumes": [volume]});
        let store =
            json!({"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"secretProviderClass": "c"}});
        let env = json!([{"name": "DB_PASSWORD", "value": "vault:secret/data/db#password"}]);
        for (spec, annotations, ok, seen) in [
            (volumes(json!({"secret": {"secretName": "redis"}})), &none, true, "files of redis"),
            (
                volumes(json!({"projected": {"sources": [{"secret": {"name": "redis"}}]}})),
                &none,
                true,
                "files of redis",
            ),
            (volumes(json!({"csi": store})), &none, true, "files of the secret provider class c"),
            (volumes(json!({"configMap": {"name": "m"}})), &none, false, "no variable or file"),
            (json!({"containers": [{"name": "app"}]}), &agent, true, "file redis of the Vault Agent"),
            (json!({"containers": [{"name": "app"}]}), &off, false, "no variable or file"),
            (
                json!({"containers": [{"name": "a", "envFrom": [{"secretRef": {"name": "s"}}]}]}),
                &none,
                true,
                "all of s",
            ),
            (
                json!({"containers": [{"name": "a", "env": env}]}),
                &none,
                true,
                "DB_PASSWORD (a reference to a store)",
            ),
        ] {
            let described = judge(&spec, annotations, &ConfigMaps::new());
            assert!(described.starts_with(&format!("Some({ok}) {seen}")), "{described}");
        }
    }

    #[test]
    fn an_altered_deployment_has_no_credential_by_reference_for_nothing() {
        let json =
            json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "env": [by_secret()]}]}}}});
        let env = "/spec/template/spec/containers/0/env";
        let reference = format!("{env}/0/valueFrom/secretKeyRef");
        let name = format!("{reference}/name");
        let carriers = ["/spec", "/spec/template/spec/containers", env, &reference, &name];
        GoodDocument { json, carriers: &carriers, maps: &[] }.check(|printed| {
            let Ok(deployment) = content::json(printed) else { return Class::Error };
            config_maps(&deployment);
            Outcome::of(credentials("app", &deployment, &ConfigMaps::new()), "").class
        });
    }

    #[test]
    fn config_maps_are_searched_too() {
        let container = json!({
            "name": "app",
            "env": [by_secret(), {"name": "BROKER", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "url"}}}],
            "envFrom": [{"configMapRef": {"name": "all"}}],
        });
        let spec = json!({"containers": [container]});
        let deployment = json!({"spec": {"template": {"spec": spec}}});
        assert_eq!(config_maps(&deployment).into_iter().collect::<Vec<_>>(), ["all", "m"]);
        let map = |data: Value| Ok(Some(json!({ "data": data })));
        let maps = ConfigMaps::from([
            ("m".into(), map(json!({"url": "amqp://app:hunter22@mq", "DB_PASSWORD": "hunter22"}))),
            ("all".into(), map(json!({"MQ_PASS": "hunter22", "PORT": "8004"}))),
        ]);
        let described = judge(&spec, &json!({}), &maps);
        assert!(
            described.contains("BROKER contains a URL with a password in the config map m"),
            "{described}"
        );
        assert!(described.contains("MQ_PASS is in plain text in the config map all"), "{described}");
        assert_eq!(described.matches("Some(false)").count(), 2, "{described}");
        let unread = ConfigMaps::from([("all".into(), Err(ProbeError::new("permission denied")))]);
        let described = judge(&spec, &json!({}), &unread);
        assert_eq!(
            described,
            "Some(true) not checked: permission denied\nSome(true) REDIS_PASSWORD (redis)\n"
        );
    }
}
