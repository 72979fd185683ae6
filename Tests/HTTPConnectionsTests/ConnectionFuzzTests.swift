import ChatTestSupport
import HTTPConnections
import NIOCore
import Testing

/// Requests in any mix, split anywhere, get the same responses as each alone.
@Suite(.timeLimit(.minutes(5)))
struct ConnectionFuzzTests {
    private struct Sample {
        let text: String
        /// Whether requests after it get no response.
        let isLast: Bool

        var isHead: Bool { text.hasPrefix("HEAD") }
    }

    private static let limits: HTTPLimits = {
        var limits = HTTPLimits()
        limits.maximumBodyBytes = 5_000
        return limits
    }()

    private static let tiny = String(repeating: "1\r\nx\r\n", count: 5_000)

    private static let good = [
        "GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /empty HTTP/1.1\r\nhOST: a\r\nConnection: keep-alive\r\n\r\n",
        "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/bytes/9 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /bytes/40000 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /bytes/1 HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "y", count: 6_000))\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 27\r\n\r\nGET /health HTTP/1.1\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n\(String(repeating: "z", count: 5_000))",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nTrailer: t\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n\(String(repeating: "z", count: 20_000))",
        "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: t\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(tiny)0\r\n\r\n",
    ]

    private static let last = [
        "GET /health HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n",
        "GET /health HTTP/1.0\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n",
        "BREW /health HTTP/1.1\r\nHost: a\r\n\r\n",
        "\0\u{1}\u{2}\r\n\r\n",
        "GET /health HTTP/7.1\r\nHost: a\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "y", count: 17_000))\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5001\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(tiny)zz\r\n",
        "POST /upload HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1389\r\n\(String(repeating: "z", count: 5_001))",
    ]

    private func sample(_ random: inout SplitMix64) -> Sample {
        let isLast = Int.random(in: 0..<8, using: &random) == 0
        let texts = isLast ? Self.last : Self.good
        return Sample(text: texts.randomElement(using: &random) ?? "", isLast: isLast)
    }

    @Test(arguments: 0..<60)
    func `a pipelined request is answered as if it were alone`(_ seed: Int) async throws {
        var random = SplitMix64(state: UInt64(seed))
        var samples: [Sample] = []
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            samples.append(sample(&random))
        }
        let cuts = (0..<Int.random(in: 0...20, using: &random)).map { _ in random.next() }
        let finishes = Bool.random(using: &random)
        try await ConnectionServer.run(limits: Self.limits) { client in
            let answered = samples.prefix { !$0.isLast } + samples.drop { !$0.isLast }.prefix(1)
            var expected: [WireResponse] = []
            for sample in answered {
                let alone = try await client.exchange(Array(sample.text.utf8), halfClose: true)
                expected += try WireResponse.all(in: alone) { _ in sample.isHead }
            }
            #expect(expected.count == answered.count)
            var bytes = Array(samples.map(\.text).joined().utf8)
            if samples.contains(where: \.isLast) {
                if !finishes { bytes += Array("GET /health HTTP/1.1\r\nHost: a\r\n\r\n".utf8) }
            } else {
                // Part of one more request.
                bytes += Array("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab".utf8).prefix(
                    Int(random.next() % 55)
                )
            }
            let places = Set(cuts.map { Int($0 % UInt64(bytes.count)) }).sorted() + [bytes.count]
            let received = try await client.withConnection { inbound, outbound in
                var start = 0
                for place in places {
                    // The server may have closed the connection.
                    try? await outbound.write(ByteBuffer(bytes: bytes[start..<place]))
                    start = place
                    await Task.yield()
                }
                if finishes || !samples.contains(where: \.isLast) { outbound.finish() }
                return try await inbound.readToEnd()
            }
            let responses = try WireResponse.all(in: received) { answered.indices.contains($0) && answered[$0].isHead }
            let isEqual = responses.map(\.comparable) == expected.map(\.comparable)
            #expect(isEqual, "\(responses.map(\.status)) instead of \(expected.map(\.status))")
        }
    }
}

extension WireResponse {
    /// Without the fields that vary.
    fileprivate var comparable: WireResponse {
        WireResponse(status: status, fields: fields.filter { $0.key != "date" }, body: body)
    }
}
