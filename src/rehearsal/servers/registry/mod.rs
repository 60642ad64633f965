//! A registry of images: the OCI distribution API as far as images are pushed, pulled and told of.
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>.

mod image;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use serde_json::{Value, json};

pub use self::image::Image;
use self::image::{MANIFEST, digest};
use super::rabbitmq::User;
use super::server::{Server, is_logged_in};

/// A registry under way.
#[derive(Debug)]
pub struct Registry {
    server: Server,
    state: Shared,
}

#[derive(Debug)]
struct Contents {
    user: User,
    /// Whether nobody may push.
    read_only: bool,
    repositories: BTreeMap<String, Repository>,
    uploads: BTreeMap<String, Vec<u8>>,
    last: u64,
}

#[derive(Debug, Default)]
struct Repository {
    blobs: BTreeMap<String, Vec<u8>>,
    /// By digest, with their types.
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    tags: BTreeMap<String, String>,
}

type Shared = Arc<Mutex<Contents>>;

impl Registry {
    /// Starts an empty one for this user.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start(user: User) -> io::Result<Self> {
        let contents = Contents {
            user,
            read_only: false,
            repositories: BTreeMap::new(),
            uploads: BTreeMap::new(),
            last: 0,
        };
        let state = Arc::new(Mutex::new(contents));
        let routes = Router::new()
            .route("/v2/", get(greet))
            .route("/v2/{*path}", any(serve))
            .with_state(Arc::clone(&state));
        Ok(Self { server: Server::start(routes)?, state })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// `127.0.0.1:PORT`, as names of images begin.
    #[must_use]
    pub fn host(&self) -> String {
        self.server.url().replacen("http://", "", 1)
    }

    /// From now on nobody may push.
    pub fn refuse_pushes(&self) {
        lock(&self.state).read_only = true;
    }

    /// Takes in an image under a tag, if pushes are taken.
    ///
    /// # Errors
    /// Why not, in the registry's words.
    pub fn push(&self, repository: &str, tag: &str, image: &Image) -> Result<(), String> {
        if lock(&self.state).read_only {
            return Err("denied: requested access to the resource is denied".into());
        }
        self.keep(repository, tag, image);
        Ok(())
    }

    /// Has an image under a tag, however it came there.
    pub fn keep(&self, repository: &str, tag: &str, image: &Image) {
        let mut state = lock(&self.state);
        let own = state.repositories.entry(repository.to_owned()).or_default();
        for blob in [&image.config, &image.layer] {
            own.blobs.insert(digest(blob), blob.clone());
        }
        own.manifests.insert(image.digest(), (MANIFEST.into(), image.manifest.clone()));
        own.tags.insert(tag.to_owned(), image.digest());
    }

    /// Forgets a tag.
    pub fn untag(&self, repository: &str, tag: &str) {
        if let Some(own) = lock(&self.state).repositories.get_mut(repository) {
            own.tags.remove(tag);
        }
    }

    /// What a tag leads to.
    #[must_use]
    pub fn digest(&self, repository: &str, tag: &str) -> Option<String> {
        lock(&self.state).repositories.get(repository)?.tags.get(tag).cloned()
    }
}

fn lock(state: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    let told = json!({"errors": [{"code": code, "message": message, "detail": null}]});
    (status, axum::Json(told)).into_response()
}

fn unknown(code: &str) -> Response {
    refused(
        StatusCode::NOT_FOUND,
        code,
        &format!("{} unknown", code.trim_end_matches("_UNKNOWN").to_lowercase()),
    )
}

fn unsupported() -> Response {
    refused(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "the operation is unsupported")
}

