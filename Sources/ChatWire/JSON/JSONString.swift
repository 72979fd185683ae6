/// The content of a JSON string whose grammar has been checked.
struct JSONString {
    /// The bytes between the quotes.
    let content: ArraySlice<UInt8>

    init(quoted bytes: ArraySlice<UInt8>) {
        content = bytes.dropFirst().dropLast()
    }

    var hasEscapes: Bool {
        content.contains(UInt8(ascii: "\\"))
    }

    /// Decodes the string; throws if an escape is a lone surrogate.
    func decoded() throws(JSONStringError) -> String {
        guard hasEscapes else { return String(decoding: content, as: UTF8.self) }
        return try resolved(replacingLoneSurrogates: false)
    }

    /// Decodes the string, with U+FFFD for each lone surrogate.
    func decodedLossily() -> String {
        (try? resolved(replacingLoneSurrogates: true)) ?? ""
    }

    private func resolved(replacingLoneSurrogates: Bool) throws(JSONStringError) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(content.count)
        var rest = content
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
                result.append(byte)
                continue
            }
            switch escape {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0c)
            case UInt8(ascii: "n"): result.append(UInt8(ascii: "\n"))
            case UInt8(ascii: "r"): result.append(UInt8(ascii: "\r"))
            case UInt8(ascii: "t"): result.append(UInt8(ascii: "\t"))
            case UInt8(ascii: "u"):
                if let scalar = rest.popScalar() {
                    result.append(contentsOf: String(scalar).utf8)
                } else if replacingLoneSurrogates {
                    result.append(contentsOf: "\u{FFFD}".utf8)
                } else {
                    throw .loneSurrogate
                }
            default: result.append(escape)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

extension ArraySlice<UInt8> {
    /// Consumes the four digits after `\u`, and the second surrogate after a first one; nil for a lone surrogate.
    fileprivate mutating func popScalar() -> Unicode.Scalar? {
        let first = popCodeUnit()
        guard UTF16.isLeadSurrogate(first) else { return Unicode.Scalar(first) }
        var ahead = self
        guard ahead.popFirst() == UInt8(ascii: "\\"), ahead.popFirst() == UInt8(ascii: "u") else { return nil }
        let second = ahead.popCodeUnit()
        guard UTF16.isTrailSurrogate(second) else { return nil }
        self = ahead
        return UTF16.decode(UTF16.EncodedScalar([first, second]))
    }

    private mutating func popCodeUnit() -> UInt16 {
        let digits = prefix(4)
        removeFirst(digits.count)
        return digits.reduce(0) { $0 << 4 | UInt16($1.hexDigitValue ?? 0) }
    }
}
