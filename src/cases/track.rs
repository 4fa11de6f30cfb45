//! The citizen's view: public number and query code open it, in plain words, without names of officials. Wrong codes are
//! throttled, and an unknown number answers exactly as a wrong code does.

use serde::Serialize;

use super::commands::Cases;
use super::model::Case;
use super::number::parse_public_no;
use super::rows;
use crate::access::{CommandError, Refusal, RefusalKind};
use crate::events::cases::{ClockKind, ItemKind};
use crate::ids::Timestamp;
use crate::store::{StoreError, Tx};

/// Wrong codes after which a number answers nobody for a while: 5 of a million codes, twenty times a day, find a code
/// once in 27 years.
const FAILS_MAX: i64 = 5;
/// For how long.
const LOCK_MS: i64 = 60 * 60_000;

/// What the citizen sees.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    pub promised_at: Option<Timestamp>,
    /// Whether that may still move, because next year's holidays are not published.
    pub provisional: bool,
    /// When it came in.
    pub reported_at: Timestamp,
    /// The way so far.
    pub steps: Vec<PublicStep>,
    /// The answer, once it was given.
    pub answer: Option<String>,
    /// Whether the citizen is asked for his opinion now.
    pub may_rate: bool,
}

/// A stage of the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PublicStep {
    /// When.
    pub at: Timestamp,
    /// What, in plain words.
    pub text: String,
}

impl Cases {
    /// The citizen's view. The refusal for a wrong code is the value of an `Ok`, because the failed try must be kept: a
    /// transaction that ends with `Err` leaves nothing.
    pub async fn track(&self, tx: &mut Tx, no: &str, code: &str) -> Result<Result<PublicView, Refusal>, StoreError> {
        let Some(no) = parse_public_no(no) else { return Ok(Err(bad_number())) };
        let (fails, until) = rows::track(tx.conn(), &no).await?;
        if tx.now() < until {
            return Ok(Err(locked(until)));
        }
        let stored = rows::load_by_no(tx.conn(), &no).await?;
        let code = code.trim();
        // Five tries an hour teach nothing by their timing.
        match stored.filter(|s| s.query_code == code) {
            Some(stored) => {
                if fails > 0 {
                    rows::put_track(tx, &no, 0, Timestamp(0)).await?;
                }
                Ok(Ok(self.public_view(&stored.case)))
            }
            None => {
                let fails = fails + 1;
                let until = if fails >= FAILS_MAX { tx.now().plus_millis(LOCK_MS) } else { Timestamp(0) };
                rows::put_track(tx, &no, if fails >= FAILS_MAX { 0 } else { fails }, until).await?;
                Ok(Err(wrong_code()))
            }
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

    /// The case behind number and code, for what a citizen may do himself (supplement, urge, rate, reopen).
    pub async fn by_citizen(&self, tx: &mut Tx, no: &str, code: &str, act: super::engine::Act) -> Result<Result<PublicView, Refusal>, CommandError> {
        if let Err(refusal) = self.track(tx, no, code).await? {
            return Ok(Err(refusal));
        }
        let no = parse_public_no(no).unwrap_or_default();
        let Some(stored) = rows::load_by_no(tx.conn(), &no).await? else { return Ok(Err(wrong_code())) };
        let hub = crate::access::Actor::hub("诉求人");
        let by = super::engine::By { actor: &hub, unit: None, citizen: true, via: "web" };
        let case = self.act_by(tx, by, stored.case, act).await?;
        Ok(Ok(self.public_view(&case)))
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
    Refusal::invalid("track.bad_number", "工单编号应为 13 位数字，请核对（最后一位用于校验，输错任何一位都会被发现）").field("no")
}

fn wrong_code() -> Refusal {
    Refusal::not_found("track.not_found", "工单编号或查询码不正确，请核对短信中的编号和查询码")
}

fn locked(until: Timestamp) -> Refusal {
    let detail = format!("该编号查询码输错次数过多，请在 {} 后再试，或致电 12345", until.civil().strftime("%H:%M"));
    Refusal::new(RefusalKind::TooMany, "track.locked", detail)
}
