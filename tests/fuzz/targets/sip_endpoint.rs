//! Any datagrams at any times against the transaction layer: tables stay bounded and empty
//! themselves, and nothing that it sends is more than one answer to one request.
#![no_main]

use liandong_sip::{Bytes, Endpoint, Flow, Message, Millis, Output, Response, transaction::Config};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let config = Config { server_transactions: 8, client_transactions: 8, ..Config::default() };
    let mut endpoint = Endpoint::new(config, [1; 32]);
    let flow = Flow::udp(([192, 0, 2, 1], 5060).into(), ([192, 0, 2, 2], 5060).into());
    let mut now = Millis(0);
    // 0xff cannot stand in a good message: it parts datagrams; the byte behind it is their time.
    for piece in data.split(|byte| *byte == 0xff) {
        let Some((&wait, bytes)) = piece.split_first() else { continue };
        now = now.plus(u64::from(wait) * 50);
        endpoint.handle_timeout(now);
        endpoint.handle_bytes(flow, Bytes::copy_from_slice(bytes), now);
        while let Some(output) = endpoint.poll_output() {
            match output {
                Output::Send { bytes, .. } => assert!(Message::parse(bytes).is_ok()),
                Output::Request { key, request, .. } if wait % 2 == 0 => {
                    let status = 100 + u16::from(wait) * 2;
                    let _ = endpoint.respond(key, Response::to(&request, status, ""), now);
                }
                _ => {}
            }
        }
        assert!(endpoint.len().0 <= 8);
    }
    for _ in 0..1_000 {
        let Some(at) = endpoint.poll_timeout() else { break };
        endpoint.handle_timeout(at);
    }
    assert!(endpoint.is_empty());
});
