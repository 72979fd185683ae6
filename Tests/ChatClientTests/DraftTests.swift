import ChatClient
import ChatTestSupport
import Testing

struct DraftTests {
    /// A server's text, by the writer's rule.
    private struct Server {
        var text: [Unicode.Scalar] = []
        var stored = 0

        /// Returns the length that a rejection names; nil if the piece is there now.
        mutating func append(_ piece: Draft.Piece) -> Int? {
            guard piece.at <= text.count else { return text.count }
            let existing = text[piece.at...]
            let sent = Array(piece.text.unicodeScalars)
            guard sent.starts(with: existing) || existing.starts(with: sent) else { return text.count }
            if sent.count > existing.count { text = text.prefix(piece.at) + sent }
            return nil
        }

        mutating func restart() {
            text = Array(text[..<stored])
        }
    }

    private func scalars(_ text: String) -> [Unicode.Scalar] {
        Array(text.unicodeScalars)
    }

    @Test func `what is written before a request is one piece`() {
        var draft = Draft()
        for text in ["It ", "is ", "😀"] { draft.write(text, status: nil) }
        let piece = draft.next()
        #expect(piece.at == 0 && piece.text == "It is 😀")
        draft.write("!", status: nil)
        draft.acknowledge(piece, length: 7, stored: 0)
        #expect(draft.next().at == 7 && draft.next().text == "!")
    }

    @Test func `long texts are cut into pieces`() {
        var draft = Draft()
        draft.write(String(repeating: "😀", count: Draft.longestPiece + 1), status: nil)
        let piece = draft.next()
        #expect(piece.text.unicodeScalars.count == Draft.longestPiece)
        draft.acknowledge(piece, length: Draft.longestPiece, stored: 0)
        #expect(draft.next().text == "😀")
    }

    @Test func `a status is sent once, and the next text clears it`() {
        var draft = Draft()
        draft.write("", status: "Searching")
        #expect(draft.hasNews && !draft.hasUnsentText)
        draft.acknowledge(draft.next(), length: 0, stored: 0)
        #expect(!draft.hasNews)
        draft.write("", status: nil)
        #expect(draft.next().status == "Searching")
        draft.write("Found", status: nil)
        #expect(draft.next().status == nil)
    }

    @Test func `a text counts as stored only if the server has stored exactly this one`() {
        var draft = Draft()
        #expect(!draft.isStored)
        draft.write("Rain", status: nil)
        draft.acknowledge(draft.next(), length: 4, stored: 3)
        #expect(!draft.isStored && draft.isAcknowledged)
        draft.acknowledge(draft.next(), length: 4, stored: 4)
        #expect(draft.isStored)
        draft.write("y", status: nil)
        #expect(!draft.isStored)
        // An earlier writer has written more.
        draft.acknowledge(draft.next(), length: 9, stored: 9)
        #expect(!draft.isStored)
    }

    @Test func `nothing is appended to another text`() {
        var server = Server(text: scalars("The first"))
        var draft = Draft()
        draft.write("The second", status: nil)
        let piece = draft.next()
        draft.reject(piece, length: server.append(piece) ?? -1)
        #expect(!draft.hasUnsentText && !draft.isAcknowledged)
        #expect(draft.next().at == 0 && draft.next().text.isEmpty)
        #expect(server.append(draft.next()) == nil)
        draft.acknowledge(draft.next(), length: 9, stored: 9)
        #expect(!draft.isStored && draft.text == "The second")
    }

    @Test(arguments: 1...50 as ClosedRange<UInt64>)
    func `the server ends with the text, whatever gets lost`(seed: UInt64) {
        var random = SplitMix64(state: seed)
        var server = Server()
        var draft = Draft()
        var written = ""
        for _ in 0..<200 {
            let count = Int.random(in: 0...3, using: &random)
            let text = String((0..<count).map { _ in "aab😀".randomElement(using: &random) ?? "a" })
            draft.write(text, status: nil)
            written += text
            if Int.random(in: 0..<10, using: &random) == 0 { server.stored = server.text.count }
            if Int.random(in: 0..<10, using: &random) == 0 { server.restart() }
            let piece = draft.next()
            // The request gets lost, or arrives twice, or its response gets lost.
            if Int.random(in: 0..<5, using: &random) == 0 { continue }
            if Int.random(in: 0..<5, using: &random) == 0 { _ = server.append(piece) }
            let rejection = server.append(piece)
            if Int.random(in: 0..<5, using: &random) == 0 { continue }
            if let rejection {
                draft.reject(piece, length: rejection)
            } else {
                draft.acknowledge(piece, length: server.text.count, stored: server.stored)
            }
        }
        while draft.hasUnsentText || scalars(draft.text) != server.text {
            let piece = draft.next()
            if let rejection = server.append(piece) {
                draft.reject(piece, length: rejection)
            } else {
                draft.acknowledge(piece, length: server.text.count, stored: server.stored)
            }
        }
        #expect(draft.text == written && server.text == scalars(written))
    }
}
