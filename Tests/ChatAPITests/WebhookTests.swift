import ChatDomain
import ChatTestSupport
import Synchronization
import Testing

/// The management of webhooks, on a server in open mode.
@Suite(.timeLimit(.minutes(5)))
struct WebhookTests {
    private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    @Test(arguments: StoreUnderTest.allCases)
    func `a webhook is created, read, edited and deleted`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            let created = try await client.send(
                "POST",
                "/webhooks",
                body: #"""
                    {"url":"https://example.com/hook?a=1","types":["message.created","chat.deleted","message.created"],\#
                    "chats":[7,2],"with":["offline"],"secret":"\#(Self.secret)"}
                    """#
            )
            #expect(created.status == 201)
            let members = #"""
                "id":1,"url":"https://example.com/hook?a=1","types":["chat.deleted","message.created"],"chats":[2,7],\#
                "with":["offline"],"enabled":true,"created_at":"T"
                """#
            #expect(created.textWithoutInstants == #"{\#(members),"secret":"\#(Self.secret)"}"#)
            let read = try await client.send("GET", "/webhooks/1")
            #expect(read.textWithoutInstants == "{\(members)}")
            let list = try await client.send("GET", "/webhooks/")
            #expect(list.textWithoutInstants == #"{"webhooks":[{\#(members)}]}"#)
            #expect(try await client.send("PATCH", "/webhooks/1", body: "{}").text == read.text)

            let edited = try await client.send(
                "PATCH",
                "/webhooks/1",
                body: #"{"url":"http://127.0.0.1:9000","types":null,"chats":null,"with":[],"enabled":false}"#
            )
            #expect(edited.status == 200)
            #expect(
                edited.textWithoutInstants == #"""
                    {"id":1,"url":"http://127.0.0.1:9000","types":null,"chats":null,"with":[],"enabled":false,\#
                    "created_at":"T","disabled_at":"T","disabled_reason":"disabled by request"}
                    """#
            )
            let deleted = try await client.send("DELETE", "/webhooks/1")
            #expect(deleted.status == 204 && deleted.body.isEmpty)
            #expect(try await client.send("GET", "/webhooks").text == #"{"webhooks":[]}"#)
        }
    }

    @Test func `a webhook gets a random secret, and a new one on request`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            try await withServer(store) { client in
                let created = try await client.send("POST", "/webhooks", body: #"{"url":"https://example.com/"}"#)
                let first = try #require(try created.json["secret"]?.string)
                #expect(WebhookSecret(first) != nil)
                let replaced = try await client.send("POST", "/webhooks/1/secret", body: "{}")
                #expect(replaced.status == 200)
                let second = try #require(try replaced.json["secret"]?.string)
                #expect(second != first && WebhookSecret(second) != nil)
                #expect(try replaced.json["old_secret_expires_at"] != nil)
                let chosen = try await client.send(
                    "POST",
                    "/webhooks/1/secret",
                    body: #"{"secret":"\#(Self.secret)"}"#
                )
                #expect(try chosen.json["secret"] == .string(Self.secret))
                let webhook = try #require(try await store.webhooks().first)
                #expect(webhook.secrets(at: .now()).map(\.text) == [Self.secret, second])
                for path in ["/webhooks", "/webhooks/1", "/webhooks/1/state"] {
                    let text = try await client.send("GET", path).text
                    #expect(!text.contains("whsec_"))
                }
            }
        }
    }

    @Test(arguments: [
        (#"{}"#, #"{"type":"missing","loc":["body","url"],"msg":"Field required","input":{}}"#),
        (
            #"{"url":"https://a@example.com"}"#,
            #"""
            {"type":"value_error","loc":["body","url"],"msg":"Value error, a target is an http or https URL with a host, \#
            without credentials or a fragment, of at most 2048 ASCII characters","input":"https://a@example.com",\#
            "ctx":{"error":"a target is an http or https URL with a host, \#
            without credentials or a fragment, of at most 2048 ASCII characters"}}
            """#
        ),
        (
            #"{"url":"https://a","types":[]}"#,
            #"""
            {"type":"value_error","loc":["body","types"],"msg":"Value error, the list is empty: null selects all types",\#
            "input":[],"ctx":{"error":"the list is empty: null selects all types"}}
            """#
        ),
        (
            #"{"url":"https://a","types":[1]}"#,
            #"{"type":"string_type","loc":["body","types",0],"msg":"Input should be a valid string","input":1}"#
        ),
        (
            #"{"url":"https://a","chats":["1"]}"#,
            #"{"type":"int_type","loc":["body","chats",0],"msg":"Input should be a valid integer","input":"1"}"#
        ),
        (
            #"{"url":"https://a","chats":7}"#,
            #"{"type":"list_type","loc":["body","chats"],"msg":"Input should be a valid list","input":7}"#
        ),
        (
            #"{"url":"https://a","with":["online"]}"#,
            #"""
            {"type":"value_error","loc":["body","with",0],"msg":"Value error, only offline is possible","input":"online",\#
            "ctx":{"error":"only offline is possible"}}
            """#
        ),
        (
            #"{"url":"https://a","secret":"whsec_c2hvcnQ="}"#,
            #"""
            {"type":"value_error","loc":["body","secret"],"msg":"Value error, a secret is whsec_ and the Base64 of 24 to \#
            64 bytes","input":null,"ctx":{"error":"a secret is whsec_ and the Base64 of 24 to \#
            64 bytes"}}
            """#
        ),
    ])
    func `an invalid webhook is refused`(_ body: String, _ issue: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let response = try await client.send("POST", "/webhooks", body: body)
            #expect(response.status == 422)
            #expect(response.text == #"{"detail":[\#(issue)],"code":"validation_failed"}"#)
            #expect(try await client.send("GET", "/webhooks").text == #"{"webhooks":[]}"#)
        }
    }

    @Test func `an unknown type is refused`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let body = #"{"url":"https://a","types":["message.created","message.starred"]}"#
            let response = try await client.send("POST", "/webhooks", body: body)
            #expect(response.status == 422)
            let issue = try response.json["detail"]?[0]
            #expect(issue?["type"] == "literal_error")
            #expect(issue?["loc"] == ["body", "types", 1])
        }
    }

    @Test func `a list can be too long`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            for (count, status) in [(Webhook.maximumChats, 201), (Webhook.maximumChats + 1, 422)] {
                let chats = (1...count).map(String.init).joined(separator: ",")
                let body = #"{"url":"https://a","chats":[\#(chats)]}"#
                let response = try await client.send("POST", "/webhooks", body: body)
                #expect(response.status == status)
            }
        }
    }

    @Test func `there is a limit on webhooks`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            for _ in 0..<Webhook.maximumCount {
                _ = try await store.createWebhook(
                    WebhookDraft(url: WebhookURL(stored: "https://a"), secret: .random())
                )
            }
            try await withServer(store) { client in
                let response = try await client.send("POST", "/webhooks", body: #"{"url":"https://a"}"#)
                #expect(response.status == 409)
                #expect(response.text == #"{"detail":"There are 100 webhooks already","code":"too_many_webhooks"}"#)
            }
        }
    }

    @Test func `a missing webhook is not found`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let requests = [
                ("GET", "", nil), ("PATCH", "", "{}"), ("DELETE", "", nil), ("GET", "/state", nil),
                ("POST", "/secret", "{}"), ("POST", "/replay", #"{"chat_id":1,"after":0}"#), ("POST", "/test", nil),
            ]
            for (method, path, body) in requests {
                let response = try await client.send(method, "/webhooks/7\(path)", body: body)
                #expect(response.status == 404, "\(method) \(path)")
                #expect(response.text == #"{"detail":"Webhook not found","code":"webhook_not_found"}"#)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a replay makes a chat pending, and the state shows it`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: try ChatTitle("chat")).id
            _ = try await store.postMessage(try MessageText("text"), to: chat)
            try await withServer(store) { client in
                _ = try await client.send("POST", "/webhooks", body: #"{"url":"https://a"}"#)
                #expect(
                    try await client.send("GET", "/webhooks/1/state").text == #"""
                        {"enabled":true,"pending_chats":0,"failing_chats":0,"stalled_chats":0,"failing":[]}
                        """#
                )
                let replay = try await client.send("POST", "/webhooks/1/replay", body: #"{"chat_id":1,"after":0}"#)
                #expect(replay.status == 202 && replay.body.isEmpty)
                #expect(
                    try await client.send("GET", "/webhooks/1/state").textWithoutInstants == #"""
                        {"enabled":true,"pending_chats":1,"failing_chats":0,"stalled_chats":0,"pending_since":"T",\#
                        "failing":[]}
                        """#
                )
                let missing = try await client.send("POST", "/webhooks/1/replay", body: #"{"chat_id":9,"after":0}"#)
                #expect(missing.status == 404)
                #expect(missing.text == #"{"detail":"Chat not found","code":"chat_not_found"}"#)

                #expect(try await store.leaseWebhooks(to: "a", for: .seconds(60)).count == 1)
                let now = Instant.now()
                let webhook = WebhookID(rawValue: 1)
                let delivery = try #require(try await store.dueDeliveries(of: webhook, at: now, limit: 1).first)
                #expect(
                    try await store.record(.failed(error: "error", retryAt: nil), of: delivery, by: "a", at: now)
                )
                #expect(
                    try await client.send("GET", "/webhooks/1/state").textWithoutInstants == #"""
                        {"enabled":true,"pending_chats":0,"failing_chats":0,"stalled_chats":1,"last_failure_at":"T",\#
                        "last_error":"error","failing":[{"chat_id":1,"seq":0,"tries":1,"failing_since":"T",\#
                        "error":"error","retry_at":null}]}
                        """#
                )
            }
        }
    }

    @Test func `a test returns what the target answered`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let sender = FixedSender()
            try await withServer(store, webhookSender: sender) { client in
                _ = try await client.send("POST", "/webhooks", body: #"{"url":"https://a","types":["chat.deleted"]}"#)
                for expected in [
                    #"{"delivered":true,"status":204,"milliseconds":84}"#,
                    #"{"delivered":false,"milliseconds":10000,"error":"no response"}"#,
                ] {
                    let response = try await client.send("POST", "/webhooks/1/test")
                    #expect(response.status == 200)
                    #expect(response.text == expected)
                }
                #expect(sender.tested == [WebhookID(rawValue: 1), WebhookID(rawValue: 1)])
                #expect(sender.notices == 1)
                _ = try await client.send("PATCH", "/webhooks/1", body: #"{"types":null}"#)
                _ = try await client.send("DELETE", "/webhooks/1")
                #expect(sender.notices == 3)
            }
        }
    }

    @Test func `messages and tests pass their traces on`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let sender = FixedSender()
            try await withServer(store, webhookSender: sender) { client in
                try await client.createChats()
                _ = try await client.send("POST", "/webhooks", body: #"{"url":"https://a"}"#)
                let trace = "0af7651916cd43dd8448eb211c80319c"
                for headers in [[:], ["traceparent": "00-\(trace)-b7ad6b7169203331-01"]] {
                    for (path, body) in [
                        ("/chats/1/messages/", #"{"text":"hi"}"# as String?), ("/webhooks/1/test", nil),
                    ] {
                        let response = try await client.send("POST", path, headers: headers, body: body)
                        #expect([200, 201].contains(response.status))
                    }
                }
                #expect(sender.traces == ["\(trace) 1 2", trace])
            }
        }
    }

    @Test func `a server that delivers nothing cannot test`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            _ = try await client.send("POST", "/webhooks", body: #"{"url":"https://a"}"#)
            let response = try await client.send("POST", "/webhooks/1/test")
            #expect(response.status == 503)
            #expect(try response.json["code"] == "no_webhook_sender")
        }
    }
}

/// A sender whose targets answer once and then never again.
private final class FixedSender: WebhookSender {
    private let state = Mutex<(tested: [WebhookID], traces: [String], notices: Int)>(([], [], 0))

    var tested: [WebhookID] { state.withLock { $0.tested } }
    /// The traces of tests and messages, with the chat and the position of each message.
    var traces: [String] { state.withLock { $0.traces } }
    var notices: Int { state.withLock { $0.notices } }

    func test(_ webhook: Webhook, as trace: TraceParent?) async -> WebhookTestResult {
        let isFirst = state.withLock { state in
            state.tested.append(webhook.id)
            if let trace {
                state.traces.append(trace.traceID)
            }
            return state.tested.count == 1
        }
        return isFirst
            ? WebhookTestResult(status: 204, duration: .milliseconds(84), error: nil)
            : WebhookTestResult(status: nil, duration: .seconds(10), error: "no response")
    }

    func noticeTrace(_ trace: TraceParent, of chat: ChatID, at position: Position) {
        state.withLock { $0.traces.append("\(trace.traceID) \(chat.rawValue) \(position.rawValue)") }
    }

    func noticeChanges() {
        state.withLock { $0.notices += 1 }
    }
}
