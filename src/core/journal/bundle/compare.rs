//! Comparing a bundle with what gonogo writes for its log, byte by byte, uncompressed. The compressed form may differ
//! between compressor versions, but it cannot hide anything: it has one gzip member, checked to its end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::path::Path;

use flate2::bufread::GzDecoder;

use super::{BundleError, format_error, write_tar};

/// How many bytes are compared at once.
const CHUNK: usize = 64 << 10;

/// A gzip stream that is compared with the expected bytes.
struct ComparingWriter<'a> {
    from: GzDecoder<BufReader<&'a File>>,
    /// How many bytes were equal.
    same_bytes: u64,
    differs: bool,
}

impl Write for ComparingWriter<'_> {
    fn write(&mut self, expected: &[u8]) -> io::Result<usize> {
        let expected = &expected[..expected.len().min(CHUNK)];
        let mut actual = vec![0; expected.len()];
        let mut filled = 0;
        while filled < actual.len() {
            match self.from.read(&mut actual[filled..])? {
                0 => break,
                length => filled += length,
            }
        }
        let same = expected.iter().zip(&actual[..filled]).take_while(|(one, other)| one == other).count();
        self.same_bytes += same as u64;
        self.differs = same < expected.len();
        if self.differs { Err(io::Error::other("it differs")) } else { Ok(expected.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compares a bundle with what gonogo writes for the log that was extracted from it; `members` are the offsets of its
/// files.
pub(super) fn compare(bundle: &File, log: &Path, members: &BTreeMap<u64, String>) -> Result<(), BundleError> {
    let mut reader = BufReader::new(bundle);
    let head = reader.fill_buf()?;
    // Without a name, a comment or a time of its own.
    if head.get(3..8) != Some(&[0; 5]) {
        return Err(format_error("its gzip header has fields that a bundle does not have"));
    }
    let mut compared = ComparingWriter { from: GzDecoder::new(reader), same_bytes: 0, differs: false };
    let file = crate::files::open_regular(log)?;
    let written = write_tar(&file, log, &mut compared).map(drop);
    match written {
        Ok(()) => check_end(compared),
        Err(_) if compared.differs => {
            let within =
                members.range(..=compared.same_bytes).next_back().map_or("its beginning", |(_, name)| name);
            Err(format_error(format!(
                "it differs from the bundle of this log, from byte {} of the archive on, in {within}",
                compared.same_bytes
            )))
        }
        Err(error) => Err(error),
    }
}

/// The archive's checksum must follow, and nothing else.
fn check_end(mut compared: ComparingWriter<'_>) -> Result<(), BundleError> {
    let end = compared.same_bytes;
    match compared.from.read(&mut [0]) {
        Ok(0) => {}
        Ok(_) => {
            return Err(format_error(format!("there is data after the end of the archive, at byte {end}")));
        }
        Err(error) => return Err(format_error(format!("gzip: {error}"))),
    }
    let mut rest = compared.from.into_inner();
    if rest.fill_buf()?.is_empty() {
        Ok(())
    } else {
        Err(format_error("there is data after the end of gzip"))
    }
}
