//! Lines that say the same in another form, or say something in none.

use super::Stage;
use super::table::{Attack, FORM, blind, invalid};

/// The last line of an open log, which no signature covers, written otherwise.
fn tail(stage: &Stage, change: fn(String) -> Vec<u8>) -> Vec<u8> {
    let lines = stage.log.lines();
    let at = stage.log.find("probed");
    let last = String::from_utf8(lines[at].clone()).unwrap();
    [lines[..at].concat(), change(last)].concat()
}

pub fn forms() -> Vec<Attack> {
    let form = |name, told, apply| blind(FORM, invalid(name, told, apply));
    vec![
        form("white space", "not an entry", |stage| tail(stage, |line| line.replacen(',', ", ", 1).into())),
        form("keys in another order", "not an entry", |stage| {
            tail(stage, |line| {
                line.replacen("\"early\":false,", "", 1)
                    .replacen("\"took_ms\"", "\"early\":false,\"took_ms\"", 1)
                    .replacen("\"attempt\":1,\"early\":false,", "\"early\":false,\"attempt\":1,", 1)
                    .into()
            })
        }),
        form("a key twice", "duplicate field", |stage| {
            tail(stage, |line| line.replacen("\"attempt\":1", "\"attempt\":1,\"attempt\":1", 1).into())
        }),
        form("a key that is not known", "unknown field", |stage| {
            tail(stage, |line| line.replacen("\"attempt\":1", "\"attempt\":1,\"extra\":1", 1).into())
        }),
        form("a carriage return", "not an entry", |stage| {
            tail(stage, |line| line.replace('\n', "\r\n").into())
        }),
        form("an escape that is not needed", "not an entry", |stage| {
            tail(stage, |line| line.replacen("probed", "prob\\u0065d", 1).into())
        }),
        form("a number with a fraction", "not an entry", |stage| {
            tail(stage, |line| line.replacen("\"attempt\":1", "\"attempt\":1.0", 1).into())
        }),
        invalid("half a character (a lone surrogate)", "not an entry", |stage| {
            tail(stage, |line| line.replacen("\"probe\":\"", "\"probe\":\"\\ud800", 1).into())
        }),
        form("bytes that are not UTF-8", "not an entry", |stage| {
            tail(stage, |line| {
                let mut bytes = line.into_bytes();
                let at = bytes.iter().position(|byte| *byte == b'y').unwrap();
                bytes[at] = 0xff;
                bytes
            })
        }),
        invalid("nested a hundred thousand deep", "not an entry", |stage| {
            tail(stage, |line| {
                line.replacen("\"attempt\":1", &format!("\"attempt\":{}", "[".repeat(100_000)), 1).into()
            })
        }),
        form("a version to come", "version 2", |stage| {
            tail(stage, |line| line.replacen("\"v\":1", "\"v\":2", 1).into())
        }),
        form("a kind to come", "not an entry", |stage| {
            tail(stage, |line| line.replacen("probed", "foretold", 1).into())
        }),
        invalid("a byte order mark", "INVALID at line 1", |stage| {
            [b"\xef\xbb\xbf".to_vec(), stage.log.bytes()].concat()
        }),
        invalid("an empty line", "not an entry", |stage| {
            let mut lines = stage.log.lines();
            lines.insert(2, b"\n".to_vec());
            lines.concat()
        }),
    ]
}
