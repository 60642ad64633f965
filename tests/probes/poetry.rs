//! The point `validate.package-metadata` of the standard checklist, with the real poetry.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::gonogo::Sandbox;
use crate::support::need;

/// A package with a lock file and one path dependency.
struct Package(TempDir);

const APP: &str = r#"
[project]
name = "app"
version = "1.0.0"
description = "x"
readme = "README.md"
requires-python = ">=3.9"
dependencies = ["lib"]

[tool.poetry]
packages = [{ include = "app" }]

[tool.poetry.dependencies]
lib = { path = "../lib" }

[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
"#;

const LIB: &str = r#"
[project]
name = "lib"
version = "0.1.0"
requires-python = ">=3.9"

[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
"#;

impl Package {
    fn new() -> Self {
        let package = Self(tempfile::tempdir().unwrap());
        package.write("app/pyproject.toml", APP);
        package.write("app/README.md", "");
        package.write("app/app/__init__.py", "");
        package.write("lib/pyproject.toml", LIB);
        package.write("lib/lib/__init__.py", "");
        let lock = Command::new("poetry").arg("lock").current_dir(package.app()).output().unwrap();
        assert!(lock.status.success(), "{}", String::from_utf8_lossy(&lock.stderr));
        package
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn app(&self) -> PathBuf {
        self.0.path().join("app")
    }

    /// The point in the JSON report of `check`: its status, and the observations of both probes.
    fn check(&self, path: &str) -> Value {
        check(&self.app(), path)
    }
}

fn check(repository: &Path, path: &str) -> Value {
    let profile =
        format!("environment = \"t\"\n[values]\nsource.repository = \"{}\"\n", repository.display());
    let sandbox = Sandbox::new().profile(&profile).env("PATH", path);
    let digest = sandbox.digest("profile.toml");
    let only = ["--only", "validate.package-metadata", "--format", "json"];
    let output =
        sandbox.run_with(&[&["check", "profile.toml", "--trust", &digest], only.as_slice()].concat());
    output.json()["points"][0].clone()
}

fn path() -> String {
    std::env::var("PATH").unwrap()
}

/// The first observation of each of the two probes.
fn first_observations(point: &Value) -> [&str; 2] {
    [0, 1].map(|probe| point["probes"][probe]["outcome"]["observations"][0]["seen"].as_str().unwrap())
}

#[test]
fn a_valid_package_passes() {
    need!("poetry");
    let point = Package::new().check(&path());
    assert_eq!(point["status"], "passed", "{point:#}");
    let export = &point["probes"][1]["outcome"]["observations"];
    assert_eq!(export[2]["seen"], "1 line");
    assert_eq!(export[3]["seen"], "all lines match");
}

#[test]
fn a_missing_readme_and_a_stale_lock_file_fail() {
    need!("poetry");
    let package = Package::new();
    fs::remove_file(package.app().join("README.md")).unwrap();
    let point = package.check(&path());
    assert_eq!(point["status"], "failed", "{point:#}");
    assert_eq!(
        first_observations(&point)[0],
        "exit code 1: Error: Declared README file does not exist: README.md"
    );
    package.write("app/README.md", "");
    package.write("app/pyproject.toml", &APP.replace("\"lib\"]", "\"lib\", \"other>=1\"]"));
    let point = package.check(&path());
    let stale = "changed significantly since poetry.lock was last generated";
    assert!(first_observations(&point)[0].contains(stale), "{point:#}");
    assert_eq!(
        first_observations(&point)[1],
        "not run: validate.package-metadata/check has neither passed nor sent its event"
    );
}

/// `poetry export` alone would write the lock file.
#[test]
fn a_missing_lock_file_fails_and_none_is_written() {
    need!("poetry");
    let package = Package::new();
    fs::remove_file(package.app().join("poetry.lock")).unwrap();
    for _ in 0..2 {
        let point = package.check(&path());
        assert_eq!(point["status"], "failed", "{point:#}");
        assert!(first_observations(&point)[0].contains("poetry.lock"), "{point:#}");
        assert!(!package.app().join("poetry.lock").exists());
    }
}

#[test]
fn a_missing_pyproject_and_a_missing_poetry_are_errors() {
    need!("poetry");
    let empty = tempfile::tempdir().unwrap();
    let point = check(empty.path(), &path());
    assert_eq!(point["status"], "error", "{point:#}");
    assert!(first_observations(&point)[0].starts_with("there is no pyproject.toml in "), "{point:#}");
    let point = check(empty.path(), "/nowhere");
    assert!(first_observations(&point)[0].starts_with("program `poetry` not found"), "{point:#}");
}

/// A directory with this script as `poetry`.
fn fake_poetry(script: &str) -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let bin = tempfile::tempdir().unwrap();
    let program = bin.path().join("poetry");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

#[test]
fn a_missing_export_plugin_is_explained() {
    need!("poetry");
    let package = Package::new();
    let bin = fake_poetry(&format!("PATH='{}' exec poetry --no-plugins \"$@\"", path()));
    let point = package.check(&format!("{}:{}", bin.path().display(), path()));
    assert_eq!(point["status"], "error", "{point:#}");
    assert_eq!(first_observations(&point)[0], "exit code 0");
    assert!(first_observations(&point)[1].contains("poetry self add poetry-plugin-export"), "{point:#}");
}

/// Poetry pins everything that it exports, so the export is simulated.
#[test]
fn every_line_of_the_export_must_be_pinned() {
    let export = |lines: &str| {
        let bin = fake_poetry(&format!("cat <<'END'\n{lines}\nEND"));
        check(bin.path(), &format!("{}:{}", bin.path().display(), path()))
    };
    let pinned = "a==1 ; python_version >= \"3.9\" \\\n    --hash=sha256:00\n-e file:///b\nc[x] @ file:///c\n--index-url x";
    let point = export(pinned);
    assert_eq!(point["status"], "passed", "{point:#}");
    for unpinned in ["b>=2", "b", "b~=1.0", "b=1", "==1"] {
        let point = export(&format!("a==1\n{unpinned}"));
        assert_eq!(point["status"], "failed", "{point:#}");
        let seen = point["probes"][1]["outcome"]["observations"][3]["seen"].as_str().unwrap();
        assert_eq!(seen, format!("1 of 2 lines do not match: {unpinned}"));
    }
}
