//! Any bytes as a stream: cut in whatever pieces, the same frames come out.
#![no_main]

use liandong_sip::{
    Bytes,
    framing::{Frame, StreamFramer, datagram},
};
use libfuzzer_sys::fuzz_target;

fn messages(data: &[u8], step: usize) -> (Vec<Bytes>, bool) {
    let (mut framer, mut found) = (StreamFramer::new(), Vec::new());
    for piece in data.chunks(step) {
        framer.push(piece);
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(bytes))) => found.push(bytes),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}

fuzz_target!(|data: &[u8]| {
    let Some((&step, data)) = data.split_first() else { return };
    let _ = datagram(Bytes::copy_from_slice(data));
    assert_eq!(messages(data, usize::from(step).max(1)), messages(data, data.len().max(1)));
});
