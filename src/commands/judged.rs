//! A log, or a bundle of one, read and verified: what `verify`, `review`, `report` and `diff` begin with.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};

use super::identity::{revoked_file, signers_file};
use super::settings::Settings;
use crate::cli::TrustArgs;
use crate::engine::{ByTheRules, clock};
use crate::journal::revoked::Revoked;
use crate::journal::side;
use crate::journal::signers::AllowedSigners;
use crate::journal::source::Source;
use crate::journal::verify::{self, Report};
use crate::run::RunState;

/// A log and what verification found.
pub(super) struct Judged {
    /// Where it is; unpacked, if it was in a bundle.
    pub(super) source: Source,
    /// What verification found.
    pub(super) report: Report,
    /// The run as far as it is valid.
    pub(super) state: Option<RunState>,
}

/// Reads and verifies the log at `path`, or in the bundle at `path`.
pub(super) fn judge(path: &Path, trust: &TrustArgs) -> Result<Judged> {
    let named = || format!("run log {}", path.display());
    let source = Source::open(path).with_context(named)?;
    let (report, state) = judge_log(source.log(), &trusted(trust)?).with_context(named)?;
    Ok(Judged { source, report, state })
}

/// Verifies a log: what was found, and the run as far as it is valid.
pub(super) fn judge_log(log: &Path, signers: &AllowedSigners) -> Result<(Report, Option<RunState>)> {
    let mut rules = ByTheRules::default();
    let reader = BufReader::new(File::open(log)?);
    let mut report = verify::verify(reader, signers, clock::now().wall, &mut rules)?;
    let state = rules.into_state();
    report.warnings.extend(state.iter().flat_map(|state| side_files(log, state)));
    Ok((report, state))
}

/// Whom the person trusts, but for revoked keys.
pub(super) fn trusted(trust: &TrustArgs) -> Result<AllowedSigners> {
    let settings = Settings::read()?;
    let signers = match (&trust.signers, trust.rehearsal) {
        (None, true) => AllowedSigners::of_rehearsals(),
        (given, rehearsal) => {
            let signers = read_signers(&signers_file(given.as_deref(), &settings)?)?;
            if rehearsal { signers.for_rehearsals() } else { signers }
        }
    };
    Ok(signers.without(read_revoked(revoked_file(trust.revoked.as_deref(), &settings))?))
}

/// What is wrong with the files beside a log.
fn side_files(log: &Path, state: &RunState) -> Vec<String> {
    let torn = state.recoveries.iter().filter_map(|(seq, left)| Some((seq, left.torn.as_ref()?)));
    let torn = torn.filter_map(|(seq, torn)| Some((seq, side::check(log, torn).err()?)));
    let printed =
        state.outputs.iter().filter_map(|(seq, output)| Some((seq, side::check_output(log, output).err()?)));
    torn.chain(printed).map(|(seq, wrong)| format!("line {}: side file {wrong}", seq + 1)).collect()
}

fn read_signers(path: &Path) -> Result<AllowedSigners> {
    let text = fs::read_to_string(path).with_context(|| format!("allowed signers {}", path.display()))?;
    Ok(AllowedSigners::parse(&path.display().to_string(), &text)?)
}

/// None is as good as an empty one; one that is named and cannot be read is an error.
fn read_revoked(path: Option<PathBuf>) -> Result<Revoked> {
    let Some(path) = path else { return Ok(Revoked::default()) };
    let name = path.display().to_string();
    let bytes = fs::read(&path).with_context(|| format!("revoked keys {name}"))?;
    Revoked::parse(&name, &bytes).map_err(|problem| anyhow!("{problem}"))
}
