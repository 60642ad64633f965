//! Resolves actions, guards and the rollback.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Origin, Resolver};
use crate::checklist::action::{Action, ActionCommand, ROLLBACK};
use crate::checklist::decode;
use crate::checklist::file::{ActionFile, ProbeFile};
use crate::checklist::plan::{Point, Probe, ProbeKey, Section, Tailoring};
use crate::checklist::profile::PointOverrides;
use crate::checklist::source::{PathStep, SourceFile, steps};
use crate::checklist::spec::TextOrSecret;
use crate::checklist::spec::syntax::{self, Context, Namespace};
use crate::checklist::template::TemplateResult;
use crate::error::Problem;
use crate::text::nearest;

/// The point whose probes are the dry runs of the rollback.
const DRY_RUN_POINT: &str = "rollback.pause-consumers";

/// The command of an action as in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionCommandFile {
    argv: Option<Vec<String>>,
    shell: Option<String>,
    cwd: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, TextOrSecret>,
    #[serde(default)]
    dry_run: Vec<String>,
    cluster: Option<KubectlTarget>,
}

/// The cluster and namespace of `kubectl`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KubectlTarget {
    #[serde(deserialize_with = "syntax::one::<Context, _>")]
    context: String,
    #[serde(deserialize_with = "syntax::one::<Namespace, _>")]
    namespace: String,
    kubeconfig: Option<String>,
}

impl KubectlTarget {
    /// Adds the options to a `kubectl` command; other commands are unchanged.
    fn with_options(&self, mut argv: Vec<String>) -> Vec<String> {
        let is_kubectl = argv.first().is_some_and(|name| name.rsplit('/').next() == Some("kubectl"));
        if is_kubectl {
            let own = [format!("--context={}", self.context), format!("--namespace={}", self.namespace)];
            let file = self.kubeconfig.iter().map(|file| format!("--kubeconfig={file}"));
            argv.splice(1..1, own.into_iter().chain(file));
        }
        argv
    }
}

impl<'a> Resolver<'a> {
    /// The checklist's actions of a point.
    pub(super) fn checklist_actions(
        &mut self,
        point: &str,
        files: &[ActionFile],
        origin: &Origin,
    ) -> Vec<Action> {
        let each = files.iter().enumerate().map(|(index, file)| {
            let origin = Origin { source: origin.source, path: origin.below(&steps!["action", index]) };
            self.action(point, file, &origin)
        });
        each.collect()
    }

    /// The profile's actions of a point.
    pub(super) fn add_profile_actions(&mut self, point: &mut Point, overrides: &PointOverrides) {
        let source = &self.profile.source;
        for (index, file) in overrides.actions.iter().enumerate() {
            let path = steps!["points", point.id.as_str(), "action", index].to_vec();
            if overrides.actions[..index].iter().any(|other| other.id == file.id) {
                let what = format!("{} has two actions called {}", point.id, file.id);
                self.problems.push(source.problem(&path, what));
            }
            let action = self.action(&point.id, file, &Origin { source, path });
            let what = replace_or_add(&mut point.actions, action);
            self.tailored.push(Tailoring { point: point.id.clone(), what });
        }
    }

    fn action(&mut self, point: &str, file: &ActionFile, origin: &Origin) -> Action {
        let checks = file.checks.iter().enumerate().map(|(index, check)| {
            let origin = Origin { source: origin.source, path: origin.below(&steps!["check", index]) };
            self.single_probe(point, check, &origin)
        });
        let checks: Vec<Probe> = checks.collect();
        let (mut missing, program) = self.program(point, file, origin);
        missing.extend(checks.iter().flat_map(|check| check.missing.clone()));
        missing.sort();
        missing.dedup();
        Action {
            id: file.id.clone(),
            title: file.title.clone(),
            deadline_ms: super::millis(file.deadline.0),
            checks,
            optional: file.optional,
            reverts: file.reverts.clone(),
            program: program.filter(|_| missing.is_empty()),
            missing,
        }
    }

