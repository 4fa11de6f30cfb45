//! The registrar (RFC 3261 §10, with Path of RFC 3327 and the flows of RFC 5626): who can be
//! reached where, until when.
//!
//! [`Registration::read`] judges a REGISTER, [`Bindings::apply`] carries it out, all or nothing.
//! The result says what changed, so that the hub can write it down before it answers. Times are
//! whatever clock the caller uses throughout: the hub takes milliseconds since 1970, so that
//! bindings outlive a restart. Must not know accounts: authenticate first, and ask whether
//! the account may register this address.

use std::collections::{BTreeSet, HashMap};

use crate::{
    Method,
    flow::{Flow, Millis},
    header::{Contacts, NameAddr, delta_seconds},
    lex, limits,
    message::{Name, Refusal, Request, Response},
    uri::{Scheme, Uri},
};

/// How long bindings may last, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Shorter wishes are refused with 423; 0 (remove) is always allowed.
    pub least: u32,
    /// Longer wishes are cut to this.
    pub most: u32,
    /// For those who wish nothing.
    pub usual: u32,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { least: 30, most: 3_600, usual: 600 }
    }
}

/// A judged REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Address of record: [`aor`] of the To URI.
    pub aor: String,
    /// Whose bindings these are (§10.2.4).
    pub call_id: String,
    /// Orders them.
    pub cseq: u32,
    /// What is wanted.
    pub wish: Wish,
    /// Path values to be used as routes towards the contact, first hop first.
    pub path: Vec<String>,
    /// The User-Agent header, for the operator's eyes. Hostile text.
    pub user_agent: String,
}

/// What a REGISTER wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Only to know the bindings.
    Query,
    /// `Contact: *` with `Expires: 0`.
    RemoveAll,
    /// Add, refresh or (with a lifetime of 0) remove these.
    Update(Vec<WishedContact>),
}

/// One contact of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WishedContact {
    /// The address, octet for octet.
    pub uri: Uri,
    /// Seconds, already judged by [`Lifetimes`]; 0 removes.
    pub lifetime: u32,
    /// Preference in thousandths, 0 to 1000; 1000 where nothing is said.
    pub q: u16,
    /// `+sip.instance`: the device.
    pub instance: Option<String>,
    /// `reg-id`: which of the device's flows (RFC 5626).
    pub reg_id: Option<u32>,
}

/// One place where somebody can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // as in WishedContact and Registration
pub struct Binding {
    pub aor: String,
    pub uri: Uri,
    pub q: u16,
    pub instance: Option<String>,
    pub reg_id: Option<u32>,
    pub call_id: String,
    pub cseq: u32,
    pub path: Vec<String>,
    pub user_agent: String,
    /// When it ends.
    pub expires: Millis,
    /// The way on which it came. Requests go there while it stands: behind address translation,
    /// and to browsers, there is no other.
    pub flow: Option<Flow>,
}

impl Binding {
    /// Whether both are the same contact: the same device and flow, else equivalent addresses.
    fn is_same_contact(&self, uri: &Uri, instance: Option<&str>, reg_id: Option<u32>) -> bool {
        match (self.instance.as_deref(), instance) {
            (Some(ours), Some(theirs)) if self.reg_id.is_some() && reg_id.is_some() => {
                ours == theirs && self.reg_id == reg_id
            }
            _ => self.uri.equivalent(uri),
        }
    }
}

/// What a REGISTER or the time changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new binding.
    Added(Binding),
    /// The same contact anew.
    Refreshed(Binding),
    /// It is gone.
    Removed(Binding),
}

/// The address of record of a URI: scheme, user with escapes resolved, host in lower case; no
/// port, no parameters (§10.3 step 5).
pub fn aor(uri: &Uri) -> Option<String> {
    let (user, host) = (uri.user_plain()?, uri.host()?);
    Some(format!("sip:{}@{host}", crate::uri::escape_user(&user)))
}

