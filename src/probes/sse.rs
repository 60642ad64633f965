//! Server-sent events: the frames of a stream, capped (WHATWG HTML, 9.2).

/// The longest line that is kept, in bytes; longer ones are cut.
const MAX_LINE: usize = 64 * 1024;
/// The most data of one event, in bytes.
const MAX_DATA: usize = 256 * 1024;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SseEvent {
    /// Its type; `message` by default.
    pub(super) event: String,
    /// Its data, lines joined.
    pub(super) data: String,
}

/// Reads events from the bytes of a stream as they come.
#[derive(Debug, Default)]
pub(super) struct SseParser {
    line: Vec<u8>,
    event: String,
    data: Option<String>,
    /// A CR was the last byte: an LF after it belongs to it.
    after_cr: bool,
}

impl SseParser {
    /// Adds bytes; returns the events that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<SseEvent> {
        let mut events = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if self.after_cr => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                byte if self.line.len() < MAX_LINE => self.line.push(*byte),
                _ => {}
            }
            self.after_cr = *byte == b'\r';
        }
        events
    }

    fn end_line(&mut self) -> Option<SseEvent> {
        let line = std::mem::take(&mut self.line);
        let line =
            String::from_utf8_lossy(&line).trim_start_matches(gonogo_core::text::BYTE_ORDER_MARK).to_owned();
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            let data = self.data.take()?;
            return Some(SseEvent { event: if event.is_empty() { "message".into() } else { event }, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                let data = self.data.get_or_insert_default();
                if data.len() + value.len() < MAX_DATA {
                    if !data.is_empty() {
                        data.push('\n');
                    }
                    data.push_str(value);
                }
            }
            // Comments, ids and retry times are ignored.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let mut frames = SseParser::default();
        // Byte by byte: frames may be cut anywhere.
        let events = text.bytes().flat_map(|byte| frames.push(&[byte]));
        events.map(|event| (event.event, event.data)).collect()
    }

    #[test]
    fn events_are_read_whatever_ends_their_lines() {
        let pair = |event: &str, data: &str| (event.to_owned(), data.to_owned());
        let expected = [pair("heartbeat", "{}"), pair("message", "a\nb")];
        for end in ["\n", "\r\n", "\r"] {
            let text =
                ["event: heartbeat", "data: {}", "", ": comment", "id: 7", "data:a", "data: b", "", ""]
                    .join(end);
            assert_eq!(read(&text), expected, "{end:?}");
        }
    }

    #[test]
    fn an_event_without_data_is_none_and_a_long_line_is_cut() {
        assert!(read("event: x\n\n").is_empty());
        let long = format!("data: {}\n\n", "x".repeat(MAX_LINE * 2));
        assert!(read(&long)[0].1.len() < MAX_LINE);
    }
}
