//! Files of trusted signers: fixed cases and random ones.

use super::lines::{LINES, OPTIONS, TIMES};
use super::operators::{ENTRY, Operator, Operators, SEAL};

const ZONES: [&str; 2] = ["UTC", "PST8PDT,M3.2.0,M11.1.0"];
/// The time of the signature.
pub const AT: &str = "2026-06-15T10:00:02Z";

/// A case for both: a signature and the files to check it with.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    pub signers: Vec<u8>,
    pub revoked: Option<Vec<u8>>,
    /// Whose signature it is, and the name to check it for.
    pub signer: &'static str,
    pub principal: String,
    pub key: String,
    /// The text that identifies the key in a line.
    pub key_text: String,
    pub namespace: &'static str,
    pub at: String,
    pub zone: &'static str,
    /// Why gonogo may be stricter, if no ignored line of the trusted signers explains it.
    pub stricter: Option<&'static str>,
}

impl Case {
    pub fn of(operator: &Operator, name: &str, signers: &str) -> Self {
        Self {
            name: name.into(),
            signers: signers.into(),
            revoked: None,
            signer: operator.principal,
            principal: operator.principal.into(),
            key: operator.key.clone(),
            key_text: operator.key[operator.key.len() - 12..].trim_end_matches('=').into(),
            namespace: ENTRY,
            at: AT.into(),
            zone: ZONES[0],
            stricter: None,
        }
    }
}

/// Pseudo-random numbers (`SplitMix64`).
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        (1..all.len()).rev().for_each(|at| all.swap(at, self.below(at + 1)));
    }
}

fn fill_template(template: &str, operators: &Operators) -> String {
    let (kind, blob) = operators.alice.key.split_once(' ').unwrap();
    let expand = |c: char| match c {
        'A' => operators.alice.principal.to_owned(),
        'K' => operators.alice.key.clone(),
        'T' => kind.to_owned(),
        'L' => blob.to_owned(),
        'B' => operators.bob.key.clone(),
        c => c.to_string(),
    };
    // A capital letter is a placeholder only if it stands alone; `L` also before base64.
    let chars: Vec<char> = template.chars().collect();
    let is_letter = |at: usize| at < chars.len() && (chars[at].is_ascii_alphanumeric() || chars[at] == '-');
    let alone = |at: usize| {
        let open = at == 0 || !is_letter(at - 1);
        open && (!is_letter(at + 1) || (chars[at] == 'L' && chars[at + 1..].starts_with(&['A', 'A'])))
    };
    (0..chars.len()).map(|at| if alone(at) { expand(chars[at]) } else { chars[at].to_string() }).collect()
}

/// The fixed cases.
pub fn fixed(operators: &Operators) -> Vec<Case> {
    let alice = &operators.alice;
    let mut all: Vec<Case> = LINES
        .iter()
        .map(|line| Case::of(alice, &format!("line {line:?}"), &fill_template(line, operators)))
        .collect();
    for option in OPTIONS {
        for namespace in [ENTRY, SEAL] {
            let line = format!("{} {option} {}\n", alice.principal, alice.key);
            all.push(Case { namespace, ..Case::of(alice, &format!("option {option}"), &line) });
        }
    }
    for (time, option) in TIMES.iter().flat_map(|time| [(time, "valid-after"), (time, "valid-before")]) {
        for zone in ZONES {
            let line = format!("{} {option}=\"{time}\" {}\n", alice.principal, alice.key);
            all.push(Case { zone, ..Case::of(alice, &format!("{option} {time} in {zone}"), &line) });
        }
    }
    all.extend(long_lines(alice));
    all.extend(other_keys(operators));
    all
}

fn long_lines(alice: &Operator) -> Vec<Case> {
    let Operator { principal, key } = alice;
    let star = "*".repeat(200_000);
    let texts = [
        ("long comment", format!("# {}\n{principal} {key}\n", "x".repeat(100_000))),
        ("long comment after a key", format!("{principal} {key} {}\n", "x".repeat(200_000))),
        ("many stars", format!("{principal} namespaces=\"{star}\" {key}\n")),
        ("a long pattern", format!("{principal} namespaces=\"gonogo-*,{}\" {key}\n", "x".repeat(1022))),
        ("too long a pattern", format!("{principal} namespaces=\"gonogo-*,{}\" {key}\n", "x".repeat(1023))),
        (
            "too long an excluded pattern",
            format!("{principal} namespaces=\"*,!{}\" {key}\n", "x".repeat(1023)),
        ),
        ("a long name", format!("{principal},{} {key}\n", "x".repeat(1022))),
        ("too long a name", format!("{principal},{} {key}\n", "x".repeat(1023))),
        ("names in thousands", format!("{principal}{} {key}\n", ",x".repeat(5000))),
    ];
    texts.iter().map(|(name, text)| Case::of(alice, name, text)).collect()
}

