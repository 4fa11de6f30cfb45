//! Rights: what another county's user gets when he tries the ids of a county that is not his. Never data, and no count
//! tells him that there is something.

use serde_json::{Value, json};

use super::harness::{Client, Hub};

fn case_in(lon: f64, lat: f64, title: &str) -> Value {
    json!({
        "channel": "grid", "nature": "help", "class_code": "env.garbage", "urgency": "normal", "title": title,
        "narrative": "垃圾堆积", "place": { "text": "路口", "lon": lon, "lat": lat },
        "requester": { "name": "赵女士", "phone": "13700007777" },
    })
}

/// A case in 二七区, taken in by the city.
fn foreign_case(city: &Client) -> (String, Value) {
    let secret = "二七区的秘密标题";
    let case = city.post("/cases", &case_in(113.64, 34.72, secret));
    (secret.to_owned(), case)
}

#[test]
fn a_county_user_gets_nothing_of_another_county() {
    let hub = Hub::demo();
    let (city, county) = (hub.sign_in("dispatcher1"), hub.sign_in("county1"));
    let before = counts(&county);
    let (secret, case) = foreign_case(&city);
    let (id, number) = (case["id"].as_str().unwrap(), case["public_no"].as_str().unwrap());
    assert_eq!(counts(&county), before, "a count tells of another county's case");

    let reads = [
        format!("/cases/{id}"),
        format!("/cases/{id}/timeline"),
        format!("/messages?case_id={id}"),
        format!("/orders?case_id={id}"),
        format!("/cases?q={secret}"),
        format!("/cases?public_no={number}"),
        "/cases?limit=200".into(),
        "/events?after=0&limit=500".into(),
        "/messages".into(),
        "/orders".into(),
    ];
    for path in &reads {
        let (status, answer) = county.call("GET", path, None, None).unwrap();
        let text = answer.to_string();
        assert!(!text.contains(&secret) && !text.contains("13700007777"), "GET {path}: {status} {text}");
        assert_ne!(status, 500, "GET {path}: {text}");
    }
    let verbs = ["accept", "assign", "sign", "feed_back", "supplement", "void", "urge", "link", "answer", "close"];
    for verb in verbs {
        let (status, answer) = county.call("POST", &format!("/cases/{id}/{verb}"), Some(&json!({})), None).unwrap();
        assert!(matches!(status, 404 | 422 | 403 | 400), "{verb}: {status} {answer}");
        assert!(!answer.to_string().contains(&secret), "{verb}: {answer}");
    }
    let order = json!({ "case_id": id, "text": "x", "near": { "lon": 113.64, "lat": 34.72 } });
    let (status, _) = county.call("POST", "/orders", Some(&order), None).unwrap();
    assert!(matches!(status, 403 | 404), "an order about a case that is not his: {status}");
}

fn counts(county: &Client) -> Value {
    county.call("GET", "/cases/counts", None, None).map_or(Value::Null, |(_, v)| v)
}

#[test]
fn without_or_with_a_forged_token_there_is_nothing() {
    let hub = Hub::demo();
    let mut client = hub.sign_in("agent1");
    for token in ["", "forged", "00000000-0000-0000-0000-000000000000"] {
        client.token = token.into();
        for path in ["/me", "/cases", "/events", "/messages", "/people", "/orgs", "/accounts", "/dead_letters"] {
            let (status, answer) = client.call("GET", path, None, None).unwrap();
            assert_eq!(status, 401, "{path} with {token:?}: {answer}");
        }
    }
}

#[test]
fn the_three_administrators_see_no_cases_and_the_agent_no_accounts() {
    let hub = Hub::demo();
    let agent = hub.sign_in("agent1");
    for path in ["/accounts", "/audit", "/dead_letters"] {
        let (status, answer) = agent.call("GET", path, None, None).unwrap();
        assert!(matches!(status, 403 | 404), "{path}: {status} {answer}");
    }
}
