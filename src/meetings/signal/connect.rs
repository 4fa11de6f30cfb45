//! What a client says when it connects: loose query parameters in the older shape, one packed request in the newer.

use std::collections::HashMap;
use std::io::Read;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use livekit_protocol as proto;
use prost::Message as _;
use proto::wrapped_join_request::Compression;

/// Largest packed request after inflating: an offer and a hundred announced tracks are far below.
const JOIN_MAX: u64 = 1024 * 1024;

/// Base64 of URLs, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A client's wish to connect.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Connect {
    /// Two peer connections (`/rtc`) or one (`/rtc/v1`).
    pub dual: bool,
    /// The client.
    pub client: proto::ClientInfo,
    /// Whether it gets everything without asking.
    pub auto_subscribe: bool,
    /// It takes up a session again.
    pub reconnect: bool,
    /// Which.
    pub sid: String,
    /// What it knows of that session.
    pub sync: Option<proto::SyncState>,
    /// Metadata that it gives itself.
    pub metadata: String,
    /// Attributes that it gives itself.
    pub attributes: HashMap<String, String>,
    /// Tracks announced with the join.
    pub add_tracks: Vec<proto::AddTrackRequest>,
    /// An offer that comes with the join.
    pub offer: Option<proto::SessionDescription>,
}

/// Parameters that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadConnect {
    /// Not base64, not gzip, not the message.
    #[error("could not read {0}")]
    Unreadable(&'static str),
    /// Over the limit once inflated.
    #[error("the join request is larger than {JOIN_MAX} bytes")]
    TooLong,
}

impl Connect {
    /// From the query of `/rtc`.
    ///
    /// # Errors
    /// [`BadConnect`] for attributes that are no JSON.
    pub fn dual(query: &HashMap<String, String>) -> Result<Self, BadConnect> {
        let text = |name: &str| query.get(name).cloned().unwrap_or_default();
        let flag = |name: &str, absent: bool| query.get(name).map_or(absent, |v| v == "1" || v == "true");
        let number = |name: &str| query.get(name).and_then(|v| v.parse().ok()).unwrap_or(0);
        let capabilities = text("capabilities");
        let client = proto::ClientInfo {
            sdk: sdk(&text("sdk")),
            version: text("version"),
            protocol: number("protocol"),
            os: text("os"),
            os_version: text("os_version"),
            device_model: text("device_model"),
            browser: text("browser"),
            browser_version: text("browser_version"),
            network: text("network"),
            client_protocol: number("client_protocol"),
            capabilities: capabilities.split(',').filter_map(|c| c.trim().parse().ok()).collect(),
            ..proto::ClientInfo::default()
        };
        let attributes = match text("attributes") {
            empty if empty.is_empty() => HashMap::new(),
            packed => {
                let bytes = BASE64.decode(packed).map_err(|_| BadConnect::Unreadable("attributes"))?;
                serde_json::from_slice(&bytes).map_err(|_| BadConnect::Unreadable("attributes"))?
            }
        };
        Ok(Self {
            dual: true,
            client,
            auto_subscribe: flag("auto_subscribe", true),
            reconnect: flag("reconnect", false),
            sid: text("sid"),
            attributes,
            ..Self::default()
        })
    }

    /// From the query of `/rtc/v1`.
    ///
    /// # Errors
    /// [`BadConnect`].
    pub fn single(query: &HashMap<String, String>) -> Result<Self, BadConnect> {
        let packed = query.get("join_request").map(String::as_str).unwrap_or_default();
        let join = unpack(packed)?;
        let settings = join.connection_settings;
        Ok(Self {
            dual: false,
            client: join.client_info.unwrap_or_default(),
            auto_subscribe: settings.is_none_or(|s| s.auto_subscribe),
            reconnect: join.reconnect,
            sid: join.participant_sid,
            sync: join.sync_state,
            metadata: join.metadata,
            attributes: join.participant_attributes,
            add_tracks: join.add_track_requests,
            offer: join.publisher_offer,
        })
    }
}

fn unpack(packed: &str) -> Result<proto::JoinRequest, BadConnect> {
    let bad = BadConnect::Unreadable("join_request");
    let bytes = BASE64.decode(packed).map_err(|_| bad.clone())?;
    let wrapped = proto::WrappedJoinRequest::decode(bytes.as_slice()).map_err(|_| bad.clone())?;
    let plain = match wrapped.compression() {
        Compression::None => wrapped.join_request,
        Compression::Gzip => inflate(&wrapped.join_request)?,
    };
    proto::JoinRequest::decode(plain.as_slice()).map_err(|_| bad)
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, BadConnect> {
    let mut plain = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(bytes).take(JOIN_MAX + 1);
    reader.read_to_end(&mut plain).map_err(|_| BadConnect::Unreadable("join_request"))?;
    if plain.len() as u64 > JOIN_MAX { Err(BadConnect::TooLong) } else { Ok(plain) }
}

fn sdk(name: &str) -> i32 {
    use proto::client_info::Sdk;
    Sdk::from_str_name(&name.to_ascii_uppercase()).unwrap_or(Sdk::Unknown).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use std::io::Write;

    fn query(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn packed(compression: Compression, join_request: Vec<u8>) -> HashMap<String, String> {
        let wrapped = proto::WrappedJoinRequest { compression: compression.into(), join_request };
        query(&[("join_request", &BASE64.encode(wrapped.encode_to_vec()))])
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_packed_request_is_read_plain_and_zipped() {
        let join = proto::JoinRequest { participant_sid: "PA_1".into(), reconnect: true, ..Default::default() };
        let plain = Connect::single(&packed(Compression::None, join.encode_to_vec())).unwrap();
        let zipped = Connect::single(&packed(Compression::Gzip, gzip(&join.encode_to_vec()))).unwrap();
        assert!(plain == zipped && plain.reconnect && plain.sid == "PA_1" && plain.auto_subscribe);
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = gzip(&vec![0; 5_000_000]);
        assert_eq!(Connect::single(&packed(Compression::Gzip, bomb)), Err(BadConnect::TooLong));
    }

    #[test]
    fn loose_parameters_are_read() {
        let attributes = BASE64.encode(r#"{"post":"值班"}"#);
        let connect = Connect::dual(&query(&[
            ("auto_subscribe", "0"),
            ("protocol", "16"),
            ("sdk", "python"),
            ("capabilities", "1, 2"),
            ("attributes", attributes.trim_end_matches('=')),
        ]));
        let connect = connect.unwrap();
        assert!(!connect.auto_subscribe && connect.dual && connect.client.protocol == 16);
        assert_eq!(
            (connect.client.capabilities.as_slice(), connect.attributes["post"].as_str()),
            (&[1, 2][..], "值班")
        );
        assert_eq!(Connect::dual(&query(&[("attributes", "!")])), Err(BadConnect::Unreadable("attributes")));
    }

    proptest! {
        #[test]
        fn no_join_request_breaks_the_reader(
            text in "\\PC{0,60}",
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            compressed: bool,
        ) {
            let _ = Connect::single(&query(&[("join_request", &text), ("attributes", &text)]));
            let _ = Connect::dual(&query(&[("attributes", &text)]));
            let compression = if compressed { Compression::Gzip } else { Compression::None };
            let _ = Connect::single(&packed(compression, bytes));
        }
    }
}
