//! Sends a query to a DNS server and reads its response (RFC 1035): over UDP, and over TCP where that is too short.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::super::deadline::Deadline;
use super::super::error::{ProbeError, ProbeResult};
use crate::stopwatch::timeout;
use gonogo_core::checklist::spec::{DnsRecord, DnsSpec};
use gonogo_core::files::read_regular_text;

/// The port of DNS.
pub(super) const PORT: u16 = 53;
/// How long a server has before the query is sent again: to the next one, or to the same.
const ATTEMPT: Duration = Duration::from_secs(2);
/// The resolver's configuration: resolv.conf(5).
const RESOLV_CONF: &str = "/etc/resolv.conf";
const MAX_RESOLV_CONF: u64 = 64 << 10;
/// The largest response over UDP, in bytes, to a query without EDNS (RFC 1035, 4.2.1), and some more.
const MAX_UDP: usize = 4 << 10;

/// The first usable response, and the server that sent it.
///
/// # Errors
/// Why no server has answered the query.
pub(super) async fn ask(spec: &DnsSpec, deadline: &Deadline) -> ProbeResult<(SocketAddr, Message)> {
    let servers = servers(spec)?;
    let name = Name::from_utf8(format!("{}.", spec.name.trim_end_matches('.')))?;
    let query = Query::query(name, record_type(spec.record));
    // As often as the deadline allows: a packet can be lost.
    loop {
        let mut refused = None;
        for server in &servers {
            let asked = timeout(ATTEMPT, ask_server(*server, &query));
            match deadline.limit(format!("DNS query to {server}"), asked).await? {
                Ok(Ok(message)) if is_usable(&message) => return Ok((*server, message)),
                Ok(Ok(message)) => refused = Some(format!("{server}: {}", refusal(&message))),
                Ok(Err(why)) => refused = Some(format!("{server}: {why}")),
                Err(_) => {}
            }
        }
        if let Some(why) = refused {
            return Err(ProbeError::new(why));
        }
    }
}

/// Why a server does not answer a query.
fn refusal(message: &Message) -> String {
    let code = message.metadata.response_code;
    match code {
        ResponseCode::ServFail => "the server cannot answer (SERVFAIL)".into(),
        ResponseCode::Refused => "the server refuses the query (REFUSED)".into(),
        code => format!("the server answers with an error: {code}"),
    }
}

/// Whether a response says what there is, also if that is nothing. Others are about the server.
fn is_usable(message: &Message) -> bool {
    matches!(message.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain)
}

fn servers(spec: &DnsSpec) -> ProbeResult<Vec<SocketAddr>> {
    if let Some(server) = &spec.server {
        let address = socket_address(server);
        return Ok(vec![address.ok_or_else(|| ProbeError::new(format!("{server} is not an IP address")))?]);
    }
    let text = read_regular_text(RESOLV_CONF, MAX_RESOLV_CONF).map_err(|error| {
        ProbeError::new(format!("cannot read {RESOLV_CONF}: {error}; `server` can name one"))
    })?;
    Ok(name_servers(&text))
}

/// The servers in a resolver's configuration; the one of this host if it names none, as resolv.conf(5) says.
fn name_servers(text: &str) -> Vec<SocketAddr> {
    let servers = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = (words.next() == Some("nameserver")).then(|| words.next()).flatten()?;
        Some(SocketAddr::new(address.parse::<IpAddr>().ok()?, PORT))
    });
    let servers: Vec<_> = servers.collect();
    if servers.is_empty() { vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT)] } else { servers }
}

/// The address of a server, with the usual port if it has none.
pub(super) fn socket_address(server: &str) -> Option<SocketAddr> {
    let with_port = server.parse().ok();
    with_port.or_else(|| Some(SocketAddr::new(server.parse().ok()?, PORT)))
}

