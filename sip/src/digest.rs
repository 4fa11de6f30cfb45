//! Digest authentication (RFC 3261 §22, 7616, 8760): as server and as client.
//!
//! Nonces are made from the time and a secret, so they need no memory until the first right
//! answer; from then on each nonce count is accepted once. Always `qop=auth`: without it a
//! listener could repeat what he heard. Must not know accounts: the caller looks them up.

use std::{collections::BTreeMap, fmt};

use md5::{Digest as _, Md5};
use ring::{digest, hmac};

use crate::{
    Method,
    flow::Millis,
    header::CSeq,
    lex, limits,
    message::{Name, Request, Response},
    tokens::{self, Tokens},
    uri::Uri,
};

/// A hash of digest authentication, best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Algorithm {
    Md5,
    Sha256,
    Sha512_256,
}

impl Algorithm {
    /// The name in headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    /// The algorithm of this name, without case; `-sess` variants are not offered by us and not
    /// known.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256, Self::Sha512_256].into_iter().find(|a| a.as_str().eq_ignore_ascii_case(text))
    }

    /// What may be stored instead of a password: the hash of `user:realm:password`.
    pub fn ha1(self, username: &str, realm: &str, password: &str) -> String {
        self.hex(&[username, realm, password])
    }

    /// Hash of the parts with colons between them, in lower-case hexadecimal.
    fn hex(self, parts: &[&str]) -> String {
        let text = parts.join(":");
        match self {
            Self::Md5 => tokens::hex(&Md5::digest(text.as_bytes())),
            Self::Sha256 => tokens::hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref()),
            Self::Sha512_256 => tokens::hex(digest::digest(&digest::SHA512_256, text.as_bytes()).as_ref()),
        }
    }
}

/// What an account proves itself with. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The password itself.
    Password(String),
    /// [`Algorithm::ha1`] for the algorithm that was asked for.
    Ha1(String),
}

impl Secret {
    fn ha1(&self, algorithm: Algorithm, username: &str, realm: &str) -> String {
        match self {
            Self::Password(password) => algorithm.ha1(username, realm, password),
            Self::Ha1(hash) => hash.to_ascii_lowercase(),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The value of Authorization or Proxy-Authorization.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who claims to ask. Hostile text.
    pub username: String,
    /// For which realm.
    pub realm: String,
    /// The nonce that is answered.
    pub nonce: String,
    /// The URI that was hashed.
    pub uri: String,
    /// The proof, in hexadecimal.
    pub response: String,
    /// MD5 where nothing is said.
    pub algorithm: Algorithm,
    /// The client's own nonce.
    pub cnonce: String,
    /// How often the client used this nonce, from 1.
    pub count: u32,
}

impl Credentials {
    /// Parses a header value. `None` for another scheme, an unknown algorithm, without `qop=auth`,
    /// or if anything is missing, repeated or malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let fields = Fields::parse(text)?;
        let algorithm = fields.get("algorithm").map_or(Some(Algorithm::Md5), Algorithm::parse)?;
        let count = fields.get("nc").filter(|nc| nc.len() == 8 && nc.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let owned = |name| fields.get(name).map(str::to_owned);
        fields.get("qop").filter(|qop| qop.eq_ignore_ascii_case("auth"))?;
        Some(Self {
            username: owned("username")?,
            realm: owned("realm")?,
            nonce: owned("nonce")?,
            uri: owned("uri")?,
            response: owned("response")?.to_ascii_lowercase(),
            algorithm,
            cnonce: owned("cnonce")?,
            count: u32::from_str_radix(count, 16).ok().filter(|count| *count > 0)?,
        })
    }

    fn proof(&self, secret: &Secret, method: &Method) -> String {
        let ha1 = secret.ha1(self.algorithm, &self.username, &self.realm);
        let ha2 = self.algorithm.hex(&[method.as_str(), &self.uri]);
        let count = format!("{:08x}", self.count);
        self.algorithm.hex(&[&ha1, &self.nonce, &count, &self.cnonce, "auth", &ha2])
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The proof could be tried against a dictionary: it stays out of logs.
        write!(f, "Credentials({:?} of {:?}, {})", self.username, self.realm, self.algorithm.as_str())
    }
}

/// What a server finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is who it says; the account's name as the client wrote it.
    Ok(String),
    /// No credentials for our realm: challenge.
    Missing,
    /// The proof is right but the nonce too old: challenge with `stale`.
    Stale(String),
    /// The proof is right but this nonce count was used before: a copy, or a client that cannot
    /// count. Challenge with `stale`: the true client then proves itself anew, a copier cannot.
    Replay(String),
    /// Wrong password, unknown account or a nonce that we did not make: count it against account
    /// and source, then challenge or refuse.
    Wrong(String),
}

impl Verdict {
    /// The account, if the proof holds.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Ok(name) => Some(name),
            _ => None,
        }
    }

    /// What a challenge after this verdict says about staleness.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Stale(_) | Self::Replay(_))
    }
}

