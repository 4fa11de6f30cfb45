//! What clients ask of a room.

use std::time::Instant;

use liandong_media::sfu::{PeerId, Quality, Settings, TrackId};
use livekit_protocol as proto;
use proto::DisconnectReason;
use proto::request_response::{Reason, Request as Asked};
use proto::signal_response::Message;

use super::participant::{Published, quality};
use super::{MediaOp, Output, Request, Room};

/// Longest metadata and attributes together, as LiveKit's default.
const METADATA_MAX: usize = 64 * 1024;
/// Longest name.
const NAME_MAX: usize = 256;
/// Tracks that one request names at most.
const TRACKS_MAX: usize = 1_000;

impl Room {
    pub(super) fn request(&mut self, peer: PeerId, request: Request, now: Instant) {
        if !self.participants.contains_key(&peer) {
            return;
        }
        match request {
            Request::Offer(offer) => self.out.push(Output::Media(MediaOp::Answer(peer, offer.id, offer.sdp))),
            Request::Answer(answer) => self.answer(peer, answer),
            Request::AddTrack(request) => self.add_track(peer, &request),
            Request::Mute(mute) => self.mute(peer, &mute),
            Request::Subscription(wish) => self.subscription(peer, &wish),
            Request::TrackSetting(setting) => self.track_setting(peer, &setting),
            Request::SubscriptionPermission(permission) => self.audience(peer, permission),
            Request::Leave(_) => {
                self.remove(peer, DisconnectReason::ClientInitiated, "left");
                self.note_empty(now);
            }
            Request::SyncState(state) => self.sync(peer, &state, now),
            Request::UpdateMetadata(update) => self.update_metadata(peer, update),
            Request::UpdateAudioTrack(update) => self.update_audio(peer, update),
            Request::UpdateVideoTrack(update) => self.update_video(peer, &update),
            Request::Simulate(simulation) => self.simulate(peer, &simulation, now),
            Request::PublishDataTrackRequest(request) => {
                self.not_done(peer, 0, Reason::UnsupportedType, Some(Asked::PublishDataTrack(request)));
            }
            Request::UnpublishDataTrackRequest(request) => {
                self.not_done(peer, 0, Reason::UnsupportedType, Some(Asked::UnpublishDataTrack(request)));
            }
            Request::StoreDataBlobRequest(_) | Request::GetDataBlobRequest(_) => {
                self.not_done(peer, 0, Reason::UnsupportedType, None);
            }
            // Pings are answered at the socket. Candidates of clients are not needed: they reach us, not we them.
            _ => {}
        }
    }

    fn answer(&mut self, peer: PeerId, answer: proto::SessionDescription) {
        let current = self.participants.get(&peer).map(|p| p.offers);
        // An answer to an older offer is not one to the last; clients that do not number send 0.
        if answer.id == 0 || current == Some(answer.id) {
            self.out.push(Output::Media(MediaOp::TakeAnswer(peer, answer.sdp)));
        }
    }

    pub(super) fn add_track(&mut self, peer: PeerId, request: &proto::AddTrackRequest) {
        let Some(participant) = self.participants.get(&peer) else { return };
        if !participant.may_publish(request.source) {
            return self.not_done(peer, 0, Reason::NotAllowed, Some(Asked::AddTrack(request.clone())));
        }
        let known = participant.tracks.iter().find(|t| t.cid == request.cid || t.info.sid == request.sid);
        if let Some(known) = known {
            // Asked again, or a second codec, which we do not take: the first goes to everybody.
            let track = Some(known.info.clone());
            return self.send(
                peer,
                Message::TrackPublished(proto::TrackPublishedResponse { cid: request.cid.clone(), track }),
            );
        }
        if participant.tracks.len() >= liandong_media::sfu::MAX_TRACKS_PER_PEER {
            return self.not_done(peer, 0, Reason::LimitExceeded, Some(Asked::AddTrack(request.clone())));
        }
        let id = TrackId(self.number());
        let sid = format!("TR_{}{:x}", &self.sid[3..], id.0 & u64::from(u32::MAX));
        let track = Published::new(id, sid, request);
        let (spec, info, muted) = (track.spec(), track.info.clone(), track.info.muted);
        if let Some(participant) = self.participants.get_mut(&peer) {
            participant.tracks.push(track);
        }
        self.out.push(Output::Media(MediaOp::Publish(peer, spec)));
        if muted {
            self.out.push(Output::Media(MediaOp::Mute(id, true)));
        }
        let published = proto::TrackPublishedResponse { cid: request.cid.clone(), track: Some(info) };
        self.send(peer, Message::TrackPublished(published));
    }

