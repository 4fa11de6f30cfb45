//! The organisation tree, its grids and the duty list. Who looks sees what is his to see ([`may_see_unit`]); other
//! counties are not there for him.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{hidden, id};
use crate::access::{Action, Actor, CommandError, Refusal, RefusalKind, Target};
use crate::http::{Answer, Api, Ask, Body, Params, Signed, command};
use crate::ids::{GridId, Point, UnitId};
use crate::orgs::{
    Area, Directory, DutyLead, Grid, NewDuty, NewGrid, NewUnit, Unit, UnitChange, UnitKind, change_unit, close_unit,
    create_unit, draw_grid, end_duty, may_see_unit, move_unit, set_duty,
};

/// Units in one answer: the children of a large county, or the hits of a search.
const SHOWN_MAX: usize = 500;
/// Grids in one answer: those of a county on the map.
const GRIDS_MAX: usize = 5_000;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(locate))
        .routes(routes!(one, change, close))
        .routes(routes!(relocate))
        .routes(routes!(history))
        .routes(routes!(grids, draw))
        .routes(routes!(duties, write_duty))
        .routes(routes!(strike_duty))
}

/// A unit.
#[derive(Serialize, ToSchema)]
pub(super) struct UnitBody {
    id: String,
    parent: Option<String>,
    path: String,
    code: String,
    /// `city`, `county`, `township`, `village`, `department`, `company`.
    kind: &'static str,
    name: String,
    gov_code: Option<String>,
    /// Shown within one's reach, and for departments and companies.
    duty_phone: Option<String>,
    place: Option<Point2>,
    since: String,
    has_children: bool,
}

/// A place.
#[derive(Serialize, Deserialize, ToSchema, Clone, Copy)]
pub(super) struct Point2 {
    lon: f64,
    lat: f64,
}

/// A unit with what lists leave out.
#[derive(Serialize, ToSchema)]
struct UnitWhole {
    #[serde(flatten)]
    unit: UnitBody,
    /// GeoJSON geometry.
    #[schema(value_type = Option<Object>)]
    boundary: Option<Value>,
    /// The units above, the city first.
    above: Vec<UnitBody>,
    grids: Vec<GridBody>,
}

/// A grid.
#[derive(Serialize, ToSchema)]
struct GridBody {
    id: String,
    code: String,
    name: String,
    /// `community`, `rural`, `dedicated`.
    kind: String,
    unit_id: String,
    leader_id: Option<String>,
    /// GeoJSON geometry.
    #[schema(value_type = Object)]
    area: Value,
}

/// A page of units.
#[derive(Serialize, ToSchema)]
struct Units {
    items: Vec<UnitBody>,
    next: Option<String>,
}

/// A page of grids.
#[derive(Serialize, ToSchema)]
struct Grids {
    items: Vec<GridBody>,
    next: Option<String>,
}

/// Which units.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// The units directly under this one; without it the top.
    #[serde(default)]
    parent: Option<String>,
    /// Instead: units whose name or code contains this.
    q: Option<String>,
}

/// A place to look up.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Where {
    lon: f64,
    lat: f64,
    /// Also say whose duty this class is there.
    class: Option<String>,
}

/// What is at a place.
#[derive(Serialize, ToSchema)]
struct Located {
    unit: Option<UnitBody>,
    county: Option<UnitBody>,
    grid: Option<GridBody>,
    duty: Option<DutyHere>,
}

/// Whose matter a class is.
#[derive(Serialize, ToSchema)]
struct DutyHere {
    lead: UnitBody,
    co: Vec<String>,
    /// The line of the duty list that says so.
    duty_id: String,
}

/// A unit to be founded.
#[derive(Deserialize, ToSchema)]
struct NewUnitBody {
    parent: Option<String>,
    code: String,
    kind: String,
    name: String,
    gov_code: Option<String>,
    duty_phone: Option<String>,
    place: Option<Point2>,
    #[schema(value_type = Option<Object>)]
    boundary: Option<Value>,
}