/// Which algorithms a challenge names, and in which order. Clients take the first that they know
/// (RFC 8760 §2.4); many look only at the first, and some old ones give up at the sight of
/// another than MD5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offer {
    /// SHA-256, then MD5, as RFC 8760 wishes: for peers known to understand it.
    StrongFirst,
    /// MD5, then SHA-256: for strangers. JsSIP and SIPp 3.6 read only the first challenge and
    /// know only MD5.
    #[default]
    Md5First,
    /// MD5 alone: baresip 1.0 gives up if any challenge names another algorithm.
    Md5Only,
    /// SHA-256 alone: where MD5 is forbidden.
    StrongOnly,
}

impl Offer {
    /// The offer for a client with this User-Agent header. The header may lie: then its sender
    /// weakens only his own proof.
    pub fn for_client(user_agent: Option<&str>) -> Self {
        let agent = user_agent.unwrap_or_default().to_ascii_lowercase();
        if agent.starts_with("baresip v0.") || agent.starts_with("baresip v1.") {
            return Self::Md5Only;
        }
        if agent.starts_with("liandong") { Self::StrongFirst } else { Self::Md5First }
    }

    fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Self::StrongFirst => &[Algorithm::Sha256, Algorithm::Md5],
            Self::Md5First => &[Algorithm::Md5, Algorithm::Sha256],
            Self::Md5Only => &[Algorithm::Md5],
            Self::StrongOnly => &[Algorithm::Sha256],
        }
    }
}

/// Which counts of a nonce were used: the highest, and which of the 64 below it.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    highest: u32,
    seen: u64,
}

