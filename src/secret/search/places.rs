//! Where the letters of a run stand in a text.

use std::ops::Range;

/// The places of letters, by their index: of many that stand together, the first says where all do.
#[derive(Default)]
pub(super) struct Places(Vec<Place>);

/// Letters from an index on, which stand one after the other, each of so many bytes.
struct Place {
    index: usize,
    at: usize,
    width: usize,
}

impl Places {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The letters from `index` on stand at `at`, until others are pushed.
    pub(super) fn push(&mut self, index: usize, at: usize, width: usize) {
        self.0.push(Place { index, at, width });
    }

    /// The place of a letter.
    pub(super) fn of(&self, index: usize) -> Range<usize> {
        let after = self.0.partition_point(|place| place.index <= index);
        let Some(place) = after.checked_sub(1).map(|before| &self.0[before]) else { return 0..0 };
        let begin = place.at + (index - place.index) * place.width;
        begin..begin + place.width
    }
}
