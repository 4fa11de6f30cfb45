//! Signal frames: binary ones are protobuf, text ones proto3 JSON; a client is answered in what it uses.

use livekit_protocol as proto;
use prost::Message as _;
use proto::{signal_request, signal_response};

/// Largest frame: an offer with a hundred sections has some 200 KB.
pub const FRAME_MAX: usize = 1024 * 1024;

/// How a client writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Protobuf.
    Binary,
    /// Proto3 JSON.
    Text,
}

/// A frame that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// Over [`FRAME_MAX`].
    #[error("a signal frame may have {FRAME_MAX} bytes")]
    TooLong,
    /// Not the protocol.
    #[error("not a signal request: {0}")]
    Unreadable(String),
}

/// Reads a frame; `None` is a message of a later protocol, to be ignored.
///
/// # Errors
/// [`BadFrame`].
pub fn decode(encoding: Encoding, bytes: &[u8]) -> Result<Option<signal_request::Message>, BadFrame> {
    if bytes.len() > FRAME_MAX {
        return Err(BadFrame::TooLong);
    }
    let request = match encoding {
        Encoding::Binary => proto::SignalRequest::decode(bytes).map_err(|e| BadFrame::Unreadable(e.to_string()))?,
        Encoding::Text => serde_json::from_slice(bytes).map_err(|e| BadFrame::Unreadable(e.to_string()))?,
    };
    Ok(request.message)
}

/// Writes a message.
pub fn encode(encoding: Encoding, message: signal_response::Message) -> Vec<u8> {
    let response = proto::SignalResponse { message: Some(message) };
    match encoding {
        Encoding::Binary => response.encode_to_vec(),
        Encoding::Text => serde_json::to_vec(&response).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use signal_request::Message as Request;

    #[test]
    fn both_encodings_say_the_same() {
        let mute = Request::Mute(proto::MuteTrackRequest { sid: "TR_1".into(), muted: true });
        let request = proto::SignalRequest { message: Some(mute.clone()) };
        let text = r#"{"mute":{"sid":"TR_1","muted":true,"of":"later"},"unheard":1}"#;
        assert_eq!(decode(Encoding::Text, text.as_bytes()), Ok(Some(mute.clone())));
        assert_eq!(decode(Encoding::Binary, &request.encode_to_vec()), Ok(Some(mute)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(decode(Encoding::Binary, &vec![0; FRAME_MAX + 1]), Err(BadFrame::TooLong));
        let error = decode(Encoding::Text, br#"{"mute":3}"#).unwrap_err().to_string();
        assert!(error.contains("not a signal request"), "{error}");
        assert_eq!(decode(Encoding::Binary, &[]), Ok(None));
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(Encoding::Binary, &bytes);
            let _ = decode(Encoding::Text, &bytes);
        }

        #[test]
        fn broken_messages_do_not_break_the_reader(sdp in "\\PC{0,80}", at in 0usize..100, with: u8) {
            let offer = proto::SessionDescription { r#type: "offer".into(), sdp, id: 7, ..Default::default() };
            let request = proto::SignalRequest { message: Some(Request::Offer(offer)) };
            let mut bytes = request.encode_to_vec();
            let at = at % bytes.len();
            bytes[at] ^= with;
            let _ = decode(Encoding::Binary, &bytes);
            let mut text = serde_json::to_vec(&request).unwrap();
            let at = at % text.len();
            text[at] ^= with;
            let _ = decode(Encoding::Text, &text);
        }
    }
}
