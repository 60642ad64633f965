//! What connections show of servers beside what a probe asks them: how long a certificate is still valid, and a clock
//! that differs from ours.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gonogo_core::outcome::{Observation, key};
use gonogo_core::text;
use gonogo_core::time::Utc;
use reqwest::header::{AGE, DATE, HeaderMap};
use rustls::pki_types::UnixTime;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

const DAY: Duration = Duration::from_hours(24);
/// A certificate with less time left is a failure, if that is less than a tenth of its lifetime.
const FAIL_BELOW: Duration = Duration::from_hours(3 * 24);
/// A certificate with less time left is noted, if that is less than a third of its lifetime.
const NOTICE_BELOW: Duration = Duration::from_hours(21 * 24);
/// How far a clock may be off without a word: `Date` counts whole seconds, and an answer takes time.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

tokio::task_local! {
    static SERVERS: Servers;
}

/// The servers of one run of a probe.
#[derive(Clone, Debug, Default)]
pub(super) struct Servers(Arc<Mutex<ServerNotes>>);

#[derive(Debug, Default)]
struct ServerNotes {
    /// By the name that the certificate is for.
    certificates: BTreeMap<String, Validity>,
    /// By host and port: how far the clock is ahead, in milliseconds.
    clocks: BTreeMap<String, i64>,
}

/// The time that a certificate must have left; by default a part of its lifetime.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ValidityLimits {
    /// With less it is a failure.
    pub(super) minimum: Option<Duration>,
    /// With less it is a warning.
    pub(super) warning: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Validity {
    from: Utc,
    until: Utc,
}

/// Runs a probe, and returns what its connections showed besides.
pub(super) async fn recording<T>(probe: impl Future<Output = T>) -> (T, Vec<Observation>) {
    let servers = Servers::default();
    let result = SERVERS.scope(servers.clone(), probe).await;
    (result, servers.observations(now()))
}

impl Servers {
    /// Those of the running probe.
    pub(super) fn of_this_run() -> Self {
        SERVERS.try_with(Clone::clone).unwrap_or_default()
    }

    /// Notes the certificate (DER) of a server that was accepted. The one that expires first counts.
    pub(super) fn note_certificate(&self, name: &str, der: &[u8]) {
        let Some(validity) = Validity::of(der) else { return };
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = notes.certificates.entry(name.to_owned()).or_insert(validity);
        if validity.until < earliest.until {
            *earliest = validity;
        }
    }

    /// Notes the clock of a server by the `Date` of an answer (RFC 9110, 6.6.1) that was asked for and came at these times.
    /// An answer from a cache has the clock of then.
    pub(super) fn note_clock(&self, server: &str, headers: &HeaderMap, asked: Utc, came: Utc) {
        let Some(date) = date_of(headers).filter(|_| !headers.contains_key(AGE)) else { return };
        let tolerance = i64::try_from(CLOCK_TOLERANCE.as_millis()).unwrap_or(i64::MAX);
        let (ahead, behind) = (date.millis() - came.millis(), asked.millis() - date.millis());
        if ahead.max(behind) > tolerance {
            let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            notes.clocks.insert(server.to_owned(), if ahead > 0 { ahead } else { -behind });
        }
    }

    fn observations(&self, now: Utc) -> Vec<Observation> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let certificates = notes.certificates.iter();
        let certificates =
            certificates.map(|(name, validity)| validity.judge(name, now, ValidityLimits::default()));
        let clocks = notes.clocks.iter().map(|(server, ahead)| {
            let (seconds, direction) =
                (ahead.unsigned_abs() / 1000, if *ahead > 0 { "ahead of" } else { "behind" });
            let seen =
                format!("{seconds} s {direction} this machine's: times are compared with this uncertainty");
            notice(format!("clock of {server}"), seen)
        });
        certificates.chain(clocks).collect()
    }
}

/// How long a certificate (DER) is still valid.
pub(super) fn judge_validity(der: &[u8], name: &str, limits: ValidityLimits) -> Observation {
    let what = format!("certificate of {name}");
    match Validity::of(der) {
        Some(validity) => validity.judge(name, now(), limits),
        None => Observation::unknown(what, "a certificate", "its times of validity cannot be read"),
    }
}

/// Whether a certificate (DER) is valid at a time; one that cannot be read is not.
pub(super) fn is_valid_at(der: &[u8], time: UnixTime) -> bool {
    let now = i64::try_from(time.as_secs()).ok().and_then(|seconds| seconds.checked_mul(1000));
    let validity = Validity::of(der).zip(now.map(Utc::from_millis));
    validity.is_some_and(|(validity, now)| (validity.from..=validity.until).contains(&now))
}

fn notice(what: String, seen: String) -> Observation {
    Observation::recorded(what, seen).as_measured().with_key(key::NOTICE)
}

/// The time that an answer gives as its own (RFC 9110, 6.6.1).
pub(super) fn date_of(headers: &HeaderMap) -> Option<Utc> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// A date as HTTP writes it (RFC 9110, 5.6.7).
pub(super) fn http_date(text: &str) -> Option<Utc> {
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Utc::from_millis(date.timestamp().as_millisecond()))
}

/// The time by this machine's clock.
pub(super) fn now() -> Utc {
    Utc::from_millis(jiff::Timestamp::now().as_millisecond())
}

impl Validity {
    /// That of a certificate; none if it cannot be read.
    fn of(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let time = |time: x509_cert::time::Time| {
            Some(Utc::from_millis(i64::try_from(time.to_unix_duration().as_millis()).ok()?))
        };
        let validity = certificate.tbs_certificate.validity;
        Some(Self { from: time(validity.not_before)?, until: time(validity.not_after)? })
    }

