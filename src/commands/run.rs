//! `gonogo run`: opens a run, or resumes the open one, on the screen.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use anyhow::{Result, anyhow, bail};

use super::exiting::{WorkerThreads, wait_until_stopped};
use super::follow;
use super::git::Tags;
use super::identity;
use super::loaded_profile::{LoadedProfile, store};
use super::replan::replan;
use super::resume;
use super::run_summary::print_summary;
use super::screen_options::screen_options;
use super::session::{RunSession, forward_signals, show, working_directory};
use super::settings::Settings;
use super::start::become_command;
use super::takeover;
use super::trust;
use crate::cli::{IdentityArgs, PromotionArgs, RunArgs};
use crate::engine::{self, Engine, NewRun, OpenRun, PreviousRuns, clock};
use crate::probes::FingerprintKey;
use crate::process::Permit;
use crate::tui::terminal::TerminalGuard;
use crate::tui::{self, Appearance, SessionEnd, Setup};
use gonogo_core::checklist::{Plan, Promotion, Role, check_release, loosenings};
use gonogo_core::error::Exit;
use gonogo_core::journal::attachments::ActionOutputs;
use gonogo_core::journal::entry::EnrolledOperator;
use gonogo_core::journal::keys::Signer;
use gonogo_core::journal::store::LogStore;
use gonogo_core::run::{Act, Command, RunState};
use gonogo_core::text::{line, shell_word};

pub(super) fn run(arguments: &RunArgs) -> Result<Exit> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        bail!("`gonogo run` needs a terminal; without one, `gonogo check` runs the same probes");
    }
    let settings = Settings::read()?;
    if !arguments.read_only {
        settings.git.start_reading();
    }
    let loaded = LoadedProfile::read(&arguments.target.profile)?;
    let store = store(arguments.screen.log_dir.as_deref())?;
    // Before the key: no passphrase is asked for a run that cannot be opened.
    let mut open = engine::find_open(&store, loaded.environment())?;
    if let (true, Some((path, state))) = (arguments.read_only, &open) {
        return follow_run(path, state.clone(), arguments, &settings);
    }
    resume::report_unreadable(&store, loaded.environment(), open.is_none())?;
    if let Some((path, state)) = &mut open {
        *state = resume::confirm_known(&store, path, state, &settings)?;
    }
    let plan = plan(&loaded, arguments, open.as_ref())?;
    let run_plans = open.iter().flat_map(|(_, state)| plans_of(state));
    let permit = trust::require(&loaded, run_plans.chain([&plan]), arguments.target.trust)?;
    if arguments.read_only {
        return run_without_log(plan, &loaded, arguments, &settings, permit);
    }
    let tags = Tags::of(loaded.repository(), &permit);
    if open.is_none() {
        prepare(&store, &loaded, &tags, &plan)?;
    }
    let signer = identity::signer(&arguments.identity, &settings)?;
    resume::confirm_trusted(&signer, plan.rehearsal.is_some(), &settings)?;
    identity::announce_wait_for_key(&signer);
    let environment_lock = store.lock_environment(loaded.environment())?;
    let checked = open.map(|(_, state)| state);
    let opened = open_or_resume(&store, &loaded, plan.clone(), arguments, &signer, checked.as_ref(), &tags)?;
    resume::confirm_opened(&store, &opened, checked.as_ref(), &settings)?;
    // Another operator may have replaced the plan meanwhile.
    let permit = match &*opened.state.plan {
        same if *same == plan => permit,
        other => trust::require(&loaded, [other], arguments.target.trust)?,
    };
    drop(environment_lock);
    let mut notices = notices(&opened, &plan, arguments.replan);
    let (previous, problem) = previous_runs(&store, &loaded, &opened)?;
    notices.extend(problem);
    let replan = if arguments.replan { replan(&opened.state, plan)? } else { None };
    let screen = screen_options(&arguments.screen, &settings);
    let path = opened.journal.path().to_owned();
    let session = RunSession {
        opened,
        signers: vec![signer],
        secrets: loaded.secrets(),
        permit,
        replan,
        notices,
        previous,
        screen,
        notify: (loaded.profile().file.notify.clone(), join_command(&loaded)),
        faults: Vec::new(),
        simulated: None,
    };
    finish(&path, arguments, &session.run()?)
}

