//! What others may ask of messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use liandong_sms::session::lanes::Lane;
use liandong_sms::text::count;

use super::ports::{Contacts, Matters};
use super::rows::{self, MessageRow};
use super::templates::{Question, Templates};
use super::views::{MessageFilter, MessageView};
use crate::access::{self, Action, Actor, CommandError, Refusal};
use crate::events::messages::MessageEvent;
use crate::events::{ActorRef, NewEvent, Personal, Subject};
use crate::ids::{CaseId, MessageId, OrgPath, PhoneNumber};
use crate::log::{self, Vault, VaultError};
use crate::store::{Store, StoreError, Tx};

/// The outbox courier of messages.
pub(super) const COURIER: &str = "sms";
/// The name of the link whose messages stay in the hub.
const SANDBOX: &str = "sandbox";
/// Longest text: ten segments of Chinese.
const TEXT_MAX: usize = 670;
/// Messages in one page.
const PAGE_MAX: i64 = 200;
/// Extensions per receiver: two digits give each person 100 open matters (facts/messages.md §8.1).
const EXT_FIRST: u32 = 1;
const EXT_LAST: u32 = 99;

/// The domain's door. Cloning shares it.
#[derive(Clone)]
pub struct Messages {
    pub(super) vault: Vault,
    pub(super) templates: Arc<Templates>,
    pub(super) contacts: Arc<dyn Contacts>,
    pub(super) matters: Arc<dyn Matters>,
    /// The hub's own unit: what concerns no case concerns it.
    pub(super) home: OrgPath,
    /// For links in texts, such as `https://12345.example.gov.cn`.
    pub(super) public_url: String,
}

/// A message to be written.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// To whom.
    pub to: PhoneNumber,
    /// Who he is, as lists show him.
    pub receiver: String,
    /// The text.
    pub text: String,
    /// What screens and the log show instead, where the text carries what opens a door.
    pub shown: Option<String>,
    /// How urgent.
    pub lane: Lane,
    /// From which template.
    pub template: Option<String>,
    /// About which case.
    pub case: Option<CaseId>,
    /// Units that may see it.
    pub orgs: Vec<OrgPath>,
    /// What a "1" to it means, about what, and how the matter is called when several are open.
    pub question: Option<(Question, Subject, String)>,
    /// The same key writes one message.
    pub key: String,
}

impl Messages {
    /// The domain with its ports.
    pub fn new(
        vault: Vault,
        templates: Templates,
        contacts: Arc<dyn Contacts>,
        matters: Arc<dyn Matters>,
        home: OrgPath,
        public_url: String,
    ) -> Self {
        Self { vault, templates: Arc::new(templates), contacts, matters, home, public_url }
    }

    /// Writes a message for a person: checks the right, then queues it.
    pub async fn send(&self, tx: &mut Tx, actor: &Actor, new: NewMessage) -> Result<MessageId, CommandError> {
        actor.check(Action::MessageSend, access::Target::of(&new.orgs))?;
        let length = new.text.chars().count();
        if new.text.trim().is_empty() || length > TEXT_MAX {
            let text = format!("短信内容应为 1 至 {TEXT_MAX} 字，当前 {length} 字");
            return Err(Refusal::invalid("message.text", text).field("/text").into());
        }
        let case = new.case;
        let id = self.queue(tx, actor.as_ref(), new).await?;
        if let Some(case) = case {
            self.matters.link(tx, case, id.into()).await?;
        }
        Ok(id)
    }

