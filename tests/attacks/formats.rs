//! Lines with the same content in another format, and lines in no valid format.

use super::AttackSetup;
use super::table::{Attack, JSON_FORMAT, invalid, undetected};

/// Changes the last line of an open log, which no signature covers.
fn last_line(setup: &AttackSetup, change: fn(String) -> Vec<u8>) -> Vec<u8> {
    let lines = setup.log.lines();
    let at = setup.log.find("probed");
    let last = String::from_utf8(lines[at].clone()).unwrap();
    [lines[..at].concat(), change(last)].concat()
}

pub fn formats() -> Vec<Attack> {
    let format = |name, message, apply| undetected(JSON_FORMAT, invalid(name, message, apply));
    vec![
        format("white space", "not an entry", |setup| {
            last_line(setup, |line| line.replacen(',', ", ", 1).into())
        }),
        format("keys in another order", "not an entry", |setup| {
            last_line(setup, |line| {
                line.replacen("\"early\":false,", "", 1)
                    .replacen("\"took_ms\"", "\"early\":false,\"took_ms\"", 1)
                    .replacen("\"attempt\":1,\"early\":false,", "\"early\":false,\"attempt\":1,", 1)
                    .into()
            })
        }),
        format("a key twice", "duplicate field", |setup| {
            last_line(setup, |line| line.replacen("\"attempt\":1", "\"attempt\":1,\"attempt\":1", 1).into())
        }),
        format("an unknown key", "unknown field", |setup| {
            last_line(setup, |line| line.replacen("\"attempt\":1", "\"attempt\":1,\"extra\":1", 1).into())
        }),
        format("a carriage return", "not an entry", |setup| {
            last_line(setup, |line| line.replace('\n', "\r\n").into())
        }),
        format("an unnecessary escape", "not an entry", |setup| {
            last_line(setup, |line| line.replacen("probed", "prob\\u0065d", 1).into())
        }),
        format("a number with a fraction", "not an entry", |setup| {
            last_line(setup, |line| line.replacen("\"attempt\":1", "\"attempt\":1.0", 1).into())
        }),
        invalid("half a character (a lone surrogate)", "not an entry", |setup| {
            last_line(setup, |line| line.replacen("\"probe\":\"", "\"probe\":\"\\ud800", 1).into())
        }),
        format("bytes that are not UTF-8", "not an entry", |setup| {
            last_line(setup, |line| {
                let mut bytes = line.into_bytes();
                let at = bytes.iter().position(|byte| *byte == b'y').unwrap();
                bytes[at] = 0xff;
                bytes
            })
        }),
        invalid("nested a hundred thousand deep", "not an entry", |setup| {
            last_line(setup, |line| {
                line.replacen("\"attempt\":1", &format!("\"attempt\":{}", "[".repeat(100_000)), 1).into()
            })
        }),
        format("a later version", "version 2", |setup| {
            last_line(setup, |line| line.replacen("\"v\":1", "\"v\":2", 1).into())
        }),
        format("an unknown kind", "not an entry", |setup| {
            last_line(setup, |line| line.replacen("probed", "foretold", 1).into())
        }),
        invalid("a byte order mark", "INVALID at line 1", |setup| {
            [b"\xef\xbb\xbf".to_vec(), setup.log.bytes()].concat()
        }),
        invalid("an empty line", "not an entry", |setup| {
            let mut lines = setup.log.lines();
            lines.insert(2, b"\n".to_vec());
            lines.concat()
        }),
    ]
}
