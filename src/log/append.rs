//! Appending: numbers the event, seals its personal texts, chains its hash, all in the caller's transaction.

use ring::digest::{Context, SHA256};
use serde_json::Value;

use super::vault::Vault;
use crate::events::{NewEvent, Record};
use crate::ids::EventId;
use crate::store::{StoreError, Tx};

/// Appends one event and returns its sequence number. It is there once the transaction has committed.
pub async fn append(tx: &mut Tx, vault: &Vault, event: NewEvent) -> Result<i64, StoreError> {
    let NewEvent { subject, orgs, actor, kind, mut body } = event;
    vault.seal_value(tx, &mut body).await?;
    let id = EventId::new(tx.ids());
    let at = tx.now();
    let seq = tx.head.seq + 1;
    let stored = Stored {
        seq,
        id: id.to_string(),
        at: at.0,
        kind,
        subject: subject.to_string(),
        actor: json(&actor)?,
        orgs: json(&orgs)?,
        body: json(&body)?,
    };
    let hash = stored.hash(&tx.head.hash);
    sqlx::query(
        "INSERT INTO log (seq, id, at, kind, subject, actor, orgs, body, hash) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
    )
    .bind(stored.seq)
    .bind(stored.id)
    .bind(stored.at)
    .bind(stored.kind)
    .bind(stored.subject)
    .bind(stored.actor)
    .bind(stored.orgs)
    .bind(stored.body)
    .bind(hash.to_vec())
    .execute(tx.conn())
    .await?;
    tx.head.seq = seq;
    tx.head.hash = hash;
    Ok(seq)
}

/// Appends several events in order.
pub async fn append_all(tx: &mut Tx, vault: &Vault, events: Vec<NewEvent>) -> Result<(), StoreError> {
    for event in events {
        append(tx, vault, event).await?;
    }
    Ok(())
}

/// An event exactly as it lies in the table: what the hash covers.
pub(super) struct Stored {
    pub(super) seq: i64,
    pub(super) id: String,
    pub(super) at: i64,
    pub(super) kind: String,
    pub(super) subject: String,
    pub(super) actor: String,
    pub(super) orgs: String,
    pub(super) body: String,
}

impl Stored {
    /// SHA-256 over the predecessor's hash and every field, each with its length before it so that no two rows that
    /// differ can be written as the same bytes.
    pub(super) fn hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(previous);
        context.update(&self.seq.to_be_bytes());
        context.update(&self.at.to_be_bytes());
        for text in [&self.id, &self.kind, &self.subject, &self.actor, &self.orgs, &self.body] {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        hash
    }

    /// The event as readers see it, its personal texts still sealed.
    pub(super) fn record(self, site: &str) -> Result<Record, StoreError> {
        Ok(Record {
            site: site.to_owned(),
            seq: self.seq,
            at: crate::ids::Timestamp(self.at),
            id: self.id.parse().map_err(|_| damaged(self.seq, "id"))?,
            kind: self.kind,
            subject: self.subject.parse().map_err(|_| damaged(self.seq, "subject"))?,
            actor: serde_json::from_str(&self.actor).map_err(|_| damaged(self.seq, "actor"))?,
            orgs: serde_json::from_str(&self.orgs).map_err(|_| damaged(self.seq, "orgs"))?,
            body: serde_json::from_str::<Value>(&self.body).map_err(|_| damaged(self.seq, "body"))?,
        })
    }
}

fn damaged(seq: i64, what: &str) -> StoreError {
    StoreError::Damaged(format!("event {seq}: its {what} is not what was written"))
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Damaged(e.to_string()))
}
