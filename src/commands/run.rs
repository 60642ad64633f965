//! `gonogo run`: opens a run, or resumes the open one, on the screen.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use anyhow::{Result, anyhow, bail};

use super::ending::{Workers, stopped};
use super::farewell::farewell;
use super::git::Tags;
use super::holding;
use super::identity;
use super::load::{Loaded, store};
use super::looking_on;
use super::replan::replan;
use super::resume;
use super::session::{Session, hear_signals, on_screen};
use super::settings::Settings;
use super::trust;
use crate::checklist::{Plan, Promotion, Role, check_release, loosenings};
use crate::cli::{RunArgs, ScreenArgs, Target, ThemeArg};
use crate::engine::{self, Engine, Opened, Opening, Past, clock};
use crate::error::Exit;
use crate::journal::entry::Enrolled;
use crate::journal::keys::Signer;
use crate::journal::side::Outputs;
use crate::journal::store::Store;
use crate::probe::FingerprintKey;
use crate::process::Permit;
use crate::run::{Act, Command, RunState};
use crate::text::{line, shell_word};
use crate::tui::terminal::{Taken, read_events};
use crate::tui::{self, Look, Setup, Shade};

pub(super) fn run(arguments: &RunArgs) -> Result<Exit> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        bail!("`gonogo run` needs a terminal; without one, `gonogo check` runs the same probes");
    }
    let settings = Settings::read()?;
    if !arguments.read_only {
        settings.git.read_ahead();
    }
    let loaded = Loaded::read(&arguments.target.profile)?;
    let store = store(arguments.screen.log_dir.as_deref())?;
    // Before the key: no passphrase is asked for a run that cannot be opened.
    let mut found = engine::find_open(&store, loaded.environment())?;
    if let (true, Some((path, state))) = (arguments.read_only, &found) {
        return look_on(path, state.clone(), arguments, &settings);
    }
    resume::tell_unread(&store, loaded.environment(), found.is_none())?;
    if let Some((path, state)) = &mut found {
        *state = resume::require(&store, path, state, &settings)?;
    }
    let plan = plan(&loaded, arguments, found.as_ref())?;
    let own = found.iter().flat_map(|(_, state)| plans_of(state));
    let permit = trust::require(&loaded, own.chain([&plan]), arguments.target.trust)?;
    if arguments.read_only {
        return look_alone(plan, &loaded, arguments, &settings, permit);
    }
    let tags = Tags::of(loaded.repository(), &permit);
    if found.is_none() {
        prepare(&store, &loaded, &tags, &plan)?;
    }
    let signer = identity::signer(&arguments.identity, &settings)?;
    resume::require_trusted(&signer, plan.rehearsal.is_some(), &settings)?;
    identity::tell_that_it_may_wait(&signer);
    let held = store.hold(loaded.environment())?;
    let known = found.map(|(_, state)| state);
    let opened = begin(&store, &loaded, plan.clone(), arguments, &signer, known.as_ref(), &tags)?;
    resume::require_opened(&store, &opened, known.as_ref(), &settings)?;
    // Another operator may have replaced the plan meanwhile.
    let permit = match &*opened.state.plan {
        same if *same == plan => permit,
        other => trust::require(&loaded, [other], arguments.target.trust)?,
    };
    drop(held);
    let history = engine::history(&store, Some(opened.journal.path()), &opened.state)?;
    let mut notices = notices(&opened, &plan, arguments.replan);
    notices.extend(history.trouble);
    let replan = if arguments.replan { replan(&opened.state, plan)? } else { None };
    let fingerprint = FingerprintKey(Arc::new(store.fingerprint_key(loaded.environment())?));
    let past = Past { last: history.sealed.map(Arc::new), fingerprint: Some(fingerprint) };
    let look = look(&arguments.screen, &settings);
    let path = opened.journal.path().to_owned();
    let session = Session {
        opened,
        signers: vec![signer],
        secrets: loaded.secrets(),
        permit,
        replan,
        notices,
        past,
        look,
        simulated: None,
    };
    let left = session.sit()?;
    farewell(&path, arguments, &left)
}

/// The plans of a run: its own, and the proposed one.
fn plans_of(state: &RunState) -> impl Iterator<Item = &Plan> {
    let proposed = state.proposal.as_ref().map(|proposal| &*proposal.plan);
    std::iter::once(&*state.plan).chain(proposed)
}