    fn judge(self, name: &str, now: Utc, limits: ValidityLimits) -> Observation {
        let (lifetime, left) = (self.until.since(self.from), self.until.since(now));
        let minimum = limits.minimum.unwrap_or_else(|| FAIL_BELOW.min(lifetime / 10));
        let what = format!("certificate of {name}");
        let seen = format!("{} left, until {}", describe(left), self.until);
        if left < minimum {
            return Observation::new(what, format!("{} or more left", describe(minimum)), seen, false)
                .as_measured();
        }
        let is_soon = left < limits.warning.unwrap_or_else(|| NOTICE_BELOW.min(lifetime / 3));
        if is_soon {
            return notice(what, format!("expires soon: {seen}"));
        }
        Observation::recorded(what, seen).as_measured()
    }
}

/// Whole days, or hours below two days.
fn describe(span: Duration) -> String {
    let count = |unit: u64| usize::try_from(span.as_secs() / unit).unwrap_or(usize::MAX);
    if span < 2 * DAY {
        text::count(count(60 * 60), "hour")
    } else {
        text::count(count(DAY.as_secs()), "day")
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    /// The verdict on a certificate with this lifetime and so much of it left, in hours.
    fn judge(lifetime: u64, left: u64) -> Observation {
        judge_within(lifetime, left, ValidityLimits::default())
    }

    fn judge_within(lifetime: u64, left: u64, limits: ValidityLimits) -> Observation {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let now = Utc::from_millis(1_700_000_000_000);
        let until = now.plus(hours(left));
        Validity { from: until.minus(hours(lifetime)), until }.judge("a", now, limits)
    }

    #[test]
    fn a_certificate_needs_days_or_a_part_of_its_lifetime() {
        for (lifetime_days, left, ok, seen) in [
            (365, 24 * 200, true, "200 days left, until"),
            (365, 24 * 20, true, "expires soon: 20 days left"),
            (365, 24 * 3, true, "expires soon: 3 days left"),
            (365, 71, false, "2 days left"),
            (365, 0, false, "0 hours left"),
            (90, 24 * 22, true, "22 days left"),
            (7, 60, true, "2 days left"),
            (7, 30, true, "expires soon: 30 hours left"),
            (7, 16, false, "16 hours left"),
        ] {
            let judged = judge(24 * lifetime_days, left);
            assert_eq!((judged.ok, judged.expected == "recorded"), (Some(ok), ok), "{lifetime_days} {left}");
            assert!(judged.seen.starts_with(seen), "{}", judged.seen);
            assert_eq!(judged.has_key(key::NOTICE), seen.starts_with("expires soon"), "{judged:?}");
        }
        assert_eq!(judge(24 * 365, 0).expected, "3 days or more left");
        assert_eq!(judge(24 * 7, 0).expected, "16 hours or more left");
    }

    #[test]
    fn limits_of_ones_own_take_the_place_of_the_usual_ones() {
        let limits = ValidityLimits { minimum: Some(14 * DAY), warning: Some(30 * DAY) };
        for (left, ok, is_notice) in
            [(31, true, false), (29, true, true), (14, true, true), (13, false, false)]
        {
            let judged = judge_within(24 * 365, 24 * left, limits);
            assert_eq!((judged.ok, judged.has_key(key::NOTICE)), (Some(ok), is_notice), "{judged:?}");
        }
        let shorter = ValidityLimits { minimum: Some(DAY), warning: Some(2 * DAY) };
        assert_eq!(judge_within(24 * 365, 49, shorter).ok, Some(true));
    }

    fn clock(date: &'static str, age: Option<&'static str>) -> Option<String> {
        let servers = Servers::default();
        let mut headers = HeaderMap::from_iter([(DATE, HeaderValue::from_static(date))]);
        headers.extend(age.map(|age| (AGE, HeaderValue::from_static(age))));
        let asked = Utc::parse("2026-09-21T14:13:20Z").unwrap();
        servers.note_clock("a:80", &headers, asked, asked.plus(Duration::from_secs(2)));
        servers.observations(asked).pop().map(|seen| seen.seen)
    }

    #[test]
    fn a_clock_that_differs_is_recorded() {
        assert!(clock("Mon, 21 Sep 2026 14:18:22 GMT", None).unwrap().starts_with("300 s ahead of this"));
        assert!(clock("Mon, 21 Sep 2026 14:08:20 GMT", None).unwrap().starts_with("300 s behind this"));
        // Within the tolerance of both times; from a cache; unreadable.
        for (date, age) in [
            ("Mon, 21 Sep 2026 14:13:27 GMT", None),
            ("Mon, 21 Sep 2026 14:13:15 GMT", None),
            ("Mon, 21 Sep 2026 14:08:20 GMT", Some("300")),
            ("yesterday", None),
        ] {
            assert_eq!(clock(date, age), None, "{date}");
        }
    }

    #[tokio::test]
    async fn only_the_running_probe_has_them() {
        let der = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap().cert.der().to_vec();
        let ((), seen) = recording(async { Servers::of_this_run().note_certificate("a", &der) }).await;
        assert!(
            seen[0].what == "certificate of a" && seen[0].seen.contains("days left, until 4096"),
            "{seen:?}"
        );
        let ((), seen) =
            recording(async { Servers::of_this_run().note_certificate("a", b"no certificate") }).await;
        assert!(seen.is_empty(), "{seen:?}");
        Servers::of_this_run().note_certificate("a", &der);
    }
}
