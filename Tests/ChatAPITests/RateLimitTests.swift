import ChatAPI
import ChatDomain
import ChatIdentity
import ChatLive
import ChatTestSupport
import HTTPConnections
import NIOCore
import RateLimiting
import Testing

/// Rate limits, over HTTP and WebSocket.
///
/// The quotas refill in an hour, so that no test depends on the time it takes.
@Suite(.timeLimit(.minutes(5)))
struct RateLimitTests {
    private static func limits(
        posts: Int = 1_000,
        reads: Int = 1_000,
        text: Int = 1_000_000,
        typing: Int = 1_000
    ) -> RateLimits {
        var limits = RateLimits()
        limits.posts = RateLimit(posts, per: .seconds(3_600))
        limits.reads = RateLimit(reads, per: .seconds(3_600))
        limits.text = RateLimit(text, per: .seconds(3_600))
        limits.typing = RateLimit(typing, per: .seconds(3_600))
        return limits
    }

    /// Runs a server with a chat of Ada and Bob.
    private func withAccess(
        _ limits: RateLimits,
        mode: Authenticator.Mode = .required,
        trusting proxies: String? = nil,
        streamsPerAddress: Int = 1_000,
        _ body: (TestAccess, HTTPTestClient) async throws -> Void
    ) async throws {
        var connectionLimits = HTTPLimits()
        if let proxies {
            connectionLimits.trustedProxies = try #require(TrustedProxies(list: proxies))
        }
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store, mode)
            let draft = ChatDraft(title: try ChatTitle("chat"), visibility: .open, members: MemberIDs(["bob"]))
            _ = try await store.createChat(draft, by: .ungranted("ada"))
            try await withServer(
                store,
                authenticator: access.authenticator,
                limits: connectionLimits,
                rateLimits: limits,
                streamLimits: .perAddress(streamsPerAddress)
            ) { client in
                try await body(access, client)
            }
        }
    }

    private static let message = #"{"text":"hi"}"#

    private func expectRefusal(_ response: HTTPTestResponse, _ policy: String, _ policyField: String) throws {
        #expect(response.status == 429)
        let seconds = try #require(response.headers["retry-after"].flatMap { Int($0) })
        #expect((1...3_600).contains(seconds))
        let wait = "\(seconds) \(seconds == 1 ? "second" : "seconds")"
        #expect(response.text == #"{"detail":"Too many requests: wait \#(wait)","code":"rate_limited"}"#)
        #expect(response.headers["ratelimit-policy"] == policyField)
        #expect(response.headers["ratelimit"] == "\"\(policy)\";r=0;t=\(seconds)")
    }

    @Test func `a user has a quota of posts, and no other user notices`() async throws {
        try await withAccess(Self.limits(posts: 3)) { access, client in
            let (ada, bob) = (try await access.token("ada"), try await access.token("bob"))
            for left in [2, 1, 0] {
                let response = try await client.send("POST", "/chats/1/messages/", as: ada, body: Self.message)
                #expect(response.status == 201)
                #expect(response.headers["ratelimit-policy"] == #""posts";q=3;w=3600"#)
                let field = try #require(response.headers["ratelimit"])
                #expect(field.wholeMatch(of: /"posts";r=(\d);t=(\d+)/)?.1 == "\(left)")
            }
            let refused = try await client.send("POST", "/chats/1/messages/", as: ada, body: Self.message)
            try expectRefusal(refused, "posts", #""posts";q=3;w=3600"#)
            // All that changes something shares the quota; an invalid request counts, too.
            let edit = try await client.send("PATCH", "/chats/1", as: ada, body: #"{"title":"a"}"#)
            #expect(edit.status == 429)
            let read = try await client.send("GET", "/chats/1", as: ada)
            #expect(read.status == 200 && read.headers["ratelimit"]?.hasPrefix(#""reads";r=999;"#) == true)
            #expect(try await client.send("PUT", "/chats/1/read", as: ada, body: #"{"seq":1}"#).status == 200)
            #expect(try await client.send("POST", "/chats/1/typing", as: ada, body: "{}").status == 204)
            let other = try await client.send("POST", "/chats/1/messages/", as: bob, body: "{")
            #expect(other.status == 422 && other.headers["ratelimit"]?.hasPrefix(#""posts";r=2;"#) == true)
            #expect(try await client.send("POST", "/chats/1/messages/", as: bob, body: Self.message).status == 201)
        }
    }

    @Test func `a user has a quota of reads and of typing events`() async throws {
        try await withAccess(Self.limits(reads: 2, typing: 1)) { access, client in
            let ada = try await access.token("ada")
            for path in ["/chats/1", "/chats/"] {
                #expect(try await client.send("GET", path, as: ada).status == 200)
            }
            for path in ["/chats/1", "/chats/1/events", "/chats/1/events?wait=55", "/inbox", "/nowhere"] {
                let refused = try await client.send("GET", path, as: ada)
                try expectRefusal(refused, "reads", #""reads";q=2;w=3600"#)
            }
            #expect(try await client.send("POST", "/chats/1/typing", as: ada, body: "{}").status == 204)
            let refused = try await client.send("POST", "/chats/1/typing", as: ada, body: "{}")
            try expectRefusal(refused, "typing", #""typing";q=1;w=3600"#)
            // Health checks and pages have no limit.
            for path in ["/health/live", "/openapi.json", "/chat"] {
                let response = try await client.send("GET", path, as: ada)
                #expect(response.status == 200 && response.headers["ratelimit"] == nil)
            }
        }
    }

    @Test func `a user has a quota of appended text`() async throws {
        try await withAccess(Self.limits(text: 300)) { access, client in
            let ada = try await access.token("ada")
            let opened = try await client.send("POST", "/chats/1/messages/", as: ada, body: #"{"open":true}"#)
            #expect(opened.status == 201)
            let path = "/chats/1/messages/1/text"
            let first = try await client.send("POST", "\(path)?at=0", as: ada, body: #"{"text":"0123456789"}"#)
            #expect(first.status == 200)
            #expect(first.headers["ratelimit-policy"] == #""text";q=300;qu="content-bytes";w=3600"#)
            // An append takes at least 256 bytes, also one that is refused.
            #expect(first.headers["ratelimit"]?.hasPrefix(#""text";r=44;"#) == true)
            let refused = try await client.send("POST", "\(path)?at=10", as: ada, body: #"{"text":"0123456789"}"#)
            #expect(refused.status == 429)
            #expect(refused.headers["ratelimit-policy"] == #""text";q=300;qu="content-bytes";w=3600"#)
            // A message of another user, with more text at once than the quota: it is granted to one that is full.
            let bob = try await access.token("bob")
            #expect(try await client.send("POST", "/chats/1/messages/", as: bob, body: #"{"open":true}"#).status == 201)
            let long = #"{"text":"\#(String(repeating: "x", count: 500))"}"#
            #expect(try await client.send("POST", "/chats/1/messages/2/text?at=0", as: bob, body: long).status == 200)
            #expect(try await client.send("POST", "/chats/1/messages/2/text?at=500", as: bob, body: long).status == 429)
        }
    }

    @Test func `an edit is a post, and the end of an open message is none`() async throws {
        try await withAccess(Self.limits(posts: 1)) { access, client in
            let ada = try await access.token("ada")
            #expect(try await client.send("POST", "/chats/1/messages/", as: ada, body: #"{"open":true}"#).status == 201)
            let path = "/chats/1/messages/1"
            let edit = try await client.send("PATCH", path, as: ada, body: #"{"text":"a"}"#)
            try expectRefusal(edit, "posts", #""posts";q=1;w=3600"#)
            let end = try await client.send("PATCH", path, as: ada, body: #"{"state":"done","text":"a"}"#)
            #expect(end.status == 200 && end.headers["ratelimit"]?.hasPrefix(#""reads";r=998;"#) == true)
        }
    }

    @Test func `text that arrives too fast is read more slowly`() async throws {
        var limits = Self.limits()
        limits.text = RateLimit(1_000, per: .milliseconds(100))
        try await withAccess(limits) { access, client in
            let ada = try await access.token("ada")
            #expect(try await client.send("POST", "/chats/1/messages/", as: ada, body: #"{"open":true}"#).status == 201)
            let start = ContinuousClock.now
            let answer = try await client.withConnection { inbound, outbound in
                let head = """
                    POST /chats/1/messages/1/text?at=0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                    Authorization: Bearer \(ada)\r\nTransfer-Encoding: chunked\r\n\r\n
                    """
                try await outbound.write(ByteBuffer(string: head))
                let piece = String(repeating: "x", count: 1_000)
                for _ in 0..<5 {
                    try await outbound.write(ByteBuffer(string: "3e8\r\n\(piece)\r\n"))
                }
                try await outbound.write(ByteBuffer(string: "0\r\n\r\n"))
                return try await inbound.readToEnd()
            }
            let response = try HTTPTestResponse(answer)
            #expect(response.status == 200)
            #expect(try response.json["length"] == 5_000)
            // The first thousand are free.
            #expect(start.duration(to: .now) >= .milliseconds(400))
        }
    }

    @Test func `server keys have no limit, whether they act as a user or not`() async throws {
        try await withAccess(Self.limits(posts: 1, reads: 1)) { access, client in
            let (admin, bot) = (try await access.key(.admin), try await access.key(.bot("robot")))
            for _ in 0..<3 {
                for user in [nil, "ada"] {
                    let response = try await client.send(
                        "POST",
                        "/chats/1/messages/",
                        as: admin,
                        actingAs: user,
                        body: Self.message
                    )
                    #expect(response.status == 201 && response.headers["ratelimit"] == nil)
                }
                #expect(try await client.send("GET", "/chats/1", as: bot).status == 200)
            }
            // The ticket of a server key that acts as a user is in the hands of the user.
            var tickets: [String] = []
            for _ in 0..<2 {
                let body = #"{"path":"/chats/1/events"}"#
                let made = try await client.send("POST", "/tickets", as: admin, actingAs: "ada", body: body)
                tickets.append(try #require(try made.json["url"]?.string))
            }
            try await client.withEvents(tickets[0]) { _ in }
            #expect(try await client.send("GET", tickets[1]).status == 429)
        }
    }

    @Test func `where there is no user, an address has a quota`() async throws {
        try await withAccess(Self.limits(posts: 1, reads: 1), mode: .open) { access, client in
            #expect(try await client.send("POST", "/chats/1/messages/", body: Self.message).status == 201)
            let refused = try await client.send("POST", "/chats/1/messages/", body: Self.message)
            try expectRefusal(refused, "posts", #""posts";q=1;w=3600"#)
            #expect(try await client.send("GET", "/chats/1").status == 200)
            #expect(try await client.send("GET", "/chats/1").status == 429)
            let metrics = try await client.send("GET", "/metrics")
            #expect(metrics.status == 200 && metrics.headers["ratelimit"] == nil, "monitoring has no limit")
            let ada = try await access.token("ada")
            #expect(try await client.send("GET", "/chats/1", as: ada).status == 429, "the token is not known yet")
        }
    }

    @Test func `failed authentication counts for the address, and a known user does not notice`() async throws {
        try await withAccess(Self.limits(reads: 3)) { access, client in
            let ada = try await access.token("ada")
            #expect(try await client.send("GET", "/me", as: ada).status == 200)
            for token in ["nonsense", "sk_a_b"] {
                #expect(try await client.send("GET", "/chats/1", as: token).status == 401)
            }
            #expect(try await client.send("GET", "/chats/1").status == 401)
            for token in ["nonsense", "sk_a_b"] {
                try expectRefusal(
                    try await client.send("GET", "/chats/1", as: token),
                    "reads",
                    #""reads";q=3;w=3600"#
                )
            }
            #expect(try await client.send("GET", "/me", as: ada).status == 200)
            let key = try await access.key(.admin)
            #expect(try await client.send("GET", "/chats/1", as: key).status == 200)
            // Another token would have to be verified.
            #expect(try await client.send("GET", "/me", as: try await access.token("bob")).status == 429)
        }
    }

    @Test func `the body of a refused post is not read`() async throws {
        try await withAccess(Self.limits(posts: 1)) { access, client in
            let ada = try await access.token("ada")
            #expect(try await client.send("POST", "/chats/1/messages/", as: ada, body: Self.message).status == 201)
            let answer = try await client.withConnection { inbound, outbound in
                let head = """
                    POST /chats/1/messages/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                    Authorization: Bearer \(ada)\r\nContent-Length: 100000\r\n\r\n{
                    """
                try await outbound.write(ByteBuffer(string: head))
                return try await inbound.readToEnd()
            }
            let response = try HTTPTestResponse(answer)
            #expect(response.status == 429)
            #expect(response.headers["connection"] == "close")
        }
    }

    @Test func `refused requests are counted by limit, on every transport`() async throws {
        try await withAccess(Self.limits(posts: 3, reads: 1)) { access, client in
            let (ada, bob) = (try await access.token("ada"), try await access.token("bob"))
            let key = try await access.key(.admin)
            func counts() async throws -> [String: Int] {
                let text = try await client.send("GET", "/metrics", as: key).text
                let samples = text.matches(of: /(?m)^chat_requests_limited_total\{limit="(\w+)"\} (\d+)/)
                return Dictionary(uniqueKeysWithValues: samples.map { (String($0.1), Int($0.2) ?? -1) })
            }
            #expect(try await counts() == ["posts": 0, "reads": 0, "text": 0, "typing": 0, "slow_mode": 0])
            let null = try await client.send("PATCH", "/chats/1", as: ada, body: #"{"slow_mode":null}"#)
            #expect(null.status == 422)
            let slow = try await client.send("PATCH", "/chats/1", as: ada, body: #"{"slow_mode":3600}"#)
            #expect(slow.status == 200)
            #expect(try await client.send("POST", "/chats/1/messages/", as: bob, body: Self.message).status == 201)
            let soon = try await client.send("POST", "/chats/1/messages/", as: bob, body: Self.message)
            #expect(try soon.json["code"] == "slow_mode")
            try await client.withSocket(headers: HTTPTestClient.headers(as: bob)) { socket in
                #expect(try await socket.next() == ["type": "hello"])
                for code in ["slow_mode", "rate_limited"] {
                    try await socket.send(#"{"op":"send","chat_id":1,"text":"a"}"#)
                    #expect(try await socket.next()["code"]?.string == code)
                }
            }
            #expect(try await client.send("POST", "/chats/1/messages/", as: bob, body: Self.message).status == 429)
            #expect(try await client.send("GET", "/me", as: bob).status == 429)
            #expect(try await counts() == ["posts": 2, "reads": 1, "text": 0, "typing": 0, "slow_mode": 2])
        }
    }

    @Test func `an EventSource over the limit is told to reconnect`() async throws {
        try await withAccess(Self.limits(reads: 1)) { access, client in
            let ada = try await access.token("ada")
            #expect(try await client.send("GET", "/me", as: ada).status == 200)
            let headers = HTTPTestClient.headers(as: ada, ["Accept": "text/event-stream"])
            let response = try await client.send("GET", "/chats/1/events", headers: headers)
            #expect(response.status == 200)
            let delay = response.text.firstMatch(of: /retry: (\d+)\nevent: reconnect\n/)?.1
            #expect(delay.flatMap { Int($0) } ?? 0 > 3_000_000)
        }
    }

    @Test func `a WebSocket gets a reply with the time to wait, and stays open`() async throws {
        try await withAccess(Self.limits(posts: 1, reads: 4, text: 10, typing: 1)) { access, client in
            let headers = HTTPTestClient.headers(as: try await access.token("ada"))
            try await client.withSocket(headers: headers) { socket in
                #expect(try await socket.next() == ["type": "hello"])
                func refusal(_ request: String) async throws -> JSON {
                    try await socket.send(request)
                    let reply = try await socket.next()
                    #expect(reply["ok"] == false && reply["code"] == "rate_limited", "\(request)")
                    #expect(reply["retry_after"]?.integer ?? 0 > 0)
                    #expect(reply["detail"]?.string?.hasPrefix("Too many requests: wait ") == true)
                    return reply
                }
                try await socket.send(#"{"op":"open","ref":1,"chat_id":1}"#)
                #expect(try await socket.next()["ok"] == true)
                #expect(try await refusal(#"{"op":"send","ref":2,"chat_id":1,"text":"b"}"#)["ref"] == 2)
                _ = try await refusal(#"{"op":"members.add","chat_id":1,"users":["eve"]}"#)
                try await socket.send(#"{"op":"append","chat_id":1,"message_id":1,"at":0,"text":"0123456789"}"#)
                #expect(try await socket.next()["length"] == 10)
                _ = try await refusal(#"{"op":"append","chat_id":1,"message_id":1,"at":10,"text":"x"}"#)
                try await socket.send(#"{"op":"typing","chat_id":1}"#)
                #expect(try await socket.next()["ok"] == true)
                _ = try await refusal(#"{"op":"typing","chat_id":1}"#)
                // The handshake was a read, too.
                for request in [#"{"op":"ping"}"#, #"{"op":"read","chat_id":1,"seq":1}"#] {
                    try await socket.send(request)
                    #expect(try await socket.next()["ok"] == true)
                }
                try await socket.send("nonsense")
                #expect(try await socket.next()["code"] == "invalid_json")
                _ = try await refusal("nonsense")
                #expect(try await refusal(#"{"op":"ping","ref":"last"}"#)["op"] == "ping")
            }
        }
    }

    @Test func `a WebSocket's failed authentication counts for the address`() async throws {
        try await withAccess(Self.limits(reads: 2)) { access, client in
            let key = HTTPTestClient.headers(as: try await access.key(.admin))
            // The handshake without a credential is a read of the address.
            for (headers, code) in [([:], "token_invalid"), (key, "rate_limited")] {
                try await client.withSocket(headers: headers) { socket in
                    #expect(try await socket.next() == ["type": "hello"])
                    try await socket.send(#"{"op":"auth","token":"nonsense"}"#)
                    #expect(try await socket.next()["code"]?.string == code)
                }
            }
        }
    }

    @Test func `behind a trusted proxy, clients have their own quotas and stream slots`() async throws {
        let limits = Self.limits(posts: 1, reads: 2)
        try await withAccess(limits, mode: .open, trusting: "127.0.0.1", streamsPerAddress: 1) { _, client in
            func post(_ field: String, _ value: String) async throws -> Int {
                try await client.send("POST", "/chats/1/messages/", headers: [field: value], body: Self.message).status
            }
            #expect(try await post("X-Forwarded-For", "198.51.100.1") == 201)
            #expect(try await post("X-Forwarded-For", "203.0.113.9, 198.51.100.1") == 429)
            #expect(try await post("Forwarded", "for=198.51.100.1") == 429)
            #expect(try await post("Forwarded", #"for="[2001:db8::1]:80""#) == 201)
            #expect(try await post("X-Forwarded-For", "2001:db8::2") == 429, "the same /64")
            #expect(try await post("X-Forwarded-For", "198.51.100.2") == 201)
            #expect(try await post("X-Forwarded-For", "nonsense") == 201, "the proxy's own")
            #expect(try await post("X-Forwarded-For", "more nonsense") == 429)
            let headers = ["X-Forwarded-For": "198.51.100.3"]
            try await client.withEvents("/chats/1/events", headers: headers) { _ in
                let refused = try await client.send("GET", "/chats/1/events", headers: headers)
                #expect(try refused.json["code"] == "too_many_streams_of_client")
                try await client.withEvents("/chats/1/events", headers: ["X-Forwarded-For": "198.51.100.4"]) { _ in }
            }
        }
    }

    @Test func `anyone else cannot choose an address`() async throws {
        try await withAccess(Self.limits(posts: 1), mode: .open, trusting: "10.0.0.0/8") { _, client in
            for (number, status) in [201, 429, 429].enumerated() {
                for field in ["X-Forwarded-For", "Forwarded"].prefix(number == 0 ? 1 : 2) {
                    let headers = [field: "for=198.51.100.\(number)"]
                    let response = try await client.send(
                        "POST",
                        "/chats/1/messages/",
                        headers: headers,
                        body: Self.message
                    )
                    #expect(response.status == status)
                }
            }
        }
    }

    @Test func `the access log has the client that a trusted proxy reports`() async throws {
        let log = LogCapture()
        var limits = HTTPLimits()
        limits.trustedProxies = try #require(TrustedProxies(list: "127.0.0.1"))
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            try await withServer(store, limits: limits, log: log) { client async throws in
                let headers = ["X-Forwarded-For": "198.51.100.1"]
                #expect(try await client.send("GET", "/chats/1", headers: headers).status == 404)
                #expect(try await client.send("PUT", "/chats/%", headers: headers).status >= 400)
            }
        }
        let addresses = log.lines.filter { $0.message == "Request" }.map { $0.metadata["address"] }
        #expect(addresses == ["198.51.100.1", "198.51.100.1"])
    }
}

extension StreamLimits {
    fileprivate static func perAddress(_ maximum: Int) -> StreamLimits {
        var limits = StreamLimits()
        limits.maximumStreamsPerAddress = maximum
        return limits
    }
}
