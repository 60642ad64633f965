//! Credentials in the configs and histories of images. Their place is reported, never their value.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::image::{self, Image, TaggedImage};
use super::login::RegistrySession;
use crate::probes::credentials;
use crate::probes::deadline::Deadline;
use crate::probes::error::ProbeResult;
use crate::probes::judging;
use crate::secret_store::SecretStore;
use futures_util::stream::{self, StreamExt as _};
use gonogo_core::outcome::Observation;

const EXPECTED: &str = "no credential";
/// How many configs are read at once.
const CONCURRENCY: usize = 6;

/// Searches the config of every image of a tag.
pub(super) async fn judge(
    repository: &str,
    session: &RegistrySession<'_>,
    found: &TaggedImage,
    deadline: &Deadline,
) -> Vec<Observation> {
    let mut known = BTreeSet::new();
    let mut configs = Vec::new();
    for image in &found.images {
        if known.insert(&image.config) {
            configs.push((image.config.clone(), name(image)));
        }
    }
    let searched = stream::iter(configs).map(|(config, what)| async move {
        let leaks = search_config(repository, session, &config, &what, deadline).await;
        leaks.unwrap_or_else(|why| vec![Observation::unknown(what, EXPECTED, why)])
    });
    let mut seen = searched.buffered(CONCURRENCY).concat().await;
    if !found.images.is_empty() {
        let why = "not searched (only the config and history are)";
        seen.push(Observation::recorded("files in the image's layers", why));
    }
    seen
}

fn name(image: &Image) -> String {
    format!("image config {}", image::with_platform(&image.config, image.platform.as_deref()))
}

async fn search_config(
    repository: &str,
    session: &RegistrySession<'_>,
    config: &str,
    what: &str,
    deadline: &Deadline,
) -> ProbeResult<Vec<Observation>> {
    let config = image::config(session, repository, config).await?;
    let (name, secret_store) = (what.to_owned(), session.secret_store().clone());
    judging::on_blocking_thread(what, deadline, move || search(&name, &config, &secret_store)).await
}

/// One observation for each credential, or a passing one if there is none.
fn search(what: &str, config: &Value, secret_store: &SecretStore) -> Vec<Observation> {
    let mut leaks: Vec<(String, String)> = Vec::new();
    walk(config, "", &mut |place, text, kinds| {
        let values = known_values(text, secret_store);
        let kinds = if values.is_empty() { kinds } else { values };
        for kind in kinds {
            if !leaks.contains(&(place.to_owned(), kind.clone())) {
                leaks.push((place.to_owned(), kind));
            }
        }
    });
    if leaks.is_empty() {
        return vec![Observation::new(what, EXPECTED, "none in its config and history", true)];
    }
    let judge = |(place, kind)| Observation::new(what, EXPECTED, format!("{place} contains {kind}"), false);
    leaks.into_iter().map(judge).collect()
}

/// The secrets of the profile that a text contains.
fn known_values(text: &str, secret_store: &SecretStore) -> Vec<String> {
    let mut rules = BTreeMap::new();
    let _ = secret_store.redactor().redact(text, &mut rules);
    rules.into_keys().map(|rule| format!("the value of {rule}")).collect()
}

/// A place, its text, and the kinds of credentials in it.
type OnText<'a> = &'a mut dyn FnMut(&str, &str, Vec<String>);

/// Every text of a config with its place; an environment variable by its name.
fn walk(value: &Value, place: &str, on_text: OnText) {
    match value {
        Value::String(text) => on_text(place, text, credentials::in_text(text)),
        Value::Array(items) if place.ends_with("Env") => {
            for item in items.iter().filter_map(Value::as_str) {
                let (name, value) = item.split_once('=').unwrap_or((item, ""));
                let kinds = credentials::in_variable(name, value);
                on_text(&format!("environment variable {name}"), item, kinds);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_string) => walk_arguments(items, place, on_text),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{place}[{index}]"), on_text);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                match item {
                    Value::String(text) => on_text(&place, text, credentials::in_variable(key, text)),
                    item => walk(item, &place, on_text),
                }
            }
        }
        _ => {}
    }
}

/// The texts of a command, in which a value may follow its option.
fn walk_arguments(items: &[Value], place: &str, on_text: OnText) {
    let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
    let found = credentials::in_arguments(&words);
    for (index, word) in words.iter().enumerate() {
        let kinds = found.iter().filter(|(at, _)| *at == index).map(|(_, kind)| kind.clone()).collect();
        on_text(&format!("{place}[{index}]"), word, kinds);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::process::Permit;

    fn leaks(config: &Value) -> Vec<String> {
        let seen = search("image", config, &SecretStore::new(Permit::for_tests()));
        seen.into_iter().filter(|seen| seen.ok == Some(false)).map(|seen| seen.seen).collect()
    }

    #[test]
    fn credentials_are_named_by_place_and_kind() {
        let token = ["ghp", "0123456789012345678901234567890123"].join("_");
        let config = json!({
            "config": {
                "Env": ["PATH=/bin", "REDIS_URL=redis://:hunter22@cache", "ADVANCED_TOKEN=$TOKEN", "API_KEY=abcd1234"],
                "Cmd": ["app", "--redis-password=hunter22"],
                "Entrypoint": ["redis-server", "--requirepass", "hunter22"],
                "Labels": {"com.example.db-password": "hunter22", "maintainer": "ops"},
            },
            "history": [
                {"created_by": format!("RUN curl -H 'Authorization: Bearer {token}'")},
                {"created_by": "|1 NPM_TOKEN=hunter22 /bin/sh -c npm ci"},
            ],
        });
        let leaks = leaks(&config);
        assert_eq!(
            leaks,
            [
                "config.Cmd[1] contains a plaintext value of redis-password",
                "config.Entrypoint[2] contains a plaintext value of requirepass",
                "environment variable REDIS_URL contains a URL with a password",
                "environment variable API_KEY contains a credential in plain text",
                "config.Labels.com.example.db-password contains a credential in plain text",
                "history[0].created_by contains a GitHub token",
                "history[1].created_by contains a plaintext value of NPM_TOKEN",
            ]
        );
        assert!(!leaks.iter().any(|leak| leak.contains("hunter22")));
    }

    #[test]
    fn text_without_credentials_is_not_reported() {
        let config = json!({
            "config": {
                "Env": [
                    "REDIS_URL=redis://cache:6379", "TOKEN_FILE=", "PYTHON_VERSION=3.11", "SECRET=${SECRET}",
                    "TOKENIZERS_PARALLELISM=false", "ACCESS_TOKEN_EXPIRE_MINUTES=1440",
                    "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305", "PWD=/app",
                ],
                "Labels": {"org.opencontainers.image.source": "https://github.com/a/b"},
                "Cmd": ["gunicorn", "--bind", "0.0.0.0:8004"],
            },
            "history": [{"created_by": "COPY --from=build /app /app"}, {"created_by": "ARG NPM_TOKEN"}],
            "rootfs": {"type": "layers", "diff_ids": ["sha256:00"]},
        });
        let seen = search("image", &config, &SecretStore::new(Permit::for_tests()));
        assert!(seen.len() == 1 && seen[0].ok == Some(true), "{seen:?}");
    }
}
