import ChatAPI
import ChatIdentity
import ChatLive
import ChatPages
import ChatSQLite
import ChatTestSupport
import Hummingbird
import Testing

/// Paths and queries: how they are decoded, and what is rejected.
@Suite(.timeLimit(.minutes(5)))
struct RequestTargetTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `a plus sign in a query is a space`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            for title in ["core team", "core+team"] {
                _ = try await client.send("POST", "/chats", body: #"{"title":"\#(title)"}"#)
            }
            for (query, title) in [
                ("q=core+team", "core team"), ("q=core%20team", "core team"), ("q=core%2Bteam", "core+team"),
                ("%71=core+team", "core team"), ("q=x&q=core%2bteam", "core+team"), ("q=+core+team+", "core team"),
            ] {
                let found = try await client.send("GET", "/chats?\(query)")
                #expect(try found.json["chats"]?.elements.map { $0["title"] } == [.string(title)], "\(query)")
            }
        }
    }

    @Test(arguments: [
        ("/chats?q=%", ["query", "q"], "%"), ("/chats?q=50%", ["query", "q"], "50%"),
        ("/chats?q=%2", ["query", "q"], "%2"), ("/chats?q=%+2", ["query", "q"], "%+2"),
        ("/chats?q=%zz", ["query", "q"], "%zz"), ("/chats?q=%FF", ["query", "q"], "%FF"),
        ("/chats?q=%C3", ["query", "q"], "%C3"), ("/chats?%q=1", ["query", "%q"], "1"),
        ("/chats?limit=%&q=a", ["query", "limit"], "%"), ("/chats/1?whatever=%", ["query", "whatever"], "%"),
        ("/chats/1?%=a+b", ["query", "%"], "a b"), ("/chats/%", ["path", "chat_id"], "%"),
        ("/chats/1%", ["path", "chat_id"], "1%"), ("/chats/%FF", ["path", "chat_id"], "%FF"),
        ("/chats/1/messages/%a", ["path", "message_id"], "%a"), ("/chats/1/log?after=%", ["query", "after"], "%"),
        ("/events?chats=%", ["query", "chats"], "%"), ("/ws?a=%", ["query", "a"], "%"),
        ("/health/live?a=%", ["query", "a"], "%"), ("/docs?a=%", ["query", "a"], "%"),
        ("/docs/assets/%", ["path", "file"], "%"), ("/nowhere?a=%", ["query", "a"], "%"),
        ("/nowhere/%", ["path"], "/nowhere/%"),
    ])
    func `invalid percent-encoding is rejected everywhere`(
        _ target: String,
        _ location: [String],
        _ input: String
    ) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let response = try await client.send("GET", target)
            #expect(response.status == 422)
            let rule = "it is not percent-encoded UTF-8: write '%' as %25"
            let location = location.map { "\"\($0)\"" }.joined(separator: ",")
            #expect(
                response.text == """
                    {"detail":[{"type":"value_error","loc":[\(location)],"msg":"Value error, \(rule)",\
                    "input":"\(input)","ctx":{"error":"\(rule)"}}],"code":"validation_failed"}
                    """
            )
        }
    }

    /// Like FastAPI, the original service's routes and the documentation ignore unknown parameters; others reject them.
    @Test func `unknown query parameters are rejected on routes that the original service did not have`() async throws {
        try await withSQLite(.memory) { store in
            let service = ChatService(store: store, documentationAssets: "")
            let routes = Router(await service.routes(hub: EventHub(store)), service.authenticator).routes.map { route in
                (method: route.method.rawValue, path: "\(route.path)")
            }
            let ignoring =
                [
                    "POST /chats", "GET /chats/{chat_id}", "DELETE /chats/{chat_id}", "POST /chats/{chat_id}/messages",
                    "GET /openapi.json", "GET /docs", "GET /docs/swagger-initializer.js",
                    "GET /docs/assets/{file}", "GET /redoc",
                ] + PageFile.all.map { "GET \($0.path)" }
            #expect(routes.count > ignoring.count)
            let credentials = try await TestCredentials()
            try await withServer(store, authenticator: credentials.authenticator(.required, store)) { client in
                for (method, path) in routes {
                    let target = path.replacing("{chat_id}", with: "1").replacing("{message_id}", with: "1")
                    let body = ["POST", "PATCH"].contains(method) ? #"{"title":"a","text":"b"}"# : nil
                    let response = try await client.send(
                        method,
                        "\(target)?offset=5&m%65mber=a+b",
                        headers: credentials.keyHeader,
                        body: body
                    )
                    if ignoring.contains("\(method) \(path)") {
                        #expect(response.status != 422, "\(method) \(path)")
                    } else {
                        #expect(response.status == 422, "\(method) \(path)")
                        #expect(
                            response.text == """
                                {"detail":[{"type":"extra_forbidden","loc":["query","offset"],\
                                "msg":"Extra inputs are not permitted","input":"5"},\
                                {"type":"extra_forbidden","loc":["query","member"],\
                                "msg":"Extra inputs are not permitted","input":"a b"}],"code":"validation_failed"}
                                """
                        )
                    }
                }
            }
        }
    }

    @Test func `every documented query parameter is accepted`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            _ = try await client.send("POST", "/chats", body: #"{"title":"a"}"#)
            let document = try await client.send("GET", "/openapi.json").json
            var count = 0
            for (path, item) in document["paths"]?.members ?? [:] {
                for (method, operation) in item.members {
                    for parameter in operation["parameters"]?.elements ?? [] where parameter["in"] == "query" {
                        let name = try #require(parameter["name"]?.string)
                        let target = path.replacing("{chat_id}", with: "1").replacing("{message_id}", with: "1")
                        // Invalid for every parameter, so that no stream starts.
                        let response = try await client.send(method.uppercased(), "\(target)?\(name)=%00")
                        #expect(try response.json["detail"]?[0]?["type"] != "extra_forbidden", "\(path) \(name)")
                        count += 1
                    }
                }
            }
            #expect(count > 10)
        }
    }
}
