//! Dialogs (RFC 3261 §12): who talks with whom, by which way, in which order.
//!
//! A dialog makes requests that arrive and judges those that come. It also keeps the rule that
//! only one INVITE may be under way (§14; 491 and 500). Must not know media or calls.

use crate::{
    Method,
    header::{CSeq, NameAddr, Params},
    message::{HeaderKey, Headers, Name, Refusal, Request, Response},
    tokens::Tokens,
    uri::Uri,
};

/// Numbers skipped by [`Dialog::restore`]: more requests than a dialog sends between two savings.
pub const RESTORE_SKIP: u32 = 1_000;

/// What names a dialog at our side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialogId {
    /// Of all its messages.
    pub call_id: String,
    /// Ours.
    pub local_tag: String,
    /// The peer's; empty if it is a client of RFC 2543 without tags.
    pub remote_tag: String,
}

impl DialogId {
    /// The dialog that a request which came belongs to; `None` if its To has no tag.
    pub fn of_request(request: &Request) -> Option<Self> {
        let (from, to) = (request.headers.from().ok()?, request.headers.to().ok()?);
        Some(Self {
            call_id: request.headers.call_id().ok()?,
            local_tag: to.tag()?.to_owned(),
            remote_tag: from.tag().unwrap_or_default().to_owned(),
        })
    }

    /// The dialog that an answer to our request belongs to; `None` if its To has no tag.
    pub fn of_response(response: &Response) -> Option<Self> {
        let (from, to) = (response.headers.from().ok()?, response.headers.to().ok()?);
        Some(Self {
            call_id: response.headers.call_id().ok()?,
            local_tag: from.tag()?.to_owned(),
            remote_tag: to.tag()?.to_owned(),
        })
    }
}

/// How far a dialog is.
///
/// ```text
///   1xx with tag ──► Early ── 2xx ──► Confirmed ── BYE, 481, 408 ──► Ended
///                      └── 300–699 ─────────────────────────────────►
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // drawn above
pub enum DialogState {
    Early,
    Confirmed,
    Ended,
}

/// Whose INVITE is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Pending {
    Nobodys,
    Ours,
    Theirs,
}

/// Why a dialog cannot be made or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum DialogError {
    #[error("message cannot make a dialog: {0}")]
    Unusable(#[from] crate::header::HeaderError),
    #[error("message has no {0} that a dialog needs")]
    Lacks(&'static str),
    #[error("an INVITE is under way; wait for its end")]
    InvitePending,
    #[error("the dialog has ended")]
    Ended,
}

/// What an answer means for the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Go on.
    Fine,
    /// 491: both sides sent INVITE. Ask again after [`Dialog::glare_wait`].
    Glare,
    /// The peer does not know the dialog (any more): it has ended, send nothing.
    Ended,
}

/// One dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct Dialog {
    id: DialogId,
    state: DialogState,
    /// Whether we sent its first request: gives the Call-ID's owner in glare.
    is_caller: bool,
    local: NameAddr,
    remote: NameAddr,
    /// Our Contact.
    contact: NameAddr,
    /// The peer's Contact: where requests go.
    target: Uri,
    routes: Vec<NameAddr>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    pending: Pending,
    /// The target that the peer's INVITE or UPDATE asks for; taken once we accept.
    new_target: Option<Uri>,
}

/// All of a dialog as texts, to be kept on disk and taken up again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // as in the dialog
pub struct SavedDialog {
    pub call_id: String,
    pub is_caller: bool,
    pub is_confirmed: bool,
    pub local: String,
    pub remote: String,
    pub contact: String,
    pub target: String,
    pub routes: Vec<String>,
    pub local_cseq: u32,
    pub remote_cseq: Option<u32>,
}

