package import ChatDomain

/// Appends the scalars of JSON and of log lines without an intermediate `String`.
extension [UInt8] {
    /// Appends the text as it is, without quotes or escapes.
    package mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a string in quotes, with only the escapes that RFC 8259 requires.
    package mutating func appendQuoted(_ string: String) {
        append(UInt8(ascii: "\""))
        var string = string
        string.withUTF8 { source in
            var start = 0
            for index in source.indices where source[index].needsEscape {
                append(contentsOf: source[start..<index])
                appendEscape(of: source[index])
                start = index + 1
            }
            append(contentsOf: source[start...])
        }
        append(UInt8(ascii: "\""))
    }

    /// Appends a number in decimal, without leading zeros or a plus sign.
    package mutating func appendDecimal(_ value: Int64) {
        let magnitude = value.magnitude
        if value < 0 {
            append(UInt8(ascii: "-"))
        }
        var count = 1
        var rest = magnitude / 10
        while rest > 0 {
            count += 1
            rest /= 10
        }
        appendDigits(magnitude, count: count)
    }

    /// Appends an RFC 3339 timestamp in UTC, always with six fractional digits and `Z`.
    package mutating func appendTimestamp(_ instant: Instant) {
        let (seconds, microseconds) = instant.microsecondsSinceEpoch.quotientAndRemainder(flooringDividingBy: 1_000_000)
        let (days, secondOfDay) = seconds.quotientAndRemainder(flooringDividingBy: 86_400)
        let date = CivilDate(daysSinceEpoch: days)
        appendDigits(UInt64(date.year), count: 4)
        append(UInt8(ascii: "-"))
        appendDigits(UInt64(date.month), count: 2)
        append(UInt8(ascii: "-"))
        appendDigits(UInt64(date.day), count: 2)
        append(UInt8(ascii: "T"))
        appendDigits(UInt64(secondOfDay / 3_600), count: 2)
        append(UInt8(ascii: ":"))
        appendDigits(UInt64(secondOfDay / 60 % 60), count: 2)
        append(UInt8(ascii: ":"))
        appendDigits(UInt64(secondOfDay % 60), count: 2)
        append(UInt8(ascii: "."))
        appendDigits(UInt64(microseconds), count: 6)
        append(UInt8(ascii: "Z"))
    }

    /// Appends the last `count` decimal digits, with leading zeros.
    private mutating func appendDigits(_ number: UInt64, count: Int) {
        var rest = number
        let end = self.count + count
        append(contentsOf: repeatElement(0, count: count))
        for index in 1...count {
            self[end - index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    private mutating func appendEscape(of byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
        case UInt8(ascii: "\n"): append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): append(UInt8(ascii: "t"))
        case 0x08: append(UInt8(ascii: "b"))
        case 0x0c: append(UInt8(ascii: "f"))
        default:
            append(byte < 0x10 ? "u000" : "u001")
            let digit = byte & 0xf
            append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}

extension UInt8 {
    /// Whether the byte must be escaped in a JSON string.
    var needsEscape: Bool {
        self < 0x20 || self == UInt8(ascii: "\"") || self == UInt8(ascii: "\\")
    }
}

extension Int64 {
    /// Division whose remainder is never negative, for instants before 1970.
    fileprivate func quotientAndRemainder(flooringDividingBy divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
