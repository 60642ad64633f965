//! The positions of special bytes: those that may start an escape or ignorable text.

use super::{SPECIAL, is_special};

/// The block size; most blocks have no special byte.
const BLOCK: usize = 32;

/// The positions of special bytes, in order.
#[derive(Default)]
pub(super) struct Specials(Vec<usize>);

impl Specials {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut specials = Self::default();
        specials.find(bytes);
        specials
    }

    /// Finds the special bytes of this text, and drops others.
    pub(super) fn find(&mut self, bytes: &[u8]) {
        self.0.clear();
        let parts = bytes.chunks_exact(BLOCK);
        let (rest, from) = (parts.remainder(), bytes.len() - parts.remainder().len());
        for (index, part) in parts.enumerate() {
            if is_any(part) {
                self.add(part, index * BLOCK);
            }
        }
        self.add(rest, from);
    }

    /// Without branches, because special bytes are unpredictable.
    fn add(&mut self, part: &[u8], from: usize) {
        let (mut places, mut count) = ([0; BLOCK], 0);
        for (at, byte) in (from..).zip(part) {
            places[count] = at;
            count += usize::from(is_special(*byte));
        }
        self.0.extend_from_slice(&places[..count]);
    }

    pub(super) fn all(&self) -> impl Iterator<Item = usize> + Clone + use<'_> {
        self.0.iter().copied()
    }
}

/// Whether a block has a special byte. Without branches and tables, so that it is vectorized.
fn is_any(part: &[u8]) -> bool {
    let is_one = |byte: u8| SPECIAL.iter().fold(0, |any, special| any | u8::from(byte == *special));
    part.iter().fold(0, |any, byte| any | is_one(*byte)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_byte_is_found_wherever_it_is() {
        let bytes: Vec<u8> = (0..=255).collect();
        for from in 0..BLOCK {
            let found: Vec<_> = Specials::of(&bytes[from..]).all().map(|at| at + from).collect();
            let special: Vec<_> = (from..256).filter(|at| is_special(bytes[*at])).collect();
            assert_eq!(found, special);
        }
    }
}
