//! Images as registries store them: a config, one layer, and the manifest that names both.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The media type of manifests.
pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A built image.
#[derive(Clone, Debug)]
pub struct Image {
    pub(super) config: Vec<u8>,
    pub(super) layer: Vec<u8>,
    pub(super) manifest: Vec<u8>,
}

impl Image {
    /// An image with these environment variables (`NAME=value`) and these build steps in its history.
    #[must_use]
    pub fn new(env: &[&str], steps: &[&str]) -> Self {
        let layer = empty_layer();
        let mut history = vec![json!({"created_by": "FROM python:3.12-slim"})];
        let steps: Vec<Value> =
            steps.iter().map(|step| json!({"created_by": step, "empty_layer": true})).collect();
        history.extend(steps);
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": env, "Cmd": ["uvicorn", "advanced.app:app", "--port", "8004"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(&empty_tar())]},
            "history": history,
        });
        let config = config.to_string().into_bytes();
        let of = |kind: &str, bytes: &[u8]| {
            let kind = format!("application/vnd.oci.image.{kind}");
            json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()})
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": of("config.v1+json", &config),
            "layers": [of("layer.v1.tar+gzip", &layer)],
        });
        Self { config, layer, manifest: manifest.to_string().into_bytes() }
    }

    /// `sha256:…` of its config: the image id of builders.
    #[must_use]
    pub fn id(&self) -> String {
        digest(&self.config)
    }

    /// The length of its manifest, in bytes.
    #[must_use]
    pub fn manifest_len(&self) -> usize {
        self.manifest.len()
    }

    /// `sha256:…` of its manifest: the digest in registries.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&self.manifest)
    }
}

/// The SHA-256 digest of bytes, as `sha256:…`.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", base16ct::lower::encode_string(&Sha256::digest(bytes)))
}

/// Two blocks of zeros: an empty archive.
fn empty_tar() -> Vec<u8> {
    vec![0; 1024]
}

fn empty_layer() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = std::io::Write::write_all(&mut encoder, &empty_tar());
    encoder.finish().unwrap_or_default()
}
