//! The citizen's view: public number and query code open it, in plain words, without names of officials. Wrong codes are
//! throttled by number and by the address that they come from, and an unknown number answers exactly as a wrong code does.

use std::net::IpAddr;

use serde::Serialize;

use super::commands::Cases;
use super::engine::{Act, By};
use super::model::Case;
use super::number::parse_public_no;
use super::rows;
use crate::access::{Actor, CommandError, Refusal, RefusalKind};
use crate::events::cases::{ClockKind, ItemKind};
use crate::ids::{CaseId, Timestamp};
use crate::store::{Store, StoreError, Tx};

/// Wrong codes after which a number answers nobody for a while: 5 of a million codes, twenty times a day, find a code
/// once in 27 years.
const FAILS_MAX: i64 = 5;
/// For how long.
const LOCK_MS: i64 = 60 * 60_000;
/// Wrong numbers or codes after which an address is answered no more for a while: whoever tries one code on many numbers.
/// A hall or an office behind one address mistypes less than this in the time.
const SOURCE_FAILS_MAX: i64 = 30;
/// For how long.
const SOURCE_LOCK_MS: i64 = 15 * 60_000;

/// Who knocks at the citizen's door, with what.
#[derive(Debug, Clone, Copy)]
pub struct Knock<'a> {
    /// The public number, as it was typed.
    pub no: &'a str,
    /// The query code.
    pub code: &'a str,
    /// The address it comes from.
    pub from: Option<IpAddr>,
}

/// What the citizen sees.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PublicView {
    /// The public number.
    pub public_no: String,
    /// Title.
    pub title: String,
    /// The class's word.
    pub class_zh: Option<String>,
    /// The state in plain words.
    pub status: String,
    /// Step, 1..=6.
    pub step: u8,
    /// Whether it has come to its end.
    pub ended: bool,
    /// The unit that handles it.
    pub unit: Option<String>,
    /// By when it is promised.
    #[schema(value_type = Option<String>)]
    pub promised_at: Option<Timestamp>,
    /// Whether that may still move, because next year's holidays are not published.
    pub provisional: bool,
    /// When it came in.
    #[schema(value_type = String)]
    pub reported_at: Timestamp,
    /// The way so far.
    pub steps: Vec<PublicStep>,
    /// The answer, once it was given.
    pub answer: Option<String>,
    /// Whether the citizen is asked for his opinion now.
    pub may_rate: bool,
}

/// A stage of the way.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PublicStep {
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// What, in plain words.
    pub text: String,
}

impl Cases {
    /// The citizen's view. Only a wrong code of a number that exists is written down; everything else only reads.
    pub async fn track(&self, store: &Store, knock: Knock<'_>) -> Result<PublicView, CommandError> {
        Ok(self.public_view(&self.opened(store, knock).await?))
    }

    /// What a citizen may do himself with number and code: supplement, urge, rate, ask for it to be done again.
    pub async fn by_citizen(&self, store: &Store, knock: Knock<'_>, act: Act) -> Result<PublicView, CommandError> {
        let id = self.opened(store, knock).await?.id;
        let cases = self.clone();
        let case = store.write(move |tx| Box::pin(async move { cases.act_as_citizen(tx, id, act).await })).await?;
        Ok(self.public_view(&case))
    }

    async fn act_as_citizen(&self, tx: &mut Tx, id: CaseId, act: Act) -> Result<Case, CommandError> {
        let stored = rows::load(tx.conn(), id).await?.ok_or_else(wrong_code)?;
        let hub = Actor::hub("诉求人");
        let by = By { actor: &hub, unit: None, citizen: true, via: "web" };
        self.act_by(tx, by, stored.case, act).await
    }

    /// The case that number and code open.
    async fn opened(&self, store: &Store, knock: Knock<'_>) -> Result<Case, CommandError> {
        let no = parse_public_no(knock.no).ok_or_else(bad_number)?;
        let source = knock.from.map(|address| format!("from:{}", self.vault().index(&address.to_string())));
        let mut conn = store.reader().acquire().await?;
        let (fails, until) = rows::track(&mut conn, &no).await?;
        let source_until = match &source {
            Some(source) => rows::track(&mut conn, source).await?.1,
            None => Timestamp(0),
        };
        if Timestamp::now() < until.max(source_until) {
            return Err(locked(until.max(source_until)).into());
        }
        let stored = rows::load_by_no(&mut conn, &no).await?;
        let code = match &stored {
            Some(stored) => self.open_code(&mut conn, stored).await?,
            None => None,
        };
        drop(conn);
        // Five tries an hour teach nothing by their timing.
        let right = code.is_some_and(|code| code == knock.code.trim());
        // A number that does not exist is not written down: the table would grow with every guess.
        let number = stored.is_some().then_some(no);
        if !right || fails > 0 {
            let tally = Tally { number, source, right };
            store.write(move |tx| Box::pin(async move { tally.count(tx).await })).await?;
        }
        match stored {
            Some(stored) if right => Ok(stored.case),
            _ => Err(wrong_code().into()),
        }
    }

