import ChatArchives
import ChatDomain
import ChatTestSupport
import Testing

/// Members in archives: the entries of the logs, from which an import derives who is a member.
@Suite(.timeLimit(.minutes(5)))
struct ArchivedMemberTests {
    private static let journeys = StoreUnderTest.allCases.flatMap { from in StoreUnderTest.allCases.map { (from, $0) } }
    private static let start = Instant(microsecondsSinceEpoch: 1_800_000_000_000_000)

    private static let archive = ArchiveTests.archive([
        #"{"type":"chat","id":1,"title":"open","created_at":"2027-01-15T08:00:00.000000Z","last_seq":3,"#
            + #""last_entry_at":"2027-01-15T08:00:00.000000Z","message_count":0,"visibility":"open"}"#,
        joined(1, #""users":["ada"],"role":"owner""#),
        joined(2, #""users":["bob","q\"u\\ote"],"role":"member""#),
        #"{"type":"member.left","chat_id":1,"seq":3,"author":"bob","at":"2027-01-15T08:00:00.000000Z","#
            + #""users":["bob"]}"#,
        #"{"type":"end","chats":1,"entries":3}"#,
    ])

    private static func joined(_ position: Int, _ members: String) -> String {
        #"{"type":"member.joined","chat_id":1,"seq":\#(position),"author":"ada","#
            + #""at":"2027-01-15T08:00:00.000000Z",\#(members)}"#
    }

    @Test(arguments: journeys)
    func `members are the same after an export and an import`(_ from: StoreUnderTest, _ to: StoreUnderTest) async throws
    {
        let references = (["ada", "bob", #"q"u\ote"#] as [UserID]).map { MemberReference(chatID: 1, userID: $0) }
        let members = try await from.withStoreAndSQL(clock: SteppingClock(at: Self.start).clock) { store, _ in
            let draft = ChatDraft(
                title: try ChatTitle("open"),
                visibility: .open,
                members: MemberIDs(["bob", #"q"u\ote"#])
            )
            _ = try await store.createChat(draft, by: .ungranted("ada"))
            try await store.change(.remove("bob"), in: 1, by: "bob")
            #expect(try await ArchiveTests.export(store) == Self.archive)
            return try await store.memberships(references)
        }
        #expect(members.map(\.?.currentRole) == [.owner, nil, .member])
        try await to.withStore { store in
            let added = try await ArchiveTests.load(Self.archive, into: store)
            #expect(added == ImportCount(chats: 1, entries: 3))
            #expect(try await store.memberships(references) == members)
            #expect(try await store.chat(1).visibility == .open)
            #expect(try await ArchiveTests.export(store) == Self.archive)
            #expect(try await ArchiveTests.load(Self.archive, into: store) == ImportCount())
            #expect(try await store.memberships(references) == members)
        }
    }

    @Test(
        arguments: [
            (#""users":["ada"],"role":"admin""#, "'role' must be one of reader, member, moderator, owner"),
            (#""users":["ada"]"#, "'role' must be one of reader, member, moderator, owner"),
            (#""role":"member""#, "'users' must be 1 to 100 ids of users"),
            (#""users":[],"role":"member""#, "'users' must be 1 to 100 ids of users"),
            (#""users":["a b"],"role":"member""#, "'users' must be 1 to 100 ids of users"),
            (#""users":[1],"role":"member""#, "'users' must be 1 to 100 ids of users"),
        ]
    )
    func `an invalid line is named`(_ members: String, _ complaint: String) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let lines = [ArchiveTests.chat(1), Self.joined(1, members)]
            await #expect(throws: ArchiveError("line 3: \(complaint)")) {
                try await ArchiveTests.load(ArchiveTests.archive(lines), into: store)
            }
            let stored = try await store.members(of: 1, limit: 9)
            #expect(stored == [])
        }
    }
}

extension MemberStore {
    fileprivate func memberships(_ references: [MemberReference]) async throws(StoreError) -> [Member?] {
        var members: [Member?] = []
        for reference in references {
            members.append(try await membership(reference))
        }
        return members
    }
}
