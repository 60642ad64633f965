//! An image registry: the part of the OCI distribution API for pushing, pulling and listing images.
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
use self::image::{MANIFEST_TYPE, digest};
use super::rabbitmq::User;
use super::server::{LoopbackServer, has_basic_auth};

/// A running registry.
#[derive(Debug)]
pub struct RegistryServer {
    server: LoopbackServer,
    state: SharedRegistry,
}

#[derive(Debug)]
struct RegistryContents {
    user: User,
    /// Whether pushes are denied.
    read_only: bool,
    repositories: BTreeMap<String, ImageRepository>,
    uploads: BTreeMap<String, Vec<u8>>,
    last_upload: u64,
}

#[derive(Debug, Default)]
struct ImageRepository {
    blobs: BTreeMap<String, Vec<u8>>,
    /// Media type and content, by digest.
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    tags: BTreeMap<String, String>,
}

type SharedRegistry = Arc<Mutex<RegistryContents>>;

impl RegistryServer {
    /// Starts an empty registry for this user.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start(user: User) -> io::Result<Self> {
        let contents = RegistryContents {
            user,
            read_only: false,
            repositories: BTreeMap::new(),
            uploads: BTreeMap::new(),
            last_upload: 0,
        };
        let state = Arc::new(Mutex::new(contents));
        let routes = Router::new()
            .route("/v2/", get(api_version))
            .route("/v2/{*path}", any(dispatch))
            .with_state(Arc::clone(&state));
        Ok(Self { server: LoopbackServer::start(routes)?, state })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// `127.0.0.1:PORT`, the prefix of its images' names.
    #[must_use]
    pub fn host(&self) -> String {
        self.server.url().replacen("http://", "", 1)
    }

    /// From now on, pushes are denied.
    pub fn refuse_pushes(&self) {
        lock(&self.state).read_only = true;
    }

    /// Pushes an image under a tag, unless pushes are denied.
    ///
    /// # Errors
    /// The registry's error message.
    pub fn push(&self, repository: &str, tag: &str, image: &Image) -> Result<(), String> {
        if lock(&self.state).read_only {
            return Err("denied: requested access to the resource is denied".into());
        }
        self.store(repository, tag, image);
        Ok(())
    }

    /// Stores an image under a tag, even if pushes are denied.
    pub fn store(&self, repository: &str, tag: &str, image: &Image) {
        let mut state = lock(&self.state);
        let entry = state.repositories.entry(repository.to_owned()).or_default();
        for blob in [&image.config, &image.layer] {
            entry.blobs.insert(digest(blob), blob.clone());
        }
        entry.manifests.insert(image.digest(), (MANIFEST_TYPE.into(), image.manifest.clone()));
        entry.tags.insert(tag.to_owned(), image.digest());
    }

    /// Deletes a tag.
    pub fn untag(&self, repository: &str, tag: &str) {
        if let Some(entry) = lock(&self.state).repositories.get_mut(repository) {
            entry.tags.remove(tag);
        }
    }

    /// The digest that a tag points to.
    #[must_use]
    pub fn digest(&self, repository: &str, tag: &str) -> Option<String> {
        lock(&self.state).repositories.get(repository)?.tags.get(tag).cloned()
    }
}

fn lock(state: &Mutex<RegistryContents>) -> MutexGuard<'_, RegistryContents> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn error_response(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({"errors": [{"code": code, "message": message, "detail": null}]});
    (status, axum::Json(body)).into_response()
}

fn not_found(code: &str) -> Response {
    error_response(
        StatusCode::NOT_FOUND,
        code,
        &format!("{} unknown", code.trim_end_matches("_UNKNOWN").to_lowercase()),
    )
}

fn unsupported() -> Response {
    error_response(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "the operation is unsupported")
}

