import ChatClient
import Testing

struct LineBufferTests {
    private func lines(_ chunks: [String]) -> [[String]] {
        var buffer = LineBuffer()
        return chunks.map { chunk in buffer.append(chunk.utf8).map { String(decoding: $0, as: UTF8.self) } }
    }

    @Test func `lines may arrive in any chunks`() {
        #expect(
            lines(["{\"a\":", "1}\n{\"b\"", ":2}\n{\"c\":3}\n{"]) == [[], ["{\"a\":1}"], ["{\"b\":2}", "{\"c\":3}"]]
        )
        let bytes = Array("{\"text\":\"Grüße 👋\"}\n".utf8)
        var buffer = LineBuffer()
        let found = bytes.flatMap { buffer.append([$0]) }
        #expect(found.map { Array($0) } == [bytes.dropLast()])
    }

    @Test func `heartbeats are left out`() {
        #expect(lines(["\n", "\n\n{}\n\n"]) == [[], ["{}"]])
    }
}
