//! The thread that writes recordings. It alone waits for the disk.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::timeline::Chunk;
use super::wav;
use crate::RATE;

/// Chunks (200 ms of one call, 6.4 kB) that may wait for the disk: 52 MB, i.e. 200 calls over a
/// disk that hangs for eight seconds. Beyond it chunks are dropped, counted and silent.
const MAX_WAITING: usize = 8_192;
/// Gaps remembered of one recording; a disk that fails for longer is in the events.
const MAX_GAPS: usize = 64;
/// Bytes of one stereo sample frame.
const BLOCK: u64 = 4;

/// Names one recording while it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordKey {
    /// The call's key.
    pub call: u128,
    /// Counts the recordings of a call.
    pub serial: u32,
}

/// What became of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordSummary {
    /// The file.
    pub path: PathBuf,
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Parts that are silent because the disk did not keep up: start and length in milliseconds.
    pub gaps: Vec<(u64, u64)>,
}

/// What the writer reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordEvent {
    /// Writing failed; it is tried again with the next chunk. Sent once per failure.
    Failed {
        /// Which.
        key: RecordKey,
        /// The system's words.
        reason: String,
    },
    /// Writing goes on after a failure.
    Resumed {
        /// Which.
        key: RecordKey,
    },
    /// The file is finished and on the disk.
    Finished {
        /// Which.
        key: RecordKey,
        /// Its figures.
        summary: RecordSummary,
    },
}

enum Job {
    Open(RecordKey, PathBuf),
    Reopen(RecordKey, PathBuf, u64),
    Chunk(RecordKey, Chunk),
    Close(RecordKey),
}

/// The running thread; dropping it waits until everything given to it is written, so drop every
/// [`WriterHandle`] before.
#[derive(Debug)]
pub struct Writer {
    handle: Option<WriterHandle>,
    thread: Option<JoinHandle<()>>,
}

/// Gives work to the writer without ever waiting.
#[derive(Clone, Debug)]
pub struct WriterHandle {
    jobs: Sender<Job>,
    waiting: Arc<AtomicUsize>,
}

impl Writer {
    /// Starts the thread; `report` is called on it.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn spawn(report: impl FnMut(RecordEvent) + Send + 'static) -> io::Result<Self> {
        let (jobs, inbox) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let state = State { files: HashMap::new(), report };
        let counter = Arc::clone(&waiting);
        let thread =
            std::thread::Builder::new().name("recordings".to_owned()).spawn(move || run(&inbox, &counter, state))?;
        Ok(Self { handle: Some(WriterHandle { jobs, waiting }), thread: Some(thread) })
    }

    /// A handle for a media thread.
    #[must_use]
    pub fn handle(&self) -> Option<WriterHandle> {
        self.handle.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.handle = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the writer was reported by its hook already.
            let _ = thread.join();
        }
    }
}

impl WriterHandle {
    /// Starts a file. An existing one is never overwritten: that is reported as a failure.
    pub fn open(&self, key: RecordKey, path: PathBuf) {
        let _ = self.jobs.send(Job::Open(key, path));
    }

    /// Goes on with a file, `at_ms` after its beginning or behind what it holds, whichever is later.
    pub fn reopen(&self, key: RecordKey, path: PathBuf, at_ms: u64) {
        let _ = self.jobs.send(Job::Reopen(key, path, at_ms));
    }

    /// Hands over a chunk; `false` if the disk is so far behind that it was dropped.
    pub fn chunk(&self, key: RecordKey, chunk: Chunk) -> bool {
        if self.waiting.load(Ordering::Relaxed) >= MAX_WAITING {
            return false;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.jobs.send(Job::Chunk(key, chunk)).is_ok()
    }

    /// Finishes a file; [`RecordEvent::Finished`] follows when it is on the disk.
    pub fn close(&self, key: RecordKey) {
        let _ = self.jobs.send(Job::Close(key));
    }
}

fn run<R: FnMut(RecordEvent)>(inbox: &Receiver<Job>, waiting: &AtomicUsize, mut state: State<R>) {
    for job in inbox {
        match job {
            Job::Open(key, path) => state.open(key, path),
            Job::Reopen(key, path, at_ms) => state.reopen(key, path, at_ms),
            Job::Chunk(key, chunk) => {
                waiting.fetch_sub(1, Ordering::Relaxed);
                state.chunk(key, &chunk);
            }
            Job::Close(key) => state.close(key),
        }
    }
    let open: Vec<RecordKey> = state.files.keys().copied().collect();
    open.into_iter().for_each(|key| state.close(key));
}

struct State<R> {
    files: HashMap<RecordKey, Recording>,
    report: R,
}

struct Recording {
    path: PathBuf,
    file: Option<File>,
    /// Bytes of samples in the file.
    data: u64,
    /// Bytes of samples before the first of this recording: those of an earlier one in the same file.
    base: u64,
    gaps: Vec<(u64, u64)>,
    failing: bool,
}

impl<R: FnMut(RecordEvent)> State<R> {
    fn open(&mut self, key: RecordKey, path: PathBuf) {
        let mut recording = Recording::new(path, 0);
        let result = recording.create();
        self.files.insert(key, recording);
        self.note(key, result);
    }

