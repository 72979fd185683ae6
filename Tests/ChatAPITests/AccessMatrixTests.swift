import ChatAPI
import ChatDomain
import ChatLive
import ChatTestSupport
import HTTPTypes
import Testing

/// The response of every route and every WebSocket operation to every kind of caller.
@Suite(.timeLimit(.minutes(5)))
struct AccessMatrixTests {
    /// The status of each response; a note may follow the method and the path.
    private static let routes = AccessMatrix(
        """
                                                             open none guest out read mem mod own adm key post rdk bot act
        POST /chats/                                          201  401  403  201  201 201 201 201 201 201 201  403 201 201
        GET /chats/                                           200  401  200  200  200 200 200 200 200 200 200  200 200 200
        GET /chats/{chat_id}                                  200  401  200  404  200 200 200 200 200 200 200  200 404 404
        DELETE /chats/{chat_id}                               204  401  403  404  403 403 403 204 204 204 403  403 404 404
        PATCH /chats/{chat_id}                                200  401  403  404  403 403 403 200 200 200 403  403 404 404
        POST /chats/{chat_id}/messages/                       201  401  201  404  403 201 201 201 201 201 201  403 404 404
        GET /chats/{chat_id}/messages/                        200  401  200  404  200 200 200 200 200 200 200  200 404 404
        GET /chats/{chat_id}/messages/{message_id}            200  401  200  404  200 200 200 200 200 200 200  200 404 404
        PATCH /chats/{chat_id}/messages/{message_id}          200  401  200  404  403 200 200 200 200 200 403  403 404 404
        PATCH /chats/{chat_id}/messages/{message_id} of Bob   200  401  403  404  403 403 403 403 200 200 403  403 404 404
        DELETE /chats/{chat_id}/messages/{message_id}         204  401  204  404  403 204 204 204 204 204 403  403 404 404
        DELETE /chats/{chat_id}/messages/{message_id} of Bob  204  401  403  404  403 403 204 204 204 204 403  403 404 404
        POST /chats/{chat_id}/messages/{message_id}/text?at=0 409  401  409  404  403 409 409 409 409 409 403  403 404 404
        GET /chats/{chat_id}/messages/{message_id}/text       200  401  200  404  200 200 200 200 200 200 200  200 404 404
        POST /chats/{chat_id}/messages/{message_id}/cancel    409  401  409  404  403 409 409 409 409 409 409  403 404 404
        GET /chats/{chat_id}/members                          200  401  200  404  200 200 200 200 200 200 200  200 404 404
        POST /chats/{chat_id}/members                         200  401  403  404  403 403 200 200 200 200 403  403 404 404
        PUT /chats/{chat_id}/members/{user_id}                200  401  403  404  403 403 403 200 200 200 403  403 404 404
        DELETE /chats/{chat_id}/members/{user_id}             204  401  403  404  403 403 204 204 204 204 403  403 404 404
        POST /direct                                          403  401  403  201  201 201 201 201 201 403 403  403 201 201
        GET /chats/{chat_id}/log                              200  401  200  404  200 200 200 200 200 200 200  200 404 404
        PUT /chats/{chat_id}/read                             403  401  403  404  403 403 403 403 403 403 403  403 404 404
        GET /unread                                           403  401  200  200  200 200 200 200 200 403 403  403 200 200
        GET /chats/{chat_id}/events                           200  401  200  404  200 200 200 200 200 200 200  200 404 404
        GET /chats/{chat_id}/events?wait=0                    200  401  200  404  200 200 200 200 200 200 200  200 404 404
        GET /events                                           200  401  200  200  200 200 200 200 200 200 200  200 200 200
        GET /events?chats={chat_id}                           200  401  200  404  200 200 200 200 200 200 200  200 404 404
        GET /inbox                                            403  401  200  200  200 200 200 200 200 403 403  403 200 200
        GET /inbox?wait=0                                     403  401  200  200  200 200 200 200 200 403 403  403 200 200
        GET /ws                                               101  101  101  101  101 101 101 101 101 101 101  101 101 101
        POST /chats/{chat_id}/typing                          204  401  204  404  403 204 204 204 204 204 204  403 404 404
        GET /users?ids=carol                                  200  401  200  200  200 200 200 200 200 200 200  200 200 200
        GET /users/{user_id}                                  200  401  200  200  200 200 200 200 200 200 200  200 200 200
        PUT /users/{user_id}                                  200  401  403  403  403 403 403 403 200 200 403  403 403 403
        DELETE /users/{user_id}                               204  401  403  403  403 403 403 403 204 204 403  403 403 403
        POST /users/{user_id}/tokens                          401  401  403  403  403 403 403 403 403 201 403  403 403 403
        POST /users/{user_id}/revoke                          204  401  403  403  403 403 403 403 204 204 403  403 403 403
        GET /me                                               200  401  200  200  200 200 200 200 200 200 200  200 200 200
        POST /session                                         401  401  204  204  204 204 204 204 204 403 403  403 403 403
        DELETE /session                                       204  204  204  204  204 204 204 204 204 204 204  204 204 204
        POST /tickets                                         401  401  201  201  201 201 201 201 201 201 201  201 201 201
        POST /webhooks                                        201  401  403  403  403 403 403 403 201 201 403  403 403 403
        GET /webhooks                                         200  401  403  403  403 403 403 403 200 200 403  403 403 403
        GET /webhooks/{webhook_id}                            200  401  403  403  403 403 403 403 200 200 403  403 403 403
        PATCH /webhooks/{webhook_id}                          200  401  403  403  403 403 403 403 200 200 403  403 403 403
        POST /webhooks/{webhook_id}/secret                    200  401  403  403  403 403 403 403 200 200 403  403 403 403
        GET /webhooks/{webhook_id}/state                      200  401  403  403  403 403 403 403 200 200 403  403 403 403
        POST /webhooks/{webhook_id}/replay                    202  401  403  403  403 403 403 403 202 202 403  403 403 403
        POST /webhooks/{webhook_id}/test                      503  401  403  403  403 403 403 403 503 503 403  403 403 403
        DELETE /webhooks/{webhook_id}                         204  401  403  403  403 403 403 403 204 204 403  403 403 403
        GET /admin/server                                     200  401  403  403  403 403 403 403 403 200 403  403 403 403
        GET /metrics                                          200  401  403  403  403 403 403 403 403 200 403  403 403 403
        GET /admin/streams                                    200  401  403  403  403 403 403 403 403 200 403  403 403 403
        GET /admin/keys                                       200  401  403  403  403 403 403 403 403 200 403  403 403 403
        POST /admin/keys                                      401  401  403  403  403 403 403 403 403 201 403  403 403 403
        DELETE /admin/keys/{key_id}                           401  401  403  403  403 403 403 403 403 204 403  403 403 403
        GET /health/live                                      200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /health/ready                                     200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /                                                 200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /chat                                             200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /admin                                            200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /llms.txt                                         200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /client.js                                        200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /client.d.ts                                      200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/admin.css                                  200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/admin.js                                   200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/admin-chats.js                             200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/admin-dialogs.js                           200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/admin-keys.js                              200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/admin-log.js                               200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/admin-operator.js                          200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/admin-server.js                            200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/admin-streams.js                           200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/admin-view.js                              200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/admin-webhook.js                           200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/admin-webhooks.js                          200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/chat.css                                   200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/chat.js                                    200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/chat-list.js                               200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/composer.js                                200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/conversation.js                            200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/dialogs.js                                 200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/dom.js                                     200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/drafts.js                                  200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/embed.js                                   200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/icon.svg                                   200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/index.css                                  200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/index.js                                   200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/message.js                                 200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/page.css                                   200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/pending.js                                 200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/people.js                                  200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/plug.js                                    200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/problems.js                                200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/session.js                                 200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /pages/time.js                                    200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /openapi.json                                     200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /docs                                             200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /docs/swagger-initializer.js                      200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /docs/assets/{file}                               200  200  200  200  200 200 200 200 200 200 200  200 200 200
        GET /redoc                                            200  200  200  200  200 200 200 200 200 200 200  200 200 200
        """
    )

