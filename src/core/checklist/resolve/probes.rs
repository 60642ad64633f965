//! Resolves probes, each once or for every item of a list.

use super::{Origin, Resolver, due, millis};
use crate::checklist::file::ProbeFile;
use crate::checklist::plan::Probe;
use crate::checklist::probe_key::ProbeKey;
use crate::checklist::source::steps;
use crate::checklist::spec::ProbeSpec;
use crate::checklist::spec::syntax::{self, Id};
use crate::checklist::suggest::did_you_mean;
use crate::checklist::template::{ITEM, TemplateResult};
use crate::error::Problem;
use crate::time::exact_span;

/// The longest item of a list, in bytes: it is a part of an id.
const MAX_ITEM: usize = 60;

/// The items of a list.
enum Items {
    /// These, with what the ids name them.
    Known(Vec<(String, toml::Value)>),
    /// The profile lacks these values.
    Missing(Vec<String>),
    /// A problem was reported.
    Wrong,
}

impl Resolver<'_> {
    /// The probes of a point, below `probe` of its origin.
    pub(super) fn probes(&mut self, point: &str, files: &[ProbeFile], origin: &Origin) -> Vec<Probe> {
        let mut probes = Vec::new();
        for (index, file) in files.iter().enumerate() {
            let origin = Origin { source: origin.source, path: origin.below(&steps!["probe", index]) };
            if !self.is_left_out(point, file, &origin) {
                probes.extend(self.probe_for_each(point, file, &origin));
            }
        }
        probes
    }

    /// A probe, or one for each item of its list.
    fn probe_for_each(&mut self, point: &str, file: &ProbeFile, origin: &Origin) -> Vec<Probe> {
        let like = file.like.as_ref().and_then(|key| self.probe_file(key));
        let list = file.for_each.as_ref().or_else(|| like.and_then(|(other, _)| other.for_each.as_ref()));
        let Some(list) = list.cloned() else { return vec![self.probe(point, file, origin)] };
        match self.items(point, list, origin) {
            Items::Known(items) => items
                .into_iter()
                .map(|(name, item)| self.probe_of(point, file, &name, item, origin))
                .collect(),
            Items::Missing(names) => {
                let mut probe = self.probe(point, file, origin);
                probe.missing.retain(|name| name != ITEM);
                probe.missing.extend(names);
                vec![Probe { spec: None, ..probe }]
            }
            Items::Wrong => Vec::new(),
        }
    }

    /// The probe of one item.
    fn probe_of(
        &mut self,
        point: &str,
        file: &ProbeFile,
        name: &str,
        item: toml::Value,
        origin: &Origin,
    ) -> Probe {
        let with_item = self.filler.with_value(ITEM, item);
        let usual = std::mem::replace(&mut self.filler, with_item);
        let mut title = toml::Value::from(file.title.as_str());
        let mut result = TemplateResult::default();
        self.filler.expand(&mut title, &mut result);
        let title = title.as_str().filter(|title| *title != file.title).map(str::to_owned);
        let title = title.unwrap_or_else(|| format!("{} ({name})", file.title));
        let id = format!("{}[{name}]", file.id);
        if let Err(what) = syntax::check::<Id>(&id) {
            self.problems.push(origin.problem(&steps!["for_each"], what));
        }
        let probe = self.probe(point, &ProbeFile { id, title, ..file.clone() }, origin);
        self.filler = usual;
        probe
    }

    /// The items of a list, or of the value that it names.
    fn items(&mut self, point: &str, mut list: toml::Value, origin: &Origin) -> Items {
        let mut result = TemplateResult::default();
        self.filler.expand(&mut list, &mut result);
        let errors: Vec<_> = result.errors.drain(..).map(|(_, what)| what).collect();
        let missing = self.record_template_result(point, &mut result, origin);
        let items = match (errors.into_iter().next(), missing) {
            (Some(what), _) => Err(what),
            (None, missing) if !missing.is_empty() => return Items::Missing(missing),
            _ => named_items(list),
        };
        match items {
            Ok(items) => Items::Known(items),
            Err(what) => {
                self.problems.push(origin.problem(&steps!["for_each"], what));
                Items::Wrong
            }
        }
    }

    /// A check before an action: exactly one, always.
    pub(super) fn single_probe(&mut self, point: &str, file: &ProbeFile, origin: &Origin) -> Probe {
        for (key, is_given) in [("for_each", file.for_each.is_some()), ("when", file.when.is_some())] {
            if is_given {
                let what = format!("`{key}` is for the probes of points, not for checks before an action");
                self.problems.push(origin.problem(&steps![key], what));
            }
        }
        self.probe(point, file, origin)
    }

    /// Resolves a probe: the first alternative that has all its values, or else the first one.
    fn probe(&mut self, point: &str, file: &ProbeFile, origin: &Origin) -> Probe {
        if file.like.is_none() && file.kind.is_empty() {
            self.problems
                .push(origin.problem(&[], "a probe requires kind = \"…\" or like = \"POINT/PROBE\""));
        }
        let like = file.like.as_ref().map(|key| (key, self.probe_file(key)));
        if let Some((key, None)) = &like {
            let what = format!("the checklist has no probe {key}");
            let keys = self.probe_keys();
            let hint = did_you_mean(&key.to_string(), keys.iter().map(String::as_str));
            self.problems.push(Problem { hint, ..origin.problem(&steps!["like"], what) });
        }
        let (source_probe, from) = match like {
            Some((_, Some((other, path)))) => (other, &Origin { source: &self.checklist.source, path }),
            _ => (file, origin),
        };
        let own = self.resolve_spec(point, &source_probe.kind, &source_probe.with, from);
        let others = source_probe.or.iter().enumerate().map(|(index, other)| {
            let origin = Origin { source: from.source, path: from.below(&steps!["or", index]) };
            self.resolve_spec(point, &other.kind, &other.with, &origin)
        });
        let others: Vec<_> = others.collect();
        let (mut missing, spec) = if own.0.is_empty() {
            own
        } else {
            others.into_iter().find(|(missing, _)| missing.is_empty()).unwrap_or(own)
        };
        self.check_order(point, file, origin);
        self.check_start(point, file, spec.as_ref(), origin);
        let people_by_checklist = self.left_to_people(point, &source_probe.people, &mut missing, from);
        Probe {
            id: file.id.clone(),
            title: file.title.clone(),
            due: due(file.due.as_ref(), self.is_new.then_some(&file.when_new)),
            deadline_ms: millis(file.deadline.0),
            retries: file.retries,
            retry_delay_ms: millis(file.retry_delay.0),
            within_ms: millis(file.within.0),
            hold_ms: millis(file.hold.0),
            since: file.since.clone(),
            after_action: file.after_action.clone(),
            digest_of: file.digest_of.clone(),
            effects: file.effects,
            early: file.early,
            people: Vec::new(),
            people_by_checklist,
            missing,
            spec,
        }
    }

    /// A probe that waits for itself never runs, and one that must pass for longer than it has time never passes.
    fn check_order(&mut self, point: &str, file: &ProbeFile, origin: &Origin) {
        let own = ProbeKey::new(point, &file.id);
        for (name, other) in [("since", &file.since), ("digest_of", &file.digest_of)] {
            if other.as_ref() == Some(&own) {
                self.problems.push(origin.problem(&steps![name], format!("{own} waits for itself")));
            }
        }
        if file.hold.0 > file.within.0 {
            let [hold, within] = [file.hold.0, file.within.0].map(exact_span);
            let what = format!("hold is {hold} and within is {within}: it would never pass for long enough");
            self.problems.push(origin.problem(&steps!["hold"], what));
        }
    }

    /// A probe that counts from the result of another one names it, or it can never pass.
    fn check_start(&mut self, point: &str, file: &ProbeFile, spec: Option<&ProbeSpec>, origin: &Origin) {
        let counted = spec.and_then(ProbeSpec::counts_from_another).filter(|_| file.since.is_none());
        if let Some(counted) = counted {
            let what = format!(
                "{} requires since = \"POINT/PROBE\": it looks for {counted} since the result of that probe",
                ProbeKey::new(point, &file.id)
            );
            let hint = "name a probe that causes them, such as one that sends a test event";
            self.problems.push(origin.problem(&[], what).hint(hint));
        }
    }

    /// The names of observations that a probe leaves to people. Values that they lack are added to the missing ones.
    fn left_to_people(
        &mut self,
        point: &str,
        names: &[String],
        missing: &mut Vec<String>,
        origin: &Origin,
    ) -> Vec<String> {
        let mut value = toml::Value::from(names.to_vec());
        let mut result = TemplateResult::default();
        self.filler.expand(&mut value, &mut result);
        let lacking = self.record_template_result(point, &mut result, origin);
        missing.extend(lacking.into_iter().filter(|name| !missing.contains(name)).collect::<Vec<_>>());
        value.try_into().unwrap_or_default()
    }
}

