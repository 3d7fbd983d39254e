//! What roots and those between may vouch for, as clients and as servers ask it.

use super::*;
use crate::net::tls::config::provider;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose as Eku, GeneralSubtree,
    IsCa, Issuer, KeyPair, KeyUsagePurpose as Use, NameConstraints,
};

type Made = (CertificateDer<'static>, Issuer<'static, KeyPair>);
type Change<'a> = &'a dyn Fn(&mut CertificateParams);

fn make(name: &str, by: Option<&Made>, change: Change<'_>) -> Made {
    let mut p = CertificateParams::new(vec![format!("{name}.example")]).unwrap();
    p.distinguished_name.push(rcgen::DnType::CommonName, name);
    change(&mut p);
    let key = KeyPair::generate().unwrap();
    let made = match by {
        Some(by) => p.signed_by(&key, &by.1).unwrap(),
        None => p.self_signed(&key).unwrap(),
    };
    (made.der().clone(), Issuer::new(p, key))
}

fn ca(p: &mut CertificateParams) {
    p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn critical(oid: &[u64], content: &[u8]) -> CustomExtension {
    let mut e = CustomExtension::from_oid_content(oid, content.to_vec());
    e.set_criticality(true);
    e
}

/// ask is what a client and a server say of a leaf.
fn ask(root: &Made, leaf: &Made, rest: &[&Made]) -> [std::result::Result<(), String>; 2] {
    let trust = with(std::slice::from_ref(&root.0), false);
    let rest: Vec<_> = rest.iter().map(|m| m.0.clone()).collect();
    let all = provider().signature_verification_algorithms.all;
    [Purpose::Server, Purpose::Client].map(|purpose| {
        let verdict = trust.verify(&leaf.0, &rest, purpose, all, UnixTime::now());
        verdict.map_err(|e| {
            let e = crate::net::tls::from_rustls(&e, true);
            e.message().trim_start_matches("tls: failed to verify certificate: x509: ").to_owned()
        })
    })
}

const UNKNOWN: &str = "certificate signed by unknown authority";
const USAGE: &str = "certificate specifies an incompatible key usage";

fn all<T: Clone>(v: T) -> [T; 2] {
    [v.clone(), v]
}

#[test]
fn only_authorities_vouch_for_others() {
    for (what, change) in [
        ("no basic constraints", (&|_: &mut CertificateParams| {}) as Change<'_>),
        ("CA:FALSE", &|p| p.is_ca = IsCa::ExplicitNoCa),
        ("keyUsage without keyCertSign", &|p| {
            ca(p);
            p.key_usages = vec![Use::CrlSign, Use::DigitalSignature];
        }),
        ("expired", &|p| {
            ca(p);
            p.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }),
        ("not yet valid", &|p| {
            ca(p);
            p.not_before = rcgen::date_time_ymd(2090, 1, 1);
            p.not_after = rcgen::date_time_ymd(2091, 1, 1);
        }),
        ("an unknown critical extension", &|p| {
            ca(p);
            p.custom_extensions.push(critical(&[1, 2, 3, 4], &[5, 0]));
        }),
        ("policy constraints, critical", &|p| {
            ca(p);
            p.custom_extensions.push(critical(&[2, 5, 29, 36], &[0x30, 3, 0x80, 1, 0]));
        }),
        ("purpose: mail", &|p| {
            ca(p);
            p.extended_key_usages = vec![Eku::EmailProtection];
        }),
    ] {
        let root = make("root", None, change);
        assert_eq!(ask(&root, &make("leaf", Some(&root), &|_| {}), &[]), all(Err(UNKNOWN.into())), "{what}");
        let middle = make("middle", Some(&root), &ca);
        let leaf = make("leaf", Some(&middle), &|_| {});
        assert_eq!(ask(&root, &leaf, &[&middle]), all(Err(UNKNOWN.into())), "{what}, over another");
    }
}

#[test]
fn authorities_are_held_to_their_certificates() {
    let leaf = |by: &Made| make("leaf", Some(by), &|_| {});
    let root = make("root", None, &|p| {
        ca(p);
        p.key_usages = vec![Use::KeyCertSign];
    });
    assert_eq!(ask(&root, &leaf(&root), &[]), all(Ok(())));
    // The length of a path.
    let short = make("short", None, &|p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let middle = make("middle", Some(&short), &ca);
    assert_eq!(ask(&short, &leaf(&short), &[]), all(Ok(())));
    assert_eq!(ask(&short, &leaf(&middle), &[&middle]), all(Err(UNKNOWN.into())));
    let one = make("one", None, &|p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(1)));
    let middle = make("middle", Some(&one), &ca);
    assert_eq!(ask(&one, &leaf(&middle), &[&middle]), all(Ok(())));
    // Purposes, of the root, of one between, and of the leaf.
    for (eku, server, client) in [
        (vec![Eku::ServerAuth], true, false),
        (vec![Eku::ClientAuth], false, true),
        (vec![Eku::EmailProtection, Eku::Any], true, true),
    ] {
        let for_these = |p: &mut CertificateParams| p.extended_key_usages = eku.clone();
        let said = |answer: [std::result::Result<(), String>; 2]| answer.map(|a| a.is_ok());
        let root = make("root", None, &|p| {
            ca(p);
            for_these(p);
        });
        assert_eq!(said(ask(&root, &leaf(&root), &[])), [server, client], "root: {eku:?}");
        let free = make("free", None, &ca);
        let middle = make("middle", Some(&free), &|p| {
            ca(p);
            for_these(p);
        });
        assert_eq!(said(ask(&free, &leaf(&middle), &[&middle])), [server, client], "between: {eku:?}");
        let own = make("own", Some(&free), &for_these);
        assert_eq!(said(ask(&free, &own, &[])), [server, client], "leaf: {eku:?}");
        assert_eq!(said(ask(&own, &own, &[])), [server, client], "exactly: {eku:?}");
    }
    // The use of a key between.
    let free = make("free", None, &ca);
    let middle = make("middle", Some(&free), &|p| {
        ca(p);
        p.key_usages = vec![Use::DigitalSignature, Use::CrlSign];
    });
    assert_eq!(ask(&free, &leaf(&middle), &[&middle]), all(Err(UNKNOWN.into())));
    // Names.
    let named = make("named", None, &|p| {
        ca(p);
        p.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("other.test".into())],
            excluded_subtrees: Vec::new(),
        });
    });
    let text = "a root or intermediate certificate is not authorized to sign for this name";
    assert_eq!(ask(&named, &leaf(&named), &[]), all(Err(text.into())));
}

