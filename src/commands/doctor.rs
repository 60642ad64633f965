//! `gonogo doctor`: reports what is missing in a profile, likely mistakes, and programs and files that are not on this
//! machine. Contacts no server and runs no command of the profile.

mod groups;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Result;
use serde_json::json;

use self::groups::grouped;
use super::loaded_profile::LoadedProfile;
use super::trust;
use crate::cli::{DoctorArgs, PlainFormat};
use crate::diagnostic;
use crate::process::{Permit, find_program, find_python_module};
use gonogo_core::checklist::lint::{LintFinding, LintLevel, lint, secret_references};
use gonogo_core::checklist::requirements::{LocalRequirement, local_requirements};
use gonogo_core::checklist::suspected_secrets::suspected_secrets;
use gonogo_core::checklist::{ActionKey, Plan, Probe, ProbeKey, Promotion};
use gonogo_core::error::{Exit, Problem, SourceLocation};
use gonogo_core::files::open_regular;
use gonogo_core::secret::SecretRef;
use gonogo_core::text::{count, line};

/// How many probes and actions are listed that need a program or a file.
const MAX_USERS: usize = 3;
/// Readable by the group or by others.
const OTHERS_CAN_READ: u32 = 0o044;

pub(super) fn doctor(arguments: &DoctorArgs) -> Result<Exit> {
    let loaded = LoadedProfile::read(&arguments.profile)?;
    if arguments.trust_digest {
        writeln!(io::stdout(), "{}", trust::digest_of(&loaded)?)?;
        return Ok(Exit::Success);
    }
    let tag = |tag: &str| Some(tag.to_owned());
    // The command line gives these values, so the profile cannot lack them.
    let previous = loaded.previous().map_or_else(|| tag("PREVIOUS"), tag);
    let plan = loaded.plan(&Promotion { release: tag("RELEASE"), previous })?;
    let mut findings = lint(loaded.profile(), &plan);
    findings.extend(loaded.own_files().flat_map(suspected_secrets));
    findings.extend(unreadable_secrets(&loaded, &plan));
    findings.extend(missing_requirements(&loaded, &plan));
    // What has no place stands after what has one.
    findings.sort_by_key(|finding| {
        let place = &finding.problem.location;
        (finding.level, place.is_none(), place.clone())
    });
    let text = match arguments.format {
        PlainFormat::Human => human(&loaded, &findings),
        PlainFormat::Json => json(&findings),
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
    let only_hints = findings.iter().all(|finding| finding.level == LintLevel::Hint);
    Ok(if only_hints { Exit::Success } else { Exit::NoGo })
}

const LEVELS: [(LintLevel, &str); 3] =
    [(LintLevel::Missing, "missing"), (LintLevel::Warning, "warning"), (LintLevel::Hint, "hint")];

fn human(loaded: &LoadedProfile, findings: &[LintFinding]) -> String {
    let findings = grouped(findings);
    let of_level = |level| findings.iter().filter(move |finding| finding.level == level);
    let counts = LEVELS.map(|(level, word)| match (level, of_level(level).count()) {
        (_, 0) => None,
        (LintLevel::Missing, n) => Some(format!("{n} {word}")),
        (_, n) => Some(count(n, word)),
    });
    let counts: Vec<_> = counts.into_iter().flatten().collect();
    let counts = if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") };
    let mut text = format!("{}: {counts}\n", line(&loaded.path().display().to_string()));
    for (level, word) in LEVELS.into_iter().filter(|(weight, _)| of_level(*weight).next().is_some()) {
        let _ = writeln!(text, "\n{word}");
        let mut shown = None;
        for finding in of_level(level) {
            // Advice that all have in common is given once.
            let is_repeated =
                level == LintLevel::Hint && finding.problem.hint.is_some() && shown == finding.problem.hint;
            let advice = finding.problem.hint.clone().filter(|_| !is_repeated);
            let problem = Problem { hint: advice, ..finding.problem.clone() };
            for row in problem.to_string().lines() {
                let _ = writeln!(text, "  {}", line(row));
            }
            shown.clone_from(&finding.problem.hint);
        }
    }
    if let Some(file) = diagnostic::file() {
        let _ = writeln!(text, "\ndiagnostic log  {file}");
    }
    text
}

fn json(findings: &[LintFinding]) -> String {
    let finding_json = |finding: &LintFinding| {
        let (_, word) = LEVELS.into_iter().find(|(level, _)| *level == finding.level).unwrap_or(LEVELS[0]);
        let Problem { location: place, what, hint } = &finding.problem;
        let place = place
            .as_ref()
            .map(|place| json!({"file": place.file, "line": place.line, "column": place.column}));
        json!({"level": word, "place": place, "what": what, "hint": hint})
    };
    let findings: Vec<_> = findings.iter().map(finding_json).collect();
    format!("{:#}\n", json!({"findings": findings, "diagnostic_log": diagnostic::file()}))
}

/// References to secrets that do not exist on this machine. The secrets themselves are not read.
fn unreadable_secrets(loaded: &LoadedProfile, plan: &Plan) -> Vec<LintFinding> {
    let of_values = secret_references(loaded.profile());
    let is_listed = |secret: &SecretRef| of_values.iter().any(|(_, listed)| listed == secret);
    // The other references are in a probe, a guard or an action.
    let mut others: Vec<SecretRef> = plan.secrets().into_iter().filter(|secret| !is_listed(secret)).collect();
    others.dedup();
    let is = |secret: &SecretRef, value: &toml::Value| {
        value.is_table() && value.clone().try_into::<SecretRef>().is_ok_and(|found| found == *secret)
    };
    let located = |secret: &SecretRef| check_secret(place_of(loaded, |value| is(secret, value)), secret);
    let others: Vec<_> = others.iter().filter_map(located).collect();
    of_values
        .iter()
        .filter_map(|(place, secret)| check_secret(Some(place.clone()), secret))
        .chain(others)
        .collect()
}

fn check_secret(place: Option<SourceLocation>, secret: &SecretRef) -> Option<LintFinding> {
    let (level, what, hint) = match secret {
        SecretRef::Env(name) => {
            let is_set = std::env::var_os(name).is_some_and(|value| !value.is_empty());
            let what = (!is_set).then(|| format!("the environment variable {name} is not set"))?;
            (LintLevel::Missing, what, "export it before the run")
        }
        SecretRef::File(path) => match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() && open_regular(path).is_ok() => {
                let is_exposed = metadata.permissions().mode() & OTHERS_CAN_READ != 0
                    && metadata.uid() == rustix::process::geteuid().as_raw();
                let what = is_exposed.then(|| format!("{path} is readable by other users"))?;
                (LintLevel::Warning, what, "chmod 600")
            }
            _ => (
                LintLevel::Missing,
                format!("{path} is not a readable file"),
                "check the path and its permissions",
            ),
        },
        SecretRef::Command(argv) => {
            let name = argv.first()?;
            let what = (find_program(name).is_none()).then(|| format!("program {name} not found"))?;
            (LintLevel::Missing, what, "install it, or check PATH")
        }
    };
    let problem = Problem::new(what).hint(hint);
    Some(LintFinding { level, problem: place.into_iter().fold(problem, Problem::at) })
}

