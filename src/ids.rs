//! Identifiers and small values that every domain shares: ids, instants, phone numbers, points, organisation paths.
//!
//! Must not know: any domain's behaviour, the database, the clock. Randomness and time come in as arguments
//! ([`IdSource`]), so that a test or the demo seed gets the same ids every time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where new ids come from. The hub uses [`SystemIds`]; tests and the demo seed use [`SeededIds`].
pub trait IdSource: Send {
    /// A new UUIDv7: ordered by time, unique.
    fn uuid(&mut self) -> Uuid;
}

/// Ids from the system's clock and randomness.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn uuid(&mut self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Ids from a seed: the same sequence on every run.
#[derive(Debug, Clone)]
pub struct SeededIds {
    state: u64,
    millis: u64,
}

impl SeededIds {
    /// `seed` chooses the sequence, `start` is the instant that the ids' time part begins at.
    pub fn new(seed: u64, start: Timestamp) -> Self {
        Self { state: seed, millis: u64::try_from(start.0).unwrap_or(0) }
    }

    /// SplitMix64: small, well mixed, and enough where nobody may guess anything from it.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl IdSource for SeededIds {
    fn uuid(&mut self) -> Uuid {
        let mut random = [0u8; 10];
        random[..8].copy_from_slice(&self.next().to_be_bytes());
        random[8..].copy_from_slice(&self.next().to_be_bytes()[..2]);
        self.millis += 1;
        uuid::Builder::from_unix_timestamp_millis(self.millis, &random).into_uuid()
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id from `source`.
            pub fn new(source: &mut dyn IdSource) -> Self {
                Self(source.uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(s: &str) -> Result<Self, BadId> {
                Uuid::parse_str(s).map(Self).map_err(|_| BadId { what: stringify!($name) })
            }
        }
    )*};
}

ids! {
    /// An event in the log.
    EventId;
    /// An organisation unit 单位: government, department, company, village.
    UnitId;
    /// A grid 网格.
    GridId;
    /// A person 人员.
    PersonId;
    /// A post 岗位: what a person acts under.
    PostId;
    /// A sign-in session.
    SessionId;
    /// A case 工单.
    CaseId;
    /// A work item 任务 of a case.
    WorkItemId;
    /// A clock 时限 of a case.
    ClockId;
    /// A call 通话.
    CallId;
    /// A message 短信.
    MessageId;
    /// A meeting 会议.
    MeetingId;
    /// An order 指令.
    OrderId;
    /// A unit that can be sent 力量: crew, patrol, vehicle.
    ResponderId;
}

/// Text that is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a {what}: expected a UUID such as 018f6b0e-7c1a-7000-8000-000000000000")]
pub struct BadId {
    what: &'static str,
}

/// An instant: milliseconds since 1970-01-01T00:00:00Z. Shown and sent as RFC 3339 in China's zone (+08:00).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

/// China Standard Time, without summer time since 1992.
const CHINA_OFFSET_HOURS: i8 = 8;

impl Timestamp {
    /// The system clock's now. Only shells call this; cores get `now` as an argument.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }

    /// The zone in which dates and hours are meant: fixed +08:00.
    pub fn zone() -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::fixed(jiff::tz::offset(CHINA_OFFSET_HOURS))
    }

    /// Civil date and time in China.
    pub fn civil(self) -> jiff::civil::DateTime {
        self.jiff().to_zoned(Self::zone()).datetime()
    }

    /// The instant of a civil date and time in China.
    pub fn from_civil(at: jiff::civil::DateTime) -> Self {
        // A fixed offset maps every civil time to one instant; out of range only beyond the year 9999.
        at.to_zoned(Self::zone()).map_or(Self(i64::MAX), |z| Self(z.timestamp().as_millisecond()))
    }

    /// This instant moved by `millis` (may be negative); saturating.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this instant; negative if it is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    fn jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zoned = self.jiff().to_zoned(Self::zone());
        write!(f, "{}", zoned.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z"))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = BadTimestamp;
    fn from_str(s: &str) -> Result<Self, BadTimestamp> {
        s.parse::<jiff::Timestamp>().map(|t| Self(t.as_millisecond())).map_err(|_| BadTimestamp)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Text that is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time: expected RFC 3339 with a zone, such as 2026-11-24T10:24:05+08:00")]
pub struct BadTimestamp;

/// A phone number in the form we store and compare: digits, with a leading `+` only for foreign countries.
/// Mainland mobiles are 11 digits without 86, landlines carry their area code.
/// `Debug` and [`PhoneNumber::masked`] hide it: the full digits leave only through `Display`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// Longest number kept: E.164 allows 15 digits; extensions and service numbers with extension reach 20.
const PHONE_DIGITS_MAX: usize = 20;

impl PhoneNumber {
    /// Normalises what people and networks write: spaces, dashes, brackets, full-width digits, +86, 0086.
    pub fn parse(text: &str) -> Result<Self, BadPhone> {
        let mut digits = String::with_capacity(text.len());
        let mut foreign = false;
        for c in text.trim().chars() {
            match c {
                '0'..='9' => digits.push(c),
                '０'..='９' => digits.push(char::from(b'0' + (c as u32 - '０' as u32) as u8)),
                '+' | '＋' if digits.is_empty() && !foreign => foreign = true,
                ' ' | '-' | '(' | ')' | '.' | '\u{3000}' | '（' | '）' => {}
                _ => return Err(BadPhone),
            }
        }
        if let Some(rest) = digits.strip_prefix("00").filter(|_| !foreign) {
            digits = rest.to_owned();
            foreign = true;
        }
        if let Some(rest) = digits.strip_prefix("86").filter(|r| foreign || (r.len() == 11 && r.starts_with('1'))) {
            digits = rest.to_owned();
            foreign = false;
        }
        // Neither a country nor a Chinese area begins so: what is left of "+86 00…" would read as another number next time.
        let again = digits.starts_with("00") || (foreign && digits.starts_with('0'));
        let twice = !foreign && digits.strip_prefix("86").is_some_and(|r| r.len() == 11 && r.starts_with('1'));
        if again || twice || digits.len() < 2 || digits.len() > PHONE_DIGITS_MAX {
            return Err(BadPhone);
        }
        Ok(Self(if foreign { format!("+{digits}") } else { digits }))
    }

    /// The number with its middle hidden: `138****8001`; numbers of up to 6 digits keep their last two.
    pub fn masked(&self) -> String {
        let s = &self.0;
        match s.len() {
            0..=6 => format!("{}{}", "*".repeat(s.len() - 2), &s[s.len() - 2..]),
            7..=9 => format!("{}****{}", &s[..s.len() - 6], &s[s.len() - 2..]),
            n => format!("{}****{}", &s[..3], &s[n - 4..]),
        }
    }

    /// The normalised digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = BadPhone;
    fn try_from(s: String) -> Result<Self, BadPhone> {
        Self::parse(&s)
    }
}

impl From<PhoneNumber> for String {
    fn from(p: PhoneNumber) -> Self {
        p.0
    }
}

/// Text that is not a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a phone number: expected 2 to 20 digits, such as 13800138000, 0371-67181234 or +85221234567")]
pub struct BadPhone;

/// A place on the earth: CGCS2000 (equal to WGS 84 at our accuracy), degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Point {
    /// Longitude, −180..180 degrees east.
    pub lon: f64,
    /// Latitude, −90..90 degrees north.
    pub lat: f64,
}

/// Mean earth radius in metres.
const EARTH_RADIUS_M: f64 = 6_371_008.8;

impl Point {
    /// Great-circle distance in metres (haversine).
    pub fn distance_m(self, other: Self) -> f64 {
        let (a, b) = (self.lat.to_radians(), other.lat.to_radians());
        let half_lat = ((b - a) / 2.0).sin();
        let half_lon = ((other.lon - self.lon).to_radians() / 2.0).sin();
        let h = half_lat * half_lat + a.cos() * b.cos() * half_lon * half_lon;
        2.0 * EARTH_RADIUS_M * h.sqrt().min(1.0).asin()
    }
}

/// The place of a unit in the organisation tree: `/zhengzhou/jinshui/wenhualu/`, codes from the root down.
/// A subtree is all paths that begin with its root's path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrgPath(String);

impl OrgPath {
    /// The root of all: every path lies within it.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// A stored path, taken as it is.
    pub fn from_stored(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// The path of a child with this code; the code must not contain `/`.
    #[must_use]
    pub fn child(&self, code: &str) -> Self {
        debug_assert!(!code.contains('/'), "an organisation's code is one path part");
        Self(format!("{}{code}/", self.0))
    }

    /// Whether this path is `top` or lies below it.
    pub fn is_within(&self, top: &Self) -> bool {
        self.0.starts_with(&top.0)
    }

    /// The parent's path; `None` at the root.
    pub fn parent(&self) -> Option<Self> {
        let inner = self.0.strip_suffix('/').filter(|s| !s.is_empty())?;
        inner.rfind('/').map(|i| Self(inner[..=i].to_owned()))
    }

    /// The path's text, beginning and ending with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrgPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OrgPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn phone_numbers_come_in_many_dresses() {
        for (written, kept) in [
            ("138 0013 8000", "13800138000"),
            ("+86 138-0013-8000", "13800138000"),
            ("8613800138000", "13800138000"),
            ("00852 2123 4567", "+85221234567"),
            ("（0371）67181234", "037167181234"),
            ("１２３４５", "12345"),
        ] {
            assert_eq!(PhoneNumber::parse(written).unwrap().as_str(), kept, "{written}");
        }
        for bad in ["", "1", "abc", "138;drop", "123456789012345678901"] {
            assert_eq!(PhoneNumber::parse(bad), Err(BadPhone), "{bad}");
        }
    }

    #[test]
    fn a_number_is_hidden_unless_it_is_displayed_on_purpose() {
        let number = PhoneNumber::parse("13812348001").unwrap();
        assert_eq!(number.masked(), "138****8001");
        assert_eq!(format!("{number:?}"), "138****8001");
        assert_eq!(PhoneNumber::parse("12345").unwrap().masked(), "***45");
    }

    #[test]
    fn times_are_written_in_china_and_read_from_anywhere() {
        let t: Timestamp = "2026-11-24T02:24:05Z".parse().unwrap();
        assert_eq!(t.to_string(), "2026-11-24T10:24:05.000+08:00");
        assert_eq!(t.civil().hour(), 10);
        assert_eq!(Timestamp::from_civil(t.civil()), t);
    }

    #[test]
    fn a_path_contains_its_subtree_only() {
        let city = OrgPath::root().child("zz");
        let jinshui = city.child("410105");
        assert!(jinshui.is_within(&city) && jinshui.is_within(&jinshui));
        assert!(!city.child("4101051").is_within(&jinshui), "a longer code is not a child");
        assert_eq!(jinshui.parent(), Some(city));
        assert_eq!(OrgPath::root().parent(), None);
    }

    #[test]
    fn seeded_ids_repeat_and_are_version_7() {
        let start = Timestamp(1_700_000_000_000);
        let (mut a, mut b) = (SeededIds::new(7, start), SeededIds::new(7, start));
        let (x, y) = (a.uuid(), a.uuid());
        assert_eq!((x, y), (b.uuid(), b.uuid()));
        assert!(x < y);
        assert_eq!(x.get_version_num(), 7);
    }
}
