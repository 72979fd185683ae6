/// The reason why a well-formed JSON value must not be passed on: parsers reject it or disagree about it.
///
/// The rules are those of I-JSON (RFC 7493), with a limit on depth.
package enum InterchangeViolation: Error, Equatable {
    case tooDeep(maximum: Int)
    /// The number becomes infinite as a double, or 0 although it is not.
    case numberBeyondDouble
    /// A string has an escape for one half of a surrogate pair.
    case loneSurrogate
    /// Parsers disagree: the first value wins, or the last, or the object is rejected.
    case repeatedName(String)

    /// Completes the sentence "the value …".
    package var reason: String {
        switch self {
        case .tooDeep(let maximum): "is nested more than \(maximum) levels deep"
        case .numberBeyondDouble: "has a number beyond the range of a double"
        case .loneSurrogate: "has half of a surrogate pair"
        case .repeatedName(let name): "has the name '\(name)' more than once in an object"
        }
    }
}

extension JSONValue {
    /// The maximum nesting of arrays and objects in a value that is passed on.
    package static let maximumInterchangeDepth = 32

    /// Checks that all parsers accept the value and read it alike.
    package func requireInterchangeable() throws(InterchangeViolation) {
        try requireInterchangeable(depth: Self.maximumInterchangeDepth)
    }

    /// Whether `requireInterchangeable` succeeds.
    package var isInterchangeable: Bool {
        (try? requireInterchangeable()) != nil
    }

    /// The same text for all spellings of an interchangeable value: members sorted by name, strings and numbers
    /// normalized.
    package var canonical: String {
        var text: [UInt8] = []
        appendCanonical(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private func requireInterchangeable(depth: Int) throws(InterchangeViolation) {
        switch kind {
        case .object:
            guard depth > 0 else { throw .tooDeep(maximum: Self.maximumInterchangeDepth) }
            var names: Set<[UInt8]> = []
            for (name, value) in memberList {
                let name = try name.interchangeableString()
                // Compare bytes: `String` treats composed and decomposed forms as equal.
                guard names.insert(Array(name.utf8)).inserted else { throw .repeatedName(name) }
                try value.requireInterchangeable(depth: depth - 1)
            }
        case .array:
            guard depth > 0 else { throw .tooDeep(maximum: Self.maximumInterchangeDepth) }
            for element in elementList {
                try element.requireInterchangeable(depth: depth - 1)
            }
        case .string: _ = try interchangeableString()
        case .number:
            let number = Double(String(decoding: bytes, as: UTF8.self)) ?? .infinity
            guard number.isFinite, number != 0 || canonicalNumber == "0" else { throw .numberBeyondDouble }
        case .boolean, .null: break
        }
    }

    private func interchangeableString() throws(InterchangeViolation) -> String {
        do {
            return try JSONString(quoted: bytes).decoded()
        } catch {
            throw .loneSurrogate
        }
    }

    private func appendCanonical(to text: inout [UInt8]) {
        switch kind {
        case .object:
            let members = memberList.map { name, value in (name: name.lossyString() ?? "", value: value) }
            var separator = UInt8(ascii: "{")
            for member in members.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
                text.append(separator)
                text.appendQuoted(member.name)
                text.append(UInt8(ascii: ":"))
                member.value.appendCanonical(to: &text)
                separator = UInt8(ascii: ",")
            }
            text.append(members.isEmpty ? "{}" as StaticString : "}")
        case .array:
            let elements = elementList
            var separator = UInt8(ascii: "[")
            for element in elements {
                text.append(separator)
                element.appendCanonical(to: &text)
                separator = UInt8(ascii: ",")
            }
            text.append(elements.isEmpty ? "[]" as StaticString : "]")
        case .string: text.appendQuoted(lossyString() ?? "")
        case .number: text.append(contentsOf: canonicalNumber.utf8)
        case .boolean, .null: text.append(contentsOf: bytes)
        }
    }

    /// The exact value of a number: its digits without zeros at either end, times a power of ten.
    private var canonicalNumber: String {
        let number = String(decoding: bytes, as: UTF8.self).lowercased()
        let parts = number.split(separator: "e", maxSplits: 1)
        let isNegative = number.hasPrefix("-")
        let mantissa = (parts.first ?? "").drop { $0 == "-" }.split(separator: ".", maxSplits: 1)
        let fraction = mantissa.count > 1 ? mantissa[1] : ""
        let digits = (String(mantissa.first ?? "") + fraction).drop { $0 == "0" }
        let end = digits.lastIndex { $0 != "0" }
        guard let end else { return "0" }
        let significant = digits[...end]
        var exponent =
            parts.count > 1 ? Int(parts[1]) ?? (parts[1].hasPrefix("-") ? -Int(Int32.max) : Int(Int32.max)) : 0
        exponent = max(-Int(Int32.max), min(Int(Int32.max), exponent))
        exponent += digits.count - significant.count - fraction.count
        return "\(isNegative ? "-" : "")\(significant)e\(exponent)"
    }

    private var elementList: [JSONValue] {
        var scanner = JSONScanner(bytes)
        var elements: [JSONValue] = []
        scanner.scanCheckedElements { elements.append($0) }
        return elements
    }
}
