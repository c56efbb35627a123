//! Responses about entries and lists.

use serde::{Deserialize, Serialize};

use mainspring::Timestamp;
use mainspring::internal::rfc3339;
#[cfg(feature = "server")]
use {super::schemas::Element, utoipa::ToSchema};

/// The response to a successful write.
#[cfg(feature = "server")]
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    #[schema(pattern = "^ok$", example = "ok")]
    message: &'static str,
    /// The revision of the change.
    #[schema(minimum = 1, example = 7)]
    revision: u64,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// The length of the list after a push or a trim.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    length: Option<usize>,
    /// The number of elements that a trim removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    removed: Option<usize>,
}

/// The response to a pop.
#[cfg(feature = "server")]
#[derive(Debug, Serialize, ToSchema)]
#[schema(bound = "", as = Popped)]
pub(crate) struct Popped<E> {
    #[schema(value_type = Element)]
    popped: E,
    /// The revision of the change.
    #[schema(minimum = 1, example = 7)]
    revision: u64,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// The length of the list after the pop.
    length: usize,
}

/// The result of one write of a batch; for the client, the result of any write.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(ToSchema), schema(bound = "", as = Written))]
pub(crate) struct Written<E> {
    /// The element that a pop removed.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(value_type = Element, required = false))]
    pub(crate) popped: Option<E>,
    /// The revision of the change.
    #[cfg_attr(feature = "server", schema(minimum = 1))]
    pub(crate) revision: u64,
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "server", schema(value_type = String, format = DateTime))]
    pub(crate) updated_at: Timestamp,
    /// The length of the list after a push, a pop or a trim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(nullable = false))]
    pub(crate) length: Option<usize>,
    /// The number of elements that a trim removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(nullable = false))]
    pub(crate) removed: Option<usize>,
}

/// The result of one write of a batch, or its error.
#[cfg(feature = "server")]
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum BatchResult<'a, T> {
    Written(Written<&'a T>),
    Problem(&'a super::Problem),
}

/// A range of a list.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(ToSchema), schema(bound = "", as = Part))]
pub(crate) struct ListRange<E> {
    #[cfg_attr(feature = "server", schema(value_type = Vec<Element>))]
    pub(crate) elements: Vec<E>,
    /// The length of the whole list.
    pub(crate) length: usize,
    /// The revision of the list.
    #[cfg_attr(feature = "server", schema(minimum = 1))]
    pub(crate) revision: u64,
}

#[cfg(feature = "server")]
impl Done {
    pub(crate) fn new<T>(written: &mainspring::Written<T>, with_length: bool) -> Self {
        let length = with_length.then_some(written.length);
        let mainspring::Written { revision, updated_at, removed, .. } = *written;
        Self { message: "ok", revision, updated_at, length, removed }
    }
}

#[cfg(feature = "server")]
impl<'a, T> Popped<&'a T> {
    /// Returns `None` if no element was popped.
    pub(crate) fn new(written: &'a mainspring::Written<T>) -> Option<Self> {
        let mainspring::Written { revision, updated_at, length, ref popped, .. } = *written;
        popped.as_ref().map(|popped| Self { popped, revision, updated_at, length })
    }
}

#[cfg(feature = "server")]
impl<'a, T> Written<&'a T> {
    pub(crate) fn new(written: &'a mainspring::Written<T>, with_length: bool) -> Self {
        let mainspring::Written { revision, updated_at, length, removed, ref popped, .. } =
            *written;
        let length = with_length.then_some(length);
        Self { popped: popped.as_ref(), revision, updated_at, length, removed }
    }
}

#[cfg(feature = "server")]
impl<'a, T> BatchResult<'a, T> {
    pub(crate) fn new(
        result: &'a Result<mainspring::Written<T>, super::Problem>,
        with_length: bool,
    ) -> Self {
        match result {
            Ok(written) => Self::Written(Written::new(written, with_length)),
            Err(problem) => Self::Problem(problem),
        }
    }
}