    /// The same for a route that makes the tokens of all callers void.
    private static let revocation = AccessMatrix(
        """
                                                             open none guest out read mem mod own adm key post rdk bot act
        POST /revoke                                          204  401  403  403  403 403 403 403 204 204 403  403 403 403
        """
    )

    /// The bodies of requests that need a particular one.
    private static let bodies = [
        "POST /chats/": #"{"title":"new"}"#, "PATCH /chats/{chat_id}": #"{"title":"new"}"#,
        "POST /chats/{chat_id}/messages/": #"{"text":"new"}"#,
        "PATCH /chats/{chat_id}/messages/{message_id}": #"{"text":"new"}"#,
        "PATCH /chats/{chat_id}/messages/{message_id} of Bob": #"{"text":"new"}"#,
        "POST /chats/{chat_id}/members": #"{"users":["dave"]}"#,
        "PUT /chats/{chat_id}/members/{user_id}": #"{"role":"reader"}"#,
        "POST /direct": #"{"user":"friend-{chat_id}"}"#, "POST /chats/{chat_id}/typing": "{}",
        "PUT /chats/{chat_id}/read": #"{"seq":1}"#, "PUT /users/{user_id}": "{}",
        "POST /users/{user_id}/tokens": #"{"ttl":60}"#,
        "POST /webhooks": #"{"url":"https://example.com/hook"}"#, "PATCH /webhooks/{webhook_id}": "{}",
        "POST /webhooks/{webhook_id}/secret": "{}",
        "POST /webhooks/{webhook_id}/replay": #"{"chat_id":{chat_id},"after":0}"#,
        "POST /admin/keys": #"{"name":"new","scope":"read"}"#, "POST /tickets": #"{"path":"/chats/1/events"}"#,
    ]

