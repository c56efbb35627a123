//! Round trips of values round_trip lines, and stability of the format.

use serde_json::Value as Json;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::journal::codec::{Decoder, Unreadable};
use crate::journal::file::snapshot_text::SnapshotText;
use crate::model::{Change, ChangeKind, StoreId, Timestamp, Value};

/// Encodes a value in a line and decodes it.
fn round_trip<T: Serialize + DeserializeOwned>(value: Value<T>) -> Result<Value<T>, Unreadable> {
    let kind = ChangeKind::Set { value, expires_at: None };
    let change = Change::recorded(1, Timestamp::from_nanos(1), "k".into(), kind, false);
    let mut buffer = Vec::new();
    encode_append(&mut buffer, &[change], Predecessor { synced: 0, prev: Sum::of(b"") })?;
    let text = buffer.strip_suffix(b"\n").expect("a line");
    assert!(unseal(text).is_some());
    match Decoder::default().changes(&Line::parse(text)?)?.pop().map(|change| change.kind) {
        Some(ChangeKind::Set { value, .. }) => Ok(value),
        other => panic!("{:?}", other.is_some()),
    }
}

#[test]
fn null_elements_round_trip() {
    assert_eq!(round_trip(Value::Item(())), Ok(Value::Item(())));
    assert_eq!(round_trip(Value::Item(None::<u8>)), Ok(Value::Item(None)));
    assert_eq!(round_trip(Value::Item(Json::Null)), Ok(Value::Item(Json::Null)));
    assert_eq!(round_trip(Value::List(vec![(), ()])), Ok(Value::List(vec![(), ()])));
    assert!(round_trip(Value::Item(f64::NAN)).is_err());
}

#[test]
fn floats_round_trip_to_the_last_bit() {
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..100_000 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let float = f64::from_bits(bits);
        if float.is_finite() {
            assert_eq!(round_trip(Value::Item(float)), Ok(Value::Item(float)));
        }
    }
}

#[test]
fn deeply_nested_value_is_rejected_by_encoder() {
    let nested =
        |depth: usize| (0..depth).fold(Json::Bool(true), |inner, _| Json::Array(vec![inner]));
    assert!(round_trip(Value::Item(nested(100))).is_ok());
    assert!(round_trip(Value::Item(nested(200))).is_err());
    let wide = Json::Array(vec![Json::Array(Vec::new()); 1_000]);
    assert_eq!(round_trip(Value::Item(wide.clone())), Ok(Value::Item(wide)));
}

/// The segments of a journal that was written by version 0.2.
const FORMAT_2: [&str; 3] = [
    include_str!("../../../../tests/data/journal-v2/log-00000000000000000000.jsonl"),
    include_str!("../../../../tests/data/journal-v2/log-00000000000000000011.jsonl"),
    include_str!("../../../../tests/data/journal-v2/log-00000000000000000021.jsonl"),
];

#[test]
fn changes_are_encoded_in_stable_format_2() {
    let mut written = 0;
    for text in FORMAT_2.iter().flat_map(|file| file.lines().skip(1)) {
        let line = Line::parse(text.as_bytes()).unwrap();
        if line.is_close() {
            continue;
        }
        let changes = Decoder::default().changes::<String, _>(&line).unwrap();
        let after = Predecessor { synced: line.extra.synced, prev: line.extra.prev.unwrap() };
        let mut buffer = Vec::new();
        encode_append(&mut buffer, &changes, after).unwrap();
        assert_eq!(String::from_utf8(buffer).unwrap(), format!("{text}\n"));
        written += changes.len();
    }
    assert_eq!(written, 23);
}

#[test]
fn entries_are_encoded_in_stable_format_2() {
    let snapshot =
        include_str!("../../../../tests/data/journal-v2/snapshot-00000000000000000008.jsonl");
    let mut written = 0;
    for text in snapshot.lines() {
        let line = Line::parse(text.as_bytes()).unwrap();
        if line.name != ENTRY {
            continue;
        }
        let (key, entry) = Decoder::default().entry::<String, _>(&line).unwrap();
        let mut snapshot = SnapshotText::new(StoreId(0));
        snapshot.take();
        snapshot.entry(&key, &entry).unwrap();
        assert_eq!(String::from_utf8(snapshot.take()).unwrap(), format!("{text}\n"));
        written += 1;
    }
    assert_eq!(written, 3);
}
