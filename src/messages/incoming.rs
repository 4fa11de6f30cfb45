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

/// One message on its way into the log.
struct Letter<'a> {
    id: MessageId,
    incoming: &'a Incoming,
    text: &'a str,
}

/// What it turned out to be.
struct Understood {
    taken_as: TakenAs,
    about: Option<Subject>,
    case: Option<CaseId>,
    /// What the writer is told, where it helps him.
    answer: Option<(&'static str, Vec<(&'static str, String)>)>,
}

/// What it says, before anything was done about it.
enum Meaning {
    /// "1" to this question.
    Yes(QuestionRow),
    /// Nothing is to be done.
    Words(Understood),
    /// A citizen's own words, without the case number that stood in front of them.
    Citizen(String),
}

impl Messages {
    /// Takes an incoming message. A repeated one changes nothing. The message stands in the log before what follows from
    /// it: a cause before its effect.
    pub(super) async fn take(&self, tx: &mut Tx, incoming: Incoming) -> Result<(), StoreError> {
        // The key may be made of number and text: its index says as much and shows nothing.
        if !rows::first_seen(tx, &incoming.link, &self.vault.index(&incoming.dedupe_key)).await? {
            return Ok(());
        }
        let id = MessageId::new(tx.ids());
        let text: String = incoming.text.chars().filter(|c| !c.is_control() || *c == '\n').take(TEXT_MAX).collect();
        let letter = Letter { id, incoming: &incoming, text: &text };
        let understood = match self.meaning(tx, &letter).await? {
            Meaning::Yes(question) => self.yes(tx, &letter, &question).await?,
            Meaning::Citizen(words) => self.citizen(tx, &letter, words).await?,
            Meaning::Words(understood) => {
                self.record(tx, &letter, &understood).await?;
                understood
            }
        };
        self.answer(tx, incoming.from, id, understood).await
    }

    async fn meaning(&self, tx: &mut Tx, letter: &Letter<'_>) -> Result<Meaning, StoreError> {
        let peer = self.vault.index(letter.incoming.from.as_str());
        let questions = rows::questions(tx, &peer).await?;
        let said = reply::read(letter.text);
        let mut asked: Vec<QuestionRow> = match letter.incoming.ext.as_str() {
            "" => questions.into_iter().filter(|q| !q.answered).collect(),
            ext => questions.into_iter().filter(|q| q.ext == ext).collect(),
        };
        Ok(match (asked.len(), said) {
            (1, Reply::One) => Meaning::Yes(asked.remove(0)),
            (2.., Reply::One) => Meaning::Words(ambiguous(&asked)),
            (1, Reply::Digit(_) | Reply::Text | Reply::Stop) => Meaning::Words(remark(&asked[0], None)),
            (_, Reply::CaseNumber { rest, .. }) if !rest.is_empty() => Meaning::Citizen(rest),
            _ => Meaning::Citizen(letter.text.to_owned()),
        })
    }

    /// A "1": it is written as the signature or acceptance that it means to be, then the matter is asked; what the
    /// matter refuses was a remark.
    async fn yes(&self, tx: &mut Tx, letter: &Letter<'_>, question: &QuestionRow) -> Result<Understood, StoreError> {
        let mark = tx.mark().await?;
        match self.try_yes(tx, letter, question).await? {
            Ok(understood) => {
                rows::answered(tx, &self.vault.index(letter.incoming.from.as_str()), &question.ext).await?;
                tx.keep(mark).await?;
                Ok(understood)
            }
            Err(refusal) => {
                tx.undo(mark).await?;
                let understood = remark(question, Some(refusal));
                self.record(tx, letter, &understood).await?;
                Ok(understood)
            }
        }
    }

