//! Ending a program together with the processes that it started.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use tokio::time::timeout;

use super::{BlockingChild, Child};

/// How long a program may take to end after SIGTERM, before SIGKILL.
const GRACE: Duration = Duration::from_secs(1);
/// How often is checked whether a program that blocking code ends has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The running programs of this process.
static RUNNING: RunningPrograms = RunningPrograms::new();

/// Programs that have not ended, by their leaders.
#[derive(Debug)]
struct RunningPrograms(Mutex<Leaders>);

#[derive(Debug)]
struct Leaders {
    groups: Vec<Pid>,
    families: Vec<Pid>,
}

impl RunningPrograms {
    const fn new() -> Self {
        Self(Mutex::new(Leaders { groups: Vec::new(), families: Vec::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, Leaders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn group(&'static self, child: &Child) -> ProcessGroup {
        let leader = pid_of(child);
        self.lock().groups.extend(leader);
        ProcessGroup { running: self, leader }
    }

    fn family(&'static self, first: Option<Pid>) -> ProcessTree {
        self.lock().families.extend(first);
        ProcessTree { running: self, first }
    }

    fn kill(&self) {
        let Leaders { groups, families } = &mut *self.lock();
        for group in std::mem::take(groups) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        std::mem::take(families).into_iter().for_each(kill_tree);
    }
}

/// Kills all programs that have not ended. Only for the exit of this process, when nothing else can end them.
pub fn kill_running() {
    RUNNING.kill();
}

/// Sends SIGTERM to a child. Returns whether that was possible: a child that was waited for has no process id any
/// more.
#[must_use]
pub fn terminate(child: &Child) -> bool {
    pid_of(child).is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok())
}

/// A program and its descendants, as far as they stay in its process group. Ended on drop.
#[derive(Debug)]
pub struct ProcessGroup {
    running: &'static RunningPrograms,
    leader: Option<Pid>,
}

impl ProcessGroup {
    /// The group of a program that leads its own group.
    #[must_use]
    pub fn of(child: &Child) -> Self {
        RUNNING.group(child)
    }

    /// Sends SIGTERM, and SIGKILL after a grace period. Returns what was done, in words.
    pub async fn end(&mut self, child: &mut Child) -> &'static str {
        self.signal(Signal::TERM);
        let is_ended = timeout(GRACE, child.wait()).await.is_ok();
        self.kill();
        if is_ended { "it was terminated" } else { "it did not stop on SIGTERM and was killed" }
    }

    /// Kills the rest of the group, and releases it.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        if let Some(leader) = self.leader.take() {
            self.running.lock().groups.retain(|other| *other != leader);
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.leader {
            // An empty group is what we want.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        let (Some(_), Ok(runtime)) = (self.leader, tokio::runtime::Handle::try_current()) else {
            return self.kill();
        };
        self.signal(Signal::TERM);
        let kill_on_drop = KillOnDrop(Self { running: self.running, leader: self.leader.take() });
        runtime.spawn(async move {
            tokio::time::sleep(GRACE).await;
            drop(kill_on_drop);
        });
    }
}

/// A group that was sent SIGTERM: kills it on drop.
struct KillOnDrop(ProcessGroup);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// A program and its descendants, if it shares the group of this process: those that the system lists as its children.
/// Killed on drop.
#[derive(Debug)]
pub struct ProcessTree {
    running: &'static RunningPrograms,
    first: Option<Pid>,
}

impl ProcessTree {
    /// The tree of a program that was not waited for.
    #[must_use]
    pub fn of(child: &Child) -> Self {
        RUNNING.family(pid_of(child))
    }

    /// The same for a child of blocking code.
    #[must_use]
    pub fn of_blocking(child: &BlockingChild) -> Self {
        RUNNING.family(pid(child.id()))
    }

    /// Sends SIGTERM to all of it, and SIGKILL to what is left after a grace period. For blocking code.
    pub fn end(mut self, child: &mut BlockingChild, grace: Duration) {
        // Listed before it ends: the system forgets whose children they were.
        let mut pids = self.first.map(tree).unwrap_or_default();
        signal_all(&pids, Signal::TERM);
        let until = Instant::now() + grace;
        loop {
            let is_ended = !matches!(child.try_wait(), Ok(None));
            pids.retain(|pid| !(is_ended && self.first == Some(*pid)) && test_kill_process(*pid).is_ok());
            if pids.is_empty() || Instant::now() >= until {
                break;
            }
            thread::sleep(POLL_INTERVAL);
        }
        signal_all(&pids, Signal::KILL);
        let _ = child.wait();
        self.release();
    }

