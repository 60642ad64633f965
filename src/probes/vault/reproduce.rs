//! The commands that show by hand what was seen. None prints a token or a secret's value.

use serde_json::json;

use super::value::TOKEN;
use super::{METADATA, path_of};
use crate::probes::curl;
use gonogo_core::checklist::spec::{VaultAuth, VaultSpec};
use gonogo_core::outcome::Observation;
use gonogo_core::secret::SecretRef;
use gonogo_core::text::shell_word;

/// Stands for a secret within the JSON of a login.
const PLACE: &str = "@secret@";

/// The login, without the token that Vault gives; with a token there is none, so the token's own lookup.
pub(super) fn login(spec: &VaultSpec) -> String {
    match exchange(spec) {
        Some(login) => format!(r#"{login} | sed 's/"client_token":"[^"]*"/"client_token":"hidden"/'"#),
        None => get(spec, "/v1/auth/token/lookup-self"),
    }
}

pub(super) fn metadata(spec: &VaultSpec) -> String {
    get(spec, &path_of(spec, METADATA))
}

/// Of the value: whether Vault gives it, has the field, or the same value.
pub(super) fn value(spec: &VaultSpec, seen: &Observation) -> String {
    let read = get(spec, &path_of(spec, "data"));
    let field = &spec.field;
    match (&spec.same_as, seen.ok) {
        (Some(token), Some(false)) if seen.what == TOKEN => {
            let select = shell_word(&format!(r#"s/.*"{field}":"\([^"]*\)".*/\1/p"#));
            format!("test \"$({read} | sed -n {select})\" = {} && echo same || echo different", token.shell())
        }
        (_, Some(false)) => {
            let mut names = vec![format!("\"{field}\":")];
            names.extend(spec.never.iter().map(|value| format!("\"{field}\":\"{value}\"")));
            let names = names.iter().map(|name| format!(" -e {}", shell_word(name)));
            format!("{read} | grep -oF{}", names.collect::<String>())
        }
        _ => format!("{read} -o /dev/null -w '%{{http_code}}\\n'"),
    }
}

fn get(spec: &VaultSpec, path: &str) -> String {
    let token = match (&spec.auth, exchange(spec)) {
        (VaultAuth::Token(token), _) => token.shell(),
        (_, login) => {
            let login = login.unwrap_or_default();
            format!(r#""$({login} | sed -n 's/.*"client_token":"\([^"]*\)".*/\1/p')""#)
        }
    };
    format!("{} -H 'X-Vault-Token: '{token}", curl::get(&spec.api, path))
}

/// The request that exchanges a secret for a token.
fn exchange(spec: &VaultSpec) -> Option<String> {
    let (method, body, secret) = match &spec.auth {
        VaultAuth::Token(_) => return None,
        VaultAuth::Approle { role_id, secret_id } => {
            ("approle", json!({"role_id": role_id, "secret_id": PLACE}), secret_id)
        }
        VaultAuth::Kubernetes { role, jwt } => ("kubernetes", json!({"role": role, "jwt": PLACE}), jwt),
    };
    let login = curl::get(&spec.api, &format!("/v1/auth/{method}/login"));
    Some(format!("{login} -d {}", with_secret(&body.to_string(), secret)))
}

/// A text with a secret in it, as one word of a shell.
fn with_secret(text: &str, secret: &SecretRef) -> String {
    let (before, after) = text.split_once(PLACE).unwrap_or((text, ""));
    format!("{}{}{}", shell_word(before), secret.shell(), shell_word(after))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn spec(auth: &Value) -> VaultSpec {
        let spec =
            json!({"api": {"url": "http://v:8200"}, "path": "app", "auth": auth, "same_as": {"env": "T"}});
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn a_login_is_part_of_the_command_and_no_secret_is_printed() {
        let token = spec(&json!({"token": {"env": "VT"}}));
        let role = spec(&json!({"approle": {"role_id": "r", "secret_id": {"file": "id"}}}));
        let exchange = r#"curl -sS http://v:8200/v1/auth/approle/login -d '{"role_id":"r","secret_id":"'"$(cat id)"'"}'"#;
        let given = format!(r#""$({exchange} | sed -n 's/.*"client_token":"\([^"]*\)".*/\1/p')""#);
        for (seen, expected) in [
            (
                login(&token),
                "curl -sS http://v:8200/v1/auth/token/lookup-self -H 'X-Vault-Token: '\"$VT\"".to_owned(),
            ),
            (
                metadata(&token),
                "curl -sS http://v:8200/v1/secret/metadata/app -H 'X-Vault-Token: '\"$VT\"".to_owned(),
            ),
            (
                login(&role),
                format!(r#"{exchange} | sed 's/"client_token":"[^"]*"/"client_token":"hidden"/'"#),
            ),
            (
                metadata(&role),
                format!("curl -sS http://v:8200/v1/secret/metadata/app -H 'X-Vault-Token: '{given}"),
            ),
        ] {
            assert_eq!(seen, expected);
        }
        let data = "curl -sS http://v:8200/v1/secret/data/app -H 'X-Vault-Token: '\"$VT\"";
        let wrong = |what: &str| Observation::new(what, "", "", false);
        for (seen, expected) in [
            (Observation::unknown("x", "", ""), format!("{data} -o /dev/null -w '%{{http_code}}\\n'")),
            (
                wrong("the value"),
                format!(r#"{data} | grep -oF -e '"value":' -e '"value":"change-me-realtime"'"#),
            ),
            (
                wrong(TOKEN),
                format!(
                    r#"test "$({data} | sed -n 's/.*"value":"\([^"]*\)".*/\1/p')" = "$T" && echo same || echo different"#
                ),
            ),
        ] {
            assert_eq!(value(&token, &seen), expected);
        }
    }
}
