//! Events of meetings 会议.

use serde::{Deserialize, Serialize};

use super::DomainEvent;
use super::cases::PersonalText;
use crate::ids::{CaseId, MeetingId, UnitId};

/// What happens to meetings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body")]
pub enum MeetingEvent {
    /// A meeting was called 召集.
    #[serde(rename = "meeting.created")]
    Created {
        /// The meeting.
        meeting: MeetingId,
        /// The case it is about.
        case: Option<CaseId>,
        /// What it is about.
        title: String,
        /// The invited units' names.
        invited: Vec<String>,
    },
    /// A unit was invited 邀请; `messages` sends the SMS with the link.
    #[serde(rename = "meeting.invited")]
    Invited {
        /// The meeting.
        meeting: MeetingId,
        /// The case it is about.
        case: Option<CaseId>,
        /// The unit.
        unit: UnitId,
        /// Its name.
        unit_name: String,
        /// What the meeting is about.
        title: String,
        /// The guest link: whoever holds it may join until the meeting ends. A secret between the hub and the phone.
        url: PersonalText,
    },
    /// The first participant came 开始.
    #[serde(rename = "meeting.started")]
    Started {
        /// The meeting.
        meeting: MeetingId,
        /// What it is about.
        title: String,
    },
    /// Somebody joined 加入.
    #[serde(rename = "meeting.joined")]
    Joined {
        /// The meeting.
        meeting: MeetingId,
        /// His identity in the room.
        identity: String,
        /// His name as the others see it.
        name: String,
    },
    /// Somebody left 离开.
    #[serde(rename = "meeting.left")]
    Left {
        /// The meeting.
        meeting: MeetingId,
        /// His identity in the room.
        identity: String,
        /// His name as the others see it.
        name: String,
        /// Why: `left`, `lost`, `removed`, `replaced`, `ended`, `restart`.
        reason: String,
        /// How long he was there, in seconds.
        seconds: i64,
    },
    /// The meeting is over 结束.
    #[serde(rename = "meeting.ended")]
    Ended {
        /// The meeting.
        meeting: MeetingId,
        /// What it was about.
        title: String,
        /// From the first join to the end, in seconds; 0 where nobody came.
        seconds: i64,
        /// How many different people were there.
        participants: i64,
        /// `closed` by a person, or `empty` when all had left.
        reason: String,
    },
}

impl DomainEvent for MeetingEvent {}
