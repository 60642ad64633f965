//! The differences between what probes have observed in two runs.

use super::comparison::{Difference, difference};
use super::points::{ObservationPart, PointPart};

/// Compares the observations and expectations of probes; measured values differ in every run and are left out. Those with
/// another result come first.
pub(super) fn compare_evidence(old: &PointPart, new: &PointPart) -> Vec<Difference> {
    let (old, new) = (named_observations(old), named_observations(new));
    let mut names: Vec<&ObservationName> = new.iter().map(|(name, _)| name).collect();
    names.extend(old.iter().map(|(name, _)| name).filter(|name| find(&new, name).is_none()));
    let (mut turned, mut others) = (Vec::new(), Vec::new());
    for name in names {
        let (old, new) = (find(&old, name), find(&new, name));
        let changes =
            if old.map(|seen| seen.ok) == new.map(|seen| seen.ok) { &mut others } else { &mut turned };
        changes.extend(compare_observation(name.title, old, new));
    }
    turned.extend(others);
    turned
}

/// What an observation is of: the probe, its name without what differs in each run, and which one of that name it is.
#[derive(PartialEq, Eq)]
struct ObservationName<'a> {
    probe: &'a str,
    title: &'a str,
    name: String,
    index: usize,
}

fn named_observations(point: &PointPart) -> Vec<(ObservationName<'_>, &ObservationPart)> {
    let mut named: Vec<(ObservationName<'_>, &ObservationPart)> = Vec::new();
    for probe in &point.probes {
        for seen in &probe.observations {
            let mut name = ObservationName {
                probe: &probe.id,
                title: &probe.title,
                name: stable_name(&seen.what),
                index: 0,
            };
            name.index = named
                .iter()
                .filter(|(other, _)| other.probe == name.probe && other.name == name.name)
                .count();
            named.push((name, seen));
        }
    }
    named
}

fn find<'a>(
    named: &[(ObservationName<'_>, &'a ObservationPart)],
    name: &ObservationName<'_>,
) -> Option<&'a ObservationPart> {
    let is_same = |other: &ObservationName<'_>| {
        (other.probe, &other.name, other.index) == (name.probe, &name.name, name.index)
    };
    named.iter().find(|(other, _)| is_same(other)).map(|(_, seen)| *seen)
}

/// A name without the addresses and times in it: the same thing has others in another environment or run.
fn stable_name(what: &str) -> String {
    let word =
        |word: &str| if is_address(word) || is_time(word) { "…".to_owned() } else { word.to_owned() };
    what.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// `host:port`, or a URL; with what punctuation follows.
fn is_address(word: &str) -> bool {
    let word = word.trim_end_matches([',', ';', ':', ')']);
    let port = word.rsplit_once(':').map(|(_, port)| port);
    let is_port = |port: &str| port.parse::<u16>().is_ok() && port.len() >= 2;
    word.contains("://") || port.is_some_and(is_port)
}

/// RFC 3339.
fn is_time(word: &str) -> bool {
    word.parse::<jiff::Timestamp>().is_ok()
}

/// A text without the ports of this host: servers of a rehearsal have others each time.
fn without_local_ports(text: &str) -> String {
    let mut words = text.split(' ').map(|word| {
        let (before, after) = ["127.0.0.1:", "localhost:", "[::1]:"]
            .iter()
            .find_map(|host| word.split_once(host))
            .unwrap_or((word, ""));
        let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() == after.len() { word.to_owned() } else { format!("{before}this host{rest}") }
    });
    let first = words.next().unwrap_or_default();
    words.fold(first, |text, word| text + " " + &word)
}

fn compare_observation(
    title: &str,
    old: Option<&ObservationPart>,
    new: Option<&ObservationPart>,
) -> Vec<Difference> {
    let name = new.or(old).map(|seen| seen.what.clone()).unwrap_or_default();
    let is_same = |old: &Option<String>, new: &Option<String>| {
        old.as_deref().map(without_local_ports) == new.as_deref().map(without_local_ports)
    };
    let of_text = |what: String, old: Option<String>, new: Option<String>| {
        difference(what, old.clone(), new.clone()).filter(|_| !is_same(&old, &new))
    };
    let seen =
        |side: Option<&ObservationPart>| side.filter(|seen| !seen.measured).map(|seen| seen.seen.clone());
    let expected = |side: Option<&ObservationPart>| {
        side.map(|seen| seen.expected.clone()).filter(|expected| !expected.is_empty())
    };
    let of_values = of_text(name.clone(), seen(old), seen(new));
    let of_expectations = (old.is_some() && new.is_some())
        .then(|| of_text(format!("{name}, expected"), expected(old), expected(new)))
        .flatten();
    let of_probe = |change| Difference { probe: Some(title.to_owned()), ..change };
    of_values.into_iter().chain(of_expectations).map(of_probe).collect()
}

#[cfg(test)]
mod tests {
    use super::super::comparison::tests::point_with;
    use super::super::comparison::write_differences;
    use super::*;

    /// Addresses and times in names differ in each run, and ports of this host mean nothing.
    #[test]
    fn observations_are_compared_by_what_they_are() {
        let old = point_with(&[
            ("Redis at 127.0.0.1:3301", "PONG", Some(true)),
            ("certificate of https://a.example:8443", "valid", Some(true)),
            ("clock at 2026-11-28T13:00:00Z", "same", Some(true)),
            ("leader", "redis://127.0.0.1:3301", Some(true)),
            ("version", "7.2.1", Some(true)),
            ("role", "master", Some(true)),
        ]);
        let new = point_with(&[
            ("Redis at 10.0.0.1:6379", "PONG", Some(true)),
            ("certificate of https://b.example", "valid", Some(true)),
            ("clock at 2026-11-29T13:00:00Z", "same", Some(true)),
            ("leader", "redis://127.0.0.1:4402", Some(true)),
            ("version", "7.2.4", Some(true)),
            ("role", "replica", Some(false)),
        ]);
        let changes = compare_evidence(&old, &new);
        let shown: Vec<_> = changes.iter().map(|change| change.what.as_str()).collect();
        assert_eq!(shown, ["role", "version"]);
        let mut out = String::new();
        write_differences(&mut out, &changes);
        assert_eq!(out.matches(&new.probes[0].title).count(), 1, "{out}");
        // Two of one name are compared one by one.
        let two = |second| {
            point_with(&[
                ("node 10.0.0.1:1001", "up", Some(true)),
                ("node 10.0.0.2:1002", second, Some(true)),
            ])
        };
        assert_eq!(compare_evidence(&two("up"), &two("down")).len(), 1);
    }
}
