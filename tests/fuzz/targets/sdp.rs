//! Any bytes as a session description: it is kept, and whatever is agreed is written as one.
#![no_main]

use liandong_sip::{
    Sdp,
    sdp::{AudioCodec, Direction, Ours, Security, negotiate_audio},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(sdp) = Sdp::parse(data) else { return };
    assert_eq!(Sdp::parse(sdp.to_string().as_bytes()).as_ref(), Ok(&sdp));
    for media in &sdp.media {
        let _ = (media.codecs(), media.candidates(), media.ptime(), sdp.rtcp(media), sdp.direction(media));
    }
    let ours = Ours {
        rtp: ([192, 0, 2, 1], 10_000).into(),
        codecs: vec![AudioCodec::Pcma, AudioCodec::Opus],
        events: true,
        direction: Direction::SendRecv,
        security: Security::Plain,
        session: 1,
        version: 1,
    };
    if let Ok((answer, _)) = negotiate_audio(&sdp, &ours) {
        assert_eq!(answer.media.len(), sdp.media.len());
        assert!(Sdp::parse(answer.to_string().as_bytes()).is_ok());
    }
});
