//! The specs of probes of a port, of a TLS server's certificate, and of names in the DNS.

use std::fmt;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::syntax::{self, DnsName, Host};
use super::{TextCheck, Tls};

/// A TCP port that must accept connections, and what the server sends there.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpSpec {
    /// A name or an IP address.
    #[serde(deserialize_with = "syntax::one::<Host, _>")]
    pub host: String,
    /// The port.
    pub port: NonZeroU16,
    /// A text that is sent first, such as `PING\r\n`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// Checks of what the server sends: a banner, or the response to `send`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<TextCheck>,
}

/// The certificate of a TLS server.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSpec {
    /// A name or an IP address.
    #[serde(deserialize_with = "syntax::one::<Host, _>")]
    pub host: String,
    /// The port.
    #[serde(default = "https")]
    pub port: NonZeroU16,
    /// The name that the server is asked for, and that the certificate must be valid for; by default the host.
    #[serde(
        default,
        deserialize_with = "syntax::option::<Host, _>",
        skip_serializing_if = "Option::is_none"
    )]
    pub server_name: Option<String>,
    /// Other names that the certificate must be valid for.
    #[serde(default, deserialize_with = "syntax::list::<Host, _>", skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// With fewer days left it is a failure; by default with 3, or a tenth of its lifetime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_days_left: Option<u32>,
    /// With fewer days left it is a warning; by default with 21, or a third of its lifetime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_days_left: Option<u32>,
    /// The TLS settings.
    #[serde(default, skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
}

impl TlsSpec {
    /// The name that the certificate must be valid for.
    #[must_use]
    pub fn name(&self) -> &str {
        self.server_name.as_deref().unwrap_or(&self.host)
    }
}

const fn https() -> NonZeroU16 {
    NonZeroU16::MIN.saturating_add(442)
}

/// Records of a name in the DNS.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsSpec {
    /// The full name; search domains are not used.
    #[serde(deserialize_with = "syntax::one::<DnsName, _>")]
    pub name: String,
    /// The type of the records.
    #[serde(default, rename = "type")]
    pub record: DnsRecord,
    /// The values: exactly these, in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// How many records there are; 0 if there must be none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The server that is asked: `10.0.0.2`, or `10.0.0.2:5353`; by default those in `/etc/resolv.conf`.
    #[serde(
        default,
        deserialize_with = "syntax::option::<syntax::DnsServer, _>",
        skip_serializing_if = "Option::is_none"
    )]
    pub server: Option<String>,
}

/// A type of DNS records.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsRecord {
    /// IPv4 addresses.
    #[default]
    A,
    /// IPv6 addresses.
    Aaaa,
    /// The authorities that may issue certificates.
    Caa,
    /// Another name of it.
    Cname,
    /// Mail servers, such as `10 mail.example.org`.
    Mx,
    /// Name servers.
    Ns,
    /// The name of an address.
    Ptr,
    /// Services, such as `0 5 5432 db.example.org`.
    Srv,
    /// Texts.
    Txt,
}

impl fmt::Display for DnsRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Caa => "CAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ns => "NS",
            Self::Ptr => "PTR",
            Self::Srv => "SRV",
            Self::Txt => "TXT",
        })
    }
}

impl DnsSpec {
    /// Why its settings contradict each other, with the key that is wrong.
    #[must_use]
    pub(in crate::checklist) fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        match (&self.values, self.count) {
            (Some(_), Some(_)) => Some(("count", "expected `values` or `count`, found both")),
            (Some(values), None) if values.is_empty() => {
                Some(("values", "expected one or more values; count = 0 is for a name without records"))
            }
            _ => None,
        }
    }
}

impl TcpSpec {
    /// Why its settings contradict each other, with the key that is wrong.
    #[must_use]
    pub(in crate::checklist) fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        let is_unchecked = self.send.is_some() && self.expect.is_empty();
        is_unchecked.then_some(("send", "what is sent needs a response that is checked: add `expect`"))
    }
}
