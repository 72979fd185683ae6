import ChatDomain
import ChatLive
import ChatOperations
import ChatTestSupport
import ChatWire
import NIOPosix
import Testing

/// What callers are refused, whichever way a request arrives.
@Suite(.timeLimit(.minutes(5)))
struct AuthorizationTests {
    private typealias Perform = @Sendable (Operations<InterceptedStore>, Caller, ChatID) async throws -> Void

    /// The operations on a chat with one message, each with the lowest role that permits it.
    private static let operations: [(name: String, minimum: ChatRole, perform: Perform)] = [
        ("readChat", .reader, { _ = try await $0.readChat($1, LatestMessagesQuery(chatID: $2, limit: 1)) }),
        (
            "readChat, conditionally", .reader,
            { _ = try await $0.readChat($1, LatestMessagesRequest(LatestMessagesQuery(chatID: $2, limit: 1))) }
        ),
        ("listMessages", .reader, { _ = try await $0.listMessages($1, of: $2, .latest, limit: 1) }),
        ("readMessage", .reader, { _ = try await $0.readMessage($1, 1, in: $2) }),
        (
            "readLog", .reader,
            {
                let start = LogPlace(epoch: nil, position: Position(rawValue: 0))
                _ = try await $0.readLog($1, of: $2, after: start, limit: 1)
            }
        ),
        ("follow", .reader, { _ = try await $0.follow($1, $2, after: nil, on: eventLoop) }),
        (
            "followChats", .reader,
            {
                let requests = [FollowRequest(chatID: $2, place: nil)]
                _ = try await $0.followChats($1, requests, after: nil, on: eventLoop)
            }
        ),
        ("announceTyping", .member, { try await $0.announceTyping($1, in: $2, nil) }),
        ("postMessage", .member, { _ = try await $0.postMessage($1, MessageDraft(text: MessageText("new")), to: $2) }),
        (
            "editMessage", .member,
            {
                let edit = MessageEdit(text: try MessageText("edited"))
                _ = try await $0.editMessage($1, 1, in: $2, edit, onlyIf: .any)
            }
        ),
        ("deleteMessage", .member, { try await $0.deleteMessage($1, 1, in: $2, onlyIf: .any) }),
        ("editChat", .owner, { _ = try await $0.editChat($1, $2, ChatEdit(title: ChatTitle("edited"))) }),
        ("deleteChat", .owner, { try await $0.deleteChat($1, $2) }),
        (
            "changeMembers", .moderator,
            { _ = try await $0.changeMembers($1, of: $2, .setRole("bob", .member)) }
        ),
        ("setRole", .moderator, { _ = try await $0.setRole($1, of: "bob", in: $2, to: .member) }),
        ("listMembers", .reader, { _ = try await $0.listMembers($1, of: $2, after: nil, limit: 9) }),
    ]

    private static let eventLoop = MultiThreadedEventLoopGroup.singleton.any()

    private static func caller(_ role: ChatRole?, in chat: ChatID) -> Caller {
        Caller(author: "ada", rights: .user(.user, Grants(chats: role.map { [chat: $0] } ?? [:])))
    }

