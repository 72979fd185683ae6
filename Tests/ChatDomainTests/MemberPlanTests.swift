import ChatDomain
import ChatTestSupport
import Testing

/// Who may change a chat's members, and what a batch writes for it.
struct MemberPlanTests {
    private static let chat: ChatID = 7
    private let now = Instant(microsecondsSinceEpoch: 1_000)
    /// The members of the chat, each with the first letter of the role.
    private static let roles: [UserID: ChatRole] = [
        "o": .owner, "o2": .owner, "m": .moderator, "m2": .moderator, "p": .member, "p2": .member, "r": .reader,
    ]

    private func reference(_ user: UserID) -> MemberReference {
        MemberReference(chatID: Self.chat, userID: user)
    }

    private func priorState(
        _ roles: [UserID: ChatRole] = Self.roles,
        left: [Member] = [],
        _ visibility: ChatVisibility = .private
    ) -> BatchPlan.PriorState {
        var priorState = BatchPlan.PriorState()
        let instant = Instant(microsecondsSinceEpoch: 0)
        let chat = Chat(
            id: Self.chat,
            title: "chat",
            visibility: visibility,
            createdAt: instant,
            lastPosition: 10,
            messageCount: 1
        )
        priorState.heads[Self.chat] = LogHead(chat: chat, instant: instant)
        for (user, role) in roles {
            priorState.members[reference(user)] = Member(reference(user), role: role, joinedAt: 1, readPosition: 4)
        }
        for member in left {
            priorState.members[member.reference] = member
        }
        priorState.ownerCounts[Self.chat] = roles.values.count { $0 == .owner }
        return priorState
    }

    private func change(_ change: MemberChange, by caller: Caller) -> WriteRequest {
        .changeMembers(MemberRequest(change, in: Self.chat, by: caller))
    }

    private func change(_ change: MemberChange, by user: UserID) -> WriteRequest {
        self.change(change, by: .ungranted(user))
    }