impl Window {
    /// Marks a count; `false` if it was used, or is too far below to know.
    fn mark(&mut self, count: u32) -> bool {
        if count > self.highest {
            self.seen = self.seen.checked_shl(count - self.highest).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let below = self.highest - count;
        let bit = 1u64.checked_shl(below).unwrap_or(0);
        let fresh = bit != 0 && self.seen & bit == 0;
        self.seen |= bit;
        fresh
    }
}

/// Checks proofs for one realm.
pub struct Authenticator {
    realm: String,
    key: hmac::Key,
    counter: u64,
    /// Nonces (time, number) that were used rightly, and their counts.
    used: BTreeMap<(u64, u64), Window>,
    /// Nonces made before this were forgotten: they count as stale.
    floor: (u64, u64),
}

impl Authenticator {
    /// For this realm. `secret` comes from the system's random source at each start.
    pub fn new(realm: &str, secret: &[u8; 32]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self { realm: realm.to_owned(), key, counter: 0, used: BTreeMap::new(), floor: (0, 0) }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Adds challenges to a 401 (WWW-Authenticate) or 407 (Proxy-Authenticate), one per algorithm
    /// of the offer.
    pub fn challenge(&mut self, response: &mut Response, offer: Offer, stale: bool, now: Millis) {
        let nonce = self.nonce(now);
        let name = if response.status == 407 { Name::ProxyAuthenticate } else { Name::WwwAuthenticate };
        for algorithm in offer.algorithms() {
            let challenge = Challenge {
                realm: self.realm.clone(),
                nonce: nonce.clone(),
                opaque: None,
                stale,
                algorithm: *algorithm,
                has_qop: true,
            };
            response.headers.push(name, challenge);
        }
    }

    /// Checks a request. `secret` gives what the account proves itself with under an algorithm,
    /// `None` if there is no such account (the answer then takes as long).
    pub fn verify(
        &mut self,
        request: &Request,
        secret: impl Fn(&str, Algorithm) -> Option<Secret>,
        now: Millis,
    ) -> Verdict {
        let fields = request.headers.all(Name::Authorization).chain(request.headers.all(Name::ProxyAuthorization));
        let ours = |c: &Credentials| c.realm == self.realm;
        let Some(credentials) = fields.filter_map(|f| Credentials::parse(&f.text())).find(ours) else {
            return Verdict::Missing;
        };
        let known = secret(&credentials.username, credentials.algorithm);
        let is_known = known.is_some();
        let proof = credentials.proof(&known.unwrap_or(Secret::Password(String::new())), &request.method);
        let right = self.same(&proof, &credentials.response);
        let nonce = self.open_nonce(&credentials.nonce);
        let username = credentials.username;
        let (true, true, Some(nonce)) = (right && is_known, same_target(&credentials.uri, request), nonce) else {
            return Verdict::Wrong(username);
        };
        if now.since(Millis(nonce.0)) > limits::NONCE_MS || Millis(nonce.0) > now || nonce < self.floor {
            return Verdict::Stale(username);
        }
        if self.mark(nonce, credentials.count, now) { Verdict::Ok(username) } else { Verdict::Replay(username) }
    }

    fn mark(&mut self, nonce: (u64, u64), count: u32, now: Millis) -> bool {
        let fresh = self.used.entry(nonce).or_default().mark(count);
        let oldest = now.0.saturating_sub(limits::NONCE_MS);
        while let Some((&first, _)) = self.used.first_key_value() {
            let full = self.used.len() > limits::NONCES;
            if first.0 >= oldest && !full {
                break;
            }
            // What is forgotten must not be new again.
            self.floor = self.floor.max((first.0, first.1 + 1));
            self.used.remove(&first);
        }
        fresh
    }

    fn nonce(&mut self, now: Millis) -> String {
        self.counter += 1;
        let (time, number) = (format!("{:016x}", now.0), format!("{:016x}", self.counter));
        let seal = self.seal(&time, &number);
        format!("{time}{number}{seal}")
    }

    /// Time and number of a nonce of ours.
    fn open_nonce(&self, nonce: &str) -> Option<(u64, u64)> {
        let (time, number, seal) = (nonce.get(..16)?, nonce.get(16..32)?, nonce.get(32..)?);
        if !self.same(&self.seal(time, number), seal) {
            return None;
        }
        Some((u64::from_str_radix(time, 16).ok()?, u64::from_str_radix(number, 16).ok()?))
    }

    /// Compares in constant time, so that nothing can be guessed digit by digit.
    fn same(&self, ours: &str, theirs: &str) -> bool {
        let tag = hmac::sign(&self.key, ours.as_bytes());
        hmac::verify(&self.key, theirs.as_bytes(), tag.as_ref()).is_ok()
    }

    fn seal(&self, time: &str, number: &str) -> String {
        let text = format!("{time}:{number}:{}", self.realm);
        tokens::hex(&hmac::sign(&self.key, text.as_bytes()).as_ref()[..16])
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authenticator({:?}, {} nonces)", self.realm, self.used.len())
    }
}

/// One challenge of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whose password is wanted.
    pub realm: String,
    /// To be hashed.
    pub nonce: String,
    /// To be given back.
    pub opaque: Option<String>,
    /// The proof was right, only the nonce too old.
    pub stale: bool,
    /// MD5 where nothing is said.
    pub algorithm: Algorithm,
    /// Whether the server wants `qop=auth`; old ones say nothing.
    pub has_qop: bool,
}

impl Challenge {
    /// Parses a header value. `None` for another scheme, an unknown algorithm, or a qop that does
    /// not include `auth`.
    pub fn parse(text: &str) -> Option<Self> {
        let fields = Fields::parse(text)?;
        let qop = fields.get("qop");
        let auth = |qop: &str| qop.split(',').any(|q| lex::trim(q).eq_ignore_ascii_case("auth"));
        if !qop.is_none_or(auth) {
            return None;
        }
        Some(Self {
            realm: fields.get("realm")?.to_owned(),
            nonce: fields.get("nonce")?.to_owned(),
            opaque: fields.get("opaque").map(str::to_owned),
            stale: fields.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            algorithm: fields.get("algorithm").map_or(Some(Algorithm::Md5), Algorithm::parse)?,
            has_qop: qop.is_some(),
        })
    }

