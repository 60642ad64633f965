//! Which findings the profile accepts. Pure.

use jiff::civil::Date;

use super::ScanFinding;
use gonogo_core::checklist::spec::{ScanException, ScanSpec};

/// Whether the exception names this finding, by its id or by an alias.
pub(super) fn names(exception: &ScanException, finding: &ScanFinding) -> bool {
    finding.aliases.iter().chain([&finding.id]).any(|id| is_same(&exception.id, id))
}

/// Whether valid exceptions cover the finding.
pub(super) fn is_accepted(spec: &ScanSpec, finding: &ScanFinding, today: Date) -> bool {
    let valid: Vec<_> = spec
        .exceptions
        .iter()
        .filter(|exception| exception.until.0 >= today && !exception.reason.trim().is_empty())
        .collect();
    is_accepted_by(finding, &|id| valid.iter().any(|exception| is_same(&exception.id, id)))
}

/// A vendor's advisory can stand for several CVEs: then each of them must be accepted.
fn is_accepted_by(finding: &ScanFinding, is_accepted: &dyn Fn(&str) -> bool) -> bool {
    let by_alias = |scheme: &str| {
        let mut aliases = finding.aliases.iter().filter(|alias| self::scheme(alias) == scheme).peekable();
        aliases.peek().is_some() && aliases.all(|alias| is_accepted(alias))
    };
    is_accepted(&finding.id) || finding.aliases.iter().any(|alias| by_alias(scheme(alias)))
}

fn is_same(left: &str, right: &str) -> bool {
    left.trim().eq_ignore_ascii_case(right)
}

/// Who gives ids such as this one: `CVE`, `GHSA`.
fn scheme(id: &str) -> &str {
    id.split_once('-').map_or(id, |(scheme, _)| scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_the_same_vulnerability_and_an_advisory_is_all_of_its_own() {
        let finding = |id: &str, aliases: &[&str]| ScanFinding {
            id: id.into(),
            aliases: aliases.iter().map(|alias| (*alias).into()).collect(),
            severity: None,
            at: String::new(),
        };
        let ghsa = finding("GHSA-aaaa-bbbb-cccc", &["CVE-2026-1"]);
        let advisory = finding("ELSA-2026-7", &["CVE-2026-1", "CVE-2026-2"]);
        let go = finding("GO-2026-9", &["CVE-2026-1", "GHSA-aaaa-bbbb-cccc"]);
        let rows: [(&ScanFinding, &[&str], bool); 7] = [
            (&ghsa, &["CVE-2026-1"], true),
            (&ghsa, &["ghsa-AAAA-bbbb-cccc"], true),
            (&ghsa, &["CVE-2026-2"], false),
            (&advisory, &["CVE-2026-1"], false),
            (&advisory, &["CVE-2026-1", "CVE-2026-2"], true),
            (&advisory, &["ELSA-2026-7"], true),
            (&go, &["CVE-2026-1"], true),
        ];
        for (finding, ids, expected) in rows {
            let exceptions: Vec<_> = ids
                .iter()
                .map(|id| serde_json::json!({"id": id, "reason": "known", "until": "2026-09-20"}))
                .collect();
            let spec = serde_json::json!({"report": "r.json", "exceptions": exceptions});
            let spec: ScanSpec = serde_json::from_value(spec).unwrap();
            let accepted = is_accepted(&spec, finding, "2026-09-20".parse().unwrap());
            assert_eq!(accepted, expected, "{} by {ids:?}", finding.id);
            assert!(!is_accepted(&spec, finding, "2026-09-21".parse().unwrap()));
        }
    }
}
