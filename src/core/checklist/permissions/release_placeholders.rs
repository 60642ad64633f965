//! Permissions for any release: placeholders stand for the release and the previous one, so that the next release needs
//! no new permission.

use std::cell::Cell;

use super::{Permission, Permissions};
use crate::checklist::plan::Plan;
use crate::checklist::resolve::Promotion;

/// The tags with which a plan for any release is resolved. Valid wherever a tag or a name is.
const RELEASE: &str = "gonogo-any-release-c41f";
const PREVIOUS: &str = "gonogo-any-previous-c41f";

/// The placeholders that replace them.
const RELEASE_PLACEHOLDER: &str = "{{ release }}";
const PREVIOUS_PLACEHOLDER: &str = "{{ previous }}";

impl Promotion {
    /// Any release, with any previous one: for [`with_placeholders`].
    #[must_use]
    pub fn any() -> Self {
        Self { release: Some(RELEASE.to_owned()), previous: Some(PREVIOUS.to_owned()) }
    }
}

/// The permissions of a plan of [`Promotion::any`], with placeholders for the two releases.
#[must_use]
pub fn with_placeholders(permissions: Permissions) -> Permissions {
    let text =
        |text: &str| text.replace(RELEASE, RELEASE_PLACEHOLDER).replace(PREVIOUS, PREVIOUS_PLACEHOLDER);
    permissions.into_iter().map(|permission| permission.mapped(&text, &text)).collect()
}

/// Permissions with the placeholders replaced by the releases of a plan. Leaves out permissions whose placeholder cannot
/// be replaced: there is no such release, or it is not a plain tag and could contain a command.
#[must_use]
pub fn fill_placeholders(permissions: &Permissions, plan: &Plan) -> Permissions {
    let release = plain_tag(&plan.release);
    // A file named after a release has no slash in its name.
    let in_files = release.map(|release| release.replace('/', "-"));
    // Without a previous release, the word `none`.
    let previous = plan.previous.as_deref().map_or(Some("none"), plain_tag);
    let each = permissions.iter().flat_map(|permission| {
        [fill(permission, release, previous), fill(permission, in_files.as_deref(), previous)]
    });
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

/// The permissions that a plan needs and that are not allowed.
#[must_use]
pub fn not_allowed(needed: &Permissions, allowed: &Permissions, plan: &Plan) -> Permissions {
    needed.difference(&fill_placeholders(allowed, plan)).cloned().collect()
}

/// A tag that is a plain word everywhere: in a shell, in a path, as an image tag.
fn plain_tag(tag: &str) -> Option<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-+/".contains(c);
    let begins = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    (begins && tag.len() <= 255 && tag.chars().all(is_plain) && !tag.contains("..")).then_some(tag)
}
