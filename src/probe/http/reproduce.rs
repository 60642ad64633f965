//! The same request for a person to type.

use crate::checklist::spec::{Http, Method};
use crate::text::shell_word;

use super::super::curl;
use super::method;

/// A `curl` command; secrets as references.
pub(super) fn curl(spec: &Http) -> String {
    let mut words = vec!["curl".to_owned(), "-sS".into()];
    match spec.method {
        Method::Head => words.push("--head".into()),
        Method::Get => words.push("-i".into()),
        Method::Options | Method::Post => {
            words.extend(["-i".into(), "-X".into(), method(spec.method).to_string()]);
        }
    }
    words.extend(curl::with(&spec.headers, &spec.tls));
    if spec.redirects > 0 {
        words.extend(["-L".into(), "--max-redirs".into(), spec.redirects.to_string()]);
    }
    words.push(shell_word(&spec.url));
    words.join(" ")
}
