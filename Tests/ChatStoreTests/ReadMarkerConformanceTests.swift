import ChatDomain
import ChatTestSupport
import Testing

/// What every store must do with read markers and unread messages.
@Suite(.timeLimit(.minutes(5)))
struct ReadMarkerConformanceTests {
    private typealias Store = any ServiceStore & ChatArchive

    /// A chat of Ada's and Bob's, in which Ada has posted after the two entries about members.
    private func chat(
        on store: Store,
        messages count: Int = 0,
        _ visibility: ChatVisibility = .private
    ) async throws -> (id: ChatID, messages: [MessageID]) {
        let draft = ChatDraft(title: try ChatTitle("chat"), visibility: visibility, members: MemberIDs(["bob"]))
        let chat = try await store.createChat(draft, by: .ungranted("ada")).value.id
        var messages: [MessageID] = []
        for _ in 0..<count {
            messages.append(try await post(to: chat, by: .ungranted("ada"), on: store))
        }
        return (chat, messages)
    }

    @discardableResult
    private func post(to chat: ChatID, by caller: Caller, on store: Store) async throws -> MessageID {
        let post = LogChange.post(MessageDraft(text: try MessageText("text")))
        return try await store.recordMessage(post, in: chat, by: caller).value.id
    }

    private func state(_ position: Position, _ unread: Int, _ role: ChatRole = .member) -> ReadState {
        ReadState(role: role, readPosition: position, unread: UnreadCount(found: unread))
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a marker moves forward, and back only on request`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await chat(on: store, messages: 3).id
            let bob = Caller.ungranted("bob")
            #expect(try await store.readState(of: chat, by: bob) == state(2, 3))
            let log = try await store.log(of: chat, after: 0, limit: 9)
            for (position, back, expected) in [
                (4, false, state(4, 1)), (3, false, state(4, 1)), (3, true, state(3, 2)), (99, false, state(5, 0)),
                (0, true, state(0, 3)), (Position(rawValue: .max), true, state(5, 0)),
            ] as [(Position, Bool, ReadState)] {
                try await store.moveReadMarker(ReadMarkerRequest(chat, upTo: position, movesBack: back, by: bob))
                #expect(try await store.readState(of: chat, by: bob) == expected)
            }
            #expect(try await store.log(of: chat, after: 0, limit: 9) == log)
            #expect(try await store.readState(of: chat, by: .ungranted("ada")) == state(5, 0, .owner))
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a position that is not stored yet counts as read`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await chat(on: store, messages: 3).id
            let bob = Caller.ungranted("bob")
            #expect(try await store.readState(of: chat, by: bob, after: 4) == state(4, 1))
            #expect(try await store.readState(of: chat, by: bob, after: 99) == state(5, 0))
            #expect(try await store.readState(of: chat, by: bob, after: 1) == state(2, 3))
            #expect(try await store.readState(of: chat, by: bob) == state(2, 3))
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `only members have a marker`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let closed = try await chat(on: store, messages: 1).id
            let open = try await chat(on: store, messages: 1, .open).id
            for chat in [closed, open] {
                try await store.change(.remove("bob"), in: chat, by: "bob")
            }
            let refusals: [(ChatID, Caller, StoreError)] = [
                (closed, .ungranted("eve"), .chatNotFound), (closed, .ungranted("bob"), .chatNotFound),
                (open, .ungranted("eve"), .forbidden), (open, .ungranted("bob"), .forbidden),
                (closed, .user("eve", .owner), .forbidden), (closed, .administrator("eve"), .forbidden),
                (closed, .anonymous, .forbidden), (77, .anonymous, .chatNotFound),
                (77, .ungranted("ada"), .chatNotFound),
                (closed, Caller(author: nil, rights: .everyChat(.member)), .forbidden),
            ]
            for (chat, caller, error) in refusals {
                await #expect(throws: error) { try await store.readState(of: chat, by: caller) }
                await #expect(throws: error) {
                    try await store.moveReadMarker(ReadMarkerRequest(chat, upTo: 1, by: caller))
                }
            }
            for user in ["eve", "bob"] as [UserID] {
                #expect(try await store.unreadChatCount(of: user) == 0)
                #expect(try await store.chats(ChatListQuery(limit: 9, reader: user)).readStates == [:])
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a post moves its author's marker`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await chat(on: store).id
            for user in ["robot", "carol", "dan"] as [UserID] {
                try await store.change(.setRole(user, .member), in: chat, by: "ada")
            }
            let (robot, carol, dan): (UserID, UserID, UserID) = ("robot", "carol", "dan")
            // In one batch or in several: each author has read up to the last of the author's own posts.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    for caller in [
                        .ungranted("ada"), .ungranted("bob"), .administrator("dan"), .anonymous,
                        Caller(author: robot, rights: .user(.bot)),
                        Caller(author: carol, rights: .user(.user), isDelegated: true),
                    ] as [Caller] {
                        group.addTask { try await post(to: chat, by: caller, on: store) }
                    }
                }
                try await group.waitForAll()
            }
            let messages = try await store.messages(.newest(of: chat, limit: 100)).messages
            #expect(messages.count == 60)
            for user in ["ada", "bob", dan] as [UserID] {
                let member = try await store.membership(MemberReference(chatID: chat, userID: user))
                #expect(member?.readPosition == messages.last { $0.author == user }?.position)
            }
            #expect(try await store.readState(of: chat, by: .ungranted(robot)) == state(3, 50))
            #expect(try await store.readState(of: chat, by: .ungranted(carol)) == state(4, 50))
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a message is unread until it is read or deleted`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let (chat, messages) = try await chat(on: store, messages: 3)
            let (ada, bob) = (Caller.ungranted("ada"), Caller.ungranted("bob"))
            try await store.moveReadMarker(ReadMarkerRequest(chat, upTo: 3, by: bob))
            try await post(to: chat, by: .anonymous, on: store)
            #expect(try await store.readState(of: chat, by: bob) == state(3, 3))
            for id in messages {
                _ = try await store.edit(id, in: chat, text: "edited", by: ada)
            }
            try await store.change(.setRole("eve", .member), in: chat, by: "ada")
            _ = try await store.updateChat(chat, ChatEdit(title: ChatTitle("new")), by: ada)
            #expect(try await store.readState(of: chat, by: bob) == state(3, 3))
            try await store.delete(messages[0], in: chat, by: ada)
            #expect(try await store.readState(of: chat, by: bob) == state(3, 3))
            try await store.delete(messages[1], in: chat, by: ada)
            #expect(try await store.readState(of: chat, by: bob) == state(3, 2))
            // One's own messages do not count, even after the marker.
            try await post(to: chat, by: bob, on: store)
            try await store.moveReadMarker(ReadMarkerRequest(chat, upTo: 0, movesBack: true, by: bob))
            #expect(try await store.readState(of: chat, by: bob) == state(0, 2))
            // For a new member, everything up to the entry counts as read.
            #expect(try await store.readState(of: chat, by: .ungranted("eve")) == state(10, 1))
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `counting ends after a hundred`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let chat = try await chat(on: store).id
            let bob = Caller.ungranted("bob")
            try await database.fill(chat.rawValue, messages: 100)
            let full = try await store.readState(of: chat, by: bob)
            #expect((full.unread.value, full.unread.isMore) == (100, false))
            try await database.fill(chat.rawValue, messages: 1)
            for state in [
                try await store.readState(of: chat, by: bob),
                try #require(try await store.chats(ChatListQuery(limit: 1, reader: "bob")).readStates[chat]),
            ] {
                #expect((state.unread.value, state.unread.isMore) == (100, true))
            }
            #expect(try await store.readState(of: chat, by: bob, after: 3) == self.state(3, 100))
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a list shows what its reader has read`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let first = try await chat(on: store, messages: 1).id
            let second = try await chat(on: store, messages: 2).id
            let granted = try await store.createChat(ChatDraft(title: ChatTitle("granted")), by: .ungranted("eve"))
                .value.id
            let scope = ChatListQuery.Scope(chatIDs: [granted], member: "bob")
            let states = [first: state(2, 1), second: state(2, 2)]
            for query in [
                ChatListQuery(limit: 9, reader: "bob"), ChatListQuery(limit: 9, scope: scope, reader: "bob"),
                ChatListQuery(limit: 9, titlePart: "CHA", scope: scope, reader: "bob"),
                ChatListQuery(limit: 9, scope: ChatListQuery.Scope(chatIDs: [first, second]), reader: "bob"),
            ] {
                let list = try await store.chats(query)
                #expect(list.readStates == states)
                #expect(Set(list.chats.map(\.id)).isSuperset(of: states.keys))
            }
            let page = try await store.chats(ChatListQuery(limit: 2, scope: scope, reader: "bob"))
            #expect(page.chats.map(\.id) == [granted, second])
            #expect(page.readStates == [second: state(2, 2)])
            #expect(try await store.chats(ChatListQuery(limit: 9, scope: scope)).readStates == [:])

            #expect(try await store.unreadChatCount(of: "bob") == 2)
            try await store.moveReadMarker(ReadMarkerRequest(first, upTo: 3, by: .ungranted("bob")))
            #expect(try await store.unreadChatCount(of: "bob") == 1)
            try await store.deleteChat(second, by: .ungranted("ada"))
            #expect(try await store.unreadChatCount(of: "bob") == 0)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a move changes the activity of its member only`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let chat = try await chat(on: store, messages: 2).id
            func activities() async throws -> [Int64] {
                try await database.rows(
                    """
                    SELECT CAST(activity AS TEXT) FROM chats UNION ALL
                    SELECT * FROM (SELECT CAST(activity AS TEXT) FROM members ORDER BY user_id) AS member
                    """
                ).map { try #require($0[0].flatMap { Int64($0) }) }
            }
            let before = try await activities()
            try await store.moveReadMarker(ReadMarkerRequest(chat, upTo: 3, by: .ungranted("bob")))
            let after = try await activities()
            #expect(after[..<2] == before[..<2])
            #expect(after[2] > before[2])
            // This one changes nothing.
            try await store.moveReadMarker(ReadMarkerRequest(chat, upTo: 2, by: .ungranted("bob")))
            #expect(try await activities() == after)
            try await post(to: chat, by: .ungranted("bob"), on: store)
            let posted = try await activities()
            #expect(posted[1] == after[1])
            #expect(posted[2] == posted[0])
        }
    }
}
