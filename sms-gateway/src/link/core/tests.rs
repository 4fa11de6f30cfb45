//! The link without a socket: a scripted centre, a virtual clock.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::pdu::{BindMode, Body, COctet, Tlvs};
use proptest::prelude::*;

const WALL: Duration = Duration::from_secs(1_800_000_000);

/// A link and the centre's side of its connection.
struct Rig {
    core: Core,
    now: Instant,
    /// Submits that the centre has not answered.
    open: VecDeque<(u32, Message)>,
    events: Vec<LinkEvent>,
    freed: Vec<Lane>,
    awaited: Vec<(DeliverHandle, oneshot::Receiver<Status>)>,
    /// Statuses of the deliver_sm_resp that we sent.
    answers: Vec<Status>,
    next_deliver: u32,
}

fn config() -> SmppConfig {
    SmppConfig { name: "t".into(), address: "t:1".into(), source: "1069".into(), rate: 1_000, ..SmppConfig::default() }
}

impl Rig {
    fn new(config: SmppConfig) -> Self {
        let now = Instant::now();
        let bind = config.bind().unwrap();
        let core = Core::new(Arc::new(config), bind, 7, now);
        let (open, events, freed, awaited, answers) = Default::default();
        let mut rig = Self { core, now, open, events, freed, awaited, answers, next_deliver: 0 };
        rig.wait(0);
        rig
    }

    fn submit(&mut self, message: OutMessage) {
        let prepared = Prepared::new(&self.core.config.clone(), message).unwrap();
        self.core.submit(prepared, self.now);
        self.drain();
    }

    fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        self.core.handle_timeout(self.now, SystemTime::UNIX_EPOCH + WALL);
        self.drain();
    }

    fn receive(&mut self, pdu: Pdu, wall_s: u64) {
        self.core.received(Ok(pdu), self.now, SystemTime::UNIX_EPOCH + WALL + Duration::from_secs(wall_s));
        self.drain();
    }

    fn answer(&mut self, status: Status, id: &str) -> Message {
        let (sequence, message) = self.open.pop_front().unwrap();
        let id = Some(COctet::new(id).unwrap());
        self.receive(Pdu::response(sequence, status, Body::SubmitResp(id, Tlvs::default())), 0);
        message
    }

    fn deliver(&mut self, message: Message, wall_s: u64) {
        self.next_deliver += 1;
        self.receive(Pdu::request(self.next_deliver, Body::Deliver(Box::new(message))), wall_s);
    }

    fn drain(&mut self) {
        loop {
            while let Some(event) = self.core.poll_event() {
                self.events.push(event);
            }
            let Some(output) = self.core.poll_output() else { return };
            match output {
                CoreOutput::Connect => self.core.connected(self.now),
                CoreOutput::Disconnect => self.open.clear(),
                CoreOutput::Freed(lane) => self.freed.push(lane),
                CoreOutput::Await(handle, answer) => self.awaited.push((handle, answer)),
                CoreOutput::Send(pdu) => self.sent(pdu),
            }
        }
    }

    fn sent(&mut self, pdu: Pdu) {
        match pdu.body {
            Body::Bind(mode, _) => {
                assert_eq!(mode, BindMode::Transceiver);
                let resp = Pdu::response(pdu.sequence, Status::ROK, Body::BindResp(mode, None));
                self.core.received(Ok(resp), self.now, SystemTime::UNIX_EPOCH + WALL);
            }
            Body::Submit(message) => self.open.push_back((pdu.sequence, *message)),
            Body::DeliverResp(..) => self.answers.push(pdu.status),
            _ => {}
        }
    }

    fn told(&mut self) -> Vec<String> {
        self.events.drain(..).map(|event| format!("{event:?}")).collect()
    }
}

fn message(key: &str, text: &str) -> OutMessage {
    OutMessage {
        key: key.into(),
        to: "13800138000".into(),
        from_ext: "01".into(),
        text: text.into(),
        lane: Lane::Reminder,
        validity: None,
        want_receipt: true,
    }
}

fn mo(text: &str) -> Message {
    Message {
        source: Address::new(1, 1, "8613800138000").unwrap(),
        destination: Address::new(0, 0, "106901").unwrap(),
        short_message: text.as_bytes().to_vec().into(),
        ..Message::default()
    }
}