/// Making one.
impl Dialog {
    /// The dialog that our answers to `invite` make (also to SUBSCRIBE or REFER). `tag` is ours
    /// ([`crate::Output::Request`]), `contact` what the peer shall send to.
    ///
    /// # Errors
    /// If the request lacks a readable Contact.
    pub fn uas(invite: &Request, tag: &str, contact: NameAddr) -> Result<Self, DialogError> {
        let h = &invite.headers;
        let peer = h.contact()?.ok_or(DialogError::Lacks("Contact"))?;
        let (remote, local) = (h.from()?, h.to()?.with_param("tag", tag));
        Ok(Self {
            id: DialogId { call_id: h.call_id()?, local_tag: tag.to_owned(), remote_tag: tag_of(&remote) },
            state: DialogState::Early,
            is_caller: false,
            local,
            remote,
            contact,
            target: peer.uri,
            routes: h.addresses(Name::RecordRoute)?,
            local_cseq: 0,
            remote_cseq: Some(h.cseq()?.number),
            pending: if invite.method == Method::Invite { Pending::Theirs } else { Pending::Nobodys },
            new_target: None,
        })
    }

    /// The dialog that an answer (101–299 with a To tag) to our `invite` makes. Each To tag makes
    /// one of its own.
    ///
    /// # Errors
    /// If the answer lacks To tag or Contact, or the request its Contact.
    pub fn uac(invite: &Request, response: &Response) -> Result<Self, DialogError> {
        let h = &response.headers;
        let id = DialogId::of_response(response).ok_or(DialogError::Lacks("To tag"))?;
        let contact = invite.headers.contact()?.ok_or(DialogError::Lacks("Contact"))?;
        let peer = match h.contact()? {
            Some(peer) => peer.uri,
            // Provisional answers of old gateways come without; the 2xx mends it.
            None if response.is_provisional() => invite.uri().map_err(|_| DialogError::Lacks("Contact"))?,
            None => return Err(DialogError::Lacks("Contact")),
        };
        let mut routes = h.addresses(Name::RecordRoute)?;
        routes.reverse();
        let confirmed = response.is_success();
        Ok(Self {
            id,
            state: if confirmed { DialogState::Confirmed } else { DialogState::Early },
            is_caller: true,
            local: invite.headers.from()?,
            remote: h.to()?,
            contact,
            target: peer,
            routes,
            local_cseq: invite.headers.cseq()?.number,
            remote_cseq: None,
            pending: if confirmed { Pending::Nobodys } else { Pending::Ours },
            new_target: None,
        })
    }

    /// The dialog that a 2xx to a forgotten INVITE of ours has made at its sender, so that it can be ended.
    ///
    /// # Errors
    /// If the answer lacks To tag or Contact.
    pub fn of_stray(response: &Response, contact: NameAddr) -> Result<Self, DialogError> {
        let h = &response.headers;
        let id = DialogId::of_response(response).ok_or(DialogError::Lacks("To tag"))?;
        let peer = h.contact()?.ok_or(DialogError::Lacks("Contact"))?;
        let mut routes = h.addresses(Name::RecordRoute)?;
        routes.reverse();
        Ok(Self {
            id,
            state: DialogState::Confirmed,
            is_caller: true,
            local: h.from()?,
            remote: h.to()?,
            contact,
            target: peer.uri,
            routes,
            local_cseq: h.cseq()?.number,
            remote_cseq: None,
            pending: Pending::Nobodys,
            new_target: None,
        })
    }

    /// A dialog from disk: nothing is under way in it. Our numbering skips [`RESTORE_SKIP`], so that requests which left
    /// after it was saved are not repeated (§12.2.1.1 allows gaps).
    ///
    /// # Errors
    /// If an address in it cannot be read.
    pub fn restore(saved: &SavedDialog) -> Result<Self, DialogError> {
        let address = |text: &str| NameAddr::parse(text).map_err(|_| DialogError::Lacks("readable address"));
        let (local, remote) = (address(&saved.local)?, address(&saved.remote)?);
        let routes: Result<Vec<_>, _> = saved.routes.iter().map(|route| address(route)).collect();
        Ok(Self {
            id: DialogId { call_id: saved.call_id.clone(), local_tag: tag_of(&local), remote_tag: tag_of(&remote) },
            state: if saved.is_confirmed { DialogState::Confirmed } else { DialogState::Early },
            is_caller: saved.is_caller,
            local,
            remote,
            contact: address(&saved.contact)?,
            target: Uri::parse(&saved.target).map_err(|_| DialogError::Lacks("readable target"))?,
            routes: routes?,
            local_cseq: saved.local_cseq.saturating_add(RESTORE_SKIP),
            remote_cseq: saved.remote_cseq,
            pending: Pending::Nobodys,
            new_target: None,
        })
    }

