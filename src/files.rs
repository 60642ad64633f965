//! Reading files that somebody names: regular ones and nothing else, so that no pipe or device is waited for.

pub mod directory;
pub mod handed;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Opens a regular file for reading. Whatever else has the name is refused at once.
///
/// # Errors
/// What the system said, or that it is no regular file.
pub fn open_regular(path: impl AsRef<Path>) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path.as_ref(), flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("expected a regular file")) }
}

/// Reads a regular file of at most so many bytes.
///
/// # Errors
/// What the system said, that it is no regular file, or that it is larger.
pub fn read_regular(path: impl AsRef<Path>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("larger than {} KiB", most >> 10)));
    }
    Ok(bytes)
}

/// The same as text.
///
/// # Errors
/// Those, and that it is not UTF-8.
pub fn read_regular_text(path: impl AsRef<Path>, most: u64) -> io::Result<String> {
    String::from_utf8(read_regular(path, most)?).map_err(|_| io::Error::other("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_of_a_bounded_size_is_read() {
        const MOST: u64 = 4096;
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        File::create(at("large")).unwrap().set_len(MOST + 1).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        let told = |path: &Path| read_regular(path, MOST).map_err(|error| error.to_string());
        assert_eq!(told(&at("file")), Ok(b"x".to_vec()));
        assert_eq!(told(&at("link")), Ok(b"x".to_vec()));
        for other in [at("fifo"), home.path().to_owned(), "/dev/zero".into(), "/dev/null".into()] {
            assert_eq!(told(&other), Err("expected a regular file".into()), "{}", other.display());
        }
        assert_eq!(told(&at("large")), Err("larger than 4 KiB".into()));
    }
}
