//! Shapes of reports, parsed and judged.

use std::fs;

use gonogo_core::outcome::Class;

use super::*;
use crate::probes::altered_text::GoodText;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER: &str = "ffffffffffffffffffffffffffffffffffffffff";
const NAMED: &str = r#"<property name="commit" value="THIS"/>"#;

/// What a person reads: the class, and each observation as a line.
fn judged_bytes(bytes: &[u8]) -> String {
    let report = read::decoded(bytes).and_then(|text| parse::parse(&text));
    let seen = match report {
        Ok(report) => judge::judge(&[("report.xml".into(), report)], COMMIT),
        Err(why) => vec![Observation::unknown("report", "a JUnit report", why)],
    };
    described(seen)
}

fn described(seen: Vec<Observation>) -> String {
    let outcome = gonogo_core::outcome::Outcome::of(seen, "");
    let lines = outcome.observations.iter().map(|seen| {
        let mark = seen.ok.map_or('?', |ok| if ok { '✓' } else { '✗' });
        format!("\n{mark} {}: {}", seen.what, seen.seen)
    });
    format!("{:?}{}", outcome.class, lines.collect::<String>())
}

fn judged(text: &str) -> String {
    judged_bytes(text.replace("THIS", COMMIT).as_bytes())
}

#[track_caller]
fn assert_all(rows: &[(&str, String, &str, &str)]) {
    for (why, report, class, line) in rows {
        let text = judged(report);
        assert!(
            text.starts_with(class) && text.contains(line),
            "{why}: expected {class} and {line:?} in {text}"
        );
    }
}

/// A suite of the commit with these attributes and tests.
fn suite(attributes: &str, cases: &str) -> String {
    format!("<testsuite name=\"s\" {attributes}><properties>{NAMED}</properties>{cases}</testsuite>")
}