    private func add(_ users: [UserID], as role: ChatRole) throws -> MemberChange {
        .add(try #require(MemberIDs(users)), as: role)
    }

    /// A plan, and for each request its error; nil if it succeeds.
    private func plan(_ requests: [WriteRequest], _ priorState: BatchPlan.PriorState) -> (BatchPlan, [StoreError?]) {
        let plan = BatchPlan(requests, from: priorState, at: now)
        let ids = plan.writes.appends.indices.map { MessageID(rawValue: Int64($0)) }
        let results = plan.recorded(LogWrites.Written(messageIDs: ids)).results
        return (plan, results.map { result in if case .failure(let error) = result { error } else { nil } })
    }

    private func error(
        _ change: MemberChange,
        by caller: Caller,
        _ visibility: ChatVisibility = .private
    ) -> StoreError? {
        plan([self.change(change, by: caller)], priorState(Self.roles, visibility)).1[0]
    }

    @Test func `the role decides whom a member adds`() throws {
        let allowed: [UserID: [ChatRole]] = ["o": ChatRole.allCases, "m": [.reader, .member], "p": [], "r": []]
        for (user, roles) in allowed {
            for role in ChatRole.allCases {
                let expected: StoreError? = roles.contains(role) ? nil : .forbidden
                for change in [try add(["new"], as: role), .setRole("new", role)] {
                    #expect(error(change, by: .ungranted(user)) == expected, "\(user) adds a \(role)")
                    #expect(error(change, by: .ungranted("stranger")) == .chatNotFound)
                    #expect(error(change, by: .administrator("admin")) == nil)
                    #expect(error(change, by: Caller(author: nil, rights: .everyChat(.member))) == .forbidden)
                }
            }
        }
    }

    @Test func `the role decides whom a member removes, and anyone leaves`() {
        let allowed: [UserID: Set<UserID>] = [
            "o": Set(Self.roles.keys), "m": ["m", "p", "p2", "r"], "p": ["p"], "r": ["r"],
        ]
        for (user, targets) in allowed {
            for target in Self.roles.keys {
                let expected: StoreError? = targets.contains(target) ? nil : .forbidden
                #expect(error(.remove(target), by: .ungranted(user)) == expected, "\(user) removes \(target)")
                #expect(error(.remove(target), by: .ungranted("stranger")) == .chatNotFound)
                #expect(error(.remove(target), by: .anonymous) == nil)
            }
        }
        #expect(error(.remove("new"), by: .ungranted("m")) == .memberNotFound)
        #expect(error(.remove("new"), by: .ungranted("p")) == .forbidden)
        #expect(error(.remove("admin"), by: .administrator("admin")) == .memberNotFound)
    }

    @Test func `owners change roles, and anyone takes a lower one`() {
        for user in ["o", "m", "p", "r"] as [UserID] {
            for (target, old) in Self.roles {
                for role in ChatRole.allCases {
                    let mayChange = user == "o" || (user == target && role <= old)
                    let error = error(.setRole(target, role), by: .ungranted(user))
                    #expect(error == (mayChange ? nil : .forbidden), "\(user) makes \(target) a \(role)")
                }
            }
        }
    }

    @Test func `a user joins an open chat alone and as no more than a member`() throws {
        let stranger = Caller.ungranted("new")
        for role in ChatRole.allCases {
            for change in [try add(["new"], as: role), .setRole("new", role)] {
                #expect(error(change, by: stranger) == .chatNotFound)
                #expect(error(change, by: stranger, .open) == (role <= .member ? nil : .forbidden))
            }
            #expect(error(try add(["new", "other"], as: role), by: stranger, .open) == .forbidden)
            #expect(error(.setRole("other", role), by: stranger, .open) == .forbidden)
        }
        #expect(error(.remove("p"), by: stranger, .open) == .forbidden)
        #expect(error(.remove("new"), by: stranger, .open) == .memberNotFound)
    }

    @Test func `the last owner stays until there is another one`() throws {
        var roles = Self.roles
        roles["o2"] = nil
        let requests = [
            change(.remove("o"), by: "o"), change(.setRole("o", .member), by: "o"),
            change(.setRole("o", .owner), by: "o"), change(.setRole("p", .owner), by: "o"),
            change(.remove("o"), by: "o"),
            change(.remove("p"), by: "p"), change(.setRole("p", .reader), by: "p"),
            change(.remove("p"), by: .administrator("admin")),
        ]
        let (plan, errors) = plan(requests, priorState(roles))
        #expect(errors == [.lastOwner, .lastOwner, nil, nil, nil, .lastOwner, .lastOwner, nil])
        let entries = plan.writes.changes.compactMap { MemberEntry($0) }
        #expect(entries == [.updated(["p"], to: .owner), .left(["o"]), .left(["p"])])
        #expect(plan.writes.members.values.allSatisfy { $0.currentRole == nil })
    }

    @Test func `requests of a batch see each other's effects`() throws {
        let draft = MessageDraft(text: try MessageText("text"))
        func post(by user: UserID) -> WriteRequest {
            .record(LogRequest(.post(draft), in: Self.chat, by: .ungranted(user)))
        }
        let requests = [
            post(by: "new"), change(try add(["p", "new"], as: .reader), by: "m"), post(by: "new"),
            change(try add(["new", "p"], as: .member), by: "m"), change(.setRole("new", .member), by: "o"),
            post(by: "new"), change(.remove("new"), by: "new"), post(by: "new"), change(.remove("new"), by: "m"),
        ]
        let (plan, errors) = plan(requests, priorState())
        #expect(errors == [.chatNotFound, nil, .forbidden, nil, nil, nil, nil, .chatNotFound, .memberNotFound])
        let records = plan.writes.changes
        #expect(records.map(\.position.rawValue) == [11, 12, 14])
        #expect(records.map(\.author) == ["m", "o", "new"])
        let entries = records.compactMap { MemberEntry($0) }
        #expect(entries == [.joined(["new"], as: .reader), .updated(["new"], to: .member), .left(["new"])])
        #expect(plan.writes.appends.map(\.position.rawValue) == [13])
        let member = Member(reference("new"), role: .member, joinedAt: 11, leftAt: 14, readPosition: 13)
        #expect(plan.writes.members == [reference("new"): member])
        #expect(plan.writes.movedHeads[Self.chat]?.chat.lastPosition == 14)
    }

    @Test func `a change answers with every user it names, and one that changes nothing adds no entry`() throws {
        let requests = [
            change(try add(["p", "r"], as: .moderator), by: "o"), change(.setRole("m", .moderator), by: "o"),
            change(try add(["r", "new"], as: .member), by: "o"),
        ]
        let plan = BatchPlan(requests, from: priorState(), at: now)
        let known = ["p", "r", "m"].map { (user: UserID) in
            Member(reference(user), role: Self.roles[user] ?? .owner, joinedAt: 1, readPosition: 4)
        }
        let new = Member(reference("new"), role: .member, joinedAt: 11, readPosition: 11)
        let answers: [[Member]] = [[known[0], known[1]], [known[2]], [known[1], new]]
        let batch = plan.recorded(LogWrites.Written())
        #expect(batch.results == answers.map { .success(.membersChanged($0)) })
        #expect(batch.entries.map(\.payload?.json) == [#"{"users":["new"],"role":"member"}"#])
        #expect(batch.entries.map(\.subject.chatID) == [Self.chat])
        #expect(!plan.writes.erasesText)
    }

    @Test func `a user who joins again keeps the read marker`() throws {
        let gone = Member(reference("gone"), role: .owner, joinedAt: 1, leftAt: 5, readPosition: 3)
        let (plan, errors) = plan(
            [
                change(.remove("gone"), by: "o"), change(.setRole("gone", .reader), by: "gone"),
                change(.setRole("gone", .reader), by: "m"),
            ],
            priorState(left: [gone])
        )
        #expect(errors == [.memberNotFound, .chatNotFound, nil])
        let member = Member(reference("gone"), role: .reader, joinedAt: 11, readPosition: 3)
        #expect(plan.writes.members == [reference("gone"): member])
    }

    @Test func `a user's chat begins with its members, and an anonymous one with an empty log`() throws {
        let members = try #require(MemberIDs(["bob", "ada", "eve"]))
        let draft = ChatDraft(title: try ChatTitle("chat"), visibility: .open, members: members)
        let plain = ChatDraft(title: try ChatTitle("chat"))
        let requests: [WriteRequest] = [
            .create(draft, by: .ungranted("ada")), .create(plain, by: .ungranted("ada")),
            .create(draft, by: .anonymous), .create(plain, by: .anonymous),
        ]
        let creations = BatchPlan(requests, from: BatchPlan.PriorState(), at: now).writes.creations
        let expected: [[MemberEntry]] = [
            [.joined(["ada"], as: .owner), .joined(["bob", "eve"], as: .member)], [.joined(["ada"], as: .owner)],
            [.joined(["bob", "ada", "eve"], as: .member)], [],
        ]
        for (creation, entries) in zip(creations, expected) {
            let records = creation.records(of: 3)
            #expect(records.compactMap { MemberEntry($0) } == entries)
            #expect(records.map(\.position.rawValue) == Array(1...2).prefix(entries.count).map(Int64.init))
            #expect(creation.chat(3).lastPosition.rawValue == Int64(entries.count))
            #expect(creation.members(of: 3).map(\.reference.userID) == entries.flatMap(\.users))
        }
        #expect(creations.map(\.draft.visibility) == [.open, .private, .open, .private])
        #expect(creations[0].members(of: 3).map(\.joinedAt.rawValue) == [1, 2, 2])
    }

    @Test func `both people get the same direct chat`() throws {
        let pair = try #require(UserPair("bob", "ada"))
        #expect(UserPair("ada", "bob") == pair)
        #expect(UserPair("ada", "ada") == nil)
        let draft = ChatDraft(direct: pair)
        let key = try #require(draft.idempotency?.key)
        let requests: [WriteRequest] = [
            .create(draft, by: .ungranted("bob")), .create(draft, by: .ungranted("ada")),
            .create(ChatDraft(direct: try #require(UserPair("ada", "eve"))), by: .ungranted("ada")),
        ]
        let keys = BatchPlan.Needs(requests).creationKeys
        #expect(keys.count == 2)
        #expect(keys.contains(BatchPlan.CreationKey(author: "ada", key: key)))
        let plan = BatchPlan(requests, from: BatchPlan.PriorState(), at: now)
        let results = plan.recorded(LogWrites.Written(chatIDs: [3, 4])).results
        let chats = results.map { result -> Accepted<Chat>? in
            if case .success(.created(let chat)) = result { chat } else { nil }
        }
        #expect(chats.map(\.?.value.id) == [3, 3, 4])
        #expect(chats.map(\.?.isReplay) == [false, true, false])
        let records = plan.writes.creations[0].records(of: 3)
        #expect(records.compactMap { MemberEntry($0) } == [.joined(["ada", "bob"], as: .member)])
        #expect(records.map(\.author) == ["bob"])
        // No client can send the key.
        #expect(IdempotencyKey(key.value) == nil)
        #expect(IdempotencyKey.archived(key.value) == key)
        #expect(IdempotencyKey.archived("direct a b") == nil)
    }

    @Test func `a batch reads memberships only where they decide or have a marker that moves`() throws {
        let draft = MessageDraft(text: try MessageText("text"))
        let callers: [Caller] = [
            .anonymous, .administrator("admin"), .user("granted", .member), .user("reader", .reader),
            .ungranted("ada"), Caller(author: nil, rights: .everyChat(.member)),
        ]
        let posts = callers.map { WriteRequest.record(LogRequest(.post(draft), in: Self.chat, by: $0)) }
        let authors = ["admin", "granted", "reader", "ada"].map { reference($0) }
        #expect(BatchPlan.Needs(posts).members == Set(authors))
        let deletions = callers.map { WriteRequest.record(LogRequest(.delete(1, onlyIf: .any), in: Self.chat, by: $0)) }
        #expect(
            BatchPlan.Needs(deletions).members == [reference("reader"), reference("ada"), reference("granted")]
        )
        let changes: [MemberChange] = [try add(["a", "b"], as: .owner), .setRole("c", .owner)]
        let needs = BatchPlan.Needs(changes.map { change($0, by: .anonymous) })
        #expect(needs.members == Set(["a", "b", "c"].map { reference($0) }))
        #expect(needs.ownedChats.isEmpty)
        #expect(BatchPlan.Needs([change(.remove("a"), by: .anonymous)]).ownedChats == [Self.chat])
        #expect(BatchPlan.Needs([change(.setRole("a", .member), by: .anonymous)]).ownedChats == [Self.chat])
    }
}
