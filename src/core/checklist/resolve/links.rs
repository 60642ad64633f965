//! Resolves the runbook and the contacts of points.

use super::{Origin, Resolver};
use crate::checklist::plan::{Point, Tailoring};
use crate::checklist::profile::PointOverrides;
use crate::checklist::source::{PathStep, steps};
use crate::checklist::spec::syntax::{self, ContactText, Link, Syntax};
use crate::checklist::template::TemplateResult;

impl Resolver<'_> {
    /// The runbook of a point; reports a wrong one.
    pub(super) fn runbook(&mut self, point: &str, text: &str, origin: &Origin) -> Option<String> {
        self.expand_word::<Link>(point, text, &steps!["runbook"], origin)
    }

    /// The contacts of a point; reports wrong ones.
    pub(super) fn contacts(&mut self, point: &str, texts: &[String], origin: &Origin) -> Vec<String> {
        let each = texts.iter().enumerate();
        each.filter_map(|(at, text)| {
            self.expand_word::<ContactText>(point, text, &steps!["contacts", at], origin)
        })
        .collect()
    }

    /// Replaces the runbook and the contacts by the profile's.
    pub(super) fn override_links(&mut self, point: &mut Point, overrides: &PointOverrides) {
        let id = point.id.clone();
        let origin = Origin { source: &self.profile.source, path: steps!["points", id.as_str()].to_vec() };
        if let Some(text) = &overrides.runbook {
            point.runbook = self.runbook(&id, text, &origin);
            self.tailored.push(Tailoring { point: id.clone(), what: format!("runbook {text}") });
        }
        if let Some(texts) = &overrides.contacts {
            if texts.is_empty() {
                let what = "contacts is empty: expected one or more";
                self.problems.push(origin.problem(&steps!["contacts"], what));
            }
            point.contacts = self.contacts(&id, texts, &origin);
            self.tailored.push(Tailoring { point: id, what: format!("contacts {}", texts.join(", ")) });
        }
    }

    /// A text with its values filled in, if it is then a word of this syntax.
    fn expand_word<F: Syntax>(
        &mut self,
        point: &str,
        text: &str,
        steps: &[PathStep],
        origin: &Origin,
    ) -> Option<String> {
        let mut value = toml::Value::from(text);
        let mut result = TemplateResult::default();
        self.filler.expand(&mut value, &mut result);
        let errors: Vec<_> = result.errors.drain(..).map(|(_, what)| what).collect();
        let missing = self.record_template_result(point, &mut result, origin);
        let missing = missing.iter().map(|name| format!("the value {name} is missing"));
        let word = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let problem = errors.into_iter().chain(missing).next();
        let problem = problem.or_else(|| syntax::check::<F>(&word).err());
        match problem {
            Some(what) => {
                self.problems.push(origin.problem(steps, what));
                None
            }
            None => Some(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checklist::{Checklist, Lock, Plan, Profile, Promotion, SourceFile, resolve};
    use crate::outcome::Sha256Hex;

    const CHECKLIST: &str = "name = 'mine'\n[[section]]\nid = 's'\ntitle = 'S'\n[[section.point]]\nid = 's.db'\n\
        title = 'Database'\nwhy = 'w'\nconfirm = 'one'\n";

    fn plan(checklist: &str, profile: &str) -> Result<(Plan, Sha256Hex), String> {
        let checklist =
            Checklist::parse(SourceFile::new("c.toml", format!("{CHECKLIST}{checklist}"))).unwrap();
        let profile =
            Profile::parse(SourceFile::new("p.toml", format!("environment = 't'\n{profile}"))).unwrap();
        let plan = resolve(&checklist, &profile, &Promotion::default()).map_err(|error| error.to_string())?;
        assert_eq!(Lock::of(&checklist).check(&plan), Ok(()));
        Ok((plan, Lock::of(&checklist).edition()))
    }

    #[test]
    fn a_point_has_a_runbook_and_contacts() {
        let own = "runbook = 'https://wiki.x/{{ environment }}/db'\ncontacts = ['#db', '+49 30 1']\n";
        let (plan_of_checklist, edition) = plan(own, "").unwrap();
        let point = plan_of_checklist.point("s.db").unwrap();
        assert_eq!(point.runbook.as_deref(), Some("https://wiki.x/t/db"));
        assert_eq!(point.contacts, ["#db", "+49 30 1"]);
        let (without, other) = plan("", "").unwrap();
        assert_ne!(edition, other, "they are part of the edition");
        assert!(!serde_json::to_string(&without).unwrap().contains("runbook"));
        let read: Plan = serde_json::from_str(&serde_json::to_string(&plan_of_checklist).unwrap()).unwrap();
        assert_eq!(read.point("s.db"), plan_of_checklist.point("s.db"));
    }

    #[test]
    fn a_profile_replaces_them_and_that_is_listed() {
        let own = "runbook = 'https://wiki.x/db'\ncontacts = ['#db']\n";
        let (plan, _) = plan(own, "[points.'s.db']\nrunbook = 'https://b.y'\ncontacts = ['#dba']\n").unwrap();
        let point = plan.point("s.db").unwrap();
        assert_eq!(
            (point.runbook.as_deref(), &point.contacts[..]),
            (Some("https://b.y"), &["#dba".to_owned()][..])
        );
        let changes: Vec<_> = plan.tailored.iter().map(|change| change.what.as_str()).collect();
        assert_eq!(changes, ["contacts #dba", "runbook https://b.y"]);
    }

    #[test]
    fn what_is_no_link_is_rejected_with_its_place() {
        for (checklist, profile, message) in [
            ("runbook = 'wiki/db'\n", "", "c.toml:10:1: expected a link such as https://"),
            ("runbook = 'javascript:x'\n", "", "c.toml:10:1: expected a link"),
            ("runbook = 'https://x/{{ wiki.page }}'\n", "", "c.toml:10:1: the value wiki.page is missing"),
            ("contacts = ['#db', '']\n", "", ": expected who can be called"),
            ("", "[points.'s.db']\ncontacts = []\n", "p.toml:3:1: contacts is empty"),
        ] {
            let error = plan(checklist, profile).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }

    /// A log from elsewhere cannot make a report point to something else than the web.
    #[test]
    fn a_plan_with_another_link_is_not_read() {
        let (plan, _) = plan("runbook = 'https://wiki.x/db'\n", "").unwrap();
        let text = serde_json::to_string(&plan).unwrap().replace("https://wiki.x/db", "javascript:alert(1)");
        assert!(serde_json::from_str::<Plan>(&text).unwrap_err().to_string().contains("expected a link"));
    }
}
