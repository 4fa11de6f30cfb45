//! What came in: which matter a short answer belongs to, and what becomes of everything else. Decided and written in one
//! transaction, before the centre is told that the message was taken.

use super::Messages;
use super::commands::Frame;
use super::ports::CitizenText;
use super::reply::{self, Reply};
use super::rows::{self, MessageRow, QuestionRow};
use crate::access::Refusal;
use crate::events::messages::{MessageEvent, TakenAs};
use crate::events::{ActorRef, NewEvent, Personal, Subject};
use crate::ids::{CaseId, MessageId, PhoneNumber};
use crate::log;
use crate::store::{StoreError, Tx};

/// Longest incoming text kept: a joined message of ten segments with room.
const TEXT_MAX: usize = 2_000;
/// Matters listed when it is unclear which was meant.
const LISTED_MAX: usize = 5;

/// A message as the link gives it.
#[derive(Clone)]
pub(super) struct Incoming {
    pub(super) link: String,
    pub(super) from: PhoneNumber,
    pub(super) ext: String,
    pub(super) text: String,
    pub(super) dedupe_key: String,
}

/// What it turned out to be.
struct Understood {
    taken_as: TakenAs,
    about: Option<Subject>,
    case: Option<CaseId>,
    /// What the writer is told, where it helps him.
    answer: Option<(&'static str, Vec<(&'static str, String)>)>,
}

impl Messages {
    /// Takes an incoming message. A repeated one changes nothing.
    pub(super) async fn take(&self, tx: &mut Tx, incoming: Incoming) -> Result<(), StoreError> {
        // The key may be made of number and text: its index says as much and shows nothing.
        if !rows::first_seen(tx, &incoming.link, &self.vault.index(&incoming.dedupe_key)).await? {
            return Ok(());
        }
        let id = MessageId::new(tx.ids());
        let text: String = incoming.text.chars().filter(|c| !c.is_control() || *c == '\n').take(TEXT_MAX).collect();
        let understood = self.understand(tx, id, &incoming, &text).await?;
        self.record(tx, id, &incoming, &text, &understood).await?;
        if let Some((template, words)) = understood.answer {
            let words = words.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
            let frame = Frame {
                receiver: "回复人".into(),
                to_citizen: false,
                case: understood.case,
                about: None,
                label: String::new(),
                orgs: vec![self.home.clone()],
                key: format!("answer:{id}"),
                to: incoming.from,
            };
            self.queue_template(tx, ActorRef::part("system", "短信回复"), template, &words, frame).await?;
        }
        Ok(())
    }

    async fn understand(
        &self,
        tx: &mut Tx,
        id: MessageId,
        incoming: &Incoming,
        text: &str,
    ) -> Result<Understood, StoreError> {
        let peer = self.vault.index(incoming.from.as_str());
        let questions = rows::questions(tx, &peer).await?;
        let said = reply::read(text);
        let asked: Vec<&QuestionRow> = match incoming.ext.as_str() {
            "" => questions.iter().filter(|q| !q.answered).collect(),
            ext => questions.iter().filter(|q| q.ext == ext).collect(),
        };
        match (&asked[..], &said) {
            ([one], Reply::One) => self.answer_one(tx, &peer, one, incoming).await,
            ([_, _, ..], Reply::One) => Ok(ambiguous(&asked)),
            ([one], Reply::Digit(_) | Reply::Text | Reply::Stop) => Ok(Understood {
                taken_as: TakenAs::Remark,
                case: case_of(&one.about),
                about: one.about.parse().ok(),
                answer: None,
            }),
            _ => self.citizen(tx, id, incoming, said, text).await,
        }
    }

