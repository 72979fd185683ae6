import ChatDomain
import ChatTestSupport
import Testing

/// Random changes of members and posts, whose results must match those of a simple model.
///
/// The seeds are fixed, so that failures are reproducible.
@Suite(.timeLimit(.minutes(5)))
struct MemberPropertyTests {
    private static let users: [UserID] = ["ada", "bob", "eve", "Zoe", #"q"\uote"#]

    /// One request at a time: the model predicts every result.
    @Test(arguments: StoreUnderTest.allCases, [1, 2] as [UInt64])
    func `every change and post has the result that the model predicts`(_ store: StoreUnderTest, seed: UInt64)
        async throws
    {
        try await store.withStore { store in
            var random = SplitMix64(state: seed)
            var models: [MemberModel] = []
            for visibility in ChatVisibility.allCases {
                let draft = ChatDraft(title: try ChatTitle("chat"), visibility: visibility)
                let chat = try await store.createChat(draft, by: .ungranted("ada")).value.id
                models.append(MemberModel(chat, visibility, owner: "ada"))
            }
            for step in 0..<200 {
                let index = Int.random(in: models.indices, using: &random)
                let user = try #require(Self.users.randomElement(using: &random))
                if Int.random(in: 0..<4, using: &random) == 0 {
                    let expected = models[index].post(by: user)
                    let error = try await postError(in: models[index].chat, by: user, on: store)
                    #expect(error == expected, "step \(step): \(user) posts")
                } else {
                    let change = try change(using: &random)
                    let expected = models[index].change(change, by: user)
                    let (members, error) = try await outcome(of: change, in: models[index].chat, by: user, on: store)
                    #expect(error == expected, "step \(step): \(user) requests \(change)")
                    let named = change.users.compactMap { models[index].members[$0] }
                    #expect(members == (expected == nil ? named : nil))
                }
                let model = models[index]
                #expect(try await store.members(of: model.chat, limit: 100) == model.currentMembers)
                #expect(try await store.chat(model.chat).lastPosition == model.lastPosition)
            }
            for model in models {
                try await expectAgreement(of: store, with: model)
            }
        }
    }

    /// Many concurrent clients: whatever was accepted, the rows are those that follow from the log.
    @Test(arguments: StoreUnderTest.allCases, [3, 4] as [UInt64])
    func `rows follow from the log, and nobody posts without being a member`(_ store: StoreUnderTest, seed: UInt64)
        async throws
    {
        try await store.withStore { store in
            let chat = try await store.createChat(
                ChatDraft(title: ChatTitle("chat"), members: MemberIDs(Self.users)),
                by: .ungranted("ada")
            ).value.id
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<10 {
                    group.addTask {
                        var random = SplitMix64(state: seed &* 1_000 &+ UInt64(number))
                        let user = Self.users[number % Self.users.count]
                        for _ in 0..<30 {
                            if Bool.random(using: &random) {
                                _ = try await postError(in: chat, by: user, on: store)
                            } else {
                                _ = try await outcome(of: change(using: &random), in: chat, by: user, on: store)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let log = try await store.log(of: chat, after: 0, limit: 1_000).entries
            var members: [MemberReference: Member] = [:]
            for entry in log {
                let author = MemberReference(chatID: chat, userID: try #require(entry.author))
                if let change = entry.memberEntry(of: chat) {
                    for member in change.members(of: chat, at: entry.position, after: { members[$0] }) {
                        members[member.reference] = member
                    }
                    #expect(members.values.contains { $0.currentRole == .owner })
                } else {
                    #expect(members[author]?.currentRole.map { $0 >= .member } == true)
                    members[author]?.moveReadMarker(to: entry.position)
                }
            }
            for user in Self.users {
                let reference = MemberReference(chatID: chat, userID: user)
                #expect(try await store.membership(reference) == members[reference])
            }
        }
    }

    private func expectAgreement(of store: any ServiceStore, with model: MemberModel) async throws {
        for user in Self.users {
            let reference = MemberReference(chatID: model.chat, userID: user)
            #expect(try await store.membership(reference) == model.members[user])
            let caller = Caller.ungranted(user)
            let log = try? await store.log(of: model.chat, after: 0, limit: 1_000, by: caller)
            #expect((log != nil) == (model.role(of: user) != nil))
            let list = try await store.chats(ChatListQuery(limit: 10, scope: ChatListQuery.Scope(member: user)))
            #expect(
                list.chats.contains { $0.id == model.chat }
                    == model.currentMembers.contains { $0.reference == reference }
            )
        }
        let log = try await store.log(of: model.chat, after: 0, limit: 1_000)
        for entry in log.entries {
            #expect(entry.memberEntry(of: model.chat) == model.entries[entry.position])
        }
        #expect(log.entries.map(\.position.rawValue) == Array(1...model.lastPosition.rawValue))
    }

    private func change(using random: inout SplitMix64) throws -> MemberChange {
        let user = try #require(Self.users.randomElement(using: &random))
        let role = try #require(ChatRole.allCases.randomElement(using: &random))
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1: return .remove(user)
        case 2, 3: return .setRole(user, role)
        default:
            let other = try #require(Self.users.randomElement(using: &random))
            return .add(try #require(MemberIDs([user, other])), as: role)
        }
    }

    private func postError(in chat: ChatID, by user: UserID, on store: any ServiceStore) async throws -> StoreError? {
        let draft = MessageDraft(text: try MessageText("text"))
        do throws(StoreError) {
            _ = try await store.recordMessage(.post(draft), in: chat, by: .ungranted(user))
            return nil
        } catch {
            return error
        }
    }

    private func outcome(
        of change: MemberChange,
        in chat: ChatID,
        by user: UserID,
        on store: any ServiceStore
    ) async throws -> ([Member]?, StoreError?) {
        do throws(StoreError) {
            return (try await store.change(change, in: chat, by: user), nil)
        } catch {
            return (nil, error)
        }
    }
}

extension LogEntry {
    /// What the entry says about members; nil for another kind.
    fileprivate func memberEntry(of chat: ChatID) -> MemberEntry? {
        MemberEntry(
            LogRecord(chatID: chat, position: position, kind: kind, author: author, instant: instant, payload: payload)
        )
    }
}
