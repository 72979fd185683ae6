package import ChatDomain
package import NIOCore

extension JSONWriter {
    mutating func writeQuoted(_ string: String) {
        var string = string
        withBuffer { buffer in
            buffer.writeInteger(UInt8(ascii: "\""))
            string.withUTF8 { bytes in
                var start = 0
                for index in bytes.indices where bytes[index].needsEscape {
                    buffer.writeBytes(bytes[start..<index])
                    buffer.writeEscape(of: bytes[index])
                    start = index + 1
                }
                buffer.writeBytes(bytes[start...])
            }
            buffer.writeInteger(UInt8(ascii: "\""))
        }
    }

    mutating func writeDecimal(_ value: Int64) {
        withBuffer { $0.writeDecimal(value.magnitude, isNegative: value < 0) }
    }

    mutating func writeTimestamp(_ instant: Instant) {
        withBuffer { buffer in
            buffer.writeInteger(UInt8(ascii: "\""))
            buffer.writeTimestamp(instant)
            buffer.writeInteger(UInt8(ascii: "\""))
        }
    }
}

extension ByteBuffer {
    /// Writes an instant as RFC 3339 has it, in UTC, always with six digits of a second and `Z`.
    package mutating func writeTimestamp(_ instant: Instant) {
        let (seconds, microseconds) = instant.microsecondsSinceEpoch.quotientAndRemainder(flooringDividingBy: 1_000_000)
        let (days, secondOfDay) = seconds.quotientAndRemainder(flooringDividingBy: 86_400)
        let date = CivilDate(daysSinceEpoch: days)
        writeDigits(date.year, count: 4)
        writeStaticString("-")
        writeDigits(date.month, count: 2)
        writeStaticString("-")
        writeDigits(date.day, count: 2)
        writeStaticString("T")
        writeDigits(secondOfDay / 3_600, count: 2)
        writeStaticString(":")
        writeDigits(secondOfDay / 60 % 60, count: 2)
        writeStaticString(":")
        writeDigits(secondOfDay % 60, count: 2)
        writeStaticString(".")
        writeDigits(microseconds, count: 6)
        writeStaticString("Z")
    }
}

extension UInt8 {
    fileprivate var needsEscape: Bool {
        self < 0x20 || self == UInt8(ascii: "\"") || self == UInt8(ascii: "\\")
    }
}

extension ByteBuffer {
    fileprivate mutating func writeEscape(of byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): writeStaticString("\\\"")
        case UInt8(ascii: "\\"): writeStaticString("\\\\")
        case UInt8(ascii: "\n"): writeStaticString("\\n")
        case UInt8(ascii: "\r"): writeStaticString("\\r")
        case UInt8(ascii: "\t"): writeStaticString("\\t")
        case 0x08: writeStaticString("\\b")
        case 0x0c: writeStaticString("\\f")
        default:
            writeStaticString(byte < 0x10 ? "\\u000" : "\\u001")
            let digit = byte & 0xf
            writeInteger(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    /// The decimal digits of a number of at most 19 digits, without a detour through `String`.
    fileprivate mutating func writeDecimal(_ magnitude: UInt64, isNegative: Bool) {
        if isNegative {
            writeInteger(UInt8(ascii: "-"))
        }
        var count = 1
        var rest = magnitude / 10
        while rest > 0 {
            count += 1
            rest /= 10
        }
        writeDigits(magnitude, count: count)
    }

    /// The last `count` decimal digits, with leading zeros.
    fileprivate mutating func writeDigits(_ number: some BinaryInteger, count: Int) {
        var rest = UInt64(number)
        writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            for index in (0..<count).reversed() {
                bytes[index] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
            return count
        }
    }
}

extension Int64 {
    /// Division whose remainder is never negative, for instants before 1970.
    fileprivate func quotientAndRemainder(flooringDividingBy divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
