//! Guards: small total conditions over a case. No loops, no strings of code, no way to fail.

use serde::Deserialize;

use crate::cases::classes::Classes;
use crate::events::cases::{Channel, Nature, Overlay, Secrecy, Solved, Urgency};

/// What a guard may look at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Channel.
    pub channel: Channel,
    /// Nature.
    pub nature: Nature,
    /// Urgency.
    pub urgency: Urgency,
    /// Secrecy.
    pub secrecy: Secrecy,
    /// Class.
    pub class_code: &'a str,
    /// Overlays laid on.
    pub overlays: &'a [Overlay],
    /// Whether it was captured as a draft.
    pub draft: bool,
    /// Round, from 1.
    pub round: u32,
    /// Returns asked in this round.
    pub returns: u32,
    /// The last answer at a revisit of this round.
    pub solved: Option<Solved>,
    /// Revisits tried in this round.
    pub revisits: u32,
    /// Whether the lead is the unit that captured it.
    pub self_settled: bool,
    /// Whether the open lead item was sent down by another lead.
    pub sent_down: bool,
    /// Whether the open lead item was signed for.
    pub lead_signed: bool,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Guard {
    /// Always.
    Always,
    /// All of these.
    All(Vec<Guard>),
    /// One of these.
    Any(Vec<Guard>),
    /// Not this.
    Not(Box<Guard>),
    /// The channel is one of these.
    Channel(Vec<Channel>),
    /// The nature is one of these.
    Nature(Vec<Nature>),
    /// The urgency is one of these.
    Urgency(Vec<Urgency>),
    /// The secrecy is one of these.
    Secrecy(Vec<Secrecy>),
    /// The class is or lies below one of these.
    ClassWithin(Vec<String>),
    /// The overlay is on.
    Overlay(Overlay),
    /// It was captured as a draft.
    Draft,
    /// The round is at least this.
    RoundAtLeast(u32),
    /// Returns of this round are at least this.
    ReturnsAtLeast(u32),
    /// The citizen said so at the last revisit of this round.
    Solved(Vec<Solved>),
    /// Revisits tried in this round are at least this.
    RevisitsAtLeast(u32),
    /// The lead is the unit that captured it.
    SelfSettled,
    /// The open lead item was sent down by another lead.
    SentDown,
    /// The open lead item was signed for.
    LeadSigned,
}

impl Guard {
    /// Whether it holds.
    pub fn holds(&self, v: View<'_>) -> bool {
        match self {
            Self::Always => true,
            Self::All(all) => all.iter().all(|g| g.holds(v)),
            Self::Any(any) => any.iter().any(|g| g.holds(v)),
            Self::Not(g) => !g.holds(v),
            Self::Channel(list) => list.contains(&v.channel),
            Self::Nature(list) => list.contains(&v.nature),
            Self::Urgency(list) => list.contains(&v.urgency),
            Self::Secrecy(list) => list.contains(&v.secrecy),
            Self::ClassWithin(tops) => tops.iter().any(|t| Classes::is_within(v.class_code, t)),
            Self::Overlay(o) => v.overlays.contains(o),
            Self::Draft => v.draft,
            Self::RoundAtLeast(n) => v.round >= *n,
            Self::ReturnsAtLeast(n) => v.returns >= *n,
            Self::Solved(list) => v.solved.is_some_and(|s| list.contains(&s)),
            Self::RevisitsAtLeast(n) => v.revisits >= *n,
            Self::SelfSettled => v.self_settled,
            Self::SentDown => v.sent_down,
            Self::LeadSigned => v.lead_signed,
        }
    }

    /// What it asks for, for a refusal.
    pub fn zh(&self) -> String {
        match self {
            Self::Always => "无条件".into(),
            Self::All(all) => join(all, "且"),
            Self::Any(any) => join(any, "或"),
            Self::Not(g) => format!("不是「{}」", g.zh()),
            Self::Channel(l) => format!("来源为{}", l.iter().map(|c| c.zh()).collect::<Vec<_>>().join("、")),
            Self::Nature(l) => format!("性质为{}", l.iter().map(|c| c.zh()).collect::<Vec<_>>().join("、")),
            Self::Urgency(l) => format!("紧急程度为{}", l.iter().map(|c| c.zh()).collect::<Vec<_>>().join("、")),
            Self::Secrecy(l) => format!("敏感级为{}", l.iter().map(|c| c.zh()).collect::<Vec<_>>().join("、")),
            Self::ClassWithin(l) => format!("分类属于 {}", l.join("、")),
            Self::Overlay(o) => format!("处于{}", o.zh()),
            Self::Draft => "为草稿".into(),
            Self::RoundAtLeast(n) => format!("至少第 {n} 轮"),
            Self::ReturnsAtLeast(n) => format!("本轮退单不少于 {n} 次"),
            Self::Solved(l) => format!("回访结果为{}", l.iter().map(|c| c.zh()).collect::<Vec<_>>().join("或")),
            Self::RevisitsAtLeast(n) => format!("回访不少于 {n} 次"),
            Self::SelfSettled => "由采集单位自行办理".into(),
            Self::SentDown => "由上级主办单位下派".into(),
            Self::LeadSigned => "主办单位已签收".into(),
        }
    }

    /// Class codes that it names, for the checker.
    pub(super) fn class_codes(&self) -> Vec<&str> {
        match self {
            Self::All(list) | Self::Any(list) => list.iter().flat_map(Self::class_codes).collect(),
            Self::Not(g) => g.class_codes(),
            Self::ClassWithin(list) => list.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

fn join(list: &[Guard], word: &str) -> String {
    list.iter().map(Guard::zh).collect::<Vec<_>>().join(word)
}
