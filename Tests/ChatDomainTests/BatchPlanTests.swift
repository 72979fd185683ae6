import ChatDomain
import ChatTestSupport
import Testing

struct BatchPlanTests {
    private let first: ChatID = 1
    private let second: ChatID = 2
    private let now = Instant(microsecondsSinceEpoch: 1_000)

    private func post(_ text: String, key: String? = nil, replyTo: MessageID? = nil) throws -> LogChange {
        .post(
            MessageDraft(
                text: try MessageText(text),
                replyTo: replyTo,
                idempotencyKey: key.flatMap(IdempotencyKey.init)
            )
        )
    }

    private func head(
        _ chat: ChatID,
        _ position: Position,
        at microseconds: Int64 = 0,
        messages: Int64 = 0,
        lastMessageAt: Int64? = nil,
        title: String = "chat"
    ) -> LogHead {
        LogHead(
            chat: Chat(
                id: chat,
                title: title,
                createdAt: Instant(microsecondsSinceEpoch: 0),
                lastPosition: position,
                lastMessageAt: lastMessageAt.map(Instant.init(microsecondsSinceEpoch:)),
                messageCount: messages
            ),
            instant: Instant(microsecondsSinceEpoch: microseconds)
        )
    }

    private func message(
        _ id: MessageID,
        _ chat: ChatID,
        _ position: Position,
        _ text: String,
        by author: UserID? = nil,
        key: String? = nil,
        at microseconds: Int64,
        revision: Int64 = 1,
        editedAt: Int64? = nil,
        deletedAt: Int64? = nil
    ) -> Message {
        Message(
            id: id,
            chatID: chat,
            position: position,
            author: author,
            text: text,
            idempotencyKey: key.flatMap(IdempotencyKey.init),
            createdAt: Instant(microsecondsSinceEpoch: microseconds),
            revision: revision,
            editedAt: editedAt.map(Instant.init(microsecondsSinceEpoch:)),
            deletedAt: deletedAt.map(Instant.init(microsecondsSinceEpoch:))
        )
    }

    private func priorState(_ heads: LogHead..., messages: [Message] = []) -> BatchPlan.PriorState {
        var priorState = BatchPlan.PriorState()
        priorState.heads = Dictionary(uniqueKeysWithValues: heads.map { ($0.chat.id, $0) })
        for message in messages {
            priorState.messages[message.reference] = message
        }
        return priorState
    }

    private func plan(_ requests: [WriteRequest], from priorState: BatchPlan.PriorState) -> BatchPlan {
        BatchPlan(requests, from: priorState, at: now)
    }

    private func record(_ change: LogChange, in chat: ChatID, by caller: Caller = .anonymous) -> WriteRequest {
        .record(LogRequest(change, in: chat, by: caller))
    }

    private func results(_ plan: BatchPlan, ids: [MessageID] = []) -> [Result<WriteAnswer, StoreError>] {
        plan.recorded(LogWrites.Written(messageIDs: ids)).results
    }

    private func recorded(_ message: Message, isReplay: Bool = false) -> Result<WriteAnswer, StoreError> {
        .success(.recorded(Accepted(message, isReplay: isReplay)))
    }

    private func draft(_ title: String, key: String? = nil) throws -> ChatDraft {
        ChatDraft(title: try ChatTitle(title), idempotencyKey: key.flatMap(IdempotencyKey.init))
    }

    private func created(
        _ id: ChatID,
        _ title: String,
        _ lastPosition: Position = 0,
        isReplay: Bool = false
    ) -> Result<WriteAnswer, StoreError> {
        let chat = Chat(id: id, title: title, createdAt: now, lastPosition: lastPosition)
        return .success(.created(Accepted(chat, isReplay: isReplay)))
    }

