//! A minimal parser of Rust: code without comments, string literals and test items, and the paths in it.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file in which comments, string literals and test items are blanked; line numbers stay.
pub struct File {
    /// Relative to the root of the package: `src/tui/app.rs`.
    pub path: String,
    code: String,
}

/// A path below `crate`, and the line it starts on.
pub struct Import {
    /// Without `crate::`.
    pub path: String,
    /// From 1.
    pub line: usize,
}

impl File {
    /// Reads `text` as the file at `path`.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), code: without_tests(&plain(text)) }
    }

    /// The top-level module of the file.
    pub fn module(&self) -> &str {
        self.inner().split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// The path within its package; paths of the rehearsal are unchanged.
    fn inner(&self) -> &str {
        self.path.trim_start_matches("src/").trim_start_matches("core/")
    }

    /// Every path from the root of the crate or of the core, with groups expanded.
    pub fn imports(&self) -> Vec<Import> {
        let roots = self.starts("crate").chain(self.starts("gonogo_core")).chain(self.super_paths());
        let mut found: Vec<_> = roots.flat_map(|(at, rest)| self.paths(at, rest)).collect();
        found.sort_by_key(|import| import.line);
        found
    }

    /// The lines of code that contain `text`; a path is also found in a group.
    pub fn lines_with(&self, text: &str) -> Vec<usize> {
        let is_longer = |at: usize| text.starts_with(is_word) && self.code[..at].ends_with(is_word);
        let inline = self.code.match_indices(text).filter(|(at, _)| !is_longer(*at));
        let inline = inline.map(|(at, _)| self.line(at));
        let within = |path: &str| path == text || path.starts_with(&format!("{text}::"));
        let grouped = self.imports().into_iter().filter(|i| within(&i.path)).map(|i| i.line);
        let mut lines: Vec<_> = inline.chain(grouped).collect();
        lines.sort_unstable();
        lines.dedup();
        lines
    }

    /// The lines that contain `word` as a whole word, and the code after it.
    pub fn after<'a>(&'a self, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        let is_whole = move |at: usize| {
            !self.code[..at].ends_with(is_word) && !self.code[at + word.len()..].starts_with(is_word)
        };
        let found = self.code.match_indices(word).map(|(at, _)| at).filter(move |at| is_whole(*at));
        found.map(move |at| (self.line(at), &self.code[at + word.len()..]))
    }

    fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    /// The positions of `word` as a whole word, and the code after it.
    fn starts<'a>(&'a self, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        let whole = |at: usize| {
            let before = self.code[..at].chars().next_back().is_none_or(|c| !is_word(c) && c != ':');
            before && !self.code[at + word.len()..].starts_with(is_word)
        };
        let found = self.code.match_indices(word).map(|(at, _)| at).filter(move |at| whole(*at));
        found.map(|at| (at, &self.code[at + word.len()..]))
    }

    /// Chains of `super` that reach the crate's root.
    fn super_paths(&self) -> impl Iterator<Item = (usize, &str)> {
        let inner = self.inner().trim_end_matches("/mod.rs");
        let depth = inner.split('/').count();
        self.starts("super").filter_map(move |(at, mut rest)| {
            for _ in 1..depth {
                rest = separator(rest)?.trim_start().strip_prefix("super")?;
            }
            Some((at, rest))
        })
    }

    fn paths(&self, at: usize, rest: &str) -> Vec<Import> {
        let line = self.line(at);
        // `pub(crate)` is no path; `use crate as …` could hide any path.
        let Some(tail) = separator(rest) else {
            let alias = rest.trim_start().starts_with("as ");
            return alias.then(|| Import { path: "*".to_owned(), line }).into_iter().collect();
        };
        tree(tail).0.into_iter().map(|path| Import { path, line }).collect()
    }
}

/// All source files of the crate that are not tests.
pub fn shipped_files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    visit_files(&root.join("src"), "rs", &mut |path| {
        texts.push((path.clone(), fs::read_to_string(path).unwrap()));
    });
    let excluded: Vec<PathBuf> =
        texts.iter().flat_map(|(path, text)| test_modules(path, &plain(text))).collect();
    texts.retain(|(path, _)| !excluded.iter().any(|test| path.starts_with(test)));
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    texts.iter().map(|(path, text)| File::new(&name(path), text)).collect()
}

