//! The positions of a run's letters in the text.

use std::ops::Range;

/// The positions of letters, by index; adjacent letters share one record.
#[derive(Default)]
pub(super) struct Positions(Vec<PositionRun>);

/// Adjacent letters from an index on, each of the same width in bytes.
struct PositionRun {
    index: usize,
    at: usize,
    width: usize,
}

impl Positions {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds letters from `index` on, which start at `at`.
    pub(super) fn push(&mut self, index: usize, at: usize, width: usize) {
        self.0.push(PositionRun { index, at, width });
    }

    /// The position of a letter.
    pub(super) fn of(&self, index: usize) -> Range<usize> {
        let after = self.0.partition_point(|place| place.index <= index);
        let Some(place) = after.checked_sub(1).map(|before| &self.0[before]) else { return 0..0 };
        let begin = place.at + (index - place.index) * place.width;
        begin..begin + place.width
    }
}
