//! Rights: action × scope × sensitivity ceiling, held by a post. Default deny.

use serde::{Deserialize, Serialize};

use super::{Actor, Refusal};
use crate::ids::{OrgPath, PersonId};
use crate::store::Condition;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $zh:literal;)*) => {
        /// What can be done. One table for the whole hub: a new kind of act is a line here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Action { $($(#[$doc])* #[serde(rename = $text)] $name,)* }

        impl Action {
            /// All actions, in the table's order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its stable name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What officials call it.
            pub fn zh(self) -> &'static str {
                match self { $(Self::$name => $zh,)* }
            }
        }
    };
}

actions! {
    /// See cases.
    CaseRead = "case.read", "查看工单";
    /// Open a case, supplement it.
    CaseCapture = "case.capture", "采集登记";
    /// Accept, answer, void, assign, judge returns, check, revisit, close, reopen.
    CaseDispatch = "case.dispatch", "受理派单";
    /// Sign, ask to return, transfer, feed back, reply.
    CaseHandle = "case.handle", "签收办理";
    /// Urge, supervise.
    CaseSupervise = "case.supervise", "督办催办";
    /// See a citizen's whole number, name, address; each reading is audited.
    PersonalRead = "personal.read", "查看个人信息";
    /// See calls and queue figures.
    CallRead = "call.read", "查看通话";
    /// Take calls as an agent.
    CallAgent = "call.agent", "接听热线";
    /// Dial out.
    CallDial = "call.dial", "外呼";
    /// Listen to recordings; each playing is audited.
    RecordingPlay = "recording.play", "播放录音";
    /// See other agents, change their state.
    CallSupervise = "call.supervise", "班长监督";
    /// See and edit plans of the hotline.
    PlanManage = "plan.manage", "话务流程管理";
    /// See messages.
    MessageRead = "message.read", "查看短信";
    /// Write a message.
    MessageSend = "message.send", "发送短信";
    /// The sandbox link's page.
    SandboxUse = "sandbox.use", "短信沙箱";
    /// See meetings one is invited to or whose unit holds them.
    MeetingRead = "meeting.read", "查看会议";
    /// Hold a meeting.
    MeetingHold = "meeting.hold", "召开会议";
    /// See units, orders, the map.
    DispatchRead = "dispatch.read", "查看调度";
    /// Give orders.
    DispatchOrder = "dispatch.order", "下达指令";
    /// Accept, go, arrive, finish.
    OrderHandle = "order.handle", "执行指令";
    /// See organisations and people.
    OrgRead = "org.read", "查看机构人员";
    /// Change organisations, grids, people.
    OrgManage = "org.manage", "机构人员管理";
    /// System administrator: accounts, configuration, dead letters.
    SystemManage = "system.manage", "系统管理";
    /// Security administrator: posts, roles and rights, lock-outs, sessions.
    SecurityManage = "security.manage", "安全管理";
    /// Audit administrator: reads the audit log.
    AuditRead = "audit.read", "审计查看";
}

/// How far a right reaches, from the unit of the post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// What the person himself made or holds.
    Own,
    /// What concerns the unit itself.
    Unit,
    /// What concerns the unit or any below it.
    Subtree,
}

/// How sensitive a thing is 敏感级. A right reaches up to its ceiling.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// 公开.
    #[default]
    Open,
    /// 内部.
    Internal,
    /// 保密.
    Confidential,
    /// 举报保密.
    Whistle,
}

impl Sensitivity {
    /// As a number for SQL, growing with sensitivity.
    pub fn rank(self) -> i64 {
        self as i64
    }
}

/// One right of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// What may be done.
    pub action: Action,
    /// How far.
    pub scope: Scope,
    /// Up to which sensitivity.
    pub ceiling: Sensitivity,
}

/// What is asked about: whose it is and how sensitive.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The units it concerns.
    pub orgs: &'a [OrgPath],
    /// The person it belongs to.
    pub owner: Option<PersonId>,
    /// How sensitive it is.
    pub sensitivity: Sensitivity,
}

impl<'a> Target<'a> {
    /// A thing that concerns `orgs`, open, owned by nobody.
    pub fn of(orgs: &'a [OrgPath]) -> Self {
        Self { orgs, owner: None, sensitivity: Sensitivity::Open }
    }
}

impl Actor {
    /// Whether this actor may do `action` to `target`.
    pub fn may(&self, action: Action, target: Target<'_>) -> bool {
        self.is_hub() || self.grants_for(action).any(|g| self.reaches(*g, target))
    }

    /// Whether this actor has `action` at all, anywhere.
    pub fn may_somewhere(&self, action: Action) -> bool {
        self.is_hub() || self.grants_for(action).next().is_some()
    }

    /// [`Actor::may`] as a refusal that says who may.
    pub fn check(&self, action: Action, target: Target<'_>) -> Result<(), Refusal> {
        if self.may(action, target) {
            return Ok(());
        }
        Err(Refusal::forbidden("access.denied", format!("当前岗位没有「{}」的权限", action.zh()))
            .who_may(format!("该事项所属单位或其上级中持有「{}」权限的岗位", action.zh())))
    }

