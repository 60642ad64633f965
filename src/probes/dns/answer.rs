//! Judges the response of a DNS server. Pure.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;

use gonogo_core::checklist::spec::{DnsRecord, DnsSpec};
use gonogo_core::outcome::Observation;
use gonogo_core::text;

/// How many values are shown.
const MAX_SHOWN: usize = 20;

/// What is checked: `A records of app.example.org`.
pub(super) fn name(spec: &DnsSpec) -> String {
    format!("{} records of {}", spec.record, spec.name)
}

pub(super) fn expected(spec: &DnsSpec) -> String {
    match (&spec.values, spec.count) {
        (Some(values), _) => values.join(", "),
        (None, Some(0)) => "none".into(),
        (None, Some(count)) => text::count(usize::try_from(count).unwrap_or(usize::MAX), "record"),
        (None, None) => "one or more".into(),
    }
}

/// The records, and how long others may keep them.
pub(super) fn judge(spec: &DnsSpec, server: &SocketAddr, message: &Message) -> Vec<Observation> {
    let (what, expected) = (name(spec), expected(spec));
    if let Some(why) = not_known(message) {
        return vec![Observation::unknown(what, expected, format!("{server}: {why}"))];
    }
    let own = |kind: RecordType| kind.to_string() == spec.record.to_string();
    let records = || message.answers.iter().filter(|record| own(record.record_type()));
    let found: BTreeSet<String> =
        records().map(|record| tidy(record.data.to_string(), spec.record)).collect();
    let is_right = match (&spec.values, spec.count) {
        (Some(values), _) => is_same(values, &found, spec.record),
        (None, Some(count)) => u32::try_from(found.len()) == Ok(count),
        (None, None) => !found.is_empty(),
    };
    let mut seen = vec![Observation::new(what, expected, describe(&found, message), is_right)];
    let longest = records().map(|record| record.ttl).max();
    seen.extend(longest.map(|ttl| Observation::recorded("TTL", format!("{ttl} s")).as_measured()));
    seen.push(Observation::recorded("DNS server", server.to_string()).as_measured());
    seen
}

/// Why a response without an error does not say what there is: a server that does not resolve names for others points to
/// the servers that do (RFC 1034, 4.3.1), and a name without records has an SOA beside it, or is the server's own (RFC
/// 2308, 2.2).
fn not_known(message: &Message) -> Option<&'static str> {
    let is_referral = message.answers.is_empty()
        && message.metadata.response_code == ResponseCode::NoError
        && !message.metadata.authoritative
        && !message.metadata.recursion_available
        && message.authorities.iter().all(|record| record.record_type() != RecordType::SOA);
    let is_alias_only = !message.metadata.recursion_available
        && !message.answers.is_empty()
        && message.answers.iter().all(|record| record.record_type() == RecordType::CNAME)
        && message.queries.iter().all(|query| query.query_type != RecordType::CNAME);
    if is_referral {
        Some("this server is not responsible for the name, and does not ask others; name another `server`")
    } else if is_alias_only {
        Some("the name is an alias, and this server does not resolve it for others; name another `server`")
    } else {
        None
    }
}

/// A value without the dot at the end of its name; texts stay as they are.
fn tidy(value: String, record: DnsRecord) -> String {
    let is_text = matches!(record, DnsRecord::Txt | DnsRecord::Caa);
    let name = value.strip_suffix('.').filter(|_| !is_text).map(str::to_owned);
    name.unwrap_or(value)
}

