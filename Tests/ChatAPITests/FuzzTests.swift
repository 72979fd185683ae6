import ChatTestSupport
import Testing

/// Random bytes, truncated or mutated requests and mutated JSON: no 5xx, no crash, and the server keeps working.
///
/// The seeds are fixed, so that failures are reproducible.
@Suite(.timeLimit(.minutes(5)))
struct FuzzTests {
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `the server survives random bytes and mutated requests`(_ seed: UInt64) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            var random = SplitMix64(state: seed)
            for _ in 0..<150 {
                var request = Self.request(body: Self.bodies.randomElement(using: &random) ?? "")
                random.mutate(&request)
                let answer = try await client.exchange(request, halfClose: true)
                expectNoServerError(answer, to: request)
            }
            try await expectAlive(client)
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `mutated JSON either creates a chat or is rejected`(_ seed: UInt64) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            var random = SplitMix64(state: seed)
            for _ in 0..<150 {
                var body = Array((Self.bodies.randomElement(using: &random) ?? "").utf8)
                random.mutate(&body)
                let response = try await client.send("POST", "/chats/", body: body)
                #expect([201, 422].contains(response.status), "\(body)")
                _ = try response.json
            }
            try await expectAlive(client)
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `a mutated profile either replaces that of a user or is rejected`(_ seed: UInt64) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            var random = SplitMix64(state: seed)
            for _ in 0..<150 {
                var body = Array((Self.profiles.randomElement(using: &random) ?? "").utf8)
                random.mutate(&body)
                var id = Array("ada/%2f..".utf8)
                random.mutate(&id)
                let path = "/users/x" + id.map { "%" + String(0x100 + Int($0), radix: 16).dropFirst() }.joined()
                let response = try await client.send("PUT", path, body: body)
                #expect([200, 422].contains(response.status), "\(path) \(body)")
                _ = try response.json
                if response.status == 200 {
                    #expect(try response.json["id"] == .string("x" + String(decoding: id, as: UTF8.self)))
                    #expect(try await client.send("GET", path).text == response.text)
                }
            }
            try await expectAlive(client)
        }
    }

    private static let profiles = [
        "{}", #"{"name":"a","kind":"bot"}"#,
        #"{"avatar_url":"\ud83d\udc4b é","deactivated":true,"metadata":{"a":[1e5]}}"#,
    ]

    private static let bodies = [
        #"{"title":"a"}"#, #"{"title":"\ud83d\udc4b é","x":[1.5e3,true,null,{"y":[]}]}"#, #"["\\",{"title":"\u0000"}]"#,
        #"{"title":"\#(String(repeating: "long ", count: 60))"}"#, "",
    ]

    private static func request(body: String) -> [UInt8] {
        let head = "POST /chats/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n"
        return Array((head + "Content-Length: \(body.utf8.count)\r\n\r\n" + body).utf8)
    }

    private func expectNoServerError(_ answer: [UInt8], to request: [UInt8]) {
        guard !answer.isEmpty else { return }
        let status = (try? HTTPTestResponse(answer))?.status
        #expect(status.map { (200..<500).contains($0) || $0 == 501 } == true, "\(request) got \(answer)")
    }

    private func expectAlive(_ client: HTTPTestClient) async throws {
        #expect(try await client.send("GET", "/health/ready").status == 200)
    }
}

extension SplitMix64 {
    /// Makes one to five changes: a byte, a run of noise, a cut, a repetition.
    fileprivate mutating func mutate(_ bytes: inout [UInt8]) {
        for _ in 0..<Int.random(in: 1...5, using: &self) {
            let position = bytes.isEmpty ? 0 : Int.random(in: 0..<bytes.count, using: &self)
            switch Int.random(in: 0..<5, using: &self) {
            case 0 where !bytes.isEmpty: bytes[position] = .random(in: 0...255, using: &self)
            case 1: bytes.insert(contentsOf: (0..<8).map { _ in .random(in: 0...255, using: &self) }, at: position)
            case 2: bytes.removeSubrange(position..<min(bytes.count, position + 4))
            case 3: bytes.insert(contentsOf: bytes[position..<min(bytes.count, position + 16)], at: position)
            default: bytes.removeLast(min(bytes.count, Int.random(in: 0...8, using: &self)))
            }
        }
    }
}
