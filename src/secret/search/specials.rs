//! Where the bytes of a text are that an escape may begin with, or something that says nothing.

use super::{SPECIAL, is_special};

/// How many bytes are looked at together: in most there is none.
const TOGETHER: usize = 32;

/// The places of special bytes, in order.
#[derive(Default)]
pub(super) struct Specials(Vec<usize>);

impl Specials {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut specials = Self::default();
        specials.find(bytes);
        specials
    }

    /// Finds those of this text, in the place of others.
    pub(super) fn find(&mut self, bytes: &[u8]) {
        self.0.clear();
        let parts = bytes.chunks_exact(TOGETHER);
        let (rest, from) = (parts.remainder(), bytes.len() - parts.remainder().len());
        for (index, part) in parts.enumerate() {
            if is_any(part) {
                self.add(part, index * TOGETHER);
            }
        }
        self.add(rest, from);
    }

    /// Without branches: which bytes are special cannot be foreseen.
    fn add(&mut self, part: &[u8], from: usize) {
        let (mut places, mut count) = ([0; TOGETHER], 0);
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

/// Whether one is special. Without branches and tables, as this is done for many at once.
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
        for from in 0..TOGETHER {
            let all: Vec<_> = Specials::of(&bytes[from..]).all().map(|at| at + from).collect();
            let special: Vec<_> = (from..256).filter(|at| is_special(bytes[*at])).collect();
            assert_eq!(all, special);
        }
    }
}
