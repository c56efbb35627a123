//! A line: one JSON object, whose last field is the CRC-32C of everything before it.
//!
//! The checksum is that of the bytes up to the comma before `"crc"` (Castagnoli, as in iSCSI, RFC 3720),
//! in eight lowercase hexadecimal digits.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::str::from_utf8;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::change::{Change, ChangeKind};
use crate::{End, Entry, Key, Timestamp, Value};

/// What follows the bytes that are summed: `,"crc":"xxxxxxxx"}`.
pub(crate) const SEAL: usize = 18;

/// A value with no more brackets than that is not nested too deeply to be read: serde_json goes 128 levels deep.
const MANY_BRACKETS: usize = 100;

/// How large a line may grow in memory before its buffer is given back.
const KEEP: usize = 1 << 20;

/// The fields of a line. Which of them are there depends on the command; a text that is not there is
/// empty.
#[derive(Debug, Deserialize)]
pub(crate) struct Line<'a> {
    #[serde(borrow, default)]
    pub(crate) command: Cow<'a, str>,
    #[serde(default)]
    pub(crate) revision: u64,
    #[serde(borrow, default)]
    pub(crate) key: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
    #[serde(default)]
    kind: u8,
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ttl: Cow<'a, str>,
    #[serde(borrow, default)]
    created_at: Cow<'a, str>,
    #[serde(borrow, default)]
    updated_at: Cow<'a, str>,
    #[serde(borrow, default)]
    end: Cow<'a, str>,
    #[serde(default)]
    length: usize,
    #[serde(default)]
    pub(crate) count: usize,
    #[serde(borrow, default)]
    changes: Vec<Line<'a>>,
    /// The first line of an append: how many lines it has.
    #[serde(default)]
    pub(crate) lines: usize,
    /// The first line of an append: the offset in this file that was known to be synced before it.
    #[serde(default)]
    pub(crate) synced: u64,
}

/// A `null` is a value too: that of `()`, or of a `None`.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(value).map(Some)
}

/// A line that is whole, and that this version or this element type cannot read all the same. Never cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) String);

/// The bytes that are summed, if the sum is right.
pub(crate) fn unseal(line: &[u8]) -> Option<&[u8]> {
    let (text, seal) = line.split_at_checked(line.len().checked_sub(SEAL)?)?;
    let digits = seal.strip_prefix(b",\"crc\":\"")?.strip_suffix(b"\"}")?;
    let lowercase = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let sum = u32::from_str_radix(from_utf8(digits).ok()?, 16).ok()?;
    (lowercase && sum == crc32c::crc32c(text)).then_some(text)
}

/// End the line that began at `start`: its sum, and a newline.
pub(crate) fn seal(buffer: &mut Vec<u8>, start: usize) {
    let sum = crc32c::crc32c(&buffer[start..]);
    buffer.extend_from_slice(format!(",\"crc\":\"{sum:08x}\"}}\n").as_bytes());
}

impl<'a> Line<'a> {
    /// The fields of a line whose sum is right.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Unreadable> {
        // What was summed lacks the brace, and the whole line has it.
        serde_json::from_slice(line).map_err(|error| Unreadable(error.to_string()))
    }
}

/// Reads and writes lines. The times of one turn are the same: it remembers the last one it met.
#[derive(Debug, Default)]
pub(crate) struct Codec {
    written: Option<(Timestamp, String)>,
    read: Option<(String, Timestamp)>,
}

impl Codec {
    /// Write an append: a line for each change, or each batch. Answers the number of lines.
    ///
    /// # Errors
    ///
    /// If a value cannot be written as JSON that can be read back, as far as [`check`] can tell. The buffer is of no use then.
    pub(crate) fn append<T: Serialize + DeserializeOwned>(
        &mut self,
        buffer: &mut Vec<u8>,
        changes: &[Change<T>],
        synced: u64,
    ) -> Result<usize, Unreadable> {
        buffer.clear();
        buffer.shrink_to(KEEP);
        let lines = changes.iter().filter(|change| !change.continues).count();
        let mut rest = changes;
        while let Some(at) = rest.iter().position(|change| !change.continues) {
            let (batch, others) = rest.split_at(at + 1);
            let start = buffer.len();
            self.change_line(buffer, batch)?;
            if start == 0 {
                let _ = write!(Text(buffer), ",\"lines\":{lines},\"synced\":{synced}");
            }
            seal(buffer, start);
            rest = others;
        }
        Ok(lines)
    }

