import ChatDomain
import ChatIdentity
package import ChatOperations
package import ChatWire
import HTTPTypes
import Hummingbird
import NIOCore

/// Writes the text of open messages, and cancels them.
struct TextController<Store: ServiceStore>: Sendable {
    let operations: Operations<Store>
    let authenticator: Authenticator
    let maximumBodyBytes: Int
    let requestLimits: RequestLimits

    /// How long the body of an append may pause, if it is read as it arrives; nil for JSON.
    ///
    /// No message lives longer without an append.
    @Sendable static func bodyTimeout(_ head: HTTPRequest) -> Duration? {
        head.hasJSONContent ? nil : .seconds(MessageTTL.allowed.upperBound)
    }

    /// Appends one piece of text, or those of a body that may take any time to arrive.
    @Sendable func append(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let id = validator.messageID(in: context)
        let offset = validator.offset(in: request)
        guard request.head.hasJSONContent else {
            guard request.head.hasUTF8Text else { throw APIError.unsupportedMediaType }
            guard let chatID, let id, let offset else { throw validator.error }
            return .json(try await append(request, at: offset, to: id, in: chatID, as: context))
        }
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        let object = try validator.object(in: body, of: request)
        let piece = object.flatMap { validator.piece(in: $0) }
        guard let chatID, let id, let offset, let piece else { throw validator.error }
        return .json(
            try await operations.appendText(
                context.caller,
                piece.text,
                at: offset,
                status: piece.status,
                to: id,
                in: chatID
            )
        )
    }

    /// Appends a body piece by piece, until it ends, the message ends, somebody asks the writer to stop, or the credential
    /// is no longer accepted.
    private func append(
        _ request: Request,
        at start: Int,
        to id: MessageID,
        in chat: ChatID,
        as context: ChatRequestContext
    ) async throws -> AppendReceipt {
        let (body, caller) = (request.body, context.caller)
        // Text of a known length was counted with the head.
        let client = request.headers.contains(.contentLength) ? nil : context.ratedClient
        _ = try await operations.appendText(caller, .empty, at: start, to: id, in: chat)
        return try await withThrowingTaskGroup(of: AppendReceipt?.self) { group in
            group.addTask { try await write(body, at: start, to: id, in: chat, by: caller, limiting: client) }
            group.addTask { try await waitForStop(of: id, in: chat, by: caller) }
            if let credential = context.credential {
                group.addTask { [authenticator] in
                    if let error = await authenticator.end(of: credential) { throw error }
                    return nil
                }
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let receipt = result { return receipt }
            }
            throw CancellationError()
        }
    }

    /// - Parameter client: The client that must slow down if the text arrives too fast: the connection is not read
    ///   meanwhile. Nil for no limit.
    private func write(
        _ body: RequestBody,
        at start: Int,
        to id: MessageID,
        in chat: ChatID,
        by caller: Caller,
        limiting client: RatedClient?
    ) async throws -> AppendReceipt {
        var splitter = UTF8Splitter()
        var offset = start
        for try await bytes in body {
            guard let text = splitter.append(bytes.readableBytesView) else { throw ValidationError.notText }
            let receipt = try await operations.appendText(caller, try piece(text), at: offset, to: id, in: chat)
            if receipt.isCancelRequested { return receipt }
            offset += text.unicodeScalars.count
            let pause = requestLimits.charge(.text, units: bytes.readableBytes, by: client)
            if pause > .zero {
                try await Task.sleep(for: pause)
            }
        }
        try Task.checkCancellation()
        if splitter.isIncomplete { throw ValidationError.notText }
        // Much may have happened since the last piece.
        return try await operations.appendText(caller, .empty, at: offset, to: id, in: chat)
    }

    /// Returns once somebody asks the writer to stop; throws once the message ends.
    private func waitForStop(of id: MessageID, in chat: ChatID, by caller: Caller) async throws -> AppendReceipt {
        while true {
            try await operations.waitForStop(of: id, in: chat)
            try Task.checkCancellation()
            let receipt = try await operations.appendText(caller, .empty, at: 0, to: id, in: chat)
            if receipt.isCancelRequested { return receipt }
        }
    }

    private func piece(_ text: String) throws -> StreamedText {
        do throws(TextViolation) {
            return try StreamedText(text)
        } catch .tooLong {
            throw AppendRejection.tooLong
        } catch {
            throw ValidationError(.text(error))
        }
    }

    @Sendable func cancel(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let id = validator.messageID(in: context)
        guard let chatID, let id else { throw validator.error }
        try await operations.cancelMessage(context.caller, id, in: chatID)
        return Response(status: .accepted)
    }
}

extension AppendReceipt: JSONWritable {
    /// Writes an `AppendReceipt`.
    package func write(to writer: inout JSONWriter) {
        writer.object { writeMembers(to: &$0) }
    }

    /// Writes the members of the object.
    func writeMembers(to writer: inout JSONWriter) {
        writer.member("length", length)
        writer.member("stored", stored)
        writer.member("cancel_requested", isCancelRequested)
    }
}

extension APIError {
    static let unsupportedMediaType = APIError(
        status: .unsupportedMediaType,
        code: "unsupported_media_type",
        detail: "Send JSON as application/json, or the text itself as text/plain in UTF-8"
    )
}

extension HTTPRequest {
    /// Whether the body is text in UTF-8, as far as its type says, which may be missing.
    ///
    /// A form is not: curl sends JSON as one unless it is told the type.
    fileprivate var hasUTF8Text: Bool {
        guard let contentType = headerFields[.contentType]?.lowercased() else { return true }
        let parts = contentType.split(separator: ";").map { part in part.filter { $0 != " " && $0 != "\"" } }
        let charset = parts.first { $0.hasPrefix("charset=") }?.dropFirst("charset=".count)
        let isUTF8 = charset.map { ["utf-8", "utf8", "us-ascii"].contains($0) } ?? true
        return isUTF8 && parts.first?.hasPrefix("text/") == true
    }
}

extension ValidationError {
    fileprivate static let notText = ValidationError(.notUnicode)

    fileprivate init(_ problem: ValidationIssue.Problem) {
        self.init(issues: [ValidationIssue(problem: problem, location: [.name("body")], input: .null)])
    }
}

extension RequestValidator {
    /// The query parameter `at`: an offset in a text.
    fileprivate mutating func offset(in request: Request) -> Int? {
        guard request.queryParameter("at") != nil else {
            note(.missing, at: ["query", "at"], input: .null)
            return nil
        }
        return optionalInteger("at", in: request, range: 0...StreamedText.maximumLength)?.value
    }
}
