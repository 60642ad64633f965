//! `gonogo rehearse`: the whole deployment on a stack in this process.

mod place;
mod serve;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use self::place::{Place, begin, begun, no_place};
use self::serve::serve;
use super::exiting::hold_signals;
use super::loaded_profile::{LoadedProfile, store};
use super::report::drill_infos;
use super::run_summary::session_exit;
use super::screen_options::screen_options;
use super::session::RunSession;
use super::settings::Settings;
use super::simulated_operators::SimulatedOperators;
use crate::cli::RehearseArgs;
use crate::engine::{self, NewRun, PreviousRuns, clock};
use crate::process::Permit;
use crate::report::debrief::rehearsal_part;
use crate::tui::SessionEnd;
use gonogo_core::checklist::{Promotion, Role};
use gonogo_core::error::{ErrorKind, Exit, Failure};
use gonogo_core::journal::keys::Signer;
use gonogo_core::journal::store::read_unverified;
use gonogo_core::run::{Act, Command, judge};
use gonogo_core::text::{line, nearest, shell_word};
use gonogo_rehearsal::drills::{DRILLS, Drill, resolve};
use gonogo_rehearsal::names::{COMMIT, PREVIOUS_RELEASE, RELEASE};
use gonogo_rehearsal::stack::Stack;

/// The operator at the screen.
const DRIVER: &str = "you@rehearsal";
/// The simulated operators.
const REVIEWER: &str = "simulated-reviewer@rehearsal";
const SIMULATED_DRIVER: &str = "simulated-driver@rehearsal";

pub(super) fn rehearse(arguments: &RehearseArgs) -> Result<Exit> {
    if arguments.list {
        return list();
    }
    let chosen = Chosen::of(&arguments.drill, arguments.deployed)?;
    let is_at_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    if !arguments.serve && !is_at_terminal {
        bail!(
            "`gonogo rehearse` needs a terminal; without one, `gonogo rehearse --serve` keeps its stack up"
        );
    }
    let Some(dir) = begun()? else { return Err(begin()?) };
    hold_signals()?;
    let place = Place::make(&dir)?;
    let drills: Vec<&Drill> = chosen.0.iter().map(|(_, drill)| *drill).collect();
    let stack = Stack::start(&drills, &place.files.socket()).map_err(|error| no_stack(&error))?;
    if arguments.serve && arguments.deployed {
        stack.deploy_release();
    }
    let gonogo = std::env::current_exe()?;
    // Each served stack is an environment of its own; its runs end with it.
    let environment = if arguments.serve { place.environment() } else { "rehearsal".to_owned() };
    place
        .files
        .write_all(&stack, &gonogo, &environment, &chosen.names())
        .map_err(|error| no_place(&error, &dir))?;
    if arguments.serve { serve(&place.files) } else { walk(&place, arguments) }
}

fn list() -> Result<Exit> {
    let mut out = io::stdout().lock();
    for drill in &DRILLS {
        writeln!(out, "{:26} {}", drill.name, drill.description)?;
    }
    writeln!(out, "{:26} one of these; not revealed before the end", "random[:SEED]")?;
    Ok(Exit::Success)
}

