import ChatDomain
import Testing

@Suite struct TextTests {
    @Test(arguments: ["a", "  a\t\n", "\u{A0}a\u{2003}\u{3000}", "\u{85}a\u{2028}", "\r\na\r\n"])
    func `Unicode white space is trimmed`(_ text: String) throws {
        #expect(try ChatTitle(text).value == "a")
    }

    @Test func `a zero-width space is not white space`() throws {
        #expect(try ChatTitle("\u{200B}a\u{200B}").value == "\u{200B}a\u{200B}")
    }

    @Test func `white space inside a text is kept`() throws {
        #expect(try MessageText(" a \n\t b ").value == "a \n\t b")
    }

    @Test func `a combining mark at the end is kept`() throws {
        #expect(try ChatTitle(" e\u{301} ").value.unicodeScalars.count == 2)
    }

    @Test(arguments: ["", " ", "\u{A0}\u{2028}\u{85}"])
    func `a text of nothing but white space is too short`(_ text: String) {
        #expect(throws: TextViolation.tooShort(minimum: 1)) { try ChatTitle(text) }
        #expect(throws: TextViolation.tooShort(minimum: 1)) { try MessageText(text) }
    }

    @Test func `the length is counted in Unicode scalars after trimming`() throws {
        let hundredThumbs = String(repeating: "\u{1F44D}\u{1F3FD}", count: 100)
        #expect(try ChatTitle("  " + hundredThumbs + "  ").value == hundredThumbs)
        #expect(throws: TextViolation.tooLong(maximum: 200)) { try ChatTitle(hundredThumbs + "a") }
        #expect(try MessageText(String(repeating: "é", count: 5_000)).value.unicodeScalars.count == 5_000)
        #expect(throws: TextViolation.tooLong(maximum: 5_000)) { try MessageText(String(repeating: "é", count: 5_001)) }
    }

    @Test func `the NUL character is rejected`() {
        #expect(throws: TextViolation.containsNull) { try MessageText("a\0b") }
        #expect(throws: TextViolation.containsNull) { try ChatTitle("\0") }
    }
}
