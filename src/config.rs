//! The one typed configuration. Precedence, lowest first: built-in defaults, `liandong.toml`, `LIANDONG_…` variables
//! (`LIANDONG_SIP__UDP=127.0.0.1:5060` is `[sip] udp`).
//!
//! Must not know: what the parts do with their values.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[hub]`.
    pub hub: Hub,
    /// `[store]`.
    pub store: StoreConfig,
    /// `[http]`.
    pub http: Http,
    /// `[sip]`.
    pub sip: Sip,
    /// `[calls]`.
    pub calls: CallsConfig,
    /// `[media]`.
    pub media: Media,
    /// `[meetings]`.
    pub meetings: Meetings,
    /// `[sms]`.
    pub sms: Sms,
    /// `[trunks.NAME]`.
    pub trunks: BTreeMap<String, Trunk>,
}

/// `[hub]`: the hub itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// Short name of this site, part of every event; letters and digits.
    pub site: String,
    /// Where recordings, keys and the embedded database lie.
    pub data: PathBuf,
    /// The public address for links in SMS, such as `https://12345.example.gov.cn`.
    pub public_url: String,
}

/// `[store]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite://FILE` or `postgres://…`; empty means `hub.db` in the data folder.
    pub url: String,
}

/// `[http]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Plain HTTP: for this machine or a proxy on it.
    pub listen: SocketAddr,
    /// HTTPS.
    pub listen_tls: SocketAddr,
    /// Certificate chain, PEM; empty: self-signed at the first start.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Minutes without a request after which a session ends (GB/T 22239 8.1.4.1 b: at most 15).
    pub idle_minutes: u32,
}

/// `[sip]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sip {
    /// UDP address.
    pub udp: SocketAddr,
    /// TCP address.
    pub tcp: SocketAddr,
    /// TLS address, with the certificate of `[http]`. Unset: the port after that of `tcp`, and none if that is taken.
    pub tls: Option<SocketAddr>,
    /// The realm of digest authentication; the stored hashes depend on it.
    pub realm: String,
}

/// `[calls]`: the agents' desk.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallsConfig {
    /// What after-call work may say that a call was about 话后小结; none: agents are not asked. A list in the file replaces
    /// the built-in one.
    pub wrap_up_codes: Vec<WrapUpCode>,
}

/// `[[calls.wrap_up_codes]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrapUpCode {
    /// Stable; stands in the record.
    pub code: String,
    /// What people call it.
    pub name: String,
}

/// `[media]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// The address put into SDP: the one that phones reach.
    pub address: std::net::IpAddr,
    /// First RTP port.
    pub first_port: u16,
    /// Last RTP port.
    pub last_port: u16,
    /// UDP address of the browser agents' WebRTC legs.
    pub webrtc: SocketAddr,
    /// Folder of further prompts; the built-in ones need none.
    pub prompts: PathBuf,
}

/// `[meetings]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meetings {
    /// UDP address of the meetings' media.
    pub udp: SocketAddr,
    /// API key of LiveKit tokens.
    pub api_key: String,
    /// Its secret; empty: made at the first start.
    pub api_secret: String,
}

/// `[sms]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    /// `[[sms.links]]`.
    pub links: Vec<SmsLink>,
    /// Where departments' programs bind; empty: nowhere.
    pub server: Option<SocketAddr>,
}

/// `[[sms.links]]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsLink {
    /// Its name.
    pub name: String,
    /// `smpp` or `sandbox`.
    pub protocol: String,
    /// `host:port`.
    #[serde(default)]
    pub address: String,
    /// The account (SMPP `system_id`).
    #[serde(default)]
    pub account: String,
    /// Its secret.
    #[serde(default)]
    pub secret: String,
    /// The number that receivers see.
    #[serde(default)]
    pub source: String,
    /// Unanswered submits at a time.
    #[serde(default = "default_window")]
    pub window: u16,
    /// Segments per second.
    #[serde(default = "default_rate")]
    pub rate: u32,
}

impl SmsLink {
    /// The sandbox: messages stay in the hub and are shown on a page.
    pub fn sandbox() -> Self {
        Self {
            name: "sandbox".into(),
            protocol: "sandbox".into(),
            address: String::new(),
            account: String::new(),
            secret: String::new(),
            source: "1069037112345".into(),
            window: default_window(),
            rate: default_rate(),
        }
    }
}

fn default_window() -> u16 {
    16
}

fn default_rate() -> u32 {
    100
}

/// `[trunks.NAME]`: a SIP trunk, known by its address.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// Calls from this address are this trunk's; empty for a trunk that only takes calls from us.
    #[serde(default)]
    pub from: Option<std::net::IpAddr>,
    /// Where calls go out; empty for a trunk that only brings calls.
    #[serde(default)]
    pub to: Option<SocketAddr>,
    /// Numbers with one of these prefixes go out by this trunk.
    #[serde(default)]
    pub prefixes: Vec<String>,
}

/// The program's built-in ports are those of `design.md` §9, on loopback: whoever opens the hub to the network says so.
impl Default for Config {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            hub: Hub { site: "zz".into(), data: "data".into(), public_url: "http://127.0.0.1:8080".into() },
            store: StoreConfig { url: String::new() },
            http: Http {
                listen: local(8080),
                listen_tls: SocketAddr::from(([0, 0, 0, 0], 8443)),
                certificate: PathBuf::new(),
                key: PathBuf::new(),
                idle_minutes: 15,
            },
            sip: Sip { udp: local(5060), tcp: local(5060), tls: None, realm: "liandong".into() },
            calls: CallsConfig { wrap_up_codes: wrap_up_codes() },
            media: Media {
                address: std::net::IpAddr::from([127, 0, 0, 1]),
                first_port: 10_000,
                last_port: 19_999,
                webrtc: local(7884),
                prompts: PathBuf::new(),
            },
            meetings: Meetings { udp: local(7882), api_key: "liandong".into(), api_secret: String::new() },
            sms: Sms { links: Vec::new(), server: None },
            trunks: BTreeMap::new(),
        }
    }
}

