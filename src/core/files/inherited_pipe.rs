//! Pipes that a shell passes as a file name: `<(…)`, a pipe under `/dev/fd`. They can be read only once.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

/// The directories of the files that this process inherited.
const FD_DIRECTORIES: [&str; 2] = ["/dev/fd/", "/proc/self/fd/"];
/// The polling interval.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Whether a path names a pipe that this process inherited. Other pipes have names that any user may write to, and can
/// block for ever.
#[must_use]
pub fn is_inherited_pipe(path: &Path) -> bool {
    let text =
        path.to_str().map(|text| if text == "/dev/stdin" { "/dev/fd/0" } else { text }).unwrap_or_default();
    let number = FD_DIRECTORIES.iter().find_map(|place| text.strip_prefix(place));
    let is_number = |number: &str| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    number.is_some_and(is_number) && fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

/// Reads a pipe to its end: at most `max_bytes`, in at most this time.
///
/// # Errors
/// The system error, there is more, or it does not end in time.
pub fn read_inherited_pipe(path: &Path, max_bytes: usize, timeout: Duration) -> io::Result<Vec<u8>> {
    let until = Instant::now() + timeout;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mut pipe = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match pipe.read(&mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(length) if bytes.len() + length > max_bytes => {
                return Err(io::Error::other(format!("larger than {} KiB", max_bytes >> 10)));
            }
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_) if Instant::now() >= until => {
                return Err(io::Error::other(format!("it is not complete within {} s", timeout.as_secs())));
            }
            Err(_) => thread::sleep(POLL_INTERVAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    use super::*;

    const MOST: usize = 1 << 20;

    fn path_of(pipe: &impl std::os::fd::AsRawFd) -> String {
        format!("/dev/fd/{}", pipe.as_raw_fd())
    }

    #[test]
    fn a_pipe_is_read_to_its_end_and_not_beyond_its_bounds() {
        let read = |path: &str, max_bytes, timeout| {
            read_inherited_pipe(Path::new(path), max_bytes, timeout).map_err(|error| error.to_string())
        };
        let (reader, mut writer) = io::pipe().unwrap();
        let path = path_of(&reader);
        assert!(is_inherited_pipe(Path::new(&path)));
        let whole = vec![b'x'; MOST];
        let writing = {
            let whole = whole.clone();
            thread::spawn(move || writer.write_all(&whole).unwrap())
        };
        assert_eq!(read(&path, MOST, Duration::from_mins(1)), Ok(whole));
        writing.join().unwrap();
        assert_eq!(read(&path, MOST, Duration::ZERO), Ok(Vec::new()), "it is read once");

        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"some of it").unwrap();
        let result = read(&path_of(&reader), MOST, Duration::ZERO);
        assert_eq!(result, Err("it is not complete within 0 s".into()));
        writer.write_all(b"1234567890").unwrap();
        drop(writer);
        assert_eq!(read(&path_of(&reader), 9, Duration::ZERO), Err("larger than 0 KiB".into()));
    }

    #[test]
    fn only_a_pipe_that_this_program_has_open_is_accepted() {
        let home = tempfile::tempdir().unwrap();
        let fifo = home.path().join("3");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        let file = File::create(home.path().join("file")).unwrap();
        let (reader, _writer) = io::pipe().unwrap();
        let own = reader.as_raw_fd();
        for other in [
            fifo.display().to_string(),
            path_of(&file),
            format!("/dev/fd/{own}/"),
            format!("/dev/fd/+{own}"),
            format!("/dev/fd/../fd/{own}"),
            format!("/proc/{}/fd/{own}", std::process::id()),
            "/dev/fd/".into(),
            "/dev/fd/999999".into(),
            "/dev/zero".into(),
        ] {
            assert!(!is_inherited_pipe(Path::new(&other)), "{other}");
        }
        assert!(is_inherited_pipe(Path::new(&format!("/proc/self/fd/{own}"))));
    }
}