    fn mute(&mut self, peer: PeerId, mute: &proto::MuteTrackRequest) {
        let Some(track) = self.participants.get_mut(&peer).and_then(|p| p.track_mut(&mute.sid)) else { return };
        if track.info.muted != mute.muted {
            track.info.muted = mute.muted;
            let id = track.id;
            self.out.push(Output::Media(MediaOp::Mute(id, mute.muted)));
            self.broadcast(peer, false);
        }
    }

    fn subscription(&mut self, peer: PeerId, wish: &proto::UpdateSubscription) {
        let grouped = wish.participant_tracks.iter().flat_map(|p| &p.track_sids);
        for sid in wish.track_sids.iter().chain(grouped).take(TRACKS_MAX) {
            let Some((publisher, track)) = self.find_sid(sid) else {
                if wish.subscribe {
                    let err = proto::SubscriptionError::SeTrackNotfound.into();
                    let response = proto::SubscriptionResponse { track_sid: sid.clone(), err };
                    self.send(peer, Message::SubscriptionResponse(response));
                }
                continue;
            };
            if let Some(participant) = self.participants.get_mut(&peer) {
                participant.choices.insert(track, wish.subscribe);
            }
            self.reconcile(peer, publisher, track);
        }
    }

    fn track_setting(&mut self, peer: PeerId, setting: &proto::UpdateTrackSettings) {
        let size = (setting.width > 0 && setting.height > 0).then_some((setting.width, setting.height));
        // With a size the quality says nothing: its absence looks like LOW.
        let chosen = if size.is_some() { Some(Quality::High) } else { quality(setting.quality) };
        let settings =
            Settings { enabled: !setting.disabled && chosen.is_some(), quality: chosen.unwrap_or(Quality::Low), size };
        for sid in setting.track_sids.iter().take(TRACKS_MAX) {
            let Some((_, track)) = self.find_sid(sid) else { continue };
            let Some(participant) = self.participants.get_mut(&peer) else { continue };
            participant.settings.insert(track, settings);
            if participant.subscribed.contains(&track) {
                self.out.push(Output::Media(MediaOp::Settings(peer, track, settings)));
            }
        }
    }

    /// Whom a publisher lets have his tracks.
    fn audience(&mut self, peer: PeerId, permission: proto::SubscriptionPermission) {
        let Some(participant) = self.participants.get_mut(&peer) else { return };
        participant.audience = (!permission.all_participants).then_some(permission.track_permissions);
        let tracks: Vec<TrackId> = participant.tracks.iter().map(|t| t.id).collect();
        let before: Vec<(PeerId, TrackId)> = self.getting(&tracks);
        tracks.iter().for_each(|track| self.reconcile_track(peer, *track));
        let after = self.getting(&tracks);
        let lost: Vec<_> = before.iter().filter(|b| !after.contains(b)).map(|b| (*b, false)).collect();
        let won: Vec<_> = after.iter().filter(|a| !before.contains(a)).map(|a| (*a, true)).collect();
        let Some(participant_sid) = self.participants.get(&peer).map(|p| p.sid.clone()) else { return };
        for ((subscriber, track), allowed) in lost.into_iter().chain(won) {
            let Some(track_sid) = self.find(track).map(|(_, t)| t.info.sid.clone()) else { continue };
            let participant_sid = participant_sid.clone();
            let update = proto::SubscriptionPermissionUpdate { participant_sid, track_sid, allowed };
            self.send(subscriber, Message::SubscriptionPermissionUpdate(update));
        }
    }

    fn getting(&self, tracks: &[TrackId]) -> Vec<(PeerId, TrackId)> {
        let gets = |p: &super::Participant| {
            let got = tracks.iter().copied().filter(|t| p.subscribed.contains(t));
            got.map(|t| (p.peer, t)).collect::<Vec<_>>()
        };
        self.participants.values().flat_map(gets).collect()
    }

