//! The departments' server alone, to try a client by hand:
//! `cargo run -p liandong-sms --example centre -- 127.0.0.1:2775`, then bind as `esme1` with `secret08`.
//! Takes every submit, reports each as delivered, prints what it took without numbers, and every second how many.
#![allow(clippy::unwrap_used)]

use futures_util::future::BoxFuture;
use liandong_sms::link::{BindCheck, ServerConfig, ServerEvent, SmppServer, ToClient};
use liandong_sms::pdu::Status;
use liandong_sms::receipt::State;
use liandong_sms::session::server::{AccountLimits, BindRequest};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

struct OnePassword;

impl BindCheck for OnePassword {
    fn check(&self, request: BindRequest, _peer: IpAddr) -> BoxFuture<'_, Result<AccountLimits, Status>> {
        let limits = AccountLimits { window: 1_000, rate: 100_000, deliver_window: 64 };
        Box::pin(async move { if request.password == "secret08" { Ok(limits) } else { Err(Status::RINVPASWD) } })
    }
}

#[tokio::main]
async fn main() {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2775".into());
    let config = ServerConfig { listen, ..ServerConfig::default() };
    let (server, mut events) = SmppServer::start(config, Arc::new(OnePassword)).await.unwrap();
    println!("listening on {}", server.address());
    let (server, mut taken) = (Arc::new(server), 0_u64);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut shown = 0;
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            _ = second.tick() => {
                if taken != shown {
                    println!("{taken} taken");
                    shown = taken;
                }
                continue;
            }
        };
        let (submit, ack) = match event {
            None => return,
            Some(ServerEvent::Submit { submit, ack }) => (submit, ack),
            Some(other) => {
                println!("{other:?}");
                continue;
            }
        };
        taken += 1;
        let id = format!("ld-{taken}");
        if taken <= 20 {
            let place = submit.part.as_ref().map(|part| (part.place.index, part.place.total));
            println!(
                "submit {id}: {} characters, segment {place:?}, receipt {}",
                submit.text.chars().count(),
                submit.want_receipt
            );
        }
        ack.accept(&id);
        if submit.want_receipt {
            let (phone, sender, now) = (submit.to, submit.from, SystemTime::now());
            let what =
                ToClient::Receipt { id, phone, sender, state: State::Delivered, error: 0, submitted: now, done: now };
            let server = server.clone();
            tokio::spawn(async move {
                if let Err(error) = server.deliver(&submit.account, what).await {
                    println!("receipt: {error}");
                }
            });
        }
    }
}
