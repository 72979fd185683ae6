/// A cursor over a JSON text that checks the grammar of RFC 8259 without recursion.
struct JSONScanner {
    /// The maximum nesting of arrays and objects.
    ///
    /// Parsers of some clients fail on deeper texts.
    static let maximumDepth = 512

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private let text: ArraySlice<UInt8>
    private var index: Int
    /// Whether all strings so far are ASCII; outside strings, the grammar allows nothing else.
    private var isASCII = true

    init(_ text: ArraySlice<UInt8>) {
        self.text = text
        index = text.startIndex
    }

    /// Checks a whole document.
    ///
    /// ASCII takes one pass; a second pass checks other texts for valid UTF-8.
    ///
    /// - Returns: The value without surrounding white space, and with its members if it is an object.
    mutating func scanDocument() throws(JSONSyntaxError) -> JSONValue {
        do throws(JSONSyntaxError) {
            let value = try scanOnlyValue()
            if isASCII || isUTF8 { return value }
        } catch {
            if isUTF8 { throw error }
        }
        throw JSONSyntaxError(offset: 0, reason: "Invalid UTF-8")
    }

    private mutating func scanOnlyValue() throws(JSONSyntaxError) -> JSONValue {
        if text.starts(with: Self.byteOrderMark) {
            index += Self.byteOrderMark.count
        }
        skipWhitespace()
        let start = index
        var members: [JSONValue.MemberRange]?
        if peek == UInt8(ascii: "{") {
            members = try scanMembers()
        } else {
            try scanValue()
        }
        let value = JSONValue(checked: text[start..<index], members: members)
        skipWhitespace()
        if peek != nil {
            throw error("Extra data")
        }
        return value
    }

    /// Checks an object and advances past it.
    ///
    /// - Returns: Its members in their written order.
    mutating func scanMembers() throws(JSONSyntaxError) -> [JSONValue.MemberRange] {
        var members: [JSONValue.MemberRange] = []
        index += 1
        skipWhitespace()
        if take(UInt8(ascii: "}")) { return members }
        repeat {
            skipWhitespace()
            let name = try scanNameAndColon()
            let start = index
            try scanValue(depth: 1)
            members.append(JSONValue.MemberRange(name: name, value: start..<index))
            skipWhitespace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw error("Expecting ',' delimiter") }
        return members
    }

    /// Visits the elements of an array that has already been checked.
    mutating func scanCheckedElements(_ visit: (JSONValue) -> Void) {
        do {
            index += 1
            skipWhitespace()
            while let byte = peek, byte != UInt8(ascii: "]") {
                let start = index
                try scanValue()
                visit(JSONValue(checked: text[start..<index]))
                skipWhitespace()
                index += 1
                skipWhitespace()
            }
        } catch {
            assertionFailure("the array had been checked: \(error)")
        }
    }

    private var peek: UInt8? {
        index < text.endIndex ? text[index] : nil
    }

    private var isUTF8: Bool {
        text.withUnsafeBufferPointer { (try? UTF8Span(validating: $0.span)) != nil }
    }

    private func error(_ reason: String, at place: Int? = nil) -> JSONSyntaxError {
        JSONSyntaxError(offset: (place ?? index) - text.startIndex, reason: reason)
    }

