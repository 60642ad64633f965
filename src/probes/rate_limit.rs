//! A server that limits our rate: when it may be asked again.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::deadline::Deadline;
use super::servers;

/// How long a server wants us to wait, if it limits our rate and there is time: in seconds, or until a date (RFC 9110,
/// 10.2.3).
pub(super) fn retry_after(status: StatusCode, headers: &HeaderMap, deadline: &Deadline) -> Option<Duration> {
    let is_limited = status == StatusCode::TOO_MANY_REQUESTS;
    let after = headers.get(RETRY_AFTER).filter(|_| is_limited)?.to_str().ok()?.trim();
    let until = || Some(servers::http_date(after)?.since(servers::now()));
    let delay = after.parse().ok().map(Duration::from_secs).or_else(until)?;
    (delay < deadline.remaining()).then_some(delay)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn a_limited_request_waits_as_long_as_the_server_says_if_there_is_time() {
        let deadline = Deadline::after(Duration::from_mins(1));
        let after = |status: u16, after: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(after))]);
            retry_after(StatusCode::from_u16(status).unwrap(), &headers, &deadline)
        };
        assert_eq!(after(429, "2"), Some(Duration::from_secs(2)));
        assert_eq!(after(429, " 0 "), Some(Duration::ZERO));
        assert_eq!(after(429, "Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO), "a date that is past");
        assert_eq!(after(429, "Fri, 31 Dec 2100 23:59:59 GMT"), None, "no time left");
        assert_eq!(after(429, "3600"), None, "the same");
        assert_eq!(after(429, "soon"), None, "not a time");
        assert_eq!(after(503, "2"), None, "not our rate");
        assert_eq!(retry_after(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), &deadline), None);
    }
}
