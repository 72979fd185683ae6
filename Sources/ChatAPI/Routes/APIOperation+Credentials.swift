import ChatDomain
import ChatWire
import HTTPTypes

extension APIOperation {
    static let startSession = APIOperation(
        "startSession",
        .credentials,
        "Exchange a token for a session cookie",
        """
        For pages of the service's own origin: send the user's token in `Authorization` once, and the browser sends the \
        cookie from then on. The cookie, `__Host-chat`, holds the token, ends with it and is hidden from scripts. Over \
        plain HTTP on a loopback host, its name is `chat`.

        With the cookie, every request that changes something, and every WebSocket, needs the `Origin` of a page of this \
        host. Browsers send it. A server key cannot become a session.
        """,
        responses: [
            APIResponse(.noContent, "The session has started.", headers: [APIResponse.setCookie]),
            .error(.tokenTooLongForSession, "The token does not fit into a cookie."),
        ]
    )

    static let endSession = APIOperation(
        "endSession",
        .credentials,
        "End a session",
        "Removes the cookie from the browser. The token stays valid until it expires or is revoked.",
        responses: [
            APIResponse(.noContent, "There is no session any more.", headers: [APIResponse.setCookie]),
            .error(.sessionOriginNotAllowed, "The request has the cookie, but no `Origin` of a page of this host."),
            .internalError,
        ]
    )

    static func createTicket(_ paths: TicketPaths) -> APIOperation {
        APIOperation(
            "createTicket",
            .credentials,
            "Create a ticket for a stream",
            """
            A ticket is a credential in a URL, for what cannot send `Authorization`: `EventSource` and `WebSocket` in a \
            browser. It has the rights of the credential with which you create it, but only for `GET` on this path.

            You can use a ticket until it expires, so an `EventSource` can reconnect to the same URL. It lasts an hour, but \
            never longer than your credential; revoking your credential ends it too. Other query parameters are not part of \
            it: append `&after=5` or `&chats=1,2` to the URL.
            """,
            body: (.ticketCreate(paths), ["path": "/chats/1/events"]),
            responses: [APIResponse(.created, "The ticket.", .json(.ticket, example: ticketExample))]
        )
    }

    private static let ticketExample: OpenAPIValue = [
        "ticket": .string(exampleText),
        "url": "/chats/1/events?ticket=\(exampleText)",
        "expires_at": "2026-11-23T10:00:00.000000Z",
    ]

    private static let exampleText = """
        eyJleHAiOjE3OTU0MjgwMDAwMDAwMDAsInN1YiI6ImFkYSJ9.p3uZ4b0cW2mYt1Vn8yqJxkF5sHrD7eLgQaTiN6oOUXM
        """
}

extension JSONSchema {
    fileprivate static func ticketCreate(_ paths: TicketPaths) -> JSONSchema {
        let path: JSONSchema = ["type": "string", "pattern": .string(paths.pattern), "examples": ["/chats/1/events"]]
        return component(
            "TicketCreate",
            .object([.required("path", path, "The path of a stream or WebSocket, without a query.")])
        )
    }

    fileprivate static let ticket = component(
        "Ticket",
        .object([
            .required("ticket", .string, "The value of the query parameter `ticket`."),
            .required("url", .string, "The path with the ticket."),
            .required("expires_at", .instant),
        ])
    )
}
