import ChatDomain
import ChatLive
import ChatOperations
import ChatWire
import Hummingbird
import NIOCore

extension EventController {
    /// The text of a message from an offset on, until the message ends: as plain text, as events or, with `wait`, what
    /// there is next.
    @Sendable func showText(_ request: Request, context: ChatRequestContext) async throws -> Response {
        try await orReconnect(request, context) { try await openText(request, context) }
    }

    private func openText(_ request: Request, _ context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let id = validator.messageID(in: context)
        let offset = validator.optionalInteger("at", in: request, range: 0...StreamedText.maximumLength)
        let wait = validator.optionalInteger("wait", in: request, range: .longPollSeconds)
        guard let chatID, let id, let offset, let wait else { throw validator.error }
        let admission = try admissions.admit(context.remoteAddress, to: wait.value == nil ? .text : .longPoll)
        let start = try await operations.followText(
            context.caller,
            of: id,
            in: chatID,
            from: offset.value ?? 0,
            on: context.channel.eventLoop
        )
        guard let text = start.text else { throw APIError.internalError }
        if let wait = wait.value {
            defer { withExtendedLifetime(admission) {} }
            return try await next(after: text, start.chats, wait: .seconds(Int64(wait)), context)
        }
        if text.message.isOpen {
            return stream(start, admission, request, context, isPlainText: request.wantsPlainText)
        }
        return whole(text, in: start.epoch, request)
    }

    /// What there is of a text after a while.
    private func next(
        after text: TextStart,
        _ chats: [SubscriptionStart],
        wait: TimeAmount,
        _ context: ChatRequestContext
    ) async throws -> Response {
        guard text.message.isOpen, text.piece.text.isEmpty, wait > .zero, let chat = chats.first else {
            return .json(TextPart(text))
        }
        try await hub.wait(
            for: .text(chat, of: text.reference),
            timeout: wait,
            in: context,
            authenticator
        )
        let (id, chatID) = (text.message.id, text.message.chatID)
        return .json(TextPart(try await operations.readText(context.caller, of: id, in: chatID, from: text.offset)))
    }

    /// The text of a message that does not grow: its events end with the entry that has the whole message.
    private func whole(_ text: TextStart, in epoch: Epoch, _ request: Request) -> Response {
        if request.wantsPlainText {
            let body = ByteBuffer(string: text.piece.text)
            return Response(status: .ok, headers: .plainTextStream, body: ResponseBody(byteBuffer: body))
        }
        let form = request.eventForm
        let events = [
            LiveEvent(text.piece, of: text.reference),
            LiveEvent(LogEntry(created: text.message), of: text.message.chatID, in: epoch),
        ]
        let bytes = events.flatMap { form.text(type: $0.type, id: $0.place?.text, json: $0.json) }
        return Response(
            status: .ok,
            headers: .stream(form),
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        )
    }
}

/// The text of a message from an offset on, as it is at the moment.
struct TextPart: JSONWritable {
    private let text: TextStart

    init(_ text: TextStart) {
        self.text = text
    }

    /// Writes a `TextPart`.
    func write(to writer: inout JSONWriter) {
        let piece = text.piece
        writer.object { writer in
            writer.member("at", piece.offset)
            writer.member("text", piece.text)
            writer.member("state", text.message.stream?.storedState ?? StreamEnd.State.done.rawValue)
            writer.member("length", piece.offset + piece.text.unicodeScalars.count)
            writer.member("status", ifPresent: text.status)
        }
    }
}
