//! The DNS probe on a small server of this test: no DNS server is among the programs that the tests start.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record};
use serde_json::{Value, json};

use super::*;

/// A server that answers over UDP and TCP until the test process ends; its address.
fn serve(answer: impl Fn(Message, bool) -> Vec<Message> + Clone + Send + 'static) -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(at).unwrap();
    let over_tcp = answer.clone();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((count, client)) = udp.recv_from(&mut buffer) {
            for message in answer(Message::from_vec(&buffer[..count]).unwrap(), false) {
                udp.send_to(&message.to_vec().unwrap(), client).unwrap();
            }
        }
    });
    thread::spawn(move || {
        for mut client in tcp.incoming().map_while(Result::ok) {
            let mut length = [0; 2];
            client.read_exact(&mut length).unwrap();
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            client.read_exact(&mut query).unwrap();
            let message = over_tcp(Message::from_vec(&query).unwrap(), true).remove(0).to_vec().unwrap();
            let length = u16::try_from(message.len()).unwrap().to_be_bytes();
            client.write_all(&[&length[..], &message].concat()).unwrap();
        }
    });
    at
}

/// The response to a query, with addresses 10.0.0.1 to 10.0.0.`count`.
fn response(query: Message, count: u8) -> Message {
    let name = query.queries[0].name.clone();
    let mut response = query.into_response();
    response.metadata.recursion_available = true;
    let records =
        (1..=count).map(|last| Record::from_rdata(name.clone(), 60, RData::A(A::new(10, 0, 0, last))));
    response.add_answers(records);
    response
}

fn run_probe(server: SocketAddr, more: &Value) -> Outcome {
    let with = json!({"name": "app.example.org", "server": server.to_string()});
    run_probe_within(DEADLINE, "dns", &plus(&with, more))
}

#[test]
fn the_records_of_a_name_are_those_that_are_expected() {
    let server = serve(|query, _| vec![response(query, 2)]);
    let outcome = run_probe(server, &json!({"values": ["10.0.0.2", "10.0.0.1"]}));
    assert_pass(
        &outcome,
        &[
            "✓ A records of app.example.org | 10.0.0.2, 10.0.0.1 | 10.0.0.1, 10.0.0.2",
            "✓ TTL | recorded | 60 s",
            &format!("✓ DNS server | recorded | {server}"),
        ],
    );
    assert_eq!(outcome.reproduce, format!("dig +short @127.0.0.1 -p {} app.example.org A", server.port()));
    assert_fail(
        &run_probe(server, &json!({"values": ["10.0.0.1"]})),
        &["✗ A records of app.example.org | 10.0.0.1 | 10.0.0.1, 10.0.0.2"],
    );
    assert_fail(
        &run_probe(server, &json!({"type": "AAAA"})),
        &["✗ AAAA records of app.example.org | one or more | none"],
    );
}

#[test]
fn a_long_response_comes_over_tcp() {
    let server = serve(|query, is_tcp| {
        let mut response = response(query, if is_tcp { 40 } else { 0 });
        response.metadata.truncation = !is_tcp;
        vec![response]
    });
    assert_pass(&run_probe(server, &json!({"count": 40})), &["| 40 records | 10.0.0.1, ", ", and 20 more"]);
}

#[test]
fn a_name_that_does_not_exist_is_distinguished_from_a_server_that_does_not_say() {
    let with_code = |code: ResponseCode| {
        serve(move |query, _| {
            let mut response = response(query, 0);
            response.metadata.response_code = code;
            vec![response]
        })
    };
    let missing = with_code(ResponseCode::NXDomain);
    assert_fail(&run_probe(missing, &json!({})), &["| one or more | no such name"]);
    assert_pass(&run_probe(missing, &json!({"count": 0})), &["| none | no such name"]);
    assert_error(&run_probe(with_code(ResponseCode::ServFail), &json!({"count": 0})), &["(SERVFAIL)"]);
    assert_error(&run_probe(with_code(ResponseCode::Refused), &json!({})), &["(REFUSED)"]);
}

#[test]
fn a_packet_that_answers_another_query_is_ignored() {
    let server = serve(|query, _| {
        let mut invented = response(query.clone(), 9);
        invented.metadata.id = invented.metadata.id.wrapping_add(1);
        vec![invented, response(query, 1)]
    });
    assert_pass(&run_probe(server, &json!({"values": ["10.0.0.1"]})), &[]);
    let silent = serve(|_, _| Vec::new());
    let with = json!({"name": "app.example.org", "server": silent.to_string()});
    assert_error(
        &run_probe_within(SHORT, "dns", &with),
        &["no response within 700 ms (DNS query to 127.0.0.1:"],
    );
}
