//! What a registry probe is asked to look at.

use serde::{Deserialize, Serialize};

use super::form::{self, Digest, ImageTag, Repository};
use super::{Api, SecretRef, is_false};

/// A repository of a container registry (the distribution API), and what must hold there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Where the registry is.
    pub api: Api,
    /// The repository, `team/app`.
    #[serde(deserialize_with = "form::one::<Repository, _>")]
    pub repository: String,
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Their password or token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// A tag that must be there; its digest is recorded.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "form::option::<ImageTag, _>"
    )]
    pub tag: Option<String>,
    /// The digest that the tag must have.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "form::option::<Digest, _>"
    )]
    pub digest: Option<String>,
    /// The file that the build has put the image's id into: the tag must name that image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// Whether the image's config and history are searched for credentials.
    #[serde(default, skip_serializing_if = "is_false")]
    pub clean: bool,
    /// Whether an upload is begun, and cancelled, to see that it may be.
    #[serde(default, skip_serializing_if = "is_false")]
    pub push: bool,
}
