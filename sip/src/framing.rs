//! Where one message ends: datagrams, byte streams, WebSocket messages.
//!
//! On a stream the length of a body is all that separates one caller's request from the next. So
//! whatever makes it doubtful (no Content-Length, two, a sign, a lone line feed) ends the
//! connection after an answer: nothing behind it can be trusted. Must not know sockets.

use bytes::{Buf, Bytes, BytesMut};

use crate::{
    limits,
    message::{self, ParseError, ParseErrorKind, Response},
};

/// What a datagram or a WebSocket message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datagram {
    /// Perhaps a SIP message; for [`crate::Message::parse`].
    Message(Bytes),
    /// A keep-alive (CRLFs, NULs or the like) that wants no answer on UDP; on a WebSocket
    /// a double CRLF may be answered with a single one.
    KeepAlive,
    /// A STUN request (RFC 5389), used as keep-alive by RFC 5626.
    Stun(Bytes),
    /// Another protocol, or garbage: drop.
    Foreign,
}

/// Tells what a datagram is, from its first bytes.
pub fn datagram(bytes: Bytes) -> Datagram {
    const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    let lead = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    match bytes.get(lead) {
        None => Datagram::KeepAlive,
        Some(0 | 1) if bytes.len() >= 20 && bytes[4..8] == STUN_COOKIE => Datagram::Stun(bytes),
        Some(0) if bytes.len() <= 8 => Datagram::KeepAlive,
        Some(_) if bytes.as_ref() == b"jaK" => Datagram::KeepAlive,
        Some(&first) if crate::lex::is_token_byte(first) => Datagram::Message(bytes),
        Some(_) => Datagram::Foreign,
    }
}

/// Tells what a WebSocket message is: each carries exactly one SIP message (RFC 7118 §5).
pub fn websocket(bytes: Bytes) -> Datagram {
    match datagram(bytes) {
        Datagram::Stun(_) => Datagram::Foreign,
        other => other,
    }
}

/// One thing found on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The bytes of one message, body included.
    Message(Bytes),
    /// Double CRLF: the peer asks whether the flow lives; answer with [`PONG`] (RFC 5626 §4.4.1).
    Ping,
    /// Single CRLF: the answer to our ping.
    Pong,
}

/// What to send to ask whether a stream lives.
pub const PING: &[u8] = b"\r\n\r\n";
/// The answer to [`PING`].
pub const PONG: &[u8] = b"\r\n";

/// Why a stream cannot be read on. Send the answer, if any, and close.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind}")]
pub struct StreamError {
    /// What is wrong.
    pub kind: StreamErrorKind,
    /// The answer to the request that could not be delimited.
    pub answer: Option<Box<Response>>,
}

impl From<ParseError> for StreamError {
    fn from(error: ParseError) -> Self {
        Self { kind: StreamErrorKind::Head(error.kind), answer: error.answer().map(Box::new) }
    }
}

/// What can be wrong with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each variant's text says it
pub enum StreamErrorKind {
    #[error("not SIP")]
    Foreign,
    #[error("head is longer than {} bytes", limits::HEAD_BYTES)]
    HeadTooLong,
    #[error("message is longer than {} bytes", limits::MESSAGE_BYTES)]
    MessageTooLong,
    #[error("{0}")]
    Head(ParseErrorKind),
}

/// Cuts a byte stream into messages. Push what was read, then take frames until `None`, then read
/// on: so the buffer never exceeds one message and one read.
#[derive(Debug, Default)]
pub struct StreamFramer {
    buffer: BytesMut,
    /// Bytes already searched for the end of the head.
    searched: usize,
    /// Length of the whole message, once its head is known.
    wanted: Option<usize>,
    /// Whether the last thing was a lone CRLF, which may be the first half of a ping.
    half_ping: bool,
    failed: bool,
}

