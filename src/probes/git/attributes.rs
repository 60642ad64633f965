//! The conversions between a work file and its content in git: line endings, filters, encodings. See gitattributes(5) and
//! git-config(1), `core.autocrlf`. `git check-attr` and `git config` read files and run nothing.

use std::collections::BTreeMap;

use super::index::nul_separated;

/// Reads the settings that matter here.
pub(super) const READ_SETTINGS: [&str; 4] =
    ["config", "-z", "--get-regexp", r"^core\.(autocrlf|filemode|sparsecheckout|symlinks)$"];
/// Reads the attributes that matter here, for the paths on standard input.
pub(super) const READ_ATTRIBUTES: [&str; 9] =
    ["check-attr", "-z", "--stdin", "text", "crlf", "eol", "filter", "working-tree-encoding", "ident"];

/// The checkout's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of git")]
pub(super) struct GitSettings {
    /// Whether line endings are converted where no attribute says so.
    autocrlf: bool,
    /// Whether the execute permission is significant.
    pub(super) file_mode: bool,
    /// Whether symbolic links are stored as links, and not as files with their target.
    pub(super) symlinks: bool,
    /// Whether files outside of a pattern are left out.
    pub(super) is_sparse: bool,
}

impl GitSettings {
    /// The last one of a name counts.
    pub(super) fn parse(list: &[u8]) -> Self {
        let mut settings = Self { autocrlf: false, file_mode: true, symlinks: true, is_sparse: false };
        for item in nul_separated(list) {
            let item = String::from_utf8_lossy(item);
            // A key without `=` means yes.
            let (name, value) = item.split_once('\n').unwrap_or((&item, "true"));
            match name {
                "core.autocrlf" => settings.autocrlf = value.eq_ignore_ascii_case("input") || is_true(value),
                "core.filemode" => settings.file_mode = is_true(value),
                "core.sparsecheckout" => settings.is_sparse = is_true(value),
                "core.symlinks" => settings.symlinks = is_true(value),
                _ => {}
            }
        }
        settings
    }
}

fn is_true(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    matches!(value.as_str(), "true" | "yes" | "on") || value.parse::<i64>().is_ok_and(|number| number != 0)
}

/// How a work file is converted to git's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    /// Not at all.
    None,
    /// CR LF becomes LF.
    Text,
    /// The same, if it looks like text.
    Auto,
    /// To a `git lfs` pointer: its SHA-256 and its length.
    Lfs,
    /// By a program, or in a way that is not implemented here; with the attribute that requests it.
    Unknown(String),
}

/// The conversion of each path, of what `git check-attr -z` prints: path, attribute, value.
pub(super) fn parse(list: &[u8], settings: GitSettings) -> BTreeMap<Vec<u8>, Conversion> {
    let mut items = list.split(|byte| *byte == 0);
    let mut of_path: BTreeMap<Vec<u8>, Attributes> = BTreeMap::new();
    while let (Some(path), Some(name), Some(value)) = (items.next(), items.next(), items.next()) {
        let value = String::from_utf8_lossy(value).into_owned();
        let name = String::from_utf8_lossy(name).into_owned();
        of_path.entry(path.to_vec()).or_default().0.insert(name, value);
    }
    of_path.into_iter().map(|(path, attributes)| (path, attributes.conversion(settings))).collect()
}

#[derive(Default)]
struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// The value, if it is specified.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| *value != "unspecified")
    }

    fn conversion(&self, settings: GitSettings) -> Conversion {
        let valued = |name| self.get(name).filter(|value| !["set", "unset"].contains(value));
        if let Some(encoding) =
            valued("working-tree-encoding").filter(|name| !name.eq_ignore_ascii_case("utf-8"))
        {
            return Conversion::Unknown(format!("working-tree-encoding={encoding}"));
        }
        match valued("filter") {
            Some("lfs") => return Conversion::Lfs,
            Some(filter) => return Conversion::Unknown(format!("filter={filter}")),
            None => {}
        }
        if self.get("ident") == Some("set") {
            return Conversion::Unknown("ident".to_owned());
        }
        self.line_ends(settings)
    }

    // `crlf` is the old name of `text`.
    fn line_ends(&self, settings: GitSettings) -> Conversion {
        let has_eol = matches!(self.get("eol"), Some("lf" | "crlf"));
        match self.get("text").or_else(|| self.get("crlf")) {
            Some("unset") => Conversion::None,
            Some("set" | "input") => Conversion::Text,
            Some("auto") => Conversion::Auto,
            _ if has_eol => Conversion::Text,
            _ if settings.autocrlf => Conversion::Auto,
            _ => Conversion::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(attributes: &[(&str, &str)], settings: &[u8]) -> Conversion {
        let triple = |(name, value): &(&str, &str)| format!("f\0{name}\0{value}\0");
        let list: String = attributes.iter().map(triple).collect();
        parse(list.as_bytes(), GitSettings::parse(settings)).remove(&b"f"[..]).unwrap()
    }

    #[test]
    fn line_ends_follow_the_attributes_then_the_settings() {
        let unset = &b""[..];
        assert_eq!(of(&[("text", "unspecified")], unset), Conversion::None);
        assert_eq!(of(&[("text", "unspecified")], b"core.autocrlf\ninput\0"), Conversion::Auto);
        assert_eq!(of(&[("text", "unset")], b"core.autocrlf\ntrue\0"), Conversion::None);
        assert_eq!(of(&[("text", "set")], unset), Conversion::Text);
        assert_eq!(of(&[("text", "auto"), ("eol", "crlf")], unset), Conversion::Auto);
        assert_eq!(of(&[("text", "unspecified"), ("eol", "crlf")], unset), Conversion::Text);
        assert_eq!(of(&[("text", "unset"), ("eol", "crlf")], unset), Conversion::None);
    }

    #[test]
    fn conversions_by_programs_are_unknown_except_lfs() {
        assert_eq!(of(&[("filter", "lfs"), ("text", "unset")], b""), Conversion::Lfs);
        assert_eq!(of(&[("filter", "git-crypt")], b""), Conversion::Unknown("filter=git-crypt".into()));
        assert_eq!(of(&[("ident", "set")], b""), Conversion::Unknown("ident".into()));
        let encoded = of(&[("working-tree-encoding", "UTF-16")], b"");
        assert_eq!(encoded, Conversion::Unknown("working-tree-encoding=UTF-16".into()));
    }

    #[test]
    fn the_last_setting_counts_and_a_bare_key_means_yes() {
        let settings = GitSettings::parse(b"core.filemode\nfalse\0core.symlinks\nfalse\0core.filemode\0");
        assert!(settings.file_mode && !settings.symlinks && !settings.autocrlf);
    }
}
