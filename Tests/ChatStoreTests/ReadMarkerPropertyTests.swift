import ChatDomain
import ChatTestSupport
import Testing

/// Random posts, edits, deletions, joins, leaves and marks, checked after each step against a model that counts every
/// message.
///
/// The seeds are fixed, so that failures are reproducible.
@Suite(.timeLimit(.minutes(5)))
struct ReadMarkerPropertyTests {
    private static let users: [UserID] = ["ada", "bob", "eve"]

    @Test(arguments: StoreUnderTest.allCases, [1, 2] as [UInt64])
    func `unread counts are those of the model`(_ store: StoreUnderTest, seed: UInt64) async throws {
        try await store.withStore { store in
            var random = SplitMix64(state: seed)
            var models: [ReadMarkerModel] = []
            for _ in 0..<2 {
                let draft = ChatDraft(title: try ChatTitle("chat"))
                models.append(ReadMarkerModel(try await store.createChat(draft, by: .ungranted("ada")).value.id, "ada"))
            }
            for step in 0..<150 {
                let index = Int.random(in: models.indices, using: &random)
                let user = try #require(Self.users.randomElement(using: &random))
                try await takeStep(by: user, &models[index], on: store, using: &random)
                for user in Self.users {
                    try await expectAgreement(of: store, with: models, for: user, "step \(step), seed \(seed)")
                }
            }
        }
    }

    /// Carries out a random request in the store and in the model.
    private func takeStep(
        by user: UserID,
        _ model: inout ReadMarkerModel,
        on store: any ServiceStore,
        using random: inout SplitMix64
    ) async throws {
        let chat = model.chat
        let caller = Caller.user(user)
        switch Int.random(in: 0..<10, using: &random) {
        case 0...2:
            let isBot = Int.random(in: 0..<4, using: &random) == 0
            let rights = AccessRights.user(isBot ? .bot : .user, Grants(everywhere: .member))
            let post = LogChange.post(MessageDraft(text: try MessageText("text")))
            let caller = Caller(author: user, rights: rights)
            model.post(try await store.recordMessage(post, in: chat, by: caller).value, movesMarker: !isBot)
        case 3:
            guard let message = model.messages.filter({ !$0.isDeleted }).randomElement(using: &random) else { return }
            _ = try await store.edit(message.id, in: chat, text: "\(random.next())")
            model.end += 1
        case 4:
            guard let message = model.messages.filter({ !$0.isDeleted }).randomElement(using: &random) else { return }
            try await store.delete(message.id, in: chat)
            model.delete(message.id)
        case 5:
            let change: MemberChange = model.members.contains(user) ? .remove(user) : .setRole(user, .member)
            _ = try await store.changeMembers(MemberRequest(change, in: chat, by: .anonymous))
            model.joinOrLeave(user)
        default:
            let position = Int64.random(in: 0...model.end + 2, using: &random)
            let back = Bool.random(using: &random)
            let request = ReadMarkerRequest(chat, upTo: Position(rawValue: position), movesBack: back, by: caller)
            if model.members.contains(user) {
                try await store.moveReadMarker(request)
                model.mark(user, position, back: back)
            } else {
                await #expect(throws: StoreError.forbidden) { try await store.moveReadMarker(request) }
            }
        }
    }

    private func expectAgreement(
        of store: any ServiceStore,
        with models: [ReadMarkerModel],
        for user: UserID,
        _ comment: Comment
    ) async throws {
        let list = try await store.chats(ChatListQuery(limit: 9, reader: user))
        for model in models {
            let state = try? await store.readState(of: model.chat, by: .user(user))
            #expect(state?.readPosition.rawValue == model.marker(of: user), comment)
            #expect(state?.unread.value == model.unread(of: user), comment)
            #expect(list.readStates[model.chat] == state, comment)
        }
        let unread = models.count { ($0.unread(of: user) ?? 0) > 0 }
        #expect(try await store.unreadChatCount(of: user) == unread, comment)
    }
}

/// What the members of a chat have read: the specification in its plainest form.
private struct ReadMarkerModel {
    let chat: ChatID
    private(set) var messages: [Message] = []
    private(set) var members: Set<UserID>
    private var markers: [UserID: Int64]
    /// The last position of the log.
    var end: Int64 = 1

    init(_ chat: ChatID, _ owner: UserID) {
        self.chat = chat
        members = [owner]
        markers = [owner: 1]
    }

    func marker(of user: UserID) -> Int64? {
        members.contains(user) ? markers[user] : nil
    }

    func unread(of user: UserID) -> Int? {
        marker(of: user).map { marker in
            messages.count { $0.position.rawValue > marker && !$0.isDeleted && $0.author != user }
        }
    }

    mutating func post(_ message: Message, movesMarker: Bool) {
        end += 1
        messages.append(message)
        if let author = message.author, members.contains(author), movesMarker {
            markers[author] = max(markers[author] ?? 0, end)
        }
    }

    mutating func delete(_ id: MessageID) {
        end += 1
        for index in messages.indices where messages[index].id == id {
            messages[index].deletedAt = messages[index].createdAt
        }
    }

    mutating func joinOrLeave(_ user: UserID) {
        end += 1
        if members.remove(user) == nil {
            members.insert(user)
            markers[user] = markers[user] ?? end
        }
    }

    mutating func mark(_ user: UserID, _ position: Int64, back: Bool) {
        let position = min(position, end)
        markers[user] = back ? position : max(markers[user] ?? 0, position)
    }
}