    async fn try_yes(
        &self,
        tx: &mut Tx,
        letter: &Letter<'_>,
        question: &QuestionRow,
    ) -> Result<Result<Understood, Refusal>, StoreError> {
        let (about, case) = (question.about.parse::<Subject>().ok(), case_of(question));
        let from = &letter.incoming.from;
        let order = about.as_ref().filter(|_| question.kind == "order").map(|subject| subject.id.parse());
        let order = order.transpose().map_err(|_| StoreError::Damaged("a question's order".into()))?;
        let taken_as = if order.is_some() { TakenAs::Acceptance } else { TakenAs::Signature };
        if question.answered || (order.is_none() && case.is_none()) {
            return Ok(Err(already()));
        }
        let understood = Understood { taken_as, about, case, answer: None };
        self.record(tx, letter, &understood).await?;
        let done = match (order, case) {
            (Some(order), _) => self.matters.accept(tx, order, from).await?,
            (None, Some(case)) => self.matters.sign(tx, case, from).await?,
            (None, None) => Err(already()),
        };
        Ok(done.map(|()| understood))
    }

    async fn citizen(&self, tx: &mut Tx, letter: &Letter<'_>, text: String) -> Result<Understood, StoreError> {
        let from = letter.incoming.from.clone();
        let known = self.matters.citizens_case(tx, &from, letter.text).await?;
        let written = CitizenText { message: letter.id.into(), from, text };
        let (case, taken_as) = match known {
            Some(case) => (case, TakenAs::Supplement),
            None => (CaseId::new(tx.ids()), TakenAs::Draft),
        };
        let understood = Understood { taken_as, about: Some(case.into()), case: Some(case), answer: None };
        self.record(tx, letter, &understood).await?;
        match known {
            Some(case) => self.matters.supplement(tx, case, written).await?,
            None => self.matters.open_draft(tx, case, written).await?,
        }
        Ok(understood)
    }

    /// What the writer is told.
    async fn answer(
        &self,
        tx: &mut Tx,
        to: PhoneNumber,
        id: MessageId,
        understood: Understood,
    ) -> Result<(), StoreError> {
        let Some((template, words)) = understood.answer else { return Ok(()) };
        let words = words.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let frame = Frame {
            receiver: "回复人".into(),
            to_citizen: false,
            case: understood.case,
            about: None,
            label: String::new(),
            orgs: vec![self.home.clone()],
            key: format!("answer:{id}"),
            to,
        };
        self.queue_template(tx, ActorRef::part("system", "短信回复"), template, &words, frame).await.map(drop)
    }

    async fn record(&self, tx: &mut Tx, letter: &Letter<'_>, understood: &Understood) -> Result<(), StoreError> {
        let Letter { id, incoming, text } = *letter;
        let number = incoming.from.as_str();
        let owner = self.vault.phone_owner(number);
        let orgs = match understood.case {
            // A draft that is only about to be opened has its message from the beginning.
            Some(case) if understood.taken_as != TakenAs::Draft => self.matters.link(tx, case, id.into()).await?,
            _ => vec![self.home.clone()],
        };
        let row = MessageRow {
            id,
            direction: "in".into(),
            peer: self.vault.index(number),
            number_sealed: self.vault.seal(tx, &owner, number).await?,
            text_sealed: self.vault.seal(tx, &owner, text).await?,
            shown_sealed: None,
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

/// Words on the matter that was asked about; of a "1" that came to nothing, why.
fn remark(question: &QuestionRow, refused: Option<Refusal>) -> Understood {
    Understood {
        taken_as: TakenAs::Remark,
        case: case_of(question),
        about: question.about.parse().ok(),
        answer: refused.map(|refusal| ("not_understood", vec![("state", refusal.detail)])),
    }
}

fn ambiguous(asked: &[QuestionRow]) -> Understood {
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

/// The case that a question is about, itself or through its order.
fn case_of(question: &QuestionRow) -> Option<CaseId> {
    let about = question.about.parse::<Subject>().ok().filter(|s| s.kind == "case");
    about.and_then(|s| s.id.parse().ok()).or(question.case)
}
