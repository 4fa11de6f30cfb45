//! The prompt folder: names to clips, decoded at the first use and kept.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use audio_codec::resampler::BoxedResampler;
use rodio::{Decoder, Source};
use thiserror::Error;

use crate::RATE;

/// Longest clip, samples: half an hour. A longer file is a mistake that would eat the memory.
const MAX_SAMPLES: usize = 30 * 60 * RATE as usize;
/// Extensions tried for a name without one, in this order.
const EXTENSIONS: [&str; 5] = ["wav", "flac", "ogg", "mp3", "m4a"];

/// A decoded prompt: 8 kHz, 16 bit, mono.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    samples: Arc<[i16]>,
}

impl Clip {
    /// A clip of these samples.
    #[must_use]
    pub fn new(samples: Vec<i16>) -> Self {
        Self { samples: samples.into() }
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// How long it plays, milliseconds.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        self.samples.len() as u64 * 1_000 / u64::from(RATE)
    }
}

/// Why there is no such prompt.
#[derive(Debug, Error)]
pub enum PromptError {
    /// The name leaves the folder or is empty.
    #[error(
        "prompt name {0:?} is not allowed: use letters, digits, '-', '_', '.' and '/' between folders, and no '..'"
    )]
    Name(String),
    /// No file of that name.
    #[error("no prompt {name:?} in {folder}: add {name}.wav (or .flac, .ogg, .mp3, .m4a where enabled)")]
    Missing {
        /// As asked for.
        name: String,
        /// Where it was looked for.
        folder: String,
    },
    /// The file is there and cannot be decoded.
    #[error("prompt file {path} cannot be decoded: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The decoder's words.
        reason: String,
    },
    /// The file is longer than half an hour.
    #[error("prompt file {path} is longer than 30 minutes")]
    TooLong {
        /// The file.
        path: String,
    },
}

/// Prompts by name. Clones share the cache.
///
/// [`get`](Self::get) reads the disk at the first use of a name: never call it on a media thread.
#[derive(Clone, Debug)]
pub struct PromptStore {
    folder: PathBuf,
    clips: Arc<RwLock<HashMap<String, Clip>>>,
}

impl PromptStore {
    /// Prompts of `folder`; nothing is read yet.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), clips: Arc::default() }
    }

    /// Reads every file of the folder and its subfolders, so that no call waits for the disk.
    ///
    /// Returns the names that loaded and the errors of those that did not.
    #[must_use]
    pub fn preload(&self) -> (usize, Vec<PromptError>) {
        let mut files = Vec::new();
        collect_files(&self.folder, String::new(), &mut files);
        let (mut loaded, mut errors) = (0, Vec::new());
        for name in files {
            match self.get(&name) {
                Ok(_) => loaded += 1,
                Err(error) => errors.push(error),
            }
        }
        (loaded, errors)
    }

    /// The clip `name`: the file's path below the folder, with or without its extension.
    ///
    /// # Errors
    /// [`PromptError`] if there is no such file or it cannot be decoded.
    pub fn get(&self, name: &str) -> Result<Clip, PromptError> {
        if let Some(clip) = self.cached(name) {
            return Ok(clip);
        }
        let clip = decode_file(&self.find(name)?)?;
        self.insert(name, clip.clone());
        Ok(clip)
    }

    /// The clip if it is in memory already.
    #[must_use]
    pub fn cached(&self, name: &str) -> Option<Clip> {
        self.clips.read().ok()?.get(name).cloned()
    }

    /// Puts a clip under a name (speech just synthesised), or replaces it.
    pub fn insert(&self, name: &str, clip: Clip) {
        if let Ok(mut clips) = self.clips.write() {
            clips.insert(name.to_owned(), clip);
        }
    }

    fn find(&self, name: &str) -> Result<PathBuf, PromptError> {
        if !allowed(name) {
            return Err(PromptError::Name(name.to_owned()));
        }
        let exact = self.folder.join(name);
        if exact.is_file() {
            return Ok(exact);
        }
        let with = |extension: &&str| self.folder.join(format!("{name}.{extension}"));
        EXTENSIONS
            .iter()
            .map(with)
            .find(|path| path.is_file())
            .ok_or_else(|| PromptError::Missing { name: name.to_owned(), folder: self.folder.display().to_string() })
    }
}