    /// As texts for the disk.
    pub fn save(&self) -> SavedDialog {
        SavedDialog {
            call_id: self.id.call_id.clone(),
            is_caller: self.is_caller,
            is_confirmed: self.state == DialogState::Confirmed,
            local: self.local.to_string(),
            remote: self.remote.to_string(),
            contact: self.contact.to_string(),
            target: self.target.to_string(),
            routes: self.routes.iter().map(ToString::to_string).collect(),
            local_cseq: self.local_cseq,
            remote_cseq: self.remote_cseq,
        }
    }
}

/// Sending.
impl Dialog {
    /// A request in the dialog: CSeq counted up, routed by its route set. With our Contact where
    /// the method refreshes the target.
    ///
    /// # Errors
    /// If the dialog has ended, or for INVITE if one is under way.
    pub fn request(&mut self, method: Method) -> Result<Request, DialogError> {
        if self.state == DialogState::Ended {
            return Err(DialogError::Ended);
        }
        if method == Method::Invite {
            if self.pending != Pending::Nobodys {
                return Err(DialogError::InvitePending);
            }
            self.pending = Pending::Ours;
        }
        self.local_cseq += 1;
        Ok(self.routed(method, self.local_cseq))
    }

    /// The ACK for a 2xx to our INVITE with this CSeq number, for
    /// [`crate::transaction::Endpoint::ack`]. Add the answer as body if the 2xx carried the offer.
    pub fn ack(&self, cseq: u32) -> Request {
        self.routed(Method::Ack, cseq)
    }

    /// The answer to a request in this dialog (or to the one that makes it), with our tag and,
    /// where it may refresh the target, our Contact. Keeps the dialog's state: call it only
    /// for what is really sent.
    pub fn answer(&mut self, request: &Request, status: u16, reason: &str) -> Response {
        let mut response = Response::to(request, status, reason);
        if status > 100 {
            response.set_to_tag(&self.id.local_tag);
        }
        let (refreshes, success) = (refreshes_target(&request.method), response.is_success());
        if (101..300).contains(&status) && refreshes {
            response.headers.push(Name::Contact, &self.contact);
        }
        if status >= 200 {
            let new_target = self.new_target.take_if(|_| refreshes);
            if let Some(target) = new_target.filter(|_| success) {
                self.target = target;
            }
            self.settle(&request.method, success, Pending::Theirs);
        }
        response
    }

    /// Counts our CSeq up by one, after a request was sent again with credentials.
    pub fn skip_cseq(&mut self) {
        self.local_cseq += 1;
    }

    /// Where to send: the URI to resolve for the next hop.
    pub fn next_hop(&self) -> &Uri {
        self.routes.first().map_or(&self.target, |route| &route.uri)
    }

    /// How long to wait before an INVITE is tried again after [`Outcome::Glare`], in milliseconds
    /// (§14.1): the owner of the Call-ID waits longer, so the two do not meet again.
    pub fn glare_wait(&self, tokens: &mut Tokens) -> u64 {
        if self.is_caller { 2_100 + 10 * tokens.below(191) } else { 10 * tokens.below(201) }
    }

