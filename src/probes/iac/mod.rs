//! The probe of infrastructure as code: what a change set would create, change, replace and destroy, and whether
//! the state is kept.

mod changes;
mod cloud_formation;
mod cloud_formation_set;
mod pending;
mod printed;
mod pulumi_preview;
mod state;
mod state_content;
mod terraform;
mod terraform_findings;
mod terraform_plan;
#[cfg(test)]
mod terraform_plan_tests;

use std::collections::BTreeMap;

use super::ProbeContext;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::judging;
use super::process::{self, Program, ProgramResult};
use crate::process::Permit;
use changes::ChangeSet;
use gonogo_core::ansi;
use gonogo_core::checklist::spec::{IacQuery, IacSpec, IacTool};
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text;

/// The longest piece of what a tool says, in bytes.
const MAX_REASON: usize = 300;
/// The most of a plan or a state that is read, in bytes.
const MAX_PLAN: usize = 64 << 20;

pub(super) async fn run(
    spec: &IacSpec,
    deadline: &Deadline,
    permit: &Permit,
    context: &ProbeContext,
) -> Outcome {
    if spec.state {
        let reproduce = display_command(spec, state::query(spec.tool).words());
        return Outcome::of(state::run(spec, permit, deadline).await, reproduce);
    }
    if spec.applied {
        let seen = pending::run(spec, permit, deadline, context).await;
        return Outcome::of(vec![seen], display_command(spec, plan_words(spec.tool)));
    }
    let what = format!("change set in {}", spec.directory);
    let file = terraform::plan_file(spec, context);
    let unsaved = file.clone().filter(|file| terraform::is_to_be_made(spec, file, context));
    let saving = unsaved.as_ref().map(|file| {
        let change = context.effects.begin(format!("may have saved the plan as {}", file.display()));
        (change, file)
    });
    let planned = match spec.tool {
        IacTool::Terraform => terraform::plan(spec, file, unsaved.is_some(), permit, deadline).await,
        IacTool::Pulumi => pulumi(spec, permit, deadline).await,
        IacTool::CloudFormation => cloud_formation::plan(spec, permit, deadline).await,
    };
    let seen = match planned {
        Ok(planned) if spec.saved => changes::same(planned, context),
        Ok(planned) => changes::judge(spec, planned),
        Err(why) => vec![Observation::unknown(what, "planned", why)],
    };
    match saving {
        Some((change, file)) if file.exists() => {
            change.succeeded(format!("saved the plan as {}", file.display()));
        }
        Some((change, _)) => change.failed(),
        None => {}
    }
    Outcome::of(seen, display_command(spec, plan_words(spec.tool)))
}

/// The words of a command that shows the same change set.
const fn plan_words(tool: IacTool) -> &'static [&'static str] {
    match tool {
        IacTool::Terraform => &["plan", "-input=false", "-lock=false", "-detailed-exitcode"],
        IacTool::Pulumi => &["preview", "--json", "--show-sames"],
        IacTool::CloudFormation => &["cloudformation", "describe-change-set"],
    }
}

fn display_command(spec: &IacSpec, words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| text::shell_word(word)).collect();
    format!(
        "cd {} && {} {}",
        text::shell_word(&spec.directory),
        text::shell_word(spec.program()),
        words.join(" ")
    )
}

/// Runs the tool in its directory.
async fn run_tool(
    spec: &IacSpec,
    query: IacQuery,
    arguments: &[String],
    permit: &Permit,
    deadline: &Deadline,
) -> ProbeResult<ProgramResult> {
    let argv = spec.argv(query, arguments);
    let env = BTreeMap::from([
        ("TF_IN_AUTOMATION".to_owned(), "1".to_owned()),
        ("TF_CLI_ARGS".to_owned(), String::new()),
        ("PULUMI_SKIP_UPDATE_CHECK".to_owned(), "true".to_owned()),
        // One document, not a stream of events.
        ("PULUMI_ENABLE_STREAMING_JSON_PREVIEW".to_owned(), "false".to_owned()),
        ("AWS_PAGER".to_owned(), String::new()),
    ]);
    process::run_keeping(Program { argv: &argv, cwd: Some(&spec.directory), env }, MAX_PLAN, permit, deadline)
        .await
}

/// Why a tool made no plan, in its own words.
fn failed(result: &ProgramResult) -> ProbeError {
    let bytes = if result.stderr.bytes.is_empty() { &result.stdout.bytes } else { &result.stderr.bytes };
    // The message follows the box that tools draw around it; some commands have no option against colours.
    let text: String = ansi::plain(bytes).chars().filter(|c| !"╷│╵".contains(*c)).collect();
    let begin = text.find("Error").unwrap_or(0);
    let text = text[begin..].split_whitespace().collect::<Vec<_>>().join(" ");
    let code = result.status.code().map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
    ProbeError::new(format!("{code}: {}", text::clip(&text, MAX_REASON)))
}

/// What the tool printed, if it is all of it.
fn whole_output(result: ProgramResult) -> ProbeResult<Vec<u8>> {
    if !result.status.success() {
        return Err(failed(&result));
    }
    result.stdout.cut.map_or(Ok(result.stdout.bytes), Err)
}

/// Reads what the tool printed of its plan, which may be long.
async fn read(
    printed: Vec<u8>,
    of: fn(&[u8]) -> ProbeResult<ChangeSet>,
    deadline: &Deadline,
) -> ProbeResult<ChangeSet> {
    judging::on_blocking_thread("the plan", deadline, move || of(&printed)).await?
}

async fn pulumi(spec: &IacSpec, permit: &Permit, deadline: &Deadline) -> ProbeResult<ChangeSet> {
    let stack: Vec<_> = spec.stack_option().into_iter().collect();
    let result = run_tool(spec, IacQuery::PulumiPreview, &stack, permit, deadline).await?;
    // It prints its preview with what went wrong in it, and perhaps only a warning beside it.
    let why = if result.status.success() { None } else { pulumi_preview::error_in(&result.stdout.bytes) };
    let printed = why.map_or_else(|| whole_output(result), Err);
    read(printed?, ChangeSet::of_pulumi, deadline).await
}
