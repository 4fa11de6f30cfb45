#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    (liandong_fuzz::named("livekit_signal").expect("a target").body)(data)
});
