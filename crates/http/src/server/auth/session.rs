//! Handlers for login, refresh and logout.

use axum::response::Response;

use super::body::{ClientAddress, SecretBody, run_to_completion, uncached};
use super::caller::{Accounts, CallerAccount};
use crate::auth::{AuthError, Tokens};
use crate::protocol::accounts::{Acknowledgement, Login, Logout, OwnPassword, Refresh, TokenPair};
use crate::server::response::Failure;

pub(in crate::server) async fn login(
    Accounts(auth): Accounts,
    ClientAddress(from): ClientAddress,
    SecretBody(Login { name, password }): SecretBody<Login>,
) -> Result<Response, Failure> {
    run_to_completion(async move { token_response(auth.login(&name, password, from).await?) }).await
}

pub(in crate::server) async fn refresh(
    Accounts(auth): Accounts,
    SecretBody(Refresh { refresh_token }): SecretBody<Refresh>,
) -> Result<Response, Failure> {
    run_to_completion(async move { token_response(auth.refresh(&refresh_token).await?) }).await
}

pub(in crate::server) async fn logout(
    CallerAccount(auth, grant): CallerAccount,
    SecretBody(Logout { all }): SecretBody<Logout>,
) -> Result<Response, Failure> {
    run_to_completion(async move {
        auth.logout(&grant, all).await?;
        uncached(&Acknowledgement::OK)
    })
    .await
}

pub(in crate::server) async fn me(
    CallerAccount(auth, grant): CallerAccount,
) -> Result<Response, Failure> {
    uncached(&auth.own_profile(&grant).ok_or(AuthError::Denied)?)
}

pub(in crate::server) async fn change_password(
    CallerAccount(auth, grant): CallerAccount,
    ClientAddress(from): ClientAddress,
    SecretBody(OwnPassword { current, new }): SecretBody<OwnPassword>,
) -> Result<Response, Failure> {
    run_to_completion(async move {
        auth.change_own_password(&grant, current, new, from).await?;
        uncached(&Acknowledgement::OK)
    })
    .await
}

fn token_response(tokens: Tokens) -> Result<Response, Failure> {
    uncached(&TokenPair {
        access_token: tokens.access,
        token_type: "Bearer".to_owned(),
        expires_in: tokens.access_ttl.as_secs(),
        refresh_token: tokens.refresh,
        refresh_expires_in: tokens.refresh_ttl.as_secs(),
    })
}
