//! Resolves probe specs with the profile's values, and reports what is wrong with them.

use super::{Origin, Resolver, value_at};
use crate::checklist::decode::{self, KINDS, unknown_key, value_name};
use crate::checklist::literal_secrets::find_literal_secrets;
use crate::checklist::plan::Tailoring;
use crate::checklist::source::{KeyPath, PathStep, steps};
use crate::checklist::spec::ProbeSpec;
use crate::checklist::suggest::{self, did_you_mean};
use crate::checklist::template::TemplateResult;
use crate::error::Problem;

/// The hint for a secret that is written out.
const REFERENCE_HINT: &str = "expected { secret = { env = \"NAME\" } }, or a file or command in its place";

impl Resolver<'_> {
    /// The missing values of a spec, and the spec if there are none.
    pub(super) fn resolve_spec(
        &mut self,
        point: &str,
        kind: &str,
        with: &toml::Table,
        origin: &Origin,
    ) -> (Vec<String>, Option<ProbeSpec>) {
        let mut table = toml::Value::Table(with.clone());
        let mut result = TemplateResult::default();
        self.filler.expand(&mut table, &mut result);
        let missing = self.record_template_result(point, &mut result, origin);
        if !self.check_kind(kind, origin) {
            return (missing, None);
        }
        let is_whole = missing.is_empty() && result.errors.is_empty();
        // Misspelled keys are reported even if values are missing.
        let is_judged = (is_whole && !result.left_out) || self.is_of_built_in(origin);
        let unknown = if is_judged { None } else { unknown_key(kind, with) };
        if let Some((steps, what)) = unknown {
            self.problems.push(self.value_problem(with, origin, &steps, &what));
            return (missing, None);
        }
        let spec = if is_whole { self.decode_checked(kind, with, table, origin) } else { None };
        (missing, spec)
    }

    /// Whether the origin is in the built-in checklist.
    fn is_of_built_in(&self, origin: &Origin) -> bool {
        self.is_built_in && std::ptr::eq(origin.source, &raw const self.checklist.source)
    }

    /// Whether a kind is known; reports an unknown one. An empty one is reported with the probe.
    fn check_kind(&mut self, kind: &str, origin: &Origin) -> bool {
        let is_known = KINDS.contains(&kind);
        if !is_known && !kind.is_empty() {
            let what = format!("unknown probe kind {kind:?}; expected one of {}", KINDS.join(", "));
            let hint = did_you_mean(kind, KINDS.into_iter());
            self.problems.push(Problem { hint, ..origin.problem(&steps!["kind"], what) });
        }
        is_known
    }

    /// Records the result of a template; returns the missing values.
    pub(super) fn record_template_result(
        &mut self,
        point: &str,
        result: &mut TemplateResult,
        origin: &Origin,
    ) -> Vec<String> {
        let wrong = result.errors.iter().map(|(path, what)| {
            let value = result.wrong_values.iter().find(|(_, error)| *error == what);
            let value = value.and_then(|(name, _)| self.profile_value_path(name));
            match value {
                Some(value) => self.profile.source.problem(&value, what),
                None => origin.problem(&[&steps!["with"], &path[..]].concat(), what),
            }
        });
        let wrong: Vec<_> = wrong.collect();
        self.problems.extend(wrong);
        self.record_changed_defaults(point, result);
        self.used.append(&mut result.used);
        result.missing.iter().map(|name| describe_missing(name)).collect()
    }

    /// Records a tailoring of the point for each used value whose default the profile changes.
    fn record_changed_defaults(&mut self, point: &str, result: &TemplateResult) {
        for name in &result.used {
            let (default, own) =
                (value_at(&self.checklist.file.values, name), value_at(&self.profile.file.values, name));
            if let (Some(default), Some(own)) = (default, own)
                && default != own
            {
                let what = format!("{name} = {own} (default {default})");
                self.tailored.push(Tailoring { point: point.to_owned(), what });
            }
        }
    }

    fn decode_checked(
        &mut self,
        kind: &str,
        with: &toml::Table,
        table: toml::Value,
        origin: &Origin,
    ) -> Option<ProbeSpec> {
        if self.report_secrets(with, &table, origin) || self.report_options(with, &table, origin) {
            return None;
        }
        decode::decode_spec(kind, table)
            .map_err(|(steps, what)| self.problems.push(self.value_problem(with, origin, &steps, &what)))
            .ok()
    }

    /// Whether a secret is written out instead of a reference; reports it, with the value's place.
    pub(super) fn report_secrets(
        &mut self,
        with: &toml::Table,
        filled: &toml::Value,
        origin: &Origin,
    ) -> bool {
        let literals = find_literal_secrets(filled);
        let problems = literals
            .iter()
            .map(|(steps, what)| self.value_problem(with, origin, steps, what).hint(REFERENCE_HINT));
        let problems: Vec<_> = problems.collect();
        self.problems.extend(problems);
        !literals.is_empty()
    }

    /// A problem with a value of the profile, or with one of the command line; none with another one.
    fn problem_of_value(&self, name: &str, what: &str) -> Option<Problem> {
        let of_command_line = match name {
            "release" => self.promotion.release.as_ref(),
            "previous" => self.promotion.previous.as_ref(),
            _ => None,
        };
        if let Some(value) = of_command_line {
            return Some(Problem::new(format!("--{name} {value}: {what}")));
        }
        let path = match name {
            "previous" => self.profile.file.previous.is_some().then(|| steps![name].to_vec())?,
            _ => self.profile_value_path(name)?,
        };
        let problem = self.profile.source.problem(&path, format!("{name}: {what}"));
        Some(Problem { hint: suggest::suggest_for_message(what), ..problem })
    }

    /// The path of a value in the profile, if it has the value.
    fn profile_value_path(&self, name: &str) -> Option<KeyPath> {
        value_at(&self.profile.file.values, name)?;
        Some(["values"].into_iter().chain(name.split('.')).map(PathStep::from).collect())
    }

    /// A problem with a value: in the profile if the spec uses a value of the profile there, else in the spec.
    pub(super) fn value_problem(
        &self,
        with: &toml::Table,
        origin: &Origin,
        steps: &[PathStep],
        what: &str,
    ) -> Problem {
        let of_value = value_name(with, steps).and_then(|name| self.problem_of_value(name, what));
        if let Some(problem) = of_value {
            return problem;
        }
        let mut steps = steps.to_vec();
        // With the mark of an optional key, as in the file.
        if let Some(PathStep::Key(key)) = steps.first_mut()
            && with.contains_key(&format!("{key}?"))
        {
            key.push('?');
        }
        let problem = origin.problem(&[&steps!["with"], &steps[..]].concat(), what);
        Problem { hint: suggest::suggest_for_message(what), ..problem }
    }
}

/// Describes a missing value, with the option that gives it if it is not in the profile.
fn describe_missing(name: &str) -> String {
    match name {
        "release" => "release (give --release TAG)".to_owned(),
        "previous" => "previous (give --previous TAG)".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::checklist::file::STANDARD;
    use crate::checklist::{Checklist, Profile, Promotion, SourceFile, resolve};

    /// Not checked at every start: the standard checklist, read like a user's own.
    #[test]
    fn the_standard_checklist_has_no_unknown_keys() {
        let resolve_text = |text: String| {
            let checklist = Checklist::parse(SourceFile::new("c.toml", text)).unwrap();
            let profile = Profile::parse(SourceFile::new("p.toml", "environment = \"t\"\n")).unwrap();
            resolve(&checklist, &profile, &Promotion::default()).map(|_| ())
        };
        assert_eq!(resolve_text(format!("{STANDARD}\n# Another text.\n")).map_err(|e| e.to_string()), Ok(()));
        let misspelled = STANDARD.replacen("with = { url = ", "with = { ulr = ", 1);
        assert_ne!(misspelled, STANDARD);
        assert!(resolve_text(misspelled).unwrap_err().to_string().contains("unknown key `ulr`"));
    }
}
