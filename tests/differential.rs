//! Whom gonogo trusts, held against the real `ssh-keygen`: generated files of trusted signers and of revoked
//! keys, the same question to both. gonogo is never looser, and where it is stricter it names a reason of a
//! closed list.
//!
//!     GONOGO_CASES=2000 GONOGO_SEED=1 cargo test --test main differential -- --nocapture

mod cases;
mod keygen;
pub mod keys;
mod lines;
mod people;
mod revocations;

use std::collections::BTreeMap;
use std::env;

use gonogo_core::journal::public_key::RejectedKey;
use gonogo_core::journal::revoked::RevokedKeys;
use gonogo_core::journal::signers::{AllowedSigners, DistrustError, IgnoredReason};
use gonogo_core::time::Utc;

use crate::bench::keys::KEYGEN;
use crate::bench::need;
use cases::{Case, Random};
use keygen::Keygen;
use people::People;

/// How many generated cases an ordinary run has; `GONOGO_CASES` says another number.
const ORDINARY: usize = 200;

/// What the two answered to a case.
enum Outcome {
    Agree,
    /// gonogo refuses what ssh-keygen takes, for this reason.
    Stricter(&'static str),
    /// gonogo takes what ssh-keygen refuses, or says not why.
    Wrong(String),
}

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    number("GONOGO_SEED", u64::from(now.subsec_nanos()))
}

/// Why a line does not count, in a word. A reason that is new belongs into this list, or is a mistake.
fn class(reason: &IgnoredReason) -> &'static str {
    use IgnoredReason as Reason;
    match reason {
        Reason::ZeroByte => "zero byte",
        Reason::CarriageReturn => "carriage return",
        Reason::Name(_) => "name",
        Reason::Pattern(_) => "pattern",
        Reason::Machine => "machine",
        Reason::ShortForm => "short form of a key",
        Reason::Unfit(RejectedKey::Weak) => "weak key",
        Reason::Unfit(RejectedKey::Kind(_)) => "kind of key",
        Reason::Time(..) => "time",
        Reason::LocalTime(..) => "local time",
        Reason::TwoNames(_) => "two names",
        // What OpenSSH refuses as well explains nothing.
        Reason::Form
        | Reason::Quote
        | Reason::Key
        | Reason::Certificate
        | Reason::Unfit(RejectedKey::Compressed)
        | Reason::Option(_)
        | Reason::Twice(_)
        | Reason::NeverValid => "",
    }
}

/// Why gonogo may refuse what ssh-keygen takes: a line that names the person or has their key does not count.
fn explanation(all: &AllowedSigners, case: &Case) -> Option<&'static str> {
    let lines: Vec<&[u8]> = case.signers.split_inclusive(|byte| *byte == b'\n').collect();
    let told = all.ignored().iter().filter(|ignored| {
        let line = lines[ignored.place.line - 1];
        let has = |text: &str| line.windows(text.len()).any(|part| part == text.as_bytes());
        // There the same key has other letters.
        has(&case.key_text) || (ignored.reason == IgnoredReason::ShortForm && has(&case.principal))
    });
    told.map(|ignored| class(&ignored.reason)).find(|class| !class.is_empty())
}

/// What the two answer, and whether ssh-keygen trusts.
fn ask(case: &Case, keygen: &Keygen) -> (Outcome, bool) {
    let all = AllowedSigners::parse("allowed_signers", &case.signers);
    let revoked =
        case.revoked.as_ref().map_or(Ok(RevokedKeys::default()), |list| RevokedKeys::parse("revoked", list));
    let at = Utc::parse(&case.at).unwrap();
    let trusted = |all: &AllowedSigners| -> Result<(), DistrustError> {
        all.check(&case.principal, &case.key, case.namespace, at)
    };
    let own = revoked.is_ok_and(|revoked| trusted(&all.clone().with_revoked(revoked)).is_ok());
    let stock = keygen.verify(case);
    let is_trusted = stock.is_ok();
    let shown = || format!("{}: {:?}", case.name, String::from_utf8_lossy(&case.signers));
    let outcome = match (own, is_trusted) {
        (true, false) => Outcome::Wrong(format!("looser: {}: {}", shown(), stock.unwrap_err())),
        (false, true) => match case.stricter.or_else(|| explanation(&all, case)) {
            Some(class) => Outcome::Stricter(class),
            None => {
                Outcome::Wrong(format!("stricter, and nobody says why: {}: {:?}", shown(), all.warnings()))
            }
        },
        _ => Outcome::Agree,
    };
    (outcome, is_trusted)
}

#[test]
fn gonogo_is_never_looser_than_ssh_keygen() {
    need!(KEYGEN);
    let people = People::new();
    let keygen = Keygen::new(&people);
    let (seed, count) = (seed(), usize::try_from(number("GONOGO_CASES", ORDINARY as u64)).unwrap());
    println!("seed {seed}: GONOGO_SEED={seed} GONOGO_CASES={count}");
    let mut random = Random::new(seed);
    let mut fixed = [cases::fixed(&people), revocations::fixed(&people)].concat();
    // Of what is written down an ordinary run takes some, other ones every time.
    if fixed.len() * 2 > count {
        random.shuffle(&mut fixed);
        fixed.truncate(count / 2);
    }
    let mut all = fixed;
    while all.len() < count {
        let case = if random.below(6) == 0 {
            revocations::random(&people, &mut random)
        } else {
            cases::random(&people, &mut random)
        };
        all.push(case);
    }
    let (mut agree, mut trusted) = (0, 0);
    let (mut stricter, mut wrong) = (BTreeMap::<_, usize>::new(), Vec::new());
    for case in &all {
        let (outcome, stock) = ask(case, &keygen);
        trusted += usize::from(stock);
        match outcome {
            Outcome::Agree => agree += 1,
            Outcome::Stricter(class) => *stricter.entry(class).or_default() += 1,
            Outcome::Wrong(why) => wrong.push(why),
        }
    }
    println!("{} cases: {agree} agree, {trusted} trusted by ssh-keygen, stricter: {stricter:?}", all.len());
    assert!(wrong.is_empty(), "seed {seed}, {} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(trusted * 10 >= all.len(), "too few of the cases are trusted to tell anything: {trusted}");
}
