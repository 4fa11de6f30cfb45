//! People, posts and roles. Numbers are masked; reading one whole is a command that says why and is audited.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{hidden, id};
use crate::access::{Action, Actor, Grant, Refusal, Scope, Sensitivity, Target};
use crate::http::{Answer, Api, Ask, Body, Params, Problem, Signed, command};
use crate::ids::{PersonId, PhoneNumber, PostId, Timestamp, UnitId};
use crate::orgs::people::{
    NewPerson, NewPost, PersonChange, PersonFilter, PersonRow, PostRow, add_person, change_person, close_post,
    create_post, fill_post, vacate_post,
};
use crate::orgs::{Role, may_see_unit, people, read_phone, set_role};

/// People on a page unless told otherwise.
const PAGE: i64 = 50;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, change))
        .routes(routes!(phone))
        .routes(routes!(posts, create_a_post))
        .routes(routes!(close_a_post))
        .routes(routes!(fill))
        .routes(routes!(vacate))
        .routes(routes!(roles))
        .routes(routes!(write_role))
}

/// A person in a list.
#[derive(Serialize, ToSchema)]
struct PersonLine {
    id: String,
    name: String,
    /// Masked; none if no number is known.
    phone: Option<String>,
    posts: Vec<HeldPost>,
}

/// A post that somebody holds.
#[derive(Serialize, ToSchema)]
struct HeldPost {
    id: String,
    title: String,
    unit_id: String,
    unit_name: String,
    stand_in: bool,
}

/// A page of people.
#[derive(Serialize, ToSchema)]
struct People {
    items: Vec<PersonLine>,
    next: Option<String>,
}

/// Which people.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Those with a post in this unit or below.
    unit: Option<String>,
    /// Those whose name contains this.
    q: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Up to so many, 200 at most.
    limit: Option<i64>,
}

/// A person to be made known.
#[derive(Deserialize, ToSchema)]
struct NewPersonBody {
    name: String,
    phone: Option<String>,
}

/// What shall be otherwise with a person.
#[derive(Deserialize, ToSchema)]
struct ChangeBody {
    name: Option<String>,
    /// An empty text takes the number away.
    phone: Option<String>,
}

/// Why a number is read.
#[derive(Deserialize, ToSchema)]
struct PurposeBody {
    purpose: String,
}

/// A post.
#[derive(Serialize, ToSchema)]
struct PostBody {
    id: String,
    unit_id: String,
    title: String,
    role: String,
    chief: bool,
}

/// A page of posts.
#[derive(Serialize, ToSchema)]
struct Posts {
    items: Vec<PostBody>,
    next: Option<String>,
}

/// Of which unit.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfUnit {
    unit: String,
}

/// A post to be founded.
#[derive(Deserialize, ToSchema)]
struct NewPostBody {
    unit_id: String,
    title: String,
    role: String,
    #[serde(default)]
    chief: bool,
}

/// Who takes a post.
#[derive(Deserialize, ToSchema)]
struct FillBody {
    person_id: String,
    #[serde(default)]
    stand_in: bool,
    /// RFC 3339; now without it.
    from: Option<String>,
    until: Option<String>,
}

/// A role.
#[derive(Serialize, ToSchema)]
struct RoleBody {
    code: String,
    name: String,
    grants: Vec<GrantBody>,
}

/// A right.
#[derive(Serialize, Deserialize, ToSchema)]
struct GrantBody {
    #[schema(value_type = String)]
    action: Action,
    #[schema(value_type = String)]
    scope: Scope,
    #[schema(value_type = String)]
    ceiling: Sensitivity,
}

/// All roles.
#[derive(Serialize, ToSchema)]
struct Roles {
    items: Vec<RoleBody>,
    next: Option<String>,
}

/// A role to be written.
#[derive(Deserialize, ToSchema)]
struct RoleWrite {
    name: String,
    grants: Vec<GrantBody>,
}

