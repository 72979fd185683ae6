import ChatDomain
import Testing

@Suite struct StreamWriterTests {
    private let start = Instant(microsecondsSinceEpoch: 0)

    @Test func `a writer lapses when its lease is over`() {
        let writer = StreamWriter(ttl: MessageTTL(seconds: 5), expiresAt: start.advanced(by: .seconds(5)))
        #expect(writer.lapse(at: start.advanced(by: .milliseconds(4_999))) == nil)
        #expect(writer.lapse(at: start.advanced(by: .seconds(5))) == StreamEnd(.failed, reason: .abandoned))
    }

    @Test func `a writer that was asked to stop has five seconds`() {
        var writer = StreamWriter(ttl: .standard, expiresAt: start.advanced(by: .seconds(60)))
        writer.cancelledAt = start
        #expect(writer.lapse(at: start.advanced(by: .milliseconds(4_999))) == nil)
        #expect(writer.lapse(at: start.advanced(by: .seconds(5))) == StreamEnd(.cancelled))
    }
}
