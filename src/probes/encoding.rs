//! The encodings of files that other tools write: what their first bytes say. Windows PowerShell redirects output as
//! UTF-16, and many Windows tools begin UTF-8 with a byte order mark.

/// The byte order mark of UTF-8.
pub(super) const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// The name of the encoding if it uses more than one byte for ASCII: by the byte order mark, or by the zeros beside the
/// first character, which is ASCII in JSON and XML (RFC 4627, 3; XML 1.0, F.1).
pub(super) fn wide(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..]
        | [0, 0, 0xfe, 0xff, ..]
        | [1..=0x7f, 0, 0, 0, ..]
        | [0, 0, 0, 1..=0x7f, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [1..=0x7f, 0, ..] => Some("UTF-16LE"),
        [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] => Some("UTF-16BE"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_say_the_encoding() {
        let rows: [(&[u8], Option<&str>); 8] = [
            (b"\xff\xfe{\0", Some("UTF-16LE")),
            (b"\xfe\xff\0{", Some("UTF-16BE")),
            (b"{\0\"\0", Some("UTF-16LE")),
            (b"\0{\0\"", Some("UTF-16BE")),
            (b"\xff\xfe\0\0{\0\0\0", Some("UTF-32")),
            (b"{}", None),
            (b"\xef\xbb\xbf{}", None),
            (b"", None),
        ];
        for (bytes, name) in rows {
            assert_eq!(wide(bytes), name, "{bytes:?}");
        }
    }
}
