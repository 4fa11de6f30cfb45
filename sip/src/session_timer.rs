//! Session timers (RFC 4028): a call whose other end vanished without BYE is noticed.
//!
//! One side, the refresher, sends a re-INVITE or UPDATE at half time; the other hangs up when it
//! hears nothing. Here is only the bargaining and the clock. Must not know dialogs or calls.

use std::fmt;

use crate::{
    flow::Millis,
    header::{self, Params},
    message::{Headers, Name, Refusal, Request, Response},
};

/// Who refreshes, by their role in the request that set the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Refresher {
    Uac,
    Uas,
}

/// The value of Session-Expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds.
    pub interval: u32,
    /// Who refreshes, if it is said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Of a message; `None` if absent or malformed.
    pub fn of(headers: &Headers) -> Option<Self> {
        let text = headers.get(Name::SessionExpires)?;
        let (interval, params) = text.split_once(';').unwrap_or((&text, ""));
        let params = Params::parse(params).ok()?;
        let refresher = match params.get("refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Some(Self { interval: header::delta_seconds(interval)?, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.refresher {
            Some(Refresher::Uac) => ";refresher=uac",
            Some(Refresher::Uas) => ";refresher=uas",
            None => "",
        };
        write!(f, "{}{who}", self.interval)
    }
}

/// What we wish, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    /// Our interval.
    pub interval: u32,
    /// The shortest that we take; at least 90 by the standard.
    pub least: u32,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self { interval: 1_800, least: 90 }
    }
}

impl SessionPolicy {
    /// Puts our wish into an INVITE or UPDATE of ours.
    pub fn ask(&self, request: &mut Request) {
        request.headers.set(Name::SessionExpires, self.interval);
        request.headers.set(Name::MinSe, self.least);
        if !request.headers.has_token(Name::Supported, "timer") {
            request.headers.push(Name::Supported, "timer");
        }
    }

    /// After a 422: the policy with which to ask again, `None` if the answer names no longer time.
    pub fn after_422(&self, response: &Response) -> Option<Self> {
        let least = response.headers.get(Name::MinSe).and_then(|text| {
            let seconds = text.split(';').next()?.to_owned();
            header::delta_seconds(&seconds)
        })?;
        (least > self.interval).then_some(Self { interval: least, least })
    }

    /// Decides on an INVITE or UPDATE that came and writes the decision into the 2xx to it. The
    /// timer runs from there on, whoever refreshes.
    ///
    /// # Errors
    /// 422 with [`SessionPolicy::least`] to be put into Min-SE.
    pub fn decide(&self, request: &Request, response: &mut Response, now: Millis) -> Result<SessionTimer, Refusal> {
        let knows = request.headers.has_token(Name::Supported, "timer");
        let asked = SessionExpires::of(&request.headers);
        // Who knows no timers cannot ask again with a longer one.
        if knows && asked.is_some_and(|asked| asked.interval < self.least) {
            return Err(Refusal::new(422, "Session Interval Too Small"));
        }
        let least = request.headers.get(Name::MinSe).and_then(|text| header::delta_seconds(&text)).unwrap_or(0);
        let wished = asked.map_or(self.interval, |asked| asked.interval.min(self.interval));
        let interval = wished.max(least).max(self.least);
        let refresher = match asked.and_then(|asked| asked.refresher) {
            Some(who) if knows => who,
            _ if knows => Refresher::Uac,
            _ => Refresher::Uas,
        };
        response.headers.set(Name::SessionExpires, SessionExpires { interval, refresher: Some(refresher) });
        if refresher == Refresher::Uac {
            response.headers.push(Name::Require, "timer");
        }
        Ok(SessionTimer::start(interval, refresher == Refresher::Uas, now))
    }

    /// Reads the 2xx to a request of ours. Without Session-Expires the peer knows no timers: then
    /// we refresh alone.
    pub fn accept(&self, response: &Response, now: Millis) -> SessionTimer {
        match SessionExpires::of(&response.headers) {
            Some(agreed) => {
                let ours = agreed.refresher != Some(Refresher::Uas);
                SessionTimer::start(agreed.interval.max(self.least), ours, now)
            }
            None => SessionTimer::start(self.interval, true, now),
        }
    }
}

/// What a session timer wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionDue {
    /// Not yet.
    Nothing,
    /// Send a re-INVITE or UPDATE with [`SessionPolicy::ask`].
    Refresh,
    /// The peer is gone: send BYE.
    Expired,
}