    fn reopen(&mut self, key: RecordKey, path: PathBuf, at_ms: u64) {
        let mut recording = Recording::new(path, at_ms * u64::from(RATE) / 1_000 * BLOCK);
        let result = recording.append();
        self.files.insert(key, recording);
        self.note(key, result);
    }

    fn chunk(&mut self, key: RecordKey, chunk: &Chunk) {
        let Some(recording) = self.files.get_mut(&key) else {
            return;
        };
        let result = recording.write(chunk);
        self.note(key, result);
    }

    fn close(&mut self, key: RecordKey) {
        let Some(recording) = self.files.get_mut(&key) else {
            return;
        };
        let result = recording.finish();
        self.note(key, result);
        let Some(recording) = self.files.remove(&key) else {
            return;
        };
        (self.report)(RecordEvent::Finished { key, summary: recording.summary() });
    }

    /// Reports the first failure of a row and the end of it.
    fn note(&mut self, key: RecordKey, result: io::Result<()>) {
        let Some(recording) = self.files.get_mut(&key) else {
            return;
        };
        match result {
            Err(error) if !recording.failing => {
                recording.failing = true;
                let path = recording.path.display();
                let reason = format!("recording {path} cannot be written: {error}");
                (self.report)(RecordEvent::Failed { key, reason });
            }
            Ok(()) if recording.failing => {
                recording.failing = false;
                (self.report)(RecordEvent::Resumed { key });
            }
            _ => {}
        }
    }
}

impl Recording {
    fn new(path: PathBuf, base: u64) -> Self {
        Self { path, file: None, data: 0, base, gaps: Vec::new(), failing: false }
    }

    /// Opens a file that was written before a restart.
    fn append(&mut self) -> io::Result<()> {
        let (_, data) = match wav::served(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.create(),
            found => found?,
        };
        self.data = data / BLOCK * BLOCK;
        self.base = self.base.max(self.data);
        let file = OpenOptions::new().write(true).open(&self.path)?;
        file.set_len(wav::HEADER as u64 + self.data)?; // without the half of a sample that a kill left
        self.file = Some(file);
        Ok(())
    }

    fn create(&mut self) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&self.path)?;
        file.write_all_at(&wav::header(RATE, 2, 0), 0)?;
        self.file = Some(file);
        Ok(())
    }

    fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        if self.file.is_none() {
            self.create()?;
        }
        let Some(file) = &self.file else {
            return Ok(());
        };
        let bytes: Vec<u8> = chunk.stereo.iter().flat_map(|s| s.to_le_bytes()).collect();
        let start = self.base + chunk.at * BLOCK;
        // What was dropped before is a hole, and holes read as zeros: silence of the true length.
        file.write_all_at(&bytes, wav::HEADER as u64 + start)?;
        if start > self.data && self.gaps.len() < MAX_GAPS {
            self.gaps.push((ms(self.data), ms(start - self.data)));
        }
        self.data = self.data.max(start + bytes.len() as u64);
        wav::patch(file, self.data)
    }

    fn finish(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        wav::patch(file, self.data)?;
        file.sync_all()?;
        sync_folder(&self.path)
    }

    fn summary(self) -> RecordSummary {
        RecordSummary {
            duration_ms: ms(self.data),
            bytes: self.data + wav::HEADER as u64,
            gaps: self.gaps,
            path: self.path,
        }
    }
}

