import ChatDomain
import ChatWire
import HTTPTypes
import Hummingbird
import NIOCore

/// An error that is its own response: the `detail` of FastAPI, and a `code` that programs can rely on.
package struct APIError: Error, Equatable {
    let status: HTTPResponse.Status
    /// Stable: never renamed.
    let code: String
    let detail: String
    var headers: HTTPFields = [:]
    /// The length of an open message's text: where its next piece belongs.
    var length: Int?
}

extension APIError {
    static let chatNotFound = APIError(status: .notFound, code: "chat_not_found", detail: "Chat not found")
    static let messageNotFound = APIError(status: .notFound, code: "message_not_found", detail: "Message not found")
    static let userNotFound = APIError(status: .notFound, code: "user_not_found", detail: "User not found")
    static let memberNotFound = APIError(status: .notFound, code: "member_not_found", detail: "Member not found")
    static let serverKeyNotFound = APIError(status: .notFound, code: "key_not_found", detail: "Server key not found")
    static let webhookNotFound = APIError(status: .notFound, code: "webhook_not_found", detail: "Webhook not found")
    static let tooManyWebhooks = APIError(
        status: .conflict,
        code: "too_many_webhooks",
        detail: "There are \(Webhook.maximumCount) webhooks already"
    )
    static let noWebhookSender = APIError(
        status: .serviceUnavailable,
        code: "no_webhook_sender",
        detail: "This server delivers nothing to webhooks"
    )
    static let lastOwner = APIError(
        status: .conflict,
        code: "last_owner",
        detail: "The chat needs another owner first"
    )
    static let forbidden = APIError(status: .forbidden, code: "forbidden", detail: "You may not do this")
    static let noSigningSecret = APIError(
        status: .conflict,
        code: "no_signing_secret",
        detail: "The server has no secret to sign tokens with: set CHAT_JWT_SECRET"
    )
    static let userDeactivated = APIError(
        status: .conflict,
        code: "user_deactivated",
        detail: "The user is deactivated, so a token would be void"
    )
    static let revisionMismatch = APIError(
        status: .preconditionFailed,
        code: "revision_mismatch",
        detail: "The message is at another revision"
    )
    static let messageOpen = APIError(
        status: .conflict,
        code: "message_open",
        detail: "The message is open: append to it, or end it with a state"
    )
    static let messageNotOpen = APIError(
        status: .conflict,
        code: "message_not_open",
        detail: "The message is not open: its text is complete"
    )
    static let writerReplaced = APIError(
        status: .conflict,
        code: "writer_replaced",
        detail: "Another server has taken the message over: repeat the request"
    )
    static let tooManyOpenMessages = APIError(
        status: .conflict,
        code: "too_many_open_messages",
        detail: "At most \(MessageStream.maximumPerChat) messages of a chat are open at once"
    )
    /// Nothing was changed; the client can retry.
    static let tooManyOpenMessagesOnServer = APIError(
        status: .serviceUnavailable,
        code: "too_many_open_messages_on_server",
        detail: "Too many messages are open on this server, try again later",
        headers: [.retryAfter: "1"]
    )
    static func slowMode(seconds: Int) -> APIError {
        APIError(
            status: .tooManyRequests,
            code: "slow_mode",
            detail: "The chat is in slow mode: \(wait(for: seconds))",
            headers: [.retryAfter: String(seconds)]
        )
    }

    /// What `detail` says of `Retry-After`.
    static func wait(for seconds: Int) -> String {
        "wait \(seconds) \(seconds == 1 ? "second" : "seconds")"
    }

    static let idempotencyKeyReused = APIError(
        status: .unprocessableContent,
        code: "idempotency_key_reused",
        detail: "The Idempotency-Key belongs to an earlier request with another body"
    )
    static let routeNotFound = APIError(status: .notFound, code: "not_found", detail: "Not Found")

    static func methodNotAllowed(allowed: [HTTPRequest.Method]) -> APIError {
        APIError(
            status: .methodNotAllowed,
            code: "method_not_allowed",
            detail: "Method Not Allowed",
            headers: [.allow: allowed.map(\.rawValue).joined(separator: ", ")]
        )
    }

    /// Nothing was done; the client can retry.
    static let unavailable = APIError(
        status: .serviceUnavailable,
        code: "unavailable",
        detail: "Service unavailable, try again later",
        headers: [.retryAfter: "1"]
    )

    /// The service is healthy, but there are too many chats to search in time.
    static let searchTimedOut = APIError(
        status: .serviceUnavailable,
        code: "search_timeout",
        detail: "The search took too long, try again later",
        headers: [.retryAfter: "5"]
    )

    /// The change may have been made, and the client must find out.
    static let outcomeUnknown = APIError(
        status: .serviceUnavailable,
        code: "outcome_unknown",
        detail: "The database did not answer: the request may have been carried out",
        headers: [.retryAfter: "1"]
    )

    static func tooManyChats(limit: Int) -> APIError {
        APIError(
            status: .unprocessableContent,
            code: "too_many_chats",
            detail: "At most \(limit) chats per connection"
        )
    }

    static let internalError = APIError(
        status: .internalServerError,
        code: "internal_error",
        detail: "Internal Server Error"
    )
}

extension APIError {
    func response(requestID: String) -> Response {
        .json(body(requestID: requestID), status: status, headers: headers)
    }

    /// - Parameter requestID: Included in the body of a 5xx, so that a bug report can name the request.
    func body(requestID: String) -> ByteBuffer {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("detail", detail)
            writer.member("code", code)
            writer.member("length", ifPresent: length)
            if status.kind == .serverError {
                writer.member("request_id", requestID)
            }
        }
        return writer.buffer
    }
}

extension JSONSchema {
    static let problem = component(
        "Problem",
        .object([
            .required("detail", .string, "For people."),
            .required("code", .string, "For programs. It never changes."),
            .optional("length", .integer(from: 0), "With `offset_mismatch`: the length of the text."),
            .optional("request_id", .string, "With a 5xx: the id to include in a bug report."),
        ])
    )
}
