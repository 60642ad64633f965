//! `gonogo rehearse`: the whole deployment on a stack within this process.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::ending::{SignalRequest, on_signals};
use super::farewell::ended;
use super::load::{Loaded, store};
use super::report::drills;
use super::run::look;
use super::session::Session;
use super::settings::Settings;
use super::trust;
use crate::checklist::{Promotion, Role};
use crate::cli::RehearseArgs;
use crate::engine::{self, Opening, Past, clock};
use crate::error::{ErrorKind, Exit, Failure, HasKind};
use crate::files::directory::temporary;
use crate::journal::keys::{self, Signer};
use crate::journal::store::peek;
use crate::process::{Launch, Permit};
use crate::rehearsal::drills::{DRILLS, Drill, meant};
use crate::rehearsal::files::Files;
use crate::rehearsal::names::{COMMIT, PREVIOUS, RELEASE};
use crate::rehearsal::stack::Stack;
use crate::report::debrief::rehearsal;
use crate::run::{Act, Command, judge};
use crate::text::{line, nearest, shell_word};
use crate::ui::Left;

/// Names the directory of a rehearsal to the process that is one.
const DIRECTORY: &str = "GONOGO_REHEARSAL";
/// What the directories of rehearsals are called.
const PREFIX: &str = "gonogo-rehearsal-";
/// Said where it cannot write.
const NO_PLACE: &str =
    "the rehearsal's own files cannot be written in the temporary directory; TMPDIR names another";
/// How old a directory must be before it is taken for one that a rehearsal has left.
const SETTLED: Duration = Duration::from_mins(1);
/// Who sits at the screen.
const DRIVER: &str = "you@rehearsal";
/// Who is played.
const SECOND: &str = "played-by-gonogo@rehearsal";

pub(super) fn rehearse(arguments: &RehearseArgs) -> Result<Exit> {
    if arguments.list {
        return list();
    }
    let chosen = Chosen::of(&arguments.drill)?;
    let is_at_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    if !arguments.serve && !is_at_terminal {
        bail!(
            "`gonogo rehearse` needs a terminal; without one, `gonogo rehearse --serve` keeps its stack up"
        );
    }
    let Some(dir) = begun() else { return Err(begin()?) };
    let place = Place::take(&dir)?;
    let drills: Vec<&Drill> = chosen.0.iter().map(|(_, drill)| *drill).collect();
    let stack = Stack::start(&drills).map_err(|error| no_stack(&error))?;
    if arguments.deployed {
        stack.deploy();
    }
    let gonogo = std::env::current_exe()?;
    // Each stack that is served is an environment of its own, whose runs end with it.
    let environment = if arguments.serve { place.environment() } else { "rehearsal".to_owned() };
    place
        .files
        .write_all(&stack, &gonogo, &environment, &chosen.names())
        .map_err(|error| no_place(&error))?;
    if arguments.serve { serve(&place.files) } else { walk(&place, arguments) }
}

fn list() -> Result<Exit> {
    let mut out = io::stdout().lock();
    for drill in &DRILLS {
        writeln!(out, "{:26} {}", drill.name, drill.what)?;
    }
    writeln!(out, "{:26} one of these, which you are not told", "random[:SEED]")?;
    Ok(Exit::Good)
}

