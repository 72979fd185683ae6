import ChatDomain
import ChatTestSupport
import Testing

/// Users and their standing.
@Suite(.timeLimit(.minutes(5)))
struct UserConformanceTests {
    private let now = Instant(microsecondsSinceEpoch: 1_800_000_000_000_000)

    @Test(arguments: StoreUnderTest.allCases)
    func `a user is created once, however many requests come first`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let names = (0..<20).map { "Ada \($0)" }
            try await withThrowingTaskGroup { group in
                for name in names {
                    group.addTask {
                        let standing = try await store.standing(of: "ada", creatingWith: UserName(name), .person)
                        #expect(standing == UserStanding())
                    }
                }
                try await group.waitForAll()
            }
            let user = try #require(try await store.users(withIDs: ["ada"]).first)
            #expect(names.contains(user.name ?? ""))
            #expect(user == User(id: "ada", name: user.name, createdAt: user.createdAt))
            #expect(try await store.accessChanges(after: 0).version == 0)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a name and a kind are used only at creation`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL(clock: .stopped(at: now)) { store, _ in
            _ = try await store.standing(of: "helper", creatingWith: UserName("Helper"), .bot)
            _ = try await store.standing(of: "helper", creatingWith: UserName("Other"), .person)
            _ = try await store.standing(of: "nameless", creatingWith: nil, .person)
            let users = [
                User(id: "nameless", createdAt: now), User(id: "helper", name: "Helper", kind: .bot, createdAt: now),
            ]
            #expect(try await store.users(withIDs: ["nameless", "missing", "helper"]) == users)
            #expect(try await store.users(withIDs: []) == [])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a profile replaces the previous one as a whole`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL(clock: .stopped(at: now)) { store, _ in
            let metadata = Metadata(json: #"{"team":"Åsa 'x'"}"#)
            let profile = UserProfile(
                name: try UserName(String(repeating: "é", count: 200)),
                avatarURL: try AvatarURL(String(repeating: "a", count: 2_000)),
                metadata: metadata,
                kind: .bot
            )
            let user = User(
                id: "ada",
                name: profile.name?.value,
                avatarURL: profile.avatarURL?.value,
                metadata: metadata,
                kind: .bot,
                createdAt: now
            )
            #expect(try await store.putUser("ada", profile) == user)
            #expect(try await store.users(withIDs: ["ada"]) == [user])
            #expect(try await store.putUser("ada", UserProfile()) == User(id: "ada", createdAt: now))
            #expect(try await store.users(withIDs: ["ada"]) == [User(id: "ada", createdAt: now)])
            #expect(try await store.accessChanges(after: 0).version == 0)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `reactivation does not make old tokens valid again`(_ store: StoreUnderTest) async throws {
        let clock = SteppingClock(at: now)
        try await store.withStoreAndSQL(clock: clock.clock) { store, _ in
            _ = try await store.standing(of: "ada", creatingWith: nil, .person)
            let deactivated = UserProfile(isDeactivated: true)
            clock.advance(to: 10)
            #expect(try await store.putUser("ada", deactivated).deactivatedAt == clock.instant(10))
            clock.advance(to: 20)
            #expect(try await store.putUser("ada", deactivated).deactivatedAt == clock.instant(10))
            let standing = UserStanding(tokensValidAfter: clock.instant(10), isDeactivated: true)
            #expect(try await store.standing(of: "ada", creatingWith: nil, .person) == standing)
            #expect(try await store.accessChanges(after: 0).users == ["ada": standing])

            clock.advance(to: 30)
            #expect(try await store.putUser("ada", UserProfile()).deactivatedAt == nil)
            let reactivated = UserStanding(tokensValidAfter: clock.instant(10))
            #expect(try await store.standing(of: "ada", creatingWith: nil, .person) == reactivated)
            let changes = try await store.accessChanges(after: 1)
            #expect(changes == AccessChanges(version: 2, tokensValidAfter: nil, users: ["ada": reactivated]))

            // A user can be deactivated before the first request.
            let stranger = UserStanding(tokensValidAfter: clock.instant(30), isDeactivated: true)
            _ = try await store.putUser("eve", deactivated)
            #expect(try await store.standing(of: "eve", creatingWith: UserName("Eve"), .person) == stranger)
            #expect(try await store.accessChanges(after: 2).users == ["eve": stranger])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a deleted user's id stays and the person is gone`(_ store: StoreUnderTest) async throws {
        let clock = SteppingClock(at: now)
        try await store.withStoreAndSQL(clock: clock.clock) { store, _ in
            let profile = UserProfile(
                name: try UserName("Ada"),
                avatarURL: try AvatarURL("https://example.com/ada.png"),
                metadata: Metadata(json: #"{"team":1}"#),
                kind: .bot
            )
            _ = try await store.putUser("ada", profile)
            clock.advance(to: 10)
            try await store.deleteUser("ada", erasesMessages: false)
            clock.advance(to: 20)
            try await store.deleteUser("ada", erasesMessages: true)
            let user = User(id: "ada", kind: .bot, deactivatedAt: clock.instant(10), createdAt: now)
            #expect(try await store.users(withIDs: ["ada"]) == [user])
            let standing = UserStanding(tokensValidAfter: clock.instant(20), isDeactivated: true)
            #expect(try await store.standing(of: "ada", creatingWith: UserName("Ada"), .person) == standing)
            #expect(try await store.users(withIDs: ["ada"]) == [user])
            #expect(try await store.eraseMessages() == false)
            await #expect(throws: StoreError.userNotFound) {
                try await store.deleteUser("eve", erasesMessages: true)
            }
            #expect(try await store.users(withIDs: ["eve"]) == [])
            #expect(try await store.accessChanges(after: 0).version == 2)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `tokens of one user or of all are revoked`(_ store: StoreUnderTest) async throws {
        let clock = SteppingClock(at: now)
        try await store.withStoreAndSQL(clock: clock.clock) { store, _ in
            _ = try await store.standing(of: "ada", creatingWith: UserName("Ada"), .person)
            try await store.revokeTokens(of: "ada")
            clock.advance(to: 10)
            try await store.revokeTokens(of: "eve")
            let ada = UserStanding(tokensValidAfter: now)
            let eve = UserStanding(tokensValidAfter: clock.instant(10))
            #expect(try await store.standing(of: "ada", creatingWith: nil, .person) == ada)
            #expect(try await store.standing(of: "eve", creatingWith: UserName("Eve"), .person) == eve)
            #expect(try await store.users(withIDs: ["ada", "eve"]).map(\.name) == ["Ada", nil])
            let changes = AccessChanges(version: 2, tokensValidAfter: nil, users: ["ada": ada, "eve": eve])
            #expect(try await store.accessChanges(after: 0) == changes)

            clock.advance(to: 20)
            try await store.revokeTokens(of: nil)
            // A clock that is set back makes no void token valid.
            clock.advance(to: 5)
            try await store.revokeTokens(of: nil)
            try await store.revokeTokens(of: "eve")
            #expect(
                try await store.accessChanges(after: 2)
                    == AccessChanges(version: 4, tokensValidAfter: clock.instant(20), users: [:])
            )
        }
    }

    /// A reader that has seen a version has seen every change up to it.
    @Test(arguments: StoreUnderTest.allCases)
    func `changes after a version are complete under concurrent writers`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            switch database {
            case .sqlite: try await follow(store, store)
            case .postgresql(let url): try await withPostgres(url) { try await follow(store, $0) }
            }
        }
    }

    /// Changes thirty users from two stores while a reader collects the changes.
    private func follow(_ one: any ServiceStore, _ other: any ServiceStore) async throws {
        let users = try (1...30).map { try #require(UserID("user-\($0)")) }
        try await withThrowingTaskGroup { group in
            for (index, user) in users.enumerated() {
                group.addTask {
                    try await [one, other][index % 2].revokeTokens(of: user)
                    _ = try await [other, one][index % 2].putUser(user, UserProfile(isDeactivated: true))
                }
            }
            group.addTask {
                var (version, seen) = (Int64(0), [UserID: UserStanding]())
                while version < users.count * 2 {
                    let changes = try await one.accessChanges(after: version)
                    #expect(changes.version >= version && changes.users.count <= changes.version - version)
                    version = changes.version
                    seen.merge(changes.users) { $1 }
                }
                #expect(seen.count == users.count && seen.values.allSatisfy(\.isDeactivated))
            }
            try await group.waitForAll()
        }
    }
}
