import ChatDomain
import ChatTestSupport
import Testing

/// Lists, pages, edits, deletions and the log, as clients see them on the wire.
@Suite(.timeLimit(.minutes(5)))
struct HistoryTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `a message's ETag is its revision`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            _ = try await client.send("POST", "/chats/", body: #"{"title":"a"}"#)
            let posted = try await client.send("POST", "/chats/1/messages/", body: #"{"text":"one"}"#)
            let shown = try await client.send("GET", "/chats/1/messages/1")
            #expect(shown.text == posted.text)
            #expect(shown.headers["etag"] == #""1""#)
            let known = try await client.send(
                "GET",
                "/chats/1/messages/1",
                headers: ["If-None-Match": #""0", W/"1-gzip""#]
            )
            #expect(known.status == 304)
            #expect(known.body.isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `edits and deletions can require a revision`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            _ = try await client.send("POST", "/chats/", body: #"{"title":"a"}"#)
            _ = try await client.send("POST", "/chats/1/messages/", body: #"{"text":"one"}"#)
            let path = "/chats/1/messages/1"
            let edited = try await client.send(
                "PATCH",
                path,
                headers: ["If-Match": #""1""#],
                body: #"{"text":" two "}"#
            )
            #expect(edited.status == 200)
            #expect(edited.headers["etag"] == #""2""#)
            let (createdAt, editedAt) = try (edited.json["created_at"]?.string, edited.json["edited_at"]?.string)
            #expect(
                edited.text == """
                    {"id":1,"chat_id":1,"seq":1,"text":"two","created_at":"\(createdAt ?? "")","revision":2,\
                    "edited_at":"\(editedAt ?? "")"}
                    """
            )
            // An edit to the current text changes nothing. A proxy that compresses makes the tag weak.
            for tag in [#""2""#, #"W/"2""#, #""1", W/"2""#, #""2-gzip""#, #"W/"2-br""#, #""2;gzip""#] {
                let same = try await client.send("PATCH", path, headers: ["If-Match": tag], body: #"{"text":"two"}"#)
                #expect(same.text == edited.text)
            }
            for tag in [
                #""1""#, #"W/"1""#, #"w/"2""#, #"W/2"#, #""02""#, #""+2""#, "2", "nonsense", #""1-gzip""#, #""-2""#,
                #""2-""#, #""2-2""#,
            ] {
                let stale = try await client.send("PATCH", path, headers: ["If-Match": tag], body: #"{"text":"x"}"#)
                #expect(stale.status == 412)
                #expect(stale.text == #"{"detail":"The message is at another revision","code":"revision_mismatch"}"#)
                #expect(try await client.send("DELETE", path, headers: ["If-Match": tag]).status == 412)
            }
            #expect(try await client.send("DELETE", path, headers: ["If-Match": #"W/"1", W/"2""#]).status == 204)
            for method in ["GET", "DELETE", "PATCH"] {
                let gone = try await client.send(method, path, body: method == "PATCH" ? "{}" : nil)
                #expect(gone.status == 404)
                #expect(gone.text == #"{"detail":"Message not found","code":"message_not_found"}"#)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `messages and entries show their authors`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("a")).id
            let post = LogChange.post(MessageDraft(text: try MessageText("one")))
            _ = try await store.recordMessage(post, in: chat, by: .user("ada"))
            try await withServer(store) { client in
                // This client is anonymous, and the message remains ada's.
                let edited = try await client.send("PATCH", "/chats/1/messages/1", body: #"{"text":"two"}"#)
                #expect(edited.text.hasPrefix(#"{"id":1,"chat_id":1,"seq":1,"author":"ada","text":"two","#))
                for path in ["/chats/1", "/chats/1/messages", "/chats/1/messages/1"] {
                    #expect(try await client.send("GET", path).text.contains(edited.text))
                }
                let entries = try await client.send("GET", "/chats/1/log?after=0").json["entries"]
                #expect(entries?.elements.map { $0["author"] } == ["ada", nil])
                #expect(entries?.elements.map { $0["message"]?["author"] } == ["ada", "ada"])
                try await client.withEvents("/chats/1/events?after=0") { connection in
                    let events = try await connection.events(through: "message.updated")
                    let entry = #"{"seq":1,"type":"message.created","chat_id":1,"author":"ada","at":"#
                    #expect(events.contains { $0.data.hasPrefix(entry) })
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a deleted message keeps its place in pages but not its text`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            try await client.createChats()
            let posted = try await client.send("POST", "/chats/1/messages/", body: #"{"text":"one"}"#)
            let createdAt = try posted.json["created_at"]?.string
            _ = try await client.send("PATCH", "/chats/1/messages/1", body: #"{"text":"two"}"#)
            _ = try await client.send("DELETE", "/chats/1/messages/1")
            let page = try await client.send("GET", "/chats/1/messages")
            let deletedAt = try page.json["messages"]?[0]?["deleted_at"]?.string ?? ""
            #expect(
                page.textWithoutEpoch == """
                    {"messages":[{"id":1,"chat_id":1,"seq":1,"created_at":"\(createdAt ?? "")",\
                    "deleted_at":"\(deletedAt)","text":""}],"has_before":false,"has_after":false,"last_seq":3}
                    """
            )
            #expect(try await client.send("GET", "/chats/1").json["messages"] == [])
        }
    }

    @Test func `metadata and replies are returned as they were sent`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let body = #"{"title":"a","metadata":{ "b" : [1, 2.50, "\u007b \" x"],"a":{}}}"#
            let chat = try await client.send("POST", "/chats/", body: body)
            #expect(chat.text.hasSuffix(#""metadata":{"b":[1,2.50,"\u007b \" x"],"a":{}}}"#))
            let first = try await client.send(
                "POST",
                "/chats/1/messages",
                body: #"{"text":"a","metadata":{"k":1},"reply_to":null}"#
            )
            #expect(first.text.hasSuffix(#""revision":1,"metadata":{"k":1}}"#))
            let answer = try await client.send("POST", "/chats/1/messages", body: #"{"text":"b","reply_to":1}"#)
            #expect(answer.text.hasSuffix(#""revision":1,"reply_to":1}"#))
            let cleared = try await client.send("PATCH", "/chats/1", body: #"{"metadata":null,"title":"c"}"#)
            #expect(cleared.status == 200)
            #expect(try cleared.json["title"] == "c")
            #expect(try cleared.json["metadata"] == nil)
            #expect(try cleared.json["last_seq"] == 3)

            let refused = [
                (#"{"text":"b","reply_to":9}"#, "value_error", "reply_to"),
                (#"{"text":"b","reply_to":"1"}"#, "int_type", "reply_to"),
                (#"{"text":"b","reply_to":1.5}"#, "int_type", "reply_to"),
                (#"{"text":"b","metadata":[]}"#, "dict_type", "metadata"),
                (
                    #"{"text":"b","metadata":{"k":"\#(String(repeating: "x", count: 16_377))"}}"#, "value_error",
                    "metadata"
                ),
            ]
            for (body, type, member) in refused {
                let response = try await client.send("POST", "/chats/1/messages", body: body)
                #expect(response.status == 422)
                #expect(try response.json["detail"]?[0]?["type"] == .string(type))
                #expect(try response.json["detail"]?[0]?["loc"] == ["body", .string(member)])
                #expect(try response.json["code"] == "validation_failed")
            }
            let fits = #"{"text":"b","metadata":{"k":"\#(String(repeating: "x", count: 16_376))"}}"#
            #expect(try await client.send("POST", "/chats/1/messages", body: fits).status == 201)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `messages can be paged in both directions`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            _ = try await client.send("POST", "/chats/", body: #"{"title":"a"}"#)
            for number in 1...9 {
                _ = try await client.send("POST", "/chats/1/messages", body: #"{"text":"\#(number)"}"#)
            }
            let cases: [(String, [Int64], Bool, Bool)] = [
                ("limit=3", [7, 8, 9], true, false), ("before=4&limit=2", [2, 3], true, true),
                ("before=3", [1, 2], false, true), ("after=7", [8, 9], true, false),
                ("after=3&limit=2", [4, 5], true, true), ("after=0&limit=1", [1], false, true),
                ("around=5&limit=4", [3, 4, 5, 6], true, true), ("around=5&limit=1", [5], true, true),
                ("around=1&limit=3", [1, 2], false, true), ("before=0", [], false, true), ("after=99", [], true, false),
                ("before=9223372036854775807&limit=1", [9], true, false),
                ("after=9223372036854775807", [], true, false),
            ]
            for (query, positions, hasBefore, hasAfter) in cases {
                let page = try await client.send("GET", "/chats/1/messages/?\(query)").json
                #expect(page["messages"]?.elements.compactMap { $0["seq"]?.integer } == positions, "\(query)")
                #expect(page["has_before"] == .bool(hasBefore), "\(query)")
                #expect(page["has_after"] == .bool(hasAfter), "\(query)")
                #expect(page["last_seq"] == 9)
            }
            let both = try await client.send("GET", "/chats/1/messages?before=5&after=2")
            #expect(both.status == 422)
            let rule = "only one of before, after and around may be given"
            #expect(
                both.text == """
                    {"detail":[{"type":"value_error","loc":["query","after"],"msg":"Value error, \(rule)",\
                    "input":"2","ctx":{"error":"\(rule)"}}],"code":"validation_failed"}
                    """
            )
            for query in ["limit=0", "limit=101", "before=-1", "after=x"] {
                #expect(try await client.send("GET", "/chats/1/messages?\(query)").status == 422)
            }
            #expect(try await client.send("GET", "/chats/2/messages").status == 404)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the log has every change in order`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            _ = try await client.send("POST", "/chats/", body: #"{"title":"a"}"#)
            _ = try await client.send("POST", "/chats/1/messages", body: #"{"text":"one"}"#)
            _ = try await client.send("PATCH", "/chats/1", body: #"{"title":"b"}"#)
            _ = try await client.send("POST", "/chats/1/messages", body: #"{"text":"two"}"#)
            _ = try await client.send("PATCH", "/chats/1/messages/1", body: #"{"text":"uno"}"#)
            _ = try await client.send("DELETE", "/chats/1/messages/2")
            let log = try await client.send("GET", "/chats/1/log").json
            let entries = try #require(log["entries"]?.elements)
            #expect(entries.compactMap { $0["seq"]?.integer } == [1, 2, 3, 4, 5])
            #expect(
                entries.compactMap { $0["type"]?.string } == [
                    "message.created", "chat.updated", "message.created", "message.updated", "message.deleted",
                ]
            )
            #expect(entries[0]["message"]?["text"] == "uno")
            #expect(entries[1]["chat"]?["title"] == "b")
            #expect(entries[4]["message"]?["text"] == "")
            #expect(entries[4]["message"]?["deleted_at"] == entries[4]["at"])
            #expect(log["last_seq"] == 5)
            let part = try await client.send("GET", "/chats/1/log?after=1&limit=3").json
            #expect(part["entries"]?.elements == Array(entries[1...3]))
            let end = try await client.send("GET", "/chats/1/log?after=5")
            #expect(end.textWithoutEpoch == #"{"entries":[],"last_seq":5}"#)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `chats are listed by their latest activity`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            for title in ["Альфа", "Beta", "100%_'\\\"", "beta двa"] {
                let body = #"{"title":"\#(title.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))"}"#
                #expect(try await client.send("POST", "/chats/", body: body).status == 201)
            }
            _ = try await client.send("POST", "/chats/1/messages", body: #"{"text":"now"}"#)
            func ids(_ query: String) async throws -> [Int64] {
                try await client.send("GET", "/chats/?\(query)").json["chats"]?.elements
                    .compactMap { $0["id"]?.integer } ?? []
            }
            #expect(try await ids("") == [1, 4, 3, 2])
            #expect(try await ids("q=BETA") == [4, 2])
            #expect(try await ids("q=%D0%B0%D0%9B%D1%8C%D0%A4") == [1])
            #expect(try await ids("q=%20%25_%27%5C%22%20") == [3])
            #expect(try await ids("q=%25%25") == [])
            #expect(try await ids("q=") == [1, 4, 3, 2])

            var seen: [Int64] = []
            var cursor = ""
            repeat {
                let page = try await client.send("GET", "/chats?limit=1\(cursor)").json
                seen += page["chats"]?.elements.compactMap { $0["id"]?.integer } ?? []
                cursor = page["next_cursor"]?.string.map { "&cursor=\($0)" } ?? ""
                if let token = page["next_cursor"]?.string {
                    let tampered = String(token.first == "1" ? "2" : "1") + token.dropFirst()
                    let response = try await client.send("GET", "/chats?cursor=\(tampered)")
                    #expect(response.status == 422)
                    #expect(try response.json["detail"]?[0]?["loc"] == ["query", "cursor"])
                }
            } while !cursor.isEmpty
            #expect(seen == [1, 4, 3, 2])
            let listed = try await client.send("GET", "/chats?limit=1").json["chats"]?[0]
            #expect(listed?["message_count"] == 1)
            #expect(listed?["last_seq"] == 1)
            #expect(listed?["last_message_at"]?.string != nil)
        }
    }
}
