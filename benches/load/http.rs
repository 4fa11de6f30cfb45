//! A client of HTTP/1.1 that costs next to nothing, so that the machine is the hub's: one connection, one request at a
//! time, bodies with a length.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, Error, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A connection to the hub.
pub struct Http {
    stream: BufReader<TcpStream>,
    token: String,
    line: String,
}

impl Http {
    pub async fn connect(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), token: String::new(), line: String::new() })
    }

    /// The same, signed in.
    pub fn with(self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self }
    }

    /// The status of a page.
    pub async fn status(&mut self, path: &str) -> Option<u16> {
        self.ask("GET", path, "", None).await.ok().map(|(status, _)| status)
    }

    /// One request under `/api/v1` whose answer is wanted as a value.
    pub async fn call(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> std::io::Result<(u16, Value)> {
        let text = body.map(Value::to_string).unwrap_or_default();
        let (status, answer) = self.ask(method, &format!("/api/v1{path}"), &text, key).await?;
        Ok((status, serde_json::from_slice(&answer).unwrap_or(Value::Null)))
    }

    /// One request; the answer's status and octets.
    pub async fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
        key: Option<&str>,
    ) -> std::io::Result<(u16, Vec<u8>)> {
        let key = key.map(|k| format!("Idempotency-Key: {k}\r\n")).unwrap_or_default();
        let proof =
            if self.token.is_empty() { String::new() } else { format!("Authorization: Bearer {}\r\n", self.token) };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: hub\r\n{proof}{key}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(head.as_bytes()).await?;
        let bad = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
        let status =
            self.next_line().await?.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| bad("status"))?;
        let mut length = 0;
        loop {
            let line = self.next_line().await?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(|_| bad("length"))?;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).await?;
        Ok((status, answer))
    }

    async fn next_line(&mut self) -> std::io::Result<&str> {
        self.line.clear();
        if self.stream.read_line(&mut self.line).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(self.line.trim_end())
    }
}
