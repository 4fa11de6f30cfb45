//! The sandbox link 沙箱: takes messages as a centre would, sends nothing, keeps nothing. The owner has the messages and shows
//! them; a person answers as the phone through [`SandboxLink::answer`].

use super::core::Prepared;
use super::{Ack, EVENTS, Link, LinkEvent, LinkStatus, Matched, MatchedBy, OutMessage, Part, SmppConfig, SubmitError};
use crate::pdu::canonical_number;
use crate::receipt::State;
use futures_util::future::BoxFuture;
use std::time::SystemTime;
use tokio::sync::{mpsc, oneshot};

/// Commands waiting for a slow owner of the events.
const COMMANDS: usize = 64;

enum Command {
    Submit(OutMessage, u8),
    Answer { from: String, to: String, text: String, taken: oneshot::Sender<bool> },
    Receipt { key: String, segment: u8, receiver: String, state: State },
    Stop,
}

/// A link without a network, through the same trait.
pub struct SandboxLink {
    config: SmppConfig,
    commands: mpsc::Sender<Command>,
}

impl SandboxLink {
    /// `source` is the number that phones would see. With `deliver`, every message that wants a receipt gets `Delivered`
    /// at once; without, use [`Self::receipt`].
    pub fn start(name: &str, source: &str, deliver: bool) -> (Self, mpsc::Receiver<LinkEvent>) {
        let config = SmppConfig { name: name.into(), source: source.into(), ..SmppConfig::default() };
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (events, receiver) = mpsc::channel(EVENTS);
        tokio::spawn(run(inbox, events, config.source.clone(), deliver));
        (Self { config, commands }, receiver)
    }

    /// A phone writes: to the source number with an extension. Returns whether the owner took it.
    pub async fn answer(&self, from: &str, to: &str, text: &str) -> bool {
        let (taken, answer) = oneshot::channel();
        let (from, to, text) = (canonical_number(from).to_owned(), to.to_owned(), text.to_owned());
        let sent = self.commands.send(Command::Answer { from, to, text, taken }).await;
        sent.is_ok() && answer.await.unwrap_or(false)
    }

    /// The phone got the segment, or did not.
    pub async fn receipt(&self, key: &str, segment: u8, receiver: &str, state: State) {
        let (key, receiver) = (key.to_owned(), canonical_number(receiver).to_owned());
        let _ = self.commands.send(Command::Receipt { key, segment, receiver, state }).await; // closed: nobody to tell
    }
}

impl Link for SandboxLink {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn submit(&self, message: OutMessage) -> BoxFuture<'_, Result<(), SubmitError>> {
        Box::pin(async move {
            let segments = Prepared::new(&self.config, message.clone())?.segments();
            self.commands.send(Command::Submit(message, segments)).await.map_err(|_| SubmitError::Closed)
        })
    }

    fn restore(&self, _part: Part) -> BoxFuture<'_, ()> {
        Box::pin(async {}) // phones in the sandbox write whole messages
    }

    fn recall(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {}) // nothing ever waits
    }

    fn status(&self) -> LinkStatus {
        LinkStatus { up: !self.commands.is_closed(), rate_scale: 1.0, ..LinkStatus::default() }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if self.commands.send(Command::Stop).await.is_ok() {
                self.commands.closed().await;
            }
        })
    }
}

/// Ends when the owner of the events is gone or the link closed.
async fn run(mut inbox: mpsc::Receiver<Command>, events: mpsc::Sender<LinkEvent>, source: String, deliver: bool) {
    let _ = events.send(LinkEvent::LinkUp).await;
    while let Some(command) = inbox.recv().await {
        let sent = match command {
            Command::Submit(message, segments) => submitted(&events, message, segments, deliver).await,
            Command::Answer { from, to, text, taken } => answered(&events, &source, from, to, text, taken).await,
            Command::Receipt { key, segment, receiver, state } => {
                events.send(receipt(key, segment, receiver, state)).await.ok()
            }
            Command::Stop => break,
        };
        if sent.is_none() {
            break;
        }
    }
}

/// The id is made of the key, so that it is the same after a restart.
fn id(key: &str, segment: u8) -> String {
    format!("sandbox-{key}-{segment}")
}

async fn submitted(events: &mpsc::Sender<LinkEvent>, message: OutMessage, of: u8, deliver: bool) -> Option<()> {
    for segment in 1..=of {
        let (key, smsc_id) = (message.key.clone(), id(&message.key, segment));
        events.send(LinkEvent::Submitted { key, segment, of, smsc_id }).await.ok()?;
        if deliver && message.want_receipt {
            let receiver = canonical_number(&message.to).to_owned();
            events.send(receipt(message.key.clone(), segment, receiver, State::Delivered)).await.ok()?;
        }
    }
    Some(())
}

fn receipt(key: String, segment: u8, receiver: String, state: State) -> LinkEvent {
    let smsc_id = id(&key, segment);
    LinkEvent::Receipt {
        dedupe_key: format!("receipt {smsc_id} {}", state.word()),
        raw: format!("id:{smsc_id} stat:{}", state.word()),
        ids: vec![smsc_id],
        matched: Some(Matched { key, segment, by: MatchedBy::Id }),
        receiver,
        state,
        error: None,
        ack: Ack::nobody(),
    }
}

async fn answered(
    events: &mpsc::Sender<LinkEvent>,
    source: &str,
    from: String,
    to: String,
    text: String,
    taken: oneshot::Sender<bool>,
) -> Option<()> {
    let (ack, answer) = Ack::channel();
    let at = SystemTime::now();
    // People may press a button twice within the second; two different answers differ in text or in time.
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let dedupe_key = format!("sandbox {from} {to} {seconds} {text}");
    let ext = to.strip_prefix(source).map(str::to_owned);
    events.send(LinkEvent::Incoming { from, to, ext, text, at, dedupe_key, complete: true, ack }).await.ok()?;
    tokio::spawn(async move { taken.send(answer.await.is_ok_and(|status| status.is_ok())) });
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::session::lanes::Lane;

    #[tokio::test]
    async fn submits_delivers_and_answers_through_the_trait() {
        let (link, mut events) = SandboxLink::start("sandbox", "12345", true);
        assert!(matches!(events.recv().await, Some(LinkEvent::LinkUp)));
        let message = OutMessage {
            key: "m1".into(),
            to: "13800138000".into(),
            from_ext: "01".into(),
            text: "汉".repeat(71),
            lane: Lane::Order,
            validity: None,
            want_receipt: true,
        };
        link.submit(message.clone()).await.unwrap();
        for expected in [1, 2] {
            assert!(
                matches!(events.recv().await, Some(LinkEvent::Submitted { segment, of: 2, .. }) if segment == expected)
            );
            assert!(
                matches!(events.recv().await, Some(LinkEvent::Receipt { matched: Some(m), state: State::Delivered, .. }) if m.segment == expected)
            );
        }
        let empty = OutMessage { text: String::new(), ..message };
        assert_eq!(link.submit(empty).await, Err(SubmitError::EmptyText));
        let reply = async { link.answer("+8613800138000", "1234501", "１").await };
        let owner = async {
            let Some(LinkEvent::Incoming { from, ext, text, ack, .. }) = events.recv().await else { panic!() };
            assert_eq!((from.as_str(), ext.as_deref(), text.as_str()), ("13800138000", Some("01"), "１"));
            ack.accept();
        };
        assert!(tokio::join!(reply, owner).0);
        link.close().await;
        assert!(events.recv().await.is_none());
    }
}