/// What most calls of a government hotline end in; the first is offered where a case was opened.
fn wrap_up_codes() -> Vec<WrapUpCode> {
    let codes = [
        ("case_opened", "登记工单"),
        ("answered", "直接答复"),
        ("supplement", "补充催办"),
        ("transferred", "转接部门"),
        ("not_ours", "不属受理范围"),
        ("silent", "无声断线"),
        ("wrong_number", "打错电话"),
        ("nuisance", "骚扰来电"),
    ];
    codes.map(|(code, name)| WrapUpCode { code: code.into(), name: name.into() }).into()
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The named file is not there.
    #[error("{0}: no such file; leave --config away to run on the defaults")]
    NoFile(PathBuf),
    /// A value is unknown, of the wrong shape or out of range.
    #[error("{0}")]
    Bad(Box<figment::Error>),
}

/// The configuration and where each of its values came from.
pub struct Loaded {
    /// The values.
    pub config: Config,
    figment: Figment,
}

impl Loaded {
    /// Reads `file` (or `liandong.toml` if it is there) and the variables over `defaults`.
    pub fn read(file: Option<&Path>, defaults: Config) -> Result<Self, ConfigError> {
        let path = file.unwrap_or(Path::new("liandong.toml"));
        if file.is_some() && !path.exists() {
            return Err(ConfigError::NoFile(path.to_owned()));
        }
        let figment = Figment::from(Serialized::defaults(defaults)).merge(Toml::file(path)).merge(
            // The demo's password is the demo's, not a value of the configuration.
            Env::prefixed("LIANDONG_").ignore(&["demo_password", "log", "test_postgres"]).split("__"),
        );
        let config = figment.extract().map_err(|e| ConfigError::Bad(Box::new(e)))?;
        Ok(Self { config, figment })
    }

    /// One line per value: `sip.udp = "127.0.0.1:5060"  # default`. Secrets are not shown.
    pub fn explain(&self) -> String {
        let value = toml::Value::try_from(&self.config).unwrap_or(toml::Value::Table(toml::Table::new()));
        let mut lines = Vec::new();
        self.explain_value("", &value, &mut lines);
        lines.join("\n")
    }

    fn explain_value(&self, path: &str, value: &toml::Value, lines: &mut Vec<String>) {
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match value {
            toml::Value::Table(table) => {
                return table.iter().for_each(|(key, inner)| self.explain_value(&below(key), inner, lines));
            }
            toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
                let places = list.iter().enumerate();
                return places.for_each(|(at, inner)| self.explain_value(&below(&at.to_string()), inner, lines));
            }
            _ => {}
        }
        let secret = path.rsplit('.').next().is_some_and(|k| k.contains("secret"));
        let shown = if secret || path == "store.url" && value.to_string().contains('@') {
            "\"…\"".to_owned()
        } else {
            value.to_string()
        };
        let source = self.figment.find_metadata(path).map_or_else(|| "default".to_owned(), origin);
        lines.push(format!("{path} = {shown}  # {source}"));
    }
}

fn origin(metadata: &figment::Metadata) -> String {
    match &metadata.source {
        Some(figment::Source::File(file)) => file.display().to_string(),
        _ if metadata.name.contains("environment") => "environment".into(),
        _ => "default".into(),
    }
}

impl Config {
    /// The database's URL.
    pub fn store_url(&self) -> String {
        if self.store.url.is_empty() {
            format!("sqlite://{}", self.hub.data.join("hub.db").display())
        } else {
            self.store.url.clone()
        }
    }

    /// The configuration of `liandong demo`: the two demo trunks, the sandbox link, the meetings' demo key.
    pub fn demo(password: &str) -> Self {
        let mut config = Self::default();
        config.http.listen_tls = SocketAddr::from(([127, 0, 0, 1], 8443));
        config.meetings.api_key = "demo".into();
        config.meetings.api_secret = password.to_owned();
        config.sms.server = Some(SocketAddr::from(([127, 0, 0, 1], 2775)));
        let incoming = Trunk { from: Some([127, 0, 0, 2].into()), to: None, prefixes: Vec::new() };
        let outgoing = Trunk { from: None, to: Some(([127, 0, 0, 3], 7190).into()), prefixes: vec!["9".into()] };
        config.trunks = BTreeMap::from([("demo-in".into(), incoming), ("demo-out".into(), outgoing)]);
        config
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_wins_over_defaults_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("liandong.toml");
        std::fs::write(&file, "[sip]\nudp = \"127.0.0.1:15060\"\n[meetings]\napi_secret = \"hush\"\n[[sms.links]]\nname = \"a\"\nprotocol = \"smpp\"\nsecret = \"hush\"\n").unwrap();
        let loaded = Loaded::read(Some(&file), Config::default()).unwrap();
        assert_eq!(loaded.config.sip.udp.port(), 15_060);
        let text = loaded.explain();
        assert!(text.contains("sip.udp = \"127.0.0.1:15060\"  # ") && text.contains("liandong.toml"), "{text}");
        assert!(text.contains("sip.realm = \"liandong\"  # default"), "{text}");
        assert!(!text.contains("hush"), "a secret is shown");
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("liandong.toml");
        std::fs::write(&file, "[sip]\nupd = \"127.0.0.1:15060\"\n").unwrap();
        let error = Loaded::read(Some(&file), Config::default()).err().unwrap().to_string();
        assert!(error.contains("upd"), "{error}");
    }
}
