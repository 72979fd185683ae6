import ChatIdentity

extension Authenticator {
    /// Returns the reason as soon as a credential is no longer accepted; nil if the task is cancelled first.
    func end(of credential: Credential) async -> CredentialError? {
        let (reasons, reason) = AsyncStream<CredentialError>.makeStream()
        let watch = watch(credential) { reason.yield($0) }
        let timer = timeLeft(of: credential).map { timeLeft in
            Task {
                try await Task.sleep(for: timeLeft)
                reason.yield(.tokenExpired)
            }
        }
        defer {
            timer?.cancel()
            withExtendedLifetime(watch) {}
        }
        return await reasons.first { _ in true }
    }
}
