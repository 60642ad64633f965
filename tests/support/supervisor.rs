//! Runs a server so that it is stopped however the test ends.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::{ports, wait};

// The test holds the other end of stdin. When it closes (on `Drop`, or when the test process dies), the whole session of
// the server is killed and its directory removed. A parent-death signal would not do: it is sent when the spawning thread
// ends, and each test is a thread.
const SUPERVISOR: &str = r#"
dir=$1; shift
setsid "$@" </dev/null &
server=$!
echo $server >"$dir/pid.new" && mv "$dir/pid.new" "$dir/pid"
cat >/dev/null
kill -KILL -$server 2>/dev/null || kill -KILL $server 2>/dev/null
wait
tries=100 # an orphan of the group may stay a zombie if process 1 does not reap
while kill -0 -$server 2>/dev/null && [ $tries -gt 0 ]; do tries=$((tries - 1)); sleep 0.01; done
rm -rf "$dir"
"#;

/// A server that runs in its own directory, killed with all its children on drop.
#[must_use]
pub struct Supervised {
    name: String,
    dir: TempDir,
    pid: u32,
    ports: Vec<u16>,
    supervisor: Child,
    stdin: Option<ChildStdin>,
}

impl Supervised {
    /// Starts `server` in `dir`. Its environment is what the command sets, `PATH`, and `dir` as `HOME`. `ports` must be closed
    /// again when the server has stopped.
    #[track_caller]
    pub fn spawn(server: &Command, dir: TempDir, ports: &[u16]) -> Self {
        let name = server.get_program().to_string_lossy().into_owned();
        let mut supervisor = supervisor_command(server, dir.path()).spawn().expect("sh");
        let stdin = supervisor.stdin.take();
        let pid = wait::until("the server's process id", || {
            fs::read_to_string(dir.path().join("pid")).ok()?.trim().parse().ok()
        });
        Self { name, dir, pid, ports: ports.to_vec(), supervisor, stdin }
    }

    /// Waits until `poll` returns a value; panics with the output of the server if it died or took too long.
    #[track_caller]
    pub fn wait_ready<T>(&self, deadline: Duration, mut poll: impl FnMut() -> Option<T>) -> T {
        let ready = wait::within(deadline, || match poll() {
            Some(ready) => Some(Ok(ready)),
            None if !is_running(self.pid) => Some(Err("died at start")),
            None => None,
        });
        match ready.unwrap_or(Err("is not ready in time")) {
            Ok(ready) => ready,
            Err(why) => panic!("{} {why} ({deadline:?}); its output:\n{}", self.name, self.log()),
        }
    }

    /// The output of the server.
    pub fn log(&self) -> String {
        fs::read(self.dir.path().join("server.log"))
            .map_or_else(|e| e.to_string(), |log| String::from_utf8_lossy(&log).into_owned())
    }

    /// The process id of the server, which leads its own process group.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The directory of the server.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.supervisor.wait();
        let closed = wait::within(wait::TIMEOUT, || {
            (!self.ports.iter().any(|port| ports::is_open(*port))).then_some(())
        });
        assert!(closed.is_some() || thread::panicking(), "{} left a port open", self.name);
    }
}

fn supervisor_command(server: &Command, dir: &Path) -> Command {
    let log = File::create(dir.join("server.log")).expect("a log file");
    let mut sh = Command::new("sh");
    sh.args(["-c", SUPERVISOR, "supervisor"]).arg(dir).arg(server.get_program()).args(server.get_args());
    sh.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default()).env("HOME", dir);
    sh.envs(server.get_envs().filter_map(|(key, value)| Some((key, value?))));
    sh.current_dir(dir).stdin(Stdio::piped()).stderr(log.try_clone().unwrap()).stdout(log);
    // Ctrl-C in the terminal must reach only the test; the supervisor cleans up when the test has ended.
    sh.process_group(0);
    sh
}

/// Whether a process exists and is not a zombie.
pub fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the command name, which is in parentheses and may contain any character.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Programs that are not in Debian: tests that need them are skipped if they are missing, in CI too.
const UNPACKAGED: [&str; 2] = ["kubectl", "terraform"];

/// Whether all these programs are installed; see `need!`.
#[track_caller]
pub fn installed(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().chain(&["setsid"]).filter(|p| find(p).is_none()).collect();
    if missing.is_empty() {
        return true;
    }
    let may_lack = missing.iter().all(|program| UNPACKAGED.contains(program));
    let in_ci = env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(may_lack || !in_ci, "not installed: {missing:?}; see tests/run");
    skip(&format!("not installed: {missing:?}; see tests/run"));
    false
}

/// Says that the current test is skipped, and why.
pub fn skip(why: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    // Not `eprintln!`: the test harness captures it, and a skip would look like a pass.
    let _ = writeln!(io::stderr(), "SKIPPED {test}: {why}");
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}
