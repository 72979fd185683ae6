import ChatDomain
import ChatLive
import ChatOperations
import ChatWire
import Hummingbird
import NIOCore

extension EventController {
    /// The inbox of the caller's user: as a stream or, with `wait`, as its next page.
    @Sendable func showInbox(_ request: Request, context: ChatRequestContext) async throws -> Response {
        try await orReconnect(request, context) { try await openInbox(request, context) }
    }

    private func openInbox(_ request: Request, _ context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let followed = validator.streamedChats("follow", in: request, limit: hub.limits.maximumFollowed)
        let after = validator.inboxCursor(in: request)
        let limit = validator.limit(.inbox, in: request)
        let wait = validator.optionalInteger("wait", in: request, range: .longPollSeconds)
        validator.requireAtMostOne(of: ["follow", "wait"], in: request)
        guard validator.issues.isEmpty, let followed, let after, let limit, let wait else { throw validator.error }
        let admission = try admissions.admit(context.remoteAddress, to: wait.value == nil ? .inbox : .longPoll)
        if let wait = wait.value {
            defer { withExtendedLifetime(admission) {} }
            return try await poll(after: after.value?.inbox, limit: limit, wait: wait, context)
        }
        do {
            let caller = context.caller
            let feed = try await operations.followInbox(caller, after: after.value?.inbox)
            var start = StreamStart(scope: .inbox, caller: caller, epoch: feed.epoch)
            if let chats = followed.value {
                let eventLoop = context.channel.eventLoop
                start = try await operations.followChats(
                    caller,
                    chats,
                    after: after.value?.chats,
                    on: eventLoop,
                    scope: .inbox
                )
            }
            guard start.epoch == feed.epoch || start.chats.isEmpty else {
                throw OperationError.epochChanged(to: feed.epoch)
            }
            start.inbox = after.value?.inbox ?? .start(in: feed.epoch)
            return stream(start, admission, request, context) { await feed.run(into: $0) }
        } catch OperationError.epochChanged(let epoch), OperationError.cursorExpired(let epoch) {
            let chats = (followed.value ?? []).map(\.chatID)
            let start = InboxStreamCursor.start(in: epoch, following: chats)
            return reset(in: epoch, id: start.text, form: request.eventForm)
        } catch let error as PositionBeyondEnd {
            throw ValidationError(error, at: ["query", "follow"])
        }
    }

    private func poll(
        after cursor: InboxCursor?,
        limit: Int,
        wait: Int,
        _ context: ChatRequestContext
    ) async throws -> Response {
        let caller = context.caller
        if wait > 0 {
            try await hub.wait(
                for: .call { [operations] in _ = try? await operations.waitForInbox(caller, after: cursor) },
                timeout: .seconds(Int64(wait)),
                in: context,
                authenticator
            )
        }
        return try await reads.read(upTo: limit, for: context.client) {
            .json(try await operations.readInbox(caller, after: cursor, limit: limit))
        }
    }
}
