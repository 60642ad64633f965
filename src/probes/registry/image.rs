//! Images: from a tag to a manifest, its digest and its configs.

use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::RegistryLookup;
use super::login::RegistrySession;
use crate::probes::api_client::ApiResponse;
use crate::probes::content;
use crate::probes::error::{ProbeError, ProbeResult};
use gonogo_core::outcome::Sha256Hex;

/// The media types that a tag may point to. Without them a registry answers 404.
const MANIFEST_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
/// The maximum number of platforms of one image that are checked.
const MAX_PLATFORMS: usize = 8;

/// The image that a tag points to.
pub(super) struct RegistryImage {
    /// `sha256:…` of what the tag names.
    pub(super) digest: String,
    /// The digests of the configs of all its platforms.
    pub(super) configs: Vec<String>,
}

/// Finds what a tag names; its digest is computed, not believed.
pub(super) async fn find(
    session: &RegistrySession,
    repository: &str,
    tag: &str,
) -> RegistryLookup<RegistryImage> {
    let Some(reply) = manifest(session, repository, tag).await? else { return Ok(None) };
    let digest = digest_of(&reply.body);
    let reported = reply.headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
    if let Some(reported) = reported.filter(|reported| *reported != digest && reported.starts_with("sha256:"))
    {
        return Err(ProbeError::new(format!("the registry says {reported}, but what it sends has {digest}")));
    }
    let manifest = json(&reply.body)?;
    let Some(platforms) = manifest.get("manifests").and_then(Value::as_array) else {
        return Ok(Some(RegistryImage { digest, configs: config_of(&manifest).into_iter().collect() }));
    };
    let mut configs = Vec::new();
    for platform in platforms.iter().filter(|part| is_image(part)).take(MAX_PLATFORMS) {
        let Some(digest) = platform.get("digest").and_then(Value::as_str) else { continue };
        let reply = self::manifest(session, repository, digest).await?;
        let reply = reply.ok_or_else(|| ProbeError::new(format!("its part {digest} is not there")))?;
        if digest_of(&reply.body) != digest {
            return Err(ProbeError::new(format!("its part {digest} is another than it should be")));
        }
        configs.extend(config_of(&json(&reply.body)?));
    }
    Ok(Some(RegistryImage { digest, configs }))
}

/// Attestations are listed beside images, without a platform.
fn is_image(part: &Value) -> bool {
    part.pointer("/platform/os").and_then(Value::as_str) != Some("unknown")
}

fn config_of(manifest: &Value) -> Option<String> {
    manifest.pointer("/config/digest").and_then(Value::as_str).map(str::to_owned)
}

async fn manifest(
    session: &RegistrySession,
    repository: &str,
    reference: &str,
) -> RegistryLookup<ApiResponse> {
    let path = format!("/v2/{repository}/manifests/{reference}");
    let reply = session.send(Method::GET, &path, &MANIFEST_TYPES).await?;
    match reply.status {
        StatusCode::NOT_FOUND => Ok(None),
        status if status.is_success() => Ok(Some(reply)),
        _ => Err(reply.error_of_status()),
    }
}

/// A config, held to its digest.
pub(super) async fn config(session: &RegistrySession, repository: &str, digest: &str) -> ProbeResult<Value> {
    let reply = session.send(Method::GET, &format!("/v2/{repository}/blobs/{digest}"), &[]).await?;
    let reply = match reply.headers.get(LOCATION).and_then(|to| to.to_str().ok()) {
        Some(to) if reply.status.is_redirection() => session.fetch(to).await?,
        _ => reply,
    };
    if !reply.status.is_success() {
        return Err(reply.error_of_status());
    }
    if digest_of(&reply.body) != digest {
        return Err(ProbeError::new("what the registry sends does not have that digest"));
    }
    json(&reply.body)
}

fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", Sha256Hex::of(bytes))
}

fn json(bytes: &[u8]) -> ProbeResult<Value> {
    content::json(bytes).map_err(|why| ProbeError::new(format!("not a manifest: {why}")))
}
