//! The content of a report, in its order.

use serde::Serialize;

use super::actions::{RollbackPart, rollback_part};
use super::chart::{ChartBar, chart_bars};
use super::debrief::{DrillInfo, RehearsalPart, rehearsal_part};
use super::participants::{Participants, Person, SignedEntry, participants};
use super::plan::PlanPart;
use super::points::{SectionPart, section_parts};
use super::trust_sources::TrustSources;
use gonogo_core::journal::entry::{Entry, Recovered};
use gonogo_core::journal::verify::{LogStatus, Verification};
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::run::{Judgement, RunState, judge};
use gonogo_core::text::line;
use gonogo_core::time::{Moment, span};

/// The input of a document.
pub struct DocumentInput<'a> {
    /// The log's file name.
    pub name: &'a str,
    /// SHA-256 of the log's bytes.
    pub sha256: Sha256Hex,
    /// Its valid entries.
    pub entries: &'a [Entry],
    /// The run that they fold to.
    pub state: &'a RunState,
    /// The result of the verification.
    pub verified: &'a Verification,
    /// The trusted signers of the verification.
    pub trust: &'a TrustSources,
    /// The drills of a rehearsal.
    pub drills: &'a [DrillInfo<'a>],
}

/// The report of a run.
#[derive(Debug, Serialize)]
pub struct Document {
    /// The log.
    pub log: LogPart,
    /// The result of the verification.
    pub verification: VerificationPart,
    /// The trusted signers of the verification.
    pub trust: TrustSources,
    /// What was promoted, where.
    pub run: RunPart,
    /// The requirements of the plan.
    pub plan: PlanPart,
    /// The verdict at the end of the log.
    pub verdict: VerdictPart,
    /// Present in a rehearsal: the debrief of its drills.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<RehearsalPart>,
    /// The valid seals.
    pub seals: Vec<SignedEntry>,
    /// Present if the run was abandoned: by whom, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abandoned: Option<SignedEntry>,
    /// Who took part.
    pub people: Vec<Person>,
    /// The previous run of the environment.
    pub previous_run: Option<PreviousRunPart>,
    /// The profile's changes to the checklist.
    pub tailored: Vec<String>,
    /// Recoveries after crashes.
    pub recovered: Vec<String>,
    /// Notes about the whole run.
    pub notes: Vec<SignedEntry>,
    /// The sections with their points.
    pub sections: Vec<SectionPart>,
    /// The rollback, if any step was run or it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackPart>,
    /// The time chart of the points.
    pub chart: Vec<ChartBar>,
    /// Every signed entry, in order, including retracted ones.
    pub acts: Vec<SignedEntry>,
}

/// The log that a document is about.
#[derive(Debug, Serialize)]
pub struct LogPart {
    /// Its file name.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// How many entries are valid.
    pub entries: u64,
    /// The hash of the last valid line.
    pub head: String,
}

/// The result of the verification.
#[derive(Debug, Serialize)]
pub struct VerificationPart {
    /// `sealed`, `open` or `invalid`.
    pub answer: &'static str,
    /// The result in one sentence.
    pub sentence: String,
    /// The first invalid line.
    pub line: Option<u64>,
    /// The offset of that line, in bytes.
    pub byte: Option<u64>,
    /// Why the log is invalid.
    pub why: Option<String>,
    /// Warnings.
    pub warnings: Vec<String>,
}

/// What was promoted, where, when.
#[derive(Debug, Serialize)]
pub struct RunPart {
    /// Its id.
    pub id: String,
    /// The environment.
    pub environment: String,
    /// Whether it is a production environment.
    pub production: bool,
    /// The release tag.
    pub release: String,
    /// The commit that the tag names, if known.
    pub commit: Option<String>,
    /// The tag that ran there before.
    pub previous: Option<String>,
    /// The checklist's name.
    pub checklist: String,
    /// Whether one person may confirm for two.
    pub solo: bool,
    /// The host on which it was opened.
    pub host: String,
    /// The version of gonogo that opened it.
    pub gonogo: String,
    /// When it was opened, RFC 3339.
    pub opened: String,
    /// When its last entry was written.
    pub ended: String,
    /// How long that is, in milliseconds.
    pub took_ms: u64,
    /// The same, for people.
    pub took: String,
}

/// The verdict.
#[derive(Debug, Serialize)]
pub struct VerdictPart {
    /// `GO`, `NO-GO` or `PENDING`.
    pub decision: String,
    /// Whether a person recorded it, and nothing has changed since.
    pub recorded: bool,
    /// How many points are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
    /// The reasons against GO.
    pub reasons: Vec<ReasonPart>,
}

/// A reason against GO, at one point.
#[derive(Debug, Serialize)]
pub struct ReasonPart {
    /// The point.
    pub point: String,
    /// Its state.
    pub status: String,
    /// The explanation.
    pub why: String,
}

/// The previous run.
#[derive(Debug, Serialize)]
pub struct PreviousRunPart {
    /// Its id.
    pub id: String,
    /// Its last position.
    pub seq: u64,
    /// The hash of its last line.
    pub head: String,
    /// Whether it was sealed, not sealed, abandoned, or of another version.
    pub ended: String,
}