/// The items of a list, each with its name.
///
/// # Errors
/// What is wrong with it.
fn named_items(list: toml::Value) -> Result<Vec<(String, toml::Value)>, String> {
    let toml::Value::Array(list) = list else {
        return Err(format!("expected a list, or a value that is a list, found {}", list.type_str()));
    };
    let mut items: Vec<(String, toml::Value)> = Vec::new();
    for item in list {
        let name = match &item {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            other => {
                return Err(format!("expected strings or integers in the list, found {}", other.type_str()));
            }
        };
        let is_plain = |c: char| !c.is_control() && !"[]".contains(c);
        if name.trim().is_empty() || name.len() > MAX_ITEM || !name.chars().all(is_plain) {
            return Err(format!("expected items of 1 to {MAX_ITEM} bytes, without brackets, found {name:?}"));
        }
        if items.iter().any(|(other, _)| *other == name) {
            return Err(format!("the item {name:?} is there twice"));
        }
        items.push((name, item));
    }
    if items.is_empty() { Err("the list is empty: nothing would be checked".into()) } else { Ok(items) }
}

#[cfg(test)]
mod tests {
    use crate::checklist::spec::ProbeSpec;
    use crate::checklist::{Checklist, Plan, Profile, Promotion, SourceFile, resolve};

