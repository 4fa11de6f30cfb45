//! The program under load: the release binary with the demo city, on free ports and in a folder of its own, and what it
//! costs: processor time and resident memory as the kernel counts them.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::http::Http;

/// Every account's password.
pub const PASSWORD: &str = "Bench-2026-load";
/// How long a hub may take to be ready.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// Where a hub listens and keeps its data.
pub struct Place {
    pub http: u16,
    pub sip: SocketAddr,
    pub sip_tcp: SocketAddr,
    /// Where calls to numbers that begin with 9 go.
    pub outside: SocketAddr,
    folder: tempfile::TempDir,
}

/// A running hub.
pub struct Hub {
    child: Child,
    pub place: Place,
}

/// What a hub has used so far.
#[derive(Clone, Copy)]
pub struct Used {
    pub cpu: Duration,
    pub at: Instant,
}

impl Place {
    pub fn new() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let outside = UdpSocket::bind("127.0.0.3:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { http: free_tcp(), sip: local(free_udp()), sip_tcp: local(free_tcp()), outside, folder }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts the program and waits until it is ready.
    pub async fn start(self) -> Hub {
        let config = self.folder.path().join("liandong.toml");
        let trunk = format!("[trunks.demo-out]\nto = \"{}\"\nprefixes = [\"9\"]\n", self.outside);
        std::fs::write(&config, trunk).unwrap();
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_liandong"));
        command.arg("demo").arg("--config").arg(&config).arg("--data").arg(self.data());
        command.envs(self.variables()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().unwrap();
        let mut hub = Hub { child, place: self };
        let until = Instant::now() + START_PATIENCE;
        loop {
            if let Ok(mut http) = Http::connect(hub.place.http).await
                && http.status("/readyz").await == Some(200)
            {
                return hub;
            }
            assert!(hub.child.try_wait().unwrap().is_none(), "the hub ended at its start:\n{}", hub.log());
            assert!(Instant::now() < until, "the hub is not ready:\n{}", hub.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn variables(&self) -> [(&'static str, String); 9] {
        let local = |port: u16| format!("127.0.0.1:{port}");
        [
            ("LIANDONG_DEMO_PASSWORD", PASSWORD.to_owned()),
            ("LIANDONG_HTTP__LISTEN", local(self.http)),
            ("LIANDONG_HTTP__LISTEN_TLS", local(free_tcp())),
            ("LIANDONG_SIP__UDP", self.sip.to_string()),
            ("LIANDONG_SIP__TCP", self.sip_tcp.to_string()),
            ("LIANDONG_MEDIA__WEBRTC", local(free_udp())),
            ("LIANDONG_MEETINGS__UDP", local(free_udp())),
            ("LIANDONG_SMS__SERVER", local(free_tcp())),
            ("LIANDONG_LOG", "warn".to_owned()),
        ]
    }
}

impl Hub {
    /// Signs `user` in and returns the token.
    pub async fn sign_in(&self, user: &str) -> String {
        let mut http = Http::connect(self.place.http).await.unwrap();
        let body = json!({ "user": user, "password": PASSWORD });
        let (status, answer) = http.call("POST", "/session", Some(&body), None).await.unwrap();
        assert_eq!(status, 201, "{user}: {answer}");
        answer["token"].as_str().unwrap().to_owned()
    }

    /// A connection that carries `token`.
    pub async fn client(&self, token: &str) -> Http {
        Http::connect(self.place.http).await.unwrap().with(token)
    }

    /// What it has used so far.
    pub fn used(&self) -> Used {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Used { cpu: Duration::from_millis(ticks * 10), at: Instant::now() } // USER_HZ is 100 on Linux
    }

    /// KiB resident.
    pub fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.place.folder.path().join("log")).unwrap_or_default()
    }
}

impl Used {
    /// CPU used and time gone from `self` until `later`.
    pub fn until(self, later: Self) -> (Duration, Duration) {
        (later.cpu.saturating_sub(self.cpu), later.at - self.at)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the hub's log:\n{}", self.log());
        }
    }
}

fn free_tcp() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn free_udp() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
