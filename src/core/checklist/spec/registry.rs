//! The spec of the registry probe.

use serde::{Deserialize, Serialize};

use super::syntax::{self, Digest, ImageTag, Repository};
use super::{ApiSpec, SecretRef, is_false};

/// A repository of a container registry (the distribution API), and its checks.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrySpec {
    /// The registry.
    pub api: ApiSpec,
    /// The repository, `team/app`.
    #[serde(deserialize_with = "syntax::one::<Repository, _>")]
    pub repository: String,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The user's password or token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// A required tag; its digest is recorded.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "syntax::option::<ImageTag, _>"
    )]
    pub tag: Option<String>,
    /// The expected digest of the tag.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "syntax::option::<Digest, _>"
    )]
    pub digest: Option<String>,
    /// Another tag: if it names the same image, that is a notice.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "syntax::option::<ImageTag, _>"
    )]
    pub differs_from: Option<String>,
    /// The file with the image id from the build: the tag must point to that image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// Whether to search the image's config and history for credentials.
    #[serde(default, skip_serializing_if = "is_false")]
    pub clean: bool,
    /// Whether to start and cancel an upload, to check the right to push.
    #[serde(default, skip_serializing_if = "is_false")]
    pub push: bool,
}
