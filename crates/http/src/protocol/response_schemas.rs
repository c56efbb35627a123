//! Schemas of responses that no struct of this module encodes: rows, changes and events.

use super::schemas::{AnyValue, Element, Kind, schemas, to};
use super::{Problem, responses};

pub(crate) type Part = responses::ListRange<Element>;
pub(crate) type Popped = responses::Popped<Element>;
type Done = responses::Done;
type Written = responses::Written<Element>;

schemas! {
    /// An entry.
    Row "Row" refers to [AnyValue, Kind] = {
        "type": "object",
        "required": ["key", "kind", "value", "revision", "created_at", "updated_at"],
        "properties": {
            "key": {"type": "string"},
            "kind": to("Kind"),
            "value": to("Value"),
            "revision": {"type": "integer", "format": "int64", "minimum": 1, "example": 7, "description": "The revision of its last change."},
            "ttl": {"type": ["string", "null"], "format": "date-time", "description": "The deadline, or `null` if it never expires."},
            "created_at": {"type": "string", "format": "date-time"},
            "updated_at": {"type": "string", "format": "date-time"},
        },
    };
    /// The entry after the write; or, if the entry has already expired or been removed, only the result of the write.
    RowOrDone "RowOrDone" refers to [Row, Done] = {"oneOf": [to("Row"), to("Done")]};
    /// The entry after the pop, with the popped element.
    RowAndPopped "RowAndPopped" refers to [Row, Element] = {
        "allOf": [to("Row"), {"type": "object", "required": ["popped"], "properties": {"popped": to("Element")}}],
    };
    /// The entry after the pop, with the popped element; or, if the entry has already expired or been removed, only the
    /// element.
    RowOrPopped "RowOrPopped" refers to [RowAndPopped, Popped] = {"oneOf": [to("RowAndPopped"), to("Popped")]};
    /// A sorted page of keys.
    Keys "Keys" refers to [] = {
        "type": "object",
        "required": ["keys", "revision"],
        "properties": {
            "keys": {"type": "array", "items": {"type": "string"}},
            "next": {"type": ["string", "null"], "description": "The `after` of the next page; `null` on the last page."},
            "revision": {"type": "integer", "format": "int64", "minimum": 0, "description": "The revision of the store."},
        },
    };
    /// A sorted page of entries.
    Entries "Entries" refers to [Row] = {
        "type": "object",
        "required": ["entries", "revision"],
        "properties": {
            "entries": {"type": "array", "items": to("Row")},
            "next": {"type": ["string", "null"], "description": "The `after` of the next page; `null` on the last page."},
            "revision": {"type": "integer", "format": "int64", "minimum": 0, "description": "The revision of the store."},
        },
    };
    /// A sorted page: of entries if `entries` is true, otherwise of keys.
    Page "Page" refers to [Keys, Entries] = {"oneOf": [to("Keys"), to("Entries")]};
    /// The result of one write of a batch, or its error.
    BatchResult "Outcome" refers to [Written, Problem] = {"oneOf": [to("Written"), to("Problem")]};
    /// The name of a change.
    ChangeName "ChangeName" refers to [] = {
        "type": "string", "enum": ["set", "updated", "removed", "expired", "pushed", "popped", "trimmed", "touched", "cleared"],
    };
    /// The data of the event `change`: the effect of one write. All members but the first three depend on the change.
    Change "Change" refers to [ChangeName, AnyValue, Kind, Element] = {
        "type": "object",
        "required": ["revision", "time", "change"],
        "properties": {
            "revision": {"type": "integer", "format": "int64", "minimum": 0},
            "time": {"type": "string", "format": "date-time"},
            "change": to("ChangeName"),
            "key": {"type": "string", "description": "In every change but `cleared`."},
            "value": {"$ref": "#/components/schemas/Value", "description": "In `set` and `updated`."},
            "kind": {"$ref": "#/components/schemas/Kind", "description": "In `set` and `updated`."},
            "ttl": {"type": ["string", "null"], "format": "date-time", "description": "In `set`, `updated`, `pushed` and `touched`: the deadline, or `null` if the entry never expires."},
            "element": {"$ref": "#/components/schemas/Element", "description": "In `pushed`."},
            "end": {"type": "string", "pattern": "^(front|back)$", "description": "In `pushed` and `popped`: the end of the list. In `trimmed`: the end at which elements are kept."},
            "length": {"type": "integer", "format": "int64", "minimum": 0, "description": "In `pushed`, `popped` and `trimmed`: the length of the list after the change."},
            "count": {"type": "integer", "format": "int64", "minimum": 0, "description": "In `cleared`: the number of removed keys. In `trimmed`: the number of removed elements."},
        },
    };
    /// The name of an event.
    EventName "EventName" refers to [] = {
        "type": "string", "enum": ["entry", "snapshot_end", "change", "batch", "progress", "end"],
    };
    /// One server-sent event. An event without a name carries only the position at which the stream begins.
    ServerSentEvent "ServerSentEvent" refers to [EventName, Change, Batch, Mark, Problem] = {
        "type": "object",
        "properties": {
            "event": to("EventName"),
            "id": {"type": "string", "pattern": "^[0-9a-f]{16}-[0-9]+$", "description": "A position to resume from."},
            "data": {"type": "string", "contentMediaType": "application/json", "description": "JSON, depending on the event: a `Row`, a `Mark`, a `Change`, a `Batch` or a `Problem`."},
        },
    };
    /// The data of the event `batch`: changes that were applied atomically.
    Batch "Batch" refers to [Change] = {
        "type": "object",
        "required": ["revision", "changes"],
        "properties": {
            "revision": {"type": "integer", "format": "int64", "minimum": 0, "description": "The revision of the last change, even if the filter hides it."},
            "changes": {"type": "array", "items": to("Change")},
        },
    };
    /// The data of the events `snapshot_end` and `progress`: the revision up to which the stream is complete.
    Mark "Mark" refers to [] = {
        "type": "object", "required": ["revision"],
        "properties": {"revision": {"type": "integer", "format": "int64", "minimum": 0}},
    };
}