    fn program(
        &mut self,
        point: &str,
        file: &ActionFile,
        origin: &Origin,
    ) -> (Vec<String>, Option<ActionCommand>) {
        let mut result = TemplateResult::default();
        let mut table = toml::Value::Table(file.with.clone());
        self.filler.expand(&mut table, &mut result);
        let missing = self.record_template_result(point, &mut result, origin);
        if !(missing.is_empty() && result.errors.is_empty()) {
            return (missing, None);
        }
        if self.report_secrets(&file.with, &table, origin) || self.report_options(&file.with, &table, origin)
        {
            return (missing, None);
        }
        let program = match decode::decode_table::<ActionCommandFile>(table) {
            Ok(program) => program,
            Err((steps, what)) => {
                self.problems.push(self.value_problem(&file.with, origin, &steps, &what));
                return (missing, None);
            }
        };
        let is_own = origin.source.name == self.profile.source.name;
        let argv = match (program.argv, program.shell) {
            (Some(argv), None) if argv.first().is_some_and(|name| !name.is_empty()) => argv,
            (None, Some(script)) if is_own && !script.trim().is_empty() => {
                vec!["sh".to_owned(), "-c".to_owned(), script]
            }
            _ => {
                let what = "expected argv = [\"program\", …], or shell = \"…\" (in a profile only)";
                self.problems.push(origin.problem(&steps!["with"], what));
                return (missing, None);
            }
        };
        let placed = |argv: Vec<String>| match &program.cluster {
            Some(cluster) => cluster.with_options(argv),
            None => argv,
        };
        let (argv, dry_run) = (placed(argv), placed(program.dry_run));
        (missing, Some(ActionCommand { argv, cwd: program.cwd, env: program.env, dry_run }))
    }

    /// The profile's guards.
    pub(super) fn guards(&mut self) -> Vec<Probe> {
        let profile = self.profile;
        let each = profile.file.guards.iter().enumerate().map(|(index, guard)| {
            let origin = Origin { source: &profile.source, path: steps!["guard", index].to_vec() };
            let probe = self.single_probe(ROLLBACK, guard, &origin);
            if probe.spec.is_none() && !probe.missing.is_empty() {
                let what = format!("missing values of the guard: {}", probe.missing.join(", "));
                self.problems.push(origin.problem(&[], what));
            }
            probe
        });
        each.collect()
    }

    /// The rollback: the checklist's steps; the profile's replace them or follow them.
    pub(super) fn rollback_steps(&mut self, sections: &mut [Section]) -> Vec<Action> {
        if self.is_new {
            return Vec::new();
        }
        let (checklist, profile) = (self.checklist, self.profile);
        let step = |index: usize| steps!["rollback", index].to_vec();
        let has_point =
            sections.iter().flat_map(|section| &section.points).any(|point| point.id == DRY_RUN_POINT);
        let mut rollback: Vec<Action> = Vec::new();
        for (index, file) in checklist.file.rollback.iter().enumerate() {
            rollback.push(self.action(
                DRY_RUN_POINT,
                file,
                &Origin { source: &checklist.source, path: step(index) },
            ));
        }
        for (index, file) in profile.file.rollback.iter().enumerate() {
            let own =
                self.action(DRY_RUN_POINT, file, &Origin { source: &profile.source, path: step(index) });
            if profile.file.rollback[..index].iter().any(|other| other.id == file.id) {
                let what = format!("the rollback has two steps called {}", file.id);
                self.problems.push(profile.source.problem(&step(index), what));
            }
            let what = format!("rollback: {}", replace_or_add(&mut rollback, own));
            let point = if has_point { DRY_RUN_POINT } else { ROLLBACK };
            self.tailored.push(Tailoring { point: point.to_owned(), what });
        }
        for (file, source) in
            [(&checklist.file.rollback, &checklist.source), (&profile.file.rollback, &profile.source)]
        {
            self.check_reverted_points(file, source, sections);
        }
        let mut points = sections.iter_mut().flat_map(|section| &mut section.points);
        if let Some(point) = points.find(|point| point.id == DRY_RUN_POINT) {
            self.add_dry_run_probes(point, &rollback);
        }
        rollback
    }

    /// Reports points in `reverts` that do not exist.
    fn check_reverted_points(&mut self, steps: &[ActionFile], source: &SourceFile, sections: &[Section]) {
        let ids: Vec<&str> =
            sections.iter().flat_map(|section| &section.points).map(|point| point.id.as_str()).collect();
        for (index, step) in steps.iter().enumerate() {
            for (at, id) in step.reverts.iter().enumerate().filter(|(_, id)| !ids.contains(&id.as_str())) {
                let near = nearest(id, ids.iter().copied()).map(|near| format!("; did you mean {near}?"));
                let what = format!("{id} is no point of the checklist{}", near.unwrap_or_default());
                self.problems.push(source.problem(&steps!["rollback", index, "reverts", at], what));
            }
        }
    }

