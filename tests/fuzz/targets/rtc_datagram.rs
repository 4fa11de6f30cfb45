//! Any datagrams against an SFU with one peer, and any payloads against the key frame finders.
#![no_main]

use liandong_media::rtc::packet::RtpPacket;
use liandong_media::rtc::transport::Identity;
use liandong_media::sfu::{PeerId, Sfu, Shape, VideoFormat};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use std::time::Instant;

static IDENTITY: OnceLock<Identity> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let server = ([127, 0, 0, 1], 7882).into();
    let identity = IDENTITY.get_or_init(|| Identity::new(vec![server]).expect("a certificate can be made"));
    let now = Instant::now();
    let mut sfu = Sfu::new(identity.clone());
    sfu.add_peer(PeerId(1), Shape::Dual, now).expect("the first peer is admitted");
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = sfu.remote_offer(PeerId(1), text, now);
    }
    for datagram in data.chunks(64) {
        sfu.handle_datagram(([127, 0, 0, 2], 9).into(), datagram.into(), now);
        for format in [VideoFormat::Vp8, VideoFormat::H264, VideoFormat::Vp9, VideoFormat::Av1] {
            let _ = format.begins_key_frame(datagram);
        }
        let _ = RtpPacket::parse(&datagram.to_vec().into());
    }
    while sfu.poll_datagram().is_some() {}
});