impl Registration {
    /// Judges a REGISTER.
    ///
    /// # Errors
    /// The answer: 400 for what makes no sense, 423 (give it Min-Expires: [`Lifetimes::least`])
    /// for too short lifetimes.
    pub fn read(request: &Request, lifetimes: &Lifetimes) -> Result<Self, Refusal> {
        debug_assert_eq!(request.method, Method::Register);
        let h = &request.headers;
        let to = h.to()?.uri;
        let aor = aor(&to).filter(|_| to.is_sip());
        let aor = aor.ok_or(Refusal::bad_request("To must be a SIP address with a user"))?;
        let wish = match h.contacts()? {
            Contacts::Star if h.expires() == Some(0) => Wish::RemoveAll,
            Contacts::Star => return Err(Refusal::bad_request("Contact * needs Expires: 0")),
            Contacts::List(list) if list.is_empty() => Wish::Query,
            Contacts::List(list) if list.len() > limits::CONTACTS_PER_ACCOUNT => {
                return Err(Refusal::new(403, "Too Many Contacts"));
            }
            Contacts::List(list) => {
                let wished = list.iter().map(|contact| WishedContact::read(contact, h.expires(), lifetimes));
                Wish::Update(wished.collect::<Result<_, _>>()?)
            }
        };
        let path: Vec<String> = h.addresses(Name::Path)?.iter().map(ToString::to_string).collect();
        if path.len() > limits::PATHS {
            return Err(Refusal::bad_request("Path has too many values"));
        }
        let cseq = h.cseq()?.number;
        let user_agent = h.get(Name::UserAgent).unwrap_or_default().chars().take(128).collect();
        Ok(Self { aor, call_id: h.call_id()?, cseq, wish, path, user_agent })
    }
}

impl WishedContact {
    fn read(contact: &NameAddr, expires: Option<u32>, lifetimes: &Lifetimes) -> Result<Self, Refusal> {
        if !contact.uri.is_sip() {
            return Err(Refusal::bad_request("Contact must be a SIP address"));
        }
        // A malformed `expires` parameter counts as none (§10.2.1.1).
        let wished = contact.params.get("expires").and_then(delta_seconds).or(expires);
        let lifetime = wished.unwrap_or(lifetimes.usual).min(lifetimes.most);
        if lifetime > 0 && lifetime < lifetimes.least {
            return Err(Refusal::new(423, "Interval Too Brief"));
        }
        let q = contact.params.get("q").map_or(Some(1_000), thousandths);
        Ok(Self {
            uri: contact.uri.clone(),
            lifetime,
            q: q.ok_or(Refusal::bad_request("Contact: q must be 0 to 1"))?,
            instance: contact.params.plain("+sip.instance").filter(|text| !text.is_empty()),
            reg_id: contact.params.get("reg-id").and_then(lex::number).filter(|id| *id > 0),
        })
    }
}

/// All bindings.
#[derive(Debug, Default)]
pub struct Bindings {
    by_aor: HashMap<String, Vec<Binding>>,
    /// (end, AOR) of each binding.
    ends: BTreeSet<(Millis, String)>,
    count: usize,
}

impl Bindings {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts back a binding from the store. One that is over already goes at the next
    /// [`Bindings::expire`]; beyond the limits it is dropped.
    pub fn restore(&mut self, binding: Binding) {
        let present = self.by_aor.get(&binding.aor).map_or(0, Vec::len);
        if present < limits::CONTACTS_PER_ACCOUNT && self.count < limits::BINDINGS {
            self.ends.insert((binding.expires, binding.aor.clone()));
            self.by_aor.entry(binding.aor.clone()).or_default().push(binding);
            self.count += 1;
        }
    }

