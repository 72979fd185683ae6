import ChatDomain
import ChatIdentity
import ChatOperations
import ChatWire
import HTTPConnections
import HTTPTypes

extension APIResponse {
    /// An error response, with the error itself as the example.
    static func error(_ error: APIError, _ description: String, component: String? = nil) -> APIResponse {
        APIResponse(
            error.status,
            description,
            .json(.error, example: error.example),
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
        Content(
            mediaType: "application/json",
            schema: .error,
            example: (
                "examples",
                [
                    "missing": ["value": APIError(CredentialError.tokenMissing).example],
                    "expired": ["value": APIError(CredentialError.tokenExpired).example],
                    "invalid": ["value": APIError(CredentialError.tokenInvalid(.wrongSignature)).example],
                    "revoked": ["value": APIError(CredentialError.keyRevoked).example],
                ]
            )
        ),
        headers: [
            (
                "WWW-Authenticate",
                [
                    "description": "`Bearer`, with `error=\"invalid_token\"` if you sent a credential.",
                    "schema": ["type": "string"],
                ]
            )
        ],
        component: "Unauthorized"
    )
    static let forbidden = APIResponse(
        .forbidden,
        "The caller may not do this, may not use `Act-As`, or is a page of another origin.",
        Content(
            mediaType: "application/json",
            schema: .error,
            example: (
                "examples",
                [
                    "caller": ["value": APIError.forbidden.example],
                    "act_as": ["value": APIError(ActAsError.notAllowed).example],
                    "origin": ["value": APIError.sessionOriginNotAllowed.example],
                ]
            )
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
        Content(
            mediaType: "application/json",
            schema: .error,
            example: (
                "examples",
                [
                    "message": ["value": APIError.messageNotFound.example],
                    "chat": ["value": APIError.chatNotFound.example],
                ]
            )
        ),
        component: "MessageNotFound"
    )
    static let memberNotFound = APIResponse(
        .notFound,
        "There is no such chat, you have no role in it, or the user is not one of its members.",
        Content(
            mediaType: "application/json",
            schema: .error,
            example: (
                "examples",
                [
                    "member": ["value": APIError.memberNotFound.example],
                    "chat": ["value": APIError.chatNotFound.example],
                ]
            )
        ),
        component: "MemberNotFound"
    )
    static let lastOwner = error(
        .lastOwner,
        "The user is the chat's only owner. Make another member an owner first.",
        component: "LastOwner"
    )
    static let userNotFound = error(.userNotFound, "There is no such user.", component: "UserNotFound")
    static let tokenNotIssued = APIResponse(
        .conflict,
        "The server has no secret to sign tokens with: set `CHAT_JWT_SECRET`. Or the user is deactivated.",
        Content(
            mediaType: "application/json",
            schema: .error,
            example: (
                "examples",
                [
                    "secret": ["value": APIError.noSigningSecret.example],
                    "user": ["value": APIError.userDeactivated.example],
                ]
            )
        ),
        component: "TokenNotIssued"
    )
    static let revisionMismatch = error(
        .revisionMismatch,
        "The message is at another revision than `If-Match` requires. Nothing was changed.",
        component: "RevisionMismatch"
    )
    static let epochChanged = error(
        APIError(.epochChanged(to: .example)),
        "The position or cursor belongs to another epoch, or the log has gone backward. Read the chat again.",
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
        Content(
            mediaType: "application/json",
            schema: .anyOf(.validationError, .error),
            example: (
                "examples",
                [
                    "invalid": ["value": ValidationError.example],
                    "reused": ["value": APIError.idempotencyKeyReused.example],
                ]
            )
        ),
        component: "ValidationFailedOrKeyReused"
    )
    static let requestTimeout = error(
        APIError(.bodyTimedOut),
        "The body did not arrive in time. The connection is closed.",
        component: "RequestTimeout"
    )
    static let bodyTooLarge = error(
        APIError(.bodyTooLarge(limit: 131_072)),
        "The body is too large. The connection is closed.",
        component: "BodyTooLarge"
    )
    static let tooManyStreamsOfClient = error(
        .tooManyStreamsOfClient,
        "Too many streams are open from this address.",
        component: "TooManyStreamsOfClient"
    )
    static let tooManyTypingEvents = error(
        APIError(.tooManyTypingNotices),
        "Too many typing events come from this address.",
        component: "TooManyTypingEvents"
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

    private static let retryAfter: (String, OpenAPIValue) = (
        "Retry-After", ["description": "How many seconds to wait before you retry.", "schema": ["type": "integer"]]
    )
}

extension APIError {
    fileprivate var example: OpenAPIValue {
        let members: OpenAPIValue.Members = [("detail", .string(detail)), ("code", .string(code))]
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
