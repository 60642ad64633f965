//! `gonogo doctor`: reports what is missing in a profile, likely mistakes, and programs and files that are not on this
//! machine. Contacts no server and runs no command.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::load::Loaded;
use super::trust;
use crate::checklist::doubts::{Finding, Weight, doubts, secrets};
use crate::checklist::literals::literals;
use crate::checklist::needs::{Here, here};
use crate::checklist::{Plan, Promotion};
use crate::cli::{DoctorArgs, PlainFormat};
use crate::diagnostic;
use crate::error::{Exit, Place, Problem};
use crate::files::open_regular;
use crate::secret::SecretRef;
use crate::text::{count, line};

/// Readable by the group or by others.
const BY_OTHERS: u32 = 0o044;

pub(super) fn doctor(arguments: &DoctorArgs) -> Result<Exit> {
    let loaded = Loaded::read(&arguments.profile)?;
    if arguments.trust_digest {
        writeln!(io::stdout(), "{}", trust::digest_of(&loaded)?)?;
        return Ok(Exit::Good);
    }
    let tag = |tag: &str| Some(tag.to_owned());
    // The command line gives these values, so the profile cannot lack them.
    let previous = loaded.previous().map_or_else(|| tag("PREVIOUS"), tag);
    let plan = loaded.plan(&Promotion { release: tag("RELEASE"), previous })?;
    let mut found = doubts(loaded.profile(), &plan);
    found.extend(loaded.own_files().flat_map(literals));
    found.extend(unread_secrets(&loaded, &plan));
    found.extend(absent(&plan));
    found.sort_by_key(|finding| finding.weight);
    let told = match arguments.format {
        PlainFormat::Human => human(&loaded, &found),
        PlainFormat::Json => machine(&found),
    };
    let mut out = io::stdout().lock();
    out.write_all(told.as_bytes()).and_then(|()| out.flush())?;
    let is_well = found.iter().all(|finding| finding.weight == Weight::Unusual);
    Ok(if is_well { Exit::Good } else { Exit::NoGo })
}

const ALL: [(Weight, &str); 3] =
    [(Weight::Missing, "missing"), (Weight::Doubtful, "warning"), (Weight::Unusual, "hint")];

fn human(loaded: &Loaded, found: &[Finding]) -> String {
    let of = |weight| found.iter().filter(move |finding| finding.weight == weight);
    let counts = ALL.map(|(weight, word)| match (weight, of(weight).count()) {
        (Weight::Missing, n) => format!("{n} {word}"),
        (_, n) => count(n, word),
    });
    let counts = counts.join(", ");
    let mut told = format!("{}: {counts}\n", line(&loaded.path().display().to_string()));
    for (weight, word) in ALL.into_iter().filter(|(weight, _)| of(*weight).next().is_some()) {
        let _ = writeln!(told, "\n{word}");
        for finding in of(weight) {
            for row in finding.problem.to_string().lines() {
                let _ = writeln!(told, "  {}", line(row));
            }
        }
    }
    if let Some(file) = diagnostic::file() {
        let _ = writeln!(told, "\ndiagnostic log  {file}");
    }
    told
}

fn machine(found: &[Finding]) -> String {
    let one = |finding: &Finding| {
        let (_, word) = ALL.into_iter().find(|(weight, _)| *weight == finding.weight).unwrap_or(ALL[0]);
        let Problem { place, what, hint } = &finding.problem;
        let place = place
            .as_ref()
            .map(|place| json!({"file": place.file, "line": place.line, "column": place.column}));
        json!({"level": word, "place": place, "what": what, "hint": hint})
    };
    let findings: Vec<_> = found.iter().map(one).collect();
    format!("{:#}\n", json!({"findings": findings, "diagnostic_log": diagnostic::file()}))
}

/// References to secrets that do not exist on this machine. The secrets themselves are not read.
fn unread_secrets(loaded: &Loaded, plan: &Plan) -> Vec<Finding> {
    let of_values = secrets(loaded.profile());
    let is_listed = |secret: &SecretRef| of_values.iter().any(|(_, listed)| listed == secret);
    // The other references are in a probe, a guard or an action.
    let mut others: Vec<SecretRef> = plan.secrets().into_iter().filter(|secret| !is_listed(secret)).collect();
    others.dedup();
    let others: Vec<_> = others.iter().filter_map(|secret| unread(None, secret)).collect();
    of_values.iter().filter_map(|(place, secret)| unread(Some(place.clone()), secret)).chain(others).collect()
}

fn unread(place: Option<Place>, secret: &SecretRef) -> Option<Finding> {
    let (weight, what, hint) = match secret {
        SecretRef::Env(name) => {
            let given = std::env::var_os(name).is_some_and(|value| !value.is_empty());
            let what = (!given).then(|| format!("the environment variable {name} is not set"))?;
            (Weight::Missing, what, "export it before the run")
        }
        SecretRef::File(path) => match fs::metadata(path) {
            Ok(found) if found.is_file() && open_regular(path).is_ok() => {
                let open = found.permissions().mode() & BY_OTHERS != 0
                    && found.uid() == rustix::process::geteuid().as_raw();
                let what = open.then(|| format!("{path} is readable by other users"))?;
                (Weight::Doubtful, what, "chmod 600")
            }
            _ => (
                Weight::Missing,
                format!("{path} is not a readable file"),
                "check the path and its permissions",
            ),
        },
        SecretRef::Command(argv) => {
            let name = argv.first()?;
            let what = (!is_program(name)).then(|| format!("program {name} not found"))?;
            (Weight::Missing, what, "install it, or check PATH")
        }
    };
    let problem = Problem::new(what).hint(hint);
    Some(Finding { weight, problem: place.into_iter().fold(problem, Problem::at) })
}

/// Programs, directories and files that probes need and that are not on this machine.
fn absent(plan: &Plan) -> Vec<Finding> {
    let specs = plan.points().flat_map(|point| &point.probes).filter_map(|probe| probe.spec.as_ref());
    let programs = plan.actions().filter_map(|(_, action)| action.program.as_ref());
    let run = programs.filter_map(|program| program.argv.first()).cloned().map(Here::Program);
    let wanted: BTreeSet<_> = specs.flat_map(here).chain(run).collect();
    let absent = wanted.into_iter().filter_map(|wanted| match wanted {
        Here::Program(name) => {
            (!is_program(&name)).then(|| (format!("program {name} not found"), "install it, or check PATH"))
        }
        Here::Directory(path) => (!Path::new(&path).is_dir()).then(|| {
            (format!("directory {path} not found"), "check the path; it is relative to the current directory")
        }),
        Here::File(path) => read_error(Path::new(&path)).map(|why| {
            (
                format!("{path} is not readable: {why}"),
                "check the path; it is relative to the current directory",
            )
        }),
    });
    absent
        .map(|(what, hint)| Finding { weight: Weight::Missing, problem: Problem::new(what).hint(hint) })
        .collect()
}

/// A directory counts: some probes read all files in one. A FIFO does not: reading it would block.
fn read_error(path: &Path) -> Option<io::Error> {
    if path.is_dir() { fs::read_dir(path).err() } else { open_regular(path).err() }
}

fn is_program(name: &str) -> bool {
    let runs = |path: &Path| {
        fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return runs(Path::new(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| runs(&directory.join(name)))
}
