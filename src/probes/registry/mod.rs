//! The registry probe (the OCI distribution API): a tag and its digest, credentials in an image, the right to
//! push.

mod challenge;
mod image;
mod leaks;
mod login;
mod push;
mod token;

use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::ProbeContext;
use super::curl;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::RegistrySpec;
use gonogo_core::files::read_regular_text;
use gonogo_core::outcome::{Observation, Outcome, key};
use gonogo_core::text;
use image::TaggedImage;
use login::{LoginError, RegistrySession};

/// The longest refusal that is repeated, in bytes.
const MAX_REFUSAL: usize = 200;

pub(super) async fn run(
    spec: &RegistrySpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Outcome {
    let tag = spec.tag.as_deref().unwrap_or("latest");
    let path = if spec.push { String::new() } else { format!("{}/manifests/{tag}", spec.repository) };
    let accept = image::MANIFEST_TYPES.join(", ");
    let mut reproduce = curl::get(&spec.api, &format!("/v2/{path}")) + &format!(" -I -H 'Accept: {accept}'");
    if let (Some(user), Some(password)) = (&spec.username, &spec.password) {
        reproduce = format!("{reproduce} -u {user}:{}", password.shell());
    }
    Outcome::of(query_registry(spec, deadline, secret_store, context).await, reproduce)
}

async fn query_registry(
    spec: &RegistrySpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Vec<Observation> {
    let session = match RegistrySession::open(spec, deadline, secret_store).await {
        Ok(session) => session,
        Err(LoginError::Denied(why)) if spec.push && spec.tag.is_none() => {
            return vec![push::judge_login_error(LoginError::Denied(why))];
        }
        Err(why) => {
            let what = format!("repository {}", spec.repository);
            return vec![Observation::unknown(what, "accessible", ProbeError::from(why))];
        }
    };
    let mut seen = Vec::new();
    if let Some(tag) = &spec.tag {
        seen.extend(query_tag(spec, tag, &session, deadline, context).await);
    }
    if spec.push {
        seen.extend(push::push(&spec.repository, &session, deadline, &context.effects).await);
    }
    if session.ignores_login() && seen.iter().any(|seen| seen.ok.is_some()) {
        seen.insert(0, Observation::recorded("credentials", "configured, but the registry requires none"));
    }
    seen
}

async fn query_tag(
    spec: &RegistrySpec,
    tag: &str,
    session: &RegistrySession<'_>,
    deadline: &Deadline,
    context: &ProbeContext,
) -> Vec<Observation> {
    let what = format!("tag {tag}");
    let image = match image::find(session, &spec.repository, tag).await {
        Ok(Some(image)) => image,
        Ok(None) => return vec![Observation::new(what, "present", "no such tag", false)],
        Err(why) => return vec![Observation::unknown(what, "present", why)],
    };
    let mut seen = judge_tag(spec, tag, &image, context);
    if spec.clean {
        seen.extend(leaks::judge(&spec.repository, session, &image, deadline).await);
    }
    let unread = |(name, why): &(String, ProbeError)| {
        Observation::unknown(format!("{name} of {what}"), "readable", why.clone())
    };
    seen.extend(image.unread.iter().map(unread));
    let is_needed = spec.clean || spec.image_id.is_some();
    if is_needed && image.images.is_empty() && image.unread.is_empty() {
        let others = image.others.join(", ");
        let others = if others.is_empty() { others } else { format!(", only {others}") };
        let why = format!("no image in the tag{others}");
        seen.push(Observation::unknown(format!("image of {what}"), "present", ProbeError::new(why)));
    }
    seen
}

fn judge_tag(
    spec: &RegistrySpec,
    tag: &str,
    image: &TaggedImage,
    context: &ProbeContext,
) -> Vec<Observation> {
    let what = format!("tag {tag}");
    let digest = match &spec.digest {
        Some(digest) => Observation::new(&what, digest, &image.digest, *digest == image.digest),
        None => Observation::recorded(&what, &image.digest),
    };
    let key = key::tag_digest(tag);
    let mut seen = vec![digest.with_key(&key)];
    seen.extend(spec.image_id.as_ref().map(|file| judge_built_image(file, &what, image)));
    // A tag that was moved means another image than the one that was judged.
    if let Some(before) = context.previous_observation(&key).filter(|before| before.seen != image.digest) {
        let message = format!("moved since the last sealed run (was: {})", before.seen);
        seen.push(Observation::recorded(format!("drift of tag {tag}"), message));
    }
    seen
}

/// Whether a tag points to the image that was built: builders identify an image by its config or by its manifest.
fn judge_built_image(file: &str, what: &str, image: &TaggedImage) -> Observation {
    let what = format!("image of {what}");
    match read_regular_text(file, super::MAX_IMAGE_ID) {
        Ok(id) => compare_built_image(&what, id.trim(), image),
        Err(error) => Observation::unknown(what, "the built image", format!("{file}: {error}")),
    }
}

fn compare_built_image(what: &str, id: &str, image: &TaggedImage) -> Observation {
    // Some builders leave the algorithm out.
    let id = if id.contains(':') || id.is_empty() { id.to_owned() } else { format!("sha256:{id}") };
    let expected = format!("{id} (the built image)");
    let is_part = image.images.iter().any(|part| part.config == id || part.manifest == id);
    let is_same = !id.is_empty() && (image.digest == id || is_part);
    if !is_same && !image.unread.is_empty() {
        return Observation::unknown(what, expected, ProbeError::new("not all of its images could be read"));
    }
    let other = image.images.first().map_or(&image.digest, |part| &part.config);
    Observation::new(what, expected, if is_same { &id } else { other }, is_same)
}

fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

/// The first error in the registry's own words: `{"errors":[{"code":"DENIED","message":"…"}]}`.
fn error_of(body: &[u8]) -> Option<String> {
    let body = serde_json::from_slice::<Value>(body).ok()?;
    let error = body.pointer("/errors/0").or_else(|| body.get("error").map(|_| &body))?;
    let word = |key| error.get(key).and_then(Value::as_str).unwrap_or_default();
    let words = [word("code"), word("error"), word("message"), word("error_description")];
    let words = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    Some(text::excerpt(words.as_bytes(), MAX_REFUSAL))
}

/// Whether a body is an error in the form of the specification.
fn has_errors(body: &[u8]) -> bool {
    error_of(body).is_some()
}

/// The registry's own words for a refusal, or its status.
fn refusal(body: &[u8], status: StatusCode) -> String {
    match error_of(body).filter(|words| !words.is_empty()) {
        Some(words) => format!("{words} ({})", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// Whether the account's password may be sent to a URL: over TLS if the registry is reached over TLS, else to the
/// registry's own host.
fn is_trusted(base: &Url, other: &Url) -> bool {
    match base.scheme() {
        "https" => other.scheme() == "https",
        _ => base.host() == other.host(),
    }
}

type RegistryLookup<T> = ProbeResult<Option<T>>;

#[cfg(test)]
mod tests {
    use super::*;
    use image::Image;

    #[test]
    fn a_password_is_sent_only_where_it_is_safe() {
        let url = |text: &str| Url::parse(text).unwrap();
        for (base, other, is) in [
            ("https://r.example/", "https://auth.example/token", true),
            ("https://r.example/", "http://r.example/token", false),
            ("http://127.0.0.1:5000/", "http://127.0.0.1:5001/token", true),
            ("http://127.0.0.1:5000/", "https://127.0.0.1/token", true),
            ("http://127.0.0.1:5000/", "http://elsewhere.example/token", false),
            ("http://127.0.0.1:5000/", "https://elsewhere.example/token", false),
        ] {
            assert_eq!(is_trusted(&url(base), &url(other)), is, "{base} {other}");
        }
    }

    #[test]
    fn a_built_image_is_recognized_by_its_config_or_manifest() {
        let part = Image { manifest: "sha256:m".into(), config: "sha256:c".into(), platform: None };
        let mut image = TaggedImage {
            digest: "sha256:i".into(),
            images: vec![part],
            unread: Vec::new(),
            others: Vec::new(),
        };
        for id in ["sha256:i", "sha256:m", "sha256:c", "c"] {
            assert_eq!(compare_built_image("x", id, &image).ok, Some(true), "{id}");
        }
        for id in ["sha256:x", ""] {
            assert_eq!(compare_built_image("x", id, &image).ok, Some(false), "{id}");
        }
        image.unread.push(("image y".into(), ProbeError::new("not there")));
        assert_eq!(compare_built_image("x", "sha256:x", &image).ok, None);
        assert_eq!(compare_built_image("x", "sha256:c", &image).ok, Some(true));
    }

    #[test]
    fn a_refusal_is_reported_in_the_registrys_words() {
        for (body, seen) in [
            (r#"{"errors":[{"code":"DENIED","message":"no"}]}"#, "DENIED no (403)"),
            (r#"{"errors":[{"status":403,"message":"Forbidden"}]}"#, "Forbidden (403)"),
            (r#"{"error":"invalid_grant","error_description":"expired"}"#, "invalid_grant expired (403)"),
            (r#"{"message":"no"}"#, "403"),
            ("<html>", "403"),
        ] {
            assert_eq!(refusal(body.as_bytes(), StatusCode::FORBIDDEN), seen, "{body}");
        }
    }
}
