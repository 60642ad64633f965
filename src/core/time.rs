//! Points in time as written in the run log. This reads no clock.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A UTC instant in whole milliseconds, written as RFC 3339 with three decimals (`2026-09-20T10:00:04.000Z`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utc(Timestamp);

impl Utc {
    /// From milliseconds since the Unix epoch; values that jiff cannot hold (beyond the years ±9999) are clamped.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        let clamped = if millis < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Self(Timestamp::from_millisecond(millis).unwrap_or(clamped))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Seconds since the Unix epoch, rounded down.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.as_millisecond().div_euclid(1000)
    }

    /// This instant plus `span`.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.millis().saturating_add(millis))
    }

    /// This instant minus `span`.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.millis().saturating_sub(millis))
    }

    /// The time from `earlier` to this instant; zero if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.millis().saturating_sub(earlier.millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// Parses RFC 3339. Offsets are accepted and converted to UTC.
    ///
    /// # Errors
    /// jiff's error message.
    pub fn parse(text: &str) -> Result<Self, String> {
        let exact: Timestamp = text.parse().map_err(|e: jiff::Error| e.to_string())?;
        Ok(Self::from_millis(exact.as_millisecond()))
    }

    /// `20260920T100004Z`, for file names.
    #[must_use]
    pub fn compact(self) -> String {
        self.0.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// `2026-09-20 10:00:04Z`, for people.
    #[must_use]
    pub fn readable(self) -> String {
        self.0.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
    }

    /// `10:00:04`, where the day is known.
    #[must_use]
    pub fn time_of_day(self) -> String {
        self.0.strftime("%H:%M:%S").to_string()
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Utc {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// A moment by both clocks of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Wall clock.
    pub wall: Utc,
    /// The boot that `mono` counts from.
    pub boot: String,
    /// Milliseconds since that boot, including suspended time.
    pub mono: u64,
}

impl Moment {
    /// The time since `earlier`: the larger difference of the two clocks, so that setting a clock back cannot keep a
    /// result fresh. The monotonic clock counts only within one boot.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        let wall = self.wall.since(earlier.wall);
        if self.boot == earlier.boot {
            wall.max(Duration::from_millis(self.mono.saturating_sub(earlier.mono)))
        } else {
            wall
        }
    }
}

/// The longest span that is accepted, in milliseconds: a hundred years. Adding it to clocks and deadlines cannot
/// overflow.
const LONGEST_SPAN: u64 = 36_525 * 86_400_000;

/// Parses a span: `90s`, `30m`, `2h`, `1d`; `250ms` below a second. At most a hundred years.
///
/// # Errors
/// The expected format.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let expected = || format!("expected a time such as \"10s\", \"30m\", \"2h\" or \"1d\", found {text:?}");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
    let number: u64 = text[..digits].parse().map_err(|_| expected())?;
    let millis = match text[digits..].trim() {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(expected()),
    };
    let span = number.checked_mul(millis).filter(|span| *span <= LONGEST_SPAN);
    span.map(Duration::from_millis).ok_or_else(|| format!("expected at most \"36525d\", found {text:?}"))
}

/// A span as configured: `250ms`, `1500ms`, otherwise like [`span`].
#[must_use]
pub fn exact_span(time: Duration) -> String {
    if time.subsec_millis() == 0 { span(time) } else { format!("{}ms", time.as_millis()) }
}

/// A span for people, in its two largest units: `12s`, `4m 05s`, `2h 30m`, `3d 4h`.
#[must_use]
pub fn span(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m {:02}s", s / 60, s % 60),
        3600..86_400 => format!("{}h {:02}m", s / 3600, s % 3600 / 60),
        _ => format!("{}d {}h", s / 86_400, s % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(wall: i64, boot: &str, mono: u64) -> Moment {
        Moment { wall: Utc::from_millis(wall), boot: boot.into(), mono }
    }

    #[test]
    fn an_instant_reads_back_as_it_was_written() {
        let t = Utc::from_millis(1_790_000_000_123);
        assert_eq!(Utc::parse(&t.to_string()), Ok(t));
        assert_eq!(Utc::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_clock_set_back_does_not_make_a_result_younger() {
        let then = moment(100_000, "a", 5_000);
        assert_eq!(moment(40_000, "a", 65_000).since(&then), Duration::from_mins(1));
        assert_eq!(moment(40_000, "b", 65_000).since(&then), Duration::ZERO);
        assert_eq!(moment(400_000, "a", 65_000).since(&then), Duration::from_mins(5));
    }

    #[test]
    fn spans_are_read_and_written() {
        assert_eq!(parse_span("30m"), Ok(Duration::from_mins(30)));
        assert!(parse_span("30").is_err() && parse_span("m").is_err() && parse_span("1.5h").is_err());
        assert_eq!(span(Duration::from_mins(150)), "2h 30m");
        assert_eq!(parse_span("36525d").map(span), Ok("36525d 0h".into()));
        assert!(parse_span("36526d").is_err() && parse_span("18446744073709551615ms").is_err());
    }

    #[test]
    fn a_configured_span_is_shown_to_the_millisecond() {
        let shown = |text| parse_span(text).map(exact_span);
        assert_eq!(shown("500ms"), Ok("500ms".into()));
        assert_eq!(shown("1500ms"), Ok("1500ms".into()));
        assert_eq!(shown("300s"), Ok("5m 00s".into()));
    }
}
