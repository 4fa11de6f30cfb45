//! A room without network and clock: what clients are told, in which order, and what the SFU is ordered to do.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use liandong_media::sfu::Kind;
use proptest::prelude::*;
use proto::leave_request::Action;

use super::*;

struct Stage {
    room: Room,
    now: Instant,
}

fn permission() -> proto::ParticipantPermission {
    proto::ParticipantPermission {
        can_subscribe: true,
        can_publish: true,
        can_publish_data: true,
        can_update_metadata: true,
        ..proto::ParticipantPermission::default()
    }
}

fn guest(identity: &str) -> Join {
    Join { identity: identity.into(), permission: permission(), auto_subscribe: true, socket: 1, ..Join::default() }
}

impl Stage {
    fn new() -> Self {
        let now = Instant::now();
        Self { room: Room::new(1, "drill", "salt", 0, now), now }
    }

    fn feed(&mut self, input: Input) -> Vec<Output> {
        self.room.handle(input, self.now, 1_000)
    }

    fn join_as(&mut self, join: Join) -> (PeerId, Vec<Output>) {
        let peer = self.room.next_peer();
        let out = self.feed(Input::Join(peer, Box::new(join)));
        (peer, out)
    }

    /// Joins and is connected.
    fn join(&mut self, identity: &str) -> PeerId {
        let (peer, _) = self.join_as(guest(identity));
        self.feed(Input::Media(SfuEvent::Connected { peer, role: Role::Publisher }));
        peer
    }

    fn ask(&mut self, peer: PeerId, request: Request) -> Vec<Output> {
        self.feed(Input::Request(peer, Box::new(request)))
    }

    fn publish(&mut self, peer: PeerId, cid: &str, source: proto::TrackSource) -> (TrackId, Vec<Output>) {
        let video = source == proto::TrackSource::Camera;
        let kind = if video { proto::TrackType::Video } else { proto::TrackType::Audio };
        let request = proto::AddTrackRequest {
            cid: cid.into(),
            r#type: kind.into(),
            source: source.into(),
            ..Default::default()
        };
        let out = self.ask(peer, Request::AddTrack(request));
        let spec = ops(&out).into_iter().find_map(|op| match op {
            MediaOp::Publish(_, spec) => Some(spec.track),
            _ => None,
        });
        let track = spec.unwrap();
        let answer = Answer {
            sdp: "v=0".into(),
            sending: Vec::new(),
            receiving: vec![("0".into(), track)],
            unmatched: Vec::new(),
        };
        let out = self.feed(Input::Answered(peer, 7, Some(answer)));
        (track, out)
    }
}

fn ops(out: &[Output]) -> Vec<&MediaOp> {
    out.iter().filter_map(|o| if let Output::Media(op) = o { Some(op) } else { None }).collect()
}

fn told(out: &[Output], peer: PeerId) -> Vec<&Message> {
    out.iter().filter_map(|o| if let Output::Send(to, m) = o { (*to == peer).then_some(&**m) } else { None }).collect()
}

fn updates(out: &[Output], peer: PeerId) -> Vec<proto::ParticipantInfo> {
    let update = |m: &&Message| if let Message::Update(u) = m { Some(u.participants.clone()) } else { None };
    told(out, peer).iter().filter_map(update).flatten().collect()
}

#[test]
fn a_join_begins_with_the_join_and_the_others_learn_of_it() {
    let mut stage = Stage::new();
    let amy = stage.join("amy");
    let offer = proto::SessionDescription { sdp: "v=0".into(), id: 3, ..Default::default() };
    let (bob, out) = stage.join_as(Join { offer: Some(offer), ..guest("bob") });
    let Message::Join(join) = told(&out, bob)[0] else { panic!("the first message is not join") };
    assert_eq!(join.other_participants[0].identity, "amy");
    assert!(join.participant.as_ref().unwrap().sid.starts_with("PA_") && !join.subscriber_primary);
    assert_eq!(updates(&out, amy)[0].identity, "bob");
    assert_eq!(ops(&out)[0], &MediaOp::Add(bob, Shape::Single));
    assert_eq!(ops(&out)[1], &MediaOp::Answer(bob, 3, "v=0".into()));
}

#[test]
fn two_connections_begin_with_our_offer() {
    let mut stage = Stage::new();
    let (bob, out) = stage.join_as(Join { dual: true, ..guest("bob") });
    assert_eq!(ops(&out), [&MediaOp::Add(bob, Shape::Dual), &MediaOp::Offer(bob)]);
    let out = stage.feed(Input::Offered(bob, Offer { sdp: "v=0".into(), sending: Vec::new() }));
    assert!(matches!(told(&out, bob)[0], Message::Offer(o) if o.id == 1));
    let answer = |id| Request::Answer(proto::SessionDescription { sdp: "a".into(), id, ..Default::default() });
    assert_eq!(ops(&stage.ask(bob, answer(9))).len(), 0, "an answer to another offer");
    assert_eq!(ops(&stage.ask(bob, answer(1))), [&MediaOp::TakeAnswer(bob, "a".into())]);
}