    /// Queues a message: row, event and outbox item in one transaction.
    pub(super) async fn queue(&self, tx: &mut Tx, actor: ActorRef, new: NewMessage) -> Result<MessageId, StoreError> {
        let id = MessageId::new(tx.ids());
        if !log::put_outbox(tx, COURIER, &new.key, &id.to_string(), tx.now()).await? {
            return Ok(id); // written before under this key; the id is not used
        }
        let owner = self.vault.phone_owner(new.to.as_str());
        let peer = self.vault.index(new.to.as_str());
        let ext = match &new.question {
            Some((question, about, label)) => self.ask(tx, &peer, *question, about, label).await?,
            None => String::new(),
        };
        let segments = i64::try_from(count(&new.text).segments).unwrap_or(i64::MAX);
        let shown_sealed = match &new.shown {
            Some(shown) => Some(self.vault.seal(tx, &owner, shown).await?),
            None => None,
        };
        let row = MessageRow {
            id,
            direction: "out".into(),
            peer,
            number_sealed: self.vault.seal(tx, &owner, new.to.as_str()).await?,
            text_sealed: self.vault.seal(tx, &owner, &new.text).await?,
            shown_sealed,
            receiver: new.receiver.clone(),
            ext,
            lane: lane_word(new.lane).into(),
            template: new.template.clone(),
            case: new.case,
            link: String::new(),
            state: "queued".into(),
            reason: None,
            segments,
            orgs: new.orgs.clone(),
            created_by: actor.person.map(|p| p.to_string()).unwrap_or_default(),
            created_at: tx.now(),
        };
        rows::insert(tx, &row).await?;
        let event = MessageEvent::Queued {
            message: id,
            case: new.case,
            to: Personal::new(owner.clone(), new.to.as_str()),
            receiver: new.receiver,
            text: Personal::words(owner, new.shown.unwrap_or(new.text)),
            template: new.template,
            segments,
        };
        log::append(tx, &self.vault, NewEvent::of(id, new.orgs, actor, &event)).await?;
        Ok(id)
    }

    /// Writes from a template.
    pub(super) async fn queue_template(
        &self,
        tx: &mut Tx,
        actor: ActorRef,
        template: &str,
        words: &BTreeMap<String, String>,
        frame: Frame,
    ) -> Result<Option<MessageId>, StoreError> {
        let fallback = if frame.to_citizen { "case.progress_citizen" } else { "case.progress" };
        let Some(found) = self.templates.get(template).or_else(|| self.templates.get(fallback)) else {
            return Ok(None);
        };
        let question = found.question.zip(frame.about.clone()).map(|(q, about)| (q, about, frame.label.clone()));
        let new = NewMessage {
            to: frame.to,
            receiver: frame.receiver,
            text: found.fill(words),
            shown: found.shown(words),
            lane: found.lane,
            template: Some(template.to_owned()),
            case: frame.case,
            orgs: frame.orgs,
            question,
            key: frame.key,
        };
        self.queue(tx, actor, new).await.map(Some)
    }

    /// Opens a question under an extension of this receiver: the matter's own if it has one, else the first that is free or
    /// was answered longest ago.
    async fn ask(
        &self,
        tx: &mut Tx,
        peer: &str,
        question: Question,
        about: &Subject,
        label: &str,
    ) -> Result<String, StoreError> {
        let present = rows::questions(tx, peer).await?;
        let about = about.to_string();
        let own = present.iter().find(|q| q.about == about).map(|q| q.ext.clone());
        let free = || (EXT_FIRST..=EXT_LAST).map(|n| format!("{n:02}")).find(|e| present.iter().all(|q| q.ext != *e));
        let used = || present.iter().rev().find(|q| q.answered).or(present.last()).map(|q| q.ext.clone());
        let ext = own.or_else(free).or_else(used).unwrap_or_else(|| format!("{EXT_FIRST:02}"));
        let kind = match question {
            Question::Sign => "sign",
            Question::Order => "order",
        };
        rows::ask(tx, peer, &ext, kind, &about, label).await?;
        Ok(ext)
    }