    /// A line that is a change or a batch, without its end.
    pub(crate) fn change_line<T: Serialize + DeserializeOwned>(
        &mut self,
        buffer: &mut Vec<u8>,
        batch: &[Change<T>],
    ) -> Result<(), Unreadable> {
        if let [change] = batch {
            return self.change(buffer, change);
        }
        let Some(last) = batch.last() else { return Ok(()) };
        let time = self.text_of(last.at);
        let _ = write!(
            Text(buffer),
            "{{\"revision\":{},\"command\":\"batch\",\"time\":\"{time}\",\"changes\":[",
            last.revision
        );
        for (n, change) in batch.iter().enumerate() {
            if n > 0 {
                buffer.push(b',');
            }
            self.change(buffer, change)?;
            buffer.push(b'}');
        }
        buffer.push(b']');
        Ok(())
    }

    fn change<T: Serialize + DeserializeOwned>(
        &mut self,
        buffer: &mut Vec<u8>,
        change: &Change<T>,
    ) -> Result<(), Unreadable> {
        let command = match &change.kind {
            ChangeKind::Set { .. } => "set",
            ChangeKind::Updated { .. } => "update",
            ChangeKind::Removed => "remove",
            ChangeKind::Expired => "expire",
            ChangeKind::Pushed { .. } => "push",
            ChangeKind::Popped { .. } => "pop",
            ChangeKind::Touched { .. } => "touch",
            ChangeKind::Cleared { .. } => "clear",
        };
        let revision = change.revision;
        let time = self.text_of(change.at);
        let _ = write!(Text(buffer), "{{\"revision\":{revision},\"command\":\"{command}\"");
        if !change.key.is_empty() {
            buffer.extend_from_slice(b",\"key\":");
            json(buffer, change.key.as_str())?;
        }
        let _ = write!(Text(buffer), ",\"time\":\"{time}\"");
        match &change.kind {
            ChangeKind::Set { value, expires_at } => {
                put_value(buffer, value)?;
                self.put_ttl(buffer, *expires_at);
                let _ =
                    write!(Text(buffer), ",\"created_at\":\"{time}\",\"updated_at\":\"{time}\"");
            }
            ChangeKind::Updated { value, expires_at } => {
                put_value(buffer, value)?;
                self.put_ttl(buffer, *expires_at);
                let _ = write!(Text(buffer), ",\"updated_at\":\"{time}\"");
            }
            ChangeKind::Pushed { end, element, length, expires_at } => {
                put_element(buffer, element)?;
                let _ = write!(Text(buffer), ",\"end\":\"{}\",\"length\":{length}", name_of(*end));
                self.put_ttl(buffer, *expires_at);
            }
            ChangeKind::Popped { end, length } => {
                let _ = write!(Text(buffer), ",\"end\":\"{}\",\"length\":{length}", name_of(*end));
            }
            ChangeKind::Touched { expires_at } => self.put_ttl(buffer, *expires_at),
            ChangeKind::Cleared { count } => {
                let _ = write!(Text(buffer), ",\"count\":{count}");
            }
            ChangeKind::Removed | ChangeKind::Expired => {}
        }
        Ok(())
    }

    /// A line that is an entry of a snapshot, without its end.
    pub(crate) fn entry<T: Serialize + DeserializeOwned>(
        &mut self,
        buffer: &mut Vec<u8>,
        key: &Key,
        entry: &Entry<T>,
    ) -> Result<(), Unreadable> {
        let revision = entry.revision;
        let _ = write!(Text(buffer), "{{\"revision\":{revision},\"command\":\"entry\",\"key\":");
        json(buffer, key.as_str())?;
        put_value(buffer, &entry.value)?;
        self.put_ttl(buffer, entry.expires_at);
        let created_at = text_of(entry.created_at);
        let _ = write!(Text(buffer), ",\"created_at\":\"{created_at}\"");
        let updated_at = text_of(entry.updated_at);
        let _ = write!(Text(buffer), ",\"updated_at\":\"{updated_at}\"");
        Ok(())
    }

    fn put_ttl(&mut self, buffer: &mut Vec<u8>, expires_at: Option<Timestamp>) {
        if let Some(expires_at) = expires_at {
            let _ = write!(Text(buffer), ",\"ttl\":\"{}\"", text_of(expires_at));
        }
    }

    fn text_of(&mut self, time: Timestamp) -> String {
        match &self.written {
            Some((known, text)) if *known == time => text.clone(),
            _ => {
                let text = text_of(time);
                self.written = Some((time, text.clone()));
                text
            }
        }
    }

    fn time_of(&mut self, text: &str) -> Result<Timestamp, Unreadable> {
        match &self.read {
            Some((known, time)) if known == text => Ok(*time),
            _ => {
                let time = time_of(text)?;
                self.read = Some((text.to_owned(), time));
                Ok(time)
            }
        }
    }

