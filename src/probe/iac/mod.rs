//! The probe of infrastructure as code: what a change set would create, change, replace and destroy, and whether
//! the state is kept.

mod changes;
mod state;
mod terraform;

use std::collections::BTreeMap;

use super::Given;
use super::blind::{Blind, Fact};
use super::deadline::Deadline;
use super::judging;
use super::process::{self, Program, Ran};
use crate::checklist::spec::{Iac, IacTool};
use crate::outcome::{Observation, Outcome};
use crate::process::Permit;
use crate::text;
use changes::Planned;

/// The longest piece of what a tool says, in bytes.
const SAID: usize = 300;
/// The most of a plan that is read, in bytes.
const PLAN: usize = 16 << 20;

pub(super) async fn look(spec: &Iac, deadline: &Deadline, permit: &Permit, given: &Given) -> Outcome {
    if spec.state {
        let reproduce = shown(spec, &["state", "pull"]);
        return Outcome::of(state::look(spec, permit, deadline).await, reproduce);
    }
    let what = format!("change set in {}", spec.directory);
    let file = terraform::plan_file(spec, given);
    let unsaved = file.clone().filter(|file| terraform::is_to_be_made(spec, file, given));
    let saving = unsaved.as_ref().map(|file| {
        let change = given.effects.begin(format!("may have saved the plan as {}", file.display()));
        (change, file)
    });
    let planned = match spec.tool {
        IacTool::Terraform => terraform::plan(spec, file, unsaved.is_some(), permit, deadline).await,
        IacTool::Pulumi => pulumi(spec, permit, deadline).await,
        IacTool::CloudFormation => cloud_formation(spec, permit, deadline).await,
    };
    let seen = match planned {
        Ok(planned) if spec.saved => vec![changes::same(&planned, given)],
        Ok(planned) => changes::judge(spec, &planned),
        Err(why) => vec![Observation::unseen(what, "planned", why)],
    };
    let words: &[&str] = match spec.tool {
        IacTool::Terraform => &["plan", "-input=false", "-lock=false", "-detailed-exitcode"],
        IacTool::Pulumi => &["preview", "--json"],
        IacTool::CloudFormation => &["cloudformation", "describe-change-set"],
    };
    match saving {
        Some((change, file)) if file.exists() => change.made(format!("saved the plan as {}", file.display())),
        Some((change, _)) => change.not_made(),
        None => {}
    }
    Outcome::of(seen, shown(spec, words))
}

fn shown(spec: &Iac, words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| text::shell_word(word)).collect();
    format!(
        "cd {} && {} {}",
        text::shell_word(&spec.directory),
        text::shell_word(spec.program()),
        words.join(" ")
    )
}

/// Runs the tool in its directory.
async fn run(spec: &Iac, words: &[String], permit: &Permit, deadline: &Deadline) -> Fact<Ran> {
    let mut argv = vec![spec.program().to_owned()];
    argv.extend_from_slice(words);
    let env = BTreeMap::from([
        ("TF_IN_AUTOMATION".to_owned(), "1".to_owned()),
        ("TF_CLI_ARGS".to_owned(), String::new()),
        ("PULUMI_SKIP_UPDATE_CHECK".to_owned(), "true".to_owned()),
    ]);
    process::run_keeping(Program { argv: &argv, cwd: Some(&spec.directory), env }, PLAN, permit, deadline)
        .await
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Why a tool has planned nothing, in its own words.
fn failed(ran: &Ran) -> Blind {
    let bytes = if ran.stderr.bytes.is_empty() { &ran.stdout.bytes } else { &ran.stderr.bytes };
    // The words that count come after the frame that tools draw around them.
    let text: String = String::from_utf8_lossy(bytes).chars().filter(|c| !"╷│╵".contains(*c)).collect();
    let begin = text.find("Error").unwrap_or(0);
    let text = text[begin..].split_whitespace().collect::<Vec<_>>().join(" ");
    let code = ran.status.code().map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
    Blind::new(format!("it ends with {code}: {}", text::clip(&text, SAID)))
}

/// What the tool printed, if it is all of it.
fn whole(ran: Ran) -> Fact<Vec<u8>> {
    if !ran.status.success() {
        return Err(failed(&ran));
    }
    ran.stdout.cut.map_or(Ok(ran.stdout.bytes), Err)
}

/// Reads what the tool printed of its plan, which may be long.
async fn read(printed: Vec<u8>, of: fn(&[u8]) -> Fact<Planned>, deadline: &Deadline) -> Fact<Planned> {
    judging::off_worker("the plan", deadline, move || of(&printed)).await?
}

async fn pulumi(spec: &Iac, permit: &Permit, deadline: &Deadline) -> Fact<Planned> {
    let mut words = owned(&["preview", "--json", "--non-interactive"]);
    words.extend(spec.stack.iter().map(|stack| format!("--stack={stack}")));
    read(whole(run(spec, &words, permit, deadline).await?)?, Planned::of_pulumi, deadline).await
}

async fn cloud_formation(spec: &Iac, permit: &Permit, deadline: &Deadline) -> Fact<Planned> {
    let (Some(stack), Some(change_set)) = (&spec.stack, &spec.change_set) else {
        return Err(Blind::new("a CloudFormation change set needs `stack` and `change_set`"));
    };
    let mut words = owned(&["cloudformation", "describe-change-set"]);
    words.extend([format!("--stack-name={stack}"), format!("--change-set-name={change_set}")]);
    words.push("--output=json".to_owned());
    read(whole(run(spec, &words, permit, deadline).await?)?, Planned::of_cloud_formation, deadline).await
}
