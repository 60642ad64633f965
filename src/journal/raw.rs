//! A log as lines of whatever version: which run it is of, and where it ends. Nothing of it is verified.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Deserialize;

use super::entry::{Entry, OtherRules, ReadEntryError};
use super::read::Lines;
use super::store::StoreError;
use crate::outcome::Sha256Hex;

/// What the lines of a log tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawLog {
    /// The run's id.
    pub run: String,
    /// The position of the last line, from 0.
    pub seq: u64,
    /// The hash of the last line.
    pub head: Sha256Hex,
    /// Set where the log is of another version.
    pub other_rules: Option<OtherRules>,
}

impl RawLog {
    /// Reads a log; none if its first line is not complete, or names no run.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let mut found: Option<Self> = None;
        for line in complete_lines(path)? {
            let line = line?;
            let head = Sha256Hex::of_line(&line);
            match &mut found {
                Some(log) => (log.seq, log.head) = (log.seq + 1, head),
                None => match begin(&line, head) {
                    Some(log) => found = Some(log),
                    None => return Ok(None),
                },
            }
        }
        Ok(found)
    }
}

fn begin(line: &[u8], head: Sha256Hex) -> Option<RawLog> {
    let other_rules = match Entry::parse(line) {
        Err(ReadEntryError::Rules(rules)) => Some(rules),
        _ => None,
    };
    Some(RawLog { run: run_id(line)?, seq: 0, head, other_rules })
}

/// The id of the run that a log is of, as its first line says.
pub fn id(path: &Path) -> Option<String> {
    run_id(&complete_lines(path).ok()?.next()?.ok()?)
}

/// The hash of the line at a position; none if the log has no such line.
pub fn hash_at(path: &Path, seq: u64) -> Option<Sha256Hex> {
    let line = complete_lines(path).ok()?.nth(usize::try_from(seq).ok()?)?;
    Some(Sha256Hex::of_line(&line.ok()?))
}

fn run_id(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Header {
        run: String,
    }
    serde_json::from_slice::<Header>(line).ok().map(|header| header.run)
}

fn complete_lines(path: &Path) -> Result<impl Iterator<Item = Result<Vec<u8>, StoreError>>, StoreError> {
    let failed = |source| StoreError::new(path, source);
    let file = File::open(path).map_err(failed)?;
    let lines = Lines::new(BufReader::new(file)).map(move |line| line.map_err(failed));
    Ok(lines
        .take_while(|line| line.as_ref().is_ok_and(|line| line.ended) || line.is_err())
        .map(|line| Ok(line?.bytes)))
}