impl StreamFramer {
    /// A framer for a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.failed {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Whether bytes of an unfinished message are waiting. A connection that stays so for long is
    /// to be closed.
    pub fn is_mid_message(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next frame, `None` if more bytes are needed.
    ///
    /// # Errors
    /// [`StreamError`]; afterwards the framer gives nothing any more.
    #[allow(clippy::should_implement_trait)] // it may fail and go on being asked
    pub fn next(&mut self) -> Result<Option<Frame>, StreamError> {
        if self.failed {
            return Ok(None);
        }
        let frame = self.cut();
        if frame.is_err() {
            self.failed = true;
            self.buffer = BytesMut::new();
        }
        frame
    }

    fn cut(&mut self) -> Result<Option<Frame>, StreamError> {
        if self.wanted.is_none() {
            if let Some(keepalive) = self.keepalive() {
                return Ok(Some(keepalive));
            }
            self.wanted = self.find_length()?;
        }
        let Some(wanted) = self.wanted.filter(|wanted| self.buffer.len() >= *wanted) else {
            return Ok(None);
        };
        self.wanted = None;
        self.searched = 0;
        Ok(Some(Frame::Message(self.buffer.split_to(wanted).freeze())))
    }

    /// CRLFs between messages. A ping may come in two reads: its first half looks like a pong.
    fn keepalive(&mut self) -> Option<Frame> {
        let (length, frame) = if self.half_ping && self.buffer.starts_with(PONG) {
            (2, Frame::Ping)
        } else if self.buffer.starts_with(PING) {
            (4, Frame::Ping)
        } else if self.buffer.starts_with(PONG) {
            (2, Frame::Pong)
        } else {
            self.half_ping &= self.buffer.is_empty() || self.buffer.as_ref() == b"\r";
            return None;
        };
        self.half_ping = frame == Frame::Pong;
        self.buffer.advance(length);
        Some(frame)
    }

    /// Length of the message at the start of the buffer, `None` if its head is not there yet.
    fn find_length(&mut self) -> Result<Option<usize>, StreamError> {
        let fail = |kind| Err(StreamError { kind, answer: None });
        match self.buffer.first() {
            None => return Ok(None),
            Some(b'\r') if self.buffer.len() == 1 => return Ok(None),
            Some(&first) if !crate::lex::is_token_byte(first) => {
                return fail(StreamErrorKind::Foreign);
            }
            Some(_) => {}
        }
        let from = self.searched.saturating_sub(3);
        let Some(end) = memchr::memmem::find(&self.buffer[from..], b"\r\n\r\n").map(|at| from + at + 4) else {
            self.searched = self.buffer.len();
            let too_long = self.buffer.len() > limits::HEAD_BYTES;
            return if too_long { fail(StreamErrorKind::HeadTooLong) } else { Ok(None) };
        };
        if end > limits::HEAD_BYTES {
            return fail(StreamErrorKind::HeadTooLong);
        }
        // A copy of the head alone: heads are small, and the buffer stays one piece.
        let body = message::stream_length(Bytes::copy_from_slice(&self.buffer[..end]))?;
        if body > limits::MESSAGE_BYTES - end {
            return fail(StreamErrorKind::MessageTooLong);
        }
        Ok(Some(end + body))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn head(length: &str) -> String {
        format!(
            "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:b@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n{length}\r\n\r\n"
        )
    }

    /// All frames of a stream that comes in pieces of `step` bytes.
    fn frames(bytes: &[u8], step: usize) -> (Vec<Frame>, Option<StreamError>) {
        let mut framer = StreamFramer::new();
        let mut found = Vec::new();
        for piece in bytes.chunks(step) {
            framer.push(piece);
            loop {
                match framer.next() {
                    Ok(Some(frame)) => found.push(frame),
                    Ok(None) => break,
                    Err(error) => return (found, Some(error)),
                }
            }
        }
        (found, None)
    }

    #[test]
    fn messages_and_keepalives_in_any_pieces() {
        let one = head("Content-Length: 3") + "abc";
        let two = head("l : 0");
        let stream = format!("{one}\r\n\r\n{two}\r\n\r\n\r\n{one}");
        for step in 1..stream.len() {
            let (found, error) = frames(stream.as_bytes(), step);
            assert!(error.is_none());
            let messages: Vec<_> =
                found.iter().filter_map(|f| if let Frame::Message(m) = f { Some(m.clone()) } else { None }).collect();
            assert_eq!(messages, [&one, &two, &one], "step {step}");
            assert_eq!(found.iter().filter(|f| **f == Frame::Ping).count(), 2, "step {step}: {found:?}");
        }
    }

    #[test]
    fn smuggling_ends_the_stream() {
        let evil = "BYE sip:a@h SIP/2.0\r\n\r\n";
        let cases = [
            ("X: y", StreamErrorKind::Head(ParseErrorKind::NoContentLength)),
            ("Content-Length: 5\r\nl: 6", StreamErrorKind::Head(ParseErrorKind::RepeatedContentLength)),
            ("Content-Length: 5\r\nContent-Length: 5", StreamErrorKind::Head(ParseErrorKind::RepeatedContentLength)),
            ("Content-Length: -5", StreamErrorKind::Head(ParseErrorKind::BadContentLength)),
            ("Content-Length: 99999999999999999999", StreamErrorKind::Head(ParseErrorKind::BadContentLength)),
            ("Content-Length: 5, 5", StreamErrorKind::Head(ParseErrorKind::BadContentLength)),
            ("Content-Length 5", StreamErrorKind::Head(ParseErrorKind::BadField)),
            ("X: y\nContent-Length: 5", StreamErrorKind::Head(ParseErrorKind::BareLineEnd)),
            ("Content-Length: 18446744073709551615", StreamErrorKind::MessageTooLong),
        ];
        for (field, kind) in cases {
            let (found, error) = frames((head(field) + evil).as_bytes(), 4096);
            assert!(found.is_empty(), "{field}");
            let error = error.unwrap();
            assert_eq!(error.kind, kind, "{field}");
            let answered = kind != StreamErrorKind::MessageTooLong;
            assert_eq!(error.answer.map(|a| a.status), answered.then_some(400), "{field}");
        }
    }

    #[test]
    fn a_length_with_a_space_before_the_colon_is_a_length() {
        let body = "BYE sip:a@h SIP/2.0\r\n\r\n";
        let (found, error) = frames((head(&format!("Content-Length : {}", body.len())) + body).as_bytes(), 7);
        assert!(error.is_none());
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn other_protocols_and_endless_heads_end_the_stream() {
        assert_eq!(frames(b"\x16\x03\x01", 3).1.unwrap().kind, StreamErrorKind::Foreign);
        let (_, error) = frames(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 9);
        assert!(error.unwrap().answer.is_none());
        let long = format!("OPTIONS sip:a@h SIP/2.0\r\nX: {}", "a".repeat(limits::HEAD_BYTES));
        assert_eq!(frames(long.as_bytes(), 100).1.unwrap().kind, StreamErrorKind::HeadTooLong);
    }

    #[test]
    fn datagrams_are_told_apart() {
        let of = |bytes: &'static [u8]| datagram(Bytes::from_static(bytes));
        assert_eq!(of(b""), Datagram::KeepAlive);
        assert_eq!(of(b"\r\n\r\n"), Datagram::KeepAlive);
        assert_eq!(of(b"\0\0\0\0"), Datagram::KeepAlive);
        assert_eq!(of(b"jaK"), Datagram::KeepAlive);
        assert!(matches!(of(b"\0\x01\0\0\x21\x12\xa4\x42aaaabbbbcccc"), Datagram::Stun(_)));
        assert!(matches!(of(b"\r\nINVITE"), Datagram::Message(_)));
        assert_eq!(of(b"\x16\x03\x01\x02\x00"), Datagram::Foreign);
        assert_eq!(of(b"\x80\x60"), Datagram::Foreign);
    }

    proptest! {
        #[test]
        fn no_stream_panics_or_grows(bytes in prop::collection::vec(any::<u8>(), 0..400), step in 1usize..50) {
            let _ = frames(&bytes, step);
        }

        #[test]
        fn mutated_streams_do_not_panic(at in 0usize..150, byte in any::<u8>(), step in 1usize..80) {
            let mut bytes = (head("Content-Length: 3") + "abc").into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = frames(&bytes, step);
        }
    }
}
