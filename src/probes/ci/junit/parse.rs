//! Parses a report: <https://github.com/testmoapp/junitxml> describes the dialects,
//! <https://maven.apache.org/surefire/maven-surefire-plugin/xsd/surefire-test-report.xsd> Surefire's,
//! <https://docs.pytest.org/en/stable/how-to/output.html#creating-junitxml-format-files> pytest's.

use quick_xml::Reader;
use quick_xml::escape::{self, EscapeError};
use quick_xml::events::{BytesStart, Event};

use super::JunitReport;
use super::properties;
use crate::probes::error::{ProbeError, ProbeResult};
use gonogo_core::text;

/// The longest name of a test or a suite, in bytes.
const MAX_NAME: usize = 120;
/// The messages with which `CTest` skips a test that it could not run; `ctest` itself fails then.
const NOT_RUN: [&str; 4] = [
    "Unable to find executable",
    "Required Files Missing",
    "Unable to find required file",
    "Fixture dependency failed",
];
/// Other formats of test results, by their roots.
const OTHERS: [(&str, &str); 9] = [
    ("test-run", "NUnit 3's own format"),
    ("test-results", "NUnit 2's own format"),
    ("TestRun", "Visual Studio's format (trx)"),
    ("assemblies", "xUnit.net's own format"),
    ("testng-results", "TestNG's own format (its JUnit reports are in junitreports/)"),
    ("Site", "CTest's own format (ctest --output-junit)"),
    ("robot", "Robot Framework's own format (robot --xunit)"),
    ("coverage", "a coverage report"),
    ("checkstyle", "a Checkstyle report"),
];

/// An element that is open.
enum Frame {
    Suite(Suite),
    Case(Case),
    /// A property: its name, and its value or its text.
    Property(String, String),
    /// What a suite printed.
    Output,
    Other,
}

/// A suite, with the tests of the suites in it.
#[derive(Default)]
struct Suite {
    name: String,
    /// The sums that it gives.
    tests: Option<usize>,
    bad: usize,
    skips: usize,
    /// What was found.
    cases: usize,
    failed: usize,
    skipped: usize,
    is_contradicted: bool,
    /// Whether pytest wrote it, which counts subtests too.
    is_of_pytest: bool,
}

/// A test.
#[derive(Default)]
struct Case {
    name: String,
    is_failed: bool,
    is_skipped: bool,
    /// How it ended when it was repeated, if it was.
    repeated: Option<Repeated>,
}

/// The result of a repeated test, as Surefire and nextest write it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeated {
    /// It has passed at last.
    Passed,
    /// It has failed each time.
    Failed,
}

#[derive(Default)]
struct Parser {
    report: JunitReport,
    open: Vec<Frame>,
    root: Option<String>,
    has_suite: bool,
    is_root_summed: bool,
}

pub(super) fn parse(text: &str) -> ProbeResult<JunitReport> {
    let mut reader = Reader::from_str(text);
    let mut parser = Parser::default();
    loop {
        match reader.read_event().map_err(|error| parse_error(&error))? {
            Event::Start(element) => parser.start(&element)?,
            Event::Empty(element) => {
                parser.start(&element)?;
                parser.end();
            }
            Event::Text(text) => parser.text(&text),
            Event::CData(text) => parser.text(&text),
            Event::End(_) => parser.end(),
            Event::Eof => return parser.finish(),
            _ => {}
        }
    }
}

fn parse_error(why: &dyn std::fmt::Display) -> ProbeError {
    ProbeError::new(format!("not a JUnit report: {why}"))
}

