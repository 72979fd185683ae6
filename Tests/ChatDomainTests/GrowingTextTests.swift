import ChatDomain
import ChatTestSupport
import Testing

@Suite struct GrowingTextTests {
    @Test func `a text is appended at its end`() throws {
        var text = GrowingText("Grüße")
        #expect(text.length == 5)
        #expect(try text.write(" an 👩‍👩‍👧", at: 5))
        #expect(text.text == "Grüße an 👩‍👩‍👧")
        #expect(text.length == 14)
        #expect(text.suffix(from: 9) == "👩‍👩‍👧")
    }

    @Test(arguments: [(2, "llo"), (0, "He"), (5, ""), (1, "ell")])
    func `what is already there is left alone`(offset: Int, repeated: String) throws {
        var text = GrowingText("Hello")
        #expect(try !text.write(repeated, at: offset))
        #expect(text.text == "Hello")
    }

    @Test func `a piece that overlaps the end adds its rest`() throws {
        var text = GrowingText("Hello")
        #expect(try text.write("lo, world", at: 3))
        #expect(text.text == "Hello, world")
    }

    @Test(arguments: [(6, "x"), (3, "x"), (0, "hello")])
    func `another text at the offset is rejected with the length`(offset: Int, piece: String) {
        var text = GrowingText("Hello")
        #expect(throws: AppendRejection.offsetMismatch(length: 5)) { try text.write(piece, at: offset) }
        #expect(text.text == "Hello")
    }

    @Test func `the text has at most 32,768 scalars`() throws {
        var text = GrowingText(String(repeating: "ü", count: 32_767))
        #expect(throws: AppendRejection.tooLong) { try text.write("ab", at: 32_767) }
        #expect(try text.write("a", at: 32_767))
        #expect(text.length == 32_768)
        #expect(throws: AppendRejection.tooLong) { try text.write("b", at: 32_768) }
    }

    @Test func `texts have whole scalars in common`() {
        // ü and ö share their first byte.
        #expect(GrowingText("für").commonLength(with: GrowingText("för")) == 1)
        #expect(GrowingText("für").commonLength(with: GrowingText("fürs")) == 3)
        #expect(GrowingText("").commonLength(with: GrowingText("a")) == 0)
    }

    @Test(arguments: 0..<200)
    func `a writer that loses, repeats and cuts its pieces arrives at its text`(seed: Int) throws {
        var random = SplitMix64(state: UInt64(seed))
        let alphabet = Array("abü€👍\n".unicodeScalars)
        let scalars = (0..<60).map { _ in alphabet.randomElement(using: &random)! }
        func piece(_ range: Range<Int>) -> String {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars[range])
            return String(view)
        }
        var stored = GrowingText()
        var sent = 0
        while stored.length < scalars.count {
            // A server that has lost the end of the text.
            if Int.random(in: 0..<20, using: &random) == 0 {
                stored = GrowingText(piece(0..<Int.random(in: 0...stored.length, using: &random)))
            }
            let start = Int.random(in: max(0, sent - 5)...sent, using: &random)
            let end = Int.random(in: start...min(scalars.count, start + 9), using: &random)
            do throws(AppendRejection) {
                _ = try stored.write(piece(start..<end), at: start)
                // The response may be lost.
                if Bool.random(using: &random) { sent = stored.length }
            } catch .offsetMismatch(let length) {
                #expect(length == stored.length && start > length)
                sent = length
            }
            #expect(stored.text == piece(0..<stored.length))
        }
    }
}
