//! Several samples of one check, as one list of observations: behind a load balancer a single request is luck.

use gonogo_core::outcome::{Observation, key};

/// The observations of all samples, each once, in the order of their first occurrence. Of one that differs between
/// samples the worst is kept, with its number and a key: "2 of 8 samples: …".
pub(super) fn merge(samples: Vec<Vec<Observation>>) -> Vec<Observation> {
    let total = samples.len();
    let mut groups: Vec<((String, usize), Vec<Observation>)> = Vec::new();
    for sample in samples {
        let mut names: Vec<String> = Vec::new();
        for observation in sample {
            let name = observation.what.clone();
            // Redirects, for one, have the same name several times.
            let key = (name.clone(), names.iter().filter(|other| **other == name).count());
            names.push(name);
            match groups.iter_mut().find(|(other, _)| *other == key) {
                Some((_, group)) => group.push(observation),
                None => groups.push((key, vec![observation])),
            }
        }
    }
    groups.into_iter().filter_map(|(_, group)| worst(group, total)).collect()
}

fn worst(group: Vec<Observation>, total: usize) -> Option<Observation> {
    let of_class = |ok: Option<bool>| group.iter().filter(|seen| seen.ok == ok).count();
    let class = [Some(false), None, Some(true)].into_iter().find(|ok| of_class(*ok) > 0)?;
    let (count, is_good) = (of_class(class), class == Some(true));
    let worst = group.into_iter().find(|seen| seen.ok == class)?;
    if is_good || count == total {
        return Some(worst);
    }
    let seen = format!("{count} of {total} samples: {}", worst.seen);
    Some(Observation { seen, ..worst }.with_key(key::BAD_SAMPLES))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ok: Option<bool>, seen: &str) -> Vec<Observation> {
        let first = Observation { ok, ..Observation::new("status", "200", seen, true) };
        vec![first, Observation::recorded("redirect", "a"), Observation::recorded("redirect", "b")]
    }

    #[test]
    fn the_worst_sample_counts_with_its_number() {
        let (good, wrong, unknown) =
            (sample(Some(true), "200"), sample(Some(false), "503"), sample(None, "refused"));
        for (samples, ok, seen) in [
            (vec![good.clone(), good.clone()], Some(true), "200"),
            (vec![good.clone(), wrong.clone(), unknown.clone()], Some(false), "1 of 3 samples: 503"),
            (vec![good.clone(), unknown.clone(), unknown.clone()], None, "2 of 3 samples: refused"),
            (vec![wrong.clone(), wrong.clone()], Some(false), "503"),
            (vec![unknown], None, "refused"),
        ] {
            let merged = merge(samples);
            assert_eq!((merged[0].ok, merged[0].seen.as_str()), (ok, seen));
            let others: Vec<_> = merged[1..].iter().map(|seen| seen.seen.as_str()).collect();
            assert_eq!(others, ["a", "b"]);
        }
    }

    #[test]
    fn what_only_one_sample_has_is_kept() {
        let merged =
            merge(vec![sample(Some(true), "200"), vec![Observation::new("body", "JSON", "none", false)]]);
        assert_eq!((merged.len(), merged[3].seen.as_str()), (4, "1 of 2 samples: none"));
        assert!(merge(Vec::new()).is_empty());
    }
}