impl Document {
    /// The document of a run; none for an empty log.
    #[must_use]
    pub fn of(input: &DocumentInput) -> Option<Self> {
        let DocumentInput { state, verified, .. } = *input;
        let first = input.entries.first()?;
        let now = &input.entries.last()?.header.at;
        let judgement = state.judge(now);
        let Participants { acts, notes, roster } = participants(input.entries, state);
        let previous = state.predecessor.as_ref();
        Some(Self {
            log: LogPart {
                name: line(input.name),
                sha256: input.sha256.to_string(),
                entries: verified.entries,
                head: verified.head.to_string(),
            },
            verification: verification_part(verified, state),
            trust: input.trust.clone(),
            run: run_part(first, state, now),
            plan: PlanPart::of(state),
            verdict: verdict_part(state, &judgement),
            rehearsal: rehearsal_part(input.entries, state, input.drills),
            seals: acts.iter().filter(|act| act.kind == "sealed").cloned().collect(),
            abandoned: acts.iter().find(|act| act.kind == "abandoned").cloned(),
            people: roster,
            previous_run: previous.map(|run| PreviousRunPart {
                id: line(&run.run),
                seq: run.seq,
                head: run.head.to_string(),
                ended: run.state.to_string(),
            }),
            tailored: state
                .plan
                .tailored
                .iter()
                .map(|change| line(&format!("{}: {}", change.point, change.what)))
                .collect(),
            recovered: state
                .recoveries
                .iter()
                .flat_map(|(seq, recovery)| recovery_lines(*seq, recovery))
                .collect(),
            notes,
            sections: section_parts(&judgement),
            rollback: rollback_part(input.entries, state),
            chart: chart_bars(input.entries),
            acts,
        })
    }
}

/// Describes a log that is valid and not sealed.
#[must_use]
pub fn describe_open_log(report: &Verification, state: Option<&RunState>) -> String {
    match state {
        Some(RunState { abandoned: Some(end), .. }) => {
            format!("open: valid, abandoned by {}, not sealed", line(&end.by))
        }
        Some(state) if state.is_sealed() => {
            format!(
                "open: all seals are valid, but {} bytes of an incomplete line follow them",
                report.trailing
            )
        }
        _ => "open: valid, but not sealed".into(),
    }
}

/// The result of the verification, in words.
fn verification_part(report: &Verification, state: &RunState) -> VerificationPart {
    let by = report.sealed_by.iter().map(|who| line(who)).collect::<Vec<_>>().join(" and ");
    let (answer, sentence, at, why) = match &report.status {
        LogStatus::Sealed => ("sealed", format!("sealed by {by}"), None, None),
        LogStatus::Open => ("open", describe_open_log(report, Some(state)), None, None),
        LogStatus::Invalid { at, why } => {
            let why = line(why);
            let sentence = format!(
                "INVALID at line {}: {why}. This report covers only the {} valid entries before it",
                at.line, report.entries
            );
            ("invalid", sentence, Some(at), Some(why))
        }
    };
    VerificationPart {
        answer,
        sentence,
        line: at.map(|at| at.line),
        byte: at.map(|at| at.byte),
        why,
        warnings: report.warnings.iter().map(|warning| line(warning)).collect(),
    }
}

fn run_part(first: &Entry, state: &RunState, end: &Moment) -> RunPart {
    let plan = &state.plan;
    let opened = match &first.event {
        gonogo_core::journal::entry::Event::Opened(opened) => Some(opened),
        _ => None,
    };
    let took = end.since(&state.opened_at);
    RunPart {
        id: line(&state.run),
        environment: line(&plan.environment),
        production: plan.production,
        release: line(&plan.release),
        commit: opened.and_then(|opened| opened.commit.as_deref()).map(line),
        previous: plan.previous.as_deref().map(line),
        checklist: line(&plan.checklist),
        solo: plan.solo,
        host: opened.map(|opened| line(&opened.host)).unwrap_or_default(),
        gonogo: opened.map(|opened| line(&opened.gonogo)).unwrap_or_default(),
        opened: state.opened_at.wall.to_string(),
        ended: end.wall.to_string(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        took: span(took),
    }
}

/// The recorded verdict while it is valid; otherwise the computed one at the end of the log.
fn verdict_part(state: &RunState, judgement: &Judgement) -> VerdictPart {
    let computed = judge(judgement);
    let (decision, done, reasons) = match &state.verdict {
        Some(recorded) => (recorded.decision, recorded.done, &recorded.reasons),
        None => (computed.decision, computed.done, &computed.reasons),
    };
    let reason = |reason: &gonogo_core::journal::entry::VerdictReason| ReasonPart {
        point: line(&reason.point),
        status: line(&reason.status),
        why: line(&reason.why),
    };
    VerdictPart {
        decision: decision.to_string(),
        recorded: state.verdict.is_some(),
        done,
        total: computed.total,
        reasons: reasons.iter().map(reason).collect(),
    }
}

fn recovery_lines(seq: u64, recovery: &Recovered) -> Vec<String> {
    let torn = recovery.torn.as_ref().map(|torn| {
        format!("log #{seq}: {} bytes of an incomplete line, kept in {}", torn.bytes, line(&torn.file))
    });
    let doubt = recovery
        .in_doubt
        .map(|doubted| format!("log #{seq}: gonogo ended before log #{doubted} is known to have been shown"));
    torn.into_iter().chain(doubt).collect()
}
