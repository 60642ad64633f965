//! The checks of the fuzz target, on its stored corpus, and on every item truncated and with bytes changed.

#[path = "fuzz/invariants.rs"]
mod invariants;

use std::fs;
use std::path::Path;

use gonogo_core::journal::verify::LogStatus;

use crate::support::scale;

/// The number of truncations and changes of an item.
const VARIANTS: usize = 60;

fn corpus() -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/reader");
    let mut items: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|item| item.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    items.sort();
    items
}

#[test]
fn the_corpus_causes_no_panic_whole_truncated_or_changed() {
    let (items, variants) = (corpus(), VARIANTS * scale());
    assert!(items.len() > 10, "{} items", items.len());
    for (name, bytes) in items {
        println!("{name}: {} bytes", bytes.len());
        invariants::check_all(&bytes);
        // The same positions every time, spread over the item.
        for variant in 1..variants {
            let at = bytes.len() * variant / variants;
            invariants::check_all(&bytes[..at]);
            let mut changed = bytes.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 1 << (variant % 8);
                invariants::check_all(&changed);
            }
        }
    }
}

#[test]
fn the_corpus_contains_a_sealed_log_that_verifies() {
    let items = corpus();
    let (_, sealed) = items.iter().find(|(name, _)| name == "sealed.jsonl").unwrap();
    assert_eq!(invariants::check_verify(sealed).map(|report| report.status), Some(LogStatus::Sealed));
}