/// Makes the file's name durable too.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn ms(bytes: u64) -> u64 {
    bytes / BLOCK * 1_000 / u64::from(RATE)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::prompt::decode_file;

    const KEY: RecordKey = RecordKey { call: 1, serial: 0 };

    fn chunk(at: u64, value: i16) -> Chunk {
        Chunk { at, stereo: vec![value; 3_200] }
    }

    /// Runs jobs to the end; the reports in order.
    fn write(jobs: impl FnOnce(&WriterHandle)) -> Vec<RecordEvent> {
        let (reports, seen) = channel();
        let writer = Writer::spawn(move |event| reports.send(event).unwrap()).unwrap();
        let handle = writer.handle().unwrap();
        jobs(&handle);
        drop(handle);
        drop(writer);
        seen.iter().collect()
    }

    #[test]
    fn a_recording_is_finished_with_its_gaps_as_silence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2026/11/a.wav");
        let events = write(|writer| {
            writer.open(KEY, path.clone());
            assert!(writer.chunk(KEY, chunk(0, 1_000)));
            assert!(writer.chunk(KEY, chunk(3_200, 1_000)));
            writer.close(KEY);
        });
        let [RecordEvent::Finished { summary, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((summary.duration_ms, &summary.gaps[..]), (600, &[(200, 200)][..]));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), summary.bytes);
        let clip = decode_file(&path).unwrap();
        assert_eq!(clip.samples().len(), 4_800);
        assert!(clip.samples()[1_600..3_200].iter().all(|&s| s == 0));
        assert!(clip.samples()[3_200..].iter().all(|&s| (s - 1_000).abs() <= 1));
    }

    #[test]
    fn failure_is_told_once_and_mended_when_the_disk_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("month");
        std::fs::write(&blocked, b"a file where a folder must be").unwrap();
        let (reports, seen) = channel();
        let writer = Writer::spawn(move |event| reports.send(event).unwrap()).unwrap();
        let handle = writer.handle().unwrap();
        handle.open(KEY, blocked.join("a.wav"));
        handle.chunk(KEY, chunk(0, 1));
        assert!(matches!(seen.recv().unwrap(), RecordEvent::Failed { .. }));
        while handle.waiting.load(Ordering::Relaxed) > 0 {
            std::thread::yield_now();
        }
        // A second job behind the chunk proves that the chunk was handled, not only taken.
        handle.close(RecordKey { call: 9, serial: 9 });
        handle.open(RecordKey { call: 2, serial: 0 }, folder.path().join("b.wav"));
        handle.close(RecordKey { call: 2, serial: 0 });
        assert!(matches!(seen.recv().unwrap(), RecordEvent::Finished { .. }));
        std::fs::remove_file(&blocked).unwrap();
        handle.chunk(KEY, chunk(1_600, 2));
        assert!(matches!(seen.recv().unwrap(), RecordEvent::Resumed { .. }));
        drop(handle);
        drop(writer);
        let RecordEvent::Finished { summary, .. } = seen.recv().unwrap() else { panic!() };
        assert_eq!((summary.duration_ms, &summary.gaps[..]), (400, &[(0, 200)][..]));
    }

    #[test]
    fn a_recording_goes_on_in_the_same_file_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        // As a kill leaves it: a header that says nothing, half a sample frame at the end.
        let mut torn = wav::header(RATE, 2, 0).to_vec();
        torn.extend(std::iter::repeat_n(500i16.to_le_bytes(), 3_200).flatten());
        torn.extend([1, 2]);
        std::fs::write(&path, torn).unwrap();
        for (at_ms, base) in [(1_000, 1_000), (0, 1_200)] {
            let events = write(|writer| {
                writer.reopen(KEY, path.clone(), at_ms);
                writer.chunk(KEY, chunk(0, 1_000));
                writer.close(KEY);
            });
            let [RecordEvent::Finished { summary, .. }] = &events[..] else { panic!("{events:?}") };
            assert_eq!(summary.duration_ms, base + 200);
        }
        let clip = decode_file(&path).unwrap();
        let level = |ms: usize| clip.samples()[ms * 8 + 4];
        assert_eq!(clip.samples().len(), 1_400 * 8);
        assert!((level(100) - 500).abs() <= 1 && level(500) == 0, "the time between is silent");
        assert!((level(1_100) - 1_000).abs() <= 1 && (level(1_300) - 1_000).abs() <= 1);
        let missing = folder.path().join("new/b.wav");
        let events = write(|writer| {
            writer.reopen(KEY, missing.clone(), 400);
            writer.chunk(KEY, chunk(0, 1));
            writer.close(KEY);
        });
        let [RecordEvent::Finished { summary, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((summary.duration_ms, &summary.gaps[..]), (600, &[(0, 400)][..]));
    }

    #[test]
    fn an_existing_file_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        std::fs::write(&path, b"evidence").unwrap();
        let events = write(|writer| {
            writer.open(KEY, path.clone());
            writer.chunk(KEY, chunk(0, 1));
            writer.close(KEY);
        });
        assert!(matches!(events[0], RecordEvent::Failed { .. }));
        assert_eq!(std::fs::read(&path).unwrap(), b"evidence");
    }
}
