//! The media lanes: carry out [`MediaWork`] on the engine, one call's in order, without the switch waiting for it.

use std::path::PathBuf;
use std::sync::Arc;

use liandong_dialplans::{PlayId, PromptRef, Repeat};
use liandong_media::engine::{CallKey, EngineError, MediaEngine, Play};
use liandong_media::relay::LegNo;
use tokio::sync::mpsc;

use super::floor::MediaWork;
use super::ports::PortFuture;
use crate::calls::call::{LegId, RINGBACK};
use crate::calls::edge::media_leg;
use crate::ids::CallId;

/// Lanes: a prompt that is decoded for the first time holds up its own lane only.
const LANES: usize = 8;
/// Commands that may wait in one lane; the switch waits beyond it, which a living engine never lets happen.
const LANE: usize = 4_096;

/// A play that the engine has begun.
pub(super) type Begun = (CallId, LegId, PlayId);

/// The port to the media: the engine, or a test's.
pub trait Sound: Send + Sync + 'static {
    /// Does one thing. What fails is told in the text and costs nobody more than what he would have heard.
    fn work(&self, call: CallId, work: MediaWork) -> PortFuture<'_, Result<(), String>>;
}

/// The engine, with the folder below which recordings lie.
pub(super) struct Engine {
    pub(super) engine: Arc<MediaEngine>,
    pub(super) data: PathBuf,
}

impl Sound for Engine {
    fn work(&self, call: CallId, work: MediaWork) -> PortFuture<'_, Result<(), String>> {
        Box::pin(async move { self.perform(call, work).await.map_err(|e| e.to_string()) })
    }
}

impl Engine {
    async fn perform(&self, call: CallId, work: MediaWork) -> Result<(), EngineError> {
        let engine = &self.engine;
        let at = |leg| media_leg(call, leg);
        let key = CallKey(call.0.as_u128());
        let numbers = |legs: &[LegId]| legs.iter().map(|leg| at(*leg).leg).collect::<Vec<LegNo>>();
        match work {
            MediaWork::Bridge(a, b) => {
                // What was played to them is over; one that hears nothing says so, which is no failure.
                let _ = (engine.stop_play(at(a)).await, engine.stop_play(at(b)).await);
                engine.bridge(at(a), at(b)).await
            }
            MediaWork::Unbridge(a, b) => {
                let first = engine.unbridge(at(a)).await;
                // The other leg may be gone already.
                let _ = engine.unbridge(at(b)).await;
                first
            }
            MediaWork::Play { leg, prompts, repeat, .. } => {
                let list = prompts.into_iter().map(sound).collect();
                engine.play(at(leg), list, repeated(repeat)).await
            }
            MediaWork::StopPlay(leg) => engine.stop_play(at(leg)).await,
            MediaWork::Conference(legs) => {
                for leg in &legs {
                    let _ = engine.stop_play(at(*leg)).await;
                }
                engine.conference(key, &numbers(&legs)).await
            }
            MediaWork::RecordStart(path, left, right) => {
                engine.record_start(key, self.data.join(path), &numbers(&[left]), &numbers(&right)).await
            }
            MediaWork::RecordResume(path, after_ms, left, right) => {
                let path = self.data.join(path);
                engine.record_resume(key, path, after_ms, &numbers(&[left]), &numbers(&right)).await
            }
            MediaWork::RecordTracks(left, right) => {
                engine.record_tracks(key, &numbers(&[left]), &numbers(&right)).await
            }
            MediaWork::RecordStop => engine.record_stop(key).await,
            MediaWork::Digit(leg, digit) => engine.press(at(leg), &char::from(digit).to_string()).await,
            MediaWork::Mute(leg, on) => engine.mute(at(leg), on).await,
        }
    }
}

/// A prompt, or the ringback tone, which is made.
fn sound(prompt: PromptRef) -> Play {
    if prompt.as_str() == RINGBACK { Play::ringback() } else { Play::prompt(prompt.0) }
}

fn repeated(repeat: Repeat) -> liandong_media::prompt::Repeat {
    match repeat {
        Repeat::Once => liandong_media::prompt::Repeat::Once,
        Repeat::Forever => liandong_media::prompt::Repeat::Forever,
    }
}

/// The lanes' ends in the switch.
pub(super) struct Lanes(Vec<mpsc::Sender<(CallId, MediaWork)>>);

impl Lanes {
    /// Starts the lanes; what they have begun to play comes on the receiver.
    pub(super) fn start(sound: Arc<dyn Sound>) -> (Self, mpsc::Receiver<Begun>) {
        let (begun, told) = mpsc::channel(LANE);
        let lanes = (0..LANES).map(|_| lane(sound.clone(), begun.clone())).collect();
        (Self(lanes), told)
    }

    /// Hands a command over.
    pub(super) async fn send(&self, call: CallId, work: MediaWork) {
        let bits = call.0.as_u128();
        let lane = ((bits as u64) ^ ((bits >> 64) as u64)) as usize % self.0.len();
        // A lane ends only with the process.
        let _ = self.0[lane].send((call, work)).await;
    }
}

fn lane(sound: Arc<dyn Sound>, begun: mpsc::Sender<Begun>) -> mpsc::Sender<(CallId, MediaWork)> {
    let (lane, mut inbox) = mpsc::channel::<(CallId, MediaWork)>(LANE);
    tokio::spawn(async move {
        while let Some((call, work)) = inbox.recv().await {
            let play = match &work {
                MediaWork::Play { leg, id, .. } => Some((call, *leg, *id)),
                _ => None,
            };
            let kind = kind(&work);
            match sound.work(call, work).await {
                Ok(()) => {
                    if let Some(play) = play {
                        // Without this word the plan goes on by its own guard, somewhat later.
                        let _ = begun.try_send(play);
                    }
                }
                // A leg that has just gone is the usual reason; the call learns of that by itself.
                Err(reason) => tracing::debug!(%call, kind, reason, "a media command came to nothing"),
            }
        }
    });
    lane
}

fn kind(work: &MediaWork) -> &'static str {
    match work {
        MediaWork::Bridge(..) => "bridge",
        MediaWork::Unbridge(..) => "unbridge",
        MediaWork::Play { .. } => "play",
        MediaWork::StopPlay(_) => "stop_play",
        MediaWork::Conference(_) => "conference",
        MediaWork::RecordStart(..) => "record_start",
        MediaWork::RecordResume(..) => "record_resume",
        MediaWork::RecordTracks(..) => "record_tracks",
        MediaWork::RecordStop => "record_stop",
        MediaWork::Digit(..) => "digit",
        MediaWork::Mute(..) => "mute",
    }
}
