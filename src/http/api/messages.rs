//! Messages, links, and the sandbox in which one answers as the receiver.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Action, CommandError, Refusal, RefusalKind, Target};
use crate::cases::Cases;
use crate::http::{Answer, Api, Ask, Signed, command};
use crate::ids::{CaseId, MessageId, PhoneNumber};
use crate::messages::{Lane, LinkInfo, MessageFilter, MessageView, NewMessage};
use crate::store::Tx;

/// Messages in one page unless asked for fewer.
const PAGE: i64 = 50;
/// What the citizen of a case is called in lists of messages.
const CITIZEN: &str = "市民";

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, send))
        .routes(routes!(get_one))
        .routes(routes!(links))
        .routes(routes!(answer))
        .routes(routes!(write_in))
}

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
struct MessagesQuery {
    /// About this case.
    #[param(value_type = Option<String>)]
    case_id: Option<CaseId>,
    /// In this state.
    state: Option<String>,
    /// Of this link, such as `sandbox`.
    link: Option<String>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<MessageId>,
    /// At most this many (1–200).
    limit: Option<i64>,
}

/// Messages.
#[derive(Serialize, ToSchema)]
struct MessageList {
    items: Vec<MessageView>,
    next: Option<String>,
}

/// Messages that the caller may see, newest first.
#[utoipa::path(get, path = "/messages", tag = "messages", params(MessagesQuery), responses((status = 200, body = MessageList)))]
async fn list(
    State(api): State<Api>,
    Signed(actor): Signed,
    Query(query): Query<MessagesQuery>,
) -> Answer<Json<MessageList>> {
    let limit = query.limit.unwrap_or(PAGE);
    let filter =
        MessageFilter { case: query.case_id, state: query.state, link: query.link, before: query.cursor, limit };
    let items = api.messages.list(&api.store, &actor, filter).await?;
    let full = i64::try_from(items.len()).is_ok_and(|n| n >= limit);
    let next = items.last().filter(|_| full).map(|m| m.id.to_string());
    Ok(Json(MessageList { items, next }))
}

/// A message to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MessageBody {
    /// The receiver's number, or `requester`: the citizen of the case, whose number stays in the hub.
    to: String,
    /// The text, at most 670 characters.
    text: String,
    /// The case it is about.
    #[schema(value_type = Option<String>)]
    case_id: Option<CaseId>,
}

impl MessageBody {
    /// Whom it goes to: the name under which the hub keeps him, and his number.
    async fn receiver(&self, tx: &mut Tx, cases: &Cases) -> Result<(String, PhoneNumber), CommandError> {
        if self.to != "requester" {
            let number = PhoneNumber::parse(&self.to)
                .map_err(|e| Refusal::invalid("message.bad_number", format!("{e}")).field("/to"));
            return Ok((String::new(), number?));
        }
        let case = self.case_id.ok_or_else(|| Refusal::invalid("message.no_case", "请给出工单").field("/case_id"))?;
        let none = || Refusal::conflict("message.no_requester", "该工单没有诉求人的电话");
        Ok((CITIZEN.to_owned(), cases.requester_phone(tx, case).await?.ok_or_else(none)?))
    }
}

/// A message that was taken.
#[derive(Serialize, ToSchema)]
struct Taken {
    #[schema(value_type = String)]
    id: MessageId,
    state: &'static str,
}

/// Queues a message; its way is told by events.
#[utoipa::path(post, path = "/messages", tag = "messages", request_body = MessageBody, responses((status = 202, body = Taken)))]
async fn send(State(api): State<Api>, ask: Ask, Json(body): Json<MessageBody>) -> Answer {
    let (messages, cases) = (api.messages.clone(), api.cases.clone());
    command(&api, ask, StatusCode::ACCEPTED, move |tx, ask| {
        Box::pin(async move {
            let mut orgs = vec![ask.actor.unit_path.clone()];
            if let Some(case) = body.case_id {
                orgs.extend(cases.visible(tx, &ask.actor, case).await?.orgs());
                orgs.sort();
                orgs.dedup();
            }
            let key = ask.key.clone().unwrap_or_else(|| tx.ids().uuid().to_string());
            let (receiver, to) = body.receiver(tx, &cases).await?;
            let new = NewMessage {
                to,
                receiver,
                text: body.text,
                shown: None,
                lane: Lane::Notice,
                template: None,
                case: body.case_id,
                orgs,
                question: None,
                key: format!("sent:{}:{key}", ask.actor.user),
            };
            let id = messages.send(tx, &ask.actor, new).await?;
            Ok(Taken { id, state: "queued" })
        })
    })
    .await
}

/// One message.
#[utoipa::path(get, path = "/messages/{id}", tag = "messages", params(("id" = String, Path)), responses((status = 200, body = MessageView)))]
async fn get_one(
    State(api): State<Api>,
    Signed(actor): Signed,
    Path(id): Path<MessageId>,
) -> Answer<Json<MessageView>> {
    Ok(Json(api.messages.get(&api.store, &actor, id).await?))
}

/// SMS links.
#[derive(Serialize, ToSchema)]
struct Links {
    items: Vec<LinkInfo>,
}

/// The SMS links and how they are.
#[utoipa::path(get, path = "/sms_links", tag = "messages", responses((status = 200, body = Links)))]
async fn links(State(api): State<Api>, Signed(actor): Signed) -> Answer<Json<Links>> {
    actor.check(Action::MessageRead, Target::of(std::slice::from_ref(&actor.unit_path)))?;
    Ok(Json(Links { items: api.gateways.iter().map(|g| g.info()).collect() }))
}

/// What the receiver writes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AnswerBody {
    /// The text.
    text: String,
}

/// In the sandbox: answers a message as its receiver.
#[utoipa::path(post, path = "/messages/{id}/answer", tag = "messages", params(("id" = String, Path)), request_body = AnswerBody, responses((status = 202)))]
async fn answer(
    State(api): State<Api>,
    Path(id): Path<MessageId>,
    ask: Ask,
    Json(body): Json<AnswerBody>,
) -> Answer<StatusCode> {
    let (number, ext) = api.messages.number_of(&api.store, &ask.actor, id).await?;
    write_as(&api, &number, &ext, &body.text).await
}

/// What a phone writes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PhoneText {
    /// The phone's number.
    #[schema(value_type = String)]
    from: PhoneNumber,
    /// The text.
    text: String,
}

/// In the sandbox: writes to the hotline as any phone.
#[utoipa::path(post, path = "/sandbox/messages", tag = "messages", request_body = PhoneText, responses((status = 202)))]
async fn write_in(State(api): State<Api>, ask: Ask, Json(body): Json<PhoneText>) -> Answer<StatusCode> {
    ask.actor.check(Action::SandboxUse, Target::of(std::slice::from_ref(&ask.actor.unit_path)))?;
    write_as(&api, body.from.as_str(), "", &body.text).await
}

async fn write_as(api: &Api, from: &str, ext: &str, text: &str) -> Answer<StatusCode> {
    let none = || Refusal::not_found("sandbox.none", "没有启用短信沙箱");
    let (sandbox, source) = api.sandbox.as_ref().ok_or_else(none)?;
    if sandbox.answer(from, &format!("{source}{ext}"), text).await {
        return Ok(StatusCode::ACCEPTED);
    }
    Err(Refusal::new(RefusalKind::Unavailable, "store.unavailable", "短信没有被接收，请稍后重试").into())
}