    /// The value of the Authorization header that answers it. `count` is how often this nonce was
    /// used, from 1; `cnonce` a fresh token.
    pub fn answer(&self, account: &Account, method: &Method, uri: &str, cnonce: &str, count: u32) -> String {
        let (algorithm, user) = (self.algorithm, &account.username);
        let ha1 = account.secret.ha1(algorithm, user, &self.realm);
        let ha2 = algorithm.hex(&[method.as_str(), uri]);
        let nc = format!("{count:08x}");
        let response = if self.has_qop {
            algorithm.hex(&[&ha1, &self.nonce, &nc, cnonce, "auth", &ha2])
        } else {
            algorithm.hex(&[&ha1, &self.nonce, &ha2])
        };
        let quoted = |name: &str, value: &str| format!("{name}={}", lex::quote(value));
        let mut parts = vec![
            quoted("username", user),
            quoted("realm", &self.realm),
            quoted("nonce", &self.nonce),
            quoted("uri", uri),
            quoted("response", &response),
            format!("algorithm={}", algorithm.as_str()),
        ];
        parts.extend(self.opaque.as_ref().map(|opaque| quoted("opaque", opaque)));
        if self.has_qop {
            parts.extend([quoted("cnonce", cnonce), "qop=auth".to_owned(), format!("nc={nc}")]);
        }
        format!("Digest {}", parts.join(", "))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm={}, nonce={}", lex::quote(&self.realm), lex::quote(&self.nonce))?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", lex::quote(opaque))?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        write!(f, ", algorithm={}", self.algorithm.as_str())?;
        if self.has_qop { f.write_str(", qop=\"auth\"") } else { Ok(()) }
    }
}

/// With what we prove ourselves to a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Name at the other side.
    pub username: String,
    /// Password, or HA1 for the algorithm that the other side uses.
    pub secret: Secret,
}

/// Why a challenge cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum AnswerError {
    #[error("no challenge with an algorithm that we know (MD5, SHA-256, SHA-512-256) and qop auth")]
    NoChallenge,
    #[error("the other side refused our user name or password")]
    Rejected,
    #[error("the request has no readable CSeq")]
    NoCSeq,
}

/// The request again with credentials, after `response` (401 or 407) challenged it: CSeq counted
/// up, the strongest known algorithm used. `request` is as it was given to the transaction layer.
/// In a dialog count its CSeq up as well ([`crate::dialog::Dialog::skip_cseq`]).
///
/// # Errors
/// [`AnswerError::Rejected`] if the request already carried credentials for that realm and the
/// server does not say that only the nonce is stale.
pub fn answer_challenge(
    request: &Request,
    response: &Response,
    account: &Account,
    tokens: &mut Tokens,
) -> Result<Request, AnswerError> {
    let (from, to) = match response.status {
        407 => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
        _ => (Name::WwwAuthenticate, Name::Authorization),
    };
    let challenges = response.headers.all(from).filter_map(|field| Challenge::parse(&field.text()));
    let challenge = challenges.max_by_key(|c| c.algorithm).ok_or(AnswerError::NoChallenge)?;
    let tried = |text: &str| Fields::parse(text).is_some_and(|f| f.get("realm") == Some(&challenge.realm));
    if !challenge.stale && request.headers.all(to).any(|field| tried(&field.text())) {
        return Err(AnswerError::Rejected);
    }
    let CSeq { number, method } = request.headers.cseq().map_err(|_| AnswerError::NoCSeq)?;
    let mut again = request.clone();
    let uri = request.target_text().into_owned();
    again.headers.set(Name::CSeq, CSeq { number: number + 1, method });
    again.headers.set(to, challenge.answer(account, &request.method, &uri, &tokens.tag(), 1));
    Ok(again)
}

/// Whether the hashed URI is the request's: octet for octet, or the same user and host (clients
/// differ in ports and parameters).
fn same_target(hashed: &str, request: &Request) -> bool {
    if hashed == request.target_text() {
        return true;
    }
    match (Uri::parse(hashed), request.uri()) {
        (Ok(a), Ok(b)) => a.user_plain() == b.user_plain() && a.host() == b.host(),
        _ => false,
    }
}