    /// The changes that a line holds: one, or a batch.
    pub(crate) fn read_changes<T: DeserializeOwned>(
        &mut self,
        line: &Line<'_>,
    ) -> Result<Vec<Change<T>>, Unreadable> {
        if line.command != "batch" {
            return Ok(vec![self.read_change(line, false)?]);
        }
        let last = line.changes.len().checked_sub(1);
        let last = last.ok_or_else(|| Unreadable("it is a batch of nothing".into()))?;
        let parts = line.changes.iter().enumerate();
        let changes: Result<Vec<_>, _> =
            parts.map(|(n, part)| self.read_change(part, n < last)).collect();
        let changes = changes?;
        let consecutive = changes
            .windows(2)
            .all(|pair| Some(pair[1].revision) == pair[0].revision.checked_add(1));
        if !consecutive || changes[last].revision != line.revision {
            return Err(Unreadable("its revisions do not follow one another".into()));
        }
        Ok(changes)
    }

    fn read_change<T: DeserializeOwned>(
        &mut self,
        line: &Line<'_>,
        continues: bool,
    ) -> Result<Change<T>, Unreadable> {
        let kind = match &*line.command {
            "set" => ChangeKind::Set { value: line.value()?, expires_at: line.ttl()? },
            "update" => ChangeKind::Updated { value: line.value()?, expires_at: line.ttl()? },
            "remove" => ChangeKind::Removed,
            "expire" => ChangeKind::Expired,
            "push" => ChangeKind::Pushed {
                end: line.end()?,
                element: line.element()?,
                length: line.length,
                expires_at: line.ttl()?,
            },
            "pop" => ChangeKind::Popped { end: line.end()?, length: line.length },
            "touch" => ChangeKind::Touched { expires_at: line.ttl()? },
            "clear" => ChangeKind::Cleared { count: line.count },
            other => return Err(Unreadable(format!("{other:?} is no command of this version"))),
        };
        let key = match (&*line.key, &kind) {
            ("", ChangeKind::Cleared { .. }) => Key::none(),
            (key, ChangeKind::Cleared { .. }) => {
                return Err(Unreadable(format!("a clear has no key, and this one has {key:?}")));
            }
            (key, _) => valid(key)?,
        };
        let at = self.time_of(&line.time)?;
        Ok(Change::recorded(line.revision, at, key, kind, continues))
    }

    /// The entry that a line of a snapshot holds.
    pub(crate) fn read_entry<T: DeserializeOwned>(
        &mut self,
        line: &Line<'_>,
    ) -> Result<(Key, Entry<T>), Unreadable> {
        let entry = Entry {
            value: line.value()?,
            revision: line.revision,
            created_at: self.time_of(&line.created_at)?,
            updated_at: self.time_of(&line.updated_at)?,
            expires_at: line.ttl()?,
        };
        Ok((valid(&line.key)?, entry))
    }
}

impl Line<'_> {
    /// The revision of the first change that it holds.
    pub(crate) fn first_revision(&self) -> u64 {
        self.changes.first().map_or(self.revision, |first| first.revision)
    }

    fn raw(&self) -> Result<&str, Unreadable> {
        let raw = self.value.ok_or_else(|| Unreadable("it has no value".into()))?;
        Ok(raw.get())
    }

    fn value<T: DeserializeOwned>(&self) -> Result<Value<T>, Unreadable> {
        match self.kind {
            0 => Ok(Value::Item(self.element()?)),
            1 => Ok(Value::List(from_json(self.raw()?)?)),
            other => Err(Unreadable(format!("{other} is no kind of value"))),
        }
    }

    fn element<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        from_json(self.raw()?)
    }

    fn ttl(&self) -> Result<Option<Timestamp>, Unreadable> {
        if self.ttl.is_empty() { Ok(None) } else { time_of(&self.ttl).map(Some) }
    }

    fn end(&self) -> Result<End, Unreadable> {
        match &*self.end {
            "front" => Ok(End::Front),
            "back" => Ok(End::Back),
            other => Err(Unreadable(format!("{other:?} is no end of a list"))),
        }
    }
}

fn name_of(end: End) -> &'static str {
    match end {
        End::Front => "front",
        End::Back => "back",
    }
}

fn valid(key: &str) -> Result<Key, Unreadable> {
    let key = Key::from(key);
    key.validate().map_err(|error| Unreadable(error.to_string()))?;
    Ok(key)
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|error| {
        let name = std::any::type_name::<T>();
        Unreadable(format!("its value is no {name}: {error}"))
    })
}

fn json<T: Serialize + ?Sized>(buffer: &mut Vec<u8>, value: &T) -> Result<(), Unreadable> {
    serde_json::to_writer(buffer, value).map_err(|error| Unreadable(error.to_string()))
}

