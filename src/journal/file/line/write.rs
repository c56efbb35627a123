//! Writing lines.

use std::fmt::Write as _;
use std::str::from_utf8;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::read::from_json;
use super::{Codec, Text, Unreadable, seal, text_of};
use crate::change::{Change, ChangeKind};
use crate::{End, Entry, Key, Timestamp, Value};

/// A value with no more brackets than that is not nested too deeply to be read: serde_json goes 128 levels deep.
const MANY_BRACKETS: usize = 100;

/// How large a line may grow in memory before its buffer is given back.
const KEEP: usize = 1 << 20;

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
}

fn name_of(end: End) -> &'static str {
    match end {
        End::Front => "front",
        End::Back => "back",
    }
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