fn describe(found: &BTreeSet<String>, message: &Message) -> String {
    if found.is_empty() {
        let is_missing = message.metadata.response_code == ResponseCode::NXDomain;
        return if is_missing { "no such name".into() } else { "none".into() };
    }
    let shown: Vec<_> = found.iter().take(MAX_SHOWN).map(String::as_str).collect();
    let more = found.len() - shown.len();
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn is_same(values: &[String], found: &BTreeSet<String>, record: DnsRecord) -> bool {
    let normal = |value: &String| normal(value, record);
    values.iter().map(normal).collect::<BTreeSet<_>>() == found.iter().map(normal).collect()
}

/// A value as it is compared: addresses by their value, names in any case and with or without the dot at their end.
fn normal(value: &str, record: DnsRecord) -> String {
    match record {
        DnsRecord::A | DnsRecord::Aaaa => {
            value.trim().parse::<IpAddr>().map_or_else(|_| value.to_owned(), |address| address.to_string())
        }
        DnsRecord::Txt | DnsRecord::Caa => value.to_owned(),
        _ => {
            let words: Vec<_> = value.split_whitespace().map(str::to_ascii_lowercase).collect();
            tidy(words.join(" "), record)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use hickory_proto::op::{MessageType, OpCode, Query};
    use hickory_proto::rr::rdata::{A, CNAME, MX, SOA, TXT};
    use hickory_proto::rr::{Name, RData, Record};

    use super::*;

    fn spec(more: &str) -> DnsSpec {
        serde_json::from_str(&format!("{{\"name\": \"app.example.org\"{more}}}")).unwrap()
    }

    fn of(name: &str) -> Name {
        Name::from_str(name).unwrap()
    }

    fn response(kind: RecordType, records: Vec<RData>) -> Message {
        let mut message = Message::new(1, MessageType::Response, OpCode::Query);
        message.metadata.recursion_available = true;
        message.add_query(Query::query(of("app.example.org."), kind));
        message.add_answers(
            records.into_iter().map(|data| Record::from_rdata(of("app.example.org."), 300, data)),
        );
        message
    }

    fn judged(more: &str, message: &Message) -> (Option<bool>, String) {
        let seen = judge(&spec(more), &SocketAddr::from(([10, 0, 0, 2], 53)), message).remove(0);
        (seen.ok, seen.seen)
    }

    fn address(last: u8) -> RData {
        RData::A(A::new(10, 0, 0, last))
    }

    #[test]
    fn values_are_compared_in_any_order() {
        let two = response(RecordType::A, vec![address(2), address(1)]);
        for (more, ok) in [
            ("", true),
            (r#", "values": ["10.0.0.1", "10.0.0.2"]"#, true),
            (r#", "values": ["10.0.0.1"]"#, false),
            (r#", "values": ["10.0.0.1", "10.0.0.2", "10.0.0.3"]"#, false),
            (r#", "count": 2"#, true),
            (r#", "count": 3"#, false),
            (r#", "count": 0"#, false),
        ] {
            assert_eq!(judged(more, &two), (Some(ok), "10.0.0.1, 10.0.0.2".into()), "{more}");
        }
        let mail = response(RecordType::MX, vec![RData::MX(MX::new(10, of("Mail.example.org.")))]);
        let with = r#", "type": "MX", "values": ["10 mail.example.org."]"#;
        assert_eq!(judged(with, &mail), (Some(true), "10 mail.example.org".into()));
        let text = RData::TXT(TXT::new(vec!["v=spf1 ".into(), "-all".into()]));
        let text = response(RecordType::TXT, vec![text]);
        assert_eq!(judged(r#", "type": "TXT", "values": ["v=spf1 -all"]"#, &text).0, Some(true));
        assert_eq!(judged(r#", "type": "TXT", "values": ["V=SPF1 -all"]"#, &text).0, Some(false));
    }

    #[test]
    fn the_addresses_behind_an_alias_count_and_the_alias_does_not() {
        let alias = RData::CNAME(CNAME(of("edge.example.org.")));
        let behind = response(RecordType::A, vec![alias.clone(), address(1)]);
        assert_eq!(judged(r#", "values": ["10.0.0.1"]"#, &behind).0, Some(true));
        // The alias points to nothing.
        let dangling = response(RecordType::A, vec![alias.clone()]);
        assert_eq!(judged("", &dangling), (Some(false), "none".into()));
        let mut unresolved = dangling;
        unresolved.metadata.recursion_available = false;
        assert_eq!(judged("", &unresolved).0, None);
        let asked = response(RecordType::CNAME, vec![alias]);
        let with = r#", "type": "CNAME", "values": ["edge.example.org"]"#;
        assert_eq!(judged(with, &asked), (Some(true), "edge.example.org".into()));
    }

    #[test]
    fn no_records_are_distinguished_from_no_answer() {
        let mut missing = response(RecordType::A, Vec::new());
        missing.metadata.response_code = ResponseCode::NXDomain;
        assert_eq!(judged("", &missing), (Some(false), "no such name".into()));
        assert_eq!(judged(r#", "count": 0"#, &missing).0, Some(true));
        let mut empty = response(RecordType::A, Vec::new());
        assert_eq!(judged("", &empty), (Some(false), "none".into()));
        // A referral: the server says only that it does not know.
        empty.metadata.recursion_available = false;
        let (ok, why) = judged(r#", "count": 0"#, &empty);
        assert!(ok.is_none() && why.contains("10.0.0.2:53: this server is not responsible"), "{why}");
        let mut own = empty.clone();
        own.metadata.authoritative = true;
        assert_eq!(judged(r#", "count": 0"#, &own).0, Some(true));
        let soa = SOA::new(of("ns."), of("admin."), 1, 1, 1, 1, 1);
        empty.add_authority(Record::from_rdata(of("example.org."), 60, RData::SOA(soa)));
        assert_eq!(judged(r#", "count": 0"#, &empty).0, Some(true));
    }
}
