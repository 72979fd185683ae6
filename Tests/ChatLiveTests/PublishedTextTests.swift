import ChatDomain
import ChatLive
import ChatTestSupport
import Testing

/// What a reader of an open message gets next.
struct PublishedTextTests {
    /// A text that follows the reader's rule.
    private struct Reader {
        private(set) var scalars: [Unicode.Scalar]
        private(set) var status: String?
        private(set) var sent: PublishedText.Extent?
        private(set) var pieces: [String] = []

        init(_ text: String = "") {
            scalars = Array(text.unicodeScalars)
        }

        var text: String {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars)
            return String(view)
        }

        mutating func read(_ text: PublishedText) {
            guard let offset = text.offset(after: sent) else { return }
            let piece = text.piece(from: offset)
            #expect(piece.offset == offset)
            #expect(offset <= scalars.count)
            scalars = Array(scalars.prefix(offset)) + Array(piece.text.unicodeScalars)
            status = piece.status
            sent = text.extent
            pieces.append("\(offset) \(piece.text)")
        }
    }

    @Test func `a reader gets the whole text first and then what was added`() throws {
        var text = PublishedText("Grü")
        var reader = Reader()
        reader.read(text)
        #expect(try text.write("ße", at: 3, status: nil))
        #expect(try text.write(" an", at: 5, status: nil))
        reader.read(text)
        #expect(reader.pieces == ["0 Grü"])
        let isNew = text.publish()
        #expect(isNew)
        reader.read(text)
        reader.read(text)
        #expect(reader.pieces == ["0 Grü", "3 ße an"])
        let isNewAgain = text.publish()
        #expect(!isNewAgain)
    }

    @Test func `there is nothing to read of an empty text`() throws {
        var text = PublishedText("")
        #expect(text.offset(after: nil) == nil)
        #expect(try !text.write("", at: 0, status: nil))
        let isNew = text.publish()
        #expect(!isNew)
        #expect(text.offset(after: nil) == nil)
    }

    @Test func `a status stays until it is replaced or the text grows without one`() throws {
        var text = PublishedText("")
        var reader = Reader()
        func write(_ piece: String, _ status: String?) throws -> (Bool, String?) {
            let hasChanged = try text.write(piece, at: text.text.length, status: status)
            let isNew = text.publish()
            #expect(isNew == hasChanged)
            reader.read(text)
            return (hasChanged, reader.status)
        }
        #expect(try write("", "Searching") == (true, "Searching"))
        #expect(try write("", nil) == (false, "Searching"))
        #expect(try write("", "Searching") == (false, "Searching"))
        #expect(try write("a", "Reading") == (true, "Reading"))
        #expect(try write("b", nil) == (true, nil))
        #expect(try write("", nil) == (false, nil))
        #expect(reader.pieces == ["0 ", "0 a", "1 b"])
    }

    @Test func `a rejected write changes nothing`() {
        var text = PublishedText("abc")
        #expect(throws: AppendRejection.offsetMismatch(length: 3)) {
            try text.write("x", at: 1, status: "Searching")
        }
        let isNew = text.publish()
        #expect(!isNew)
    }

    @Test(arguments: [
        ("abcdef", "abc", ["0 abcdef", "3 "]),
        ("abcdef", "abXYZ", ["0 abcdef", "2 XYZ"]),
        ("abcdef", "abcdefgh", ["0 abcdef", "6 gh"]),
        ("abcdef", "", ["0 abcdef", "0 "]),
        ("für", "för", ["0 für", "1 ör"]),
        ("abc", "abc", ["0 abc"]),
    ])
    func `a replaced text is read from where it differs`(_ old: String, _ new: String, _ pieces: [String]) {
        var text = PublishedText(old)
        var reader = Reader()
        reader.read(text)
        text.replace(with: new)
        reader.read(text)
        #expect(reader.pieces.count == 1)
        _ = text.publish()
        reader.read(text)
        #expect(reader.pieces == pieces)
    }

    @Test func `a reader that missed several replacements reads from the first difference`() throws {
        var text = PublishedText("abcdefgh")
        var slow = Reader()
        var fast = Reader()
        slow.read(text)
        fast.read(text)
        for (new, shared) in [("abcdXX", 4), ("abYYYY", 2), ("abYYZ", 4)] {
            text.replace(with: new)
            _ = text.publish()
            fast.read(text)
            #expect(fast.pieces.last?.hasPrefix("\(shared) ") == true)
        }
        slow.read(text)
        #expect(slow.pieces == ["0 abcdefgh", "2 YYZ"])
    }

    @Test func `a reader of text that is not published yet goes back to where a replacement differs`() throws {
        var text = PublishedText("abc")
        _ = try text.write("def", at: 3, status: nil)
        let sent = text.whole
        #expect(sent.length == 6)
        #expect(text.offset(after: sent) == nil)
        text.replace(with: "abcdXY")
        _ = text.publish()
        #expect(text.offset(after: sent) == 4)
        #expect(text.piece(from: 4).text == "XY")
    }

    @Test func `a first reader between a replacement and its publication has what is common`() {
        var text = PublishedText("abcdef")
        text.replace(with: "abXY")
        var reader = Reader()
        reader.read(text)
        _ = text.publish()
        reader.read(text)
        #expect(reader.pieces == ["0 ab", "2 XY"])
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `every reader arrives at the writer's text`(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let alphabet = ["a", "b", "ü", "€", "👍", "\n"]
        func randomText(_ maximum: Int) -> String {
            (0..<Int.random(in: 0...maximum, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "" }
                .joined()
        }
        var text = PublishedText(randomText(10))
        // What a reader has before the first piece does not matter.
        var readers = (0..<5).map { _ in Reader(randomText(20)) }
        for _ in 0..<200 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...3:
                let status = Bool.random(using: &random) ? randomText(2) : nil
                _ = try text.write(randomText(5), at: text.text.length, status: status)
            case 4:
                let common = text.text.text(in: 0..<Int.random(in: 0...text.text.length, using: &random))
                text.replace(with: common + randomText(5))
            case 5, 6:
                _ = text.publish()
            default:
                readers[.random(in: 0..<readers.count, using: &random)].read(text)
            }
        }
        // There is something to read.
        _ = try text.write("end", at: text.text.length, status: "Done")
        _ = text.publish()
        for index in readers.indices {
            readers[index].read(text)
            #expect(readers[index].text == text.text.text)
            #expect(readers[index].status == "Done")
            readers[index].read(text)
            #expect(readers[index].sent == text.extent)
        }
    }
}
