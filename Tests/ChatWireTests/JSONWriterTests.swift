import ChatDomain
import ChatWire
import Foundation
import Testing

@Suite struct JSONWriterTests {
    private func written(_ write: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        write(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func `members and elements are separated and keep their order`() {
        let text = written { writer in
            writer.object { writer in
                writer.member("b", 1)
                writer.member("a", [1, 2, 3])
                writer.member("empty") { $0.object { _ in } }
                writer.member("none", [] as [Int])
                writer.member("null", nil as Int?)
                writer.member("missing", ifPresent: nil as Int?)
                writer.member("objects") { writer in
                    writer.array(["x", "y"]) { writer, text in
                        writer.object { $0.member("text", text) }
                    }
                }
            }
        }
        #expect(
            text == #"{"b":1,"a":[1,2,3],"empty":{},"none":[],"null":null,"objects":[{"text":"x"},{"text":"y"}]}"#
        )
    }

    @Test func `only what must be escaped is escaped`() {
        let text = "\"\\/\n\r\t\u{8}\u{c}\u{0}\u{1}\u{1f}\u{7f}é👋🏽\u{2028}</script>"
        let expected = #""\"\\/\n\r\t\b\f\u0000\u0001\u001f"# + "\u{7f}é👋🏽\u{2028}</script>\""
        #expect(written { $0.value(text) } == expected)
    }

    @Test func `every scalar survives Foundation's parser`() throws {
        let scalars = (0...0xFFFF).compactMap { Unicode.Scalar(UInt32($0)) } + ["👋" as Unicode.Scalar]
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        let json = written { $0.value(String(text)) }
        let parsed = try JSONDecoder().decode(String.self, from: Data(json.utf8))
        #expect(Array(parsed.unicodeScalars) == scalars)
    }

    @Test(arguments: [0, 9, 10, -1, 1_234_567_890, 9_007_199_254_740_991, .max, .min] as [Int64])
    func `integers are written in decimal`(_ number: Int64) {
        #expect(written { $0.value(number) } == String(number))
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
        (1_709_251_199_123_456, "2024-02-29T23:59:59.123456Z"),
        (4_107_542_399_999_999, "2100-02-28T23:59:59.999999Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ])
    func `instants are written with microseconds`(_ microseconds: Int64, _ text: String) {
        #expect(written { $0.value(Instant(microsecondsSinceEpoch: microseconds)) } == "\"\(text)\"")
    }

    @Test func `dates agree with Foundation's over four centuries`() {
        let formatter = ISO8601DateFormatter()
        for day in stride(from: -80_000, through: 80_000, by: 17) {
            let seconds = Int64(day) * 86_400 + 45_296
            let expected = formatter.string(from: Date(timeIntervalSince1970: Double(seconds))).dropLast()
            let text = written { $0.value(Instant(microsecondsSinceEpoch: seconds * 1_000_000)) }
            #expect(text == "\"\(expected).000000Z\"")
        }
    }
}
