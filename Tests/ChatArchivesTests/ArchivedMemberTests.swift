import ChatArchives
import ChatDomain
import ChatTestSupport
import Testing

/// Members in archives: the entries of the logs, from which an import derives who is a member, and read markers.
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
        marker("ada", 1), marker("bob", 2), marker(#"q\"u\\ote"#, 2),
        #"{"type":"end","chats":1,"entries":3,"read_markers":3}"#,
    ])

    private static func joined(_ position: Int, _ members: String) -> String {
        #"{"type":"member.joined","chat_id":1,"seq":\#(position),"author":"ada","#
            + #""at":"2027-01-15T08:00:00.000000Z",\#(members)}"#
    }

    private static func marker(_ user: String, _ position: Int64, chat: Int = 1) -> String {
        #"{"type":"read_marker","chat_id":\#(chat),"user_id":"\#(user)","read_seq":\#(position)}"#
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

    @Test(arguments: StoreUnderTest.allCases)
    func `read markers survive an export and an import, which moves them forward only`(_ kind: StoreUnderTest)
        async throws
    {
        let references = (["ada", "bob", "eve", "zoe"] as [UserID]).map { MemberReference(chatID: 1, userID: $0) }
        let (archive, members) = try await kind.withStore { store in
            let draft = ChatDraft(
                title: try ChatTitle("team"),
                members: MemberIDs(["bob", "eve", "zoe"]),
                receipts: true
            )
            _ = try await store.createChat(draft, by: .ungranted("ada"))
            for _ in 0..<5 {
                _ = try await store.recordMessage(
                    .post(MessageDraft(text: try MessageText("text"))),
                    in: 1,
                    by: .ungranted("ada")
                )
            }
            try await store.moveReadMarker(ReadMarkerRequest(1, upTo: 4, by: .ungranted("bob")))
            // Leaving keeps the marker, and so does joining again.
            try await store.moveReadMarker(ReadMarkerRequest(1, upTo: 5, by: .ungranted("eve")))
            try await store.change(.remove("eve"), in: 1, by: "eve")
            try await store.moveReadMarker(ReadMarkerRequest(1, upTo: 3, by: .ungranted("zoe")))
            try await store.change(.remove("zoe"), in: 1, by: "zoe")
            try await store.change(.setRole("zoe", .member), in: 1, by: "ada")
            // What is switched on again is in the archive, and what is not, is not.
            _ = try await store.updateChat(1, ChatEdit(receipts: false))
            let plain = String(decoding: try await ArchiveTests.export(store), as: UTF8.self)
            #expect(!plain.contains("receipts") && !plain.contains("slow_mode"))
            _ = try await store.updateChat(1, ChatEdit(receipts: true, slowMode: SlowMode(seconds: 30)))
            return (try await ArchiveTests.export(store), try await store.memberships(references))
        }
        #expect(members.map(\.?.readPosition) == [7, 4, 5, 3])
        try await kind.withStore { store in
            _ = try await ArchiveTests.load(archive, into: store)
            #expect(try await store.memberships(references) == members)
            #expect(try await store.chat(1).receipts)
            #expect(try await store.chat(1).slowMode == SlowMode(seconds: 30))
            let exported = try await ArchiveTests.export(store)
            #expect(exported == archive)
            // Bob has read on, and Ada has marked a message as unread.
            try await store.moveReadMarker(ReadMarkerRequest(1, upTo: 6, by: .ungranted("bob")))
            try await store.moveReadMarker(ReadMarkerRequest(1, upTo: 2, movesBack: true, by: .ungranted("ada")))
            _ = try await ArchiveTests.load(archive, into: store)
            #expect(try await store.memberships(references).map(\.?.readPosition) == [7, 6, 5, 3])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a marker goes no further than the log, and is ignored without a member`(_ kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let lines = [
                ArchiveTests.chat(1), Self.joined(1, #""users":["ada"],"role":"owner""#),
                Self.joined(2, #""users":["bob"],"role":"member""#),
                Self.marker("ada", 9), Self.marker("bob", 0), Self.marker("eve", 2),
                #"{"type":"end","chats":1,"entries":2,"read_markers":3}"#,
            ]
            _ = try await ArchiveTests.load(ArchiveTests.archive(lines), into: store)
            let references = (["ada", "bob", "eve"] as [UserID]).map { MemberReference(chatID: 1, userID: $0) }
            #expect(try await store.memberships(references).map(\.?.readPosition) == [2, 0, nil])
        }
    }

    /// Bob and Eve have marked messages from before they joined as unread; Eve has left and joined again.
    ///
    /// - Parameter fill: Entries before and after Eve joins again, which make more than one batch if there are many.
    @Test(arguments: StoreUnderTest.allCases, [1, 2_100])
    func `a marker before the join is the same after an import and an export`(_ kind: StoreUnderTest, _ fill: Int)
        async throws
    {
        func updates(_ first: Int) -> [String] {
            (first..<(first + fill)).map {
                #"{"type":"chat.updated","chat_id":1,"seq":\#($0),"at":"2027-01-15T08:00:00.000000Z"}"#
            }
        }
        let count = 4 + 2 * fill
        var lines = [
            #"{"type":"chat","id":1,"title":"team","created_at":"2027-01-15T08:00:00.000000Z","last_seq":\#(count),"#
                + #""last_entry_at":"2027-01-15T08:00:00.000000Z","message_count":0}"#,
            Self.joined(1, #""users":["ada"],"role":"owner""#),
            Self.joined(2, #""users":["bob","eve"],"role":"member""#),
            #"{"type":"member.left","chat_id":1,"seq":3,"author":"eve","at":"2027-01-15T08:00:00.000000Z","#
                + #""users":["eve"]}"#,
        ]
        lines += updates(4) + [Self.joined(4 + fill, #""users":["eve"],"role":"member""#)] + updates(5 + fill)
        lines += [Self.marker("ada", 3), Self.marker("bob", 1), Self.marker("eve", 0)]
        lines.append(#"{"type":"end","chats":1,"entries":\#(count),"read_markers":3}"#)
        let archive = ArchiveTests.archive(lines)
        try await kind.withStore { store in
            _ = try await ArchiveTests.load(archive, into: store)
            #expect(try await ArchiveTests.export(store) == archive)
            _ = try await ArchiveTests.load(archive, into: store)
            #expect(try await ArchiveTests.export(store) == archive)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `no marker moves in a chat whose log is refused`(_ kind: StoreUnderTest) async throws {
        func lines(_ user: String, marker: Int64) -> [String] {
            [
                ArchiveTests.chat(1), Self.joined(1, #""users":["ada"],"role":"owner""#),
                Self.joined(2, #""users":["\#(user)"],"role":"member""#),
                Self.marker("ada", marker), #"{"type":"end","chats":1,"entries":2,"read_markers":1}"#,
            ]
        }
        try await kind.withStore { store in
            _ = try await ArchiveTests.load(ArchiveTests.archive(lines("bob", marker: 1)), into: store)
            let skips = ChatImport.Options(skipsInvalid: true)
            let run = try await ArchiveTests.run(lines("eve", marker: 2), on: store, skips)
            #expect(run.complaints == ["line 4: entry 2 of chat 1 differs from the one in the database"])
            #expect(run.summary == ChatImport.Summary(invalidLines: 1, skippedLines: 2))
            #expect(try await store.membership(MemberReference(chatID: 1, userID: "ada"))?.readPosition == 1)
        }
    }

    @Test
    func `an entry after a marker of its chat is reported, and the rest of the log skipped`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let lines = [
                ArchiveTests.chat(1), Self.joined(1, #""users":["ada"],"role":"owner""#), Self.marker("ada", 0),
                Self.joined(2, #""users":["bob"],"role":"member""#), Self.marker("bob", 2),
                #"{"type":"end","chats":1,"entries":2,"read_markers":2}"#,
            ]
            let run = try await ArchiveTests.run(lines, on: store, ChatImport.Options(skipsInvalid: true))
            #expect(run.complaints == ["line 5: an entry of chat 1 comes after the chat's read markers"])
            #expect(
                run.summary
                    == ChatImport.Summary(
                        added: ImportCount(chats: 1, entries: 1),
                        invalidLines: 1,
                        skippedLines: 2
                    )
            )
        }
    }

    @Test
    func `markers that follow thousands of entries belong to later batches`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let posts = (2...2_500).map { number in
                #"{"type":"chat.updated","chat_id":1,"seq":\#(number),"at":"2027-01-15T08:00:00.000000Z"}"#
            }
            let lines =
                [ArchiveTests.chat(1), Self.joined(1, #""users":["ada"],"role":"owner""#)] + posts
                + [Self.marker("ada", 2_400), #"{"type":"end","chats":1,"entries":2500,"read_markers":1}"#]
            let added = try await ArchiveTests.load(ArchiveTests.archive(lines), into: store)
            #expect(added == ImportCount(chats: 1, entries: 2_500))
            let ada = try await store.membership(MemberReference(chatID: 1, userID: "ada"))
            #expect(ada?.readPosition == 2_400)
        }
    }

    @Test(
        arguments: [
            (marker("ada", 1, chat: 2), "a read marker of chat 2 does not follow that chat"),
            (marker("a b", 1), "'user_id' must be 1 to 128 visible ASCII characters"),
            (marker("ada", -1), "'read_seq' must be an integer from 0 to 4503599627370496"),
            (
                #"{"type":"end","chats":1,"entries":0,"read_markers":1}"#,
                "the last line counts 1 read marker, but the archive has 0"
            ),
        ]
    )
    func `a misplaced, invalid or lost marker is reported`(_ line: String, _ complaint: String) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let archive = ArchiveTests.archive([ArchiveTests.chat(1), line])
            await #expect(throws: ArchiveError("line 3: \(complaint)")) {
                _ = try await ArchiveTests.load(archive, into: store)
            }
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
