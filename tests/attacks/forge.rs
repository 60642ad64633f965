//! The tools of an attacker who changes a log: with a trusted key, with another key, or without one.

use gonogo_core::journal::chain::Chain;
use gonogo_core::journal::entry::{Entry, Event, Header};
use gonogo_core::journal::keys::Signer;
use gonogo_core::journal::read::EntryReader;

/// The entries of a log, which can be changed.
#[derive(Clone)]
pub struct ForgedLog(pub Vec<Entry>);

impl ForgedLog {
    pub fn read(bytes: &[u8]) -> Self {
        let mut reader = EntryReader::default();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        Self(lines.map(|line| reader.read(line).unwrap()).collect())
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        self.lines().concat()
    }

    pub fn lines(&self) -> Vec<Vec<u8>> {
        let line = |entry: &Entry| {
            Entry::write(entry.header.clone(), entry.event.clone(), entry.sig.clone()).unwrap().1
        };
        self.0.iter().map(line).collect()
    }

    /// The first entry of a kind.
    #[track_caller]
    pub fn find(&self, kind: &str) -> usize {
        self.0.iter().position(|entry| entry.event.kind() == kind).expect(kind)
    }

    /// Renumbers and rehashes everything from this entry on; signatures stay as they are.
    pub fn rechain(&mut self, from: usize) {
        self.rebuild_chain(from, &|_, old| old);
    }

    /// The same, and signs the entries of the owner of this key again.
    pub fn resign(&mut self, from: usize, signer: &Signer) {
        self.rebuild_chain(from, &|entry, old| {
            let is_own = old.is_some() && entry.header.by == signer.principal;
            if is_own { Some(signature(signer, entry.event.namespace(false), entry)) } else { old }
        });
    }

    /// The same, and signs every signed entry with this key.
    pub fn resign_all(&mut self, from: usize, signer: &Signer) {
        self.rebuild_chain(from, &|entry, old| {
            old.map(|_| signature(signer, entry.event.namespace(false), entry))
        });
    }

    /// The same, and signs every signed entry with this function, under the namespace of entries.
    pub fn resign_with(&mut self, from: usize, sign: &dyn Fn(&[u8]) -> String) {
        self.rebuild_chain(from, &|entry, old| old.map(|_| sign(&message(entry))));
    }

    fn rebuild_chain(&mut self, from: usize, sign: &dyn Fn(&Entry, Option<String>) -> Option<String>) {
        let run = self.0[0].header.run.clone();
        let mut chain =
            from.checked_sub(1).map_or_else(|| Chain::new(run), |last| Chain::after(&self.0[last]));
        for entry in &mut self.0[from..] {
            let header = Header { seq: chain.seq, prev: chain.head, ..entry.header.clone() };
            let old = entry.sig.take();
            *entry = Entry::write(header, entry.event.clone(), None).unwrap().0;
            let sig = sign(entry, old);
            *entry = Entry::write(entry.header.clone(), entry.event.clone(), sig).unwrap().0;
            chain = Chain::after(entry);
        }
    }

    /// Adds an entry at the end, chained, and signed if there is a key.
    pub fn add(&mut self, by: &str, event: Event, signer: Option<&Signer>) {
        let last = self.0.last().unwrap();
        let at = last.header.at.clone();
        let (entry, _) = Chain::after(last).build_entry(at, by, event, signer).unwrap();
        self.0.push(entry);
    }

    /// Changes the event of an entry.
    pub fn change(&mut self, index: usize, change: impl FnOnce(&mut Event)) {
        change(&mut self.0[index].event);
    }
}

/// A signature over an entry, under any namespace.
pub fn signature(signer: &Signer, namespace: &str, entry: &Entry) -> String {
    signer.sign(namespace, &message(entry)).unwrap()
}

fn message(entry: &Entry) -> Vec<u8> {
    gonogo_core::journal::entry::signed_bytes(&entry.header, &entry.event).unwrap()
}
