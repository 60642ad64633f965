//! What observations are known by, whatever their words: rules, reports and later runs look for these. Words are for
//! people, and some of them are foreign.

/// The digest of a change set that was planned.
pub const CHANGE_SET_DIGEST: &str = "change-set-digest";
/// Which version of a secret is the current one.
pub const SECRET_VERSION: &str = "secret-version";

/// The fingerprint of a secret.
pub const SECRET_FINGERPRINT: &str = "secret-fingerprint";

const TAG_DIGEST: &str = "tag-digest:";

/// The digest of the image that a tag names in a registry.
#[must_use]
pub fn tag_digest(tag: &str) -> String {
    format!("{TAG_DIGEST}{tag}")
}

/// The tag whose image has the digest that is known by this.
#[must_use]
pub fn tag_of(key: &str) -> Option<&str> {
    key.strip_prefix(TAG_DIGEST)
}

/// The value of a header.
#[must_use]
pub fn header(name: &str) -> String {
    format!("header:{}", name.to_lowercase())
}

/// Something that a guard has seen before an action.
#[must_use]
pub fn guard(id: &str) -> String {
    format!("guard:{id}")
}

/// Something that a check of the action's own has seen before it.
#[must_use]
pub fn check(id: &str) -> String {
    format!("check:{id}")
}
