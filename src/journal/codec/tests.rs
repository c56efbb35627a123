//! Round trips of many element types through the encodings of a journal and of a stream.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use proptest::collection::{btree_map, hash_map, vec};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::*;
use crate::model::{Change, ChangeKind, End, Entry, Event, Key, Timestamp, Value};

const TIME: Timestamp = Timestamp::from_nanos(1_700_000_000_123_456_789);

fn change<T>(revision: u64, kind: ChangeKind<T>, continues: bool) -> Change<T> {
    Change::recorded(revision, TIME, "k/é\n".into(), kind, continues)
}

fn closed(mut record: Vec<u8>) -> String {
    record.push(b'}');
    String::from_utf8(record).expect("UTF-8")
}

fn parse(text: &str) -> Record<'_> {
    serde_json::from_str(text).expect("a record")
}

/// Encodes and decodes a turn as a journal does.
fn through_journal<T>(changes: &[Change<T>]) -> Result<Vec<Change<T>>, Unreadable>
where
    T: Serialize + DeserializeOwned,
{
    let mut record = Vec::new();
    put_checked(&mut record, changes)?;
    Decoder::default().changes(&parse(&closed(record)))
}

/// Encodes and decodes an event as a stream does.
fn through_stream<T>(event: &Event<T>) -> Result<Event<T>, Unreadable>
where
    T: Serialize + DeserializeOwned,
{
    let mut data = Vec::new();
    write_event(&mut data, event)?;
    let data = String::from_utf8(data).expect("UTF-8");
    read_event(event_name(event), &data).map(|event| event.expect("a known event"))
}

