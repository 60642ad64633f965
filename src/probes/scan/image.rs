//! Whether the scanned image is the one that was built. Pure, except for reading the id of the build.

use super::ScannedImage;
use crate::probes::image_id;
use gonogo_core::outcome::{Observation, key};

/// What the observations are called.
const WHAT: &str = "scanned image";
/// How Grype writes where an image comes from: <https://github.com/anchore/grype#supported-sources>.
const SCHEMES: [&str; 9] = [
    "containerd:",
    "docker:",
    "docker-archive:",
    "oci-archive:",
    "oci-dir:",
    "oci-registry:",
    "podman:",
    "registry:",
    "singularity:",
];

/// The image id that the build wrote, or why there is none.
pub(super) struct BuiltImage {
    file: String,
    digest: Result<String, String>,
}

impl BuiltImage {
    /// Reads what `docker build --iidfile` writes.
    pub(super) fn read(file: &str) -> Self {
        Self { file: file.to_owned(), digest: image_id::read(file) }
    }
}

/// The id counts, where the build wrote one and the report has any; else the name.
pub(super) fn judge(
    image: Option<&str>,
    built: Option<&BuiltImage>,
    scanned: &[ScannedImage],
) -> Vec<Observation> {
    let mut seen = Vec::new();
    let id = match built {
        Some(BuiltImage { file, digest: Err(why) }) if image.is_some() => {
            let message = format!("{file} {why}; compared by the image's name");
            seen.push(Observation::recorded("image id of the build", message).with_key(key::NOTICE));
            None
        }
        Some(BuiltImage { file, digest: Err(why) }) => {
            return vec![Observation::unknown(WHAT, "the built image", format!("{file} {why}"))];
        }
        Some(BuiltImage { digest: Ok(digest), .. }) => Some(digest.as_str()),
        None => None,
    };
    if id.is_none() && image.is_none() {
        seen.extend(scanned.iter().map(|image| Observation::recorded(WHAT, shown(image))));
    } else if scanned.is_empty() {
        let expected = image.or(id).unwrap_or_default();
        seen.push(Observation::unknown(WHAT, expected, "the report does not name the scanned image"));
    } else {
        seen.extend(scanned.iter().flat_map(|scanned| judge_image(image, id, scanned)));
    }
    seen
}

fn judge_image(image: Option<&str>, id: Option<&str>, scanned: &ScannedImage) -> Vec<Observation> {
    let judged = match (id, image) {
        (Some(id), _) if !scanned.digests.is_empty() => {
            let expected = format!("{id} (the built image)");
            let is_built = scanned.digests.iter().any(|digest| digest == id);
            let seen = if is_built { id.to_owned() } else { scanned.digests.join(", ") };
            Observation::new(WHAT, expected, seen, is_built)
        }
        (_, Some(image)) => judge_name(image, scanned),
        (Some(id), None) => Observation::unknown(
            WHAT,
            format!("{id} (the built image)"),
            format!("the report has no image id: {}", shown(scanned)),
        ),
        (None, None) => Observation::recorded(WHAT, shown(scanned)),
    };
    // A name can be given to another image meanwhile.
    let is_by_name = id.is_some() && scanned.digests.is_empty() && judged.ok == Some(true);
    let by_name = is_by_name.then(|| {
        let seen = "matched by name; the report has no image id";
        Observation::recorded("match of the scanned image", seen).with_key(key::NOTICE)
    });
    by_name.into_iter().chain([judged]).collect()
}

fn judge_name(image: &str, scanned: &ScannedImage) -> Observation {
    if scanned.names.is_empty() {
        return Observation::unknown(WHAT, image, "the report does not name the scanned image");
    }
    let is_named = scanned.names.iter().any(|name| names_image(name, image));
    let repository = repository(image);
    let is_by_digest = |name: &String| name.contains('@') && names_image(self::repository(name), repository);
    if !is_named && !image.contains('@') && scanned.names.iter().all(is_by_digest) {
        let message =
            format!("{}: by its digest only, without a tag (image_id compares digests)", shown(scanned));
        return Observation::unknown(WHAT, image, message);
    }
    Observation::new(WHAT, image, scanned.names.join(", "), is_named)
}

/// Whether a report's name is that of the image. It may begin with a registry, and end with a digest too.
fn names_image(name: &str, image: &str) -> bool {
    let name = SCHEMES.iter().find_map(|scheme| name.strip_prefix(scheme)).unwrap_or(name);
    let tagged = name.split_once('@').map(|(tagged, _)| tagged).filter(|_| !image.contains('@'));
    let is_image =
        |name: &str| name == image || name.strip_suffix(image).is_some_and(|before| before.ends_with('/'));
    is_image(name) || tagged.is_some_and(is_image)
}

