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

/// UTF-16 as text, without its byte order mark; none if it is not valid or another encoding.
pub(super) fn utf16(bytes: &[u8]) -> Option<String> {
    let unit = match wide(bytes)? {
        "UTF-16LE" => u16::from_le_bytes,
        "UTF-16BE" => u16::from_be_bytes,
        _ => return None,
    };
    let (units, rest) = bytes.as_chunks::<2>();
    let text: Result<String, _> = char::decode_utf16(units.iter().copied().map(unit)).collect();
    text.ok()
        .filter(|_| rest.is_empty())
        .map(|text| text.trim_start_matches(gonogo_core::text::BYTE_ORDER_MARK).to_owned())
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

    #[test]
    fn utf_16_is_read_in_both_orders_and_refused_if_it_is_cut() {
        assert_eq!(utf16(b"\xff\xfe<\0\xe9\0").as_deref(), Some("<\u{e9}"));
        assert_eq!(utf16(b"\xfe\xff\0<").as_deref(), Some("<"));
        assert_eq!(utf16(b"\xff\xfe<\0\xe9"), None);
        assert_eq!(utf16(b"\xff\xfe\0\xd8<\0"), None);
        assert_eq!(utf16(b"<a/>"), None);
    }
}
