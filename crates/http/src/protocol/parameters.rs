//! Parameters in paths and queries.

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

/// A list, and how much of it stays.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TrimQuery {
    /// The key of the list.
    #[param(min_length = 1, max_length = 1024, example = "laps")]
    pub(crate) key: String,
    /// How many elements stay at most.
    #[param(minimum = 0, maximum = 18_446_744_073_709_551_615usize, example = 100)]
    pub(crate) keep: usize,
    /// The end at which elements stay: `front`, or `back`, which is the default.
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

/// A part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Window {
    /// The index of the first element: from 0, and negative from the end.
    #[serde(default)]
    #[param(required = false, value_type = i64, example = -1)]
    pub(crate) offset: isize,
    /// How many elements at most: all by default.
    #[param(required = false, value_type = usize, minimum = 0, maximum = 18_446_744_073_709_551_615usize, example = 1)]
    pub(crate) limit: Option<usize>,
}

/// A page of keys or entries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// What the keys begin with: all keys by default.
    #[serde(default)]
    #[param(required = false, example = "car/")]
    pub(crate) prefix: String,
    /// The key after which the page begins: the `next` of the page before. It need not be present.
    #[param(required = false, value_type = String, example = "car/location")]
    pub(crate) after: Option<String>,
    /// How many at most: 1 to 10,000; a number outside is taken as the nearest one.
    #[param(required = false, value_type = usize, minimum = 0, maximum = 18_446_744_073_709_551_615usize, example = 100)]
    pub(crate) limit: Option<usize>,
    /// Entries, rather than keys.
    #[serde(default)]
    #[param(required = false, example = true)]
    pub(crate) entries: bool,
}

/// How the writes of a batch belong together.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BatchQuery {
    /// Each write succeeds or fails alone, rather than all or nothing.
    #[serde(default)]
    #[param(required = false, example = true)]
    pub(crate) independent: bool,
}

/// A subscription: to what, and from where.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WatchQuery {
    /// Only the changes of this key.
    #[param(required = false, value_type = String, min_length = 1, max_length = 1024, example = "car/speed")]
    pub(crate) key: Option<String>,
    /// Only the changes of keys that begin like this. Not together with `key`.
    #[param(required = false, value_type = String, example = "car/")]
    pub(crate) prefix: Option<String>,
    /// The start: `now` (the default), `snapshot` (every entry, then every change), a revision, or the `id` of an event.
    #[param(required = false, value_type = String, pattern = r"^(now|snapshot|[0-9]{1,19}|[0-9a-f]{16}-[0-9]{1,19})?$", example = "snapshot")]
    pub(crate) from: Option<String>,
}