fn allowed(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    name.len() <= 200 && name.split('/').all(part)
}

fn collect_files(folder: &Path, prefix: String, files: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = entry.path();
        if path.is_dir() {
            collect_files(&path, format!("{prefix}{name}/"), files);
        } else if let Some((stem, extension)) = name.rsplit_once('.')
            && EXTENSIONS.contains(&extension)
        {
            files.push(format!("{prefix}{stem}"));
        }
    }
}

/// Decodes an audio file (wav, and what rodio's enabled features read) to 8 kHz mono.
///
/// # Errors
/// [`PromptError::Unreadable`] or [`PromptError::TooLong`].
pub fn decode_file(path: &Path) -> Result<Clip, PromptError> {
    let shown = path.display().to_string();
    let unreadable = |reason: String| PromptError::Unreadable { path: shown.clone(), reason };
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let source = Decoder::new(BufReader::new(file)).map_err(|error| unreadable(error.to_string()))?;
    let (channels, rate) = (usize::from(source.channels().get()), source.sample_rate().get());
    let limit = MAX_SAMPLES * channels * rate.div_ceil(RATE) as usize;
    let interleaved: Vec<f32> = source.take(limit + 1).collect();
    if interleaved.len() > limit {
        return Err(PromptError::TooLong { path: shown });
    }
    if interleaved.is_empty() {
        return Err(unreadable("it holds no samples".to_owned()));
    }
    let mono = interleaved.chunks_exact(channels).map(|frame| {
        let mean = frame.iter().sum::<f32>() / channels as f32;
        (mean * 32_767.0) as i16
    });
    Ok(Clip::new(to_8k(mono.collect(), rate)))
}

fn to_8k(samples: Vec<i16>, rate: u32) -> Vec<i16> {
    if rate == RATE {
        return samples;
    }
    match BoxedResampler::new(rate as usize, RATE as usize) {
        Ok(mut resampler) => resampler.resample(&samples),
        Err(_) => samples,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::record::wav;
    use crate::tone::{energy_share, sine};

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("digits")).unwrap();
        folder
    }

    fn write(path: &Path, rate: u32, channels: u16, samples: &[i16]) {
        let mut bytes = wav::header(rate, channels, samples.len() as u64 * 2).to_vec();
        bytes.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn files_become_8_khz_mono_whatever_they_were() {
        let folder = folder();
        write(&folder.path().join("plain.wav"), 8_000, 1, &sine(500.0, 9_000.0, 8_000));
        let stereo: Vec<i16> = sine(1_000.0, 9_000.0, 32_000).iter().flat_map(|&s| [s, s]).collect();
        write(&folder.path().join("digits/一.wav"), 16_000, 2, &stereo);
        let store = PromptStore::new(folder.path());
        let plain = store.get("plain").unwrap();
        assert_eq!((plain.samples().len(), plain.duration_ms()), (8_000, 1_000));
        let resampled = store.get("digits/一").unwrap();
        assert!((resampled.duration_ms() as i64 - 2_000).abs() < 10);
        // The generator's clock is 8 kHz: its 1,000 Hz is 2,000 Hz at 16 kHz.
        assert!(energy_share(&resampled.samples()[800..8_800], 2_000.0) > 0.95);
    }

    #[test]
    fn a_clip_is_decoded_once() {
        let folder = folder();
        write(&folder.path().join("a.wav"), 8_000, 1, &[5; 160]);
        let store = PromptStore::new(folder.path());
        let (loaded, errors) = store.preload();
        assert_eq!((loaded, errors.len()), (1, 0));
        std::fs::remove_file(folder.path().join("a.wav")).unwrap();
        assert_eq!(store.clone().get("a").unwrap().samples().len(), 160);
    }

    #[test]
    fn names_that_leave_the_folder_and_broken_files_are_refused() {
        let folder = folder();
        std::fs::write(folder.path().join("bad.wav"), b"RIFFnothing").unwrap();
        let store = PromptStore::new(folder.path());
        for name in ["../secret", "/etc/passwd", "", "a//b", ".hidden", "a\0b"] {
            assert!(matches!(store.get(name), Err(PromptError::Name(_))), "{name:?}");
        }
        assert!(matches!(store.get("none"), Err(PromptError::Missing { .. })));
        assert!(matches!(store.get("bad"), Err(PromptError::Unreadable { .. })));
    }
}