impl Parser {
    fn start(&mut self, element: &BytesStart) -> ProbeResult<()> {
        let name = element.local_name();
        let name = name.as_ref();
        if self.root.is_none() {
            self.root = Some(name.to_owned());
            self.is_root_summed = attribute(element, "tests")?.is_some();
        }
        let frame = match (name, self.open.last_mut()) {
            ("testsuites" | "testsuite", _) => {
                self.has_suite = true;
                let deselected = attribute(element, "deselected")?;
                let deselected = deselected.and_then(|count| properties::left_out("deselected", &count));
                self.report.left_out.extend(deselected);
                Frame::Suite(self.suite(element)?)
            }
            ("testcase", _) => Frame::Case(Case::of(element)?),
            (name, Some(Frame::Case(case))) => {
                case.add(name, attribute(element, "message")?.as_deref().unwrap_or_default());
                Frame::Other
            }
            ("failure" | "error", Some(Frame::Suite(suite))) => {
                suite.failed += 1;
                self.report.failed.push(format!("suite {}", suite.name));
                Frame::Other
            }
            ("system-out", Some(Frame::Suite(_))) => Frame::Output,
            ("property", _) => {
                let value = attribute(element, "value")?.unwrap_or_default();
                Frame::Property(attribute(element, "name")?.unwrap_or_default(), value)
            }
            _ => Frame::Other,
        };
        self.open.push(frame);
        Ok(())
    }

    fn suite(&self, element: &BytesStart) -> ProbeResult<Suite> {
        let number = |name: &str| {
            attribute(element, name).map(|value| value.and_then(|value| value.trim().parse::<usize>().ok()))
        };
        let sum = |names: &[&str]| -> ProbeResult<usize> {
            names.iter().try_fold(0_usize, |sum, name| Ok(sum.saturating_add(number(name)?.unwrap_or(0))))
        };
        let is_of_pytest = !self.is_root_summed
            && self.root.as_deref() == Some("testsuites")
            && attribute(element, "hostname")?.is_some();
        Ok(Suite {
            name: text::excerpt(attribute(element, "name")?.unwrap_or_default().as_bytes(), MAX_NAME),
            tests: number("tests")?,
            bad: sum(&["failures", "errors"])?,
            skips: sum(&["skipped", "disabled", "ignored"])?,
            is_of_pytest,
            ..Suite::default()
        })
    }

    fn text(&mut self, text: &str) {
        match self.open.last_mut() {
            Some(Frame::Property(_, value)) => value.push_str(text.trim()),
            Some(Frame::Output) => self.report.left_out.extend(properties::deselected(text)),
            _ => {}
        }
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Frame::Case(case)) => self.end_case(case),
            Some(Frame::Suite(suite)) => self.end_suite(&suite),
            Some(Frame::Property(name, value)) => self.end_property(name, value),
            Some(Frame::Output | Frame::Other) | None => {}
        }
    }

    fn end_case(&mut self, case: Case) {
        let (is_failed, is_skipped) = (case.has_failed(), case.is_skipped);
        let is_retried = case.repeated == Some(Repeated::Passed) && !is_failed;
        if let Some(Frame::Suite(suite)) = self.open.last_mut() {
            suite.cases += 1;
            suite.failed += usize::from(is_failed);
            suite.skipped += usize::from(is_skipped && !is_failed);
        }
        if is_skipped && !is_failed {
            self.report.skipped += 1;
            return;
        }
        self.report.run += 1;
        if is_failed {
            self.report.failed.push(case.name);
        } else if is_retried {
            self.report.retried.push(case.name);
        }
    }

    fn end_suite(&mut self, suite: &Suite) {
        let contradiction = suite.contradiction();
        let is_contradicted = suite.is_contradicted || contradiction.is_some();
        self.report.contradictions.extend(contradiction);
        if let Some(Frame::Suite(above)) = self.open.last_mut() {
            above.cases += suite.cases;
            above.failed += suite.failed;
            above.skipped += suite.skipped;
            above.is_contradicted |= is_contradicted;
            above.is_of_pytest |= suite.is_of_pytest;
        }
    }

    fn end_property(&mut self, name: String, value: String) {
        let is_of_test = self.open.iter().any(|frame| matches!(frame, Frame::Case(_)));
        if is_of_test {
            self.report.test_properties.push((name, value));
            return;
        }
        self.report.left_out.extend(properties::left_out(&name, &value));
        self.report.failed.extend(properties::failure(&name, &value));
        self.report.properties.push((name, value));
    }

    fn finish(self) -> ProbeResult<JunitReport> {
        if !self.open.is_empty() {
            return Err(parse_error(&"truncated"));
        }
        if self.has_suite {
            return Ok(self.report);
        }
        let root = self.root.unwrap_or_default();
        let other = OTHERS.iter().find(|(name, _)| *name == root).map(|(_, format)| *format);
        Err(match (other, &*root) {
            (Some(format), _) => parse_error(&format!("it has no test suite; it is {format}")),
            (None, "") => parse_error(&"it has no test suite: it is empty"),
            (None, root) => {
                let root = text::excerpt(root.as_bytes(), MAX_NAME);
                parse_error(&format!("it has no test suite: its root is <{root}>, expected <testsuites>"))
            }
        })
    }
}

