import ChatWire
import Foundation
import Testing

@Suite struct JSONValueTests {
    private func parse(_ text: String) throws(JSONSyntaxError) -> JSONValue {
        try JSONValue(parsing: Array(text.utf8))
    }

    @Test(arguments: [
        "null", "true", "false", "0", "-0", "10", "-1.5e+10", "1E5", "0.0", "\"\"", "\"\\u00e9\\n\\/\"", "[]", "{}",
        " [ 1 , [ ] , { \"a\" : [ true ] } ] \n", "{\"a\":{\"b\":{\"c\":[{}]}}}", "[[],[[]],[1,2]]",
        "{\"a\":1,\"a\":2,\"\":3}", "\u{FEFF}{}",
    ])
    func `valid texts are accepted`(_ text: String) throws {
        _ = try parse(text)
    }

    @Test(arguments: [
        "", " ", "nul", "truex", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "NaN", "Infinity", "\"", "\"\\x\"",
        "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"", "[", "]", "[1", "[1,", "[1,]", "[,]", "[1 2]", "{", "{\"a\"", "{\"a\":",
        "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{]", "[}", "{} {}", "[] x", "'a'", "//",
    ])
    func `invalid texts are rejected`(_ text: String) {
        #expect(throws: JSONSyntaxError.self) { try parse(text) }
    }

    @Test(
        arguments: [[0xFF, 0xFE], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xF5, 0x22]]
            as [[UInt8]]
    )
    func `invalid UTF-8 is rejected`(_ bytes: [UInt8]) {
        #expect(throws: JSONSyntaxError(offset: 0, reason: "Invalid UTF-8")) { try JSONValue(parsing: bytes) }
    }

    @Test func `every proper prefix of a text is rejected`() {
        let text = #"{"a":[1.5e3,true,null,"x\u00e9\n"],"b":{"c":[[],{}]}}"#
        for length in 0..<text.utf8.count {
            #expect(throws: JSONSyntaxError.self) { try parse(String(text.prefix(length))) }
        }
    }

    @Test func `errors give their offset`() {
        #expect(throws: JSONSyntaxError(offset: 7, reason: "Expecting value")) { try parse("{\"a\": [}") }
        #expect(throws: JSONSyntaxError(offset: 3, reason: "Extra data")) { try parse("{} x") }
    }

    @Test func `the depth is limited without recursion`() throws {
        let deep = { String(repeating: "[", count: $0) + String(repeating: "]", count: $0) }
        _ = try parse(deep(512))
        #expect(throws: JSONSyntaxError.self) { try parse(deep(513)) }
        _ = try parse("{\"a\":\(deep(511))}")
        #expect(throws: JSONSyntaxError.self) { try parse("{\"a\":\(deep(512))}") }
        #expect(throws: JSONSyntaxError.self) { try parse(String(repeating: "{\"a\":", count: 1_000_000)) }
    }

    @Test func `the last member with a repeated name wins`() throws {
        let value = try parse(#" {"a":"first","b":{"a":"inner"},"\u0061":"last","A":"other"} "#)
        #expect(try value.member("a")?.string() == "last")
        #expect(try value.member("A")?.string() == "other")
        #expect(value.member("c") == nil)
        #expect(try parse("[]").member("a") == nil)
    }

    @Test(arguments: [
        (#""plain é 👋""#, "plain é 👋"),
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (#""\u0041\u00e9\u2028""#, "Aé\u{2028}"),
        (#""\ud83d\udc4b\uD83C\uDFFD""#, "👋🏽"),
        (#""\u0000""#, "\0"),
        (#""a\\u0041""#, #"a\u0041"#),
    ])
    func `escapes are decoded`(_ text: String, _ expected: String) throws {
        #expect(try parse(text).string() == expected)
    }

    @Test(arguments: [
        #""\ud800""#, #""\udc00""#, #""\ud800x""#, #""\ud800\n""#, #""\ud800\ud800""#, #""\udc00\ud800""#,
    ])
    func `half a surrogate pair is not a string`(_ text: String) throws {
        let value = try parse(text)
        #expect(throws: JSONStringError.loneSurrogate) { try value.string() }
    }

    @Test func `a value that is not a string has no text`() throws {
        #expect(try parse("5").string() == nil)
        #expect(try parse("null").string() == nil)
        #expect(try parse("[\"a\"]").string() == nil)
    }
}
