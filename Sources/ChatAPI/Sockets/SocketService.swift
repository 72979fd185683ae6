import ChatDomain
import ChatIdentity
import ChatLive
import ChatOperations
import ChatWire
import HTTPConnections
import Logging
import NIOCore

/// Performs the requests of a WebSocket client.
struct SocketService<Store: ServiceStore>: Sendable {
    let operations: Operations<Store>
    let authenticator: Authenticator
    let limits: RequestLimits
    /// The address of the client.
    let address: SocketAddress?
    let metrics: SocketMetrics
    let logger: Logger

    /// Parses a message and performs its request; errors become answers.
    ///
    /// - Parameters:
    ///   - caller: Nil before the client has authenticated, which is then all it may do.
    ///   - credential: The verified one; nil without one.
    ///   - chats: Those to which the client is subscribed.
    ///   - eventLoop: The event loop of the connection.
    func perform(
        _ message: ByteBuffer,
        for caller: Caller?,
        with credential: Credential?,
        following chats: [ChatID],
        on eventLoop: any EventLoop
    ) async -> SocketOutcome {
        let client = RatedClient(credential, from: address)
        let start = ContinuousClock.now
        let mark: SocketRequest.Mark
        let outcome: SocketOutcome
        do {
            let request = try SocketRequest(message)
            mark = request.mark
            outcome = await perform(request, for: caller, limiting: client, following: chats, on: eventLoop)
        } catch {
            mark = error.mark
            let reason: any Error = refusal(by: client) ?? error.reason
            outcome = .answered(SocketAnswer(mark, reason, logger: logger))
        }
        let code = if case .answered(let answer) = outcome { answer.code } else { nil as String? }
        let operation = SocketRequest.operations.firstIndex { $0 == mark.operation }
        metrics.count(operation, isError: code != nil)
        log(operation, code, since: start)
        return outcome
    }

    /// Counts a message that is no request, too.
    private func refusal(by client: RatedClient?) -> APIError? {
        do throws(APIError) {
            try limits.admit(.reads, by: client)
            return nil
        } catch {
            return error
        }
    }

    private func perform(
        _ request: SocketRequest,
        for caller: Caller?,
        limiting client: RatedClient?,
        following chats: [ChatID],
        on eventLoop: any EventLoop
    ) async -> SocketOutcome {
        do {
            if case .auth(let token) = request.operation {
                return try await authenticate(token, following: chats, request.mark)
            }
            guard let caller else { throw CredentialError.tokenMissing }
            let rate = request.operation.rate
            try limits.admit(rate.policy, units: rate.units, by: client)
            return try await carryOut(request, for: caller, on: eventLoop)
        } catch {
            return .answered(SocketAnswer(request.mark, error, logger: logger))
        }
    }

    /// Writes the same kind of access log line as for HTTP.
    ///
    /// - Parameter operation: Its index in `SocketRequest.operations`; nil if it is not among them.
    private func log(_ operation: Int?, _ code: String?, since start: ContinuousClock.Instant) {
        let name = operation.map { SocketRequest.operations[$0] } ?? "-"
        let level: Logger.Level = name == "ping" ? .debug : .info
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "address": "\(address?.clientText ?? "")",
            "op": "\(name)",
            "duration_ms": .stringConvertible(start.duration(to: .now).inMilliseconds),
        ]
        metadata["code"] = code.map { "\($0)" }
        logger.log(level: level, "WebSocket request", metadata: metadata)
    }

    private func authenticate(
        _ token: String,
        following chats: [ChatID],
        _ mark: SocketRequest.Mark
    ) async throws -> SocketOutcome {
        let credential = try await authenticator.authenticate(token, from: address, limits)
        try limits.admit(.reads, by: RatedClient(credential, from: address))
        let renewal = try await operations.renewPermits(credential.caller, following: chats)
        return .authenticated(credential, renewal, mark)
    }

    private func carryOut(
        _ request: SocketRequest,
        for caller: Caller,
        on eventLoop: any EventLoop
    ) async throws -> SocketOutcome {
        let mark = request.mark
        switch request.operation {
        case .subscribe(let chatID, let after):
            return .subscribe(try await operations.follow(caller, chatID, after: after, on: eventLoop), mark)
        case .unsubscribe(let chatID):
            return .unsubscribe(chatID, mark)
        case .send(let draft, let chatID):
            let accepted = try await operations.postMessage(caller, draft, to: chatID)
            let answer = SocketAnswer(mark) { writer in
                writer.member("replayed", accepted.isReplay)
                writer.member("message", accepted.value)
            }
            return .answered(answer)
        case .streamed(let operation, let message):
            return .answered(try await carryOut(operation, on: message, for: caller, mark))
        case .typing(let chatID, let metadata):
            try await operations.announceTyping(caller, in: chatID, metadata)
            return .answered(SocketAnswer(mark))
        case .subscribeInbox(let cursor):
            let feed = try await operations.followInbox(caller, after: cursor)
            return .subscribeInbox(epoch: feed.epoch, { await feed.run(into: $0) }, mark)
        case .unsubscribeInbox:
            return .unsubscribeInbox(mark)
        case .members(let operation):
            return .answered(try await carryOut(operation, for: caller, mark))
        case .read(let chatID, let position, let movesBack):
            let state = try await operations.markAsRead(caller, in: chatID, upTo: position, movesBack: movesBack)
            return .answered(SocketAnswer(mark, state.writeMembers(to:)))
        case .ping, .auth:
            return .answered(SocketAnswer(mark))
        }
    }
}

/// The result of a request, to be applied on the event loop of the connection.
enum SocketOutcome: Sendable {
    case answered(SocketAnswer)
    /// Answer, then start the subscription.
    case subscribe(SubscriptionStart, SocketRequest.Mark)
    case unsubscribe(ChatID, SocketRequest.Mark)
    /// Answer, then write the inbox.
    case subscribeInbox(epoch: Epoch, InboxConnection.Follow, SocketRequest.Mark)
    case unsubscribeInbox(SocketRequest.Mark)
    /// Use the credential from now on, end the subscriptions that it does not allow, and answer.
    case authenticated(Credential, PermitRenewal?, SocketRequest.Mark)
}

extension SocketRequest.Operation {
    /// The quota from which a request takes, and how much.
    fileprivate var rate: (policy: RatePolicy, units: Int) {
        switch self {
        case .send: (.posts, 1)
        case .streamed(.append(let piece, at: _), _):
            (.text, max(piece.text.value.utf8.count, RatePolicy.smallestAppend))
        case .streamed(.cancel, _): (.posts, 1)
        // It ends what was counted when it was opened.
        case .streamed(.finish, _): (.reads, 1)
        case .members(.list): (.reads, 1)
        case .members: (.posts, 1)
        case .typing: (.typing, 1)
        case .subscribe, .unsubscribe, .read, .subscribeInbox, .unsubscribeInbox, .auth, .ping: (.reads, 1)
        }
    }
}
