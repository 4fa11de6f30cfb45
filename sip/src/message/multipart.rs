//! Bodies of several parts (RFC 5621, RFC 2046 §5.1): only to find the part that one can read.

use bytes::Bytes;

use super::{Headers, Name, parse};
use crate::{header::Params, lex, limits};

/// The body of this type (lower-case, such as `application/sdp`): the whole body, or the first
/// such part of a `multipart/…`, also one level deeper. A missing Content-Type counts as
/// `application/sdp`, as old gateways mean it.
pub(super) fn part(headers: &Headers, body: &Bytes, wanted: &str) -> Option<Bytes> {
    find(headers, body, wanted, limits::MULTIPART_DEPTH)
}

fn find(headers: &Headers, body: &Bytes, wanted: &str, depth: usize) -> Option<Bytes> {
    let kind = headers.content_type().unwrap_or_else(|| "application/sdp".into());
    if kind == wanted {
        return (!body.is_empty()).then(|| body.clone());
    }
    if depth == 0 || !kind.starts_with("multipart/") {
        return None;
    }
    let text = headers.get(Name::ContentType)?;
    let params = Params::parse(text.split_once(';')?.1).ok()?;
    let boundary = params.plain("boundary").filter(|b| !b.is_empty() && b.len() <= 70)?;
    parts(body, &boundary).iter().find_map(|part| {
        let (headers, start) = parse::part_fields(part);
        find(&headers, &part.slice(start..), wanted, depth - 1)
    })
}

/// The parts between `--boundary` lines; an end mark that is missing is forgiven.
fn parts(body: &Bytes, boundary: &str) -> Vec<Bytes> {
    let mark = format!("--{boundary}");
    let mut parts = Vec::new();
    // Start of the part that is being read.
    let mut open = None;
    for at in memchr::memmem::find_iter(body, mark.as_bytes()) {
        let at_line_start = at == 0 || body[..at].ends_with(b"\n");
        if !at_line_start || parts.len() == limits::MULTIPART_PARTS {
            continue;
        }
        let rest = &body[at + mark.len()..];
        let line = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let tail = lex::trim(std::str::from_utf8(&rest[..line]).unwrap_or("x")).trim_end().to_owned();
        if !tail.is_empty() && !tail.starts_with("--") {
            continue;
        }
        if let Some(start) = open.take() {
            parts.push(inner(body, start, at));
        }
        if tail.is_empty() {
            open = Some(at + mark.len() + line);
        }
    }
    if let Some(start) = open {
        parts.push(inner(body, start, body.len()));
    }
    parts
}

/// A part without the line end that belongs to the boundary behind it.
fn inner(body: &Bytes, start: usize, end: usize) -> Bytes {
    let bytes = &body[start.min(end)..end];
    let bytes = bytes.strip_suffix(b"\n").map_or(bytes, |b| b.strip_suffix(b"\r").unwrap_or(b));
    body.slice_ref(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn headers(content_type: &str) -> Headers {
        let mut headers = Headers::default();
        headers.push(Name::ContentType, content_type);
        headers
    }

    fn sdp(content_type: &str, body: &str) -> Option<String> {
        let found = part(&headers(content_type), &Bytes::copy_from_slice(body.as_bytes()), "application/sdp");
        found.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    const MIXED: &str = "preamble\r\n--x\r\nContent-Type: application/isup\r\n\r\n\x01--x no\r\n--x  \r\nContent-Type: Application/SDP\r\nContent-Disposition: session\r\n\r\nv=0\r\ns=-\r\n\r\n--x--\r\nepilogue";

    #[test]
    fn the_part_is_found() {
        assert_eq!(sdp("application/sdp", "v=0").as_deref(), Some("v=0"));
        assert_eq!(sdp("multipart/mixed;boundary=x", MIXED).as_deref(), Some("v=0\r\ns=-\r\n"));
        assert_eq!(sdp("Multipart/Mixed; charset=a; boundary=\"x\"", MIXED).as_deref(), Some("v=0\r\ns=-\r\n"));
        let outer = format!("--o\r\nContent-Type: multipart/alternative;boundary=x\r\n\r\n{MIXED}\r\n--o--");
        assert_eq!(sdp("multipart/mixed;boundary=o", &outer).as_deref(), Some("v=0\r\ns=-\r\n"));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for (kind, body) in [
            ("text/plain", "v=0"),
            ("multipart/mixed", MIXED),
            ("multipart/mixed;boundary=y", MIXED),
            ("multipart/mixed;boundary=\"\"", MIXED),
            ("application/sdp", ""),
        ] {
            assert_eq!(sdp(kind, body), None, "{kind}");
        }
        let none = part(&Headers::default(), &Bytes::from_static(b"v=0"), "application/sdp");
        assert_eq!(none.as_deref(), Some(&b"v=0"[..]));
    }

    #[test]
    fn depth_ends() {
        let mut body = "v=0".to_owned();
        let mut kind = "application/sdp".to_owned();
        for level in 0..50 {
            body = format!("--{level}\r\nContent-Type: {kind}\r\n\r\n{body}\r\n--{level}--\r\n");
            kind = format!("multipart/mixed;boundary={level}");
        }
        assert_eq!(sdp(&kind, &body), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(edits in prop::collection::vec((any::<u16>(), any::<u8>()), 0..10)) {
            let mut bytes = MIXED.as_bytes().to_vec();
            for (at, byte) in edits {
                let at = usize::from(at) % bytes.len();
                bytes[at] = byte;
            }
            let _ = part(&headers("multipart/mixed;boundary=x"), &bytes.into(), "application/sdp");
        }
    }
}
