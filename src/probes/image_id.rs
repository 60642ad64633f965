//! The image id that a build writes into a file (`docker build --iidfile`).

use gonogo_core::files::read_regular_text;
use gonogo_core::text;

/// The largest file that holds an image id, in bytes.
const MAX_IMAGE_ID: u64 = 64 << 10;
/// The longest piece of a file that contains no image id, in bytes.
const MAX_EXCERPT: usize = 80;

/// The image id in a file, or why there is none: the second half of a sentence that begins with the file's name. Other
/// builders than Docker leave the algorithm out, or write `name@digest`.
pub(super) fn read(file: &str) -> Result<String, String> {
    let text = read_regular_text(file, MAX_IMAGE_ID).map_err(|error| format!("cannot be read: {error}"))?;
    digest(&text).ok_or_else(|| match text.trim() {
        "" => "is empty: the build has written no image id".to_owned(),
        text => format!("contains no image id: {}", text::excerpt(text.as_bytes(), MAX_EXCERPT)),
    })
}

/// The digest in an id, in the form `sha256:…`; bare hex digits are SHA-256.
pub(super) fn digest(id: &str) -> Option<String> {
    let id = id.trim_start_matches('\u{feff}').trim();
    let id = id.rsplit_once('@').map_or(id, |(_, digest)| digest).to_ascii_lowercase();
    let (algorithm, digits) = id.split_once(':').unwrap_or(("sha256", &id));
    let length = if algorithm == "sha512" { 128 } else { 64 };
    let is_digest = matches!(algorithm, "sha256" | "sha512")
        && digits.len() == length
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_digest.then(|| format!("{algorithm}:{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_digest_is_an_image_id() {
        let hex = "0123456789abcdef".repeat(4);
        let full = format!("sha256:{hex}");
        for (why, text) in [
            ("Docker", full.clone()),
            ("hex digits only", format!("{hex}\n")),
            ("upper case", hex.to_uppercase()),
            ("a reference", format!("registry.example.com:5000/team/app:v2@{full}\n")),
            ("an editor's byte order mark", format!("\u{feff}{full}\r\n")),
        ] {
            assert_eq!(digest(&text).as_ref(), Some(&full), "{why}");
        }
        for (why, text) in [
            ("empty", ""),
            ("a tag", "v2"),
            ("a short id, as `docker images` prints it", "0123456789ab"),
            ("an unknown algorithm", &format!("md5:{hex}")),
            ("two ids", &format!("{full}\n{full}")),
        ] {
            assert_eq!(digest(text), None, "{why}");
        }
    }

    #[test]
    fn a_file_without_an_id_is_explained() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display().to_string();
        for (text, why) in [(" \n", "is empty: the build"), ("v2\n", "contains no image id: v2")] {
            std::fs::write(file.path(), text).unwrap();
            assert!(read(&path).unwrap_err().starts_with(why), "{text}");
        }
        drop(file);
        assert!(read(&path).unwrap_err().starts_with("cannot be read: "));
    }
}
