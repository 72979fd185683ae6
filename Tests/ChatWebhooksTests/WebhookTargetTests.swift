import ChatTestSupport
import ChatWebhooks
import Hummingbird
import NIOCore
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5)))
struct WebhookTargetTests {
    /// Longer than a busy machine takes.
    private let patience = Duration.seconds(120)
    private let onlyThisMachine = AddressRules { $0.ipAddress == "127.0.0.1" }

    @Test func `a request goes to the address that was checked, under the host's name`() async throws {
        try await withReceiver { receiver in
            let resolver = FakeResolver([["127.0.0.1"]])
            let url = "http://Receiver.example:\(receiver.port)/path?a=b"
            let target = WebhookTarget(url, onlyThisMachine, resolver, timeout: patience)
            let outcome = await target.post(Array(#"{"a":1}"#.utf8), headers: [("webhook-id", "1.2.3-4")])
            #expect(outcome == .response(WebhookResponse(status: 200)))
            let request = try await receiver.next()
            #expect(request.host?.lowercased() == "receiver.example:\(receiver.port)")
            #expect(request.path == "/path")
            #expect(request.id == "1.2.3-4")
            #expect(request.bytes == Array(#"{"a":1}"#.utf8))
            #expect(resolver.lookups == ["Receiver.example"])
        }
    }

    @Test(arguments: [["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"], ["::1", "127.0.0.1"]])
    func `one address that is refused is enough to send nothing`(addresses: [String]) async throws {
        try await withReceiver { receiver in
            let target = WebhookTarget(
                "http://receiver.example:\(receiver.port)/hook",
                onlyThisMachine,
                FakeResolver([addresses])
            )
            let refused = addresses.first { $0 != "127.0.0.1" } ?? ""
            #expect(await target.post([], headers: []) == .failure(.addressRefused(refused)))
            #expect(receiver.requests.isEmpty)
        }
    }

    @Test func `a name that changes its address is checked again before it is used`() async throws {
        try await withReceiver { receiver in
            // The connection to the first address is in use until a request fails.
            let resolver = FakeResolver([["127.0.0.1"], ["127.0.0.2"]])
            let closed = "http://receiver.example:1/"
            let target = WebhookTarget(closed, onlyThisMachine, resolver)
            guard case .failure(.noResponse) = await target.post([], headers: []) else {
                Issue.record("a closed port accepted a connection")
                return
            }
            #expect(await target.post([], headers: []) == .failure(.addressRefused("127.0.0.2")))

            let open = FakeResolver([["127.0.0.1"], ["127.0.0.2"]])
            let url = "http://receiver.example:\(receiver.port)/hook"
            let other = WebhookTarget(url, onlyThisMachine, open, timeout: patience)
            for _ in 0..<3 {
                #expect(await other.post(Array("{}".utf8), headers: []) == .response(WebhookResponse(status: 200)))
            }
            #expect(open.lookups.count == 1)
        }
    }

    @Test(
        arguments: [
            "http://127.0.0.1:PORT/hook", "http://2130706433:PORT/hook", "http://0x7f.1:PORT/hook",
            "http://127.1:PORT/hook",
            "http://localhost:PORT/hook", "http://[::ffff:127.0.0.1]:PORT/hook", "http://[::1]:PORT/hook",
            "http://0:PORT/hook",
            "http://%31%32%37.0.0.1:PORT/hook", "http://127。0。0。1:PORT/hook", "http://[::1%25lo]:PORT/hook",
            "ftp://127.0.0.1:PORT/hook", "http+unix://127.0.0.1/", "unix:/tmp/socket", "http:///path", "",
        ]
    )
    func `no spelling of a private address gets a request`(url: String) async throws {
        try await withReceiver { receiver in
            let url = url.replacing("PORT", with: String(receiver.port))
            let target = WebhookTarget(url, .publicOnly, SystemResolver())
            let outcome = await target.post(Array("{}".utf8), headers: [])
            switch outcome {
            case .failure(.addressRefused), .failure(.invalidURL), .failure(.nameNotResolved): break
            default: Issue.record("\(outcome)")
            }
            #expect(receiver.requests.isEmpty)
        }
    }

    @Test func `a redirect is not followed`() async throws {
        try await withReceiver { _ in
            var response = Response(.temporaryRedirect)
            response.headers[.location] = "/elsewhere"
            return response
        } _: { receiver in
            let target = WebhookTarget(receiver.url, .any, SystemResolver(), timeout: patience)
            let outcome = await target.post(Array("{}".utf8), headers: [])
            #expect(outcome == .response(WebhookResponse(status: 307)))
            #expect(receiver.requests.map(\.path) == ["/hook"])
        }
    }

    @Test func `a long body is not read`() async throws {
        try await withReceiver { _ in
            Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(repeating: 0x20, count: 1 << 26)))
        } _: { receiver in
            let target = WebhookTarget(receiver.url, .any, SystemResolver(), timeout: patience)
            #expect(await target.post(Array("{}".utf8), headers: []) == .response(WebhookResponse(status: 200)))
        }
    }

