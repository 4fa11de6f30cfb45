//! What is shown of calls, and which of them a list is asked for.
//!
//! Values only: what makes them is in `commands`, `desk` and `rows`.

use std::path::PathBuf;

use serde::Serialize;
use utoipa::ToSchema;

use super::queue::figures::Figure;
use super::switch::Third;
use crate::ids::{CallId, CaseId, PersonId, PhoneNumber, Timestamp};

/// Which calls.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// `in`, `out`, `internal`.
    pub direction: Option<String>,
    /// `queued`, `ringing`, `talking`, `held`, `ended`.
    pub state: Option<String>,
    /// As the call's end says.
    pub outcome: Option<String>,
    /// That waited in this queue.
    pub queue: Option<String>,
    /// That this agent served.
    pub agent: Option<PersonId>,
    /// About this case.
    pub case: Option<CaseId>,
    /// From or to this number, exactly: numbers are not searched in parts.
    pub number: Option<PhoneNumber>,
    /// Begun at or after.
    pub from: Option<Timestamp>,
    /// Begun before.
    pub to: Option<Timestamp>,
    /// With a recording.
    pub recorded: bool,
    /// Older than this call: the `next` of the page before.
    pub before: Option<CallId>,
    /// At most this many (1–200).
    pub limit: i64,
}

/// One end of a call.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EndView {
    /// Masked; empty if withheld.
    pub number: String,
    /// Masked.
    pub name: Option<String>,
    /// The county.
    pub area: Option<String>,
}

/// Something by id and name.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct NamedView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// The recording of a call.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordingView {
    /// Whether there is one.
    pub available: bool,
    /// `running`, `complete`, `gaps`, `failed`, `repaired`.
    pub state: String,
    /// Its length, once it is whole.
    pub duration_ms: Option<i64>,
}

/// A case that a call is about.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CallCaseView {
    /// Its id.
    pub id: String,
    /// Its public number, where the call was linked with it.
    pub public_no: String,
}

/// What after-call work said of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WrapUpView {
    /// The code.
    pub code: String,
    /// What people called it then.
    pub name: String,
    /// The agent's words.
    pub note: Option<String>,
}

/// A call as screens show it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CallView {
    /// Its id.
    pub id: String,
    /// `in`, `out`, `internal`.
    pub direction: String,
    /// `queued`, `ringing`, `talking`, `held`, `ended`.
    pub state: String,
    /// Who called.
    pub from: EndView,
    /// Who was called.
    pub to: EndView,
    /// Where it waited last.
    pub queue: Option<NamedView>,
    /// Who served it last.
    pub agent: Option<NamedView>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When its caller first asked for a person.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub queued_at: Option<Timestamp>,
    /// When a person was connected.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Until a person was connected.
    pub wait_ms: Option<i64>,
    /// Talk with people.
    pub talk_ms: Option<i64>,
    /// `answered`, `abandoned`, `no_answer`, `informed`, `left_early`, `failed`.
    pub result: Option<String>,
    /// `caller`, `callee`, `plan`, `system`.
    pub ended_by: Option<String>,
    /// The cause of the end, such as `normal`, `hub_restarted`.
    pub cause: Option<String>,
    /// The agent's voice is off.
    pub muted: bool,
    /// A third party who is asked or takes part.
    pub third: Option<ThirdView>,
    /// The recording.
    pub recording: Option<RecordingView>,
    /// The case that it was linked with last.
    pub case: Option<CallCaseView>,
    /// All cases that it is about.
    pub case_ids: Vec<String>,
    /// What after-call work said of it.
    pub wrap_up: Option<WrapUpView>,
}

/// A figure that can be opened.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FigureView {
    /// Stable name, such as `connect_rate_15s`.
    pub name: String,
    /// For people.
    pub title: String,
    /// What is counted over what.
    pub definition: String,
    /// The version of the definitions.
    pub version: u32,
    /// `ratio` (0–1) or `seconds`.
    pub unit: String,
    /// The figure; none with nothing to divide by.
    pub value: Option<f64>,
    /// Calls above the line.
    pub numerator: usize,
    /// Calls below the line.
    pub denominator: usize,
    /// The ids of the calls above the line.
    pub counted: Vec<String>,
    /// The ids of the calls below the line.
    pub over: Vec<String>,
    /// The ids of the calls left out.
    pub excluded: Vec<String>,
}

impl FigureView {
    /// With the calls' ids, or only their counts.
    pub(in crate::calls) fn new(figure: Figure, with_ids: bool) -> Self {
        let ids =
            |calls: &[CallId]| if with_ids { calls.iter().map(ToString::to_string).collect() } else { Vec::new() };
        Self {
            name: figure.name.into(),
            title: figure.title.into(),
            definition: figure.definition.into(),
            version: figure.version,
            unit: figure.unit.into(),
            value: figure.value,
            numerator: figure.counted.len(),
            denominator: figure.over.len(),
            counted: ids(&figure.counted),
            over: ids(&figure.over),
            excluded: ids(&figure.excluded),
        }
    }
}

/// A recording ready to be served.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The file.
    pub path: PathBuf,
    /// The header to serve instead of the file's own: right even while it is being written.
    pub header: Vec<u8>,
    /// Bytes of samples that follow the header at its length.
    pub data: u64,
}

/// Something to choose at the desk: a reason to take no calls, what a call was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CodeView {
    /// Its code.
    pub code: String,
    /// What people call it.
    pub name: String,
}

/// A third party in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ThirdView {
    /// `ringing`; `talking`: with the agent, while the other side waits; `together`: all three.
    pub state: String,
    /// The agent's name, where it is one.
    pub name: Option<String>,
}

impl ThirdView {
    pub(in crate::calls) fn of(third: Third) -> Self {
        Self { state: third.state.into(), name: third.name }
    }
}