/// Prints the summary; opens the rollback run if that was asked for.
fn finish(path: &Path, arguments: &RunArgs, end: &SessionEnd) -> Result<Exit> {
    let exit = print_summary(path, arguments, end)?;
    let opens_rollback = end.opens_rollback_run && !end.signalled;
    if opens_rollback { open_rollback_run(arguments, &end.state.plan) } else { Ok(exit) }
}

/// Opens a run of the same release, in which it is rolled back: this process becomes that command.
fn open_rollback_run(arguments: &RunArgs, plan: &Plan) -> Result<Exit> {
    let PromotionArgs { profile, trust, .. } = &arguments.target;
    let previous = plan.previous.clone().unwrap_or_default();
    let mut argv: Vec<OsString> =
        ["run", "--rollback", "--release", &plan.release, "--previous", &previous].map(OsString::from).into();
    let IdentityArgs { principal, key } = &arguments.identity;
    let options = [
        ("--as", principal.clone().map(OsString::from)),
        ("--key", key.clone().map(OsString::from)),
        ("--trust", trust.map(|digest| digest.to_string().into())),
        ("--log-dir", arguments.screen.log_dir.clone().map(OsString::from)),
    ];
    for (name, value) in options {
        argv.extend(value.into_iter().flat_map(|value| [name.into(), value]));
    }
    argv.extend(["--".into(), profile.clone().into()]);
    become_command(argv)
}

/// The command with which another person joins the run on this machine.
fn join_command(loaded: &LoadedProfile) -> String {
    let profile = loaded.path().canonicalize().unwrap_or_else(|_| loaded.path().to_owned());
    format!("gonogo run {}", shell_word(&profile.display().to_string()))
}

/// What is known of the environment's earlier runs, and why it is less than there could be.
fn previous_runs(
    store: &LogStore,
    loaded: &LoadedProfile,
    opened: &OpenRun,
) -> Result<(PreviousRuns, Option<String>)> {
    let history = engine::last_sealed_run(store, Some(opened.journal.path()), &opened.state)?;
    let key = FingerprintKey(Arc::new(store.fingerprint_key(loaded.environment())?));
    let previous = PreviousRuns { last_sealed: history.sealed.map(Arc::new), fingerprint_key: Some(key) };
    Ok((previous, history.problem))
}

/// The plans of a run: its own, and the proposed one.
fn plans_of(state: &RunState) -> impl Iterator<Item = &Plan> {
    let proposed = state.proposal.as_ref().map(|proposal| &*proposal.plan);
    std::iter::once(&*state.plan).chain(proposed)
}

/// The plan of the current files. An open run keeps its release.
fn plan(loaded: &LoadedProfile, arguments: &RunArgs, open: Option<&(PathBuf, RunState)>) -> Result<Plan> {
    let target = &arguments.target;
    let (release, previous) = match open {
        None => {
            let questions = if arguments.rollback { ROLLBACK_QUESTIONS } else { PROMOTION_QUESTIONS };
            (
                Some(asked_release(loaded, target, questions.0)?),
                Some(asked_previous(loaded, target, questions.1)?),
            )
        }
        Some((log, state)) => {
            let previous_of_run = state.plan.previous.clone().unwrap_or_else(|| "none".into());
            check_open_release(
                log,
                state,
                target.release.as_deref(),
                target.previous.as_deref().filter(|tag| *tag != previous_of_run),
            )?;
            (Some(state.plan.release.clone()), Some(previous_of_run))
        }
    };
    let plan = loaded.plan(&Promotion { release, previous })?;
    let rolls_back = open.map_or(arguments.rollback, |(_, state)| state.plan.rolls_back);
    check_rollback(&plan, arguments.rollback, rolls_back)?;
    Ok(Plan { rolls_back, ..plan })
}

/// A rollback needs a release to go back to, and an open run of the deployment cannot become one of a rollback.
fn check_rollback(plan: &Plan, is_asked: bool, rolls_back: bool) -> Result<()> {
    if is_asked && !rolls_back {
        bail!(
            "an open run of {} deploys {}: roll back in it (A), or abandon it first",
            plan.environment,
            plan.release
        );
    }
    if rolls_back && (plan.previous.is_none() || plan.rollback.is_empty()) {
        bail!("--rollback: there is no previous release, or the checklist has no rollback steps");
    }
    Ok(())
}

