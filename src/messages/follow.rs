//! What messages do when others' events appear: notices of cases, alerts of orders, invitations to meetings. Each is one
//! message per receiver, once: the key is the event and the receiver.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Messages;
use super::commands::Frame;
use super::rows;
use crate::events::{ActorRef, Record, Subject};
use crate::ids::{CaseId, PhoneNumber, Timestamp, UnitId};
use crate::log::{Follower, VaultError};
use crate::store::{StoreError, Tx, WriteFuture};

/// Writes what events ask for.
pub struct Reminders(pub Messages);

impl Follower for Reminders {
    fn name(&self) -> &'static str {
        "messages.reminders"
    }

    fn wants(&self, kind: &str) -> bool {
        kind.starts_with("case.")
            || matches!(
                kind,
                "order.alerted" | "order.accepted" | "order.cancelled" | "order.declined" | "meeting.invited"
            )
    }

    fn handle<'a>(&'a self, tx: &'a mut Tx, event: &'a Record) -> WriteFuture<'a, (), StoreError> {
        Box::pin(async move {
            match event.kind.as_str() {
                "order.alerted" => self.alert(tx, event).await,
                "order.accepted" | "order.cancelled" | "order.declined" | "case.signed" => {
                    rows::close_questions(tx, &event.subject.to_string()).await
                }
                "meeting.invited" => self.invite(tx, event).await,
                _ => self.notices(tx, event).await,
            }
        })
    }
}

impl Reminders {
    /// The notices in a case event's change.
    async fn notices(&self, tx: &mut Tx, event: &Record) -> Result<(), StoreError> {
        let notices = event.body.pointer("/change/notices").or_else(|| event.body.get("notices"));
        let Some(notices) = notices.and_then(Value::as_array) else { return Ok(()) };
        let Ok(case) = event.subject.id.parse::<CaseId>() else { return Ok(()) };
        for (at, notice) in notices.iter().enumerate() {
            self.notice(tx, event, case, at, notice).await?;
        }
        Ok(())
    }

    async fn notice(
        &self,
        tx: &mut Tx,
        event: &Record,
        case: CaseId,
        at: usize,
        notice: &Value,
    ) -> Result<(), StoreError> {
        let template = text(notice, "template");
        let to_citizen = text(notice, "to") == "requester";
        let mut words = self.case_words(tx, event, case, notice, to_citizen).await?;
        let receivers = if to_citizen {
            let phone = self.0.matters.requester_phone(tx, case).await?;
            phone.map(|phone| ("市民".to_owned(), phone)).into_iter().collect::<Vec<_>>()
        } else {
            let unit = notice.pointer("/unit/id").and_then(Value::as_str).and_then(|id| id.parse::<UnitId>().ok());
            let contacts = match unit {
                Some(unit) => self.0.contacts.duty_phones(tx, unit).await?,
                None => Vec::new(),
            };
            words
                .insert("unit".into(), notice.pointer("/unit/name").and_then(Value::as_str).unwrap_or_default().into());
            contacts.into_iter().map(|c| (c.name, c.phone)).collect()
        };
        for (name, phone) in receivers {
            let frame = Frame {
                receiver: name,
                to_citizen,
                case: Some(case),
                about: Some(event.subject.clone()),
                label: format!("{}「{}」", text(&event.body, "public_no"), text(&event.body, "title")),
                orgs: event.orgs.clone(),
                key: format!("{}:{at}:{}", event.id, self.0.vault.index(phone.as_str())),
                to: phone,
            };
            self.write(tx, &template, &words, frame).await?;
        }
        Ok(())
    }

    async fn case_words(
        &self,
        tx: &mut Tx,
        event: &Record,
        case: CaseId,
        notice: &Value,
        to_citizen: bool,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let mut words: BTreeMap<String, String> =
            self.0.matters.words(tx, case, to_citizen).await?.into_iter().collect();
        words.insert("public_no".into(), text(&event.body, "public_no"));
        words.insert("title".into(), text(&event.body, "title"));
        words.insert("url".into(), format!("{}/track", self.0.public_url));
        for name in ["reason", "answer_text"] {
            words.insert(name.trim_end_matches("_text").into(), text(&event.body, name));
        }
        for (name, value) in notice.get("params").and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            words.insert(name.clone(), value.parse().map_or_else(|_| value.to_owned(), short_time));
        }
        Ok(words)
    }

    /// An order's alert to one phone.
    async fn alert(&self, tx: &mut Tx, event: &Record) -> Result<(), StoreError> {
        let mut body = event.body.clone();
        self.open(tx, event, &mut body).await?;
        let Ok(phone) = PhoneNumber::parse(&text(&body, "phone")) else { return Ok(()) };
        let due = text(&body, "answer_by").parse().map(short_time).unwrap_or_default();
        let words = [("name", text(&body, "name")), ("text", text(&body, "text")), ("due", due)];
        let words = words.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let frame = Frame {
            receiver: text(&body, "name"),
            to_citizen: false,
            case: text(&body, "case").parse().ok(),
            about: Some(event.subject.clone()),
            label: text(&body, "text"),
            orgs: event.orgs.clone(),
            key: format!("{}:{}", event.id, self.0.vault.index(phone.as_str())),
            to: phone,
        };
        self.write(tx, "order.alerted", &words, frame).await
    }

    /// Opens an event's body for a phone: nothing is masked.
    async fn open(&self, tx: &mut Tx, event: &Record, body: &mut Value) -> Result<(), StoreError> {
        match self.0.vault.open_secrets(tx.conn(), body).await {
            Ok(()) | Err(VaultError::Erased) => Ok(()),
            Err(VaultError::Store(e)) => Err(e),
            Err(VaultError::Damaged) => Err(StoreError::Damaged(format!("event {}", event.seq))),
        }
    }

    /// An invitation to a meeting, to the phones of each invited unit.
    async fn invite(&self, tx: &mut Tx, event: &Record) -> Result<(), StoreError> {
        let Some(unit) = text(&event.body, "unit").parse::<UnitId>().ok() else { return Ok(()) };
        let mut body = event.body.clone();
        self.open(tx, event, &mut body).await?;
        let words: BTreeMap<String, String> = [
            ("unit", text(&event.body, "unit_name")),
            ("title", text(&event.body, "title")),
            ("guest_link", text(&body, "url")),
        ]
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v))
        .collect();
        for contact in self.0.contacts.duty_phones(tx, unit).await? {
            let frame = Frame {
                receiver: contact.name,
                to_citizen: false,
                case: text(&event.body, "case").parse().ok(),
                about: None,
                label: String::new(),
                orgs: event.orgs.clone(),
                key: format!("{}:{}", event.id, self.0.vault.index(contact.phone.as_str())),
                to: contact.phone,
            };
            self.write(tx, "meeting.invited", &words, frame).await?;
        }
        Ok(())
    }

    async fn write(
        &self,
        tx: &mut Tx,
        template: &str,
        words: &BTreeMap<String, String>,
        frame: Frame,
    ) -> Result<(), StoreError> {
        let case = frame.case;
        let actor = ActorRef::part("system", "短信提醒");
        let written = self.0.queue_template(tx, actor, template, words, frame).await?;
        if let (Some(case), Some(id)) = (case, written) {
            self.0.matters.link(tx, case, Subject::from(id)).await?;
        }
        Ok(())
    }
}

/// `11月24日10:24`: what a phone shows.
fn short_time(at: Timestamp) -> String {
    at.civil().strftime("%-m月%-d日%H:%M").to_string()
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
