//! Starts the program as a user would, on free ports and a folder of its own, and talks to its REST interface.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Every account's password in the scenarios.
pub(crate) const PASSWORD: &str = "Scenario-2026-pass";
/// How long the hub may take to be ready in a debug build on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// How long a fact may take to appear. A patience, not a speed: the wait ends when the fact is there.
const FACT_PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Where a hub listens and keeps its data; survives a kill.
pub(crate) struct Place {
    pub(crate) http: u16,
    /// UDP port of SIP.
    pub(crate) sip: u16,
    /// `LIANDONG_…` variables beyond the ports.
    variables: Vec<(String, String)>,
    folder: tempfile::TempDir,
}

/// A running hub.
pub(crate) struct Hub {
    child: Child,
    pub(crate) place: Place,
}

impl Place {
    pub(crate) fn new() -> Self {
        let http = free_tcp();
        let sip = free_udp();
        let media = free_block();
        let variables = [
            ("LIANDONG_HTTP__LISTEN", format!("127.0.0.1:{http}")),
            ("LIANDONG_HTTP__LISTEN_TLS", format!("127.0.0.1:{}", free_tcp())),
            ("LIANDONG_SIP__UDP", format!("127.0.0.1:{sip}")),
            ("LIANDONG_SIP__TCP", format!("127.0.0.1:{}", free_tcp())),
            ("LIANDONG_MEDIA__WEBRTC", format!("127.0.0.1:{}", free_udp())),
            ("LIANDONG_MEDIA__FIRST_PORT", media.to_string()),
            ("LIANDONG_MEDIA__LAST_PORT", (media + 199).to_string()),
            ("LIANDONG_MEETINGS__UDP", format!("127.0.0.1:{}", free_udp())),
            ("LIANDONG_SMS__SERVER", format!("127.0.0.1:{}", free_tcp())),
            ("LIANDONG_DEMO_PASSWORD", PASSWORD.to_owned()),
        ];
        let variables = variables.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        Self { http, sip, variables, folder: tempfile::tempdir().unwrap() }
    }

    /// Sets one more `LIANDONG_…` variable.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// The value of a `LIANDONG_…` variable of this place.
    #[allow(dead_code)] // the scenarios of bad input follow
    pub(crate) fn variable(&self, name: &str) -> String {
        self.variables.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.clone()).unwrap()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Writes a `liandong.toml` for this hub.
    pub(crate) fn config(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("liandong.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_liandong"));
        command.current_dir(self.folder.path()).envs(self.variables.iter().map(|(k, v)| (k, v)));
        command.env("LIANDONG_LOG", "warn");
        command
    }

    /// Runs a command line of the program on this hub's data and returns (success, output).
    pub(crate) fn run(&self, arguments: &[&str]) -> (bool, String) {
        let data = self.data();
        let output = self.command().env("LIANDONG_HUB__DATA", data).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    }

    /// Starts the hub and waits until it is ready.
    pub(crate) fn start(self) -> Hub {
        let mut command = self.command();
        command.arg("demo").arg("--data").arg(self.data());
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut hub = Hub { child, place: self };
        let until = Instant::now() + START_PATIENCE;
        while hub.status("/readyz") != Some(200) {
            if let Some(status) = hub.child.try_wait().unwrap() {
                panic!("the hub ended with {status} at its start:\n{}", hub.log());
            }
            assert!(Instant::now() < until, "the hub is not ready:\n{}", hub.log());
            std::thread::sleep(LOOK);
        }
        hub
    }
}

impl Hub {
    pub(crate) fn demo() -> Self {
        Place::new().start()
    }

    /// SIGKILL, as a power cut would end it.
    pub(crate) fn kill(mut self) -> Place {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let place = std::mem::replace(
            &mut self.place,
            Place { http: 0, sip: 0, variables: vec![], folder: tempfile::tempdir().unwrap() },
        );
        std::mem::forget(self);
        place
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.place.folder.path().join("log")).unwrap_or_default()
    }

    fn status(&self, path: &str) -> Option<u16> {
        let url = format!("http://127.0.0.1:{}{path}", self.place.http);
        ureq::get(url).config().http_status_as_error(false).build().call().ok().map(|r| r.status().as_u16())
    }

    /// Signs in; every later call of the client acts under the account's first post.
    pub(crate) fn sign_in(&self, user: &str) -> Client {
        let client = Client { http: self.place.http, token: String::new() };
        let body = json!({ "user": user, "password": PASSWORD });
        let (status, answer) = client.call("POST", "/session", Some(&body), None).unwrap();
        assert_eq!(status, 201, "{user}: {answer}");
        Client { token: answer["token"].as_str().unwrap().to_owned(), ..client }
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

/// A signed-in account.
#[derive(Clone)]
pub(crate) struct Client {
    http: u16,
    pub(crate) token: String,
}

impl Client {
    /// One request. `None` if the hub went away before it answered.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Option<(u16, Value)> {
        let url = format!("http://127.0.0.1:{}/api/v1{path}", self.http);
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let text = body.map(Value::to_string).unwrap_or_default();
        let request = request.header("content-type", "application/json").body(text).unwrap();
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        let mut response = agent.run(request).ok()?;
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, None, None).expect("the hub is there");
        assert_eq!(status, 200, "GET {path}: {answer}");
        answer
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call("POST", path, Some(body), None).expect("the hub is there");
        assert!((200..300).contains(&status), "POST {path}: {status} {answer}");
        answer
    }

    /// Waits until `look` finds a fact.
    pub(crate) fn until<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let until = Instant::now() + FACT_PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(Instant::now() < until, "never happened: {what}");
            std::thread::sleep(LOOK);
        }
    }
}

/// A foreign peer written in Python, spoken to by lines of JSON.
pub(crate) struct Peer {
    child: Child,
    lines: std::sync::mpsc::Receiver<Value>,
}

impl Peer {
    /// Starts `tests/peers/NAME`.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name);
        let mut child = Command::new("python3")
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there: tests/setup.sh installs it");
        let output = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line)
                    && send.send(value).is_err()
                {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line for which `wanted` holds.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + FACT_PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("the peer never said: {what}"));
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Tells the peer something.
    pub(crate) fn tell(&mut self, command: &Value) {
        use std::io::Write;
        writeln!(self.child.stdin.as_mut().unwrap(), "{command}").unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_tcp() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn free_udp() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The first of 200 ports for RTP, even, away from the system's own ephemeral range and from other hubs of this process.
fn free_block() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % 20).unwrap() * 800;
    10_000 + offset + NEXT.fetch_add(1, Ordering::Relaxed) % 4 * 200
}
