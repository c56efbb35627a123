//! The handlers, one file per subject, and their routes.

mod batch;
mod docs;
mod entry;
mod list;
mod pages;
mod raw;
mod require_right;
mod store;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;

use self::require_right::route;
use super::app::{App, Element};
use super::auth::{accounts, session};
use super::backup::backup;
use super::response::Failure;
use crate::protocol::{Operation, Tag};

/// Returns all routes.
pub(super) fn routes<T: Element>(app: Arc<App<T>>) -> Router {
    let mut router = Router::new();
    for operation in Operation::ALL {
        if operation.tag() == Tag::Accounts && app.options.auth.is_none() {
            continue;
        }
        for path in operation.paths() {
            if let Some(handler) = handler::<T>(*operation) {
                router = router.route(path, handler);
            }
        }
    }
    router
        .fallback(async || Failure::unknown_path())
        .method_not_allowed_fallback(async || {
            Failure::new("method_not_allowed", "this path does not support this method; see /docs")
        })
        .with_state(app)
}

/// The handler of an operation. `None` if it is served on the second port.
fn handler<T: Element>(operation: Operation) -> Option<MethodRouter<Arc<App<T>>>> {
    use Operation as Op;
    Some(match operation {
        Op::Set => route(operation, entry::set::<T>),
        Op::Get => route(operation, entry::get::<T>),
        Op::Put => route(operation, |c, k, w, b| entry::write::<T>("set", c, k, w, b)),
        Op::Update => route(operation, |c, k, w, b| entry::write::<T>("update", c, k, w, b)),
        Op::Remove => route(operation, entry::remove::<T>),
        Op::Push => route(operation, list::push::<T>),
        Op::PushRow => route(operation, list::push_row::<T>),
        Op::Pop => route(operation, list::pop::<T>),
        Op::PopRow => route(operation, list::pop_row::<T>),
        Op::Trim => route(operation, list::trim::<T>),
        Op::Range => route(operation, list::range::<T>),
        Op::Expire => route(operation, |c, k, w, b| entry::write::<T>("expire", c, k, w, b)),
        Op::ExpireRow => route(operation, entry::expire_row::<T>),
        Op::Keys => route(operation, pages::keys::<T>),
        Op::Batch => route(operation, batch::batch::<T>),
        Op::Watch => route(operation, watch::watch::<T>),
        Op::Stats => route(operation, store::stats::<T>),
        Op::Compact => route(operation, store::compact::<T>),
        Op::Backup => route(operation, backup::<T>),
        Op::Flush => route(operation, store::flush::<T>),
        Op::RawGet => route(operation, raw::get::<T>),
        Op::RawPut => route(operation, raw::put::<T>),
        Op::RawDelete => route(operation, raw::delete::<T>),
        Op::OpenapiJson => route(operation, docs::json::<T>),
        Op::OpenapiYaml => route(operation, docs::yaml::<T>),
        Op::Docs => route(operation, docs::page),
        Op::DocsFile => route(operation, docs::file),
        Op::SwaggerFile => route(operation, docs::swagger),
        Op::Login => route(operation, session::login),
        Op::Refresh => route(operation, session::refresh),
        Op::Logout => route(operation, session::logout),
        Op::Me => route(operation, session::me),
        Op::ChangePassword => route(operation, session::change_password),
        Op::Register => route(operation, accounts::register),
        Op::Accounts => route(operation, accounts::accounts),
        Op::SetAccess => route(operation, accounts::set_access),
        Op::RemoveAccount => route(operation, accounts::remove_account),
        Op::SetPassword => route(operation, accounts::set_password),
        Op::AddToken => route(operation, accounts::add_token),
        Op::RemoveToken => route(operation, accounts::remove_token),
        Op::RotateKeys => route(operation, accounts::rotate_keys),
        Op::Health | Op::Alive | Op::Ready | Op::Started | Op::Metrics => return None,
    })
}
