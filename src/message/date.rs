//! HTTP dates (RFC 9110, 5.6.7): written as IMF-fixdate, read in the three forms that are out there.

use std::time::{Duration, UNIX_EPOCH};

/// LEN is the length of an IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT".
pub const LEN: usize = 29;

/// MIN and MAX bound what four digits of year can say: 0000-01-01 and 9999-12-31, in Unix seconds.
pub const MIN: i64 = -62_167_219_200;
pub const MAX: i64 = 253_402_300_799;

const DAYS: &[u8; 21] = b"SunMonTueWedThuFriSat";
const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// format writes a time as IMF-fixdate; one outside [`MIN`] to [`MAX`] becomes the nearer of these.
pub fn format(unix_secs: i64) -> [u8; LEN] {
    let secs = unix_secs.clamp(MIN, MAX);
    let days = secs.div_euclid(86_400);
    let second = secs.rem_euclid(86_400) as u32;
    let (year, month, day) = civil(days);
    // 1970-01-01 was a Thursday.
    let weekday = (days + 4).rem_euclid(7) as usize;
    let mut out = *b"Sun, 06 Nov 1994 08:49:37 GMT";
    put(&mut out, 0, name(DAYS, weekday));
    put(&mut out, 5, two(day));
    put(&mut out, 8, name(MONTHS, month as usize - 1));
    put(&mut out, 12, two(year / 100));
    put(&mut out, 14, two(year % 100));
    put(&mut out, 17, two(second / 3600));
    put(&mut out, 20, two(second / 60 % 60));
    put(&mut out, 23, two(second % 60));
    out
}

/// format_rfc3339 writes a time as "1994-11-06T08:49:37Z".
pub fn format_rfc3339(unix_secs: i64) -> String {
    let secs = unix_secs.clamp(MIN, MAX);
    let (year, month, day) = civil(secs.div_euclid(86_400));
    let s = secs.rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", s / 3600, s / 60 % 60, s % 60)
}

/// parse reads IMF-fixdate, RFC 850 and asctime dates, and gives Unix seconds; times before 1970 are refused.
/// A weekday that is not the date's is accepted, as Go does; it must be a weekday.
pub fn parse(text: &[u8]) -> Option<i64> {
    const LONG: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let text = std::str::from_utf8(text).ok()?;
    if let Some(secs) = parse_strict(text) {
        return Some(secs);
    }
    let (weekday, rest) = text.split_at_checked(text.find(|c: char| !c.is_ascii_alphabetic())?)?;
    let is_long = LONG.contains(&weekday);
    if !is_long && !LONG.iter().any(|l| l.get(..3) == Some(weekday)) {
        return None;
    }
    LONG.iter().find_map(|l| {
        let other = if is_long { l } else { l.get(..3)? };
        parse_strict(&format!("{other}{rest}"))
    })
}

fn parse_strict(text: &str) -> Option<i64> {
    let time = httpdate::parse_http_date(text).ok()?;
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).ok()
}

fn put<const N: usize>(out: &mut [u8; LEN], at: usize, text: [u8; N]) {
    for (slot, b) in out.iter_mut().skip(at).zip(text) {
        *slot = b;
    }
}

fn two(n: u32) -> [u8; 2] {
    [b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8]
}

fn name(table: &[u8], index: usize) -> [u8; 3] {
    table.get(index * 3..index * 3 + 3).and_then(|n| n.try_into().ok()).unwrap_or(*b"???")
}

/// civil gives year, month and day of a day count from 1970-01-01 in the Gregorian calendar. It counts in
/// eras of 400 years that begin on a 1st of March, so that a leap day is the last day of its year.
fn civil(days: i64) -> (u32, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = (if mp < 10 { mp + 3 } else { mp - 9 }) as u32;
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year as u32, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        for (secs, text) in [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (MIN, "Sat, 01 Jan 0000 00:00:00 GMT"),
        ] {
            assert_eq!(std::str::from_utf8(&format(secs)).unwrap(), text);
        }
    }

    #[test]
    fn agrees_with_the_crate() {
        for day in (0..200_000i64).step_by(13) {
            let secs = day * 86_400 + day % 86_400;
            let theirs = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(secs as u64));
            assert_eq!(std::str::from_utf8(&format(secs)).unwrap(), theirs);
            assert_eq!(parse(theirs.as_bytes()), Some(secs));
        }
    }

    #[test]
    fn three_forms_are_read() {
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(parse(text.as_bytes()), Some(784_111_777), "{text}");
        }
        assert_eq!(parse(b"Mon, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        for text in [
            "",
            "Xyz, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "\u{fc}",
            "0",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
