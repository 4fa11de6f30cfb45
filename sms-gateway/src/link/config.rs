//! What an operator sets about one SMPP link; checked once at the start.

use crate::pdu::{Bind, COctet, Class};
use crate::session::client::ClientTimers;
use crate::text::{Decoding, Repertoire};
use std::fmt;

/// Highest window anybody may configure.
const MAX_WINDOW: usize = 1_000;
/// Longest source number; with its extension it has 20 digits at the most, of which two are the least useful extension.
const MAX_SOURCE: usize = 20;

/// A password. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// One SMPP link (`[[sms.links]]` with `protocol = "smpp"`).
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmppConfig {
    /// Unique among the links.
    pub name: String,
    /// `host:port` of the centre.
    pub address: String,
    /// `system_id`, at most 15 octets.
    pub account: String,
    /// Password, at most 8 octets (the protocol's limit).
    pub secret: Secret,
    /// `system_type`, mostly empty.
    pub system_type: String,
    /// Our number; extensions are put behind it.
    pub source: String,
    /// Unanswered submits at once, 1–1000; never more than two seconds' worth of `rate`.
    pub window: usize,
    /// Segments per second that the operator agreed to.
    pub rate: u32,
    /// Messages of one lane handed over and not finished; [`super::Link::submit`] waits above it. 0 = twice the window.
    pub queue: usize,
    /// Peculiarities of this centre.
    pub quirks: Quirks,
    /// Protocol times; not for operators.
    #[serde(skip)]
    pub timers: ClientTimers,
}

impl Default for SmppConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            address: String::new(),
            account: String::new(),
            secret: Secret::default(),
            system_type: String::new(),
            source: String::new(),
            window: 16,
            rate: 20,
            queue: 0,
            quirks: Quirks::default(),
            timers: ClientTimers::default(),
        }
    }
}

/// Peculiarities of a centre, as data.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// What `data_coding` 0 is in both directions.
    pub default_alphabet: Decoding,
    /// `data_coding` 3 (Latin-1) may be sent.
    pub latin1: bool,
    /// Country code before mobile numbers; empty = send them in national form.
    pub country: String,
    /// Type of number and numbering plan of our source; 106… numbers are mostly 0/0.
    pub source_ton: u8,
    /// See `source_ton`.
    pub source_npi: u8,
    /// Units of the first segment that the gateway's own signature 【…】 takes.
    pub sign_reserve: usize,
    /// Receipts come without the receipt bit and without TLVs: recognise them by `id:` at the head. Off by default, since a
    /// citizen may write `id:` too.
    pub receipts_without_flag: bool,
    /// Send `user_message_reference`, which good centres echo in receipts: a submit without a response is then resolved for
    /// certain. Off by default: some centres refuse TLVs.
    pub send_reference: bool,
    /// Classes of vendor statuses, before the standard table.
    pub classes: Vec<(u32, Class)>,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            default_alphabet: Decoding::Gsm,
            latin1: false,
            country: "86".into(),
            source_ton: 0,
            source_npi: 0,
            sign_reserve: 0,
            receipts_without_flag: false,
            send_reference: false,
            classes: Vec::new(),
        }
    }
}

impl Quirks {
    pub(super) fn repertoire(&self) -> Repertoire {
        match (self.default_alphabet, self.latin1) {
            (Decoding::Latin1, _) => Repertoire::AsciiOnly,
            (_, true) => Repertoire::GsmAndLatin1,
            (_, false) => Repertoire::Gsm,
        }
    }
}

/// A link that cannot be used as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SMS link “{link}”: {field} {problem}")]
pub struct ConfigError {
    /// The link's name.
    pub link: String,
    /// The wrong field.
    pub field: &'static str,
    /// What is wrong and what would do.
    pub problem: &'static str,
}

impl SmppConfig {
    /// Checks all fields and gives the bind request.
    pub(super) fn bind(&self) -> Result<Bind, ConfigError> {
        let wrong = |field, problem| ConfigError { link: self.name.clone(), field, problem };
        let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
        if self.name.is_empty() {
            return Err(wrong("name", "is empty: give each link a name of its own"));
        }
        if !self.address.contains(':') {
            return Err(wrong("address", "must be host:port"));
        }
        if !digits(&self.source) || self.source.len() > MAX_SOURCE {
            return Err(wrong("source", "must be at most 20 digits"));
        }
        if !(1..=MAX_WINDOW).contains(&self.window) {
            return Err(wrong("window", "must be 1 to 1000"));
        }
        if self.rate == 0 {
            return Err(wrong("rate", "must be at least 1 segment per second"));
        }
        Ok(Bind {
            system_id: COctet::new(&self.account).map_err(|_| wrong("account", "must be at most 15 octets"))?,
            password: COctet::new(&self.secret.0)
                .map_err(|_| wrong("secret", "must be at most 8 octets, SMPP's limit"))?,
            system_type: COctet::new(&self.system_type)
                .map_err(|_| wrong("system_type", "must be at most 12 octets"))?,
            ..Bind::default()
        })
    }

    /// Window in effect: in flight no more than two seconds' worth, or time-outs and doubles follow (facts §1.7).
    pub(super) fn effective_window(&self) -> usize {
        let two_seconds = usize::try_from(self.rate).unwrap_or(MAX_WINDOW).saturating_mul(2);
        self.window.min(two_seconds).max(1)
    }

    /// Messages per lane in the link's hands.
    pub(super) fn effective_queue(&self) -> usize {
        if self.queue == 0 { self.effective_window() * 2 } else { self.queue }
    }
}
