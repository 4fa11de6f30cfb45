//! Telephones: a citizen's, written here without any code of ours for SIP, calling from the trunk's address; and an
//! agent's, which is baresip. Each sends a tone of its own and keeps what it hears.

use std::cell::Cell;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use liandong_media::codec::{decode_alaw, encode_alaw};
use liandong_media::tone::sine;

use crate::harness::PASSWORD;

/// Where the demo's incoming trunk calls from.
const TRUNK: &str = "127.0.0.2:0";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A citizen's telephone in a call.
pub(crate) struct Phone {
    socket: UdpSocket,
    hub: SocketAddr,
    call_id: String,
    /// `From` and `To` as they stand in the dialog.
    from: String,
    to: String,
    target: String,
    /// Everything heard since the call began.
    heard: Arc<Mutex<Vec<i16>>>,
    /// So much of it was given to [`Phone::heard`].
    given: Cell<usize>,
    over: Arc<AtomicBool>,
    asked: Instant,
    answered: Instant,
}

impl Phone {
    /// Calls `number`; `Err` is the final status that was no 200.
    pub(crate) fn call(hub: u16, caller: &str, number: &str, tone: f64) -> Result<Self, u16> {
        let hub = SocketAddr::from(([127, 0, 0, 1], hub));
        let (socket, rtp) = (UdpSocket::bind(TRUNK).unwrap(), UdpSocket::bind(TRUNK).unwrap());
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let own = socket.local_addr().unwrap();
        let call_id = format!("scenario-{}", own.port());
        let from = format!("<sip:{caller}@127.0.0.2>;tag=c{}", own.port());
        let media = rtp.local_addr().unwrap().port();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio {media} RTP/AVP 8 101\r\n\
             a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
        );
        let uri = format!("sip:{number}@{hub}");
        let invite = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKi{}\r\nMax-Forwards: 70\r\nFrom: {from}\r\n\
             To: <{uri}>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:{caller}@{own}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            own.port(),
            sdp.len()
        );
        let asked = Instant::now();
        let answer = final_answer(&socket, hub, &invite);
        let answered = Instant::now();
        let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let to = header(&answer, "To").unwrap();
        if status != 200 {
            return Err(status);
        }
        let contact = header(&answer, "Contact").unwrap();
        let target = contact.trim_start_matches('<').split(['>', ';']).next().unwrap().to_owned();
        let (heard, given, over) = (Arc::default(), Cell::new(0), Arc::default());
        let phone = Self { socket, hub, call_id, from, to, target, heard, given, over, asked, answered };
        phone.send("ACK", 1);
        phone.talk(rtp, media_address(&answer), tone);
        phone.obey();
        Ok(phone)
    }

    /// Everything heard since the last time.
    pub(crate) fn heard(&self) -> Vec<i16> {
        let heard = self.heard.lock().unwrap();
        let new = heard[self.given.get()..].to_vec();
        self.given.set(heard.len());
        new
    }

    /// Everything heard since the call began.
    pub(crate) fn everything(&self) -> Vec<i16> {
        self.heard.lock().unwrap().clone()
    }

    /// Between these two moments the hub took the call: at its INVITE or at its answer.
    pub(crate) fn began(&self) -> (Instant, Instant) {
        (self.asked, self.answered)
    }

    /// Whether either side has hung up.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Hangs up and waits for the hub's answer.
    pub(crate) fn hang_up(self) {
        self.say_goodbye();
    }

    /// The same; what was heard can still be asked.
    pub(crate) fn say_goodbye(&self) {
        let until = Instant::now() + PATIENCE;
        while !self.is_over() {
            assert!(Instant::now() < until, "no answer to BYE");
            self.send("BYE", 2);
            for _ in 0..50 {
                if self.is_over() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn send(&self, method: &str, number: u32) {
        let own = self.socket.local_addr().unwrap();
        let Self { target, from, to, call_id, .. } = self;
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{number}{}\r\nMax-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n",
            own.port()
        );
        self.socket.send_to(text.as_bytes(), self.hub).unwrap();
    }

    /// Answers what the hub asks in the dialog, above all its BYE, and notes the answer to ours.
    fn obey(&self) {
        let (socket, over) = (self.socket.try_clone().unwrap(), self.over.clone());
        let hub = self.hub;
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let Some(text) = receive(&socket) else { continue };
                let method = text.split(' ').next().unwrap_or_default();
                let sequence = header(&text, "CSeq").unwrap_or_default();
                if method == "SIP/2.0" {
                    let ended = text.starts_with("SIP/2.0 200") || text.starts_with("SIP/2.0 481");
                    if ended && sequence.ends_with("BYE") {
                        over.store(true, Ordering::Relaxed);
                    }
                } else if method != "ACK" {
                    let _ = socket.send_to(agreed(&text).as_bytes(), hub);
                    if method == "BYE" {
                        over.store(true, Ordering::Relaxed);
                    }
                }
            }
        });
    }

    /// 50 packets a second of the tone, and an ear.
    fn talk(&self, rtp: UdpSocket, to: SocketAddr, tone: f64) {
        let (heard, over) = (self.heard.clone(), self.over.clone());
        let ear = rtp.try_clone().unwrap();
        ear.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let ended = over.clone();
        std::thread::spawn(move || {
            let mut packet = [0; 2_048];
            while !ended.load(Ordering::Relaxed) {
                if let Ok((length, _)) = ear.recv_from(&mut packet)
                    && length > 12
                    && packet[1] & 0x7f == 8
                {
                    heard.lock().unwrap().extend(packet[12..length].iter().map(|b| decode_alaw(*b)));
                }
            }
        });
        std::thread::spawn(move || {
            let samples = sine(tone, 8_000.0, 8_000); // a whole second: it joins itself without a break
            let begin = Instant::now();
            for n in 0u32.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let mut packet = vec![0x80, 8];
                packet.extend((n as u16).to_be_bytes());
                packet.extend((n * 160).to_be_bytes());
                packet.extend(0x1234_5678u32.to_be_bytes());
                let at = (n as usize % 50) * 160;
                packet.extend(samples[at..at + 160].iter().map(|s| encode_alaw(*s)));
                let _ = rtp.send_to(&packet, to);
                let due = begin + Duration::from_millis(20) * (n + 1);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Sends the INVITE until something final comes.
fn final_answer(socket: &UdpSocket, hub: SocketAddr, invite: &str) -> String {
    let until = Instant::now() + PATIENCE;
    let mut answered = false;
    loop {
        assert!(Instant::now() < until, "no final answer to INVITE");
        if !answered {
            socket.send_to(invite.as_bytes(), hub).unwrap();
        }
        let Some(text) = receive(socket) else { continue };
        answered = true;
        if text.starts_with("SIP/2.0 ") && !text.starts_with("SIP/2.0 1") {
            return text;
        }
    }
}

/// 200 to a request: its `Via`, `From`, `To`, `Call-ID` and `CSeq` as they came (RFC 3261 §8.2.6.2).
fn agreed(request: &str) -> String {
    let kept = ["via:", "from:", "to:", "call-id:", "cseq:"];
    let mirrored = request.lines().take_while(|l| !l.is_empty());
    let mirrored = mirrored.filter(|l| kept.iter().any(|k| l.to_ascii_lowercase().starts_with(k)));
    let headers: String = mirrored.map(|l| format!("{}\r\n", l.trim_end())).collect();
    format!("SIP/2.0 200 OK\r\n{headers}Content-Length: 0\r\n\r\n")
}

fn receive(socket: &UdpSocket) -> Option<String> {
    let mut datagram = [0; 8_192];
    let (length, _) = socket.recv_from(&mut datagram).ok()?;
    Some(String::from_utf8_lossy(&datagram[..length]).into_owned())
}

fn header(message: &str, name: &str) -> Option<String> {
    let line =
        message.lines().find(|l| l.to_ascii_lowercase().starts_with(&format!("{}:", name.to_ascii_lowercase())))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn media_address(message: &str) -> SocketAddr {
    let line = |start: &str| message.lines().find_map(|l| l.strip_prefix(start)).unwrap().to_owned();
    let (host, port) = (line("c=IN IP4 "), line("m=audio "));
    format!("{}:{}", host.trim(), port.split(' ').next().unwrap()).parse().unwrap()
}

/// An agent's telephone: baresip, which answers by itself and sends a tone.
pub(crate) struct Baresip {
    child: Child,
    folder: tempfile::TempDir,
}

impl Baresip {
    /// Registers `extension` at the hub; answers each call at once.
    pub(crate) fn start(hub: u16, extension: &str, tone: u32) -> Self {
        Self::answering(hub, extension, tone, "auto")
    }

    /// The same, but rings for ever: nobody picks up.
    pub(crate) fn ringing(hub: u16, extension: &str) -> Self {
        Self::answering(hub, extension, 440, "manual")
    }

    fn answering(hub: u16, extension: &str, tone: u32, mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::write(path.join("tone.wav"), tone_file(f64::from(tone))).unwrap();
        let modules = ["account.so", "g711.so", "aufile.so", "aubridge.so", "sndfile.so", "menu.so", "stdio.so"];
        let modules: String = modules.iter().map(|m| format!("module {m}\n")).collect();
        let config = format!(
            "module_path /usr/lib/baresip/modules\n{modules}\nsip_listen 127.0.0.1:0\naudio_source aufile,{source}\n\
             audio_player aubridge,ear\nausrc_srate 8000\nauplay_srate 8000\n\
             snd_path {path}\nnet_interface 127.0.0.1\ncall_local_timeout 120\n",
            source = path.join("tone.wav").display(),
            path = path.display()
        );
        std::fs::write(path.join("config"), config).unwrap();
        let account = format!(
            "<sip:{extension}@127.0.0.1:{hub};transport=udp>;auth_user={extension};auth_pass={PASSWORD};answermode={mode};\
             audio_codecs=PCMA/8000;regint=60\n"
        );
        std::fs::write(path.join("accounts"), account).unwrap();
        std::fs::write(path.join("contacts"), "").unwrap();
        let log = std::fs::File::create(path.join("log")).unwrap();
        let child = Command::new("baresip")
            .args(["-f", path.to_str().unwrap()])
            .stdin(Stdio::piped()) // an end of input would end it
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("baresip is there: tests/setup.sh installs it");
        Self { child, folder }
    }

    /// What it heard, as its own sound files say.
    pub(crate) fn heard(&self) -> Vec<i16> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        files.retain(|p| p.file_name().is_some_and(|n| n.to_string_lossy().ends_with("dec.wav")));
        files.sort();
        files.iter().flat_map(|file| samples(&std::fs::read(file).unwrap())).collect()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("baresip's log:\n{}", self.log());
        }
    }
}

/// The samples after the header of a WAV file of 16 bit.
pub(crate) fn samples(wav: &[u8]) -> Vec<i16> {
    wav.get(44..).unwrap_or_default().chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// A second of a tone in beeps, for a browser's microphone, which plays it again and again: its noise suppression takes a
/// tone without end for noise.
pub(crate) fn beeps(tone: f64) -> Vec<u8> {
    const RATE: u32 = 48_000;
    let step = std::f64::consts::TAU * tone / f64::from(RATE);
    let beep = (0..RATE).map(|n| if n < RATE / 2 { (f64::from(n) * step).sin() * 16_000.0 } else { 0.0 });
    let mut file = liandong_media::record::wav::header(RATE, 1, u64::from(RATE) * 2).to_vec();
    file.extend(beep.flat_map(|s| (s as i16).to_le_bytes()));
    file
}

/// Ten minutes of a tone, as a WAV file.
fn tone_file(tone: f64) -> Vec<u8> {
    const SECONDS: usize = 600;
    let second = sine(tone, 8_000.0, 8_000);
    let mut file = liandong_media::record::wav::header(8_000, 1, (SECONDS * 16_000) as u64).to_vec();
    for _ in 0..SECONDS {
        file.extend(second.iter().flat_map(|s| s.to_le_bytes()));
    }
    file
}
