//! Lists of revoked keys, as text and as `ssh-keygen -k` makes them.

use super::cases::{Case, Random, spoil};
use super::keys::{security_key, string};
use super::people::People;

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

fn with(people: &People, name: &str, list: Vec<u8>) -> Case {
    let alice = &people.alice;
    let line = format!("{} {}\n", alice.principal, alice.key);
    Case { revoked: Some(list), ..Case::of(alice, name, &line) }
}

fn filled(text: &str, people: &People) -> String {
    text.replace('K', "\u{1}")
        .replace("SSH\u{1}RL", "SSHKRL")
        .replace('B', &people.bob.key)
        .replace('\u{1}', &people.alice.key)
}

/// Why gonogo may refuse a list that ssh-keygen takes.
fn class(list: &[u8]) -> Option<&'static str> {
    let binary = list.starts_with(b"SSHKRL\n\0");
    (!binary && list.contains(&0)).then_some("zero byte in a list of revoked keys")
}

pub fn fixed(people: &People) -> Vec<Case> {
    let mut all = Vec::new();
    for text in TEXTS {
        let list = filled(text, people).into_bytes();
        let stricter = class(&list);
        all.push(Case { stricter, ..with(people, &format!("revoked {text:?}"), list) });
    }
    let rsa = format!("{}\n", people.dave.key);
    all.push(with(people, "revoked RSA key", rsa.into_bytes()));
    for application in ["ssh:", "ssh:other"] {
        let twin = security_key(&people.alice.key, application).into_bytes();
        let stricter = Some("another form of the key is revoked");
        all.push(Case { stricter, ..with(people, "revoked twin", twin) });
    }
    for list in &people.lists {
        all.push(with(people, "binary list", list.clone()));
        let section = |kind: u8, content: &[u8]| [list.clone(), vec![kind], string(content)].concat();
        for (kind, content) in sections() {
            all.push(with(people, &format!("binary list and section {kind}"), section(kind, &content)));
        }
        for cut in [4, 8, 12, 30, list.len() - 1] {
            all.push(with(people, "binary list, cut", list[..cut.min(list.len())].to_vec()));
        }
    }
    all
}

/// Sections that are not as they should be, or are nobody's.
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

pub fn random(people: &People, random: &mut Random) -> Case {
    let mut list = if random.below(2) == 0 {
        let lines: String = (0..=random.below(3)).map(|_| random.pick(TEXTS).to_owned()).collect();
        filled(&lines, people).into_bytes()
    } else {
        people.lists[random.below(people.lists.len())].clone()
    };
    match random.below(3) {
        0 => spoil(&mut list, random),
        1 if !list.is_empty() => list.truncate(random.below(list.len()) + 1),
        _ => {}
    }
    let stricter = class(&list);
    Case { stricter, ..with(people, "made up list", list) }
}
