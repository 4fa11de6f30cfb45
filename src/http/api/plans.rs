//! Plans of the hotline: what runs, and trying out what somebody writes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use liandong_dialplans::simulate::{Scenario, simulate};
use liandong_dialplans::{Diagnostic, InputFile, PlanSet, builtin, compile, draw};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Action, Actor, Refusal};
use crate::http::{Answer, Api, Ask, Signed};

/// Files in one check.
const FILES_MAX: usize = 20;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(plans)).routes(routes!(check)).routes(routes!(run))
}

/// A plan.
#[derive(Serialize, ToSchema)]
struct PlanBody {
    /// Its name.
    id: String,
    /// For people.
    title: String,
    /// The numbers that it serves.
    numbers: Vec<String>,
    /// A mermaid drawing.
    drawing: String,
}

/// The plans that calls run.
#[derive(Serialize, ToSchema)]
struct Plans {
    items: Vec<PlanBody>,
    next: Option<String>,
    /// Of the whole set; each call keeps its own to the end.
    version: String,
    /// The files as written.
    files: Vec<FileBody>,
}

/// A plan file.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FileBody {
    /// Its name, for diagnostics.
    name: String,
    /// Its text, YAML.
    text: String,
}

/// Files to be checked; without any the shipped ones are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CheckAsk {
    #[serde(default)]
    files: Vec<FileBody>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
struct CheckAnswer {
    /// Whether calls could run these plans.
    good: bool,
    /// Each with `file`, `line`, `column`, `severity`, `code`, `reason`, `hint`.
    #[schema(value_type = Vec<Object>)]
    diagnostics: Vec<Diagnostic>,
}

/// A scenario to be run.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SimulateAsk {
    /// The plan files; without any the shipped ones.
    #[serde(default)]
    files: Vec<FileBody>,
    /// The scenario, YAML.
    scenario: String,
}

/// What happened in it.
#[derive(Serialize, ToSchema)]
struct SimulateAnswer {
    /// Whether every expectation was met.
    passed: bool,
    /// In the order of time: `at` (ms), `call`, `what`.
    #[schema(value_type = Vec<Object>)]
    lines: Vec<liandong_dialplans::simulate::Line>,
    /// Expectations that were not met.
    failures: Vec<String>,
    /// What is wrong with the plans or the scenario; nothing was run then.
    #[schema(value_type = Vec<Object>)]
    diagnostics: Vec<Diagnostic>,
}

/// The plans that run now.
#[utoipa::path(get, path = "/plans", tag = "calls", responses((status = 200, body = Plans)))]
async fn plans(State(api): State<Api>, Signed(actor): Signed) -> Answer<Json<Plans>> {
    may(&actor)?;
    let set = api.calls.plans();
    let body = |(name, plan): (&liandong_dialplans::PlanName, &Arc<liandong_dialplans::Plan>)| PlanBody {
        id: name.to_string(),
        title: plan.title.clone(),
        numbers: builtin_numbers(set, name),
        drawing: draw(plan),
    };
    let files = builtin::files().into_iter().map(|f| FileBody { name: f.name, text: f.text }).collect();
    Ok(Json(Plans { items: set.plans().map(body).collect(), next: None, version: set.version(), files }))
}

fn builtin_numbers(set: &PlanSet, name: &liandong_dialplans::PlanName) -> Vec<String> {
    ["12345", "*"].iter().filter(|n| set.plan_for_number(n) == Some(name)).map(|n| (*n).to_owned()).collect()
}

/// Checks plan files: line, column, reason, hint. Nothing is changed.
#[utoipa::path(post, path = "/plans/check", tag = "calls", request_body = CheckAsk, responses((status = 200, body = CheckAnswer)))]
async fn check(State(_api): State<Api>, ask: Ask, Json(body): Json<CheckAsk>) -> Answer<Json<CheckAnswer>> {
    may(&ask.actor)?;
    let files = input(body.files)?;
    let diagnostics = liandong_dialplans::check(&files);
    Ok(Json(CheckAnswer { good: !diagnostics.iter().any(Diagnostic::is_error), diagnostics }))
}

/// Runs a scenario on a virtual clock. Nothing is called.
#[utoipa::path(post, path = "/plans/simulate", tag = "calls", request_body = SimulateAsk, responses((status = 200, body = SimulateAnswer)))]
async fn run(State(_api): State<Api>, ask: Ask, Json(body): Json<SimulateAsk>) -> Answer<Json<SimulateAnswer>> {
    may(&ask.actor)?;
    let files = input(body.files)?;
    let scenario = InputFile::new("scenario", body.scenario);
    // A scenario of 24 hours is some seconds of work: off the async threads.
    let run = tokio::task::spawn_blocking(move || simulated(&files, &scenario)).await;
    Ok(Json(run.unwrap_or_else(|_| refused(Vec::new()))))
}

fn simulated(files: &[InputFile], scenario: &InputFile) -> SimulateAnswer {
    let set = match compile(files) {
        Ok(set) => Arc::new(set),
        Err(diagnostics) => return refused(diagnostics),
    };
    match Scenario::read(scenario, &set) {
        Ok(scenario) => {
            let transcript = simulate(&set, &scenario);
            let passed = transcript.passed();
            let (lines, failures) = (transcript.lines, transcript.failures);
            SimulateAnswer { passed, lines, failures, diagnostics: Vec::new() }
        }
        Err(diagnostic) => refused(vec![diagnostic]),
    }
}

fn refused(diagnostics: Vec<Diagnostic>) -> SimulateAnswer {
    SimulateAnswer { passed: false, lines: Vec::new(), failures: Vec::new(), diagnostics }
}

fn input(files: Vec<FileBody>) -> Result<Vec<InputFile>, Refusal> {
    if files.len() > FILES_MAX {
        return Err(Refusal::invalid("plans.too_many", format!("一次最多检查{FILES_MAX}个文件")).field("/files"));
    }
    if files.is_empty() {
        return Ok(builtin::files());
    }
    Ok(files.into_iter().map(|f| InputFile::new(f.name, f.text)).collect())
}

/// Plans hold no personal data; whoever manages them or supervises calls anywhere may look.
fn may(actor: &Actor) -> Result<(), Refusal> {
    if actor.may_somewhere(Action::PlanManage) || actor.may_somewhere(Action::CallSupervise) {
        return Ok(());
    }
    Err(Refusal::forbidden("access.denied", format!("当前岗位没有「{}」的权限", Action::PlanManage.zh()))
        .who_may("热线班长、系统管理员"))
}
