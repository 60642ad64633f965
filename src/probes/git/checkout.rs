//! Queries of a checkout: the commits that names resolve to, and the differences from the one that is checked out.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::super::deadline::Deadline;
use super::super::error::{ProbeError, ProbeResult};
use super::super::process::ProgramOptions;
use super::attributes::{self, GitSettings};
use super::blob::ObjectFormat;
use super::files::{self, ContentResult, FileDifference, WorkTreeResult};
use super::index::{self, IndexEntry};
use super::tag_ref;
use crate::process::{Permit, git};
use gonogo_core::text;

/// The most of an answer that is read, in bytes.
const MAX_OUTPUT: usize = 128 << 20;
/// The longest piece of what git says, in bytes.
const MAX_REASON: usize = 300;
/// How deep submodules may lie in each other.
const MAX_DEPTH: usize = 16;
/// How many files are named that cannot be compared.
const MAX_NAMED: usize = 3;

/// A checkout, with the permit and the deadline of its queries.
#[derive(Clone, Copy)]
pub(super) struct Checkout<'a> {
    pub(super) directory: &'a Path,
    pub(super) permit: &'a Permit,
    pub(super) deadline: &'a Deadline,
}

/// Where a checkout's files are, and how its objects are named.
pub(super) struct CheckoutLayout {
    pub(super) top: PathBuf,
    format: ObjectFormat,
}

