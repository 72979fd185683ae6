import Glibc
import Synchronization

/// The value of the `Date` header (RFC 9110, section 5.6.7), formatted at most once per second.
package final class ResponseDate: Sendable {
    private let last = Mutex<(second: Int, text: String)>((-1, ""))

    package init() {}

    /// The current time.
    package var text: String {
        let second = time(nil)
        return last.withLock { last in
            if last.second != second {
                last = (second, Self.text(second))
            }
            return last.text
        }
    }

    /// Formats a time in seconds since the Unix epoch.
    package static func text(_ second: Int) -> String {
        var second = second
        var parts = tm()
        gmtime_r(&second, &parts)
        let day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][Int(parts.tm_wday)]
        let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][
            Int(parts.tm_mon)
        ]
        let time = [parts.tm_hour, parts.tm_min, parts.tm_sec].map(twoDigits).joined(separator: ":")
        return "\(day), \(twoDigits(parts.tm_mday)) \(month) \(1900 + parts.tm_year) \(time) GMT"
    }

    private static func twoDigits(_ number: CInt) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }
}
