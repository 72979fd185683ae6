/// A JSON text (RFC 8259) that has been checked completely and is read in place instead of being copied into a tree.
///
/// It comes from clients, so the check does not recurse: deep nesting cannot exhaust the stack.
package struct JSONValue: Sendable {
    /// The text of this value, without surrounding white space.
    package let bytes: ArraySlice<UInt8>
    /// The ranges of an object's members, if the check recorded them.
    private let ranges: [MemberRange]?

    /// The ranges of a member's name and value in `bytes`.
    struct MemberRange: Sendable {
        let name: Range<Int>
        let value: Range<Int>
    }

    /// The type of a value, known from its first byte.
    package enum Kind: Sendable {
        case object
        case array
        case string
        case number
        case boolean
        case null
    }

    /// Checks a whole text.
    ///
    /// A byte order mark at the start is ignored.
    ///
    /// - Throws: `JSONSyntaxError` for text that RFC 8259 does not allow, for invalid UTF-8, and for arrays and objects
    ///   nested more than `JSONScanner.maximumDepth` deep.
    package init(parsing text: [UInt8]) throws(JSONSyntaxError) {
        var scanner = JSONScanner(text[...])
        self = try scanner.scanDocument()
    }

    /// - Parameter members: The members of an object, if known.
    init(checked bytes: ArraySlice<UInt8>, members: [MemberRange]? = nil) {
        self.bytes = bytes
        ranges = members
    }

    /// Read from the first byte, in constant time.
    package var kind: Kind {
        switch bytes.first {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }

    /// Returns the member of an object with that name, the last one if the name is repeated.
    ///
    /// Nil if there is none or this is not an object.
    package func member(_ name: String) -> JSONValue? {
        guard let member = memberRanges.last(where: { value(at: $0.name).matches(name) }) else { return nil }
        return value(at: member.value)
    }

    /// The members of an object by name, the last one if a name is repeated; empty if this is not an object.
    ///
    /// Lone surrogates in names become U+FFFD.
    package var members: [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        for (name, value) in memberList {
            if let name = name.lossyString() {
                members[name] = value
            }
        }
        return members
    }

    /// The elements of an array; nil if this is not an array.
    package var elements: [JSONValue]? {
        guard kind == .array else { return nil }
        var elements: [JSONValue] = []
        var scanner = JSONScanner(bytes)
        scanner.scanCheckedElements { elements.append($0) }
        return elements
    }

    /// The members of an object in their written order.
    var memberList: [(name: JSONValue, value: JSONValue)] {
        memberRanges.map { (value(at: $0.name), value(at: $0.value)) }
    }

    private var memberRanges: [MemberRange] {
        if let ranges { return ranges }
        guard kind == .object else { return [] }
        var scanner = JSONScanner(bytes)
        do {
            return try scanner.scanMembers()
        } catch {
            assertionFailure("the object had been checked: \(error)")
            return []
        }
    }

    private func value(at range: Range<Int>) -> JSONValue {
        JSONValue(checked: bytes[range])
    }

    /// Decodes a string.
    ///
    /// - Returns: Nil if this is not a string.
    /// - Throws: `JSONStringError.loneSurrogate` for an escape that is one half of a surrogate pair, which the grammar
    ///   of JSON allows and Unicode does not.
    package func string() throws(JSONStringError) -> String? {
        guard kind == .string else { return nil }
        return try JSONString(quoted: bytes).decoded()
    }

    /// The text of the value without white space between tokens.
    package var compact: String {
        var compact: [UInt8] = []
        compact.reserveCapacity(bytes.count)
        var isInString = false
        var isEscaped = false
        for byte in bytes {
            if isInString {
                isInString = isEscaped || byte != UInt8(ascii: "\"")
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
            } else if byte == UInt8(ascii: "\"") {
                isInString = true
            } else if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
                continue
            }
            compact.append(byte)
        }
        return String(decoding: compact, as: UTF8.self)
    }

    /// The value of an integer that fits into 64 bits, with or without a fraction of zeros; nil for anything else.
    ///
    /// A number with an exponent is not an integer.
    package var integer: Int64? {
        guard kind == .number else { return nil }
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: ".", maxSplits: 1)
        guard let whole = parts.first, parts.dropFirst().allSatisfy({ $0.allSatisfy { $0 == "0" } }) else { return nil }
        return Int64(whole)
    }

    /// Nil for other kinds than a boolean.
    package var boolean: Bool? {
        kind == .boolean ? bytes.first == UInt8(ascii: "t") : nil
    }

    /// Decodes a string with U+FFFD for each lone surrogate, so that it can be sent back to a client; nil for other
    /// kinds.
    package func lossyString() -> String? {
        kind == .string ? JSONString(quoted: bytes).decodedLossily() : nil
    }

    private func matches(_ name: String) -> Bool {
        let quoted = JSONString(quoted: bytes)
        return quoted.hasEscapes ? (try? quoted.decoded()) == name : quoted.content.elementsEqual(name.utf8)
    }
}

/// Where and why a text is not JSON.
package struct JSONSyntaxError: Error, Equatable {
    /// The offset of the offending byte.
    package let offset: Int
    /// Worded as by Python's `json` module where it has the same error, as FastAPI clients expect.
    package let reason: String

    package init(offset: Int, reason: String) {
        self.offset = offset
        self.reason = reason
    }
}

/// The reason why a string that is valid JSON has no Unicode value.
package enum JSONStringError: Error {
    case loneSurrogate
}
