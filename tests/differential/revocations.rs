//! Lists of revoked keys, as text and as binary lists of `ssh-keygen -k`.

use super::cases::{Case, Random, corrupt};
use super::keys::{security_key, string};
use super::operators::Operators;

/// Lines, in which `K` is Alice's key and `B` Bob's.
const TEXTS: &[&str] = &[
    "",
    "K\n",
    "K",
    "B\n",
    "B\nK\n",
    "# K\n",
    "K a comment\n",
    "  K\n",
    "\tK\n",
    "K\r\n",
    "B\r\n",
    "\r\nB\n",
    "B\n\r\n",
    "\n\n",
    " \n",
    " \t\nB\n",
    "garbage\nB\n",
    "B\ngarbage\n",
    "K\ngarbage\n",
    "garbage\nK\n",
    "\x0cB\n",
    "\u{a0}B\n",
    "B\n\0\n",
    "B\0\n",
    "# \0\nB\n",
    "restrict K\n",
    "restrict B\n",
    "namespaces=\"x\" B\n",
    "alice@x.example B\n",
    "ssh-ed25519\n",
    "ssh-ed25519 AAAA\n",
    "ssh-rsa AAAA\n",
    "ssh-xmss@openssh.com AAAA\n",
    "\"B\"\n",
    "B\n#",
    "B\nx",
    "SSHKRL",
    "SSHKRL\n",
    "SSHKRL\n\0",
    "ssh-ed25519-cert-v01@openssh.com AAAA\n",
];

fn with_list(operators: &Operators, name: &str, list: Vec<u8>) -> Case {
    let alice = &operators.alice;
    let line = format!("{} {}\n", alice.principal, alice.key);
    Case { revoked: Some(list), ..Case::of(alice, name, &line) }
}

fn fill_template(text: &str, operators: &Operators) -> String {
    text.replace('K', "\u{1}")
        .replace("SSH\u{1}RL", "SSHKRL")
        .replace('B', &operators.bob.key)
        .replace('\u{1}', &operators.alice.key)
}

/// Why gonogo may reject a list that ssh-keygen accepts.
fn reason_to_be_stricter(list: &[u8]) -> Option<&'static str> {
    let binary = list.starts_with(b"SSHKRL\n\0");
    (!binary && list.contains(&0)).then_some("zero byte in a list of revoked keys")
}

pub fn fixed(operators: &Operators) -> Vec<Case> {
    let mut all = Vec::new();
    for text in TEXTS {
        let list = fill_template(text, operators).into_bytes();
        let stricter = reason_to_be_stricter(&list);
        all.push(Case { stricter, ..with_list(operators, &format!("revoked {text:?}"), list) });
    }
    let rsa = format!("{}\n", operators.dave.key);
    all.push(with_list(operators, "revoked RSA key", rsa.into_bytes()));
    for application in ["ssh:", "ssh:other"] {
        let same_key = security_key(&operators.alice.key, application).into_bytes();
        let stricter = Some("another format of the key is revoked");
        all.push(Case {
            stricter,
            ..with_list(operators, "the same key revoked as a security key", same_key)
        });
    }
    for list in &operators.binary_lists {
        all.push(with_list(operators, "binary list", list.clone()));
        let section = |kind: u8, content: &[u8]| [list.clone(), vec![kind], string(content)].concat();
        for (kind, content) in sections() {
            all.push(with_list(
                operators,
                &format!("binary list and section {kind}"),
                section(kind, &content),
            ));
        }
        for cut in [4, 8, 12, 30, list.len() - 1] {
            all.push(with_list(operators, "binary list, cut", list[..cut.min(list.len())].to_vec()));
        }
    }
    all
}

/// Malformed and unknown sections.
fn sections() -> Vec<(u8, Vec<u8>)> {
    let part = |kind: u8, content: &[u8]| [string(b""), string(b""), vec![kind], string(content)].concat();
    vec![
        (0, vec![]),
        (9, vec![]),
        (1, vec![]),
        (1, [string(b"x"), string(b"")].concat()),
        (1, part(0x20, &[0; 8])),
        (1, part(0x20, &[1; 16])),
        (1, part(0x21, &[1; 16])),
        (1, part(0x21, &[[2; 8], [1; 8]].concat())),
        (1, part(0x22, &[[1; 8].to_vec(), string(&[0, 0x81])].concat())),
        (1, part(0x22, &[[1; 8].to_vec(), string(&[0x81])].concat())),
        (1, part(0x22, &[[0; 8].to_vec(), string(&[1])].concat())),
        (1, part(0x23, &string(b"a\0b"))),
        (1, part(0x24, b"")),
        (2, string(b"no key")),
        (2, vec![0, 0, 0, 9]),
        (3, string(&[0; 20])),
        (3, string(&[0; 19])),
        (5, string(&[0; 32])),
        (5, string(&[0; 33])),
    ]
}

pub fn random(operators: &Operators, random: &mut Random) -> Case {
    let mut list = if random.below(2) == 0 {
        let lines: String = (0..=random.below(3)).map(|_| random.pick(TEXTS).to_owned()).collect();
        fill_template(&lines, operators).into_bytes()
    } else {
        operators.binary_lists[random.below(operators.binary_lists.len())].clone()
    };
    match random.below(3) {
        0 => corrupt(&mut list, random),
        1 if !list.is_empty() => list.truncate(random.below(list.len()) + 1),
        _ => {}
    }
    let stricter = reason_to_be_stricter(&list);
    Case { stricter, ..with_list(operators, "random list", list) }
}
