//! Which metrics an expression of `PromQL` names (<https://prometheus.io/docs/prometheus/latest/querying/basics/>).

use std::str::Chars;

/// Whether an expression names a metric, and not one whose name only contains it.
pub(super) fn names(expr: &str, metric: &str) -> bool {
    let expr = without_texts(expr);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    expr.match_indices(metric).any(|(at, _)| {
        let before = expr[..at].chars().next_back();
        let after = expr[at + metric.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// The expression without comments, and without texts that are no name of a metric: values of labels, and arguments.
fn without_texts(expr: &str) -> String {
    let (mut code, mut in_selector) = (String::new(), false);
    let mut chars = expr.chars();
    while let Some(c) = chars.next() {
        match c {
            '#' => {
                chars.by_ref().find(|c| *c == '\n');
                code.push(' ');
            }
            '"' | '\'' | '`' => {
                let text = quoted(&mut chars, c);
                let is_name = is_metric_next(&code, in_selector);
                code.push(' ');
                code.push_str(if is_name { &text } else { "" });
                code.push(' ');
            }
            _ => {
                in_selector = if matches!(c, '{' | '}') { c == '{' } else { in_selector };
                code.push(c);
            }
        }
    }
    code
}

/// The text up to its closing quote. In backticks a backslash has no meaning.
fn quoted(chars: &mut Chars, quote: char) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next().filter(|c| *c != quote) {
        let is_escape = c == '\\' && quote != '`';
        text.extend(if is_escape { chars.next() } else { Some(c) });
    }
    text
}

/// Whether a text that follows is a metric: `{"metric"}`, `{__name__="metric"}`, `{__name__=~"metric"}`.
fn is_metric_next(code: &str, in_selector: bool) -> bool {
    let before = code.trim_end();
    let label = before.strip_suffix("=~").or_else(|| before.strip_suffix('='));
    match label {
        Some(label) => in_selector && label.trim_end().ends_with("__name__"),
        None => in_selector && !before.ends_with('~'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_named_whole_and_outside_of_texts() {
        for (expr, is_named) in [
            ("rate(events_total[5m]) > 1", true),
            ("sum by (le) (rate(events_total{job=\"app\"}[5m]))", true),
            ("{__name__=\"events_total\"}", true),
            ("{ __name__ =~ 'events_total' }", true),
            ("{\"events_total\", job=\"app\"}", true),
            ("up # of the app\n* events_total", true),
            ("rate(board_events_total[5m]) > 1", false),
            ("events_total:rate5m > 1", false),
            ("vector(0) # events_total", false),
            ("other{job=\"events_total\"}", false),
            ("other{job!=\"events_total\"}", false),
            ("other{job!~\"events_total\"}", false),
            ("other{job=\"a\\\"events_total\"}", false),
            ("other{job=`\\`, x=\"events_total\"}", false),
            ("{__name__!=\"events_total\"}", false),
            ("label_replace(up, \"events_total\", \"$1\", \"job\", \"(.*)\")", false),
            ("other{job=\"events_total", false),
        ] {
            assert_eq!(names(expr, "events_total"), is_named, "{expr}");
        }
    }
}
