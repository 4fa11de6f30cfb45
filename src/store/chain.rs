//! The head of the log's hash chain, kept by the writer: the next event's number and its predecessor's hash.

use sqlx::{AnyConnection, Row};

use super::StoreError;

/// The hash before the first event.
pub const GENESIS: [u8; 32] = [0; 32];

/// The last event's number and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// Sequence number of the last event; 0 before the first.
    pub seq: i64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl ChainHead {
    /// Reads the head from the `log` table.
    pub(super) async fn load(conn: &mut AnyConnection) -> Result<Self, StoreError> {
        let row = sqlx::query("SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1").fetch_optional(conn).await?;
        let Some(row) = row else { return Ok(Self { seq: 0, hash: GENESIS }) };
        let bytes: Vec<u8> = row.try_get(1)?;
        let hash = bytes.try_into().map_err(|_| StoreError::Damaged("the log's last hash is not 32 bytes".into()))?;
        Ok(Self { seq: row.try_get(0)?, hash })
    }
}
