//! [`SimDisk`]: a disk in memory that simulates power cuts and injects faults.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use mainspring::journal::file::{Disk, DiskFile};
use mainspring_testing::Random;

/// The unit that a disk writes atomically, in bytes.
const SECTOR: usize = 512;

/// What a power cut preserves of unsynced changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing.
    Nothing,
    /// Everything, as if only the process had ended.
    Everything,
    /// Everything up to a random moment.
    Prefix,
    /// Each sector, each length and each name as of its own random moment.
    Torn,
}

pub(crate) const CUTS: [Cut; 4] = [Cut::Nothing, Cut::Everything, Cut::Prefix, Cut::Torn];

/// The fault of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// EIO, without any effect. A sync that fails like this drops the data that it could not write.
    Io,
    /// EIO, after half of a write.
    IoHalf,
    /// A write that writes half of the bytes and returns that number.
    Short,
    /// EINTR.
    Interrupted,
    /// ENOSPC, for this call only.
    FullOnce,
    /// ENOSPC for everything that needs more space, from this call on until there is space again.
    Full,
    /// Like `Full`, but after half of a write.
    FullHalf,
}

/// Broken promises of the disk, which the tests must detect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Defects {
    /// A sync of a file does nothing.
    pub(crate) sync: bool,
    /// A sync of the directory does nothing.
    pub(crate) sync_folder: bool,
    /// Every line that is read has a correct checksum.
    pub(crate) sums: bool,
    /// The lock of the directory excludes no other process, as if `LOCK` was removed and the directory cannot be
    /// locked.
    pub(crate) lock: bool,
}

#[derive(Clone)]
pub(crate) struct SimDisk(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    files: Vec<File>,
    /// The current names, and those at the last sync of the directory.
    names: Names,
    durable: Names,
    unsynced: Vec<NameOp>,
    steps: u64,
    /// A description of each step, for messages.
    trace: Vec<String>,
    off_at: Option<u64>,
    off: bool,
    fault: Option<(u64, Fault)>,
    full: bool,
    /// The error that every call returns that opens or creates a file.
    shortage: Option<i32>,
    locked: bool,
    /// The handle that has locked each file.
    file_locks: BTreeMap<usize, u64>,
    opened: u64,
    defects: Defects,
    chance: Option<Random>,
}

type Names = BTreeMap<String, usize>;

#[derive(Clone)]
enum NameOp {
    Add(String, usize),
    Rename(String, String, usize),
    Remove(String),
}

impl NameOp {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Add(name, file) => drop(names.insert(name.clone(), *file)),
            Self::Rename(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            Self::Remove(name) => drop(names.remove(name)),
        }
    }
}

#[derive(Default, Clone)]
struct File {
    live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<FileOp>,
}

#[derive(Clone)]
enum FileOp {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl FileOp {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(bytes);
            }
            Self::Length(length) => content.resize(*length, 0),
        }
    }
}

impl File {
    fn op(&mut self, op: FileOp) {
        op.apply(&mut self.live);
        self.unsynced.push(op);
    }

    fn sync(&mut self) {
        for op in self.unsynced.drain(..) {
            op.apply(&mut self.durable);
        }
    }

    /// Returns the content after a power cut.
    fn after_cut(&self, cut: Cut, random: &mut Random) -> Vec<u8> {
        match cut {
            Cut::Nothing => self.durable.clone(),
            Cut::Everything => self.live.clone(),
            Cut::Prefix => self.at(random.below(self.unsynced.len() + 1)),
            Cut::Torn => {
                let moments = self.unsynced.len() + 1;
                let contents: Vec<_> = (0..moments).map(|moment| self.at(moment)).collect();
                let mut left = vec![0; contents[random.below(moments)].len()];
                for start in (0..left.len()).step_by(SECTOR) {
                    let content = &contents[random.below(moments)];
                    let end = left.len().min(start + SECTOR).min(content.len());
                    if start < end {
                        left[start..end].copy_from_slice(&content[start..end]);
                    }
                }
                left
            }
        }
    }

    fn at(&self, moment: usize) -> Vec<u8> {
        let mut content = self.durable.clone();
        self.unsynced[..moment].iter().for_each(|op| op.apply(&mut content));
        content
    }
}

/// What a call does.
enum Step {
    Go,
    /// The power goes off during the call.
    Last,
    Fail(Fault),
}

