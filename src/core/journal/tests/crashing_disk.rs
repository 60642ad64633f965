//! A disk with power failures: it knows what was synced, and what else may be there afterwards.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::disk::Disk;

/// The disk, and a handle on it that outlives the journal.
#[derive(Clone, Debug)]
pub struct CrashingDisk(Arc<Mutex<DiskState>>);

#[derive(Debug)]
struct DiskState {
    synced: Vec<u8>,
    /// The position of the next write: the length that the program sees.
    length: usize,
    unsynced: Vec<UnsyncedWrite>,
    /// How many steps succeed before the power failure.
    steps: usize,
    /// Which step from now fails, without a power failure.
    fails: Option<usize>,
}

#[derive(Clone, Debug)]
enum UnsyncedWrite {
    Write { at: usize, bytes: Vec<u8> },
    Cut(usize),
}

/// The fate of one unsynced change.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// It is there.
    Kept,
    /// It is lost.
    Dropped,
    /// So many bytes of the start of a write are there.
    Begin(usize),
    /// The start of a write is missing and reads as zeros up to this byte.
    End(usize),
    /// From this byte of a write on, the old content is there.
    Stale(usize),
}

impl CrashingDisk {
    /// A disk with this content.
    pub fn holding(bytes: &[u8]) -> Self {
        let state = DiskState {
            synced: bytes.to_vec(),
            length: bytes.len(),
            unsynced: Vec::new(),
            steps: usize::MAX,
            fails: None,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The power fails after so many steps.
    pub fn dies_after(self, steps: usize) -> Self {
        self.state().steps = steps;
        self
    }

    /// This step, from 0, fails.
    pub fn fails_at(self, step: usize) -> Self {
        self.state().fails = Some(step);
        self
    }

    /// How many changes are unsynced, and the length of the last write.
    pub fn unsynced(&self) -> (usize, usize) {
        let state = self.state();
        let written = state.unsynced.iter().rev().find_map(|change| match change {
            UnsyncedWrite::Write { bytes, .. } => Some(bytes.len()),
            UnsyncedWrite::Cut(_) => None,
        });
        (state.unsynced.len(), written.unwrap_or(0))
    }

    /// The content after a power failure with this fate of the first unsynced change, and the later ones kept or
    /// dropped.
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

    fn state(&self) -> MutexGuard<'_, DiskState> {
        self.0.lock().unwrap()
    }
}

impl UnsyncedWrite {
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

impl DiskState {
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

impl Disk for CrashingDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        // A write that fails, or that a power failure interrupts, may have started.
        let at = state.length;
        state.unsynced.push(UnsyncedWrite::Write { at, bytes: bytes.to_vec() });
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

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.state();
        let length = usize::try_from(length).unwrap();
        state.unsynced.push(UnsyncedWrite::Cut(length));
        state.length = length;
        state.step()
    }
}
