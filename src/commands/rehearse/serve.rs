//! Keeps the stack up for other processes.

use std::fs;
use std::io::{self, Write as _};
use std::sync::mpsc;

use anyhow::Result;

use crate::commands::exiting::{SignalRequest, on_signals};
use crate::commands::loaded_profile::LoadedProfile;
use crate::commands::trust;
use gonogo_core::error::Exit;
use gonogo_core::text::shell_word;
use gonogo_rehearsal::files::RehearsalFiles;
use gonogo_rehearsal::names::{PREVIOUS_RELEASE, RELEASE};
use gonogo_rehearsal::shims::TOOLS;

/// Keeps the stack up until a signal.
pub(super) fn serve(files: &RehearsalFiles) -> Result<Exit> {
    let profile = files.profile();
    let shown = shell_word(&profile.display().to_string());
    let with = shell_word(&files.wrapper().display().to_string());
    let digest = trust::digest_of(&LoadedProfile::read(&profile)?)?;
    let mut out = io::stdout().lock();
    // What people need comes last, where it is not scrolled away.
    out.write_all(fs::read_to_string(&profile)?.as_bytes())?;
    let releases = format!("--release {RELEASE} --previous {PREVIOUS_RELEASE}");
    writeln!(
        out,
        "\n# The stack is up until this process ends (Ctrl-C). The profile above is {shown}. In another shell:"
    )?;
    writeln!(out, "#     {with} gonogo check {shown} {releases} --trust {digest}")?;
    writeln!(out, "#     {with} gonogo run {shown} {releases}")?;
    writeln!(out, "# `with` runs one command for which {} are the rehearsal's.", TOOLS.join(", "))?;
    out.flush()?;
    drop(out);
    let (sender, end_request) = mpsc::channel();
    on_signals(move |what| {
        if what == SignalRequest::End {
            sender.send(()).unwrap_or_default();
        }
    })?;
    // Only a signal ends it.
    end_request.recv().unwrap_or_default();
    Ok(Exit::Success)
}
