//! Parameters in paths and query strings.

use mainspring::End;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// The path of an account.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct AccountPath {
    /// The name of the account.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", example = "ada")]
    pub(crate) name: String,
}

/// The path of an API token.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct TokenPath {
    /// The name of the account.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", example = "ada")]
    pub(crate) name: String,
    /// The id of the token.
    #[param(min_length = 1, example = "x1Y2z3-_")]
    pub(crate) id: String,
}

/// The path of a file of the documentation.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct FilePath {
    /// The name of the file.
    #[param(example = "swagger-ui.css")]
    pub(crate) file: String,
}

/// One end of a list.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListEnd {
    /// The end of the list: `front`, or `back`, which is the default.
    #[serde(default = "ListEnd::back")]
    #[param(required = false, value_type = EndName, inline, example = "front")]
    pub(crate) end: End,
}

impl ListEnd {
    fn back() -> End {
        End::Back
    }
}

/// A list, and the number of elements to keep.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TrimQuery {
    /// The key of the list.
    #[param(min_length = 1, max_length = 1024, example = "laps")]
    pub(crate) key: String,
    /// The number of elements to keep at most.
    #[param(minimum = 0, maximum = 18_446_744_073_709_551_615usize, example = 100)]
    pub(crate) keep: usize,
    /// The end at which elements are kept: `front`, or `back`, which is the default.
    #[serde(default = "ListEnd::back")]
    #[param(required = false, value_type = EndName, inline, example = "front")]
    pub(crate) end: End,
}

/// Describes [`End`].
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "describes the type of another module")]
enum EndName {
    Front,
    Back,
}

/// A range of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Window {
    /// The index of the first element, from 0. A negative offset counts from the end.
    #[serde(default)]
    #[param(required = false, value_type = i64, example = -1)]
    pub(crate) offset: isize,
    /// The maximum number of elements; by default all.
    #[param(required = false, value_type = usize, minimum = 0, maximum = 18_446_744_073_709_551_615usize, example = 1)]
    pub(crate) limit: Option<usize>,
}

/// A page of keys or entries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Only keys with this prefix; by default all keys.
    #[serde(default)]
    #[param(required = false, example = "car/")]
    pub(crate) prefix: String,
    /// The key after which the page begins: the `next` of the previous page. It need not be present.
    #[param(required = false, value_type = String, example = "car/location")]
    pub(crate) after: Option<String>,
    /// The maximum number of results: 1 to 10,000; a number outside this range is replaced by the nearest one in it.
    #[param(required = false, value_type = usize, minimum = 0, maximum = 18_446_744_073_709_551_615usize, example = 100)]
    pub(crate) limit: Option<usize>,
    /// Return entries instead of keys.
    #[serde(default)]
    #[param(required = false, example = true)]
    pub(crate) entries: bool,
}

/// Whether a batch is atomic.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BatchQuery {
    /// Each write succeeds or fails alone; by default the batch is atomic.
    #[serde(default)]
    #[param(required = false, example = true)]
    pub(crate) independent: bool,
}

/// The filter and the start of a subscription.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WatchQuery {
    /// Only the changes of this key.
    #[param(required = false, value_type = String, min_length = 1, max_length = 1024, example = "car/speed")]
    pub(crate) key: Option<String>,
    /// Only the changes of keys with this prefix. Not together with `key`.
    #[param(required = false, value_type = String, example = "car/")]
    pub(crate) prefix: Option<String>,
    /// The start: `now` (the default), `snapshot` (all entries, then all later changes), a revision, or the `id` of an event.
    #[param(required = false, value_type = String, pattern = r"^(now|snapshot|[0-9]{1,19}|[0-9a-f]{16}-[0-9]{1,19})?$", example = "snapshot")]
    pub(crate) from: Option<String>,
}