/// What shall be otherwise.
#[derive(Deserialize, ToSchema)]
struct ChangeBody {
    name: Option<String>,
    gov_code: Option<String>,
    duty_phone: Option<String>,
    place: Option<Point2>,
    #[schema(value_type = Option<Object>)]
    boundary: Option<Value>,
    /// From when, RFC 3339; now without it.
    from: Option<String>,
}

/// Another place in the tree.
#[derive(Deserialize, ToSchema)]
struct MoveBody {
    parent: String,
}

/// A grid to be drawn.
#[derive(Deserialize, ToSchema)]
struct NewGridBody {
    /// An existing grid is drawn anew.
    id: Option<String>,
    code: String,
    name: String,
    kind: String,
    leader_id: Option<String>,
    #[schema(value_type = Object)]
    area: Value,
}

/// A line of the duty list.
#[derive(Serialize, ToSchema)]
struct DutyBody {
    id: String,
    class: String,
    area_id: String,
    /// `unit:<id>` or `local:<kind>`.
    lead: String,
    co: Vec<String>,
}

/// The duty list.
#[derive(Serialize, ToSchema)]
struct Duties {
    items: Vec<DutyBody>,
    next: Option<String>,
}

/// A line to be written.
#[derive(Deserialize, ToSchema)]
struct NewDutyBody {
    class: String,
    area_id: String,
    lead: String,
    #[serde(default)]
    co: Vec<String>,
}

/// The tree, level by level, or a search in it.
#[utoipa::path(get, path = "/orgs", tag = "organisations", params(Which), responses((status = 200, body = Units)))]
async fn list(State(api): State<Api>, Signed(actor): Signed, Params(which): Params<Which>) -> Answer<Json<Units>> {
    let directory = api.orgs.directory();
    let units: Vec<&Unit> = match (which.q.as_deref().map(str::trim).filter(|q| !q.is_empty()), which.parent) {
        (Some(q), _) => {
            let fits = |u: &&Unit| u.name.contains(q) || u.code == q || u.gov_code.as_deref() == Some(q);
            directory
                .tree
                .iter()
                .filter(fits)
                .filter(|u| may_see_unit(&actor, &directory.tree, u))
                .take(SHOWN_MAX)
                .collect()
        }
        (None, Some(parent)) => {
            let parent = visible(&actor, &directory, id(&parent)?)?.id;
            children(&actor, &directory, Some(parent))
        }
        (None, None) => children(&actor, &directory, None),
    };
    let items = units.into_iter().map(|u| body(&actor, &directory, u)).collect();
    Ok(Json(Units { items, next: None }))
}

fn children<'d>(actor: &Actor, directory: &'d Directory, parent: Option<UnitId>) -> Vec<&'d Unit> {
    directory.tree.children(parent).filter(|u| may_see_unit(actor, &directory.tree, u)).take(SHOWN_MAX).collect()
}

/// A unit with its area, grids and the way up.
#[utoipa::path(get, path = "/orgs/{id}", tag = "organisations", params(("id" = String, Path)),
    responses((status = 200, body = UnitWhole), (status = 404)))]
async fn one(State(api): State<Api>, Signed(actor): Signed, Path(unit): Path<String>) -> Answer {
    let directory = api.orgs.directory();
    let unit = visible(&actor, &directory, id(&unit)?)?;
    let within = reaches(&actor, unit);
    let mut above: Vec<UnitBody> =
        directory.tree.upwards(unit.id).skip(1).map(|u| body(&actor, &directory, u)).collect();
    above.reverse();
    let whole = UnitWhole {
        boundary: unit.boundary.as_ref().filter(|_| within).map(Area::to_geojson),
        above,
        grids: directory.grids_of(unit.id).filter(|_| within).map(grid_body).collect(),
        unit: body(&actor, &directory, unit),
    };
    Ok(([(header::ETAG, format!("\"{}\"", version(unit)))], Json(whole)).into_response())
}

/// A unit through all its changes.
#[utoipa::path(get, path = "/orgs/{id}/history", tag = "organisations", params(("id" = String, Path)),
    responses((status = 200, body = Units)))]
