//! Listening: plain HTTP and HTTPS. A slow or silent client holds its own connection and nothing else.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::ask::OverTls;

/// A TLS client that has not finished its handshake by then is let go.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// A connection that has not sent its request's head by then is let go (slow-loris).
const HEAD_PATIENCE: Duration = Duration::from_secs(20);
/// Pause after the system refused a connection (out of descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long open requests may finish after the stop.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);

/// Serves plain HTTP until `stop`, then lets open requests finish.
pub async fn serve_plain(listener: TcpListener, router: Router, stop: CancellationToken) {
    serve(listener, router, None, stop).await;
}

/// Serves HTTPS until `stop`.
pub async fn serve_tls(listener: TcpListener, router: Router, tls: Arc<rustls::ServerConfig>, stop: CancellationToken) {
    serve(listener, router, Some(TlsAcceptor::from(tls)), stop).await;
}

async fn serve(listener: TcpListener, router: Router, tls: Option<TlsAcceptor>, stop: CancellationToken) {
    let connections = TaskTracker::new();
    loop {
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(e) => {
                    tracing::warn!(error = %e, "a connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        connections.spawn(connection(stream, peer, router.clone(), tls.clone(), stop.clone()));
    }
    connections.close();
    let _ = tokio::time::timeout(DRAIN_PATIENCE, connections.wait()).await;
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => talk(TokioIo::new(stream), peer, false, router, stop).await,
        Some(acceptor) => {
            let handshake = tokio::time::timeout(HANDSHAKE_PATIENCE, acceptor.accept(stream));
            if let Ok(Ok(stream)) = handshake.await {
                talk(TokioIo::new(stream), peer, true, router, stop).await;
            }
        }
    }
}

async fn talk<S>(stream: S, peer: SocketAddr, tls: bool, router: Router, stop: CancellationToken)
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        if tls {
            request.extensions_mut().insert(OverTls);
        }
        router.clone().oneshot(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(hyper_util::rt::TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    let connection = builder.serve_connection_with_upgrades(stream, service);
    tokio::pin!(connection);
    tokio::select! {
        // A client that breaks off is its own matter.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// The TLS configuration: the given certificate, or a self-signed one made in `data` at the first start.
pub(crate) fn tls_config(certificate: &Path, key: &Path, data: &Path) -> std::io::Result<Arc<rustls::ServerConfig>> {
    let (certificate, key) = if certificate.as_os_str().is_empty() {
        let (certificate, key) = (data.join("tls.crt"), data.join("tls.key"));
        if !certificate.exists() {
            self_sign(&certificate, &key)?;
        }
        (certificate, key)
    } else {
        (certificate.to_owned(), key.to_owned())
    };
    let bad = |path: &Path, e: rustls::pki_types::pem::Error| std::io::Error::other(format!("{}: {e}", path.display()));
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| bad(&certificate, e))?;
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|e| bad(&key, e))?;
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(std::io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()]; // WebSockets need HTTP/1.1; HTTP/2 brings nothing on a LAN
    Ok(Arc::new(config))
}

fn self_sign(certificate: &Path, key: &Path) -> std::io::Result<()> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into(), "liandong".into()])
        .map_err(std::io::Error::other)?;
    crate::log::write_secret(key, made.signing_key.serialize_pem().as_bytes())?;
    std::fs::write(certificate, made.cert.pem())
}
