import ChatDomain
import ChatTestSupport
import Synchronization
import Testing

/// Server keys.
@Suite(.timeLimit(.minutes(5)))
struct ServerKeyConformanceTests {
    private let now = Instant(microsecondsSinceEpoch: 1_800_000_000_000_000)

    private func key(_ id: String, _ scope: ServerKeyScope, createdAt: Instant) -> ServerKeyRecord {
        ServerKeyRecord(
            id: id,
            secretHash: (0..<32).map { UInt8($0 * 8) },
            name: "billing’s key",
            scope: scope,
            createdAt: createdAt
        )
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `keys are listed in order of creation with their scopes`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            #expect(try await store.serverKeys() == [])
            let scopes: [ServerKeyScope] = [.read, .bot("a:b"), .admin, .post]
            let keys = scopes.enumerated().map { index, scope in
                key("\(9 - index)", scope, createdAt: now.advanced(by: .seconds(index)))
            }
            for key in [keys[2], keys[0], keys[3], keys[1]] {
                try await store.addServerKey(key)
            }
            #expect(try await store.serverKeys() == keys)
            #expect(
                try await store.accessChanges(after: 0)
                    == AccessChanges(version: 4, tokensValidAfter: nil, users: [:])
            )
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an id belongs to one key`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let first = key("same", .admin, createdAt: now)
            try await store.addServerKey(first)
            do throws(StoreError) {
                try await store.addServerKey(key("same", .read, createdAt: now))
                Issue.record("the id was taken")
            } catch {
                guard case .invalidValue = error else { throw error }
            }
            #expect(try await store.serverKeys() == [first])
            #expect(try await store.accessChanges(after: 0).version == 1)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a key is revoked once`(_ store: StoreUnderTest) async throws {
        let clock = SteppingClock(at: now)
        try await store.withStoreAndSQL(clock: clock.clock) { store, _ in
            for id in ["old", "new"] {
                try await store.addServerKey(key(id, .admin, createdAt: now))
            }
            clock.advance(to: 10)
            #expect(try await store.revokeServerKey("old"))
            clock.advance(to: 20)
            #expect(try await store.revokeServerKey("old"))
            #expect(try await store.revokeServerKey("missing") == false)
            let keys = try await store.serverKeys()
            #expect(keys.map(\.id) == ["new", "old"])
            #expect(keys.map(\.revokedAt) == [nil, clock.instant(10)])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the last use of a key is kept and changes no access`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            for id in ["one", "other", "unused"] {
                try await store.addServerKey(key(id, .post, createdAt: now))
            }
            let version = try await store.accessChanges(after: 0).version
            let later = now.advanced(by: .seconds(3_600))
            try await store.recordUse(ofServerKeys: ["one": later, "other": now, "missing": now])
            try await store.recordUse(ofServerKeys: ["one": now, "other": later])
            try await store.recordUse(ofServerKeys: [:])
            let keys = try await store.serverKeys()
            #expect(keys.map(\.id) == ["one", "other", "unused"])
            #expect(keys.map(\.lastUsedAt) == [later, later, nil])
            #expect(try await store.accessChanges(after: 0).version == version)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `every change of access is signalled, and nothing else`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let heard = Mutex(0)
            store.signals.addListener { signal in
                #expect(signal == .accessChanged)
                heard.withLock { $0 += 1 }
            }
            func signals(_ body: () async throws -> Void) async throws -> Int {
                heard.withLock { $0 = 0 }
                let version = try await store.accessChanges(after: 0).version
                try await body()
                let count = heard.withLock { $0 }
                #expect(try await store.accessChanges(after: 0).version == version + Int64(count))
                return count
            }
            let name = try UserName("Ada")
            #expect(try await signals { _ = try await store.standing(of: "ada", creatingWith: name, .person) } == 0)
            #expect(try await signals { _ = try await store.putUser("ada", UserProfile(name: name)) } == 0)
            #expect(try await signals { _ = try await store.putUser("ada", UserProfile(isDeactivated: true)) } == 1)
            #expect(try await signals { _ = try await store.putUser("ada", UserProfile()) } == 1)
            #expect(try await signals { try await store.revokeTokens(of: "ada") } == 1)
            #expect(try await signals { try await store.revokeTokens(of: nil) } == 1)
            #expect(try await signals { try await store.deleteUser("ada", erasesMessages: false) } == 1)
            #expect(try await signals { try? await store.deleteUser("eve", erasesMessages: false) } == 0)
            #expect(try await signals { try await store.addServerKey(key("key", .admin, createdAt: now)) } == 1)
            #expect(try await signals { _ = try await store.revokeServerKey("key") } == 1)
            #expect(try await signals { _ = try await store.revokeServerKey("missing") } == 0)
            #expect(try await signals { try await store.recordUse(ofServerKeys: ["key": now]) } == 0)
        }
    }
}
