//! Rights from outside, over the whole hub with the demo city: what belongs to another county is not there for a county's
//! people, at any endpoint of organisations and people, and no count, search or error text tells of it.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

const PASSWORD: &str = "Story-2026-water";

struct City {
    hub: Hub,
    _folder: tempfile::TempDir,
}

impl City {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let any = |_: SocketAddr| SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config::default();
        config.hub.data = folder.path().to_owned();
        config.http.listen = any(config.http.listen);
        config.http.listen_tls = any(config.http.listen_tls);
        config.sip.udp = any(config.sip.udp);
        config.sip.tcp = any(config.sip.tcp);
        config.media.webrtc = any(config.media.webrtc);
        config.meetings.udp = any(config.meetings.udp);
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { hub: Hub::start_demo(config, PASSWORD).await.unwrap(), _folder: folder }
    }

    async fn ask(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match body {
            Some(json) => {
                request = request.header("content-type", "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        let response = self.hub.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn sign_in(&self, user: &str) -> String {
        let body = json!({ "user": user, "password": PASSWORD });
        let (status, text) = self.ask("", Method::POST, "/session", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["token"].as_str().unwrap().to_owned()
    }

    async fn items(&self, token: &str, path: &str) -> Vec<Value> {
        let (status, text) = self.ask(token, Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str::<Value>(&text).unwrap()["items"].as_array().unwrap().clone()
    }
}

/// The ids in a list.
fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn another_county_is_not_there() {
    let city = City::start().await;
    let officer = city.sign_in("officer1").await;
    let county = city.sign_in("county1").await;
    let directory = city.hub.orgs.directory();
    let erqi = directory.tree.at_path(&OrgPath::from_stored("/zz/erqi/")).unwrap().id.to_string();
    let towns = city.items(&officer, &format!("/orgs?parent={erqi}")).await;
    let people = city.items(&officer, &format!("/people?unit={erqi}&limit=200")).await;
    let posts = city.items(&officer, &format!("/posts?unit={erqi}")).await;
    assert!(towns.len() >= 16 && people.len() >= 16 && !posts.is_empty());

    let mut asked = Vec::new();
    for unit in ids(&towns).into_iter().take(4).chain([erqi.clone()]) {
        let body = Some(json!({ "name": "改名" }));
        asked.extend([
            (Method::GET, format!("/orgs/{unit}"), None),
            (Method::GET, format!("/orgs/{unit}/history"), None),
            (Method::GET, format!("/orgs/{unit}/grids"), None),
            (Method::GET, format!("/orgs?parent={unit}"), None),
            (Method::GET, format!("/people?unit={unit}"), None),
            (Method::GET, format!("/posts?unit={unit}"), None),
            (Method::PATCH, format!("/orgs/{unit}"), body),
            (Method::DELETE, format!("/orgs/{unit}"), None),
        ]);
    }
    for person in ids(&people).into_iter().take(4) {
        asked.extend([
            (Method::GET, format!("/people/{person}"), None),
            (Method::PATCH, format!("/people/{person}"), Some(json!({ "name": "改名" }))),
            (Method::POST, format!("/people/{person}/phone"), Some(json!({ "purpose": "看看" }))),
        ]);
    }
    for post in ids(&posts) {
        asked.push((Method::DELETE, format!("/posts/{post}"), None));
    }
    let hidden: Vec<&str> = towns.iter().chain(&people).map(|t| t["name"].as_str().unwrap()).collect();
    for (method, path, body) in asked {
        let (status, text) = city.ask(&county, method.clone(), &path, body).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}: {text}");
        assert!(hidden.iter().all(|name| !text.contains(name)), "{method} {path} tells: {text}");
    }
    city.hub.drain().await;
}

#[tokio::test]
async fn lists_and_searches_count_only_what_may_be_seen() {
    let city = City::start().await;
    let county = city.sign_in("county1").await;
    let directory = city.hub.orgs.directory();
    let jinshui = OrgPath::from_stored("/zz/jinshui/");
    let mine = |unit: &str| {
        let unit = directory.tree.unit(unit.parse().unwrap()).unwrap();
        unit.path.is_within(&jinshui) || jinshui.is_within(&unit.path) || !unit.kind.is_level()
    };
    for path in ["/orgs?q=街道", "/orgs?q=村", "/orgs?q=区", "/orgs?q=001"] {
        let path = path.replace("街道", "%E8%A1%97%E9%81%93").replace('村', "%E6%9D%91").replace('区', "%E5%8C%BA");
        let seen = city.items(&county, &path).await;
        assert!(ids(&seen).iter().all(|u| mine(u)), "{path}");
    }
    let top = city.items(&county, "/orgs").await;
    let below = city.items(&county, &format!("/orgs?parent={}", top[0]["id"].as_str().unwrap())).await;
    let counties: Vec<_> =
        below.iter().filter(|u| u["kind"] == "county").map(|u| u["name"].as_str().unwrap()).collect();
    assert_eq!(counties, ["金水区"]);
    let people = city.items(&county, "/people?limit=200").await;
    for person in &people {
        for post in person["posts"].as_array().unwrap() {
            assert!(mine(post["unit_id"].as_str().unwrap()), "{person}");
        }
        assert!(person["phone"].as_str().is_none_or(|p| p.contains("****")), "a number in clear: {person}");
    }
    let elsewhere = city.ask(&county, Method::GET, "/orgs/locate?lon=113.0&lat=34.7&class=env.garbage", None).await.1;
    assert_eq!(elsewhere, r#"{"unit":null,"county":null,"grid":null,"duty":null}"#);
    city.hub.drain().await;
}

#[tokio::test]
async fn administrators_do_their_own_part_and_refusals_are_audited() {
    let city = City::start().await;
    let (agent, system, security, audit) = (
        city.sign_in("agent1").await,
        city.sign_in("sysadmin").await,
        city.sign_in("secadmin").await,
        city.sign_in("auditor").await,
    );
    for (who, method, path, expected) in [
        (&agent, Method::GET, "/accounts", StatusCode::FORBIDDEN),
        (&agent, Method::GET, "/audit", StatusCode::FORBIDDEN),
        (&system, Method::GET, "/audit", StatusCode::FORBIDDEN),
        (&system, Method::POST, "/accounts/agent2/unlock", StatusCode::FORBIDDEN),
        (&security, Method::POST, "/accounts/agent2/disable", StatusCode::FORBIDDEN),
        (&audit, Method::POST, "/accounts/agent2/unlock", StatusCode::FORBIDDEN),
        (&security, Method::POST, "/accounts/agent2/unlock", StatusCode::OK),
        (&system, Method::POST, "/accounts/agent2/disable", StatusCode::OK),
        (&system, Method::POST, "/accounts/agent2/enable", StatusCode::OK),
        (&security, Method::GET, "/accounts/agent1/sessions", StatusCode::OK),
    ] {
        let (status, text) = city.ask(who, method.clone(), path, None).await;
        assert_eq!(status, expected, "{method} {path}: {text}");
    }
    let refused = city.items(&audit, "/audit?kind=access.refused").await;
    let what: Vec<_> = refused.iter().map(|e| e["body"]["what"].as_str().unwrap()).collect();
    assert_eq!(what.len(), 6, "{what:?}");
    assert_eq!(what.last(), Some(&"GET /accounts"), "the latest comes first: {what:?}");
    let sessions = city.items(&security, "/accounts/agent1/sessions").await;
    let cut = format!("/sessions/{}", sessions[0]["id"].as_str().unwrap());
    assert_eq!(city.ask(&system, Method::DELETE, &cut, None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(city.ask(&security, Method::DELETE, &cut, None).await.0, StatusCode::OK);
    assert_eq!(city.ask(&agent, Method::GET, "/me", None).await.0, StatusCode::UNAUTHORIZED);
    city.hub.drain().await;
}
