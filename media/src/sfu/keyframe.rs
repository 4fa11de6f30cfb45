//! Does this packet begin a key frame? Layers are switched, and paused streams resumed, only there.

use super::vp8;

/// Video formats that are forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoFormat {
    /// RFC 7741.
    Vp8,
    /// RFC 6184.
    H264,
    /// RFC 9628.
    Vp9,
    /// AV1 RTP payload format 1.0.
    Av1,
}

impl VideoFormat {
    /// From the encoding name of a description.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "vp8" => Some(Self::Vp8),
            "h264" => Some(Self::H264),
            "vp9" => Some(Self::Vp9),
            "av1" => Some(Self::Av1),
            _ => None,
        }
    }

    /// Whether the packet begins a picture that needs no other.
    pub fn begins_key_frame(self, payload: &[u8]) -> bool {
        match self {
            Self::Vp8 => vp8::begins_key_frame(payload),
            Self::H264 => h264(payload),
            Self::Vp9 => vp9(payload),
            // N bit of the aggregation header: first packet of a coded video sequence.
            Self::Av1 => payload.first().is_some_and(|header| header & 0x08 != 0),
        }
    }
}

/// A parameter set or IDR slice: alone, in a STAP-A, or as the start of a FU-A.
fn h264(payload: &[u8]) -> bool {
    let key = |nal: u8| matches!(nal & 0x1f, 5 | 7);
    let Some(first) = payload.first() else {
        return false;
    };
    match first & 0x1f {
        24 => {
            let mut rest = &payload[1..];
            while let [high, low, nal, ..] = rest {
                if key(*nal) {
                    return true;
                }
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest = rest.get(2 + length..).unwrap_or(&[]);
            }
            false
        }
        28 => payload.get(1).is_some_and(|header| header & 0x80 != 0 && key(*header)),
        _ => key(*first),
    }
}

/// Not inter-predicted, beginning of a frame, lowest spatial layer.
fn vp9(payload: &[u8]) -> bool {
    let Some(first) = payload.first().copied() else {
        return false;
    };
    let (picture, predicted, layered, begins) = (first & 0x80, first & 0x40, first & 0x20, first & 0x08);
    if predicted != 0 || begins == 0 {
        return false;
    }
    let mut at = 1;
    if picture != 0 {
        at += if payload.get(1).is_some_and(|byte| byte & 0x80 != 0) { 2 } else { 1 };
    }
    layered == 0 || payload.get(at).is_some_and(|layer| layer >> 1 & 0x07 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn h264_key_frames() {
        assert!(VideoFormat::H264.begins_key_frame(&[0x67, 0x42]));
        assert!(VideoFormat::H264.begins_key_frame(&[0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68]));
        assert!(VideoFormat::H264.begins_key_frame(&[0x7c, 0x85]));
        assert!(!VideoFormat::H264.begins_key_frame(&[0x7c, 0x05]));
        assert!(!VideoFormat::H264.begins_key_frame(&[0x61, 0x05]));
    }

    #[test]
    fn vp9_key_frames() {
        assert!(VideoFormat::Vp9.begins_key_frame(&[0x88, 0x01]));
        assert!(!VideoFormat::Vp9.begins_key_frame(&[0xc8, 0x01]));
        assert!(!VideoFormat::Vp9.begins_key_frame(&[0xa8, 0x01, 0x02]));
    }

    proptest! {
        #[test]
        fn no_payload_makes_it_panic(payload: Vec<u8>) {
            for format in [VideoFormat::Vp8, VideoFormat::H264, VideoFormat::Vp9, VideoFormat::Av1] {
                let _ = format.begins_key_frame(&payload);
            }
        }
    }
}