impl Checkout<'_> {
    /// The commit that the tag points to; none if there is no such tag. An expression (`v1~2`) is not a tag.
    pub(super) async fn tagged(&self, tag: &str) -> ProbeResult<Option<String>> {
        let name = tag_ref(tag);
        let (code, _) = self.run_for_exit_code(&["check-ref-format", &name]).await?;
        if code == 0 { self.commit(&name).await } else { Ok(None) }
    }

    /// The commit that a name resolves to; none if there is no such name.
    pub(super) async fn commit(&self, name: &str) -> ProbeResult<Option<String>> {
        let commit = self.resolve(&format!("{name}^{{commit}}")).await?;
        let is_missing = commit.is_none()
            && self.resolve(name).await?.is_some()
            && self.resolve(&format!("{name}^{{}}")).await?.is_none();
        if is_missing {
            let why = "refers to an object that is not in this checkout; run git fetch first";
            return Err(ProbeError::new(format!("{name} {why}")));
        }
        Ok(commit)
    }

    pub(super) async fn resolve(&self, name: &str) -> ProbeResult<Option<String>> {
        let (code, answer) = self.run_for_exit_code(&["rev-parse", "--verify", "--quiet", name]).await?;
        Ok((code == 0).then(|| String::from_utf8_lossy(&answer).trim_end().to_owned()))
    }

    /// What differs from the commit that is checked out, one file a line.
    pub(super) async fn changes(&self) -> ProbeResult<Vec<String>> {
        self.changes_within(MAX_DEPTH).await
    }

    async fn changes_within(&self, depth: usize) -> ProbeResult<Vec<String>> {
        let layout = self.layout().await?;
        let top = Checkout { directory: &layout.top, ..*self };
        let entries = index::entries(&top.answer(&["ls-files", "--stage", "-t", "-z"]).await?)?;
        let mut tracked = top.staged(&entries).await?;
        let unknown = top.changed_files(&layout, entries, depth, &mut tracked).await?;
        let untracked = top.untracked().await?;
        let untracked = index::nul_separated(&untracked).map(|path| format!("?? {}", display_path(path)));
        let tracked = tracked.into_iter().map(|(path, how)| format!("{how} {}", display_path(&path)));
        let changes: Vec<String> = tracked.chain(untracked).collect();
        if changes.is_empty() { unknown.map_or(Ok(changes), Err) } else { Ok(changes) }
    }

    /// The files that the commit does not have and that neither it nor the user ignores. What the checkout's own
    /// configuration or `info/exclude` ignores is no part of the commit, and would be built in unseen.
    async fn untracked(&self) -> ProbeResult<Vec<u8>> {
        let exclude_option =
            self.users_excludes().await?.map(|file| format!("--exclude-from={}", file.display()));
        let fixed = [
            "ls-files",
            "--others",
            "--exclude-per-directory=.gitignore",
            "--directory",
            "--no-empty-directory",
            "-z",
        ];
        let words: Vec<&str> = fixed.into_iter().chain(exclude_option.as_deref()).collect();
        self.answer(&words).await
    }

    /// The file of patterns that the user ignores in every checkout, if there is one.
    async fn users_excludes(&self) -> ProbeResult<Option<PathBuf>> {
        let setting = ["config", "--global", "--path", "--get", "core.excludesFile"];
        let file = match self.run_for_exit_code(&setting).await? {
            (0, answer) => Some(PathBuf::from(String::from_utf8_lossy(&answer).trim_end())),
            _ => directories::BaseDirs::new().map(|dirs| dirs.config_dir().join("git/ignore")),
        };
        Ok(file.filter(|file| file.is_file()))
    }

    /// The top of the work tree. Its configuration could name another one, which was not requested.
    pub(super) async fn layout(&self) -> ProbeResult<CheckoutLayout> {
        let location = self.location().await?;
        let mut lines = location.rsplitn(3, |byte| *byte == b'\n');
        let (format, _, top) = (lines.next(), lines.next(), lines.next());
        let top = PathBuf::from(OsStr::from_bytes(top.unwrap_or_default()));
        let requested = self.directory.canonicalize()?;
        if !requested.starts_with(top.canonicalize()?) {
            let why = "its configuration (core.worktree) names another work tree, {}; check the checkout";
            return Err(ProbeError::new(why.replace("{}", &top.display().to_string())));
        }
        let again = Checkout { directory: &top, ..*self }.location().await?;
        if again != location {
            return Err(ProbeError::new("its work tree belongs to another repository; check the checkout"));
        }
        Ok(CheckoutLayout { top, format: ObjectFormat::named(format.unwrap_or_default())? })
    }

    async fn location(&self) -> ProbeResult<Vec<u8>> {
        let words = ["rev-parse", "--show-toplevel", "--absolute-git-dir", "--show-object-format"];
        let mut answer = self.answer(&words).await?;
        if answer.last() == Some(&b'\n') {
            answer.pop();
        }
        Ok(answer)
    }

    /// The differences between the index and the commit that is checked out: everything, if there is none.
    async fn staged(&self, entries: &[IndexEntry]) -> ProbeResult<BTreeMap<Vec<u8>, char>> {
        if self.commit("HEAD").await?.is_none() {
            return Ok(entries.iter().map(|entry| (entry.path.clone(), 'A')).collect());
        }
        // Names and modes only: no file contents are read.
        let words = ["diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-ext-diff"];
        let more = ["--no-textconv", "--ignore-submodules=none", "HEAD", "--"];
        index::raw_changes(&self.answer(&[&words[..], &more[..]].concat()).await?)
    }

    /// Adds the work files that differ from the index; gives why some could not be compared.
    async fn changed_files(
        &self,
        layout: &CheckoutLayout,
        entries: Vec<IndexEntry>,
        depth: usize,
        changed: &mut BTreeMap<Vec<u8>, char>,
    ) -> ProbeResult<Option<ProbeError>> {
        let settings = GitSettings::parse(&self.answer(&attributes::READ_SETTINGS).await?);
        let first = files::compare(layout.top.clone(), entries, layout.format, settings);
        let WorkTreeResult { differ, submodules } =
            self.deadline.limit("reading the work tree", first).await??;
        let (unclear, differ): (Vec<_>, Vec<_>) =
            differ.into_iter().partition(|(_, how)| *how == FileDifference::Content);
        changed.extend(differ.into_iter().map(|(entry, how)| (entry.path, how.letter())));
        for entry in submodules {
            if self.submodule_differs(&layout.top, &entry, depth).await? {
                changed.entry(entry.path).or_insert('M');
            }
        }
        if unclear.is_empty() {
            return Ok(None);
        }
        let paths =
            unclear.iter().flat_map(|(entry, _)| [&entry.path[..], b"\0"].concat()).collect::<Vec<_>>();
        let listing = self.run_git(&attributes::READ_ATTRIBUTES, &paths).await?;
        let conversions = attributes::parse(&listing, settings);
        let unclear = unclear.into_iter().map(|(entry, _)| entry).collect();
        let second = files::compare_converted(layout.top.clone(), unclear, layout.format, conversions);
        let ContentResult { differ, unknown, line_ends } =
            self.deadline.limit("reading the work tree", second).await??;
        let rewritten = self.rewritten(line_ends).await?;
        changed.extend(differ.into_iter().chain(rewritten).map(|path| (path, 'M')));
        Ok(why_unknown(&unknown))
    }

    /// The files whose line endings were changed after git wrote them. To `git status` they are modified, since their
    /// size is another, until they are added again.
    async fn rewritten(&self, line_ends: Vec<(Vec<u8>, u64)>) -> ProbeResult<Vec<Vec<u8>>> {
        if line_ends.is_empty() {
            return Ok(Vec::new());
        }
        let sizes = index::known_sizes(&self.answer(&["ls-files", "--debug", "-z"]).await?);
        let is_rewritten = |(path, length): &(Vec<u8>, u64)| {
            sizes.get(path).is_some_and(|size| *size != 0 && size != length)
        };
        Ok(line_ends.into_iter().filter(is_rewritten).map(|(path, _)| path).collect())
    }

    /// As `git status` reports it: another commit, or changes within. A submodule that is not checked out is clean.
    async fn submodule_differs(&self, top: &Path, entry: &IndexEntry, depth: usize) -> ProbeResult<bool> {
        let directory = top.join(OsStr::from_bytes(&entry.path));
        if directory.join(".git").symlink_metadata().is_err() {
            return Ok(false);
        }
        let named =
            |why: ProbeError| ProbeError::new(format!("submodule {}: {why}", display_path(&entry.path)));
        if depth == 0 {
            return Err(named(ProbeError::new(format!("submodules are nested more than {MAX_DEPTH} deep"))));
        }
        let submodule = Checkout { directory: &directory, ..*self };
        let differs = async {
            // If its own repository is broken, git would use the enclosing one.
            if submodule.layout().await?.top.canonicalize()? != directory.canonicalize()? {
                return Err(ProbeError::new("it has no repository of its own"));
            }
            let commit = submodule.commit("HEAD").await?;
            Ok(commit.as_ref() != Some(&entry.id) || !submodule.changes_within(depth - 1).await?.is_empty())
        };
        Box::pin(differs).await.map_err(named)
    }

    /// Git's output if it exits with 0, or with 1, which means that there is nothing.
    pub(super) async fn answer(&self, words: &[&str]) -> ProbeResult<Vec<u8>> {
        self.run_for_exit_code(words).await.map(|(_, answer)| answer)
    }

    async fn run_git(&self, words: &[&str], input: &[u8]) -> ProbeResult<Vec<u8>> {
        self.call(words, Some(input)).await.map(|(_, answer)| answer)
    }

    pub(super) async fn run_for_exit_code(&self, words: &[&str]) -> ProbeResult<(i32, Vec<u8>)> {
        self.call(words, None).await
    }

    /// The exit code, 0 or 1, and what git prints. Nothing that the checkout configures is run for it.
    async fn call(&self, words: &[&str], input: Option<&[u8]>) -> ProbeResult<(i32, Vec<u8>)> {
        let name = format!("git -C {} {}", self.directory.display(), words.join(" "));
        let work = ProgramOptions { name, input, kept: MAX_OUTPUT };
        let result = work.run(git(self.directory, words), self.permit, self.deadline).await?;
        match (result.status.code(), result.stdout.cut) {
            (Some(code @ (0 | 1)), None) => Ok((code, result.stdout.bytes)),
            (Some(0 | 1), Some(cut)) => Err(cut),
            _ => Err(ProbeError::new(text::excerpt(&result.stderr.bytes, MAX_REASON))),
        }
    }
}

pub(super) fn display_path(path: &[u8]) -> String {
    text::line(&String::from_utf8_lossy(path))
}

fn why_unknown(unknown: &[(Vec<u8>, String)]) -> Option<ProbeError> {
    unknown.first()?;
    let files = text::count(unknown.len(), "file");
    let named = unknown.iter().take(MAX_NAMED).map(|(path, why)| format!("{} ({why})", display_path(path)));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = if unknown.len() > MAX_NAMED { ", …" } else { "" };
    Some(ProbeError::new(format!(
        "{files} cannot be compared without running filters that the checkout's attributes configure: {named}{more}"
    )))
}