/// `Digest name=value, name="value"`, values unquoted.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, list) = text.split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut fields = Self(Vec::new());
        for part in lex::split(list, b',')? {
            let (name, value) = part.split_once('=')?;
            let (name, value) = (lex::trim(name), lex::trim(value));
            if !lex::is_token(name) || fields.get(name).is_some() || fields.0.len() == limits::PARAMS {
                return None;
            }
            fields.0.push((name.to_owned(), lex::unquote(value)));
        }
        Some(fields)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn request() -> Request {
        Request::new(Method::Register, &Uri::parse("sip:h").unwrap()).with(Name::CSeq, "1 REGISTER")
    }

    fn account(password: &str) -> Account {
        Account { username: "8001".into(), secret: Secret::Password(password.into()) }
    }

    fn server() -> Authenticator {
        Authenticator::new("hub", &[5; 32])
    }

    fn secret(user: &str, _: Algorithm) -> Option<Secret> {
        (user == "8001").then(|| Secret::Password("right".into()))
    }

    fn challenged(server: &mut Authenticator, now: u64) -> Response {
        let mut response = Response::new(401, "");
        server.challenge(&mut response, Offer::StrongFirst, false, Millis(now));
        response
    }

    fn answered(response: &Response, password: &str) -> Request {
        answer_challenge(&request(), response, &account(password), &mut Tokens::new([1; 32])).unwrap()
    }

    #[test]
    fn vectors_of_rfc_2617_and_7616() {
        let mufasa = |password: &str| Account { username: "Mufasa".into(), secret: Secret::Password(password.into()) };
        let get = Method::Other("GET".into());
        let old = Challenge::parse(r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc""#).unwrap();
        let answer = old.answer(&mufasa("Circle Of Life"), &get, "/dir/index.html", "0a4f113b", 1);
        assert!(answer.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{answer}");
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let text = format!(
                r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v""#
            );
            let challenge = Challenge::parse(&text).unwrap();
            let answer = challenge.answer(
                &mufasa("Circle of Life"),
                &get,
                "/dir/index.html",
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                1,
            );
            assert!(answer.contains(response), "{answer}");
        }
    }

    #[test]
    fn right_and_wrong() {
        let mut s = server();
        let challenge = challenged(&mut s, 0);
        assert_eq!(s.verify(&request(), secret, Millis(1)), Verdict::Missing);
        assert_eq!(s.verify(&answered(&challenge, "wrong"), secret, Millis(1)), Verdict::Wrong("8001".into()));
        let good = answered(&challenge, "right");
        assert!(good.headers.get(Name::Authorization).unwrap().contains("algorithm=SHA-256"));
        assert_eq!(good.headers.cseq().unwrap().number, 2);
        assert_eq!(s.verify(&good, |_, _| None, Millis(1)), Verdict::Wrong("8001".into()));
        assert_eq!(s.verify(&good, secret, Millis(1)), Verdict::Ok("8001".into()));
        assert_eq!(s.verify(&good, secret, Millis(2)), Verdict::Replay("8001".into()));
        assert!(answer_challenge(&good, &challenge, &account("right"), &mut Tokens::new([2; 32])).is_err());
    }

    #[test]
    fn stored_hashes_serve_and_md5_clients_are_served() {
        let mut s = server();
        let mut challenge = Response::new(401, "");
        s.challenge(&mut challenge, Offer::Md5First, false, Millis(0));
        let md5: Vec<String> = challenge
            .headers
            .all(Name::WwwAuthenticate)
            .map(|f| f.text().into_owned())
            .filter(|t| t.contains("MD5"))
            .collect();
        let only_md5 = Response::new(401, "").with(Name::WwwAuthenticate, &md5[0]);
        let stored = |user: &str, algorithm: Algorithm| Some(Secret::Ha1(algorithm.ha1(user, "hub", "right")));
        assert_eq!(s.verify(&answered(&only_md5, "right"), stored, Millis(1)), Verdict::Ok("8001".into()));
        assert_eq!(format!("{:?}", account("right")), r#"Account { username: "8001", secret: Secret(…) }"#);
    }

    #[test]
    fn clients_get_what_they_can_read() {
        for (agent, offer) in [
            (None, Offer::Md5First),
            (Some("baresip v1.0.0 (x86_64/linux)"), Offer::Md5Only),
            (Some("baresip v3.10.1"), Offer::Md5First),
            (Some("Liandong 0.1"), Offer::StrongFirst),
        ] {
            assert_eq!(Offer::for_client(agent), offer);
        }
    }

    #[test]
    fn nonces_grow_old_and_foreign_ones_are_wrong() {
        let mut s = server();
        let good = answered(&challenged(&mut s, 0), "right");
        assert_eq!(s.verify(&good, secret, Millis(limits::NONCE_MS + 1)), Verdict::Stale("8001".into()));
        let mut other = Authenticator::new("hub", &[6; 32]);
        let foreign = answered(&challenged(&mut other, 0), "right");
        assert_eq!(s.verify(&foreign, secret, Millis(1)), Verdict::Wrong("8001".into()));
        let mut stale = Response::new(407, "");
        s.challenge(&mut stale, Offer::StrongOnly, true, Millis(0));
        let again = answer_challenge(&good, &stale, &account("right"), &mut Tokens::new([2; 32])).unwrap();
        assert!(again.headers.has(Name::ProxyAuthorization));
        assert_eq!(s.verify(&again, secret, Millis(1)), Verdict::Ok("8001".into()));
    }

    fn with_count(challenge: &Response, count: u32) -> Request {
        let text = challenge.headers.get(Name::WwwAuthenticate).unwrap().into_owned();
        let value = Challenge::parse(&text).unwrap().answer(&account("right"), &Method::Register, "sip:h", "c", count);
        request().with(Name::Authorization, value)
    }

    #[test]
    fn counts_are_hexadecimal_may_overtake_each_other_and_serve_once() {
        let mut s = server();
        let challenge = challenged(&mut s, 0);
        for count in [1, 2, 9, 0x0a, 0x0b, 0x10, 0x0f, 300, 299, 0xffff_ffff] {
            assert_eq!(
                s.verify(&with_count(&challenge, count), secret, Millis(1)),
                Verdict::Ok("8001".into()),
                "{count}"
            );
        }
        for count in [1, 0x0a, 200, 0xffff_ffff] {
            assert_eq!(
                s.verify(&with_count(&challenge, count), secret, Millis(1)),
                Verdict::Replay("8001".into()),
                "{count}"
            );
        }
    }

    #[test]
    fn forgotten_nonces_are_stale_not_new() {
        let mut s = server();
        let first = challenged(&mut s, 0);
        assert!(s.verify(&with_count(&first, 1), secret, Millis(1)).account().is_some());
        for _ in 0..limits::NONCES {
            let nonce = (0, s.counter + 1);
            s.counter += 1;
            s.mark(nonce, 1, Millis(2));
        }
        assert!(s.used.len() <= limits::NONCES);
        assert_eq!(s.verify(&with_count(&first, 1), secret, Millis(3)), Verdict::Stale("8001".into()));
    }

    #[test]
    fn a_proof_for_another_request_is_wrong() {
        let mut s = server();
        let mut good = answered(&challenged(&mut s, 0), "right");
        good.set_uri(&Uri::parse("sip:900@elsewhere").unwrap());
        assert_eq!(s.verify(&good, secret, Millis(1)), Verdict::Wrong("8001".into()));
        let mut good = answered(&challenged(&mut s, 0), "right");
        good.method = Method::Invite;
        assert_eq!(s.verify(&good, secret, Millis(1)), Verdict::Wrong("8001".into()));
    }

    #[test]
    fn malformed_credentials_count_as_none() {
        let good = r#"Digest username="u", realm="r", nonce="n", uri="sip:h", response="0", cnonce="c", qop=auth, nc=00000001"#;
        assert!(Credentials::parse(good).is_some());
        for (from, to) in [
            ("Digest", "Basic"),
            ("nc=00000001", "nc=1"),
            ("nc=00000001", "nc=00000000"),
            ("nc=00000001", "nc=+0000001"),
            ("qop=auth", "qop=auth-int"),
            (", qop=auth", ""),
            ("realm=\"r\", ", ""),
            ("uri=", "nonce="),
            ("\"c\"", "\"c"),
            ("nc", "algorithm=X, nc"),
        ] {
            assert!(Credentials::parse(&good.replace(from, to)).is_none(), "{from} -> {to}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(Digest |)[ -~]{0,80}") {
            let _ = (Credentials::parse(&text), Challenge::parse(&text));
        }

        #[test]
        fn any_password_proves_itself(password in any::<String>(), user in any::<String>()) {
            let mut s = server();
            let challenge = challenged(&mut s, 0);
            let account = Account { username: user.clone(), secret: Secret::Password(password.clone()) };
            let asked = answer_challenge(&request(), &challenge, &account, &mut Tokens::new([1; 32])).unwrap();
            // Names with line ends or NUL cannot be written in a header.
            prop_assume!(!user.contains(['\r', '\n', '\0']));
            let verdict = s.verify(&asked, |_, _| Some(Secret::Password(password.clone())), Millis(1));
            prop_assert_eq!(verdict, Verdict::Ok(user));
        }
    }
}