#[test]
fn a_track_is_announced_before_it_is_sent_and_its_publisher_hears_of_the_first_who_gets_it() {
    let mut stage = Stage::new();
    let (amy, bob) = (stage.join("amy"), stage.join("bob"));
    let (track, out) = stage.publish(amy, "cam", proto::TrackSource::Camera);
    let place = |wanted: &dyn Fn(&Output) -> bool| out.iter().position(wanted).unwrap();
    let update = place(&|o| matches!(o, Output::Send(to, m) if *to == bob && matches!(**m, Message::Update(_))));
    let subscribe = place(&|o| matches!(o, Output::Media(MediaOp::Subscribe(to, t, _)) if *to == bob && *t == track));
    assert!(update < subscribe);
    let info = &updates(&out, bob)[0].tracks[0];
    assert_eq!((info.mime_type.as_str(), info.mid.as_str(), info.stream.as_str()), ("video/VP8", "0", "camera"));
    assert!(told(&out, amy).iter().any(|m| matches!(m, Message::TrackSubscribed(_))));
    let late = stage.join("eve");
    assert!(stage.room.participants[&late].subscribed.contains(&track));
}

#[test]
fn who_may_not_publish_a_source_is_told() {
    let mut stage = Stage::new();
    let only_sound = proto::ParticipantPermission {
        can_publish_sources: vec![proto::TrackSource::Microphone.into()],
        ..permission()
    };
    let (bob, _) = stage.join_as(Join { permission: only_sound, ..guest("bob") });
    let camera = proto::AddTrackRequest { source: proto::TrackSource::Camera.into(), ..Default::default() };
    let out = stage.ask(bob, Request::AddTrack(camera));
    let refused = proto::request_response::Reason::NotAllowed;
    assert!(matches!(told(&out, bob)[0], Message::RequestResponse(r) if r.reason() == refused));
    assert!(ops(&out).is_empty());
}

#[test]
fn a_twin_replaces_the_first() {
    let mut stage = Stage::new();
    let first = stage.join("amy");
    let (second, out) = stage.join_as(guest("amy"));
    let Message::Leave(leave) = told(&out, first)[0] else { panic!("no leave") };
    assert_eq!((leave.reason(), leave.action()), (DisconnectReason::DuplicateIdentity, Action::Disconnect));
    assert!(out.iter().any(|o| matches!(o, Output::Hang(p) if *p == first)));
    assert_eq!(stage.room.participants.keys().collect::<Vec<_>>(), [&second]);
}

#[test]
fn a_lost_socket_keeps_its_place_and_hears_what_it_missed() {
    let mut stage = Stage::new();
    let (amy, bob) = (stage.join("amy"), stage.join("bob"));
    stage.feed(Input::SocketLost(amy, 99));
    assert!(stage.room.participants[&amy].socket.is_some(), "another socket's end");
    stage.feed(Input::SocketLost(amy, 1));
    let out = stage.ask(bob, Request::Leave(proto::LeaveRequest::default()));
    assert!(told(&out, amy).is_empty());
    let out = stage.feed(Input::Resume(amy, Box::new(Resume { socket: 5, sync: None })));
    assert!(matches!(told(&out, amy)[0], Message::Reconnect(_)));
    let seen: Vec<_> = updates(&out, amy).into_iter().map(|p| (p.identity.clone(), p.state())).collect();
    assert_eq!(seen, [("amy".into(), State::Active), ("bob".into(), State::Disconnected)]);
    stage.feed(Input::SocketLost(amy, 5));
    stage.now = stage.room.poll_timeout().unwrap();
    let out = stage.feed(Input::Tick);
    assert!(out.iter().any(|o| matches!(o, Output::Fact(crate::meetings::Happening::Left { reason: "lost", .. }))));
}

#[test]
fn a_client_that_knows_other_tracks_begins_anew() {
    let mut stage = Stage::new();
    let amy = stage.join("amy");
    let track = proto::TrackInfo { sid: "TR_unknown".into(), ..Default::default() };
    let published = proto::TrackPublishedResponse { cid: "x".into(), track: Some(track) };
    let state = proto::SyncState { publish_tracks: vec![published], ..Default::default() };
    let out = stage.ask(amy, Request::SyncState(state));
    assert!(matches!(told(&out, amy)[0], Message::Leave(l) if l.action() == Action::Reconnect));
    assert!(stage.room.participants.is_empty());
}

