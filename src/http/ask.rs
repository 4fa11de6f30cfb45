//! Who asks: the session's cookie or a bearer token, the post chosen by `X-Post`, and the proof that a browser's change
//! comes from our own pages.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};

use super::{Api, Problem};
use crate::access::{Actor, Origin, Refusal, RefusalKind};
use crate::ids::PostId;

/// The session's cookie.
pub const COOKIE: &str = "liandong_session";
/// The header that a browser lets only our own pages set across origins (a "simple" form cannot carry it).
const SAME_SITE_PROOF: &str = "x-requested-with";
/// Longest idempotency key: room for a UUID with a prefix.
const KEY_MAX: usize = 128;

/// Finds the actor behind a token. `orgs` provides it.
pub trait Authenticator: Send + Sync + 'static {
    /// The actor of `token` under `post` (or the person's first post); a refusal if the token is unknown or expired, or
    /// the post is not his.
    fn actor<'a>(
        &'a self,
        token: &'a str,
        post: Option<PostId>,
        origin: Origin,
    ) -> Pin<Box<dyn Future<Output = Result<Actor, Problem>> + Send + 'a>>;
}

/// A signed-in actor: for handlers that read.
pub struct Signed(pub Actor);

/// A signed-in actor's wish to change something: for handlers that go through [`super::command`].
pub struct Ask {
    /// Who asks.
    pub actor: Actor,
    /// His `Idempotency-Key`.
    pub key: Option<String>,
    /// Method and path: a key belongs to one of them.
    pub what: String,
    /// `If-Match`, without quotes.
    pub if_match: Option<String>,
}

impl FromRequestParts<Api> for Signed {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let credentials = Credentials::of(parts)?;
        let post = match parts.headers.get("x-post").map(|v| v.to_str().unwrap_or_default().parse::<PostId>()) {
            None => None,
            Some(Ok(post)) => Some(post),
            Some(Err(e)) => return Err(Refusal::invalid("access.bad_post", e.to_string()).field("X-Post").into()),
        };
        let origin =
            Origin { address: peer(parts), session: None, via: if credentials.from_cookie { "web" } else { "api" } };
        let actor = api.authenticator.actor(&credentials.token, post, origin).await?;
        if let Some(who) = parts.extensions.get::<super::refused::Who>() {
            who.is(&actor);
        }
        Ok(Self(actor))
    }
}

impl FromRequestParts<Api> for Ask {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Signed(actor) = Signed::from_request_parts(parts, api).await?;
        let text = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let key = text("idempotency-key");
        if key.as_ref().is_some_and(|k| k.is_empty() || k.len() > KEY_MAX) {
            let detail = format!("Idempotency-Key 应为 1 至 {KEY_MAX} 个字符");
            return Err(Refusal::invalid("http.bad_key", detail).field("Idempotency-Key").into());
        }
        let what = format!("{} {}", parts.method, parts.uri.path());
        let if_match = text("if-match").map(|v| v.trim().trim_start_matches("W/").trim_matches('"').to_owned());
        Ok(Self { actor, key, what, if_match })
    }
}

struct Credentials {
    token: String,
    from_cookie: bool,
}

impl Credentials {
    fn of(parts: &Parts) -> Result<Self, Problem> {
        let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        if let Some(token) = bearer.and_then(|v| v.strip_prefix("Bearer ")) {
            return Ok(Self { token: token.trim().to_owned(), from_cookie: false });
        }
        let token = token_cookie(&parts.headers)
            .ok_or_else(|| unauthenticated("请先登录：请求没有会话 Cookie 或 Authorization: Bearer 令牌"))?;
        if !is_safe(&parts.method) && !parts.headers.contains_key(SAME_SITE_PROOF) {
            let text = "缺少 X-Requested-With: liandong 请求头，无法确认请求来自本系统页面";
            return Err(Refusal::forbidden("access.cross_site", text).into());
        }
        Ok(Self { token, from_cookie: true })
    }
}

/// The token of a session at whatever stage, for the steps before it may be used.
pub struct Token(pub String);

impl<S: Sync> FromRequestParts<S> for Token {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Credentials::of(parts).map(|credentials| Self(credentials.token))
    }
}

/// The session token in the cookies, if it is there.
fn token_cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
}

/// The peer's address, as an extractor for handlers without a signed-in actor.
pub struct Peer(pub Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(peer(parts)))
    }
}

/// Whether the browser speaks HTTPS with us, or with a proxy on this machine that says so.
pub struct Https(pub bool);

impl<S: Sync> FromRequestParts<S> for Https {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let told = parts.headers.get("x-forwarded-proto").is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"https"));
        let behind_proxy = neighbour(parts).is_some_and(|address| address.is_loopback());
        Ok(Self(parts.extensions.get::<OverTls>().is_some() || (told && behind_proxy)))
    }
}

/// Marks requests that came over our own TLS listener.
#[derive(Clone, Copy)]
pub(super) struct OverTls;

/// Whoever holds the other end of the connection.
fn neighbour(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|c| c.0.ip())
}

/// The asker's address. A proxy on this machine tells whom it speaks for (the last entry of `X-Forwarded-For`: what
/// stands before it was written by the asker); nobody else is believed.
fn peer(parts: &Parts) -> Option<IpAddr> {
    let neighbour = neighbour(parts)?;
    let told = parts.headers.get("x-forwarded-for").and_then(|v| v.to_str().ok());
    let last = told.and_then(|text| text.rsplit(',').next()?.trim().parse().ok());
    Some(last.filter(|_| neighbour.is_loopback()).unwrap_or(neighbour))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn unauthenticated(detail: &str) -> Problem {
    Refusal::new(RefusalKind::Unauthenticated, "access.unauthenticated", detail).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parts(neighbour: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = axum::http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo(SocketAddr::new(neighbour.parse().unwrap(), 4_000)));
        parts
    }

    #[tokio::test]
    async fn only_a_proxy_on_this_machine_is_believed() {
        let told = [("x-forwarded-for", "6.6.6.6, 10.1.2.3"), ("x-forwarded-proto", "https")];
        let (mut near, mut far) = (parts("127.0.0.1", &told), parts("10.9.9.9", &told));
        assert_eq!(peer(&near), Some("10.1.2.3".parse().unwrap()));
        assert_eq!(peer(&far), Some("10.9.9.9".parse().unwrap()));
        assert!(Https::from_request_parts(&mut near, &()).await.unwrap().0);
        assert!(!Https::from_request_parts(&mut far, &()).await.unwrap().0);
        far.extensions.insert(OverTls);
        assert!(Https::from_request_parts(&mut far, &()).await.unwrap().0);
        assert_eq!(
            peer(&parts("127.0.0.1", &[("x-forwarded-for", "not an address")])),
            Some("127.0.0.1".parse().unwrap())
        );
    }
}
