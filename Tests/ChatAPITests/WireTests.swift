import ChatTestSupport
import Foundation
import Testing

/// Promises about the wire beyond the recorded requests.
@Suite(.timeLimit(.minutes(5)))
struct WireTests {
    @Test func `responses have exactly these bodies`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let chat = try await client.send("POST", "/chats/", body: #"{"title":"Team"}"#)
            let createdAt = try #require(try chat.json["created_at"]?.string)
            #expect(chat.status == 201)
            let members = #""id":1,"title":"Team","created_at":"\#(createdAt)""#
            let noMessages = #""last_seq":0,"last_message_at":null,"message_count":0,"visibility":"open""#
            #expect(chat.text == #"{\#(members),\#(noMessages)}"#)

            let message = try await client.send("POST", "/chats/1/messages/", body: #"{"text":"Hello"}"#)
            let postedAt = try #require(try message.json["created_at"]?.string)
            let body = #"{"id":1,"chat_id":1,"seq":1,"text":"Hello","created_at":"\#(postedAt)","revision":1}"#
            #expect(message.status == 201)
            #expect(message.text == body)

            let read = try await client.send("GET", "/chats/1")
            let counts = #""last_seq":1,"last_message_at":"\#(postedAt)","message_count":1,"visibility":"open""#
            #expect(read.text == #"{\#(members),\#(counts),"messages":[\#(body)]}"#)
            #expect(read.headers["content-length"] == String(read.body.count))
            #expect(read.headers["x-content-type-options"] == "nosniff")
            #expect(read.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'")

            let deleted = try await client.send("DELETE", "/chats/1")
            #expect(deleted.status == 204)
            #expect(deleted.body.isEmpty)
            #expect(deleted.headers["content-type"] == nil)
        }
    }

    @Test(arguments: [
        ("GET", "/health/live", ["content-type: application/json"]),
        ("GET", "/chats/1", ["content-type: application/json"]),
        ("HEAD", "/chats/1", ["content-type: application/json"]),
        ("GET", "/chats/1/messages/1", ["content-type: application/json", "etag: \"1\""]),
        ("GET", "/nowhere", ["content-type: application/json"]),
        ("GET", "/chats/x", ["content-type: application/json"]),
        ("PUT", "/health/live", ["allow: GET, HEAD", "content-type: application/json"]),
        ("DELETE", "/chats/1", []),
        ("GET", "/openapi.json", ["cache-control: no-cache", "content-type: application/json"]),
    ])
    func `responses have exactly these header fields`(_ method: String, _ path: String, _ own: [String]) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            _ = try await client.send("POST", "/chats/", body: #"{"title":"a"}"#)
            _ = try await client.send("POST", "/chats/1/messages/", body: #"{"text":"b"}"#)
            let request = "\(method) \(path) HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\n\r\n"
            let response = try await client.exchange(Array(request.utf8), halfClose: true)
            let head = String(decoding: response, as: UTF8.self).components(separatedBy: "\r\n\r\n")[0]
            // Repeated fields count. Date and Content-Length vary between responses.
            let fields = head.components(separatedBy: "\r\n").dropFirst()
                .map { $0.prefix { $0 != ":" }.lowercased() + $0.drop { $0 != ":" } }
                .filter { !$0.hasPrefix("date: ") && !$0.hasPrefix("content-length: ") }
            let common = [
                "content-security-policy: default-src 'none'; frame-ancestors 'none'", "referrer-policy: no-referrer",
                "x-content-type-options: nosniff", "x-request-id: mine",
            ]
            let cachePolicy = own.contains { $0.hasPrefix("cache-control") } ? [] : ["cache-control: no-store"]
            #expect(fields.sorted() == (common + cachePolicy + own).sorted())
        }
    }

