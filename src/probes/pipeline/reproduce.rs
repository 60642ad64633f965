//! The commands that show by hand at which step an event stops.

use std::fmt::Write as _;

use serde_json::json;

use super::super::address::{Address, Schemes};
use super::super::token::{SSE_PATH, board_path};
use super::super::{curl, rabbitmq, redis};
use gonogo_core::checklist::spec::{ApiSpec, PipelineSpec};
use gonogo_core::text::shell_word;

const SCHEMES: Schemes = Schemes { plain: ("http", 80), secure: ("https", 443) };
/// The correlation id of the event of a command.
const ID: &str = "gonogo-by-hand";
/// What asks for a WebSocket (RFC 6455, 4.1); the key is any 16 bytes.
const UPGRADE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: Z29ub2dvLWdvbm9nby1nbw==",
];

/// The step at which an event stopped; the last one if it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Stream,
    WebSocket,
    /// The exchange that it must pass could not be watched.
    Exchange,
    /// The same of the channel.
    Channel,
    Event,
}

/// The command for a step, at an address of the application.
pub(super) fn command(spec: &PipelineSpec, base: &str, is_in_query: bool, step: Step) -> String {
    let at = PipelineAddress { spec, base, is_in_query };
    match step {
        Step::Stream => at.stream(),
        Step::WebSocket => at.web_socket(),
        Step::Exchange => {
            spec.exchange.as_ref().and_then(|hop| rabbitmq::login_command(&hop.at)).unwrap_or_default()
        }
        Step::Channel => spec.channel.as_ref().and_then(|hop| redis::command(&hop.at)).unwrap_or_default(),
        Step::Event => at.event().unwrap_or_else(|| at.stream()),
    }
}

/// Where an event goes, and how the token is sent.
struct PipelineAddress<'a> {
    spec: &'a PipelineSpec,
    base: &'a str,
    is_in_query: bool,
}

impl PipelineAddress<'_> {
    fn get(&self, path: &str) -> String {
        let api = ApiSpec { url: self.base.to_owned(), ..self.spec.api.clone() };
        let origin =
            self.spec.origin.iter().map(|origin| format!(" -H {}", shell_word(&format!("Origin: {origin}"))));
        let token = self.spec.token.shell();
        let token = if self.is_in_query {
            format!("-G --data-urlencode token={token}")
        } else {
            format!("-H 'Authorization: Bearer '{token}")
        };
        format!("{} -N{} {token}", curl::get(&api, path), origin.collect::<String>())
    }

    fn stream(&self) -> String {
        format!("{} -i -m 10", self.get(SSE_PATH))
    }

    fn web_socket(&self) -> String {
        let upgrade = UPGRADE.map(|line| format!("-H '{line}'")).join(" ");
        format!("{} -i --http1.1 -m 5 {upgrade}", self.get(&board_path(&self.spec.board)))
    }

    /// Sends an event while the stream is read, and prints it when it comes back; fails if it does not.
    fn event(&self) -> Option<String> {
        let address = Address::parse(self.base, &SCHEMES).ok()?;
        let opening = self.opening(&address);
        let (frame, to) = (frame(&self.spec.action), self.connection(&address));
        let read = format!("{} -m 8 | grep -m 1 {ID}", self.get(SSE_PATH));
        Some(format!(
            "{{ printf '%s\\r\\n' {opening} ''; sleep 2; printf '{frame}'; sleep 4; }} | {to} & {read}"
        ))
    }

    /// The lines of the request for the WebSocket, as words of a shell.
    fn opening(&self, address: &Address) -> String {
        let (spec, token) = (self.spec, self.spec.token.shell());
        let prefix = if address.rest.is_empty() { String::new() } else { format!("/{}", address.rest) };
        let target = format!("GET {prefix}{}", board_path(&spec.board));
        let mut lines = if self.is_in_query {
            vec![format!("{}{token}' HTTP/1.1'", shell_word(&format!("{target}?token=")))]
        } else {
            vec![shell_word(&format!("{target} HTTP/1.1")), format!("'Authorization: Bearer '{token}")]
        };
        lines.push(shell_word(&format!("Host: {address}")));
        lines.extend(UPGRADE.iter().map(|line| shell_word(line)));
        lines.extend(spec.origin.iter().map(|origin| shell_word(&format!("Origin: {origin}"))));
        let headers = spec.api.headers.iter();
        lines.extend(headers.map(|(name, value)| shell_word(&format!("{name}: ")) + &value.shell_word()));
        lines.join(" ")
    }

    fn connection(&self, address: &Address) -> String {
        if !address.tls {
            return format!("curl -sS -m 8 --output - {}", shell_word(&format!("telnet://{address}")));
        }
        let tls = &self.spec.api.tls;
        let files = [("-CAfile", &tls.roots), ("-cert", &tls.certificate), ("-key", &tls.key)];
        let files = files
            .iter()
            .filter_map(|(option, file)| Some(format!(" {option} {}", shell_word(file.as_ref()?))));
        let (at, name) = (shell_word(&address.to_string()), shell_word(&address.host));
        format!("openssl s_client -quiet -connect {at} -servername {name}{}", files.collect::<String>())
    }
}