/// What is asked where the release, and the one before it, are not given.
const PROMOTION_QUESTIONS: (&str, &str) = ("Release to promote", "Current release, or none");
/// The same for a run that rolls back.
const ROLLBACK_QUESTIONS: (&str, &str) = ("Release that runs now, to roll back", "Release to roll back to");

/// The release; asks for it if it was not given.
fn asked_release(loaded: &LoadedProfile, target: &PromotionArgs, question: &str) -> Result<String> {
    target.release.clone().map_or_else(|| ask_tag(question, loaded, target), Ok)
}

/// The current release; asks for it if neither the command line nor the profile gives it.
fn asked_previous(loaded: &LoadedProfile, target: &PromotionArgs, question: &str) -> Result<String> {
    let previous = target.previous.as_deref().or_else(|| loaded.previous());
    previous.map(str::to_owned).map_or_else(|| ask_tag(question, loaded, target), Ok)
}

/// Asks for a tag, and shows the repository's newest ones. The profile names the repository, so git reads nothing from
/// it before the profile is trusted.
fn ask_tag(question: &str, loaded: &LoadedProfile, target: &PromotionArgs) -> Result<String> {
    let permit = trust::require_profile(loaded, target.trust)?;
    let tags = Tags::of(loaded.repository(), &permit).newest();
    if !tags.is_empty() {
        say!("Newest tags: {}", tags.join("  "));
    }
    let tag = identity::ask(&format!("{question}: "))?;
    if tag.is_empty() {
        bail!("a tag is required to open a run: --release TAG, and --previous TAG or --previous none");
    }
    check_release(&tag).map_err(|why| anyhow!(why))?;
    Ok(tag)
}

/// Prepares the store for a new run while git lists the tags, and asks if the release is not one of them.
fn prepare(store: &LogStore, loaded: &LoadedProfile, tags: &Tags, plan: &Plan) -> Result<()> {
    tags.start_reading();
    store.prepare(loaded.environment())?;
    confirm_release(tags, &plan.release)
}

/// Asks if a release is not a tag of the checkout, before anything is signed for it.
fn confirm_release(tags: &Tags, release: &str) -> Result<()> {
    let Some(missing) = tags.missing_tag(release) else { return Ok(()) };
    say!("{missing}");
    let answer = identity::ask("Open a run for it anyway? [y/N] ")?;
    if !["y", "yes"].contains(&answer.to_lowercase().as_str()) {
        bail!("no run was opened; create the tag, or give another release with --release TAG");
    }
    Ok(())
}

/// Rejects another release or previous release for an open run.
fn check_open_release(
    log: &Path,
    state: &RunState,
    release: Option<&str>,
    previous: Option<&str>,
) -> Result<()> {
    let plan = &state.plan;
    let open = format!(
        "a run of {} for release {} has been open since {}",
        plan.environment,
        plan.release,
        state.opened_at.wall.readable()
    );
    if release.is_some_and(|release| release != plan.release) {
        bail!(
            "{open}; leave out --release to resume it and seal it (v), or abandon it: gonogo abandon {}",
            shell_word(&log.display().to_string())
        );
    }
    if let Some(previous) = previous {
        let own_tag = plan.previous.as_deref().unwrap_or("none");
        bail!("{open}, with --previous {own_tag}, not {previous}; leave out --previous to resume it");
    }
    Ok(())
}

/// Opens a run, or resumes the one that was checked.
fn open_or_resume(
    store: &LogStore,
    loaded: &LoadedProfile,
    plan: Plan,
    arguments: &RunArgs,
    signer: &Signer,
    checked: Option<&RunState>,
    tags: &Tags,
) -> Result<OpenRun> {
    let role = arguments.role.map(Role::from);
    // Searched again: another program may have opened or sealed a run while a passphrase was typed.
    if let Some((path, state)) = engine::find_open(store, loaded.environment())? {
        if checked.map(|state| &state.run) != Some(&state.run) {
            bail!(
                "another run of {} was opened meanwhile; start gonogo again to join it",
                line(loaded.environment())
            );
        }
        let role = role.unwrap_or(Role::Reviewer);
        return takeover::reopen(store, &path, signer, role, arguments.take_over);
    }
    let role = role.unwrap_or(Role::Driver);
    let commit = tags.commit(&plan.release);
    let opening = NewRun { plan, lock: loaded.lock(), profile_sha256: loaded.sha256, commit, role };
    Ok(engine::open(store, opening, signer)?)
}