    fn routed(&self, method: Method, cseq: u32) -> Request {
        let strict = self.routes.first().filter(|route| route.uri.param("lr").is_none());
        let uri = strict.map_or(&self.target, |route| &route.uri).without_headers();
        let mut request = Request::new(method.clone(), &uri);
        let rest = self.routes.iter().skip(usize::from(strict.is_some()));
        rest.for_each(|route| request.headers.push(Name::Route, route));
        if strict.is_some() {
            // A router of RFC 2543 finds the target as the last route (§12.2.1.1).
            request.headers.push(Name::Route, format_args!("<{}>", self.target));
        }
        request.headers.push(Name::MaxForwards, 70);
        request.headers.push(Name::From, &self.local);
        request.headers.push(Name::To, &self.remote);
        request.headers.push(Name::CallId, &self.id.call_id);
        if refreshes_target(&method) {
            request.headers.push(Name::Contact, &self.contact);
        }
        request.headers.push(Name::CSeq, CSeq { number: cseq, method });
        request
    }
}

/// Receiving.
impl Dialog {
    /// Judges a request that came in this dialog. Do not ask for ACK and CANCEL: they belong to
    /// their INVITE. What passes must be answered through [`Dialog::answer`].
    ///
    /// # Errors
    /// The answer to give: 481 to a foreign or ended dialog, 500 to one out of order or to a second
    /// INVITE of the peer (add Retry-After with [`Dialog::retry_after`]), 491 to one that meets
    /// ours.
    pub fn receive(&mut self, request: &Request) -> Result<(), Refusal> {
        if DialogId::of_request(request).as_ref() != Some(&self.id) || self.state == DialogState::Ended {
            return Err(Refusal::new(481, "Call/Transaction Does Not Exist"));
        }
        let number = request.headers.cseq()?.number;
        if self.remote_cseq.is_some_and(|last| number <= last) {
            return Err(Refusal::new(500, "CSeq Out of Order"));
        }
        self.remote_cseq = Some(number);
        if request.method == Method::Invite {
            match self.pending {
                Pending::Ours => return Err(Refusal::new(491, "Request Pending")),
                Pending::Theirs => return Err(Refusal::new(500, "INVITE Already Pending")),
                Pending::Nobodys => self.pending = Pending::Theirs,
            }
        }
        if refreshes_target(&request.method) {
            self.new_target = request.headers.contact()?.map(|contact| contact.uri);
        }
        Ok(())
    }

    /// Seconds for Retry-After beside a 500 to a second INVITE: 0 to 10 (§14.2).
    pub fn retry_after(tokens: &mut Tokens) -> u64 {
        tokens.below(11)
    }

    /// Takes note of an answer to our request of this method.
    pub fn receive_response(&mut self, response: &Response) -> Outcome {
        let Ok(CSeq { method, .. }) = response.headers.cseq() else {
            return Outcome::Fine;
        };
        let success = response.is_success();
        if success && method == Method::Invite && self.state == DialogState::Early {
            // The 2xx has the last word on the way (§13.2.2.4).
            if let Ok(mut routes) = response.headers.addresses(Name::RecordRoute) {
                routes.reverse();
                self.routes = routes;
            }
        }
        if success
            && refreshes_target(&method)
            && let Ok(Some(contact)) = response.headers.contact()
        {
            self.target = contact.uri;
        }
        if response.status < 200 {
            return Outcome::Fine;
        }
        self.settle(&method, success, Pending::Ours);
        match response.status {
            // §12.2.1.2: the peer has lost the dialog.
            481 | 408 => {
                self.state = DialogState::Ended;
                Outcome::Ended
            }
            491 if method == Method::Invite => Outcome::Glare,
            _ if self.state == DialogState::Ended => Outcome::Ended,
            _ => Outcome::Fine,
        }
    }

    /// The transaction layer says that our request got no answer: as 408. `method` is what was
    /// asked.
    pub fn receive_timeout(&mut self, method: &Method) -> Outcome {
        self.settle(method, false, Pending::Ours);
        self.state = DialogState::Ended;
        Outcome::Ended
    }

