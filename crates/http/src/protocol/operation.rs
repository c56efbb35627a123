//! The rows of the table of operations, and the macro that defines the table.

use hyper::Method;

use crate::auth::Right;

/// A row of the table: one operation.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: &'static str,
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) tag: Tag,
    pub(super) right: Right,
    pub(super) command: Option<&'static str>,
}

/// The subject of an operation. The OpenAPI document groups operations by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Entries,
    Lists,
    Store,
    Plain,
    Description,
    /// Served only with accounts.
    Accounts,
    /// Backups of a running server.
    Backup,
    /// Health checks, on the second port.
    Health,
    /// Metrics, on the second port.
    Metrics,
}

/// Defines the enum of all operations, and its table, from rows.
macro_rules! operations {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident $id:literal = $method:ident $path:literal
            ($tag:ident, $right:ident $(, $command:literal)?) {
            $(parameters: $($parameters:expr),+;)?
            $(errors: $($error:literal),+;)?
            $(body: $body_media:ident $body:tt = $body_example:tt;)?
            $(response: $status:literal $description:literal $([$($header:literal),+])?
                $($media:ident $schema:tt = $example:tt),*;)?
        }
    )+) => {
        /// An operation of the HTTP interface: a method on a path.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Operation {
            $($(#[doc = $doc])+ $name,)+
        }

        static TABLE: &[$crate::protocol::operation::Row] = &[$($crate::protocol::operation::Row {
            id: $id,
            method: hyper::Method::$method,
            path: $path,
            tag: $crate::protocol::Tag::$tag,
            right: $crate::protocol::Right::$right,
            command: [$(Some($command),)? None][0],
        },)+];

        impl Operation {
            /// All operations, in the order of the table.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            fn row(self) -> &'static $crate::protocol::operation::Row {
                &TABLE[self as usize]
            }

            /// The parts of the OpenAPI document that belong to the operation and are not in its row.
            #[cfg(feature = "server")]
            pub(crate) fn description(self) -> $crate::protocol::description::Description {
                use $crate::protocol::description::{Content, Description, SuccessResponse, schema};
                match self {
                    $(Self::$name => Description {
                        doc: &[$($doc),+],
                        parameters: <[Vec<serde_json::Value>]>::concat(&[$($($parameters),+)?]),
                        body: [$(Some(Content {
                            media: $body_media,
                            schema: schema!($body),
                            example: serde_json::json!($body_example),
                        }),)? None].into_iter().next().flatten(),
                        response: SuccessResponse {
                            status: [$($status,)? 200][0],
                            description: [$($description,)? ""][0],
                            headers: &[$($($($header),+)?)?],
                            content: vec![$($(Content {
                                media: $media,
                                schema: schema!($schema),
                                example: serde_json::json!($example),
                            }),*)?],
                        },
                        errors: &[$($($error),+)?],
                    },)+
                }
            }
        }
    };
}
pub(super) use operations;
