//! Findings that are the same for several values are reported once, with all places.

use gonogo_core::checklist::lint::{LintFinding, LintLevel};
use gonogo_core::error::Problem;

/// What two findings have in common, apart from the value.
#[derive(PartialEq, Eq)]
struct Subject<'a> {
    level: LintLevel,
    file: &'a str,
    what: &'a str,
    hint: Option<&'a str>,
}

/// A value's name, and its line.
type ValuePlace<'a> = (&'a str, usize);

/// What findings have in common, if they are about values; the first one; their values.
type Group<'a> = (Option<Subject<'a>>, &'a LintFinding, Vec<ValuePlace<'a>>);

/// A finding about one value: what it says, the value's name, and its line.
fn about_value(finding: &LintFinding) -> Option<(Subject<'_>, ValuePlace<'_>)> {
    let Problem { location, what, hint } = &finding.problem;
    let place = location.as_ref()?;
    let (name, what) = what.split_once(": ").filter(|(name, _)| !name.contains(' '))?;
    let subject = Subject { level: finding.level, file: &place.file, what, hint: hint.as_deref() };
    Some((subject, (name, place.line)))
}

/// The findings, those that say the same of several values as one, at the place of the first.
pub(super) fn grouped(findings: &[LintFinding]) -> Vec<LintFinding> {
    let mut groups: Vec<Group> = Vec::new();
    for finding in findings {
        let Some((subject, value)) = about_value(finding) else {
            groups.push((None, finding, Vec::new()));
            continue;
        };
        match groups.iter_mut().find(|(other, ..)| other.as_ref() == Some(&subject)) {
            Some((.., values)) => values.push(value),
            None => groups.push((Some(subject), finding, vec![value])),
        }
    }
    groups.into_iter().map(|(subject, first, values)| merged(subject.as_ref(), first, &values)).collect()
}

fn merged(subject: Option<&Subject>, first: &LintFinding, values: &[ValuePlace]) -> LintFinding {
    let Some(Subject { level, file, what, .. }) = subject.filter(|_| values.len() > 1) else {
        return first.clone();
    };
    let values: Vec<_> = values.iter().map(|(name, line)| format!("{name} (line {line})")).collect();
    let what = format!("{file}: {what}: {}", values.join(", "));
    LintFinding { level: *level, problem: Problem { location: None, what, hint: first.problem.hint.clone() } }
}