    /// [`Actor::may`] for things whose very existence is hidden from those who may not see them.
    pub fn check_visible(&self, action: Action, target: Target<'_>, what: &'static str) -> Result<(), Refusal> {
        if self.may(action, target) {
            return Ok(());
        }
        Err(Refusal::not_found("access.not_found", format!("没有找到该{what}，或当前岗位无权查看")))
    }

    fn grants_for(&self, action: Action) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(move |g| g.action == action)
    }

    fn reaches(&self, grant: Grant, target: Target<'_>) -> bool {
        if target.sensitivity > grant.ceiling {
            return false;
        }
        match grant.scope {
            Scope::Own => target.owner.is_some() && target.owner == self.person,
            Scope::Unit => target.orgs.contains(&self.unit_path),
            Scope::Subtree => target.orgs.iter().any(|o| o.is_within(&self.unit_path)),
        }
    }

    /// The rights to `action` as a condition over a table that lists, for each thing, the units it concerns.
    ///
    /// `orgs_column` holds the thing's paths joined and surrounded by `|` (`|/zz/jinshui/|/zz/water/|`), `owner_column` the
    /// owner's person id, `rank_column` its sensitivity's rank. `first` is the number of the first free placeholder.
    pub fn predicate(
        &self,
        action: Action,
        orgs_column: &str,
        owner_column: &str,
        rank_column: &str,
        first: usize,
    ) -> Predicate {
        if self.is_hub() {
            return Predicate { sql: "1 = 1".into(), binds: Vec::new() };
        }
        let mut binds = Vec::new();
        let mut ways = Vec::new();
        for grant in self.grants_for(action) {
            let rank = grant.ceiling.rank();
            let (condition, bind) = match grant.scope {
                Scope::Own => (format!("{owner_column} = ${}", first + binds.len()), self.owner_text()),
                Scope::Unit => (like(orgs_column, first + binds.len()), format!("%|{}|%", self.unit_path)),
                Scope::Subtree => (like(orgs_column, first + binds.len()), format!("%|{}%", self.unit_path)),
            };
            ways.push(format!("({condition} AND {rank_column} <= {rank})"));
            binds.push(bind);
        }
        let sql = if ways.is_empty() { "1 = 0".to_owned() } else { format!("({})", ways.join(" OR ")) };
        Predicate { sql, binds }
    }

    fn owner_text(&self) -> String {
        self.person.map(|p| p.to_string()).unwrap_or_default()
    }
}

/// `_` and `%` cannot occur in a path: codes are letters, digits and `-` (checked where units are made).
fn like(column: &str, number: usize) -> String {
    format!("{column} LIKE ${number}")
}

/// An SQL condition and the texts to bind to its placeholders, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicate {
    /// The condition, in brackets.
    pub sql: String,
    /// Texts for `$first`, `$first+1`, …
    pub binds: Vec<String>,
}

impl From<Predicate> for Condition {
    /// The predicate as a list's first piece; it must be numbered from `$1`.
    fn from(predicate: Predicate) -> Self {
        Self::new(predicate.sql, predicate.binds)
    }
}

/// Reads what [`orgs_column`] joined.
pub fn read_orgs_column(joined: &str) -> Vec<OrgPath> {
    joined.split('|').filter(|path| !path.is_empty()).map(OrgPath::from_stored).collect()
}

/// Joins paths into the form that [`Actor::predicate`] searches.
pub fn orgs_column(orgs: &[OrgPath]) -> String {
    orgs.iter().fold("|".to_owned(), |mut s, o| {
        s.push_str(o.as_str());
        s.push('|');
        s
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(path: &OrgPath, scope: Scope, ceiling: Sensitivity) -> Actor {
        Actor::for_test(path.clone(), vec![Grant { action: Action::CaseRead, scope, ceiling }])
    }

    #[test]
    fn a_subtree_right_reaches_down_and_never_sideways() {
        let city = OrgPath::root().child("zz");
        let (jinshui, erqi) = (city.child("410105"), city.child("410103"));
        let county = actor(&jinshui, Scope::Subtree, Sensitivity::Internal);
        assert!(county.may(Action::CaseRead, Target::of(&[jinshui.child("wenhualu")])));
        assert!(!county.may(Action::CaseRead, Target::of(std::slice::from_ref(&erqi))));
        assert!(!county.may(Action::CaseRead, Target::of(&[city])), "not upward");
        assert!(!county.may(Action::CaseDispatch, Target::of(&[jinshui])), "another action is another right");
    }

    #[test]
    fn a_ceiling_hides_what_is_above_it() {
        let city = OrgPath::root().child("zz");
        let reader = actor(&city, Scope::Subtree, Sensitivity::Internal);
        let orgs = [city];
        let target = |sensitivity| Target { orgs: &orgs, owner: None, sensitivity };
        assert!(reader.may(Action::CaseRead, target(Sensitivity::Internal)));
        assert!(!reader.may(Action::CaseRead, target(Sensitivity::Whistle)));
    }

    #[test]
    fn without_a_right_the_predicate_matches_nothing() {
        let nobody = Actor::for_test(OrgPath::root(), vec![]);
        assert_eq!(nobody.predicate(Action::CaseRead, "orgs", "owner", "rank", 1).sql, "1 = 0");
    }
}