    @Test(arguments: [
        ("POST", "/chats", 201), ("POST", "/chats/", 201), ("GET", "/chats/1", 200), ("GET", "/chats/1/", 200),
        ("POST", "/chats/1/messages", 201), ("POST", "/chats/1/messages/", 201), ("HEAD", "/chats/1", 200),
        ("DELETE", "/chats/1/", 204), ("GET", "/health/live/", 200),
    ])
    func `paths work with and without a trailing slash`(_ method: String, _ path: String, _ status: Int) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            _ = try await client.send("POST", "/chats/", body: #"{"title":"a"}"#)
            let body = method == "POST" ? #"{"title":"a","text":"b"}"# : nil
            let response = try await client.send(method, path, body: body)
            #expect(response.status == status)
            #expect(response.headers["location"] == nil)
        }
    }

    @Test(arguments: [
        ("1", 200), ("01", 200), ("%2B1", 200), ("1.0", 200), ("1.00", 200), ("%201%20", 200), ("-0", 404),
        ("1_0", 404),
        ("9223372036854775807", 404), ("9223372036854775808", 404), ("-9223372036854775809", 404),
        ("99999999999999999999999999.0", 404), ("1.", 422), (".0", 422), ("1e0", 422), ("0x1", 422), ("1__0", 422),
        ("_1", 422), ("1_", 422), ("++1", 422), ("%D9%A1", 422), ("%FF", 422), ("1%00", 422), ("%", 422), ("true", 422),
    ])
    func `ids are parsed as Pydantic parses integers`(_ id: String, _ status: Int) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            _ = try await client.send("POST", "/chats/", body: #"{"title":"a"}"#)
            let response = try await client.send("GET", "/chats/\(id)")
            #expect(response.status == status)
        }
    }

    @Test func `an integer with more digits than Python parses is too long`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let digits = String(repeating: "9", count: 4_301)
            let response = try await client.send("GET", "/chats/\(digits)")
            #expect(response.status == 422)
            #expect(try response.json["detail"]?[0]?["type"] == "int_parsing_size")
        }
    }

    @Test(arguments: [
        ("application/json", 201), ("application/json; charset=utf-8", 201), ("APPLICATION/JSON", 201),
        ("application/vnd.api+json", 201), ("text/plain", 422), ("application/x-www-form-urlencoded", 422),
        ("text/json", 422), ("application/xjson", 422), ("json", 422),
    ])
    func `only bodies declared as JSON are parsed`(_ type: String, _ status: Int) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let response = try await client.send(
                "POST",
                "/chats",
                headers: ["Content-Type": type],
                body: #"{"title":"a"}"#
            )
            #expect(response.status == status)
            if status == 422 {
                let issue = try response.json["detail"]?[0]
                #expect(issue?["type"] == "model_attributes_type")
                #expect(issue?["input"] == #"{"title":"a"}"#)
            }
        }
    }

    @Test(arguments: [
        (#"{"title":"a\u0000b"}"#, "value_error"), (#"{"title":"\ud800"}"#, "string_unicode"),
        ("{\"title\":\"a\u{1}\"}", "json_invalid"), (#"{"title":NaN}"#, "json_invalid"),
    ])
    func `values that no database can store are rejected`(_ body: String, _ type: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let response = try await client.send("POST", "/chats", body: body)
            #expect(response.status == 422)
            #expect(try response.json["code"] == "validation_failed")
            #expect(try response.json["detail"]?[0]?["type"]?.string == type)
        }
    }

    /// A page of another origin can make a browser send these without a preflight; anything else needs one, and this
    /// service never allows it.
    @Test(arguments: [nil, "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "text/plain"])
    func `a request that a page of another origin can send changes nothing`(_ type: String?) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats()
            try await client.withEvents("/chats/1/events") { stream in
                _ = try await stream.events(through: "caught_up")
                for path in ["/chats", "/chats/1/messages", "/chats/1/typing"] {
                    for body in ["", "title=a&text=b", #"{"title":"a","text":"b"}"#] {
                        let type = type.map { "Content-Type: \($0)\r\n" } ?? ""
                        let head = "POST \(path) HTTP/1.1\r\nHost: a\r\nOrigin: http://evil.example\r\n\(type)"
                        let length = "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
                        let answer = try await client.exchange(Array((head + length + body).utf8))
                        #expect(try HTTPTestResponse(answer).status == 403, "\(path) \(body)")
                    }
                }
                try await client.post("the first")
                #expect(try await stream.nextEvent()?.position == 1)
            }
            #expect(try await client.send("GET", "/chats").json["chats"]?.elements.count == 1)
        }
    }

    @Test(arguments: ["DELETE", "PATCH", "POST", "PUT"])
    func `a preflight request from another origin is not granted`(_ method: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            for path in ["/chats", "/chats/1", "/chats/1/messages", "/chats/1/messages/1", "/chats/1/typing"] {
                let headers = [
                    "Origin": "http://evil.example", "Access-Control-Request-Method": method,
                    "Access-Control-Request-Headers": "content-type",
                ]
                let response = try await client.send("OPTIONS", path, headers: headers)
                #expect(response.status == 405)
                #expect(response.headers.keys.allSatisfy { !$0.hasPrefix("access-control-") })
            }
        }
    }

    @Test func `caches may store only static files`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats()
            try await client.post("a")
            for (method, path) in [
                ("GET", "/chats"), ("GET", "/chats/1"), ("GET", "/chats/1/messages"), ("GET", "/chats/1/messages/1"),
                ("HEAD", "/chats/1"), ("GET", "/chats/1/log"), ("GET", "/chats/2"), ("GET", "/chats/x"),
                ("GET", "/nowhere"), ("PUT", "/chats/1"), ("POST", "/chats"), ("POST", "/chats/1/typing"),
                ("DELETE", "/chats/1/messages/1"), ("GET", "/health/ready"), ("GET", "/ws"), ("BREW", "/chats"),
                ("GET", "/chats/1/events?wait=0"), ("GET", "/docs/assets/nothing"), ("DELETE", "/chats/1"),
            ] {
                let response = try await client.send(method, path)
                #expect(response.headers["cache-control"] == "no-store", "\(method) \(path)")
            }
            for path in [
                "/", "/chat", "/client.js", "/docs", "/redoc", "/openapi.json", "/docs/swagger-initializer.js",
            ] {
                #expect(try await client.send("GET", path).headers["cache-control"] == "no-cache", "\(path)")
            }
        }
    }

    @Test func `every response carries a request id`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            for path in ["/health/live", "/nope", "/chats/abc", "/chats/1"] {
                let made = try await client.send("GET", path)
                #expect(made.headers["x-request-id"]?.isEmpty == false)
                let given = try await client.send("GET", path, headers: ["X-Request-ID": "app-7f:3"])
                #expect(given.headers["x-request-id"] == "app-7f:3")
                for insane in [String(repeating: "a", count: 129), "a b", "é", "<script>"] {
                    let replaced = try await client.send("GET", path, headers: ["X-Request-ID": insane])
                    #expect(replaced.headers["x-request-id"] != insane)
                    #expect(replaced.headers["x-request-id"]?.isEmpty == false)
                }
            }
        }
    }

    @Test func `health checks respond with JSON`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let live = try await client.send("GET", "/health/live")
            #expect(live.status == 200)
            #expect(live.text == #"{"status":"ok"}"#)
            let ready = try await client.send("GET", "/health/ready")
            #expect(ready.status == 200)
            #expect(ready.text == #"{"status":"ready"}"#)
        }
    }

    @Test(arguments: [
        ("PUT", "/chats/1"), ("OPTIONS", "/chats"), ("TRACE", "/health/live"), ("DELETE", "/chats/1/messages"),
    ])
    func `a 405 lists the allowed methods`(_ method: String, _ path: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let response = try await client.send(method, path)
            #expect(response.status == 405)
            #expect(response.headers["allow"]?.isEmpty == false)
            #expect(response.text == #"{"detail":"Method Not Allowed","code":"method_not_allowed"}"#)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a search for text that no title can contain is rejected`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            for query in ["q=%00", "q=a%00b"] {
                let response = try await client.send("GET", "/chats?\(query)")
                #expect(response.status == 422)
                #expect(try response.json["detail"]?[0]?["loc"] == ["query", "q"])
            }
        }
    }
}