    fn plan(probe: &str, values: &str) -> Result<Plan, String> {
        let checklist = format!(
            "name = 'mine'\n[[section]]\nid = 's'\ntitle = 'S'\n[[section.point]]\nid = 's.web'\ntitle = 'W'\n\
             why = 'w'\n[[section.point.probe]]\nid = 'up'\n{probe}"
        );
        let checklist = Checklist::parse(SourceFile::new("c.toml", checklist)).unwrap();
        let profile = format!("environment = 't'\n[values]\n{values}");
        let profile = Profile::parse(SourceFile::new("p.toml", profile)).unwrap();
        resolve(&checklist, &profile, &Promotion::default()).map_err(|error| error.to_string())
    }

    /// The ids, the titles and the addresses of the probes.
    fn probes(plan: &Plan) -> Vec<(String, String, String)> {
        let url = |spec: &Option<ProbeSpec>| match spec {
            Some(ProbeSpec::Http(spec)) => spec.url.clone(),
            _ => String::new(),
        };
        let probes = plan.points().flat_map(|point| &point.probes);
        probes.map(|probe| (probe.id.clone(), probe.title.clone(), url(&probe.spec))).collect()
    }

    const HTTP: &str = "kind = 'http'\nwith = { url = 'http://{{ item }}:{{ port }}/' }\n";

    #[test]
    fn a_probe_is_made_for_each_item() {
        let expected = |title: [&str; 2]| {
            let probe = |at: usize, host: &str| {
                (format!("up[{host}]"), title[at].to_owned(), format!("http://{host}:80/"))
            };
            vec![probe(0, "web1"), probe(1, "web2")]
        };
        let listed = format!("title = 'Up'\nfor_each = ['web1', 'web2']\n{HTTP}");
        let list = plan(&listed, "port = 80\n").unwrap();
        assert_eq!(probes(&list), expected(["Up (web1)", "Up (web2)"]));
        let named = format!("title = '{{{{ item }}}} is up'\nfor_each = '{{{{ hosts }}}}'\n{HTTP}");
        let list = plan(&named, "port = 80\nhosts = ['web1', 'web2']\n").unwrap();
        assert_eq!(probes(&list), expected(["web1 is up", "web2 is up"]));
        // A log is read like it.
        let read: Plan = serde_json::from_str(&serde_json::to_string(&list).unwrap()).unwrap();
        assert_eq!(probes(&read), probes(&list));
    }

    #[test]
    fn a_number_keeps_its_type() {
        let probe = "title = 'Open'\nkind = 'tcp'\nfor_each = [80, 443]\nwith = { host = 'h', port = '{{ item }}' }\n";
        let ids: Vec<_> = probes(&plan(probe, "").unwrap()).into_iter().map(|(id, ..)| id).collect();
        assert_eq!(ids, ["up[80]", "up[443]"]);
    }

    #[test]
    fn without_its_list_a_probe_is_unconfigured() {
        let probe = format!("title = 'Up'\nfor_each = '{{{{ hosts }}}}'\n{HTTP}");
        let plan = plan(&probe, "").unwrap();
        let probe = &plan.points().next().unwrap().probes[0];
        assert_eq!((probe.id.as_str(), probe.spec.is_none()), ("up", true));
        assert_eq!(probe.missing, ["port", "hosts"]);
    }

    #[test]
    fn a_wrong_list_is_reported_with_its_place() {
        for (list, values, message) in [
            ("[]", "", "c.toml:12:1: the list is empty: nothing would be checked"),
            ("'{{ hosts }}'", "hosts = []\n", "c.toml:12:1: the list is empty"),
            (
                "'{{ hosts }}'",
                "hosts = 'web1'\n",
                "c.toml:12:1: expected a list, or a value that is a list, found string",
            ),
            ("['a', 'a']", "", "the item \"a\" is there twice"),
            ("['a', ['b']]", "", "expected strings or integers in the list, found array"),
            ("['a[1]']", "", "expected items of 1 to 60 bytes, without brackets"),
            ("['{{ hsots }}']", "hosts = ['a']\n", "unknown value hsots; did you mean {{ hosts }}?"),
        ] {
            let probe = format!("title = 'Up'\nfor_each = {list}\n{HTTP}");
            let error = plan(&probe, &format!("port = 80\n{values}")).unwrap_err();
            assert!(error.contains(message), "{list}: {error}");
        }
    }
}
