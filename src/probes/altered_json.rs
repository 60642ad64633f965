//! Properties of a judge of JSON documents: a good document, altered at random, never makes it panic, and never passes
//! without the fields that carry the pass. `PROPTEST_CASES` raises the number of cases.

use gonogo_core::outcome::Class;
use gonogo_core::testing::cases;
use serde_json::{Value, json};

/// The number of random alterations of a document, each of several kinds.
pub(super) const CASES: u32 = 16;

/// A key that no format has.
const UNKNOWN: &str = "xUnknown";

/// A document that passes.
pub(super) struct GoodDocument<'a> {
    pub(super) json: Value,
    /// JSON pointers of the fields without which nothing may pass.
    pub(super) carriers: &'a [&'a str],
    /// JSON pointers of objects whose keys are data: no unknown key is added to them.
    pub(super) maps: &'a [&'a str],
}

impl GoodDocument<'_> {
    /// Checks a judge, which is called with the bytes of documents.
    #[track_caller]
    pub(super) fn check(&self, judge: impl Fn(&[u8]) -> Class) {
        let judge_json = |json: &Value| judge(json.to_string().as_bytes());
        assert_eq!(judge_json(&self.json), Class::Pass, "the document itself: {}", self.json);
        self.check_carriers(judge_json);
        for bytes in other_encodings(&self.json.to_string()) {
            assert_ne!(judge(&bytes), Class::Fail, "another encoding, which is read or named");
        }
        for seed in 0..u64::from(cases(CASES)) {
            let random = &mut Random(seed);
            let equivalent = self.equivalent(random);
            assert_eq!(judge(equivalent.as_bytes()), Class::Pass, "the same: {equivalent}");
            let bytes = self.json.to_string().into_bytes();
            let cut = &bytes[..random.below(bytes.len())];
            assert_ne!(judge(cut), Class::Pass, "truncated: {}", String::from_utf8_lossy(cut));
            judge(&with_changed_byte(bytes, random));
            judge_json(&self.damaged(random));
        }
    }

    /// Without a carrier, or with null in its place, there is no pass.
    #[track_caller]
    fn check_carriers(&self, judge: impl Fn(&Value) -> Class) {
        for pointer in self.carriers {
            let mut without = self.json.clone();
            *without.pointer_mut(pointer).expect("a field of the document") = Value::Null;
            assert_ne!(judge(&without), Class::Pass, "null at {pointer}: {without}");
            let (above, key) = pointer.rsplit_once('/').expect("a pointer");
            if let Some(table) = without.pointer_mut(above).and_then(Value::as_object_mut) {
                table.remove(key);
                assert_ne!(judge(&without), Class::Pass, "without {pointer}: {without}");
            }
        }
    }

    /// The same document: its keys in another order, and unknown ones among them.
    fn equivalent(&self, random: &mut Random) -> String {
        let mut text = String::new();
        self.write(&self.json, "", random, &mut text);
        text
    }

    fn write(&self, value: &Value, at: &str, random: &mut Random, text: &mut String) {
        match value {
            Value::Object(table) => {
                let mut fields: Vec<(String, &Value)> =
                    table.iter().map(|(key, value)| (key.clone(), value)).collect();
                let unknown = json!({"unknown": [null, 1]});
                if !self.maps.contains(&at) && !at.contains(UNKNOWN) {
                    fields.push((UNKNOWN.to_owned(), &unknown));
                }
                (1..fields.len()).rev().for_each(|last| fields.swap(last, random.below(last + 1)));
                text.push('{');
                for (index, (key, value)) in fields.iter().enumerate() {
                    text.push_str(if index > 0 { "," } else { "" });
                    text.push_str(&Value::from(key.as_str()).to_string());
                    text.push(':');
                    self.write(value, &format!("{at}/{key}"), random, text);
                }
                text.push('}');
            }
            Value::Array(items) => {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    text.push_str(if index > 0 { "," } else { "" });
                    self.write(item, &format!("{at}/{index}"), random, text);
                }
                text.push(']');
            }
            scalar => text.push_str(&scalar.to_string()),
        }
    }

    /// The document with a value of another kind somewhere.
    fn damaged(&self, random: &mut Random) -> Value {
        let mut damaged = self.json.clone();
        let mut pointers = Vec::new();
        list_pointers(&damaged, String::new(), &mut pointers);
        let others = [
            Value::Null,
            json!(true),
            json!(-1),
            json!(u64::MAX),
            json!(1e300),
            json!(""),
            json!("\u{0}é"),
            json!([]),
            json!([null]),
            json!({}),
        ];
        let pointer = &pointers[random.below(pointers.len())];
        if let Some(place) = damaged.pointer_mut(pointer) {
            *place = others[random.below(others.len())].clone();
        }
        damaged
    }
}

fn list_pointers(value: &Value, at: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(table) => {
            table.iter().for_each(|(key, value)| list_pointers(value, format!("{at}/{key}"), pointers));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| list_pointers(item, format!("{at}/{index}"), pointers));
        }
        _ => {}
    }
    pointers.push(at);
}

/// A text in UTF-8 and UTF-16 with byte order marks.
pub(super) fn other_encodings(text: &str) -> [Vec<u8>; 3] {
    let marked = format!("\u{feff}{text}");
    let units: Vec<u16> = marked.encode_utf16().collect();
    let little = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    [marked.into_bytes(), little, big]
}

pub(super) fn with_changed_byte(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let at = random.below(bytes.len());
    bytes[at] = u8::try_from(random.below(256)).unwrap_or_default();
    bytes
}

/// Pseudo-random numbers (`SplitMix64`).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap_or_default()
    }
}
