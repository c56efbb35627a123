//! Who asks: a token, a login that is kept, or nobody.

use std::fs;
use std::io::{Read, stdin};
use std::path::Path;

use anyhow::Context;
use mainspring_http::auth::Secret;
use mainspring_http::client::{ClientBuilder, Login};

use super::credentials::{Entry, Place};
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::is_standard;

const VARIABLE: &str = "MAINSPRING_TOKEN";

pub enum Who {
    Nobody,
    /// A token, and where it is from.
    Token(Secret, String),
    /// Somebody who has logged in.
    Login(Place, Entry),
}

impl Who {
    /// A token that was given, or else the login at this server.
    pub fn of(url: &str, token_file: Option<&Path>) -> anyhow::Result<Self> {
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
                return Err(Failure::misused(format!(
                    "environment variable {VARIABLE}: not a text"
                )));
            }
            _ => {}
        }
        let Some(place) = Place::of(url) else { return Ok(Self::Nobody) };
        Ok(place.entry()?.map_or(Self::Nobody, |entry| Self::Login(place, entry)))
    }

    fn token(text: &str, from: String) -> anyhow::Result<Self> {
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::misused(format!("{from}: this is no token")));
        }
        Ok(Self::Token(token.into(), from))
    }

    /// A client that asks as them.
    pub fn asks<T>(&self, options: ClientBuilder<T>) -> ClientBuilder<T> {
        match self {
            Self::Nobody => options,
            Self::Token(token, _) => options.token(token.clone()),
            Self::Login(place, entry) => {
                options.login(Login::kept(entry.tokens.clone(), place.clone()))
            }
        }
    }

    /// The login, for what can only be done with one.
    pub fn login(&self, url: &str) -> anyhow::Result<(&Place, &Entry)> {
        match self {
            Self::Login(place, entry) => Ok((place, entry)),
            Self::Token(_, from) => {
                Err(Failure::misused(format!("this needs a login, and not a token ({from})")))
            }
            Self::Nobody => {
                let text = format!("nobody is logged in at {url}");
                Err(Failure::error(Exit::Unauthorized, text))
            }
        }
    }

    /// Why a server does not know them, and what to do.
    pub fn is_unknown(&self, url: &str) -> String {
        let login = format!("\"mainspring login --url {url}\"");
        match self {
            Self::Nobody => {
                format!("the server at {url} wants to know who asks: log in with {login}")
            }
            Self::Token(_, from) => format!(
                "the server at {url} does not take the token ({from}): it has ended, or was removed"
            ),
            Self::Login(..) => {
                format!("the login at {url} has ended: log in again with {login}")
            }
        }
    }

    /// That they may not do what they asked for.
    pub fn may_not(&self, url: &str) -> String {
        match self {
            Self::Login(_, entry) => {
                format!("{} may not do that at {url}: ask an admin for access", entry.name)
            }
            _ => {
                format!("this may not be done at {url} with this token: take one that may do more")
            }
        }
    }
}
