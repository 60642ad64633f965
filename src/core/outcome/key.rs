//! Machine keys of observations, independent of their texts: rules, reports and later runs use these. Texts are for
//! people, and some are foreign.

/// The digest of a planned change set.
pub const CHANGE_SET_DIGEST: &str = "change-set-digest";
/// The current version of a secret.
pub const SECRET_VERSION: &str = "secret-version";

/// The fingerprint of a secret.
pub const SECRET_FINGERPRINT: &str = "secret-fingerprint";

/// Good for now, and worth reading: a certificate that expires soon, a clock that differs.
pub const NOTICE: &str = "notice";

/// Some samples of a check were bad and others good.
pub const BAD_SAMPLES: &str = "bad-samples";

/// Not observed, and left to people to confirm.
pub const LEFT_TO_PEOPLE: &str = "left-to-people";

/// The name of the observation whose value a step of the rollback uses instead of
/// [`NOTED_PLACEHOLDER`](crate::checklist::NOTED_PLACEHOLDER).
pub const NOTED_REPLICAS: &str = "replicas to resume with";

const TAG_DIGEST: &str = "tag-digest:";

/// The digest of the image that a tag names in a registry.
#[must_use]
pub fn tag_digest(tag: &str) -> String {
    format!("{TAG_DIGEST}{tag}")
}

/// The tag in a key of [`tag_digest`].
#[must_use]
pub fn tag_of(key: &str) -> Option<&str> {
    key.strip_prefix(TAG_DIGEST)
}

/// The value of a header.
#[must_use]
pub fn header(name: &str) -> String {
    format!("header:{}", name.to_lowercase())
}

/// An observation of a guard before an action.
#[must_use]
pub fn guard(id: &str) -> String {
    format!("guard:{id}")
}

/// An observation of an action's own check before it.
#[must_use]
pub fn check(id: &str) -> String {
    format!("check:{id}")
}
