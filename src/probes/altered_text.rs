//! Properties of a judge of texts: a good text, altered at random, never makes it panic, and never passes without the parts
//! that carry the pass.

use gonogo_core::outcome::Class;
use gonogo_core::testing::cases;

use super::altered_json::{CASES, Random, other_encodings, with_changed_byte};

/// A text that passes.
pub(super) struct GoodText<'a> {
    pub(super) text: &'a str,
    /// The parts without which nothing may pass; each is in it once.
    pub(super) carriers: &'a [&'a str],
    /// Whether the order of its lines has no meaning; an unknown one may be among them.
    pub(super) any_order: bool,
    /// Whether a beginning of it may pass: the format has no end.
    pub(super) may_be_cut: bool,
}

impl GoodText<'_> {
    /// Checks a judge, which is called with the bytes of texts.
    #[track_caller]
    pub(super) fn check(&self, judge: impl Fn(&[u8]) -> Class) {
        assert_eq!(judge(self.text.as_bytes()), Class::Pass, "the text itself: {}", self.text);
        for carrier in self.carriers {
            assert_eq!(self.text.matches(carrier).count(), 1, "{carrier}");
            let without = self.text.replace(carrier, "");
            assert_ne!(judge(without.as_bytes()), Class::Pass, "without {carrier}: {without}");
        }
        for bytes in other_encodings(self.text) {
            assert_ne!(judge(&bytes), Class::Fail, "another encoding, which is read or named");
        }
        for seed in 0..u64::from(cases(CASES)) {
            let random = &mut Random(seed);
            if self.any_order {
                let shuffled = self.shuffled(random);
                assert_eq!(judge(shuffled.as_bytes()), Class::Pass, "the same: {shuffled}");
            }
            let bytes = self.text.as_bytes();
            let cut = &bytes[..random.below(bytes.trim_ascii_end().len())];
            let class = judge(cut);
            assert!(self.may_be_cut || class != Class::Pass, "cut: {}", String::from_utf8_lossy(cut));
            judge(&with_changed_byte(bytes.to_vec(), random));
        }
    }

    fn shuffled(&self, random: &mut Random) -> String {
        let mut lines: Vec<_> = self.text.lines().chain(["x_unknown:1"]).collect();
        (1..lines.len()).rev().for_each(|last| lines.swap(last, random.below(last + 1)));
        lines.join("\n")
    }
}
