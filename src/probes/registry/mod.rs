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
use super::image_id;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::RegistrySpec;
use gonogo_core::outcome::{Observation, Outcome, key};
use gonogo_core::text;
use image::{Image, TaggedImage};
use login::{LoginError, RegistrySession};

/// The longest refusal that is repeated, in bytes.
const MAX_REFUSAL: usize = 200;

pub(super) async fn run(
    spec: &RegistrySpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Outcome {
    let outcome = Outcome::of(query_registry(spec, deadline, secret_store, context).await, "");
    let is_push_wrong = outcome.problems().next().is_some_and(|problem| problem.what == push::WHAT);
    let tag = spec.tag.as_deref().map(|tag| context.restored_tag(tag));
    Outcome { reproduce: reproduce(spec, tag, is_push_wrong), ..outcome }
}

/// The request of the check: of the tag, or the start of an upload, which expires if nothing more is sent.
fn reproduce(spec: &RegistrySpec, tag: Option<&str>, is_push: bool) -> String {
    let repository = &spec.repository;
    let command = match tag {
        _ if is_push => curl::get(&spec.api, &format!("/v2/{repository}/blobs/uploads/")) + " -i -X POST",
        None => curl::get(&spec.api, "/v2/") + " -I",
        Some(tag) => {
            let accept = image::MANIFEST_TYPES.join(", ");
            curl::get(&spec.api, &format!("/v2/{repository}/manifests/{tag}"))
                + &format!(" -I -H 'Accept: {accept}'")
        }
    };
    match (&spec.username, &spec.password) {
        (Some(user), Some(password)) => format!("{command} -u {user}:{}", password.shell()),
        _ => command,
    }
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
        let tag = context.restored_tag(tag);
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
    // After a rollback, the tag can be the other one.
    if let Some(other) = spec.differs_from.as_deref().filter(|other| *other != tag) {
        let of_other = image::digest(session, &spec.repository, other).await;
        seen.extend(compare_tags(tag, &image.digest, other, of_other));
    }
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
    seen.extend(spec.image_id.iter().flat_map(|file| judge_built_image(file, &what, image)));
    // A tag that was moved means another image than the one that was judged.
    if let Some(before) = context.previous_observation(&key).filter(|before| before.seen != image.digest) {
        let message = format!("moved since the last sealed run (was: {})", before.seen);
        seen.push(Observation::recorded(format!("drift of tag {tag}"), message));
    }
    seen
}

/// Whether two tags name one image: then neither the release nor a rollback changes anything. Some teams release by a new tag
/// for a tested image, so people judge it. A tag that does not exist is judged where it must.
fn compare_tags(
    tag: &str,
    digest: &str,
    other: &str,
    of_other: RegistryLookup<String>,
) -> Option<Observation> {
    let what = format!("tags {tag} and {other}");
    match of_other {
        Ok(Some(same)) if same == digest => {
            let seen = format!("both name {digest}: the release and a rollback change nothing in the image");
            Some(Observation::recorded(what, seen).with_key(key::NOTICE))
        }
        Ok(_) => None,
        Err(why) => Some(Observation::recorded(what, format!("not compared: {why}"))),
    }
}

/// Whether a tag points to the image that was built: builders identify an image by its config, its manifest, or the index
/// that lists it.
fn judge_built_image(file: &str, what: &str, image: &TaggedImage) -> Vec<Observation> {
    match image_id::read(file) {
        Ok(id) => compare_built_image(what, &id, image),
        Err(why) => {
            let why = format!("{file} {why}");
            vec![Observation::unknown(format!("image of {what}"), "the built image", why)]
        }
    }
}

fn compare_built_image(what: &str, id: &str, image: &TaggedImage) -> Vec<Observation> {
    let expected = format!("{id} (the built image)");
    let is_built = |part: &Image| part.config == id || part.manifest == id;
    let (built, others): (Vec<_>, Vec<_>) = image.images.iter().partition(|part| is_built(part));
    let is_index = image.digest == id;
    let name = format!("image of {what}");
    if !is_index && built.is_empty() && !image.unread.is_empty() {
        return vec![Observation::unknown(
            name,
            expected,
            ProbeError::new("not all of its images could be read"),
        )];
    }
    if is_index || built.is_empty() {
        let other = image.images.first().map_or(&image.digest, |part| &part.config);
        return vec![Observation::new(name, expected, if is_index { id } else { other }, is_index)];
    }
    let mut seen = vec![Observation::new(name, expected, id, true)];
    seen.extend(judge_other_images(what, &others));
    seen
}

/// The images of other platforms come from builds whose id is not known.
fn judge_other_images(what: &str, others: &[&Image]) -> Option<Observation> {
    if others.is_empty() {
        return None;
    }
    let names = others.iter().map(|part| image::with_platform(&part.manifest, part.platform.as_deref()));
    let names = names.collect::<Vec<_>>().join(", ");
    let why = format!("{names}: not compared, since the image id is that of one image, not of the index");
    Some(Observation::unknown(format!("other images of {what}"), "built with it", why))
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

    #[test]
    fn two_tags_of_one_image_are_a_notice() {
        let compare = |of_other| compare_tags("v2", "sha256:a", "v1", of_other);
        let same = compare(Ok(Some("sha256:a".to_owned()))).unwrap();
        assert!(same.has_key(key::NOTICE) && same.ok == Some(true), "{same:?}");
        assert!(same.what == "tags v2 and v1" && same.seen.starts_with("both name sha256:a: "), "{same:?}");
        assert_eq!(compare(Ok(Some("sha256:b".to_owned()))), None);
        assert_eq!(compare(Ok(None)), None, "judged elsewhere");
        let unread = compare(Err(ProbeError::new("timed out"))).unwrap();
        assert_eq!((unread.seen.as_str(), unread.key), ("not compared: timed out", None));
    }

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

    fn tagged(images: &[(&str, &str, Option<&str>)]) -> TaggedImage {
        let part = |(manifest, config, platform): &(&str, &str, Option<&str>)| Image {
            manifest: format!("sha256:{manifest}"),
            config: format!("sha256:{config}"),
            platform: platform.map(str::to_owned),
        };
        let images = images.iter().map(part).collect();
        TaggedImage { digest: "sha256:i".into(), images, unread: Vec::new(), others: Vec::new() }
    }

    fn compared(id: &str, image: &TaggedImage) -> Vec<Option<bool>> {
        compare_built_image("tag v2", &format!("sha256:{id}"), image).iter().map(|seen| seen.ok).collect()
    }

    #[test]
    fn a_built_image_is_recognized_by_its_config_manifest_or_index() {
        let mut image = tagged(&[("m", "c", None)]);
        for id in ["i", "m", "c"] {
            assert_eq!(compared(id, &image), [Some(true)], "{id}");
        }
        assert_eq!(compared("x", &image), [Some(false)]);
        image.unread.push(("image y".into(), ProbeError::new("not there")));
        assert_eq!(compared("x", &image), [None]);
        assert_eq!(compared("c", &image), [Some(true)]);
    }

    /// A tag of several platforms is the built one if the id is that of the index. An id of one image says nothing of the
    /// others, which may be of an earlier build (`docker manifest create --amend`).
    #[test]
    fn images_of_other_platforms_are_not_covered_by_the_id_of_one() {
        let image = tagged(&[("m1", "c1", Some("linux/amd64")), ("m2", "c2", Some("linux/arm64"))]);
        assert_eq!(compared("i", &image), [Some(true)], "the index");
        for id in ["m1", "c2"] {
            assert_eq!(compared(id, &image), [Some(true), None], "{id}");
        }
        assert_eq!(compared("x", &image), [Some(false)]);
        let seen = compare_built_image("tag v2", "sha256:c1", &image).pop().unwrap();
        assert_eq!(seen.what, "other images of tag v2");
        assert!(seen.seen.starts_with("sha256:m2 (linux/arm64): not compared"), "{}", seen.seen);
        let same = tagged(&[("m1", "c1", Some("linux/amd64")), ("m2", "c1", None)]);
        assert_eq!(compared("c1", &same), [Some(true)], "one image, listed twice");
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
