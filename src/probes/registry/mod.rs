//! The registry probe (the OCI distribution API): a tag and its digest, credentials in an image, the right to
//! push.

mod image;
mod leaks;
mod login;

use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use super::ProbeContext;
use super::curl;
use super::deadline::Deadline;
use super::effects::Effects;
use super::error::{ProbeError, ProbeResult};
use super::judging;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::RegistrySpec;
use gonogo_core::files::read_regular_text;
use gonogo_core::outcome::{Observation, Outcome, key};
use image::RegistryImage;
use login::RegistrySession;

pub(super) async fn run(
    spec: &RegistrySpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Outcome {
    let tag = spec.tag.as_deref().unwrap_or("latest");
    let path = if spec.push { String::new() } else { format!("{}/manifests/{tag}", spec.repository) };
    let mut reproduce = curl::get(&spec.api, &format!("/v2/{path}"))
        + " -I -H 'Accept: application/vnd.oci.image.manifest.v1+json'";
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
    let what = format!("repository {}", spec.repository);
    let session = match RegistrySession::open(spec, deadline, secret_store).await {
        Ok(session) => session,
        Err(why) => return vec![Observation::unknown(what, "open to us", why)],
    };
    let mut seen: Vec<_> = session.way.clone();
    if let Some(tag) = &spec.tag {
        match image::find(&session, &spec.repository, tag).await {
            Ok(Some(image)) => {
                seen.extend(judge_tag(spec, tag, &image, context));
                if spec.clean {
                    seen.extend(judge_leaks(spec, &session, &image, deadline, secret_store).await);
                }
            }
            Ok(None) => seen.push(Observation::new(format!("tag {tag}"), "there", "no such tag", false)),
            Err(why) => seen.push(Observation::unknown(format!("tag {tag}"), "there", why)),
        }
    }
    if spec.push {
        seen.extend(push(spec, &session, deadline, &context.effects).await);
    }
    seen
}

fn judge_tag(
    spec: &RegistrySpec,
    tag: &str,
    image: &RegistryImage,
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
        let message = format!("moved since the last sealed run, which saw {}", before.seen);
        seen.push(Observation::recorded(format!("drift of tag {tag}"), message));
    }
    seen
}

/// Whether a tag points to the image that was built: builders identify an image by its config or by its manifest.
fn judge_built_image(file: &str, what: &str, image: &RegistryImage) -> Observation {
    let what = format!("image of {what}");
    match read_regular_text(file, super::MAX_IMAGE_ID) {
        Ok(id) => {
            let id = id.trim();
            let is_same = image.digest == id || image.configs.iter().any(|config| config == id);
            let seen = if is_same { id } else { image.configs.first().unwrap_or(&image.digest) };
            Observation::new(what, format!("{id}, which was built"), seen, is_same && !id.is_empty())
        }
        Err(error) => Observation::unknown(what, "the one that was built", format!("{file}: {error}")),
    }
}

async fn judge_leaks(
    spec: &RegistrySpec,
    session: &RegistrySession,
    image: &RegistryImage,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> Vec<Observation> {
    let mut seen = Vec::new();
    for config in &image.configs {
        let what = format!("image config {}", short(config));
        match search_configs(spec, session, config, &what, deadline, secret_store).await {
            Ok(leaks) => seen.extend(leaks),
            Err(why) => seen.push(Observation::unknown(what, "no credential", why)),
        }
    }
    seen
}

async fn search_configs(
    spec: &RegistrySpec,
    session: &RegistrySession,
    config: &str,
    what: &str,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<Vec<Observation>> {
    let config = image::config(session, &spec.repository, config).await?;
    let (name, secret_store) = (what.to_owned(), secret_store.clone());
    judging::on_blocking_thread(what, deadline, move || leaks::search(&name, &config, &secret_store)).await
}

fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

/// Begins an upload and cancels it: nothing is left behind.
async fn push(
    spec: &RegistrySpec,
    session: &RegistrySession,
    deadline: &Deadline,
    effects: &Effects,
) -> Vec<Observation> {
    let (what, expected) = ("upload begun", "the account may");
    let upload = format!("begun an upload to {}", spec.repository);
    let change = effects.begin(format!("may have {upload}"));
    let reply = session.send(Method::POST, &format!("/v2/{}/blobs/uploads/", spec.repository), &[]).await;
    let seen = match reply {
        Ok(reply) if reply.status == StatusCode::ACCEPTED => {
            change.succeeded(format!("{upload}; left to expire"));
            let location = reply.headers.get("location").and_then(|to| to.to_str().ok());
            let (cancelled, is_gone) = cancel(session, location).await;
            if is_gone {
                change.succeeded(format!("{upload} and cancelled it"));
            }
            return vec![Observation::new(what, expected, "it may", true), cancelled];
        }
        Ok(reply) if matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            let seen = format!("it may not: {}", refusal(&reply.body, reply.status));
            Observation::new(what, expected, seen, false)
        }
        Ok(reply) => Observation::unknown(what, expected, reply.error_of_status()),
        // Without an answer in time, the upload may have been started.
        Err(why) if deadline.remaining().is_zero() => return vec![Observation::unknown(what, expected, why)],
        Err(why) => Observation::unknown(what, expected, why),
    };
    change.failed();
    vec![seen]
}

/// The result of cancelling an upload, and whether nothing of it remains.
async fn cancel(session: &RegistrySession, location: Option<&str>) -> (Observation, bool) {
    let (what, expected) = ("upload cancelled", "nothing left behind");
    let cancelled = async {
        let to = location.ok_or_else(|| ProbeError::new("the registry does not say where the upload is"))?;
        let to = session.join(to)?;
        session.send_to(Method::DELETE, to, &[]).await
    };
    match cancelled.await {
        Ok(reply) if reply.status == StatusCode::NO_CONTENT || reply.status == StatusCode::OK => {
            (Observation::new(what, expected, "nothing left behind", true), true)
        }
        // What remains is empty, and registries delete it by themselves: reported, not judged.
        Ok(reply) => {
            let message = format!("left to expire: {}", String::from(reply.error_of_status()));
            (Observation::recorded(what, message), false)
        }
        Err(why) => (Observation::recorded(what, format!("left to expire: {why}")), false),
    }
}

/// The registry's own words for a refusal: `{"errors":[{"code":"DENIED","message":"…"}]}`.
fn refusal(body: &[u8], status: StatusCode) -> String {
    let error = serde_json::from_slice::<Value>(body).ok();
    let error = error.as_ref().and_then(|body| body.pointer("/errors/0"));
    let word = |key| error.and_then(|error| error.get(key)?.as_str()).unwrap_or_default();
    let message = format!("{} {}", word("code"), word("message"));
    if message.trim().is_empty() {
        status.as_u16().to_string()
    } else {
        format!("{} ({})", message.trim(), status.as_u16())
    }
}

/// Whether the account's password may be sent to a URL: the registry's own host, or another over TLS when the
/// registry itself is reached over TLS.
fn is_trusted(base: &Url, other: &Url) -> bool {
    base.host() == other.host() || (base.scheme() == "https" && other.scheme() == "https")
}

type RegistryLookup<T> = ProbeResult<Option<T>>;
