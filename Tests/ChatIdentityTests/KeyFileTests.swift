import ChatIdentity
import ChatTestSupport
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1)))
struct KeyFileTests {
    private let clock = TestClock()
    private let events = Recorder<KeySourceEvent>()

    @Test func `a changed file is reloaded, and a bad one leaves the last good keys in use`() async throws {
        let old = try await TestClaims().signed(with: TestKeys.secret)
        let new = try await TestClaims().signed(with: TestKeys.otherSecret)
        try await withTemporaryFolder { folder in
            let path = folder + "/keys.json"
            let verifier = TokenVerifier { [clock] in clock.now }
            try set(TestKeys.secret).write(to: URL(filePath: path))
            let file = KeyFile(path: path, verifier)
            #expect(try await file.load() == 1)
            _ = try await verifier.verify(old)

            // Each change is a new file in the place of the old one, as editors and Kubernetes do it. Writing in place is
            // two changes: the file is empty in between.
            let watching = Task { [events] in await file.run(every: .milliseconds(5), report: events.append) }
            try Data("{".utf8).write(to: URL(filePath: path), options: .atomic)
            let reason = KeySourceError.Reason.keys(.notAKeySet)
            #expect(await events.next() == .failed(KeySourceError(source: path, reason: reason)))
            _ = try await verifier.verify(old)

            try set(TestKeys.otherSecret).write(to: URL(filePath: path), options: .atomic)
            #expect(await events.next() == .replaced(source: path, count: 1))
            await #expect(throws: CredentialError.tokenInvalid(.wrongSignature)) { try await verifier.verify(old) }
            _ = try await verifier.verify(new)

            try FileManager.default.removeItem(atPath: path)
            let missing = KeySourceError.Reason.other("No such file or directory")
            #expect(await events.next() == .failed(KeySourceError(source: path, reason: missing)))
            _ = try await verifier.verify(new)
            watching.cancel()
            await watching.value
            #expect(events.all.count == 3)
        }
    }

    @Test(arguments: [
        (#"{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}"#, "key 1 of the JWK set is too short"),
        (String(repeating: " ", count: 1 << 20 + 1), "the file is larger than 1048576 bytes"),
        ("", "this is not a JWK set"),
    ])
    func `an unusable file is an error that names it`(_ text: String, _ reason: String) async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/keys.json"
            try Data(text.utf8).write(to: URL(filePath: path))
            let verifier = TokenVerifier()
            let error = await #expect(throws: KeySourceError.self) { try await KeyFile(path: path, verifier).load() }
            #expect(error?.description.hasPrefix("cannot use the keys in \(path): \(reason)") == true)
            #expect(!verifier.hasKeys)
        }
    }

    private func set(_ secret: String) throws -> Data {
        try TestKeys.set([TestKeys.jwk(secret: Data(secret.utf8))])
    }
}