/// The event as one masked frame of a WebSocket, with the mask 0 (RFC 6455, 5.2), as `printf` writes it.
fn frame(action: &str) -> String {
    let event = json!({"action": action, "user": "gonogo", "payload": {}, "correlation_id": ID});
    let mut text = event.to_string();
    if text.len() % 256 == 255 {
        // This byte would be an escape of telnet.
        text.push(' ');
    }
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
    let head = if text.len() < 126 { vec![0x80 | length[1]] } else { vec![0xfe, length[0], length[1]] };
    let mut frame = String::from(r"\201");
    for byte in head.into_iter().chain([0; 4]) {
        let _ = write!(frame, "\\{byte:03o}");
    }
    frame + &text.replace('\\', r"\\").replace('%', "%%").replace('\'', r"'\''")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn spec_of(url: &str) -> PipelineSpec {
        let spec: Value =
            json!({"api": {"url": url}, "token": {"env": "T"}, "board": "b", "origin": "https://o"});
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn each_step_has_a_command_that_shows_it() {
        let spec = spec_of("http://app:8004");
        let bearer = "-H 'Authorization: Bearer '\"$T\"";
        let stream = format!("curl -sS http://app:8004/sse/activity -N -H 'Origin: https://o' {bearer}");
        let show = |is_in_query, step| command(&spec, &spec.api.url, is_in_query, step);
        assert_eq!(show(false, Step::Stream), format!("{stream} -i -m 10"));
        let query = show(true, Step::Stream);
        assert!(query.contains("-G --data-urlencode token=\"$T\"") && !query.contains("Bearer"), "{query}");
        let opening = show(false, Step::WebSocket);
        assert!(opening.starts_with("curl -sS http://app:8004/ws/boards/b -N"), "{opening}");
        assert!(opening.ends_with("-H 'Sec-WebSocket-Key: Z29ub2dvLWdvbm9nby1nbw=='"), "{opening}");
        let event = show(false, Step::Event);
        let sent =
            "{ printf '%s\\r\\n' 'GET /ws/boards/b HTTP/1.1' 'Authorization: Bearer '\"$T\" 'Host: app:8004'";
        assert!(event.starts_with(sent), "{event}");
        assert!(event.contains("| curl -sS -m 8 --output - telnet://app:8004 & "), "{event}");
        assert!(event.ends_with(&format!("{stream} -m 8 | grep -m 1 gonogo-by-hand")), "{event}");
        let secure = spec_of("https://app/realtime/");
        let event = command(&secure, &secure.api.url, false, Step::Event);
        assert!(event.contains("'GET /realtime/ws/boards/b HTTP/1.1'"), "{event}");
        assert!(event.contains("openssl s_client -quiet -connect app:443 -servername app &"), "{event}");
    }

    /// What `printf` writes is a frame of the length of the event.
    #[test]
    fn the_frame_is_one_of_a_web_socket() {
        for (action, head) in
            [("a", r"\201\315\000\000\000\000{"), (&"a".repeat(60), r"\201\376\000\210\000\000\000\000{")]
        {
            let frame = frame(action);
            assert!(frame.starts_with(head), "{frame}");
        }
    }
}
