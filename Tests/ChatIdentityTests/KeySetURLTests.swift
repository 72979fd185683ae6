import ChatIdentity
import ChatTestSupport
import FoundationEssentials
import Hummingbird
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct KeySetURLTests {
    private let clock = TestClock()
    private let events = Recorder<KeySourceEvent>()

    @Test func `the keys of the set verify tokens`() async throws {
        let token = try await TestClaims().signed(with: TestKeys.secret, kid: "1")
        try await withKeySetServer(try set("1")) { provider, address in
            let verifier = verifier()
            let keySet = try KeySetURL(#require(KeySetAddress(address)), verifier, report: events.append)
            await keySet.refresh()
            _ = try await verifier.verify(token)
            #expect(events.all == [.replaced(source: address, count: 1)])
            #expect(provider.requests == 1)
        }
    }

    @Test func `the set is fetched at most once in the interval, however many wait for it`() async throws {
        try await withKeySetServer(try set("1")) { provider, address in
            let verifier = verifier()
            let keySet = try KeySetURL(#require(KeySetAddress(address)), verifier, report: events.append)
            await withTaskGroup { group in
                for _ in 0..<20 {
                    group.addTask {
                        await keySet.refresh()
                        #expect(verifier.hasKeys)
                    }
                }
            }
            #expect(provider.requests == 1)
            provider.answer(try Answer(set("2")))
            await keySet.refresh()
            #expect(provider.requests == 1)
            await keySet.refresh(unlessWithin: .zero)
            #expect(provider.requests == 2)
            let old = try await TestClaims().signed(kid: "1")
            await #expect(throws: CredentialError.tokenInvalid(.unknownKey)) { try await verifier.verify(old) }
            _ = try await verifier.verify(TestClaims().signed(kid: "2"))
        }
    }

    @Test func `an unchanged set replaces no keys`() async throws {
        try await withKeySetServer(try set("1")) { provider, address in
            let verifier = verifier()
            let keySet = try KeySetURL(#require(KeySetAddress(address)), verifier, report: events.append)
            await keySet.refresh()
            _ = try await verifier.verify(TestClaims().signed(kid: "1"))
            await keySet.refresh(unlessWithin: .zero)
            #expect(provider.requests == 2)
            #expect(events.all.count == 1)
        }
    }

    @Test(arguments: [
        (Answer("{}", .notFound), "the response has the status 404"),
        (Answer("", .found, location: "/other"), "the response has the status 302"),
        (Answer("<html>"), "this is not a JWK set, a JSON object with a list \"keys\""),
        (Answer(#"{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}"#), "key 1 of the JWK set is too short"),
        (Answer(#"{"keys":[]}"#), "the JWK set has no key for signatures"),
        (Answer(String(repeating: " ", count: 1 << 20 + 1)), "the response is larger than 1048576 bytes"),
    ])
    func `after a bad response, the last good keys stay in use`(_ answer: Answer, _ reason: String) async throws {
        let token = try await TestClaims().signed(kid: "1")
        try await withKeySetServer(try set("1")) { provider, address in
            let verifier = verifier()
            let keySet = try KeySetURL(#require(KeySetAddress(address)), verifier, report: events.append)
            await keySet.refresh()
            provider.answer(answer)
            await keySet.refresh(unlessWithin: .zero)
            await keySet.refresh(unlessWithin: .zero)
            #expect(provider.requests == 3)
            _ = try await verifier.verify(token)
            guard events.all.count == 2, case .failed(let error) = events.all[1] else {
                Issue.record("\(events.all)")
                return
            }
            #expect(error.description.hasPrefix("cannot use the keys in \(address): \(reason)"))
        }
    }

    @Test func `unusable keys of a provider are skipped`() async throws {
        let keys = [["kty": "oct", "k": "c2hvcnQ"], TestKeys.jwk(secret: Data(TestKeys.secret.utf8))]
        let set = try String(decoding: TestKeys.set(keys), as: UTF8.self)
        try await withKeySetServer(set) { _, address in
            let verifier = verifier()
            try await KeySetURL(#require(KeySetAddress(address)), verifier, report: events.append).refresh()
            _ = try await verifier.verify(TestClaims().signed())
        }
    }

    @Test(arguments: [
        ("https://id.example/jwks.json?tenant=1", "https://id.example/jwks.json"),
        ("https://id.example", "https://id.example"), ("http://localhost:8080/keys", "http://localhost:8080/keys"),
        ("http://127.0.0.1/", "http://127.0.0.1/"), ("http://[::1]:1/k", "http://[::1]:1/k"),
    ])
    func `an address is shown without its query`(_ text: String, _ description: String) {
        #expect(KeySetAddress(text)?.description == description)
    }

    @Test(arguments: [
        "http://id.example/jwks.json", "https://user:password@id.example/", "https://", "file:///etc/passwd", "",
        "http://localhost.example/", "https://id.example/a b", "https://id.example#x", "ftp://localhost/",
    ])
    func `other addresses are rejected`(_ text: String) {
        #expect(KeySetAddress(text) == nil)
    }

    private func verifier() -> TokenVerifier {
        TokenVerifier { [clock] in clock.now }
    }

    private func set(_ id: String) throws -> String {
        let key = TestKeys.jwk(secret: Data(TestKeys.secret.utf8), ["kid": id])
        return String(decoding: try TestKeys.set([key]), as: UTF8.self)
    }
}

/// A response of the provider.
struct Answer: Sendable {
    let body: String
    let status: HTTPResponse.Status
    let location: String?

    init(_ body: String, _ status: HTTPResponse.Status = .ok, location: String? = nil) {
        self.body = body
        self.status = status
        self.location = location
    }
}

/// An identity provider on this machine.
private final class Provider: Sendable {
    private let state: Mutex<(answer: Answer, requests: Int)>

    init(_ answer: Answer) {
        state = Mutex((answer, 0))
    }

    var requests: Int {
        state.withLock { $0.requests }
    }

    func answer(_ answer: Answer) {
        state.withLock { $0.answer = answer }
    }

    func respond() -> Response {
        let answer = state.withLock { state in
            state.requests += 1
            return state.answer
        }
        var response = Response(status: answer.status, body: ResponseBody(byteBuffer: ByteBuffer(string: answer.body)))
        response.headers[.location] = answer.location
        return response
    }
}

private func withKeySetServer(_ set: String, _ body: (Provider, String) async throws -> Void) async throws {
    let provider = Provider(Answer(set))
    try await withApplication { logger, onServerRunning in
        let router = Router()
        router.get("/jwks.json") { _, _ in provider.respond() }
        return Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { onServerRunning($0) },
            logger: logger
        )
    } _: { client, _ in
        try await body(provider, "http://127.0.0.1:\(client.port)/jwks.json")
    }
}