#[test]
fn a_publisher_chooses_who_gets_his_track() {
    let mut stage = Stage::new();
    let (amy, bob, eve) = (stage.join("amy"), stage.join("bob"), stage.join("eve"));
    let (track, _) = stage.publish(amy, "mic", proto::TrackSource::Microphone);
    let only_eve =
        proto::TrackPermission { participant_identity: "eve".into(), all_tracks: true, ..Default::default() };
    let permission = proto::SubscriptionPermission { all_participants: false, track_permissions: vec![only_eve] };
    let out = stage.ask(amy, Request::SubscriptionPermission(permission));
    assert_eq!(ops(&out), [&MediaOp::Unsubscribe(bob, track)]);
    assert!(matches!(told(&out, bob)[0], Message::SubscriptionPermissionUpdate(u) if !u.allowed));
    assert!(told(&out, eve).is_empty());
    let sid = stage.room.participants[&amy].tracks[0].info.sid.clone();
    let wish = proto::UpdateSubscription { track_sids: vec![sid], subscribe: true, ..Default::default() };
    assert!(ops(&stage.ask(bob, Request::Subscription(wish))).is_empty(), "not against the publisher's will");
}

#[test]
fn fewer_layers_are_asked_for_later_and_more_at_once() {
    let mut stage = Stage::new();
    let amy = stage.join("amy");
    let (track, _) = stage.publish(amy, "cam", proto::TrackSource::Camera);
    let wanted = |stage: &mut Stage, highest| {
        let out = stage.feed(Input::Media(SfuEvent::LayersWanted { peer: amy, track, highest }));
        told(&out, amy).iter().filter(|m| matches!(m, Message::SubscribedQualityUpdate(_))).count()
    };
    assert_eq!(wanted(&mut stage, Some(2)), 1);
    assert_eq!(wanted(&mut stage, None), 0, "tiles are hidden and shown again");
    assert_eq!(wanted(&mut stage, Some(2)), 0);
    assert_eq!(wanted(&mut stage, None), 0);
    stage.now += LOWER_AFTER;
    let out = stage.feed(Input::Tick);
    let Message::SubscribedQualityUpdate(update) = told(&out, amy)[0] else { panic!("not lowered") };
    assert!(update.subscribed_codecs[0].qualities.iter().all(|q| !q.enabled));
    assert_eq!(wanted(&mut stage, Some(0)), 1);
}

#[test]
fn an_emptied_room_ends_after_a_while_unless_somebody_returns() {
    let mut stage = Stage::new();
    let amy = stage.join("amy");
    stage.ask(amy, Request::Leave(proto::LeaveRequest::default()));
    let back = stage.join("amy");
    assert!(stage.room.poll_timeout().is_none());
    stage.ask(back, Request::Leave(proto::LeaveRequest::default()));
    stage.now = stage.room.poll_timeout().unwrap();
    let out = stage.feed(Input::Tick);
    assert!(matches!(out[..], [Output::Fact(crate::meetings::Happening::Emptied)]) && stage.room.is_over());
}

#[test]
fn the_hidden_are_seen_by_nobody() {
    let mut stage = Stage::new();
    let amy = stage.join("amy");
    let hidden = proto::ParticipantPermission { hidden: true, ..permission() };
    let (_, out) = stage.join_as(Join { permission: hidden, ..guest("eye") });
    assert!(told(&out, amy).is_empty());
    let (bob, out) = stage.join_as(guest("bob"));
    let Message::Join(join) = told(&out, bob)[0] else { panic!("no join") };
    assert_eq!(join.other_participants.len(), 1);
}

#[test]
fn who_comes_while_somebody_speaks_is_told() {
    let mut stage = Stage::new();
    let amy = stage.join("amy");
    let (track, _) = stage.publish(amy, "mic", proto::TrackSource::Microphone);
    let loudness = liandong_media::sfu::Loudness { level: 0.5, active: true };
    stage.feed(Input::Media(SfuEvent::Speaker { peer: amy, track, loudness }));
    let (bob, out) = stage.join_as(guest("bob"));
    assert!(!told(&out, bob).iter().any(|m| matches!(m, Message::SpeakersChanged(_))), "he does not know amy yet");
    let out = stage.feed(Input::Media(SfuEvent::Connected { peer: bob, role: Role::Publisher }));
    let heard = |m: &&Message| matches!(m, Message::SpeakersChanged(s) if s.speakers[0].active);
    assert_eq!(told(&out, bob).into_iter().filter(heard).count(), 1);
}

/// What a client may do, for the property below.
#[derive(Debug, Clone)]
enum Step {
    Join(u8),
    Leave(u8),
    Publish(u8, bool),
    Unpublish(u8),
    Choose(u8, u8, bool),
    Lose(u8),
    Wait(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0u8..5).prop_map(Step::Join),
        (0u8..5).prop_map(Step::Leave),
        (0u8..5, any::<bool>()).prop_map(|(p, v)| Step::Publish(p, v)),
        (0u8..8).prop_map(Step::Unpublish),
        (0u8..5, 0u8..8, any::<bool>()).prop_map(|(p, t, s)| Step::Choose(p, t, s)),
        (0u8..5).prop_map(Step::Lose),
        (0u8..40).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..60)
}

