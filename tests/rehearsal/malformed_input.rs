//! Malformed input to the servers of a rehearsal closes its own connection and changes nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use crate::support::gonogo::signal;
use crate::support::served_rehearsal::ServedRehearsal;

/// How long to wait for the response to malformed or incomplete input.
const READ_TIMEOUT: Duration = Duration::from_millis(100);

/// The TCP ports that a rehearsal listens on; without root, those of its profile.
fn ports(served: &ServedRehearsal) -> Vec<u16> {
    let pid = served.running.pid();
    let Ok(links) = fs::read_dir(format!("/proc/{pid}/fd")) else { return ports_of_profile(served) };
    let links = links.flatten();
    let targets = links.filter_map(|link| fs::read_link(link.path()).ok()?.to_str().map(str::to_owned));
    let sockets: BTreeSet<_> = targets
        .filter_map(|target| Some(target.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap();
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    let listening = rows.filter(|row| row[3] == "0A" && sockets.contains(row[9]));
    listening.map(|row| u16::from_str_radix(row[1].split_once(':').unwrap().1, 16).unwrap()).collect()
}

fn ports_of_profile(served: &ServedRehearsal) -> Vec<u16> {
    let profile = fs::read_to_string(served.dir.join("rehearsal.toml")).unwrap();
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    let ports: BTreeSet<u16> = profile.split("127.0.0.1:").skip(1).filter_map(digits).collect();
    ports.into_iter().collect()
}

/// An AMQP method frame with deeply nested arrays in its table.
fn nested_table(depth: usize) -> Vec<u8> {
    let mut value = vec![b'V'];
    for _ in 0..depth {
        let length = u32::try_from(value.len()).unwrap().to_be_bytes();
        value = [b"A", &length[..], &value].concat();
    }
    let table = [b"\x01x", &value[..]].concat();
    let length = u32::try_from(table.len()).unwrap().to_be_bytes();
    frame(&[b"\x00\x0a\x00\x0b", &length[..], &table, b"\x05PLAIN\0\0\0\0\x05en_US"].concat())
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [b"\x01\x00\x00", &length[..], payload, b"\xce"].concat()
}

/// Inputs that are malformed for at least one of the servers.
fn malformed_inputs() -> Vec<(&'static str, Vec<u8>)> {
    let amqp = |rest: &[u8]| [b"AMQP\x00\x00\x09\x01", rest].concat();
    let http = |head: &str, body: &str| format!("{head}\r\nHost: x\r\n{body}").into_bytes();
    vec![
        ("nothing", vec![]),
        ("zeros", vec![0; 70_000]),
        ("ones", vec![0xff; 70_000]),
        ("a line without an end", vec![b'a'; 2 << 20]),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        (
            "AMQP, a table of the maximum length",
            amqp(&frame(b"\x00\x0a\x00\x0b\xff\xff\xff\xff\xff\xff\xff\xff")),
        ),
        ("AMQP, a frame of the maximum length", amqp(b"\x01\x00\x00\xff\xff\xff\xff")),
        ("AMQP, an empty frame", amqp(&frame(b""))),
        ("AMQP, a frame without its end", amqp(b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x0b\x00")),
        ("AMQP, an unknown frame type", amqp(b"\x09\x00\x00\x00\x00\x00\x00\xce")),
        ("AMQP, nested arrays", amqp(&nested_table(1_600))),
        ("Redis, nested arrays", b"*1\r\n".repeat(200_000)),
        ("Redis, an array of the maximum length", b"*9223372036854775807\r\n$1\r\na\r\n".to_vec()),
        ("Redis, a string of the maximum length", b"*1\r\n$9223372036854775807\r\na\r\n".to_vec()),
        ("Redis, negative lengths", b"*-5\r\n$-3\r\n".to_vec()),
        (
            "HTTP, a wrong content length",
            http("POST / HTTP/1.1", "Content-Length: 99999999999999999999\r\n\r\nx"),
        ),
        (
            "HTTP, a chunk of the maximum length",
            http("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx"),
        ),
        ("HTTP, many headers", http("GET / HTTP/1.1", &"X: y\r\n".repeat(20_000))),
        (
            "HTTP, an upgrade with invalid frames",
            http("GET /ws HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n\u{1}\u{2}"),
        ),
        (
            "HTTP, nested JSON",
            http(
                "POST /v1/traces HTTP/1.1",
                &format!(
                    "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{}",
                    "[".repeat(100_000)
                ),
            ),
        ),
        (
            "HTTP, a nested query",
            http(&format!("GET /api/v1/query?query={} HTTP/1.1", "(".repeat(20_000)), "\r\n"),
        ),
        (
            "HTTP, repeated minus signs in a query",
            http(&format!("GET /api/v1/query?query={}1 HTTP/1.1", "-".repeat(20_000)), "\r\n"),
        ),
    ]
}

/// Sends the bytes, and reads responses until the timeout.
fn send(port: u16, bytes: &[u8]) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
    stream.set_write_timeout(Some(READ_TIMEOUT)).unwrap();
    // The server may have closed the connection already.
    let _ = stream.write_all(bytes);
    let _ = stream.read(&mut [0; 1024]);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read(&mut [0; 1024]);
    Ok(())
}

/// The status of each point, without the number of attempts.
fn statuses(served: &ServedRehearsal) -> Vec<(String, String)> {
    let (report, _) = served.check();
    let text = |point: &Value, key: &str| point[key].as_str().unwrap().to_owned();
    let points = report["points"].as_array().unwrap();
    let status = |point| text(point, "status").split(" on try").next().unwrap_or_default().to_owned();
    points.iter().map(|point| (text(point, "id"), status(point))).collect()
}

#[test]
fn malformed_input_closes_only_its_own_connection() {
    let served = ServedRehearsal::start(&[]);
    let before = statuses(&served);
    let pid = served.running.pid();
    let ports = ports(&served);
    assert!(ports.len() > 12, "{ports:?}");
    for (what, bytes) in malformed_inputs() {
        for port in &ports {
            send(*port, &bytes).unwrap_or_else(|why| panic!("{what}, port {port}: {why}"));
        }
    }
    let socket = served.dir.join("tools.sock");
    let deep = vec![b'['; 1 << 20];
    for bytes in [&b""[..], b"\n", b"{}\n", b"{\"nonce\":\"a\"}\n{\"key\":\"b\"}\n", &deep] {
        let mut stream = UnixStream::connect(&socket).unwrap();
        let _ = stream.write_all(bytes);
    }
    assert_eq!(statuses(&served), before);
    signal(pid, "INT");
    let _ = served.running.finish().code(0);
}