/// The place of a value in the profile, or in its own checklist.
fn place_of(loaded: &LoadedProfile, is_it: impl Fn(&toml::Value) -> bool) -> Option<SourceLocation> {
    loaded.own_files().find_map(|file| file.find(&is_it))
}

/// Programs, directories and files that probes and actions need and that are not on this machine, each with its place in
/// the profile and with what needs it. A file that an action writes cannot be there yet: that is only a hint.
fn missing_requirements(loaded: &LoadedProfile, plan: &Plan) -> Vec<LintFinding> {
    let mut users: BTreeMap<LocalRequirement, Vec<String>> = BTreeMap::new();
    for (user, requirement) in requirements(plan) {
        users.entry(requirement).or_default().push(user);
    }
    let missing = users.into_iter().filter_map(|(requirement, users)| {
        let name = requirement.name();
        let place = place_of(loaded, |value| value.as_str() == Some(name));
        let (level, problem) = match writer_of(&requirement, plan) {
            Some(action) if is_absent(name) => {
                let what =
                    format!("{name} does not exist yet: the action {action} writes it for {}", list(&users));
                (LintLevel::Hint, Problem::new(what).hint("nothing to do before that action has run"))
            }
            _ => {
                let (what, hint) = why_missing(&requirement)?;
                let what = format!("{what}: needed by {}", list(&users));
                (LintLevel::Missing, Problem::new(what).hint(hint))
            }
        };
        Some(LintFinding { level, problem: place.into_iter().fold(problem, Problem::at) })
    });
    missing.collect()
}

