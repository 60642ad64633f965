//! The application's metrics, in the Prometheus text format.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const PUBLISHED_TOTAL: &str = "advanced_board_events_published_total";
const PUBLISH_DURATION: &str = "advanced_board_event_publish_duration_seconds";
const BUCKETS: [f64; 8] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// Counters and one histogram.
#[derive(Debug, Default)]
pub(super) struct AppMetrics(Mutex<Counters>);

#[derive(Debug, Default)]
struct Counters {
    /// By board and status.
    published: BTreeMap<(String, &'static str), u64>,
    /// Cumulative: how many events took at most as long as each of `BUCKETS`.
    buckets: [u64; 8],
    count: u64,
    sum: f64,
}

impl AppMetrics {
    /// Counts a published event.
    pub(super) fn count_published(&self, board: &str, succeeded: bool, duration: Duration) {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let status = if succeeded { "success" } else { "error" };
        *counters.published.entry((board.to_owned(), status)).or_default() += 1;
        let seconds = duration.as_secs_f64();
        for (bucket, limit) in counters.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(seconds <= limit);
        }
        counters.count += 1;
        counters.sum += seconds;
    }

    /// All of them as text.
    pub(super) fn text(&self) -> String {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = format!("# TYPE {PUBLISHED_TOTAL} counter\n");
        for ((board, status), count) in &counters.published {
            let _ = writeln!(text, "{PUBLISHED_TOTAL}{{board_id=\"{board}\",status=\"{status}\"}} {count}");
        }
        let _ = writeln!(text, "# TYPE {PUBLISH_DURATION} histogram");
        for (count, limit) in counters.buckets.iter().zip(BUCKETS) {
            let _ = writeln!(text, "{PUBLISH_DURATION}_bucket{{le=\"{limit}\"}} {count}");
        }
        let _ = writeln!(text, "{PUBLISH_DURATION}_bucket{{le=\"+Inf\"}} {}", counters.count);
        let _ = writeln!(
            text,
            "{PUBLISH_DURATION}_sum {}\n{PUBLISH_DURATION}_count {}",
            counters.sum, counters.count
        );
        text
    }
}
