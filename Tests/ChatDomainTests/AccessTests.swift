import ChatDomain
import ChatTestSupport
import Testing

struct AccessTests {
    private static let chat = ChatID(rawValue: 42)
    private static let otherChat = ChatID(rawValue: 43)

    /// Who may do what: the table of the documentation, in the order reader, member, moderator, owner.
    private static let table: [ChatAction: [Bool]] = [
        .read: [true, true, true, true],
        .follow: [true, true, true, true],
        .markAsRead: [true, true, true, true],
        .post: [false, true, true, true],
        .react: [false, true, true, true],
        .editOwnMessage: [false, true, true, true],
        .deleteOwnMessage: [false, true, true, true],
        .deleteOthersMessage: [false, false, true, true],
        .pin: [false, false, true, true],
        .removeMember: [false, false, true, true],
        .setSlowMode: [false, false, true, true],
        .addMember: [false, false, true, true],
        .editChat: [false, false, false, true],
        .grantRole: [false, false, false, true],
        .deleteChat: [false, false, false, true],
        .appointOwner: [false, false, false, true],
        .editOthersMessage: [false, false, false, false],
    ]

    /// No membership or grant, and every role.
    private static let roles: [ChatRole?] = [nil, .reader, .member, .moderator, .owner]

    private func expectation(_ action: ChatAction, _ role: ChatRole?) throws -> AccessDecision {
        guard let role else { return .hidden }
        let column = try #require(ChatRole.allCases.firstIndex(of: role))
        return try #require(Self.table[action])[column] ? .allowed : .forbidden
    }

    @Test(arguments: ChatAction.allCases, [ApplicationRole.user, .guest, .bot])
    func `the higher of membership and grants decides`(_ action: ChatAction, _ role: ApplicationRole) throws {
        for membership in Self.roles {
            for grant in Self.roles {
                for everywhere in Self.roles {
                    let chats = grant.map { [Self.chat: $0, Self.otherChat: .owner] } ?? [Self.otherChat: .owner]
                    let rights = AccessRights.user(role, Grants(everywhere: everywhere, chats: chats))
                    let highest = [membership, grant, everywhere].compactMap(\.self).max()
                    #expect(
                        try rights.decide(action, in: Self.chat, membership: membership)
                            == expectation(action, highest),
                        "membership \(String(describing: membership)), grants \(rights)"
                    )
                }
            }
        }
    }

    @Test(arguments: ChatAction.allCases)
    func `administrators pass every check`(_ action: ChatAction) {
        for membership in Self.roles {
            for rights in [AccessRights.unrestricted, .user(.admin), ServerKeyScope.admin.rights] {
                #expect(rights.decide(action, in: Self.chat, membership: membership) == .allowed)
            }
        }
    }

    @Test(arguments: ChatAction.allCases)
    func `server keys have the same role in every chat`(_ action: ChatAction) throws {
        for membership in Self.roles {
            let post = ServerKeyScope.post.rights.decide(action, in: Self.chat, membership: membership)
            #expect(try post == expectation(action, .member))
            let read = ServerKeyScope.read.rights.decide(action, in: Self.chat, membership: membership)
            #expect(try read == expectation(action, .reader))
        }
    }

    @Test(arguments: ChatAction.allCases)
    func `a bot's key has the rights of the bot's memberships`(_ action: ChatAction) throws {
        let scope = ServerKeyScope.bot("weather")
        for membership in Self.roles {
            let decision = scope.rights.decide(action, in: Self.chat, membership: membership)
            #expect(try decision == expectation(action, membership))
        }
    }

    @Test func `guests and keys that only read create no chats`() throws {
        #expect(AccessRights.unrestricted.mayCreateChats)
        #expect(AccessRights.user(.user).mayCreateChats)
        #expect(AccessRights.user(.admin).mayCreateChats)
        #expect(AccessRights.user(.bot).mayCreateChats)
        #expect(!AccessRights.user(.guest).mayCreateChats)
        #expect(ServerKeyScope.post.rights.mayCreateChats)
        #expect(!ServerKeyScope.read.rights.mayCreateChats)
    }

    @Test func `callers with a role everywhere read all chats, other users only those of their grants`() {
        for rights in [AccessRights.unrestricted, .user(.admin), .everyChat(.reader)] {
            #expect(rights.readableChats == nil)
        }
        #expect(AccessRights.user(.user, Grants(everywhere: .reader, chats: [Self.chat: .owner])).readableChats == nil)
        #expect(AccessRights.user(.guest).readableChats == [])
        let grants = Grants(chats: [Self.chat: .reader, Self.otherChat: .owner])
        #expect(AccessRights.user(.bot, grants).readableChats == [Self.chat, Self.otherChat])
    }

    @Test func `a hidden chat is reported as missing`() throws {
        #expect(throws: StoreError.chatNotFound) { try AccessDecision.hidden.requireAllowed() }
        #expect(throws: StoreError.forbidden) { try AccessDecision.forbidden.requireAllowed() }
        try AccessDecision.allowed.requireAllowed()
    }

    @Test func `grants are read from their claim and written to it`() throws {
        let claim = ["42": "member", "*": "reader"]
        let grants = try #require(Grants(claim: claim))
        #expect(grants.role(in: Self.chat) == .member)
        #expect(grants.role(in: Self.otherChat) == .reader)
        #expect(grants.claim == claim)
        #expect(Grants(claim: [:]) == Grants())
    }

    @Test(arguments: ["", "a", "4.2", "+42", "042", "9223372036854775808", "**", " 42"])
    func `a grant for something other than a chat is rejected`(_ key: String) {
        #expect(Grants(claim: [key: "member"]) == nil)
    }

    @Test(arguments: ["", "admin", "Member", "guest"])
    func `a grant of an unknown role is rejected`(_ role: String) {
        #expect(Grants(claim: ["42": role]) == nil)
    }

    @Test(arguments: ["admin", "post", "read", "bot:weather"])
    func `a scope is written as it is read`(_ text: String) throws {
        #expect(try #require(ServerKeyScope(text)).text == text)
    }

    @Test(arguments: ["", "Admin", "write", "bot", "bot:", "bot: a", "read "])
    func `an unknown scope is rejected`(_ text: String) {
        #expect(ServerKeyScope(text) == nil)
    }
}