/// Calls `visit` with every file below `dir` that has this extension, in order.
pub fn visit_files(dir: &Path, extension: &str, visit: &mut dyn FnMut(&PathBuf)) {
    let mut paths: Vec<_> = fs::read_dir(dir).into_iter().flatten().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            visit_files(&path, extension, visit);
        } else if path.extension().is_some_and(|e| e == extension) {
            visit(&path);
        }
    }
}

/// The files and folders of `#[cfg(test)] mod name;`.
fn test_modules(path: &Path, code: &str) -> Vec<PathBuf> {
    let stem = path.file_stem().unwrap_or_default();
    let own = ["mod", "lib", "main"].iter().any(|name| stem == *name);
    let dir = if own { path.parent().unwrap().to_owned() } else { path.with_extension("") };
    let items = code.match_indices("#[cfg(test)]").map(|(at, mark)| &code[at + mark.len()..]);
    let names = items.filter_map(|item| item.trim_start().strip_prefix("mod ")?.split_once(';'));
    let plain = names.map(|(name, _)| name.trim()).filter(|name| name.chars().all(is_word));
    plain.flat_map(|name| [dir.join(format!("{name}.rs")), dir.join(name)]).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn separator(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix("::")
}

/// The paths of one `use` tree or inline path, and the code after it.
fn tree(text: &str) -> (Vec<String>, &str) {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        return group_of_trees(group);
    }
    let end = text.find(|c| !is_word(c) && c != '*').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let Some(tail) = separator(rest).filter(|tail| !tail.trim_start().starts_with('<')) else {
        return (vec![word.to_owned()], rest);
    };
    let (paths, rest) = tree(tail);
    (paths.into_iter().map(|path| format!("{word}::{path}")).collect(), rest)
}

fn group_of_trees(mut text: &str) -> (Vec<String>, &str) {
    let mut all = Vec::new();
    loop {
        let (paths, rest) = tree(text);
        all.extend(paths.into_iter().filter(|path| !path.is_empty()));
        // Skips an alias, to the next item or the end of the group.
        let Some(at) = rest.find([',', '}']) else { return (all, "") };
        text = &rest[at + 1..];
        if rest[at..].starts_with('}') {
            return (all, text);
        }
    }
}

/// The code with every item under `#[cfg(test)]` blanked.
fn without_tests(code: &str) -> String {
    let mut code = code.to_owned();
    while let Some(at) = code.find("#[cfg(test)]") {
        let end = at + item_end(&code[at..]);
        let blank = blanked(&code[at..end]);
        code.replace_range(at..end, &blank);
    }
    code
}

/// Where an item ends: at its `;`, or at the `}` that closes its first `{`.
fn item_end(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

fn blanked(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
}

/// The code with comments, strings and characters blanked.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped_length(rest, out.chars().next_back());
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.push_str(&blanked(&rest[..length]));
            rest = &rest[length..];
        }
    }
    out
}

/// The length of the comment, string or character that starts here; 0 for code.
fn skipped_length(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if let Some(inside) = rest.strip_prefix('"') {
        return 1 + escaped(inside, '"');
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    if before.is_some_and(is_word) { 0 } else { raw(rest) }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let step = &rest.as_bytes()[at..];
        let (change, length) = match step {
            [b'/', b'*', ..] => (1, 2),
            [b'*', b'/', ..] => (-1, 2),
            _ => (0, 1),
        };
        depth = depth.saturating_add_signed(change);
        at += length;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn escaped(text: &str, quote: char) -> usize {
    let mut skip = false;
    for (at, c) in text.char_indices() {
        if skip {
            skip = false;
        } else if c == '\\' {
            skip = true;
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

/// A character, not a lifetime: an escape, or one character and a quote.
fn character(rest: &str) -> usize {
    let mut inside = rest[1..].chars();
    match (inside.next(), inside.next()) {
        (Some('\\'), _) => 1 + escaped(&rest[1..], '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

fn raw(rest: &str) -> usize {
    let Some(after) = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r')) else { return 0 };
    let hashes = after.len() - after.trim_start_matches('#').len();
    if !after[hashes..].starts_with('"') {
        return 0;
    }
    let start = rest.len() - after.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
}
