//! OpenSSH's binary key revocation list (KRL), read as strictly as `krl.c` does.

use super::RevokedKeys;
use crate::journal::public_key;

pub(super) const MAGIC: &[u8] = b"SSHKRL\n\0";
const VERSION: u32 = 1;
/// Sections of the list.
const CERTIFICATES: u8 = 1;
const KEYS: u8 = 2;
const SHA1: u8 = 3;
const SIGNATURE: u8 = 4;
const SHA256: u8 = 5;
/// Parts of the section about certificates.
const SERIALS: u8 = 0x20;
const SERIAL_RANGE: u8 = 0x21;
const SERIAL_BITMAP: u8 = 0x22;
const KEY_IDS: u8 = 0x23;
/// The most bytes of a bitmap, and of the zero before it that keeps it positive.
const BITMAP: usize = 2048;

type KrlResult<T> = Result<T, &'static str>;

/// Reads what follows the magic bytes.
pub(super) fn read(mut rest: &[u8]) -> KrlResult<RevokedKeys> {
    if u32::from_be_bytes(read_array(&mut rest)?) != VERSION {
        return Err("this gonogo does not support its version");
    }
    // Its number, its creation time, flags.
    let _: [u8; 24] = read_array(&mut rest)?;
    let _reserved = read_string(&mut rest)?;
    c_string(&mut rest)?;
    let mut keys = RevokedKeys::default();
    while !rest.is_empty() {
        let [kind] = read_array(&mut rest)?;
        section(&mut keys, kind, read_string(&mut rest)?)?;
    }
    Ok(keys)
}

fn section(keys: &mut RevokedKeys, kind: u8, section: &[u8]) -> KrlResult<()> {
    match kind {
        KEYS => strings(section, None)?
            .iter()
            .filter_map(|blob| public_key::from_blob(blob))
            .for_each(|key| keys.add(&key)),
        SHA1 => keys.sha1.extend(strings(section, Some(20))?),
        SHA256 => keys.sha256.extend(strings(section, Some(32))?),
        CERTIFICATES => certificates(section)?,
        SIGNATURE => {
            return Err("it is signed, which this gonogo does not support; make it without a signature");
        }
        _ => return Err("it has a section that this gonogo does not support"),
    }
    Ok(())
}

/// Run logs are signed with plain keys, so certificates are not kept.
fn certificates(mut rest: &[u8]) -> KrlResult<()> {
    let authority = read_string(&mut rest)?;
    if !authority.is_empty() && public_key::from_blob(authority).is_none() {
        return Err("it names an authority whose key this gonogo does not support");
    }
    let _reserved = read_string(&mut rest)?;
    while !rest.is_empty() {
        let [kind] = read_array(&mut rest)?;
        let part = read_string(&mut rest)?;
        match kind {
            SERIALS => serials(part)?,
            SERIAL_RANGE => serial_range(part)?,
            SERIAL_BITMAP => bitmap(part)?,
            KEY_IDS => key_ids(part)?,
            _ => return Err("it lists certificates in a form that this gonogo does not support"),
        }
    }
    Ok(())
}

fn serials(mut part: &[u8]) -> KrlResult<()> {
    while !part.is_empty() {
        serial(read_array(&mut part)?)?;
    }
    Ok(())
}

/// No certificate that can be revoked has the number 0.
fn serial(bytes: [u8; 8]) -> KrlResult<u64> {
    match u64::from_be_bytes(bytes) {
        0 => Err("it revokes a certificate of number 0"),
        serial => Ok(serial),
    }
}

fn serial_range(mut part: &[u8]) -> KrlResult<()> {
    let (low, high) = (serial(read_array(&mut part)?)?, serial(read_array(&mut part)?)?);
    if low > high { Err("it revokes a range that ends before it begins") } else { check_end(part) }
}

fn bitmap(mut part: &[u8]) -> KrlResult<()> {
    let first = u64::from_be_bytes(read_array(&mut part)?);
    let bits = read_string(&mut part)?;
    let wrong = "it has an invalid bitmap of certificates";
    if bits.first().is_some_and(|byte| byte & 0x80 != 0) || bits.len() > BITMAP + 1 {
        return Err(wrong);
    }
    let digits = &bits[bits.iter().take_while(|byte| **byte == 0).count()..];
    if digits.len() > BITMAP {
        return Err(wrong);
    }
    let highest = digits.len() as u64 * 8;
    let names_zero = first == 0 && digits.last().is_some_and(|byte| byte & 1 != 0);
    if first.checked_add(highest).is_none() || names_zero {
        return Err(wrong);
    }
    check_end(part)
}

fn key_ids(mut part: &[u8]) -> KrlResult<()> {
    while !part.is_empty() {
        c_string(&mut part)?;
    }
    Ok(())
}