    /// The messages that `actor` may see, newest first, with masked numbers. Texts are shown whole to those who may see
    /// the message.
    pub async fn list(
        &self,
        store: &Store,
        actor: &Actor,
        filter: MessageFilter,
    ) -> Result<Vec<MessageView>, StoreError> {
        let visible = actor.predicate(Action::MessageRead, "orgs", "created_by", "0", 1);
        let filter = MessageFilter { limit: filter.limit.clamp(1, PAGE_MAX), ..filter };
        let mut views = Vec::new();
        for row in rows::list(store.reader(), visible, &filter).await? {
            views.push(self.view(store, actor, row).await?);
        }
        Ok(views)
    }

    /// One message.
    pub async fn get(&self, store: &Store, actor: &Actor, id: MessageId) -> Result<MessageView, CommandError> {
        let hidden = || Refusal::not_found("access.not_found", "没有找到该短信，或当前岗位无权查看");
        let row = rows::read_message(store.reader(), id).await?.ok_or_else(hidden)?;
        actor.check_visible(Action::MessageRead, access::Target::of(&row.orgs), "短信")?;
        Ok(self.view(store, actor, row).await?)
    }

    async fn view(&self, store: &Store, actor: &Actor, row: MessageRow) -> Result<MessageView, StoreError> {
        let number = self.open(store, &row, &row.number_sealed).await?;
        // The sandbox's page is the phone.
        let phone = row.link == SANDBOX && actor.may(Action::SandboxUse, access::Target::of(&row.orgs));
        let shown = row.shown_sealed.as_ref().filter(|_| !phone).unwrap_or(&row.text_sealed);
        let text = self.open(store, &row, shown).await?;
        Ok(MessageView {
            id: row.id,
            direction: row.direction,
            number: number.as_deref().map(access::mask_phone),
            receiver: row.receiver,
            text,
            state: row.state,
            reason: row.reason,
            segments: row.segments,
            link: row.link,
            ext: row.ext,
            template: row.template,
            case_id: row.case,
            created_at: row.created_at,
        })
    }

    /// Opens one of a row's sealed texts; `None` once the person was erased.
    pub(super) async fn open(
        &self,
        store: &Store,
        row: &MessageRow,
        sealed: &str,
    ) -> Result<Option<String>, StoreError> {
        let mut conn = store.reader().acquire().await?;
        match self.vault.open_text(&mut conn, &format!("phone:{}", row.peer), sealed).await {
            Ok(text) => Ok(Some(text)),
            Err(VaultError::Erased) => Ok(None),
            Err(VaultError::Store(e)) => Err(e),
            Err(VaultError::Damaged) => Err(StoreError::Damaged(format!("message {}: its sealed text", row.id))),
        }
    }

    /// For the sandbox's page: the whole number behind a message, to answer as its receiver.
    pub async fn number_of(
        &self,
        store: &Store,
        actor: &Actor,
        id: MessageId,
    ) -> Result<(String, String), CommandError> {
        let hidden = || Refusal::not_found("access.not_found", "没有找到该短信，或当前岗位无权查看");
        let row = rows::read_message(store.reader(), id).await?.ok_or_else(hidden)?;
        actor.check_visible(Action::SandboxUse, access::Target::of(&row.orgs), "短信")?;
        let number = self.open(store, &row, &row.number_sealed).await?.ok_or_else(hidden)?;
        Ok((number, row.ext))
    }
}

/// Around a templated message.
pub(super) struct Frame {
    pub(super) to: PhoneNumber,
    pub(super) receiver: String,
    pub(super) to_citizen: bool,
    pub(super) case: Option<CaseId>,
    pub(super) about: Option<Subject>,
    pub(super) label: String,
    pub(super) orgs: Vec<OrgPath>,
    pub(super) key: String,
}

pub(super) fn lane_word(lane: Lane) -> &'static str {
    match lane {
        Lane::Emergency => "emergency",
        Lane::Order => "order",
        Lane::Reminder => "reminder",
        Lane::Notice => "notice",
    }
}

pub(super) fn lane_of(word: &str) -> Lane {
    match word {
        "emergency" => Lane::Emergency,
        "order" => Lane::Order,
        "reminder" => Lane::Reminder,
        _ => Lane::Notice,
    }
}