    async fn answer_one(
        &self,
        tx: &mut Tx,
        peer: &str,
        question: &QuestionRow,
        incoming: &Incoming,
    ) -> Result<Understood, StoreError> {
        let about: Option<Subject> = question.about.parse().ok();
        let case = case_of(&question.about);
        let (taken_as, done) = match (&about, question.kind.as_str()) {
            _ if question.answered => (TakenAs::Remark, Err(already())),
            (Some(subject), "order") => {
                let order = subject.id.parse().map_err(|_| StoreError::Damaged("a question's order".into()))?;
                (TakenAs::Acceptance, self.matters.accept(tx, order, &incoming.from).await?)
            }
            _ => match case {
                Some(case) => (TakenAs::Signature, self.matters.sign(tx, case, &incoming.from).await?),
                None => (TakenAs::Remark, Err(already())),
            },
        };
        match done {
            Ok(()) => {
                rows::answered(tx, peer, &question.ext).await?;
                Ok(Understood { taken_as, about, case, answer: None })
            }
            Err(refusal) => Ok(Understood {
                taken_as: TakenAs::Remark,
                about,
                case,
                answer: Some(("not_understood", vec![("state", refusal.detail)])),
            }),
        }
    }

    async fn citizen(
        &self,
        tx: &mut Tx,
        id: MessageId,
        incoming: &Incoming,
        said: Reply,
        text: &str,
    ) -> Result<Understood, StoreError> {
        let (number, text) = match said {
            Reply::CaseNumber { number, rest } if !rest.is_empty() => (Some(number), rest),
            Reply::CaseNumber { number, .. } => (Some(number), text.to_owned()),
            _ => (None, text.to_owned()),
        };
        let written = CitizenText { message: id.into(), from: incoming.from.clone(), number, text };
        let (case, taken_as) = self.matters.citizen_wrote(tx, written).await?;
        Ok(Understood { taken_as, about: Some(case.into()), case: Some(case), answer: None })
    }

    async fn record(
        &self,
        tx: &mut Tx,
        id: MessageId,
        incoming: &Incoming,
        text: &str,
        understood: &Understood,
    ) -> Result<(), StoreError> {
        let number = incoming.from.as_str();
        let owner = self.vault.phone_owner(number);
        let orgs = match understood.case {
            Some(case) => self.matters.link(tx, case, id.into()).await?,
            None => vec![self.home.clone()],
        };
        let row = MessageRow {
            id,
            direction: "in".into(),
            peer: self.vault.index(number),
            number_sealed: self.vault.seal(tx, &owner, number).await?,
            text_sealed: self.vault.seal(tx, &owner, text).await?,
            receiver: String::new(),
            ext: incoming.ext.clone(),
            lane: "notice".into(),
            template: None,
            case: understood.case,
            link: incoming.link.clone(),
            state: "received".into(),
            reason: None,
            segments: 1,
            orgs: orgs.clone(),
            created_by: String::new(),
            created_at: tx.now(),
        };
        rows::insert(tx, &row).await?;
        let event = MessageEvent::Received {
            message: id,
            case: understood.case,
            from: Personal::new(owner.clone(), number),
            text: Personal::words(owner, text),
            taken_as: understood.taken_as,
            about: understood.about.clone(),
        };
        let actor = ActorRef::part("sms", "短信上行");
        log::append(tx, &self.vault, NewEvent::of(id, orgs, actor, &event)).await?;
        Ok(())
    }
}

fn ambiguous(asked: &[&QuestionRow]) -> Understood {
    let list: Vec<&str> = asked.iter().take(LISTED_MAX).map(|q| q.label.as_str()).collect();
    Understood {
        taken_as: TakenAs::Ambiguous,
        about: None,
        case: None,
        answer: Some(("ask_back", vec![("list", list.join(";"))])),
    }
}

fn already() -> Refusal {
    Refusal::conflict("message.already_answered", "已签收或已由他人处理")
}

fn case_of(about: &str) -> Option<CaseId> {
    about.parse::<Subject>().ok().filter(|s| s.kind == "case").and_then(|s| s.id.parse().ok())
}
