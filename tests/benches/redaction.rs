//! The speed of redaction in five kinds of output, against one pass that copies and adds up the same bytes.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gonogo::process::Permit;
use gonogo::secret_store::SecretStore;
use gonogo_core::secret::{RedactingStream, Secret};
use sha2::{Digest as _, Sha256};

use crate::measure::{Measured, alternate, millis, size};

const ROUNDS: usize = 5;
/// The size of the output of each kind, in MB.
const OUTPUT: usize = 50;
/// The size of a chunk, in bytes.
const PIECE: usize = 256 << 10;
/// Different lines of each kind.
const LINES: usize = 20_000;
const SECRETS: usize = 10;

/// A line of output, by its number.
type Line = fn(usize) -> String;

const KINDS: [(&str, Line, &str); 5] = [
    ("redaction, plain", plain, "at least 300 MB/s"),
    ("redaction, coloured", coloured, "at least 100 MB/s"),
    ("redaction, JSON", json, "at least 100 MB/s"),
    ("redaction, base64", base64, "at least 100 MB/s"),
    ("redaction, rulers", ruler, "at least 30 MB/s"),
];

pub fn bench() {
    for (name, line, aim) in KINDS {
        let text = text(line);
        let (subject, reference) = alternate(ROUNDS, || speed(&text, redact), || speed(&text, add_up));
        Measured { name, subject, reference: Some(reference), unit: "MB/s", aim }.report();
    }
}

/// The speed in MB per second.
fn speed(text: &[u8], process: fn(&[u8])) -> f64 {
    let megabytes = f64::from(u32::try_from(text.len()).unwrap()) / 1e6;
    megabytes / (millis(|| process(text)) / 1000.0)
}

fn redact(text: &[u8]) {
    let secret_store = SecretStore::new(Permit::for_tests());
    for number in 0..SECRETS {
        secret_store.register("env S", &Secret::new(format!("s3cr3t/{number}+of=the&house-{number}")));
    }
    let mut stream = RedactingStream::new(secret_store.redactor().needles().to_vec()).unwrap();
    let (mut clean, mut length) = (Vec::new(), 0);
    for piece in text.chunks(PIECE) {
        clean.clear();
        stream.push(piece, &mut clean);
        length += clean.len();
    }
    clean.clear();
    stream.finish(&mut clean);
    assert_eq!(length + clean.len(), text.len());
}

fn add_up(text: &[u8]) {
    let (mut copy, mut sum) = (Vec::new(), 0);
    for piece in text.chunks(PIECE) {
        copy.clear();
        copy.extend_from_slice(piece);
        sum += black_box(&copy).iter().map(|byte| u64::from(*byte)).sum::<u64>();
    }
    black_box(sum);
}

fn text(line: Line) -> Vec<u8> {
    let length = size(OUTPUT * 1_000_000, 100_000);
    let block: String = (0..size(LINES, 100)).map(line).collect();
    block.bytes().cycle().take(length).collect()
}

/// As builds print: words, paths, options.
fn plain(number: usize) -> String {
    match number % 5 {
        0 => {
            format!("[{}/977] Compiling an ordinary crate, number {number}, without secrets\n", number % 977)
        }
        1 => format!("   --> crates/engine/src/supervisor/work.rs:{}:17\n", number % 400),
        2 => format!(
            "cc -O2 -fPIC -I../include/net -DNDEBUG=1 -c -o obj/part-{number}.o \"src/net/part-{number}.c\"\n"
        ),
        3 => format!("copying build/lib/python3/site-packages/some_package/part_{number}.py -> build/lib\n"),
        _ => format!(
            "2026-05-04T10:11:{:02}Z info: it's step {number}, 100% of a=b & c=d; next: link\n",
            number % 60
        ),
    }
}

fn coloured(number: usize) -> String {
    format!("\x1b[32m[{}/34]\x1b[0m \x1b[1m{}\x1b[0m\n", number % 34, plain(number).trim_end())
}

/// As services log: escapes, digests, and a path with escaped backslashes.
fn json(number: usize) -> String {
    let trace = base16ct::lower::encode_string(&digest(number)[..16]);
    let message = format!(r#"GET \/cart?id={number}%2F7 \u003c200\u003e in \"{}ms\"\n"#, number % 97);
    format!(
        r#"{{"level":"info","ts":"2026-05-04T10:11:12Z","msg":"{message}","trace":"{trace}","path":"C:\\builds\\new"}}{}"#,
        "\n"
    )
}

/// As test runners and installers draw them.
fn ruler(number: usize) -> String {
    let ruler = ["=", "%", "\\"][number % 3].repeat(40);
    format!("{ruler} step {number} {ruler}\n==> next <==\n")
}

/// Lines of 76 columns.
fn base64(number: usize) -> String {
    let bytes = [digest(number), digest(number + LINES)].concat();
    STANDARD.encode(&bytes[..57]) + "\n"
}

fn digest(number: usize) -> [u8; 32] {
    Sha256::digest(number.to_le_bytes()).into()
}
