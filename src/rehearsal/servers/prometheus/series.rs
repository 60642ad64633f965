//! The scraped series: samples by labels, and the parser of the text format.

use std::collections::BTreeMap;

/// How long a sample counts as the current value, in seconds.
const LOOKBACK: f64 = 300.0;
/// The most samples of a series that are kept.
const MAX_SAMPLES: usize = 4096;

/// Labels, with the metric's name as `__name__`.
pub(super) type Labels = BTreeMap<String, String>;

/// A time in seconds since the Unix epoch, and a value.
pub(super) type TimedValue = (f64, f64);

/// The series, by labels.
#[derive(Debug, Default)]
pub(super) struct SeriesStore(BTreeMap<Labels, Vec<TimedValue>>);

impl SeriesStore {
    pub(super) fn add(&mut self, labels: Labels, at: f64, value: f64) {
        let samples = self.0.entry(labels).or_default();
        if samples.len() == MAX_SAMPLES {
            samples.remove(0);
        }
        samples.push((at, value));
    }

    /// The current sample of each matching series at a time.
    pub(super) fn at(&self, is_match: impl Fn(&Labels) -> bool, time: f64) -> Vec<(Labels, TimedValue)> {
        let newest = |samples: &[TimedValue]| {
            let before = samples.iter().rev().find(|(at, _)| *at <= time).copied();
            before.filter(|(at, _)| time - at < LOOKBACK)
        };
        let matching = self.0.iter().filter(|(labels, _)| is_match(labels));
        matching.filter_map(|(labels, samples)| Some((labels.clone(), newest(samples)?))).collect()
    }

    /// The samples of each matching series in the seconds up to a time.
    pub(super) fn within(
        &self,
        is_match: impl Fn(&Labels) -> bool,
        time: f64,
        seconds: f64,
    ) -> Vec<(Labels, Vec<TimedValue>)> {
        let part = |samples: &[TimedValue]| -> Vec<TimedValue> {
            samples.iter().copied().filter(|(at, _)| *at <= time && *at > time - seconds).collect()
        };
        let matching = self.0.iter().filter(|(labels, _)| is_match(labels));
        let parts = matching.map(|(labels, samples)| (labels.clone(), part(samples)));
        parts.filter(|(_, samples)| !samples.is_empty()).collect()
    }

    /// Adds the samples of a page in the Prometheus text format, with the labels of its target. Returns their number.
    pub(super) fn ingest(&mut self, page: &str, target_labels: &[(&str, &str)], at: f64) -> usize {
        let read = page.lines().filter_map(|line| parse_line(line.trim()));
        let mut count = 0;
        for (mut labels, value) in read.collect::<Vec<_>>() {
            labels
                .extend(target_labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            self.add(labels, at, value);
            count += 1;
        }
        count
    }
}

/// Labels and value of a line such as `name{label="value",…} 12`; `None` for a comment or a malformed line.
fn parse_line(line: &str) -> Option<(Labels, f64)> {
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let Some((name, mut rest)) = line.split_once('{') else {
        let (name, value) = line.split_once(' ')?;
        return Some((Labels::from([("__name__".into(), name.into())]), value.trim().parse().ok()?));
    };
    let mut labels = Labels::from([("__name__".into(), name.into())]);
    while !rest.starts_with('}') {
        let (label, after) = rest.split_once("=\"")?;
        let end = closing_quote(after)?;
        let value = after[..end].replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\");
        labels.insert(label.trim_start_matches(',').trim().to_owned(), value);
        rest = &after[end + 1..];
    }
    Some((labels, rest[1..].trim().parse().ok()?))
}

/// The position of the closing quote, skipping escaped ones.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_parsed() {
        let mut series = SeriesStore::default();
        let page =
            "# TYPE a counter\na{b=\"x, \\\"y\\\"}\",c=\"d\"} 3\nplain 1.5\nbroken{ 1\nle{le=\"+Inf\"} 2\n";
        assert_eq!(series.ingest(page, &[("job", "app")], 10.0), 3);
        let samples = series.at(|labels| labels["__name__"] == "a", 12.0);
        assert_eq!(samples[0].0["b"], "x, \"y\"}");
        assert_eq!((samples[0].0["job"].as_str(), samples[0].1), ("app", (10.0, 3.0)));
        assert!(series.at(|_| true, 9.0).is_empty(), "no value before the first sample");
        assert!(series.at(|_| true, 400.0).is_empty(), "an old sample is not the current value");
    }
}
