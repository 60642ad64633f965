//! The fuzz target's looks on its stored corpus, and on every item cut, and with bytes changed.

#[path = "fuzz/looks.rs"]
mod looks;

use std::fs;
use std::path::Path;

use gonogo_core::journal::verify::LogStatus;

use crate::bench::scale;

/// How many cuts and changes there are of an item.
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
fn the_corpus_breaks_nothing_whole_cut_or_changed() {
    let (items, variants) = (corpus(), VARIANTS * scale());
    assert!(items.len() > 10, "{} items", items.len());
    for (name, bytes) in items {
        println!("{name}: {} bytes", bytes.len());
        looks::all(&bytes);
        // The same places every time, spread over the whole.
        for variant in 1..variants {
            let at = bytes.len() * variant / variants;
            looks::all(&bytes[..at]);
            let mut changed = bytes.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 1 << (variant % 8);
                looks::all(&changed);
            }
        }
    }
}

#[test]
fn the_corpus_holds_a_log_that_goes_all_the_way() {
    let items = corpus();
    let (_, sealed) = items.iter().find(|(name, _)| name == "sealed.jsonl").unwrap();
    assert_eq!(looks::verified(sealed).map(|report| report.status), Some(LogStatus::Sealed));
}