/// The chosen drills, each with the name on the command line.
struct Chosen(Vec<(String, &'static Drill)>);

impl Chosen {
    /// Random drills of a deployed release are among those that only it shows.
    fn of(drill_names: &[String], is_deployed: bool) -> Result<Self> {
        let mut chosen: Vec<(String, &'static Drill)> = Vec::new();
        let (random, by_name): (Vec<_>, Vec<_>) = drill_names.iter().partition(|name| *name == "random");
        for name in by_name {
            let drill = resolve(name).with_context(|| unknown(name))?;
            if chosen.iter().any(|(_, other)| other.name == drill.name) {
                bail!("one drill twice breaks nothing twice; name each once");
            }
            chosen.push((name.clone(), drill));
        }
        let is_open = |drill: &Drill, chosen: &[(String, &Drill)]| {
            let is_chosen = chosen.iter().any(|(_, other)| other.name == drill.name);
            !is_chosen && (!is_deployed || drill.needs_deployment())
        };
        for _ in random {
            if !DRILLS.iter().any(|drill| is_open(drill, &chosen)) {
                break;
            }
            chosen.push(random_drill(|drill| is_open(drill, &chosen))?);
        }
        Ok(Self(chosen))
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// A random one of the drills that are open.
fn random_drill(is_open: impl Fn(&Drill) -> bool) -> Result<(String, &'static Drill)> {
    loop {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes)?;
        let name = format!("random:{}", u32::from_le_bytes(bytes));
        let drill = resolve(&name).with_context(|| unknown(&name))?;
        if is_open(drill) {
            return Ok((name, drill));
        }
    }
}

fn unknown(name: &str) -> String {
    if name.starts_with("random:") {
        return format!("--drill {name}: a seed is a whole number, as in random:42");
    }
    let near = nearest(name, DRILLS.iter().map(|drill| drill.name));
    let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    format!("there is no drill {name:?}{near} (`gonogo rehearse --list` names them)")
}

fn no_stack(error: &io::Error) -> Failure {
    Failure::new(ErrorKind::Environment, format!("the rehearsal's stack cannot be started: {error}"))
}

/// Opens a run on the stack and shows it.
fn walk(place: &Place, arguments: &RehearseArgs) -> Result<Exit> {
    let settings = Settings::read()?;
    let loaded = LoadedProfile::read(&place.files.profile())?;
    let promotion =
        Promotion { release: Some(RELEASE.to_owned()), previous: Some(PREVIOUS_RELEASE.to_owned()) };
    let plan = loaded.plan(&promotion)?;
    let signers = signers(place, arguments.deployed)?;
    let store = store(arguments.screen.log_dir.as_deref())?;
    let opening = NewRun {
        plan,
        lock: loaded.lock(),
        profile_sha256: loaded.sha256,
        commit: Some(COMMIT.to_owned()),
        role: Role::Driver,
    };
    let mut opened = engine::open(&store, opening, &signers[0])?;
    for (signer, role) in signers[1..].iter().zip([Role::Reviewer, Role::Driver]) {
        let join = Act::Join { key: signer.public.clone(), role };
        opened.first_commands.push(Command::new(signer.principal.clone(), join));
    }
    let path = opened.journal.path().to_owned();
    let session = RunSession {
        opened,
        signers,
        secrets: loaded.secrets(),
        permit: Permit::for_rehearsal(),
        replan: None,
        notices: notices(arguments.deployed),
        previous: PreviousRuns::default(),
        // Nothing of it is real, so nobody is called.
        notify: Default::default(),
        screen: screen_options(&arguments.screen, &settings),
        faults: if arguments.drill.is_empty() { Vec::new() } else { faults() },
        simulated: Some(SimulatedOperators {
            reviewer: REVIEWER.to_owned(),
            driver: arguments.deployed.then(|| SIMULATED_DRIVER.to_owned()),
        }),
    };
    let end = session.run()?;
    farewell(&path, &end)
}

/// The person at the screen, the simulated reviewer and, if the release is deployed for the person, the simulated driver.
fn signers(place: &Place, has_driver: bool) -> Result<Vec<Signer>> {
    let simulated_driver = has_driver.then_some(SIMULATED_DRIVER);
    [DRIVER, REVIEWER].into_iter().chain(simulated_driver).map(|name| place.signer(name)).collect()
}

/// The notices at the start.
fn notices(has_driver: bool) -> Vec<String> {
    let mut notices = vec![
        "a rehearsal: the stack is within this program, nothing is real, and its log is not evidence of a deployment".to_owned(),
        "! goes to what is next, Enter does it (and asks): the points, then the verdict and the seal; ? is the help"
            .to_owned(),
        format!("{REVIEWER} is the reviewer, and confirms shortly after you"),
    ];
    if has_driver {
        let driver =
            format!("{SIMULATED_DRIVER} deploys the release first, as far as nothing fails; then you go on");
        notices.push(driver);
    }
    notices
}

/// What can be broken, for the diagnosis.
fn faults() -> Vec<String> {
    let mut faults: Vec<_> = DRILLS.iter().map(|drill| drill.description.to_owned()).collect();
    faults.sort();
    faults
}

/// Prints the result, the path of the log, and the debrief of the drills.
fn farewell(log: &Path, end: &SessionEnd) -> Result<Exit> {
    let (state, now) = (&end.state, clock::now());
    let verdict = judge(&state.judge(&now));
    let sealed = match &state.abandoned {
        Some(_) => "abandoned",
        None if state.is_sealed() => "sealed",
        None => "left open; a rehearsal cannot be resumed",
    };
    say!("rehearsal: {} {}/{}, {sealed}", verdict.decision, verdict.done, verdict.total);
    say!("  log     {}", line(&log.display().to_string()));
    say!("  verify  gonogo verify --rehearsal {}", shell_word(&log.display().to_string()));
    let entries = read_unverified(log)?;
    let debrief = rehearsal_part(&entries, state, &drill_infos(&state.plan));
    let drills = debrief.map(|part| part.drills).unwrap_or_default();
    for drill in drills {
        say!("  drill   {}: {}", drill.name, drill.what);
        say!("          {}", drill.sentence);
    }
    session_exit(end)
}