fn notices(opened: &OpenRun, plan: &Plan, replan: bool) -> Vec<String> {
    let mut notices: Vec<String> = opened.first_commands.iter().flat_map(describe_recovery).collect();
    if *opened.state.plan != *plan && replan {
        notices.push(describe_replan(&opened.state, plan));
    } else if let Some(proposal) = &opened.state.proposal {
        let (by, seq) = (line(&proposal.by), proposal.seq);
        notices.push(format!("{by} has proposed a looser plan (log #{seq}); ! shows it"));
    } else if *opened.state.plan != *plan {
        notices.push("profile or checklist changed since this run was opened; it keeps its plan (--replan replaces it)".into());
    }
    notices
}

/// Describes the effect of `--replan`.
fn describe_replan(state: &RunState, new: &Plan) -> String {
    let old = &state.plan;
    if state.needs_two_roles() && !loosenings(old, new).is_empty() {
        return "a looser plan is proposed; the run keeps its plan until the other role accepts it (!)"
            .into();
    }
    let changed = new.points().filter(|point| old.point(&point.id) != Some(*point));
    let changed: Vec<&str> = changed.map(|point| point.id.as_str()).collect();
    match changed.as_slice() {
        [] => "the plan was replaced; no control point has changed".into(),
        ids => format!("the plan was replaced; these points are reset: {}", ids.join(", ")),
    }
}

/// Describes what a crash of the last gonogo left.
fn describe_recovery(command: &Command) -> Vec<String> {
    let Act::Recover { torn, in_doubt } = &command.act else { return Vec::new() };
    let torn = torn.as_ref().map(|torn| {
        format!(
            "the log ended in {} bytes of an incomplete line; it was never shown, and is kept in {}",
            torn.bytes, torn.file
        )
    });
    let doubt = in_doubt.map(|seq| {
        format!(
            "this host has no record of the last entry (log #{seq}): gonogo was killed while it wrote it, or the log comes from elsewhere; the entry is valid, but may never have been shown"
        )
    });
    torn.into_iter().chain(doubt).collect()
}

/// Follows a run that another gonogo may hold, read-only.
fn follow_run(path: &Path, state: RunState, arguments: &RunArgs, settings: &Settings) -> Result<Exit> {
    let (sender, messages) = mpsc::channel();
    let state = Arc::new(state);
    follow::follow(path, Arc::clone(&state), sender.clone())?;
    let screen = screen_options(&arguments.screen, settings);
    let setup = observer_setup(path, screen.appearance);
    forward_signals(&sender)?;
    let mut guard = TerminalGuard::acquire()?.with_options(screen.terminal);
    guard.read_events(sender)?;
    let end = tui::run(&mut *guard.terminal()?, &mut guard, &setup, state, &messages, &mut |_| {})?;
    Ok(if end.signalled { Exit::Interrupted } else { Exit::Success })
}

/// Runs the probes on the screen, without a log.
fn run_without_log(
    plan: Plan,
    loaded: &LoadedProfile,
    arguments: &RunArgs,
    settings: &Settings,
    permit: Permit,
) -> Result<Exit> {
    let (log, state) = engine::ephemeral_run(plan)?;
    let (engine, handle) = Engine::new(log, state, Vec::new(), loaded.secrets(), permit);
    let engine = engine.with_screen();
    let state = Arc::clone(engine.state());
    let screen = screen_options(&arguments.screen, settings);
    let setup = observer_setup(Path::new("nowhere"), screen.appearance);
    let workers = WorkerThreads::start(2)?;
    let running = workers.spawn(engine.run());
    let end = show(&workers, &setup, screen.terminal, state, handle, mpsc::channel());
    workers.block_on(wait_until_stopped(running))?;
    Ok(if end?.signalled { Exit::Interrupted } else { Exit::Success })
}

fn observer_setup(path: &Path, appearance: Appearance) -> Setup {
    Setup {
        operator: EnrolledOperator { principal: String::new(), key: String::new(), role: Role::Reviewer },
        log_name: path.display().to_string(),
        directory: working_directory(),
        ends_with_session: false,
        faults: Vec::new(),
        appearance,
        clock: Box::new(clock::now),
        unlock: Arc::new(|_| Err("an observer has no key".into())),
        review: None,
        outputs: Some(ActionOutputs::beside(path)),
        last_sealed: None,
        notices: Vec::new(),
        read_only: true,
    }
}
