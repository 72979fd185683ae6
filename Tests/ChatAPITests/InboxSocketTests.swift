import ChatDomain
import ChatTestSupport
import Testing

/// The inbox over a WebSocket.
@Suite(.timeLimit(.minutes(5)))
struct InboxSocketTests {
    private func withSocket(
        _ body: (any ServiceStore, inout JSONSocket) async throws -> Void
    ) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store)
            let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["ben"]))
            _ = try await store.createChat(draft, by: .ungranted("ada"))
            let headers = HTTPTestClient.headers(as: try await access.token("ben"))
            try await access.withServer { client in
                try await client.withSocket(headers: headers) { socket in
                    #expect(try await socket.next() == ["type": "hello"])
                    try await body(store, &socket)
                }
            }
        }
    }

    @Test func `a socket shows the inbox until it unsubscribes`() async throws {
        try await withSocket { store, socket in
            let epoch = try await store.epoch.text
            try await socket.send(#"{"op":"inbox.subscribe","ref":1}"#)
            let answer = try await socket.next()
            #expect(answer == ["ref": 1, "op": "inbox.subscribe", "ok": true, "epoch": .string(epoch)])
            #expect(InboxTests.summary(try await socket.next()) == "chat 1 0")
            let cursor = try await socket.next()
            #expect(cursor["type"] == "cursor")
            let after = try #require(cursor["cursor"]?.string)
            #expect(try await socket.next() == ["type": "caught_up"])

            try await socket.send(#"{"op":"inbox.subscribe"}"#)
            #expect(try await socket.next()["code"] == "already_subscribed")
            try await socket.send(#"{"op":"inbox.unsubscribe","ref":2}"#)
            #expect(try await socket.next() == ["ref": 2, "op": "inbox.unsubscribe", "ok": true])
            try await socket.send(#"{"op":"inbox.unsubscribe"}"#)
            #expect(try await socket.next()["code"] == "not_subscribed")

            let post = LogChange.post(MessageDraft(text: try MessageText("text")))
            _ = try await store.recordMessage(post, in: 1, by: .ungranted("ada"))
            try await socket.send(#"{"op":"inbox.subscribe","after":"\#(after)"}"#)
            #expect(try await socket.next()["ok"] == true)
            #expect(InboxTests.summary(try await socket.next()) == "chat 1 text 1")
            #expect(try await socket.next()["type"] == "cursor")
            #expect(try await socket.next()["type"] == "caught_up")
            try await socket.send(#"{"op":"read","chat_id":1,"seq":3}"#)
            // The answer may come first, and a late signal can repeat a line.
            while InboxTests.summary(try await socket.next()) != "chat 1 text 0" {}
        }
    }

    @Test func `an invalid cursor is named`() async throws {
        try await withSocket { store, socket in
            for after in ["1", #""x""#] {
                try await socket.send(#"{"op":"inbox.subscribe","after":\#(after)}"#)
                #expect(try await socket.next()["detail"]?[0]?["loc"] == ["body", "after"])
            }
            try await socket.send(#"{"op":"inbox.subscribe","after":"00000000.1"}"#)
            let expired = try await socket.next()
            #expect(expired["code"] == "epoch_changed")
            let epoch = try await store.epoch.text
            #expect(
                expired["detail"]?.string
                    == "The cursor belongs to another epoch. Start again without it, in epoch \(epoch)"
            )
        }
    }
}
