//! What was scraped: series of samples, by their labels.

use std::collections::BTreeMap;

/// How long a sample counts as the present one, in seconds.
const LOOKBACK: f64 = 300.0;
/// How many samples of a series are kept.
const KEPT: usize = 4096;

/// Labels, the name among them as `__name__`.
pub(super) type Labels = BTreeMap<String, String>;

/// A time in seconds since the Unix epoch, and a value.
pub(super) type Sample = (f64, f64);

/// All series.
#[derive(Debug, Default)]
pub(super) struct Series(BTreeMap<Labels, Vec<Sample>>);

impl Series {
    pub(super) fn add(&mut self, labels: Labels, at: f64, value: f64) {
        let samples = self.0.entry(labels).or_default();
        if samples.len() == KEPT {
            samples.remove(0);
        }
        samples.push((at, value));
    }

    /// The newest sample of each series at a time.
    pub(super) fn at(&self, is_meant: impl Fn(&Labels) -> bool, time: f64) -> Vec<(Labels, Sample)> {
        let newest = |samples: &[Sample]| {
            let before = samples.iter().rev().find(|(at, _)| *at <= time).copied();
            before.filter(|(at, _)| time - at < LOOKBACK)
        };
        let meant = self.0.iter().filter(|(labels, _)| is_meant(labels));
        meant.filter_map(|(labels, samples)| Some((labels.clone(), newest(samples)?))).collect()
    }

    /// The samples of each series in the seconds up to a time.
    pub(super) fn within(
        &self,
        is_meant: impl Fn(&Labels) -> bool,
        time: f64,
        seconds: f64,
    ) -> Vec<(Labels, Vec<Sample>)> {
        let part = |samples: &[Sample]| -> Vec<Sample> {
            samples.iter().copied().filter(|(at, _)| *at <= time && *at > time - seconds).collect()
        };
        let meant = self.0.iter().filter(|(labels, _)| is_meant(labels));
        let parts = meant.map(|(labels, samples)| (labels.clone(), part(samples)));
        parts.filter(|(_, samples)| !samples.is_empty()).collect()
    }

    /// Takes in a page of metrics in the text format, with the labels of where it is from. How many samples.
    pub(super) fn take_in(&mut self, page: &str, own: &[(&str, &str)], at: f64) -> usize {
        let read = page.lines().filter_map(|line| sample(line.trim()));
        let mut count = 0;
        for (mut labels, value) in read.collect::<Vec<_>>() {
            labels.extend(own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            self.add(labels, at, value);
            count += 1;
        }
        count
    }
}

/// `name{label="value",…} 12`; comments are none.
fn sample(line: &str) -> Option<(Labels, f64)> {
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
        let end = closing(after)?;
        let value = after[..end].replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\");
        labels.insert(label.trim_start_matches(',').trim().to_owned(), value);
        rest = &after[end + 1..];
    }
    Some((labels, rest[1..].trim().parse().ok()?))
}

/// Where the quote ends that has begun.
fn closing(text: &str) -> Option<usize> {
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
    fn a_page_is_read() {
        let mut series = Series::default();
        let page =
            "# TYPE a counter\na{b=\"x, \\\"y\\\"}\",c=\"d\"} 3\nplain 1.5\nbroken{ 1\nle{le=\"+Inf\"} 2\n";
        assert_eq!(series.take_in(page, &[("job", "app")], 10.0), 3);
        let found = series.at(|labels| labels["__name__"] == "a", 12.0);
        assert_eq!(found[0].0["b"], "x, \"y\"}");
        assert_eq!((found[0].0["job"].as_str(), found[0].1), ("app", (10.0, 3.0)));
        assert!(series.at(|_| true, 9.0).is_empty(), "nothing is known before it was seen");
        assert!(series.at(|_| true, 400.0).is_empty(), "what is old is not the present");
    }
}
