//! The diagnostic log: what the program did, for whoever investigates a failure. It is not a run log, proves nothing
//! and can be deleted. Known secrets are redacted in every line. Only gonogo's own modules are logged, because a
//! library may log requests and headers.

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
use crate::secret_store::SecretStore;
use gonogo_core::error::{ErrorKind, Failure};

/// The environment variable with the log filter.
pub const VARIABLE: &str = "GONOGO_LOG";
/// The name of the file; its predecessor has the suffix `.1`.
const FILE: &str = "gonogo.log";
/// The maximum size of each of the two files, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// The modules that are logged.
const OWN: &str = "gonogo";

static LOG: OnceLock<DiagnosticLog> = OnceLock::new();

/// The destination of lines, and what is redacted in them.
struct DiagnosticLog {
    path: Option<PathBuf>,
    file: Option<Mutex<CappedFile>>,
    is_shown: bool,
    secret_stores: Mutex<Vec<SecretStore>>,
}

/// The filter: from `-v`, else from the environment variable, else warnings and errors.
///
/// # Errors
/// When the variable's value is invalid, or names a module that is not gonogo's.
pub fn filter(named: Option<&str>, verbosity: u8) -> Result<Targets, Failure> {
    let named = named.map(str::trim).filter(|named| !named.is_empty());
    let level = match verbosity {
        0 => return named.map_or_else(|| Ok(own_targets(LevelFilter::WARN)), parse_targets),
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    Ok(own_targets(level))
}

fn own_targets(level: LevelFilter) -> Targets {
    Targets::new().with_target(OWN, level)
}

fn parse_targets(directives: &str) -> Result<Targets, Failure> {
    let invalid = || {
        let what = format!(
            "{VARIABLE}={directives:?}: expected a level (error, warn, info, debug, trace or off), or modules of gonogo with \
             their levels, such as gonogo::engine=debug,gonogo::probes=trace"
        );
        Failure::new(ErrorKind::Configuration, what)
    };
    let targets: Targets = directives.parse().map_err(|_| invalid())?;
    let is_own = |target: &str| target == OWN || target.starts_with("gonogo::");
    if targets.iter().any(|(target, _)| !is_own(target)) {
        return Err(invalid());
    }
    let default = targets.default_level().unwrap_or(LevelFilter::WARN);
    Ok(own_targets(default).with_targets(targets.iter()))
}

/// Starts logging to a file in this directory, and to standard error if `is_shown`. The file is not created before the
/// first line. If it cannot be written, the program continues without it.
pub fn start(directory: Option<&Path>, filter: Targets, is_shown: bool) {
    let path = directory.map(|directory| directory.join(FILE));
    let file = path.clone().map(|path| Mutex::new(CappedFile::new(path, MAX_FILE)));
    let log = LOG.get_or_init(|| DiagnosticLog { path, file, is_shown, secret_stores: Mutex::default() });
    // A second start has no effect.
    let _ = tracing_subscriber::registry().with(Recorder(log).with_filter(filter)).try_init();
    let previous_hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        record_panic(info);
        previous_hook(info);
    }));
}

/// Redacts the secrets of this store in all further lines.
pub fn redact_with(secret_store: &SecretStore) {
    if let Some(log) = LOG.get() {
        log.secret_stores.lock().unwrap_or_else(PoisonError::into_inner).push(secret_store.clone());
    }
}

/// Logs a panic and its location.
pub fn record_panic(info: &PanicHookInfo) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let why = info.payload_as_str().unwrap_or("a value that is no text");
    tracing::error!(place, thread = thread.name().unwrap_or_default(), why, "panic");
}

/// The path of the file as shown to people, with `~` for the home directory.
#[must_use]
pub fn file() -> Option<String> {
    LOG.get()?.path.as_deref().map(display_path)
}

/// Writes a file of that name beside the log, for its owner only; replaces what is there. Returns its path for
/// people; none if it cannot be written.
#[must_use]
pub fn write_beside(name: &str, content: &[u8]) -> Option<String> {
    let path = LOG.get()?.path.as_ref()?.with_file_name(name);
    capped::replace(&path, content).ok()?;
    Some(display_path(&path))
}

/// A path for people, with `~` for the home directory.
fn display_path(path: &Path) -> String {
    let below_home = env::var_os("HOME").and_then(|home| Some(path.strip_prefix(home).ok()?.to_owned()));
    let shown = below_home.map_or_else(|| path.to_owned(), |path| Path::new("~").join(path));
    gonogo_core::text::line(&shown.display().to_string())
}

/// The request to report a bug.
#[must_use]
pub fn please_report() -> String {
    file().map_or_else(|| "please report it".into(), |file| format!("please report it with {file}"))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn warnings_are_logged_by_default() {
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
    fn messages_of_libraries_are_not_logged() {
        for level in ["trace", "gonogo=trace"] {
            assert!(!filter(Some(level), 3).unwrap().would_enable("hyper::client", &Level::ERROR));
        }
        for other in ["hyper=trace", "gonogo=debug,h2=debug", "gonogoo=debug", "gonogo=loud"] {
            let why = filter(Some(other), 0).unwrap_err();
            assert!(why.kind == ErrorKind::Configuration && why.what.contains(other), "{why}");
        }
    }
}
