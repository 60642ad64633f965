//! Judges a text that was read: within the deadline, and not on the threads of the other probes and the screen.

use std::time::Duration;

use super::content::ReadBody;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::{json, text_checks};
use gonogo_core::checklist::spec::{JsonCheck, TextCheck};
use gonogo_core::outcome::Observation;

/// The minimum time for judging: what was read before the deadline passed is judged.
const MIN_TIME: Duration = Duration::from_millis(500);

/// Runs work that may take more than a few milliseconds on a blocking thread.
///
/// # Errors
/// When it does not finish in time.
pub(super) async fn on_blocking_thread<T: Send + 'static>(
    what: &str,
    deadline: &Deadline,
    work: impl FnOnce() -> T + Send + 'static,
) -> ProbeResult<T> {
    let deadline = deadline.with_at_least(MIN_TIME);
    let result = deadline.limit(format!("checking {what}"), tokio::task::spawn_blocking(work)).await?;
    result.map_err(|_| ProbeError::new(format!("the check of {what} did not end")))
}

/// One observation for each check of what is called `what`.
pub(super) async fn judge(
    what: &'static str,
    text: &[TextCheck],
    json: &[JsonCheck],
    content: ReadBody,
    deadline: &Deadline,
) -> Vec<Observation> {
    if text.is_empty() && json.is_empty() {
        return Vec::new();
    }
    let deadline = deadline.with_at_least(MIN_TIME);
    let work = {
        let (text, json, until) = (text.to_vec(), json.to_vec(), deadline);
        move || {
            let seen = text_checks::judge(&text, what, &content, &until);
            [seen, json::judge(&json, &content, &until)].concat()
        }
    };
    let not_judged = |why| [text_checks::unseen(text, what, &why), json::not_checked(json, &why)].concat();
    on_blocking_thread(what, &deadline, work).await.unwrap_or_else(not_judged)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred slow checks: judging does not wait for them, and they soon stop.
    #[tokio::test]
    async fn judging_ends_with_the_deadline() {
        let text: Vec<TextCheck> = vec![serde_json::from_str(r#"{"lacks":"(a?){30}a{30}b"}"#).unwrap(); 100];
        let json: Vec<JsonCheck> = vec![serde_json::from_str(r#"{"path":"$..a"}"#).unwrap()];
        let content = ReadBody { bytes: "a".repeat(1 << 20).into_bytes(), cut: None };
        let deadline = Deadline::after(Duration::ZERO);
        let seen = judge("body", &text, &json, content, &deadline).await;
        assert_eq!(seen.len(), 101);
        assert!(seen.iter().all(|seen| seen.ok.is_none()), "{seen:?}");
        assert_eq!(seen[0].seen, "no response within 500 ms (checking body)");
    }

    #[test]
    fn checks_left_at_the_deadline_are_not_started() {
        let check: TextCheck = serde_json::from_str(r#"{"contains":"a"}"#).unwrap();
        let content = ReadBody { bytes: b"a".to_vec(), cut: None };
        let seen = text_checks::judge(&[check], "body", &content, &Deadline::after(Duration::ZERO));
        assert_eq!((seen[0].ok, &*seen[0].seen), (None, "no response within 0 s (checking body)"));
    }
}
