//! Trusted signers and revoked keys, compared with the real `ssh-keygen`: both check the same generated files. gonogo is
//! never looser, and if it is stricter, the reason is in a fixed list.
//!
//!     GONOGO_CASES=2000 GONOGO_SEED=1 cargo test --test main differential -- --nocapture

mod cases;
mod keygen;
pub mod keys;
mod lines;
mod operators;
mod revocations;

use std::collections::BTreeMap;
use std::env;

use gonogo_core::journal::public_key::RejectedKey;
use gonogo_core::journal::revoked::RevokedKeys;
use gonogo_core::journal::signers::{AllowedSigners, DistrustError, IgnoredReason};
use gonogo_core::time::Utc;

use crate::support::keys::KEYGEN;
use crate::support::need;
use cases::{Case, Random};
use keygen::Keygen;
use operators::Operators;

/// The default number of cases; `GONOGO_CASES` sets another one.
const ORDINARY: usize = 200;

/// The results of both for a case.
enum Outcome {
    Agree,
    /// gonogo rejects what ssh-keygen accepts, for this reason.
    Stricter(&'static str),
    /// gonogo accepts what ssh-keygen rejects, or is stricter without a known reason.
    Wrong(String),
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    number("GONOGO_SEED", u64::from(now.subsec_nanos()))
}

/// The class of the reason why a line is ignored. A new reason must be added here, or it is an error.
fn class(reason: &IgnoredReason) -> &'static str {
    use IgnoredReason as Reason;
    match reason {
        Reason::ZeroByte => "zero byte",
        Reason::ByteOrderMark => "byte order mark",
        Reason::Utf16 => "UTF-16",
        Reason::CarriageReturn => "carriage return",
        Reason::Name(_) => "name",
        Reason::Machine => "machine",
        Reason::ShortForm => "short form of a key",
        Reason::Unfit(RejectedKey::Weak) => "weak key",
        Reason::Unfit(RejectedKey::Kind(_)) => "kind of key",
        Reason::Time(..) => "time",
        Reason::LocalTime(..) => "local time",
        Reason::TwoNames(_) => "two names",
        // OpenSSH rejects these too, so they explain no difference.
        Reason::Form
        | Reason::Quote
        | Reason::Key
        | Reason::NoName(_)
        | Reason::Certificate
        | Reason::Unfit(RejectedKey::Compressed)
        | Reason::Option(_)
        | Reason::Twice(_)
        | Reason::NeverValid => "",
    }
}

/// Why gonogo may reject what ssh-keygen accepts: it ignores a line with the name or the key of the operator.
fn reason_to_be_stricter(all: &AllowedSigners, case: &Case) -> Option<&'static str> {
    let lines: Vec<&[u8]> = case.signers.split_inclusive(|byte| *byte == b'\n').collect();
    let relevant = all.ignored().iter().filter(|ignored| {
        let line = lines[ignored.place.line - 1];
        let has = |text: &str| line.windows(text.len()).any(|part| part == text.as_bytes());
        // A short form of the key has other letters.
        has(&case.key_text) || (ignored.reason == IgnoredReason::ShortForm && has(&case.principal))
    });
    relevant.map(|ignored| class(&ignored.reason)).find(|class| !class.is_empty())
}

/// Runs both on a case; also whether ssh-keygen trusts the key.
fn compare(case: &Case, keygen: &Keygen) -> (Outcome, bool) {
    let all = AllowedSigners::parse("allowed_signers", &case.signers);
    let revoked =
        case.revoked.as_ref().map_or(Ok(RevokedKeys::default()), |list| RevokedKeys::parse("revoked", list));
    let at = Utc::parse(&case.at).unwrap();
    let trusted = |all: &AllowedSigners| -> Result<(), DistrustError> {
        all.check(&case.principal, &case.key, case.namespace, at)
    };
    let accepted = revoked.is_ok_and(|revoked| trusted(&all.clone().with_revoked(revoked)).is_ok());
    let stock = keygen.verify(case);
    let is_trusted = stock.is_ok();
    let shown = || format!("{}: {:?}", case.name, String::from_utf8_lossy(&case.signers));
    let outcome = match (accepted, is_trusted) {
        (true, false) => Outcome::Wrong(format!("looser: {}: {}", shown(), stock.unwrap_err())),
        (false, true) => match case.stricter.or_else(|| reason_to_be_stricter(&all, case)) {
            Some(class) => Outcome::Stricter(class),
            None => Outcome::Wrong(format!("stricter without a reason: {}: {:?}", shown(), all.warnings())),
        },
        _ => Outcome::Agree,
    };
    (outcome, is_trusted)
}

#[test]
fn gonogo_is_never_looser_than_ssh_keygen() {
    need!(KEYGEN);
    let operators = Operators::new();
    let keygen = Keygen::new(&operators);
    let (seed, count) = (seed(), usize::try_from(number("GONOGO_CASES", ORDINARY as u64)).unwrap());
    println!("seed {seed}: GONOGO_SEED={seed} GONOGO_CASES={count}");
    let mut random = Random::new(seed);
    let mut fixed = [cases::fixed(&operators), revocations::fixed(&operators)].concat();
    // At most half of the cases are fixed ones; each run takes other ones.
    if fixed.len() * 2 > count {
        random.shuffle(&mut fixed);
        fixed.truncate(count / 2);
    }
    let mut all = fixed;
    while all.len() < count {
        let case = if random.below(6) == 0 {
            revocations::random(&operators, &mut random)
        } else {
            cases::random(&operators, &mut random)
        };
        all.push(case);
    }
    let (mut agree, mut trusted) = (0, 0);
    let (mut stricter, mut wrong) = (BTreeMap::<_, usize>::new(), Vec::new());
    for case in &all {
        let (outcome, stock) = compare(case, &keygen);
        trusted += usize::from(stock);
        match outcome {
            Outcome::Agree => agree += 1,
            Outcome::Stricter(class) => *stricter.entry(class).or_default() += 1,
            Outcome::Wrong(why) => wrong.push(why),
        }
    }
    println!("{} cases: {agree} agree, {trusted} trusted by ssh-keygen, stricter: {stricter:?}", all.len());
    assert!(wrong.is_empty(), "seed {seed}, {} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(trusted * 10 >= all.len(), "too few of the cases are trusted to be meaningful: {trusted}");
}