async fn history(State(api): State<Api>, Signed(actor): Signed, Path(unit): Path<String>) -> Answer<Json<Units>> {
    let directory = api.orgs.directory();
    let now = visible(&actor, &directory, id(&unit)?)?;
    let periods = api.orgs.unit_history(now.id).await?;
    let items = periods.iter().map(|u| body(&actor, &directory, u)).collect();
    Ok(Json(Units { items, next: None }))
}

/// What is at a place: unit, county, grid, and whose duty a class is there.
#[utoipa::path(get, path = "/orgs/locate", tag = "organisations", params(Where), responses((status = 200, body = Located)))]
async fn locate(State(api): State<Api>, Signed(actor): Signed, Params(place): Params<Where>) -> Answer<Json<Located>> {
    let directory = api.orgs.directory();
    let point = Point { lon: place.lon, lat: place.lat };
    let sees = |u: &&Unit| may_see_unit(&actor, &directory.tree, u);
    let unit = directory.unit_at(point).filter(sees);
    let county = unit.and_then(|u| directory.tree.county_of(u.id));
    let grid = unit.and_then(|_| directory.grid_at(point));
    let duty = place.class.as_deref().zip(unit).and_then(|(class, unit)| {
        let answer = directory.duty_in(class, unit.id)?;
        let lead = directory.tree.unit(answer.lead).filter(sees)?;
        let co = answer.co.iter().map(ToString::to_string).collect();
        Some(DutyHere { lead: body(&actor, &directory, lead), co, duty_id: answer.duty })
    });
    Ok(Json(Located {
        unit: unit.map(|u| body(&actor, &directory, u)),
        county: county.map(|u| body(&actor, &directory, u)),
        grid: grid.map(grid_body),
        duty,
    }))
}

/// Founds a unit.
#[utoipa::path(post, path = "/orgs", tag = "organisations", request_body = NewUnitBody, responses((status = 201)))]
async fn create(State(api): State<Api>, ask: Ask, Body(body): Body<NewUnitBody>) -> Answer {
    let new = NewUnit {
        id: None,
        parent: body.parent.as_deref().map(id).transpose()?,
        code: body.code,
        kind: body.kind.parse()?,
        name: body.name,
        gov_code: body.gov_code,
        duty_phone: body.duty_phone,
        place: body.place.map(point).transpose()?,
        boundary: body.boundary.as_ref().map(Area::from_geojson).transpose()?,
        from: None,
    };
    let vault = api.vault.clone();
    let answer = command(&api, ask, StatusCode::CREATED, move |tx, ask| {
        Box::pin(async move { Ok(written(&create_unit(tx, &vault, &ask.actor, new).await?)) })
    })
    .await?;
    reloaded(&api, answer).await
}

/// Changes what a unit is called or where it is. `If-Match` guards against a lost update.
#[utoipa::path(patch, path = "/orgs/{id}", tag = "organisations", params(("id" = String, Path)), request_body = ChangeBody,
    responses((status = 200), (status = 412)))]
async fn change(State(api): State<Api>, Path(unit): Path<String>, ask: Ask, Body(body): Body<ChangeBody>) -> Answer {
    let unit: UnitId = id(&unit)?;
    let from = body.from.as_deref().map(str::parse).transpose();
    let from =
        from.map_err(|e: crate::ids::BadTimestamp| Refusal::invalid("http.time", e.to_string()).field("/from"))?;
    let change = UnitChange {
        name: body.name,
        gov_code: body.gov_code,
        duty_phone: body.duty_phone,
        place: body.place.map(point).transpose()?,
        boundary: body.boundary.as_ref().map(Area::from_geojson).transpose()?,
    };
    if let Some(tag) = &ask.if_match {
        let directory = api.orgs.directory();
        if *tag != version(visible(&ask.actor, &directory, unit)?) {
            let text = "该单位已被他人修改，请刷新后再改";
            return Err(Refusal::new(RefusalKind::Outdated, "access.outdated", text).into());
        }
    }
    let vault = api.vault.clone();
    let answer = command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move { Ok(written(&change_unit(tx, &vault, &ask.actor, unit, change, from).await?)) })
    })
    .await?;
    reloaded(&api, answer).await
}