/// People within one's reach, by name.
#[utoipa::path(get, path = "/people", tag = "people", params(Which), responses((status = 200, body = People)))]
async fn list(State(api): State<Api>, Signed(actor): Signed, Params(which): Params<Which>) -> Answer<Json<People>> {
    let directory = api.orgs.directory();
    let within = match which.unit.as_deref() {
        Some(unit) => {
            let unit = directory.tree.unit(id(unit)?).filter(|u| may_see_unit(&actor, &directory.tree, u));
            Some(unit.ok_or_else(|| hidden("单位"))?.path.clone())
        }
        None => None,
    };
    let limit = which.limit.unwrap_or(PAGE).clamp(1, 200);
    let filter = PersonFilter { within, name: which.q, after: which.cursor.as_deref().map(cursor).transpose()?, limit };
    let mut conn = api.store.reader().acquire().await?;
    let rows = people::list(&mut conn, &actor, &filter).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|n| n == limit);
    let next = rows.last().filter(|_| full).map(|p| format!("{}:{}", p.id, p.name));
    drop(conn);
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(line(&api, &actor, row).await?);
    }
    Ok(Json(People { items, next }))
}

fn cursor(text: &str) -> Result<(String, PersonId), Refusal> {
    let bad = || Refusal::invalid("http.bad_cursor", "cursor 应为上一页返回的 next 值").field("/cursor");
    let (person, name) = text.split_once(':').ok_or_else(bad)?;
    Ok((name.to_owned(), person.parse().map_err(|_| bad())?))
}

async fn line(api: &Api, actor: &Actor, row: PersonRow) -> Result<PersonLine, Problem> {
    let mut conn = api.store.reader().acquire().await?;
    let phone = if row.has_phone { people::phone_of(&mut conn, &api.vault, row.id).await? } else { None };
    let seats = people::seats(&mut conn, row.id, Timestamp::now()).await?;
    let held =
        seats.into_iter().filter(|s| actor.may(Action::OrgRead, Target::of(std::slice::from_ref(&s.seat.unit_path))));
    let posts = held.map(|s| HeldPost {
        id: s.seat.post.to_string(),
        title: s.title,
        unit_id: s.seat.unit.to_string(),
        unit_name: s.seat.unit_name,
        stand_in: s.stand_in,
    });
    Ok(PersonLine { id: row.id.to_string(), name: row.name, phone: phone.map(|p| p.masked()), posts: posts.collect() })
}

/// A person.
#[utoipa::path(get, path = "/people/{id}", tag = "people", params(("id" = String, Path)),
    responses((status = 200, body = PersonLine), (status = 404)))]
async fn one(State(api): State<Api>, Signed(actor): Signed, Path(person): Path<String>) -> Answer {
    let mut conn = api.store.reader().acquire().await?;
    let found = people::person(&mut conn, id(&person)?).await?;
    drop(conn);
    let (row, paths) = found.ok_or_else(|| hidden("人员"))?;
    actor.check_visible(Action::OrgRead, Target { owner: Some(row.id), ..Target::of(&paths) }, "人员")?;
    let tag = format!("\"{}\"", row.version);
    Ok(([(header::ETAG, tag)], Json(line(&api, &actor, row).await?)).into_response())
}

/// Makes a person known.
#[utoipa::path(post, path = "/people", tag = "people", request_body = NewPersonBody, responses((status = 201)))]
async fn create(State(api): State<Api>, ask: Ask, Body(body): Body<NewPersonBody>) -> Answer {
    let new = NewPerson { id: None, name: body.name, phone: body.phone.as_deref().map(number).transpose()? };
    let vault = api.vault.clone();
    command(&api, ask, StatusCode::CREATED, move |tx, ask| {
        Box::pin(async move {
            let person = add_person(tx, &vault, &ask.actor, new).await?;
            Ok(serde_json::json!({ "id": person.to_string() }))
        })
    })
    .await
}

