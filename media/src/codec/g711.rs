//! ITU-T G.711 by tables: one look-up per sample.

use std::sync::LazyLock;

use audio_codec::{Decoder as _, Encoder as _};

struct Tables {
    a_to_pcm: [i16; 256],
    u_to_pcm: [i16; 256],
    a_to_u: [u8; 256],
    u_to_a: [u8; 256],
    pcm_to_a: Box<[u8; 65_536]>,
    pcm_to_u: Box<[u8; 65_536]>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

impl Tables {
    fn new() -> Self {
        let every_byte: Vec<u8> = (0..=255).collect();
        let (mut a_to_pcm, mut u_to_pcm) = ([0; 256], [0; 256]);
        let buffers = "the buffers hold one sample per byte";
        audio_codec::pcma::PcmaDecoder::new().decode_into(&every_byte, &mut a_to_pcm).expect(buffers);
        audio_codec::pcmu::PcmuDecoder::new().decode_into(&every_byte, &mut u_to_pcm).expect(buffers);
        let every_sample: Vec<i16> = (0..=u16::MAX).map(|s| s as i16).collect();
        let (mut pcm_to_a, mut pcm_to_u) = (Box::new([0; 65_536]), Box::new([0; 65_536]));
        for (&sample, byte) in every_sample.iter().zip(pcm_to_a.iter_mut()) {
            *byte = alaw_of(sample);
        }
        audio_codec::pcmu::PcmuEncoder::new()
            .encode_into(&every_sample, &mut pcm_to_u[..])
            .expect("the buffer holds one byte per sample");
        Self {
            a_to_u: a_to_pcm.map(|s| pcm_to_u[usize::from(s as u16)]),
            u_to_a: u_to_pcm.map(|s| pcm_to_a[usize::from(s as u16)]),
            a_to_pcm,
            u_to_pcm,
            pcm_to_a,
            pcm_to_u,
        }
    }
}

/// G.711 table 1 by arithmetic (audio-codec gives the smallest negative values the wrong sign).
fn alaw_of(sample: i16) -> u8 {
    let (magnitude, sign) = if sample < 0 { (!sample >> 4, 0x55) } else { (sample >> 4, 0xd5) };
    let segment = (magnitude.max(1).ilog2().saturating_sub(3)) as u8;
    let step = magnitude >> segment.saturating_sub(1) & 0x0f;
    (segment << 4 | step as u8) ^ sign
}

/// A-law to linear.
#[must_use]
pub fn decode_alaw(byte: u8) -> i16 {
    TABLES.a_to_pcm[usize::from(byte)]
}

/// µ-law to linear.
#[must_use]
pub fn decode_ulaw(byte: u8) -> i16 {
    TABLES.u_to_pcm[usize::from(byte)]
}

/// Linear to A-law.
#[must_use]
pub fn encode_alaw(sample: i16) -> u8 {
    TABLES.pcm_to_a[usize::from(sample as u16)]
}

/// Linear to µ-law.
#[must_use]
pub fn encode_ulaw(sample: i16) -> u8 {
    TABLES.pcm_to_u[usize::from(sample as u16)]
}

/// A-law to µ-law without the way over linear.
#[must_use]
pub fn a_to_u(byte: u8) -> u8 {
    TABLES.a_to_u[usize::from(byte)]
}

/// µ-law to A-law.
#[must_use]
pub fn u_to_a(byte: u8) -> u8 {
    TABLES.u_to_a[usize::from(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_of_the_standard() {
        // G.711: A-law 0xD5 and µ-law 0xFF are the smallest positive values.
        assert_eq!((decode_alaw(0xd5), decode_ulaw(0xff)), (8, 0));
        assert_eq!((encode_alaw(0), encode_ulaw(0)), (0xd5, 0xff));
        assert_eq!((encode_alaw(-1), encode_alaw(-16), encode_alaw(-17)), (0x55, 0x55, 0x54));
        assert_eq!((decode_alaw(0x2a), decode_alaw(0xaa)), (-32_256, 32_256));
        assert_eq!((decode_ulaw(0x00), decode_ulaw(0x80)), (-32_124, 32_124));
    }

    #[test]
    fn coding_is_idempotent() {
        for byte in 0..=255 {
            assert_eq!(decode_alaw(encode_alaw(decode_alaw(byte))), decode_alaw(byte));
            assert_eq!(decode_ulaw(encode_ulaw(decode_ulaw(byte))), decode_ulaw(byte));
        }
    }

    #[test]
    fn quantisation_stays_within_the_segment() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            let allowed = (i32::from(sample).abs() / 16).max(16) + 520;
            for heard in [decode_alaw(encode_alaw(sample)), decode_ulaw(encode_ulaw(sample))] {
                assert!((i32::from(heard) - i32::from(sample)).abs() <= allowed, "{sample} {heard}");
            }
        }
    }

    #[test]
    fn direct_conversion_equals_the_long_way() {
        for byte in 0..=255 {
            assert_eq!(a_to_u(byte), encode_ulaw(decode_alaw(byte)));
            assert_eq!(u_to_a(byte), encode_alaw(decode_ulaw(byte)));
        }
    }
}
