//! A participant and the tracks that he publishes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use liandong_media::sfu::{Kind, LayerSpec, PeerId, Quality, Settings, Shape, TrackId, TrackSpec};
use livekit_protocol as proto;
use proto::participant_info::State;

/// First protocol whose clients group tracks by stream name, so that sound and picture of one person stay together.
const PROTOCOL_NAMED_STREAMS: i32 = 10;

/// Who is in a room.
pub(super) struct Participant {
    pub(super) peer: PeerId,
    pub(super) sid: String,
    pub(super) identity: String,
    pub(super) name: String,
    pub(super) metadata: String,
    pub(super) attributes: HashMap<String, String>,
    pub(super) kind: i32,
    pub(super) permission: proto::ParticipantPermission,
    pub(super) client: proto::ClientInfo,
    pub(super) shape: Shape,
    pub(super) state: State,
    pub(super) version: u32,
    /// Milliseconds since 1970.
    pub(super) joined_at: i64,
    /// The socket that serves him; `None` while he is away.
    pub(super) socket: Option<u64>,
    /// When he is given up, if he is away.
    pub(super) away_until: Option<Instant>,
    /// Who left while he was away.
    pub(super) missed: Vec<proto::ParticipantInfo>,
    pub(super) auto_subscribe: bool,
    /// What he chose, track by track, against `auto_subscribe`.
    pub(super) choices: BTreeMap<TrackId, bool>,
    pub(super) settings: BTreeMap<TrackId, Settings>,
    pub(super) subscribed: BTreeSet<TrackId>,
    /// Whom he lets subscribe; `None` is everybody.
    pub(super) audience: Option<Vec<proto::TrackPermission>>,
    pub(super) tracks: Vec<Published>,
    /// The id of our last offer.
    pub(super) offers: u32,
}

/// A track that a participant publishes.
pub(super) struct Published {
    pub(super) id: TrackId,
    pub(super) cid: String,
    pub(super) info: proto::TrackInfo,
    /// Whether the others know it: its section has been answered or its media has come.
    pub(super) announced: bool,
    /// How loud it is, 0 to 1; 0 is silence.
    pub(super) level: f32,
    /// Whether its publisher knows that somebody gets it.
    pub(super) subscribed: bool,
    /// The layers the publisher was told to send: number of steps.
    pub(super) told: Option<usize>,
    /// Fewer layers, once they have been enough for a while.
    pub(super) lower: Option<(usize, Instant)>,
}

impl Participant {
    /// As the protocol shows him.
    pub(super) fn info(&self) -> proto::ParticipantInfo {
        proto::ParticipantInfo {
            sid: self.sid.clone(),
            identity: self.identity.clone(),
            state: self.state.into(),
            tracks: self.tracks.iter().filter(|t| t.announced).map(|t| t.info.clone()).collect(),
            metadata: self.metadata.clone(),
            joined_at: self.joined_at / 1_000,
            joined_at_ms: self.joined_at,
            name: self.name.clone(),
            version: self.version,
            permission: Some(self.permission.clone()),
            is_publisher: self.tracks.iter().any(|t| t.announced),
            kind: self.kind,
            attributes: self.attributes.clone(),
            client_protocol: self.client.client_protocol,
            capabilities: self.client.capabilities.clone(),
            ..proto::ParticipantInfo::default()
        }
    }

    /// What others call him.
    pub(super) fn shown_name(&self) -> String {
        if self.name.is_empty() { self.identity.clone() } else { self.name.clone() }
    }

    pub(super) fn track(&self, sid: &str) -> Option<&Published> {
        self.tracks.iter().find(|t| t.info.sid == sid)
    }

    pub(super) fn track_mut(&mut self, sid: &str) -> Option<&mut Published> {
        self.tracks.iter_mut().find(|t| t.info.sid == sid)
    }

    /// Whether he may publish from this source.
    pub(super) fn may_publish(&self, source: i32) -> bool {
        let sources = &self.permission.can_publish_sources;
        self.permission.can_publish && (sources.is_empty() || sources.contains(&source))
    }

    /// Whether he lets `other` have `track`.
    pub(super) fn admits(&self, other: &Self, track: &Published) -> bool {
        let Some(audience) = &self.audience else { return true };
        audience.iter().any(|p| {
            let named = if p.participant_identity.is_empty() {
                p.participant_sid == other.sid
            } else {
                p.participant_identity == other.identity
            };
            named && (p.all_tracks || p.track_sids.contains(&track.info.sid))
        })
    }

    /// Whether he wants and may have `track` of `publisher`.
    pub(super) fn wants(&self, publisher: &Self, track: &Published) -> bool {
        let chosen = self.choices.get(&track.id).copied().unwrap_or(self.auto_subscribe);
        self.peer != publisher.peer
            && track.announced
            && chosen
            && self.permission.can_subscribe
            && publisher.admits(self, track)
    }

    /// The media stream id under which he gets a track.
    pub(super) fn stream_of(&self, publisher: &Self, track: &Published) -> String {
        let firefox = self.client.browser.eq_ignore_ascii_case("firefox");
        let stream = if self.client.protocol >= PROTOCOL_NAMED_STREAMS && !firefox && !track.info.stream.contains('|') {
            &track.info.stream
        } else {
            &track.info.sid
        };
        format!("{}|{stream}", publisher.sid)
    }
}