/// Changes a person's name or number.
#[utoipa::path(patch, path = "/people/{id}", tag = "people", params(("id" = String, Path)), request_body = ChangeBody,
    responses((status = 200), (status = 412)))]
async fn change(State(api): State<Api>, Path(person): Path<String>, ask: Ask, Body(body): Body<ChangeBody>) -> Answer {
    let person: PersonId = id(&person)?;
    let phone = match body.phone.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(text) => Some(Some(number(text)?)),
    };
    let change = PersonChange { name: body.name, phone };
    let vault = api.vault.clone();
    command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move {
            // A tag that is no number is nobody's version.
            let version = ask.if_match.as_ref().map(|t| t.parse().unwrap_or(-1));
            change_person(tx, &vault, &ask.actor, person, version, change).await?;
            Ok(serde_json::json!({ "id": person.to_string() }))
        })
    })
    .await
}

/// Reads a person's number whole, with the purpose; the audit keeps both. It is not kept for the idempotency key.
#[utoipa::path(post, path = "/people/{id}/phone", tag = "people", params(("id" = String, Path)), request_body = PurposeBody,
    responses((status = 200), (status = 403)))]
async fn phone(
    State(api): State<Api>,
    Path(person): Path<String>,
    Signed(actor): Signed,
    Body(body): Body<PurposeBody>,
) -> Answer {
    let person: PersonId = id(&person)?;
    let vault = api.vault.clone();
    let phone: Result<Option<PhoneNumber>, crate::access::CommandError> = api
        .store
        .write(move |tx| Box::pin(async move { read_phone(tx, &vault, &actor, person, &body.purpose).await }))
        .await;
    let body = serde_json::json!({ "phone": phone?.map(|p| p.to_string()) });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// The posts of a unit.
#[utoipa::path(get, path = "/posts", tag = "people", params(OfUnit), responses((status = 200, body = Posts)))]
async fn posts(State(api): State<Api>, Signed(actor): Signed, Params(of): Params<OfUnit>) -> Answer<Json<Posts>> {
    let unit: UnitId = id(&of.unit)?;
    let directory = api.orgs.directory();
    let path = directory.tree.unit(unit).map(|u| u.path.clone()).ok_or_else(|| hidden("单位"))?;
    actor.check_visible(Action::OrgRead, Target::of(&[path]), "单位")?;
    let mut conn = api.store.reader().acquire().await?;
    let rows = people::posts_of_unit(&mut conn, unit, Timestamp::now()).await?;
    Ok(Json(Posts { items: rows.into_iter().map(PostBody::from).collect(), next: None }))
}

/// Founds a post.
#[utoipa::path(post, path = "/posts", tag = "people", request_body = NewPostBody, responses((status = 201)))]
async fn create_a_post(State(api): State<Api>, ask: Ask, Body(body): Body<NewPostBody>) -> Answer {
    let new = NewPost {
        id: None,
        unit: id(&body.unit_id)?,
        title: body.title,
        role: body.role,
        chief: body.chief,
        from: None,
    };
    let vault = api.vault.clone();
    command(&api, ask, StatusCode::CREATED, move |tx, ask| {
        Box::pin(async move { Ok(PostBody::from(create_post(tx, &vault, &ask.actor, new).await?)) })
    })
    .await
}

/// Gives up a post.
#[utoipa::path(delete, path = "/posts/{id}", tag = "people", params(("id" = String, Path)), responses((status = 200)))]
async fn close_a_post(State(api): State<Api>, Path(post): Path<String>, ask: Ask) -> Answer {
    let post: PostId = id(&post)?;
    let vault = api.vault.clone();
    command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move {
            close_post(tx, &vault, &ask.actor, post).await?;
            Ok(serde_json::json!({ "id": post.to_string() }))
        })
    })
    .await
}

