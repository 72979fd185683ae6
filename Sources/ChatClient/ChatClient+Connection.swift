import Foundation

extension ChatClient {
    // How long the client waits for more changes before it replaces the connection: tasks that start together follow
    // their chats one after another.
    private static let gathering = Duration.milliseconds(5)
    // How many heartbeats may fail to arrive before the connection counts as dead.
    private static let missedHeartbeats = 2.5
    // A stream starts with `hello`, which says how often there are heartbeats.
    private static let helloTimeout = Duration.seconds(10)

    /// Connects anew, since what is wanted has changed.
    func replaceConnection() {
        attempt?.cancel()
        wake()
        if connecting == nil, !subscriptions.isEmpty { connecting = Task { await connect() } }
        report()
    }

    private func connect() async {
        while !subscriptions.isEmpty, !isClosed {
            let attempt = Task { await stream() }
            self.attempt = attempt
            if let delay = await attempt.value { await transport.pauses.wait(delay) }
        }
        attempt = nil
        connecting = nil
        report(.connecting)
    }

    /// Streams until that ends, and returns how long to wait before the next attempt; nil for not at all.
    private func stream() async -> Delay? {
        // It fails when it is canceled.
        try? await Task.sleep(for: Self.gathering)
        guard !Task.isCancelled, !subscriptions.isEmpty else { return nil }
        report(.connecting)
        do throws(ChatError) {
            try await transport.stream(subscriptions.openStream(), silence: Self.helloTimeout) { lines in
                try await self.receive(lines)
            }
            return goOffline(ChatError(ChatError.networkError, "The stream ended"))
        } catch {
            return Task.isCancelled || isClosed ? nil : await recover(from: error)
        }
    }

    /// Passes lines on, and returns the new limit for silence if they say it.
    private func receive(_ lines: [StreamLine]) throws(ChatError) -> Duration? {
        // What is wanted has changed: the next stream brings these lines.
        if Task.isCancelled { throw .wasCanceled }
        defer { wake() }
        var silence: Duration?
        for line in lines {
            try subscriptions.receive(line)
            switch line {
            case .hello(let hello):
                silence = .limited(seconds: Double(hello.heartbeatSeconds) * Self.missedHeartbeats)
                report(.catchingUp)
            case .caughtUp:
                backoff.reset()
                hasRenewedToken = false
                report(.live)
            case .chat(_, .entry(let entry)):
                settle(entry)
                for reply in replies { reply.observe(entry) }
            case .chat(_, .cancelRequested(let message)):
                for reply in replies { reply.observeCancelRequest(of: message) }
            default:
                report()
            }
        }
        return silence
    }

    private func recover(from error: ChatError) async -> Delay? {
        defer { wake() }
        if error.status == 401, transport.tokens.canRenew {
            guard hasRenewedToken else {
                hasRenewedToken = true
                return nil
            }
            return goOffline(error)
        }
        if error.isTemporary { return goOffline(error) }
        if error.code == "chat_not_found" || error.code == "validation_failed" {
            guard await !findChangedChats() else { return nil }
            // The user may have been added again by now.
            if error.code == "chat_not_found" { return goOffline(error) }
        }
        // A caller who is no user has no inbox, but may read chats.
        if error.status == 403, subscriptions.inbox?.hasEnded == false {
            subscriptions.inbox?.end(error)
        } else {
            subscriptions.end(error)
        }
        return nil
    }

    private func goOffline(_ error: ChatError) -> Delay {
        report(.offline(error))
        return backoff.next(atLeast: error.retryAfter)
    }

    /// Looks for the chats because of which a stream was refused as a whole, and returns whether there are any: those
    /// that are gone, and those whose log ends before our position.
    private func findChangedChats() async -> Bool {
        var hasFound = false
        for (chat, position) in subscriptions.positions {
            do throws(ChatError) {
                let page = try await log(of: chat, limit: 1)
                guard let position, position.seq > page.lastSeq else { continue }
                guard subscriptions.chats[chat]?.position == position else { continue }
                subscriptions.chats[chat]?.reset(epoch: page.epoch)
            } catch {
                if error.code == ChatError.canceled || error.code == ChatError.closed { return true }
                if error.code == "chat_not_found" {
                    subscriptions.chats[chat]?.delete()
                } else {
                    subscriptions.chats[chat]?.end(error)
                }
            }
            hasFound = true
        }
        return hasFound
    }
}
