//! `gonogo` without a command: on a terminal, shows the start menu.

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::CommandFactory as _;

use super::loaded_profile::{MAX_FILE, config_dir, store};
use super::run_list::list_runs;
use super::screen_options::screen_options;
use super::settings::Settings;
use crate::cli::{Cli, ScreenArgs};
use crate::engine::find_open;
use crate::process::{Launch, Permit};
use crate::tui::start::{StartGroup, StartOption, choose};
use gonogo_core::error::Exit;
use gonogo_core::files::read_regular_text;
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
    let (profiles, runs) = (profiles()?, list_runs(store)?);
    let is_found = |environment: &str| profiles.iter().any(|(found, _)| line(found) == environment);
    let elsewhere =
        runs.iter().filter(|run| run.is_open && !run.rehearsal && !is_found(&run.cells[0])).map(|run| {
            let [environment, release, at, ..] = &run.cells;
            let description =
                format!("{release} since {at} · `gonogo run PROFILE` resumes it; Enter shows its log");
            let choice = StartChoice::Review { log: run.path.clone(), rehearsal: run.rehearsal };
            (StartOption { name: environment.clone(), description }, choice)
        });
    let elsewhere: Vec<_> = elsewhere.collect();
    let tools = tools(&profiles);
    for (environment, profile) in profiles {
        let description = line(&profile.display().to_string());
        match find_open(store, &environment)? {
            Some((_, state)) => {
                let since = state.opened_at.wall.readable();
                let description = format!("{} since {since} · {description}", line(&state.plan.release));
                open.push((StartOption { name: line(&environment), description }, StartChoice::Run(profile)));
            }
            None => {
                new.push((StartOption { name: line(&environment), description }, StartChoice::Run(profile)));
            }
        }
    }
    open.extend(elsewhere);
    let past = runs.into_iter().take(MAX_RUNS).map(|run| {
        let [environment, release, at, _, outcome] = &run.cells;
        let rehearsal = if run.rehearsal { " (a rehearsal)" } else { "" };
        let name = format!("{environment} {release}{rehearsal}");
        let option = StartOption { name, description: format!("{outcome} · {at}") };
        (option, StartChoice::Review { log: run.path, rehearsal: run.rehearsal })
    });
    let groups = [
        ("Resume an open run", open, "no run is open on this machine, rehearsals not counted".to_owned()),
        ("Open a run", new, no_profiles()),
        ("Look without a run", tools, String::new()),
        ("Review", past.collect(), "no runs yet".to_owned()),
    ];
    for (title, items, empty_text) in groups {
        let (options, group_choices): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        choices.extend(group_choices);
        shown.push(StartGroup { title, options, empty_text });
    }
    Ok((shown, choices))
}

/// What can be done without a run: setting up, checks of each profile, the list of drills.
fn tools(profiles: &[(String, PathBuf)]) -> Vec<(StartOption, StartChoice)> {
    let option = |name: String, description: &str, arguments: Vec<OsString>| {
        (StartOption { name, description: description.into() }, StartChoice::Command(arguments))
    };
    let mut tools = Vec::new();
    for (environment, profile) in profiles {
        let of = |command: &str| vec![command.into(), "--".into(), profile.clone().into()];
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
    tools.push(option("init".into(), "set up your name and your signing key", vec!["init".into()]));
    tools
}

#[cfg(feature = "rehearsal")]
fn rehearse() -> StartGroup {
    let description = "the whole deployment, on a stack inside this program: no servers, no keys, no network";
    let option = StartOption { name: "rehearse".into(), description: description.into() };
    StartGroup { title: "Rehearse", options: vec![option], empty_text: String::new() }
}

/// The directories that are searched for profiles.
fn profile_directories() -> Vec<PathBuf> {
    [Some(PathBuf::from("config")), config_dir().ok()].into_iter().flatten().collect()
}

fn no_profiles() -> String {
    let directories: Vec<_> =
        profile_directories().iter().map(|place| line(&place.display().to_string())).collect();
    format!(
        "no other profile in {}; config/production.toml explains how to write one",
        directories.join(" or ")
    )
}

/// The profiles found, with their environments.
fn profiles() -> Result<Vec<(String, PathBuf)>> {
    let mut profiles = Vec::new();
    for directory in profile_directories().iter().filter(|place| place.is_dir()) {
        let mut files: Vec<PathBuf> = fs::read_dir(directory)?.flatten().map(|entry| entry.path()).collect();
        files.sort();
        profiles.extend(files.into_iter().filter_map(|file| Some((environment(&file)?, file))));
    }
    Ok(profiles)
}

/// The environment of a profile; other files have none.
fn environment(file: &Path) -> Option<String> {
    if file.extension().is_none_or(|end| end != "toml") {
        return None;
    }
    let table: toml::Table = read_regular_text(file, MAX_FILE).ok()?.parse().ok()?;
    table.get("environment")?.as_str().map(str::to_owned)
}
