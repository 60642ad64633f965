//! JUnit XML, as CI servers read it: a suite per section, a case per point.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::case::{CaseResult, case_result, case_text, duration_ms};
use super::{LeftOut, SkippedPoint};
use gonogo_core::checklist::{Point, Section};
use gonogo_core::run::Judgement;
use gonogo_core::text::line;

/// A case for the log itself, if there is one.
#[derive(Clone, Copy, Debug)]
pub struct LogCase<'a> {
    /// Its name.
    pub name: &'a str,
    /// Why it is not sealed.
    pub problem: Option<&'a str>,
    /// Whether it is invalid, and not only open.
    pub invalid: bool,
    /// Its requirements, the trusted signers of its verification, and the warnings.
    pub properties: &'a [(&'static str, String)],
}

/// The whole report; `left_out` lists what was left out on request.
#[must_use]
pub fn junit(judgement: &Judgement, left_out: &LeftOut, log: Option<&LogCase>) -> String {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing into memory cannot fail.
    let _ = write_suites(&mut xml, judgement, left_out, log);
    escape_noncharacters(String::from_utf8(xml.into_inner()).unwrap_or_default()) + "\n"
}

/// Escapes the two noncharacters that XML cannot represent.
fn escape_noncharacters(xml: String) -> String {
    let escape = |xml: String, c: char| xml.replace(c, &c.escape_unicode().to_string());
    ['\u{fffe}', '\u{ffff}'].into_iter().fold(xml, escape)
}

fn write_suites(
    xml: &mut Writer<Vec<u8>>,
    judgement: &Judgement,
    left_out: &LeftOut,
    log: Option<&LogCase>,
) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let plan = &judgement.state.plan;
    let rehearsal = if plan.rehearsal.is_some() { "REHEARSAL: " } else { "" };
    let name = format!("{rehearsal}gonogo {} {}", line(&plan.environment), line(&plan.release));
    let counts = Counts::of(judgement, plan.points()).with_log(log).with_skipped(left_out.skipped.len());
    let tag = xml.create_element("testsuites").with_attribute(("name", name.trim()));
    tag.with_attributes(counts.attributes().iter().map(|(name, n)| (*name, n.as_str())))
        .write_inner_content(|xml| {
            let notes = left_out.notes.iter().map(|what| ("left out", what.as_str()));
            write_properties(xml, &notes.collect::<Vec<_>>())?;
            log.map_or(Ok(()), |log| write_log_suite(xml, log))?;
            plan.sections.iter().try_for_each(|section| write_suite(xml, judgement, left_out, section))?;
            if left_out.skipped.is_empty() { Ok(()) } else { write_skipped(xml, &left_out.skipped) }
        })?;
    Ok(())
}

fn write_properties(xml: &mut Writer<Vec<u8>>, properties: &[(&str, &str)]) -> io::Result<()> {
    if properties.is_empty() {
        return Ok(());
    }
    xml.create_element("properties").write_inner_content(|xml| {
        properties.iter().try_for_each(|(name, value)| {
            let property = xml.create_element("property").with_attribute(("name", *name));
            property.with_attribute(("value", line(value).as_str())).write_empty().map(drop)
        })
    })?;
    Ok(())
}

fn write_log_suite(xml: &mut Writer<Vec<u8>>, log: &LogCase) -> io::Result<()> {
    let counts = Counts::default().with_log(Some(log));
    let tag = xml.create_element("testsuite").with_attribute(("name", "run log"));
    tag.with_attributes(counts.attributes().iter().map(|(name, n)| (*name, n.as_str())))
        .write_inner_content(|xml| {
            let properties: Vec<_> =
                log.properties.iter().map(|(name, value)| (*name, value.as_str())).collect();
            write_properties(xml, &properties)?;
            let case = xml.create_element("testcase").with_attribute(("classname", "log"));
            let case = case.with_attribute(("name", format!("{} is sealed", line(log.name)).as_str()));
            let case = case.with_attribute(("time", "0.000"));
            let Some(problem) = log.problem else { return case.write_empty().map(drop) };
            case.write_inner_content(|xml| {
                let element = xml.create_element(if log.invalid { "error" } else { "failure" });
                element.with_attribute(("message", line(problem).as_str())).write_empty().map(drop)
            })?;
            Ok(())
        })?;
    Ok(())
}

