import ChatDomain
import ChatTestSupport
import Testing

/// What every store must do with members.
@Suite(.timeLimit(.minutes(5)))
struct MemberConformanceTests {
    private func draft(
        _ users: [UserID] = [],
        _ visibility: ChatVisibility? = nil,
        key: String? = nil
    ) throws -> ChatDraft {
        ChatDraft(
            title: try ChatTitle("chat"),
            visibility: visibility,
            members: MemberIDs(users),
            idempotencyKey: key.flatMap(IdempotencyKey.init)
        )
    }

    private func post(_ text: String = "text") throws -> LogChange {
        .post(MessageDraft(text: try MessageText(text)))
    }

    private func member(
        _ user: UserID,
        of chat: ChatID,
        _ role: ChatRole,
        joinedAt: Position,
        leftAt: Position? = nil,
        readPosition: Position? = nil
    ) -> Member {
        Member(
            MemberReference(chatID: chat, userID: user),
            role: role,
            joinedAt: joinedAt,
            leftAt: leftAt,
            readPosition: readPosition ?? joinedAt
        )
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a user's chat begins with its owner and members`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let keyed = try draft(["bob", "ada", "eve"], .open, key: "k")
            let chat = try await store.createChat(keyed, by: .ungranted("ada")).value
            #expect(chat.visibility == .open)
            #expect(chat.lastPosition == 2)
            #expect(try await store.chat(chat.id) == chat)
            #expect(try await store.createChat(keyed, by: .ungranted("ada")) == Accepted(chat, isReplay: true))
            await #expect(throws: StoreError.idempotencyKeyReused) {
                try await store.createChat(draft(["bob"], .open, key: "k"), by: .ungranted("ada"))
            }
            let entries: [MemberEntry] = [.joined(["ada"], as: .owner), .joined(["bob", "eve"], as: .member)]
            let expected = zip(entries, [1, 2] as [Position]).map { entry, position in
                LogEntry(
                    LogRecord(entry, in: chat.id, at: position, by: "ada", chat.createdAt),
                    subject: .chat(chat)
                )
            }
            #expect(try await store.log(of: chat.id, after: 0, limit: 9).entries == expected)
            let members = [
                member("ada", of: chat.id, .owner, joinedAt: 1), member("bob", of: chat.id, .member, joinedAt: 2),
                member("eve", of: chat.id, .member, joinedAt: 2),
            ]
            #expect(try await store.members(of: chat.id, limit: 9) == members)

