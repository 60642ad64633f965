//! Lints a profile before anything is probed: missing values, likely mistakes, and differences from the defaults. Pure:
//! does not access the machine or the network.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::action::ActionKey;
use super::fill::is_reference;
use super::placeholder::is_placeholder;
use super::plan::{Plan, Role};
use super::profile::Profile;
use super::source::{Path, Step, steps};
use crate::error::{Place, Problem};
use crate::secret::SecretRef;

/// The level of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// A missing value: a point cannot be checked.
    Missing,
    /// A likely mistake.
    Doubtful,
    /// Differs from the default, perhaps on purpose.
    Unusual,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its level.
    pub weight: Weight,
    /// Where, what, and what to do.
    pub problem: Problem,
}

/// A reference to a secret, and its place.
pub type Referred = (Place, SecretRef);

/// Schemes without encryption, and the encrypted ones.
const PLAIN: [(&str, &str); 4] = [("http", "https"), ("redis", "rediss"), ("amqp", "amqps"), ("ws", "wss")];

/// All findings, by level and then in the order of the file.
#[must_use]
pub fn doubts(profile: &Profile, plan: &Plan) -> Vec<Finding> {
    let mut doubts = Doubts { profile, found: Vec::new() };
    doubts.missing(plan);
    doubts.people(plan);
    doubts.guards(plan);
    doubts.apply(plan);
    let mut texts = Vec::new();
    leaves(&profile.file.values, &mut steps!["values"].to_vec(), &mut |path, leaf| {
        if let Leaf::Text(text) = leaf {
            texts.push((path.to_vec(), text.to_owned()));
        }
    });
    for (path, text) in texts {
        doubts.text(&path, &text, plan.production);
    }
    doubts.contacts();
    doubts.tailored(plan);
    let mut found = doubts.found;
    found.sort_by(|a, b| (a.weight, &a.problem.place).cmp(&(b.weight, &b.problem.place)));
    found
}

/// Every reference to a secret of a profile.
#[must_use]
pub fn secrets(profile: &Profile) -> Vec<Referred> {
    let mut found = Vec::new();
    leaves(&profile.file.values, &mut steps!["values"].to_vec(), &mut |path, leaf| {
        if let Leaf::Secret(secret) = leaf {
            found.push((profile.source.place(path), secret));
        }
    });
    found
}

struct Doubts<'a> {
    profile: &'a Profile,
    found: Vec<Finding>,
}

