package import ChatDomain

extension Instant {
    private static let yearZero = CivilDate.daysSinceEpoch(year: 0, month: 1, day: 1) * 86_400
    private static let yearTenThousand = CivilDate.daysSinceEpoch(year: 10_000, month: 1, day: 1) * 86_400

    /// Parses an RFC 3339 timestamp, such as `2026-11-23T09:00:00.5+01:00`; nil for other forms and for dates that do
    /// not exist.
    ///
    /// Digits beyond microseconds are ignored. A leap second becomes the last microsecond of the second before it, so
    /// that the next minute does not start twice.
    package init?(timestamp: String) {
        var fields = TimestampFields(Array(timestamp.utf8))
        guard let year = fields.number(4), fields.skip("-"), let month = fields.number(2), fields.skip("-"),
            let day = fields.number(2), fields.skip("Tt"), let hour = fields.number(2), fields.skip(":"),
            let minute = fields.number(2), fields.skip(":"), let second = fields.number(2),
            let microseconds = fields.microseconds(), let offset = fields.offset(), fields.isAtEnd
        else { return nil }
        let days = CivilDate.daysSinceEpoch(year: year, month: month, day: day)
        let date = CivilDate(daysSinceEpoch: days)
        guard date.year == year, date.month == month, date.day == day, hour < 24, minute < 60, second <= 60 else {
            return nil
        }
        let isLeapSecond = second == 60
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + (isLeapSecond ? 59 : second) - offset
        // Leap seconds end a day in UTC.
        guard !isLeapSecond || (seconds + 1) % 86_400 == 0 else { return nil }
        guard (Self.yearZero..<Self.yearTenThousand).contains(seconds) else { return nil }
        self.init(microsecondsSinceEpoch: seconds * 1_000_000 + (isLeapSecond ? 999_999 : microseconds))
    }
}

private struct TimestampFields {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        rest = bytes[...]
    }

    var isAtEnd: Bool {
        rest.isEmpty
    }

    /// Consumes exactly `count` digits.
    mutating func number(_ count: Int) -> Int64? {
        let digits = rest.prefix(count)
        guard digits.count == count, digits.allSatisfy(\.isDigit) else { return nil }
        rest.removeFirst(count)
        return digits.number
    }

    /// Consumes one of the characters.
    mutating func skip(_ characters: String) -> Bool {
        guard let first = rest.first, characters.utf8.contains(first) else { return false }
        rest.removeFirst()
        return true
    }

    /// Consumes the fraction of a second, with any number of digits; 0 if there is none.
    mutating func microseconds() -> Int64? {
        guard skip(".") else { return 0 }
        let digits = rest.prefix(while: \.isDigit)
        if digits.isEmpty { return nil }
        rest.removeFirst(digits.count)
        return (digits.prefix(6) + Array(repeating: UInt8(ascii: "0"), count: max(0, 6 - digits.count))).number
    }

    /// Consumes the offset from UTC and returns it in seconds.
    mutating func offset() -> Int64? {
        if skip("Zz") { return 0 }
        let isBehind = rest.first == UInt8(ascii: "-")
        guard skip("+-"), let hours = number(2), hours < 24, skip(":"), let minutes = number(2), minutes < 60 else {
            return nil
        }
        return (hours * 60 + minutes) * (isBehind ? -60 : 60)
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
    }
}

extension Sequence<UInt8> {
    /// The value of decimal digits that fit into 64 bits.
    fileprivate var number: Int64 {
        reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }
}
