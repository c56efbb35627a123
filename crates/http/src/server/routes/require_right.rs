//! Checks the right to an operation before its handler runs.

use std::future::{Ready, ready};
use std::sync::Arc;

use axum::extract::Request;
use axum::handler::Handler;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use futures_util::future::Either;

use crate::protocol::{Operation, Right};
use crate::server::app::{App, Element};
use crate::server::auth::Caller;
use crate::server::response::Failure;

/// The handler of an operation, for callers with its right.
#[derive(Debug, Clone)]
struct RequireRight<H> {
    handler: H,
    right: Right,
}

/// Routes the method of an operation to its handler.
pub(super) fn route<T: Element, H, M>(operation: Operation, handler: H) -> MethodRouter<Arc<App<T>>>
where
    H: Handler<M, Arc<App<T>>>,
    M: 'static,
{
    let right = operation.right();
    match MethodFilter::try_from(operation.method().clone()) {
        Ok(method) => on(method, RequireRight { handler, right }),
        Err(_) => unreachable!("the methods of the table are those of HTTP"),
    }
}

impl<H, M, T> Handler<M, Arc<App<T>>> for RequireRight<H>
where
    H: Handler<M, Arc<App<T>>>,
    T: Element,
{
    type Future = Either<H::Future, Ready<Response>>;

    fn call(self, mut request: Request, app: Arc<App<T>>) -> Self::Future {
        match authorize(self.right, &mut request, &app) {
            Ok(()) => Either::Left(self.handler.call(request, app)),
            Err(failure) => Either::Right(ready(failure.into_response())),
        }
    }
}

fn authorize<T>(right: Right, request: &mut Request, app: &App<T>) -> Result<(), Failure> {
    if right == Right::None || app.options.auth.is_none() {
        return Ok(());
    }
    let mut extensions = std::mem::take(request.extensions_mut());
    let caller = Caller::authenticate(request.headers(), &mut extensions, app);
    *request.extensions_mut() = extensions;
    caller?.require(right)
}