    @Test func `a batch returns the log entries that it adds`() throws {
        var priorState = BatchPlan.PriorState()
        priorState.heads = [first: head(first, 4, messages: 2), second: head(second, 0)]
        let (kept, gone) = (message(1, first, 1, "kept", at: 0), message(2, first, 2, "gone", at: 0))
        for known in [kept, gone] {
            priorState.messages[BatchPlan.MessageReference(chatID: first, id: known.id)] = known
        }
        let edit = { (text: String) in MessageEdit(text: try MessageText(text)) }
        let requests = [
            record(try post("a"), in: first), record(.edit(kept.id, try edit("b"), onlyIf: .any), in: first),
            record(try post("c"), in: second),
            .update(first, ChatEdit(title: try ChatTitle("renamed")), by: .anonymous),
            record(.delete(gone.id, onlyIf: .any), in: first),
            record(.edit(gone.id, try edit("too late"), onlyIf: .any), in: first),
            record(.edit(kept.id, try edit("d"), onlyIf: .any), in: first),
            record(.edit(kept.id, try edit("d"), onlyIf: .any), in: first), record(try post("e"), in: first),
        ]
        let plan = plan(requests, from: priorState)
        let batch = plan.recorded(LogWrites.Written(messageIDs: [11, 12, 13]))

        var edited = kept
        (edited.text, edited.revision, edited.editedAt) = ("d", 3, now)
        var deleted = gone
        (deleted.text, deleted.deletedAt) = ("", now)
        let chat = head(first, 10, at: 1_000, messages: 3, lastMessageAt: 1_000, title: "renamed").chat
        let expected: [(Position, LogEntry.Kind, LogSubject)] = [
            (5, .messageCreated, .message(message(11, first, 5, "a", at: 1_000))),
            (6, .messageUpdated, .message(edited)), (7, .chatUpdated, .chat(chat)),
            (8, .messageDeleted, .message(deleted)), (9, .messageUpdated, .message(edited)),
            (10, .messageCreated, .message(message(13, first, 10, "e", at: 1_000))),
        ]
        let entries = batch.entries.filter { entry in
            if case .message(let message) = entry.subject { message.chatID == first } else { true }
        }
        #expect(entries == expected.map { LogEntry(position: $0, kind: $1, instant: now, subject: $2) })
        let others = batch.entries.filter { !entries.contains($0) }
        #expect(others.map(\.subject) == [.message(message(12, second, 1, "c", at: 1_000))])
        #expect(batch.results.count == requests.count)
    }

