import Caching
package import ChatDomain
import Synchronization

/// Keeping the copy current.
extension Authenticator {
    /// Watches for changes of access until the task is cancelled.
    ///
    /// - Parameter onFailure: Called with each error of the store.
    package func run(onFailure: @escaping @Sendable (StoreError) -> Void) async {
        let listener = signals.addListener { signal in
            switch signal {
            case .accessChanged, .missed: self.wakeUp.yield()
            default: break
            }
        }
        defer { signals.removeListener(listener) }
        // For what was signalled earlier.
        wakeUp.yield()
        await withDiscardingTaskGroup { group in
            group.addTask {
                while (try? await Task.sleep(for: self.pollInterval)) != nil {
                    self.wakeUp.yield()
                }
            }
            for await _ in wakeUps {
                do throws(StoreError) {
                    try await refresh()
                } catch {
                    if !Task.isCancelled { onFailure(error) }
                }
            }
            group.cancelAll()
        }
    }

    /// Reads what changed since the last time, forgets what it knew of it and ends what has become void.
    ///
    /// Afterwards, a change that was committed before applies to every request. Several calls may run at the same time.
    package func refresh() async throws(StoreError) {
        let (known, present) = state.withLock { state in
            defer { state.rereadAfter = nil }
            return (state.rereadAfter ?? state.access.version, state.access.version)
        }
        do throws(StoreError) {
            try await readChanges(after: known, present)
        } catch {
            state.withLock { $0.rereadAfter = min(known, $0.rereadAfter ?? known) }
            throw error
        }
        let uses = state.withLock { state in
            defer { state.uses = [:] }
            return state.uses
        }
        if !uses.isEmpty {
            try await store.recordUse(ofServerKeys: uses)
            try await loadKeys()
        }
    }

    /// - Parameter present: The version at the start.
    private func readChanges(after known: Int64, _ present: Int64) async throws(StoreError) {
        var changes = try await store.accessChanges(after: known)
        let isBackInTime = changes.version < present
        if isBackInTime {
            // The database went back in time: start over.
            state.withLock { $0.access.keys = [:] }
            changes = try await store.accessChanges(after: 0)
        }
        let isFirst = state.withLock { !$0.isLoaded }
        guard isFirst || changes.version != known || changes.version != present else { return }
        try await loadKeys()
        state.withLock { state in
            // Another refresh may have read later changes in the meantime.
            if isBackInTime || changes.version >= state.access.version {
                state.access.version = changes.version
                state.access.tokensValidAfter = changes.tokensValidAfter
            }
            if isBackInTime {
                state.tokens.removeAll()
                state.standings.removeAll()
            }
            state.isLoaded = true
            for user in changes.users.keys {
                state.standings.removeValue(for: user)
            }
        }
        endVoidWatches(changes.users)
    }

    /// Forgets the tokens that removed keys may have signed.
    func applyKeyReplacement() {
        state.withLock { state in
            state.keyReplacements += 1
            state.tokens.removeAll()
        }
        endVoidWatches()
    }

    /// Ends the watches of credentials that have become void: by changes of access, or because a key was removed.
    func endVoidWatches(_ changed: [UserID: UserStanding] = [:]) {
        let tokenKeys = verifier.keyIDs
        let void = state.withLock { state in
            state.watches.compactMap { id, watch in
                let error = state.access.error(of: watch.credential, tokenKeys, changed)
                return error.map { (id, watch.onVoid, $0) }
            }
        }
        for (id, onVoid, error) in void where removeWatch(id) {
            onVoid(error)
        }
    }

    /// Watches a credential for as long as something relies on it, such as a stream.
    ///
    /// It does not watch the credential's own end, `expiresAt`.
    ///
    /// - Parameter onVoid: Called at most once, from any thread, when the credential has become void; during this call
    ///   if it is void already.
    /// - Returns: The watch, which ends when it is released.
    package func watch(
        _ credential: Credential,
        onVoid: @escaping @Sendable (CredentialError) -> Void
    ) -> CredentialWatch {
        let (id, isLate) = state.withLock { state in
            state.lastWatch += 1
            state.watches[state.lastWatch] = (credential, onVoid)
            // A change since the credential was checked has not reached this watch.
            let isLate = credential.version < state.access.version
            if isLate {
                state.rereadAfter = min(credential.version, state.rereadAfter ?? credential.version)
            }
            return (state.lastWatch, isLate)
        }
        if isLate {
            wakeUp.yield()
        }
        // A key that is removed from now on ends this watch; one that was removed since the check does so here.
        if case .token(let key) = credential.key, !verifier.keyIDs.contains(key), removeWatch(id) {
            onVoid(.tokenInvalid(.unknownKey))
        }
        return CredentialWatch { [weak self] in _ = self?.removeWatch(id) }
    }

    /// The time until a credential expires, negative if it has; nil if it never does.
    package func timeLeft(of credential: Credential) -> Duration? {
        credential.expiresAt.map { now().duration(to: $0) }
    }

    private func removeWatch(_ id: Int) -> Bool {
        state.withLock { $0.watches.removeValue(forKey: id) } != nil
    }
}
