//! The bodies of the verbs, with their JSON schemas.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::Refusal;
use crate::cases::flow::Verb;
use crate::events::Subject;
use crate::events::cases::{Attachment, Channel, ContactRole, LinkKind, Nature, Place, ResultCode, Solved, Urgency};
use crate::ids::{CaseId, PhoneNumber, UnitId};

macro_rules! acts {
    ($($verb:ident $(=> $body:ty)?;)*) => {
        /// A verb with its body.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "the verbs are documented at `Verb`, the bodies at their types")]
        pub enum Act { $($verb $(($body))?,)* }

        impl Act {
            /// Its verb.
            pub fn verb(&self) -> Verb {
                match self { $(acts!(@pat $verb $(, $body)?) => Verb::$verb,)* }
            }

            /// Reads a body; a missing or `null` one counts as `{}`.
            pub fn parse(verb: Verb, body: Value) -> Result<Self, Refusal> {
                let body = if body.is_null() { Value::Object(serde_json::Map::new()) } else { body };
                match verb { $(Verb::$verb => acts!(@parse $verb, body $(, $body)?),)* }
            }
        }

        fn schemas() -> BTreeMap<Verb, Value> {
            BTreeMap::from([$((Verb::$verb, acts!(@schema $($body)?)),)*])
        }
    };
    (@pat $verb:ident, $body:ty) => { Self::$verb(_) };
    (@pat $verb:ident) => { Self::$verb };
    (@parse $verb:ident, $value:ident, $body:ty) => { serde_json::from_value::<$body>($value).map(Self::$verb).map_err(|e| bad_body(Verb::$verb, &e)) };
    (@parse $verb:ident, $value:ident) => { Ok(Self::$verb) };
    (@schema $body:ty) => { schemars::schema_for!($body).to_value() };
}

acts! {
    Supplement => SupplementBody; Accept => NoteBody; AskMore => ReasonBody; Refuse => ReasonBody; Answer => ResultBody;
    Assign => AssignBody; Reassign => GiveBody; Sign => NoteBody; ReturnRequest => ReturnBody; ReturnGrant => NoteBody;
    ReturnRefuse => ReasonBody; Transfer => GiveBody; SendUp => ReasonBody; SendDown => GiveBody; FeedBack => FeedBackBody;
    CheckPass => NoteBody; CheckFail => ReasonBody; Reply => ReplyBody; Revisit => RevisitBody; Close => NoteBody;
    Reopen => ReasonBody; Urge => UrgeBody; Link => LinkBody; Void => ReasonBody;
}

/// The JSON schema of a verb's body.
pub fn schema(verb: Verb) -> &'static Value {
    static SCHEMAS: OnceLock<BTreeMap<Verb, Value>> = OnceLock::new();
    SCHEMAS.get_or_init(schemas).get(&verb).expect("the table above has every verb")
}

/// A body that does not fit: names the field where serde does.
fn bad_body(verb: Verb, e: &serde_json::Error) -> Refusal {
    let text = e.to_string();
    let field = text.split('`').nth(1).map(str::to_owned);
    let refusal = Refusal::invalid("case.bad_body", format!("「{}」的内容不符合要求：{text}", verb.zh()));
    match field {
        Some(f) => refusal.field(format!("/{f}")),
        None => refusal,
    }
}

/// A note, if one is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteBody {
    /// 说明.
    #[serde(default)]
    pub note: Option<String>,
}

/// A reason, without which it is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonBody {
    /// 理由.
    pub reason: String,
}

/// More was said, or something was wrong.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SupplementBody {
    /// 补充内容.
    #[serde(default)]
    pub text: Option<String>,
    /// 标题.
    #[serde(default)]
    pub title: Option<String>,
    /// 事项分类.
    #[serde(default)]
    pub class_code: Option<String>,
    /// 诉求性质.
    #[serde(default)]
    pub nature: Option<Nature>,
    /// 紧急程度.
    #[serde(default)]
    pub urgency: Option<Urgency>,
    /// 事发地点.
    #[serde(default)]
    pub place: Option<Place>,
    /// 诉求人.
    #[serde(default)]
    pub requester: Option<RequesterBody>,
    /// 附件.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
}

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequesterBody {
    /// 姓名.
    #[serde(default)]
    pub name: Option<String>,
    /// 联系电话.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub phone: Option<PhoneNumber>,
}

/// An answer at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResultBody {
    /// 答复内容.
    pub answer_text: String,
    /// 办理结果.
    #[serde(default = "explained")]
    pub result_code: ResultCode,
}

fn explained() -> ResultCode {
    ResultCode::Explained
}

/// To whom the case goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignBody {
    /// 主办单位.
    #[schemars(with = "String")]
    pub unit_id: UnitId,
    /// 协办单位.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub co_units: Vec<UnitId>,
    /// 派单意见.
    #[serde(default)]
    pub note: Option<String>,
}

/// To whom the case goes instead, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveBody {
    /// 接收单位.
    #[schemars(with = "String")]
    pub unit_id: UnitId,
    /// 理由.
    #[serde(alias = "note")]
    pub reason: String,
}