fn strings(mut section: &[u8], length: Option<usize>) -> KrlResult<Vec<Vec<u8>>> {
    let mut blobs = Vec::new();
    while !section.is_empty() {
        let next = read_string(&mut section)?;
        if length.is_some_and(|length| next.len() != length) {
            return Err("it has a hash of a wrong length");
        }
        blobs.push(next.to_vec());
    }
    Ok(blobs)
}

fn check_end(rest: &[u8]) -> KrlResult<()> {
    if rest.is_empty() { Ok(()) } else { Err("it has a section with too many bytes") }
}

fn read_array<const N: usize>(rest: &mut &[u8]) -> KrlResult<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>().ok_or("it is truncated")?;
    *rest = after;
    Ok(*first)
}

fn read_string<'a>(rest: &mut &'a [u8]) -> KrlResult<&'a [u8]> {
    let length = usize::try_from(u32::from_be_bytes(read_array(rest)?)).unwrap_or(usize::MAX);
    let (string, after) = rest.split_at_checked(length).ok_or("it is truncated")?;
    *rest = after;
    Ok(string)
}

/// A C string: a zero byte is allowed only at its end.
fn c_string(rest: &mut &[u8]) -> KrlResult<()> {
    let text = read_string(rest)?;
    let inner = text.len().saturating_sub(1);
    if text[..inner].contains(&0) { Err("it has a zero byte in a text") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(sections: &[u8]) -> Result<RevokedKeys, String> {
        let head = [MAGIC, &[0, 0, 0, 1], &[0; 24], &[0; 8]].concat();
        RevokedKeys::parse("r", &[&head, sections].concat()).map_err(|error| error.to_string())
    }

    fn framed(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[kind], length.as_slice(), content].concat()
    }

    /// A section about certificates of any authority, with one part.
    fn part(kind: u8, content: &[u8]) -> Vec<u8> {
        framed(CERTIFICATES, &[&[0; 8], framed(kind, content).as_slice()].concat())
    }

    #[test]
    fn a_list_that_is_not_fully_understood_is_rejected() {
        assert_eq!(parse(&[]), Ok(RevokedKeys::default()));
        for (sections, why) in [
            (framed(9, b""), "a section that this gonogo does not support"),
            (framed(255, &[0, 0, 0, 1, b'x', 0]), "a section that this gonogo does not support"),
            (framed(SIGNATURE, b""), "it is signed"),
            (vec![2, 0, 0, 0, 9, 1], "is truncated"),
            (framed(SHA1, &framed(0, &[0; 19])[1..]), "a wrong length"),
            (framed(SHA256, &framed(0, &[0; 20])[1..]), "a wrong length"),
            (framed(CERTIFICATES, b""), "is truncated"),
            (framed(CERTIFICATES, &[0, 0, 0, 1, b'x', 0, 0, 0, 0]), "an authority"),
            (part(9, b""), "in a form that"),
            (part(SERIALS, &[0; 8]), "number 0"),
            (part(SERIALS, &[1; 9]), "is truncated"),
            (part(SERIAL_RANGE, &[[2; 8], [1; 8]].concat()), "before it begins"),
            (part(SERIAL_RANGE, &[1; 17]), "too many bytes"),
            (part(SERIAL_BITMAP, &[[0; 8].as_slice(), &[0, 0, 0, 1, 1]].concat()), "an invalid bitmap"),
            (part(SERIAL_BITMAP, &[[1; 8].as_slice(), &[0, 0, 0, 1, 0x80]].concat()), "an invalid bitmap"),
            (part(SERIAL_BITMAP, &[[255; 8].as_slice(), &[0, 0, 0, 1, 2]].concat()), "an invalid bitmap"),
            (part(KEY_IDS, &[0, 0, 0, 3, b'a', 0, b'b']), "a zero byte"),
        ] {
            let error = parse(&sections).unwrap_err();
            assert!(error.contains(why), "{why}: {error}");
        }
        let comment = [MAGIC, &[0, 0, 0, 1], &[0; 24], &[0; 4], &[0, 0, 0, 2, 0, b'x']].concat();
        assert!(RevokedKeys::parse("r", &comment).is_err());
    }

    #[test]
    fn certificates_are_skipped() {
        let range = [[0, 0, 0, 0, 0, 0, 0, 1], [255; 8]].concat();
        for section in [
            part(SERIALS, &[1; 16]),
            part(SERIAL_RANGE, &range),
            part(SERIAL_BITMAP, &[[1; 8].as_slice(), &[0, 0, 0, 2, 0, 0x81]].concat()),
            part(KEY_IDS, &[0, 0, 0, 1, b'a']),
        ] {
            assert_eq!(parse(&section), Ok(RevokedKeys::default()));
        }
    }
}