/// The answer to whoever has not logged in.
fn admitted(state: &Contents, headers: &HeaderMap) -> Option<Response> {
    if is_logged_in(headers, &state.user.name, &state.user.password) {
        return None;
    }
    let mut response = refused(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required");
    let challenge = header::HeaderValue::from_static("Basic realm=\"rehearsal\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    Some(response)
}

async fn greet(State(state): State<Shared>, headers: HeaderMap) -> Response {
    let state = lock(&state);
    admitted(&state, &headers).unwrap_or_else(|| axum::Json(json!({})).into_response())
}

async fn serve(
    State(state): State<Shared>,
    Path(path): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = lock(&state);
    if let Some(refusal) = admitted(&state, &headers) {
        return refusal;
    }
    if path == "_catalog" {
        let names: Vec<&String> = state.repositories.keys().collect();
        return axum::Json(json!({"repositories": names})).into_response();
    }
    let parts = ["/manifests/", "/blobs/uploads/", "/blobs/", "/tags/"];
    let found = parts.iter().find_map(|part| path.split_once(part).map(|(name, rest)| (*part, name, rest)));
    match (found, &method) {
        (Some((_, name, "list")), &Method::GET) => match state.repositories.get(name) {
            Some(own) => {
                let tags: Vec<&String> = own.tags.keys().collect();
                axum::Json(json!({"name": name, "tags": tags})).into_response()
            }
            None => unknown("NAME_UNKNOWN"),
        },
        (Some(("/manifests/", name, reference)), &Method::GET | &Method::HEAD) => {
            manifest(&state, name, reference, &headers)
        }
        (Some(("/blobs/", name, reference)), &Method::GET | &Method::HEAD) => blob(&state, name, reference),
        (Some((_, _, _)), &Method::PUT | &Method::POST | &Method::PATCH) if state.read_only => {
            refused(StatusCode::FORBIDDEN, "DENIED", "requested access to the resource is denied")
        }
        (Some(("/manifests/", name, reference)), &Method::PUT) => {
            put_manifest(&mut state, name, reference, &headers, &body)
        }
        (Some(("/blobs/uploads/", name, id)), method) => upload(&mut state, name, id, method, &query, &body),
        (Some(_), _) => unsupported(),
        (None, _) => unknown("NAME_UNKNOWN"),
    }
}

fn manifest(state: &Contents, name: &str, reference: &str, headers: &HeaderMap) -> Response {
    let Some(own) = state.repositories.get(name) else { return unknown("NAME_UNKNOWN") };
    let digest = own.tags.get(reference).map_or(reference, String::as_str);
    let Some((kind, bytes)) = own.manifests.get(digest) else { return unknown("MANIFEST_UNKNOWN") };
    // Whoever does not take its type is not told of it, as registries do.
    let accept: Vec<_> = headers.get_all(header::ACCEPT).iter().filter_map(|one| one.to_str().ok()).collect();
    if !accept.is_empty() && !accept.iter().any(|one| one.contains(kind.as_str()) || one.contains("*/*")) {
        return unknown("MANIFEST_UNKNOWN");
    }
    let told = [(header::CONTENT_TYPE, kind.as_str()), (header::ETAG, digest)];
    ([("docker-content-digest", digest)], told, bytes.clone()).into_response()
}

fn blob(state: &Contents, name: &str, digest: &str) -> Response {
    let found = state.repositories.get(name).and_then(|own| own.blobs.get(digest));
    let Some(bytes) = found else { return unknown("BLOB_UNKNOWN") };
    let told = [(header::CONTENT_TYPE, "application/octet-stream")];
    ([("docker-content-digest", digest)], told, bytes.clone()).into_response()
}

fn put_manifest(
    state: &mut Contents,
    name: &str,
    reference: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let Ok(read) = serde_json::from_slice::<Value>(body) else {
        return refused(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", "manifest invalid");
    };
    let own = state.repositories.entry(name.to_owned()).or_default();
    let layers = read.get("layers").and_then(Value::as_array).cloned().unwrap_or_default();
    let parts = layers.iter().chain(read.get("config"));
    let missing =
        parts.filter_map(|part| part.get("digest")?.as_str()).find(|part| !own.blobs.contains_key(*part));
    if missing.is_some() {
        return refused(StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry");
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or(MANIFEST);
    let digest = digest(body);
    own.manifests.insert(digest.clone(), (kind.to_owned(), body.to_vec()));
    if !reference.starts_with("sha256:") {
        own.tags.insert(reference.to_owned(), digest.clone());
    } else if reference != digest {
        return refused(
            StatusCode::BAD_REQUEST,
            "DIGEST_INVALID",
            "provided digest did not match uploaded content",
        );
    }
    let place = format!("/v2/{name}/manifests/{digest}");
    (StatusCode::CREATED, [("docker-content-digest", digest), ("location", place)]).into_response()
}

fn upload(
    state: &mut Contents,
    name: &str,
    id: &str,
    method: &Method,
    query: &BTreeMap<String, String>,
    body: &[u8],
) -> Response {
    if id.is_empty() {
        if *method != Method::POST {
            return unsupported();
        }
        state.last += 1;
        let id = format!("{:032x}", state.last);
        state.uploads.insert(id.clone(), body.to_vec());
        return match query.get("digest") {
            Some(wanted) => finish(state, name, &id, wanted, &[]),
            None => begun(name, &id, 0),
        };
    }
    let Some(bytes) = state.uploads.get_mut(id) else { return unknown("BLOB_UPLOAD_UNKNOWN") };
    match (method, query.get("digest")) {
        (&Method::PATCH, _) => {
            bytes.extend_from_slice(body);
            begun(name, id, bytes.len())
        }
        (&Method::PUT, Some(wanted)) => finish(state, name, id, wanted, body),
        (&Method::DELETE, _) => {
            state.uploads.remove(id);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => unsupported(),
    }
}

fn begun(name: &str, id: &str, length: usize) -> Response {
    let place = format!("/v2/{name}/blobs/uploads/{id}");
    let range = format!("0-{}", length.saturating_sub(1));
    let told = [("location", place), ("range", range), ("docker-upload-uuid", id.to_owned())];
    (StatusCode::ACCEPTED, told).into_response()
}

fn finish(state: &mut Contents, name: &str, id: &str, wanted: &str, rest: &[u8]) -> Response {
    let mut bytes = state.uploads.remove(id).unwrap_or_default();
    bytes.extend_from_slice(rest);
    if digest(&bytes) != wanted {
        return refused(
            StatusCode::BAD_REQUEST,
            "DIGEST_INVALID",
            "provided digest did not match uploaded content",
        );
    }
    state.repositories.entry(name.to_owned()).or_default().blobs.insert(wanted.to_owned(), bytes);
    let place = format!("/v2/{name}/blobs/{wanted}");
    (StatusCode::CREATED, [("docker-content-digest", wanted.to_owned()), ("location", place)]).into_response()
}
