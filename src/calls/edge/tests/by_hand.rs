//! For real peers (SIPp, baresip, a browser), by hand:
//! `EDGE_SECONDS=60 cargo test -p liandong --lib edge::tests::by_hand -- --ignored --nocapture`.

use std::time::Duration;

use super::hub::Hub;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves real peers for EDGE_SECONDS on port 5060"]
async fn serve() {
    let seconds = std::env::var("EDGE_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(30);
    let port = std::env::var("EDGE_PORT").ok().and_then(|s| s.parse().ok()).unwrap_or(5060);
    let mut hub = Hub::start(port, 21_000).await;
    println!("serving on {:?}", hub.edge.addresses());
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
    let quiet = std::env::var("EDGE_QUIET").is_ok();
    let mut count = 0u64;
    hub.connect_all(end, |event| {
        count += 1;
        if !quiet {
            println!("{event:?}");
        }
    })
    .await;
    println!("{count} events; media: {:?}", hub.engine.load().await);
}
