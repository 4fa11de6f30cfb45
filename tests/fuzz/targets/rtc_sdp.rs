//! Any text as a browser's description: it is refused, or what is written of it reads back.
#![no_main]

use liandong_media::rtc::sdp::Description;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(description) = Description::parse(text) {
        let _ = Description::parse(&description.to_string());
    }
});