            let anonymous = try await store.createChat(draft()).value
            #expect(anonymous.lastPosition == 0)
            #expect(anonymous.visibility == .private)
            #expect(try await store.members(of: anonymous.id, limit: 9) == [])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a change of members is an entry and changes the rows`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(draft(), by: .ungranted("ada")).value.id
            let signalled = Signalled(by: store)
            let bob = member("bob", of: chat, .moderator, joinedAt: 2)
            #expect(try await store.change(.setRole("bob", .moderator), in: chat, by: "ada") == [bob])
            let users = try #require(MemberIDs(["zoe", #"q"\uote"#, "bob", "Ada"]))
            let added = try await store.change(.add(users, as: .reader), in: chat, by: "bob")
            let readers = ["zoe", #"q"\uote"#, "Ada"].map { member($0, of: chat, .reader, joinedAt: 3) }
            #expect(added == [readers[0], readers[1], bob, readers[2]])
            #expect(try await store.change(.add(users, as: .member), in: chat, by: "bob") == added)
            let demoted = member("bob", of: chat, .member, joinedAt: 2)
            #expect(try await store.change(.setRole("bob", .member), in: chat, by: "bob") == [demoted])
            let left = member("zoe", of: chat, .reader, joinedAt: 3, leftAt: 5)
            #expect(try await store.change(.remove("zoe"), in: chat, by: "zoe") == [left])

            let log = try await store.log(of: chat, after: 1, limit: 9)
            let entries: [MemberEntry] = [
                .joined(["bob"], as: .moderator), .joined(["zoe", #"q"\uote"#, "Ada"], as: .reader),
                .updated(["bob"], to: .member), .left(["zoe"]),
            ]
            #expect(log.entries.map(\.payload) == entries.map(\.payload))
            #expect(log.entries.map(\.kind) == entries.map(\.kind))
            #expect(log.entries.map(\.author) == ["ada", "bob", "bob", "zoe"])
            #expect(log.lastPosition == 5)
            for await signals in signalled.stream where signals.last?.position == 5 {
                #expect(signals.map(\.payload) == entries.map(\.payload))
                break
            }
            // Sorted by bytes, and in pages.
            let current = [readers[2], member("ada", of: chat, .owner, joinedAt: 1), demoted, readers[1]]
            #expect(try await store.members(of: chat, limit: 9) == current)
            #expect(try await store.members(of: chat, after: "Ada", limit: 2) == Array(current[1...2]))
            #expect(try await store.members(of: chat, after: #"q"\uote"#, limit: 2) == [])
            #expect(try await store.membership(left.reference) == left)
            #expect(try await store.membership(MemberReference(chatID: chat, userID: "nobody")) == nil)
            #expect(try await store.membership(MemberReference(chatID: 77, userID: "ada")) == nil)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `chats are read with the memberships that decide`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let own = try await store.createChat(draft(["bob"]), by: .ungranted("ada")).value.id
            let hidden = try await store.createChat(draft(), by: .ungranted("ada")).value.id
            let open = try await store.createChat(draft([], .open), by: .ungranted("ada")).value.id
            let left = try await store.createChat(draft(["bob"]), by: .ungranted("ada")).value.id
            try await store.change(.remove("bob"), in: left, by: "bob")
            func read(_ action: ChatAction, by caller: Caller) async throws -> ChatSnapshot {
                try await store.chats(withIDs: [own, hidden, open, left, 77], for: action, by: caller)
            }
            let grant = Caller(author: "bob", rights: .user(.user, Grants(chats: [own: .reader, hidden: .reader])))
            let member: [ChatID: ChatRole] = [own: .member]
            let reads: [(ChatAction, Caller, Set<ChatID>, [ChatID: ChatRole])] = [
                (.read, .ungranted("bob"), [own, open], member), (.read, .ungranted("eve"), [open], [:]),
                (.read, grant, [own, hidden, open], [:]), (.post, grant, [own, hidden, open], member),
                (.post, .anonymous, [own, hidden, open, left], [:]),
                (.post, .administrator("bob"), [own, hidden, open, left], [:]),
            ]
            for (action, caller, chats, memberships) in reads {
                let snapshot = try await read(action, by: caller)
                #expect(Set(snapshot.chats.map(\.id)) == chats)
                #expect(snapshot.memberships == memberships)
                #expect(try await snapshot.epoch == store.epoch)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `members may do what their roles permit, and others do not see the chat`(_ store: StoreUnderTest) async throws
    {
        try await store.withStore { store in
            let chat = try await store.createChat(draft(), by: .ungranted("o")).value.id
            for (user, role) in [("m", .moderator), ("p", .member), ("r", .reader)] as [(UserID, ChatRole)] {
                try await store.change(.setRole(user, role), in: chat, by: "o")
            }
            let message = try await store.recordMessage(post(), in: chat, by: .ungranted("o")).value
            typealias Attempt = (ChatRole, (Caller) async throws -> Void)
            let attempts: [Attempt] = [
                (.member, { _ = try await store.recordMessage(post(), in: chat, by: $0) }),
                (
                    .moderator,
                    { _ = try await store.changeMembers(MemberRequest(.setRole("x", .reader), in: chat, by: $0)) }
                ),
                (.owner, { _ = try await store.updateChat(chat, ChatEdit(title: ChatTitle("new")), by: $0) }),
                (.moderator, { _ = try await store.delete(message.id, in: chat, by: $0) }),
                (.owner, { try await store.deleteChat(chat, by: $0) }),
            ]
            let before = try await store.log(of: chat, after: 0, limit: 100)
            let members: [(UserID, ChatRole)] = [("r", .reader), ("p", .member), ("m", .moderator)]
            for (minimum, attempt) in attempts {
                await #expect(throws: StoreError.chatNotFound) { try await attempt(.ungranted("stranger")) }
                for (user, role) in members where role < minimum {
                    await #expect(throws: StoreError.forbidden) { try await attempt(.ungranted(user)) }
                }
            }
            #expect(try await store.log(of: chat, after: 0, limit: 100) == before)
            for (minimum, attempt) in attempts.dropLast(2) {
                for (user, role) in members where role >= minimum {
                    try await attempt(.ungranted(user))
                }
            }
            try await attempts[3].1(.ungranted("m"))
            try await attempts[4].1(.ungranted("o"))
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a read shows members and users of open chats what others do not see`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let closed = try await store.createChat(draft(["bob"]), by: .ungranted("ada")).value.id
            let open = try await store.createChat(draft(["bob"], .open), by: .ungranted("ada")).value.id
            for chat in [closed, open] {
                let message = try await store.recordMessage(post(), in: chat, by: .ungranted("bob")).value
                let query = LatestMessagesQuery(chatID: chat, limit: 5)
                let latest = try await store.latestMessages(query)
                let known = LatestMessagesRequest(query, known: latest.end)
                let log = try await store.log(of: chat, after: 0, limit: 9)
                let page = try await store.messages(.newest(of: chat, limit: 9))
                let members = try await store.members(of: chat, limit: 9)
                func expectReading(by caller: Caller) async throws {
                    #expect(try await store.latestMessages(query, by: caller) == latest)
                    #expect(try await store.latestMessages(LatestMessagesRead(known, by: caller)) == nil)
                    #expect(try await store.message(message.id, in: chat, by: caller) == message)
                    #expect(try await store.messages(.newest(of: chat, limit: 9), by: caller) == page)
                    #expect(try await store.log(of: chat, after: 0, limit: 9, by: caller) == log)
                    #expect(try await store.members(of: chat, after: nil, limit: 9, by: caller).members == members)
                }
                func expectNothing(for caller: Caller) async {
                    let reads: [() async throws -> Void] = [
                        { _ = try await store.latestMessages(query, by: caller) },
                        { _ = try await store.latestMessages(LatestMessagesRead(known, by: caller)) },
                        { _ = try await store.message(message.id, in: chat, by: caller) },
                        { _ = try await store.messages(.newest(of: chat, limit: 9), by: caller) },
                        { _ = try await store.log(of: chat, after: 0, limit: 9, by: caller) },
                        { _ = try await store.members(of: chat, after: nil, limit: 9, by: caller) },
                    ]
                    for read in reads {
                        await #expect(throws: StoreError.chatNotFound) { try await read() }
                    }
                }
                for caller in [.ungranted("ada"), .user("eve", .reader), .administrator("eve")] as [Caller] {
                    try await expectReading(by: caller)
                }
                if chat == open {
                    try await expectReading(by: .ungranted("eve"))
                } else {
                    await expectNothing(for: .ungranted("eve"))
                }
                try await store.change(.remove("bob"), in: chat, by: "bob")
            }
            await #expect(throws: StoreError.chatNotFound) {
                try await store.log(of: closed, after: 0, limit: 9, by: .ungranted("bob"))
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `readers of a batch share the read but not the decision`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let chat = try await store.createChat(draft(["bob"]), by: .ungranted("ada")).value.id
            let query = LatestMessagesQuery(chatID: chat, limit: 5)
            let latest = try await store.latestMessages(query)
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<60 {
                    let user: UserID = ["ada", "bob", "eve"][number % 3]
                    group.addTask {
                        let read = try? await store.latestMessages(query, by: .ungranted(user))
                        #expect(read == (user == "eve" ? nil : latest))
                    }
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a user's list has the chats of memberships and grants`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let own = try await store.createChat(draft(), by: .ungranted("ada")).value.id
            let joined = try await store.createChat(draft(["ada"]), by: .ungranted("bob")).value.id
            let left = try await store.createChat(draft(["ada"]), by: .ungranted("bob")).value.id
            try await store.change(.remove("ada"), in: left, by: "ada")
            let granted = try await store.createChat(draft(), by: .ungranted("bob")).value.id
            _ = try await store.createChat(draft(["bob"], .open), by: .ungranted("eve"))
            let query = ChatListQuery(limit: 9, scope: ChatListQuery.Scope(chatIDs: [granted, own], member: "ada"))
            #expect(try await store.chats(query).chats.map(\.id) == [granted, joined, own])
            let first = try await store.chats(ChatListQuery(limit: 1, scope: ChatListQuery.Scope(member: "ada")))
            #expect(first.chats.map(\.id) == [joined])
            let next = ChatListQuery(
                after: try #require(first.next),
                limit: 9,
                scope: ChatListQuery.Scope(member: "ada")
            )
            #expect(try await store.chats(next).chats.map(\.id) == [own])
            #expect(
                try await store.chats(ChatListQuery(limit: 9, scope: ChatListQuery.Scope(member: "nobody"))).chats
                    .isEmpty
            )
            let search = ChatListQuery(limit: 9, titlePart: "CHA", scope: ChatListQuery.Scope(member: "ada"))
            #expect(try await store.chats(search).chats.map(\.id) == [joined, own])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `two owners who leave at once leave one behind`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            for _ in 0..<10 {
                let chat = try await store.createChat(draft(), by: .ungranted("ada")).value.id
                try await store.change(.setRole("bob", .owner), in: chat, by: "ada")
                async let first = store.change(.remove("ada"), in: chat, by: "ada")
                async let second = store.change(.setRole("bob", .reader), in: chat, by: "bob")
                let outcomes = [try? await first, try? await second]
                #expect(outcomes.count { $0 == nil } == 1)
                #expect(try await store.members(of: chat, limit: 9).count { $0.role == .owner } == 1)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `members go with their chat`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let small = try await store.createChat(draft(["bob"]), by: .ungranted("ada")).value.id
            let large = try await store.createChat(draft(["bob"]), by: .ungranted("ada")).value.id
            try await database.fill(large.rawValue, messages: 3_000)
            for chat in [small, large] {
                try await store.deleteChat(chat, by: .ungranted("ada"))
                #expect(try await store.membership(MemberReference(chatID: chat, userID: "bob")) == nil)
                await #expect(throws: StoreError.chatNotFound) {
                    try await store.change(.remove("bob"), in: chat, by: "bob")
                }
            }
            while try await store.purgeDeletedChats() {}
            #expect(try await database.rows("SELECT user_id FROM members").isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an import restores members from the log and the markers after it`(_ kind: StoreUnderTest) async throws {
        try await kind.withStore { source in
            let chat = try await source.createChat(draft(["bob", "eve"], .open), by: .ungranted("ada")).value.id
            try await source.change(.setRole("bob", .owner), in: chat, by: "ada")
            try await source.change(.remove("eve"), in: chat, by: "eve")
            _ = try await source.recordMessage(post(), in: chat, by: .ungranted("bob"))
            try await source.change(.setRole("eve", .reader), in: chat, by: "bob")
            try await source.change(.remove("ada"), in: chat, by: "ada")
            let archived = try #require(try await source.archivedChats(after: 0, limit: 1).first)
            let entries = try await source.archivedEntries(of: chat, after: 0, limit: 100)
            let markers = try await source.archivedReadMarkers(of: chat, after: nil, limit: 100)
            let references = (["ada", "bob", "eve"] as [UserID]).map { MemberReference(chatID: chat, userID: $0) }
            try await StoreUnderTest.sqliteInMemory.withStore { target in
                // The parts of an archive arrive in batches, and may arrive again.
                for part in [entries.prefix(2), entries.prefix(4), entries[...], entries[...]] {
                    let readMarkers = part.count == entries.count ? markers : []
                    let stretch = ArchivedStretch(chat: archived, entries: Array(part), readMarkers: readMarkers)
                    let result = try await target.importBatch([stretch], skipsConflicts: false)
                    #expect(result.conflicts.isEmpty)
                }
                #expect(try await target.chat(chat) == source.chat(chat))
                for reference in references {
                    #expect(try await target.membership(reference) == source.membership(reference))
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `two people share one chat, whichever of them asks first`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let draft = ChatDraft(direct: try #require(UserPair("zoe", "ada")))
            let answers = try await withThrowingTaskGroup(of: Accepted<Chat>.self) { group in
                for number in 0..<40 {
                    let user: UserID = number.isMultiple(of: 2) ? "ada" : "zoe"
                    group.addTask { try await store.createChat(draft, by: .ungranted(user)) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let chat = try #require(answers.first).value.id
            #expect(Set(answers.map(\.value.id)) == [chat])
            #expect(answers.count { !$0.isReplay } == 1)
            #expect(try await store.members(of: chat, limit: 9).map(\.role) == [.member, .member])
            let other = ChatDraft(direct: try #require(UserPair("ada", "bob")))
            #expect(try await store.createChat(other, by: .ungranted("ada")).value.id != chat)
            // Neither of them owns it.
            for change in [.setRole("eve", .member), .setRole("zoe", .owner), .remove("zoe")] as [MemberChange] {
                await #expect(throws: StoreError.forbidden) { try await store.change(change, in: chat, by: "ada") }
            }
            let archived = try await store.archivedChats(after: 0, limit: 9)
            try await store.deleteChat(chat)
            let next = try await store.createChat(draft, by: .ungranted("zoe"))
            #expect(!next.isReplay)
            #expect(next.value.id != chat)
            try await StoreUnderTest.sqliteInMemory.withStore { target in
                let stretches = archived.map { ArchivedStretch(chat: $0) }
                let result = try await target.importBatch(stretches, skipsConflicts: false)
                #expect(result.conflicts.isEmpty)
                #expect(try await target.createChat(draft, by: .ungranted("ada")).value.id == chat)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `each change of a row raises its activity`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            let chat = try await store.createChat(draft(["bob"]), by: .ungranted("ada")).value.id
            func activities() async throws -> [Int64] {
                let query = """
                    SELECT CAST(activity AS TEXT) FROM chats UNION ALL
                    SELECT * FROM (SELECT CAST(activity AS TEXT) FROM members ORDER BY user_id) AS member
                    """
                return try await database.rows(query).map { try #require($0[0].flatMap { Int64($0) }) }
            }
            let created = try await activities()
            #expect(created.count == 3)
            #expect(Set(created).count == 1)
            _ = try await store.recordMessage(post(), in: chat)
            let posted = try await activities()
            #expect(posted[0] > created[0])
            #expect(posted[1...] == created[1...])
            try await store.change(.setRole("bob", .reader), in: chat, by: "ada")
            let changed = try await activities()
            #expect(changed[0] > posted[0])
            #expect(changed[1] == posted[1])
            #expect(changed[2] == changed[0])
            _ = try await store.updateChat(chat, ChatEdit(title: ChatTitle("new")))
            #expect(try await activities()[0] > changed[0])
        }
    }
}