    @Test(arguments: ["000", "001", "099"])
    func `a status below 100 is no response`(status: String) async throws {
        try await withRawServer(answering: "HTTP/1.1 \(status) X\r\nContent-Length: 0\r\n\r\n") { port in
            let target = WebhookTarget("http://127.0.0.1:\(port)/", .any, SystemResolver(), timeout: patience)
            let outcome = await target.post([], headers: [])
            #expect(outcome == .failure(.noResponse("the response is not HTTP")))
        }
    }

    @Test func `the status is known before the body ends`() async throws {
        try await withRawServer(answering: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n") { port in
            let target = WebhookTarget("http://127.0.0.1:\(port)/", .any, SystemResolver(), timeout: patience)
            #expect(await target.post([], headers: []) == .response(WebhookResponse(status: 200)))
        }
    }

    @Test func `a refused connection is described for operators`() async throws {
        let target = WebhookTarget("http://127.0.0.1:1/", .any, SystemResolver(), timeout: patience)
        #expect(await target.post([], headers: []) == .failure(.noResponse("the connection was refused")))
    }

    @Test func `a receiver that never responds is given up`() async throws {
        try await withSilentServer { port in
            let target = WebhookTarget(
                "http://127.0.0.1:\(port)/",
                .any,
                SystemResolver(),
                timeout: .milliseconds(50)
            )
            #expect(await target.post([], headers: []) == .failure(.timedOut))
        }
    }

    @Test func `after a failure, the next address is tried`() async throws {
        try await withReceiver { receiver in
            let resolver = FakeResolver([["127.0.0.2", "127.0.0.1"]])
            let url = "http://receiver.example:\(receiver.port)/hook"
            let target = WebhookTarget(url, .any, resolver, timeout: patience)
            guard case .failure(.noResponse) = await target.post([], headers: []) else {
                Issue.record("nobody listens there")
                return
            }
            #expect(await target.post(Array("{}".utf8), headers: []) == .response(WebhookResponse(status: 200)))
        }
    }

    @Test func `requests at the same time share one lookup`() async throws {
        try await withReceiver { receiver in
            let resolver = FakeResolver([["127.0.0.1"]])
            let url = "http://receiver.example:\(receiver.port)/hook"
            let target = WebhookTarget(url, .any, resolver, timeout: patience)
            await withTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask {
                        let outcome = await target.post(Array("{}".utf8), headers: [])
                        #expect(outcome == .response(WebhookResponse(status: 200)))
                    }
                }
            }
            #expect(resolver.lookups.count == 1)
        }
    }
}

/// Gives a list of answers, the last of them again and again.
final class FakeResolver: AddressResolver {
    private let state: Mutex<(answers: [[String]], lookups: [String])>

    init(_ answers: [[String]]) {
        state = Mutex((answers, []))
    }

    /// The hosts that were asked for.
    var lookups: [String] {
        state.withLock { $0.lookups }
    }

    func addresses(of host: String, port: Int) async throws(WebhookTarget.Problem) -> [SocketAddress] {
        let answer = state.withLock { state in
            state.lookups.append(host)
            return state.answers.count > 1 ? state.answers.removeFirst() : state.answers[0]
        }
        do {
            return try answer.map { try SocketAddress(ipAddress: $0, port: port) }
        } catch {
            throw .nameNotResolved("\(error)")
        }
    }
}