/// Puts a unit, with all below it, under another.
#[utoipa::path(post, path = "/orgs/{id}/move", tag = "organisations", params(("id" = String, Path)), request_body = MoveBody,
    responses((status = 200)))]
async fn relocate(State(api): State<Api>, Path(unit): Path<String>, ask: Ask, Body(body): Body<MoveBody>) -> Answer {
    let (unit, parent): (UnitId, UnitId) = (id(&unit)?, id(&body.parent)?);
    let vault = api.vault.clone();
    let answer = command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move { Ok(written(&move_unit(tx, &vault, &ask.actor, unit, parent).await?)) })
    })
    .await?;
    reloaded(&api, answer).await
}

/// Dissolves a unit.
#[utoipa::path(delete, path = "/orgs/{id}", tag = "organisations", params(("id" = String, Path)), responses((status = 200)))]
async fn close(State(api): State<Api>, Path(unit): Path<String>, ask: Ask) -> Answer {
    let unit: UnitId = id(&unit)?;
    let vault = api.vault.clone();
    let answer = command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move {
            close_unit(tx, &vault, &ask.actor, unit).await?;
            Ok(serde_json::json!({ "id": unit.to_string() }))
        })
    })
    .await?;
    reloaded(&api, answer).await
}

/// The grids of a unit and all below it, for the map.
#[utoipa::path(get, path = "/orgs/{id}/grids", tag = "organisations", params(("id" = String, Path)),
    responses((status = 200, body = Grids)))]
async fn grids(State(api): State<Api>, Signed(actor): Signed, Path(unit): Path<String>) -> Answer<Json<Grids>> {
    let directory = api.orgs.directory();
    let top = visible(&actor, &directory, id(&unit)?)?;
    let below = directory.tree.subtree(&top.path).filter(|u| reaches(&actor, u));
    let items = below.flat_map(|u| directory.grids_of(u.id)).take(GRIDS_MAX).map(grid_body).collect();
    Ok(Json(Grids { items, next: None }))
}

/// Draws a grid of the unit.
#[utoipa::path(post, path = "/orgs/{id}/grids", tag = "organisations", params(("id" = String, Path)), request_body = NewGridBody,
    responses((status = 201)))]
async fn draw(State(api): State<Api>, Path(unit): Path<String>, ask: Ask, Body(body): Body<NewGridBody>) -> Answer {
    let new = NewGrid {
        id: body.id.as_deref().map(id::<GridId>).transpose()?,
        code: body.code,
        name: body.name,
        kind: body.kind,
        unit: id(&unit)?,
        leader: body.leader_id.as_deref().map(id).transpose()?,
        area: Area::from_geojson(&body.area)?,
        from: None,
    };
    let vault = api.vault.clone();
    let answer = command(&api, ask, StatusCode::CREATED, move |tx, ask| {
        Box::pin(async move {
            let grid = draw_grid(tx, &vault, &ask.actor, new).await?;
            Ok(serde_json::json!({ "id": grid.id.to_string(), "code": grid.code, "name": grid.name }))
        })
    })
    .await?;
    reloaded(&api, answer).await
}

/// The lines of the duty list that hold in one's area or above it.
#[utoipa::path(get, path = "/duties", tag = "organisations", responses((status = 200, body = Duties)))]
async fn duties(State(api): State<Api>, Signed(actor): Signed) -> Answer<Json<Duties>> {
    let directory = api.orgs.directory();
    let sees = |area: UnitId| directory.tree.unit(area).is_some_and(|u| may_see_unit(&actor, &directory.tree, u));
    let line = |d: &crate::orgs::Duty| DutyBody {
        id: d.id.clone(),
        class: d.class.clone(),
        area_id: d.area.to_string(),
        lead: d.lead.to_string(),
        co: d.co.iter().map(ToString::to_string).collect(),
    };
    let items = directory.duties.lines().iter().filter(|d| sees(d.area)).map(line).collect();
    Ok(Json(Duties { items, next: None }))
}

