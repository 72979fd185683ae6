import ChatArchives
import ChatDomain
import ChatTestSupport
import Testing

/// Users in archives.
@Suite(.timeLimit(.minutes(5)))
struct ArchivedUserTests {
    private static let journeys = StoreUnderTest.allCases.flatMap { from in StoreUnderTest.allCases.map { (from, $0) } }
    private static let start = Instant(microsecondsSinceEpoch: 1_800_000_000_000_000)

    /// All users of a store that `fill` has filled, as an export writes them.
    private static let archive = ArchiveTests.archive([
        #"{"type":"user","id":"Zoe","#
            + #""kind":"person","created_at":"2027-01-15T08:00:00.000000Z"}"#,
        #"{"type":"user","id":"ada","kind":"person","name":"Ada \"👋🏽\"","avatar_url":"https://example.com/a","#
            + #""metadata":{"a":[1,2.50]},"created_at":"2027-01-15T08:00:00.000000Z"}"#,
        #"{"type":"user","id":"eve","kind":"bot","created_at":"2027-01-15T08:00:00.000000Z","#
            + #""deactivated_at":"2027-01-15T08:00:10.000000Z"}"#,
        #"{"type":"end","users":3,"chats":0,"entries":0}"#,
    ])

    private static func fill(_ store: some IdentityStore, _ clock: SteppingClock) async throws {
        let profile = UserProfile(
            name: try UserName(#"Ada "👋🏽""#),
            avatarURL: try AvatarURL("https://example.com/a"),
            metadata: Metadata(json: #"{"a":[1,2.50]}"#)
        )
        _ = try await store.putUser("ada", profile)
        _ = try await store.standing(of: "eve", creatingWith: nil, .bot)
        _ = try await store.standing(of: "Zoe", creatingWith: nil, .person)
        clock.advance(to: 10)
        _ = try await store.putUser("eve", UserProfile(kind: .bot, isDeactivated: true))
        try await store.revokeTokens(of: nil)
        // Keys stay out of archives.
        let hash = [UInt8](repeating: 1, count: 32)
        let key = ServerKeyRecord(id: "k", secretHash: hash, name: "key", scope: .admin, createdAt: start)
        try await store.addServerKey(key)
    }

    @Test(arguments: journeys)
    func `users are the same after an export and an import`(_ from: StoreUnderTest, _ to: StoreUnderTest) async throws {
        let clock = SteppingClock(at: Self.start)
        let users = try await from.withStoreAndSQL(clock: clock.clock) { store, _ in
            try await Self.fill(store, clock)
            #expect(try await ArchiveTests.export(store) == Self.archive)
            return try await store.users(withIDs: ["ada", "eve", "Zoe"])
        }
        try await to.withStore { store in
            #expect(try await ArchiveTests.load(Self.archive, into: store) == ImportCount(users: 3))
            #expect(try await store.users(withIDs: ["ada", "eve", "Zoe"]) == users)
            #expect(try await ArchiveTests.export(store) == Self.archive)
            #expect(try await store.serverKeys() == [])
            // A second import changes nothing.
            #expect(try await ArchiveTests.load(Self.archive, into: store) == ImportCount())
            #expect(try await store.users(withIDs: ["ada", "eve", "Zoe"]) == users)
            // Tokens from before the deactivation stay void.
            _ = try await store.putUser("eve", UserProfile())
            let standing = UserStanding(tokensValidAfter: clock.instant(10))
            #expect(try await store.standing(of: "eve", creatingWith: nil, .bot) == standing)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an import leaves existing users alone`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let ada = try await store.putUser("ada", UserProfile(name: try UserName("Own")))
            let eve = try await store.putUser("eve", UserProfile(isDeactivated: true))
            #expect(try await ArchiveTests.load(Self.archive, into: store) == ImportCount(users: 1))
            #expect(try await store.users(withIDs: ["ada", "eve"]) == [ada, eve])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the export of one chat has no users`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            _ = try await store.standing(of: "ada", creatingWith: nil, .person)
            let chat = try await store.createChat(titled: ChatTitle("chat")).id
            _ = try await store.recordMessage(
                .post(MessageDraft(text: try MessageText("text"))),
                in: chat,
                by: .user("ada")
            )
            let lines = String(decoding: try await ArchiveTests.export(store, chat), as: UTF8.self)
                .split(separator: "\n")
            #expect(lines.count == 4)
            #expect(lines.allSatisfy { !$0.contains(#""type":"user""#) })
            #expect(lines.last == #"{"type":"end","chats":1,"entries":1}"#)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a dry run counts the users that an import would add`(_ store: StoreUnderTest) async throws {
        let users = (1_000..<6_000).map { user("user-\($0)") }
        var lines = users + [#"{"type":"end","users":5000,"chats":0,"entries":0}"#]
        // Too early in the order.
        lines[3_000] = user("user-1")
        let damaged = lines
        try await store.withStore { store in
            _ = try await store.standing(of: "user-2000", creatingWith: nil, .person)
            let rehearsed = try await ArchiveTests.run(damaged, on: store, ChatImport.Options(isDryRun: true))
            #expect(rehearsed.complaints == ["line 3002: user user-1 comes after user user-3999"])
            #expect(try await store.archivedUsers(after: nil, limit: 10).map(\.id) == ["user-2000"])
            let done = try await ArchiveTests.run(damaged, on: store, ChatImport.Options(skipsInvalid: true))
            #expect(done.complaints == rehearsed.complaints)
            #expect(done.summary == rehearsed.summary)
            #expect(done.summary.added.users == 4_998)
        }
    }

    @Test(
        arguments: [
            ([#"{"type":"user","id":"a b"}"#], 2, "'kind' must be one of person, bot"),
            (
                [#"{"type":"user","id":"a b","kind":"bot"}"#], 2,
                "'id' must be 1 to 128 visible ASCII characters"
            ),
            ([user("ada", #""name":"""#)], 2, "'name' must be text of 1 to 200 characters"),
            ([user("ada", #""avatar_url":5"#)], 2, "'avatar_url' must be text of 1 to 2000 characters"),
            ([user("ada"), user("ada")], 3, "user ada comes after user ada"),
            ([ArchiveTests.chat(1), user("ada")], 3, "user ada comes after a chat"),
            (
                [user("ada"), #"{"type":"end","chats":0,"entries":0}"#], 3,
                "the last line counts 0 users, but the archive has 1"
            ),
        ] as [([String], Int, String)]
    )
    func `an invalid line is named and the users before it are kept`(
        _ lines: [String],
        _ number: Int,
        _ complaint: String
    ) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            await #expect(throws: ArchiveError("line \(number): \(complaint)")) {
                try await ArchiveTests.load(ArchiveTests.archive(lines), into: store)
            }
            let kept = number == 3 && lines[0].contains("ada") ? ["ada"] : [] as [UserID]
            let users = try await store.archivedUsers(after: nil, limit: 10)
            #expect(users.map(\.id) == kept)
        }
    }
}

/// - Parameter more: Members that come last and so override those of the same name.
private func user(_ id: String, _ more: String = #""kind":"person""#) -> String {
    #"{"type":"user","id":"\#(id)","kind":"bot","created_at":"2026-11-23T09:00:00.000000Z",\#(more)}"#
}
