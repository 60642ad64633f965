//! The output of an action: secrets are redacted, then it is written and digested in another thread.

use std::fs::File;
use std::io::Write as _;
use std::mem;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use sha2::{Digest as _, Sha256};

use super::files::ExitRecord;
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::secret::RedactingStream;

/// How many chunks may wait to be written.
const MAX_QUEUED: usize = 2;

/// An output that is being recorded.
pub(super) struct OutputSink {
    stream: RedactingStream,
    clean: Vec<u8>,
    pieces: SyncSender<Vec<u8>>,
    writing: JoinHandle<OutputWriter>,
}

/// The writer.
struct OutputWriter {
    out: File,
    bytes: u64,
    sha256: Sha256,
    lost: Option<String>,
}

impl OutputSink {
    /// Records into this file.
    pub(super) fn to_file(out: File, stream: RedactingStream) -> Self {
        let (pieces, receiver) = mpsc::sync_channel(MAX_QUEUED);
        let writer = OutputWriter { out, bytes: 0, sha256: Sha256::new(), lost: None };
        let writing = thread::spawn(move || writer.write_all(&receiver));
        Self { stream, clean: Vec::new(), pieces, writing }
    }

    /// Adds output.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.stream.push(piece, &mut self.clean);
        self.write();
    }

    /// Ends the output.
    pub(super) fn finish(&mut self) {
        self.stream.finish(&mut self.clean);
        self.write();
    }

    fn write(&mut self) {
        if !self.clean.is_empty() {
            // A failed writer thread is reported at the end.
            let _ = self.pieces.send(mem::take(&mut self.clean));
        }
    }

    /// Adds the facts about the output to the exit record; the output is durable then.
    pub(super) fn complete_record(self, end: ExitRecord) -> ExitRecord {
        drop(self.pieces);
        let Ok(mut writer) = self.writing.join() else {
            return ExitRecord { lost: Some("its output is lost: writing it crashed".into()), ..end };
        };
        if let Err(error) = writer.out.sync_all() {
            writer.lost.get_or_insert_with(|| error.to_string());
        }
        let OutputWriter { bytes, sha256, lost, .. } = writer;
        let sha256 = Sha256Hex(sha256.finalize().into());
        ExitRecord { bytes, sha256, redacted: self.stream.found, lost, ..end }
    }
}

impl OutputWriter {
    fn write_all(mut self, pieces: &Receiver<Vec<u8>>) -> Self {
        for piece in pieces {
            self.write(&piece);
        }
        self
    }

    /// Output that cannot be written is skipped: a full disk does not stop a deployment.
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
                // The last chunk may be written in part; that part is not in the digest.
                let _ = self.out.set_len(self.bytes);
            }
        }
    }
}
