//! Times in `allowed_signers`, as OpenSSH's `parse_absolute_time` reads them.

const DAY: i64 = 86_400;

/// Why a time is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeError {
    /// It is not a time.
    Form,
    /// It is in the reader's time zone.
    Local,
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, then `Z` or `UTC`.
///
/// As in OpenSSH, a day beyond the end of its month counts as one of the next month, second 60 as one of the next
/// minute, and a time that is not after the start of 1970 is invalid.
///
/// In seconds since the start of 1970.
pub(super) fn parse(text: &str) -> Result<i64, TimeError> {
    let (digits, utc) = without_zone(text);
    let seconds = seconds(digits).ok_or(TimeError::Form)?;
    if !utc {
        return Err(TimeError::Local);
    }
    if seconds > 0 { Ok(seconds) } else { Err(TimeError::Form) }
}

fn without_zone(text: &str) -> (&str, bool) {
    for zone in ["Z", "UTC"] {
        if let Some((digits, end)) =
            text.len().checked_sub(zone.len()).and_then(|at| text.split_at_checked(at))
            && !digits.is_empty()
            && end.eq_ignore_ascii_case(zone)
        {
            return (digits, true);
        }
    }
    (text, false)
}

fn seconds(digits: &str) -> Option<i64> {
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let field = |from: usize, to: usize, max: i64| {
        let number = digits.get(from..to).map_or(Some(0), |digits| digits.parse::<i64>().ok())?;
        (number <= max).then_some(number)
    };
    let (year, month, day) = (field(0, 4, 9999)?, field(4, 6, 12)?, field(6, 8, 31)?);
    if month == 0 || day == 0 {
        return None;
    }
    let (hour, minute, second) = (field(8, 10, 23)?, field(10, 12, 59)?, field(12, 14, 60)?);
    Some((first_day(year, month) + day - 1) * DAY + hour * 3600 + minute * 60 + second)
}

/// The days from the start of 1970 to the start of a month.
fn first_day(year: i64, month: i64) -> i64 {
    const DAYS_BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    // Past leap days, with this year's from March on.
    let years = if month > 2 { year } else { year - 1 };
    let leap_days = |years: i64| years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400);
    let index = usize::try_from(month - 1).unwrap_or_default();
    let before = DAYS_BEFORE_MONTH.get(index).copied().unwrap_or_default();
    365 * (year - 1970) + leap_days(years) - leap_days(1969) + before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Utc;

    #[test]
    fn times_are_parsed_as_by_openssh() {
        for (text, time) in [
            ("20260615Z", "2026-06-15T00:00:00Z"),
            ("20260615z", "2026-06-15T00:00:00Z"),
            ("20260615UTC", "2026-06-15T00:00:00Z"),
            ("20260615utc", "2026-06-15T00:00:00Z"),
            ("202606151030Z", "2026-06-15T10:30:00Z"),
            ("20260615103059Z", "2026-06-15T10:30:59Z"),
            ("20260615103060Z", "2026-06-15T10:31:00Z"),
            ("20240229Z", "2024-02-29T00:00:00Z"),
            ("20240301Z", "2024-03-01T00:00:00Z"),
            ("20260230Z", "2026-03-02T00:00:00Z"),
            ("21000301Z", "2100-03-01T00:00:00Z"),
            ("19700101000001Z", "1970-01-01T00:00:01Z"),
            ("99991230Z", "9999-12-30T00:00:00Z"),
        ] {
            assert_eq!(parse(text), Ok(Utc::parse(time).unwrap().seconds()), "{text}");
        }
    }

    #[test]
    fn invalid_and_local_times_are_distinguished() {
        for text in [
            "",
            "Z",
            "UTC",
            "never",
            "2026061Z",
            "20261301Z",
            "20260600Z",
            "20260632Z",
            "202606152400Z",
            "202606151060Z",
            "20260615103061Z",
            "20260615ZZ",
            "19700101Z",
            "19691231Z",
            "00000101Z",
            "+2026061Z",
            "2026 6 1Z",
            "20260615T103000Z",
            "2026-06-15",
            "٢٠٢٦Z",
            "20260615 UTC",
            "é20260615Z",
        ] {
            assert_eq!(parse(text), Err(TimeError::Form), "{text}");
        }
        assert_eq!(parse("20260615"), Err(TimeError::Local));
        assert_eq!(parse("20260615103059"), Err(TimeError::Local));
        assert_eq!(parse("19691231"), Err(TimeError::Local));
    }
}
