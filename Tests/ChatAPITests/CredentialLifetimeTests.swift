import ChatDomain
import ChatIdentity
import ChatLive
import ChatTestSupport
import Testing

/// Streams, long polls and WebSockets end with their credential.
@Suite(.timeLimit(.minutes(5)))
struct CredentialLifetimeTests {
    private static let jsonLines = ["Accept": "application/x-ndjson"]

    private func withAccess(
        on kind: StoreUnderTest = .sqliteInMemory,
        streamLimits: StreamLimits = StreamLimits(),
        _ body: (TestAccess, HTTPTestClient) async throws -> Void
    ) async throws {
        try await kind.withStore { store in
            let access = try await TestAccess(store)
            try await access.withServer(streamLimits: streamLimits) { client in
                _ = try await store.createChat(titled: ChatTitle("chat"))
                try await body(access, client)
            }
        }
    }

    private func post(_ text: String, to chat: ChatID = 1, _ access: TestAccess) async throws {
        _ = try await access.store.postMessage(MessageText(text), to: chat)
    }

    private static let reader = Grants(everywhere: .reader)

    // MARK: Revocation

    /// The ways in which a credential of Ada, or her server key, becomes void.
    enum End: CaseIterable {
        case ofUser, ofAllUsers, deactivation, ofKey, ofTokenKey
    }

    @Test(arguments: End.allCases)
    func `a stream ends when its credential becomes void`(_ end: End) async throws {
        try await withAccess { access, client in
            let store = access.store
            let key = try await access.key(.read)
            let credential = end == .ofKey ? key : try await access.token(grants: Self.reader)
            let headers = HTTPTestClient.headers(as: credential)
            try await client.withEvents("/chats/1/events", headers: headers) { stream in
                _ = try await stream.events(through: "caught_up")
                switch end {
                case .ofUser: try await store.revokeTokens(of: "ada")
                case .ofAllUsers: try await store.revokeTokens(of: nil)
                case .deactivation: _ = try await store.putUser("ada", UserProfile(isDeactivated: true))
                case .ofTokenKey: access.verifier.replaceKeys(of: .secrets, with: [])
                case .ofKey: _ = try await store.revokeServerKey(String(key.split(separator: "_")[1]))
                }
                let event = try #require(try await stream.nextEvent())
                let reason: JSON =
                    switch end {
                    case .ofUser, .ofAllUsers, .ofTokenKey: "token_revoked"
                    case .deactivation: "user_deactivated"
                    case .ofKey: "key_revoked"
                    }
                #expect(event.type == "unauthorized")
                #expect(try event.json == ["type": "unauthorized", "reason": reason])
                #expect(event.id == nil)
                #expect(try await stream.nextEvent() == nil)
            }
            let refused = try await client.send("GET", "/chats/1/events", headers: headers)
            #expect(refused.status == 401)
        }
    }

    @Test func `a long poll ends when its credential becomes void`() async throws {
        var limits = StreamLimits()
        limits.maximumStreams = 1
        try await withAccess(streamLimits: limits) { access, client in
            let headers = HTTPTestClient.headers(as: try await access.token(grants: Self.reader))
            let key = HTTPTestClient.headers(as: try await access.key(.read))
            let poll = Task {
                while true {
                    let response = try await client.send("GET", "/chats/1/events?wait=55", headers: headers)
                    // A probe may have had the only slot.
                    if response.status != 503 { return response }
                }
            }
            // The slot is taken once the poll is held.
            while try await client.send("GET", "/chats/1/events?wait=0", headers: key).status != 503 {}
            try await access.store.revokeTokens(of: "ada")
            let response = try await poll.value
            #expect(response.status == 401)
            #expect(response.text == #"{"detail":"The token was revoked.","code":"token_invalid"}"#)
        }
    }

