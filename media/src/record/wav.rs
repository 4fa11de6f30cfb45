//! WAV files (RIFF, 16 bit PCM): the header, and what to do with one that was never finished.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of the header that [`header`] makes; the samples follow.
pub const HEADER: usize = 44;
/// Offset of the RIFF size.
const RIFF_SIZE: u64 = 4;
/// Offset of the data size.
const DATA_SIZE: u64 = 40;

/// The header of a file of `data` bytes of 16 bit samples.
///
/// Sizes beyond 4 GiB (68 hours of two tracks) are written as the largest possible.
#[must_use]
pub fn header(rate: u32, channels: u16, data: u64) -> [u8; HEADER] {
    let block = channels * 2;
    let (riff, data) = sizes(data);
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(b"RIFF");
    header[4..8].copy_from_slice(&riff.to_le_bytes());
    header[8..16].copy_from_slice(b"WAVEfmt ");
    header[16..20].copy_from_slice(&16u32.to_le_bytes());
    header[20..22].copy_from_slice(&1u16.to_le_bytes());
    header[22..24].copy_from_slice(&channels.to_le_bytes());
    header[24..28].copy_from_slice(&rate.to_le_bytes());
    header[28..32].copy_from_slice(&(rate * u32::from(block)).to_le_bytes());
    header[32..34].copy_from_slice(&block.to_le_bytes());
    header[34..36].copy_from_slice(&16u16.to_le_bytes());
    header[36..40].copy_from_slice(b"data");
    header[40..44].copy_from_slice(&data.to_le_bytes());
    header
}

fn sizes(data: u64) -> (u32, u32) {
    let data = u32::try_from(data).unwrap_or(u32::MAX - HEADER as u32);
    (data + HEADER as u32 - 8, data)
}

/// Writes the sizes for `data` bytes into the header of an open file.
///
/// # Errors
/// As the writes.
pub fn patch(file: &File, data: u64) -> io::Result<()> {
    let (riff, data) = sizes(data);
    file.write_all_at(&data.to_le_bytes(), DATA_SIZE)?;
    file.write_all_at(&riff.to_le_bytes(), RIFF_SIZE)
}

/// Whether a file begins like one of ours: `RIFF…WAVE`, `fmt `, `data` at 36.
fn is_ours(head: &[u8; HEADER]) -> bool {
    &head[..4] == b"RIFF" && &head[8..16] == b"WAVEfmt " && &head[36..40] == b"data"
}

/// Puts a header right that was not finalised (process killed, machine down): the sizes become
/// what the file really holds, rounded down to whole sample frames. Returns whether it changed
/// anything. Safe to call on a good file and on one that is being written.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if it is no WAV file of ours; else as reading and writing.
pub fn repair(path: &Path) -> io::Result<bool> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let (head, data) = inspect(&mut file)?;
    let (riff, size) = sizes(data);
    if head[4..8] == riff.to_le_bytes() && head[40..44] == size.to_le_bytes() {
        return Ok(false);
    }
    patch(&file, data)?;
    Ok(true)
}

/// The header to serve a file with, and how many bytes of samples follow it at [`HEADER`]; right
/// even while the file is being written, and without writing to it.
///
/// # Errors
/// As [`repair`].
pub fn served(path: &Path) -> io::Result<([u8; HEADER], u64)> {
    let (mut head, data) = inspect(&mut File::open(path)?)?;
    let (riff, size) = sizes(data);
    head[4..8].copy_from_slice(&riff.to_le_bytes());
    head[40..44].copy_from_slice(&size.to_le_bytes());
    Ok((head, data))
}

fn inspect(file: &mut File) -> io::Result<([u8; HEADER], u64)> {
    let no_wav = || io::Error::new(io::ErrorKind::InvalidData, "no WAV file of the recorder");
    let mut head = [0; HEADER];
    file.read_exact(&mut head).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => no_wav(),
        _ => error,
    })?;
    if !is_ours(&head) {
        return Err(no_wav());
    }
    let block = u64::from(u16::from_le_bytes([head[32], head[33]])).max(1);
    let bytes = file.metadata()?.len().saturating_sub(HEADER as u64);
    Ok((head, bytes / block * block))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_header_is_put_right() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.wav");
        let mut bytes = header(8_000, 2, 0).to_vec();
        bytes.extend([1; 4_003]); // a torn last sample frame
        std::fs::write(&path, &bytes).unwrap();
        let (head, data) = served(&path).unwrap();
        assert_eq!((data, head), (4_000, header(8_000, 2, 4_000)));
        assert!(repair(&path).unwrap());
        assert!(!repair(&path).unwrap());
        assert_eq!(std::fs::read(&path).unwrap()[..HEADER], header(8_000, 2, 4_000));
    }

    #[test]
    fn other_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for content in [&b""[..], b"RIFF", &[7; 100]] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(repair(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
    }

    #[test]
    fn a_size_beyond_the_field_is_capped() {
        assert_eq!(sizes(1 << 40), (u32::MAX - 8, u32::MAX - 44));
    }
}
