//! Administration of accounts and sessions. Passwords come in with the request and never go out, so no answer that is
//! kept for an idempotency key holds a secret.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::session::Sessions;
use super::{hidden, id};
use crate::access::{Action, Actor, CommandError, Target};
use crate::http::{Answer, Api, Ask, Body, Params, Problem, Signed, command};
use crate::log::Vault;
use crate::orgs::accounts::{
    self, AccountRow, NewAccount, check_password, check_user, create_account, reset_password, reset_totp, set_disabled,
    set_extension, unlock,
};
use crate::orgs::people;
use crate::store::{Tx, WriteFuture};

/// Accounts on a page unless told otherwise.
const PAGE: i64 = 50;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(sessions))
        .routes(routes!(reset))
        .routes(routes!(disable))
        .routes(routes!(enable))
        .routes(routes!(free))
        .routes(routes!(remove_totp))
        .routes(routes!(extend))
}

/// An account.
#[derive(Serialize, ToSchema)]
struct AccountBody {
    user: String,
    person_id: String,
    person_name: String,
    extension: Option<String>,
    /// Whether one-time codes are asked for.
    totp: bool,
    must_change: bool,
    disabled_at: Option<String>,
    last_sign_in_at: Option<String>,
    password_set_at: String,
    created_at: String,
}

/// A page of accounts.
#[derive(Serialize, ToSchema)]
struct Accounts {
    items: Vec<AccountBody>,
    next: Option<String>,
}

/// Which accounts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// The `next` of the page before.
    cursor: Option<String>,
    limit: Option<i64>,
}

/// An account to be made.
#[derive(Deserialize, ToSchema)]
struct NewAccountBody {
    user: String,
    person_id: String,
    /// The first password; it must be changed at the first sign-in.
    password: String,
    extension: Option<String>,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
struct PasswordBody {
    new_password: String,
}

/// An extension; null takes it away.
#[derive(Deserialize, ToSchema)]
struct ExtensionBody {
    extension: Option<String>,
}

/// Accounts within an administrator's reach.
#[utoipa::path(get, path = "/accounts", tag = "accounts", params(Which), responses((status = 200, body = Accounts)))]
async fn list(State(api): State<Api>, Signed(actor): Signed, Params(which): Params<Which>) -> Answer<Json<Accounts>> {
    let right = administrator(&actor)?;
    let limit = which.limit.unwrap_or(PAGE).clamp(1, 200);
    let mut conn = api.store.reader().acquire().await?;
    let rows = accounts::accounts(&mut conn, &actor, right, &which.cursor.unwrap_or_default(), limit).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|n| n == limit);
    let next = rows.last().filter(|_| full).map(|a| a.user.clone());
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let name = people::person(&mut conn, row.person).await?.map(|(p, _)| p.name).unwrap_or_default();
        items.push(body(row, name));
    }
    Ok(Json(Accounts { items, next }))
}

/// Makes an account.
#[utoipa::path(post, path = "/accounts", tag = "accounts", request_body = NewAccountBody, responses((status = 201)))]
async fn create(State(api): State<Api>, ask: Ask, Body(body): Body<NewAccountBody>) -> Answer {
    ask.actor.check(Action::SystemManage, Target::of(std::slice::from_ref(&ask.actor.unit_path)))?;
    let user = check_user(&body.user)?;
    check_password(&user, &body.password)?;
    let new = NewAccount {
        user: user.clone(),
        person: id(&body.person_id)?,
        password: api.orgs.hasher().prepare(&body.password).await?,
        must_change: true,
        extension: body.extension,
        realm: api.orgs.policy().realm.clone(),
    };
    let vault = api.vault.clone();
    command(&api, ask, StatusCode::CREATED, move |tx, ask| {
        Box::pin(async move {
            create_account(tx, &vault, &ask.actor, new).await?;
            Ok(serde_json::json!({ "user": user }))
        })
    })
    .await
}

/// Sets a new password for somebody; it must be changed at the next sign-in.
#[utoipa::path(post, path = "/accounts/{user}/reset_password", tag = "accounts", params(("user" = String, Path)),
    request_body = PasswordBody, responses((status = 200)))]
async fn reset(State(api): State<Api>, Path(user): Path<String>, ask: Ask, Body(body): Body<PasswordBody>) -> Answer {
    ask.actor.check(Action::SystemManage, Target::of(std::slice::from_ref(&ask.actor.unit_path)))?;
    check_password(&user, &body.new_password)?;
    let password = api.orgs.hasher().prepare(&body.new_password).await?;
    let realm = api.orgs.policy().realm.clone();
    on_account(&api, user, ask, move |tx, vault, actor, user| {
        Box::pin(async move { reset_password(tx, vault, actor, user, password, &realm).await })
    })
    .await
}

