#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    (liandong_fuzz::named("sms_text").expect("a target").body)(data)
});
