package import Foundation

/// Holds a token until it expires or is rejected. Calls the application for the next one, one call at a time.
package actor TokenSource {
    package typealias Callback = @Sendable () async throws -> String?
    private typealias Answer = Result<String?, ChatError>

    // Longer than a request takes, plus the difference between clocks that the server accepts.
    private static let margin: TimeInterval = 60

    private let callback: Callback?
    private let now: @Sendable () -> Date
    private var held: (token: String?, renewal: Date)?
    private var call: (answer: Promise<Answer>, task: Task<Void, Never>)?
    private var isClosed = false

    package init(_ callback: Callback?, now: @escaping @Sendable () -> Date = { .now }) {
        self.callback = callback
        self.now = now
    }

    /// Whether there may be another token than the current one.
    package nonisolated var canRenew: Bool {
        callback != nil
    }

    /// The token; nil if the application has none.
    package func get() async throws(ChatError) -> String? {
        if isClosed { throw .wasClosed }
        guard let callback else { return nil }
        if let held, now() < held.renewal { return held.token }
        guard let answer = await (call?.answer ?? ask(callback)).wait() else { throw .wasCanceled }
        return try answer.get()
    }

    /// Forgets a token that the server does not accept, unless it was replaced since.
    package func reject(_ token: String?) {
        if let held, held.token == token { self.held = nil }
    }

    package func close() {
        isClosed = true
        call?.task.cancel()
        call?.answer.fulfill(.failure(.wasClosed))
    }

    private func ask(_ callback: @escaping Callback) -> Promise<Answer> {
        let answer = Promise<Answer>()
        let task = Task {
            do {
                let token = try await callback()
                held = (token, Self.expiration(of: token).addingTimeInterval(-Self.margin))
                call = nil
                answer.fulfill(.success(token))
            } catch {
                call = nil
                answer.fulfill(.failure(ChatError(ChatError.tokenUnavailable, .string("\(error)"))))
            }
        }
        call = (answer, task)
        return answer
    }

    /// The `exp` of a JWT, which is not verified.
    ///
    /// Server keys and other tokens without one never expire.
    package static func expiration(of token: String?) -> Date {
        struct Claims: Decodable {
            let exp: Double
        }
        let parts = (token ?? "").split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return .distantFuture }
        var base64 = String(parts[1]).replacing("-", with: "+").replacing("_", with: "/")
        base64 += String(repeating: "=", count: (4 - base64.count % 4) % 4)
        guard let payload = Data(base64Encoded: base64),
            let claims = try? JSONCoding.decoder.decode(Claims.self, from: payload)
        else { return .distantFuture }
        return Date(timeIntervalSince1970: claims.exp)
    }
}