/// Turns an account off; its sessions end.
#[utoipa::path(post, path = "/accounts/{user}/disable", tag = "accounts", params(("user" = String, Path)), responses((status = 200)))]
async fn disable(State(api): State<Api>, Path(user): Path<String>, ask: Ask) -> Answer {
    on_account(&api, user, ask, |tx, vault, actor, user| {
        Box::pin(async move { set_disabled(tx, vault, actor, user, true).await })
    })
    .await
}

/// Turns an account on again.
#[utoipa::path(post, path = "/accounts/{user}/enable", tag = "accounts", params(("user" = String, Path)), responses((status = 200)))]
async fn enable(State(api): State<Api>, Path(user): Path<String>, ask: Ask) -> Answer {
    on_account(&api, user, ask, |tx, vault, actor, user| {
        Box::pin(async move { set_disabled(tx, vault, actor, user, false).await })
    })
    .await
}

/// Ends a lock-out before its time.
#[utoipa::path(post, path = "/accounts/{user}/unlock", tag = "accounts", params(("user" = String, Path)), responses((status = 200)))]
async fn free(State(api): State<Api>, Path(user): Path<String>, ask: Ask) -> Answer {
    on_account(&api, user, ask, |tx, vault, actor, user| Box::pin(async move { unlock(tx, vault, actor, user).await }))
        .await
}

/// Takes a lost authenticator away.
#[utoipa::path(post, path = "/accounts/{user}/reset_totp", tag = "accounts", params(("user" = String, Path)), responses((status = 200)))]
async fn remove_totp(State(api): State<Api>, Path(user): Path<String>, ask: Ask) -> Answer {
    on_account(&api, user, ask, |tx, vault, actor, user| {
        Box::pin(async move { reset_totp(tx, vault, actor, user).await })
    })
    .await
}

/// Gives the account's telephone another extension.
#[utoipa::path(put, path = "/accounts/{user}/extension", tag = "accounts", params(("user" = String, Path)),
    request_body = ExtensionBody, responses((status = 200)))]
async fn extend(State(api): State<Api>, Path(user): Path<String>, ask: Ask, Body(body): Body<ExtensionBody>) -> Answer {
    on_account(&api, user, ask, move |tx, vault, actor, user| {
        Box::pin(async move { set_extension(tx, vault, actor, user, body.extension.as_deref()).await })
    })
    .await
}

/// The open sessions of an account, for the security administrator.
#[utoipa::path(get, path = "/accounts/{user}/sessions", tag = "accounts", params(("user" = String, Path)),
    responses((status = 200, body = Sessions)))]
async fn sessions(State(api): State<Api>, Path(user): Path<String>, Signed(actor): Signed) -> Answer<Json<Sessions>> {
    let mut conn = api.store.reader().acquire().await?;
    let row = accounts::account(&mut conn, &user).await?.ok_or_else(|| hidden("账号"))?;
    let (_, paths) = people::person(&mut conn, row.person).await?.ok_or_else(|| hidden("账号"))?;
    drop(conn);
    actor.check_visible(Action::SecurityManage, Target::of(&paths), "账号")?;
    let open = api.orgs.sessions_of(&user).await?;
    Ok(Json(Sessions::of(open, actor.origin.session)))
}

/// Carries out a command about one account and answers with its name.
async fn on_account<F>(api: &Api, user: String, ask: Ask, work: F) -> Answer
where
    F: for<'a> FnOnce(&'a mut Tx, &'a Vault, &'a Actor, &'a str) -> WriteFuture<'a, (), CommandError> + Send + 'static,
{
    let vault = api.vault.clone();
    command(api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move {
            work(tx, &vault, &ask.actor, &user).await?;
            Ok(serde_json::json!({ "user": user }))
        })
    })
    .await
}

/// By which right an administrator sees accounts.
fn administrator(actor: &Actor) -> Result<Action, Problem> {
    let rights = [Action::SystemManage, Action::SecurityManage, Action::AuditRead];
    match rights.into_iter().find(|a| actor.may_somewhere(*a)) {
        Some(right) => Ok(right),
        None => Err(actor.check(Action::SystemManage, Target::of(&[])).err().unwrap_or_else(|| hidden("账号")).into()),
    }
}

fn body(row: AccountRow, person_name: String) -> AccountBody {
    AccountBody {
        user: row.user,
        person_id: row.person.to_string(),
        person_name,
        extension: row.extension,
        totp: row.totp_active,
        must_change: row.must_change,
        disabled_at: row.disabled_at.map(|t| t.to_string()),
        last_sign_in_at: row.last_sign_in_at.map(|t| t.to_string()),
        password_set_at: row.password_set_at.to_string(),
        created_at: row.created_at.to_string(),
    }
}
