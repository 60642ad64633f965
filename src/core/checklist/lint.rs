//! Lints a profile before anything is probed: missing values, likely mistakes, and differences from the defaults. Pure:
//! does not access the machine or the network.

mod probes;

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::action::{ActionKey, ROLLBACK};
use super::placeholder::is_placeholder;
use super::plan::{Plan, Role};
use super::profile::Profile;
use super::source::{KeyPath, PathStep, steps};
use super::spec::{CommandSpec, ProbeSpec};
use super::template::is_reference;
use crate::error::{Problem, SourceLocation};
use crate::secret::SecretRef;

/// The level of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LintLevel {
    /// A missing value: a point cannot be checked.
    Missing,
    /// A likely mistake.
    Warning,
    /// Differs from the default, perhaps on purpose.
    Hint,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintFinding {
    /// Its level.
    pub level: LintLevel,
    /// Where, what, and what to do.
    pub problem: Problem,
}

/// A reference to a secret, and its place.
pub type LocatedSecret = (SourceLocation, SecretRef);

/// Schemes without encryption, and the encrypted ones.
const PLAIN: [(&str, &str); 4] = [("http", "https"), ("redis", "rediss"), ("amqp", "amqps"), ("ws", "wss")];

/// All findings, by level and then in the order of the file.
#[must_use]
pub fn lint(profile: &Profile, plan: &Plan) -> Vec<LintFinding> {
    let mut linter = Linter { profile, found: Vec::new() };
    linter.check_missing(plan);
    linter.check_people(plan);
    linter.check_guards(plan);
    linter.check_apply(plan);
    linter.check_empty_probes(plan);
    linter.check_people_names(plan);
    let mut texts = Vec::new();
    visit_leaves(&profile.file.values, &mut steps!["values"].to_vec(), &mut |path, leaf| {
        if let LeafValue::Text(text) = leaf {
            texts.push((path.to_vec(), text.to_owned()));
        }
    });
    linter.check_targets(plan, &texts);
    for (path, text) in texts {
        linter.check_text(&path, &text, plan.production);
    }
    linter.check_contacts();
    linter.report_tailored(plan);
    linter.report_conditions(plan);
    let mut findings = linter.found;
    findings.sort_by(|a, b| (a.level, &a.problem.location).cmp(&(b.level, &b.problem.location)));
    findings
}

/// Every reference to a secret of a profile.
#[must_use]
pub fn secret_references(profile: &Profile) -> Vec<LocatedSecret> {
    let mut references = Vec::new();
    visit_leaves(&profile.file.values, &mut steps!["values"].to_vec(), &mut |path, leaf| {
        if let LeafValue::Secret(secret) = leaf {
            references.push((profile.source.place(path), secret));
        }
    });
    references
}

struct Linter<'a> {
    profile: &'a Profile,
    found: Vec<LintFinding>,
}