/// Each requirement of a probe, a guard or an action, with the name of that one.
fn requirements(plan: &Plan) -> impl Iterator<Item = (String, LocalRequirement)> {
    let probes = plan.points().flat_map(|point| {
        point.probes.iter().map(|probe| (ProbeKey::new(&point.id, &probe.id).to_string(), probe))
    });
    let guards = plan.guards.iter().map(|guard| (format!("guard {}", guard.id), guard));
    let of_probes = probes.chain(guards).filter_map(|(user, probe)| Some((user, probe.spec.as_ref()?)));
    let of_probes = of_probes.flat_map(|(user, spec)| {
        local_requirements(spec).into_iter().map(move |requirement| (user.clone(), requirement))
    });
    let of_actions = plan.actions().filter_map(|(key, action)| {
        let name = action.program.as_ref()?.argv.first()?;
        Some((key.to_string(), LocalRequirement::Program(name.clone())))
    });
    of_probes.chain(of_actions)
}

/// The action that writes a file: one that all the probes run after that read it.
fn writer_of(requirement: &LocalRequirement, plan: &Plan) -> Option<ActionKey> {
    let needs = |probe: &Probe| {
        probe.spec.as_ref().is_some_and(|spec| local_requirements(spec).contains(requirement))
    };
    let readers = plan.points().flat_map(|point| point.probes.iter().map(move |probe| (point, probe)));
    let mut actions = readers.filter(|(_, probe)| needs(probe)).map(|(point, probe)| {
        let after = probe.after_action.as_deref()?;
        Some(ActionKey::new(&*point.id, after))
    });
    let first = actions.next().flatten().filter(|_| matches!(requirement, LocalRequirement::File(_)))?;
    actions.all(|action| action.is_some()).then_some(first)
}

fn is_absent(path: &str) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn list(users: &[String]) -> String {
    let more = users.len().saturating_sub(MAX_USERS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", users.iter().take(MAX_USERS).cloned().collect::<Vec<_>>().join(", "))
}

/// What is missing, and what to do; `None` if it is there.
fn why_missing(requirement: &LocalRequirement) -> Option<(String, &'static str)> {
    const PATH_HINT: &str = "check the path; it is relative to the current directory";
    match requirement {
        LocalRequirement::PythonModule { interpreter, module } => {
            let hint = "install it where this interpreter finds it, or leave the probe out";
            is_python_module_missing(interpreter, module)
                .then(|| (format!("Python module {module} not found"), hint))
        }
        LocalRequirement::Program(name) => (find_program(name).is_none())
            .then(|| (format!("program {name} not found"), "install it, or check PATH")),
        LocalRequirement::Directory(path) => {
            (!Path::new(path).is_dir()).then(|| (format!("directory {path} not found"), PATH_HINT))
        }
        LocalRequirement::File(path) => {
            read_error(Path::new(path)).map(|why| (format!("{path} is not readable: {why}"), PATH_HINT))
        }
    }
}

/// Only if the interpreter says so: one that cannot be run is reported as a program.
fn is_python_module_missing(interpreter: &str, module: &str) -> bool {
    let asked = find_python_module(interpreter, module).output(&Permit::for_python_modules());
    asked.is_ok_and(|output| output.status.code() == Some(1))
}

/// A directory counts: some probes read all files in one. A FIFO does not: reading it would block.
fn read_error(path: &Path) -> Option<io::Error> {
    if path.is_dir() { fs::read_dir(path).err() } else { open_regular(path).err() }
}