    /// Carries out a registration, all or nothing.
    ///
    /// # Errors
    /// 500 if it is older than what its own client registered before (§10.3 step 7), 403 if the
    /// account has too many contacts, 503 if the registrar is full.
    pub fn apply(&mut self, registration: &Registration, flow: Flow, now: Millis) -> Result<Vec<Change>, Refusal> {
        let mut list: Vec<Binding> = self.contacts(&registration.aor, now).into_iter().cloned().collect();
        let mut changes = match &registration.wish {
            Wish::Query => return Ok(Vec::new()),
            Wish::RemoveAll => remove_all(&mut list, registration)?,
            Wish::Update(wished) => {
                let one = |wish| update(&mut list, registration, wish, flow, now).transpose();
                wished.iter().filter_map(one).collect::<Result<Vec<_>, _>>()?
            }
        };
        if list.len() > limits::CONTACTS_PER_ACCOUNT {
            return Err(Refusal::new(403, "Too Many Contacts"));
        }
        let before = self.by_aor.get(&registration.aor).map_or(0, Vec::len);
        if self.count - before + list.len() > limits::BINDINGS && list.len() > before {
            return Err(Refusal::new(503, "Service Unavailable"));
        }
        changes.splice(0..0, self.take_expired(&registration.aor, now));
        self.put(&registration.aor, list);
        Ok(changes)
    }

    /// Where somebody can be reached now, best first; of equal preference the newest first.
    pub fn contacts(&self, aor: &str, now: Millis) -> Vec<&Binding> {
        let list = self.by_aor.get(aor).map(Vec::as_slice).unwrap_or_default();
        let mut live: Vec<&Binding> = list.iter().filter(|b| b.expires > now).collect();
        live.sort_by_key(|b| (std::cmp::Reverse(b.q), std::cmp::Reverse(b.expires)));
        live
    }

    /// The 200 to a REGISTER: all present bindings with their remaining seconds.
    pub fn answer(&self, request: &Request, registration: &Registration, now: Millis) -> Response {
        let mut response = Response::to(request, 200, "");
        for binding in self.contacts(&registration.aor, now) {
            let left = binding.expires.since(now).div_ceil(1_000);
            let mut contact = NameAddr::new(binding.uri.clone()).with_param("expires", &left.to_string());
            if binding.q < 1_000 {
                contact.params.set("q", Some(&format!("0.{:03}", binding.q)));
            }
            if let Some(instance) = &binding.instance {
                contact.params.set("+sip.instance", Some(&lex::quote(instance)));
            }
            if let Some(id) = binding.reg_id {
                contact.params.set("reg-id", Some(&id.to_string()));
            }
            response.headers.push(Name::Contact, contact);
        }
        response.headers.copy(&request.headers, Name::Path);
        response
    }

    /// Takes out what is over; call at or after [`Bindings::poll_timeout`].
    pub fn expire(&mut self, now: Millis) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Some((at, aor)) = self.ends.first().filter(|(at, _)| *at <= now).cloned() {
            changes.extend(self.take_expired(&aor, now));
            // Gone with its binding already; this makes sure that the loop ends.
            self.ends.remove(&(at, aor));
        }
        changes
    }

    /// When the next binding ends.
    pub fn poll_timeout(&self) -> Option<Millis> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// A connection broke: bindings that can be reached only on it (browsers; anything that came
    /// over a stream) are gone.
    pub fn flow_lost(&mut self, flow: Flow) -> Vec<Change> {
        let on_it = |b: &Binding| b.flow == Some(flow) && flow.transport.is_reliable();
        let hit = |(aor, list): (&String, &Vec<Binding>)| list.iter().any(on_it).then(|| aor.clone());
        let aors: Vec<String> = self.by_aor.iter().filter_map(hit).collect();
        let mut changes = Vec::new();
        for aor in aors {
            let list = self.by_aor.get(&aor).cloned().unwrap_or_default();
            let (gone, left): (Vec<_>, Vec<_>) = list.into_iter().partition(on_it);
            changes.extend(gone.into_iter().map(Change::Removed));
            self.put(&aor, left);
        }
        changes
    }

    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn take_expired(&mut self, aor: &str, now: Millis) -> Vec<Change> {
        let Some(list) = self.by_aor.get(aor) else {
            return Vec::new();
        };
        let (live, over): (Vec<_>, Vec<_>) = list.iter().cloned().partition(|b| b.expires > now);
        if !over.is_empty() {
            self.put(aor, live);
        }
        over.into_iter().map(Change::Removed).collect()
    }

    /// Makes `list` the bindings of an AOR.
    fn put(&mut self, aor: &str, list: Vec<Binding>) {
        for old in self.by_aor.remove(aor).unwrap_or_default() {
            self.ends.remove(&(old.expires, aor.to_owned()));
            self.count -= 1;
        }
        self.count += list.len();
        self.ends.extend(list.iter().map(|b| (b.expires, aor.to_owned())));
        if !list.is_empty() {
            self.by_aor.insert(aor.to_owned(), list);
        }
    }
}

