//! One event, one line.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::io::{self, Write as _};
use std::sync::PoisonError;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::DiagnosticLog;
use gonogo_core::text;
use gonogo_core::time::Utc;

/// The longest line, in bytes.
const MAX_LINE: usize = 4096;

/// Writes events as lines of the log.
pub(super) struct Recorder(pub(super) &'static DiagnosticLog);

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let (now, process, level) = (now(), std::process::id(), metadata.level());
        let Fields { message, others } = fields;
        let raw = format!("{now} {process} {level:5} {}: {message}{others}", metadata.target());
        self.0.write(&format!("{}\n", text::clip(&text::line(&self.0.redacted(raw)), MAX_LINE)));
    }
}

impl DiagnosticLog {
    fn redacted(&self, mut line: String) -> String {
        for secret_store in self.secret_stores.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            line = secret_store.redactor().redact(&line, &mut BTreeMap::new());
        }
        line
    }

    /// If this log cannot be written, there is no place to report that.
    fn write(&self, line: &str) {
        if self.is_shown {
            let _ = io::stderr().write_all(line.as_bytes());
        }
        if let Some(file) = &self.file {
            let _ = file.lock().unwrap_or_else(PoisonError::into_inner).append(line.as_bytes());
        }
    }
}

fn now() -> Utc {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Utc::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The message of an event, and its other fields.
#[derive(Default)]
struct Fields {
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.others, " {name}={value:?}"),
        };
    }
}