fn part(text: &str, index: u8) -> Message {
    let header = Concatenation { reference: 9, total: 2, index }.header();
    Message { esm_class: esm::UDHI, short_message: [&header[..], text.as_bytes()].concat().into(), ..mo("") }
}

#[test]
fn a_refused_segment_takes_the_rest_of_its_message_along() {
    let mut rig = Rig::new(SmppConfig { window: 1, ..config() });
    rig.told();
    rig.submit(message("long", &"汉".repeat(200)));
    rig.answer(Status::ROK, "a");
    rig.wait(10);
    rig.answer(Status::RINVDSTADR, "");
    rig.wait(10);
    assert_eq!(rig.told(), ["Submitted(long 1/3 a)", "Refused(long 2/3 Permanent 0xb 0x0b ESME_RINVDSTADR)"]);
    assert!(rig.open.is_empty());
    assert_eq!(rig.freed, [Lane::Reminder]);
}

#[test]
fn throttled_segments_return_to_their_place() {
    let mut rig = Rig::new(SmppConfig { window: 3, ..config() });
    rig.told();
    rig.submit(message("long", &"汉".repeat(200)));
    rig.submit(message("later", "hello"));
    (0..3).for_each(|_| drop(rig.answer(Status::RTHROTTLED, "")));
    assert!(rig.open.is_empty(), "the bucket is empty");
    let indices = (0..40).fold(Vec::new(), |mut indices, _| {
        rig.wait(2);
        while !rig.open.is_empty() {
            let message = rig.answer(Status::ROK, "x");
            indices.push(if message.esm_class & esm::UDHI == 0 { 0 } else { message.short_message[5] });
        }
        indices
    });
    assert_eq!(indices, [1, 2, 3, 0]);
    assert_eq!(rig.freed.len(), 2);
}

#[test]
fn what_expires_while_waiting_is_told_once() {
    let mut rig = Rig::new(SmppConfig { window: 1, ..config() });
    rig.submit(message("first", "hello"));
    rig.told();
    let validity = Some(Duration::from_secs(5));
    rig.submit(OutMessage { validity, ..message("long", &"汉".repeat(200)) });
    rig.submit(OutMessage { validity: Some(Duration::from_secs(50)), ..message("good", "hello") });
    assert!(rig.core.poll_timeout(rig.now).unwrap() <= rig.now + Duration::from_secs(5));
    rig.wait(5_000);
    assert_eq!(rig.told(), ["Refused(long 1/3 Link 0x0 its validity ended before the link could send it)"]);
    rig.answer(Status::ROK, "a");
    let (_, good) = rig.open.front().unwrap();
    assert_eq!(good.validity_period.text(), "000000000045000R", "what is left of it");
    assert_eq!(rig.freed.len(), 2);
}

#[test]
fn a_message_waits_for_a_link_and_a_recall_gives_it_back() {
    let mut rig = Rig::new(config());
    rig.core.lost("gone".into(), rig.now);
    rig.told();
    rig.submit(message("long", &"汉".repeat(200)));
    rig.core.recall("recalled");
    rig.drain();
    let told = rig.told();
    assert!(
        told.contains(&"Refused(long 1/3 Link 0x0 recalled)".into()) && !told.iter().any(|t| t.contains("2/3")),
        "{told:?}"
    );
    assert_eq!(rig.freed, [Lane::Reminder]);
}

#[test]
fn repetitions_have_one_key_for_ten_minutes() {
    let mut rig = Rig::new(config());
    let mut key = |text: &str, wall_s| {
        rig.events.clear();
        rig.deliver(mo(text), wall_s);
        let Some(LinkEvent::Incoming { dedupe_key, .. }) = rig.events.pop() else { panic!() };
        dedupe_key
    };
    let first = key("1", 0);
    assert_eq!(first, key("1", 599), "even over a boundary of the clock's ten minutes");
    assert_ne!(first, key("2", 0));
    assert_ne!(first, key("1", 1_300), "a new answer to a new question");
}

#[test]
fn incoming_is_answered_by_the_owner_and_too_much_of_it_later() {
    let mut rig = Rig::new(config());
    rig.told();
    for number in 0..=MAX_UNTAKEN {
        rig.deliver(mo(&number.to_string()), 0);
    }
    assert_eq!((rig.events.len(), &rig.answers[..]), (MAX_UNTAKEN, &[Status::RX_T_APPN][..]));
    let (handle, _) = rig.awaited.remove(0);
    rig.core.answered(handle, Status::ROK, rig.now);
    rig.drain();
    assert_eq!(rig.answers, [Status::RX_T_APPN, Status::ROK]);
    rig.deliver(mo("again"), 0);
    assert_eq!(rig.events.len(), MAX_UNTAKEN + 1);
}

