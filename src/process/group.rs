//! The processes that a program is and starts, ended together.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::time::timeout;

use super::Child;

/// How long a program may take to end when it is asked to (SIGTERM), before it is made to (SIGKILL).
const GRACE: Duration = Duration::from_secs(1);

/// All that has not ended, by the programs that lead it.
static LEFT: Mutex<Left> = Mutex::new(Left { groups: Vec::new(), families: Vec::new() });

struct Left {
    groups: Vec<Pid>,
    families: Vec<Pid>,
}

fn left() -> MutexGuard<'static, Left> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills all that is left of the programs that end with this one. For its end, when nothing runs any more that would.
pub fn kill_left() {
    let Left { groups, families } = &mut *left();
    for group in std::mem::take(groups) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    std::mem::take(families).into_iter().for_each(kill_family);
}

/// The processes that a program is and starts, as far as they stay in its group. Ended when dropped.
#[derive(Debug)]
pub struct Group(Option<Pid>);

impl Group {
    /// Those of a program that leads a group of its own.
    #[must_use]
    pub fn of(child: &Child) -> Self {
        let leader = pid_of(child);
        left().groups.extend(leader);
        Self(leader)
    }

    /// Asks them to end, and makes those who have not after a while. What was done, in words.
    pub async fn end(&mut self, child: &mut Child) -> &'static str {
        self.signal(Signal::TERM);
        let heard = timeout(GRACE, child.wait()).await.is_ok();
        self.kill();
        if heard { "it was ended" } else { "it did not end when asked to, and was killed" }
    }

    /// Ends what is left of them, and lets them go.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        if let Some(leader) = self.0.take() {
            left().groups.retain(|other| *other != leader);
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // That there is none left is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let (Some(_), Ok(runtime)) = (self.0, tokio::runtime::Handle::try_current()) else {
            return self.kill();
        };
        self.signal(Signal::TERM);
        let rest = Last(Self(self.0.take()));
        runtime.spawn(async move {
            tokio::time::sleep(GRACE).await;
            drop(rest);
        });
    }
}

/// A group that has been asked to end.
struct Last(Group);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// The processes that a program is and starts, where it shares the group of this program: those that the system says
/// it has started. Killed when dropped.
#[derive(Debug)]
pub struct Family(Option<Pid>);

impl Family {
    /// Those of a program that has not been waited for.
    #[must_use]
    pub fn of(child: &Child) -> Self {
        let first = pid_of(child);
        left().families.extend(first);
        Self(first)
    }

    /// Lets them go: the program has ended, and its id may be another's.
    pub fn release(&mut self) {
        if let Some(first) = self.0.take() {
            left().families.retain(|other| *other != first);
        }
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if let Some(first) = self.0 {
            kill_family(first);
        }
        self.release();
    }
}

fn kill_family(first: Pid) {
    let mut all = vec![first];
    let mut at = 0;
    while let Some(pid) = all.get(at).copied() {
        at += 1;
        all.extend(children(pid).into_iter().filter(|child| !all.contains(child)).collect::<Vec<_>>());
    }
    for pid in all {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// What a process has started, where the system tells (Linux).
fn children(pid: Pid) -> Vec<Pid> {
    let path = format!("/proc/{0}/task/{0}/children", pid.as_raw_nonzero());
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
}