fn power_off() -> io::Error {
    io::Error::other("the power is off")
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

impl Inner {
    fn step(&mut self, what: impl fmt::Display) -> io::Result<Step> {
        if self.off {
            return Err(power_off());
        }
        self.steps += 1;
        self.trace.push(what.to_string());
        if self.off_at == Some(self.steps) {
            self.off = true;
            return Ok(Step::Last);
        }
        match self.fault {
            Some((at, fault)) if at == self.steps => {
                self.full |= matches!(fault, Fault::Full | Fault::FullHalf);
                match fault {
                    Fault::Full | Fault::FullHalf => Ok(Step::Go),
                    fault => Ok(Step::Fail(fault)),
                }
            }
            _ => Ok(Step::Go),
        }
    }

    /// Runs an atomic call that needs no space.
    fn simple(
        &mut self,
        what: impl fmt::Display,
        act: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.step(what)? {
            Step::Go => act(self),
            Step::Last => act(self).and(Err(power_off())),
            Step::Fail(fault) => self.fails(fault),
        }
    }

    fn shortage(&self) -> io::Result<()> {
        self.shortage.map_or(Ok(()), |error| Err(io::Error::from_raw_os_error(error)))
    }

    fn fails(&mut self, fault: Fault) -> io::Result<()> {
        match fault {
            Fault::Interrupted => Err(io::ErrorKind::Interrupted.into()),
            Fault::FullOnce => Err(full()),
            _ => Err(eio()),
        }
    }

    fn flip(&mut self) -> bool {
        self.chance.get_or_insert_with(|| Random::new(1)).below(2) == 0
    }
}

impl SimDisk {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Inner::default())))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Cuts the power at the call with this number. The first call has the number 1.
    pub(crate) fn cut_power_at(self, step: u64) -> Self {
        self.inner().off_at = Some(step);
        self
    }

    /// Injects a fault into the call with this number. The first call has the number 1.
    pub(crate) fn fail_at(self, step: u64, fault: Fault) -> Self {
        self.inner().fault = Some((step, fault));
        self
    }

    pub(crate) fn with_defects(self, defects: Defects) -> Self {
        self.inner().defects = defects;
        self
    }

    pub(crate) fn cut_power_in(&self, steps: u64) {
        let mut inner = self.inner();
        inner.off_at = Some(inner.steps + steps.max(1));
    }

    pub(crate) fn cut_power(&self) {
        self.inner().off = true;
    }

    pub(crate) fn is_off(&self) -> bool {
        self.inner().off
    }

    /// Sets whether the disk is full.
    pub(crate) fn set_full(&self, full: bool) {
        self.inner().full = full;
    }

    /// Sets the system error with which opening a file fails.
    pub(crate) fn set_shortage(&self, error: Option<i32>) {
        self.inner().shortage = error;
    }

    pub(crate) fn steps(&self) -> u64 {
        self.inner().steps
    }

    /// Returns the description of a step. The first step has the number 1.
    pub(crate) fn step_name(&self, step: u64) -> String {
        let inner = self.inner();
        inner.trace.get(step as usize - 1).cloned().unwrap_or_default()
    }

    /// Returns a copy of the disk after a power cut now. Later writes to this disk do not affect it.
    pub(crate) fn survivor(&self, cut: Cut, seed: u64) -> Self {
        let inner = self.inner();
        let mut random = Random::new(seed);
        let mut names = inner.durable.clone();
        match cut {
            Cut::Nothing => {}
            Cut::Everything => names = inner.names.clone(),
            Cut::Prefix => {
                let kept = random.below(inner.unsynced.len() + 1);
                inner.unsynced[..kept].iter().for_each(|op| op.apply(&mut names));
            }
            Cut::Torn => {
                let kept = inner.unsynced.iter().filter(|_| random.below(2) == 0);
                kept.for_each(|op| op.apply(&mut names));
            }
        }
        let defects = inner.defects;
        let mut files = Vec::new();
        for file in names.values_mut() {
            let content = inner.files[*file].after_cut(cut, &mut random);
            *file = files.len();
            files.push(File { durable: content.clone(), live: content, unsynced: Vec::new() });
        }
        let chance = Some(Random::new(seed ^ 0x5eed));
        let inner =
            Inner { files, durable: names.clone(), names, defects, chance, ..Inner::default() };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Returns a copy of the disk that has lost nothing.
    pub(crate) fn copy(&self) -> Self {
        self.survivor(Cut::Everything, 1)
    }

    pub(crate) fn file_names(&self) -> Vec<String> {
        self.inner().names.keys().cloned().collect()
    }

    pub(crate) fn content(&self, name: &str) -> Vec<u8> {
        let inner = self.inner();
        inner.files[inner.names[name]].live.clone()
    }

    pub(crate) fn add(&self, name: &str, content: &[u8]) {
        let mut inner = self.inner();
        let file = inner.files.len();
        inner.files.push(File::default());
        inner.names.insert(name.into(), file);
        inner.durable.insert(name.into(), file);
        drop(inner);
        self.set_content(name, content);
    }

    pub(crate) fn set_content(&self, name: &str, content: &[u8]) {
        let mut inner = self.inner();
        let file = inner.names[name];
        let content = content.to_vec();
        inner.files[file] = File { durable: content.clone(), live: content, unsynced: Vec::new() };
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner();
        for (name, file) in &inner.names {
            let text = String::from_utf8_lossy(&inner.files[*file].live).into_owned();
            writeln!(f, "--- {name}\n{}", text.trim_end())?;
        }
        let from = inner.trace.len().saturating_sub(12);
        writeln!(f, "--- the last steps of {}: {:?}", inner.steps, &inner.trace[from..])
    }
}

