//! Paths in permissions: relative to the profile's directory if below it, so that another checkout has the same digest.

use std::path::{Component, Path, PathBuf};

use super::Permission;

/// Stands for the profile's directory.
const PROFILE_PLACEHOLDER: &str = "{{ profile directory }}";
/// The placeholder as literal text.
const ESCAPED_PLACEHOLDER: &str = "{{ profile  directory }}";

/// The profile's directory and the current directory, both absolute and without symbolic links.
#[derive(Clone, Debug)]
pub struct BaseDirectories {
    profile: PathBuf,
    current: PathBuf,
}

impl BaseDirectories {
    /// For a profile's directory and the current directory.
    pub fn new(profile: impl Into<PathBuf>, current: impl Into<PathBuf>) -> Self {
        Self { profile: profile.into(), current: current.into() }
    }

    /// The permission with its paths as in the digest.
    pub(super) fn relativize(&self, permission: Permission) -> Permission {
        permission.mapped(&|text| self.text(text), &|path| self.path(path))
    }

    /// A text of a permission for people: with the directory instead of the placeholder.
    #[must_use]
    pub fn display(&self, text: &str) -> String {
        let Some(rest) = text.strip_prefix(PROFILE_PLACEHOLDER) else {
            return text.replace(PROFILE_PLACEHOLDER, &self.profile.display().to_string());
        };
        joined(&self.profile, Path::new(rest.trim_start_matches('/'))).display().to_string()
    }

    /// A path as in the digest. Relative paths are relative to the current directory.
    fn path(&self, written: &str) -> String {
        let path = joined(&self.current, Path::new(written));
        let is_near = self.profile.starts_with(&self.current) || self.current.starts_with(&self.profile);
        let related = if Path::new(written).is_relative() && is_near {
            Some(relative(&path, &self.profile))
        } else {
            path.strip_prefix(&self.profile).ok().map(Path::to_owned)
        };
        match related {
            Some(rest) if rest.as_os_str().is_empty() => PROFILE_PLACEHOLDER.to_owned(),
            Some(rest) => format!("{PROFILE_PLACEHOLDER}/{}", rest.display()),
            None => path.display().to_string(),
        }
    }

    /// Replaces the profile's directory wherever it is a path or the start of one.
    fn text(&self, text: &str) -> String {
        let text = text.replace(PROFILE_PLACEHOLDER, ESCAPED_PLACEHOLDER);
        let directory = self.profile.display().to_string();
        if directory.len() < 2 {
            return text;
        }
        let is_of_path = |c: char| c.is_alphanumeric() || "/._-".contains(c);
        let (mut out, mut rest) = (String::new(), text.as_str());
        while let Some(at) = rest.find(&directory) {
            let (before, after) = (&rest[..at], &rest[at + directory.len()..]);
            let begins = !before.chars().next_back().is_some_and(is_of_path);
            let ends = after.starts_with('/') || !after.chars().next().is_some_and(is_of_path);
            out.push_str(before);
            out.push_str(if begins && ends { PROFILE_PLACEHOLDER } else { &directory });
            rest = after;
        }
        out + rest
    }
}

/// `path` relative to `base`, an absolute path without symbolic links. `..` removes only parts of `base`: other parts may
/// be links.
fn joined(base: &Path, path: &Path) -> PathBuf {
    let mut normalized = if path.is_absolute() { PathBuf::from("/") } else { base.to_owned() };
    let mut is_exact = path.is_relative();
    for part in path.components() {
        match part {
            Component::ParentDir if is_exact => {
                normalized.pop();
            }
            Component::ParentDir => normalized.push(".."),
            Component::Normal(name) => {
                is_exact = false;
                normalized.push(name);
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    normalized
}

/// The relative path from `base` to `path`.
fn relative(path: &Path, base: &Path) -> PathBuf {
    let common = path.components().zip(base.components()).take_while(|(one, other)| one == other).count();
    let up = base.components().skip(common).map(|_| Component::ParentDir);
    up.chain(path.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(profile: &str, current: &str, written: &str) -> String {
        BaseDirectories::new(profile, current).path(written)
    }

    #[test]
    fn a_checkout_elsewhere_has_the_same_paths() {
        for root in ["/home/a/checkout", "/builds/7"] {
            let config = format!("{root}/config");
            assert_eq!(path(&config, root, "."), "{{ profile directory }}/..");
            assert_eq!(path(&config, root, "./infra/"), "{{ profile directory }}/../infra");
            assert_eq!(path(root, root, &format!("{root}/infra")), "{{ profile directory }}/infra");
            assert_eq!(path(root, root, "infra"), "{{ profile directory }}/infra");
            let text =
                BaseDirectories::new(root, root).text(&format!("-chdir={root}/infra -f {root} {root}x"));
            let expected = "-chdir={{ profile directory }}/infra -f {{ profile directory }}";
            assert_eq!(text, format!("{expected} {root}x"));
        }
    }

    #[test]
    fn a_path_elsewhere_is_absolute() {
        assert_eq!(path("/etc/gonogo", "/home/a", "infra"), "/home/a/infra");
        assert_eq!(path("/etc/gonogo", "/home/a", "/srv/infra"), "/srv/infra");
        // `x` may be a link, so `x/..` stays.
        assert_eq!(path("/p", "/p", "x/../infra"), "{{ profile directory }}/x/../infra");
        assert_eq!(path("/p", "/p", "../infra"), "{{ profile directory }}/../infra");
    }

    #[test]
    fn displayed_paths_are_absolute() {
        let shown = |text| BaseDirectories::new("/home/a/co/config", "/home/a/co").display(text);
        assert_eq!(shown("{{ profile directory }}/../infra"), "/home/a/co/infra");
        assert_eq!(shown("{{ profile directory }}/.."), "/home/a/co");
        assert_eq!(shown("-chdir={{ profile directory }}/x"), "-chdir=/home/a/co/config/x");
        assert_eq!(shown("/srv"), "/srv");
    }
}
