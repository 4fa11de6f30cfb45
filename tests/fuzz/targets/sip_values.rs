//! Any text as URI, address, Via or credentials: what parses is written so that it parses again.
#![no_main]

use liandong_sip::{
    NameAddr, Uri, Via,
    digest::{Challenge, Credentials},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(uri) = Uri::parse(text) {
        assert_eq!(uri.as_str(), text);
        assert!(uri.equivalent(&uri));
        let _ = (uri.user_plain(), uri.params().count(), uri.header_pairs().count(), uri.without_headers());
    }
    if let Ok(address) = NameAddr::parse(text) {
        assert_eq!(NameAddr::parse(&address.to_string()).as_ref(), Ok(&address));
    }
    if let Ok(via) = Via::parse(text) {
        assert_eq!(Via::parse(&via.to_string()).as_ref(), Ok(&via));
    }
    let _ = Credentials::parse(text);
    if let Some(challenge) = Challenge::parse(text) {
        let _ = challenge.to_string();
    }
});