/// The SFU's side of the orders: refuses what a real one would refuse.
#[derive(Default)]
struct Model {
    peers: BTreeSet<PeerId>,
    tracks: BTreeMap<TrackId, PeerId>,
    subscriptions: BTreeSet<(PeerId, TrackId)>,
}

impl Model {
    fn obey(&mut self, op: &MediaOp) {
        match op {
            MediaOp::Add(peer, _) => assert!(self.peers.insert(*peer)),
            MediaOp::Remove(peer) => {
                assert!(self.peers.remove(peer));
                self.tracks.retain(|_, p| p != peer);
                let tracks = &self.tracks;
                self.subscriptions.retain(|(p, t)| p != peer && tracks.contains_key(t));
            }
            MediaOp::Publish(peer, spec) => {
                assert!(self.peers.contains(peer) && spec.kind != Kind::Application);
                assert!(self.tracks.insert(spec.track, *peer).is_none());
            }
            MediaOp::Unpublish(track) => {
                assert!(self.tracks.remove(track).is_some());
                self.subscriptions.retain(|(_, t)| t != track);
            }
            MediaOp::Subscribe(peer, track, _) => {
                assert!(self.peers.contains(peer) && self.tracks.contains_key(track));
                assert!(self.tracks[track] != *peer && self.subscriptions.insert((*peer, *track)));
            }
            MediaOp::Unsubscribe(peer, track) => assert!(self.subscriptions.remove(&(*peer, *track))),
            _ => {}
        }
    }
}

proptest! {
    /// Whatever clients do, the SFU is never ordered to do what cannot be, and the room's picture of who gets what is
    /// the SFU's.
    #[test]
    fn the_room_and_the_sfu_agree(steps in steps()) {
        let mut stage = Stage::new();
        let mut model = Model::default();
        for step in steps {
            let who = |stage: &Stage, n: u8| stage.room.participants.values().find(|p| p.identity == n.to_string()).map(|p| p.peer);
            let nth = |stage: &Stage, n: u8| {
                let all: Vec<_> = stage.room.participants.values().flat_map(|p| p.tracks.iter().map(move |t| (p.peer, t.id, t.info.sid.clone()))).collect();
                all.get(usize::from(n)).cloned()
            };
            let out = match step {
                Step::Join(n) => stage.join_as(guest(&n.to_string())).1,
                Step::Leave(n) => who(&stage, n).map(|p| stage.ask(p, Request::Leave(Default::default()))).unwrap_or_default(),
                Step::Publish(n, video) => match who(&stage, n) {
                    None => Vec::new(),
                    Some(peer) => {
                        let cid = format!("c{}", stage.room.next);
                        let kind = if video { proto::TrackType::Video } else { proto::TrackType::Audio };
                        let request = proto::AddTrackRequest { cid, r#type: kind.into(), ..Default::default() };
                        let mut out = stage.ask(peer, Request::AddTrack(request));
                        let track = ops(&out).into_iter().find_map(|op| if let MediaOp::Publish(_, s) = op { Some(s.track) } else { None });
                        if let Some(track) = track {
                            let event = SfuEvent::TrackArrived { peer, track, mid: "0".into(), mime: "video/VP8".into(), layer: 0 };
                            out.extend(stage.feed(Input::Media(event)));
                        }
                        out
                    }
                },
                Step::Unpublish(n) => nth(&stage, n).map(|(peer, track, _)| stage.feed(Input::Media(SfuEvent::TrackStopped { peer, track }))).unwrap_or_default(),
                Step::Choose(n, t, subscribe) => match (who(&stage, n), nth(&stage, t)) {
                    (Some(peer), Some((_, _, sid))) => {
                        stage.ask(peer, Request::Subscription(proto::UpdateSubscription { track_sids: vec![sid], subscribe, ..Default::default() }))
                    }
                    _ => Vec::new(),
                },
                Step::Lose(n) => who(&stage, n).map(|p| stage.feed(Input::SocketLost(p, 1))).unwrap_or_default(),
                Step::Wait(seconds) => {
                    stage.now += Duration::from_secs(seconds.into());
                    stage.feed(Input::Tick)
                }
            };
            ops(&out).into_iter().for_each(|op| model.obey(op));
            let room: BTreeSet<_> = stage.room.participants.values().flat_map(|p| p.subscribed.iter().map(move |t| (p.peer, *t))).collect();
            prop_assert_eq!(&room, &model.subscriptions);
        }
    }
}