impl Suite {
    /// Where its totals report that more failed, or that more tests are there, than it has.
    fn contradiction(&self) -> Option<String> {
        if self.is_contradicted {
            return None;
        }
        let name = if self.name.is_empty() { "the report" } else { &self.name };
        if self.bad > 0 && self.failed == 0 {
            let sum = text::count(self.bad, "failure");
            return Some(format!("{name}: its totals report {sum}, but no test failed"));
        }
        // Skipped tests can be left out of a report.
        let missing = self.tests?.saturating_sub(self.cases);
        let skips = self.skips.saturating_sub(self.skipped);
        let is_short = missing > skips && !self.is_of_pytest;
        is_short
            .then(|| format!("{name}: its total is {}, but it lists {}", self.tests.unwrap_or(0), self.cases))
    }
}

impl Case {
    fn of(element: &BytesStart) -> ProbeResult<Self> {
        let name = attribute(element, "name")?.unwrap_or_default();
        let name = if name.is_empty() { attribute(element, "classname")?.unwrap_or_default() } else { name };
        let mut case = Self { name: text::excerpt(name.as_bytes(), MAX_NAME), ..Self::default() };
        // CTest, GoogleTest and behave say it in a word too.
        for key in ["status", "result"] {
            match attribute(element, key)?.unwrap_or_default().to_ascii_lowercase().as_str() {
                "fail" | "failed" | "failure" | "error" | "errored" | "broken" | "undefined" | "timeout"
                | "timedout" | "aborted" => case.is_failed = true,
                "disabled" | "notrun" | "not_run" | "not run" | "skipped" | "skip" | "suppressed"
                | "pending" | "ignored" | "untested" | "notexecuted" | "inconclusive" => {
                    case.is_skipped = true;
                }
                _ => {}
            }
        }
        let is_not_executed =
            |value: Option<String>| value.is_some_and(|value| value.eq_ignore_ascii_case("false"));
        case.is_skipped |= is_not_executed(attribute(element, "executed")?);
        Ok(case)
    }

    /// What an element in it says.
    fn add(&mut self, element: &str, message: &str) {
        match element {
            "failure" | "error" => self.is_failed = true,
            "skipped" if NOT_RUN.iter().any(|not_run| message.starts_with(not_run)) => self.is_failed = true,
            // PHPUnit warns of a test that tests nothing.
            "skipped" | "disabled" | "ignored" | "incomplete" | "warning" => self.is_skipped = true,
            "flakyFailure" | "flakyError" => self.repeated = Some(Repeated::Passed),
            "rerunFailure" | "rerunError" => self.repeated = self.repeated.or(Some(Repeated::Failed)),
            _ => {}
        }
    }

    /// A test that was repeated has failed if it never passed.
    fn has_failed(&self) -> bool {
        self.is_failed || self.repeated == Some(Repeated::Failed)
    }
}

/// An attribute's value. Characters that XML forbids are accepted by their number: test names have them.
fn attribute(element: &BytesStart, name: &str) -> ProbeResult<Option<String>> {
    let value = element.try_get_attribute(name).map_err(|error| parse_error(&error))?;
    let Some(value) = value else { return Ok(None) };
    match escape::unescape(&value.value) {
        Ok(value) => Ok(Some(value.into_owned())),
        Err(EscapeError::UnrecognizedEntity(_, entity)) => {
            let entity = text::excerpt(entity.as_bytes(), MAX_NAME);
            Err(parse_error(&format!("XML has no entity &{entity}; (attribute {name}); HTML may have it")))
        }
        Err(error) => Err(parse_error(&format!("attribute {name}: {error}"))),
    }
}
