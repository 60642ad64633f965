//! The command to reproduce the request by hand.

use gonogo_core::checklist::spec::{HttpSpec, Method, Vantage};
use gonogo_core::text::shell_word;

use super::super::curl;
use super::method;

/// A `curl` command; secrets as references.
pub(super) fn curl(spec: &HttpSpec) -> String {
    let mut words: Vec<String> = match &spec.via {
        Some(Vantage::Exec(argv)) => argv.iter().map(|word| shell_word(word)).collect(),
        _ => Vec::new(),
    };
    words.extend(["curl".to_owned(), "-sS".into()]);
    if let Some(Vantage::Proxy(proxy)) = &spec.via {
        words.extend(["--proxy".into(), shell_word(proxy)]);
    }
    match spec.method {
        Method::Head => words.push("--head".into()),
        Method::Get => words.push("-i".into()),
        Method::Options | Method::Post => {
            words.extend(["-i".into(), "-X".into(), method(spec.method).to_string()]);
        }
    }
    words.extend(curl::with(&spec.headers, &spec.tls));
    // With `-L`, curl would send a secret to wherever the server points.
    let is_secret = spec.headers.values().any(|value| value.secret().is_some());
    if spec.redirects > 0 && !is_secret {
        words.extend(["-L".into(), "--max-redirs".into(), spec.redirects.to_string()]);
    }
    words.push(shell_word(&spec.url));
    words.join(" ")
}
