//! Object ids as git computes them (gitformat-pack(5)): a hash of `blob LENGTH NUL` and the content.

use std::io::{self, Read};

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::super::error::{ProbeError, ProbeResult};

/// How much is read at once, in bytes.
const BUFFER_SIZE: usize = 64 << 10;

/// Which hash names the objects of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectFormat {
    /// SHA-1, the usual one.
    Sha1,
    /// SHA-256 (`extensions.objectFormat`).
    Sha256,
}

enum Hasher {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    fn of_blob(format: ObjectFormat, length: u64) -> Self {
        let mut hasher = match format {
            ObjectFormat::Sha1 => Self::Sha1(Sha1::new()),
            ObjectFormat::Sha256 => Self::Sha256(Sha256::new()),
        };
        hasher.update(format!("blob {length}\0").as_bytes());
        hasher
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    fn id(self) -> String {
        match self {
            Self::Sha1(hasher) => base16ct::lower::encode_string(&hasher.finalize()),
            Self::Sha256(hasher) => base16ct::lower::encode_string(&hasher.finalize()),
        }
    }
}

impl ObjectFormat {
    /// As `git rev-parse --show-object-format` names it.
    pub(super) fn named(name: &[u8]) -> ProbeResult<Self> {
        match name {
            b"sha1" => Ok(Self::Sha1),
            b"sha256" => Ok(Self::Sha256),
            other => {
                let other = gonogo_core::text::excerpt(other, 40);
                Err(ProbeError::new(format!("its object format is {other}; expected sha1 or sha256")))
            }
        }
    }

    /// The id of a content of this length, without a conversion.
    pub(super) fn id(self, length: u64, content: impl Read) -> io::Result<String> {
        let mut hasher = Hasher::of_blob(self, length);
        pieces(content, |piece| hasher.update(piece))?;
        Ok(hasher.id())
    }

    /// The id of a content whose CR LF became LF.
    pub(super) fn id_of_text(self, stats: &TextStats, content: impl Read) -> io::Result<String> {
        let mut hasher = Hasher::of_blob(self, stats.length - stats.crlf);
        let mut is_after_cr = false;
        pieces(content, |piece| {
            let mut from = 0;
            for (at, byte) in piece.iter().enumerate() {
                if is_after_cr && *byte != b'\n' {
                    hasher.update(b"\r");
                }
                is_after_cr = *byte == b'\r';
                if is_after_cr {
                    hasher.update(&piece[from..at]);
                    from = at + 1;
                }
            }
            hasher.update(&piece[from..]);
        })?;
        if is_after_cr {
            hasher.update(b"\r");
        }
        Ok(hasher.id())
    }

    /// The id of the pointer that `git lfs` keeps for a content:
    /// <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>.
    pub(super) fn id_of_pointer(self, content: impl Read) -> io::Result<String> {
        let (mut hasher, mut length) = (Sha256::new(), 0_u64);
        pieces(content, |piece| {
            hasher.update(piece);
            length += piece.len() as u64;
        })?;
        let sha256 = base16ct::lower::encode_string(&hasher.finalize());
        let pointer =
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {length}\n");
        self.id(pointer.len() as u64, pointer.as_bytes())
    }
}

fn pieces(mut content: impl Read, mut see: impl FnMut(&[u8])) -> io::Result<()> {
    let mut piece = vec![0; BUFFER_SIZE];
    loop {
        match content.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => see(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The statistics that distinguish text from binary content.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TextStats {
    pub(super) length: u64,
    /// The number of CR LF sequences.
    crlf: u64,
    cr: u64,
    nul: u64,
    printable: u64,
    other: u64,
    last: u8,
}

impl TextStats {
    pub(super) fn of(content: impl Read) -> io::Result<Self> {
        let mut stats = Self::default();
        pieces(content, |piece| piece.iter().for_each(|byte| stats.count(*byte)))?;
        Ok(stats)
    }

    fn count(&mut self, byte: u8) {
        self.crlf += u64::from(self.last == b'\r' && byte == b'\n' && self.length > 0);
        self.length += 1;
        self.last = byte;
        match byte {
            b'\r' => self.cr += 1,
            b'\n' => {}
            0 => (self.nul, self.other) = (self.nul + 1, self.other + 1),
            8 | 9 | 12 | 27 | 32..=126 | 128.. => self.printable += 1,
            _ => self.other += 1,
        }
    }

    /// Git's rule for `text=auto`: a lone CR, a NUL, or one control character among 128.
    pub(super) fn is_binary(&self) -> bool {
        const END_OF_FILE: u8 = 26;
        let other = self.other - u64::from(self.last == END_OF_FILE);
        self.cr != self.crlf || self.nul > 0 || self.printable / 128 < other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content: &str) -> String {
        ObjectFormat::Sha1
            .id_of_text(&TextStats::of(content.as_bytes()).unwrap(), content.as_bytes())
            .unwrap()
    }

    /// Of `printf 'a\n' | git hash-object --stdin`, with and without `--object-format=sha256`.
    #[test]
    fn ids_are_gits() {
        assert_eq!(
            ObjectFormat::Sha1.id(2, &b"a\n"[..]).unwrap(),
            "78981922613b2afb6025042ff6bd878ac1994e85"
        );
        assert_eq!(ObjectFormat::Sha1.id(0, &b""[..]).unwrap(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        let sha256 = "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813";
        assert_eq!(ObjectFormat::Sha256.id(0, &b""[..]).unwrap(), sha256);
    }

    #[test]
    fn text_is_hashed_without_carriage_returns() {
        let assert_same_id = |crlf: &str, lf: &str| {
            assert_eq!(
                text(crlf),
                ObjectFormat::Sha1.id(lf.len() as u64, lf.as_bytes()).unwrap(),
                "{crlf:?}"
            );
        };
        assert_same_id("a\r\nb\r\n", "a\nb\n");
        assert_same_id("a\r\r\n\rb\r", "a\r\n\rb\r");
        assert_same_id("a\nb", "a\nb");
        let long = "x".repeat(BUFFER_SIZE - 1);
        assert_same_id(&format!("{long}\r\n{long}\r"), &format!("{long}\n{long}\r"));
    }

    #[test]
    fn text_is_distinguished_from_binary_content() {
        let is_binary = |content: &[u8]| TextStats::of(content).unwrap().is_binary();
        assert!(is_binary(b"a\0b") && is_binary(b"a\rb") && is_binary(b"\x01\x02"));
        assert!(!is_binary("grün\r\n".as_bytes()) && !is_binary(b"a\t\x1b[0m\n") && !is_binary(b"a\x1a"));
    }
}