impl Linter<'_> {
    fn report(
        &mut self,
        weight: LintLevel,
        path: &[PathStep],
        what: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let problem = self.profile.source.problem(path, what).hint(hint);
        self.found.push(LintFinding { level: weight, problem });
    }

    /// Reports each missing value once, with the points that need it. Values of the command line are not reported.
    fn check_missing(&mut self, plan: &Plan) {
        let mut points_by_value: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for point in plan.points().filter(|point| point.not_applicable.is_none()) {
            for name in point.missing().into_iter().filter(|name| !name.contains(' ')) {
                points_by_value.entry(name).or_default().push(&point.id);
            }
        }
        for (name, points) in points_by_value {
            let path: KeyPath = ["values"].into_iter().chain(name.split('.')).map(PathStep::from).collect();
            let (table, key) = name.rsplit_once('.').unwrap_or(("", name));
            let what = format!("{name} is missing: cannot check {}", points.join(", "));
            let of = if table.is_empty() { "[values]".to_owned() } else { format!("[values.{table}]") };
            let hint = format!(
                "add {key} to {of}; `gonogo new profile --standard` explains those of the standard checklist"
            );
            let problem = Problem::new(what).at(self.profile.source.place_for(&path)).hint(hint);
            self.found.push(LintFinding { level: LintLevel::Missing, problem });
        }
    }

    fn check_people(&mut self, plan: &Plan) {
        if !plan.production {
            return;
        }
        if plan.solo {
            let hint = "remove it, unless one person may confirm for two";
            self.report(LintLevel::Warning, &steps!["solo"], "solo in a production environment", hint);
        } else if !plan.seals.contains(&Role::Reviewer) {
            let hint = "write seals = [\"driver\", \"reviewer\"]";
            self.report(
                LintLevel::Warning,
                &steps!["seals"],
                "a production run that one person can seal",
                hint,
            );
        }
    }

    /// Actions in production should have a guard that checks their target.
    fn check_guards(&mut self, plan: &Plan) {
        let runs = plan.actions().any(|(_, action)| action.program.is_some());
        if plan.production && runs && plan.guards.is_empty() {
            let what = "no guard checks the target before an action";
            let hint = "add [[guard]]: `gonogo help actions`";
            self.report(LintLevel::Warning, &steps!["production"], what, hint);
        }
    }

    /// The checklist's own apply action is Terraform's.
    fn check_apply(&mut self, plan: &Plan) {
        let tool =
            self.profile.file.values.get("iac").and_then(|iac| iac.get("tool")).and_then(toml::Value::as_str);
        let own = plan
            .action(&ActionKey::new("deploy.iac-apply", "apply"))
            .and_then(|action| action.program.as_ref());
        let is_terraforms = own.is_some_and(|own| own.argv.iter().any(|word| word.starts_with("-chdir=")));
        if let (Some(tool @ ("pulumi" | "cloudformation")), true) = (tool, is_terraforms) {
            let what = format!("deploy.iac-apply runs Terraform's apply, which does not work for {tool}");
            let hint = "add an action with id = \"apply\" to [points.\"deploy.iac-apply\"]";
            self.report(LintLevel::Warning, &steps!["values", "iac", "tool"], what, hint);
        }
    }

    /// A program that cannot use the address it is for.
    fn check_targets(&mut self, plan: &Plan, texts: &[(KeyPath, String)]) {
        for point in plan.points() {
            for probe in &point.probes {
                let Some(ProbeSpec::Command(CommandSpec { target: Some(target), .. })) = &probe.spec else {
                    continue;
                };
                if let Some(why) = target.unusable() {
                    let what = format!("{}/{} cannot run: {why}", point.id, probe.id);
                    let hint =
                        format!("add leave_out = {{ {} = \"…\" }} to [points.\"{}\"]", probe.id, point.id);
                    // Its place is that of the value with the address.
                    let is_address =
                        |text: &str| text.trim_end_matches('/') == target.url.trim_end_matches('/');
                    let place = texts.iter().find(|(_, text)| is_address(text)).map(|(path, _)| path.clone());
                    let place = place.unwrap_or_else(|| steps!["points", point.id.as_str()].to_vec());
                    self.report(LintLevel::Warning, &place, what, hint);
                }
            }
        }
    }

    fn check_text(&mut self, path: &[PathStep], text: &str, production: bool) {
        let name = name_of(path);
        if let Some((scheme, meant, host)) =
            unencrypted_scheme(text).filter(|(_, _, host)| !is_local_host(host))
        {
            let what = format!("{name}: {scheme}:// to {host} is not encrypted");
            self.report(LintLevel::Warning, path, what, format!("use {meant}:// if possible"));
        }
        let is_host = path.last() == Some(&PathStep::from("host"));
        let host = if is_host { Some(text.to_ascii_lowercase()) } else { host_of(text) };
        if production && host.is_some_and(|host| is_local_host(&host)) {
            let what = format!("{name}: points to this host, in a production environment");
            self.report(LintLevel::Warning, path, what, "give the host that users reach");
        }
        // A rehearsal's own profile names hosts that nobody has.
        let is_rehearsal = self.profile.file.rehearsal.is_some();
        if is_placeholder(text) && !is_rehearsal && !is_template(path) && !["/", "."].contains(&text) {
            self.report(
                LintLevel::Warning,
                path,
                format!("{name}: {text:?} looks like a placeholder"),
                "write the real value",
            );
        }
        if production && path.last() == Some(&PathStep::from("username")) && text == "guest" {
            let what = format!("{name}: RabbitMQ's default user");
            self.report(LintLevel::Warning, path, what, "create a separate user for this environment");
        }
    }

    fn check_contacts(&mut self) {
        let profile = self.profile;
        for (at, contact) in profile.file.contacts.iter().enumerate() {
            let fields = [("role", &contact.role), ("name", &contact.name), ("channel", &contact.channel)];
            for (key, value) in fields.into_iter().filter(|(_, value)| is_placeholder(value)) {
                let what = format!("contact {}: {key} {value:?} looks like a placeholder", contact.role);
                self.report(
                    LintLevel::Warning,
                    &steps!["contact", at, key],
                    what,
                    "write who can be called, and how",
                );
            }
        }
    }

    /// Reports how the profile tailors the checklist, with the points.
    fn report_tailored(&mut self, plan: &Plan) {
        // The profile of a rehearsal is gonogo's own.
        if self.profile.file.rehearsal.is_some() {
            return;
        }
        let mut points_by_change: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for tailoring in &plan.tailored {
            points_by_change.entry(&tailoring.what).or_default().push(&tailoring.point);
        }
        for (what, points) in points_by_change {
            let name = what.split(' ').next().unwrap_or_default();
            let value: KeyPath = ["values"].into_iter().chain(name.split('.')).map(PathStep::from).collect();
            let path = match self.path_of_step(what) {
                Some(step) => step,
                None if name.contains('.') => value,
                None => steps!["points", points[0]].to_vec(),
            };
            let hint = "differs from the default; check that this is intended";
            // Without a point for its dry runs, the rollback has none.
            let named =
                if points == [ROLLBACK] { what.to_owned() } else { format!("{what}: {}", points.join(", ")) };
            self.report(LintLevel::Hint, &path, named, hint);
        }
    }

    /// The path of a step of the rollback that the profile adds or replaces.
    fn path_of_step(&self, what: &str) -> Option<KeyPath> {
        let id = what.strip_prefix("rollback: action ")?.split(' ').next()?;
        let at = self.profile.file.rollback.iter().rposition(|step| step.id == id)?;
        Some(steps!["rollback", at].to_vec())
    }

    /// Points that a value turns off: a value that is misspelled would turn one off without a word.
    fn report_conditions(&mut self, plan: &Plan) {
        for point in plan.points() {
            let Some(why) = point.not_applicable.as_ref().filter(|why| why.starts_with("only if ")) else {
                continue;
            };
            let what = format!("{} does not apply: {why}", point.id);
            self.report(LintLevel::Hint, &steps!["values"], what, "check that this is intended");
        }
    }
}

