//! The gateway: hands queued messages to a link and writes down what the link tells. One task per link owns what waits for
//! an answer; the outbox row of a message stays until its outcome is stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use liandong_sms::link::{Link, LinkEvent, LinkStatus, OutMessage, Part, SubmitError};
use liandong_sms::pdu::Class;
use liandong_sms::receipt::{IdForms, State, receipt_keys};
use liandong_sms::session::lanes::Lane;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::Messages;
use super::commands::{COURIER, lane_of};
use super::incoming::Incoming;
use super::rows;
use crate::events::messages::MessageEvent;
use crate::events::{ActorRef, NewEvent};
use crate::ids::{MessageId, PhoneNumber, Timestamp};
use crate::log::{self, Attempt, Courier, Delivery, OutboxItem};
use crate::store::{Store, StoreError, Tx};

/// Messages that wait for the link's answer at a time; the courier hands over no more than it leases.
const WAITING_MAX: usize = 64;
/// How old a stored segment of a long message may be to be joined after a restart.
const PART_LIFE_MS: i64 = 600_000;
/// Validity by lane (facts/messages.md §6.4).
const VALIDITY: [(Lane, Duration); 4] = [
    (Lane::Emergency, Duration::from_secs(3_600)),
    (Lane::Order, Duration::from_secs(4 * 3_600)),
    (Lane::Reminder, Duration::from_secs(24 * 3_600)),
    (Lane::Notice, Duration::from_secs(48 * 3_600)),
];

/// What became of a message at the link.
#[derive(Debug, Default)]
struct Outcome {
    submitted: Vec<(u8, String)>,
    refused: Option<(Class, String)>,
    unknown: bool,
}

struct Waiting {
    of: Option<u8>,
    ended: u8,
    outcome: Outcome,
    answer: oneshot::Sender<Outcome>,
}

struct Want {
    key: String,
    answer: oneshot::Sender<Outcome>,
}

/// Carries messages over one link.
pub struct Gateway {
    messages: Messages,
    store: Store,
    link: Arc<dyn Link>,
    wants: mpsc::Sender<Want>,
}

/// A link as its page shows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LinkInfo {
    /// Its name.
    pub name: String,
    /// Bound.
    pub up: bool,
    /// Segments written and not answered.
    pub in_flight: usize,
    /// Segments waiting.
    pub queued: usize,
    /// Why it was last down.
    pub last_error: Option<String>,
}

impl Gateway {
    /// Takes a started link and its events over.
    pub fn start(
        messages: Messages,
        store: Store,
        link: Arc<dyn Link>,
        events: mpsc::Receiver<LinkEvent>,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let (wants, inbox) = mpsc::channel(WAITING_MAX);
        let gateway = Arc::new(Self { messages, store, link, wants });
        tokio::spawn(gateway.clone().listen(events, inbox, stop));
        gateway
    }

    /// How the link is.
    pub fn info(&self) -> LinkInfo {
        let LinkStatus { up, in_flight, queued, last_error, .. } = self.link.status();
        LinkInfo { name: self.link.name().to_owned(), up, in_flight, queued, last_error }
    }

    async fn listen(
        self: Arc<Self>,
        mut events: mpsc::Receiver<LinkEvent>,
        mut inbox: mpsc::Receiver<Want>,
        stop: CancellationToken,
    ) {
        self.restore().await;
        let mut waiting: HashMap<String, Waiting> = HashMap::new();
        loop {
            tokio::select! {
                // A want is sent before its message is handed over: read in this order, no answer comes before it.
                biased;
                () = stop.cancelled() => break,
                want = inbox.recv() => if let Some(Want { key, answer }) = want {
                    waiting.insert(key, Waiting { of: None, ended: 0, outcome: Outcome::default(), answer });
                },
                event = events.recv() => match event {
                    Some(event) => self.told(event, &mut waiting).await,
                    None => break,
                },
            }
        }
        self.link.close().await;
    }

