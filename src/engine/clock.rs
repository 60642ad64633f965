//! The clocks of this host.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::time::{Moment, Utc};

/// What both clocks say now.
#[must_use]
pub fn now() -> Moment {
    Moment { wall: wall(), boot: BOOT.id.clone(), mono: monotonic() }
}

fn wall() -> Utc {
    let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    };
    Utc::from_millis(millis)
}

/// What the monotonic clock counts from.
struct Boot {
    id: String,
    start: Instant,
    /// Milliseconds since the boot when the program started.
    offset: u64,
}

/// On Linux the kernel's boot id and its uptime, which counts suspended time too (`proc(5)`). Elsewhere a
/// boot is taken to last as long as the program: no time is counted across a restart by this clock.
static BOOT: LazyLock<Boot> = LazyLock::new(|| {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let start = Instant::now();
    match (id, uptime()) {
        (Ok(id), Some(offset)) => Boot { id: id.trim().to_owned(), start, offset },
        _ => Boot { id: super::random_id(), start, offset: 0 },
    }
});

fn monotonic() -> u64 {
    let elapsed = u64::try_from(BOOT.start.elapsed().as_millis()).unwrap_or(u64::MAX);
    // Read again: an `Instant` stands still while the host is suspended, the uptime does not.
    uptime().unwrap_or(0).max(BOOT.offset.saturating_add(elapsed))
}

fn uptime() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = text.split_whitespace().next()?.split_once('.')?;
    Some(seconds.parse::<u64>().ok()? * 1000 + hundredths.parse::<u64>().ok()? * 10)
}
