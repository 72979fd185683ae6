import ChatDomain
import ChatTestSupport
import Testing

/// Who may change whose messages, as a batch decides it.
struct MessageAccessTests {
    private enum Decision: Equatable {
        case allowed, forbidden, hidden

        init(_ error: StoreError?) throws {
            switch error {
            case nil: self = .allowed
            case .forbidden: self = .forbidden
            case .chatNotFound: self = .hidden
            case let error?: throw error
            }
        }
    }

    /// The expectations for an own message, another user's, and one without an author.
    private struct Row {
        let rights: AccessRights
        var author: UserID? = "ada"
        let edits: [Decision]
        let deletes: [Decision]
    }

    private static let chat: ChatID = 7
    private static let all: [Decision] = [.allowed, .allowed, .allowed]
    private static let own: [Decision] = [.allowed, .forbidden, .forbidden]
    private static let none: [Decision] = [.forbidden, .forbidden, .forbidden]
    private static let hidden: [Decision] = [.hidden, .hidden, .hidden]

    private static func granted(_ role: ChatRole, _ application: ApplicationRole = .user) -> AccessRights {
        .user(application, Grants(chats: [chat: role]))
    }

    private static let rows = [
        Row(rights: .user(.user), edits: hidden, deletes: hidden),
        Row(rights: .user(.user, Grants(chats: [8: .owner])), edits: hidden, deletes: hidden),
        Row(rights: granted(.reader), edits: none, deletes: none),
        Row(rights: granted(.member), edits: own, deletes: own),
        Row(rights: granted(.member, .guest), edits: own, deletes: own),
        Row(rights: granted(.member, .bot), edits: own, deletes: own),
        Row(rights: granted(.moderator), edits: own, deletes: all),
        Row(rights: granted(.owner), edits: own, deletes: all),
        Row(rights: .user(.user, Grants(everywhere: .moderator)), edits: own, deletes: all),
        Row(rights: .user(.admin), edits: all, deletes: all),
        Row(rights: .unrestricted, edits: all, deletes: all),
        Row(rights: .unrestricted, author: nil, edits: all, deletes: all),
        // Messages without an author are those of server keys.
        Row(
            rights: ServerKeyScope.post.rights,
            author: nil,
            edits: [.allowed, .forbidden, .allowed],
            deletes: [.allowed, .forbidden, .allowed]
        ),
        Row(rights: ServerKeyScope.read.rights, author: nil, edits: none, deletes: none),
    ]

    private func decision(_ change: (MessageID) throws -> LogChange, _ caller: Caller, author: UserID?) throws
        -> Decision
    {
        let message = Message(
            id: 1,
            chatID: Self.chat,
            position: 1,
            author: author,
            text: "old",
            createdAt: Instant(microsecondsSinceEpoch: 0)
        )
        var priorState = BatchPlan.PriorState()
        let chat = Chat(id: Self.chat, title: "chat", createdAt: message.createdAt, lastPosition: 1, messageCount: 1)
        priorState.heads[Self.chat] = LogHead(chat: chat, instant: message.createdAt)
        priorState.messages[BatchPlan.MessageReference(chatID: Self.chat, id: message.id)] = message
        let request = WriteRequest.record(LogRequest(try change(message.id), in: Self.chat, by: caller))
        let plan = BatchPlan([request], from: priorState, at: Instant(microsecondsSinceEpoch: 1))
        let result = try #require(plan.recorded(LogWrites.Written()).results.first)
        let decision = try Decision(result.error)
        // A refused request writes nothing.
        #expect(plan.writes.changes.count == (decision == .allowed ? 1 : 0))
        #expect(plan.writes.editedMessages.isEmpty == (decision != .allowed))
        return decision
    }

    @Test func `a batch decides who may change whose messages`() throws {
        for row in Self.rows {
            let caller = Caller(author: row.author, rights: row.rights)
            for (index, author) in [row.author, "bob", nil].enumerated() {
                let comment = Comment("\(row.rights), message \(index)")
                let edit = try decision(
                    { .edit($0, MessageEdit(text: try MessageText("new")), onlyIf: .any) },
                    caller,
                    author: author
                )
                #expect(edit == row.edits[index], comment)
                let delete = try decision({ .delete($0, onlyIf: .any) }, caller, author: author)
                #expect(delete == row.deletes[index], comment)
            }
        }
    }

    /// Otherwise the status would depend on a message that the caller may not change.
    @Test func `permission is checked before the revision`() throws {
        let ifMatch = RevisionCondition.oneOf([9])
        let change = try decision({ .delete($0, onlyIf: ifMatch) }, .user("ada", .member), author: "bob")
        #expect(change == .forbidden)
    }
}

extension Result {
    fileprivate var error: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
