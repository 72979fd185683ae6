import ChatDomain
import ChatWire
import Hummingbird

/// The bodies of requests that post, write and end messages, over HTTP as over a WebSocket.
extension RequestValidator {
    /// A message to post, whole or open.
    ///
    /// - Parameter idempotencyKey: Reads the key, which may be elsewhere in the request.
    mutating func draft(
        in object: JSONValue,
        idempotencyKey: (inout RequestValidator) -> OptionalValue<IdempotencyKey>?
    ) -> MessageDraft? {
        let isOpen = boolean("open", in: object, default: false)
        if isOpen == true {
            let text = optionalText("text", in: object, StreamedText.init)
            let metadata = metadata(in: object)
            let replyTo = replyTo(in: object)
            let ttl = ttl(in: object)
            let key = idempotencyKey(&self)
            guard let text, let ttl, let metadata, let replyTo, let key else { return nil }
            return MessageDraft(
                opening: text.value ?? .empty,
                ttl: ttl,
                metadata: metadata.applied(to: nil),
                replyTo: replyTo.value,
                idempotencyKey: key.value
            )
        }
        let text = text("text", in: object, MessageText.init)
        let metadata = metadata(in: object)
        let replyTo = replyTo(in: object)
        let key = idempotencyKey(&self)
        guard isOpen != nil, let text, let metadata, let replyTo, let key else { return nil }
        return MessageDraft(
            text: text,
            metadata: metadata.applied(to: nil),
            replyTo: replyTo.value,
            idempotencyKey: key.value
        )
    }

    /// A piece of an open message's text, and what its writer is doing.
    struct Piece {
        let text: StreamedText
        let status: String?
    }

    /// A piece of text; without one, it only renews the lease.
    mutating func piece(in object: JSONValue) -> Piece? {
        let text = optionalText("text", in: object, StreamedText.init)
        let status = nullableText("status", in: object, WriterStatus.init)
        guard let text, let status else { return nil }
        return Piece(text: text.value ?? .empty, status: status.value?.value)
    }

    /// How an open message ends.
    mutating func finish(in object: JSONValue) -> MessageFinish? {
        let state: StreamEnd.State? = choice("state", in: object)
        let reason = nullableText("reason", in: object, EndReason.init)
        let text = optionalText("text", in: object, StreamedText.init)
        let metadata = metadata(in: object)
        guard let state, let reason, let text, let metadata else { return nil }
        return MessageFinish(StreamEnd(state, reason: reason.value), text: text.value, metadata: metadata)
    }

    private mutating func ttl(in object: JSONValue) -> MessageTTL? {
        guard let member = object.member("ttl"), member.kind != .null else { return .standard }
        if let seconds = member.integer, MessageTTL.allowed.contains(seconds) { return MessageTTL(seconds: seconds) }
        let problem: ValidationIssue.Problem =
            switch member.integer {
            case nil: .notAnIntegerValue
            case let seconds? where seconds < MessageTTL.allowed.lowerBound:
                .lessThan(Int(MessageTTL.allowed.lowerBound))
            default: .greaterThan(Int(MessageTTL.allowed.upperBound))
            }
        note(problem, at: ["body", "ttl"], input: .json(member))
        return nil
    }
}