/// The plan of the current files. An open run keeps its release.
fn plan(loaded: &Loaded, arguments: &RunArgs, open: Option<&(PathBuf, RunState)>) -> Result<Plan> {
    let target = &arguments.target;
    let (release, previous) = match open {
        None => (Some(asked_release(loaded, target)?), Some(asked_previous(loaded, target)?)),
        Some((log, state)) => {
            let own = state.plan.previous.clone().unwrap_or_else(|| "none".into());
            fits(
                log,
                state,
                target.release.as_deref(),
                target.previous.as_deref().filter(|tag| *tag != own),
            )?;
            (Some(state.plan.release.clone()), Some(own))
        }
    };
    loaded.plan(&Promotion { release, previous })
}

/// The release; asks for it if it was not given.
fn asked_release(loaded: &Loaded, target: &Target) -> Result<String> {
    target.release.clone().map_or_else(|| ask_tag("Release to promote", loaded, target), Ok)
}

/// The current release; asks for it if neither the command line nor the profile gives it.
fn asked_previous(loaded: &Loaded, target: &Target) -> Result<String> {
    let told = target.previous.as_deref().or_else(|| loaded.previous());
    told.map(str::to_owned).map_or_else(|| ask_tag("Current release, or none", loaded, target), Ok)
}

/// Asks for a tag, and shows the repository's newest ones. The profile names the repository, so git reads nothing from
/// it before the profile is trusted.
fn ask_tag(question: &str, loaded: &Loaded, target: &Target) -> Result<String> {
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
fn prepare(store: &Store, loaded: &Loaded, tags: &Tags, plan: &Plan) -> Result<()> {
    tags.read_ahead();
    store.prepare(loaded.environment())?;
    confirm_release(tags, &plan.release)
}

/// Asks if a release is not a tag of the checkout, before anything is signed for it.
fn confirm_release(tags: &Tags, release: &str) -> Result<()> {
    let Some(missing) = tags.lack(release) else { return Ok(()) };
    say!("{missing}");
    let answer = identity::ask("Open a run for it anyway? [y/N] ")?;
    if !["y", "yes"].contains(&answer.to_lowercase().as_str()) {
        bail!("no run was opened; create the tag, or give another release with --release TAG");
    }
    Ok(())
}

/// Rejects another release or previous release for an open run.
fn fits(log: &Path, state: &RunState, release: Option<&str>, previous: Option<&str>) -> Result<()> {
    let plan = &state.plan;
    let open = format!(
        "a run of {} for release {} has been open since {}",
        plan.environment,
        plan.release,
        state.opened.wall.readable()
    );
    if release.is_some_and(|release| release != plan.release) {
        bail!(
            "{open}; leave out --release to resume it and seal it (v), or abandon it: gonogo abandon {}",
            shell_word(&log.display().to_string())
        );
    }
    if let Some(previous) = previous {
        let own = plan.previous.as_deref().unwrap_or("none");
        bail!("{open}, with --previous {own}, not {previous}; leave out --previous to resume it");
    }
    Ok(())
}

/// Opens a run, or resumes the one that was checked.
fn begin(
    store: &Store,
    loaded: &Loaded,
    plan: Plan,
    arguments: &RunArgs,
    signer: &Signer,
    asked_about: Option<&RunState>,
    tags: &Tags,
) -> Result<Opened> {
    let role = arguments.role.map(Role::from);
    // Searched again: another program may have opened or sealed a run while a passphrase was typed.
    if let Some((path, state)) = engine::find_open(store, loaded.environment())? {
        if asked_about.map(|known| &known.run) != Some(&state.run) {
            bail!(
                "another run of {} was opened meanwhile; start gonogo again to join it",
                line(loaded.environment())
            );
        }
        let role = role.unwrap_or(Role::Reviewer);
        return holding::reopen(store, &path, signer, role, arguments.take_over);
    }
    let role = role.unwrap_or(Role::Driver);
    let commit = tags.commit(&plan.release);
    let opening = Opening { plan, lock: loaded.lock(), profile_sha256: loaded.sha256, commit, role };
    Ok(engine::open(store, opening, signer)?)
}

fn notices(opened: &Opened, plan: &Plan, replan: bool) -> Vec<String> {
    let mut notices: Vec<String> = opened.first.iter().flat_map(recovered).collect();
    if *opened.state.plan != *plan && replan {
        notices.push(replaced(&opened.state, plan));
    } else if let Some(proposal) = &opened.state.proposal {
        let (by, seq) = (line(&proposal.by), proposal.seq);
        notices.push(format!("{by} has proposed a looser plan (log #{seq}); ! shows it"));
    } else if *opened.state.plan != *plan {
        notices.push("profile or checklist changed since this run was opened; it keeps its plan (--replan replaces it)".into());
    }
    notices
}

/// Describes the effect of `--replan`.
fn replaced(state: &RunState, new: &Plan) -> String {
    let old = &state.plan;
    if state.takes_two() && !loosenings(old, new).is_empty() {
        return "a looser plan is proposed; the run keeps its plan until the other role accepts it (!)"
            .into();
    }
    let anew = new.points().filter(|point| old.point(&point.id) != Some(*point));
    let anew: Vec<&str> = anew.map(|point| point.id.as_str()).collect();
    match anew.as_slice() {
        [] => "the plan was replaced; no control point has changed".into(),
        anew => format!("the plan was replaced; these points are reset: {}", anew.join(", ")),
    }
}

/// Describes what a crash of the last gonogo left.
fn recovered(command: &Command) -> Vec<String> {
    let Act::Recover { torn, in_doubt } = &command.act else { return Vec::new() };
    let torn = torn.as_ref().map(|torn| {
        format!(
            "the log ended in {} bytes of an incomplete line; it was never shown, and is kept in {}",
            torn.bytes, torn.kept
        )
    });
    let doubt = in_doubt.map(|seq| {
        format!(
            "this host has no record of the last entry (log #{seq}): gonogo was killed while it wrote it, or the log comes from elsewhere; the entry is valid, but may never have been shown"
        )
    });
    torn.into_iter().chain(doubt).collect()
}

/// The appearance of the screen.
pub(super) fn look(screen: &ScreenArgs, settings: &Settings) -> Look {
    let light = screen.theme.or(settings.theme) == Some(ThemeArg::Light);
    Look {
        shade: if light { Shade::Light } else { Shade::Dark },
        ascii: screen.ascii || settings.ascii,
        color: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// Follows a run that another gonogo may hold, read-only.
fn look_on(path: &Path, state: RunState, arguments: &RunArgs, settings: &Settings) -> Result<Exit> {
    let (tell, messages) = mpsc::channel();
    let state = Arc::new(state);
    looking_on::follow(path, Arc::clone(&state), tell.clone())?;
    let setup = onlooker(path, look(&arguments.screen, settings));
    hear_signals(&tell)?;
    let mut taken = Taken::take()?;
    read_events(tell)?;
    let left = tui::run(&mut *taken.terminal()?, &mut taken, &setup, state, &messages, &mut |_| {})?;
    Ok(if left.signalled { Exit::Interrupted } else { Exit::Good })
}

/// Runs the probes on the screen, without a log.
fn look_alone(
    plan: Plan,
    loaded: &Loaded,
    arguments: &RunArgs,
    settings: &Settings,
    permit: Permit,
) -> Result<Exit> {
    let (log, state) = engine::forgotten(plan)?;
    let (engine, handle) = Engine::new(log, state, Vec::new(), loaded.secrets(), permit);
    let engine = engine.beside_a_screen();
    let state = Arc::clone(engine.state());
    let setup = onlooker(Path::new("nowhere"), look(&arguments.screen, settings));
    let workers = Workers::start(2)?;
    let running = workers.spawn(engine.run());
    let left = on_screen(&workers, &setup, state, handle);
    workers.block_on(stopped(running))?;
    Ok(if left?.signalled { Exit::Interrupted } else { Exit::Good })
}

fn onlooker(path: &Path, look: Look) -> Setup {
    Setup {
        me: Enrolled { principal: String::new(), key: String::new(), role: Role::Reviewer },
        log: path.display().to_string(),
        look,
        clock: Box::new(clock::now),
        unlock: Arc::new(|_| Err("an observer has no key".into())),
        review: None,
        outputs: Some(Outputs::beside(path)),
        last: None,
        notices: Vec::new(),
        looks_on: true,
    }
}
