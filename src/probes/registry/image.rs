//! Images: from a tag to its manifest and digest, and to the images of an index
//! (<https://github.com/opencontainers/image-spec/blob/main/image-index.md>).

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;
use sha2::{Digest as _, Sha512};

use super::login::RegistrySession;
use super::{RegistryLookup, refusal, short};
use crate::probes::api_client::ApiResponse;
use crate::probes::content;
use crate::probes::error::{ProbeError, ProbeResult};
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::text::count;
use reqwest::StatusCode;

/// The media types that a tag may point to. Without them a registry answers 404.
pub(super) const MANIFEST_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
/// The media types of images' configs; old builders say nothing of it.
const CONFIG_TYPES: [&str; 4] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
    "application/octet-stream",
    "",
];
/// The maximum number of images of one tag that are read.
const MAX_IMAGES: usize = 32;
/// How deep indexes may be nested.
const MAX_DEPTH: usize = 3;
/// How many requests are made at once.
const CONCURRENCY: usize = 6;

/// What a tag points to.
pub(super) struct TaggedImage {
    /// `sha256:…` of what the tag names.
    pub(super) digest: String,
    /// The images in it: itself, or those of an index.
    pub(super) images: Vec<Image>,
    /// The parts of an index that could not be read, and why.
    pub(super) unread: Vec<(String, ProbeError)>,
    /// What else is in it: attestations, artifacts.
    pub(super) others: Vec<String>,
}

/// One image.
pub(super) struct Image {
    pub(super) manifest: String,
    /// The digest of its config.
    pub(super) config: String,
    /// `linux/arm64`, in an index.
    pub(super) platform: Option<String>,
}

/// A part of an index.
#[derive(Clone)]
struct Part {
    digest: String,
    platform: Option<String>,
    depth: usize,
}

/// Finds what a tag names; its digest is computed, not believed.
pub(super) async fn find(
    session: &RegistrySession<'_>,
    repository: &str,
    tag: &str,
) -> RegistryLookup<TaggedImage> {
    let Some((digest, content)) = root(session, repository, tag).await? else { return Ok(None) };
    let mut found = TaggedImage { digest, images: Vec::new(), unread: Vec::new(), others: Vec::new() };
    let root = Part { digest: found.digest.clone(), platform: None, depth: 0 };
    let parts = found.add(&root, &content);
    found.read_parts(session, repository, parts).await;
    Ok(Some(found))
}

/// The digest of what a tag names; it is computed, too.
pub(super) async fn digest(
    session: &RegistrySession<'_>,
    repository: &str,
    tag: &str,
) -> RegistryLookup<String> {
    Ok(root(session, repository, tag).await?.map(|(digest, _)| digest))
}

/// The manifest or index that a tag names, and its digest.
async fn root(session: &RegistrySession<'_>, repository: &str, tag: &str) -> RegistryLookup<(String, Value)> {
    let Some(reply) = manifest(session, repository, tag).await? else { return Ok(None) };
    let reported = reply.headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
    let content = json(&reply.body)?;
    // The digest of a manifest of schema 1 is that of what is signed in it.
    let is_signed = content.get("signatures").is_some();
    let computed = digest_of(&reply.body, reported.unwrap_or_default());
    let digest = reported.filter(|_| is_signed).map_or(computed, str::to_owned);
    if let Some(reported) = reported.filter(|reported| *reported != digest && is_computed(reported)) {
        return Err(ProbeError::new(format!("digest mismatch: reported {reported}, content has {digest}")));
    }
    Ok(Some((digest, content)))
}

impl TaggedImage {
    /// Reads the parts of an index, and those of the indexes among them.
    async fn read_parts(&mut self, session: &RegistrySession<'_>, repository: &str, mut parts: Vec<Part>) {
        let mut known = BTreeSet::new();
        while !parts.is_empty() {
            parts.retain(|part| known.insert(part.digest.clone()));
            let left = MAX_IMAGES.saturating_sub(known.len() - parts.len());
            let rest = parts.split_off(parts.len().min(left));
            if !rest.is_empty() {
                let why = ProbeError::new(format!("not read: limit of {MAX_IMAGES} images exceeded"));
                self.unread.push((format!("{} more images", rest.len()), why));
            }
            let read = stream::iter(parts).map(|part| async move {
                let content = part_content(session, repository, &part.digest).await;
                (part, content)
            });
            let read: Vec<_> = read.buffered(CONCURRENCY).collect().await;
            parts = read.into_iter().flat_map(|(part, content)| self.add_part(&part, content)).collect();
        }
    }

    fn add_part(&mut self, part: &Part, content: ProbeResult<Value>) -> Vec<Part> {
        match content {
            Ok(content) => self.add(part, &content),
            Err(why) => {
                self.unread.push((part.name(), why));
                Vec::new()
            }
        }
    }