    /// Segments of long messages that were taken before a restart.
    async fn restore(&self) {
        let since = Timestamp::now().plus_millis(-PART_LIFE_MS);
        match rows::parts(self.store.reader(), self.link.name(), since).await {
            Ok(parts) => {
                for part in parts.iter().filter_map(|p| serde_json::from_str::<Part>(p).ok()) {
                    self.link.restore(part).await;
                }
            }
            Err(e) => tracing::error!(error = %e, "stored segments could not be read"),
        }
    }

    async fn told(&self, event: LinkEvent, waiting: &mut HashMap<String, Waiting>) {
        match event {
            LinkEvent::Submitted { key, segment, of, smsc_id } => {
                note(waiting, &key, of, 1, |o| o.submitted.push((segment, smsc_id)));
            }
            LinkEvent::Refused { key, segment, of, class, text, .. } => {
                // Later segments are not sent: this one ends the message.
                note(waiting, &key, of, of - segment + 1, |o| o.refused = Some((class, text)));
            }
            LinkEvent::Unknown { key, of, .. } => note(waiting, &key, of, 1, |o| o.unknown = true),
            LinkEvent::Receipt { matched, ids, state, ack, .. } => {
                let written = self.receipt(matched.map(|m| (m.key, m.segment)), ids, state).await;
                accept(written, ack, "a receipt");
            }
            LinkEvent::Incoming { from, ext, text, dedupe_key, ack, .. } => {
                let Ok(from) = PhoneNumber::parse(&from) else {
                    // Not a number that could be answered or linked: kept nowhere, and not sent again for ever.
                    tracing::warn!("an incoming message without a usable sender was dropped");
                    return ack.accept();
                };
                let link = self.link.name().to_owned();
                let incoming = Incoming { link, from, ext: ext.unwrap_or_default(), text, dedupe_key };
                let messages = self.messages.clone();
                let written =
                    self.store.write(move |tx| Box::pin(async move { messages.take(tx, incoming).await })).await;
                accept(written, ack, "an incoming message");
            }
            LinkEvent::Part { part, ack } => {
                let (link, key) = (self.link.name().to_owned(), self.messages.vault.index(&part.dedupe_key));
                let text = serde_json::to_string(&part).unwrap_or_default();
                let written = self
                    .store
                    .write(move |tx| Box::pin(async move { rows::keep_part(tx, &link, &key, &text).await }))
                    .await;
                accept(written, ack, "a segment");
            }
            LinkEvent::LinkUp => tracing::info!(link = self.link.name(), "the SMS link is up"),
            LinkEvent::LinkDown { reason } => tracing::warn!(link = self.link.name(), reason, "the SMS link is down"),
        }
    }