    fn public_view(&self, case: &Case) -> PublicView {
        let flow = self.flow_of(case);
        let settle = case.open_clock(ClockKind::Settle).or_else(|| case.open_clock(ClockKind::Reply));
        let lead = case.items.iter().rev().find(|i| i.kind == ItemKind::Lead);
        let told = case.step >= 5 && (case.end || case.node == "revisiting");
        PublicView {
            public_no: case.public_no.clone(),
            title: case.title.clone(),
            class_zh: self.classes().class(&case.class_code).map(|c| c.zh.clone()),
            status: flow.node(&case.node).map_or_else(|| case.node_zh.clone(), |n| n.public.clone()),
            step: case.step,
            ended: case.end,
            unit: lead.map(|l| l.unit.name.clone()),
            promised_at: settle.and_then(|c| c.due_at),
            provisional: settle.is_some_and(|c| c.provisional),
            reported_at: case.reported_at,
            steps: steps(case),
            answer: case.result().filter(|_| told).map(|r| r.answer.clone()),
            may_rate: case.node == "revisiting",
        }
    }
}

/// A try at the door.
struct Tally {
    number: Option<String>,
    source: Option<String>,
    right: bool,
}

impl Tally {
    /// Counts a wrong code by number and by source; a right one forgets those of its number.
    async fn count(self, tx: &mut Tx) -> Result<(), StoreError> {
        match self.number {
            Some(no) if self.right => rows::put_track(tx, &no, 0, Timestamp(0)).await?,
            Some(no) => one_more(tx, &no, FAILS_MAX, LOCK_MS).await?,
            None => {}
        }
        match self.source {
            Some(source) if !self.right => one_more(tx, &source, SOURCE_FAILS_MAX, SOURCE_LOCK_MS).await,
            _ => Ok(()),
        }
    }
}

async fn one_more(tx: &mut Tx, key: &str, max: i64, lock_ms: i64) -> Result<(), StoreError> {
    let fails = rows::track(tx.conn(), key).await?.0 + 1;
    if fails < max {
        return rows::put_track(tx, key, fails, Timestamp(0)).await;
    }
    let until = tx.now().plus_millis(lock_ms);
    rows::put_track(tx, key, 0, until).await
}

fn steps(case: &Case) -> Vec<PublicStep> {
    let mut steps = vec![PublicStep { at: case.reported_at, text: "已收到您的诉求".into() }];
    let mut add = |at: Option<Timestamp>, text: String| steps.extend(at.map(|at| PublicStep { at, text }));
    add(case.accepted_at, "已受理".into());
    for item in case.items.iter().filter(|i| i.kind == ItemKind::Lead) {
        add(Some(item.offered_at), format!("已交{}办理", item.unit.name));
        add(item.signed_at, format!("{}已签收", item.unit.name));
    }
    for result in case.results.iter().filter(|r| !r.co) {
        add(Some(result.at), "承办单位已反馈办理情况".into());
    }
    for revisit in &case.revisits {
        add(Some(revisit.at), format!("回访：{}", revisit.solved.zh()));
    }
    add(case.closed_at, case.node_zh.clone());
    steps.sort_by_key(|s| s.at);
    steps
}

fn bad_number() -> Refusal {
    Refusal::invalid("track.bad_number", "工单编号应为 13 位数字，请核对（最后一位用于校验，输错任何一位都会被发现）")
        .field("no")
}

fn wrong_code() -> Refusal {
    Refusal::not_found("track.not_found", "工单编号或查询码不正确，请核对短信中的编号和查询码")
}

fn locked(until: Timestamp) -> Refusal {
    let detail = format!("编号或查询码输错次数过多，请在 {} 后再试，或致电 12345", until.civil().strftime("%H:%M"));
    Refusal::new(RefusalKind::TooMany, "track.locked", detail)
}
