//! Permissions of any release: what follows the release or the previous one stands as a placeholder, so that the next
//! release asks for nothing new.

use std::cell::Cell;

use super::{Permission, Permissions};
use crate::checklist::freeze::Promotion;
use crate::checklist::plan::Plan;

/// What a plan is made with, so that its permissions tell where the release follows. They are of the form that every
/// tag and name may have.
const RELEASE: &str = "gonogo-any-release-c41f";
const PREVIOUS: &str = "gonogo-any-previous-c41f";

/// How they read.
const RELEASE_PLACEHOLDER: &str = "{{ release }}";
const PREVIOUS_PLACEHOLDER: &str = "{{ previous }}";

impl Promotion {
    /// Of any release, from any previous one: for [`with_placeholders`].
    #[must_use]
    pub fn any() -> Self {
        Self { release: Some(RELEASE.to_owned()), previous: Some(PREVIOUS.to_owned()) }
    }
}

/// The permissions of a plan of [`Promotion::any`], with placeholders for the two.
#[must_use]
pub fn with_placeholders(permissions: Permissions) -> Permissions {
    let text =
        |text: &str| text.replace(RELEASE, RELEASE_PLACEHOLDER).replace(PREVIOUS, PREVIOUS_PLACEHOLDER);
    permissions.into_iter().map(|permission| permission.mapped(&text, &text)).collect()
}

/// Permissions with the placeholders filled in for the releases of a plan. Those whose placeholder cannot be filled in
/// are left out: there is no such release, or it is not a plain tag, and its text could be a command of its own.
#[must_use]
pub fn filled(permissions: &Permissions, plan: &Plan) -> Permissions {
    let release = plain(&plan.release);
    // A file that is named after a release has no slash in its name.
    let in_files = release.map(|release| release.replace('/', "-"));
    // Where there was none before, that word stands in its place.
    let previous = plan.previous.as_deref().map_or(Some("none"), plain);
    let each = permissions
        .iter()
        .flat_map(|one| [fill(one, release, previous), fill(one, in_files.as_deref(), previous)]);
    each.flatten().collect()
}

fn fill(permission: &Permission, release: Option<&str>, previous: Option<&str>) -> Option<Permission> {
    let is_filled = Cell::new(true);
    let text = |text: &str| {
        let mut text = text.to_owned();
        for (placeholder, tag) in [(RELEASE_PLACEHOLDER, release), (PREVIOUS_PLACEHOLDER, previous)] {
            if text.contains(placeholder) {
                is_filled.set(is_filled.get() && tag.is_some());
                text = text.replace(placeholder, tag.unwrap_or_default());
            }
        }
        text
    };
    let filled = permission.clone().mapped(&text, &text);
    is_filled.get().then_some(filled)
}

/// What of the permissions that a plan needs is not among those that were given.
#[must_use]
pub fn beyond(needed: &Permissions, given: &Permissions, plan: &Plan) -> Permissions {
    needed.difference(&filled(given, plan)).cloned().collect()
}

/// A tag that is a word everywhere: in a shell, as a part of a path, as the tag of an image.
fn plain(tag: &str) -> Option<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-+/".contains(c);
    let begins = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    (begins && tag.len() <= 255 && tag.chars().all(is_plain) && !tag.contains("..")).then_some(tag)
}
