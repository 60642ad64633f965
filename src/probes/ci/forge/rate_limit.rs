//! Rate limits of forges: <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>,
//! <https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers>.

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use crate::probes::error::ProbeError;

/// The error if the answer is a refusal because of too many requests. GitHub answers 403 or 429.
pub(super) fn reached(status: StatusCode, headers: &HeaderMap, reason: &str) -> Option<ProbeError> {
    let is_limited = match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => {
            number(headers, "x-ratelimit-remaining") == Some(0)
                || headers.contains_key("retry-after")
                || reason.to_ascii_lowercase().contains("rate limit")
        }
        _ => false,
    };
    let code = status.as_u16();
    let until = until(headers).unwrap_or_else(|| "reset time not reported".into());
    is_limited.then(|| ProbeError::new(format!("rate limit exceeded; {until} ({code}: {reason})")))
}

fn until(headers: &HeaderMap) -> Option<String> {
    if let Some(wait) = headers.get("retry-after").and_then(|wait| wait.to_str().ok()) {
        let is_seconds = wait.bytes().all(|digit| digit.is_ascii_digit());
        return Some(if is_seconds {
            format!("retry after {wait} s")
        } else {
            format!("retry after {wait}")
        });
    }
    let reset = ["x-ratelimit-reset", "ratelimit-reset"].iter().find_map(|name| number(headers, name))?;
    Timestamp::from_second(reset).ok().map(|reset| format!("retry after {reset}"))
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
