//! Kafka's timestamps for people.

/// Milliseconds since 1970 as `2026-11-21 14:36:05.123` (UTC).
///
/// The calendar is Howard Hinnant's `civil_from_days`.
pub(crate) fn utc(millis: i64) -> String {
    let (seconds, millis) = (millis.div_euclid(1000), millis.rem_euclid(1000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03}")
}

#[cfg(test)]
mod tests {
    use super::utc;

    /// `date -u -d @SECONDS '+%F %T'` of GNU coreutils.
    #[test]
    fn the_calendar_is_that_of_date() {
        assert_eq!(utc(0), "1970-01-01 00:00:00.000");
        assert_eq!(utc(951_782_400_123), "2000-02-29 00:00:00.123");
        assert_eq!(utc(1_700_000_000_999), "2023-11-14 22:13:20.999");
        assert_eq!(utc(4_107_542_399_000), "2100-02-28 23:59:59.000");
        assert_eq!(utc(-1), "1969-12-31 23:59:59.999");
    }
}
