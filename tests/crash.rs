//! `kill -9` at random moments: nothing that was acknowledged is lost, and the log stays good.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gonogo::engine::clock::now;
use gonogo::journal::chain::Chain;
use gonogo::journal::entry::{MACHINE, Recovered, Resumed};
use gonogo::journal::file::{Journal, Reopened};
use gonogo::journal::read::{Lines, Reader};
use gonogo::journal::store::Store;

use crate::bench::wait;

const DIRECTORY: &str = "GONOGO_CRASH_DIRECTORY";
/// Several logs: a long one takes longer and longer to be read again.
const LOGS: usize = 10;
const KILLS: usize = 20;

fn place(directory: &Path) -> (Store, PathBuf) {
    (Store::new(directory, None), directory.join("run.jsonl"))
}

/// The program that is killed: goes on with the log and tells every entry that was acknowledged.
fn write_for_ever(directory: &Path) -> ! {
    let (store, path) = place(directory);
    let Reopened { mut journal, torn, in_doubt, .. } = Journal::reopen(&store, &path).unwrap();
    if torn.is_some() || in_doubt.is_some() {
        journal.append(now(), MACHINE, Recovered { torn, in_doubt }.into(), None).unwrap();
    }
    loop {
        let event = Resumed { gonogo: "x".repeat(900), host: "h".into() };
        let entry = journal.append(now(), MACHINE, event.into(), None).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nacknowledged {} {}", entry.header.seq, entry.hash).unwrap();
    }
}

/// Starts itself as the writer, kills it after a while, and gives the last acknowledged position and hash.
fn kill_after(pause: Duration, test: &str, directory: &Path) -> Option<(u64, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (tell, told) = mpsc::channel();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reader =
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
    let mut last = None;
    let begun = Instant::now();
    while last.is_none() && begun.elapsed() < wait::PATIENCE {
        last = told.recv_timeout(wait::PATIENCE).ok().as_deref().and_then(acknowledged);
    }
    let end = Instant::now() + pause;
    while let Ok(line) = told.recv_timeout(end.saturating_duration_since(Instant::now())) {
        last = acknowledged(&line).or(last);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    told.try_iter().filter_map(|line| acknowledged(&line)).last().or(last)
}

fn acknowledged(line: &str) -> Option<(u64, String)> {
    let (seq, hash) = line.strip_prefix("acknowledged ")?.split_once(' ')?;
    Some((seq.parse().ok()?, hash.to_owned()))
}

#[test]
fn killed_at_any_moment_it_has_all_that_it_acknowledged() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        write_for_ever(Path::new(&directory));
    }
    let mut random = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    let (mut entries, mut torn) = (0, 0);
    for _ in 0..LOGS {
        let home = tempfile::tempdir().unwrap();
        let (store, path) = place(home.path());
        let mut journal = Journal::create(&store, &path, Chain::new("ab".repeat(16))).unwrap();
        journal.append(now(), MACHINE, opened(), None).unwrap();
        drop(journal);
        for kill in 0..KILLS {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            torn += usize::from(survives(home.path(), kill, Duration::from_micros(u64::from(random >> 18))));
        }
        entries += chained(&path).len();
    }
    println!("{} kills, {entries} entries, {torn} torn tails", LOGS * KILLS);
}

/// One kill; whether it left a torn tail.
fn survives(directory: &Path, kill: usize, pause: Duration) -> bool {
    let (store, path) = place(directory);
    let last = kill_after(pause, "crash::killed_at_any_moment_it_has_all_that_it_acknowledged", directory);
    let (seq, hash) = last.expect("the writer acknowledges an entry");
    let entry = &chained(&path)[usize::try_from(seq).unwrap()];
    assert_eq!(entry.hash.to_string(), hash, "kill {kill} after {pause:?}: entry {seq}");
    Journal::reopen(&store, &path).unwrap().torn.is_some()
}

fn opened() -> gonogo::journal::entry::Event {
    let plan = gonogo::checklist::Plan {
        checklist: "c".into(),
        environment: "t".into(),
        production: false,
        solo: false,
        release: "v1".into(),
        previous: None,
        seals: vec![gonogo::checklist::Role::Driver],
        sections: vec![],
        contacts: vec![],
        tailored: vec![],
    };
    let zero = gonogo::outcome::Sha256Hex::ZERO;
    gonogo::journal::entry::Opened {
        plan_sha256: plan.digest(),
        plan,
        roster: vec![],
        previous_run: None,
        commit: None,
        gonogo: "0".into(),
        host: "h".into(),
        profile_sha256: zero,
    }
    .into()
}

/// Every whole line of the log, each the next of the chain.
fn chained(path: &Path) -> Vec<gonogo::journal::entry::Entry> {
    let mut reader = Reader::default();
    let lines = Lines::new(BufReader::new(File::open(path).unwrap())).map(Result::unwrap);
    lines.filter(|line| line.ended).map(|line| reader.take(&line.bytes).unwrap()).collect()
}
