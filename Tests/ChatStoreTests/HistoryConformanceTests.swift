import ChatDomain
import ChatSQLite
import ChatTestSupport
import Foundation
import Testing

/// What every store must do with changes: edits, deletions, chat updates, replies, and their log.
@Suite(.timeLimit(.minutes(5)))
struct HistoryConformanceTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `an edit is the next entry and the next revision`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let first = try await store.postMessage(MessageText("one"), to: chat)
            let second = try await store.postMessage(MessageText("two"), to: chat)
            let before = Instant.now()
            let edited = try await store.edit(first.id, in: chat, text: "uno")
            let editedAt = try #require(edited.editedAt)
            #expect((before...Instant.now()).contains(editedAt))
            var expected = first
            expected.text = "uno"
            expected.revision = 2
            expected.editedAt = editedAt
            #expect(edited == expected)
            #expect(try await store.message(first.id, in: chat) == expected)
            #expect(try await store.chat(chat, newestMessages: 20).messages == [expected, second])
            let log = try await store.log(of: chat, after: 2, limit: 10)
            let entry = LogEntry(
                position: 3,
                kind: .messageUpdated,
                instant: editedAt,
                subject: .message(expected)
            )
            #expect(log == LogPage(entries: [entry], lastPosition: 3, epoch: log.epoch))
            let read = try await store.chat(chat)
            #expect(read.lastPosition == 3)
            #expect(read.messageCount == 2)
            #expect(read.lastMessageAt == second.createdAt)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an edit that changes nothing adds no entry`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat"))
            let metadata = try #require(Metadata(json: #"{"a":1}"#))
            let draft = MessageDraft(text: try MessageText("one"), metadata: metadata)
            let message = try await store.recordMessage(.post(draft), in: chat.id).value
            #expect(try await store.edit(message.id, in: chat.id) == message)
            #expect(try await store.edit(message.id, in: chat.id, text: "one", .replace(metadata)) == message)
            let read = try await store.chat(chat.id)
            #expect(try await store.updateChat(chat.id, ChatEdit()) == read)
            #expect(try await store.updateChat(chat.id, ChatEdit(title: ChatTitle("chat"))) == read)
            #expect(try await store.updateChat(chat.id, ChatEdit(metadata: .replace(nil))) == read)
            #expect(read.lastPosition == message.position)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an edit that only recomposes characters is an edit`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            // Equal in Swift, but different scalars.
            let chat = try await store.createChat(titled: ChatTitle("\u{E9}")).id
            let json = (composed: "{\"a\":\"\u{E9}\"}", decomposed: "{\"a\":\"e\u{301}\"}")
            let draft = MessageDraft(text: try MessageText("\u{E9}"), metadata: Metadata(json: json.composed))
            let message = try await store.recordMessage(.post(draft), in: chat).value
            let text = try await store.edit(message.id, in: chat, text: "e\u{301}")
            #expect(text.revision == 2)
            let metadata = try await store.edit(message.id, in: chat, .replace(Metadata(json: json.decomposed)))
            #expect(metadata.revision == 3)
            let stored = try await store.message(message.id, in: chat)
            #expect(stored.text.unicodeScalars.count == 2)
            #expect(stored.metadata?.json.unicodeScalars.elementsEqual(json.decomposed.unicodeScalars) == true)
            let titled = try await store.updateChat(chat, ChatEdit(title: ChatTitle("e\u{301}")))
            #expect(titled.title.unicodeScalars.count == 2)
            #expect(titled.lastPosition == 4)
            #expect(try await store.chat(chat).title.unicodeScalars.count == 2)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a change whose condition does not hold has no effect`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let message = try await store.postMessage(MessageText("one"), to: chat)
            let text = MessageEdit(text: try MessageText("two"))
            for revisions in [[], [2], [0, 3]] as [Set<Int64>] {
                await #expect(throws: StoreError.revisionMismatch) {
                    try await store.recordMessage(.edit(message.id, text, onlyIf: .oneOf(revisions)), in: chat)
                }
                await #expect(throws: StoreError.revisionMismatch) {
                    try await store.recordMessage(.delete(message.id, onlyIf: .oneOf(revisions)), in: chat)
                }
            }
            // Even if the edit would change nothing.
            await #expect(throws: StoreError.revisionMismatch) {
                try await store.recordMessage(.edit(message.id, MessageEdit(), onlyIf: .oneOf([2])), in: chat)
            }
            #expect(try await store.message(message.id, in: chat) == message)
            #expect(try await store.chat(chat).lastPosition == message.position)
            let edited = try await store.recordMessage(.edit(message.id, text, onlyIf: .oneOf([7, 1])), in: chat).value
            #expect(edited.revision == 2)
            let deleted = try await store.recordMessage(.delete(message.id, onlyIf: .oneOf([2])), in: chat).value
            #expect(deleted.isDeleted)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `only one of many edits of the same revision succeeds`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let message = try await store.postMessage(MessageText("0"), to: chat)
            let outcomes = try await withThrowingTaskGroup(of: Message?.self) { group in
                for number in 1...32 {
                    let edit = MessageEdit(text: try MessageText("\(number)"))
                    group.addTask {
                        do throws(StoreError) {
                            return try await store.recordMessage(.edit(message.id, edit, onlyIf: .oneOf([1])), in: chat)
                                .value
                        } catch .revisionMismatch {
                            return nil
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let made = outcomes.compactMap { $0 }
            #expect(made.count == 1)
            #expect(try await store.message(message.id, in: chat) == made.first)
            #expect(try await store.chat(chat).lastPosition == 2)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a missing message is not found and takes no position`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let other = try await store.createChat(titled: ChatTitle("other")).id
            let gone = try await store.postMessage(MessageText("gone"), to: chat)
            let elsewhere = try await store.postMessage(MessageText("elsewhere"), to: other)
            try await store.delete(gone.id, in: chat)
            let ids = [gone.id, elsewhere.id] + [0, -1, 99, .max, .min].map(MessageID.init(rawValue:))
            for id in ids {
                await #expect(throws: StoreError.messageNotFound) { try await store.message(id, in: chat) }
                await #expect(throws: StoreError.messageNotFound) { try await store.edit(id, in: chat, text: "new") }
                await #expect(throws: StoreError.messageNotFound) { try await store.delete(id, in: chat) }
                await #expect(throws: StoreError.replyTargetNotFound(id)) {
                    try await store.recordMessage(
                        .post(MessageDraft(text: MessageText("answer"), replyTo: id)),
                        in: chat
                    )
                }
            }
            #expect(try await store.chat(chat).lastPosition == 2)
            #expect(try await store.message(elsewhere.id, in: other) == elsewhere)
            let unknown: ChatID = 99
            await #expect(throws: StoreError.chatNotFound) { try await store.message(gone.id, in: unknown) }
            await #expect(throws: StoreError.chatNotFound) { try await store.edit(gone.id, in: unknown, text: "new") }
            await #expect(throws: StoreError.chatNotFound) { try await store.delete(gone.id, in: unknown) }
            await #expect(throws: StoreError.chatNotFound) {
                try await store.updateChat(unknown, ChatEdit(title: ChatTitle("new")))
            }
            await #expect(throws: StoreError.chatNotFound) { try await store.chat(unknown) }
            await #expect(throws: StoreError.chatNotFound) {
                try await store.messages(.newest(of: unknown, limit: 1))
            }
            await #expect(throws: StoreError.chatNotFound) {
                try await store.log(of: unknown, after: 0, limit: 1)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a deleted message leaves a tombstone only in pages`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            var messages: [Message] = []
            for number in 1...3 {
                messages.append(try await store.postMessage(MessageText("\(number)"), to: chat))
            }
            _ = try await store.edit(messages[2].id, in: chat, text: "three")
            let before = Instant.now()
            let tombstone = try await store.delete(messages[2].id, in: chat)
            let deletedAt = try #require(tombstone.deletedAt)
            #expect((before...Instant.now()).contains(deletedAt))
            #expect(tombstone.text == "")
            #expect(tombstone.position == messages[2].position)
            #expect(tombstone.createdAt == messages[2].createdAt)
            #expect(tombstone.revision == 2)
            let page = try await store.messages(.newest(of: chat, limit: 50))
            #expect(page.messages == [messages[0], messages[1], tombstone])
            #expect(page.lastPosition == 5)
            // Earlier messages take the place of the deleted one.
            let latest = try await store.chat(chat, newestMessages: 2)
            #expect(latest.messages == [messages[0], messages[1]])
            #expect(latest.chat.messageCount == 2)
            // The time of the latest post stays, although that message was deleted.
            #expect(latest.chat.lastMessageAt == messages[2].createdAt)
            let entries = try await store.log(of: chat, after: 2, limit: 10).entries
            #expect(entries.map(\.kind) == [.messageCreated, .messageUpdated, .messageDeleted])
            // No entry shows the deleted content.
            #expect(entries.map(\.subject) == Array(repeating: .message(tombstone), count: 3))
            #expect(entries.last?.instant == deletedAt)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a deleted message's content is gone from the tables`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let draft = MessageDraft(
                text: try MessageText("a secret"),
                metadata: Metadata(json: #"{"also":"secret"}"#),
                idempotencyKey: IdempotencyKey("k")
            )
            let fingerprint = try #require(draft.idempotency).fingerprint
            let message = try await store.recordMessage(.post(draft), in: chat).value
            _ = try await store.edit(message.id, in: chat, text: "another secret")
            let columns = "text, metadata, CAST(idempotency_fingerprint AS text)"
            let before = try await database.rows("SELECT \(columns) FROM messages")
            #expect(before == [["another secret", #"{"also":"secret"}"#, "\(fingerprint)"]])
            let tombstone = try await store.delete(message.id, in: chat)
            #expect(try await database.rows("SELECT \(columns) FROM messages") == [["", nil, "0"]])
            // The key still identifies the message, whatever content is sent with it.
            for text in ["a secret", "something else"] {
                let again = MessageDraft(text: try MessageText(text), idempotencyKey: IdempotencyKey("k"))
                let replay = try await store.recordMessage(.post(again), in: chat)
                #expect(replay == Accepted(tombstone, isReplay: true))
            }
        }
    }

    @Test func `a deleted message's content is gone from the file`() async throws {
        try await withTemporaryFolder { folder in
            let location = SQLiteConfiguration.Location.file(folder + "/chat.db")
            let (chat, id) = try await withSQLite(location) { store in
                let chat = try await store.createChat(titled: ChatTitle("chat")).id
                let draft = MessageDraft(
                    text: try MessageText("a whisper"),
                    metadata: Metadata(json: #"{"also":"hidden"}"#)
                )
                return (chat, try await store.recordMessage(.post(draft), in: chat).value.id)
            }
            let path = folder + "/chat.db"
            let before = try Data(contentsOf: URL(filePath: path))
            #expect(before.firstRange(of: Data("a whisper".utf8)) != nil)
            try await withSQLite(location) { store in
                _ = try await store.edit(id, in: chat, text: "a longer whisper than before")
                try await store.delete(id, in: chat)
            }
            for file in try FileManager.default.contentsOfDirectory(atPath: folder) {
                let bytes = try Data(contentsOf: URL(filePath: folder + "/" + file))
                #expect(bytes.firstRange(of: Data("whisper".utf8)) == nil)
                #expect(bytes.firstRange(of: Data("hidden".utf8)) == nil)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an update of a chat is in its log`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("old"))
            let metadata = try #require(Metadata(json: #"{"color":"red"}"#))
            let edit = ChatEdit(title: try ChatTitle("new"), metadata: .replace(metadata))
            let updated = try await store.updateChat(chat.id, edit)
            #expect(updated.title == "new")
            #expect(updated.metadata == metadata)
            #expect(updated.createdAt == chat.createdAt)
            #expect(updated.lastPosition == 1)
            #expect(updated.lastMessageAt == nil)
            #expect(updated.messageCount == 0)
            #expect(try await store.chat(chat.id) == updated)
            let plain = try await store.updateChat(chat.id, ChatEdit(metadata: .replace(nil)))
            #expect(plain.title == "new")
            #expect(plain.metadata == nil)
            let log = try await store.log(of: chat.id, after: 0, limit: 10)
            #expect(log.entries.map(\.position.rawValue) == [1, 2])
            #expect(log.entries.map(\.kind) == [.chatUpdated, .chatUpdated])
            #expect(log.entries.map(\.subject) == [.chat(plain), .chat(plain)])
            #expect(log.lastPosition == 2)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `metadata is returned byte for byte and removed by null`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let longest = #"{"é👋🏽":"\#(String(repeating: "x", count: Metadata.maximumLength - 17))"}"#
            #expect(longest.utf8.count == Metadata.maximumLength)
            let metadata = try #require(Metadata(json: longest))
            let chat = try await store.createChat(ChatDraft(title: ChatTitle("chat"), metadata: metadata)).value
            #expect(chat.metadata == metadata)
            #expect(try await store.chat(chat.id).metadata == metadata)
            let draft = MessageDraft(text: try MessageText("one"), metadata: metadata)
            let message = try await store.recordMessage(.post(draft), in: chat.id).value
            #expect(message.metadata == metadata)
            #expect(try await store.message(message.id, in: chat.id) == message)
            let text = try await store.edit(message.id, in: chat.id, text: "two")
            #expect(text.metadata == metadata)
            let other = try await store.edit(message.id, in: chat.id, .replace(Metadata(json: #"{"a":"\u0000"}"#)))
            #expect(other.metadata?.json == #"{"a":"\u0000"}"#)
            #expect(other.text == "two")
            let none = try await store.edit(message.id, in: chat.id, .replace(nil))
            #expect(none.metadata == nil)
            #expect(none.revision == 4)
            #expect(try await store.message(message.id, in: chat.id) == none)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a reply keeps its target even after the target is deleted`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let question = try await store.postMessage(MessageText("question"), to: chat)
            let draft = MessageDraft(
                text: try MessageText("answer"),
                replyTo: question.id,
                idempotencyKey: IdempotencyKey("k")
            )
            let answer = try await store.recordMessage(.post(draft), in: chat).value
            #expect(answer.replyTo == question.id)
            try await store.delete(question.id, in: chat)
            #expect(try await store.message(answer.id, in: chat) == answer)
            // A retry after that is a replay.
            let again = try await store.recordMessage(.post(draft), in: chat)
            #expect(again == Accepted(answer, isReplay: true))
            let tombstone = try await store.delete(answer.id, in: chat)
            #expect(tombstone.replyTo == question.id)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the log can be read in pages of any length`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            let empty = LogPage(entries: [], lastPosition: 0, epoch: try await store.epoch)
            #expect(try await store.log(of: chat, after: 0, limit: 100) == empty)
            let first = try await store.postMessage(MessageText("first"), to: chat)
            _ = try await store.updateChat(chat, ChatEdit(title: ChatTitle("renamed")))
            _ = try await store.edit(first.id, in: chat, text: "edited")
            let second = try await store.postMessage(MessageText("second"), to: chat)
            try await store.delete(first.id, in: chat)
            _ = try await store.edit(second.id, in: chat, text: "edited, too")
            let all = try await store.log(of: chat, after: 0, limit: 100)
            #expect(all.entries.map(\.position.rawValue) == Array(1...6))
            let kinds: [LogEntry.Kind] = [
                .messageCreated, .chatUpdated, .messageUpdated, .messageCreated, .messageDeleted, .messageUpdated,
            ]
            #expect(all.entries.map(\.kind) == kinds)
            #expect(all.lastPosition == 6)
            for after in 0...7 {
                for limit in [1, 2, 3, 6, 100] {
                    let page = try await store.log(of: chat, after: Position(rawValue: Int64(after)), limit: limit)
                    #expect(page.entries == Array(all.entries.dropFirst(after).prefix(limit)))
                    #expect(page.lastPosition == 6)
                }
            }
            let end = try await store.log(of: chat, after: Position(rawValue: .max), limit: 100)
            #expect(end == LogPage(entries: [], lastPosition: 6, epoch: all.epoch))
        }
    }
}