    /// Passes a new chat with one message by the user that `caller` returns.
    private func withChat(_ body: (Operations<InterceptedStore>, ChatID) async throws -> Void) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { base in
            let store = InterceptedStore(base)
            let operations = Operations(store, hub: EventHub(store), typing: TypingNotices())
            let chat = try await operations.createChat(.anonymous, ChatDraft(title: ChatTitle("chat"))).value.id
            let ada = Self.caller(.member, in: chat)
            _ = try await operations.postMessage(ada, MessageDraft(text: MessageText("text")), to: chat)
            try await body(operations, chat)
        }
    }

    @Test func `every operation needs a role`() async throws {
        for (name, minimum, perform) in Self.operations {
            for role in ChatRole.allCases {
                try await withChat { operations, chat in
                    let caller = Self.caller(role, in: chat)
                    if role >= minimum {
                        try await perform(operations, caller, chat)
                    } else {
                        await #expect(throws: StoreError.forbidden, "\(name) as \(role)") {
                            try await perform(operations, caller, chat)
                        }
                    }
                }
            }
        }
    }

    @Test func `a membership permits what a grant of the role does`() async throws {
        for (name, minimum, perform) in Self.operations {
            for role in ChatRole.allCases {
                try await withChat { operations, chat in
                    let ada = Caller.ungranted("ada")
                    _ = try await operations.changeMembers(.anonymous, of: chat, .setRole("ada", role))
                    if role >= minimum {
                        try await perform(operations, ada, chat)
                    } else {
                        await #expect(throws: StoreError.forbidden, "\(name) as \(role)") {
                            try await perform(operations, ada, chat)
                        }
                    }
                }
            }
        }
    }

    @Test func `a list has the chats of a user's memberships`() async throws {
        try await withChat { operations, chat in
            let draft = ChatDraft(title: try ChatTitle("own"))
            let own = try await operations.createChat(Self.caller(nil, in: chat), draft).value.id
            let query = ChatListQuery(limit: 10)
            #expect(try await operations.listChats(Self.caller(nil, in: chat), query).chats.map(\.id) == [own])
            let granted = try await operations.listChats(Self.caller(.reader, in: chat), query)
            #expect(granted.chats.map(\.id) == [own, chat])
            #expect(try await operations.listChats(.administrator("eve"), query).chats.map(\.id) == [own, chat])
            let members = try await operations.listMembers(Self.caller(nil, in: chat), of: own, after: nil, limit: 9)
            #expect(members.members.count == 1)
        }
    }

    @Test func `both people are members of their chat again after one has left`() async throws {
        try await withChat { operations, _ in
            let (ada, bob) = (Caller.ungranted("ada"), Caller.ungranted("bob"))
            let chat = try await operations.openDirectChat(ada, with: "bob").value
            #expect(try await operations.openDirectChat(bob, with: "ada") == Accepted(chat, isReplay: true))
            _ = try await operations.changeMembers(ada, of: chat.id, .remove("ada"))
            let again = try await operations.openDirectChat(ada, with: "bob")
            #expect(again.value.id == chat.id)
            #expect(again.value.lastPosition == 3)
            #expect(try await operations.listMembers(ada, of: chat.id, after: nil, limit: 9).members.count == 2)
            for caller in [Caller.anonymous, bob, Caller(author: "eve", rights: .user(.guest))] {
                await #expect(throws: StoreError.forbidden) {
                    try await operations.openDirectChat(caller, with: "bob")
                }
            }
        }
    }

    @Test func `a creator who has left cannot read the chat by creating it again`() async throws {
        try await withChat { operations, _ in
            let ada = Caller.ungranted("ada")
            let key = try #require(IdempotencyKey("once"))
            let draft = ChatDraft(title: try ChatTitle("secret"), idempotencyKey: key)
            let chat = try await operations.createChat(ada, draft).value
            #expect(try await operations.createChat(ada, draft) == Accepted(chat, isReplay: true))
            _ = try await operations.setRole(ada, of: "bob", in: chat.id, to: .owner)
            _ = try await operations.changeMembers(ada, of: chat.id, .remove("ada"))
            await #expect(throws: StoreError.chatNotFound) { try await operations.createChat(ada, draft) }
            _ = try await operations.setRole(.ungranted("bob"), of: "ada", in: chat.id, to: .reader)
            #expect(try await operations.createChat(ada, draft).value.lastPosition == 4)
        }
    }

    @Test func `without a role, a chat looks missing`() async throws {
        try await withChat { operations, chat in
            for (name, _, perform) in Self.operations {
                for caller in [Self.caller(nil, in: chat), Self.caller(.owner, in: 77)] {
                    await #expect(throws: StoreError.chatNotFound, "\(name)") {
                        try await perform(operations, caller, chat)
                    }
                }
                // The error of a chat that is really missing.
                await #expect(throws: StoreError.chatNotFound, "\(name)") {
                    try await perform(operations, .anonymous, 77)
                }
            }
        }
    }

    @Test func `guests and keys that only read create no chats`() async throws {
        try await withChat { operations, _ in
            let draft = ChatDraft(title: try ChatTitle("chat"))
            for rights in [AccessRights.user(.guest, Grants(everywhere: .owner)), ServerKeyScope.read.rights] {
                await #expect(throws: StoreError.forbidden) {
                    try await operations.createChat(Caller(author: nil, rights: rights), draft)
                }
            }
            _ = try await operations.createChat(Self.caller(nil, in: 1), draft)
        }
    }

    private typealias Administer = @Sendable (Operations<InterceptedStore>, Caller) async throws -> Void

    private static let administration: [(name: String, perform: Administer)] = [
        ("putUser", { _ = try await $0.putUser($1, "bob", UserProfile()) }),
        ("revokeTokens", { try await $0.revokeTokens($1, of: "bob") }),
        ("revokeTokens, of all users", { try await $0.revokeTokens($1, of: nil) }),
        ("deleteUser", { try await $0.deleteUser($1, "bob", erasesMessages: false) }),
    ]

    @Test func `only administrators change users`() async throws {
        let owner = Grants(everywhere: .owner)
        let others =
            [ServerKeyScope.post, .read].map(\.rights) + [ApplicationRole.user, .guest, .bot].map { .user($0, owner) }
        try await withChat { operations, _ in
            for (name, perform) in Self.administration {
                for rights in others {
                    await #expect(throws: StoreError.forbidden, "\(name) with \(rights)") {
                        try await perform(operations, Caller(author: "ada", rights: rights))
                    }
                }
                for rights in [AccessRights.unrestricted, .user(.admin)] {
                    try await perform(operations, Caller(author: nil, rights: rights))
                }
            }
        }
    }

    @Test func `lists and streams leave out what the caller may not read`() async throws {
        try await withChat { operations, chat in
            let other = try await operations.createChat(.anonymous, ChatDraft(title: ChatTitle("other"))).value.id
            let caller = Self.caller(.reader, in: chat)
            let query = ChatListQuery(limit: 10)
            #expect(try await operations.listChats(caller, query).chats.map(\.id) == [chat])
            #expect(try await operations.listChats(Self.caller(nil, in: chat), query).chats.isEmpty)
            #expect(await operations.findChats(caller, [chat, other])?.chats.map(\.id) == [chat])

            let eventLoop = Self.eventLoop
            let all = try await operations.followAllChats(caller, after: nil, on: eventLoop)
            #expect(all.chats.map(\.interest.chatID) == [chat])
            // A cursor proves nothing: a chat that is no longer readable looks deleted.
            let cursor = StreamCursor([(chat, 1), (other, 0)], in: all.epoch)
            let resumed = try await operations.followAllChats(caller, after: cursor, on: eventLoop)
            #expect(resumed.chats.map(\.interest.chatID) == [chat])
            #expect(resumed.deleted == [other])
            #expect(resumed.unfollowed.isEmpty)
            let requests = [chat, other].map { FollowRequest(chatID: $0, place: nil) }
            await #expect(throws: StoreError.chatNotFound) {
                try await operations.followChats(caller, requests, after: nil, on: eventLoop)
            }
            let some = try await operations.followChats(caller, requests, after: cursor, on: eventLoop)
            #expect(some.chats.map(\.interest.chatID) == [chat])
            #expect(some.deleted == [other])
        }
    }
}