fn remove_all(list: &mut Vec<Binding>, registration: &Registration) -> Result<Vec<Change>, Refusal> {
    for binding in list.iter() {
        check_order(binding, registration)?;
    }
    Ok(list.drain(..).map(Change::Removed).collect())
}

fn update(
    list: &mut Vec<Binding>,
    registration: &Registration,
    wish: &WishedContact,
    flow: Flow,
    now: Millis,
) -> Result<Option<Change>, Refusal> {
    let (instance, reg_id) = (wish.instance.as_deref(), wish.reg_id);
    let at = list.iter().position(|b| b.is_same_contact(&wish.uri, instance, reg_id));
    if let Some(at) = at {
        check_order(&list[at], registration)?;
    }
    let old = at.map(|at| list.remove(at));
    if wish.lifetime == 0 {
        return Ok(old.map(Change::Removed));
    }
    let binding = Binding {
        aor: registration.aor.clone(),
        uri: wish.uri.clone(),
        q: wish.q,
        instance: wish.instance.clone(),
        reg_id,
        call_id: registration.call_id.clone(),
        cseq: registration.cseq,
        path: registration.path.clone(),
        user_agent: registration.user_agent.clone(),
        expires: now.plus(u64::from(wish.lifetime) * 1_000),
        flow: Some(flow),
    };
    list.push(binding.clone());
    Ok(Some(if old.is_some() { Change::Refreshed(binding) } else { Change::Added(binding) }))
}

/// A client's registrations take effect in the order in which it made them; one that names a
/// contact twice contradicts itself and falls under the same rule.
fn check_order(binding: &Binding, registration: &Registration) -> Result<(), Refusal> {
    if binding.call_id == registration.call_id && registration.cseq <= binding.cseq {
        return Err(Refusal::new(500, "CSeq Out of Order"));
    }
    Ok(())
}

/// `0`, `1`, `0.5`, `0.125` in thousandths.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: u16 = lex::number(whole)?;
    let part: u16 = lex::number(&format!("{part:0<3}"))?;
    whole.checked_mul(1_000)?.checked_add(part).filter(|q| *q <= 1_000)
}

/// Sending to a binding.
impl Binding {
    /// Makes `request` go to this binding: Request-URI and Route.
    pub fn route(&self, request: &mut Request) {
        request.set_uri(&self.uri.without_headers());
        request.headers.remove(Name::Route);
        self.path.iter().for_each(|path| request.headers.push(Name::Route, path));
    }

