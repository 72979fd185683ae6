import ChatDomain
import ChatWire
import Hummingbird

/// The bodies of requests that post, write and end messages, over HTTP as over a WebSocket.
extension RequestValidator {
    /// Reads an idempotency key, which may be anywhere in the request.
    typealias KeyReader = (inout RequestValidator) -> OptionalValue<IdempotencyKey>?

    /// A message to post, whole or open.
    mutating func draft(in object: JSONValue, idempotencyKey: KeyReader) -> MessageDraft? {
        let isOpen = boolean("open", in: object, default: false)
        let draft =
            isOpen == true
            ? openDraft(in: object, idempotencyKey: idempotencyKey)
            : wholeDraft(in: object, idempotencyKey: idempotencyKey)
        return isOpen == nil ? nil : draft
    }

    /// A message to post as a whole.
    mutating func wholeDraft(in object: JSONValue, idempotencyKey: KeyReader) -> MessageDraft? {
        let text = text("text", in: object, MessageText.init)
        let metadata = metadata(in: object)
        let replyTo = replyTo(in: object)
        let key = idempotencyKey(&self)
        guard let text, let metadata, let replyTo, let key else { return nil }
        return MessageDraft(
            text: text,
            metadata: metadata.applied(to: nil),
            replyTo: replyTo.value,
            idempotencyKey: key.value
        )
    }

    /// A message whose text is to grow.
    mutating func openDraft(in object: JSONValue, idempotencyKey: KeyReader) -> MessageDraft? {
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

    /// The member `at`: where a piece belongs in the text.
    mutating func offset(in object: JSONValue) -> Int? {
        integer("at", in: object, range: 0...Int64(StreamedText.maximumLength)).map { Int($0) }
    }

    /// How an open message ends.
    mutating func finish(in object: JSONValue, onlyIf condition: RevisionCondition = .any) -> MessageFinish? {
        let state: StreamEnd.State? = choice("state", in: object)
        let reason = nullableText("reason", in: object, EndReason.init)
        let text = optionalText("text", in: object, StreamedText.init)
        let length = optionalInteger("length", in: object, range: 0...Int64(StreamedText.maximumLength))
        let metadata = metadata(in: object)
        guard let state, let reason, let text, let length, let metadata else { return nil }
        return MessageFinish(
            StreamEnd(state, reason: reason.value),
            text: text.value,
            length: length.value.map { Int($0) },
            metadata: metadata,
            onlyIf: condition
        )
    }

    private mutating func ttl(in object: JSONValue) -> MessageTTL? {
        optionalInteger("ttl", in: object, range: MessageTTL.allowed)
            .map { $0.value.map { MessageTTL(seconds: $0) } ?? .standard }
    }

    /// An integer member, which may be absent or null.
    mutating func optionalInteger(
        _ name: String,
        in object: JSONValue,
        range: ClosedRange<Int64>,
        isNullable: Bool = true
    ) -> OptionalValue<Int64>? {
        guard let member = object.member(name), !isNullable || member.kind != .null else {
            return OptionalValue(value: nil)
        }
        if let value = member.integer, range.contains(value) { return OptionalValue(value: value) }
        let problem: ValidationIssue.Problem =
            switch member.integer {
            case nil: .notAnIntegerValue
            case let value? where value < range.lowerBound: .lessThan(Int(range.lowerBound))
            default: .greaterThan(Int(range.upperBound))
            }
        note(problem, at: ["body", name], input: .json(member))
        return nil
    }
}
