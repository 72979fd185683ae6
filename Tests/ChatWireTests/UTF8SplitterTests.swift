import ChatTestSupport
import ChatWire
import Testing

@Suite struct UTF8SplitterTests {
    @Test(arguments: 0..<50)
    func `a text arrives whole, however it is cut`(seed: Int) throws {
        var random = SplitMix64(state: UInt64(seed))
        let text = String((0..<40).map { _ in "aü€👍\n".randomElement(using: &random) ?? " " })
        var bytes = Array(text.utf8)[...]
        var splitter = UTF8Splitter()
        var received = ""
        while !bytes.isEmpty {
            let count = Int.random(in: 1...min(5, bytes.count), using: &random)
            let piece = splitter.append(bytes.prefix(count))
            received += try #require(piece)
            bytes = bytes.dropFirst(count)
        }
        #expect(received == text)
        #expect(!splitter.isIncomplete)
    }

    @Test(arguments: [
        [0x80], [0xC3, 0x28], [0xFF], [0xE2, 0x82, 0x61], [0xED, 0xA0, 0x80], [0x61, 0x80, 0x80, 0x80],
    ])
    func `bytes that are not UTF-8 are found`(bytes: [UInt8]) {
        var splitter = UTF8Splitter()
        let piece = splitter.append(bytes)
        #expect(piece == nil)
    }

    @Test func `the first bytes of a scalar wait`() {
        var splitter = UTF8Splitter()
        let first = splitter.append([0x61, 0xF0, 0x9F])
        #expect(first == "a" && splitter.isIncomplete)
        let next = splitter.append([0x91])
        let last = splitter.append([0x8D, 0x62])
        #expect(next == "" && last == "👍b" && !splitter.isIncomplete)
    }
}