    /// A final answer to `method` went one way or the other.
    fn settle(&mut self, method: &Method, success: bool, whose: Pending) {
        match method {
            Method::Invite => {
                if self.pending == whose {
                    self.pending = Pending::Nobodys;
                }
                if self.state == DialogState::Early {
                    self.state = if success { DialogState::Confirmed } else { DialogState::Ended };
                }
            }
            // Whatever the answer to a BYE is, the talk is over (§15.1.1).
            Method::Bye => self.state = DialogState::Ended,
            Method::Subscribe | Method::Refer if success && self.state == DialogState::Early => {
                self.state = DialogState::Confirmed;
            }
            _ => {}
        }
    }
}

/// Looking in.
impl Dialog {
    /// Its name.
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// How far it is.
    pub fn state(&self) -> DialogState {
        self.state
    }

    /// Whose INVITE is under way.
    pub fn pending(&self) -> Pending {
        self.pending
    }

    /// Our address with our tag.
    pub fn local(&self) -> &NameAddr {
        &self.local
    }

    /// The peer's address with its tag.
    pub fn remote(&self) -> &NameAddr {
        &self.remote
    }

    /// The peer's Contact.
    pub fn target(&self) -> &Uri {
        &self.target
    }

    /// Our last CSeq number.
    pub fn local_cseq(&self) -> u32 {
        self.local_cseq
    }
}

/// The value of a Replaces, Join or Target-Dialog header (RFC 3891, 3911, 4538).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogReference {
    /// Call-ID.
    pub call_id: String,
    /// `to-tag` (Replaces, Join) as seen by the receiver: its local tag.
    pub to_tag: String,
    /// `from-tag`: the receiver's remote tag.
    pub from_tag: String,
    /// `early-only` of Replaces.
    pub early_only: bool,
}

impl DialogReference {
    /// Parses a header's value; `None` if a tag is missing.
    pub fn parse(text: &str) -> Option<Self> {
        let (call_id, params) = text.split_once(';')?;
        let params = Params::parse(params).ok()?;
        let tag = |name| params.get(name).filter(|tag| !tag.is_empty()).map(str::to_owned);
        Some(Self {
            call_id: call_id.trim().to_owned(),
            to_tag: tag("to-tag")?,
            from_tag: tag("from-tag")?,
            early_only: params.has("early-only"),
        })
    }

    /// The reference in a message's header of this name, if it is there and readable.
    pub fn in_headers(headers: &Headers, name: impl HeaderKey) -> Option<Self> {
        Self::parse(&headers.get(name)?)
    }

    /// The dialog meant, seen from our side.
    pub fn id(&self) -> DialogId {
        DialogId { call_id: self.call_id.clone(), local_tag: self.to_tag.clone(), remote_tag: self.from_tag.clone() }
    }
}

fn tag_of(address: &NameAddr) -> String {
    address.tag().unwrap_or_default().to_owned()
}