/// Why a unit says that the case is not its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnBody {
    /// 退单理由.
    pub reason: String,
    /// 应承办单位.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub right_unit_id: Option<UnitId>,
    /// 依据（责任清单条目或法规）.
    #[serde(default)]
    pub basis: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedBackBody {
    /// 办理结果.
    pub result_code: ResultCode,
    /// 办理情况和答复意见.
    pub answer_text: String,
    /// 协办未完成时，主办先行反馈的理由.
    #[serde(default)]
    pub without_co: Option<String>,
    /// 附件（办理前后照片等）.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
}

/// How the citizen was told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplyBody {
    /// 答复方式.
    #[serde(default)]
    pub channel: Option<Channel>,
    /// 答复内容；空则用反馈的答复意见.
    #[serde(default, alias = "text")]
    pub answer_text: Option<String>,
    /// 答复所用的通话或短信，如 `call:…`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub subject: Option<Subject>,
}

/// What the citizen says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevisitBody {
    /// 是否解决.
    #[serde(deserialize_with = "solved")]
    #[schemars(with = "SolvedText")]
    pub solved: Solved,
    /// 对办理过程是否满意，1（很不满意）至 5（很满意）.
    #[serde(default, deserialize_with = "grade")]
    #[schemars(range(min = 1, max = 5))]
    pub satisfied_process: Option<u8>,
    /// 对办理结果是否满意，1 至 5.
    #[serde(default, deserialize_with = "grade")]
    #[schemars(range(min = 1, max = 5))]
    pub satisfied_result: Option<u8>,
    /// 说明.
    #[serde(default)]
    pub note: Option<String>,
}

/// For the schema: what `solved` may be.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum SolvedText {
    Code(Solved),
    YesNo(bool),
}

fn solved<'de, D: Deserializer<'de>>(d: D) -> Result<Solved, D::Error> {
    match Value::deserialize(d)? {
        Value::Bool(true) => Ok(Solved::Yes),
        Value::Bool(false) => Ok(Solved::No),
        Value::String(s) => {
            Solved::from_code(&s).ok_or_else(|| D::Error::custom("`solved` must be yes, no or unreachable"))
        }
        _ => Err(D::Error::custom("`solved` must be yes, no or unreachable")),
    }
}

/// 1..=5, or the words of the usual five-point scale, or yes and no.
fn grade<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u8>, D::Error> {
    const WORDS: [&str; 5] = ["very_unsatisfied", "unsatisfied", "basic", "satisfied", "very_satisfied"];
    let grade = match Value::deserialize(d)? {
        Value::Null => return Ok(None),
        Value::Bool(yes) => Some(if yes { 4 } else { 2 }),
        Value::Number(n) => n.as_u64().and_then(|n| u8::try_from(n).ok()),
        Value::String(s) => WORDS.iter().position(|w| *w == s).and_then(|i| u8::try_from(i + 1).ok()),
        _ => None,
    };
    match grade {
        Some(n @ 1..=5) => Ok(Some(n)),
        _ => Err(D::Error::custom(format!("a satisfaction is 1 to 5 or one of {}", WORDS.join(", ")))),
    }
}

/// Words of pressure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UrgeBody {
    /// 催办内容.
    #[serde(default)]
    pub text: Option<String>,
}

/// What to link: another case, or a call, message, meeting, order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkBody {
    /// 另一工单.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub case_id: Option<CaseId>,
    /// 与另一工单的关系.
    #[serde(default)]
    pub relation: Option<LinkKind>,
    /// 通话、短信、会议、指令，如 `call:018f…`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub subject: Option<Subject>,
    /// 它与本工单的关系.
    #[serde(default)]
    pub role: Option<ContactRole>,
    /// 说明.
    #[serde(default)]
    pub note: Option<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn every_verb_has_a_schema_of_its_body() {
        for verb in Verb::ALL {
            assert_eq!(schema(*verb)["type"], "object", "{verb:?}");
        }
        assert_eq!(schema(Verb::Assign)["required"], json!(["unit_id"]));
    }

    #[test]
    fn a_wrong_body_is_told_with_its_field() {
        let refused = Act::parse(Verb::FeedBack, json!({ "result_code": "resolved" })).unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref()), ("case.bad_body", Some("/answer_text")));
        let refused = Act::parse(Verb::Sign, json!({ "nots": "x" })).unwrap_err();
        assert_eq!(refused.field.as_deref(), Some("/nots"));
    }

    #[test]
    fn a_revisit_may_be_said_in_several_ways() {
        for (said, kept) in
            [(json!(true), Solved::Yes), (json!("no"), Solved::No), (json!("unreachable"), Solved::Unreachable)]
        {
            let act = Act::parse(
                Verb::Revisit,
                json!({ "solved": said, "satisfied_process": 4, "satisfied_result": "very_satisfied" }),
            );
            let Act::Revisit(body) = act.unwrap() else { panic!("a revisit") };
            assert_eq!((body.solved, body.satisfied_process, body.satisfied_result), (kept, Some(4), Some(5)));
        }
        assert!(Act::parse(Verb::Revisit, json!({ "solved": "maybe" })).is_err());
        assert!(Act::parse(Verb::Revisit, json!({ "solved": true, "satisfied_process": 6 })).is_err());
    }

    #[test]
    fn no_body_is_an_empty_one() {
        assert_eq!(Act::parse(Verb::Sign, Value::Null).unwrap(), Act::Sign(NoteBody::default()));
        assert!(Act::parse(Verb::Void, Value::Null).is_err());
    }
}
