//! Compares a text with the checks. Pure.

use super::content::ReadBody;
use super::deadline::Deadline;
use super::error::ProbeError;
use gonogo_core::checklist::spec::{Pattern, TextCheck, TextRule, is_number};
use gonogo_core::outcome::Observation;
use gonogo_core::text;

/// The longest line that is shown, in bytes.
const MAX_LINE: usize = 120;

/// One observation for each rule of the checks of what is called `what`.
pub(super) fn judge(
    checks: &[TextCheck],
    what: &str,
    content: &ReadBody,
    until: &Deadline,
) -> Vec<Observation> {
    let text = String::from_utf8_lossy(&content.bytes);
    let judge = |(rule, warn): (&TextRule, bool)| {
        let in_time = until.check(format!("checking {what}")).map_err(ProbeError::from);
        match in_time.and_then(|()| is_searchable(rule, &text)) {
            // A text that is no number is neither below a limit nor above it.
            Ok(()) if warn && (rule.bound().is_none() || is_number(&text)) => {
                judge_one(rule, what, &text, content).or_warning()
            }
            Ok(()) => judge_one(rule, what, &text, content),
            Err(why) => Observation::unknown(what, expected(rule), why),
        }
    };
    rules(checks).map(judge).collect()
}

/// The rules of all checks, each with whether it only warns.
fn rules(checks: &[TextCheck]) -> impl Iterator<Item = (&TextRule, bool)> {
    checks.iter().flat_map(|check| check.rules.iter().map(|rule| (rule, check.warn)))
}

/// Whether a text is short enough for a pattern of its size.
fn is_searchable(rule: &TextRule, text: &str) -> Result<(), ProbeError> {
    match rule {
        TextRule::Matches(pattern) | TextRule::Lacks(pattern) | TextRule::EachLine(pattern)
            if text.len() > pattern.max_text =>
        {
            Err(ProbeError::new(format!(
                "{} KiB, and so large a pattern is searched for in at most {} KiB; shorten it, such as x+ for x{{1,300}}",
                text.len() >> 10,
                pattern.max_text >> 10
            )))
        }
        _ => Ok(()),
    }
}

/// One observation for each rule that was not checked.
pub(super) fn unseen(checks: &[TextCheck], what: &str, why: &ProbeError) -> Vec<Observation> {
    rules(checks).map(|(rule, _)| Observation::unknown(what, expected(rule), why.clone())).collect()
}

fn judge_one(rule: &TextRule, what: &str, text: &str, content: &ReadBody) -> Observation {
    let (expected, seen) = (expected(rule), run_rule(rule, text));
    match &content.cut {
        // The unread part could contain it.
        Some(why) if !seen.is_final => Observation::unknown(what, expected, why.clone()),
        _ => {
            let message = seen.message.unwrap_or_else(|| format!("no match in: {}", content.excerpt()));
            let observation = Observation::new(what, expected, message, seen.ok);
            let is_measured = matches!(rule, TextRule::LinesAtLeast(_)) || rule.bound().is_some();
            if is_measured { observation.as_measured() } else { observation }
        }
    }
}

/// The result of one rule.
struct TextResult {
    ok: bool,
    /// Whether more text would change nothing.
    is_final: bool,
    /// The observed value; none if an excerpt of the text is shown.
    message: Option<String>,
}

impl TextResult {
    /// The result of searching for something required.
    fn required(ok: bool, rule: &TextRule) -> Self {
        Self { ok, is_final: ok, message: ok.then(|| expected(rule)) }
    }

    /// The result of searching for something forbidden: the line with it, if any.
    fn forbidden(line: Option<String>) -> Self {
        let ok = line.is_none();
        Self { ok, is_final: !ok, message: Some(line.unwrap_or_else(|| "no match".into())) }
    }
}

fn expected(rule: &TextRule) -> String {
    match rule {
        TextRule::Equals(text) => format!("`{text}`"),
        TextRule::Contains(part) => format!("contains `{part}`"),
        TextRule::Matches(pattern) => format!("matches `{}`", pattern.as_str()),
        TextRule::Lacks(pattern) => format!("nothing matches `{}`", pattern.as_str()),
        TextRule::EachLine(pattern) => format!("each line matches `{}`", pattern.as_str()),
        TextRule::LinesAtLeast(least) => format!("at least {}", text::count(to_size(*least), "line")),
        TextRule::AtLeast(_) | TextRule::AtMost(_) | TextRule::LessThan(_) | TextRule::Between(_) => {
            rule.bound().map(|bound| format!("a number, {bound}")).unwrap_or_default()
        }
    }
}