impl Disk for SimDisk {
    fn create_folder(&self) -> io::Result<()> {
        self.inner().simple("create_folder", |_| Ok(()))
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let mut inner = self.inner();
        inner.simple("lock", |_| Ok(()))?;
        if std::mem::replace(&mut inner.locked, true) && !inner.defects.lock {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "the directory is locked"));
        }
        struct Unlock(SimDisk);
        impl Drop for Unlock {
            fn drop(&mut self) {
                self.0.inner().locked = false;
            }
        }
        Ok(Box::new(Unlock(self.clone())))
    }

    /// Checks the directory. The call is not counted as a step, because it changes nothing, and the directory always
    /// exists.
    fn verify(&self) -> io::Result<()> {
        self.inner().shortage()?;
        if self.inner().off { Err(power_off()) } else { Ok(()) }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut inner = self.inner();
        inner.simple("names", |_| Ok(()))?;
        Ok(inner.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.inner();
        inner.simple(format_args!("create {name}"), |inner| {
            inner.shortage()?;
            if inner.names.contains_key(name) {
                return Ok(());
            }
            if inner.full {
                return Err(full());
            }
            inner.files.push(File::default());
            let op = NameOp::Add(name.to_owned(), inner.files.len() - 1);
            op.apply(&mut inner.names);
            inner.unsynced.push(op);
            Ok(())
        })?;
        let file = inner.names[name];
        inner.opened += 1;
        let handle = inner.opened;
        Ok(Arc::new(SimFile { disk: self.clone(), file, handle, name: name.into() }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.inner();
        inner.simple(format_args!("open {name}"), |inner| inner.shortage())?;
        let file = *inner.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        inner.opened += 1;
        let handle = inner.opened;
        Ok(Arc::new(SimFile { disk: self.clone(), file, handle, name: name.into() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner().simple(format_args!("rename {from} {to}"), |inner| {
            let file = *inner.names.get(from).ok_or(io::ErrorKind::NotFound)?;
            let op = NameOp::Rename(from.into(), to.into(), file);
            op.apply(&mut inner.names);
            inner.unsynced.push(op);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner().simple(format_args!("remove {name}"), |inner| {
            if !inner.names.contains_key(name) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let op = NameOp::Remove(name.into());
            op.apply(&mut inner.names);
            inner.unsynced.push(op);
            Ok(())
        })
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.inner().simple("sync_folder", |inner| {
            if inner.defects.sync_folder || inner.off && inner.flip() {
                return Ok(());
            }
            inner.durable = inner.names.clone();
            inner.unsynced.clear();
            Ok(())
        })
    }

    fn length_of(&self, name: &str) -> io::Result<Option<u64>> {
        let inner = self.inner();
        Ok(inner.names.get(name).map(|file| inner.files[*file].live.len() as u64))
    }

    fn path(&self) -> PathBuf {
        "simulated".into()
    }
}

struct SimFile {
    disk: SimDisk,
    file: usize,
    /// A number that is different for each opening of a file.
    handle: u64,
    name: String,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut inner = self.disk.inner();
        if inner.file_locks.get(&self.file) == Some(&self.handle) {
            inner.file_locks.remove(&self.file);
        }
    }
}

impl DiskFile for SimFile {
    fn length(&self) -> io::Result<u64> {
        let mut inner = self.disk.inner();
        inner.simple(format_args!("length {}", self.name), |_| Ok(()))?;
        Ok(inner.files[self.file].live.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut inner = self.disk.inner();
        let mut short = false;
        match inner.step(format_args!("read {}", self.name))? {
            Step::Go => {}
            Step::Last => return Err(power_off()),
            Step::Fail(Fault::Short) => short = true,
            Step::Fail(fault) => inner.fails(fault)?,
        }
        let summed;
        let mut content = &inner.files[self.file].live;
        if inner.defects.sums {
            summed = with_correct_sums(content);
            content = &summed;
        }
        let rest = content.get(offset as usize..).unwrap_or_default();
        let mut length = rest.len().min(buffer.len());
        if short && length > 1 {
            length /= 2;
        }
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut inner = self.disk.inner();
        let offset = offset as usize;
        let what = format!("write {} at {offset}: {} bytes", self.name, bytes.len());
        let half = bytes.len().div_ceil(2);
        let (written, answer) = match inner.step(what)? {
            Step::Go => {
                let room = inner.files[self.file].live.len().saturating_sub(offset);
                let first = matches!(inner.fault, Some((at, Fault::FullHalf)) if at == inner.steps);
                let most = if !inner.full {
                    bytes.len()
                } else if first {
                    room.max(half).min(bytes.len())
                } else {
                    room.min(bytes.len())
                };
                (most, if most == 0 && !bytes.is_empty() { Err(full()) } else { Ok(most) })
            }
            Step::Last => (bytes.len(), Err(power_off())),
            Step::Fail(Fault::Short) => (half, Ok(half)),
            Step::Fail(Fault::IoHalf) => (half, Err(eio())),
            Step::Fail(fault) => {
                inner.fails(fault)?;
                (0, Ok(0))
            }
        };
        if written > 0 {
            inner.files[self.file].op(FileOp::Write(offset, bytes[..written].to_vec()));
        }
        answer
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let what = format!("set_length {} {length}", self.name);
        self.disk.inner().simple(what, |inner| {
            inner.files[self.file].op(FileOp::Length(length as usize));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        let step = inner.step(format_args!("sync {}", self.name))?;
        let defects = inner.defects.sync;
        match step {
            Step::Go if defects => Ok(()),
            Step::Go => {
                inner.files[self.file].sync();
                Ok(())
            }
            Step::Last => {
                if !defects && inner.flip() {
                    inner.files[self.file].sync();
                }
                Err(power_off())
            }
            Step::Fail(fault @ Fault::Interrupted) => inner.fails(fault),
            Step::Fail(fault) => {
                // As Linux does: the error is reported once, and the pages that could not be written count as clean.
                let file = &mut inner.files[self.file];
                file.unsynced.retain(|op| matches!(op, FileOp::Length(_)));
                inner.fails(fault)
            }
        }
    }

    /// Returns whether the name still leads to this file. The call is not counted as a step, and neither is `lock`,
    /// because they change nothing that a power cut could leave incomplete.
    fn is_linked(&self) -> io::Result<bool> {
        let inner = self.disk.inner();
        if inner.off {
            Err(power_off())
        } else {
            Ok(inner.names.get(&self.name) == Some(&self.file))
        }
    }

    fn lock(&self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        if inner.off {
            return Err(power_off());
        }
        match *inner.file_locks.entry(self.file).or_insert(self.handle) {
            holder if holder == self.handle => Ok(()),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// Returns the lines with correct checksums.
fn with_correct_sums(content: &[u8]) -> Vec<u8> {
    let mut summed = Vec::with_capacity(content.len());
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\"}\n").and_then(|rest| rest.len().checked_sub(16)) {
            Some(length) if line[length..].starts_with(b",\"crc\":\"") => {
                let sum = crc32c::crc32c(&line[..length]);
                summed.extend_from_slice(&line[..length]);
                summed.extend_from_slice(format!(",\"crc\":\"{sum:08x}\"}}\n").as_bytes());
            }
            _ => summed.extend_from_slice(line),
        }
    }
    summed
}