#[test]
fn a_long_message_is_given_up_after_ten_minutes_and_shown_as_it_is() {
    let mut rig = Rig::new(config());
    rig.deliver(part("second half", 2), 0);
    rig.told();
    rig.wait(599_000);
    assert!(!rig.events.iter().any(|event| matches!(event, LinkEvent::Incoming { .. })));
    rig.wait(1_000);
    let shown = rig.events.iter().find_map(|event| match event {
        LinkEvent::Incoming { text, complete: false, .. } => Some(text.as_str()),
        _ => None,
    });
    assert_eq!(shown, Some("[…]second half"));
}

#[test]
fn a_receipt_before_its_answer_is_told_twice_the_second_time_with_its_message() {
    let mut rig = Rig::new(config());
    rig.submit(message("m1", "hello"));
    rig.told();
    let receipt = Message { esm_class: esm::RECEIPT, ..mo("id:1059757057 stat:DELIVRD") };
    rig.deliver(receipt, 0);
    assert!(matches!(&rig.events[..], [LinkEvent::Receipt { matched: None, .. }]));
    rig.answer(Status::ROK, "3f2a9c01");
    assert!(
        matches!(&rig.events[2..], [LinkEvent::Receipt { matched: Some(m), receiver, .. }] if m.key == "m1" && receiver == "13800138000")
    );
}

#[test]
fn of_several_unknown_submits_the_echoed_reference_tells_which() {
    for (echoes, expected) in [(true, Some(("b".to_owned(), MatchedBy::Reference))), (false, None)] {
        let mut with_reference = config();
        with_reference.quirks.send_reference = true;
        let mut rig = Rig::new(with_reference);
        for key in ["a", "b", "c"] {
            rig.submit(message(key, "hello"));
        }
        let reference = rig.open[1].1.tlvs.find(tag::USER_MESSAGE_REFERENCE).unwrap().to_vec();
        rig.core.lost("gone".into(), rig.now);
        rig.wait(10_000);
        rig.told();
        let mut receipt = Message { esm_class: esm::RECEIPT, ..mo("id:99 stat:DELIVRD") };
        if echoes {
            receipt.tlvs.push(tag::USER_MESSAGE_REFERENCE, reference);
        }
        rig.deliver(receipt, 0);
        let Some(LinkEvent::Receipt { matched, .. }) = rig.events.pop() else { panic!() };
        assert_eq!(matched.map(|matched| (matched.key, matched.by)), expected);
    }
}

#[test]
fn receipts_without_their_flag() {
    let text = "id:7 stat:DELIVRD";
    let is_receipt = |config: SmppConfig, message: Message| {
        let mut rig = Rig::new(config);
        rig.told();
        rig.deliver(message, 0);
        matches!(rig.events[..], [LinkEvent::Receipt { .. }])
    };
    assert!(!is_receipt(config(), mo(text)), "a citizen may write this");
    let mut by_tlv = mo(text);
    by_tlv.tlvs.push(tag::RECEIPTED_MESSAGE_ID, *b"7");
    assert!(is_receipt(config(), by_tlv), "but cannot send a TLV");
    let mut switched = config();
    switched.quirks.receipts_without_flag = true;
    assert!(is_receipt(switched, mo(text)));
}

#[test]
fn wrong_messages_are_refused_before_they_are_queued() {
    let error = |message: OutMessage| Prepared::new(&config(), message).err();
    let good = message("m", "hello");
    assert_eq!(error(good.clone()), None);
    for to in ["", "12", "abc", "+86138001380001234567890", "１３８００１３８０００"] {
        assert_eq!(error(OutMessage { to: to.into(), ..good.clone() }), Some(SubmitError::BadReceiver), "{to}");
    }
    assert_eq!(
        error(OutMessage { from_ext: "12345678901234567".into(), ..good.clone() }),
        Some(SubmitError::BadExtension)
    );
    assert_eq!(error(OutMessage { from_ext: "a".into(), ..good.clone() }), Some(SubmitError::BadExtension));
    assert_eq!(error(OutMessage { text: String::new(), ..good.clone() }), Some(SubmitError::EmptyText));
    assert!(matches!(error(OutMessage { text: "汉".repeat(671), ..good }), Some(SubmitError::TooLong(_))));
}

