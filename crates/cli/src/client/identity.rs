//! The identity of the client: a token, a stored login, or none.

use std::fs;
use std::io::{Read, stdin};
use std::path::Path;

use anyhow::Context;
use mainspring_http::auth::Secret;
use mainspring_http::client::{ClientBuilder, Login};

use super::credentials::{CredentialStore, StoredLogin};
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::is_standard;

const VARIABLE: &str = "MAINSPRING_TOKEN";

pub enum Identity {
    Anonymous,
    /// A token and its source.
    Token(Secret, String),
    /// A stored login.
    Login(CredentialStore, StoredLogin),
}

impl Identity {
    /// Use the configured token, or else the stored login of this server.
    pub fn resolve(url: &str, token_file: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(file) = token_file {
            let (token, from) = if is_standard(file) {
                let mut text = String::new();
                stdin().read_to_string(&mut text).context("cannot read the token")?;
                (text, "the standard input".to_owned())
            } else {
                let cannot = || format!("cannot read the token in {}", file.display());
                (fs::read_to_string(file).with_context(cannot)?, file.display().to_string())
            };
            return Self::token(&token, from);
        }
        match std::env::var(VARIABLE) {
            Ok(token) if !token.is_empty() => return Self::token(&token, VARIABLE.to_owned()),
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(Failure::usage(format!(
                    "environment variable {VARIABLE}: not valid UTF-8"
                )));
            }
            _ => {}
        }
        let Some(store) = CredentialStore::locate(url) else { return Ok(Self::Anonymous) };
        Ok(store.load()?.map_or(Self::Anonymous, |login| Self::Login(store, login)))
    }

    fn token(text: &str, from: String) -> anyhow::Result<Self> {
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::usage(format!("{from}: not a valid token")));
        }
        Ok(Self::Token(token.into(), from))
    }

    /// Add the credentials to a client.
    pub fn authenticate<T>(&self, options: ClientBuilder<T>) -> ClientBuilder<T> {
        match self {
            Self::Anonymous => options,
            Self::Token(token, _) => options.token(token.clone()),
            Self::Login(store, login) => {
                options.login(Login::kept(login.tokens.clone(), store.clone()))
            }
        }
    }

    /// Return the stored login, for commands that require one.
    pub fn stored_login(&self, url: &str) -> anyhow::Result<(&CredentialStore, &StoredLogin)> {
        match self {
            Self::Login(store, login) => Ok((store, login)),
            Self::Token(_, from) => Err(Failure::usage(format!(
                "this command requires a login instead of a token ({from})"
            ))),
            Self::Anonymous => {
                let text = format!("not logged in at {url}");
                Err(Failure::with_exit(Exit::Unauthorized, text))
            }
        }
    }

    /// The message for a request that the server could not authenticate.
    pub fn unauthorized_text(&self, url: &str) -> String {
        let login = format!("\"mainspring login --url {url}\"");
        match self {
            Self::Anonymous => {
                format!("the server at {url} requires authentication: log in with {login}")
            }
            Self::Token(_, from) => format!(
                "the server at {url} rejected the token ({from}): it has expired or was removed"
            ),
            Self::Login(..) => {
                format!("the login at {url} has expired: log in again with {login}")
            }
        }
    }

    /// The message for a command that the account must not use.
    pub fn forbidden_text(&self, url: &str) -> String {
        match self {
            Self::Login(_, login) => {
                format!(
                    "permission denied for {} at {url}: request access from an administrator",
                    login.name
                )
            }
            _ => {
                format!("permission denied for this token at {url}: use one with more access")
            }
        }
    }
}