impl Doubts<'_> {
    fn tell(&mut self, weight: Weight, path: &[Step], what: impl Into<String>, hint: impl Into<String>) {
        let problem = self.profile.source.problem(path, what).hint(hint);
        self.found.push(Finding { weight, problem });
    }

    /// Reports each missing value once, with the points that need it. Values of the command line are not reported.
    fn missing(&mut self, plan: &Plan) {
        let mut wanted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for point in plan.points() {
            for name in point.missing().into_iter().filter(|name| !name.contains(' ')) {
                wanted.entry(name).or_default().push(&point.id);
            }
        }
        for (name, points) in wanted {
            let path: Path = ["values"].into_iter().chain(name.split('.')).map(Step::from).collect();
            let (table, key) = name.rsplit_once('.').unwrap_or(("", name));
            let what = format!("{name} is missing: cannot check {}", points.join(", "));
            let hint = format!("add {key} to [values.{table}]; config/production.toml explains each value");
            self.tell(Weight::Missing, &path, what, hint);
        }
    }

    fn people(&mut self, plan: &Plan) {
        if !plan.production {
            return;
        }
        if plan.solo {
            let hint = "remove it, unless one person may confirm for two";
            self.tell(Weight::Doubtful, &steps!["solo"], "solo in a production environment", hint);
        } else if !plan.seals.contains(&Role::Reviewer) {
            let hint = "write seals = [\"driver\", \"reviewer\"]";
            self.tell(Weight::Doubtful, &steps!["seals"], "a production run that one person can seal", hint);
        }
    }

    /// Actions in production should have a guard that checks their target.
    fn guards(&mut self, plan: &Plan) {
        let runs = plan.actions().any(|(_, action)| action.program.is_some());
        if plan.production && runs && plan.guards.is_empty() {
            let what = "no guard checks the target before an action";
            let hint = "add [[guard]]; config/production.toml has two";
            self.tell(Weight::Doubtful, &steps!["production"], what, hint);
        }
    }

    /// The checklist's own apply action is Terraform's.
    fn apply(&mut self, plan: &Plan) {
        let tool =
            self.profile.file.values.get("iac").and_then(|iac| iac.get("tool")).and_then(toml::Value::as_str);
        let own = plan
            .action(&ActionKey::new("deploy.iac-apply", "apply"))
            .and_then(|action| action.program.as_ref());
        let is_terraforms = own.is_some_and(|own| own.argv.iter().any(|word| word.starts_with("-chdir=")));
        if let (Some(tool @ ("pulumi" | "cloudformation")), true) = (tool, is_terraforms) {
            let what = format!("deploy.iac-apply runs Terraform's apply, which does not work for {tool}");
            let hint = "add an action with id = \"apply\" to [points.\"deploy.iac-apply\"]";
            self.tell(Weight::Doubtful, &steps!["values", "iac", "tool"], what, hint);
        }
    }

    fn text(&mut self, path: &[Step], text: &str, production: bool) {
        let name = name_of(path);
        if let Some((scheme, meant, host)) = plain(text).filter(|(_, _, host)| !is_own(host)) {
            let what = format!("{name}: {scheme}:// to {host} is not encrypted");
            self.tell(Weight::Doubtful, path, what, format!("use {meant}:// if possible"));
        }
        if production && host_of(text).is_some_and(|host| is_own(&host)) {
            let what = format!("{name}: points to this host, in a production environment");
            self.tell(Weight::Doubtful, path, what, "give the host that users reach");
        }
        if is_placeholder(text) && !is_template(path) && !["/", "."].contains(&text) {
            self.tell(
                Weight::Doubtful,
                path,
                format!("{name}: {text:?} looks like a placeholder"),
                "write the real value",
            );
        }
        if production && path.last() == Some(&Step::from("username")) && text == "guest" {
            let what = format!("{name}: RabbitMQ's default user");
            self.tell(Weight::Doubtful, path, what, "create a separate user for this environment");
        }
    }

    fn contacts(&mut self) {
        let profile = self.profile;
        for (at, contact) in profile.file.contacts.iter().enumerate() {
            let fields = [("role", &contact.role), ("name", &contact.name), ("channel", &contact.channel)];
            for (key, value) in fields.into_iter().filter(|(_, value)| is_placeholder(value)) {
                let what = format!("contact {}: {key} {value:?} looks like a placeholder", contact.role);
                self.tell(Weight::Doubtful, &steps!["contact", at, key], what, "write whom to call, and how");
            }
        }
    }

    /// Reports how the profile tailors the checklist, with the points.
    fn tailored(&mut self, plan: &Plan) {
        let mut told: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for tailoring in &plan.tailored {
            told.entry(&tailoring.what).or_default().push(&tailoring.point);
        }
        for (what, points) in told {
            let name = what.split(' ').next().unwrap_or_default();
            let value: Path = ["values"].into_iter().chain(name.split('.')).map(Step::from).collect();
            let path = if name.contains('.') { value } else { steps!["points", points[0]].to_vec() };
            let hint = "differs from the default; check that this is intended";
            self.tell(Weight::Unusual, &path, format!("{what}: {}", points.join(", ")), hint);
        }
    }
}

/// A value without inner values.
enum Leaf<'a> {
    Text(&'a str),
    Secret(SecretRef),
}

fn leaves(table: &toml::Table, at: &mut Path, tell: &mut impl FnMut(&[Step], Leaf)) {
    for (key, value) in table {
        at.push(Step::Key(key.clone()));
        leaf(value, at, tell);
        at.pop();
    }
}

fn leaf(value: &toml::Value, at: &mut Path, tell: &mut impl FnMut(&[Step], Leaf)) {
    match value {
        toml::Value::Table(table) if is_reference(table) => {
            if let Ok(secret) = value.clone().try_into() {
                tell(at, Leaf::Secret(secret));
            }
        }
        toml::Value::Table(table) => leaves(table, at, tell),
        toml::Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(Step::Index(index));
                leaf(item, at, tell);
                at.pop();
            }
        }
        toml::Value::String(text) => tell(at, Leaf::Text(text)),
        _ => {}
    }
}

/// The dotted name of a path, such as `redis.url`.
fn name_of(path: &[Step]) -> String {
    let keys = path.iter().skip(1).map(|step| match step {
        Step::Key(key) => key.clone(),
        Step::Index(index) => (index + 1).to_string(),
    });
    keys.collect::<Vec<_>>().join(".")
}

/// Whether a value has a syntax of its own, with braces and question marks: JSON, expressions, commands.
fn is_template(path: &[Step]) -> bool {
    let machine = ["allowed_origins", "pause_command", "exec"];
    path.iter().any(|step| matches!(step, Step::Key(key) if machine.contains(&key.as_str())))
}

/// A scheme without encryption, the encrypted one, and the host.
fn plain(text: &str) -> Option<(&'static str, &'static str, String)> {
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

fn is_own(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address.is_unspecified())
}
