//! Trust: a person allows what a profile or a log does before it does anything, and again when that changes.

mod permission_list;
mod store;

use std::io::{self, IsTerminal as _};

use anyhow::{Result, bail};
use rustix::termios::{QueueSelector, tcflush};

use self::permission_list::PermissionList;
use self::store::TrustRecord;
use super::exiting::with_undo_on_signal;
use super::identity::ask;
use super::loaded_profile::LoadedProfile;
use super::screen_options::screen_options;
use super::settings::Settings;
use crate::cli::ScreenArgs;
use crate::probes::proxies_of_environment;
use crate::process::Permit;
use crate::tui::long_question;
use crate::tui::terminal::restore;
use gonogo_core::checklist::permissions::{
    BaseDirectories, Permission, Permissions, digest, fill_placeholders, not_allowed, permissions,
};
use gonogo_core::checklist::{Plan, Promotion};
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::text::{count, line, shell_word};

/// SHA-256 of a profile's permissions, for `--trust`: the same for every release, and in every checkout.
pub(super) fn digest_of(loaded: &LoadedProfile) -> Result<Sha256Hex> {
    Ok(digest(&loaded.permissions()?))
}

/// Accepts plans that need no permissions, or only allowed ones, or that are allowed now: by the digest of `--trust`, or
/// by the operator's answer. The plan of an open run comes from its log. Returns the permit to start their programs.
///
/// # Errors
/// When the permissions are not allowed, or the digest is a different one. Nothing has run then.
pub(super) fn require<'a>(
    loaded: &'a LoadedProfile,
    plans: impl IntoIterator<Item = &'a Plan>,
    trust_digest: Option<Sha256Hex>,
) -> Result<Permit> {
    let directories = loaded.base_directories()?;
    let plans: Vec<_> = plans.into_iter().map(|plan| (plan, permissions(plan, &directories))).collect();
    let record = store::read(loaded.path())?;
    // They belong to the profile, not to a plan.
    let notifications = loaded.notify_permissions()?;
    let is_allowed = |permission| record.as_ref().is_some_and(|record| record.profile.contains(permission));
    let is_covered = is_covered(&plans, record.as_ref()) && notifications.iter().all(is_allowed);
    // The profile's permissions for any release are resolved from files: only if they are needed.
    if is_covered && trust_digest.is_none() {
        return Ok(Permit::for_trusted_program());
    }
    TrustRequest { loaded, profile: loaded.permissions()?, plans, known: record }
        .resolve(is_covered, trust_digest)
}

/// The same for the profile's permissions, for any release.
///
/// # Errors
/// When they are not allowed, or the digest is a different one. Nothing has run then.
pub(super) fn require_profile(loaded: &LoadedProfile, trust_digest: Option<Sha256Hex>) -> Result<Permit> {
    let (profile, record) = (loaded.permissions()?, store::read(loaded.path())?);
    let is_covered =
        profile.is_empty() || record.as_ref().is_some_and(|record| record.profile.is_superset(&profile));
    TrustRequest { loaded, profile, plans: Vec::new(), known: record }.resolve(is_covered, trust_digest)
}

/// Describes the proxies of the environment. They are the user's own, and not part of the profile or its digest.
fn describe_proxies() -> String {
    let row = |(name, address): &(&str, String)| format!("  {name}={}\n", line(address));
    let rows: String = proxies_of_environment().iter().map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    format!(
        "Requests without a proxy of their own, and the secrets that they send, go through your environment's proxies:\n{rows}\n"
    )
}

/// A request to allow permissions.
struct TrustRequest<'a> {
    loaded: &'a LoadedProfile,
    /// The profile's permissions, for any release.
    profile: Permissions,
    /// Each plan, and its permissions.
    plans: Vec<(&'a Plan, Permissions)>,
    /// The permissions allowed before.
    known: Option<TrustRecord>,
}

/// Whether all permissions of the plans were allowed before.
fn is_covered(plans: &[(&Plan, Permissions)], record: Option<&TrustRecord>) -> bool {
    plans.iter().all(|(plan, needed)| match record {
        None => needed.is_empty(),
        Some(record) => not_allowed(needed, &record.profile, plan)
            .iter()
            .all(|permission| record.others.contains(permission)),
    })
}