fn assert_round_trips<T>(element: &T)
where
    T: Serialize + DeserializeOwned + Clone + PartialEq + Debug,
{
    let expires_at = Some(Timestamp::from_nanos(1_800_000_000_000_000_001));
    let values =
        [Value::Item(element.clone()), Value::List(vec![element.clone(), element.clone()])];
    for value in values {
        let turn = [
            change(7, ChangeKind::Set { value: value.clone(), expires_at: None }, true),
            change(8, ChangeKind::Updated { value: value.clone(), expires_at }, true),
            change(
                9,
                ChangeKind::Pushed {
                    end: End::Front,
                    element: element.clone(),
                    length: 3,
                    expires_at,
                },
                false,
            ),
        ];
        assert_eq!(through_journal(&turn).unwrap(), turn);
        let batch = Event::Batch { changes: turn.to_vec(), revision: 9 };
        assert_eq!(through_stream(&batch).unwrap(), batch);
        for change in turn {
            let change = Change { continues: false, ..change };
            let turn = [change];
            assert_eq!(through_journal(&turn).unwrap(), turn);
            let [change] = turn;
            let event = Event::Change(change);
            assert_eq!(through_stream(&event).unwrap(), event);
        }
        let entry = Entry { value, revision: 9, created_at: TIME, updated_at: TIME, expires_at };
        let mut record = Vec::new();
        put_checked_entry(&mut record, "k", &entry).unwrap();
        let read = Decoder::default().entry(&parse(&closed(record)));
        assert_eq!(read, Ok((Key::from("k"), entry.clone())));
        let event = Event::Entry { key: "k".into(), entry };
        assert_eq!(through_stream(&event).unwrap(), event);
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Named { name: String, inner: Box<Shape> },
    Pair(i8, Option<Box<Shape>>),
    Keyed(BTreeMap<u64, Shape>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Text { text: String },
    Nothing,
}

#[test]
fn absent_and_empty_elements_round_trip() {
    assert_round_trips(&());
    assert_round_trips(&None::<u8>);
    assert_round_trips(&Some(7_u8));
    assert_round_trips(&None::<String>);
    assert_round_trips(&Some("null".to_owned()));
    assert_round_trips(&serde_json::Value::Null);
    assert_round_trips(&Vec::<u8>::new());
}

#[test]
fn tuples_round_trip() {
    assert_round_trips(&(1_u8, "two".to_owned(), 3.5_f64, ()));
    assert_round_trips(&((1_i64, 2_i64), [None, Some(true)]));
}

#[test]
fn maps_with_integer_keys_round_trip() {
    assert_round_trips(&BTreeMap::from([(0_u64, "zero".to_owned()), (u64::MAX, "max".to_owned())]));
    assert_round_trips(&HashMap::from([
        (i32::MIN, vec![1]),
        (-1, Vec::new()),
        (i32::MAX, vec![2, 3]),
    ]));
    assert_round_trips(&BTreeMap::from([(true, BTreeMap::from([('a', ()), ('\u{2028}', ())]))]));
}

#[test]
fn nested_enums_round_trip() {
    let pair = Shape::Pair(i8::MIN, Some(Box::new(Shape::Empty)));
    assert_round_trips(&pair);
    assert_round_trips(&Shape::Pair(0, None));
    assert_round_trips(&Shape::Named {
        name: "n".into(),
        inner: Box::new(Shape::Keyed(BTreeMap::from([(7, pair), (8, Shape::Empty)]))),
    });
    assert_round_trips(&vec![Tagged::Text { text: "t".into() }, Tagged::Nothing]);
}

#[test]
fn edge_floats_round_trip_to_the_last_bit() {
    let edges = [
        0.0,
        f64::MIN_POSITIVE,
        5e-324,
        2.225_073_858_507_201e-308,
        f64::MAX,
        f64::MIN,
        1e308,
        1e-308,
        f64::EPSILON,
        0.1 + 0.2,
        9_007_199_254_740_993.0,
        1.797_693_134_862_315_7e308,
    ];
    for float in edges.into_iter().flat_map(|float| [float, -float]) {
        assert_round_trips(&float);
        let set = change(1, ChangeKind::Set { value: Value::Item(float), expires_at: None }, false);
        let read = through_journal(&[set]).unwrap();
        // -0.0 equals 0.0.
        assert_eq!(read[0].elements()[0].to_bits(), float.to_bits());
    }
    assert_round_trips(&f32::MIN_POSITIVE);
    assert_round_trips(&f32::from_bits(1));
    assert_round_trips(&(u64::MAX, i64::MIN, u128::MAX, i128::MIN));
}

#[test]
fn strings_with_control_characters_round_trip() {
    let controls: String =
        ('\0'..'\u{a0}').chain("\u{2028}\u{2029}\u{feff}\u{fffd}\u{10ffff}".chars()).collect();
    assert_round_trips(&controls);
    assert_round_trips(&Json::text(&controls));
    assert_round_trips(&BTreeMap::from([(controls.clone(), controls.clone())]));
    for text in ["", "\r\n", "\\n", "\"}", "data: x\n\nevent: y", "{\"crc\":\"00000000\"}"] {
        assert_round_trips(&text.to_owned());
    }
}

#[test]
fn journal_rejects_values_that_cannot_be_decoded() {
    let set =
        |float| change(1, ChangeKind::Set { value: Value::Item(float), expires_at: None }, false);
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = through_journal(&[set(float)]).unwrap_err();
        assert!(error.to_string().contains("cannot decode the value as f64"), "{error}");
        let value = Value::List(vec![1.0, float]);
        let updated = change(1, ChangeKind::Updated { value, expires_at: None }, false);
        assert!(through_journal(&[updated]).is_err());
        let kind =
            ChangeKind::Pushed { end: End::Back, element: float, length: 1, expires_at: None };
        assert!(through_journal(&[change(1, kind, false)]).is_err());
    }
    // In a batch, too.
    let first = Change { continues: true, ..set(1.0) };
    let second = Change { revision: 2, ..set(f64::NAN) };
    assert!(through_journal(&[first, second]).is_err());
}

#[test]
fn names_of_format_1_are_decoded() {
    let read = |text: &str| -> Result<Vec<Change<String>>, Unreadable> {
        Decoder::default().changes(&parse(text))
    };
    for (old, new) in [
        (
            r#""command":"update","kind":0,"value":"v""#,
            r#""change":"updated","value":"v","kind":"string","ttl":null"#,
        ),
        (
            r#""command":"set","kind":1,"value":["v"],"created_at":"1970-01-01T00:00:01Z""#,
            r#""change":"set","value":["v"],"kind":"string_slice","ttl":null"#,
        ),
        (
            r#""record":"push","kind":0,"value":"v","end":"back","length":2"#,
            r#""change":"pushed","element":"v","end":"back","length":2,"ttl":null"#,
        ),
        (
            r#""command":"pop","end":"front","length":2"#,
            r#""change":"popped","end":"front","length":2"#,
        ),
        (r#""command":"touch""#, r#""change":"touched","ttl":null"#),
        (r#""command":"remove""#, r#""change":"removed""#),
        (r#""command":"expire""#, r#""change":"expired""#),
    ] {
        let at = r#"{"revision":3,"key":"k","time":"1970-01-01T00:00:01Z","#;
        let change = read(&format!("{at}{old}}}")).unwrap();
        assert_eq!(change, read(&format!("{at}{new}}}")).unwrap(), "{old}");
    }
}

#[test]
fn duplicate_member_is_rejected() {
    for (text, member) in [
        (r#"{"change":"set","value":"v","value":"w"}"#, "value"),
        (r#"{"change":"pushed","value":"v","element":"w"}"#, "element"),
        (r#"{"record":"set","change":"set"}"#, "change"),
        (r#"{"revision":1,"revision":2}"#, "revision"),
        (r#"{"changes":[{"key":"a","key":"b"}]}"#, "key"),
    ] {
        let error = serde_json::from_str::<Record<'_>>(text).unwrap_err().to_string();
        assert!(error.contains(&format!("duplicate field `{member}`")), "{text}: {error}");
    }
}

#[test]
fn invalid_record_is_rejected_with_reason() {
    let at = r#""revision":3,"key":"k","time":"1970-01-01T00:00:01Z""#;
    for (text, reason) in [
        (format!(r#"{{{at},"change":"moved","from":0,"length":1}}"#), "a later version"),
        (format!(r#"{{{at},"change":"incremented","value":7}}"#), "a later version"),
        (
            format!(r#"{{{at},"change":"prefix_removed","prefix":"a","count":7}}"#),
            "a later version",
        ),
        (format!(r#"{{{at},"change":"moved","to":"a"}}"#), "a later version"),
        (format!(r#"{{{at},"change":"jumped"}}"#), "unknown record \"jumped\""),
        (format!(r#"{{{at},"change":"set","kind":"json"}}"#), "\"value\" is missing"),
        (format!(r#"{{{at},"change":"pushed","element":"v","length":1}}"#), "front or back"),
        (
            format!(r#"{{{at},"change":"popped","end":"middle"}}"#),
            "unknown end of a list \"middle\"",
        ),
        (format!(r#"{{{at},"change":"cleared","count":7}}"#), "expected no key"),
        (
            format!(r#"{{{at},"change":"set","value":7,"kind":"json"}}"#),
            "cannot decode the value as alloc::string::String",
        ),
        (format!(r#"{{{at},"change":"touched","ttl":"soon"}}"#), "invalid time \"soon\""),
        (
            r#"{"change":"removed","key":"k","time":"1970-01-01T00:00:01Z"}"#.into(),
            "\"revision\" is missing",
        ),
        (r#"{"change":"removed","key":"k","revision":3}"#.into(), "invalid time"),
        (r#"{"change":"removed","revision":3,"time":"1970-01-01T00:00:01Z"}"#.into(), "key"),
        (r#"{"change":"batch","revision":3,"changes":[]}"#.into(), "the batch is empty"),
        (
            format!(r#"{{"change":"batch","revision":4,"changes":[{{{at},"change":"removed"}}]}}"#),
            "not consecutive",
        ),
    ] {
        let error = Decoder::default().changes::<String, _>(&parse(&text)).unwrap_err();
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
    for kind in ["\"set\"", "2", "\"\""] {
        let text = format!(r#"{{{at},"change":"set","value":"v","kind":{kind}}}"#);
        let error = Decoder::default().changes::<String, _>(&parse(&text)).unwrap_err();
        assert!(error.to_string().contains("unknown kind of value"), "{error}");
    }
}

#[test]
fn stream_ignores_unknown_members() {
    let data = r#"{"revision":3,"color":{"a":[1]},"time":"1970-01-01T00:00:01Z","key":"k","change":"removed","epoch":7}"#;
    let event = read_event::<String>("change", data).unwrap().unwrap();
    assert_eq!(event.revision(), Some(3));
    assert!(read_event::<String>("change", r#"["revision"]"#).is_err());
    assert!(read_event::<String>("progress", "{}").is_err());
}

#[test]
fn export_line_round_trips_with_time_to_live() {
    let entry = Entry {
        value: Value::List(vec!["a".to_owned()]),
        revision: 3,
        created_at: TIME,
        updated_at: TIME,
        expires_at: Some(TIME + std::time::Duration::from_millis(90_500)),
    };
    let line = export_line("k", &entry, TIME).unwrap();
    let left = Some(std::time::Duration::from_millis(90_500));
    assert_eq!(read_exported(&line), Ok(("k".into(), entry.clone(), left)));
    assert_eq!(read_exported(&row_line("k", &entry).unwrap()), Ok(("k".into(), entry, None)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_string_round_trips(text in any::<String>(), list in vec(any::<String>(), 0..4)) {
        assert_round_trips(&text);
        assert_round_trips(&list);
    }

    #[test]
    fn any_finite_float_round_trips(bits in any::<u64>(), small in any::<u32>()) {
        let (float, small) = (f64::from_bits(bits), f32::from_bits(small));
        prop_assume!(float.is_finite() && small.is_finite());
        assert_round_trips(&float);
        assert_round_trips(&(small, Some(float)));
    }

    #[test]
    fn any_map_with_integer_keys_round_trips(
        map in btree_map(any::<u64>(), any::<String>(), 0..8),
        signed in hash_map(any::<i32>(), any::<Option<i128>>(), 0..8),
    ) {
        assert_round_trips(&map);
        assert_round_trips(&signed);
    }
}
