import ChatAPI
import ChatTestSupport
import Testing

/// The `Host` header: it is required, and only allowed hosts are served.
@Suite(.timeLimit(.minutes(5)))
struct HostTests {
    @Test(arguments: [
        "", "Host:\r\n", "Host: \r\n", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n", "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: user@a\r\n", "Host: a:b\r\n", "Host: a:80:80\r\n", "Host: a:70000\r\n", "Host: :80\r\n",
        "Host: [::1\r\n",
        "Host: [::1]a\r\n", "Host: []\r\n", "Host: [xyz]\r\n", "Host: ::1\r\n", "Host: a,b%\r\n", "Host: a?\r\n",
        "Host: é\r\n",
        "Host: http://a\r\n",
    ])
    func `a request without exactly one valid host gets 400`(_ fields: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            for path in ["/chats", "/health/live", "/nowhere", "/ws"] {
                let request = "GET \(path) HTTP/1.1\r\n\(fields)Connection: close\r\n\r\n"
                let response = try HTTPTestResponse(await client.exchange(Array(request.utf8)))
                #expect(response.status == 400)
                #expect(
                    response.text
                        == #"{"detail":"A request must have one valid Host header","code":"invalid_host"}"#
                )
            }
        }
    }

    /// HAProxy's default health check sends such a request.
    @Test func `an HTTP 1.0 request needs no host`() async throws {
        try await withLoopbackServer { client in
            for path in ["/health/ready", "/chats"] {
                let request = Array("GET \(path) HTTP/1.0\r\n\r\n".utf8)
                let response = try HTTPTestResponse(await client.exchange(request))
                #expect(response.status == 200)
            }
        }
    }

    @Test(arguments: [
        "localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8000", "127.9.8.7", "[::1]", "[::1]:80", "localhost:",
    ])
    func `a server on a loopback address accepts this machine's own names`(_ host: String) async throws {
        try await withLoopbackServer { client in
            #expect(try await client.send("GET", "/chats", headers: ["Host": host]).status == 200)
            let headers = WebSocketClient.headers.merging(["Host": host]) { $1 }
            let opened = try await client.withKeptConnection { try await $0.send("GET", "/ws", headers: headers) }
            #expect(opened.status == 101)
        }
    }

    @Test(arguments: [
        "evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[::2]",
        "127.0.0", "127.0.0.256", "0.0.0.0", "a",
    ])
    func `a server on a loopback address accepts no other names`(_ host: String) async throws {
        try await withLoopbackServer { client in
            for (method, path) in [
                ("GET", "/chats"), ("DELETE", "/chats/1"), ("GET", "/events"), ("GET", "/docs"), ("GET", "/nowhere"),
                ("GET", "http://127.0.0.1/chats"),
            ] {
                let response = try await client.send(method, path, headers: ["Host": host])
                #expect(response.status == 421)
                let detail = "This server does not serve the requested host"
                #expect(response.text == #"{"detail":"\#(detail)","code":"host_not_allowed"}"#)
            }
            let headers = WebSocketClient.headers.merging(["Host": host, "Origin": "http://\(host)"]) { $1 }
            #expect(try await client.send("GET", "/ws", headers: headers).status == 421)
            // Health checks may use an address or any other name.
            #expect(try await client.send("GET", "/health/ready", headers: ["Host": host]).status == 200)
        }
    }

    @Test(arguments: [
        ("127.0.0.1", HostPolicy.only([], loopback: true)), ("localhost", .only([], loopback: true)),
        ("::1", .only([], loopback: true)), ("127.1.2.3", .only([], loopback: true)), ("0.0.0.0", .any), ("::", .any),
        ("10.0.0.1", .any), ("chat.example", .any),
    ])
    func `without configured hosts, the listening address decides`(_ address: String, _ policy: HostPolicy) {
        #expect(HostPolicy([], listeningOn: address) == policy)
    }

    @Test func `configured hosts are accepted on any port`() async throws {
        for address in ["127.0.0.1", "0.0.0.0"] {
            let policy = HostPolicy(["chat.example", "fd00::1"], listeningOn: address)
            let isLoopback = address == "127.0.0.1"
            for (host, isServed) in [
                ("chat.example", true), ("Chat.Example:8443", true), ("[FD00::1]", true), ("www.chat.example", false),
                ("evil.example", false), ("localhost", isLoopback), ("127.0.0.1:8000", isLoopback),
            ] {
                let authority = try #require(Authority(host))
                #expect(policy.allows(authority) == isServed, "\(host) on \(address)")
            }
        }
    }

    private func withLoopbackServer(_ body: (HTTPTestClient) async throws -> Void) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let policy = HostPolicy([], listeningOn: "127.0.0.1")
            try await withServer(store, allowedHosts: policy) { client in
                try await client.createChats()
                try await body(client)
            }
        }
    }
}
