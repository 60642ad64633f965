//! The clocks of this host.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gonogo_core::time::{Moment, Utc, span};

/// How far the two clocks may diverge between two checks before that is reported.
const MAX_DRIFT: Duration = Duration::from_secs(5);

/// The current time by both clocks.
#[must_use]
pub fn now() -> Moment {
    Moment { wall: wall(), boot: BOOT.id.clone(), mono: BOOT.elapsed_ms() }
}

fn wall() -> Utc {
    let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    };
    Utc::from_millis(millis)
}

/// The reference of the monotonic clock.
struct Boot {
    id: String,
    start: Instant,
    /// Milliseconds between the boot and the start of the program.
    offset: u64,
    /// The file that the uptime is read from.
    uptime: PathBuf,
}

static BOOT: LazyLock<Boot> = LazyLock::new(|| Boot::read(Path::new("/proc")));

impl Boot {
    /// On Linux the kernel's boot id and its uptime, which includes suspended time (`proc(5)`). Elsewhere a boot
    /// counts as long as the program: this clock counts no time across a restart.
    fn read(proc: &Path) -> Self {
        let (id, start) = (std::fs::read_to_string(proc.join("sys/kernel/random/boot_id")), Instant::now());
        let path = proc.join("uptime");
        match (id, uptime(&path)) {
            (Ok(id), Some(offset)) => Self { id: id.trim().to_owned(), start, offset, uptime: path },
            _ => Self { id: super::random_id(), start, offset: 0, uptime: path },
        }
    }

    /// Milliseconds since the boot.
    fn elapsed_ms(&self) -> u64 {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Read each time: an `Instant` does not advance while the host is suspended, the uptime does.
        uptime(&self.uptime).unwrap_or(0).max(self.offset.saturating_add(elapsed))
    }
}

fn uptime(path: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let (seconds, hundredths) = text.split_whitespace().next()?.split_once('.')?;
    Some(seconds.parse::<u64>().ok()? * 1000 + hundredths.parse::<u64>().ok()? * 10)
}

/// Notices when the wall clock is set during a run.
pub(super) struct ClockMonitor(Moment);

impl ClockMonitor {
    pub(super) fn new(now: Moment) -> Self {
        Self(now)
    }

    /// The warning about a jump since the last check. The monotonic clock gives the real time since then.
    pub(super) fn check(&mut self, now: Moment) -> Option<String> {
        let passed = Duration::from_millis(now.mono.saturating_sub(self.0.mono));
        let (expected, wall) = (self.0.wall.plus(passed), now.wall);
        self.0 = now;
        let whole = |gap: Duration| Duration::from_secs((gap + Duration::from_millis(500)).as_secs());
        let (ahead, behind) = (whole(wall.since(expected)), whole(expected.since(wall)));
        if ahead > MAX_DRIFT {
            Some(format!(
                "the clock was set forward by {}: results become stale that much sooner",
                span(ahead)
            ))
        } else if behind > MAX_DRIFT {
            let consequence = "new log entries have earlier times";
            Some(format!("the clock was set back by {}: {consequence}", span(behind)))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wall: i64, mono: u64) -> Moment {
        Moment { wall: Utc::from_millis(wall), boot: "b".into(), mono }
    }

    #[test]
    fn a_clock_that_is_set_is_reported_once_and_drift_is_not() {
        let mut watch = ClockMonitor::new(at(1_000_000, 1000));
        assert_eq!(watch.check(at(1_004_000, 2000)), None);
        let forward = watch.check(at(8_205_000, 3000)).unwrap();
        assert!(forward.starts_with("the clock was set forward by 2h 00m"), "{forward}");
        assert_eq!(watch.check(at(8_206_000, 4000)), None);
        let back = watch.check(at(1_007_000, 5000)).unwrap();
        assert!(back.starts_with("the clock was set back by 2h 00m"), "{back}");
        // Suspended for an hour: both clocks include it.
        assert_eq!(watch.check(at(4_608_000, 3_606_000)), None);
    }

    #[test]
    fn suspended_time_counts_and_the_clock_does_not_go_back() {
        const HOUR: u64 = 3_600_000;
        let proc = tempfile::tempdir().unwrap();
        let up = |text: &str| std::fs::write(proc.path().join("uptime"), text).unwrap();
        std::fs::create_dir_all(proc.path().join("sys/kernel/random")).unwrap();
        std::fs::write(proc.path().join("sys/kernel/random/boot_id"), "one\n").unwrap();
        up("100.50 7.00\n");
        let boot = Boot::read(proc.path());
        assert_eq!((boot.id.as_str(), boot.offset), ("one", 100_500));
        up("7300.50 7.00\n");
        assert_eq!(boot.elapsed_ms(), 7_300_500, "suspended for two hours");
        for unreadable in ["1.00 1.00\n", "", "x"] {
            up(unreadable);
            assert!((100_500..HOUR).contains(&boot.elapsed_ms()), "{unreadable:?}");
        }
        // If the system provides neither, the start of the program counts as the boot.
        let none = Boot::read(&proc.path().join("none"));
        assert!(none.id != "one" && none.elapsed_ms() < HOUR);
    }
}