/// What is to be broken: as it was asked for, and what that means.
struct Chosen(Vec<(String, &'static Drill)>);

impl Chosen {
    fn of(asked: &[String]) -> Result<Self> {
        let mut chosen: Vec<(String, &'static Drill)> = Vec::new();
        let (left_to_chance, named): (Vec<_>, Vec<_>) = asked.iter().partition(|name| *name == "random");
        for name in named {
            let drill = meant(name).with_context(|| unknown(name))?;
            if chosen.iter().any(|(_, other)| other.name == drill.name) {
                bail!("one drill twice breaks nothing twice; name each once");
            }
            chosen.push((name.clone(), drill));
        }
        for _ in left_to_chance.iter().take(DRILLS.len() - chosen.len()) {
            chosen.push(another(&chosen)?);
        }
        Ok(Self(chosen))
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// One that is not chosen yet, left to chance.
fn another(chosen: &[(String, &'static Drill)]) -> Result<(String, &'static Drill)> {
    loop {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes)?;
        let name = format!("random:{}", u32::from_le_bytes(bytes));
        let drill = meant(&name).with_context(|| unknown(&name))?;
        if chosen.iter().all(|(_, other)| other.name != drill.name) {
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

/// The directory that this process was begun with. Whatever else the variable names is left alone: what is taken is
/// removed in the end.
fn begun() -> Option<PathBuf> {
    let dir = PathBuf::from(std::env::var_os(DIRECTORY)?);
    let is_own = dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
    (is_own && dir.parent() == Some(&*std::env::temp_dir())).then_some(dir)
}

/// Makes the directory and becomes the process of the rehearsal, for which its tools come first on the path.
/// Comes back only when that cannot be done.
fn begin() -> Result<anyhow::Error> {
    sweep();
    let dir = temporary(PREFIX, &std::env::temp_dir()).map_err(|error| no_place(&error))?.keep();
    let files = Files::at(&dir).map_err(|error| no_place(&error))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(files.programs()).chain(std::env::split_paths(&path));
    let env = [(DIRECTORY, dir.as_os_str().to_owned()), ("PATH", std::env::join_paths(paths)?)];
    let again = Launch::new(std::env::current_exe()?).args(std::env::args_os().skip(1)).envs(env);
    let error = again.exec(&Permit::for_own_program());
    files.remove();
    Ok(error.into())
}

fn no_stack(error: &io::Error) -> Failure {
    Failure::new(ErrorKind::Environment, format!("the rehearsal's stack cannot be started: {error}"))
}

/// Nobody has named the directory on the command line: that it is not there is the machine's matter.
fn no_place(error: &io::Error) -> Failure {
    let kind = match HasKind::kind(error) {
        ErrorKind::User => ErrorKind::Environment,
        kind => kind,
    };
    Failure::new(kind, format!("{NO_PLACE}: {error}"))
}

/// Removes what rehearsals have left that were killed.
fn sweep() {
    let own = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let is_one = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let about = entry.metadata().ok().filter(|about| is_one && about.is_dir() && about.uid() == own);
        let age = about.and_then(|about| about.modified().ok()?.elapsed().ok());
        if age.is_some_and(|age| age > SETTLED)
            && File::open(entry.path().join("lock")).map_or(true, |lock| lock.try_lock().is_ok())
        {
            // Another gonogo may be removing it too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Where a rehearsal keeps its files; gone when it is dropped.
struct Place {
    dir: PathBuf,
    files: Files,
    _lock: File,
}

impl Place {
    fn take(dir: &Path) -> Result<Self> {
        let files = Files::at(dir)?;
        let lock = File::create(dir.join("lock"))?;
        lock.try_lock().with_context(|| format!("another rehearsal uses {}", dir.display()))?;
        Ok(Self { dir: dir.to_owned(), files, _lock: lock })
    }

    /// A name that no other rehearsal has at this time.
    fn environment(&self) -> String {
        let name = self.dir.file_name().unwrap_or_default().to_string_lossy();
        format!("rehearsal-{}", name.trim_start_matches(PREFIX).to_lowercase())
    }

    /// A key that is made for this rehearsal only.
    fn signer(&self, principal: &str) -> Result<Signer> {
        let path = self.dir.join("secrets").join(principal);
        keys::create(&path, principal, None)?;
        let mut ask = |_: &Path| Err(io::ErrorKind::Unsupported.into());
        Ok(Signer::load(principal, &path, None, &mut ask)?)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.files.remove();
    }
}

/// Keeps the stack up until it is asked to end.
fn serve(files: &Files) -> Result<Exit> {
    let profile = files.profile();
    let shown = shell_word(&profile.display().to_string());
    let programs = shell_word(&files.programs().display().to_string());
    let digest = trust::digest_of(&Loaded::read(&profile)?)?;
    let mut out = io::stdout().lock();
    writeln!(out, "# The stack is up until this process ends (Ctrl-C). In another shell:")?;
    writeln!(out, "#     export PATH={programs}:$PATH")?;
    writeln!(out, "#     gonogo check {shown} --release {RELEASE} --previous {PREVIOUS} --trust {digest}")?;
    out.write_all(fs::read_to_string(&profile)?.as_bytes())?;
    out.flush()?;
    drop(out);
    let (tell, asked) = mpsc::channel();
    on_signals(move |what| {
        if what == SignalRequest::End {
            tell.send(()).unwrap_or_default();
        }
    })?;
    // Nobody else ends it.
    asked.recv().unwrap_or_default();
    Ok(Exit::Good)
}

/// Opens a run on the stack and shows it.
fn walk(place: &Place, arguments: &RehearseArgs) -> Result<Exit> {
    let settings = Settings::read()?;
    let loaded = Loaded::read(&place.files.profile())?;
    let promotion = Promotion { release: Some(RELEASE.to_owned()), previous: Some(PREVIOUS.to_owned()) };
    let plan = loaded.plan(&promotion)?;
    let (driver, second) = (place.signer(DRIVER)?, place.signer(SECOND)?);
    let store = store(arguments.screen.log_dir.as_deref())?;
    let opening = Opening {
        plan,
        lock: loaded.lock(),
        profile_sha256: loaded.sha256,
        commit: Some(COMMIT.to_owned()),
        role: Role::Driver,
    };
    let mut opened = engine::open(&store, opening, &driver)?;
    let join = Act::Join { key: second.public.clone(), role: Role::Reviewer };
    opened.first.push(Command::new(SECOND, join));
    let path = opened.journal.path().to_owned();
    let notices = vec![
        "a rehearsal: the stack is within this program, nothing is real, and the log counts for nothing".to_owned(),
        "! leads to what is next for you; space confirms it, a runs it, v ends the run with a verdict, ? is the help"
            .to_owned(),
        format!("{SECOND} is the second person: they agree a moment after you"),
    ];
    let session = Session {
        opened,
        signers: vec![driver, second],
        secrets: loaded.secrets(),
        permit: Permit::for_rehearsal(),
        replan: None,
        notices,
        past: Past::default(),
        look: look(&arguments.screen, &settings),
        played: Some(SECOND.to_owned()),
    };
    let left = session.sit()?;
    farewell(&path, &left)
}

/// How it stands, where the log is, and what was broken.
fn farewell(log: &Path, left: &Left) -> Result<Exit> {
    let (state, now) = (&left.state, clock::now());
    let verdict = judge(&state.judge(&now));
    let sealed = match &state.abandoned {
        Some(_) => "abandoned",
        None if state.is_sealed() => "sealed",
        None => "left open; a rehearsal cannot be resumed",
    };
    say!("rehearsal: {} {}/{}, {sealed}", verdict.decision, verdict.closed, verdict.total);
    say!("  log     {}", line(&log.display().to_string()));
    say!("  verify  gonogo verify --rehearsal {}", shell_word(&log.display().to_string()));
    let entries = peek(log)?;
    for drill in rehearsal(&entries, state, &drills(&state.plan)).into_iter().flat_map(|told| told.drills) {
        say!("  drill   {}: {}", drill.name, drill.what);
        say!("          {}", drill.sentence);
    }
    ended(left)
}
