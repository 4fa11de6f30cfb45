//! The citizen's view: public number and query code open it, in plain words, without names of officials. Wrong codes are
//! throttled, and an unknown number answers exactly as a wrong code does.

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
    pub async fn track(&self, store: &Store, no: &str, code: &str) -> Result<PublicView, CommandError> {
        Ok(self.public_view(&self.opened(store, no, code).await?))
    }

    /// What a citizen may do himself with number and code: supplement, urge, rate, ask for it to be done again.
    pub async fn by_citizen(&self, store: &Store, no: &str, code: &str, act: Act) -> Result<PublicView, CommandError> {
        let id = self.opened(store, no, code).await?.id;
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
    async fn opened(&self, store: &Store, no: &str, code: &str) -> Result<Case, CommandError> {
        let no = parse_public_no(no).ok_or_else(bad_number)?;
        let mut conn = store.reader().acquire().await?;
        let (fails, until) = rows::track(&mut conn, &no).await?;
        if Timestamp::now() < until {
            return Err(locked(until).into());
        }
        let stored = rows::load_by_no(&mut conn, &no).await?.ok_or_else(wrong_code)?;
        drop(conn);
        // Five tries an hour teach nothing by their timing.
        let right = stored.query_code == code.trim();
        if !right || fails > 0 {
            store.write(move |tx| Box::pin(async move { count(tx, &no, right).await })).await?;
        }
        if right { Ok(stored.case) } else { Err(wrong_code().into()) }
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

/// Counts a wrong code, or forgets them after a right one.
async fn count(tx: &mut Tx, no: &str, right: bool) -> Result<(), StoreError> {
    let (fails, _) = rows::track(tx.conn(), no).await?;
    match fails + 1 {
        _ if right => rows::put_track(tx, no, 0, Timestamp(0)).await,
        FAILS_MAX.. => rows::put_track(tx, no, 0, tx.now().plus_millis(LOCK_MS)).await,
        fails => rows::put_track(tx, no, fails, Timestamp(0)).await,
    }
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
    let detail = format!("该编号查询码输错次数过多，请在 {} 后再试，或致电 12345", until.civil().strftime("%H:%M"));
    Refusal::new(RefusalKind::TooMany, "track.locked", detail)
}
