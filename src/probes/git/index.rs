//! Git's output about its index, separated by NUL: see git-ls-files(1) and git-diff-index(1), `-z`.

use std::collections::BTreeMap;

use super::super::error::{ProbeError, ProbeResult};

/// A file as the index has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IndexEntry {
    /// From the top of the work tree.
    pub(super) path: Vec<u8>,
    /// Its mode, as git writes it: 100644, 100755, 120000 (link), 160000 (submodule).
    pub(super) mode: u32,
    /// The id of its content, or of a submodule's commit.
    pub(super) id: String,
    /// Whether it is one side of a conflict.
    pub(super) is_unmerged: bool,
    /// Whether it is marked as one that may be missing, as a sparse checkout does.
    pub(super) may_be_absent: bool,
}

/// A submodule's mode.
pub(super) const SUBMODULE_MODE: u32 = 0o160_000;
/// A symbolic link's mode.
pub(super) const LINK_MODE: u32 = 0o120_000;

/// The items of a list.
pub(super) fn nul_separated(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == 0).filter(|word| !word.is_empty())
}

/// `git ls-files --stage -t -z`: `H 100644 ID 0<TAB>PATH`
pub(super) fn entries(list: &[u8]) -> ProbeResult<Vec<IndexEntry>> {
    nul_separated(list).map(|item| entry(item).ok_or_else(|| unexpected_item("ls-files", item))).collect()
}

fn entry(item: &[u8]) -> Option<IndexEntry> {
    let tab = item.iter().position(|byte| *byte == b'\t')?;
    let (fields, path) = (std::str::from_utf8(&item[..tab]).ok()?, &item[tab + 1..]);
    let [tag, mode, id, stage] = fields.split(' ').collect::<Vec<_>>().try_into().ok()?;
    Some(IndexEntry {
        path: path_inside_work_tree(path)?.to_vec(),
        mode: u32::from_str_radix(mode, 8).ok()?,
        id: id.to_owned(),
        is_unmerged: stage != "0",
        may_be_absent: tag.eq_ignore_ascii_case("S"),
    })
}

/// `git ls-files --debug -z`: the path, NUL, and five lines, the last one `size: N<TAB>flags: M`. Gives the size of each
/// file when git last wrote or read it; 0 is no size.
pub(super) fn known_sizes(list: &[u8]) -> BTreeMap<Vec<u8>, u64> {
    let mut pieces = list.split(|byte| *byte == 0);
    let mut path = pieces.next().unwrap_or_default();
    let mut sizes = BTreeMap::new();
    for piece in pieces {
        let lines: Vec<&[u8]> = piece.splitn(6, |byte| *byte == b'\n').collect();
        let [.., size, next] = lines.as_slice() else { break };
        let size = String::from_utf8_lossy(size);
        let size =
            size.trim_start().strip_prefix("size: ").and_then(|size| size.split('\t').next()?.parse().ok());
        sizes.extend(size.map(|size| (path.to_vec(), size)));
        path = next;
    }
    sizes
}

/// A path that stays within the work tree; an index that was made by hand can hold others.
fn path_inside_work_tree(path: &[u8]) -> Option<&[u8]> {
    let is_name = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.eq_ignore_ascii_case(b".git");
    path.split(|byte| *byte == b'/').all(is_name).then_some(path)
}

/// `git diff-index --raw -z`: `:MODE MODE ID ID LETTER`, then the path. Each with the letter that says how it differs.
pub(super) fn raw_changes(list: &[u8]) -> ProbeResult<BTreeMap<Vec<u8>, char>> {
    let mut items = nul_separated(list);
    let mut changes = BTreeMap::new();
    while let Some(item) = items.next() {
        let letter = item.rsplit(|byte| *byte == b' ').next().and_then(|word| word.first());
        match (letter, items.next()) {
            (Some(letter), Some(path)) if item.first() == Some(&b':') => {
                changes.insert(path.to_vec(), char::from(*letter));
            }
            _ => return Err(unexpected_item("diff-index", item)),
        }
    }
    Ok(changes)
}

fn unexpected_item(command: &str, item: &[u8]) -> ProbeError {
    let item = gonogo_core::text::excerpt(item, 80);
    ProbeError::new(format!("unexpected output of git {command}: {item}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_paths_outside_are_rejected() {
        let list = b"H 100755 abc 0\ta b/c\0S 100644 def 0\td\0M 100644 def 2\te\0";
        let read = entries(list).unwrap();
        assert_eq!(read[0].path, b"a b/c");
        assert_eq!((read[0].mode, read[0].is_unmerged, read[0].may_be_absent), (0o100_755, false, false));
        assert!(read[1].may_be_absent && read[2].is_unmerged);
        for path in ["../x", "/etc/passwd", "a/../../x", "a//b", "a/.GIT/config"] {
            assert!(entries(format!("H 100644 abc 0\t{path}\0").as_bytes()).is_err(), "{path}");
        }
    }

    #[test]
    fn sizes_are_read_whatever_the_paths_hold() {
        let lines = |size: u32| {
            format!(
                "  ctime: 1:2\n  mtime: 1:2\n  dev: 1\tino: 2\n  uid: 0\tgid: 0\n  size: {size}\tflags: 0\n"
            )
        };
        let list = format!("a\nb\0{}c\0{}", lines(2), lines(30));
        assert_eq!(
            known_sizes(list.as_bytes()),
            BTreeMap::from([(b"a\nb".to_vec(), 2), (b"c".to_vec(), 30)])
        );
        assert!(known_sizes(b"").is_empty());
    }

    #[test]
    fn changes_are_read_with_their_letters() {
        let list = b":100644 100644 a b M\0x\0:000000 100644 0 c A\0y z\0";
        assert_eq!(
            raw_changes(list).unwrap(),
            BTreeMap::from([(b"x".to_vec(), 'M'), (b"y z".to_vec(), 'A')])
        );
        assert!(raw_changes(b"x\0y\0").is_err() && raw_changes(b"").unwrap().is_empty());
    }
}
