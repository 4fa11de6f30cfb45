//! The flow as data: which nodes exist, who owns each, which clocks run there, which ways lead on. The verbs' meaning is
//! not here but in `engine`; a flow only says where a verb may be used and where it leads.
//!
//! Must not know: the database, people and units as such (owners are rules), HTTP.

mod check;
mod finding;
mod guard;
mod parse;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use check::check_text;
pub use finding::Finding;
pub use guard::{Guard, View};

use crate::events::cases::{Budget, ClockKind, Overlay, StartRule};

/// The flow of the city's hotline that comes with the program.
pub const CITY: &str = include_str!("../data/flow_city.toml");

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal, $zh:literal;)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, Deserialize, schemars::JsonSchema)]
        pub enum $name { $($(#[$vdoc])* #[doc = $zh] #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// All, in the table's order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            /// What the checker calls it.
            pub(crate) const WHAT: &str = $what;

            /// Its name in flow files and URLs.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What officials call it.
            pub fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)* }
            }

            /// By its name.
            pub fn named(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    )*};
}

names! {
    /// The verbs: the kernel's acts, with fixed meaning. Where each may be used is the flow's matter.
    Verb, "verb" {
        Supplement = "supplement", "补充"; Accept = "accept", "受理"; AskMore = "ask_more", "退回补充"; Refuse = "refuse", "不予受理";
        Answer = "answer", "直接答复"; Assign = "assign", "派单"; Reassign = "reassign", "改派"; Sign = "sign", "签收";
        ReturnRequest = "return_request", "申请退单"; ReturnGrant = "return_grant", "同意退单"; ReturnRefuse = "return_refuse", "驳回退单";
        Transfer = "transfer", "转办"; SendUp = "send_up", "上报"; SendDown = "send_down", "下派"; FeedBack = "feed_back", "反馈";
        CheckPass = "check_pass", "核查通过"; CheckFail = "check_fail", "退回重办"; Reply = "reply", "答复群众"; Revisit = "revisit", "回访";
        Close = "close", "办结"; Reopen = "reopen", "重办"; Urge = "urge", "催办"; Link = "link", "关联"; Void = "void", "作废";
    }
    /// Who may use a way.
    Who, "who" {
        /// Who captured it, or his unit.
        Collector = "collector", "采集单位";
        /// The desk that dispatches the case now.
        Desk = "desk", "派单席";
        /// The unit of the open lead item.
        Lead = "lead", "主办单位";
        /// A unit with an open co-handling item.
        CoHandler = "co_handler", "协办单位";
        /// The unit that gave the open lead item.
        Sender = "sender", "交办单位";
        /// Whoever supervises a unit that the case concerns.
        Supervisor = "supervisor", "督办岗位";
        /// The citizen, by what he sends or says.
        Citizen = "citizen", "诉求人";
    }
    /// Who holds a node.
    Owner, "owner" {
        /// The unit that captured.
        Collector = "collector", "采集单位";
        /// The desk.
        Desk = "desk", "派单席";
        /// The lead.
        Lead = "lead", "主办单位";
        /// Who gave the lead item.
        Sender = "sender", "交办单位";
        /// The citizen: the case waits for him, and a clock limits the wait.
        Citizen = "citizen", "诉求人";
    }
}

impl From<Owner> for Who {
    fn from(o: Owner) -> Self {
        match o {
            Owner::Collector => Self::Collector,
            Owner::Desk => Self::Desk,
            Owner::Lead => Self::Lead,
            Owner::Sender => Self::Sender,
            Owner::Citizen => Self::Citizen,
        }
    }
}

/// A flow that passed the checker.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Its key.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Hash of its text: cases keep the version they were captured under.
    pub version: String,
    /// Returns of one round after which the next raises a dispute.
    pub returns_max: u32,
    /// Where a new case begins: the first whose guard holds.
    pub starts: Vec<Start>,
    /// The nodes, by key.
    pub nodes: BTreeMap<String, Node>,
    /// The ways, in the file's order: the first that fits is taken.
    pub ways: Vec<Way>,
    /// The clocks, by kind.
    pub clocks: BTreeMap<ClockKind, ClockSpec>,
}

/// Where a case may begin.
#[derive(Debug, Clone)]
pub struct Start {
    /// The node.
    pub node: String,
    /// For which cases.
    pub guard: Guard,
    /// Whom to tell that the case was taken in.
    pub notices: Vec<NoticeSpec>,
}

/// A node 环节.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its key.
    pub key: String,
    /// Which of the six steps, 1..=6.
    pub step: u8,
    /// What officials call it.
    pub zh: String,
    /// What the citizen is told, in five plain words.
    pub public: String,
    /// Who holds it; none at an end.
    pub owner: Option<Owner>,
    /// Clocks that run here; they start if they did not run yet.
    pub clocks: Vec<ClockKind>,
    /// Clocks that go on if they run, and do not start.
    pub keeps: Vec<ClockKind>,
    /// Clocks that pause here.
    pub pauses: Vec<ClockKind>,
}

impl Node {
    /// Whether it is an end.
    pub fn is_end(&self) -> bool {
        self.owner.is_none()
    }
}

/// A way 流转: at these nodes this verb may be used by these people, and leads there.
#[derive(Debug, Clone)]
pub struct Way {
    /// From which nodes.
    pub from: Vec<String>,
    /// The verb.
    pub verb: Verb,
    /// For which cases.
    pub guard: Guard,
    /// Where to; none: it stays.
    pub to: Option<String>,
    /// Who may.
    pub who: Vec<Who>,
    /// Whether the actor must be independent of who handled it (nobody judges his own work).
    pub independent: bool,
    /// Overlays laid on.
    pub overlays_on: Vec<Overlay>,
    /// Overlays taken off.
    pub overlays_off: Vec<Overlay>,
    /// Whom to tell, with which template.
    pub notices: Vec<NoticeSpec>,
}

/// Whom a way tells.
#[derive(Debug, Clone)]
pub struct NoticeSpec {
    /// Template name.
    pub template: String,
    /// To whom, as after the step.
    pub to: Who,
}

/// How often a clock begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Once in a round.
    Round,
    /// Once for each lead item.
    Item,
    /// Each time a node that runs it is entered anew.
    Visit,
}

/// A clock's terms.
#[derive(Debug, Clone)]
pub struct ClockSpec {
    /// By which calendar.
    pub calendar: String,
    /// From when.
    pub start_rule: StartRule,
    /// How much; none: by the class tree.
    pub budget: Option<Budget>,
    /// How often it begins.
    pub per: Per,
    /// Percentages at which it speaks, rising.
    pub ladder: Vec<u16>,
    /// Whom it tells at each of its rungs.
    pub notices: Vec<(u16, NoticeSpec)>,
}

impl Flow {
    /// A node by its key.
    pub fn node(&self, key: &str) -> Option<&Node> {
        self.nodes.get(key)
    }

    /// The ways out of `node` by `verb`, in order.
    pub fn ways<'a>(&'a self, node: &'a str, verb: Verb) -> impl Iterator<Item = &'a Way> + 'a {
        self.ways.iter().filter(move |w| w.verb == verb && w.from.iter().any(|f| f == node))
    }

    /// The verbs that some way offers at `node`.
    pub fn verbs_at(&self, node: &str) -> Vec<Verb> {
        Verb::ALL.iter().copied().filter(|v| self.ways(node, *v).next().is_some()).collect()
    }
}