#[test]
fn tests_count_once_whatever_is_in_them() {
    let of = |cases: &str| suite("", cases);
    let subtests = r#"<testcase name="a"/><testcase name="b"><skipped/><skipped/><skipped/></testcase>"#;
    let nested = r#"<testsuite name="in" tests="1"><testcase name="t"><error/></testcase></testsuite>"#;
    assert_all(&[
        ("passed", of(r#"<testcase name="a"/>"#), "Pass", "tests: 1 run, 0 failed, 0 skipped"),
        (
            "failed and broken",
            of(r#"<testcase name="a"><failure/><error/></testcase>"#),
            "Fail",
            "1 run, 1 failed, 0 skipped: a",
        ),
        ("skipped in subtests", of(subtests), "Pass", "tests: 1 run, 0 failed, 1 skipped"),
        (
            "only skipped, twice",
            of(r#"<testcase name="a"><skipped/><skipped/></testcase>"#),
            "Fail",
            "0 run, 0 failed, 1 skipped",
        ),
        (
            "skipped and failed",
            of(r#"<testcase name="a"><skipped/><failure/></testcase>"#),
            "Fail",
            "1 run, 1 failed, 0 skipped",
        ),
        (
            "a suite broke",
            of(r#"<testcase name="a"/><error message="import"/>"#),
            "Fail",
            "1 run, 1 failed, 0 skipped: suite s",
        ),
        (
            "output is no error",
            of(r#"<testcase name="a"/><system-err>e</system-err>"#),
            "Pass",
            "1 run, 0 failed",
        ),
        ("nested", of(nested), "Fail", "1 run, 1 failed, 0 skipped: t"),
        ("without a name", of(r#"<testcase classname="C"><error/></testcase>"#), "Fail", "0 skipped: C"),
        (
            "a namespace",
            format!(
                r#"<j:testsuites xmlns:j="u"><j:testsuite><properties>{NAMED}</properties><j:testcase name="a"/></j:testsuite></j:testsuites>"#
            ),
            "Pass",
            "1 run",
        ),
    ]);
}

#[test]
fn every_dialect_has_its_own_words() {
    let of = |cases: &str| suite("", cases);
    let rerun = r#"<testcase name="t"><failure/><rerunFailure><stackTrace/></rerunFailure></testcase>"#;
    let flaky = r#"<testcase name="t"><flakyFailure/><rerunFailure/></testcase>"#;
    let missing =
        r#"<testcase name="t" status="notrun"><skipped message="Unable to find executable: t"/></testcase>"#;
    assert_all(&[
        ("Surefire, never passed", of(rerun), "Fail", "1 run, 1 failed"),
        ("only repeated", of(r#"<testcase name="t"><rerunError/></testcase>"#), "Fail", "1 run, 1 failed"),
        ("nextest, passed at last", of(flaky), "Pass", "✓ passed on retry: t"),
        (
            "CTest, disabled",
            of(r#"<testcase name="t" status="disabled"><disabled/></testcase>"#),
            "Fail",
            "0 run",
        ),
        ("CTest, not built", of(missing), "Fail", "1 run, 1 failed"),
        (
            "CTest, failed by its status",
            of(r#"<testcase name="t" status="fail"/>"#),
            "Fail",
            "1 run, 1 failed",
        ),
        (
            "GoogleTest, disabled",
            of(r#"<testcase name="t" status="notrun" result="suppressed"/>"#),
            "Fail",
            "0 run",
        ),
        ("GoogleTest, run", of(r#"<testcase name="t" status="run" result="completed"/>"#), "Pass", "1 run"),
        ("behave, undefined", of(r#"<testcase name="t" status="undefined"/>"#), "Fail", "1 run, 1 failed"),
        ("NUnit, not executed", of(r#"<testcase name="t" executed="False"/>"#), "Fail", "0 run"),
        (
            "PHPUnit, tests nothing",
            of(r#"<testcase name="t"><warning/></testcase>"#),
            "Fail",
            "0 run, 0 failed, 1 skipped",
        ),
        (
            "Ginkgo's suite failed",
            of(
                r#"<testcase name="a"/><properties><property name="SuiteSucceeded" value="false"/></properties>"#,
            ),
            "Fail",
            "the suite (SuiteSucceeded is false)",
        ),
    ]);
}

#[test]
fn sums_that_contradict_the_tests_are_unknown() {
    let ok = r#"<testcase name="a"/>"#;
    let of = |attributes: &str| suite(attributes, ok);
    let within = |inner: &str| {
        format!(r#"<testsuites tests="1" errors="1">{inner}{}</testsuites>"#, of(r#"tests="1""#))
    };
    let pytest = |root: &str| format!("<testsuites {root}>{}</testsuites>", of(r#"tests="4" hostname="h""#));
    assert_all(&[
        ("as many", of(r#"tests="1" failures="0" errors="0" skipped="0""#), "Pass", "1 run"),
        (
            "an error without a test",
            within(r#"<testsuite name="b" tests="0" errors="1"/>"#),
            "Error",
            "totals of the report: b: its totals report 1 failure,",
        ),
        (
            "a failure without a test",
            of(r#"tests="1" failures="1""#),
            "Error",
            "s: its totals report 1 failure, but no test failed",
        ),
        ("tests are missing", of(r#"tests="3""#), "Error", "s: its total is 3, but it lists 1"),
        ("skipped ones are left out", of(r#"tests="3" skipped="2""#), "Pass", "1 run"),
        ("fewer than there are", of(r#"tests="0""#), "Pass", "1 run"),
        ("no number", of(r#"tests="many""#), "Pass", "1 run"),
        ("pytest counts subtests", pytest(""), "Pass", "1 run"),
        ("others do not", pytest(r#"tests="4""#), "Error", "its total is 4, but it lists 1"),
    ]);
}

#[test]
fn what_was_left_out_is_unknown() {
    let of =
        |property: &str| suite("", &format!("<properties>{property}</properties><testcase name=\"a\"/>"));
    let property = |name: &str, value: &str| of(&format!("<property name=\"{name}\" value=\"{value}\"/>"));
    let unknown = "? the suite: a part was not run: ";
    assert_all(&[
        ("nothing", property("deselected", "0"), "Pass", "1 run"),
        ("deselected", property("deselected", "3"), "Error", unknown),
        ("by an attribute", suite(r#"deselected="3""#, r#"<testcase name="a"/>"#), "Error", unknown),
        ("pytest's last line", of("") + "<!-- -->", "Pass", "1 run"),
        (
            "printed by pytest",
            suite("", "<testcase name=\"a\"/><system-out>== 1 passed, 3 deselected in 0.1s ==</system-out>"),
            "Error",
            "deselected = 3",
        ),
        ("Surefire's option", property("test", "LoginTest"), "Error", unknown),
        ("Ginkgo's focus", property("FocusStrings", "login"), "Error", unknown),
        ("no focus", property("FocusStrings", ""), "Pass", "1 run"),
        ("pytest -k", property("pytest_args", "-q -k login"), "Error", unknown),
        ("python -m pytest", property("pytest_args", "python -m pytest -q"), "Pass", "1 run"),
        ("pytest -m", property("pytest_args", "python -m pytest -m fast"), "Error", unknown),
    ]);
}

#[test]
fn every_property_that_names_a_commit_names_this_one() {
    let of = |properties: &[(&str, &str)]| {
        let write = |(name, value): &(&str, &str)| format!("<property name=\"{name}\" value=\"{value}\"/>");
        let properties: String = properties.iter().map(write).collect();
        format!("<testsuite><properties>{properties}</properties><testcase name=\"a\"/></testsuite>")
    };
    let two = format!(
        "<testsuites><testsuite name=\"a\"><properties>{NAMED}</properties><testcase name=\"t\"/></testsuite>\
         <testsuite name=\"b\"><properties><property name=\"commit\" value=\"{OTHER}\"/></properties></testsuite></testsuites>"
    );
    let of_test = format!(
        "<testcase name=\"t\"><properties><property name=\"sha\" value=\"{OTHER}\"/></properties></testcase>"
    );
    assert_all(&[
        ("whole", of(&[("commit", "THIS")]), "Pass", "01234567 (property commit)"),
        ("short, in capitals", of(&[("git.sha", "0123456789AB")]), "Pass", "(property git.sha)"),
        ("camel case", of(&[("gitCommit", "0123456")]), "Pass", "(property gitCommit)"),
        ("git describe", of(&[("commit", "v1.4.0-0-g0123456")]), "Pass", "v1.4.0-0-g0123456"),
        ("its text", "<testsuite><properties><property name=\"commit\">THIS</property></properties><testcase name=\"a\"/></testsuite>".into(), "Pass", "(property commit)"),
        ("another", of(&[("commit", OTHER)]), "Fail", "✗ commit of the report: ffff"),
        ("two suites", two, "Fail", "✗ commit of the report: ffff"),
        ("changed files", of(&[("commit", "THIS-dirty")]), "Fail", "with uncommitted changes"),
        ("a changed tag", of(&[("commit", "v1.4.0-dirty")]), "Fail", "with uncommitted changes"),
        ("said elsewhere", of(&[("git.commit.id", "THIS"), ("git.dirty", "true")]), "Fail", "(property git.dirty)"),
        ("not changed", of(&[("git.commit.id", "THIS"), ("git.dirty", "false")]), "Pass", "git.commit.id"),
        ("Travis tested the merge", of(&[("TRAVIS_COMMIT", OTHER), ("TRAVIS_PULL_REQUEST_SHA", "THIS")]), "Fail", "(property TRAVIS_COMMIT)"),
        ("only the branch's head", of(&[("TRAVIS_PULL_REQUEST_SHA", "THIS")]), "Fail", "no property names a commit"),
        ("GitLab", of(&[("CI_COMMIT_SHA", "THIS"), ("CI_COMMIT_BEFORE_SHA", OTHER), ("CI_COMMIT_MESSAGE", "deadbeef")]), "Pass", "CI_COMMIT_SHA"),
        ("Jenkins", of(&[("GIT_COMMIT", "THIS"), ("GIT_PREVIOUS_COMMIT", OTHER)]), "Pass", "(property GIT_COMMIT)"),
        ("Azure", of(&[("BUILD_SOURCEVERSION", "THIS")]), "Pass", "BUILD_SOURCEVERSION"),
        ("a shard is no SHA", of(&[("shard", "ffffffff"), ("commit", "THIS")]), "Pass", "(property commit)"),
        ("a number is no commit", of(&[("revision", "20260920"), ("commit", "THIS")]), "Pass", "(property commit)"),
        ("a branch is no commit", of(&[("commit", "main")]), "Fail", "main (property commit) is not a commit"),
        ("too short", of(&[("commit", "012345")]), "Fail", "012345 (property commit) is not a commit"),
        ("a test's own property", suite("", &of_test), "Pass", "(property commit)"),
        ("none", of(&[]), "Fail", "record_testsuite_property"),
    ]);
}

#[test]
fn encodings_and_forbidden_characters_are_read_or_named() {
    let report = suite("", "<testcase name=\"\u{e9}\"><failure/></testcase>").replace("THIS", COMMIT);
    let declared = |encoding: &str| format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>\n{report}");
    let latin1 = |text: String| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<_>>();
    let wide = |text: String| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let rows: [(&str, Vec<u8>, &str); 8] = [
        ("UTF-8 with a mark", format!("\u{feff}{}", declared("UTF-8")).into(), "0 skipped: \u{e9}"),
        ("UTF-16 with a mark", wide(format!("\u{feff}{}", declared("utf-16"))), "0 skipped: \u{e9}"),
        ("UTF-16 without one", wide(declared("utf-16")), "0 skipped: \u{e9}"),
        ("converted to UTF-8", declared("utf-16").into(), "0 skipped: \u{e9}"),
        ("ISO-8859-1", latin1(declared("ISO-8859-1")), "0 skipped: \u{e9}"),
        ("ISO-8859-1, not declared", latin1(report.clone()), "it is not UTF-8 (byte"),
        ("Shift_JIS", declared("Shift_JIS").into(), "its encoding is shift_jis; expected UTF-8"),
        ("cut UTF-16", wide(declared("utf-16"))[..99].to_vec(), "it is not valid UTF-16LE"),
    ];
    for (why, bytes, line) in rows {
        let text = judged_bytes(&bytes);
        assert!(text.contains(line), "{why}: expected {line:?} in {text}");
    }
    let named = |name: &str| suite("", &format!("<testcase name=\"{name}\"/>"));
    assert_all(&[
        ("a colour", named("t[&#27;[31m]"), "Pass", "1 run"),
        ("the same, raw", named("t[\u{1b}[31m]"), "Pass", "1 run"),
        ("HTML's entity", named("a&nbsp;b"), "Error", "XML has no entity &nbsp; (attribute name)"),
    ]);
}

#[test]
fn what_is_no_report_is_named() {
    assert_all(&[
        ("cut", suite("", "").replace("</testsuite>", ""), "Error", "truncated"),
        ("empty", "<?xml version=\"1.0\"?>\n".into(), "Error", "it has no test suite: it is empty"),
        ("NUnit", "<test-run><test-suite/></test-run>".into(), "Error", "it is NUnit 3's own format"),
        ("trx", "<TestRun xmlns=\"u\"/>".into(), "Error", "it is Visual Studio's format (trx)"),
        ("HTML", "<html></html>".into(), "Error", "it has no test suite: its root is <html>"),
        ("no test", suite("", ""), "Fail", "0 run, 0 failed, 0 skipped"),
    ]);
}

#[test]
fn a_directory_is_all_of_its_reports() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text.replace("THIS", COMMIT)).unwrap();
    };
    let judged = || match read::reports(dir.path().to_str().unwrap()) {
        Ok(reports) => described(judge::judge(&reports, COMMIT)),
        Err(why) => why.to_string(),
    };
    assert_eq!(judged(), "a directory without a report (*.xml)");
    write("TEST-a.xml", &suite("", "<testcase name=\"a\"/>"));
    write("TEST-b.xml", &suite("", "<testcase name=\"b\"/>"));
    write("testng-results.xml", "<testng-results/>");
    let text = judged();
    assert!(
        text.starts_with("Pass") && text.contains("2 run") && text.contains("✓ reports: 2 files"),
        "{text}"
    );
    write("TEST-c.xml", &suite("", "<testcase name=\"c\"/>").replace("THIS", OTHER));
    assert!(judged().contains("✗ commit of the report: TEST-c.xml: ffff"), "of an earlier run: {}", judged());
    write("TEST-c.xml", "<testsuite><testcase name=\"c\"/></testsuite>");
    assert!(
        judged().contains("✗ commit of the report: TEST-c.xml: no property names a commit"),
        "{}",
        judged()
    );
    write("TEST-c.xml", "<testsuite>");
    assert_eq!(judged(), "TEST-c.xml: not a JUnit report: truncated");
}

#[test]
fn no_altered_report_passes_without_its_tests_and_its_commit() {
    let text =
        suite(r#"tests="1" failures="0""#, r#"<testcase name="t" classname="c"/>"#).replace("THIS", COMMIT);
    let carriers = [r#"<testcase name="t" classname="c"/>"#, COMMIT, "</testsuite>"];
    GoodText { text: &text, carriers: &carriers, any_order: false, may_be_cut: false }.check(|bytes| {
        match judged_bytes(bytes).split('\n').next() {
            Some("Pass") => Class::Pass,
            Some("Fail") => Class::Fail,
            _ => Class::Error,
        }
    });
}
