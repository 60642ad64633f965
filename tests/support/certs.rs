//! A test certificate authority, a server certificate that it signed, and a second authority that did not sign it.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Certificates generated once per test process, in memory only.
pub struct Certs {
    /// The certificate authority that clients must trust, PEM.
    pub ca: String,
    /// A certificate for 127.0.0.1 and localhost, signed by `ca`.
    pub server: ServerCert,
    /// A certificate authority that did not sign `server`, PEM.
    pub other_ca: String,
}

/// A server's certificate and key.
pub struct ServerCert {
    ca: String,
    /// The certificate, PEM.
    pub cert: String,
    /// Its private key, PEM.
    pub key: String,
}

impl Certs {
    /// The certificates of this test process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Certs> = OnceLock::new();
        SHARED.get_or_init(Self::make)
    }

    fn make() -> Self {
        let authority = authority("gonogo test authority");
        let key = KeyPair::generate().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let cert = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let ca = authority.pem();
        let server = ServerCert { ca: ca.clone(), cert: cert.pem(), key: key.serialize_pem() };
        Self { ca, server, other_ca: self::authority("another test authority").pem() }
    }
}

impl ServerCert {
    /// A certificate of an authority that signed itself, for these names, as `openssl req -x509` makes it; valid from
    /// `from` to `until` days from now.
    pub fn self_signed(names: &[&str], from: i64, until: i64) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        set_validity(&mut params, from, until);
        let key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap().pem();
        Self { ca: cert.clone(), cert, key: key.serialize_pem() }
    }

    /// A certificate with a lifetime of 90 days, of which so many are left, and the authority that signed it.
    pub fn with_days_left(days: i64) -> Self {
        let authority = authority("gonogo test authority");
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        set_validity(&mut params, days - 90, days);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &authority).unwrap();
        Self { ca: authority.pem(), cert: cert.pem(), key: key.serialize_pem() }
    }

    /// The certificate of the authority that signed it, PEM.
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// Writes `cert.pem`, `key.pem` and the authority's `ca.pem` into a server's directory.
    pub fn write(&self, dir: &Path) {
        let files = [("cert.pem", &self.cert), ("key.pem", &self.key), ("ca.pem", &self.ca)];
        for (name, text) in files {
            fs::write(dir.join(name), text).unwrap();
        }
    }
}

/// Sets the validity of a certificate, in days from now.
fn set_validity(params: &mut CertificateParams, from: i64, until: i64) {
    let at_midnight = |days: i64| {
        let date = jiff::Zoned::now().date().saturating_add(jiff::Span::new().days(days));
        rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    (params.not_before, params.not_after) = (at_midnight(from), at_midnight(until));
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}
