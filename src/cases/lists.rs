//! Lists of cases: keyset pages and counts. Every query carries the rights' predicate, so that neither rows nor
//! counts tell of anything hidden.

use serde::Serialize;

use super::commands::Cases;
use super::filter::{After, CaseBox, CaseFilter, Search, Sort};
use super::model::Case;
use super::number::parse_public_no;
use super::rows;
use crate::access::{Actor, CommandError, Refusal};
use crate::ids::{PhoneNumber, Timestamp};
use crate::store::{Condition, Store};

/// Cases on one page at most.
pub(super) const PAGE_MAX: u32 = 200;
/// Cases on one page by default.
const PAGE: u32 = 50;
/// Longest text searched for, characters.
const SEARCH_MAX: usize = 50;

/// A case in a list.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CaseLine {
    /// Its id.
    pub id: String,
    /// Its public number.
    pub public_no: String,
    /// Title.
    pub title: String,
    /// Node and its word.
    pub node: String,
    /// The node's word.
    pub node_zh: String,
    /// Step.
    pub step: u8,
    /// Whether at an end.
    pub ended: bool,
    /// Round.
    pub round: u32,
    /// Channel.
    pub channel: &'static str,
    /// Nature.
    pub nature: &'static str,
    /// Class.
    pub class_code: String,
    /// The class's word.
    pub class_zh: Option<String>,
    /// Urgency.
    pub urgency: &'static str,
    /// Card.
    pub card: &'static str,
    /// Overlays.
    pub overlays: Vec<&'static str>,
    /// Where.
    pub place: Option<String>,
    /// Lead unit's id.
    pub lead_unit_id: Option<String>,
    /// Lead unit's name.
    pub lead_unit: Option<String>,
    /// The earliest end of a clock.
    #[schema(value_type = Option<String>)]
    pub due_at: Option<Timestamp>,
    /// Which clock that is.
    pub due_kind: Option<&'static str>,
    /// When captured.
    #[schema(value_type = String)]
    pub reported_at: Timestamp,
    /// When anything last happened.
    #[schema(value_type = String)]
    pub updated_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>)]
    pub closed_at: Option<Timestamp>,
    /// What `If-Match` compares.
    pub version: i64,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CasePage {
    /// The cases.
    pub items: Vec<CaseLine>,
    /// Where the next page begins; none at the end.
    pub next: Option<String>,
}

/// How many cases each box holds for the asker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// Box and number.
    pub boxes: std::collections::BTreeMap<String, i64>,
}

impl Cases {
    /// A page of the cases that the actor may see.
    pub async fn list(&self, store: &Store, actor: &Actor, filter: &CaseFilter) -> Result<CasePage, CommandError> {
        let limit = filter.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
        let (condition, after) = (self.condition(actor, filter)?, after(filter)?);
        let mut cases = rows::list::page(store.reader(), condition, filter.sort, after, limit + 1).await?;
        let more = cases.len() > limit as usize;
        cases.truncate(limit as usize);
        let next = cases.last().filter(|_| more).map(|c| match filter.sort {
            Sort::Newest => c.id.to_string(),
            Sort::Due => format!("{}|{}", c.due_at().map_or(0, |t| t.0), c.id),
        });
        Ok(CasePage { items: cases.iter().map(|c| self.line(c)).collect(), next })
    }

    /// How many cases each box holds.
    pub async fn counts(&self, store: &Store, actor: &Actor) -> Result<Counts, CommandError> {
        let mut boxes = std::collections::BTreeMap::new();
        for box_ in CaseBox::ALL {
            let name = serde_json::to_value(box_).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
            boxes.insert(
                name,
                self.count(store, actor, &CaseFilter { box_: Some(*box_), ..CaseFilter::default() }).await?,
            );
        }
        Ok(Counts { boxes })
    }

    /// How many cases a filter finds for the actor.
    pub async fn count(&self, store: &Store, actor: &Actor, filter: &CaseFilter) -> Result<i64, CommandError> {
        let condition = self.condition(actor, filter)?;
        Ok(rows::list::count(store.reader(), condition).await?)
    }

    fn condition(&self, actor: &Actor, filter: &CaseFilter) -> Result<Condition, Refusal> {
        let words = filter.q.as_deref().map(str::trim).filter(|q| !q.is_empty());
        let search = words.map(|q| self.search(q)).transpose()?;
        Ok(rows::list::condition(actor, filter, search))
    }

    fn search(&self, q: &str) -> Result<Search, Refusal> {
        if q.chars().count() > SEARCH_MAX {
            return Err(Refusal::invalid("case.long_search", format!("检索词最多 {SEARCH_MAX} 字")).field("q"));
        }
        if let Some(no) = parse_public_no(q) {
            return Ok(Search::PublicNo(no));
        }
        let phone = PhoneNumber::parse(q).ok().filter(|p| p.as_str().len() >= 7);
        Ok(match phone {
            Some(phone) => Search::Phone(self.0.parts.vault.index(phone.as_str())),
            None => Search::Words(q.to_owned()),
        })
    }

    pub(super) fn line(&self, case: &Case) -> CaseLine {
        let due = case.open_clocks().filter(|c| c.due_at.is_some()).min_by_key(|c| c.due_at);
        let lead = case.lead();
        CaseLine {
            id: case.id.to_string(),
            public_no: case.public_no.clone(),
            title: case.title.clone(),
            node: case.node.clone(),
            node_zh: case.node_zh.clone(),
            step: case.step,
            ended: case.end,
            round: case.round,
            channel: case.channel.as_str(),
            nature: case.nature.as_str(),
            class_code: case.class_code.clone(),
            class_zh: self.0.classes.class(&case.class_code).map(|c| c.zh.clone()),
            urgency: case.urgency.as_str(),
            card: case.card().as_str(),
            overlays: case.overlays.iter().map(|o| o.as_str()).collect(),
            place: case.place.as_ref().map(|p| p.text.clone()),
            lead_unit_id: lead.map(|l| l.unit.id.to_string()),
            lead_unit: lead.map(|l| l.unit.name.clone()),
            due_at: due.and_then(|c| c.due_at),
            due_kind: due.map(|c| c.kind.as_str()),
            reported_at: case.reported_at,
            updated_at: case.updated_at,
            closed_at: case.closed_at,
            version: case.version,
        }
    }
}

fn after(filter: &CaseFilter) -> Result<Option<After>, Refusal> {
    let Some(cursor) = &filter.cursor else { return Ok(None) };
    let bad = || Refusal::invalid("case.bad_cursor", "翻页标记无效，请从第一页重新查询").field("cursor");
    let id = |id: &str| id.parse().map_err(|_| bad());
    Ok(Some(match filter.sort {
        Sort::Newest => After::Newest(id(cursor)?),
        Sort::Due => {
            let (due, case) = cursor.split_once('|').ok_or_else(bad)?;
            After::Due(due.parse().map_err(|_| bad())?, id(case)?)
        }
    }))
}