fn run_rule(rule: &TextRule, whole: &str) -> TextResult {
    match rule {
        TextRule::Equals(text) => {
            let (ok, quoted) =
                (whole.trim() == text.trim(), text::clip(&format!("`{}`", whole.trim()), MAX_LINE));
            TextResult { ok, is_final: false, message: Some(quoted) }
        }
        TextRule::Contains(part) => TextResult::required(whole.contains(part.as_str()), rule),
        TextRule::Matches(pattern) => TextResult::required(is_match(pattern, whole), rule),
        TextRule::Lacks(pattern) => TextResult::forbidden(culprit(pattern, whole)),
        TextRule::EachLine(pattern) => each_line(pattern, whole),
        TextRule::LinesAtLeast(least) => {
            let count = lines(whole).count();
            let ok = count >= to_size(*least);
            TextResult { ok, is_final: ok, message: Some(text::count(count, "line")) }
        }
        TextRule::AtLeast(_) | TextRule::AtMost(_) | TextRule::LessThan(_) | TextRule::Between(_) => {
            let ok = rule.bound().is_some_and(|bound| bound.holds(whole.trim()));
            TextResult { ok, is_final: false, message: Some(text::clip(whole.trim(), MAX_LINE)) }
        }
    }
}

/// Whether a text matches with the line end at its end, or without it: programs print one, and `$` is the end of the text.
fn is_match(pattern: &Pattern, text: &str) -> bool {
    let without = text.strip_suffix('\n').map(|rest| rest.strip_suffix('\r').unwrap_or(rest));
    pattern.is_in(text) || without.is_some_and(|text| pattern.is_in(text))
}

/// The line in which a pattern is found.
fn culprit(pattern: &Pattern, text: &str) -> Option<String> {
    let line = lines(text).find(|line| pattern.is_in(line)).map(|line| text::clip(line, MAX_LINE));
    line.or_else(|| pattern.is_in(text).then(|| "a match over several lines".into()))
}

/// No line at all is wrong too: nothing was checked.
fn each_line(pattern: &Pattern, text: &str) -> TextResult {
    let mismatches: Vec<&str> = lines(text).filter(|line| !pattern.is_in(line)).collect();
    let message = match (mismatches.first(), lines(text).count()) {
        (_, 0) => "no lines".into(),
        (None, _) => "all lines match".into(),
        (Some(line), count) => {
            format!(
                "{} of {} do not match: {}",
                mismatches.len(),
                text::count(count, "line"),
                text::clip(line, MAX_LINE)
            )
        }
    };
    TextResult { ok: message == "all lines match", is_final: !mismatches.is_empty(), message: Some(message) }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim().is_empty())
}