    /// Releases the tree: the program has ended, and its process id may be reused.
    pub fn release(&mut self) {
        if let Some(first) = self.first.take() {
            self.running.lock().families.retain(|other| *other != first);
        }
    }
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        if let Some(first) = self.first {
            kill_tree(first);
        }
        self.release();
    }
}

fn kill_tree(first: Pid) {
    signal_all(&tree(first), Signal::KILL);
}

/// A process and its descendants.
fn tree(first: Pid) -> Vec<Pid> {
    let mut pids = vec![first];
    let mut at = 0;
    while let Some(pid) = pids.get(at).copied() {
        at += 1;
        pids.extend(children(pid).into_iter().filter(|child| !pids.contains(child)).collect::<Vec<_>>());
    }
    pids
}

fn signal_all(pids: &[Pid], signal: Signal) {
    for pid in pids {
        let _ = kill_process(*pid, signal);
    }
}

/// The children of a process, if the system lists them (Linux).
fn children(pid: Pid) -> Vec<Pid> {
    let path = format!("/proc/{0}/task/{0}/children", pid.as_raw_nonzero());
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(pid)
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Stdio;

    use super::super::{Launch, Permit};
    use super::*;

    /// A program that starts another one, and ignores SIGTERM.
    fn stubborn() -> Launch {
        let argv = ["sh", "-c", "trap '' TERM; sleep 300 & echo; wait"].map(str::to_owned);
        Launch::of(&argv).unwrap().streams(Stdio::null(), Stdio::piped(), Stdio::null())
    }

    /// Waits until it has started the other one; its output ends when both have.
    async fn killed(mut child: Child, running: &RunningPrograms) {
        use tokio::io::AsyncReadExt as _;
        let mut output = child.stdout.take().unwrap();
        output.read_u8().await.unwrap();
        running.kill();
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
        assert_eq!(output.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn the_rest_of_groups_and_families_is_killed() {
        let running: &'static RunningPrograms = Box::leak(Box::new(RunningPrograms::new()));
        let child = stubborn().own_group().spawn(&Permit::for_tests()).unwrap();
        let group = running.group(&child);
        killed(child, running).await;
        drop(group);
        let child = stubborn().spawn(&Permit::for_tests()).unwrap();
        let family = running.family(pid_of(&child));
        killed(child, running).await;
        drop(family);
    }

    #[test]
    fn a_tree_ends_with_its_descendants_even_those_that_ignore_sigterm() {
        use std::io::Read as _;
        let script = "(trap '' TERM; echo; sleep 300) & wait";
        let launch = Launch::new("sh").args(["-c", script]);
        let launch = launch.streams(Stdio::null(), Stdio::piped(), Stdio::null());
        let mut child = launch.spawn_blocking(&Permit::for_tests()).unwrap();
        let tree = ProcessTree::of_blocking(&child);
        let mut output = child.stdout.take().unwrap();
        output.read_exact(&mut [0]).unwrap();
        tree.end(&mut child, Duration::from_millis(100));
        assert_eq!(child.wait().unwrap().signal(), Some(15));
        // It ends when nobody has it open any more.
        assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0);
    }

    #[tokio::test]
    async fn ended_programs_are_no_longer_tracked() {
        let running: &'static RunningPrograms = Box::leak(Box::new(RunningPrograms::new()));
        let mut child = stubborn().own_group().spawn(&Permit::for_tests()).unwrap();
        let mut group = running.group(&child);
        group.end(&mut child).await;
        let mut child = Launch::new("sleep").args(["300"]).spawn(&Permit::for_tests()).unwrap();
        let mut family = running.family(pid_of(&child));
        child.kill().await.unwrap();
        family.release();
        let Leaders { groups, families } = &*running.lock();
        assert!(groups.is_empty() && families.is_empty(), "{groups:?} {families:?}");
    }
}
