//! Why a checkout has no such tag.

use super::checkout::Checkout;
use super::tag_ref;
use gonogo_core::text;

/// The longest name of a tag that is repeated, in bytes.
const MAX_NAME: usize = 80;

impl Checkout<'_> {
    /// What a person should know about a tag that names no commit here.
    pub(super) async fn missing_tag(&self, tag: &str) -> String {
        let seen = format!("no such tag in the checkout {}", self.directory.display());
        if self.has_object(tag).await {
            return format!("the tag names no commit in the checkout {}", self.directory.display());
        }
        let listed = self.answer(&["for-each-ref", "--format=%(refname:strip=2)", "refs/tags"]).await;
        let Ok(listed) = listed else { return seen };
        let listed = String::from_utf8_lossy(&listed);
        let is_shallow = self.answer(&["rev-parse", "--is-shallow-repository"]).await;
        let is_shallow = is_shallow.is_ok_and(|answer| answer.trim_ascii() == b"true");
        let hint = match (listed.lines().next(), text::nearest(tag, listed.lines())) {
            (None, _) if is_shallow => "; a shallow clone without tags (git fetch --tags)".to_owned(),
            (None, _) => "; it has no tags (git fetch --tags)".to_owned(),
            (_, Some(near)) => format!("; similar name: {}", text::excerpt(near.as_bytes(), MAX_NAME)),
            (_, None) if is_shallow => "; a shallow clone (git fetch --tags)".to_owned(),
            (_, None) => String::new(),
        };
        format!("{seen}{hint}")
    }

    /// Whether the tag names something else than a commit: a tree, a file.
    async fn has_object(&self, tag: &str) -> bool {
        let name = tag_ref(tag);
        let is_name = self.run_for_exit_code(&["check-ref-format", &name]).await;
        let is_name = is_name.is_ok_and(|(code, _)| code == 0);
        is_name && self.resolve(&name).await.is_ok_and(|object| object.is_some())
    }
}