/// The error response to a request without valid credentials.
fn login_error(state: &RegistryContents, headers: &HeaderMap) -> Option<Response> {
    if has_basic_auth(headers, &state.user.name, &state.user.password) {
        return None;
    }
    let mut response = error_response(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required");
    let challenge = header::HeaderValue::from_static("Basic realm=\"rehearsal\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    Some(response)
}

async fn api_version(State(state): State<SharedRegistry>, headers: HeaderMap) -> Response {
    let state = lock(&state);
    login_error(&state, &headers).unwrap_or_else(|| axum::Json(json!({})).into_response())
}

async fn dispatch(
    State(state): State<SharedRegistry>,
    Path(path): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = lock(&state);
    if let Some(response) = login_error(&state, &headers) {
        return response;
    }
    if path == "_catalog" {
        let names: Vec<&String> = state.repositories.keys().collect();
        return axum::Json(json!({"repositories": names})).into_response();
    }
    let parts = ["/manifests/", "/blobs/uploads/", "/blobs/", "/tags/"];
    let route = parts.iter().find_map(|part| path.split_once(part).map(|(name, rest)| (*part, name, rest)));
    match (route, &method) {
        (Some((_, name, "list")), &Method::GET) => match state.repositories.get(name) {
            Some(repository) => {
                let tags: Vec<&String> = repository.tags.keys().collect();
                axum::Json(json!({"name": name, "tags": tags})).into_response()
            }
            None => not_found("NAME_UNKNOWN"),
        },
        (Some(("/manifests/", name, reference)), &Method::GET | &Method::HEAD) => {
            manifest(&state, name, reference, &headers)
        }
        (Some(("/blobs/", name, reference)), &Method::GET | &Method::HEAD) => blob(&state, name, reference),
        (Some((_, _, _)), &Method::PUT | &Method::POST | &Method::PATCH) if state.read_only => {
            error_response(StatusCode::FORBIDDEN, "DENIED", "requested access to the resource is denied")
        }
        (Some(("/manifests/", name, reference)), &Method::PUT) => {
            put_manifest(&mut state, name, reference, &headers, &body)
        }
        (Some(("/blobs/uploads/", name, id)), method) => upload(&mut state, name, id, method, &query, &body),
        (Some(_), _) => unsupported(),
        (None, _) => not_found("NAME_UNKNOWN"),
    }
}

fn manifest(state: &RegistryContents, name: &str, reference: &str, headers: &HeaderMap) -> Response {
    let Some(repository) = state.repositories.get(name) else { return not_found("NAME_UNKNOWN") };
    let digest = repository.tags.get(reference).map_or(reference, String::as_str);
    let Some((kind, bytes)) = repository.manifests.get(digest) else { return not_found("MANIFEST_UNKNOWN") };
    // As in a real registry, a manifest of a type that the client does not accept is not found.
    let accept: Vec<_> = headers.get_all(header::ACCEPT).iter().filter_map(|one| one.to_str().ok()).collect();
    if !accept.is_empty() && !accept.iter().any(|one| one.contains(kind.as_str()) || one.contains("*/*")) {
        return not_found("MANIFEST_UNKNOWN");
    }
    let headers = [(header::CONTENT_TYPE, kind.as_str()), (header::ETAG, digest)];
    ([("docker-content-digest", digest)], headers, bytes.clone()).into_response()
}

fn blob(state: &RegistryContents, name: &str, digest: &str) -> Response {
    let blob = state.repositories.get(name).and_then(|repository| repository.blobs.get(digest));
    let Some(bytes) = blob else { return not_found("BLOB_UNKNOWN") };
    let content_type = [(header::CONTENT_TYPE, "application/octet-stream")];
    ([("docker-content-digest", digest)], content_type, bytes.clone()).into_response()
}

fn put_manifest(
    state: &mut RegistryContents,
    name: &str,
    reference: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let Ok(manifest) = serde_json::from_slice::<Value>(body) else {
        return error_response(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", "manifest invalid");
    };
    let repository = state.repositories.entry(name.to_owned()).or_default();
    let layers = manifest.get("layers").and_then(Value::as_array).cloned().unwrap_or_default();
    let parts = layers.iter().chain(manifest.get("config"));
    let missing = parts
        .filter_map(|part| part.get("digest")?.as_str())
        .find(|part| !repository.blobs.contains_key(*part));
    if missing.is_some() {
        return error_response(StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry");
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or(MANIFEST_TYPE);
    let digest = digest(body);
    repository.manifests.insert(digest.clone(), (kind.to_owned(), body.to_vec()));
    if !reference.starts_with("sha256:") {
        repository.tags.insert(reference.to_owned(), digest.clone());
    } else if reference != digest {
        return error_response(
            StatusCode::BAD_REQUEST,
            "DIGEST_INVALID",
            "provided digest did not match uploaded content",
        );
    }
    let location = format!("/v2/{name}/manifests/{digest}");
    (StatusCode::CREATED, [("docker-content-digest", digest), ("location", location)]).into_response()
}

fn upload(
    state: &mut RegistryContents,
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
        state.last_upload += 1;
        let id = format!("{:032x}", state.last_upload);
        state.uploads.insert(id.clone(), body.to_vec());
        return match query.get("digest") {
            Some(expected) => finish_upload(state, name, &id, expected, &[]),
            None => upload_accepted(name, &id, 0),
        };
    }
    let Some(bytes) = state.uploads.get_mut(id) else { return not_found("BLOB_UPLOAD_UNKNOWN") };
    match (method, query.get("digest")) {
        (&Method::PATCH, _) => {
            bytes.extend_from_slice(body);
            upload_accepted(name, id, bytes.len())
        }
        (&Method::PUT, Some(expected)) => finish_upload(state, name, id, expected, body),
        (&Method::DELETE, _) => {
            state.uploads.remove(id);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => unsupported(),
    }
}

fn upload_accepted(name: &str, id: &str, length: usize) -> Response {
    let location = format!("/v2/{name}/blobs/uploads/{id}");
    let range = format!("0-{}", length.saturating_sub(1));
    let headers = [("location", location), ("range", range), ("docker-upload-uuid", id.to_owned())];
    (StatusCode::ACCEPTED, headers).into_response()
}

fn finish_upload(
    state: &mut RegistryContents,
    name: &str,
    id: &str,
    expected: &str,
    rest: &[u8],
) -> Response {
    let mut bytes = state.uploads.remove(id).unwrap_or_default();
    bytes.extend_from_slice(rest);
    if digest(&bytes) != expected {
        return error_response(
            StatusCode::BAD_REQUEST,
            "DIGEST_INVALID",
            "provided digest did not match uploaded content",
        );
    }
    state.repositories.entry(name.to_owned()).or_default().blobs.insert(expected.to_owned(), bytes);
    let location = format!("/v2/{name}/blobs/{expected}");
    (StatusCode::CREATED, [("docker-content-digest", expected.to_owned()), ("location", location)])
        .into_response()
}