    /// Adds an image; gives the parts of an index.
    fn add(&mut self, part: &Part, content: &Value) -> Vec<Part> {
        let Some(listed) = content.get("manifests").and_then(Value::as_array) else {
            match config_of(content) {
                Ok(config) => self.images.push(Image {
                    manifest: part.digest.clone(),
                    config,
                    platform: part.platform.clone(),
                }),
                Err(other) => self.others.push(other),
            }
            return Vec::new();
        };
        if part.depth >= MAX_DEPTH {
            let why = ProbeError::new(format!("not read: indexes nested more than {MAX_DEPTH} deep"));
            self.unread.push((part.name(), why));
            return Vec::new();
        }
        let (images, others): (Vec<_>, Vec<_>) = listed.iter().partition(|part| is_image(part));
        self.others.extend(others.iter().map(|_| "an attestation".to_owned()));
        let parts: Vec<_> = images.iter().filter_map(|listed| Part::of(listed, part)).collect();
        if parts.len() < images.len() {
            let unnamed = images.len() - parts.len();
            let why = ProbeError::new("not read: the index has no digest of it");
            self.unread.push((count(unnamed, "image"), why));
        }
        parts
    }
}

impl Part {
    fn of(descriptor: &Value, index: &Self) -> Option<Self> {
        let digest = descriptor.get("digest").and_then(Value::as_str)?.to_owned();
        let platform = descriptor.get("platform").map(platform_of).or_else(|| index.platform.clone());
        Some(Self { digest, platform, depth: index.depth + 1 })
    }

    fn name(&self) -> String {
        format!("image {}", with_platform(&self.digest, self.platform.as_deref()))
    }
}

/// The begin of a digest, with the platform if it is of one: `sha256:0123… (linux/arm64)`.
pub(super) fn with_platform(digest: &str, platform: Option<&str>) -> String {
    let digest = short(digest);
    platform.map_or_else(|| digest.to_owned(), |platform| format!("{digest} ({platform})"))
}

/// `linux/arm/v7`.
fn platform_of(platform: &Value) -> String {
    let words = ["os", "architecture", "variant"].map(|key| platform.get(key).and_then(Value::as_str));
    words.into_iter().flatten().collect::<Vec<_>>().join("/")
}

/// Attestations are listed beside images, without a platform
/// (<https://docs.docker.com/build/metadata/attestations/attestation-storage/>).
fn is_image(part: &Value) -> bool {
    let word = |path: &str| part.pointer(path).and_then(Value::as_str);
    word("/platform/os") != Some("unknown")
        && word("/annotations/vnd.docker.reference.type").is_none()
        && word("/artifactType").is_none()
}

/// The digest of an image's config; for another manifest, what it is of.
fn config_of(manifest: &Value) -> Result<String, String> {
    let word = |path: &str| manifest.pointer(path).and_then(Value::as_str);
    if manifest.get("fsLayers").is_some() || manifest.get("schemaVersion").and_then(Value::as_u64) == Some(1)
    {
        return Err("an image of schema 1, which is not supported: push it again".to_owned());
    }
    let kind = word("/config/mediaType").unwrap_or_default();
    let artifact = word("/artifactType").or(Some(kind).filter(|kind| !CONFIG_TYPES.contains(kind)));
    match (artifact, word("/config/digest")) {
        (Some(kind), _) => Err(format!("an artifact ({kind})")),
        (None, Some(digest)) => Ok(digest.to_owned()),
        (None, None) => Err("a manifest without a config".to_owned()),
    }
}

async fn manifest(
    session: &RegistrySession<'_>,
    repository: &str,
    reference: &str,
) -> RegistryLookup<ApiResponse> {
    let path = format!("/v2/{repository}/manifests/{reference}");
    let reply = session.get(&path, &MANIFEST_TYPES).await?;
    match reply.status {
        // A page of a proxy says nothing of the registry.
        StatusCode::NOT_FOUND if !is_page(&reply.body) => Ok(None),
        status if status.is_success() => Ok(Some(reply)),
        status if status.is_client_error() && !is_page(&reply.body) => {
            Err(ProbeError::new(format!("rejected by the registry: {}", refusal(&reply.body, status))))
        }
        _ => Err(reply.error_of_status()),
    }
}

fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

async fn part_content(session: &RegistrySession<'_>, repository: &str, digest: &str) -> ProbeResult<Value> {
    let reply = manifest(session, repository, digest).await?;
    let reply = reply.ok_or_else(|| ProbeError::new("its manifest is missing"))?;
    check_digest(&reply.body, digest)?;
    json(&reply.body)
}

/// A config, held to its digest.
pub(super) async fn config(
    session: &RegistrySession<'_>,
    repository: &str,
    digest: &str,
) -> ProbeResult<Value> {
    let reply = session.get(&format!("/v2/{repository}/blobs/{digest}"), &[]).await?;
    if !reply.status.is_success() {
        return Err(reply.error_of_status());
    }
    check_digest(&reply.body, digest)?;
    json(&reply.body)
}

fn check_digest(bytes: &[u8], digest: &str) -> ProbeResult<()> {
    if is_computed(digest) && digest_of(bytes, digest) == digest {
        return Ok(());
    }
    Err(ProbeError::new("digest mismatch: the content from the registry has another digest"))
}

