import ChatLive
import ChatTestSupport
import NIOCore
import Testing

/// Requests and events over a WebSocket.
@Suite(.timeLimit(.minutes(5)))
struct ChatSocketTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `a socket receives logs and posts messages`(_ store: StoreUnderTest) async throws {
        try await withSocket(on: store) { client, socket in
            try await client.createChats()
            try await client.post("before")
            #expect(try await socket.next() == ["type": "hello"])
            try await socket.send(#"{"op":"subscribe","ref":"a","chat_id":1,"after":0}"#)
            let subscribed = try await socket.next()
            let epoch = try #require(subscribed["epoch"])
            #expect(
                subscribed
                    == ["ref": "a", "op": "subscribe", "ok": true, "chat_id": 1, "last_seq": 1, "epoch": epoch]
            )
            let first = try await socket.next()
            #expect(first["type"] == "message.created")
            #expect(first["seq"] == 1)
            #expect(first["chat_id"] == 1)
            #expect(first["message"]?["text"] == "before")
            #expect(try await socket.next() == ["type": "caught_up", "chat_id": 1])

            try await socket.send(#"{"op":"send","ref":2,"chat_id":1,"text":"hi","metadata":{"a":1},"reply_to":1}"#)
            // Subscribers are notified after the response is made, and either may be written first.
            let received = [try await socket.next(), try await socket.next()]
            let entry = try #require(received.first { $0["ref"] == nil })
            #expect(entry["seq"] == 2)
            let answer = try #require(received.first { $0["ref"] != nil })
            #expect(answer["ref"] == 2)
            #expect(answer["ok"] == true)
            #expect(answer["replayed"] == false)
            #expect(answer["message"] == entry["message"])
            #expect(answer["message"]?["reply_to"] == 1)
            #expect(answer["message"]?["metadata"] == ["a": 1])

            try await socket.send(#"{"op":"typing","ref":3,"chat_id":1,"metadata":{"user":"ada"}}"#)
            let typing = try await socket.next()
            #expect(typing["type"] == "typing")
            #expect(typing["metadata"] == ["user": "ada"])
            #expect(try await socket.next() == ["ref": 3, "op": "typing", "ok": true])

            try await socket.send(#"{"op":"unsubscribe","ref":4,"chat_id":1}"#)
            #expect(try await socket.next() == ["ref": 4, "op": "unsubscribe", "ok": true])
            try await client.post("unheard")
            try await socket.send(#"{"op":"ping","ref":[5]}"#)
            #expect(try await socket.next() == ["ref": [5], "op": "ping", "ok": true])
        }
    }

    @Test func `a subscription without a position starts at the end of the log`() async throws {
        try await withSocket(on: .sqliteInMemory) { client, socket in
            try await client.createChats(2)
            try await client.post("before")
            _ = try await socket.next()
            for chat in 1...2 {
                try await socket.send(#"{"op":"subscribe","ref":null,"chat_id":\#(chat)}"#)
                #expect(try await socket.next()["ok"] == true)
                #expect(try await socket.next()["type"] == "caught_up")
            }
            try await client.post("one", to: 2)
            try await client.post("two", to: 1)
            let (one, two) = (try await socket.next(), try await socket.next())
            #expect(one["chat_id"] == 2)
            #expect(one["seq"] == 1)
            #expect(two["chat_id"] == 1)
            #expect(two["seq"] == 2)
            #expect(try await client.send("DELETE", "/chats/2").status == 204)
            #expect(try await socket.next() == ["type": "chat.deleted", "chat_id": 2])
        }
    }

    @Test func `messages are stored in the order in which they are sent`() async throws {
        try await withSocket(on: .sqliteInMemory) { client, socket in
            try await client.createChats()
            _ = try await socket.next()
            // More than run or wait at once.
            let numbers = Int64(1)...100
            for number in numbers {
                try await socket.send(#"{"op":"send","ref":\#(number),"chat_id":1,"text":"message \#(number)"}"#)
            }
            for number in numbers {
                let answer = try await socket.next()
                #expect(answer["ref"]?.integer == number)
                #expect(answer["message"]?["seq"]?.integer == number)
                #expect(answer["message"]?["text"] == .string("message \(number)"))
            }
        }
    }

    @Test func `a message sent twice with the same key is stored once`() async throws {
        try await withSocket(on: .sqliteInMemory) { client, socket in
            try await client.createChats()
            _ = try await socket.next()
            try await socket.send(#"{"op":"send","chat_id":1,"text":"once","idempotency_key":"k"}"#)
            let first = try await socket.next()
            try await socket.send(#"{"op":"send","chat_id":1,"text":"once","idempotency_key":"k"}"#)
            let second = try await socket.next()
            #expect(second["replayed"] == true)
            #expect(second["message"] == first["message"])
            #expect(second["message"]?["idempotency_key"] == "k")
            try await socket.send(#"{"op":"send","chat_id":1,"text":"other","idempotency_key":"k"}"#)
            #expect(try await socket.next()["code"] == "idempotency_key_reused")
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a message grows and ends over a socket`(_ store: StoreUnderTest) async throws {
        try await withSocket(on: store) { client, socket in
            try await client.createChats()
            _ = try await socket.next()
            func answer(_ operation: String, _ members: String) async throws -> JSON {
                try await socket.send(#"{"op":"\#(operation)","ref":1,"chat_id":1,\#(members)}"#)
                return try await socket.next()
            }
            for isReplayed in [false, true] {
                let opened = try await answer(
                    "open",
                    #""text":"Hel","ttl":30,"idempotency_key":"k","metadata":{"a":1}"#
                )
                #expect(opened["ok"] == true && opened["replayed"] == .bool(isReplayed))
                #expect(opened["message"]?["state"] == "open" && opened["message"]?["length"] == 3)
                #expect(opened["message"]?["metadata"] == ["a": 1])
            }
            let appended = try await answer("append", #""message_id":1,"at":3,"text":"lo","status":"Thinking""#)
            #expect(
                appended == [
                    "ref": 1, "op": "append", "ok": true, "length": 5, "stored": 3, "cancel_requested": false,
                ]
            )
            let misplaced = try await answer("append", #""message_id":1,"at":7,"text":"x""#)
            #expect(misplaced["code"] == "offset_mismatch" && misplaced["length"] == 5)
            #expect(try await answer("cancel", #""message_id":1"#) == ["ref": 1, "op": "cancel", "ok": true])
            #expect(try await answer("append", #""message_id":1,"at":5"#)["cancel_requested"] == true)
            let end = #""message_id":1,"state":"cancelled","reason":"enough","metadata":null"#
            let message = try #require(try await answer("finish", end)["message"])
            #expect(message["text"] == "Hello" && message["state"] == "cancelled" && message["reason"] == "enough")
            #expect(message["metadata"] == nil)
            #expect(try await answer("append", #""message_id":1,"at":5,"text":"x""#)["code"] == "message_not_open")
            #expect(try await client.send("GET", "/chats/1/messages/1").json == message)
        }
    }

    @Test(arguments: [
        ("{", "invalid_json"), (#""text""#, "unknown_operation"), ("[]", "unknown_operation"),
        (#"{"op":"shout"}"#, "unknown_operation"), (#"{"op":1}"#, "unknown_operation"),
        (#"{"op":"subscribe"}"#, "validation_failed"), (#"{"op":"subscribe","chat_id":"1"}"#, "validation_failed"),
        (#"{"op":"subscribe","chat_id":1,"after":-1}"#, "validation_failed"),
        (#"{"op":"subscribe","chat_id":1,"after":7}"#, "validation_failed"),
        (#"{"op":"subscribe","chat_id":9}"#, "chat_not_found"),
        (#"{"op":"unsubscribe","chat_id":1}"#, "not_subscribed"),
        (#"{"op":"send","chat_id":1}"#, "validation_failed"),
        (#"{"op":"send","chat_id":1,"text":" "}"#, "validation_failed"),
        (#"{"op":"send","chat_id":1,"text":"a","idempotency_key":""}"#, "validation_failed"),
        (#"{"op":"send","chat_id":1,"text":"a","idempotency_key":7}"#, "validation_failed"),
        (#"{"op":"send","chat_id":1,"text":"a","reply_to":9}"#, "validation_failed"),
        (#"{"op":"send","chat_id":9,"text":"a"}"#, "chat_not_found"),
        (#"{"op":"open"}"#, "validation_failed"), (#"{"op":"open","chat_id":1,"ttl":4}"#, "validation_failed"),
        (#"{"op":"open","chat_id":9}"#, "chat_not_found"),
        (#"{"op":"append","chat_id":1,"at":0}"#, "validation_failed"),
        (#"{"op":"append","chat_id":1,"message_id":1}"#, "validation_failed"),
        (#"{"op":"append","chat_id":1,"message_id":1,"at":-1}"#, "validation_failed"),
        (#"{"op":"append","chat_id":1,"message_id":1,"at":32769}"#, "validation_failed"),
        (#"{"op":"append","chat_id":1,"message_id":9,"at":0}"#, "message_not_found"),
        (#"{"op":"finish","chat_id":1,"message_id":9}"#, "validation_failed"),
        (#"{"op":"finish","chat_id":1,"message_id":9,"state":"open"}"#, "validation_failed"),
        (#"{"op":"finish","chat_id":1,"message_id":9,"state":"done"}"#, "message_not_found"),
        (#"{"op":"cancel","chat_id":1,"message_id":"9"}"#, "validation_failed"),
        (#"{"op":"cancel","chat_id":1,"message_id":9}"#, "message_not_found"),
        (#"{"op":"typing","chat_id":9}"#, "chat_not_found"),
        (#"{"op":"typing","chat_id":1,"metadata":[]}"#, "validation_failed"),
    ])
    func `an invalid request gets an error and the socket stays open`(_ message: String, _ code: String) async throws {
        try await withSocket(on: .sqliteInMemory) { client, socket in
            try await client.createChats()
            _ = try await socket.next()
            try await socket.send(message)
            let answer = try await socket.next()
            #expect(answer["ok"] == false)
            #expect(answer["code"] == .string(code))
            try await socket.send(#"{"op":"ping","ref":1}"#)
            #expect(try await socket.next() == ["ref": 1, "op": "ping", "ok": true])
        }
    }

    @Test func `a socket subscribes to each chat once and to a limited number of chats`() async throws {
        var limits = StreamLimits()
        limits.maximumChats = 1
        try await withSocket(on: .sqliteInMemory, limits) { client, socket in
            try await client.createChats(2)
            _ = try await socket.next()
            for (chat, code) in [(1, nil), (1, "already_subscribed"), (2, "too_many_chats")] {
                try await socket.send(#"{"op":"subscribe","chat_id":\#(chat)}"#)
                #expect(try await socket.next()["code"] == code.map { .string($0) })
                if code == nil { _ = try await socket.next() }
            }
        }
    }

    @Test func `a binary message closes the socket`() async throws {
        try await withSocket(on: .sqliteInMemory) { _, socket in
            _ = try await socket.next()
            try await socket.frames.send(WebSocketClientFrame(opcode: 2, payload: [1]))
            #expect(try await socket.frames.nextFrame() == "close 1003")
        }
    }

    @Test func `a request that opens no socket gets an ordinary response`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let plain = try await client.send("GET", "/ws")
            #expect(plain.status == 426)
            #expect(plain.headers["upgrade"] == "websocket")
            #expect(try plain.json["code"] == "websocket_handshake")
            var headers = WebSocketClient.headers
            headers["Origin"] = "https://elsewhere.example"
            let foreign = try await client.send("GET", "/ws", headers: headers)
            #expect(foreign.status == 403)
            #expect(try foreign.json["code"] == "origin_not_allowed")
            headers["Origin"] = nil
            headers["Sec-WebSocket-Key"] = "short"
            #expect(try await client.send("GET", "/ws", headers: headers).status == 400)
            let upgrade = ["Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": ""]
            let health = try await client.send("GET", "/health/live", headers: upgrade)
            #expect(health.status == 200)
            #expect(health.headers["connection"] == "close")
        }
    }

    @Test func `a socket takes a stream slot until it is closed`() async throws {
        var limits = StreamLimits()
        limits.maximumStreams = 1
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.withConnection { inbound, outbound in
                var socket = try await WebSocketClient(inbound, outbound)
                _ = try await socket.nextFrame()
                #expect(try await client.send("GET", "/ws", headers: WebSocketClient.headers).status == 503)
                try await socket.send(.close(1000))
                #expect(try await socket.nextFrame() == "close 1000")
            }
            try await client.createChats()
            try await client.withEventsOnceAdmitted("/chats/1/events") { stream in
                let event = try await stream.nextEvent()
                #expect(event?.type == "hello")
            }
        }
    }

    /// A client that keeps sending requests without reading the responses.
    @Test func `a client that sends requests but never reads is disconnected`() async throws {
        var limits = StreamLimits()
        limits.maximumStreams = 1
        limits.stallTimeout = .seconds(1)
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats()
            try await client.withConnection { inbound, outbound in
                _ = try await WebSocketClient(inbound, outbound)
                let reference = String(repeating: "r", count: 100_000)
                let ping = WebSocketClientFrame.text(#"{"op":"ping","ref":"\#(reference)"}"#)
                let request = ByteBuffer(bytes: ping.bytes)
                async let asking: Void = {
                    // Until the server closes the connection.
                    while (try? await outbound.write(request)) != nil {}
                }()
                try await client.withEventsOnceAdmitted("/chats/1/events") { _ in }
                await asking
            }
        }
    }

    @Test func `a server that had a socket shuts down cleanly`() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await ChatAPIProcess.serve("--database-url", "sqlite::memory:", in: folder) { client in
                try await client.withConnection { inbound, outbound in
                    var socket = try await WebSocketClient(inbound, outbound)
                    #expect(try await socket.nextFrame() == #"text {"type":"hello"}"#)
                }
            }
            #expect(outcome.status == 0)
        }
    }
}

/// A WebSocket whose messages are JSON.
struct JSONSocket {
    var frames: WebSocketClient

    func send(_ text: String) async throws {
        try await frames.send(.text(text))
    }

    mutating func next() async throws -> JSON {
        let frame = try #require(try await frames.nextFrame())
        let text = try #require(frame.wholeMatch(of: /text (.*)/))
        return try JSON(parsing: text.output.1.utf8)
    }
}

private func withSocket(
    on store: StoreUnderTest,
    _ limits: StreamLimits = StreamLimits(),
    _ body: (HTTPTestClient, inout JSONSocket) async throws -> Void
) async throws {
    try await withServer(on: store, streamLimits: limits) { client in
        try await client.withSocket { socket in try await body(client, &socket) }
    }
}

extension HTTPTestClient {
    func withSocket(
        headers: [String: String] = [:],
        _ body: (inout JSONSocket) async throws -> Void
    ) async throws {
        try await withConnection { inbound, outbound in
            var socket = JSONSocket(frames: try await WebSocketClient(inbound, outbound, headers: headers))
            try await body(&socket)
        }
    }
}
