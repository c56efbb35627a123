//! What streams tell.

use utoipa::ToSchema;

use super::{Element, Held, Kind};

/// What a change did.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(in crate::http) enum ChangeName {
    Set,
    Updated,
    Removed,
    Expired,
    Pushed,
    Popped,
    Touched,
    Cleared,
}

/// The data of the event `change`: what one write did. Which members there are besides the first three depends on it.
#[derive(ToSchema)]
pub(in crate::http) struct Change {
    revision: u64,
    #[schema(format = DateTime)]
    time: String,
    change: ChangeName,
    /// Of every change but `cleared`.
    #[schema(nullable = false)]
    key: Option<String>,
    /// Of `set` and `updated`.
    #[schema(nullable = false)]
    value: Option<Held>,
    /// Of `set` and `updated`.
    #[schema(nullable = false)]
    kind: Option<Kind>,
    /// Of `set`, `updated`, `pushed` and `touched`: the deadline, or `null`.
    #[schema(format = DateTime)]
    ttl: Option<String>,
    /// Of `pushed`.
    #[schema(nullable = false)]
    element: Option<Element>,
    /// Of `pushed` and `popped`.
    #[schema(nullable = false, pattern = "^(front|back)$")]
    end: Option<String>,
    /// Of `pushed` and `popped`: how many elements the list has then.
    #[schema(nullable = false)]
    length: Option<u64>,
    /// Of `cleared`: how many keys went.
    #[schema(nullable = false)]
    count: Option<u64>,
}

/// The name of an event.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(in crate::http) enum EventName {
    Entry,
    SnapshotEnd,
    Change,
    Batch,
    Progress,
    End,
}

/// One event of a stream, by its fields. One without a name only says where the stream began.
#[derive(ToSchema)]
pub(in crate::http) struct ServerSentEvent {
    #[schema(nullable = false)]
    event: Option<EventName>,
    /// A place to resume.
    #[schema(nullable = false, pattern = "^[0-9a-f]{16}-[0-9]+$")]
    id: Option<String>,
    /// JSON, and which depends on the event: a `Row`, a `Mark`, a `Change`, a `Batch` or a `Problem`.
    #[schema(nullable = false, content_media_type = "application/json")]
    data: Option<String>,
}

/// The data of the event `batch`: changes that happened together.
#[derive(ToSchema)]
pub(in crate::http) struct Batch {
    /// Of the last change, also if it is hidden by the filter.
    revision: u64,
    changes: Vec<Change>,
}

/// The data of the events `snapshot_end` and `progress`: up to where everything has been told.
#[derive(ToSchema)]
pub(in crate::http) struct Mark {
    revision: u64,
}
