use flate2::write::GzEncoder;

use super::*;
use crate::files::directory::temporary;

type Packed = Vec<u8>;

/// A bundle of a log with one line.
fn bundle() -> Packed {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("r.jsonl");
    std::fs::write(&log, crate::testing::first_line()).unwrap();
    let mut packed = Vec::new();
    write(&File::open(&log).unwrap(), &log, &mut packed).unwrap();
    packed
}

fn read(packed: &[u8]) -> Result<Vec<u8>, String> {
    let into = temporary("t", &std::env::temp_dir()).unwrap();
    let path = into.path().join("packed");
    std::fs::write(&path, packed).unwrap();
    let directory = into.path().join("d");
    drop(Directory::create_own(&directory).unwrap());
    let log = unpack(&File::open(path).unwrap(), &directory).map_err(|why| why.to_string())?;
    Ok(std::fs::read(log).unwrap())
}

fn gunzip(packed: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut tar).unwrap();
    tar
}

fn gzip(tar: &[u8]) -> Packed {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(tar).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn refused(packed: &[u8], why: &str) {
    let error = read(packed).unwrap_err();
    assert!(error.contains(why), "{error}");
}

#[test]
fn a_bundle_is_read_however_well_it_is_compressed() {
    let packed = bundle();
    let line = read(&packed).unwrap();
    assert!(line.starts_with(b"{"));
    assert_eq!(read(&gzip(&gunzip(&packed))), Ok(line));
}

#[test]
fn everything_else_in_an_archive_is_rejected() {
    let packed = bundle();
    let tar = gunzip(&packed);
    refused(&[packed.clone(), packed.clone()].concat(), "there is data after the end of gzip");
    refused(&[packed.clone(), b"junk".to_vec()].concat(), "there is data after the end of gzip");
    let mut checksum = packed.clone();
    let at = checksum.len() - 8;
    checksum[at] ^= 1;
    refused(&checksum, "gzip: corrupt");
    refused(&gzip(&[tar.clone(), tar.clone()].concat()), "there is data after the end of the archive");
    let mut owned = tar.clone();
    let mut header = Header::from_byte_slice(&tar[..512]).clone();
    header.set_uid(1);
    header.set_cksum();
    owned[..512].copy_from_slice(header.as_bytes());
    refused(&gzip(&owned), "of the archive on, in r/r.jsonl");
    let mut named = GzBuilder::new().filename("x").write(Vec::new(), Compression::fast());
    named.write_all(&tar).unwrap();
    refused(&named.finish().unwrap(), "its gzip header has fields");
}

fn archive(files: &[(&str, u64)]) -> Packed {
    let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, size) in files {
        add(&mut archive, Path::new(name), *size, io::repeat(0).take(*size)).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

#[test]
fn a_bundle_that_would_be_too_large_is_not_written() {
    refused(&archive(&[("r/r.jsonl", 3 << 20)]), "line 1 of its log exceeds the line limit");
    refused(&archive(&[("r/r.jsonl", 0), ("r/r.jsonl.d/x", 1)]), "the log has no such attachment");
    refused(&archive(&[("r/r.jsonl", 0), ("r/r.jsonl.dsse.json", 1)]), "does not belong there");
    refused(&archive(&[("r/r.jsonl", 0), ("r/r.jsonl", 0)]), "it holds r/r.jsonl twice");
    // Only its header: the content is not read.
    let mut header = Header::new_gnu();
    header.set_path("r/r.jsonl").unwrap();
    header.set_size(MAX_LOG + 1);
    header.set_cksum();
    refused(&gzip(header.as_bytes()), "its log is larger than 256 MiB");
}