    private mutating func skipWhitespace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            index += 1
        }
    }

    /// Checks one value and advances past it.
    ///
    /// - Parameter depth: The number of arrays and objects that enclose it.
    private mutating func scanValue(depth: Int = 0) throws(JSONSyntaxError) {
        // The closing brackets of open arrays and objects, innermost last.
        var closers: [UInt8] = []
        repeat {
            switch peek {
            case UInt8(ascii: "{"):
                if try open(closingWith: UInt8(ascii: "}"), depth: depth, &closers) {
                    _ = try scanNameAndColon()
                    continue
                }
            case UInt8(ascii: "["):
                if try open(closingWith: UInt8(ascii: "]"), depth: depth, &closers) { continue }
            default:
                try scanScalar()
            }
            // A value is complete: close the arrays and objects that end with it, or continue after a comma.
            while let closer = closers.last {
                skipWhitespace()
                if take(UInt8(ascii: ",")) {
                    skipWhitespace()
                    if closer == UInt8(ascii: "}") {
                        _ = try scanNameAndColon()
                    }
                    break
                }
                guard take(closer) else { throw error("Expecting ',' delimiter") }
                closers.removeLast()
            }
        } while !closers.isEmpty
    }

    /// Advances past an opening bracket; false if the closing one follows immediately.
    private mutating func open(
        closingWith closer: UInt8,
        depth: Int,
        _ closers: inout [UInt8]
    ) throws(JSONSyntaxError) -> Bool {
        guard depth + closers.count < Self.maximumDepth else {
            throw error("Nested more than \(Self.maximumDepth) levels deep")
        }
        index += 1
        skipWhitespace()
        if take(closer) { return false }
        closers.append(closer)
        return true
    }

    /// Advances past a name and its colon, and returns the range of the name.
    private mutating func scanNameAndColon() throws(JSONSyntaxError) -> Range<Int> {
        let start = index
        guard peek == UInt8(ascii: "\"") else {
            throw error("Expecting property name enclosed in double quotes")
        }
        try scanString()
        let name = start..<index
        skipWhitespace()
        guard take(UInt8(ascii: ":")) else { throw error("Expecting ':' delimiter") }
        skipWhitespace()
        return name
    }

    private mutating func scanScalar() throws(JSONSyntaxError) {
        switch peek {
        case UInt8(ascii: "\""): try scanString()
        case UInt8(ascii: "t"): try scanLiteral("true")
        case UInt8(ascii: "f"): try scanLiteral("false")
        case UInt8(ascii: "n"): try scanLiteral("null")
        default: try scanNumber()
        }
    }

    private mutating func scanLiteral(_ literal: String) throws(JSONSyntaxError) {
        guard text[index...].starts(with: literal.utf8) else { throw error("Expecting value") }
        index += literal.utf8.count
    }

    private mutating func scanNumber() throws(JSONSyntaxError) {
        let start = index
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) {
            guard skipDigits() else { throw error("Expecting value", at: start) }
        }
        if take(UInt8(ascii: ".")) {
            guard skipDigits() else { throw error("Expecting a digit") }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
            guard skipDigits() else { throw error("Expecting a digit") }
        }
    }

    private mutating func scanString() throws(JSONSyntaxError) {
        let start = index
        index += 1
        while true {
            skipPlainCharacters()
            switch peek {
            case UInt8(ascii: "\""):
                index += 1
                return
            case UInt8(ascii: "\\"):
                index += 1
                try scanEscape()
            case nil: throw error("Unterminated string starting at", at: start)
            default: throw error("Invalid control character at")
            }
        }
    }

    /// Advances past the characters of a string up to its end, an escape or a control character.
    private mutating func skipPlainCharacters() {
        let (end, bits) = text.plainCharacters(from: index)
        index = end
        isASCII = isASCII && bits < 0x80
    }

    private mutating func scanEscape() throws(JSONSyntaxError) {
        switch peek {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            index += 1
        case UInt8(ascii: "u"):
            index += 1
            for _ in 0..<4 {
                guard let digit = peek, digit.hexDigitValue != nil else {
                    throw error("Invalid \\uXXXX escape")
                }
                index += 1
            }
        default:
            throw error("Invalid \\escape")
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        index += 1
        return true
    }

    /// Advances past digits; false if there are none.
    private mutating func skipDigits() -> Bool {
        let start = index
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            index += 1
        }
        return index > start
    }
}

extension ArraySlice<UInt8> {
    /// Returns the end of the bytes that need no escape in a JSON string, and the bitwise OR of those bytes.
    fileprivate func plainCharacters(from start: Int) -> (end: Int, bits: UInt8) {
        let bytes = span
        var offset = start - startIndex
        var bits: UInt8 = 0
        while offset < bytes.count, !bytes[offset].needsEscape {
            bits |= bytes[offset]
            offset += 1
        }
        return (startIndex + offset, bits)
    }
}
