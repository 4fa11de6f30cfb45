//! How fast: our link against our server over loopback in one process, both sides' work counted.
//! `cargo run --release -p liandong-sms --example flood -- 100000`
#![allow(clippy::unwrap_used)]

use futures_util::future::BoxFuture;
use liandong_sms::link::{
    BindCheck, Link, LinkEvent, OutMessage, Secret, ServerConfig, ServerEvent, SmppConfig, SmppLink, SmppServer,
};
use liandong_sms::pdu::Status;
use liandong_sms::session::lanes::Lane;
use liandong_sms::session::server::{AccountLimits, BindRequest};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

struct Anybody;

impl BindCheck for Anybody {
    fn check(&self, _request: BindRequest, _peer: IpAddr) -> BoxFuture<'_, Result<AccountLimits, Status>> {
        Box::pin(async { Ok(AccountLimits { window: 1_000, rate: 1_000_000, deliver_window: 16 }) })
    }
}

#[tokio::main]
async fn main() {
    let count: u64 = std::env::args().nth(1).map_or(100_000, |count| count.parse().unwrap());
    let config = ServerConfig { listen: "127.0.0.1:0".into(), ..ServerConfig::default() };
    let (server, mut submits) = SmppServer::start(config, Arc::new(Anybody)).await.unwrap();
    let config = SmppConfig {
        name: "flood".into(),
        address: server.address().to_string(),
        account: "flood".into(),
        secret: Secret("secret08".into()),
        source: "1069".into(),
        window: 100,
        rate: 1_000_000,
        ..SmppConfig::default()
    };
    let (link, mut events) = SmppLink::start(config, 1).unwrap();
    let taker = tokio::spawn(async move {
        while let Some(event) = submits.recv().await {
            if let ServerEvent::Submit { ack, .. } = event {
                ack.accept("7");
            }
        }
    });
    let begun = Instant::now();
    let sender = tokio::spawn(async move {
        for key in 0..count {
            let message = OutMessage {
                key: key.to_string(),
                to: "13800138000".into(),
                from_ext: "01".into(),
                text: "【郑州社管】您有1件事项待签收,回复1签收".into(),
                lane: Lane::Notice,
                validity: None,
                want_receipt: true,
            };
            link.submit(message).await.unwrap();
        }
        link
    });
    let mut done = 0;
    while done < count {
        if let Some(LinkEvent::Submitted { .. }) = events.recv().await {
            done += 1;
        }
    }
    let wall = begun.elapsed().as_secs_f64();
    println!(
        "{count} submitted and answered: {:.0} a second, {:.1} µs each on this machine",
        count as f64 / wall,
        wall * 1e6 / count as f64
    );
    drop((sender, taker));
}
