//! The processes that a program is and starts, ended together.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::time::timeout;

use super::Child;

/// How long a program may take to end when it is asked to (SIGTERM), before it is made to (SIGKILL).
const GRACE: Duration = Duration::from_secs(1);

/// Those of this program.
static LEFT: Left = Left::new();

/// All that has not ended, by the programs that lead it.
#[derive(Debug)]
struct Left(Mutex<Leaders>);

#[derive(Debug)]
struct Leaders {
    groups: Vec<Pid>,
    families: Vec<Pid>,
}

impl Left {
    const fn new() -> Self {
        Self(Mutex::new(Leaders { groups: Vec::new(), families: Vec::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, Leaders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn group(&'static self, child: &Child) -> Group {
        let leader = pid_of(child);
        self.lock().groups.extend(leader);
        Group { left: self, leader }
    }

    fn family(&'static self, child: &Child) -> Family {
        let first = pid_of(child);
        self.lock().families.extend(first);
        Family { left: self, first }
    }

    fn kill(&self) {
        let Leaders { groups, families } = &mut *self.lock();
        for group in std::mem::take(groups) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        std::mem::take(families).into_iter().for_each(kill_family);
    }
}

/// Kills all that is left of the programs that end with this one. For its end, when nothing runs any more that would.
pub fn kill_left() {
    LEFT.kill();
}

/// Asks a program that this one has started to end. Whether it could be asked: one that was waited for has no id any more.
#[must_use]
pub fn ask_to_end(child: &Child) -> bool {
    pid_of(child).is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok())
}

/// The processes that a program is and starts, as far as they stay in its group. Ended when dropped.
#[derive(Debug)]
pub struct Group {
    left: &'static Left,
    leader: Option<Pid>,
}

impl Group {
    /// Those of a program that leads a group of its own.
    #[must_use]
    pub fn of(child: &Child) -> Self {
        LEFT.group(child)
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
        if let Some(leader) = self.leader.take() {
            self.left.lock().groups.retain(|other| *other != leader);
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.leader {
            // That there is none left is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let (Some(_), Ok(runtime)) = (self.leader, tokio::runtime::Handle::try_current()) else {
            return self.kill();
        };
        self.signal(Signal::TERM);
        let rest = Last(Self { left: self.left, leader: self.leader.take() });
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
pub struct Family {
    left: &'static Left,
    first: Option<Pid>,
}

impl Family {
    /// Those of a program that has not been waited for.
    #[must_use]
    pub fn of(child: &Child) -> Self {
        LEFT.family(child)
    }

    /// Lets them go: the program has ended, and its id may be another's.
    pub fn release(&mut self) {
        if let Some(first) = self.first.take() {
            self.left.lock().families.retain(|other| *other != first);
        }
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if let Some(first) = self.first {
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

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Stdio;

    use super::super::{Launch, Permit};
    use super::*;

    /// A program that has another running, and does not end when asked to.
    fn stubborn() -> Launch {
        let argv = ["sh", "-c", "trap '' TERM; sleep 300 & echo; wait"].map(str::to_owned);
        Launch::of(&argv).unwrap().streams(Stdio::null(), Stdio::piped(), Stdio::null())
    }

    /// Waits until it has started the other; its output ends when both have.
    async fn killed(mut child: Child, left: &Left) {
        use tokio::io::AsyncReadExt as _;
        let mut output = child.stdout.take().unwrap();
        output.read_u8().await.unwrap();
        left.kill();
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
        assert_eq!(output.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_is_left_of_groups_and_families_is_killed() {
        let left: &'static Left = Box::leak(Box::new(Left::new()));
        let child = stubborn().own_group().spawn(&Permit::for_tests()).unwrap();
        let group = left.group(&child);
        killed(child, left).await;
        drop(group);
        let child = stubborn().spawn(&Permit::for_tests()).unwrap();
        let family = left.family(&child);
        killed(child, left).await;
        drop(family);
    }

    #[tokio::test]
    async fn what_has_ended_is_left_alone() {
        let left: &'static Left = Box::leak(Box::new(Left::new()));
        let mut child = stubborn().own_group().spawn(&Permit::for_tests()).unwrap();
        let mut group = left.group(&child);
        group.end(&mut child).await;
        let mut child = Launch::new("sleep").args(["300"]).spawn(&Permit::for_tests()).unwrap();
        let mut family = left.family(&child);
        child.kill().await.unwrap();
        family.release();
        let Leaders { groups, families } = &*left.lock();
        assert!(groups.is_empty() && families.is_empty(), "{groups:?} {families:?}");
    }
}
