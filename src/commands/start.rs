//! `gonogo` without a command: on a terminal, shows the start menu.

mod profiles;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::CommandFactory as _;

use self::profiles::{FoundProfile, describe_directories, find_profiles};
use super::loaded_profile::store;
use super::run_list::{RunSummary, list_runs};
use super::screen_options::screen_options;
use super::settings::Settings;
use crate::cli::{Cli, ScreenArgs};
use crate::engine::find_open;
use crate::process::{Launch, Permit};
use crate::tui::start::{StartGroup, StartOption, choose};
use gonogo_core::error::Exit;
use gonogo_core::journal::store::LogStore;
use gonogo_core::text::line;

/// How many past runs the menu lists.
const MAX_RUNS: usize = 100;

/// An item of the menu.
enum StartChoice {
    #[cfg(feature = "rehearsal")]
    Rehearse,
    Run(PathBuf),
    Command(Vec<OsString>),
    Review {
        log: PathBuf,
        rehearsal: bool,
    },
}

impl StartChoice {
    fn arguments(self) -> Vec<OsString> {
        match self {
            #[cfg(feature = "rehearsal")]
            Self::Rehearse => vec!["rehearse".into()],
            Self::Command(arguments) => arguments,
            Self::Run(profile) => vec!["run".into(), "--".into(), profile.into()],
            Self::Review { log, rehearsal: true } => {
                vec!["review".into(), "--rehearsal".into(), "--".into(), log.into()]
            }
            Self::Review { log, rehearsal: false } => vec!["review".into(), "--".into(), log.into()],
        }
    }
}

pub(super) fn start() -> Result<Exit> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        write!(io::stderr(), "{}", Cli::command().render_help())?;
        return Ok(Exit::Usage);
    }
    let (settings, screen) = (Settings::read()?, screen());
    let (groups, mut choices) = start_groups(&store(screen.log_dir.as_deref())?)?;
    let options = screen_options(&screen, &settings);
    let Some(chosen) = choose(options.appearance, options.terminal, &groups)? else {
        return Ok(Exit::Success);
    };
    become_command(choices.swap_remove(chosen).arguments())
}

/// Replaces this process by a command of gonogo, as if it were on the command line.
pub(super) fn become_command(arguments: Vec<OsString>) -> Result<Exit> {
    let launch = Launch::new(std::env::current_exe()?).args(arguments);
    Err(launch.exec(&Permit::for_own_program()).into())
}

