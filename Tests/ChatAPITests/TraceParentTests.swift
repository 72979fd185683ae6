import ChatAPI
import ChatDomain
import ChatTestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct TraceParentTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"

    @Test(arguments: [
        "00-\(trace)-b7ad6b7169203331-01", "00-\(trace)-b7ad6b7169203331-00", "01-\(trace)-b7ad6b7169203331-01",
        "cc-\(trace)-b7ad6b7169203331-01-what-the-future-will-be-like",
    ])
    func `a valid header names the trace`(_ text: String) {
        #expect(TraceParent(text)?.traceID == Self.trace)
    }

    @Test(arguments: [
        "", "00", "00-\(trace)", "00-\(trace)-b7ad6b7169203331", "00-\(trace)-b7ad6b7169203331-",
        // Version 00 has four fields; ff is no version.
        "00-\(trace)-b7ad6b7169203331-01-more", "00-\(trace)-b7ad6b7169203331-01-", "ff-\(trace)-b7ad6b7169203331-01",
        "0-\(trace)-b7ad6b7169203331-01", "cc-\(trace)-b7ad6b7169203331-01more",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-\(trace)-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", "00-\(trace)-b7ad6b716920333g-01",
        "00-\(trace)0-b7ad6b7169203331-01", "00-\(trace)-b7ad6b7169203331-1", " 00-\(trace)-b7ad6b7169203331-01",
        "00_\(trace)_b7ad6b7169203331_01", "00-\(trace)-b7ad6b7169203331-01, 00-\(trace)-b7ad6b7169203331-01",
        "00-０af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
    ])
    func `any other header is ignored`(_ text: String) {
        #expect(TraceParent(text) == nil)
    }

    @Test func `a request that another one causes has a span of its own, and is sampled like it`() throws {
        for (flags, passed) in [("01", "01"), ("00", "00"), ("ff", "01"), ("fe", "00")] {
            let trace = try #require(TraceParent("00-\(Self.trace)-b7ad6b7169203331-\(flags)"))
            #expect(trace.child(spanID: 0xab) == "00-\(Self.trace)-00000000000000ab-\(passed)")
            #expect(trace.child() != trace.child())
        }
    }

    @Test func `the lines of a request name its trace, those of errors too`() async throws {
        let log = LogCapture()
        let header = "00-\(Self.trace)-b7ad6b7169203331-01"
        try await withServer(InterceptedStore(failingWith: .failed(reason: "disk on fire")), log: log) { client in
            _ = try await client.send("GET", "/chats/1", headers: ["traceparent": header])
            _ = try await client.send("GET", "/chats/2", headers: ["traceparent": header + "-"])
        }
        let lines = log.lines.filter { $0.metadata["hb.request.id"] != nil }
        let traced = lines.filter { $0.metadata["trace_id"] == Self.trace }
        #expect(traced.contains { $0.message == "Request" && $0.metadata["path"] == "/chats/1" })
        #expect(traced.contains { $0.metadata["reason"]?.contains("disk on fire") == true })
        #expect(!traced.contains { $0.metadata["path"] == "/chats/2" })
        #expect(lines.contains { $0.metadata["path"] == "/chats/2" && $0.metadata["trace_id"] == nil })
    }
}
