import ChatDomain
import ChatIdentity
import ChatOperations
import ChatWire
import HTTPConnections
import HTTPTypes
import RateLimiting

extension APIResponse {
    /// An error response, with the error itself as the example.
    static func error(_ error: APIError, _ description: String, component: String? = nil) -> APIResponse {
        APIResponse(
            error.status,
            description,
            .json(.problem, example: error.example),
            headers: error.headers.contains(.retryAfter) ? [retryAfter] : [],
            component: component
        )
    }

    static let invalidActAs = error(
        APIError(.invalidUser),
        "`Act-As` is not a user's id.",
        component: "InvalidActAs"
    )
    static let unauthorized = APIResponse(
        .unauthorized,
        "The request has no credential, or none that is valid. `code` says which; `detail` says what is wrong with it.",
        .json(
            .problem,
            examples: [
                "missing": APIError(CredentialError.tokenMissing).example,
                "expired": APIError(CredentialError.tokenExpired).example,
                "invalid": APIError(CredentialError.tokenInvalid(.wrongSignature)).example,
                "revoked": APIError(CredentialError.keyRevoked).example,
            ]
        ),
        headers: [wwwAuthenticate, rateLimit, rateLimitPolicy],
        component: "Unauthorized"
    )
    static let forbidden = APIResponse(
        .forbidden,
        "The caller may not do this, may not use `Act-As`, or is a page of another origin.",
        .json(
            .problem,
            examples: [
                "caller": APIError.forbidden.example,
                "act_as": APIError(ActAsError.notAllowed).example,
                "origin": APIError.crossOriginNotAllowed.example,
                "session": APIError.sessionOriginNotAllowed.example,
            ]
        ),
        component: "Forbidden"
    )
    static let chatNotFound = error(
        .chatNotFound,
        "The chat does not exist or was deleted, or you have no role in it.",
        component: "ChatNotFound"
    )
    static let messageNotFound = APIResponse(
        .notFound,
        "The chat or the message does not exist or was deleted.",
        .json(
            .problem,
            examples: [
                "message": APIError.messageNotFound.example,
                "chat": APIError.chatNotFound.example,
            ]
        ),
        component: "MessageNotFound"
    )
    static let memberNotFound = APIResponse(
        .notFound,
        "There is no such chat, you have no role in it, or the user is not one of its members.",
        .json(
            .problem,
            examples: [
                "member": APIError.memberNotFound.example,
                "chat": APIError.chatNotFound.example,
            ]
        ),
        component: "MemberNotFound"
    )
    static let lastOwner = error(
        .lastOwner,
        "The user is the chat's only owner. Make another member an owner first.",
        component: "LastOwner"
    )
    static let userNotFound = error(.userNotFound, "There is no such user.", component: "UserNotFound")
    static let serverKeyNotFound = error(
        .serverKeyNotFound,
        "There is no such key in the database.",
        component: "ServerKeyNotFound"
    )
    static let tokenNotIssued = APIResponse(
        .conflict,
        "The server has no secret to sign tokens with: set `CHAT_JWT_SECRET`. Or the user is deactivated.",
        .json(
            .problem,
            examples: [
                "secret": APIError.noSigningSecret.example,
                "user": APIError.userDeactivated.example,
            ]
        ),
        component: "TokenNotIssued"
    )
    static let revisionMismatch = error(
        .revisionMismatch,
        "The message is at another revision than `If-Match` requires. Nothing was changed.",
        component: "RevisionMismatch"
    )
    static let streamConflict = APIResponse(
        .conflict,
        "The message is open and can only be ended, it is not open and cannot be, or its text has another `length`.",
        .json(
            .problem,
            examples: [
                "length": APIError(AppendRejection.offsetMismatch(length: 120)).example,
                "open": APIError.messageOpen.example,
                "ended": APIError.messageNotOpen.example,
                "replaced": APIError.writerReplaced.example,
            ]
        ),
        component: "StreamConflict"
    )
    static let epochChanged = error(
        APIError(.epochChanged(to: .example)),
        """
        The position or cursor belongs to another epoch, or the log has gone backward. Read the chat again, or start \
        without the cursor.
        """,
        component: "EpochChanged"
    )
    static let validationFailed = APIResponse(
        .unprocessableContent,
        "The request is invalid. `detail` lists every problem.",
        .json(.validationError, example: ValidationError.example),
        component: "ValidationFailed"
    )
    static let validationFailedOrKeyReused = APIResponse(
        .unprocessableContent,
        """
        The request is invalid: `detail` lists every problem. With the code `idempotency_key_reused`, its `Idempotency-Key` \
        belongs to an earlier request with another body.
        """,
        .json(
            .oneOf(.validationError, .problem),
            examples: [
                "invalid": ValidationError.example,
                "reused": APIError.idempotencyKeyReused.example,
            ]
        ),
        component: "ValidationFailedOrKeyReused"
    )
    static let requestTimeout = error(
        APIError(.bodyTimedOut),
        "The body did not arrive in time. The connection is closed.",
        component: "RequestTimeout"
    )
    static let bodyTooLarge = error(
        APIError(.bodyTooLarge(limit: 524_288)),
        "The body is too large. The connection is closed.",
        component: "BodyTooLarge"
    )
    static let pieceTooLarge = APIResponse(
        .contentTooLarge,
        """
        The message would be longer than \(StreamedText.maximumLength) characters, or the JSON body is too large. Of a \
        plain text, what fits may have been appended.
        """,
        .json(
            .problem,
            examples: [
                "message": APIError(AppendRejection.tooLong).example,
                "body": APIError(.bodyTooLarge(limit: 524_288)).example,
            ]
        ),
        component: "PieceTooLarge"
    )
    static let unsupportedMediaType = error(
        .unsupportedMediaType,
        "The body is neither JSON nor plain text in UTF-8, for example a form.",
        component: "UnsupportedMediaType"
    )
    static let tooManyStreamsOfClient = APIResponse(
        .tooManyRequests,
        "You make too many requests, or too many streams are open from this address.",
        .json(
            .problem,
            examples: [
                "streams": APIError.tooManyStreamsOfClient.example,
                "rate": APIError.rateLimitedExample.example,
            ]
        ),
        headers: [retryAfter, rateLimit, rateLimitPolicy],
        component: "TooManyStreamsOfClient"
    )
    static let rateLimited = APIResponse(
        .tooManyRequests,
        "You make too many requests, or the chat is in slow mode. Nothing was changed: retry after `Retry-After` seconds.",
        .json(
            .problem,
            examples: [
                "rate": APIError.rateLimitedExample.example,
                "slow_mode": APIError.slowMode(seconds: 12).example,
            ]
        ),
        headers: [retryAfter, rateLimit, rateLimitPolicy],
        component: "RateLimited"
    )
    static let unavailableOrTooManyOpenMessages = APIResponse(
        .serviceUnavailable,
        """
        The database is unavailable, the server is overloaded, or too many messages are open on it. Nothing was changed, \
        except with the code `outcome_unknown`: retry the request.
        """,
        .json(
            .problem,
            examples: [
                "unavailable": APIError.unavailable.example,
                "open": APIError.tooManyOpenMessagesOnServer.example,
            ]
        ),
        headers: [retryAfter],
        component: "UnavailableOrTooManyOpenMessages"
    )
    static let unavailable = error(
        .unavailable,
        """
        The database is unavailable, or the server is overloaded. With the code `unavailable`, nothing was changed: retry \
        the request. With `search_timeout`, a title search took too long. With `outcome_unknown`, the connection to the \
        database broke, and the change may have been made.
        """,
        component: "Unavailable"
    )
    static let unavailableOrTooManyStreams = error(
        .tooManyStreams,
        "The database is unavailable, the server is overloaded, or too many streams are open.",
        component: "UnavailableOrTooManyStreams"
    )
    static let internalError = error(
        .internalError,
        "A bug in the service. Report it with its `request_id`.",
        component: "InternalError"
    )
}

extension APIError {
    fileprivate static let rateLimitedExample = rateLimited(
        RateUse(
            policy: .posts,
            limit: RateLimits().posts,
            decision: RateDecision(isAllowed: false, remaining: 0, wait: .milliseconds(500))
        )
    )

    var example: OpenAPIValue {
        var members: OpenAPIValue.Members = [("detail", .string(detail)), ("code", .string(code))]
        if let length {
            members.append(("length", .integer(length)))
        }
        return .object(status.kind == .serverError ? members + [("request_id", "4f8c1d2e9a7b6c5d")] : members)
    }
}

extension ValidationError {
    fileprivate static let example = OpenAPIValue.example(
        ValidationError(issues: [
            ValidationIssue(
                problem: .text(.tooShort(minimum: 1)),
                location: [.name("body"), .name("title")],
                input: .text("  ")
            )
        ])
    )
}