/// The options that the environment sets for every command.
fn screen() -> ScreenArgs {
    let log_dir = std::env::var_os("GONOGO_LOG_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    ScreenArgs { log_dir, ..ScreenArgs::default() }
}

/// The groups of the menu as shown, and all their items, in the same order.
fn start_groups(store: &LogStore) -> Result<(Vec<StartGroup>, Vec<StartChoice>)> {
    let (mut shown, mut choices) = (Vec::new(), Vec::new());
    #[cfg(feature = "rehearsal")]
    {
        shown.push(rehearse());
        choices.push(StartChoice::Rehearse);
    }
    let (mut open, mut new) = (Vec::new(), Vec::new());
    let (profiles, runs) = (find_profiles(), list_runs(store)?);
    for profile in &profiles {
        let (is_open, item) = profile_item(store, profile)?;
        if is_open { open.push(item) } else { new.push(item) }
    }
    open.extend(runs.iter().filter(|run| is_open_elsewhere(run, &profiles)).map(open_elsewhere));
    let past = runs.into_iter().take(MAX_RUNS).map(past_run);
    let groups = [
        ("Resume an open run", open, "no run is open on this machine, rehearsals not counted".to_owned()),
        ("Open a run", new, no_profiles()),
        ("Check without a run", tools(&profiles), String::new()),
        ("Review", past.collect(), "no runs yet".to_owned()),
    ];
    for (title, items, empty_text) in groups {
        let (options, group_choices): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        choices.extend(group_choices);
        shown.push(StartGroup { title, options, empty_text });
    }
    Ok((shown, choices))
}

/// The item of a profile, and whether a run of it is open.
fn profile_item(store: &LogStore, profile: &FoundProfile) -> Result<(bool, (StartOption, StartChoice))> {
    let FoundProfile { path, environment } = profile;
    let environment = match environment {
        Ok(environment) => environment,
        Err(problem) => return Ok((false, broken_profile(path, problem))),
    };
    let open = find_open(store, environment)?.map(|(_, state)| {
        format!("{} since {} · ", line(&state.plan.release), state.opened_at.wall.readable())
    });
    let is_open = open.is_some();
    let description = open.unwrap_or_default() + &line(&path.display().to_string());
    Ok((is_open, (StartOption { name: line(environment), description }, StartChoice::Run(path.clone()))))
}

/// Whether a run is open whose profile was not found.
fn is_open_elsewhere(run: &RunSummary, profiles: &[FoundProfile]) -> bool {
    let mut environments = profiles.iter().filter_map(|found| found.environment.as_ref().ok());
    run.is_open && !run.rehearsal && !environments.any(|found| line(found) == run.cells[0])
}

fn open_elsewhere(run: &RunSummary) -> (StartOption, StartChoice) {
    let [environment, release, at, ..] = &run.cells;
    let description = format!("{release} since {at} · `gonogo run PROFILE` resumes it; Enter shows its log");
    let choice = StartChoice::Review { log: run.path.clone(), rehearsal: run.rehearsal };
    (StartOption { name: environment.clone(), description }, choice)
}

fn past_run(run: RunSummary) -> (StartOption, StartChoice) {
    let [environment, release, at, _, outcome] = &run.cells;
    let rehearsal = if run.rehearsal { " (a rehearsal)" } else { "" };
    let name = format!("{environment} {release}{rehearsal}");
    let option = StartOption { name, description: format!("{outcome} · {at}") };
    (option, StartChoice::Review { log: run.path, rehearsal: run.rehearsal })
}

/// A profile that does not load: what is wrong first; choosing it lists everything.
fn broken_profile(profile: &Path, problem: &str) -> (StartOption, StartChoice) {
    let name = profile.file_name().unwrap_or_default().to_string_lossy();
    let description = format!("cannot be loaded: {problem} · Enter: all problems");
    let doctor = vec!["doctor".into(), "--".into(), profile.into()];
    (StartOption { name: line(&name), description }, StartChoice::Command(doctor))
}

/// What can be done without a run: setting up, checks of each profile, the list of drills.
fn tools(profiles: &[FoundProfile]) -> Vec<(StartOption, StartChoice)> {
    let option = |name: String, description: &str, arguments: Vec<OsString>| {
        (StartOption { name, description: description.into() }, StartChoice::Command(arguments))
    };
    let mut tools = Vec::new();
    for FoundProfile { path, environment } in profiles {
        let Ok(environment) = environment else { continue };
        let of = |command: &str| vec![command.into(), "--".into(), path.clone().into()];
        let environment = line(environment);
        tools.push(option(
            format!("doctor {environment}"),
            "missing values and likely mistakes; runs nothing",
            of("doctor"),
        ));
        tools.push(option(
            format!("check {environment}"),
            "the probes and their results; no key, no log",
            of("check"),
        ));
    }
    if cfg!(feature = "rehearsal") {
        let list = vec!["rehearse".into(), "--list".into()];
        tools.push(option("drills".into(), "what can be broken in a rehearsal, for you to find", list));
    }
    tools.push(option(
        "new key".into(),
        "set up your name and your signing key",
        vec!["new".into(), "key".into()],
    ));
    tools
}

#[cfg(feature = "rehearsal")]
fn rehearse() -> StartGroup {
    let description = "the whole deployment, on a stack inside this program: no servers, no keys, no network";
    let option = StartOption { name: "rehearse".into(), description: description.into() };
    StartGroup { title: "Rehearse", options: vec![option], empty_text: String::new() }
}

fn no_profiles() -> String {
    format!("no other profile in {}; `gonogo new profile` prints one to start from", describe_directories())
}
