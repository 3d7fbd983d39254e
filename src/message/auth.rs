//! Basic authentication (RFC 7617): making and reading the value of `Authorization`.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, PAD};

/// STANDARD ignores what stands in the unused bits of the last digit, as Go does.
const STANDARD: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, PAD.with_decode_allow_trailing_bits(true));

/// BasicCredentials is a user name and a password, as they were between the colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasicCredentials {
    pub username: Vec<u8>,
    pub password: Vec<u8>,
}

impl BasicCredentials {
    /// parse reads `BasicCredentials <base64>`; `None` if it is anything else. The scheme's case does not matter.
    pub fn parse(value: &[u8]) -> Option<BasicCredentials> {
        let (scheme, rest) = value.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let plain = STANDARD.decode(rest).ok()?;
        let colon = memchr::memchr(b':', &plain)?;
        let (username, password) = plain.split_at_checked(colon)?;
        Some(BasicCredentials { username: username.to_vec(), password: password.get(1..)?.to_vec() })
    }
}

/// basic makes the value for a user name and a password; a colon in the name would move into the password.
pub fn basic(username: &[u8], password: &[u8]) -> String {
    let plain = [username, b":", password].concat();
    format!("Basic {}", STANDARD.encode(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        assert_eq!(basic(b"Aladdin", b"open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let got = BasicCredentials::parse(b"bAsIc QWxhZGRpbjpvcGVuOnNlc2FtZQ==").unwrap();
        assert_eq!((&got.username[..], &got.password[..]), (&b"Aladdin"[..], &b"open:sesame"[..]));
        for bad in [
            &b""[..],
            b"Basic",
            b"Basic ",
            b"Basic =",
            b"Bearer x",
            b"Basic QWxhZGRpbg==",
            b"BasicQWxhZGRpbjpv",
        ] {
            assert_eq!(BasicCredentials::parse(bad), None, "{bad:?}");
        }
    }
}