/// The clock of one session. Started anew by each 2xx to INVITE or UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimer {
    /// Seconds agreed.
    pub interval: u32,
    /// Whether we refresh.
    pub is_ours: bool,
    refresh: Option<Millis>,
    end: Millis,
}

impl SessionTimer {
    fn start(interval: u32, is_ours: bool, now: Millis) -> Self {
        let whole = u64::from(interval) * 1_000;
        // Half time, so that one lost refresh does not end the call; the end a little early, so
        // that BYE leaves before proxies forget the call (RFC 4028 §10).
        let early = 32_000.min(whole / 3);
        Self { interval, is_ours, refresh: is_ours.then(|| now.plus(whole / 2)), end: now.plus(whole - early) }
    }

    /// A timer that was agreed before the program was started anew: its whole interval begins again, so that the peer's next
    /// refresh finds the call still there.
    pub fn again(interval: u32, is_ours: bool, now: Millis) -> Self {
        Self::start(interval.max(SessionPolicy::default().least), is_ours, now)
    }

    /// When [`SessionTimer::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Millis {
        self.refresh.map_or(self.end, |refresh| refresh.min(self.end))
    }

    /// Time went by. A refresh is asked for once; its 2xx starts a new timer.
    pub fn handle_timeout(&mut self, now: Millis) -> SessionDue {
        if self.end <= now {
            return SessionDue::Expired;
        }
        match self.refresh {
            Some(at) if at <= now => {
                self.refresh = None;
                SessionDue::Refresh
            }
            _ => SessionDue::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Method, Uri};

    fn invite() -> Request {
        Request::new(Method::Invite, &Uri::parse("sip:a@h").unwrap())
    }

    fn decide(request: &Request) -> (Result<SessionTimer, u16>, String) {
        let mut response = Response::to(request, 200, "");
        let timer = SessionPolicy::default().decide(request, &mut response, Millis(0)).map_err(|r| r.status);
        (timer, response.headers.get(Name::SessionExpires).unwrap_or_default().into_owned())
    }

    #[test]
    fn both_know_timers() {
        let mut request = invite();
        SessionPolicy { interval: 600, least: 90 }.ask(&mut request);
        let (timer, text) = decide(&request);
        assert_eq!((timer.unwrap().is_ours, text.as_str()), (false, "600;refresher=uac"));
        let response = Response::new(200, "").with(Name::SessionExpires, text);
        assert!(SessionPolicy::default().accept(&response, Millis(0)).is_ours);
    }

    #[test]
    fn the_peer_knows_none_and_we_refresh_alone() {
        let (timer, text) = decide(&invite());
        assert_eq!((timer.unwrap().is_ours, text.as_str()), (true, "1800;refresher=uas"));
        assert!(SessionPolicy::default().accept(&Response::new(200, ""), Millis(0)).is_ours);
    }

    #[test]
    fn too_short_is_refused_and_asked_again() {
        let request = invite().with(Name::Supported, "100rel, timer").with("x", "30");
        let (timer, _) = decide(&request);
        assert_eq!(timer, Err(422));
        let refused = Response::new(422, "").with(Name::MinSe, 120);
        let policy = SessionPolicy { interval: 60, least: 60 };
        assert_eq!(policy.after_422(&refused).unwrap().interval, 120);
        assert_eq!(SessionPolicy::default().after_422(&refused), None);
    }

    #[test]
    fn the_clock() {
        let mut ours = SessionTimer::start(90, true, Millis(0));
        assert_eq!(ours.poll_timeout(), Millis(45_000));
        assert_eq!(ours.handle_timeout(Millis(44_999)), SessionDue::Nothing);
        assert_eq!(ours.handle_timeout(Millis(45_000)), SessionDue::Refresh);
        assert_eq!(ours.handle_timeout(Millis(45_001)), SessionDue::Nothing);
        assert_eq!(ours.poll_timeout(), Millis(60_000));
        assert_eq!(ours.handle_timeout(Millis(60_000)), SessionDue::Expired);
        let theirs = SessionTimer::start(1_800, false, Millis(0));
        assert_eq!(theirs.poll_timeout(), Millis(1_768_000));
    }

    #[test]
    fn values() {
        let of = |text: &str| SessionExpires::of(&Response::new(200, "").with("x", text).headers);
        assert_eq!(of("90;refresher=UAS"), Some(SessionExpires { interval: 90, refresher: Some(Refresher::Uas) }));
        assert_eq!(of("90"), Some(SessionExpires { interval: 90, refresher: None }));
        assert_eq!(of("x"), None);
        assert_eq!(of("90;refresher=\"x"), None);
    }
}