    async fn receipt(&self, matched: Option<(String, u8)>, ids: Vec<String>, state: State) -> Result<(), StoreError> {
        let (messages, link) = (self.messages.clone(), self.link.name().to_owned());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let known = match matched {
                        Some((key, segment)) => key.parse().ok().map(|id: MessageId| (id, i64::from(segment))),
                        None => None,
                    };
                    let keys: Vec<String> = ids.iter().flat_map(|id| receipt_keys(id)).collect();
                    let mut owner = known;
                    for key in &keys {
                        if owner.is_none() {
                            owner = rows::receipt_owner(tx, &link, key).await?;
                        }
                    }
                    match owner {
                        // Its submit's answer is not written yet: the receipt waits for it, so that the log tells the true order.
                        Some((message, segment)) if is_queued(tx, message).await? => {
                            rows::keep_early(tx, &link, &early_key(message, segment), state.word()).await
                        }
                        Some((message, segment)) => apply_receipt(tx, &messages, message, segment, state).await,
                        None => {
                            for key in &keys {
                                rows::keep_early(tx, &link, key, state.word()).await?;
                            }
                            Ok(())
                        }
                    }
                })
            })
            .await
    }

    /// Everything that one attempt needs, opened.
    async fn prepare(&self, id: MessageId) -> Result<Option<OutMessage>, StoreError> {
        let Some(row) = rows::read_message(self.store.reader(), id).await? else { return Ok(None) };
        if row.state != "queued" && row.state != "unknown" {
            return Ok(None); // its outcome was stored before the hub was killed
        }
        let to = self.messages.open(&self.store, &row, &row.number_sealed).await?;
        let text = self.messages.open(&self.store, &row, &row.text_sealed).await?;
        let lane = lane_of(&row.lane);
        Ok(to.zip(text).map(|(to, text)| OutMessage {
            key: id.to_string(),
            to,
            from_ext: row.ext,
            text,
            lane,
            validity: VALIDITY.iter().find(|(l, _)| *l == lane).map(|(_, v)| *v),
            want_receipt: true,
        }))
    }

    async fn attempt(&self, item: &OutboxItem) -> Result<Delivery, StoreError> {
        let Ok(id) = item.payload.parse::<MessageId>() else {
            return Ok(Attempt::Dead("not a message".into()).into());
        };
        let Some(message) = self.prepare(id).await? else { return Ok(Attempt::Done.into()) };
        let lane = message.lane;
        let (answer, outcome) = oneshot::channel();
        let want = Want { key: message.key.clone(), answer };
        if self.wants.send(want).await.is_err() {
            return Ok(Attempt::Retry("短信网关正在停止".into()).into());
        }
        match self.link.submit(message).await {
            Ok(()) => {}
            Err(SubmitError::Closed) => return Ok(Attempt::Retry("短信网关正在停止".into()).into()),
            Err(e) => return Ok(self.failed(id, e.to_string())),
        }
        Ok(match outcome.await {
            Ok(outcome) => self.settle(id, lane, outcome, item.interrupted),
            Err(_) => Attempt::Retry("短信网关正在停止".into()).into(),
        })
    }

    fn settle(&self, id: MessageId, lane: Lane, outcome: Outcome, again: bool) -> Delivery {
        match outcome.refused {
            Some((Class::Permanent, why)) => return self.failed(id, why),
            Some((_, why)) => return Attempt::Retry(why).into(),
            None => {}
        }
        if outcome.unknown && matches!(lane, Lane::Emergency | Lane::Order) {
            // A double is harmless there, a loss is not (facts/messages.md §6.3).
            return Attempt::Retry("提交后未收到应答，重发".into()).into();
        }
        let (messages, link) = (self.messages.clone(), self.link.name().to_owned());
        let unknown = outcome.unknown;
        Delivery {
            attempt: Attempt::Done,
            record: Some(Box::new(move |tx| {
                Box::pin(async move { submitted(tx, &messages, id, &link, &outcome.submitted, (unknown, again)).await })
            })),
        }
    }

    fn failed(&self, id: MessageId, why: String) -> Delivery {
        let messages = self.messages.clone();
        Delivery {
            attempt: Attempt::Dead(why.clone()),
            record: Some(Box::new(move |tx| {
                Box::pin(async move {
                    rows::set_state(tx, id, "failed", Some(&why), None).await?;
                    append(tx, &messages, id, MessageEvent::Failed { message: id, reason: why }).await
                })
            })),
        }
    }
}

impl Courier for Gateway {
    fn name(&self) -> &'static str {
        COURIER
    }

    fn deliver(&self, item: OutboxItem) -> std::pin::Pin<Box<dyn Future<Output = Delivery> + Send + '_>> {
        Box::pin(async move {
            self.attempt(&item).await.unwrap_or_else(|e| Attempt::Retry(format!("数据库不可用：{e}")).into())
        })
    }
}