/// Whether digests of this algorithm are computed here.
fn is_computed(digest: &str) -> bool {
    digest.starts_with("sha256:") || digest.starts_with("sha512:")
}

/// The digest of some bytes, by the algorithm of another one.
fn digest_of(bytes: &[u8], like: &str) -> String {
    if like.starts_with("sha512:") {
        return format!("sha512:{}", base16ct::lower::encode_string(&Sha512::digest(bytes)));
    }
    format!("sha256:{}", Sha256Hex::of(bytes))
}

fn json(bytes: &[u8]) -> ProbeResult<Value> {
    content::json(bytes).map_err(|why| ProbeError::new(format!("not a manifest: {why}")))
}

#[cfg(test)]
mod tests {
    use gonogo_core::outcome::Class;
    use serde_json::json;

    use super::*;
    use crate::probes::altered_json::GoodDocument;

    /// What a manifest or an index is, as far as it says by itself.
    fn added(content: &Value) -> (TaggedImage, Vec<Part>) {
        let mut found =
            TaggedImage { digest: String::new(), images: Vec::new(), unread: Vec::new(), others: Vec::new() };
        let root = Part { digest: "sha256:r".into(), platform: None, depth: 0 };
        let parts = found.add(&root, content);
        (found, parts)
    }

    #[test]
    fn no_altered_manifest_or_index_names_an_image_that_it_does_not_have() {
        let class = |is_good: bool| if is_good { Class::Pass } else { Class::Error };
        let json =
            json!({"schemaVersion": 2, "config": {"mediaType": CONFIG_TYPES[0], "digest": "sha256:c"}});
        GoodDocument { json, carriers: &["/config/digest"], maps: &[] }.check(|bytes| {
            let found = super::json(bytes).map(|content| added(&content).0.images);
            class(found.is_ok_and(|images| images.iter().any(|image| image.config == "sha256:c")))
        });
        let part = json!({"digest": "sha256:a", "platform": {"os": "linux", "architecture": "amd64"}});
        let index = json!({"schemaVersion": 2, "manifests": [part]});
        GoodDocument { json: index, carriers: &["/manifests", "/manifests/0/digest"], maps: &[] }.check(
            |bytes| {
                let found = super::json(bytes).map(|content| added(&content));
                class(found.is_ok_and(|(found, parts)| found.unread.is_empty() && parts.len() == 1))
            },
        );
        let (found, parts) = added(&json!({"manifests": [part, {"platform": {"os": "linux"}}]}));
        assert_eq!((parts.len(), found.unread.len()), (1, 1), "a part without a digest is not read");
    }

    #[test]
    fn images_are_distinguished_from_what_else_a_manifest_can_be_of() {
        let config =
            |kind: &str| json!({"schemaVersion": 2, "config": {"mediaType": kind, "digest": "sha256:c"}});
        for kind in CONFIG_TYPES {
            assert_eq!(config_of(&config(kind)), Ok("sha256:c".to_owned()), "{kind}");
        }
        for (manifest, what) in [
            (config("application/vnd.cncf.helm.config.v1+json"), "an artifact (application/vnd.cncf.helm"),
            (
                json!({"artifactType": "application/vnd.x", "config": {"digest": "sha256:c"}}),
                "an artifact (application/vnd.x",
            ),
            (json!({"schemaVersion": 1, "fsLayers": []}), "an image of schema 1"),
            (json!({}), "a manifest without a config"),
        ] {
            assert!(config_of(&manifest).unwrap_err().starts_with(what), "{manifest}");
        }
    }

    #[test]
    fn the_parts_of_an_index_are_sorted() {
        let index = json!({"manifests": [
            {"digest": "sha256:a", "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
            {"digest": "sha256:b"},
            {"digest": "sha256:x", "platform": {"os": "unknown", "architecture": "unknown"}},
            {"digest": "sha256:y", "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
        ]});
        let mut found =
            TaggedImage { digest: String::new(), images: Vec::new(), unread: Vec::new(), others: Vec::new() };
        let root = Part { digest: "sha256:i".into(), platform: None, depth: 0 };
        let parts = found.add(&root, &index);
        let names: Vec<_> = parts.iter().map(Part::name).collect();
        assert_eq!(names, ["image sha256:a (linux/arm/v7)", "image sha256:b"]);
        assert_eq!(found.others.len(), 2);
        let deep = found.add(&Part { depth: MAX_DEPTH, ..root }, &index);
        assert!(deep.is_empty() && found.unread.len() == 1);
    }

    #[test]
    fn a_digest_is_computed_by_its_algorithm() {
        assert!(digest_of(b"", "").starts_with("sha256:e3b0c442"));
        assert!(digest_of(b"", "sha512:x").starts_with("sha512:cf83e135"));
        assert!(check_digest(b"", &digest_of(b"", "sha512:")).is_ok());
        assert!(check_digest(b"x", &digest_of(b"", "")).is_err() && check_digest(b"", "md5:0").is_err());
    }
}