    /// Adds a dry-run probe for each step of the rollback that has a dry run.
    fn add_dry_run_probes(&mut self, point: &mut Point, steps: &[Action]) {
        let due = point.probes.first().and_then(|probe| probe.due.clone());
        for step in steps {
            let Some(program) = step.program.as_ref().filter(|program| !program.dry_run.is_empty()) else {
                continue;
            };
            let mut with = toml::Table::new();
            with.insert("argv".into(), toml::Value::from(program.dry_run.clone()));
            with.extend(program.cwd.clone().map(|cwd| ("cwd".to_owned(), toml::Value::from(cwd))));
            with.insert("error_patterns".into(), kubectl_error_patterns());
            let env = toml::Value::try_from(&program.env).ok().map(|env| ("env".to_owned(), env));
            with.extend(env);
            let spec = match decode::decode_spec("command", toml::Value::Table(with)) {
                Ok(spec) => spec,
                Err((_, what)) => {
                    let problem = self.rollback_problem(&step.id, format!("dry run of {}: {what}", step.id));
                    self.problems.push(problem);
                    continue;
                }
            };
            point.probes.push(Probe {
                id: format!("try-{}", step.id),
                title: format!("Dry run: {}{}", step.title, dry_run_scope(&program.dry_run)),
                due: due.clone(),
                deadline_ms: 60_000,
                retries: 0,
                retry_delay_ms: 1000,
                within_ms: 0,
                hold_ms: 0,
                since: None,
                after_action: None,
                digest_of: None,
                effects: false,
                early: false,
                people: Vec::new(),
                people_by_checklist: Vec::new(),
                missing: Vec::new(),
                spec: Some(spec),
            });
        }
    }

    /// A problem with a step of the rollback, in the file that has written it.
    fn rollback_problem(&self, id: &str, what: String) -> Problem {
        let at = |steps: &[ActionFile]| steps.iter().rposition(|step| step.id == id);
        let (checklist, profile) = (self.checklist, self.profile);
        if let Some(index) = at(&profile.file.rollback) {
            return profile.source.problem(&steps!["rollback", index], what);
        }
        let index = at(&checklist.file.rollback).unwrap_or_default();
        checklist.source.problem(&steps!["rollback", index], what)
    }

    /// The names of all probes of the checklist.
    pub(super) fn probe_keys(&self) -> Vec<String> {
        let points = self.checklist.file.sections.iter().flat_map(|section| &section.points);
        points
            .flat_map(|point| point.probes.iter().map(|probe| format!("{}/{}", point.id, probe.id)))
            .collect()
    }

    /// A probe of the checklist, and its path.
    pub(super) fn probe_file(&self, key: &ProbeKey) -> Option<(&'a ProbeFile, Vec<PathStep>)> {
        let sections = self.checklist.file.sections.iter().enumerate();
        let points = sections
            .flat_map(|(s, section)| section.points.iter().enumerate().map(move |(p, point)| (s, p, point)));
        let (s, p, point) = points.into_iter().find(|(_, _, point)| point.id == key.point)?;
        let at = point.probes.iter().position(|probe| probe.id == key.probe)?;
        Some((&point.probes[at], steps!["section", s, "point", p, "probe", at].to_vec()))
    }
}

/// What `kubectl` prints when it cannot reach its cluster.
const UNREACHABLE_MESSAGES: [&str; 6] =
    ["Unable to connect", "was refused", "error: stat ", "does not exist", "i/o timeout", "no route to host"];

/// What the title of a dry run adds: the API server takes an image that no registry has.
fn dry_run_scope(argv: &[String]) -> &'static str {
    let is_of_server = argv.iter().any(|word| word == "--dry-run=server");
    if is_of_server { " (accepted by the API server; no image is pulled)" } else { "" }
}

fn kubectl_error_patterns() -> toml::Value {
    let each = UNREACHABLE_MESSAGES.iter().map(|pattern| {
        let meaning = "cannot reach the cluster; check its address, the kubeconfig and the context";
        let pairs =
            [("pattern", *pattern), ("meaning", meaning)].map(|(key, text)| (key.to_owned(), text.into()));
        toml::Value::Table(pairs.into_iter().collect())
    });
    toml::Value::Array(each.collect())
}

/// Replaces the action with the same id, or adds the action at the end; describes the change.
fn replace_or_add(actions: &mut Vec<Action>, action: Action) -> String {
    let id = action.id.clone();
    if let Some(own) = actions.iter_mut().find(|other| other.id == action.id) {
        *own = action;
        format!("action {id} replaced")
    } else {
        actions.push(action);
        format!("action {id} added")
    }
}
