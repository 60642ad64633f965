//! A disk that loses power: it knows what was synced, and what of the rest may be there afterwards.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::disk::Disk;

/// The disk, and a handle on it that outlives the program it was given to.
#[derive(Clone, Debug)]
pub struct Shim(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    synced: Vec<u8>,
    /// Where the next write goes: the length that the program sees.
    length: usize,
    unsynced: Vec<Change>,
    /// What still succeeds before the power goes.
    steps: usize,
    /// Which step from now fails, without the power going.
    fails: Option<usize>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Cut(usize),
}

/// What becomes of one unsynced change.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// It is there.
    Kept,
    /// It is not.
    Dropped,
    /// Of a write, so many bytes of its begin are there.
    Begin(usize),
    /// Of a write, the begin was not written: it reads as zeros up to this byte.
    End(usize),
    /// Of a write, from this byte on there is what lay there before.
    Stale(usize),
}

impl Shim {
    /// A disk that holds this much.
    pub fn holding(bytes: &[u8]) -> Self {
        let state = State {
            synced: bytes.to_vec(),
            length: bytes.len(),
            unsynced: Vec::new(),
            steps: usize::MAX,
            fails: None,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The power goes after so many steps.
    pub fn dies_after(self, steps: usize) -> Self {
        self.state().steps = steps;
        self
    }

    /// This step, from 0, fails.
    pub fn fails_at(self, step: usize) -> Self {
        self.state().fails = Some(step);
        self
    }

    /// How many changes are not synced, and how long the last write of them is.
    pub fn unsynced(&self) -> (usize, usize) {
        let state = self.state();
        let written = state.unsynced.iter().rev().find_map(|change| match change {
            Change::Write { bytes, .. } => Some(bytes.len()),
            Change::Cut(_) => None,
        });
        (state.unsynced.len(), written.unwrap_or(0))
    }

    /// What is read when the power is back, if this became of the first unsynced change, and the later ones
    /// are kept or dropped.
    pub fn after(&self, fate: Fate, later: bool) -> Vec<u8> {
        let state = self.state();
        let mut bytes = state.synced.clone();
        for (index, change) in state.unsynced.iter().enumerate() {
            let fate = if index == 0 {
                fate
            } else if later {
                Fate::Kept
            } else {
                Fate::Dropped
            };
            change.come_to(fate, &mut bytes);
        }
        bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Change {
    fn come_to(&self, fate: Fate, disk: &mut Vec<u8>) {
        match (self, fate) {
            (_, Fate::Dropped) => {}
            (Self::Cut(length), _) => disk.truncate(*length),
            (Self::Write { at, bytes }, fate) => {
                let bytes = match fate {
                    Fate::Begin(length) => bytes[..length].to_vec(),
                    Fate::End(from) => [vec![0; from], bytes[from..].to_vec()].concat(),
                    Fate::Stale(from) => {
                        let stale = bytes[from..].iter().map(|byte| (byte ^ 0x55).max(b' '));
                        bytes[..from].iter().copied().chain(stale).collect()
                    }
                    Fate::Kept | Fate::Dropped => bytes.clone(),
                };
                disk.resize(disk.len().max(at + bytes.len()), 0);
                disk[*at..at + bytes.len()].copy_from_slice(&bytes);
            }
        }
    }
}

impl State {
    fn step(&mut self) -> io::Result<()> {
        if self.steps == 0 {
            return Err(io::Error::other("the power is gone"));
        }
        self.steps -= 1;
        match self.fails.as_mut() {
            Some(0) => {
                self.fails = None;
                Err(io::Error::other("Input/output error"))
            }
            Some(steps) => {
                *steps -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Disk for Shim {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        // A write that fails, or during which the power goes, may have been begun.
        let at = state.length;
        state.unsynced.push(Change::Write { at, bytes: bytes.to_vec() });
        state.length = at + bytes.len();
        state.step()
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let mut synced = std::mem::take(&mut state.synced);
        for change in std::mem::take(&mut state.unsynced) {
            change.come_to(Fate::Kept, &mut synced);
        }
        state.synced = synced;
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.state();
        let length = usize::try_from(length).unwrap();
        state.unsynced.push(Change::Cut(length));
        state.length = length;
        state.step()
    }
}