fn note(waiting: &mut HashMap<String, Waiting>, key: &str, of: u8, ended: u8, change: impl FnOnce(&mut Outcome)) {
    let Some(entry) = waiting.get_mut(key) else { return }; // a late answer to an unknown: its receipt will tell
    change(&mut entry.outcome);
    entry.ended += ended;
    let of = *entry.of.get_or_insert(of);
    if entry.ended >= of
        && let Some(done) = waiting.remove(key)
    {
        // The courier that asked may be gone with the hub's stop; the outbox row then stays.
        let _ = done.answer.send(done.outcome);
    }
}

async fn submitted(
    tx: &mut Tx,
    messages: &Messages,
    id: MessageId,
    link: &str,
    segments: &[(u8, String)],
    (unknown, again): (bool, bool),
) -> Result<(), StoreError> {
    let state = if unknown { "unknown" } else { "submitted" };
    rows::set_state(tx, id, state, None, Some(link)).await?;
    let event = if unknown {
        MessageEvent::Unknown { message: id }
    } else {
        MessageEvent::Submitted { message: id, link: link.to_owned(), again }
    };
    append(tx, messages, id, event).await?;
    for (segment, smsc_id) in segments {
        let mut keys: Vec<String> = Vec::new();
        if !smsc_id.is_empty() {
            keys.extend(IdForms::new(smsc_id).keys().map(str::to_owned));
            rows::insert_receipt_keys(tx, link, id, i64::from(*segment), &keys).await?;
        }
        keys.push(early_key(id, i64::from(*segment)));
        for key in &keys {
            if let Some(state) = rows::take_early(tx, link, key).await? {
                apply_receipt(tx, messages, id, i64::from(*segment), State::from_word(&state)).await?;
            }
        }
    }
    Ok(())
}

async fn is_queued(tx: &mut Tx, id: MessageId) -> Result<bool, StoreError> {
    Ok(rows::message(tx, id).await?.is_some_and(|m| m.state == "queued"))
}

fn early_key(message: MessageId, segment: i64) -> String {
    format!("message:{message}:{segment}")
}

/// A receipt for one segment: the message is delivered when all its segments are, failed when one is; never turned back.
async fn apply_receipt(
    tx: &mut Tx,
    messages: &Messages,
    id: MessageId,
    segment: i64,
    state: State,
) -> Result<(), StoreError> {
    let present = rows::segment_state(tx, id, segment).await?.map(|w| State::from_word(&w));
    if present.is_some_and(|p| !state.replaces(p)) {
        return Ok(());
    }
    rows::set_segment_state(tx, id, segment, state.word()).await?;
    let Some(row) = rows::message(tx, id).await? else { return Ok(()) };
    let (now, event) = match state {
        State::Delivered if rows::segments_in(tx, id, state.word()).await? >= row.segments => {
            ("delivered", MessageEvent::Delivered { message: id })
        }
        State::Expired => ("expired", MessageEvent::Expired { message: id }),
        State::Undeliverable | State::Rejected | State::Deleted => {
            ("failed", MessageEvent::Failed { message: id, reason: state.word().to_owned() })
        }
        _ => return Ok(()),
    };
    if row.state == now || row.state == "delivered" {
        return Ok(());
    }
    rows::set_state(tx, id, now, None, None).await?;
    append(tx, messages, id, event).await
}

async fn append(tx: &mut Tx, messages: &Messages, id: MessageId, event: MessageEvent) -> Result<(), StoreError> {
    let orgs = rows::message(tx, id).await?.map(|m| m.orgs).unwrap_or_default();
    let actor = ActorRef::part("sms", "短信网关");
    log::append(tx, &messages.vault, NewEvent::of(id, orgs, actor, &event)).await.map(|_| ())
}

/// The far side is told only what is on disk; else it sends again.
fn accept(written: Result<(), StoreError>, ack: liandong_sms::link::Ack, what: &'static str) {
    match written {
        Ok(()) => ack.accept(),
        Err(e) => tracing::error!(error = %e, "{what} could not be stored; the link will bring it again"),
    }
}
