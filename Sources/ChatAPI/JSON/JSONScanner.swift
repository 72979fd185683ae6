/// A cursor over a JSON text that checks the grammar of RFC 8259 without recursion.
struct JSONScanner {
    /// How many arrays and objects may stand inside one another.
    ///
    /// Deeper texts are refused rather than passed on to clients whose parsers would fail on them.
    static let maximumDepth = 512

    private let text: ArraySlice<UInt8>
    private var index: Int

    init(_ text: ArraySlice<UInt8>) {
        self.text = text
        index = text.startIndex
    }

    /// Checks a whole document and returns its value without the white space around it.
    mutating func scanDocument() throws(JSONSyntaxError) -> ArraySlice<UInt8> {
        try requireUTF8()
        if text.starts(with: [0xEF, 0xBB, 0xBF]) {
            index += 3
        }
        skipWhitespace()
        let start = index
        try scanValue()
        let value = text[start..<index]
        skipWhitespace()
        if peek != nil {
            throw error("Extra data")
        }
        return value
    }

    /// Visits the members of an object that has been checked, as the texts of name and value.
    mutating func scanCheckedMembers(_ visit: (_ name: JSONValue, _ value: JSONValue) -> Void) {
        do {
            index += 1
            skipWhitespace()
            while peek == UInt8(ascii: "\"") {
                let nameStart = index
                try scanString()
                let name = text[nameStart..<index]
                skipWhitespace()
                index += 1
                skipWhitespace()
                let valueStart = index
                try scanValue()
                visit(JSONValue(checked: name), JSONValue(checked: text[valueStart..<index]))
                skipWhitespace()
                index += 1
                skipWhitespace()
            }
        } catch {
            assertionFailure("the object had been checked: \(error)")
        }
    }

    /// Visits the elements of an array that has been checked.
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

    private func error(_ reason: String) -> JSONSyntaxError {
        JSONSyntaxError(offset: index - text.startIndex, reason: reason)
    }

    private func requireUTF8() throws(JSONSyntaxError) {
        let isValid = text.withUnsafeBufferPointer { bytes in
            (try? UTF8Span(validating: bytes.span)) != nil
        }
        if !isValid {
            throw JSONSyntaxError(offset: 0, reason: "Invalid UTF-8")
        }
    }

    private mutating func skipWhitespace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            index += 1
        }
    }

    /// Steps over one value of any depth and checks it on the way.
    private mutating func scanValue() throws(JSONSyntaxError) {
        // The brackets that close what is open, the innermost last.
        var closers: [UInt8] = []
        repeat {
            switch peek {
            case UInt8(ascii: "{"):
                if try open(closingWith: UInt8(ascii: "}"), &closers) {
                    try scanNameAndColon()
                    continue
                }
            case UInt8(ascii: "["):
                if try open(closingWith: UInt8(ascii: "]"), &closers) { continue }
            default:
                try scanScalar()
            }
            // A value is complete: close what ends with it, or go on to the next one behind a comma.
            while let closer = closers.last {
                skipWhitespace()
                if take(UInt8(ascii: ",")) {
                    skipWhitespace()
                    if closer == UInt8(ascii: "}") {
                        try scanNameAndColon()
                    }
                    break
                }
                guard take(closer) else { throw error("Expecting ',' delimiter") }
                closers.removeLast()
            }
        } while !closers.isEmpty
    }

    /// Steps over an opening bracket; false if its closing one follows at once.
    private mutating func open(closingWith closer: UInt8, _ closers: inout [UInt8]) throws(JSONSyntaxError) -> Bool {
        guard closers.count < Self.maximumDepth else {
            throw error("Nested more than \(Self.maximumDepth) levels deep")
        }
        index += 1
        skipWhitespace()
        if take(closer) { return false }
        closers.append(closer)
        return true
    }

    private mutating func scanNameAndColon() throws(JSONSyntaxError) {
        guard peek == UInt8(ascii: "\"") else {
            throw error("Expecting property name enclosed in double quotes")
        }
        try scanString()
        skipWhitespace()
        guard take(UInt8(ascii: ":")) else { throw error("Expecting ':' delimiter") }
        skipWhitespace()
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
        let start = self
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) {
            guard skipDigits() else { throw start.error("Expecting value") }
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
        let start = self
        index += 1
        while let byte = peek {
            index += 1
            switch byte {
            case UInt8(ascii: "\""): return
            case UInt8(ascii: "\\"): try scanEscape()
            case 0..<0x20:
                index -= 1
                throw error("Invalid control character at")
            default: break
            }
        }
        throw start.error("Unterminated string starting at")
    }

    private mutating func scanEscape() throws(JSONSyntaxError) {
        switch peek {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            index += 1
        case UInt8(ascii: "u"):
            index += 1
            for _ in 0..<4 {
                guard let digit = peek, Character(Unicode.Scalar(digit)).isHexDigit else {
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

    /// Steps over digits; false if there is none.
    private mutating func skipDigits() -> Bool {
        let start = index
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            index += 1
        }
        return index > start
    }
}
