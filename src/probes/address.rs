//! Server addresses: `scheme://host:port/rest`, never with a user or a password.

use std::fmt;

use reqwest::Url;

/// A scheme without TLS, its counterpart with TLS, and the default port of each.
pub(super) struct Schemes {
    pub(super) plain: (&'static str, u16),
    pub(super) secure: (&'static str, u16),
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// A name or an IP address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    /// What follows host and port, without the slash.
    pub(super) rest: String,
}

/// Why a text is not an address. Never repeats the text: it may contain a password.
#[derive(Debug, thiserror::Error)]
pub(super) enum AddressError {
    #[error("not an address such as {0}://host:{1}")]
    Malformed(&'static str, u16),
    #[error("the address contains a user or a password; set them separately, the password by reference")]
    Credentials,
    /// A virtual host in the address, and another beside it.
    #[error("the address names virtual host `{named}`, and `vhost` is `{vhost}`: set them to the same one")]
    Contradiction { named: String, vhost: String },
}

impl Address {
    pub(super) fn parse(text: &str, schemes: &Schemes) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(schemes.plain.0, schemes.plain.1);
        let url = Url::parse(text).map_err(|_| malformed())?;
        if has_credentials(&url) {
            return Err(AddressError::Credentials);
        }
        let schemes = [(schemes.plain, false), (schemes.secure, true)];
        let ((_, port), tls) =
            schemes.into_iter().find(|((scheme, _), _)| *scheme == url.scheme()).ok_or_else(malformed)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(malformed)?;
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(port),
            tls,
            rest: url.path().trim_matches('/').to_owned(),
        })
    }
}

/// Whether a URL carries a user or a password.
pub(super) fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDIS: Schemes = Schemes { plain: ("redis", 6379), secure: ("rediss", 6380) };

    #[test]
    fn scheme_port_and_rest_are_read() {
        let read = |text| Address::parse(text, &REDIS).unwrap();
        let cache = read("redis://cache/2");
        assert_eq!((cache.to_string(), cache.tls, &*cache.rest), ("cache:6379".into(), false, "2"));
        let secure = read("rediss://[::1]:7000");
        assert_eq!((secure.to_string(), &*secure.host, secure.tls), ("[::1]:7000".into(), "::1", true));
    }

    #[test]
    fn a_rejected_address_is_not_repeated() {
        for text in [
            "redis://:hunter22@cache",
            "redis://hunter22@cache",
            "http://hunter22",
            "hunter22",
            "redis:///hunter22",
        ] {
            let message = Address::parse(text, &REDIS).unwrap_err().to_string();
            assert!(!message.contains("hunter22"), "{text}: {message}");
        }
    }
}
