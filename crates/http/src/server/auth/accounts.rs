//! Handlers for the management of accounts and API tokens.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use mainspring::wire::parse_duration;

use super::body::{SecretBody, run_to_completion, uncached};
use super::caller::CallerAccount;
use crate::auth::{Access, AuthError, Right};
use crate::protocol::accounts::{
    Acknowledgement, NewAccess, NewAccount, NewTokenRequest, Password, Profiles, SigningKeys,
};
use crate::protocol::parameters::{AccountPath, TokenPath};
use crate::server::extract::Path;
use crate::server::response::Failure;

pub(in crate::server) async fn register(
    CallerAccount(auth, grant): CallerAccount,
    SecretBody(NewAccount { name, password, role, prefix }): SecretBody<NewAccount>,
) -> Result<Response, Failure> {
    run_to_completion(async move {
        auth.register(&name, password, Access { role, prefix }).await?;
        grant.audit("register", &name);
        created(uncached(&auth.profile(&name).ok_or(AuthError::NotFound)?)?)
    })
    .await
}

pub(in crate::server) async fn accounts(
    CallerAccount(auth, _): CallerAccount,
) -> Result<Response, Failure> {
    uncached(&Profiles { accounts: auth.profiles().await? })
}

pub(in crate::server) async fn set_access(
    CallerAccount(auth, grant): CallerAccount,
    Path(AccountPath { name }): Path<AccountPath>,
    SecretBody(access): SecretBody<NewAccess>,
) -> Result<Response, Failure> {
    run_to_completion(async move {
        auth.set_access(&name, access.into()).await?;
        grant.audit("set access", &name);
        uncached(&Acknowledgement::OK)
    })
    .await
}

pub(in crate::server) async fn remove_account(
    CallerAccount(auth, grant): CallerAccount,
    Path(AccountPath { name }): Path<AccountPath>,
) -> Result<Response, Failure> {
    run_to_completion(async move {
        auth.remove(&name).await?;
        grant.audit("remove account", &name);
        uncached(&Acknowledgement::OK)
    })
    .await
}

pub(in crate::server) async fn set_password(
    CallerAccount(auth, grant): CallerAccount,
    Path(AccountPath { name }): Path<AccountPath>,
    SecretBody(Password { password }): SecretBody<Password>,
) -> Result<Response, Failure> {
    run_to_completion(async move {
        auth.set_password(&name, password).await?;
        grant.audit("set password", &name);
        uncached(&Acknowledgement::OK)
    })
    .await
}

pub(in crate::server) async fn add_token(
    CallerAccount(auth, grant): CallerAccount,
    SecretBody(request): SecretBody<NewTokenRequest>,
) -> Result<Response, Failure> {
    let NewTokenRequest { label, account, access, ttl } = request;
    let ttl = ttl.map(|ttl| parse_duration(&ttl)).transpose();
    let ttl: Option<Duration> = ttl.map_err(|_| Failure::from(mainspring::Error::InvalidTtl))?;
    let account = account.unwrap_or_else(|| grant.account().to_owned());
    let access = access.map(Access::from);
    let access = if account == grant.account() {
        grant.require_login()?;
        // A caller with a restricted token cannot create one with more access.
        let requested = access.unwrap_or_else(|| grant.access().clone());
        if grant.access().and(&requested).as_ref() != Some(&requested) {
            return Err(AuthError::Forbidden.into());
        }
        Some(requested)
    } else {
        grant.require(Right::Admin)?;
        access
    };
    run_to_completion(async move {
        let token = auth.add_token(&account, &label, access, ttl).await?;
        grant.audit("add token", &account);
        created(uncached(&token)?)
    })
    .await
}

pub(in crate::server) async fn remove_token(
    CallerAccount(auth, grant): CallerAccount,
    Path(TokenPath { name: account, id }): Path<TokenPath>,
) -> Result<Response, Failure> {
    if account == grant.account() { grant.require_login() } else { grant.require(Right::Admin) }?;
    run_to_completion(async move {
        auth.remove_token(&account, &id).await?;
        grant.audit("remove token", &account);
        uncached(&Acknowledgement::OK)
    })
    .await
}

pub(in crate::server) async fn rotate_keys(
    CallerAccount(auth, grant): CallerAccount,
) -> Result<Response, Failure> {
    run_to_completion(async move {
        auth.rotate_keys().await?;
        grant.audit("rotate keys", "");
        uncached(&SigningKeys { keys: auth.keys().ids() })
    })
    .await
}

fn created(mut response: Response) -> Result<Response, Failure> {
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}