const fn record_type(record: DnsRecord) -> RecordType {
    match record {
        DnsRecord::A => RecordType::A,
        DnsRecord::Aaaa => RecordType::AAAA,
        DnsRecord::Caa => RecordType::CAA,
        DnsRecord::Cname => RecordType::CNAME,
        DnsRecord::Mx => RecordType::MX,
        DnsRecord::Ns => RecordType::NS,
        DnsRecord::Ptr => RecordType::PTR,
        DnsRecord::Srv => RecordType::SRV,
        DnsRecord::Txt => RecordType::TXT,
    }
}

async fn ask_server(server: SocketAddr, query: &Query) -> ProbeResult<Message> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|error| ProbeError::new(error.to_string()))?;
    let mut request = Message::new(u16::from_be_bytes(id), MessageType::Query, OpCode::Query);
    request.metadata.recursion_desired = true;
    request.add_query(query.clone());
    let response = over_udp(server, &request).await?;
    if response.metadata.truncation { over_tcp(server, &request).await } else { Ok(response) }
}

async fn over_udp(server: SocketAddr, request: &Message) -> ProbeResult<Message> {
    let own = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(own).await?;
    // Packets of others do not arrive.
    socket.connect(server).await?;
    socket.send(&request.to_vec()?).await.map_err(|error| explain(&error))?;
    let mut buffer = vec![0; MAX_UDP];
    loop {
        let count = socket.recv(&mut buffer).await.map_err(|error| explain(&error))?;
        let packet = buffer.get(..count).unwrap_or_default();
        // Late or invented ones are ignored.
        if let Ok(message) = Message::from_vec(packet)
            && is_response_to(&message, request)
        {
            return Ok(message);
        }
    }
}

async fn over_tcp(server: SocketAddr, request: &Message) -> ProbeResult<Message> {
    let failed = |error: io::Error| {
        ProbeError::new(format!("the response is too long for UDP, and TCP fails: {}", explain(&error)))
    };
    let bytes = request.to_vec()?;
    let length = u16::try_from(bytes.len())?;
    let mut tcp = TcpStream::connect(server).await.map_err(failed)?;
    tcp.write_all(&[&length.to_be_bytes()[..], &bytes].concat()).await.map_err(failed)?;
    let length = tcp.read_u16().await.map_err(failed)?;
    let mut response = vec![0; usize::from(length)];
    tcp.read_exact(&mut response).await.map_err(failed)?;
    let message = Message::from_vec(&response)?;
    if is_response_to(&message, request) {
        Ok(message)
    } else {
        Err(ProbeError::new("the response over TCP is not to this query"))
    }
}

fn explain(error: &io::Error) -> ProbeError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ProbeError::new("nothing listens on that port"),
        _ => ProbeError::new(error.to_string()),
    }
}

fn is_response_to(message: &Message, request: &Message) -> bool {
    let has_query = message.queries == request.queries
        // Some servers leave it out of their errors.
        || message.queries.is_empty() && message.metadata.response_code != ResponseCode::NoError;
    message.metadata.message_type == MessageType::Response
        && message.metadata.id == request.metadata.id
        && has_query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_of_the_system_are_read() {
        let read = |text: &str| name_servers(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        let text =
            "# nameserver 1.1.1.1\nsearch a.b\nnameserver 10.0.0.2\n nameserver\t::1 # x\noptions ndots:5\n";
        assert_eq!(read(text), ["10.0.0.2:53", "[::1]:53"]);
        assert_eq!(read("search a.b\nnameserver nonsense\n"), ["127.0.0.1:53"]);
    }

    #[test]
    fn a_server_has_the_usual_port_if_it_names_none() {
        for (text, address) in [
            ("10.0.0.2", Some("10.0.0.2:53")),
            ("10.0.0.2:5353", Some("10.0.0.2:5353")),
            ("::1", Some("[::1]:53")),
            ("[::1]:5353", Some("[::1]:5353")),
            ("ns", None),
        ] {
            assert_eq!(socket_address(text).map(|at| at.to_string()).as_deref(), address);
        }
    }
}