fn to_size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn result_of(check: &str, text: &str, cut: bool) -> (String, Option<bool>) {
        let check = serde_json::from_str(check).unwrap();
        let cut = cut.then(|| ProbeError::new("too long"));
        let content = ReadBody { bytes: text.into(), cut };
        let seen = judge(&[check], "body", &content, &Deadline::after(Duration::MAX)).remove(0);
        (seen.seen, seen.ok)
    }

    #[test]
    fn content_of_a_text_is_found() {
        assert_eq!(result_of(r#"{"contains":"b"}"#, "abc", false), ("contains `b`".into(), Some(true)));
        assert_eq!(result_of(r#"{"contains":"x"}"#, "abc", false), ("no match in: abc".into(), Some(false)));
        assert_eq!(result_of(r#"{"matches":"^a.c$"}"#, "abc", false).1, Some(true));
        assert_eq!(
            result_of(r#"{"lacks":"err"}"#, "fine\nan error\n", false),
            ("an error".into(), Some(false))
        );
        assert_eq!(result_of(r#"{"lacks":"err"}"#, "fine", false), ("no match".into(), Some(true)));
        assert_eq!(result_of(r#"{"lines_at_least":2}"#, "a\n\nb\n", false), ("2 lines".into(), Some(true)));
        assert_eq!(result_of(r#"{"lines_at_least":3}"#, "a\n\nb\n", false).1, Some(false));
    }

    #[test]
    fn a_text_can_be_a_number() {
        assert_eq!(result_of(r#"{"at_most":5}"#, "4.5\n", false), ("4.5".into(), Some(true)));
        assert_eq!(result_of(r#"{"less_than":5}"#, "5", false).1, Some(false));
        assert_eq!(result_of(r#"{"between":[1,5]}"#, "3 files", false), ("3 files".into(), Some(false)));
        assert_eq!(result_of(r#"{"at_least":1}"#, "12", true).1, None);
    }

    #[test]
    fn a_pattern_matches_with_or_without_the_last_line_end() {
        for (pattern, text, ok) in [
            ("^[0-9]$", "3\\n", true),
            ("^[0-9]$", "3\\r\\n", true),
            ("^[0-9]$", "3", true),
            ("^[0-9]\\\\n$", "3\\n", true),
            ("^[0-9]$", "3\\n\\n", false),
            ("^[0-9]$", "3\\n4\\n", false),
        ] {
            let text = text.replace("\\n", "\n").replace("\\r", "\r");
            assert_eq!(
                result_of(&format!(r#"{{"matches":"{pattern}"}}"#), &text, false).1,
                Some(ok),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_limit_of_a_warning_fails_nothing() {
        let warns = |check: &str, text: &str, cut| {
            let (seen, ok) = result_of(check, text, cut);
            (seen.starts_with("warning: "), ok)
        };
        let limit = r#"{"at_most":80,"warn":true}"#;
        assert_eq!(result_of(limit, "85\n", false).0, "warning: 85 (expected a number, at most 80)");
        assert_eq!(warns(limit, "85\n", false), (true, Some(true)));
        assert_eq!(warns(limit, "80\n", false), (false, Some(true)));
        // Not a number, not everything read: neither below the limit nor above it.
        assert_eq!(warns(limit, "many\n", false), (false, Some(false)));
        assert_eq!(warns(limit, "85", true), (false, None));
        assert_eq!(warns(r#"{"lacks":"WARN","warn":true}"#, "WARN: slow", false), (true, Some(true)));
        assert_eq!(warns(r#"{"at_least":1,"at_most":5}"#, "7", false), (false, Some(true)));
    }

    #[test]
    fn a_large_pattern_is_not_searched_for_in_a_long_text() {
        let (long, short) = ("a".repeat(1 << 20), "a".repeat(1000));
        for check in ["matches", "lacks", "each_line"] {
            let check = format!("{{\"{check}\":\"(a?){{300}}a{{300}}b\"}}");
            let (message, ok) = result_of(&check, &long, false);
            assert!(ok.is_none() && message.contains("1024 KiB, and so large a pattern"), "{message}");
            assert!(result_of(&check, &short, false).1.is_some());
        }
    }

    #[test]
    fn each_line_counts_and_no_line_is_not_enough() {
        let check = r#"{"each_line":"=="}"#;
        assert_eq!(result_of(check, "a==1\n\nb==2\n", false), ("all lines match".into(), Some(true)));
        assert_eq!(
            result_of(check, "a==1\nb\nc\n", false),
            ("2 of 3 lines do not match: b".into(), Some(false))
        );
        assert_eq!(result_of(check, "\n", false), ("no lines".into(), Some(false)));
    }

    #[test]
    fn an_incomplete_text_gives_only_certain_results() {
        assert_eq!(result_of(r#"{"contains":"b"}"#, "abc", true).1, Some(true));
        assert_eq!(result_of(r#"{"contains":"x"}"#, "abc", true), ("too long".into(), None));
        assert_eq!(result_of(r#"{"lacks":"x"}"#, "abc", true).1, None);
        assert_eq!(result_of(r#"{"lacks":"b"}"#, "abc", true).1, Some(false));
        assert_eq!(result_of(r#"{"each_line":"b"}"#, "abc", true).1, None);
        assert_eq!(result_of(r#"{"each_line":"x"}"#, "abc", true).1, Some(false));
    }

    #[test]
    fn an_invalid_pattern_is_rejected() {
        let error = serde_json::from_str::<TextCheck>(r#"{"matches":"("}"#).unwrap_err().to_string();
        assert!(error.contains("`(` is not a regular expression"), "{error}");
    }
}