#[test]
fn anything_else_is_trusted_as_the_peer_itself() {
    let authority = make("authority", None, &ca);
    for (what, own) in [
        ("self-signed", make("self", None, &|_| {})),
        ("self-signed, CA:FALSE", make("self", None, &|p| p.is_ca = IsCa::ExplicitNoCa)),
        ("self-signed, an authority", make("self", None, &ca)),
        ("issued", make("issued", Some(&authority), &|_| {})),
        (
            "with a critical policy",
            make("issued", Some(&authority), &|p| {
                p.custom_extensions.push(critical(&[2, 5, 29, 32], &[0x30, 6, 0x30, 4, 6, 2, 0x2a, 3]));
            }),
        ),
    ] {
        assert_eq!(ask(&own, &own, &[]), all(Ok(())), "{what}");
        assert_eq!(ask(&own, &own, &[&authority]), all(Ok(())), "{what}");
        // Nobody else with that name.
        assert!(ask(&own, &make("self", None, &|_| {}), &[&own]).iter().all(|a| a.is_err()), "{what}");
    }
    let old = make("old", None, &|p| p.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let [said, _] = ask(&old, &old, &[]);
    let said = said.unwrap_err();
    assert!(said.starts_with("certificate has expired or is not yet valid: current time 20"), "{said}");
    let odd = make("odd", None, &|p| p.custom_extensions.push(critical(&[1, 2, 3], &[5, 0])));
    assert_eq!(ask(&odd, &odd, &[]), all(Err("unhandled critical extension".into())));
    let mail = make("mail", None, &|p| p.extended_key_usages = vec![Eku::EmailProtection]);
    assert_eq!(ask(&mail, &mail, &[]), all(Err(USAGE.into())));
}
