import ChatClient
import Foundation
import Synchronization
import Testing

struct TokenSourceTests {
    private final class Application: Sendable {
        private let state = Mutex((calls: 0, now: Date(timeIntervalSince1970: 1_000)))

        var calls: Int {
            state.withLock { $0.calls }
        }

        @Sendable func now() -> Date {
            state.withLock { $0.now }
        }

        func advance(by seconds: TimeInterval) {
            state.withLock { $0.now += seconds }
        }

        /// Counts the calls; the token expires in 300 seconds.
        @Sendable func token() -> String {
            state.withLock { state in
                state.calls += 1
                let claims = #"{"exp":\#(Int(state.now.timeIntervalSince1970) + 300),"jti":"\#(state.calls)>?"}"#
                let payload = Data(claims.utf8).base64EncodedString().replacing("+", with: "-")
                return "e30.\(payload.replacing("/", with: "_").replacing("=", with: "")).x"
            }
        }
    }

    @Test func `the token is renewed a minute before it expires`() async throws {
        let application = Application()
        let tokens = TokenSource(application.token, now: application.now)
        let first = try await tokens.get()
        application.advance(by: 239)
        #expect(try await tokens.get() == first)
        #expect(application.calls == 1)
        application.advance(by: 2)
        #expect(try await tokens.get() != first)
        #expect(application.calls == 2)
    }

    @Test func `tokens without an expiration are kept`() async throws {
        let application = Application()
        let tokens = TokenSource({ application.token() + "." }, now: application.now)
        _ = try await tokens.get()
        application.advance(by: 1_000_000)
        _ = try await tokens.get()
        #expect(application.calls == 1)
    }

    @Test func `callers at the same time share a call`() async throws {
        let application = Application()
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        let tokens = TokenSource({
            for await _ in gate {}
            return application.token()
        })
        async let first = tokens.get()
        async let second = tokens.get()
        opener.finish()
        #expect(try await first == second)
        #expect(application.calls == 1)
    }

    @Test func `rejecting an earlier token keeps the current one`() async throws {
        let application = Application()
        let tokens = TokenSource(application.token, now: application.now)
        let first = try await tokens.get()
        await tokens.reject(first)
        let second = try await tokens.get()
        await tokens.reject(first)
        #expect(try await tokens.get() == second)
        #expect(application.calls == 2)
    }

    @Test func `an error of the application is temporary`() async throws {
        struct Offline: Error {}
        let tokens = TokenSource({ throw Offline() })
        let error = await #expect(throws: ChatError.self) { try await tokens.get() }
        #expect(error?.code == ChatError.tokenUnavailable && error?.isTemporary == true)
    }

    @Test(.timeLimit(.minutes(1))) func `a caller that waits can be canceled`() async throws {
        let tokens = TokenSource({
            try await Task.sleep(for: .seconds(1_000))
            return nil
        })
        let wait = Task { try await tokens.get() }
        wait.cancel()
        let error = await #expect(throws: ChatError.self) { try await wait.value }
        #expect(error?.code == ChatError.canceled)
        await tokens.close()
    }
}
