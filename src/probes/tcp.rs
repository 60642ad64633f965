//! The TCP probe: a port accepts connections, and what the server sends there.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::address::Address;
use super::content::ReadBody;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::net::{self, ConnectError};
use super::{judging, text_checks};
use crate::stopwatch::{Stopwatch, timeout};
use gonogo_core::checklist::spec::TcpSpec;
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text::shell_word;

/// The most that is read, in bytes.
const MAX_READ: usize = 64 << 10;
/// A server that has sent something, and then nothing for so long, waits for an answer.
const QUIET: Duration = Duration::from_secs(2);
/// The name of what the server sends.
const RESPONSE: &str = "response";

pub(super) async fn run(spec: &TcpSpec, deadline: &Deadline) -> Outcome {
    let address = address(&spec.host, spec.port.get());
    let started = Stopwatch::start();
    let (mut seen, tcp) = connect(&address, deadline).await;
    if let Some(mut tcp) = tcp {
        let took = format!("{} ms", started.elapsed().as_millis());
        seen.push(Observation::recorded("connect time", took).as_measured());
        seen.extend(exchange(spec, &mut tcp, deadline).await);
    }
    Outcome::of(seen, netcat(spec, &address))
}

/// The address of a host, which may be an IPv6 address in brackets.
pub(super) fn address(host: &str, port: u16) -> Address {
    let host = host.trim_matches(['[', ']']).to_owned();
    Address { host, port, tls: false, rest: String::new() }
}

/// A connection, and the observation of it. A host that refuses has answered: nothing listens there.
pub(super) async fn connect(address: &Address, deadline: &Deadline) -> (Vec<Observation>, Option<TcpStream>) {
    let (what, expected) = (format!("connection to {address}"), "accepted");
    let (seen, tcp) = match net::open(address, deadline).await {
        Ok(Ok(tcp)) => (Observation::new(what, expected, "accepted", true), Some(tcp)),
        Ok(Err(refused @ ConnectError::Refused(_))) => {
            (Observation::new(what, expected, refused.to_string(), false), None)
        }
        Ok(Err(error)) => (Observation::unknown(what, expected, ProbeError::from(error)), None),
        Err(error) => (Observation::unknown(what, expected, error), None),
    };
    (vec![seen], tcp)
}

async fn exchange(spec: &TcpSpec, tcp: &mut TcpStream, deadline: &Deadline) -> Vec<Observation> {
    if spec.expect.is_empty() {
        return Vec::new();
    }
    match read_response(spec, tcp, deadline).await {
        Ok(response) => judging::judge(RESPONSE, &spec.expect, &[], response, deadline).await,
        Err(why) => text_checks::unseen(&spec.expect, RESPONSE, &why),
    }
}

/// What the server sends, until it closes the connection, waits, or has sent what is expected.
async fn read_response(spec: &TcpSpec, tcp: &mut TcpStream, deadline: &Deadline) -> ProbeResult<ReadBody> {
    if let Some(text) = &spec.send {
        deadline.limit("sending the text", tcp.write_all(text.as_bytes())).await??;
    }
    let mut response = ReadBody::default();
    let mut buffer = vec![0; 4 << 10];
    loop {
        let next = deadline.limit("waiting for a response", read_more(tcp, &mut buffer, &response)).await;
        let count = match next {
            Ok(Ok(Some(count))) => count,
            // It waits: this is all.
            Ok(Ok(None)) => break,
            Ok(Err(error)) => return incomplete(response, ProbeError::from(error)),
            Err(late) => return incomplete(response, ProbeError::from(late)),
        };
        response.bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if response.bytes.len() > MAX_READ {
            let why = format!("the server sent more than {} KiB: stopped reading", MAX_READ >> 10);
            return incomplete(response, ProbeError::new(why));
        }
        if count == 0 || has_all(spec, &response, deadline) {
            break;
        }
    }
    Ok(response)
}

/// How many bytes came; 0 when the server has closed the connection, none when it waits.
async fn read_more(
    tcp: &mut TcpStream,
    buffer: &mut [u8],
    before: &ReadBody,
) -> std::io::Result<Option<usize>> {
    if before.bytes.is_empty() {
        return tcp.read(buffer).await.map(Some);
    }
    timeout(QUIET, tcp.read(buffer)).await.map_or(Ok(None), |read| read.map(Some))
}

/// What has come, and why it is not all; an error if nothing has.
fn incomplete(response: ReadBody, why: ProbeError) -> ProbeResult<ReadBody> {
    if response.bytes.is_empty() { Err(why) } else { Ok(ReadBody { cut: Some(why), ..response }) }
}

/// Whether all that is expected has come, whatever follows.
fn has_all(spec: &TcpSpec, response: &ReadBody, deadline: &Deadline) -> bool {
    let so_far = ReadBody { bytes: response.bytes.clone(), cut: Some(ProbeError::new("not all was read")) };
    let seen = text_checks::judge(&spec.expect, RESPONSE, &so_far, deadline);
    seen.iter().all(|seen| seen.ok == Some(true))
}

/// The command to repeat it by hand.
fn netcat(spec: &TcpSpec, address: &Address) -> String {
    let place = format!("{} {}", shell_word(&address.host), address.port);
    match &spec.send {
        Some(text) => {
            let escaped = text.replace('\\', "\\\\").replace('\r', "\\r").replace('\n', "\\n");
            format!("printf %b {} | nc -w 5 {place}", shell_word(&escaped))
        }
        None if spec.expect.is_empty() => format!("nc -vz -w 5 {place}"),
        None => format!("nc -w 5 {place} </dev/null"),
    }
}
