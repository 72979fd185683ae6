import ChatTestSupport
import ChatWire
import Testing

/// Compares the JSON scanner with slow and simple references, on texts generated from fixed seeds.
@Suite struct JSONDifferentialTests {
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `exactly the texts that the grammar allows are accepted`(_ seed: UInt64) {
        var random = SplitMix64(state: seed)
        var accepted = 0
        for _ in 0..<3_000 {
            var bytes = Array(random.document().text.utf8)
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                random.mutate(&bytes)
            }
            switch Result(catching: { () throws(JSONSyntaxError) in try JSONValue(parsing: bytes) }) {
            case .success:
                accepted += 1
                #expect(ReferenceParser.accepts(bytes), "\(bytes)")
            case .failure(let error):
                #expect(!ReferenceParser.accepts(bytes), "\(bytes)")
                let isUTF8 = String(validating: bytes, as: UTF8.self) != nil
                #expect((error == JSONSyntaxError(offset: 0, reason: "Invalid UTF-8")) == !isUTF8, "\(bytes)")
            }
        }
        #expect((500..<2_900).contains(accepted))
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `members and strings are read as they were written`(_ seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        for _ in 0..<2_000 {
            let document = random.document()
            let value = try JSONValue(parsing: Array(document.text.utf8))
            #expect(value.members.count == document.members.count)
            for (name, text) in document.members {
                #expect(try value.member(name)?.string() == text, "\(document.text)")
                // The same members, in an object nested in another value.
                let outer = try JSONValue(parsing: Array("{\"outer\":\(document.text)}".utf8))
                #expect(try outer.member("outer")?.member(name)?.string() == text, "\(document.text)")
            }
        }
    }
}

private struct Document {
    var text = ""
    /// The last member of that name; nil if it is not a string.
    var members: [String: String?] = [:]
}

extension SplitMix64 {
    private static let scalars: [Unicode.Scalar] = [
        "a", "b", " ", "\\", "\"", "/", "{", "}", "[", ":", ",", "\n", "\u{1F}", "\u{0}", "\u{7F}", "é", "\u{2028}",
        "語", "\u{FEFF}",
        "👋", "\u{10FFFF}",
    ]

    fileprivate mutating func document() -> Document {
        var document = Document(text: space() + "{" + space())
        for index in 0..<Int.random(in: 0...4, using: &self) {
            let (name, spelledName) = string()
            let (text, value): (String?, String) = Bool.random(using: &self) ? string() : (nil, otherValue(depth: 3))
            document.members[name] = .some(text)
            document.text += (index > 0 ? "," : "") + space() + spelledName + space() + ":" + space() + value + space()
        }
        document.text += "}" + space()
        return document
    }

    /// A string, and one of its spellings in JSON.
    private mutating func string() -> (String, String) {
        var text = ""
        var spelled = "\""
        for _ in 0..<Int.random(in: 0...6, using: &self) {
            guard let scalar = Self.scalars.randomElement(using: &self) else { continue }
            text.unicodeScalars.append(scalar)
            switch scalar {
            case "\\" where Bool.random(using: &self), "\"" where Bool.random(using: &self):
                spelled += "\\\(scalar)"
            case _ where scalar.value < 0x20 || scalar == "\\" || scalar == "\"" || Bool.random(using: &self):
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16, uppercase: Bool.random(using: &self))
                    spelled += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            default: spelled.unicodeScalars.append(scalar)
            }
        }
        return (text, spelled + "\"")
    }

    private mutating func otherValue(depth: Int) -> String {
        switch Int.random(in: 0..<(depth > 0 ? 6 : 4), using: &self) {
        case 0: "\(Int.random(in: -1_000...1_000, using: &self))"
        case 1: ["0.5", "-0", "1e9", "2E-3", "10.0e+1"].randomElement(using: &self) ?? ""
        case 2: ["true", "false", "null"].randomElement(using: &self) ?? ""
        case 3: ["[]", "{}", "[ ]", "{ }"].randomElement(using: &self) ?? ""
        case 4: "[\(string().1),\(space())\(otherValue(depth: depth - 1))\(space())]"
        default: "{\(space())\(string().1):\(otherValue(depth: depth - 1)),\"\":\(string().1)}"
        }
    }

    private mutating func space() -> String {
        ["", "", "", " ", "\n", "\t\r "].randomElement(using: &self) ?? ""
    }

    /// Changes, removes or repeats a few bytes.
    fileprivate mutating func mutate(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let position = Int.random(in: 0..<bytes.count, using: &self)
        switch Int.random(in: 0..<5, using: &self) {
        case 0: bytes[position] = .random(in: 0...255, using: &self)
        case 1: bytes[position] = Array("\"\\{}[],:0-.eEtn u".utf8).randomElement(using: &self) ?? 0
        case 2: bytes.removeSubrange(position..<min(bytes.count, position + 2))
        case 3: bytes.insert(contentsOf: bytes[position..<min(bytes.count, position + 4)], at: position)
        default: bytes.removeLast(min(bytes.count, 2))
        }
    }
}

/// RFC 8259, rule by rule.
private struct ReferenceParser {
    private var rest: Substring.UnicodeScalarView

    static func accepts(_ bytes: [UInt8]) -> Bool {
        guard let text = String(validating: bytes, as: UTF8.self) else { return false }
        var parser = ReferenceParser(rest: text.unicodeScalars[...])
        _ = parser.take("\u{FEFF}")
        return parser.value() && parser.rest.isEmpty
    }

    /// A value and the white space around it.
    private mutating func value() -> Bool {
        skip(" \n\r\t")
        let isValid =
            switch rest.first {
            case "{": list("}") { $0.member() }
            case "[": list("]") { $0.value() }
            case "\"": string()
            case "t": literal("true")
            case "f": literal("false")
            case "n": literal("null")
            default: number()
            }
        skip(" \n\r\t")
        return isValid
    }

    private mutating func list(_ end: Unicode.Scalar, _ element: (inout ReferenceParser) -> Bool) -> Bool {
        rest.removeFirst()
        skip(" \n\r\t")
        if take(end) { return true }
        repeat {
            guard element(&self) else { return false }
        } while take(",")
        return take(end)
    }

    private mutating func member() -> Bool {
        skip(" \n\r\t")
        guard rest.first == "\"", string() else { return false }
        skip(" \n\r\t")
        return take(":") && value()
    }

    private mutating func string() -> Bool {
        rest.removeFirst()
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\"": return true
            case "\\":
                guard let escape = rest.popFirst(), "\"\\/bfnrtu".unicodeScalars.contains(escape) else { return false }
                if escape == "u" {
                    let digits = rest.prefix(4)
                    guard digits.count == 4, digits.allSatisfy({ $0.isASCII && $0.properties.isHexDigit }) else {
                        return false
                    }
                    rest.removeFirst(4)
                }
            default:
                guard scalar.value >= 0x20 else { return false }
            }
        }
        return false
    }

    private mutating func number() -> Bool {
        _ = take("-")
        guard take("0") || digits() else { return false }
        if take(".") {
            guard digits() else { return false }
        }
        if take("e") || take("E") {
            _ = take("+") || take("-")
            return digits()
        }
        return true
    }

    private mutating func digits() -> Bool {
        let count = rest.count
        skip("0123456789")
        return rest.count < count
    }

    private mutating func literal(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { take($0) }
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard rest.first == scalar else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func skip(_ scalars: String) {
        rest = rest.drop { scalars.unicodeScalars.contains($0) }
    }
}