fn write_suite(
    xml: &mut Writer<Vec<u8>>,
    judgement: &Judgement,
    left_out: &LeftOut,
    section: &Section,
) -> io::Result<()> {
    let counts = Counts::of(judgement, section.points.iter());
    let tag = xml.create_element("testsuite").with_attribute(("name", line(&section.title).as_str()));
    tag.with_attributes(counts.attributes().iter().map(|(name, n)| (*name, n.as_str())))
        .write_inner_content(|xml| {
            section.points.iter().try_for_each(|point| write_case(xml, judgement, left_out, section, point))
        })?;
    Ok(())
}

/// The points of which nothing was checked, as a suite of their own.
fn write_skipped(xml: &mut Writer<Vec<u8>>, skipped: &[SkippedPoint]) -> io::Result<()> {
    let counts = Counts::default().with_skipped(skipped.len());
    let tag = xml.create_element("testsuite").with_attribute(("name", "skipped"));
    tag.with_attributes(counts.attributes().iter().map(|(name, n)| (*name, n.as_str())))
        .write_inner_content(|xml| {
            for point in skipped {
                let case = xml.create_element("testcase").with_attributes([
                    ("classname", line(&point.section).as_str()),
                    ("name", format!("{} {}", line(&point.id), line(&point.title)).as_str()),
                    ("time", "0.000"),
                ]);
                case.write_inner_content(|xml| {
                    let element = xml.create_element("skipped");
                    element.with_attribute(("message", line(&point.why).as_str())).write_empty().map(drop)
                })?;
            }
            Ok(())
        })?;
    Ok(())
}

fn write_case(
    xml: &mut Writer<Vec<u8>>,
    judgement: &Judgement,
    left_out: &LeftOut,
    section: &Section,
    point: &Point,
) -> io::Result<()> {
    let took = duration_ms(judgement, point);
    let time = format!("{}.{:03}", took / 1000, took % 1000);
    let tag = xml.create_element("testcase").with_attributes([
        ("classname", line(&section.id).as_str()),
        ("name", format!("{} {}", line(&point.id), line(&left_out.title(point))).as_str()),
        ("time", time.as_str()),
    ]);
    let (message, detail) = case_text(judgement, point);
    let element = match case_result(judgement, point) {
        CaseResult::Passed => return tag.write_empty().map(drop),
        CaseResult::Skipped => "skipped",
        CaseResult::Failed => "failure",
        CaseResult::Error => "error",
    };
    tag.write_inner_content(|xml| {
        let inner = xml.create_element(element).with_attribute(("message", message.as_str()));
        inner.write_text_content(BytesText::new(&detail)).map(drop)
    })?;
    Ok(())
}

/// The number of test cases by result.
#[derive(Default)]
struct Counts {
    all: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    fn of<'a>(judgement: &Judgement, points: impl Iterator<Item = &'a Point>) -> Self {
        let mut counts = Self::default();
        for point in points {
            counts.all += 1;
            match case_result(judgement, point) {
                CaseResult::Passed => {}
                CaseResult::Failed => counts.failures += 1,
                CaseResult::Error => counts.errors += 1,
                CaseResult::Skipped => counts.skipped += 1,
            }
        }
        counts
    }

    /// Adds the test case of the log.
    fn with_log(mut self, log: Option<&LogCase>) -> Self {
        self.all += usize::from(log.is_some());
        self.errors += usize::from(log.is_some_and(|log| log.problem.is_some() && log.invalid));
        self.failures += usize::from(log.is_some_and(|log| log.problem.is_some() && !log.invalid));
        self
    }

    /// Adds points of which nothing was checked.
    const fn with_skipped(mut self, skipped: usize) -> Self {
        self.all += skipped;
        self.skipped += skipped;
        self
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let Self { all, failures, errors, skipped } = self;
        let text = [("tests", all), ("failures", failures), ("errors", errors), ("skipped", skipped)];
        text.into_iter().map(|(name, n)| (name, n.to_string())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_allowed_in_xml() {
        assert_eq!(
            escape_noncharacters("<a b=\"x\u{fffe}\u{ffff}y\"/>".into()),
            "<a b=\"x\\u{fffe}\\u{ffff}y\"/>"
        );
        assert_eq!(escape_noncharacters("\u{fffd}\u{1fffe}".into()), "\u{fffd}\u{1fffe}");
        let of = |c: char| line(&c.to_string());
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let is_char = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
            assert!(escape_noncharacters(of(c)).chars().all(is_char), "{}", c.escape_unicode());
        }
    }
}