#[test]
fn packed_links_pack_behind_the_header() {
    let mut packed = config();
    packed.quirks.default_alphabet = crate::text::Decoding::GsmPacked;
    let mut rig = Rig::new(packed);
    rig.submit(message("one", "hello"));
    rig.submit(message("two", &"a".repeat(161)));
    let octets: Vec<_> = rig.open.iter().map(|(_, message)| message.short_message.len()).collect();
    assert_eq!(octets, [5, 140, 14]);
    assert_eq!(&rig.open[2].1.short_message[6..], [0xc2, 0xe1, 0x70, 0x38, 0x1c, 0x0e, 0x87, 0x01]);
}

#[derive(Debug, Clone)]
enum Act {
    Submit(usize, usize),
    Answer(usize),
    Wait(u64),
    Lose,
    Recall,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0_usize..4, 1_usize..200).prop_map(|(lane, len)| Act::Submit(lane, len)),
        8 => (0_usize..6).prop_map(Act::Answer),
        4 => (1_u64..90_000).prop_map(Act::Wait),
        1 => Just(Act::Lose),
        1 => Just(Act::Recall),
    ]
}

proptest! {
    /// Whatever the centre does, and however the link is cut: every message is freed exactly once, no segment has two ends
    /// (but an unknown one may have a late one), and the window holds.
    #[test]
    fn every_segment_has_one_end(acts in prop::collection::vec(act(), 1..80)) {
        let mut rig = Rig::new(SmppConfig { window: 4, rate: 20, ..config() });
        let mut submitted = HashMap::new();
        for act in acts {
            match act {
                Act::Submit(lane, len) => {
                    let key = format!("m{}", submitted.len());
                    let validity = (len % 3 == 0).then(|| Duration::from_secs(len as u64));
                    submitted.insert(key.clone(), if len <= 70 { 1 } else { len.div_ceil(67) });
                    rig.submit(OutMessage { lane: Lane::ALL[lane], validity, ..message(&key, &"汉".repeat(len)) });
                }
                Act::Answer(how) if !rig.open.is_empty() => {
                    let status = [Status::ROK, Status::ROK, Status::RTHROTTLED, Status::RMSGQFUL, Status::RINVDSTADR, Status::RINVBNDSTS][how];
                    rig.answer(status, "x");
                }
                Act::Answer(_) => {}
                Act::Wait(ms) => rig.wait(ms),
                Act::Lose => {
                    rig.open.clear();
                    rig.core.lost("lost".into(), rig.now);
                    rig.drain();
                }
                Act::Recall => { rig.core.recall("recalled"); rig.drain() }
            }
            prop_assert!(rig.core.client.in_flight() <= 4);
        }
        rig.open.clear();
        rig.core.lost("the end".into(), rig.now);
        rig.core.recall("the end");
        rig.drain();
        prop_assert_eq!(rig.freed.len(), submitted.len());
        prop_assert!(rig.core.unfinished.is_empty() && rig.core.lanes.is_empty());
        let mut ends: HashMap<(String, u8), Vec<char>> = HashMap::new();
        for event in rig.events {
            let (key, segment, end) = match event {
                LinkEvent::Submitted { key, segment, .. } => (key, segment, 's'),
                LinkEvent::Refused { key, segment, .. } => (key, segment, 'r'),
                LinkEvent::Unknown { key, segment, .. } => (key, segment, 'u'),
                _ => continue,
            };
            prop_assert!(segment >= 1 && usize::from(segment) <= submitted[&key]);
            ends.entry((key, segment)).or_default().push(end);
        }
        for (segment, end) in &ends {
            prop_assert!(matches!(end[..], ['s'] | ['r'] | ['u'] | ['u', 's' | 'r']), "{segment:?} {end:?}");
        }
        for (key, of) in submitted {
            let told: Vec<_> = (1..=of).filter_map(|segment| ends.get(&(key.clone(), u8::try_from(segment).unwrap()))).collect();
            let refused = told.iter().any(|end| end.contains(&'r'));
            prop_assert!(told.len() == of || refused, "{key}: {told:?} of {of}");
        }
    }
}
