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