/// The name without its tag and its digest.
fn repository(name: &str) -> &str {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    let path = name.rfind('/').map_or(0, |slash| slash + 1);
    name[path..].find(':').map_or(name, |colon| &name[..path + colon])
}

fn shown(image: &ScannedImage) -> String {
    image.names.iter().chain(&image.digests).map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::image_id::digest;

    const BUILT: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const OTHER: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn judged(image: Option<&str>, id: Option<&str>, names: &[&str], digests: &[&str]) -> Option<bool> {
        let built = id.map(|id| BuiltImage {
            file: "image.id".into(),
            digest: digest(id).ok_or_else(|| "contains no image id".into()),
        });
        let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let scanned = ScannedImage { names: owned(names), digests: owned(digests) };
        let mut seen = judge(image, built.as_ref(), &[scanned]);
        seen.pop().unwrap().ok
    }

    #[test]
    fn an_id_counts_whichever_digest_of_the_image_it_is() {
        let bare = BUILT.trim_start_matches("sha256:").to_uppercase();
        let reference = format!("registry.io/app@{BUILT}\n");
        for (why, id) in [("docker", BUILT), ("hex digits only", &bare), ("a reference", &reference)] {
            assert_eq!(judged(None, Some(id), &["app:v2"], &[OTHER, BUILT]), Some(true), "{why}");
            assert_eq!(judged(Some("app:v2"), Some(id), &["app:v2"], &[OTHER]), Some(false), "{why}");
        }
        assert_eq!(judged(None, Some(BUILT), &["."], &[]), None, "a directory has no id");
        assert_eq!(judged(None, Some("v2"), &["app:v2"], &[BUILT]), None, "a tag is no id");
        assert_eq!(judged(Some("app:v2"), Some("v2"), &["app:v2"], &[BUILT]), Some(true), "the name counts");
    }

    #[test]
    fn a_match_by_name_only_is_a_notice() {
        let missing = || Err("cannot be read".to_owned());
        for (id, names, digests, notices) in [
            (Ok(BUILT.to_owned()), ["app:v2"], vec![BUILT.to_owned()], vec![]),
            (Ok(BUILT.to_owned()), ["app:v2"], vec![], vec!["matched by name; the report has no image id"]),
            (Ok(BUILT.to_owned()), ["app:v1"], vec![], vec![]),
            (missing(), ["app:v2"], vec![], vec!["id cannot be read; compared by the image's name"]),
        ] {
            let built = BuiltImage { file: "id".into(), digest: id };
            let scanned = ScannedImage { names: names.map(str::to_owned).to_vec(), digests };
            let seen = judge(Some("app:v2"), Some(&built), &[scanned]);
            let seen = seen.iter().filter(|seen| seen.has_key(key::NOTICE));
            assert_eq!(seen.map(|seen| seen.seen.as_str()).collect::<Vec<_>>(), notices);
        }
    }

    #[test]
    fn a_name_may_have_a_registry_a_scheme_and_a_digest() {
        let by_digest = format!("registry.io/platform/app@{OTHER}");
        let both = format!("registry.io:5000/platform/app:v2@{OTHER}");
        let rows = [
            ("equal", "platform/app:v2", Some(true)),
            ("with a registry", "registry.io:5000/platform/app:v2", Some(true)),
            ("tag and digest", &both, Some(true)),
            ("Grype's scheme", "registry:platform/app:v2", Some(true)),
            ("another tag", "registry.io/platform/app:v1", Some(false)),
            ("a longer name", "other-platform/app:v2", Some(false)),
            ("a file", "app.tar", Some(false)),
            ("a digest does not say which tag", &by_digest, None),
        ];
        for (why, name, ok) in rows {
            assert_eq!(judged(Some("platform/app:v2"), None, &[name], &[]), ok, "{why}");
        }
        assert_eq!(judged(Some(&by_digest), None, &[&by_digest], &[]), Some(true), "asked by digest");
        assert_eq!(judged(Some("platform/app:v2"), None, &[], &[BUILT]), None, "no name");
    }

    #[test]
    fn every_image_of_a_report_must_be_the_one() {
        let image = |name: &str| ScannedImage { names: vec![name.into()], digests: vec![] };
        let seen = judge(Some("app:v2"), None, &[image("app:v2"), image("app:v1")]);
        assert_eq!(seen.iter().map(|seen| seen.ok).collect::<Vec<_>>(), [Some(true), Some(false)]);
        assert_eq!(judge(Some("app:v2"), None, &[])[0].ok, None);
    }
}
