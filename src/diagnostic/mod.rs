//! The diagnostic log: what the program did, for whoever has to find out why it failed. It is no run log, proves nothing
//! and can be deleted. Known secrets are taken out of every line, and only gonogo's own modules are heard: what a library
//! logs may hold requests and headers.

mod capped;
mod record;

use std::env;
use std::panic::{self, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::capped::CappedFile;
use self::record::Recorder;
use crate::error::{ErrorKind, Failure};
use crate::secret::Keeper;

/// The environment variable that says what is logged.
pub const VARIABLE: &str = "GONOGO_LOG";
/// The name of the file; the one before it has `.1` behind.
const FILE: &str = "gonogo.log";
/// How long each of the two files may become, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// The modules that are heard.
const OWN: &str = "gonogo";

static LOG: OnceLock<Log> = OnceLock::new();

/// Where lines go, and what is taken out of them.
struct Log {
    path: Option<PathBuf>,
    file: Option<Mutex<CappedFile>>,
    is_shown: bool,
    keepers: Mutex<Vec<Keeper>>,
}

/// What is logged: what `-v` asks for, else what the environment variable does, else warnings and errors.
///
/// # Errors
/// When the variable's value cannot be understood, or names what is none of gonogo's modules.
pub fn filter(named: Option<&str>, verbosity: u8) -> Result<Targets, Failure> {
    let named = named.map(str::trim).filter(|named| !named.is_empty());
    let level = match verbosity {
        0 => return named.map_or_else(|| Ok(own(LevelFilter::WARN)), parsed),
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    Ok(own(level))
}

fn own(level: LevelFilter) -> Targets {
    Targets::new().with_target(OWN, level)
}

fn parsed(named: &str) -> Result<Targets, Failure> {
    let wrong = || {
        let what = format!(
            "{VARIABLE}={named:?}: expected a level (error, warn, info, debug, trace or off), or modules of gonogo with \
             their levels, such as gonogo::engine=debug,gonogo::probe=trace"
        );
        Failure::new(ErrorKind::Configuration, what)
    };
    let targets: Targets = named.parse().map_err(|_| wrong())?;
    let is_own = |target: &str| target == OWN || target.starts_with("gonogo::");
    if targets.iter().any(|(target, _)| !is_own(target)) {
        return Err(wrong());
    }
    let default = targets.default_level().unwrap_or(LevelFilter::WARN);
    Ok(own(default).with_targets(targets.iter()))
}

/// Logs from now on, into a file of this directory, and to standard error where `is_shown`. The file is not touched
/// before there is something to log. Where it cannot be written, the program goes on without.
pub fn start(directory: Option<&Path>, filter: Targets, is_shown: bool) {
    let path = directory.map(|directory| directory.join(FILE));
    let file = path.clone().map(|path| Mutex::new(CappedFile::new(path, MAX_FILE)));
    let log = LOG.get_or_init(|| Log { path, file, is_shown, keepers: Mutex::default() });
    // A second start changes nothing.
    let _ = tracing_subscriber::registry().with(Recorder(log).with_filter(filter)).try_init();
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        record_panic(info);
        before(info);
    }));
}

/// Takes what this one has read out of all that is logged from now on.
pub fn redact_with(keeper: &Keeper) {
    if let Some(log) = LOG.get() {
        log.keepers.lock().unwrap_or_else(PoisonError::into_inner).push(keeper.clone());
    }
}

/// Logs a panic and its place.
pub fn record_panic(info: &PanicHookInfo) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let why = info.payload_as_str().unwrap_or("a value that is no text");
    tracing::error!(place, thread = thread.name().unwrap_or_default(), why, "panic");
}

/// The file, as it is told.
#[must_use]
pub fn file() -> Option<String> {
    LOG.get()?.path.as_deref().map(told)
}

/// Writes a file of that name beside the log, for its owner only, in the place of one that is there. Where it is, as it
/// is told; nothing if it cannot be written.
#[must_use]
pub fn write_beside(name: &str, content: &[u8]) -> Option<String> {
    let path = LOG.get()?.path.as_ref()?.with_file_name(name);
    capped::replace(&path, content).ok()?;
    Some(told(&path))
}

/// A path as it is told: below the home directory, `~` stands for that.
fn told(path: &Path) -> String {
    let below_home = env::var_os("HOME").and_then(|home| Some(path.strip_prefix(home).ok()?.to_owned()));
    let shown = below_home.map_or_else(|| path.to_owned(), |path| Path::new("~").join(path));
    crate::text::line(&shown.display().to_string())
}

/// What a person is asked for who meets a fault of the program.
#[must_use]
pub fn please_report() -> String {
    file().map_or_else(|| "please report it".into(), |file| format!("please report it with {file}"))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn warnings_are_logged_unless_more_or_less_is_asked_for() {
        let logs = |named, verbosity, target: &str, level| {
            filter(named, verbosity).unwrap().would_enable(target, &level)
        };
        assert!(logs(None, 0, "gonogo::engine", Level::WARN) && !logs(None, 0, "gonogo", Level::INFO));
        assert!(logs(None, 1, "gonogo::tui", Level::INFO) && !logs(None, 1, "gonogo", Level::DEBUG));
        assert!(logs(Some("error"), 2, "gonogo", Level::DEBUG), "-vv counts");
        assert!(!logs(Some("off"), 0, "gonogo", Level::ERROR));
        let engine = Some("gonogo::engine=debug");
        assert!(logs(engine, 0, "gonogo::engine::log", Level::DEBUG));
        assert!(logs(engine, 0, "gonogo::tui", Level::WARN) && !logs(engine, 0, "gonogo::tui", Level::INFO));
        assert!(logs(Some(" "), 0, "gonogo", Level::WARN));
    }

    #[test]
    fn no_library_is_heard() {
        for level in ["trace", "gonogo=trace"] {
            assert!(!filter(Some(level), 3).unwrap().would_enable("hyper::client", &Level::ERROR));
        }
        for other in ["hyper=trace", "gonogo=debug,h2=debug", "gonogoo=debug", "gonogo=loud"] {
            let why = filter(Some(other), 0).unwrap_err();
            assert!(why.kind == ErrorKind::Configuration && why.what.contains(other), "{why}");
        }
    }
}