/// Writes a line of the duty list.
#[utoipa::path(post, path = "/duties", tag = "organisations", request_body = NewDutyBody, responses((status = 201)))]
async fn write_duty(State(api): State<Api>, ask: Ask, Body(body): Body<NewDutyBody>) -> Answer {
    let new = NewDuty {
        id: None,
        class: body.class,
        area: id(&body.area_id)?,
        lead: body.lead.parse::<DutyLead>()?,
        co: body.co.iter().map(|c| id(c)).collect::<Result<_, _>>()?,
        from: None,
    };
    let vault = api.vault.clone();
    let answer = command(&api, ask, StatusCode::CREATED, move |tx, ask| {
        Box::pin(async move {
            let duty = set_duty(tx, &vault, &ask.actor, new).await?;
            Ok(serde_json::json!({ "id": duty.id, "class": duty.class }))
        })
    })
    .await?;
    reloaded(&api, answer).await
}

/// Strikes out a line of the duty list.
#[utoipa::path(delete, path = "/duties/{id}", tag = "organisations", params(("id" = String, Path)), responses((status = 200)))]
async fn strike_duty(State(api): State<Api>, Path(duty): Path<String>, ask: Ask) -> Answer {
    let vault = api.vault.clone();
    let answer = command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move {
            end_duty(tx, &vault, &ask.actor, &duty).await?;
            Ok::<_, CommandError>(serde_json::json!({ "id": duty }))
        })
    })
    .await?;
    reloaded(&api, answer).await
}

/// The next reader sees what was written: the directory in memory is read anew before the answer leaves.
async fn reloaded(api: &Api, answer: Response) -> Answer {
    api.orgs.reload().await?;
    Ok(answer)
}

fn visible<'d>(actor: &Actor, directory: &'d Arc<Directory>, unit: UnitId) -> Result<&'d Unit, Refusal> {
    directory.tree.unit(unit).filter(|u| may_see_unit(actor, &directory.tree, u)).ok_or_else(|| hidden("单位"))
}

fn reaches(actor: &Actor, unit: &Unit) -> bool {
    actor.may(Action::OrgRead, Target::of(std::slice::from_ref(&unit.path)))
}

fn body(actor: &Actor, directory: &Directory, unit: &Unit) -> UnitBody {
    let open = reaches(actor, unit) || !unit.kind.is_level();
    let has_children = directory.tree.children(Some(unit.id)).any(|u| may_see_unit(actor, &directory.tree, u));
    UnitBody {
        id: unit.id.to_string(),
        parent: unit.parent.map(|p| p.to_string()),
        path: unit.path.to_string(),
        code: unit.code.clone(),
        kind: unit.kind.as_str(),
        name: unit.name.clone(),
        gov_code: unit.gov_code.clone(),
        duty_phone: unit.duty_phone.clone().filter(|_| open),
        place: unit.place.map(|p| Point2 { lon: p.lon, lat: p.lat }),
        since: unit.valid_from.to_string(),
        has_children,
    }
}

fn grid_body(grid: &Grid) -> GridBody {
    GridBody {
        id: grid.id.to_string(),
        code: grid.code.clone(),
        name: grid.name.clone(),
        kind: grid.kind.clone(),
        unit_id: grid.unit.to_string(),
        leader_id: grid.leader.map(|l| l.to_string()),
        area: grid.area.to_geojson(),
    }
}

fn written(unit: &Unit) -> Value {
    serde_json::json!({
        "id": unit.id.to_string(), "path": unit.path.to_string(), "kind": UnitKind::as_str(unit.kind),
        "name": unit.name, "since": unit.valid_from.to_string(),
    })
}

/// The period that a unit is in: another one begins with each change.
fn version(unit: &Unit) -> String {
    unit.valid_from.0.to_string()
}

fn point(p: Point2) -> Result<Point, Refusal> {
    if p.lon.abs() <= 180.0 && p.lat.abs() <= 90.0 {
        return Ok(Point { lon: p.lon, lat: p.lat });
    }
    Err(Refusal::invalid("http.place", "经度应在±180、纬度应在±90之间").field("/place"))
}
