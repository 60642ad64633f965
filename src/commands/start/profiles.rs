//! The profiles that the start screen lists: those that load, and those that are meant to, with what is wrong.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::commands::loaded_profile::{MAX_FILE, config_dir};
use gonogo_core::checklist::{Profile, SourceFile};
use gonogo_core::files::read_regular_text;
use gonogo_core::text::line;

/// A profile.
pub(super) struct FoundProfile {
    /// Its path, as it is given to a command.
    pub(super) path: PathBuf,
    /// The environment, or what is wrong with the file.
    pub(super) environment: Result<String, String>,
}

/// The directories that are searched.
fn directories() -> Vec<PathBuf> {
    let fixed = [".", "config"].map(PathBuf::from);
    fixed.into_iter().chain(config_dir()).collect()
}

/// The directories that are searched, in words.
pub(super) fn describe_directories() -> String {
    let name = |place: &PathBuf| match place.to_str() {
        Some(".") => "the current directory".to_owned(),
        _ => line(&place.display().to_string()),
    };
    directories().iter().map(name).collect::<Vec<_>>().join(" or ")
}

/// The profiles in the searched directories.
pub(super) fn find_profiles() -> Vec<FoundProfile> {
    let mut seen = BTreeSet::new();
    let files = directories().into_iter().flat_map(|directory| toml_files(&directory));
    // One directory may be another one, or a link to it.
    let files = files.filter(|file| fs::canonicalize(file).is_ok_and(|place| seen.insert(place)));
    files.filter_map(|file| read(&file)).collect()
}

/// The TOML files in a directory, sorted; none if it cannot be read.
fn toml_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let is_toml = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml");
    let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(is_toml).collect();
    files.sort();
    files
        .into_iter()
        .map(|file| file.strip_prefix(".").map_or_else(|_| file.clone(), Path::to_owned))
        .collect()
}

/// None for a file that is no profile.
fn read(path: &Path) -> Option<FoundProfile> {
    let text = read_regular_text(path, MAX_FILE).ok().filter(|text| names_environment(text))?;
    let environment = match Profile::parse(SourceFile::new(path.display().to_string(), text)) {
        Ok(profile) => Ok(profile.file.environment),
        Err(problems) => Err(line(problems.to_string().lines().next().unwrap_or_default())),
    };
    Some(FoundProfile { path: path.to_owned(), environment })
}

/// Whether a file is meant to be a profile: checklists, settings and the files of other programs name no environment. In
/// one with a syntax error, a line that does decides.
fn names_environment(text: &str) -> bool {
    const KEY: &str = "environment";
    if let Ok(table) = text.parse::<toml::Table>() {
        return table.get(KEY).is_some_and(toml::Value::is_str);
    }
    let mut after_key = text.lines().filter_map(|line| line.trim_start().strip_prefix(KEY));
    after_key.any(|rest| rest.trim_start().starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_names_an_environment_is_a_profile_whatever_is_wrong_with_it() {
        let home = tempfile::tempdir().unwrap();
        let cases = [
            ("a profile", "environment = \"deck\"\n", Some(Ok("deck"))),
            ("not TOML", "environment = \"deck\"\nsolo = yes\n", Some(Err(":2:8: "))),
            ("an unknown key", "environment = \"deck\"\nsolo = true\nslo = 1\n", Some(Err(":3:1: "))),
            ("not a directory name", "environment = \"a b\"\n", Some(Err(":1:"))),
            ("a checklist", "name = \"own\"\n", None),
            ("another program's", "[package]\nname = \"own\"\nenvironment = 1\n", None),
            ("another program's, not TOML", "[package\nenvironments = \"x\"\n", None),
        ];
        for (case, text, expected) in cases {
            let path = home.path().join("profile.toml");
            fs::write(&path, text).unwrap();
            let found = read(&path).map(|found| found.environment);
            match (expected, &found) {
                (None, None) => {}
                (Some(Ok(name)), Some(Ok(found))) => assert_eq!(name, found, "{case}"),
                (Some(Err(place)), Some(Err(found))) => {
                    let start = format!("{}{place}", path.display());
                    assert!(found.starts_with(&start), "{case}: {found}");
                }
                _ => panic!("{case}: {found:?}"),
            }
        }
    }
}
