//! Finding texts as people type them: words in any order, and letters that are left out.

/// A query: its words, in lower case. Every word must be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<Vec<char>>);

/// How a word may be found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatchMode {
    /// As it is.
    #[default]
    Exact,
    /// Or else by its letters, in their order, with others between them.
    Fuzzy,
}

/// Where a word was found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WordMatch {
    /// The lower, the better.
    cost: usize,
    /// The positions of its letters, in characters.
    positions: Vec<usize>,
}

/// The cost of a match by letters; each letter between them adds one.
const FUZZY_COST: usize = 10;
/// The characters of a text in which letters are searched; it bounds the work.
const MAX_FUZZY_TEXT: usize = 400;
/// The letters of a fuzzy match are all within this many times the length of the word, or they begin words.
const MAX_SPREAD: usize = 4;

impl Query {
    /// The words of a text.
    pub fn new(text: &str) -> Self {
        Self(text.split_whitespace().map(lower_case).collect())
    }

    /// Whether it has no words; then everything matches.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How well the texts match, 0 at best; `None` if a word is found in none of them.
    pub fn cost(&self, texts: &[&str], mode: MatchMode) -> Option<usize> {
        if self.is_empty() {
            return Some(0);
        }
        let texts: Vec<_> = texts.iter().map(|text| lower_case(text)).collect();
        let best = |word: &Vec<char>| {
            texts.iter().filter_map(|text| find_word(word, text, mode)).map(|found| found.cost).min()
        };
        self.0.iter().map(best).sum()
    }

    /// The positions of the letters that match in a text, in characters and in order.
    pub fn positions(&self, text: &str, mode: MatchMode) -> Vec<usize> {
        if self.is_empty() {
            return Vec::new();
        }
        let text = lower_case(text);
        let found = self.0.iter().filter_map(|word| find_word(word, &text, mode));
        let mut positions: Vec<_> = found.flat_map(|found| found.positions).collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }
}

/// One character for each character of the text, so that positions are the same in both.
fn lower_case(text: &str) -> Vec<char> {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

fn find_word(word: &[char], text: &[char], mode: MatchMode) -> Option<WordMatch> {
    find_exact(word, text).or_else(|| match mode {
        MatchMode::Exact => None,
        MatchMode::Fuzzy => find_fuzzy(word, text),
    })
}

/// The word as it is: best at the beginning of the text, then at that of a word.
fn find_exact(word: &[char], text: &[char]) -> Option<WordMatch> {
    let found = text.windows(word.len().max(1)).enumerate().filter(|(_, part)| *part == word);
    let cost = |at: usize| match at {
        0 => 0,
        at if begins_word(text, at) => 1,
        _ => 2,
    };
    let found = found.map(|(at, _)| WordMatch { cost: cost(at), positions: (at..at + word.len()).collect() });
    found.min_by_key(|found| found.cost)
}

/// The letters of the word, as near one another as possible; or the first letters of words.
fn find_fuzzy(word: &[char], text: &[char]) -> Option<WordMatch> {
    if word.len() < 2 {
        return None;
    }
    let text = &text[..text.len().min(MAX_FUZZY_TEXT)];
    let spread = |positions: &Vec<usize>| positions[positions.len() - 1] - positions[0] + 1;
    let starts = (0..text.len()).filter(|at| text[*at] == word[0]);
    let near = starts.filter_map(|start| subsequence(word, text, start, |_| true));
    let near = near.filter(|positions| spread(positions) <= word.len() * MAX_SPREAD).min_by_key(spread);
    let positions = near.or_else(|| subsequence(word, text, 0, |at| begins_word(text, at)))?;
    Some(WordMatch { cost: FUZZY_COST + spread(&positions) - word.len(), positions })
}

/// The positions of the letters of a word in their order, each the first usable one.
fn subsequence(
    word: &[char],
    text: &[char],
    start: usize,
    is_usable: impl Fn(usize) -> bool,
) -> Option<Vec<usize>> {
    let mut from = start;
    let mut position = |letter: &char| {
        let at = (from..text.len()).find(|at| text[*at] == *letter && is_usable(*at))?;
        from = at + 1;
        Some(at)
    };
    word.iter().map(&mut position).collect()
}

fn begins_word(text: &[char], at: usize) -> bool {
    text[at].is_alphanumeric() && (at == 0 || !text[at - 1].is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(query: &str, text: &str) -> Option<usize> {
        Query::new(query).cost(&[text], MatchMode::Fuzzy)
    }

    #[test]
    fn words_are_found_in_any_order_and_case() {
        for (query, texts, is_found) in [
            ("redis infra", ["infra.redis", "Redis persistent"], true),
            ("PERSISTENT infra", ["infra.redis", "Redis persistent"], true),
            ("redis rabbit", ["infra.redis", "Redis persistent"], false),
            ("rds", ["infra.redis", "Redis persistent"], false),
            ("", ["", ""], true),
            ("ÄR", ["Ärger", ""], true),
        ] {
            let cost = Query::new(query).cost(&texts, MatchMode::Exact);
            assert_eq!(cost.is_some(), is_found, "{query}");
        }
    }

    #[test]
    fn letters_may_be_left_out_if_the_others_are_near() {
        for (query, text, is_found) in [
            ("rbmq", "infra.rabbitmq", true),
            ("infrared", "infra.redis", true),
            ("aoe", "Allowed origins are the exact ones", true),
            ("rqb", "infra.rabbitmq", false),
            ("nq", "infra, and then much later a queue", false),
            ("z", "infra.redis", false),
            ("longer than the text", "text", false),
        ] {
            assert_eq!(cost(query, text).is_some(), is_found, "{query}");
        }
    }

    #[test]
    fn a_better_match_costs_less() {
        let in_order = ["redis", "infra.redis", "predisposed", "re-dispatch", "reads in spurts"];
        let costs: Vec<_> = in_order.iter().map(|text| cost("redis", text)).collect();
        assert!(costs.iter().all(Option::is_some) && costs.is_sorted(), "{costs:?}");
        assert_eq!(costs[0], Some(0));
    }

    #[test]
    fn positions_are_those_of_the_letters() {
        let positions = |query: &str, text, mode| Query::new(query).positions(text, mode);
        assert_eq!(positions("dis re", "Redis", MatchMode::Exact), [0, 1, 2, 3, 4]);
        assert_eq!(positions("rbm", "Rabbitmq", MatchMode::Exact), [] as [usize; 0]);
        assert_eq!(positions("rbm", "Rabbitmq", MatchMode::Fuzzy), [0, 2, 6]);
        assert_eq!(positions("ß", "groß", MatchMode::Fuzzy), [3]);
    }
}