fn other_keys(operators: &Operators) -> Vec<Case> {
    let Operators { alice, bob, carol, dave, .. } = operators;
    let line = |operator: &Operator| format!("{} {}\n", operator.principal, operator.key);
    let mut all = vec![
        Case::of(carol, "ecdsa", &line(carol)),
        Case::of(dave, "rsa", &line(dave)),
        Case::of(alice, "everybody", &[alice, bob, carol, dave].map(line).concat()),
        Case::of(alice, "nobody", &line(bob)),
    ];
    let mut under_other_name = Case::of(alice, "as another operator", &[alice, bob].map(line).concat());
    under_other_name.principal = bob.principal.into();
    all.push(under_other_name);
    for (name, text) in super::keys::key_formats(operators) {
        all.push(Case::of(alice, name, &text));
        all.push(Case::of(carol, name, &text));
    }
    all
}

const NAMES: &[&str] = &[
    "A",
    "A",
    "A",
    "A",
    "\"A\"",
    "A,A",
    ",A",
    "A,",
    "A,b",
    "b,A",
    "*",
    "a*",
    "!x,A",
    "A,!x",
    "bob@x.example",
    "\"A",
    "A\"",
    "b \"A\"",
    "gonogo,A",
    "A,a?b",
    "\"A\"\"\"",
];
const SEPARATORS: &[&str] = &[" ", " ", " ", "\t", "  ", " \t ", "\x0b", "\r", "\x0c", ""];
const OPTION_SEPARATORS: &[&str] = &[",", ",", ",", ",,", "", ", ", ";"];
const LINES_BEFORE: &[&str] = &[
    "",
    "",
    "",
    "#x\n",
    "\n",
    "bob@x.example B\n",
    " \n",
    "\r\n",
    "A B\n",
    "bob valid-after=\"bad\" B\n",
    "bob@x.example K\n",
    "*,!A K\n",
    "A valid-before=\"20260101Z\" K\n",
    "A cert-authority K\n",
    "*@x.example cert-authority B\n",
    "*@x.example K\n",
    "\u{feff}",
    "\u{feff}# x\n",
    "\"\n",
    "x\0\n",
    "A namespaces=\"file\" K\n",
];
const LINE_ENDS: &[&str] = &[
    "\n",
    "\n",
    "",
    "\r\n",
    " \n",
    "\t\n",
    " c\n",
    "\0\n",
    "\n\n",
    " #c\n",
    "\n#\n",
    " \"\n",
    "\nbob@x.example K\n",
    "\nA K\n",
];
const KEYS: &[&str] =
    &["K", "K", "K", "K", "K", "K", "T\tL", "T  L", "B", "L", "T", "T L=", "ssh-rsa L", "T\rL", "T L\x0c"];
/// Bytes that may break a parser.
const SPECIAL_BYTES: &[u8] = b"\0\t\n\x0b\x0c\r !\"#*,-=?AZ\\az\x7f\x80\xff";

/// A random case.
pub fn random(operators: &Operators, random: &mut Random) -> Case {
    let mut text = fill_template(random.pick(LINES_BEFORE), operators);
    text += random.pick(&["", "", "", "", " ", "\t", "\r"]);
    text += &fill_template(random.pick(NAMES), operators);
    text += random.pick(SEPARATORS);
    if random.below(3) > 0 {
        text += &options(random);
        text += random.pick(SEPARATORS);
    }
    text += &fill_template(random.pick(KEYS), operators);
    text += &fill_template(random.pick(LINE_ENDS), operators);
    let mut case = Case::of(&operators.alice, "random", &text);
    case.namespace = random.pick(&[ENTRY, SEAL]);
    case.zone = random.pick(&ZONES);
    if random.below(5) == 0 {
        corrupt(&mut case.signers, random);
    }
    case
}

fn options(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..=random.below(2) {
        if !text.is_empty() {
            text += random.pick(OPTION_SEPARATORS);
        }
        match random.below(3) {
            0 => {
                let name = random.pick(&["valid-after", "valid-before", "Valid-After", "valid-until"]);
                text += &[name, "=\"", &time(random), "\""].concat();
            }
            1 => text += &namespaces(random),
            _ => text += random.pick(OPTIONS),
        }
    }
    text
}

fn time(random: &mut Random) -> String {
    match random.below(4) {
        0 => random.pick(TIMES).to_owned(),
        // Mostly close to the time of the signature.
        1 => format!("2026061509595{}Z", random.below(12)),
        2 => format!("202606151000{:02}Z", random.below(62)),
        _ => format!(
            "{:04}{:02}{:02}{}",
            1969 + random.below(70),
            random.below(14),
            random.below(33),
            random.pick(&["Z", "Z", "", "UTC"])
        ),
    }
}

fn namespaces(random: &mut Random) -> String {
    let pieces = [
        "gonogo-*",
        "*",
        "!file",
        "file",
        "gonogo-entry-v1",
        "!gonogo-seal-v1",
        "gonogo-?????-v?",
        "!*-v2",
        "*y*v1",
        "",
        "!",
        "?",
    ];
    let all: Vec<_> = (0..=random.below(4)).map(|_| random.pick(&pieces)).collect();
    format!("namespaces=\"{}\"", all.join(","))
}

/// Changes, inserts or removes a byte.
pub fn corrupt(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let byte = SPECIAL_BYTES[random.below(SPECIAL_BYTES.len())];
    match random.below(3) {
        0 => bytes.insert(at, byte),
        1 if at < bytes.len() => bytes[at] = byte,
        _ if at < bytes.len() => drop(bytes.remove(at)),
        _ => {}
    }
}