/// Gives a post to a person, or has him stand in.
#[utoipa::path(post, path = "/posts/{id}/holders", tag = "people", params(("id" = String, Path)), request_body = FillBody,
    responses((status = 201)))]
async fn fill(State(api): State<Api>, Path(post): Path<String>, ask: Ask, Body(body): Body<FillBody>) -> Answer {
    let (post, person): (PostId, PersonId) = (id(&post)?, id(&body.person_id)?);
    let period = (time(body.from.as_deref(), "/from")?, time(body.until.as_deref(), "/until")?);
    let vault = api.vault.clone();
    command(&api, ask, StatusCode::CREATED, move |tx, ask| {
        Box::pin(async move {
            fill_post(tx, &vault, &ask.actor, post, person, body.stand_in, period).await?;
            Ok(serde_json::json!({ "post_id": post.to_string(), "person_id": person.to_string() }))
        })
    })
    .await
}

/// Takes a person from a post.
#[utoipa::path(delete, path = "/posts/{id}/holders/{person}", tag = "people",
    params(("id" = String, Path), ("person" = String, Path)), responses((status = 200)))]
async fn vacate(State(api): State<Api>, Path((post, person)): Path<(String, String)>, ask: Ask) -> Answer {
    let (post, person): (PostId, PersonId) = (id(&post)?, id(&person)?);
    let vault = api.vault.clone();
    command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move {
            vacate_post(tx, &vault, &ask.actor, post, person).await?;
            Ok(serde_json::json!({ "post_id": post.to_string(), "person_id": person.to_string() }))
        })
    })
    .await
}

/// All roles and their rights.
#[utoipa::path(get, path = "/roles", tag = "people", responses((status = 200, body = Roles)))]
async fn roles(State(api): State<Api>, Signed(actor): Signed) -> Answer<Json<Roles>> {
    if ![Action::SecurityManage, Action::OrgManage, Action::AuditRead].iter().any(|a| actor.may_somewhere(*a)) {
        actor.check(Action::OrgManage, Target::of(&[]))?;
    }
    let items = api.orgs.roles().await?.into_iter().map(RoleBody::from).collect();
    Ok(Json(Roles { items, next: None }))
}

/// Writes a role.
#[utoipa::path(put, path = "/roles/{code}", tag = "people", params(("code" = String, Path)), request_body = RoleWrite,
    responses((status = 200)))]
async fn write_role(State(api): State<Api>, Path(code): Path<String>, ask: Ask, Body(body): Body<RoleWrite>) -> Answer {
    let grant = |g: GrantBody| Grant { action: g.action, scope: g.scope, ceiling: g.ceiling };
    let role = Role { code, name: body.name, grants: body.grants.into_iter().map(grant).collect() };
    let vault = api.vault.clone();
    command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move {
            let code = role.code.clone();
            set_role(tx, &vault, &ask.actor, role).await?;
            Ok(serde_json::json!({ "code": code }))
        })
    })
    .await
}

impl From<PostRow> for PostBody {
    fn from(post: PostRow) -> Self {
        Self {
            id: post.id.to_string(),
            unit_id: post.unit.to_string(),
            title: post.title,
            role: post.role,
            chief: post.chief,
        }
    }
}

impl From<Role> for RoleBody {
    fn from(role: Role) -> Self {
        let grant = |g: Grant| GrantBody { action: g.action, scope: g.scope, ceiling: g.ceiling };
        Self { code: role.code, name: role.name, grants: role.grants.into_iter().map(grant).collect() }
    }
}

fn number(text: &str) -> Result<PhoneNumber, Refusal> {
    PhoneNumber::parse(text).map_err(|e| Refusal::invalid("orgs.phone", format!("手机号有误：{e}")).field("/phone"))
}

fn time(text: Option<&str>, field: &str) -> Result<Option<Timestamp>, Refusal> {
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|e: crate::ids::BadTimestamp| Refusal::invalid("http.time", e.to_string()).field(field))
}