    /// The complete bodies of refusals.
    private static let refusals = [
        401: #"{"detail":"The request has no credential.","code":"token_missing"}"#,
        403: #"{"detail":"You may not do this","code":"forbidden"}"#,
        404: #"{"detail":"Chat not found","code":"chat_not_found"}"#,
    ]

    /// The code of each answer's error; `ok` for success.
    private static let operations = AccessMatrix(
        """
                       open   none   guest  out    read   mem    mod    own    adm    key    post   rdk    bot    act
        subscribe      ok     unauth ok     hidden ok     ok     ok     ok     ok     ok     ok     ok     hidden hidden
        unsubscribe    absent unauth absent absent absent absent absent absent absent absent absent absent absent absent
        send           ok     unauth ok     hidden forbid ok     ok     ok     ok     ok     ok     forbid hidden hidden
        open           ok     unauth ok     hidden forbid ok     ok     ok     ok     ok     ok     forbid hidden hidden
        append         whole  unauth whole  hidden forbid whole  whole  whole  whole  whole  forbid forbid hidden hidden
        finish         whole  unauth whole  hidden forbid whole  whole  whole  whole  whole  forbid forbid hidden hidden
        cancel         whole  unauth whole  hidden forbid whole  whole  whole  whole  whole  whole  forbid hidden hidden
        typing         ok     unauth ok     hidden forbid ok     ok     ok     ok     ok     ok     forbid hidden hidden
        read           forbid unauth forbid hidden forbid forbid forbid forbid forbid forbid forbid forbid hidden hidden
        members.list   ok     unauth ok     hidden ok     ok     ok     ok     ok     ok     ok     ok     hidden hidden
        members.add    ok     unauth forbid hidden forbid forbid ok     ok     ok     ok     forbid forbid hidden hidden
        members.put    ok     unauth forbid hidden forbid forbid forbid ok     ok     ok     forbid forbid hidden hidden
        members.remove ok     unauth forbid hidden forbid forbid ok     ok     ok     ok     forbid forbid hidden hidden
        direct         forbid unauth forbid ok     ok     ok     ok     ok     ok     forbid forbid forbid ok     ok
        inbox.subscribe   forbid unauth ok  ok     ok     ok     ok     ok     ok     forbid forbid forbid ok     ok
        inbox.unsubscribe absent unauth absent absent absent absent absent absent absent absent absent absent absent absent
        auth           ok     ok     ok     ok     ok     ok     ok     ok     ok     other  other  other  other  ok
        ping           ok     unauth ok     ok     ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
        """
    )

    private static let codes = [
        "hidden": "chat_not_found", "forbid": "forbidden", "unauth": "token_missing", "absent": "not_subscribed",
        "other": "other_user", "whole": "message_not_open",
    ]

    /// What only a membership permits, and what members then get.
    private static let onlyForMembers = ["PUT /chats/{chat_id}/read": "200", "read": "ok"]

    @Test func `every route answers every caller as the table says`() async throws {
        try await MatrixServers.withServers { servers in
            for row in Self.routes.rows {
                for (caller, expected) in row.cells {
                    try await expect(expected, for: row.name, as: caller, servers.scene(for: caller))
                }
            }
        }
        for row in Self.revocation.rows {
            for (caller, expected) in row.cells {
                try await MatrixServers.withServers { servers in
                    try await expect(expected, for: row.name, as: caller, servers.scene(for: caller))
                }
            }
        }
    }

    /// What a user may do does not depend on whether a membership or a token says so.
    @Test func `every route answers members as it answers users with a grant`() async throws {
        try await MatrixServers.withServers { servers in
            for row in Self.routes.rows {
                for member in MatrixMember.all {
                    let onlyForMembers = member.role.flatMap { _ in Self.onlyForMembers[row.name] }
                    let expected = try onlyForMembers ?? #require(row.cell(of: member.counterpart))
                    try await expect(expected, for: row.name, as: member, servers.scene(for: member))
                }
            }
        }
    }

