//! The TLS probe: the certificate of a server, verified as the probes of servers verify it.

mod presented;

use std::io;
use std::time::Duration;

use rustls::ProtocolVersion;
use rustls::client::verify_server_name;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;

use super::address::Address;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::servers::{self, ValidityLimits, judge_validity};
use super::{net, tcp, tls};
use gonogo_core::checklist::spec::TlsSpec;
use gonogo_core::outcome::{Observation, Outcome, Sha256Hex};
use gonogo_core::text::shell_word;

use presented::Presented;

const DAY: Duration = Duration::from_hours(24);

pub(super) async fn run(spec: &TlsSpec, deadline: &Deadline) -> Outcome {
    let address = tcp::address(&spec.host, spec.port.get());
    // Its certificate is judged here, by the limits of the spec.
    let (seen, _) = servers::recording(check(spec, &address, deadline)).await;
    Outcome::of(seen, s_client(spec, &address))
}

async fn check(spec: &TlsSpec, address: &Address, deadline: &Deadline) -> Vec<Observation> {
    let (seen, connected) = tcp::connect(address, deadline).await;
    let Some(connected) = connected else { return seen };
    let presented = Presented::default();
    let handshake = async {
        let observer = |verifier| presented.observing(verifier);
        let config = tls::config_observed(&spec.tls, &observer);
        let config = deadline.limit("reading root certificates", config).await??;
        let stream = net::shake_hands(address, spec.name(), config, connected, deadline).await?;
        let version = stream.map(|stream| stream.get_ref().1.protocol_version());
        Ok::<_, ProbeError>(version)
    };
    let handshake = judge_handshake(spec, handshake.await, &presented);
    let certificate = presented.certificate().map(|der| judge_certificate(spec, &der)).unwrap_or_default();
    [handshake].into_iter().chain(certificate).collect()
}

/// Whether the certificate is trusted, and valid for the name.
fn judge_handshake(
    spec: &TlsSpec,
    handshake: ProbeResult<io::Result<Option<ProtocolVersion>>>,
    presented: &Presented,
) -> Observation {
    let what = format!("TLS with {}", spec.name());
    let expected = "a trusted certificate for this name";
    let error = match handshake {
        Ok(Ok(version)) => return Observation::new(what, expected, trusted(version), true),
        Ok(Err(error)) => error,
        Err(why) => return Observation::unknown(what, expected, why),
    };
    let why = tls::explain(&error, spec.name(), &spec.tls);
    match tls::tls_error_in(&error) {
        Some(rustls::Error::InvalidCertificate(_)) if !presented.reached_the_verifier() => {
            let hint = "this system has no root certificates; name one in `tls.roots`";
            Observation::unknown(what, expected, hint)
        }
        Some(rustls::Error::InvalidCertificate(wrong)) => {
            Observation::new(what, expected, presented.explain(wrong, why), false)
        }
        Some(rustls::Error::InvalidMessage(_)) => Observation::new(what, expected, why, false),
        // Closed, or refused: perhaps it wants a certificate of ours.
        _ => Observation::unknown(what, expected, why),
    }
}

fn trusted(version: Option<ProtocolVersion>) -> String {
    match version {
        Some(ProtocolVersion::TLSv1_3) => "trusted, by TLS 1.3".into(),
        Some(ProtocolVersion::TLSv1_2) => "trusted, by TLS 1.2".into(),
        _ => "trusted".into(),
    }
}

/// The names of a certificate, its time, and what it is.
fn judge_certificate(spec: &TlsSpec, der: &CertificateDer<'_>) -> Vec<Observation> {
    let days = |days: Option<u32>| days.map(|days| DAY * days);
    let limits = ValidityLimits { minimum: days(spec.min_days_left), warning: days(spec.warn_days_left) };
    let mut seen: Vec<_> = spec.names.iter().map(|name| judge_name(name, der)).collect();
    seen.push(judge_validity(der, spec.name(), limits));
    seen.extend(presented::issuer(der).map(|issuer| Observation::recorded("issuer", issuer)));
    seen.push(Observation::recorded("SHA-256 of the certificate", Sha256Hex::of(der).to_string()));
    seen
}

fn judge_name(name: &str, der: &CertificateDer<'_>) -> Observation {
    let (what, expected) = (format!("certificate for {name}"), "valid for this name");
    let valid = net::server_name(name).and_then(|name| {
        let parsed = ParsedCertificate::try_from(der).map_err(ProbeError::from)?;
        Ok(verify_server_name(&parsed, &name))
    });
    match valid {
        Ok(Ok(())) => Observation::new(what, expected, "valid for it", true),
        Ok(Err(error)) => Observation::new(what, expected, error.to_string(), false),
        Err(why) => Observation::unknown(what, expected, why),
    }
}

/// The command to repeat it by hand.
fn s_client(spec: &TlsSpec, address: &Address) -> String {
    let name = shell_word(spec.name().trim_matches(['[', ']']));
    let asked = match name.parse::<std::net::IpAddr>() {
        Ok(_) => format!("-noservername -verify_ip {name}"),
        Err(_) => format!("-servername {name} -verify_hostname {name}"),
    };
    let roots = spec.tls.roots.iter().map(|roots| format!(" -CAfile {}", shell_word(roots)));
    let roots: String = roots.collect();
    let address = shell_word(&address.to_string());
    format!("openssl s_client -connect {address} {asked}{roots} -verify_return_error </dev/null")
}
