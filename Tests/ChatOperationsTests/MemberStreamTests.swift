import ChatDomain
import ChatLive
import ChatOperations
import ChatTestSupport
import ChatWire
import NIOPosix
import Testing

/// Which chats users follow, and what permits it.
@Suite(.timeLimit(.minutes(5)))
struct MemberStreamTests {
    private static let eventLoop = MultiThreadedEventLoopGroup.singleton.any()

    /// Passes Ada's chat, of which Bob is a member.
    private func withChat(
        on kind: StoreUnderTest = .sqliteInMemory,
        _ visibility: ChatVisibility = .private,
        _ body: (Operations<InterceptedStore>, ChatID) async throws -> Void
    ) async throws {
        try await kind.withStore { base in
            let store = InterceptedStore(base)
            let operations = Operations(store, hub: EventHub(store), typing: TypingNotices())
            let draft = ChatDraft(title: try ChatTitle("chat"), visibility: visibility, members: MemberIDs(["bob"]))
            try await body(operations, operations.createChat(.ungranted("ada"), draft).value.id)
        }
    }

    private func permit(_ operations: Operations<InterceptedStore>, _ caller: Caller, _ chat: ChatID) async throws
        -> SubscriptionPermit
    {
        let requests = [FollowRequest(chatID: chat, place: nil)]
        let one = try await operations.follow(caller, chat, after: nil, on: Self.eventLoop)
        let several = try await operations.followChats(caller, requests, after: nil, on: Self.eventLoop)
        #expect(several.chats.map(\.permit) == [one.permit])
        return one.permit
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a subscription knows the user only if the membership permits it`(_ kind: StoreUnderTest) async throws {
        let grant = Caller(author: "bob", rights: .user(.user, Grants(chats: [1: .reader])))
        let others = [.anonymous, grant, .administrator("bob"), .user("bob", .reader)] as [Caller]
        for visibility in ChatVisibility.allCases {
            try await withChat(on: kind, visibility) { operations, chat in
                let expected = visibility == .open ? SubscriptionPermit.visibility : .membership("bob")
                #expect(try await permit(operations, .ungranted("bob"), chat) == expected)
                for caller in others {
                    #expect(try await permit(operations, caller, chat) == .rights)
                }
                // A stream of all chats ends with the membership, no matter who else may read the chat.
                let all = try await operations.followAllChats(.ungranted("bob"), after: nil, on: Self.eventLoop)
                #expect(all.chats.map(\.permit) == [.membership("bob")])
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a user who left follows nothing and is not shown typing`(_ kind: StoreUnderTest) async throws {
        try await withChat(on: kind) { operations, chat in
            let (bob, eventLoop) = (Caller.ungranted("bob"), Self.eventLoop)
            let all = try await operations.followAllChats(bob, after: nil, on: eventLoop)
            try await operations.announceTyping(bob, in: chat, nil)
            _ = try await operations.changeMembers(bob, of: chat, .remove("bob"))
            let place = LogPlace(epoch: all.epoch, position: 2)
            await #expect(throws: StoreError.chatNotFound) {
                try await operations.follow(bob, chat, after: place, on: eventLoop)
            }
            await #expect(throws: StoreError.chatNotFound) {
                try await operations.announceTyping(bob, in: chat, nil)
            }
            let cursor = StreamCursor([(chat, 2)], in: all.epoch)
            let requests = [FollowRequest(chatID: chat, place: nil)]
            let several = try await operations.followChats(bob, requests, after: cursor, on: eventLoop)
            let resumed = try await operations.followAllChats(bob, after: cursor, on: eventLoop)
            for stream in [several, resumed] {
                #expect(stream.chats.isEmpty)
                #expect(stream.deleted == [chat])
            }
            #expect(await operations.findChats(bob, [chat])?.chats == [])
            #expect(await operations.findChats(.ungranted("ada"), [chat])?.chats.map(\.id) == [chat])

            _ = try await operations.changeMembers(.ungranted("ada"), of: chat, .setRole("bob", .reader))
            let again = try await operations.follow(bob, chat, after: place, on: eventLoop)
            #expect(again.position == 2)
            #expect(again.end == 4)
            // Bob joined an old chat, which only continues.
            let empty = StreamCursor([], in: all.epoch)
            let joined = try await operations.followAllChats(bob, after: empty, on: eventLoop)
            #expect(joined.chats.map(\.news?.isCreated) == [false])
        }
    }

    @Test func `an open chat is followed on request and listed only for members`() async throws {
        try await withChat(.open) { operations, chat in
            let (eve, eventLoop) = (Caller.ungranted("eve"), Self.eventLoop)
            #expect(try await permit(operations, eve, chat) == .visibility)
            await #expect(throws: StoreError.forbidden) {
                try await operations.announceTyping(eve, in: chat, nil)
            }
            #expect(try await operations.followAllChats(eve, after: nil, on: eventLoop).chats.isEmpty)
            #expect(await operations.findChats(eve, [chat])?.chats == [])
            _ = try await operations.changeMembers(eve, of: chat, .setRole("eve", .member))
            try await operations.announceTyping(eve, in: chat, nil)
            #expect(await operations.findChats(eve, [chat])?.chats.map(\.id) == [chat])
            _ = try await operations.changeMembers(eve, of: chat, .remove("eve"))
            #expect(await operations.findChats(eve, [chat])?.chats == [])
            #expect(try await permit(operations, eve, chat) == .visibility)
        }
    }

    @Test func `a grant and a membership together permit typing`() async throws {
        try await withChat { operations, chat in
            let reader = Grants(chats: [chat: .reader])
            let (bob, eve) = (
                Caller(author: "bob", rights: .user(.user, reader)), Caller(author: "eve", rights: .user(.user, reader))
            )
            try await operations.announceTyping(bob, in: chat, nil)
            await #expect(throws: StoreError.forbidden) {
                try await operations.announceTyping(eve, in: chat, nil)
            }
        }
    }
}
