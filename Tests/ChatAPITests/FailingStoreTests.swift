import ChatDomain
import ChatTestSupport
import Testing

/// Responses when the store fails.
///
/// Real failures of the stores are tested elsewhere.
@Suite struct FailingStoreTests {
    @Test func `an unavailable store gets 503 that reveals no internals`() async throws {
        try await withServer(InterceptedStore(failingWith: .unavailable(reason: "disk /secret is full"))) { client in
            let response = try await client.send("GET", "/chats/1", headers: ["X-Request-ID": "r1"])
            #expect(response.status == 503)
            #expect(response.headers["retry-after"] == "1")
            let expected =
                #"{"detail":"Service unavailable, try again later","code":"unavailable","request_id":"r1"}"#
            #expect(response.text == expected)
            #expect(try await client.send("GET", "/health/live").status == 200)
            let ready = try await client.send("GET", "/health/ready")
            #expect(ready.status == 503)
            #expect(ready.text == #"{"status":"unavailable","reason":"the database is not available"}"#)
        }
    }

    @Test func `a search that takes too long has its own error code`() async throws {
        try await withServer(InterceptedStore(failingWith: .searchTimedOut)) { client in
            let response = try await client.send("GET", "/chats?q=a", headers: ["X-Request-ID": "r4"])
            #expect(response.status == 503)
            #expect(response.headers["retry-after"] == "5")
            let expected =
                #"{"detail":"The search took too long, try again later","code":"search_timeout","request_id":"r4"}"#
            #expect(response.text == expected)
        }
    }

    @Test func `a server that holds too many open messages has its own error code`() async throws {
        try await withServer(InterceptedStore(failingWith: .tooManyHeldMessages)) { client in
            let response = try await client.send(
                "POST",
                "/chats/1/messages",
                headers: ["X-Request-ID": "r6"],
                body: #"{"open":true}"#
            )
            #expect(response.status == 503)
            #expect(response.headers["retry-after"] == "1")
            let expected = """
                {"detail":"Too many messages are open on this server, try again later",\
                "code":"too_many_open_messages_on_server","request_id":"r6"}
                """
            #expect(response.text == expected)
        }
    }

    @Test func `a value that the database rejects gets 500`() async throws {
        try await withServer(InterceptedStore(failingWith: .invalidValue(reason: "secret"))) { client in
            let response = try await client.send("GET", "/chats/1", headers: ["X-Request-ID": "r5"])
            #expect(response.status == 500)
            let expected = #"{"detail":"Internal Server Error","code":"internal_error","request_id":"r5"}"#
            #expect(response.text == expected)
        }
    }

    @Test func `the response to a change with an unknown outcome says so`() async throws {
        try await withServer(InterceptedStore(failingWith: .outcomeUnknown(reason: "secret"))) { client in
            let response = try await client.send(
                "POST",
                "/chats",
                headers: ["X-Request-ID": "r3"],
                body: #"{"title":"a"}"#
            )
            #expect(response.status == 503)
            #expect(response.headers["retry-after"] == "1")
            let expected = """
                {"detail":"The database did not answer: the request may have been carried out",\
                "code":"outcome_unknown","request_id":"r3"}
                """
            #expect(response.text == expected)
        }
    }

    @Test func `a defect gets 500 with the request id`() async throws {
        try await withServer(InterceptedStore(failingWith: .failed(reason: "secret"))) { client in
            let response = try await client.send(
                "POST",
                "/chats",
                headers: ["X-Request-ID": "r2"],
                body: #"{"title":"a"}"#
            )
            #expect(response.status == 500)
            let expected = #"{"detail":"Internal Server Error","code":"internal_error","request_id":"r2"}"#
            #expect(response.text == expected)
        }
    }
}