impl TrustRequest<'_> {
    /// Accepts permissions that were allowed before, match the digest, or are allowed by the operator now.
    fn resolve(&self, is_covered: bool, trust_digest: Option<Sha256Hex>) -> Result<Permit> {
        if let Some(trust_digest) = trust_digest {
            self.check_digest(trust_digest)?;
        }
        if is_covered {
            return Ok(Permit::for_trusted_program());
        }
        if trust_digest.is_some() {
            let proxies = describe_proxies();
            if !proxies.is_empty() {
                note!("{}", proxies.trim_end());
            }
        }
        // The digest covers the profile's permissions, not those of a plan in a log.
        if trust_digest.is_none() || !self.is_covered_by_profile() {
            self.ask(&self.text(trust_digest.is_some())?)?;
        }
        store::write(self.loaded.path(), &self.record())?;
        Ok(Permit::for_trusted_program())
    }

    /// Rejects a digest that is not the one of the profile's permissions.
    fn check_digest(&self, trust_digest: Sha256Hex) -> Result<()> {
        let now = digest(&self.profile);
        if trust_digest == now {
            return Ok(());
        }
        let profile = self.loaded.path().display().to_string();
        note!("{}", self.profile_text(&self.loaded.base_directories()?).trim_end());
        bail!(
            "--trust {trust_digest} does not match what {} does; read the list above; its digest is {now} \
             (printed by `gonogo doctor --trust-digest {}`)",
            line(&profile),
            line(&shell_word(&profile))
        )
    }

    /// The plans' permissions beyond the profile's, and not allowed before.
    fn others(&self) -> Permissions {
        let was_allowed = |permission: &Permission| {
            self.known.as_ref().is_some_and(|record| record.others.contains(permission))
        };
        let not_covered =
            self.plans.iter().flat_map(|(plan, needed)| not_allowed(needed, &self.profile, plan));
        not_covered.filter(|permission| !was_allowed(permission)).collect()
    }

    fn is_covered_by_profile(&self) -> bool {
        self.others().is_empty()
    }

    /// The text of the request; `is_meant`: the digest allows the profile's part.
    fn text(&self, is_meant: bool) -> Result<String> {
        let directories = self.loaded.base_directories()?;
        let is_known = self.known.as_ref().is_some_and(|record| record.profile.is_superset(&self.profile));
        let mut text = String::new();
        if !is_known && !is_meant && !self.profile.is_empty() {
            text += &self.profile_text(&directories);
        }
        let others = self.others();
        for (plan, needed) in self.plans.iter().filter(|(_, needed)| !needed.is_disjoint(&others)) {
            let of_profile = fill_placeholders(&self.profile, plan);
            text += &self.describe_origin(plan, needed, &of_profile)?;
            text += &PermissionList {
                directories: &directories,
                now: needed,
                before: Some(&of_profile),
                is_whole: false,
            }
            .text();
        }
        text += &describe_proxies();
        Ok(text)
    }

    fn profile_text(&self, directories: &BaseDirectories) -> String {
        let before = self.known.as_ref().map(|record| &record.profile);
        let head = format!("{} does the following:\n", self.profile_name());
        head + &PermissionList { directories, now: &self.profile, before, is_whole: true }.text()
    }

    /// Describes why a plan needs more permissions than the profile for any release.
    fn describe_origin(&self, plan: &Plan, needed: &Permissions, of_profile: &Permissions) -> Result<String> {
        let (release, none) = (&plan.release, "none".to_owned());
        let previous = Some(plan.previous.clone().unwrap_or(none));
        let release = Some(release.clone()).filter(|release| !release.is_empty());
        let now = self.loaded.plan(&Promotion { release, previous })?;
        let of_files = permissions(&now, &self.loaded.base_directories()?);
        let is_of_files = needed.difference(of_profile).all(|permission| of_files.contains(permission));
        Ok(if is_of_files {
            format!("For release {}, {} also does the following:\n", line(&plan.release), self.profile_name())
        } else {
            format!(
                "The log of the open run contains its own plan. It differs from {} as it is now:\n",
                self.profile_name()
            )
        })
    }

    fn profile_name(&self) -> String {
        line(&self.loaded.path().display().to_string())
    }

    fn ask(&self, text: &str) -> Result<()> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            note!("{}", text.trim_end());
            bail!("{}", self.how_to_allow());
        }
        let count = count(text.lines().filter(|line| !line.trim().is_empty()).count(), "line");
        let question = format!("Allow {} ({count} above)?", self.what_is_asked());
        let answer = if long_question::fits(text, &format!("{question}{TO_ALLOW}")) {
            ask_below(text, &question)
        } else {
            ask_in_pages(text, &question)
        };
        if !answer? {
            bail!("not allowed; nothing was run");
        }
        Ok(())
    }

    fn what_is_asked(&self) -> &'static str {
        let permissions = self.profile.iter().chain(self.plans.iter().flat_map(|(_, needed)| needed));
        let is_program = |permission: &&Permission| {
            matches!(permission, Permission::Runs(_) | Permission::RunsContentOf(_))
        };
        let (runs, others): (Vec<_>, Vec<_>) = permissions.partition(is_program);
        match (runs.is_empty(), others.is_empty()) {
            (false, true) => "these commands to run as you",
            (false, false) => "these commands to run as you, and the rest of this",
            (true, _) => "this",
        }
    }

    /// What to do without a terminal.
    fn how_to_allow(&self) -> String {
        if !self.is_covered_by_profile() {
            return "this is not allowed yet, and no digest covers it; `gonogo run` on a terminal asks for it".into();
        }
        let digest = digest(&self.profile);
        format!("this is not allowed yet; read the list above, then give --trust {digest} once")
    }

    fn record(&self) -> TrustRecord {
        let mut others = self.others();
        others.extend(self.known.iter().flat_map(|record| record.others.clone()));
        TrustRecord { digest: digest(&self.profile), profile: self.profile.clone(), others }
    }
}

/// After the question.
const TO_ALLOW: &str = " y to allow: ";

/// Prints a list that fits on the screen, and asks below it. What was typed before is dropped.
fn ask_below(text: &str, question: &str) -> Result<bool> {
    tcflush(io::stdin(), QueueSelector::IFlush)?;
    // Where the question is: standard error may be redirected.
    super::printing::print(format_args!("{text}"));
    Ok(ask(&format!("{question}{TO_ALLOW}"))? == "y")
}

/// Shows a longer list in pages, and asks at its end.
fn ask_in_pages(text: &str, question: &str) -> Result<bool> {
    let screen = screen_options(&ScreenArgs::default(), &Settings::read()?);
    let answer = with_undo_on_signal(restore, || long_question::ask(screen.appearance, text, question));
    Ok(answer?)
}
