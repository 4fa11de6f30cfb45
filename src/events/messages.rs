//! Events of messages (SMS): what was said to whom, and what came back.

use serde::{Deserialize, Serialize};

use super::{DomainEvent, Personal, Subject};
use crate::ids::{CaseId, MessageId};

/// What happens to messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body")]
pub enum MessageEvent {
    /// Written and waiting for its link 待发.
    #[serde(rename = "message.queued")]
    Queued {
        /// The message.
        message: MessageId,
        /// The case it is about.
        case: Option<CaseId>,
        /// The receiver's number.
        to: Personal,
        /// Who he is: a unit's or a person's name, or 市民.
        receiver: String,
        /// The text.
        text: Personal,
        /// The template it was made from.
        template: Option<String>,
        /// How many segments it takes.
        segments: i64,
    },
    /// The centre has it 已提交; not delivered yet.
    #[serde(rename = "message.submitted")]
    Submitted {
        /// The message.
        message: MessageId,
        /// By which link.
        link: String,
        /// An earlier attempt was cut off by a kill before the centre's answer was on disk: the phone may have it twice.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// The phone has it 已送达.
    #[serde(rename = "message.delivered")]
    Delivered {
        /// The message.
        message: MessageId,
    },
    /// It cannot be delivered 失败.
    #[serde(rename = "message.failed")]
    Failed {
        /// The message.
        message: MessageId,
        /// In words.
        reason: String,
    },
    /// Nobody knows whether it was taken 未知: the link broke before the answer.
    #[serde(rename = "message.unknown")]
    Unknown {
        /// The message.
        message: MessageId,
    },
    /// It was not delivered within its validity 过期.
    #[serde(rename = "message.expired")]
    Expired {
        /// The message.
        message: MessageId,
    },
    /// A message came in 上行.
    #[serde(rename = "message.received")]
    Received {
        /// The message.
        message: MessageId,
        /// The case it belongs to, where that is known.
        case: Option<CaseId>,
        /// Who wrote.
        from: Personal,
        /// What he wrote.
        text: Personal,
        /// What it was taken for.
        taken_as: TakenAs,
        /// About what.
        about: Option<Subject>,
    },
}

impl DomainEvent for MessageEvent {}

/// What an incoming message was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TakenAs {
    /// The signature for a case 签收.
    Signature,
    /// The acceptance of an order 接受指令.
    Acceptance,
    /// A remark on the matter that was asked about 回复.
    Remark,
    /// A citizen's supplement to his case 补充.
    Supplement,
    /// A citizen's new matter: a draft was opened 新诉求.
    Draft,
    /// It could not be told which of several matters was meant: asked back.
    Ambiguous,
}
