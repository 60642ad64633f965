//! Credentials in an image's config and history. Their place is reported, never their value.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::Pattern;
use gonogo_core::checklist::suspected_secrets::SECRET_FORMATS;
use gonogo_core::outcome::Observation;

/// Patterns of credentials that have no prefix of their own, with their names.
const OTHER_CREDENTIALS: [(&str, &str); 2] = [
    ("a URL with a password", r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:[^/\s@$]{2,}@"),
    (
        "a password given as a value",
        r"(?i)(password|passwd|secret|token|api[_-]?key)[a-z0-9_]*\s*=\s*[^\s$'{]{4,}",
    ),
];

static PATTERNS: LazyLock<Vec<(&str, Pattern)>> = LazyLock::new(|| {
    let [url, value] = OTHER_CREDENTIALS;
    let formats = std::iter::once(url).chain(SECRET_FORMATS).chain([value]);
    formats.filter_map(|(name, pattern)| Some((name, Pattern::new(pattern).ok()?))).collect()
});

/// One observation for each credential, or a passing one if there is none.
pub(super) fn search(what: &str, config: &Value, secret_store: &SecretStore) -> Vec<Observation> {
    let mut leaks = Vec::new();
    walk(config, "", &mut |place, text| {
        leaks.extend(kinds(text, secret_store).into_iter().map(|kind| (place.to_owned(), kind)));
    });
    if leaks.is_empty() {
        return vec![Observation::new(what, "no credential", "none in its config and history", true)];
    }
    leaks.dedup();
    let judge =
        |(place, kind)| Observation::new(what, "no credential", format!("{place} holds {kind}"), false);
    leaks.into_iter().map(judge).collect()
}

fn kinds(text: &str, secret_store: &SecretStore) -> Vec<String> {
    let mut rules = BTreeMap::new();
    let _ = secret_store.redactor().redact(text, &mut rules);
    let values = rules.into_keys().map(|rule| format!("the value of {rule}"));
    let shapes =
        PATTERNS.iter().filter(|(_, pattern)| pattern.is_in(text)).map(|(name, _)| (*name).to_owned());
    values.chain(shapes).collect()
}

/// Every text of a config with its place; an environment variable by its name.
fn walk(value: &Value, place: &str, on_text: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::String(text) => {
            let name = text.split_once('=').map(|(name, _)| name).filter(|_| place.ends_with("Env"));
            let place = name.map_or_else(|| place.to_owned(), |name| format!("environment variable {name}"));
            on_text(&place, text);
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let place =
                    if place.ends_with("Env") { place.to_owned() } else { format!("{place}[{index}]") };
                walk(item, &place, on_text);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                // A secret that is a field's value is found by itself, one in `key=value` by the pair.
                walk(item, &place, on_text);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::process::Permit;

    #[test]
    fn credentials_are_named_by_place_and_kind() {
        let config = json!({
            "config": {"Env": ["PATH=/bin", "REDIS_URL=redis://:hunter22@cache", "ADVANCED_TOKEN=$TOKEN", "API_KEY=abcd1234"]},
            "history": [{"created_by": "RUN curl -H 'Authorization: Bearer ghp_0123456789012345678901234567890123'"}],
        });
        let leaks: Vec<_> = search("image", &config, &SecretStore::new(Permit::for_tests()))
            .into_iter()
            .map(|seen| seen.seen)
            .collect();
        assert_eq!(
            leaks,
            [
                "environment variable REDIS_URL holds a URL with a password",
                "environment variable API_KEY holds a password given as a value",
                "history[0].created_by holds a GitHub token",
            ]
        );
        assert!(!leaks.iter().any(|leak| leak.contains("hunter22")));
    }

    #[test]
    fn text_without_credentials_is_not_reported() {
        let config = json!({
            "config": {"Env": ["REDIS_URL=redis://cache:6379", "TOKEN_FILE=", "PYTHON_VERSION=3.11", "SECRET=${SECRET}"]},
            "history": [{"created_by": "COPY --from=build /app /app"}],
        });
        let seen = search("image", &config, &SecretStore::new(Permit::for_tests()));
        assert!(seen.len() == 1 && seen[0].ok == Some(true), "{seen:?}");
    }
}