    /// A client that came back says what it knows: if its tracks are not ours, it must begin anew.
    fn sync(&mut self, peer: PeerId, state: &proto::SyncState, now: Instant) {
        let Some(participant) = self.participants.get(&peer) else { return };
        let mut theirs = state.publish_tracks.iter().filter_map(|t| t.track.as_ref());
        if theirs.any(|t| participant.track(&t.sid).is_none()) {
            self.leave_word(peer, DisconnectReason::StateMismatch, proto::leave_request::Action::Reconnect);
            self.remove(peer, DisconnectReason::StateMismatch, "lost");
            return self.note_empty(now);
        }
        if let Some(wish) = &state.subscription {
            self.subscription(peer, wish);
        }
        let disabled = proto::UpdateTrackSettings {
            track_sids: state.track_sids_disabled.clone(),
            disabled: true,
            ..proto::UpdateTrackSettings::default()
        };
        self.track_setting(peer, &disabled);
    }

    fn update_metadata(&mut self, peer: PeerId, update: proto::UpdateParticipantMetadata) {
        let Some(participant) = self.participants.get_mut(&peer) else { return };
        let request_id = update.request_id;
        let size = update.metadata.len() + update.attributes.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
        let kept = participant.attributes.iter().filter(|(k, _)| !update.attributes.contains_key(*k));
        let kept: usize = kept.map(|(k, v)| k.len() + v.len()).sum();
        let reason = if !participant.permission.can_update_metadata {
            Reason::NotAllowed
        } else if size + kept > METADATA_MAX || update.name.len() > NAME_MAX {
            Reason::LimitExceeded
        } else {
            Reason::Ok
        };
        if reason != Reason::Ok {
            return self.not_done(peer, request_id, reason, Some(Asked::UpdateMetadata(update)));
        }
        if !update.metadata.is_empty() {
            participant.metadata = update.metadata;
        }
        if !update.name.is_empty() {
            participant.name = update.name;
        }
        for (name, value) in update.attributes {
            if value.is_empty() {
                participant.attributes.remove(&name);
            } else {
                participant.attributes.insert(name, value);
            }
        }
        self.broadcast(peer, true);
        self.not_done(peer, request_id, Reason::Ok, None);
    }

    fn update_audio(&mut self, peer: PeerId, update: proto::UpdateLocalAudioTrack) {
        let Some(track) = self.participants.get_mut(&peer).and_then(|p| p.track_mut(&update.track_sid)) else { return };
        track.info.audio_features = update.features;
        self.broadcast(peer, false);
    }

    fn update_video(&mut self, peer: PeerId, update: &proto::UpdateLocalVideoTrack) {
        let Some(track) = self.participants.get_mut(&peer).and_then(|p| p.track_mut(&update.track_sid)) else { return };
        track.info.width = update.width;
        track.info.height = update.height;
        self.broadcast(peer, false);
    }

    /// Ways to try a client.
    fn simulate(&mut self, peer: PeerId, simulation: &proto::SimulateScenario, now: Instant) {
        use proto::simulate_scenario::Scenario;
        match simulation.scenario {
            Some(Scenario::ServerLeave(_)) => {
                self.put_out(peer, DisconnectReason::ServerShutdown, "lost", now);
            }
            Some(Scenario::LeaveRequestFullReconnect(_) | Scenario::NodeFailure(_)) => {
                self.leave_word(peer, DisconnectReason::UnknownReason, proto::leave_request::Action::Reconnect);
                self.remove(peer, DisconnectReason::UnknownReason, "lost");
                self.note_empty(now);
            }
            Some(Scenario::DisconnectSignalOnResume(_)) => self.out.push(Output::Hang(peer)),
            _ => {}
        }
    }

    /// Says how a request went.
    fn not_done(&mut self, peer: PeerId, request_id: u32, reason: Reason, request: Option<Asked>) {
        let message = match reason {
            Reason::Ok => "",
            Reason::NotAllowed => "the token does not permit this",
            Reason::LimitExceeded => "over the limit of this server",
            _ => "not offered by this server",
        };
        let response = proto::RequestResponse { request_id, reason: reason.into(), message: message.into(), request };
        self.send(peer, Message::RequestResponse(response));
    }
}