fn refreshes_target(method: &Method) -> bool {
    matches!(method, Method::Invite | Method::Update | Method::Subscribe | Method::Notify | Method::Refer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::message::Message;

    fn contact(text: &str) -> NameAddr {
        NameAddr::parse(text).unwrap()
    }

    /// INVITE from a to b through two proxies, as b gets it.
    fn invite() -> Request {
        Request::new(Method::Invite, &Uri::parse("sip:b@hub").unwrap())
            .with(Name::RecordRoute, "<sip:p2;lr>, <sip:p1;lr>")
            .with(Name::Via, "SIP/2.0/UDP p2;branch=z9hG4bK2")
            .with(Name::From, "\"甲\" <sip:a@x>;tag=aa")
            .with(Name::To, "<sip:b@hub>")
            .with(Name::CallId, "call")
            .with(Name::CSeq, "7 INVITE")
            .with(Name::Contact, "<sip:a@192.0.2.9:5070;ob>")
    }

    fn pair() -> (Dialog, Dialog) {
        let invite = invite();
        let mut b = Dialog::uas(&invite, "bb", contact("<sip:b@192.0.2.1>")).unwrap();
        let ok = b.answer(&invite, 200, "");
        let a = Dialog::uac(&invite, &ok).unwrap();
        (a, b)
    }

    #[test]
    fn both_sides_agree_and_route_the_right_way_round() {
        let (mut a, mut b) = pair();
        assert_eq!((a.state(), b.state()), (DialogState::Confirmed, DialogState::Confirmed));
        let bye = b.request(Method::Bye).unwrap();
        assert_eq!(bye.target_text(), "sip:a@192.0.2.9:5070;ob");
        let routes: Vec<String> =
            bye.headers.addresses(Name::Route).unwrap().iter().map(|r| r.uri.to_string()).collect();
        assert_eq!(routes, ["sip:p2;lr", "sip:p1;lr"]);
        assert_eq!(b.next_hop().as_str(), "sip:p2;lr");
        assert_eq!(a.next_hop().as_str(), "sip:p1;lr");
        assert_eq!(DialogId::of_request(&bye).as_ref(), Some(a.id()));
        a.receive(&bye).unwrap();
        let ok = a.answer(&bye, 200, "");
        assert_eq!(b.receive_response(&ok), Outcome::Ended);
        assert_eq!((a.state(), b.state()), (DialogState::Ended, DialogState::Ended));
        assert_eq!(a.request(Method::Info), Err(DialogError::Ended).map(|_: ()| unreachable!()));
    }

    impl PartialEq for Request {
        fn eq(&self, other: &Self) -> bool {
            self.encode() == other.encode()
        }
    }

    #[test]
    fn the_ack_has_the_invites_number() {
        let (a, _) = pair();
        let ack = a.ack(7);
        assert_eq!(ack.headers.cseq().unwrap().to_string(), "7 ACK");
        assert_eq!(ack.headers.to().unwrap().tag(), Some("bb"));
        assert!(!ack.headers.has(Name::Contact));
    }

    #[test]
    fn strict_routers_get_what_they_expect() {
        let mut invite = invite();
        invite.headers.set(Name::RecordRoute, "<sip:strict>, <sip:p1;lr>");
        let mut b = Dialog::uas(&invite, "bb", contact("<sip:b@h>")).unwrap();
        b.answer(&invite, 200, "");
        let bye = b.request(Method::Bye).unwrap();
        assert_eq!(bye.target_text(), "sip:strict");
        let routes: Vec<String> =
            bye.headers.addresses(Name::Route).unwrap().iter().map(|r| r.uri.to_string()).collect();
        assert_eq!(routes, ["sip:p1;lr", "sip:a@192.0.2.9:5070;ob"]);
    }

    #[test]
    fn order_is_kept() {
        let (mut a, mut b) = pair();
        let one = a.request(Method::Info).unwrap();
        let two = a.request(Method::Info).unwrap();
        b.receive(&two).unwrap();
        assert_eq!(b.receive(&one).unwrap_err().status, 500);
        assert_eq!(b.receive(&two).unwrap_err().status, 500);
        let mut foreign = a.request(Method::Info).unwrap();
        foreign.headers.set(Name::From, "<sip:a@x>;tag=evil");
        assert_eq!(b.receive(&foreign).unwrap_err().status, 481);
    }

    #[test]
    fn two_invites_meet_and_both_wait() {
        let (mut a, mut b) = pair();
        let from_a = a.request(Method::Invite).unwrap();
        let from_b = b.request(Method::Invite).unwrap();
        assert_eq!(a.request(Method::Invite).unwrap_err(), DialogError::InvitePending);
        assert_eq!(a.receive(&from_b).unwrap_err().status, 491);
        assert_eq!(b.receive(&from_a).unwrap_err().status, 491);
        let refused = Response::to(&from_a, 491, "");
        assert_eq!(a.receive_response(&refused), Outcome::Glare);
        assert_eq!(a.pending(), Pending::Nobodys);
        let mut tokens = Tokens::new([1; 32]);
        for _ in 0..100 {
            assert!((2_100..=4_000).contains(&a.glare_wait(&mut tokens)));
            assert!(b.glare_wait(&mut tokens) <= 2_000);
        }
        assert_eq!(a.state(), DialogState::Confirmed);
    }

    #[test]
    fn a_second_invite_of_the_peer_waits_for_the_first() {
        let (mut a, mut b) = pair();
        let one = a.request(Method::Invite).unwrap();
        b.receive(&one).unwrap();
        let mut two = one.clone();
        two.headers.set(Name::CSeq, "9 INVITE");
        assert_eq!(b.receive(&two).unwrap_err().status, 500);
        b.answer(&one, 488, "");
        two.headers.set(Name::CSeq, "10 INVITE");
        b.receive(&two).unwrap();
    }

    #[test]
    fn the_target_moves_only_when_accepted() {
        let (mut a, mut b) = pair();
        let mut invite = a.request(Method::Invite).unwrap();
        invite.headers.set(Name::Contact, "<sip:a@new>");
        b.receive(&invite).unwrap();
        b.answer(&invite, 488, "");
        assert_eq!(b.target().as_str(), "sip:a@192.0.2.9:5070;ob");
        invite.headers.set(Name::CSeq, "20 INVITE");
        b.receive(&invite).unwrap();
        let ok = b.answer(&invite, 200, "");
        assert_eq!(b.target().as_str(), "sip:a@new");
        assert_eq!(ok.headers.contact().unwrap().unwrap().uri.as_str(), "sip:b@192.0.2.1");
    }

    #[test]
    fn early_dialogs_end_with_a_refusal_and_forks_are_apart() {
        let invite = invite();
        let mut b = Dialog::uas(&invite, "bb", contact("<sip:b@h>")).unwrap();
        let ringing = b.answer(&invite, 180, "");
        let mut a = Dialog::uac(&invite, &ringing).unwrap();
        assert_eq!((a.state(), b.state(), a.pending()), (DialogState::Early, DialogState::Early, Pending::Ours));
        let busy = b.answer(&invite, 486, "");
        assert_eq!(a.receive_response(&busy), Outcome::Ended);
        assert_eq!((a.state(), b.state()), (DialogState::Ended, DialogState::Ended));
        assert!(Dialog::uac(&invite, &Response::to(&invite, 180, "")).is_err());
    }

    #[test]
    fn a_lost_peer_ends_the_dialog() {
        let (mut a, _) = pair();
        let info = a.request(Method::Info).unwrap();
        assert_eq!(a.receive_response(&Response::to(&info, 500, "")), Outcome::Fine);
        assert_eq!(a.receive_response(&Response::to(&info, 481, "")), Outcome::Ended);
        let (mut a, _) = pair();
        assert_eq!(a.receive_timeout(&Method::Invite), Outcome::Ended);
    }

    #[test]
    fn saved_and_restored_it_goes_on() {
        let (mut a, mut b) = pair();
        let saved = b.save();
        let sent_since = b.request(Method::Options).unwrap();
        a.receive(&sent_since).unwrap();
        let mut again = Dialog::restore(&saved).unwrap();
        assert_eq!(again.save(), SavedDialog { local_cseq: saved.local_cseq + RESTORE_SKIP, ..saved });
        a.receive(&again.request(Method::Info).unwrap()).unwrap();
        let bye = again.request(Method::Bye).unwrap();
        assert_eq!(bye.target_text(), b.request(Method::Bye).unwrap().target_text());
        a.receive(&bye).unwrap();
    }

    #[test]
    fn what_the_dialog_makes_parses_and_passes() {
        let (mut a, _) = pair();
        let wire = a.request(Method::Invite).unwrap().with(Name::Via, "SIP/2.0/UDP h;branch=z9hG4bK1").encode();
        let Message::Request(back) = Message::parse(wire).unwrap() else { panic!("a request") };
        assert_eq!(back.check(), Ok(()));
        assert_eq!(back.headers.from().unwrap().display.as_deref(), Some("甲"));
    }

    #[test]
    fn references() {
        let r = DialogReference::parse("98@h;to-tag=1;from-tag=2;early-only").unwrap();
        assert_eq!((r.id().local_tag.as_str(), r.id().remote_tag.as_str(), r.early_only), ("1", "2", true));
        assert_eq!(DialogReference::parse("98@h;to-tag=1"), None);
    }
}
