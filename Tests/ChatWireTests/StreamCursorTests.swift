import ChatDomain
import ChatTestSupport
import ChatWire
import Testing

struct StreamCursorTests {
    private func cursor(_ positions: [Int64: Int64], newest: Int64? = nil) -> StreamCursor {
        StreamCursor(
            positions.map { (ChatID(rawValue: $0), Position(rawValue: $1)) },
            in: 0x0000_7f3c,
            newest: newest.map(ChatID.init(rawValue:))
        )
    }

    @Test func `a cursor is read as it was written`() throws {
        var random = SplitMix64(state: 1)
        var samples: [[Int64: Int64]] = [[:], [1: 0], [1: 0, 2: 0], [.max: .max], [1: .max, .max: 0], [7: 3, 5: 9]]
        for _ in 0..<100 {
            let count = Int.random(in: 1...500, using: &random)
            let chats = (0..<count).map { _ in Int64.random(in: 1...1_000_000, using: &random) }
            samples.append(
                Dictionary(
                    chats.map { ($0, Int64.random(in: 0...1_000_000, using: &random)) },
                    uniquingKeysWith: { $1 }
                )
            )
        }
        for sample in samples {
            let token = cursor(sample).token
            let read = try #require(StreamCursor(token: token))
            #expect(read == cursor(sample))
            #expect(read.positions.map(\.chatID.rawValue) == sample.keys.sorted())
            #expect(token.wholeMatch(of: /00007f3c\.[0-9a-z-]+/) != nil)
            let partial = cursor(sample, newest: 77)
            #expect(StreamCursor(token: partial.token) == partial)
            #expect(partial.newest == 77)
        }
    }

    @Test func `a token for 500 chats fits into a header field`() {
        let chats = (1...500 as ClosedRange<Int64>).map { ($0 * 1_000_003, $0 * 100_003) }
        #expect(cursor(Dictionary(uniqueKeysWithValues: chats)).token.utf8.count < 8 * 1_024)
    }

    @Test func `a token that no stream has issued is invalid`() {
        let token = cursor([1: 5, 2: 0, 40: 1_000]).token
        for index in token.indices {
            for replacement in ["0", "1", "z", "-", "", "+", "é", "\0"] where replacement != String(token[index]) {
                let tampered = token[..<index] + replacement + token[token.index(after: index)...]
                #expect(StreamCursor(token: String(tampered)) == nil, "\(tampered)")
            }
            #expect(StreamCursor(token: String(token[..<index])) == nil)
            #expect(StreamCursor(token: String(token[index...].dropFirst())) == nil)
        }
        for text in ["", "-", "1", "1-0-", "1-0-0", "0", "99999999999999999999-1-"] {
            #expect(StreamCursor(token: text) == nil, "\(text)")
        }
    }
}