    private func expect(
        _ expected: String,
        for name: String,
        as caller: some Sendable,
        _ scene: MatrixServers.Scene
    ) async throws {
        let response = try await response(to: name, scene)
        let comment = Comment("\(name) as \(caller): \(response.text)")
        #expect(String(response.status) == expected, comment)
        if response.status == 403, name == "POST /session" {
            #expect(try response.json["code"] == "session_needs_token")
        } else if let refusal = Self.refusals[response.status] {
            #expect(response.text == refusal, comment)
        }
        #expect(response.headers["www-authenticate"] == (response.status == 401 ? "Bearer" : nil), comment)
    }

    private func response(to name: String, _ scene: MatrixServers.Scene) async throws -> HTTPTestResponse {
        let words = name.split(separator: " ").map(String.init)
        let message = name.hasSuffix("of Bob") ? scene.other : scene.own
        let chat = String(scene.chat.rawValue)
        let body = Self.bodies[name]?.replacing("{chat_id}", with: chat)
        let path = words[1]
            .replacing("{chat_id}", with: chat)
            .replacing("{message_id}", with: String(message.rawValue))
            .replacing("{user_id}", with: "carol")
            .replacing("{key_id}", with: scene.key)
            .replacing("{webhook_id}", with: String(scene.webhook.rawValue))
            .replacing("{file}", with: "swagger-ui.css")
        let headers = scene.headers.merging(words[1] == "/ws" ? WebSocketClient.headers : [:]) { $1 }
        // Streams do not end, so only the heads of their responses are read.
        return try await scene.client.withKeptConnection { connection in
            try await connection.send(words[0], path, headers: headers, body: body)
        }
    }

    @Test func `the table has every route`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let store = InterceptedStore(store)
            let service = ChatService(store: store, documentationAssets: "public/docs")
            let routes = await service.routes(hub: EventHub(store)).map { "\($0.method.rawValue) \($0.path)" }
            let rows = (Self.routes.rows + Self.revocation.rows).map { row in
                row.name.split(separator: " ").prefix(2).joined(separator: " ").split(separator: "?").first.map(
                    String.init
                )
            }
            #expect(Set(rows) == Set(routes))
        }
    }

    @Test func `every WebSocket operation answers every caller as the table says`() async throws {
        try await MatrixServers.withServers { servers in
            for row in Self.operations.rows {
                for (caller, expected) in row.cells {
                    try await expectAnswer(expected, to: row.name, as: caller, servers.scene(for: caller), servers)
                }
            }
        }
    }

    @Test func `every WebSocket operation answers members as it answers users with a grant`() async throws {
        try await MatrixServers.withServers { servers in
            for row in Self.operations.rows {
                for member in MatrixMember.all {
                    let onlyForMembers = member.role.flatMap { _ in Self.onlyForMembers[row.name] }
                    let expected = try onlyForMembers ?? #require(row.cell(of: member.counterpart))
                    try await expectAnswer(expected, to: row.name, as: member, servers.scene(for: member), servers)
                }
            }
        }
    }

    private func expectAnswer(
        _ expected: String,
        to name: String,
        as caller: some Sendable,
        _ scene: MatrixServers.Scene,
        _ servers: MatrixServers
    ) async throws {
        let token = try await servers.access.token("ada")
        let comment = Comment("\(name) as \(caller)")
        try await scene.client.withSocket(headers: scene.headers) { socket in
            #expect(try await socket.next() == ["type": "hello"])
            let chat = scene.chat.rawValue
            try await socket.send(
                #"""
                {"op":"\#(name)","ref":1,"chat_id":\#(chat),"text":"new","token":"\#(token)","users":["dave"],\#
                "user_id":"carol","role":"reader","user":"friend-\#(chat)","seq":1,\#
                "message_id":\#(scene.own.rawValue),"at":0,"state":"done"}
                """#
            )
            let answer = try await socket.next()
            #expect(answer["ref"] == 1, comment)
            #expect(answer["ok"] == .bool(expected == "ok"), comment)
            #expect(answer["code"]?.string == Self.codes[expected], comment)
            if ["unauth", "other"].contains(expected) {
                #expect(try await socket.frames.nextFrame() == "close 4003", comment)
            }
        }
    }

    @Test func `the table has every WebSocket operation`() {
        #expect(Self.operations.rows.map(\.name) == SocketRequest.operations)
    }
}
