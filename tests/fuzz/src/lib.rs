//! What every parser of foreign input must keep, whatever the bytes: no panic, what parses is written so that it parses again,
//! limits hold. Each target is a plain function over bytes; a broken promise is a panic.
//!
//! Two callers: the fuzzers in `targets/` (coverage-guided, nightly) and `tests/smoke.rs` (seeds and their mutations, stable).

#[cfg(feature = "hub")]
mod hub;
mod media;
pub mod mutate;
mod plan;
mod sip;
mod sms;

/// One parser or machine under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: of the fuzzer's binary and of the folder of its seeds.
    pub name: &'static str,
    /// Takes any bytes.
    pub body: fn(&[u8]),
    /// Words of its language: a mutation that puts one in gets further than a random octet.
    pub words: &'static [&'static str],
    /// Mutations of the smoke run: a debug build does them in about two seconds.
    pub smoke: u32,
    /// Folders with further seeds, from the root of the repository.
    pub more_seeds: &'static [&'static str],
}

const fn target(name: &'static str, body: fn(&[u8]), words: &'static [&'static str], smoke: u32) -> Target {
    Target { name, body, words, smoke, more_seeds: &[] }
}

/// All targets.
pub const TARGETS: &[Target] = &[
    target("sip_message", sip::message, sip::WORDS, 4_000),
    target("sip_stream", sip::stream, sip::WORDS, 3_000),
    target("sip_values", sip::values, sip::WORDS, 20_000),
    target("sip_endpoint", sip::endpoint, sip::WORDS, 1_500),
    target("sdp", sip::sdp, sip::SDP_WORDS, 6_000),
    target("rtc_sdp", media::rtc_sdp, sip::SDP_WORDS, 4_000),
    target("rtc_datagram", media::rtc_datagram, &[], 300),
    target("rtp", media::rtp, &[], 20_000),
    target("relay", media::relay, &[], 400),
    target("smpp_pdu", sms::pdu, sms::WORDS, 20_000),
    target("smpp_session", sms::session, sms::WORDS, 4_000),
    target("sms_text", sms::text, sms::WORDS, 2_500),
    Target { more_seeds: &["dialplans/plans", "dialplans/scenarios"], ..target("plan", plan::plan, plan::WORDS, 120) },
    #[cfg(feature = "hub")]
    target("livekit_signal", hub::signal, hub::SIGNAL_WORDS, 6_000),
    #[cfg(feature = "hub")]
    target("livekit_token", hub::token, hub::TOKEN_WORDS, 10_000),
    #[cfg(feature = "hub")]
    Target { more_seeds: &["src/cases/data"], ..target("flow", hub::flow, hub::FLOW_WORDS, 200) },
    #[cfg(feature = "hub")]
    target("numbers", hub::numbers, sms::WORDS, 10_000),
];

/// The target of this name.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
