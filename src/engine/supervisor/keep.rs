//! What is kept of an output: taken clean of secrets, and written and digested beside that.

use std::fs::File;
use std::io::Write as _;
use std::mem;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use sha2::{Digest as _, Sha256};

use super::files::End;
use crate::outcome::Sha256Hex;
use crate::secret::Stream;

/// How many pieces wait to be written at most.
const AHEAD: usize = 2;

/// An output that is being kept.
pub(super) struct Kept {
    stream: Stream,
    clean: Vec<u8>,
    pieces: SyncSender<Vec<u8>>,
    writing: JoinHandle<Written>,
}

/// What was written.
struct Written {
    out: File,
    bytes: u64,
    sha256: Sha256,
    lost: Option<String>,
}

impl Kept {
    /// In this file.
    pub(super) fn in_file(out: File, stream: Stream) -> Self {
        let (pieces, came) = mpsc::sync_channel(AHEAD);
        let written = Written { out, bytes: 0, sha256: Sha256::new(), lost: None };
        let writing = thread::spawn(move || written.take_in(&came));
        Self { stream, clean: Vec::new(), pieces, writing }
    }

    /// Takes in what has come.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.stream.push(piece, &mut self.clean);
        self.write();
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self) {
        self.stream.end(&mut self.clean);
        self.write();
    }

    fn write(&mut self) {
        if !self.clean.is_empty() {
            // A thread that is gone is told in the end.
            let _ = self.pieces.send(mem::take(&mut self.clean));
        }
    }

    /// What there is to be said of it, durable by then.
    pub(super) fn told(self, end: End) -> End {
        drop(self.pieces);
        let Ok(mut written) = self.writing.join() else {
            return End { lost: Some("what it printed is lost: writing it crashed".into()), ..end };
        };
        if let Err(error) = written.out.sync_all() {
            written.lost.get_or_insert_with(|| error.to_string());
        }
        let Written { bytes, sha256, lost, .. } = written;
        let sha256 = Sha256Hex(sha256.finalize().into());
        End { bytes, sha256, redacted: self.stream.found, lost, ..end }
    }
}

impl Written {
    fn take_in(mut self, pieces: &Receiver<Vec<u8>>) -> Self {
        for piece in pieces {
            self.write(&piece);
        }
        self
    }

    /// What cannot be written is passed over: a full disk does not stop a deployment.
    fn write(&mut self, piece: &[u8]) {
        if self.lost.is_some() {
            return;
        }
        match self.out.write_all(piece) {
            Ok(()) => {
                self.sha256.update(piece);
                self.bytes += piece.len() as u64;
            }
            Err(error) => {
                self.lost = Some(error.to_string());
                // Of the last piece there may be a part, which no digest is of.
                let _ = self.out.set_len(self.bytes);
            }
        }
    }
}