fn put_value<T: Serialize + DeserializeOwned>(
    buffer: &mut Vec<u8>,
    value: &Value<T>,
) -> Result<(), Unreadable> {
    match value {
        Value::Item(item) => put_element(buffer, item),
        Value::List(list) => {
            buffer.extend_from_slice(b",\"kind\":1,\"value\":");
            let start = buffer.len();
            json(buffer, list)?;
            check::<Vec<T>>(&mut buffer[start..])
        }
    }
}

fn put_element<T: Serialize + DeserializeOwned>(
    buffer: &mut Vec<u8>,
    element: &T,
) -> Result<(), Unreadable> {
    buffer.extend_from_slice(b",\"kind\":0,\"value\":");
    let start = buffer.len();
    json(buffer, element)?;
    check::<T>(&mut buffer[start..])
}

/// JSON has no infinities and no NaN: they are written as `null`, which is no number when it is read. And
/// what is nested deeply can be written and not be read. Whatever has a `null` in it, or many brackets, is read
/// back before it counts. (A NaN in an `Option` comes back as `None`, which only its owner could tell.)
///
/// A type may bring its own JSON along, on many lines. Inside a text a newline is escaped, so any other is
/// as good as a space, and would end the line too early.
fn check<T: DeserializeOwned>(written: &mut [u8]) -> Result<(), Unreadable> {
    if memchr::memchr(b'\n', written).is_some() {
        written.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    }
    let brackets = memchr::memchr2_iter(b'[', b'{', written).count();
    if brackets > MANY_BRACKETS || memchr::memmem::find(written, b"null").is_some() {
        let text = from_utf8(written).map_err(|error| Unreadable(error.to_string()))?;
        from_json::<T>(text)?;
    }
    Ok(())
}

/// A moment as RFC 3339.
pub(crate) fn text_of(time: Timestamp) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(time.as_nanos())) {
        Ok(time) => time.to_string(),
        Err(_) => unreachable!("64 bits of nanoseconds are in range"),
    }
}

/// A moment that was written as RFC 3339. What is out of range becomes the nearest that is not.
pub(crate) fn time_of(text: &str) -> Result<Timestamp, Unreadable> {
    let time: jiff::Timestamp =
        text.parse().map_err(|error| Unreadable(format!("{text:?} is no time: {error}")))?;
    let nanos = time.as_nanosecond().clamp(1, i128::from(u64::MAX));
    Ok(Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// Formats into bytes.
pub(crate) struct Text<'a>(pub(crate) &'a mut Vec<u8>);

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod read_back {
    use serde_json::Value as Json;

    use super::*;

    /// What a set of this value is once it was written and read.
    fn through<T: Serialize + DeserializeOwned>(value: Value<T>) -> Result<Value<T>, Unreadable> {
        let kind = ChangeKind::Set { value, expires_at: None };
        let change = Change::recorded(1, Timestamp::from_nanos(1), "k".into(), kind, false);
        let (mut codec, mut buffer) = (Codec::default(), Vec::new());
        codec.append(&mut buffer, &[change], 0)?;
        let text = buffer.strip_suffix(b"\n").expect("a line");
        assert!(unseal(text).is_some());
        match codec.read_changes(&Line::parse(text)?)?.pop().map(|change| change.kind) {
            Some(ChangeKind::Set { value, .. }) => Ok(value),
            other => panic!("{:?}", other.is_some()),
        }
    }

    #[test]
    fn nothing_is_a_value_too() {
        assert_eq!(through(Value::Item(())), Ok(Value::Item(())));
        assert_eq!(through(Value::Item(None::<u8>)), Ok(Value::Item(None)));
        assert_eq!(through(Value::Item(Json::Null)), Ok(Value::Item(Json::Null)));
        assert_eq!(through(Value::List(vec![(), ()])), Ok(Value::List(vec![(), ()])));
        assert!(through(Value::Item(f64::NAN)).is_err());
    }

    #[test]
    fn floats_are_the_same_to_the_last_bit() {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..100_000 {
            bits = bits
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let float = f64::from_bits(bits);
            if float.is_finite() {
                assert_eq!(through(Value::Item(float)), Ok(Value::Item(float)));
            }
        }
    }

    #[test]
    fn what_is_nested_too_deeply_is_refused_and_not_only_when_it_is_read() {
        let nested =
            |depth: usize| (0..depth).fold(Json::Bool(true), |inner, _| Json::Array(vec![inner]));
        assert!(through(Value::Item(nested(100))).is_ok());
        assert!(through(Value::Item(nested(200))).is_err());
        let wide = Json::Array(vec![Json::Array(Vec::new()); 1_000]);
        assert_eq!(through(Value::Item(wide.clone())), Ok(Value::Item(wide)));
    }
}