impl Published {
    /// What a request asks to publish.
    #[allow(deprecated)] // older clients read and write these fields
    pub(super) fn new(id: TrackId, sid: String, request: &proto::AddTrackRequest) -> Self {
        let codec = request.simulcast_codecs.first();
        let mut layers = match codec {
            Some(codec) if request.layers.is_empty() => codec.layers.clone(),
            _ => request.layers.clone(),
        };
        layers.sort_by_key(|l| l.quality);
        let video = request.r#type == i32::from(proto::TrackType::Video);
        let mime = mime_of(video, codec.map(|c| c.codec.as_str()).unwrap_or_default());
        let stream = if request.stream.is_empty() { default_stream(request.source()) } else { request.stream.clone() };
        let info = proto::TrackInfo {
            sid,
            r#type: request.r#type,
            name: request.name.clone(),
            muted: request.muted,
            width: request.width,
            height: request.height,
            simulcast: layers.len() > 1,
            disable_dtx: request.disable_dtx,
            source: request.source,
            codecs: vec![proto::SimulcastCodecInfo {
                mime_type: mime.clone(),
                cid: request.cid.clone(),
                layers: layers.clone(),
                ..proto::SimulcastCodecInfo::default()
            }],
            layers,
            mime_type: mime,
            stereo: request.stereo,
            disable_red: true,
            encryption: request.encryption,
            stream,
            audio_features: request.audio_features.clone(),
            backup_codec_policy: request.backup_codec_policy,
            ..proto::TrackInfo::default()
        };
        Self {
            id,
            cid: request.cid.clone(),
            info,
            announced: false,
            level: 0.0,
            subscribed: false,
            told: None,
            lower: None,
        }
    }

    /// For the SFU.
    #[allow(deprecated)] // `layers`: what older clients write, filled from the codec for newer ones
    pub(super) fn spec(&self) -> TrackSpec {
        let kind = if self.is_video() { Kind::Video } else { Kind::Audio };
        let layers = self
            .info
            .layers
            .iter()
            .filter_map(|l| Some(LayerSpec { quality: quality(l.quality)?, width: l.width, height: l.height }));
        TrackSpec { track: self.id, cid: self.cid.clone(), kind, layers: layers.collect() }
    }

    pub(super) fn is_video(&self) -> bool {
        self.info.r#type == i32::from(proto::TrackType::Video)
    }

    /// Notes what arrives; whether anything was new.
    pub(super) fn arrived(&mut self, mid: &str, mime: Option<&str>) -> bool {
        let mime = mime.unwrap_or(&self.info.mime_type).to_owned();
        let new = !self.announced || self.info.mid != mid || self.info.mime_type != mime;
        self.announced = true;
        self.info.mid = mid.to_owned();
        self.info.mime_type.clone_from(&mime);
        if let Some(codec) = self.info.codecs.first_mut() {
            codec.mid = mid.to_owned();
            codec.mime_type = mime;
        }
        new
    }

    /// Which of its qualities to send when the `steps` smallest layers are wanted.
    #[allow(deprecated)] // older clients read `subscribed_qualities`
    pub(super) fn quality_update(&self, steps: usize) -> proto::SubscribedQualityUpdate {
        let known: Vec<i32> = self.info.layers.iter().map(|l| l.quality).collect();
        let enabled = |quality: i32| match known.iter().position(|k| *k == quality) {
            Some(rank) => rank < steps,
            None => known.is_empty() && steps > 0,
        };
        let qualities = [proto::VideoQuality::Low, proto::VideoQuality::Medium, proto::VideoQuality::High];
        let qualities: Vec<_> = qualities
            .into_iter()
            .map(|q| proto::SubscribedQuality { quality: q.into(), enabled: enabled(q.into()) })
            .collect();
        let codec = self.info.mime_type.trim_start_matches("video/").to_ascii_lowercase();
        proto::SubscribedQualityUpdate {
            track_sid: self.info.sid.clone(),
            subscribed_qualities: qualities.clone(),
            subscribed_codecs: vec![proto::SubscribedCodec { codec, qualities }],
        }
    }
}

/// The SFU's word for a protocol quality; `None` for off.
pub(super) fn quality(value: i32) -> Option<Quality> {
    match proto::VideoQuality::try_from(value) {
        Ok(proto::VideoQuality::Low) => Some(Quality::Low),
        Ok(proto::VideoQuality::Medium) => Some(Quality::Medium),
        Ok(proto::VideoQuality::High) => Some(Quality::High),
        _ => None,
    }
}

fn mime_of(video: bool, codec: &str) -> String {
    match (video, codec.to_ascii_lowercase().as_str()) {
        (false, _) => "audio/opus".into(),
        (true, "h264") => "video/H264".into(),
        (true, _) => "video/VP8".into(),
    }
}

fn default_stream(source: proto::TrackSource) -> String {
    match source {
        proto::TrackSource::ScreenShare | proto::TrackSource::ScreenShareAudio => "screen".into(),
        _ => "camera".into(),
    }
}
