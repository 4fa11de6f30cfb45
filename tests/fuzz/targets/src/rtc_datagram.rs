#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    (liandong_fuzz::named("rtc_datagram").expect("a target").body)(data)
});
