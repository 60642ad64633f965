//! The application's metrics, in the text form of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const PUBLISHED: &str = "advanced_board_events_published_total";
const TOOK: &str = "advanced_board_event_publish_duration_seconds";
const BUCKETS: [f64; 8] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// Counters and one histogram.
#[derive(Debug, Default)]
pub(super) struct Metrics(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By board and status.
    published: BTreeMap<(String, &'static str), u64>,
    /// How many took at most as long as each bucket says.
    buckets: [u64; 8],
    count: u64,
    sum: f64,
}

impl Metrics {
    /// Counts an event.
    pub(super) fn published(&self, board: &str, well: bool, took: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let status = if well { "success" } else { "error" };
        *known.published.entry((board.to_owned(), status)).or_default() += 1;
        let took = took.as_secs_f64();
        for (bucket, limit) in known.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(took <= limit);
        }
        known.count += 1;
        known.sum += took;
    }

    /// All of them as text.
    pub(super) fn text(&self) -> String {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = format!("# TYPE {PUBLISHED} counter\n");
        for ((board, status), count) in &known.published {
            let _ = writeln!(text, "{PUBLISHED}{{board_id=\"{board}\",status=\"{status}\"}} {count}");
        }
        let _ = writeln!(text, "# TYPE {TOOK} histogram");
        for (count, limit) in known.buckets.iter().zip(BUCKETS) {
            let _ = writeln!(text, "{TOOK}_bucket{{le=\"{limit}\"}} {count}");
        }
        let _ = writeln!(text, "{TOOK}_bucket{{le=\"+Inf\"}} {}", known.count);
        let _ = writeln!(text, "{TOOK}_sum {}\n{TOOK}_count {}", known.sum, known.count);
        text
    }
}