    /// The revocation falls between the check of the credential and the start of the stream.
    @Test func `a stream ends if its credential became void while it was opened`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { base in
            let access = try await TestAccess(base)
            let store = InterceptedStore(base) { read throws(StoreError) in
                guard case .chats([1]) = read else { return }
                try await base.revokeTokens(of: "ada")
                try await access.authenticator.refresh()
            }
            try await withServer(store, authenticator: access.authenticator) { client in
                _ = try await base.createChat(titled: ChatTitle("chat"))
                let headers = HTTPTestClient.headers(as: try await access.token(grants: Self.reader))
                try await client.withEvents("/chats/1/events", headers: headers) { stream in
                    let events = try await stream.events(through: "unauthorized")
                    #expect(try events.last?.json["reason"] == "token_revoked")
                }
            }
        }
    }

    @Test func `a revocation ends streams on both of two servers within a second, and nobody else's`() async throws {
        try await TestPostgres.withDatabase { url in
            try await TestAccess.withPeer(url) { access, client in
                try await TestAccess.withPeer(url) { _, otherClient in
                    _ = try await access.store.createChat(titled: ChatTitle("chat"))
                    let ada = HTTPTestClient.headers(as: try await access.token(grants: Self.reader))
                    let bob = HTTPTestClient.headers(as: try await access.token("bob", grants: Self.reader))
                    try await client.withEvents("/chats/1/events", headers: bob) { bobs in
                        try await client.withEvents("/chats/1/events", headers: ada) { one in
                            try await otherClient.withEvents("/events", headers: ada) { other in
                                try await otherClient.withSocket(headers: ada) { socket in
                                    #expect(try await socket.next() == ["type": "hello"])
                                    _ = try await one.events(through: "caught_up")
                                    _ = try await other.events(through: "caught_up")
                                    let start = ContinuousClock.now
                                    try await access.store.revokeTokens(of: "ada")
                                    for events in [
                                        try await one.events(through: "unauthorized"),
                                        try await other.events(through: "unauthorized"),
                                    ] {
                                        #expect(try events.map { try $0.json } == [Self.revoked])
                                    }
                                    #expect(try await socket.next() == Self.revoked)
                                    #expect(start.duration(to: .now) < .seconds(1))
                                    #expect(try await socket.frames.nextFrame() == "close 4003")
                                }
                            }
                        }
                        try await post("for Bob", access)
                        let events = try await bobs.events(through: "message.created")
                        #expect(events.map(\.type) == ["hello", "caught_up", "message.created"])
                    }
                }
            }
        }
    }

    private static let revoked: JSON = ["type": "unauthorized", "reason": "token_revoked"]
}

// MARK: - Expiry

extension CredentialLifetimeTests {
    private static let expired: JSON = ["type": "unauthorized", "reason": "token_expired"]

    /// Reads streams whose tokens expire, one after another, and then one that reaches the end of the log.
    ///
    /// Each entry that arrives is followed by another post, so some are posted as a token expires.
    ///
    /// - Parameter next: Reads the next event; nil at the end of the stream.
    private func expectEveryEntryOnce(
        _ headers: [String: String] = [:],
        _ next: @escaping (inout HTTPTestConnection) async throws -> JSON?
    ) async throws {
        try await withAccess { access, client in
            var count: Int64 = 1
            try await post("1", access)
            var positions: [Int64] = []
            for generation in 1...3 {
                let isLast = generation == 3
                let lifetime: Duration = isLast ? .seconds(3_600) : .seconds(1)
                let token = try await access.token(grants: Self.reader, lifetime: lifetime)
                let path = "/chats/1/events?after=\(positions.last ?? 0)"
                try await client.withEvents(path, headers: HTTPTestClient.headers(as: token, headers)) { stream in
                    while !isLast || positions.last != count {
                        let event = try #require(try await next(&stream))
                        if let position = event["seq"]?.integer {
                            positions.append(position)
                            if isLast { continue }
                            count += 1
                            try await post("\(count)", access)
                        } else if event["type"] == "unauthorized" {
                            #expect(event == Self.expired)
                            #expect(try await next(&stream) == nil)
                            return
                        }
                    }
                }
            }
            #expect(positions == Array(1...count))
        }
    }

    @Test func `a client resumes after each expiry and has every entry once`() async throws {
        try await expectEveryEntryOnce { try await $0.nextEvent()?.json }
    }

    @Test func `a client that reads JSON lines resumes as well`() async throws {
        try await expectEveryEntryOnce(Self.jsonLines) { stream in
            while let line = try await stream.nextLine() {
                if !line.isEmpty { return try JSON(parsing: line.utf8) }
            }
            return nil
        }
    }

    @Test func `a socket closes when its token expires`() async throws {
        try await withAccess { access, client in
            let token = try await access.token(grants: Self.reader, lifetime: .seconds(1))
            try await client.withSocket(headers: HTTPTestClient.headers(as: token)) { socket async throws in
                #expect(try await socket.next() == ["type": "hello"])
                #expect(try await socket.next() == Self.expired)
                #expect(try await socket.frames.nextFrame() == "close 4003")
            }
        }
    }

    @Test func `a socket that gets a new token in time has every entry once`() async throws {
        try await withAccess { access, client in
            let token = try await access.token(grants: Self.reader, lifetime: .seconds(2))
            let headers = HTTPTestClient.headers(as: token)
            try await post("before", access)
            try await client.withSocket(headers: headers) { socket in
                #expect(try await socket.next() == ["type": "hello"])
                try await socket.send(#"{"op":"subscribe","ref":1,"chat_id":1,"after":0}"#)
                let next = try await access.token(grants: Self.reader)
                try await socket.send(#"{"op":"auth","ref":2,"token":"\#(next)"}"#)
                // The first token ends as this stream does.
                try await client.withEvents("/chats/1/events", headers: headers) { stream in
                    _ = try await stream.events(through: "unauthorized")
                }
                try await post("after", access)
                var texts: [JSON?] = []
                var answers: [JSON?] = []
                while texts.last != "after" {
                    let message = try await socket.next()
                    if message["seq"] != nil { texts.append(message["message"]?["text"]) }
                    if message["ref"] != nil { answers.append(message["ok"]) }
                    #expect(message["type"] != "unauthorized")
                }
                #expect(texts == ["before", "after"])
                #expect(answers == [true, true])
            }
        }
    }
}
