//! Any bytes as a message: every accessor gives a value or an error, and what parses is written
//! so that it parses again.
#![no_main]

use liandong_sip::{Bytes, Message, Name, Response};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let message = match Message::parse(Bytes::copy_from_slice(data)) {
        Ok(message) => message,
        Err(error) => {
            if let Some(answer) = error.answer() {
                assert!(Message::parse(answer.encode()).is_ok());
            }
            return;
        }
    };
    let once = message.encode();
    assert_eq!(Message::parse(once.clone()).expect("written by us").encode(), once);
    let h = message.headers();
    let _ = (h.vias(), h.from(), h.to(), h.call_id(), h.cseq(), h.contacts(), h.max_forwards());
    let _ = (h.expires(), h.content_type(), h.tokens(Name::Require), h.addresses(Name::Route));
    if let Message::Request(mut request) = message {
        let _ = (request.check(), request.hops_left(), request.unknown_extensions(&["timer"]));
        let _ = request.stamp_source(([192, 0, 2, 1], 5060).into());
        let mut answer = Response::to(&request, 200, "");
        answer.set_to_tag("tag");
        assert!(Message::parse(answer.encode()).is_ok());
        request.headers.remove_first_value(Name::Via);
        assert!(Message::parse(request.encode()).is_ok());
    }
});