    @Test func `each log continues without a gap`() throws {
        let requests = [
            record(try post("a"), in: first), record(try post("b"), in: second),
            record(try post("c"), in: first), record(try post("d"), in: 3),
        ]
        // The clock is behind the first log and ahead of the second.
        let plan = plan(requests, from: priorState(head(first, 7, at: 5_000), head(second, 0)))
        #expect(plan.writes.appends.map(\.draft.text) == ["a", "b", "c"])
        #expect(
            plan.writes.movedHeads == [
                first: head(first, 9, at: 5_000, messages: 2, lastMessageAt: 5_000),
                second: head(second, 1, at: 1_000, messages: 1, lastMessageAt: 1_000),
            ]
        )
        #expect(
            results(plan, ids: [21, 22, 23]) == [
                recorded(message(21, first, 8, "a", at: 5_000)),
                recorded(message(22, second, 1, "b", at: 1_000)),
                recorded(message(23, first, 9, "c", at: 5_000)),
                .failure(.chatNotFound),
            ]
        )
    }

    @Test func `a key identifies one message of its chat`() throws {
        let stored = message(11, first, 3, "old", key: "k1", at: 10)
        let old = MessageDraft(text: try MessageText("old"), idempotencyKey: IdempotencyKey("k1"))
        let idempotency = try #require(old.idempotency)
        var priorState = priorState(head(first, 3), head(second, 0))
        priorState.sent[BatchPlan.SentKey(chatID: first, author: nil, key: idempotency.key)] =
            BatchPlan.SentMessage(message: stored, fingerprint: idempotency.fingerprint)
        let requests = [
            record(.post(old), in: first), record(try post("other", key: "k1"), in: first),
            record(.post(old), in: second), record(try post("new", key: "k2"), in: first),
            record(try post("new", key: "k2"), in: first), record(try post("else", key: "k2"), in: first),
            record(try post("new"), in: first),
        ]
        let plan = plan(requests, from: priorState)
        let new = message(13, first, 4, "new", key: "k2", at: 1_000)
        #expect(
            results(plan, ids: [12, 13, 14]) == [
                recorded(stored, isReplay: true),
                .failure(.idempotencyKeyReused),
                recorded(message(12, second, 1, "old", key: "k1", at: 1_000)),
                recorded(new),
                recorded(new, isReplay: true),
                .failure(.idempotencyKeyReused),
                recorded(message(14, first, 5, "new", at: 1_000)),
            ]
        )
    }

    @Test func `a message's key belongs to its author`() throws {
        let stored = message(11, first, 3, "old", by: "ada", key: "k1", at: 10)
        let old = MessageDraft(text: try MessageText("old"), idempotencyKey: IdempotencyKey("k1"))
        let idempotency = try #require(old.idempotency)
        var priorState = priorState(head(first, 3))
        priorState.sent[BatchPlan.SentKey(chatID: first, author: "ada", key: idempotency.key)] =
            BatchPlan.SentMessage(message: stored, fingerprint: idempotency.fingerprint)
        let requests = [
            record(.post(old), in: first, by: .user("ada")), record(.post(old), in: first, by: .user("bob")),
            record(.post(old), in: first), record(try post("other", key: "k1"), in: first, by: .user("eve")),
            record(.post(old), in: first, by: .user("bob")),
            record(try post("other", key: "k1"), in: first, by: .user("bob")),
        ]
        let plan = plan(requests, from: priorState)
        let bobs = message(12, first, 4, "old", by: "bob", key: "k1", at: 1_000)
        #expect(
            results(plan, ids: [12, 13, 14]) == [
                recorded(stored, isReplay: true),
                recorded(bobs),
                recorded(message(13, first, 5, "old", key: "k1", at: 1_000)),
                recorded(message(14, first, 6, "other", by: "eve", key: "k1", at: 1_000)),
                recorded(bobs, isReplay: true),
                .failure(.idempotencyKeyReused),
            ]
        )
        let authors: [UserID?] = [nil, "ada", "bob", "eve"]
        let keys = authors.map { BatchPlan.SentKey(chatID: first, author: $0, key: idempotency.key) }
        #expect(BatchPlan.Needs(requests).keys == Set(keys))
    }

    @Test func `an entry has its own author, and a message keeps the one who posted it`() throws {
        let old = message(5, first, 1, "old", by: "ada", at: 0)
        let gone = message(6, first, 2, "gone", at: 0)
        let rename = ChatEdit(title: try ChatTitle("renamed"))
        let edit = MessageEdit(text: try MessageText("edited"))
        let requests = [
            record(try post("new"), in: first, by: .user("ada")),
            record(.edit(old.id, edit, onlyIf: .any), in: first, by: .administrator("bob")),
            record(.delete(gone.id, onlyIf: .any), in: first, by: .user("eve")),
            .update(first, rename, by: .user("bob")), record(try post("last"), in: first),
            record(.edit(old.id, MessageEdit(text: try MessageText("again")), onlyIf: .any), in: first),
        ]
        let plan = plan(requests, from: priorState(head(first, 2, messages: 2), messages: [old, gone]))
        let entries = plan.recorded(LogWrites.Written(messageIDs: [7, 8])).entries
        #expect(entries.map(\.position.rawValue) == [3, 4, 5, 6, 7, 8])
        #expect(entries.map(\.author) == ["ada", "bob", "eve", "bob", nil, nil])
        let authors = entries.map { entry -> UserID? in
            if case .message(let message) = entry.subject { message.author } else { "none" }
        }
        #expect(authors == ["ada", "ada", nil, "none", nil, "ada"])
    }

    @Test func `changes take their own positions and see one another`() throws {
        let old = message(5, first, 1, "old", at: 0)
        let requests = [
            record(.edit(old.id, MessageEdit(text: try MessageText("new")), onlyIf: .oneOf([1])), in: first),
            record(.edit(old.id, MessageEdit(text: try MessageText("newer")), onlyIf: .oneOf([1])), in: first),
            record(.edit(old.id, MessageEdit(text: try MessageText("new")), onlyIf: .any), in: first),
            record(try post("answer", replyTo: 5), in: first),
            record(.delete(old.id, onlyIf: .oneOf([2])), in: first),
            record(.delete(old.id, onlyIf: .any), in: first),
            record(try post("too late", replyTo: 5), in: first),
            .update(first, ChatEdit(title: try ChatTitle("renamed")), by: .anonymous),
            .update(first, ChatEdit(title: try ChatTitle("renamed")), by: .anonymous),
        ]
        let plan = plan(requests, from: priorState(head(first, 1, messages: 1), messages: [old]))
        let edited = message(5, first, 1, "new", at: 0, revision: 2, editedAt: 1_000)
        let deleted = message(5, first, 1, "", at: 0, revision: 2, editedAt: 1_000, deletedAt: 1_000)
        let answer = Message(
            id: 6,
            chatID: first,
            position: 3,
            text: "answer",
            replyTo: old.id,
            createdAt: now
        )
        let renamed = head(first, 5, at: 1_000, messages: 1, lastMessageAt: 1_000, title: "renamed")
        #expect(
            results(plan, ids: [6]) == [
                recorded(edited),
                .failure(.revisionMismatch),
                recorded(edited),
                recorded(answer),
                recorded(deleted),
                .failure(.messageNotFound),
                .failure(.replyTargetNotFound(old.id)),
                .success(.updated(renamed.chat)),
                .success(.updated(renamed.chat)),
            ]
        )
        #expect(plan.writes.changes.map(\.position.rawValue) == [2, 4, 5])
        #expect(plan.writes.changes.map(\.kind) == [.messageUpdated, .messageDeleted, .chatUpdated])
        #expect(plan.writes.movedHeads == [first: renamed])
        #expect(plan.writes.editedChats == [first])
        #expect(Array(plan.writes.editedMessages.values) == [deleted])
    }

    @Test func `a deleted message's key yields a replay whatever the body is`() throws {
        let gone = message(5, first, 1, "", key: "k", at: 0, deletedAt: 9)
        let draft = MessageDraft(text: try MessageText("again"), idempotencyKey: IdempotencyKey("k"))
        var priorState = priorState(head(first, 2))
        let key = try #require(draft.idempotency).key
        priorState.sent[BatchPlan.SentKey(chatID: first, author: nil, key: key)] =
            BatchPlan.SentMessage(message: gone, fingerprint: 0)
        let plan = plan([record(.post(draft), in: first)], from: priorState)
        #expect(results(plan) == [recorded(gone, isReplay: true)])
        #expect(plan.writes.isEmpty)
    }

    @Test func `a batch that writes nothing advances no log`() throws {
        let plan = plan([record(try post("a"), in: first)], from: BatchPlan.PriorState())
        #expect(plan.writes.isEmpty)
        #expect(plan.writes.movedHeads.isEmpty)
        #expect(results(plan) == [.failure(.chatNotFound)])
    }

    @Test func `a key identifies one chat, even within a batch`() throws {
        var priorState = priorState()
        let stored = Chat(id: first, title: "stored", createdAt: now)
        let old = try draft("stored", key: "k1")
        let idempotency = try #require(old.idempotency)
        priorState.createdChats[BatchPlan.CreationKey(author: nil, key: idempotency.key)] = BatchPlan.CreatedChat(
            chat: stored,
            fingerprint: idempotency.fingerprint
        )
        let drafts = [
            old, try draft("other", key: "k1"), try draft("new", key: "k2"), try draft("new", key: "k2"),
            try draft("else", key: "k2"), try draft("new"),
        ]
        let plan = BatchPlan(drafts.map { .create($0, by: .anonymous) }, from: priorState, at: now)
        #expect(plan.writes.creations.map(\.draft.title.value) == ["new", "new"])
        let batch = plan.recorded(LogWrites.Written(chatIDs: [7, 8]))
        #expect(
            batch.results == [
                created(1, "stored", isReplay: true), .failure(.idempotencyKeyReused), created(7, "new"),
                created(7, "new", isReplay: true), .failure(.idempotencyKeyReused), created(8, "new"),
            ]
        )
        #expect(batch.createdChats == [7, 8])
    }

    @Test func `a chat's key belongs to the user who created it`() throws {
        var priorState = priorState()
        let draft = try draft("chat", key: "k")
        let idempotency = try #require(draft.idempotency)
        priorState.createdChats[BatchPlan.CreationKey(author: "ada", key: idempotency.key)] = BatchPlan.CreatedChat(
            chat: Chat(id: first, title: "chat", createdAt: now),
            fingerprint: idempotency.fingerprint
        )
        let callers: [Caller] = [.user("ada"), .user("bob"), .anonymous, .user("bob")]
        let requests = callers.map { WriteRequest.create(draft, by: $0) }
        let plan = plan(requests, from: priorState)
        #expect(plan.writes.creations.map(\.author) == ["bob", nil])
        #expect(
            plan.recorded(LogWrites.Written(chatIDs: [7, 8])).results == [
                created(1, "chat", isReplay: true), created(7, "chat", 1), created(8, "chat"),
                created(7, "chat", 1, isReplay: true),
            ]
        )
        let keys = callers.map { BatchPlan.CreationKey(author: $0.author, key: idempotency.key) }
        #expect(BatchPlan.Needs(requests).creationKeys == Set(keys))
    }

    @Test func `a deleted chat accepts nothing more and releases its key`() throws {
        var priorState = priorState(head(first, 1), head(second, 1))
        let draft = try draft("new", key: "k")
        let idempotency = try #require(draft.idempotency)
        priorState.createdChats[BatchPlan.CreationKey(author: nil, key: idempotency.key)] = BatchPlan.CreatedChat(
            chat: head(first, 1).chat,
            fingerprint: idempotency.fingerprint
        )
        let requests: [WriteRequest] = [
            record(try post("before"), in: first), .delete(first, by: .anonymous),
            record(try post("after"), in: first), .delete(first, by: .anonymous), .create(draft, by: .anonymous),
            .delete(3, by: .anonymous), record(try post("beside"), in: second),
        ]
        let plan = BatchPlan(requests, from: priorState, at: now)
        #expect(plan.writes.removedChats == [first])
        let ids: [MessageID] = [21, 22]
        let batch = plan.recorded(LogWrites.Written(messageIDs: ids, chatIDs: [7]))
        let beside = message(22, second, 2, "beside", at: 1_000)
        #expect(
            batch.results == [
                recorded(message(21, first, 2, "before", at: 1_000)),
                .success(.deleted), .failure(.chatNotFound), .failure(.chatNotFound), created(7, "new"),
                .failure(.chatNotFound), recorded(beside),
            ]
        )
        #expect(batch.entries == [LogEntry(created: beside)])
        #expect(batch.deletedChats == [first])
        #expect(batch.erasesText)
    }

    @Test func `the deletions of a batch remove a limited number of entries at once`() {
        let sizes = [BatchPlan.removalLimit - 10, 20, 5, 5, BatchPlan.removalLimit]
        var priorState = BatchPlan.PriorState()
        for (index, size) in sizes.enumerated() {
            let chat = ChatID(rawValue: Int64(index))
            priorState.heads[chat] = head(chat, Position(rawValue: size))
        }
        let chats = sizes.indices.map { ChatID(rawValue: Int64($0)) }
        let plan = BatchPlan(chats.map { .delete($0, by: .anonymous) }, from: priorState, at: now)
        #expect(plan.writes.removedChats == [chats[0], chats[2], chats[3]])
        #expect(plan.writes.hiddenChats == [chats[1], chats[4]])
    }

    @Test func `only the requests for a busy chat fail`() throws {
        var priorState = priorState(head(second, 0))
        priorState.busyChats = [first: .unavailable(reason: "locked")]
        let requests: [WriteRequest] = [
            record(try post("a"), in: first), .delete(first, by: .anonymous),
            record(try post("b"), in: second),
        ]
        let plan = BatchPlan(requests, from: priorState, at: now)
        #expect(
            results(plan, ids: [5]) == [
                .failure(.unavailable(reason: "locked")), .failure(.unavailable(reason: "locked")),
                recorded(message(5, second, 1, "b", at: 1_000)),
            ]
        )
    }

    @Test func `the fingerprint depends on every part of a request`() throws {
        let key = try #require(IdempotencyKey("k"))
        let contents: [[String?]] = [
            ["a", nil, nil], ["b", nil, nil], ["a", "{}", nil], ["a", nil, "1"], ["a", "{}", "1"], ["a{}", nil, nil],
        ]
        let fingerprints = contents.map { Idempotency(key: key, content: $0[0], $0[1], $0[2]).fingerprint }
        #expect(Set(fingerprints).count == contents.count)
        // As stored with keys from before metadata existed.
        #expect(fingerprints[0] == Idempotency(key: key, content: "a").fingerprint)
    }

    @Test(arguments: ["", " ", "a b", "é", "a\n", "\u{7F}", String(repeating: "k", count: 256)])
    func `text other than 1 to 255 visible ASCII characters is not a key`(_ text: String) {
        #expect(IdempotencyKey(text) == nil)
    }

    @Test(arguments: ["a", "!~", String(repeating: "k", count: 255)])
    func `any 1 to 255 visible ASCII characters are a key`(_ text: String) {
        #expect(IdempotencyKey(text)?.value == text)
    }
}