/// A value without inner values.
enum LeafValue<'a> {
    Text(&'a str),
    Secret(SecretRef),
}

fn visit_leaves(table: &toml::Table, at: &mut KeyPath, visit: &mut impl FnMut(&[PathStep], LeafValue)) {
    for (key, value) in table {
        at.push(PathStep::Key(key.clone()));
        visit_leaf(value, at, visit);
        at.pop();
    }
}

fn visit_leaf(value: &toml::Value, at: &mut KeyPath, visit: &mut impl FnMut(&[PathStep], LeafValue)) {
    match value {
        toml::Value::Table(table) if is_reference(table) => {
            if let Ok(secret) = value.clone().try_into() {
                visit(at, LeafValue::Secret(secret));
            }
        }
        toml::Value::Table(table) => visit_leaves(table, at, visit),
        toml::Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(PathStep::Index(index));
                visit_leaf(item, at, visit);
                at.pop();
            }
        }
        toml::Value::String(text) => visit(at, LeafValue::Text(text)),
        _ => {}
    }
}

/// The dotted name of a path, such as `redis.url`.
fn name_of(path: &[PathStep]) -> String {
    let keys = path.iter().skip(1).map(|step| match step {
        PathStep::Key(key) => key.clone(),
        PathStep::Index(index) => (index + 1).to_string(),
    });
    keys.collect::<Vec<_>>().join(".")
}

/// Whether a value has a syntax of its own, with braces and question marks: JSON, expressions, commands.
fn is_template(path: &[PathStep]) -> bool {
    let machine = ["allowed_origins", "pause_command", "exec"];
    path.iter().any(|step| matches!(step, PathStep::Key(key) if machine.contains(&key.as_str())))
}

/// A scheme without encryption, the encrypted one, and the host.
fn unencrypted_scheme(text: &str) -> Option<(&'static str, &'static str, String)> {
    let (scheme, _) = text.split_once("://")?;
    let (plain, meant) = PLAIN.into_iter().find(|(plain, _)| *plain == scheme)?;
    Some((plain, meant, host_of(text)?))
}

fn host_of(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

fn is_local_host(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address.is_unspecified())
}
