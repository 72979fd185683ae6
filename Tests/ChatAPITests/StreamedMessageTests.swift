import ChatDomain
import ChatLive
import ChatTestSupport
import NIOCore
import Testing

/// Messages whose text grows, over HTTP.
@Suite(.timeLimit(.minutes(5)))
struct StreamedMessageTests {
    private static let text = "/chats/1/messages/1/text"

    private func withOpenMessage(
        on store: StoreUnderTest = .sqliteInMemory,
        _ fields: String = #""open":true,"ttl":600"#,
        _ body: (HTTPTestClient) async throws -> Void
    ) async throws {
        try await withServer(on: store) { client in
            try await client.createChats()
            let opened = try await client.send("POST", "/chats/1/messages/", body: "{\(fields)}")
            #expect(opened.status == 201)
            try await body(client)
        }
    }

    private func awaitText(_ text: String, _ client: HTTPTestClient) async throws {
        while try await client.send("GET", "/chats/1/messages/1").json["text"]?.string != text {
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test(arguments: [
        ("PATCH", "/chats/1/messages/1", #"{"state":"done"}"#, 409, "message_not_open"),
        ("DELETE", "/chats/1/messages/1", nil, 404, "message_not_found"),
        ("DELETE", "/chats/1", nil, 404, "chat_not_found"),
    ])
    func `a body that sends nothing is answered when its message ends`(
        _ method: String,
        _ path: String,
        _ content: String?,
        _ status: Int,
        _ code: String
    ) async throws {
        try await withOpenMessage { client in
            let response = try await upload(to: client, isEndless: true) { send in
                try await send(Array("one".utf8))
                try await awaitText("one", client)
                #expect(try await client.send(method, path, body: content).status < 300)
            }
            #expect(response.status == status)
            #expect(try response.json["code"]?.string == code)
        }
    }

    @Test func `a body that sends nothing is answered when the message ends by itself`() async throws {
        try await withOpenMessage(#""open":true,"ttl":5"#) { client in
            let response = try await upload(to: client, isEndless: true) { send in
                try await send(Array("one".utf8))
            }
            #expect(response.status == 409)
            #expect(try response.json["code"] == "message_not_open")
        }
    }

    @Test func `a body ends with the rights of its writer`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store)
            let ada = try await access.token("ada")
            try await access.withServer { client in
                let chat = try await client.send("POST", "/chats/", as: ada, body: #"{"title":"chat"}"#)
                #expect(chat.status == 201)
                let opened = try await client.send("POST", "/chats/1/messages/", as: ada, body: #"{"open":true}"#)
                #expect(opened.status == 201)
                let response = try await upload(to: client, as: ada, isEndless: true) { send in
                    try await send(Array("one".utf8))
                    try await store.revokeTokens(of: "ada")
                }
                #expect(response.status == 401)
                #expect(try response.json["code"] == "token_invalid")
            }
        }
    }

    /// Sends a body of text in chunks; the closure gets a function that sends the next one.
    ///
    /// - Parameter isEndless: Whether to leave out the end of the body.
    private func upload(
        to client: HTTPTestClient,
        at offset: Int = 0,
        as token: String? = nil,
        isEndless: Bool = false,
        _ send: ((_ chunk: [UInt8]) async throws -> Void) async throws -> Void
    ) async throws -> HTTPTestResponse {
        let answer = try await client.withConnection { inbound, outbound in
            let credential = token.map { "Authorization: Bearer \($0)\r\n" } ?? ""
            let head =
                "POST \(Self.text)?at=\(offset) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(credential)"
                + "Transfer-Encoding: chunked\r\n\r\n"
            try await outbound.write(ByteBuffer(string: head))
            try await send { chunk in
                let size = String(chunk.count, radix: 16)
                try await outbound.write(ByteBuffer(bytes: Array("\(size)\r\n".utf8) + chunk + Array("\r\n".utf8)))
            }
            if !isEndless { try await outbound.write(ByteBuffer(string: "0\r\n\r\n")) }
            return try await inbound.readToEnd()
        }
        return try HTTPTestResponse(answer)
    }

    @Test func `readers of one server see a text grow that another one receives`() async throws {
        try await TestPostgres.withDatabase { url in
            try await TestAccess.withPeer(url) { access, holder in
                let token = try await access.token("ada")
                let chat = try await holder.send("POST", "/chats/", as: token, body: #"{"title":"chat"}"#)
                #expect(chat.status == 201)
                let opened = try await holder.send("POST", "/chats/1/messages/", as: token, body: #"{"open":true}"#)
                #expect(opened.status == 201)
                try await TestAccess.withPeer(url) { access, other in
                    let headers = HTTPTestClient.headers(as: try await access.token("ada"))
                    try await other.withEvents("/chats/1/events?after=0", headers: headers) { stream in
                        _ = try await stream.events(through: "caught_up")
                        let body = #"{"text":"Hello"}"#
                        #expect(try await holder.send("POST", "\(Self.text)?at=0", as: token, body: body).status == 200)
                        // The snapshot comes first, unless the piece was faster.
                        var event = try #require(try await stream.events(through: "message.appended").last).json
                        if event["text"] == "" {
                            event = try #require(try await stream.events(through: "message.appended").last).json
                        }
                        #expect(event["at"] == 0 && event["text"] == "Hello")
                    }
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `readers see a text grow, and then its end`(_ store: StoreUnderTest) async throws {
        try await withOpenMessage(on: store) { client in
            try await client.withEvents("/chats/1/events?after=0") { stream in
                _ = try await stream.events(through: "caught_up")
                var text = ""
                for (piece, status) in [("He", #","status":"Thinking""#), ("llo, ", ""), ("👩‍👩‍👧", "")] {
                    let offset = text.unicodeScalars.count
                    let body = #"{"text":"\#(piece)"\#(status)}"#
                    let response = try await client.send("POST", "\(Self.text)?at=\(offset)", body: body)
                    #expect(response.status == 200)
                    text += piece
                    #expect(try response.json["length"] == .integer(Int64(text.unicodeScalars.count)))
                }
                var seen = ""
                while seen != text {
                    let event = try #require(try await stream.events(through: "message.appended").last).json
                    let offset = Int(try #require(event["at"]?.integer))
                    seen = String(String.UnicodeScalarView(seen.unicodeScalars.prefix(offset)))
                    seen += try #require(event["text"]?.string)
                    #expect(event["message_id"] == 1 && event["chat_id"] == 1)
                }
                let patch = #"{"state":"done","metadata":{"tokens":3}}"#
                #expect(try await client.send("PATCH", "/chats/1/messages/1", body: patch).status == 200)
                let message = try #require(try await stream.events(through: "message.updated").last).json["message"]
                #expect(message?["text"]?.string == text)
                #expect(message?["state"] == "done" && message?["length"] == nil)
            }
            let log = try await client.send("GET", "/chats/1/log").json
            #expect(log["last_seq"] == 2)
        }
    }

    @Test func `a stream that starts later gets the whole text`() async throws {
        try await withOpenMessage(#""open":true,"text":"Hel""#) { client in
            #expect(try await client.send("POST", "\(Self.text)?at=3", body: #"{"text":"lo"}"#).status == 200)
            try await client.withEvents("/chats/1/events?after=0") { stream in
                let snapshot = try #require(try await stream.events(through: "message.appended").last).json
                #expect(snapshot["at"] == 0 && snapshot["text"] == "Hello")
            }
            let message = try await client.send("GET", "/chats/1/messages/1")
            #expect(try message.json["text"] == "Hello")
            #expect(message.headers["etag"] == #""1.5""#)
            for (tag, status) in [(#""1.5""#, 304), (#""1""#, 200), (#""1.4""#, 200), (#"W/"1.5-gzip""#, 304)] {
                let response = try await client.send("GET", "/chats/1/messages/1", headers: ["If-None-Match": tag])
                #expect(response.status == status, "\(tag)")
            }
            for _ in 0..<2 {
                let chat = try await client.send("GET", "/chats/1").json
                #expect(chat["messages"]?[0]?["text"] == "Hello")
                #expect(try await client.send("POST", "\(Self.text)?at=0", body: #"{"text":"Hello"}"#).status == 200)
            }
        }
    }

    @Test func `each piece of a long body is visible as it arrives`() async throws {
        try await withOpenMessage { client in
            try await client.withEvents("/chats/1/events?after=0") { stream in
                _ = try await stream.events(through: "caught_up")
                let response = try await upload(to: client) { send in
                    try await send(Array("Grü".utf8))
                    #expect(try await stream.events(through: "message.appended").last?.json["text"] == "Grü")
                    // A scalar may be cut.
                    try await send([0xC3])
                    try await send([0x9F, 0x65])
                    let event = try #require(try await stream.events(through: "message.appended").last).json
                    #expect(event["at"] == 3 && event["text"] == "ße")
                }
                #expect(response.status == 200)
                #expect(try response.json["length"] == 5)
            }
        }
    }

    /// As JSON in ASCII, which many libraries write.
    @Test func `the longest text fits into the request that ends the message`() async throws {
        try await withOpenMessage { client in
            let escaped = String(repeating: #"\ud83d\udc4b"#, count: 32_768)
            let patch = #"{"state":"done","text":"\#(escaped)"}"#
            let ended = try await client.send("PATCH", "/chats/1/messages/1", body: patch)
            #expect(ended.status == 200)
            #expect(try ended.json["text"] == .string(String(repeating: "👋", count: 32_768)))
        }
    }

    @Test func `a body that sends nothing is answered when somebody cancels the message`() async throws {
        try await withOpenMessage { client in
            let response = try await upload(to: client, isEndless: true) { send in
                try await send(Array("one".utf8))
                try await awaitText("one", client)
                #expect(try await client.send("POST", "/chats/1/messages/1/cancel").status == 202)
            }
            #expect(response.status == 200)
            #expect(try response.json["cancel_requested"] == true && response.json["length"] == 3)
            let patch = #"{"state":"cancelled","reason":"enough"}"#
            let ended = try await client.send("PATCH", "/chats/1/messages/1", body: patch).json
            #expect(ended["state"] == "cancelled" && ended["reason"] == "enough")
        }
    }

    @Test(arguments: [
        (Array("jelly".utf8), 409, "offset_mismatch"), ([0xFF], 422, "validation_failed"),
        ([0x48, 0xC3], 422, "validation_failed"), ([0x48, 0x00], 422, "validation_failed"),
        (Array(repeating: 0x61, count: 32_769), 413, "message_too_long"),
    ])
    func `a long body that cannot be the text is rejected`(
        _ bytes: [UInt8],
        _ status: Int,
        _ code: String
    ) async throws {
        try await withOpenMessage(#""open":true,"text":"Hello""#) { client in
            let response = try await upload(to: client, at: code == "offset_mismatch" ? 0 : 5) { send in
                try await send(bytes)
            }
            #expect(response.status == status)
            #expect(try response.json["code"] == .string(code))
            let length = try response.json["length"]
            #expect(length == (code == "offset_mismatch" ? 5 : nil))
            if bytes.last == 0x00 {
                let message = try response.json["detail"]?[0]?["msg"]
                #expect(message == "Value error, the character U+0000 is not allowed")
            }
        }
    }

    @Test func `an end of another revision changes nothing, and the length does not count`() async throws {
        try await withOpenMessage { client in
            #expect(try await client.send("POST", "\(Self.text)?at=0", body: #"{"text":"Hello"}"#).status == 200)
            for (tag, status) in [(#""9""#, 412), (#""9.5""#, 412), (#""1.3""#, 200), (#""1.5""#, 200), (#""9""#, 200)]
            {
                let headers = ["If-Match": tag]
                let body = #"{"state":"done"}"#
                let response = try await client.send("PATCH", "/chats/1/messages/1", headers: headers, body: body)
                #expect(response.status == status, "\(tag)")
                if status == 412 {
                    #expect(try response.json["code"] == "revision_mismatch")
                }
            }
        }
    }

    @Test func `a key that opened a message does not open one with another ttl`() async throws {
        try await withOpenMessage { client in
            for (ttl, status) in [(30, 201), (30, 200), (31, 422)] {
                let headers = ["Idempotency-Key": "k"]
                let body = #"{"open":true,"ttl":\#(ttl)}"#
                let response = try await client.send("POST", "/chats/1/messages", headers: headers, body: body)
                #expect(response.status == status)
            }
        }
    }

    @Test(arguments: [
        ("text/plain; charset=utf-8", 200), (#"text/plain;charset="UTF-8""#, 200), ("text/markdown", 200),
        ("application/x-www-form-urlencoded", 415), ("text/plain; charset=iso-8859-1", 415),
        ("multipart/form-data; boundary=x", 415),
    ])
    func `only text in UTF-8 is appended as it is`(_ type: String, _ status: Int) async throws {
        try await withOpenMessage { client in
            let headers = ["Content-Type": type]
            let response = try await client.send("POST", "\(Self.text)?at=0", headers: headers, body: #"{"text":"hi"}"#)
            #expect(response.status == status)
            let message = try await client.send("GET", "/chats/1/messages/1").json
            #expect(message["length"] == (status == 200 ? 13 : 0))
            if status == 415 {
                #expect(try response.json["code"] == "unsupported_media_type")
            }
        }
    }

    @Test func `only open messages grow, and they are not edited`() async throws {
        try await withOpenMessage { client in
            try await client.post("whole")
            for (method, path, body, code) in [
                ("POST", "/chats/1/messages/2/text?at=5", #"{"text":"x"}"#, "message_not_open"),
                ("POST", "/chats/1/messages/2/cancel", nil, "message_not_open"),
                ("PATCH", "/chats/1/messages/2", #"{"state":"done"}"#, "message_not_open"),
                ("PATCH", "/chats/1/messages/1", #"{"text":"x"}"#, "message_open"),
            ] {
                let response = try await client.send(method, path, body: body)
                #expect(response.status == 409)
                #expect(try response.json["code"] == .string(code))
            }
        }
    }

    @Test(arguments: [
        (#""open":true,"ttl":4"#, ["body", "ttl"]), (#""open":true,"ttl":601"#, ["body", "ttl"]),
        (#""open":true,"ttl":"5""#, ["body", "ttl"]), (#""open":1,"text":"a""#, ["body", "open"]),
        (#""open":true,"text":"\u0000""#, ["body", "text"]), (#""open":false"#, ["body", "text"]),
    ])
    func `an invalid open message is rejected`(_ fields: String, _ location: [String]) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats()
            let response = try await client.send("POST", "/chats/1/messages/", body: "{\(fields)}")
            #expect(response.status == 422)
            #expect(try response.json["detail"]?[0]?["loc"] == .array(location.map { .string($0) }))
        }
    }

    /// A browser sends these without asking first.
    @Test(arguments: [
        ("\(text)?at=0", "Hello", 200), ("/chats/1/messages/1/cancel", nil, 202), ("/users/ada/revoke", nil, 204),
        ("/revoke", nil, 204), ("/chats/1/messages/", "{}", 422),
    ])
    func `pages of other origins cannot write`(_ path: String, _ body: String?, _ status: Int) async throws {
        try await withOpenMessage { client in
            for origin in ["http://evil.example", "null", "http://127.0.0.1:\(client.port)"] {
                let headers = ["Content-Type": "text/plain", "Origin": origin]
                let response = try await client.send("POST", path, headers: headers, body: body)
                let isAllowed = origin.hasPrefix("http://127")
                #expect(response.status == (isAllowed ? status : 403), "\(origin)")
                if !isAllowed {
                    #expect(try response.json["code"] == "origin_not_allowed")
                }
            }
        }
    }
}
