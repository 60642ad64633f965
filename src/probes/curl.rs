//! Requests as `curl` commands to reproduce by hand; secrets as references.

use std::collections::BTreeMap;

use gonogo_core::checklist::spec::{ApiSpec, TextOrSecret, Tls};
use gonogo_core::text::shell_word;

/// A GET of a path (and query) of an API.
pub(super) fn get(api: &ApiSpec, path: &str) -> String {
    let mut words = vec!["curl".to_owned(), "-sS".into()];
    words.extend(with(&api.headers, &api.tls));
    words.push(shell_word(&format!("{}{path}", api.url.trim_end_matches('/'))));
    words.join(" ")
}

/// The options for request headers and TLS.
pub(super) fn with(headers: &BTreeMap<String, TextOrSecret>, tls: &Tls) -> Vec<String> {
    let mut words = Vec::new();
    for (name, value) in headers {
        let value = match value {
            TextOrSecret::Text(value) => shell_word(&format!("{name}: {value}")),
            TextOrSecret::Secret(value) => {
                shell_word(&format!("{name}: {}", value.prefix)) + &value.secret.shell()
            }
        };
        words.extend(["-H".into(), value]);
    }
    let files = [("--cacert", &tls.roots), ("--cert", &tls.certificate), ("--key", &tls.key)];
    for (option, file) in files {
        words.extend(file.iter().flat_map(|file| [option.to_owned(), shell_word(file)]));
    }
    words
}
