import ChatDomain
import ChatLive
import ChatOperations
import ChatTestSupport
import Testing

/// Chats between two people.
@Suite(.timeLimit(.minutes(5)))
struct DirectChatTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `a direct chat that is deleted while it is opened is created again`(_ kind: StoreUnderTest) async throws {
        try await kind.withStore { base in
            let pair = try #require(UserPair("ada", "bob"))
            let chat = try await base.createChat(ChatDraft(direct: pair), by: .ungranted("ada")).value.id
            let store = InterceptedStore(base) { call async throws(StoreError) in
                guard case .changeMembers = call else { return }
                try await base.deleteChat(chat, by: .anonymous)
            }
            let operations = Operations(store, hub: EventHub(store), typing: TypingNotices())
            let opened = try await operations.openDirectChat(.ungranted("ada"), with: "bob")
            #expect(!opened.isReplay)
            #expect(opened.value.id != chat)
            for user in ["ada", "bob"] as [UserID] {
                let member = try await base.membership(MemberReference(chatID: opened.value.id, userID: user))
                #expect(member?.role == .member)
            }
        }
    }
}
