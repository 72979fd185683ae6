import ChatTestSupport
import Testing

/// The `Idempotency-Key` header.
@Suite(.timeLimit(.minutes(5)))
struct IdempotencyTests {
    @Test(arguments: StoreUnderTest.allCases, ["/chats/", "/chats/1/messages"])
    func `a repeated request gets the response of the first`(_ store: StoreUnderTest, path: String) async throws {
        try await withServer(on: store) { client in
            _ = try await client.send("POST", "/chats", body: #"{"title":"first"}"#)
            let headers = ["Idempotency-Key": "order-66/a"]
            let body = #"{"title":"a","text":"b"}"#
            let first = try await client.send("POST", path, headers: headers, body: body)
            #expect(first.status == 201)
            #expect(first.headers["idempotent-replayed"] == nil)
            // Equivalent, though not byte for byte.
            let same = #"{"text": " b ", "title": "a\n"}"#
            let again = try await client.send("POST", path, headers: headers, body: same)
            #expect(again.status == 200)
            #expect(again.headers["idempotent-replayed"] == "true")
            #expect(again.text == first.text)
            let other = try await client.send("POST", path, headers: headers, body: #"{"title":"x","text":"y"}"#)
            #expect(other.status == 422)
            #expect(
                other.text == """
                    {"detail":"The Idempotency-Key belongs to an earlier request with another body",\
                    "code":"idempotency_key_reused"}
                    """
            )
        }
    }

    /// A client that finds the key in an event need not wait for the response.
    @Test(arguments: StoreUnderTest.allCases)
    func `a message shows the key with which it was posted`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            try await client.createChats()
            let chat = "/chats/1"
            try await client.withEvents(chat + "/events") { stream in
                _ = try await stream.events(through: "caught_up")
                let headers = ["Idempotency-Key": "7d2e"]
                let posted = try await client.send("POST", chat + "/messages", headers: headers, body: #"{"text":"a"}"#)
                let at = try posted.json["created_at"]?.string ?? ""
                let message = #"{"id":1,"chat_id":1,"seq":1,"text":"a","created_at":"\#(at)","revision":1,"#
                #expect(posted.text == message + #""idempotency_key":"7d2e"}"#)
                #expect(try await stream.nextEvent()?.data.contains(posted.text) == true)
                let again = try await client.send("POST", chat + "/messages", headers: headers, body: #"{"text":"a"}"#)
                #expect(again.text == posted.text)
                for path in [chat, chat + "/messages", chat + "/messages/1", chat + "/log"] {
                    #expect(try await client.send("GET", path).text.contains(posted.text), "\(path)")
                }
                _ = try await client.send("PATCH", chat + "/messages/1", body: #"{"text":"b"}"#)
                #expect(try await stream.nextEvent()?.json["message"]?["idempotency_key"] == "7d2e")
                _ = try await client.send("DELETE", chat + "/messages/1")
                let deletion = try await stream.nextEvent()
                #expect(deletion?.type == "message.deleted")
                #expect(deletion?.data.hasSuffix(#""text":"","idempotency_key":"7d2e"}}"#) == true)
                _ = try await client.send("POST", chat + "/messages", body: #"{"text":"c"}"#)
                #expect(try await stream.nextEvent()?.data.contains("idempotency_key") == false)
            }
        }
    }

    @Test(arguments: ["", "a b", "é", String(repeating: "k", count: 256)])
    func `an invalid idempotency key is rejected`(_ key: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let headers = ["Idempotency-Key": key]
            let response = try await client.send("POST", "/chats/", headers: headers, body: #"{"title":"a"}"#)
            #expect(response.status == 422)
            #expect(
                response.text == """
                    {"detail":[{"type":"string_pattern_mismatch","loc":["header","idempotency-key"],\
                    "msg":"String should match pattern '^[!-~]{1,255}$'","input":"\(key)",\
                    "ctx":{"pattern":"^[!-~]{1,255}$"}}],"code":"validation_failed"}
                    """
            )
        }
    }
}