    /// Whether it may only be asked over TLS.
    pub fn is_secure(&self) -> bool {
        self.uri.scheme() == Scheme::Sips
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::flow::{ConnectionId, Transport};

    const AOR: &str = "sip:8001@hub";

    fn flow() -> Flow {
        Flow::udp("192.0.2.1:5060".parse().unwrap(), "192.0.2.2:5060".parse().unwrap())
    }

    fn register(cseq: u32, contacts: &[&str]) -> Request {
        let mut request = Request::new(Method::Register, &Uri::parse("sip:hub").unwrap())
            .with(Name::From, "<sip:8001@hub>;tag=1")
            .with(Name::To, "<sip:%38001@HUB:5060;x>")
            .with(Name::CallId, "c")
            .with(Name::CSeq, format!("{cseq} REGISTER"));
        contacts.iter().for_each(|contact| request.headers.push(Name::Contact, contact));
        request
    }

    fn read(request: &Request) -> Registration {
        Registration::read(request, &Lifetimes::default()).unwrap()
    }

    fn apply(bindings: &mut Bindings, request: &Request, now: u64) -> Result<Vec<Change>, Refusal> {
        bindings.apply(&read(request), flow(), Millis(now))
    }

    #[test]
    fn life_of_a_binding() {
        let mut b = Bindings::new();
        let one = register(1, &["<sip:8001@192.0.2.2>;expires=60"]);
        assert!(matches!(&apply(&mut b, &one, 0).unwrap()[..], [Change::Added(x)] if x.aor == AOR));
        let answer = b.answer(&one, &read(&one), Millis(500));
        assert_eq!(answer.headers.get(Name::Contact).unwrap(), "<sip:8001@192.0.2.2>;expires=60");
        let again = register(2, &["<sip:8001@192.0.2.2>;expires=60"]);
        assert!(matches!(apply(&mut b, &again, 30_000).unwrap()[..], [Change::Refreshed(_)]));
        assert_eq!(b.len(), 1);
        assert_eq!(b.poll_timeout(), Some(Millis(90_000)));
        assert!(b.expire(Millis(89_999)).is_empty());
        assert!(b.contacts(AOR, Millis(90_000)).is_empty());
        assert!(matches!(b.expire(Millis(90_000))[..], [Change::Removed(_)]));
        assert!(b.is_empty() && b.poll_timeout().is_none());
    }

    #[test]
    fn removal_by_zero_and_by_star() {
        let mut b = Bindings::new();
        apply(&mut b, &register(1, &["<sip:a@1.1.1.1>, <sip:a@1.1.1.2>;q=0.5"]), 0).unwrap();
        assert!(matches!(
            apply(&mut b, &register(2, &["<sip:a@1.1.1.1>;expires=0"]), 0).unwrap()[..],
            [Change::Removed(_)]
        ));
        assert!(apply(&mut b, &register(3, &["<sip:none@1.1.1.1>;expires=0"]), 0).unwrap().is_empty());
        let star = register(4, &["*"]).with(Name::Expires, 0);
        assert_eq!(apply(&mut b, &star, 0).unwrap().len(), 1);
        assert!(b.is_empty());
        for bad in [
            register(5, &["*"]),
            register(5, &["*"]).with(Name::Expires, 60),
            register(5, &["*", "<sip:a@h>"]).with(Name::Expires, 0),
        ] {
            assert_eq!(Registration::read(&bad, &Lifetimes::default()).unwrap_err().status, 400);
        }
    }

    #[test]
    fn late_ones_change_nothing_at_all() {
        let mut b = Bindings::new();
        apply(&mut b, &register(5, &["<sip:a@1.1.1.1>"]), 0).unwrap();
        let late = register(4, &["<sip:a@1.1.1.2>, <sip:a@1.1.1.1>;expires=0"]);
        assert_eq!(apply(&mut b, &late, 1).unwrap_err().status, 500);
        assert_eq!(b.len(), 1);
        let mut rebooted = register(1, &["<sip:a@1.1.1.1>"]);
        rebooted.headers.set(Name::CallId, "new");
        assert!(matches!(apply(&mut b, &rebooted, 2).unwrap()[..], [Change::Refreshed(_)]));
    }

    #[test]
    fn lifetimes_are_judged() {
        let seconds = |contact: &str, expires: &str| {
            let request = register(1, &[contact]).with(Name::Expires, expires);
            match Registration::read(&request, &Lifetimes::default()) {
                Ok(Registration { wish: Wish::Update(list), .. }) => Ok(list[0].lifetime),
                Ok(_) => panic!("an update"),
                Err(refusal) => Err(refusal.status),
            }
        };
        assert_eq!(seconds("<sip:a@h>", "120"), Ok(120));
        assert_eq!(seconds("<sip:a@h>;expires=90", "120"), Ok(90));
        assert_eq!(seconds("<sip:a@h>;expires=280297596632815", "1"), Ok(3_600));
        assert_eq!(seconds("<sip:a@h>", "nonsense"), Ok(600));
        assert_eq!(seconds("<sip:a@h>", "5"), Err(423));
        assert_eq!(seconds("<sip:a@h>", "0"), Ok(0));
        assert_eq!(seconds("<name:John>", "60"), Err(400));
        assert_eq!(seconds("<sip:a@h>;q=1.1", "60"), Err(400));
    }

    #[test]
    fn a_browser_and_a_phone_of_one_account_stand_side_by_side() {
        let mut b = Bindings::new();
        apply(&mut b, &register(1, &["<sip:8001@192.0.2.2>;q=0.5"]), 0).unwrap();
        let browser = ["<sip:x1@abc.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;q=0.7"];
        let wss = Flow { transport: Transport::Wss, connection: ConnectionId(9), ..flow() };
        let mut request = register(1, &browser);
        request.headers.set(Name::CallId, "w");
        b.apply(&read(&request), wss, Millis(0)).unwrap();
        let order: Vec<&str> = b.contacts(AOR, Millis(1)).iter().map(|b| b.uri.user().unwrap()).collect();
        assert_eq!(order, ["x1", "8001"]);
        // A reloaded page: a new address and Call-ID, the same device.
        let again = ["<sip:x2@def.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;q=0.7"];
        let mut request = register(1, &again);
        request.headers.set(Name::CallId, "w2");
        let wss2 = Flow { connection: ConnectionId(10), ..wss };
        assert!(matches!(b.apply(&read(&request), wss2, Millis(2)).unwrap()[..], [Change::Refreshed(_)]));
        assert!(b.flow_lost(wss).is_empty());
        assert!(b.flow_lost(flow()).is_empty());
        assert!(matches!(b.flow_lost(wss2)[..], [Change::Removed(_)]));
        assert_eq!(b.len(), 1);
    }

    #[test]
    fn path_becomes_route() {
        let request = register(1, &["<sip:a@h?x=y>"]).with(Name::Path, "<sip:edge1;lr>, <sip:edge2;lr>");
        let mut b = Bindings::new();
        apply(&mut b, &request, 0).unwrap();
        let mut invite = Request::new(Method::Invite, &Uri::parse(AOR).unwrap());
        b.contacts(AOR, Millis(1))[0].route(&mut invite);
        assert_eq!(invite.target_text(), "sip:a@h");
        assert_eq!(invite.headers.all(Name::Route).count(), 2);
        assert!(b.answer(&request, &read(&request), Millis(1)).headers.has(Name::Path));
    }

    #[test]
    fn contacts_are_bounded_and_restored() {
        let mut b = Bindings::new();
        for i in 0..limits::CONTACTS_PER_ACCOUNT {
            let contact = format!("<sip:a@192.0.2.{i}>");
            apply(&mut b, &register(1, &[&contact]), 0).unwrap();
        }
        assert_eq!(apply(&mut b, &register(1, &["<sip:a@h>"]), 0).unwrap_err().status, 403);
        let mut again = Bindings::new();
        b.contacts(AOR, Millis(1)).into_iter().cloned().for_each(|binding| again.restore(binding));
        assert_eq!(again.contacts(AOR, Millis(1)), b.contacts(AOR, Millis(1)));
        // What is over makes room.
        assert!(apply(&mut b, &register(2, &["<sip:a@h>"]), 700_000).is_ok());
        assert_eq!(b.len(), 1);
    }

    proptest! {
        #[test]
        fn counts_and_timers_agree_after_anything(steps in prop::collection::vec((0u32..6, 0u8..5, 0u32..100, 0u64..50_000), 0..60)) {
            let mut b = Bindings::new();
            let mut now = 0;
            for (cseq, contact, lifetime, wait) in steps {
                now += wait;
                if contact == 4 { b.expire(Millis(now)); }
                let text = format!("<sip:a@192.0.2.{contact}>;expires={lifetime}");
                let request = register(cseq, &[&text]);
                if let Ok(registration) = Registration::read(&request, &Lifetimes::default()) {
                    let _ = b.apply(&registration, flow(), Millis(now));
                }
                prop_assert_eq!(b.len(), b.by_aor.values().map(Vec::len).sum::<usize>());
                prop_assert!(b.by_aor.values().flatten().all(|x| b.ends.contains(&(x.expires, x.aor.clone()))));
            }
            b.expire(Millis(now + 4_000_000));
            prop_assert!(b.is_empty() && b.by_aor.is_empty() && b.ends.is_empty());
        }
    }
}
