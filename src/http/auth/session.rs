//! Logging in and out.

use axum::response::Response;
use serde_json::json;

use super::body::{From, Sealed, unkept, whole};
use super::caller::{Anybody, Known};
use super::described;
use crate::auth::{AuthError, Tokens};
use crate::http::answer::Failure;
use crate::http::schema::Ok as OkSchema;
use crate::wire::accounts::{Issued, Login, Logout, OwnPassword, Refresh};

/// Log in.
///
/// An account that fails often has to wait, and so has an address.
#[utoipa::path(
    post, path = "/auth/login", tag = "accounts", operation_id = "login",
    request_body(content = described::Login, example = json!({"name": "ada", "password": "wheels within wheels"})),
    responses((status = 200, description = "The tokens.", body = described::Issued, example = json!({"access_token": "eyJ0eXAi.eyJzdWIi.c2lnbmVk", "token_type": "Bearer", "expires_in": 600, "refresh_token": "msr_ada.x.y", "refresh_expires_in": 2592000}))),
    extensions(("x-errors" = json!(["invalid_json", "unauthorized", "too_many_attempts"])), ("x-needs" = json!("nothing"))),
)]
pub(in crate::http) async fn login(
    Anybody(auth): Anybody,
    From(from): From,
    Sealed(Login { name, password }): Sealed<Login>,
) -> Result<Response, Failure> {
    whole(async move { issued(auth.login(&name, password, from).await?) }).await
}

/// Exchange a refresh token for the next tokens.
///
/// It is good once. One that comes a second time ends the login, for somebody has stolen it.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "accounts", operation_id = "refresh",
    request_body(content = described::Refresh, example = json!({"refresh_token": "msr_ada.x.y"})),
    responses((status = 200, description = "The next tokens.", body = described::Issued, example = json!({"access_token": "eyJ0eXAi.eyJzdWIi.c2lnbmVk", "token_type": "Bearer", "expires_in": 600, "refresh_token": "msr_ada.x.z", "refresh_expires_in": 2592000}))),
    extensions(("x-errors" = json!(["invalid_json", "unauthorized"])), ("x-needs" = json!("nothing"))),
)]
pub(in crate::http) async fn refresh(
    Anybody(auth): Anybody,
    Sealed(Refresh { refresh_token }): Sealed<Refresh>,
) -> Result<Response, Failure> {
    whole(async move { issued(auth.refresh(&refresh_token).await?) }).await
}

/// Log out.
///
/// The tokens of this login are refused from now on; with `all`, those of every login of the account.
#[utoipa::path(
    post, path = "/auth/logout", tag = "accounts", operation_id = "logout",
    request_body(content = described::Logout, example = json!({"all": false})),
    responses((status = 200, description = "It has ended.", body = OkSchema, example = json!({"message": "ok"}))),
    extensions(("x-errors" = json!(["invalid_json"])), ("x-needs" = json!("account"))),
)]
pub(in crate::http) async fn logout(
    Known(auth, grant): Known,
    Sealed(Logout { all }): Sealed<Logout>,
) -> Result<Response, Failure> {
    whole(async move {
        auth.logout(&grant, all).await?;
        unkept(&json!({"message": "ok"}))
    })
    .await
}

/// Who one is.
///
/// A token of a program sees itself, and no other.
#[utoipa::path(
    get, path = "/auth/me", tag = "accounts", operation_id = "me",
    responses((status = 200, description = "The account.", body = described::Account, example = json!({"name": "ada", "role": "writer", "prefix": "car/", "created_at": "2026-11-21T08:42:38Z", "logins": 1, "tokens": []}))),
    extensions(("x-needs" = json!("account"))),
)]
pub(in crate::http) async fn me(Known(auth, grant): Known) -> Result<Response, Failure> {
    unkept(&auth.own_profile(&grant).ok_or(AuthError::Denied)?)
}

/// Change one's password.
///
/// Every login of the account ends; its API tokens stay.
#[utoipa::path(
    post, path = "/auth/password", tag = "accounts", operation_id = "change_password",
    request_body(content = described::OwnPassword, example = json!({"current": "wheels within wheels", "new": "springs and wheels"})),
    responses((status = 200, description = "It was changed.", body = OkSchema, example = json!({"message": "ok"}))),
    extensions(("x-errors" = json!(["invalid_json", "too_many_attempts"])), ("x-needs" = json!("account"))),
)]
pub(in crate::http) async fn change_password(
    Known(auth, grant): Known,
    From(from): From,
    Sealed(OwnPassword { current, new }): Sealed<OwnPassword>,
) -> Result<Response, Failure> {
    whole(async move {
        auth.change_own_password(&grant, current, new, from).await?;
        unkept(&json!({"message": "ok"}))
    })
    .await
}

fn issued(tokens: Tokens) -> Result<Response, Failure> {
    unkept(&Issued {
        access_token: tokens.access,
        token_type: "Bearer".to_owned(),
        expires_in: tokens.access_ttl.as_secs(),
        refresh_token: tokens.refresh,
        refresh_expires_in: tokens.refresh_ttl.as_secs(),
    })
}
